//! One replication in a nutshell: a few integers, all that judging needs.

use std::collections::BTreeMap;

use crate::observe::measure::Measures;
use crate::time::{Span, Time};
use crate::traffic::outcome::Outcome;
use crate::verdict::Cause;

/// What one replication came to. Integers only, so that many of them merge without rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// Requests sent.
    pub requests: u64,
    /// Answered 200.
    pub ok: u64,
    /// Answered by the application with a 503 of its own.
    pub target: u64,
    /// Ended by the load balancer or the client, by [`Cause::index`].
    pub causes: [u64; Cause::ALL.len()],
    /// Attempts that failed and were made again.
    pub repeated: u64,
    /// When the first and the last request that failed with a 5xx were sent.
    pub error_window: Option<(Time, Time)>,
    /// Sum of all latencies, in microseconds.
    pub latency_sum: u128,
    /// Greatest latency.
    pub max_latency: Span,
    /// What the rollout cost the cluster.
    pub measures: Measures,
}

impl Sample {
    /// The nutshell of an outcome.
    pub fn of(outcome: &Outcome, measures: Measures) -> Sample {
        Sample {
            requests: outcome.requests,
            ok: outcome.ok,
            target: outcome.target,
            causes: outcome.causes,
            repeated: outcome.repeated,
            error_window: outcome.error_window,
            latency_sum: outcome.latency_sum,
            max_latency: outcome.max_latency,
            measures,
        }
    }

    /// Requests that ended with this status.
    pub fn status(&self, status: u16) -> u64 {
        let own = match status {
            200 => self.ok,
            503 => self.target,
            _ => 0,
        };
        let causes = Cause::ALL.iter().filter(|cause| cause.status() == status);
        own + causes.map(|cause| self.causes[cause.index()]).sum::<u64>()
    }

    /// Requests whose user saw a 5xx.
    pub fn count_5xx(&self) -> u64 {
        self.status(502) + self.status(503) + self.status(504)
    }

    /// Mean latency, in seconds; `None` without a request.
    pub fn mean_latency(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.latency_sum as f64 / self.requests as f64 / 1e6)
    }

    /// A number that two replications share only if they came to the same. Repeated attempts show in latencies.
    pub fn fingerprint(&self) -> u64 {
        let span = |span: Option<Span>| span.map_or(u64::MAX, Span::as_micros);
        let (first, last) = self.error_window.unwrap_or((Time::NEVER, Time::NEVER));
        let mut print = Fingerprint::default();
        [self.requests, self.ok, self.target]
            .into_iter()
            .for_each(|count| print.push(count));
        self.causes.into_iter().for_each(|count| print.push(count));
        [first.as_micros(), last.as_micros()]
            .into_iter()
            .for_each(|micros| print.push(micros));
        [self.latency_sum as u64, (self.latency_sum >> 64) as u64]
            .into_iter()
            .for_each(|half| print.push(half));
        print.push(self.max_latency.as_micros());
        print.push(span(self.measures.duration));
        print.push(span(self.measures.old_pods_gone));
        print.push(self.measures.extra_pod_time.as_micros());
        print.push(u64::from(self.measures.min_routable_targets));
        print.value()
    }
}

/// FNV-1a over words (Fowler, Noll, Vo): not against malice, only against accident.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fingerprint(u64);

impl Default for Fingerprint {
    fn default() -> Self {
        Fingerprint(0xcbf2_9ce4_8422_2325)
    }
}

impl Fingerprint {
    pub(super) fn push(&mut self, word: u64) {
        for byte in word.to_le_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(super) const fn value(self) -> u64 {
        self.0
    }
}

/// The fingerprint of all replications in their order, whoever simulated them. Those wait that are ahead of others:
/// about as many as end while the slowest takes its time.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    next: u64,
    waiting: BTreeMap<u64, u64>,
    all: Fingerprint,
}

impl InOrder {
    pub(super) fn push(&mut self, replication: u64, fingerprint: u64) {
        self.waiting.insert(replication, fingerprint);
        while let Some(fingerprint) = self.waiting.remove(&self.next) {
            self.all.push(fingerprint);
            self.next += 1;
        }
    }

    pub(super) const fn value(&self) -> u64 {
        self.all.value()
    }
}

/// The replication to show of these, each with its number of 5xx: the median of those that have any, the lower of two
/// medians, ties by number. `None`: none has any.
pub fn typical(replications: impl Iterator<Item = (u64, u64)>) -> Option<u64> {
    let mut failing: Vec<(u64, u64)> = replications
        .filter(|(_, failed)| *failed > 0)
        .map(|(number, failed)| (failed, number))
        .collect();
    failing.sort_unstable();
    let middle = failing.len().checked_sub(1)? / 2;
    failing.get(middle).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_add_up() {
        let mut sample = Sample {
            requests: 55,
            ok: 9,
            target: 1,
            ..Sample::default()
        };
        sample.causes = std::array::from_fn(|row| row as u64 + 1);
        let by_status = [200, 502, 503, 504, 460].map(|status| sample.status(status));
        assert_eq!(by_status, [9, 1 + 2 + 3 + 4 + 5, 6 + 1, 7 + 8, 9]);
        assert_eq!(by_status.iter().sum::<u64>(), 55);
        assert_eq!(sample.count_5xx(), 37);
    }

    #[test]
    fn any_difference_shows() {
        let base = Sample::default();
        let mut causes = base.causes;
        causes[3] = 1;
        let others = [
            Sample {
                requests: 1,
                ..base
            },
            Sample { ok: 1, ..base },
            Sample { causes, ..base },
            Sample {
                error_window: Some((Time::ZERO, Time::ZERO)),
                ..base
            },
            Sample {
                latency_sum: 1 << 64,
                ..base
            },
            Sample {
                measures: Measures {
                    duration: Some(Span::ZERO),
                    ..base.measures
                },
                ..base
            },
        ];
        for (i, other) in others.iter().enumerate() {
            assert_ne!(other.fingerprint(), base.fingerprint(), "difference {i}");
        }
    }

    #[test]
    fn the_typical_one_is_the_median_of_those_that_fail() {
        let typical = |failed: &[u64]| super::typical((0..).zip(failed.iter().copied()));
        assert_eq!(typical(&[]), None);
        assert_eq!(typical(&[0, 0]), None);
        assert_eq!(typical(&[0, 9, 0, 1, 5]), Some(4));
        assert_eq!(typical(&[4, 0, 4, 4]), Some(2), "ties by number");
        assert_eq!(typical(&[7, 3]), Some(1), "the lower of two");
    }
}
