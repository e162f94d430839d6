//! What became of the requests of one replication.

use crate::error::Error;
use crate::id::{AlbNodeId, PodId};
use crate::time::{Span, Time};
pub use crate::traffic::latencies::Latencies;
use crate::verdict::{Cause, Verdict};

/// Failures kept in full for a trace: more than an ordinary rollout costs, and half a megabyte.
pub const FIRST_FAILURES: usize = 10_000;

/// Counts, latencies and the first failures of one replication. Its size does not grow with the
/// number of requests.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Requests sent.
    pub requests: u64,
    /// Answered 200.
    pub ok: u64,
    /// Answered by the application with a status of its own that is no success, all of them 503 so far.
    pub target: u64,
    /// Ended by the load balancer or the client, by [`Cause::index`].
    pub causes: [u64; Cause::ALL.len()],
    /// Attempts that failed and were made again: they are part of a request, and no requests themselves.
    pub repeated: u64,
    /// Latency of every request, in microseconds, to three digits.
    pub latency: Latencies,
    /// Least latency, exactly.
    pub min_latency: Span,
    /// Greatest latency, exactly.
    pub max_latency: Span,
    /// Sum of all latencies, in microseconds.
    pub latency_sum: u128,
    /// Failures by the second in which the request was sent: row `second`, column [`Cause::index`],
    /// the last column being the application's own answers.
    pub per_second: Vec<[u32; Cause::ALL.len() + 1]>,
    /// When the first and the last request that failed with a 5xx were sent.
    pub error_window: Option<(Time, Time)>,
    /// The first [`FIRST_FAILURES`] failures, in order of sending; empty unless asked for.
    pub failures: Vec<Failure>,
    /// Whether to keep failures.
    pub keep_failures: bool,
    /// Whether latencies stay when the rest is cleared: the histogram then has those of all replications so
    /// far, and nobody has to empty and add up 28,000 buckets for each.
    pub pool_latencies: bool,
}

/// A request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// When it was sent.
    pub sent: Time,
    /// The ALB node that took it.
    pub node: AlbNodeId,
    /// The pod that it was routed to, if any.
    pub pod: Option<PodId>,
    /// How it ended.
    pub verdict: Verdict,
    /// How long the client waited.
    pub latency: Span,
}

/// Who hears how each request ended. Who simulates counts them; an access log keeps them all.
pub trait Witness {
    /// One request. Failures come in order of sending.
    fn record(
        &mut self,
        sent: Time,
        node: AlbNodeId,
        pod: Option<PodId>,
        verdict: Verdict,
        latency: Span,
    );

    /// A client tried a request again.
    fn repeat(&mut self) {}
}

/// Every request, kept as a [`Failure`] is, whether it failed or not.
impl Witness for Vec<Failure> {
    fn record(
        &mut self,
        sent: Time,
        node: AlbNodeId,
        pod: Option<PodId>,
        verdict: Verdict,
        latency: Span,
    ) {
        self.push(Failure {
            sent,
            node,
            pod,
            verdict,
            latency,
        });
    }
}

impl Default for Outcome {
    fn default() -> Outcome {
        Outcome::new()
    }
}

impl Outcome {
    /// An outcome with nothing in it, not even seconds.
    pub fn new() -> Outcome {
        Outcome {
            requests: 0,
            ok: 0,
            target: 0,
            causes: [0; Cause::ALL.len()],
            repeated: 0,
            latency: Latencies::new(),
            min_latency: Span::from_micros(u64::MAX),
            max_latency: Span::ZERO,
            latency_sum: 0,
            per_second: Vec::new(),
            error_window: None,
            failures: Vec::new(),
            keep_failures: false,
            pool_latencies: false,
        }
    }

    /// Forgets everything but pooled latencies and keeps the memory, for requests that are sent before `end`.
    pub fn begin(&mut self, end: Time) {
        let seconds = end.as_micros().div_ceil(1_000_000) as usize;
        self.per_second.clear();
        self.per_second.resize(seconds, [0; Cause::ALL.len() + 1]);
        self.requests = 0;
        self.ok = 0;
        self.target = 0;
        self.causes = [0; Cause::ALL.len()];
        self.repeated = 0;
        if !self.pool_latencies {
            self.latency.clear();
        }
        self.min_latency = Span::from_micros(u64::MAX);
        self.max_latency = Span::ZERO;
        self.latency_sum = 0;
        self.error_window = None;
        self.failures.clear();
    }

    /// Counts one request, in any order.
    ///
    /// # Panics
    /// If a failed request was sent after the end that the outcome has begun with.
    pub fn record(
        &mut self,
        sent: Time,
        node: AlbNodeId,
        pod: Option<PodId>,
        verdict: Verdict,
        latency: Span,
    ) {
        self.requests += 1;
        self.latency.count(latency, 1);
        self.min_latency = self.min_latency.min(latency);
        self.max_latency = self.max_latency.max(latency);
        self.latency_sum += u128::from(latency.as_micros());
        if verdict == Verdict::Ok {
            self.ok += 1;
        } else {
            self.record_failure(Failure {
                sent,
                node,
                pod,
                verdict,
                latency,
            });
        }
    }

    /// Counts one that failed, but for its latency.
    pub(super) fn record_failure(&mut self, failure: Failure) {
        let column = match failure.verdict {
            Verdict::Alb(cause) => {
                self.causes[cause.index()] += 1;
                cause.index()
            }
            Verdict::Ok | Verdict::Target(_) => {
                self.target += 1;
                Cause::ALL.len()
            }
        };
        self.per_second[(failure.sent.as_micros() / 1_000_000) as usize][column] += 1;
        if failure.verdict.is_5xx() {
            let (first, last) = self.error_window.unwrap_or((failure.sent, failure.sent));
            self.error_window = Some((first.min(failure.sent), last.max(failure.sent)));
        }
        if self.keep_failures {
            self.keep(failure);
        }
    }

    /// Keeps a failure if it is one of the first by time of sending.
    fn keep(&mut self, failure: Failure) {
        let place = self
            .failures
            .partition_point(|kept| kept.sent <= failure.sent);
        if place < FIRST_FAILURES {
            self.failures.insert(place, failure);
            self.failures.truncate(FIRST_FAILURES);
        }
    }

    /// Adds what became of other requests: another replication, another share of the clients. Failures stay in order of sending.
    pub fn merge(&mut self, other: &Outcome) {
        self.requests += other.requests;
        self.ok += other.ok;
        self.target += other.target;
        self.causes
            .iter_mut()
            .zip(other.causes)
            .for_each(|(mine, theirs)| *mine += theirs);
        self.repeated += other.repeated;
        self.latency.merge(&other.latency);
        self.min_latency = self.min_latency.min(other.min_latency);
        self.max_latency = self.max_latency.max(other.max_latency);
        self.latency_sum += other.latency_sum;
        let seconds = self.per_second.len().max(other.per_second.len());
        self.per_second.resize(seconds, [0; Cause::ALL.len() + 1]);
        for (mine, theirs) in self.per_second.iter_mut().zip(&other.per_second) {
            mine.iter_mut()
                .zip(theirs)
                .for_each(|(mine, theirs)| *mine += theirs);
        }
        self.error_window = match (self.error_window, other.error_window) {
            (Some(mine), Some(theirs)) => Some((mine.0.min(theirs.0), mine.1.max(theirs.1))),
            (mine, theirs) => mine.or(theirs),
        };
        if self.keep_failures {
            self.failures.extend_from_slice(&other.failures);
            self.failures.sort_by_key(|failure| failure.sent);
            self.failures.truncate(FIRST_FAILURES);
        }
    }

    /// Holds it to the law that each request ends exactly once, in the totals and in the seconds.
    ///
    /// # Errors
    /// Requests were lost or counted twice, which is a bug.
    pub fn conserved(&self) -> Result<(), Error> {
        let failed = self.target + self.causes.iter().sum::<u64>();
        let by_second: u64 = self
            .per_second
            .as_flattened()
            .iter()
            .map(|&count| u64::from(count))
            .sum();
        if self.requests == self.ok + failed && failed == by_second {
            return Ok(());
        }
        let Outcome { requests, ok, .. } = self;
        Err(Error::invariant(format!(
            "an invariant broke: {requests} sent, {ok} ok, {failed} failed, {by_second} by second"
        )))
    }

    /// Requests that ended with this status.
    pub fn status(&self, status: u16) -> u64 {
        let by_alb: u64 = Cause::ALL
            .iter()
            .filter(|cause| cause.status() == status)
            .map(|cause| self.causes[cause.index()])
            .sum();
        match status {
            200 => self.ok,
            503 => by_alb + self.target,
            _ => by_alb,
        }
    }

    /// Requests whose user saw a 5xx.
    pub fn count_5xx(&self) -> u64 {
        self.status(502) + self.status(503) + self.status(504)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(requests: &[(u64, Verdict, u64)]) -> Outcome {
        let mut outcome = Outcome {
            keep_failures: true,
            ..Outcome::new()
        };
        outcome.begin(Time::from_micros(3_000_000));
        for &(sent, verdict, latency) in requests {
            outcome.record(
                Time::from_micros(sent),
                AlbNodeId(0),
                None,
                verdict,
                Span::from_micros(latency),
            );
        }
        outcome
    }

    #[track_caller]
    fn check(got: &Outcome, expected: &Outcome) {
        assert_eq!(format!("{got:?}"), format!("{expected:?}"));
    }

    const REQUESTS: [(u64, Verdict, u64); 5] = [
        (0, Verdict::Ok, 14_000),
        (500_000, Verdict::Target(503), 2_000),
        (1_000_000, Verdict::Alb(Cause::ConnectTimeout), 10_015_000),
        (1_999_999, Verdict::Alb(Cause::Refused), 1_000),
        (2_500_000, Verdict::Alb(Cause::ClientGaveUp), 30_000_000),
    ];

    #[test]
    fn counts_add_up() {
        let outcome = outcome(&REQUESTS);
        assert_eq!(
            [200, 460, 502, 503, 504].map(|status| outcome.status(status)),
            [1, 1, 1, 1, 1].map(|n: u64| n)
        );
        assert_eq!(
            (
                outcome.requests,
                outcome.count_5xx(),
                outcome.latency.requests()
            ),
            (5, 3, 5)
        );
        assert_eq!(
            outcome
                .per_second
                .iter()
                .map(|row| row.iter().sum())
                .collect::<Vec<u32>>(),
            [1, 2, 1]
        );
        let window = (Time::from_micros(500_000), Time::from_micros(1_999_999));
        assert_eq!(
            outcome.error_window,
            Some(window),
            "a client that gave up saw no 5xx"
        );
        assert_eq!(
            (outcome.min_latency, outcome.max_latency),
            (Span::from_millis(1), Span::from_secs(30))
        );
        assert_eq!(outcome.latency_sum, 40_032_000);
        assert_eq!(outcome.failures.len(), 4);
        assert!(outcome.conserved().is_ok());
        let twice = Outcome {
            ok: 2,
            ..outcome.clone()
        }
        .conserved();
        assert_eq!(
            twice.unwrap_err().to_string(),
            "an invariant broke: 5 sent, 2 ok, 4 failed, 4 by second"
        );
        assert_eq!(
            Outcome {
                per_second: Vec::new(),
                ..outcome
            }
            .conserved()
            .unwrap_err()
            .exit_code(),
            70
        );
    }

    #[test]
    fn shares_merge_into_the_whole() {
        for cut in 0..=REQUESTS.len() {
            let mut merged = outcome(&REQUESTS[cut..]);
            merged.merge(&outcome(&REQUESTS[..cut]));
            check(&merged, &outcome(&REQUESTS));
        }
    }

    #[test]
    fn begun_again_is_as_new() {
        let mut cleared = outcome(&REQUESTS);
        cleared.begin(Time::from_micros(3_000_000));
        check(&cleared, &outcome(&[]));
    }
}
