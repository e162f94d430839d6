//! Requests counted by latency.
//!
//! The buckets are those of an HDR histogram of three digits: a number of eleven bits at most is its own
//! bucket, a longer one loses its last bits. With the digits known to the compiler a count is a shift and an
//! addition; the histogram gets them all at once, at the end.

use crate::id::{AlbNodeId, PodId};
use crate::time::{Span, Time};
use crate::traffic::outcome::{Failure, LONGEST, Outcome, Witness};
use crate::verdict::Verdict;

/// 2 × 10³ numbers have to be told apart: eleven bits.
const BITS: u32 = 11;
const HALF: usize = 1 << (BITS - 1);

/// Counts of one replication, kept between replications as memory.
#[derive(Debug, Clone)]
pub(super) struct Latencies {
    counts: Vec<u64>,
    least: u64,
    greatest: u64,
    sum: u64,
    /// How many of them failed.
    failed: u64,
}

/// Counts latencies here, and tells the outcome of failures.
pub(super) struct Counting<'o> {
    pub(super) latencies: &'o mut Latencies,
    pub(super) outcome: &'o mut Outcome,
}

impl Witness for Counting<'_> {
    #[inline]
    fn record(&mut self, sent: Time, node: AlbNodeId, pod: Option<PodId>, verdict: Verdict, latency: Span) {
        self.latencies.count(latency.as_micros());
        if verdict != Verdict::Ok {
            self.latencies.failed += 1;
            self.outcome.record_failure(Failure { sent, node, pod, verdict, latency });
        }
    }

    fn repeat(&mut self) {
        self.outcome.repeated += 1;
    }
}

impl Latencies {
    pub(super) fn new() -> Latencies {
        let halves = bucket(LONGEST.as_micros()) / HALF + 1;
        Latencies { counts: vec![0; halves * HALF], least: u64::MAX, greatest: 0, sum: 0, failed: 0 }
    }

    #[inline]
    fn count(&mut self, micros: u64) {
        match self.counts.get_mut(bucket(micros)) {
            Some(count) => *count += 1,
            None => self.counts[bucket(LONGEST.as_micros())] += 1,
        }
        self.sum += micros;
        // Two branches that are never taken; joined by `||`, both comparisons would be turned into a number.
        if micros < self.least {
            self.find_extreme(micros);
        }
        if micros > self.greatest {
            self.find_extreme(micros);
        }
    }

    /// Nearly never, which a comparison finds out faster than an extreme is written.
    #[cold]
    fn find_extreme(&mut self, micros: u64) {
        (self.least, self.greatest) = (self.least.min(micros), self.greatest.max(micros));
    }

    /// Adds everything to an outcome, and starts over.
    pub(super) fn pour(&mut self, outcome: &mut Outcome) {
        let (least, greatest) = (self.least, self.greatest);
        if least > greatest {
            return;
        }
        let mut requests = 0;
        let last = bucket(greatest).min(self.counts.len() - 1);
        for place in bucket(least).min(last)..=last {
            let count = std::mem::take(&mut self.counts[place]);
            if count > 0 {
                outcome.latency.saturating_record_n(first_of(place).max(least), count);
                requests += count;
            }
        }
        (outcome.requests, outcome.ok) = (outcome.requests + requests, outcome.ok + requests - self.failed);
        for extreme in [least, greatest] {
            // The histogram knows its extremes exactly.
            outcome.latency.saturating_record_n(extreme, 0);
        }
        outcome.min_latency = outcome.min_latency.min(Span::from_micros(least));
        outcome.max_latency = outcome.max_latency.max(Span::from_micros(greatest));
        outcome.latency_sum += u128::from(self.sum);
        (self.least, self.greatest, self.sum, self.failed) = (u64::MAX, 0, 0, 0);
    }
}

/// Its first eleven bits, and after how many others they stand.
#[inline]
fn bucket(micros: u64) -> usize {
    let lost = (micros | (1 << (BITS - 1))).ilog2() - (BITS - 1);
    lost as usize * HALF + (micros >> lost) as usize
}

/// The least number in a bucket.
fn first_of(bucket: usize) -> u64 {
    let lost = (bucket / HALF).saturating_sub(1);
    ((bucket - lost * HALF) as u64) << lost
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is counted here and poured is as if the outcome had counted it.
    #[test]
    fn they_are_counted_as_an_outcome_counts_them() {
        let mut latencies = Latencies::new();
        let powers = (0..=35).flat_map(|power| [(1_u64 << power) - 1, 1 << power, (1 << power) + (1 << power) / 3]);
        let day = LONGEST.as_micros();
        let all: Vec<u64> = powers.chain([2_049, 9_999, day - 1, day, 3 * day, 1 << 60]).collect();
        // The second time around, with what is left from the first.
        for chosen in [&all[..], &all[3..40], &[], &all[20..21]] {
            let (mut poured, mut direct) = (Outcome::new(Span::from_secs(1)), Outcome::new(Span::from_secs(1)));
            for (n, &micros) in chosen.iter().enumerate() {
                let verdict = if n % 7 == 3 { Verdict::Target(503) } else { Verdict::Ok };
                let mut counting = Counting { latencies: &mut latencies, outcome: &mut poured };
                counting.record(Time::ZERO, AlbNodeId(0), None, verdict, Span::from_micros(micros));
                direct.record(Time::ZERO, AlbNodeId(0), None, verdict, Span::from_micros(micros));
            }
            latencies.pour(&mut poured);
            assert!(format!("{poured:?}") == format!("{direct:?}"), "{chosen:?}");
        }
    }
}
