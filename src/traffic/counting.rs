//! The witness of a replication's requests: counts them, the answered ones in a few instructions.

use crate::id::{AlbNodeId, PodId};
use crate::time::{Span, Time};
use crate::traffic::outcome::{Failure, Outcome, Witness};
use crate::verdict::Verdict;

/// Counts latencies where they stand, and the rest once all have been heard.
pub(super) struct Counting<'o> {
    outcome: &'o mut Outcome,
    requests: u64,
    failed: u64,
    least: Span,
    greatest: Span,
    /// In microseconds.
    sum: u64,
}

impl<'o> Counting<'o> {
    /// Counts into an outcome that has been cleared.
    pub(super) fn new(outcome: &'o mut Outcome) -> Counting<'o> {
        let (least, greatest) = (outcome.min_latency, outcome.max_latency);
        Counting {
            outcome,
            requests: 0,
            failed: 0,
            least,
            greatest,
            sum: 0,
        }
    }

    /// All have been heard.
    pub(super) fn finish(self) {
        let Counting {
            outcome,
            requests,
            failed,
            least,
            greatest,
            sum,
        } = self;
        (outcome.requests, outcome.ok) = (requests, requests - failed);
        (outcome.min_latency, outcome.max_latency) = (least, greatest);
        outcome.latency_sum = u128::from(sum);
    }
}

impl Witness for Counting<'_> {
    #[inline]
    fn record(
        &mut self,
        sent: Time,
        node: AlbNodeId,
        pod: Option<PodId>,
        verdict: Verdict,
        latency: Span,
    ) {
        // First, so that nothing of a failure is asked for where there is none.
        if verdict != Verdict::Ok {
            self.failed += 1;
            self.outcome.record_failure(Failure {
                sent,
                node,
                pod,
                verdict,
                latency,
            });
        }
        self.outcome.latency.count(latency, 1);
        self.requests += 1;
        self.sum += latency.as_micros();
        (self.least, self.greatest) = (self.least.min(latency), self.greatest.max(latency));
    }

    fn repeat(&mut self) {
        self.outcome.repeated += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is counted here is as if the outcome had counted it, request by request.
    #[test]
    fn they_are_counted_as_an_outcome_counts_them() {
        let all: Vec<u64> = (0..40).map(|power| (1_u64 << power) + power).collect();
        for chosen in [&all[..], &all[3..20], &[], &all[20..21]] {
            let [mut counted, mut direct] = [(); 2].map(|()| Outcome::new());
            [&mut counted, &mut direct]
                .into_iter()
                .for_each(|outcome| outcome.begin(Time::from_micros(1_000_000)));
            let mut counting = Counting::new(&mut counted);
            for (n, &micros) in chosen.iter().enumerate() {
                let verdict = if n % 7 == 3 {
                    Verdict::Target(503)
                } else {
                    Verdict::Ok
                };
                counting.record(
                    Time::ZERO,
                    AlbNodeId(0),
                    None,
                    verdict,
                    Span::from_micros(micros),
                );
                direct.record(
                    Time::ZERO,
                    AlbNodeId(0),
                    None,
                    verdict,
                    Span::from_micros(micros),
                );
            }
            counting.finish();
            assert_eq!(format!("{counted:?}"), format!("{direct:?}"), "{chosen:?}");
        }
    }
}
