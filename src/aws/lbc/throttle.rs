//! The controller's own brake on its calls of the ELB API: token buckets on the client's side.

use crate::aws::lbc::Operation;
use crate::aws::lbc::version::LbcVersion;
use crate::time::{Span, Time};

/// The buckets of one version (pkg/aws/throttle/defaults.go).
#[derive(Debug, Clone)]
pub struct Throttle {
    /// `^RegisterTargets|^DeregisterTargets`.
    targets: Option<Bucket>,
    /// `^Describe`.
    describe: Option<Bucket>,
    /// `.*`.
    all: Option<Bucket>,
}

impl Throttle {
    /// All buckets full.
    pub fn new(version: LbcVersion) -> Throttle {
        let when = |has: bool, per_second, burst| has.then(|| Bucket::new(per_second, burst));
        Throttle {
            targets: when(version.throttles(), 4, 20),
            describe: when(version.throttles_describe_apart(), 50, 200),
            all: when(
                version.throttles() && !version.throttles_describe_apart(),
                10,
                40,
            ),
        }
    }

    /// When a call asked for now may go out: the controller blocks until then (`limiter.Wait`).
    pub fn admit(&mut self, operation: Operation, now: Time) -> Time {
        let own = match operation {
            Operation::Describe => &mut self.describe,
            Operation::Deregister | Operation::Register => &mut self.targets,
        };
        [own, &mut self.all]
            .into_iter()
            .flatten()
            .fold(now, |at, bucket| bucket.take(at))
    }
}

/// A token bucket, kept as the instant at which it will be full again: exact in integers.
#[derive(Debug, Clone)]
struct Bucket {
    refill: Span,
    burst: u64,
    full_at: Time,
}

impl Bucket {
    fn new(per_second: u64, burst: u64) -> Bucket {
        Bucket {
            refill: Span::from_micros(1_000_000 / per_second),
            burst,
            full_at: Time::ZERO,
        }
    }

    /// Takes a token; when it will be there.
    fn take(&mut self, at: Time) -> Time {
        self.full_at = self.full_at.max(at) + self.refill;
        at.max(self.full_at.saturating_sub(self.refill * self.burst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wait in milliseconds of each of the `n` last calls of `total` asked for at once.
    #[track_caller]
    fn check(version: (u16, u16), operation: Operation, total: usize, expected: &[u64]) {
        let mut throttle = Throttle::new(LbcVersion::new(version.0, version.1));
        let now = Time::from_micros(7_000_000);
        let waits: Vec<u64> = (0..total)
            .map(|_| (throttle.admit(operation, now) - now).as_micros() / 1000)
            .collect();
        assert_eq!(waits[total - expected.len()..], *expected);
    }

    /// The i-th call of a burst waits max(0, (i − 20)/4) s.
    #[test]
    fn bursts_are_free_then_the_rate_holds() {
        check((2, 13), Operation::Register, 23, &[0, 250, 500, 750]);
        check((2, 13), Operation::Deregister, 21, &[0, 250]);
        check((2, 13), Operation::Describe, 42, &[0, 100, 200]);
        check((3, 2), Operation::Describe, 202, &[0, 20, 40]);
        check((2, 3), Operation::Register, 100, &[0]);
    }

    /// Up to 3.1 a registration also takes a token from the bucket of all calls.
    #[test]
    fn one_call_may_drain_two_buckets() {
        let now = Time::ZERO;
        for (version, waits) in [(LbcVersion::new(3, 1), 100_000), (LbcVersion::new(3, 2), 0)] {
            let mut throttle = Throttle::new(version);
            (0..39).for_each(|_| assert_eq!(throttle.admit(Operation::Describe, now), now));
            throttle.admit(Operation::Register, now);
            assert_eq!(throttle.admit(Operation::Describe, now).as_micros(), waits);
        }
    }
}
