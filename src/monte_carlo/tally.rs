//! What many replications add up to. Everything in it merges by integer addition or by index, so it
//! does not matter who counted what, or in which order.

use std::collections::BTreeMap;

use super::counted::Counted;
use super::sample::Sample;
use crate::observe::measure::Measures;
use crate::stats;
use crate::time::Span;
use crate::traffic::outcome::{Latencies, Outcome};
use crate::verdict::Cause;

/// Columns of a second: every cause, then the application's own answers.
const COLUMNS: usize = Cause::ALL.len() + 1;

/// The series per second is taken from no more than so many replications: its band needs every one of their counts.
pub const SERIES_RUNS: u64 = 2_000;

/// So many of the first replications are kept one by one.
pub const KEPT: u64 = SERIES_RUNS;

/// Failing replications are listed one by one while there are no more than this.
const LISTED: usize = 100_000;

/// Replications counted so far, of any indices.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Of all of them, in order.
    pub(super) fingerprint: u64,
    /// What all of them came to.
    pub(super) counted: Counted,
    /// The first [`KEPT`].
    pub(super) samples: BTreeMap<u64, Sample>,
    pub(super) twins: BTreeMap<u64, Sample>,
    /// Those with a 5xx, and how many: `None` if they are more than [`LISTED`].
    pub(super) failing: Option<BTreeMap<u64, u64>>,
    /// Replication 0.
    pub(super) first: Option<Outcome>,
    latency: LatencyPool,
    seconds: Vec<Second>,
}

/// One second of the load, over the replications that the series is taken from.
#[derive(Debug, Clone, Default)]
struct Second {
    /// Failures, by column.
    sums: [u64; COLUMNS],
    /// How many replications had so many failures; those with none are not listed.
    totals: BTreeMap<u64, u64>,
}

/// The latencies of all requests.
#[derive(Debug, Clone)]
struct LatencyPool {
    latencies: Latencies,
    min: Span,
    max: Span,
    sum: u128,
}

/// How long requests took, whatever became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Least.
    pub min: Span,
    /// Arithmetic mean.
    pub mean: Span,
    /// Median, to three digits like the other quantiles.
    pub p50: Span,
    /// 90 % quantile.
    pub p90: Span,
    /// 95 % quantile.
    pub p95: Span,
    /// 99 % quantile.
    pub p99: Span,
    /// Greatest.
    pub max: Span,
}

/// Failed requests by the second in which they were sent, over the first 2,000 replications: those
/// whose load is over have none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorSeries {
    /// Mean count per second by cause: [`Cause::index`], the last column being the application's own answers.
    pub mean: Vec<[f64; COLUMNS]>,
    /// 5 % quantile over the replications of all failures in that second.
    pub low: Vec<f64>,
    /// 95 % quantile over the replications of all failures in that second.
    pub high: Vec<f64>,
}

impl Tally {
    /// Nothing yet, of a rollout that starts so long after the load.
    pub(super) fn new(rollout_at: Span) -> Tally {
        Tally {
            fingerprint: 0,
            counted: Counted::new(rollout_at),
            samples: BTreeMap::new(),
            twins: BTreeMap::new(),
            failing: Some(BTreeMap::new()),
            first: None,
            latency: LatencyPool::default(),
            seconds: Vec::new(),
        }
    }

    /// Counts a replication, but for the buckets of its latencies, and says its fingerprint. Replication 0 is a
    /// worker's first.
    pub(super) fn count(&mut self, replication: u64, outcome: &Outcome, measures: Measures) -> u64 {
        let sample = Sample::of(outcome, measures);
        self.counted.push(&sample);
        if sample.count_5xx() > 0 {
            self.list([(replication, sample.count_5xx())]);
        }
        if replication < KEPT {
            self.samples.insert(replication, sample);
        }
        self.latency.extend(
            outcome.min_latency,
            outcome.max_latency,
            outcome.latency_sum,
        );
        if replication == 0 {
            self.first = Some(outcome.clone());
        }
        if replication < SERIES_RUNS {
            self.last_until(outcome.per_second.len());
            self.seconds
                .iter_mut()
                .zip(&outcome.per_second)
                .for_each(|(second, row)| second.count(row));
        }
        sample.fingerprint()
    }

    fn list(&mut self, failing: impl IntoIterator<Item = (u64, u64)>) {
        if let Some(listed) = &mut self.failing {
            listed.extend(failing);
            if listed.len() > LISTED {
                self.failing = None;
            }
        }
    }

    /// Loads may last for different times; a replication has no failures after its own.
    fn last_until(&mut self, seconds: usize) {
        if self.seconds.len() < seconds {
            self.seconds.resize(seconds, Second::default());
        }
    }

    /// Adds the latencies of all requests of the replications counted.
    pub(super) fn pool(&mut self, latencies: &Latencies) {
        self.latency.latencies.merge(latencies);
    }

    /// Counts the twin of a replication, which tells chance from environment and nothing else.
    pub(super) fn count_twin(&mut self, replication: u64, outcome: &Outcome, measures: Measures) {
        self.twins
            .insert(replication, Sample::of(outcome, measures));
    }

    /// Adds what somebody else counted.
    pub(super) fn merge(&mut self, other: Tally) {
        self.counted.merge(&other.counted);
        match other.failing {
            Some(failing) => self.list(failing),
            None => self.failing = None,
        }
        self.samples.extend(other.samples);
        self.twins.extend(other.twins);
        self.first = self.first.take().or(other.first);
        self.latency.latencies.merge(&other.latency.latencies);
        self.latency
            .extend(other.latency.min, other.latency.max, other.latency.sum);
        self.last_until(other.seconds.len());
        self.seconds
            .iter_mut()
            .zip(other.seconds)
            .for_each(|(second, other)| second.merge(other));
    }

    /// All requests of all replications; `None` without a request.
    pub(super) fn latency(&self) -> Option<Latency> {
        let LatencyPool {
            latencies,
            min,
            max,
            sum,
        } = &self.latency;
        Latency::of(latencies, *min, *max, *sum)
    }

    /// Mean and band of the failures per second.
    pub(super) fn series(&self) -> ErrorSeries {
        let runs = self.samples.range(..SERIES_RUNS).count() as u64;
        let mut series = ErrorSeries::default();
        for second in &self.seconds {
            let totals = second.sorted_totals(runs);
            series
                .mean
                .push(second.sums.map(|sum| sum as f64 / runs.max(1) as f64));
            series
                .low
                .push(stats::quantile(&totals, 0.05).unwrap_or(0.0));
            series
                .high
                .push(stats::quantile(&totals, 0.95).unwrap_or(0.0));
        }
        series
    }
}

impl Second {
    fn count(&mut self, row: &[u32; COLUMNS]) {
        let total: u64 = row.iter().map(|count| u64::from(*count)).sum();
        if total > 0 {
            self.sums
                .iter_mut()
                .zip(row)
                .for_each(|(sum, count)| *sum += u64::from(*count));
            *self.totals.entry(total).or_default() += 1;
        }
    }

    fn merge(&mut self, other: Second) {
        self.sums
            .iter_mut()
            .zip(other.sums)
            .for_each(|(sum, more)| *sum += more);
        other
            .totals
            .into_iter()
            .for_each(|(total, runs)| *self.totals.entry(total).or_default() += runs);
    }

    fn sorted_totals(&self, runs: u64) -> Vec<f64> {
        let without = runs - self.totals.values().sum::<u64>();
        let listed = self
            .totals
            .iter()
            .map(|(total, runs)| (*total as f64, *runs));
        std::iter::once((0.0, without))
            .chain(listed)
            .flat_map(|(total, runs)| std::iter::repeat_n(total, runs as usize))
            .collect()
    }
}

impl Default for LatencyPool {
    fn default() -> LatencyPool {
        let Outcome {
            latency: latencies,
            min_latency: min,
            max_latency: max,
            latency_sum: sum,
            ..
        } = Outcome::new();
        LatencyPool {
            latencies,
            min,
            max,
            sum,
        }
    }
}

impl LatencyPool {
    fn extend(&mut self, min: Span, max: Span, sum: u128) {
        self.min = self.min.min(min);
        self.max = self.max.max(max);
        self.sum += sum;
    }
}

impl Latency {
    /// Of one replication; `None` without a request.
    pub fn of_outcome(outcome: &Outcome) -> Option<Latency> {
        Latency::of(
            &outcome.latency,
            outcome.min_latency,
            outcome.max_latency,
            outcome.latency_sum,
        )
    }

    fn of(latencies: &Latencies, min: Span, max: Span, sum: u128) -> Option<Latency> {
        let histogram = latencies.histogram();
        let requests = u128::from(histogram.len());
        let mean =
            Span::from_micros(u64::try_from((sum + requests / 2).checked_div(requests)?).ok()?);
        // A quantile lies somewhere in its bucket; the middle is nearest, the exact extremes bound it.
        let quantile = |p| {
            let value = histogram.median_equivalent(histogram.value_at_quantile(p));
            Span::from_micros(value).max(min).min(max)
        };
        let [p50, p90, p95, p99] = [0.50, 0.90, 0.95, 0.99].map(quantile);
        Some(Latency {
            min,
            mean,
            p50,
            p90,
            p95,
            p99,
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    /// A replication of three seconds whose `replication % 3` requests fail in second 1.
    fn outcome(replication: u64) -> Outcome {
        let mut outcome = Outcome::new();
        outcome.begin(Time::from_micros(3_000_000));
        outcome.per_second[1][Cause::Refused.index()] = (replication % 3) as u32;
        for micros in [1_000, 2_000, 3_000 + replication] {
            outcome.requests += 1;
            outcome.latency.count(Span::from_micros(micros), 1);
            outcome.latency_sum += u128::from(micros);
            outcome.min_latency = outcome.min_latency.min(Span::from_micros(micros));
            outcome.max_latency = outcome.max_latency.max(Span::from_micros(micros));
        }
        outcome
    }

    fn tally(replications: impl Iterator<Item = u64>) -> Tally {
        let mut tally = Tally::new(Span::ZERO);
        for i in replications {
            tally.count(i, &outcome(i), Measures::default());
            tally.pool(&outcome(i).latency);
        }
        tally
    }

    #[test]
    fn it_does_not_matter_who_counted_what() {
        let whole = tally(0..100);
        let mut merged = tally((0..100).rev().filter(|i| i % 3 == 0));
        merged.merge(tally((0..100).filter(|i| i % 3 != 0)));
        assert_eq!(whole.samples, merged.samples);
        assert_eq!(whole.counted, merged.counted);
        assert_eq!(whole.failing, merged.failing);
        assert_eq!(whole.latency(), merged.latency());
        assert_eq!(whole.series(), merged.series());
    }

    #[test]
    fn latencies_are_pooled() {
        let latency = tally(0..100).latency().unwrap();
        assert_eq!(latency.min, Span::from_micros(1_000));
        assert_eq!(latency.max, Span::from_micros(3_099));
        assert_eq!(
            latency.mean,
            Span::from_micros(2_017),
            "(1,000 + 2,000 + 3,049.5) / 3, rounded up"
        );
        assert!(
            latency.p50.as_micros().abs_diff(2_000) <= 2,
            "{:?}",
            latency.p50
        );
        assert!(latency.p99 <= latency.max);
        assert_eq!(Tally::new(Span::ZERO).latency(), None);
    }

    #[test]
    fn the_series_has_a_band() {
        let series = tally(0..300).series();
        assert_eq!(series.mean.len(), 3);
        assert_eq!(series.mean[1][Cause::Refused.index()], 1.0);
        assert_eq!((series.low[1], series.high[1]), (0.0, 2.0));
        assert_eq!((series.mean[0], series.high[2]), ([0.0; COLUMNS], 0.0));
        let many = tally(0..2_500);
        assert_eq!(
            many.seconds[1].sums[0],
            (0..2_000).map(|i| i % 3).sum::<u64>(),
            "the first 2,000 only"
        );
    }
}
