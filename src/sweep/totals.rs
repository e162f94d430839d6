//! What the replications of one point add up to: whole numbers only.
//!
//! Sums of whole numbers do not depend on their order, nor on where a sweep was interrupted and
//! resumed, nor on which machine counted them; means and intervals are taken from them at the end.

use std::collections::BTreeMap;

use crate::monte_carlo::Sample;
use crate::stats::{self, IfAny, Moments, Proportion, zero_inflated};
use crate::time::Span;
use crate::verdict::Cause;

/// Causes of failure, the application's own answers last.
pub const CAUSES: usize = Cause::ALL.len() + 1;

/// Sums of a quantity that is a whole number in each replication that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Replications that have it.
    pub n: u64,
    /// Σx.
    pub sum: u128,
    /// Σx².
    pub squares: u128,
}

/// Sums over the replications of one point.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests sent.
    pub requests: Sum,
    /// Requests whose user saw a 5xx.
    pub failed: Sum,
    /// How many replications cost so many 5xx.
    pub distribution: BTreeMap<u64, u64>,
    /// Requests that ended as 502, 503 and 504.
    pub statuses: [Sum; 3],
    /// Requests by [`Cause::index`], the last row being the application's own answers.
    pub causes: [Sum; CAUSES],
    /// Microseconds from the rollout's start until it was complete.
    pub duration: Sum,
    /// Microseconds until the last old pod was gone.
    pub old_pods_gone: Sum,
    /// Pod-microseconds beyond the desired pods.
    pub extra_pod_time: Sum,
    /// 1 for a rollout that does not complete, else 0.
    pub incomplete: Sum,
    /// 1 for a rollout whose load ended before it was over, else 0.
    pub cut_short: Sum,
    /// Equal if all replications came to the same.
    pub fingerprint: u64,
}

impl Sum {
    fn push(&mut self, x: u64) {
        self.n += 1;
        self.sum += u128::from(x);
        self.squares += u128::from(x).pow(2);
    }

    fn push_span(&mut self, span: Option<Span>) {
        if let Some(span) = span {
            self.push(span.as_micros());
        }
    }

    /// Whether whole numbers can have these sums: Σx ≤ Σx², and (Σx)² ≤ n Σx² (Cauchy and Schwarz).
    fn is_possible(&self) -> bool {
        let square = self.sum.checked_mul(self.sum);
        let bound = self.squares.checked_mul(self.n.into());
        self.sum <= self.squares
            && square
                .zip(bound)
                .is_some_and(|(square, bound)| square <= bound)
    }

    /// Mean and variance.
    pub fn moments(&self) -> Moments {
        Moments::of_sums(self.n, self.sum, self.squares)
    }

    /// Mean; 0 of none.
    pub fn mean(&self) -> f64 {
        self.moments().mean()
    }

    /// Mean of a span in seconds; `None` if no replication has one.
    pub fn mean_secs(&self) -> Option<f64> {
        (self.n > 0).then(|| self.mean() / 1e6)
    }
}

impl Totals {
    /// Adds replications; those of one point come in order.
    pub fn extend(&mut self, samples: &[Sample]) {
        for sample in samples {
            let failed = sample.count_5xx();
            self.requests.push(sample.requests);
            self.failed.push(failed);
            *self.distribution.entry(failed).or_default() += 1;
            self.statuses
                .iter_mut()
                .zip([502, 503, 504])
                .for_each(|(sum, status)| sum.push(sample.status(status)));
            let causes = sample.causes.into_iter().chain([sample.target]);
            self.causes
                .iter_mut()
                .zip(causes)
                .for_each(|(sum, count)| sum.push(count));
            self.duration.push_span(sample.measures.duration);
            self.old_pods_gone.push_span(sample.measures.old_pods_gone);
            self.extra_pod_time
                .push_span(Some(sample.measures.extra_pod_time));
            self.incomplete
                .push(u64::from(!sample.measures.is_complete()));
            self.cut_short.push(u64::from(sample.measures.cut_short));
            // The odd constant of SplitMix64 makes the order count.
            self.fingerprint = self
                .fingerprint
                .rotate_left(5)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                ^ sample.fingerprint();
        }
    }

    /// Whether replications can have come to this: at most so many of them.
    ///
    /// # Errors
    /// In words what contradicts what.
    pub(super) fn judge(&self, most: u64) -> Result<(), String> {
        let runs = self.runs();
        if runs > most {
            return Err(format!("{runs} replications, where {most} were asked for"));
        }
        if let Some(sum) = self.sums().find(|sum| sum.n > runs || !sum.is_possible()) {
            return Err(format!(
                "no {} numbers have the sum {} and the squares {}",
                sum.n, sum.sum, sum.squares
            ));
        }
        let mut counted = Sum::default();
        for (failed, times) in &self.distribution {
            let failed = u128::from(*failed);
            let add =
                |total: u128, x: Option<u128>| total.checked_add(x?.checked_mul((*times).into())?);
            let sums = add(counted.sum, Some(failed))
                .zip(add(counted.squares, failed.checked_mul(failed)));
            let n = counted.n.checked_add(*times);
            let ((sum, squares), n) = sums.zip(n).ok_or("its numbers of 5xx cannot be added up")?;
            counted = Sum { n, sum, squares };
        }
        if counted != self.failed {
            return Err("its numbers of 5xx are not those that it counts".to_owned());
        }
        Ok(())
    }

    /// All sums, in an order that records keep.
    pub(super) fn sums(&self) -> impl Iterator<Item = &Sum> {
        let counts = [&self.requests, &self.failed]
            .into_iter()
            .chain(&self.statuses)
            .chain(&self.causes);
        counts.chain([
            &self.duration,
            &self.old_pods_gone,
            &self.extra_pod_time,
            &self.incomplete,
            &self.cut_short,
        ])
    }

    /// The same, to be filled.
    pub(super) fn sums_mut(&mut self) -> impl Iterator<Item = &mut Sum> {
        let counts = [&mut self.requests, &mut self.failed].into_iter();
        let counts = counts.chain(&mut self.statuses).chain(&mut self.causes);
        let spans = [
            &mut self.duration,
            &mut self.old_pods_gone,
            &mut self.extra_pod_time,
        ];
        counts
            .chain(spans)
            .chain([&mut self.incomplete, &mut self.cut_short])
    }

    /// Replications so far.
    pub fn runs(&self) -> u64 {
        self.failed.n
    }

    /// In how many replications any request failed with a 5xx.
    pub fn any_5xx(&self, level: f64) -> Option<Proportion> {
        let clean = self.distribution.get(&0).copied().unwrap_or(0);
        Proportion::of(self.runs() - clean, self.runs(), level)
    }

    /// In how many replications the rollout completes and no more than `most` requests fail with a 5xx. A rollout
    /// that does not complete counts as one that would have kept to it: never more than there are, perhaps fewer.
    pub fn within(&self, most: u64, level: f64) -> Option<Proportion> {
        let cheap: u64 = self.distribution.range(..=most).map(|(_, runs)| runs).sum();
        Proportion::of(
            cheap.saturating_sub(self.incomplete.sum as u64),
            self.runs(),
            level,
        )
    }

    /// The interval of the mean of 5xx, as [`stats::Summary::of_counts`] has it.
    pub fn mean_interval(&self, level: f64) -> Option<(f64, f64)> {
        let counts = self
            .distribution
            .iter()
            .map(|(failed, runs)| (*failed as f64, *runs));
        zero_inflated::mean_interval(counts, level).map(|(low, high)| (low.max(0.0), high))
    }

    /// The 5xx of those replications that had any.
    pub fn if_any(&self) -> Option<IfAny> {
        let clean = self.distribution.get(&0).copied().unwrap_or(0);
        let runs = self.runs() - clean;
        let (min, max) = (self.ranked(clean)?, self.ranked(self.runs() - 1)?);
        let median = f64::midpoint(
            self.ranked(clean + (runs - 1) / 2)?,
            self.ranked(clean + runs / 2)?,
        );
        Some(IfAny {
            runs,
            median,
            min,
            max,
        })
    }

    /// Quantile of the 5xx of a replication.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let last = self.runs().checked_sub(1)?;
        let position = last as f64 * p;
        let (below, above) = (
            self.ranked(position.floor() as u64)?,
            self.ranked(position.ceil() as u64)?,
        );
        stats::quantile(&[below, above], position.fract())
    }

    /// The 5xx of the replication that so many others stand before, in order of their 5xx.
    fn ranked(&self, rank: u64) -> Option<f64> {
        let mut before = 0;
        let found = self.distribution.iter().find(|(_, runs)| {
            before += **runs;
            before > rank
        });
        found.map(|(failed, _)| *failed as f64)
    }
}

/// What a cause's column is called: its name, or `target` for the application's own answers.
pub fn cause_name(column: usize) -> &'static str {
    Cause::ALL
        .get(column)
        .map_or("target", |cause| cause.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Summary;

    fn samples() -> Vec<Sample> {
        let sample = |i: u64| {
            let mut sample = Sample {
                requests: 12_000,
                target: i % 2,
                ..Sample::default()
            };
            sample.causes[Cause::ConnectTimeout.index()] = (i * 7919) % 701;
            sample.measures.duration =
                (!i.is_multiple_of(3)).then(|| Span::from_micros(45_000_000 + i * 1_000));
            sample
        };
        (0..500).map(sample).collect()
    }

    #[test]
    fn sums_say_what_the_samples_do() {
        let samples = samples();
        let mut totals = Totals::default();
        totals.extend(&samples[..123]);
        totals.extend(&samples[123..]);
        let summary = Summary::of_counts(samples.iter().map(Sample::count_5xx), 0.95).unwrap();
        let close = |got: f64, expected: f64| {
            assert!(
                (got - expected).abs() < 1e-9 * expected.abs().max(1.0),
                "{got} {expected}"
            );
        };
        close(totals.failed.mean(), summary.mean);
        let (got, expected) = (
            totals.mean_interval(0.95).unwrap(),
            summary.mean_interval.unwrap(),
        );
        close(got.0, expected.0);
        close(got.1, expected.1);
        assert_eq!(totals.if_any(), summary.if_any);
        for (p, expected) in [(0.05, summary.p05), (0.5, summary.p50), (0.95, summary.p95)] {
            close(totals.quantile(p).unwrap(), expected);
        }
        assert_eq!(totals.duration.n, 333);
        assert_eq!(
            totals.any_5xx(0.95).unwrap().hits,
            samples
                .iter()
                .filter(|sample| sample.count_5xx() > 0)
                .count() as u64
        );
        let mut whole = Totals::default();
        whole.extend(&samples);
        assert_eq!(whole, totals);
    }

    #[test]
    fn nothing_seen_is_a_bound() {
        let mut totals = Totals::default();
        assert_eq!((totals.any_5xx(0.95), totals.quantile(0.5)), (None, None));
        let mut sample = Sample::default();
        sample.measures.duration = Some(Span::from_secs(40));
        totals.extend(&[sample; 299]);
        assert!(totals.any_5xx(0.95).unwrap().high < 0.0125);
        assert_eq!((totals.mean_interval(0.95), totals.if_any()), (None, None));
        assert_eq!(totals.within(0, 0.95).unwrap().hits, 299);
        sample.measures.course.deadline_exceeded = true;
        totals.extend(&[sample]);
        assert_eq!(
            totals.within(0, 0.95).unwrap().hits,
            299,
            "of 300: this one is none of them"
        );
    }

    /// A mean with a large offset and a small spread: sums in floating point would lose it.
    #[test]
    fn exact_sums_do_not_cancel() {
        let mut sum = Sum::default();
        (0..1_000_u64).for_each(|i| sum.push(1_000_000_000_000 + i % 2));
        assert!((sum.moments().variance() - 0.250_250_25).abs() < 1e-6);
    }
}
