//! What became of the requests of one replication.

use hdrhistogram::Histogram;

use crate::id::{AlbNodeId, PodId};
use crate::time::{Span, Time};
use crate::verdict::{Cause, Verdict};

/// Failures kept in full for a trace.
pub const FIRST_FAILURES: usize = 1_000;

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
    /// Latency of every request, in microseconds, to three digits.
    pub latency: Histogram<u64>,
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

impl Outcome {
    /// An outcome with nothing in it, for a load of this duration.
    pub fn new(duration: Span) -> Outcome {
        let seconds = duration.as_micros().div_ceil(1_000_000) as usize;
        Outcome {
            requests: 0,
            ok: 0,
            target: 0,
            causes: [0; Cause::ALL.len()],
            latency: Histogram::new_with_max(3_600_000_000 * 24, 3).expect("constant bounds are legal"),
            min_latency: Span::from_micros(u64::MAX),
            max_latency: Span::ZERO,
            latency_sum: 0,
            per_second: vec![[0; Cause::ALL.len() + 1]; seconds],
            error_window: None,
            failures: Vec::new(),
            keep_failures: false,
        }
    }

    /// Requests that ended with this status.
    pub fn status(&self, status: u16) -> u64 {
        let by_alb: u64 =
            Cause::ALL.iter().filter(|cause| cause.status() == status).map(|cause| self.causes[cause.index()]).sum();
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
