//! Which axis moves the outcome most: Sobol indices of a [`super::Design::Sample`].
//!
//! The first-order index of an axis is the share of the outcome's variance that goes away when that
//! axis is known; its total index is the share that stays when all others are (Sobol', *Global
//! sensitivity indices for nonlinear mathematical models*, Mathematics and Computers in Simulation
//! 55, 2001). A total above the first order means that the axis acts together with others.

use crate::random::{Purpose, Stream, Streams};
use crate::stats;

/// Resamples behind an interval.
const RESAMPLES: usize = 1_000;

/// An interval wider than this share of the variance says nothing.
const WIDEST: f64 = 0.5;

/// An estimate with its interval, as shares of the variance. A true share lies from 0 to 1; chance may take an
/// estimate a little beyond.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Lower end of the bootstrap interval.
    pub low: f64,
    /// Upper end of the bootstrap interval.
    pub high: f64,
}

impl Estimate {
    /// Whether it may be shown: its interval is no wider than 50 points, and some of it is a possible share.
    pub fn is_known(&self) -> bool {
        self.high - self.low <= WIDEST && self.low <= 1.0 && self.high >= 0.0
    }

    /// The same within what is possible, from 0 to 1, if it may be shown.
    pub fn known(&self) -> Option<Estimate> {
        let possible = |share: f64| share.clamp(0.0, 1.0);
        self.is_known().then(|| Estimate {
            value: possible(self.value),
            low: possible(self.low),
            high: possible(self.high),
        })
    }
}

/// What one axis does to the outcome.
///
/// Both are estimated from correlations: c of f(B) with f(AB), which share this axis alone; d of f(A) with f(AB),
/// which share all others; and p of f(A) with f(B), which share nothing, so that p is chance and is taken out of the
/// two. Of an axis that does nothing, and of one that does everything, the estimates are exact (Glen and Isaacs,
/// *Estimating Sobol sensitivity indices using correlations*, Environmental Modelling & Software 37, 2012).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Indices {
    /// On its own: (c − p d) / (1 − p²).
    pub first_order: Estimate,
    /// With all that it acts together with: 1 − (d − p c) / (1 − p²).
    pub total: Estimate,
}

impl Indices {
    /// Whether both may be shown.
    pub fn is_known(&self) -> bool {
        self.first_order.is_known() && self.total.is_known()
    }
}

/// So many rows should be enough for all indices to be known: intervals narrow with the root of their number.
/// `None`: the `rows` that there are do.
pub fn rows_needed(indices: &[Indices], rows: usize) -> Option<usize> {
    let estimates = indices
        .iter()
        .flat_map(|index| [index.first_order, index.total]);
    let widest = estimates
        .filter(|estimate| !estimate.is_known())
        .map(|estimate| estimate.high - estimate.low)
        .max_by(f64::total_cmp)?;
    let factor = (widest / WIDEST).powi(2).clamp(2.0, 1e6);
    Some(((rows as f64 * factor).ceil() as usize).next_power_of_two())
}

/// The indices of each axis from the outcomes of all points, in their order; `None` if nothing varies.
///
/// Intervals are percentiles of rows drawn again with replacement (Archer, Saltelli and Sobol',
/// *Sensitivity measures, ANOVA-like techniques and the use of bootstrap*, Journal of Statistical
/// Computation and Simulation 58(2), 1997).
pub fn indices(axes: usize, outcomes: &[f64], level: f64, seed: u64) -> Option<Vec<Indices>> {
    let rows: Vec<&[f64]> = outcomes.chunks_exact(axes + 2).collect();
    let whole: Vec<usize> = (0..rows.len()).collect();
    let values = estimates(&rows, &whole, axes)?;
    let mut stream = Streams::new(seed, 0).at(Purpose::Resampling, 1);
    let resamples: Vec<_> = (0..RESAMPLES)
        .filter_map(|_| estimates(&rows, &again(rows.len(), &mut stream), axes))
        .collect();
    let interval = |axis: usize, which: usize| {
        let mut drawn: Vec<f64> = resamples
            .iter()
            .map(|resample| resample[axis][which])
            .collect();
        drawn.sort_by(f64::total_cmp);
        let tail = (1.0 - level) / 2.0;
        Some(Estimate {
            value: values[axis][which],
            low: stats::quantile(&drawn, tail)?,
            high: stats::quantile(&drawn, 1.0 - tail)?,
        })
    };
    (0..axes)
        .map(|axis| {
            Some(Indices {
                first_order: interval(axis, 0)?,
                total: interval(axis, 1)?,
            })
        })
        .collect()
}

fn again(rows: usize, stream: &mut Stream) -> Vec<usize> {
    (0..rows).map(|_| stream.below(rows)).collect()
}

/// First-order and total index of each axis; `None` if nothing varies.
fn estimates(rows: &[&[f64]], chosen: &[usize], axes: usize) -> Option<Vec<[f64; 2]>> {
    /// Chance correlates A and B more than this only in samples of a few rows; then it is not taken out whole.
    const MOST_BY_CHANCE: f64 = 0.5;
    let column = |member: usize| chosen.iter().map(move |row| rows[*row][member]);
    let by_chance = correlation(column(0), column(1))?.clamp(-MOST_BY_CHANCE, MOST_BY_CHANCE);
    let of_axis = |axis: usize| {
        // Where nothing varies, nothing is shared.
        let alone = correlation(column(1), column(axis + 2)).unwrap_or(0.0);
        let others = correlation(column(0), column(axis + 2)).unwrap_or(0.0);
        let rest = 1.0 - by_chance * by_chance;
        [
            (alone - by_chance * others) / rest,
            1.0 - (others - by_chance * alone) / rest,
        ]
    };
    Some((0..axes).map(of_axis).collect())
}

/// Pearson's correlation; `None` if one of the two does not vary.
fn correlation(
    one: impl Iterator<Item = f64> + Clone,
    other: impl Iterator<Item = f64> + Clone,
) -> Option<f64> {
    let [a, b] = [one.clone().collect(), other.clone().collect()].map(|x: stats::Moments| x);
    let (spread, n) = (
        (a.variance() * b.variance()).sqrt(),
        one.clone().count() as f64,
    );
    let shared: f64 = one
        .zip(other)
        .map(|(x, y)| (x - a.mean()) * (y - b.mean()))
        .sum();
    (spread > 0.0).then(|| shared / (n - 1.0) / spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// Uniform rows A and B and what `f` makes of them and of their mixtures.
    fn outcomes(seed: u64, rows: usize, axes: usize, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut stream = Streams::new(seed, 0).at(Purpose::Design, 0);
        let row = |stream: &mut Stream| (0..axes).map(|_| stream.uniform()).collect::<Vec<f64>>();
        let mut outcomes = Vec::new();
        for _ in 0..rows {
            let (a, b) = (row(&mut stream), row(&mut stream));
            outcomes.extend([f(&a), f(&b)]);
            for axis in 0..axes {
                let mut mixed = a.clone();
                mixed[axis] = b[axis];
                outcomes.push(f(&mixed));
            }
        }
        outcomes
    }

    /// The Ishigami function with a = 7 and b = 0.1, whose indices are known in closed form.
    fn ishigami(x: &[f64]) -> f64 {
        let angle = |share: f64| PI * (2.0 * share - 1.0);
        angle(x[0]).sin()
            + 7.0 * angle(x[1]).sin().powi(2)
            + 0.1 * angle(x[2]).powi(4) * angle(x[0]).sin()
    }

    const OF_ISHIGAMI: [(f64, f64); 3] = [(0.3139, 0.5576), (0.4424, 0.4424), (0.0, 0.2437)];

    /// A rollout that is bad only where two settings are: nothing else costs much. With p = 0.3 and q = 0.5 the
    /// variance is pq(1 − pq), of which x₀ alone has q(1 − p)/(1 − pq), and so on; x₂'s part is below 10⁻⁶.
    fn cliff(x: &[f64]) -> f64 {
        x[2] + if x[0] < 0.3 && x[1] < 0.5 {
            1_000.0
        } else {
            0.0
        }
    }

    const OF_CLIFF: [(f64, f64); 3] = [
        (0.35 / 0.85, 0.70 / 0.85),
        (0.15 / 0.85, 0.50 / 0.85),
        (0.0, 0.0),
    ];

    #[test]
    fn indices_are_those_in_closed_form() {
        let check = |f: fn(&[f64]) -> f64, expected: [(f64, f64); 3]| {
            let found = indices(3, &outcomes(1, 8_192, 3, f), 0.99, 1).unwrap();
            for (found, (first, total)) in found.iter().zip(expected) {
                for (estimate, truth) in [(found.first_order, first), (found.total, total)] {
                    assert!(
                        (estimate.value - truth).abs() < 0.03,
                        "{estimate:?} {truth}"
                    );
                    assert!(
                        estimate.low - 1e-4 <= truth && truth <= estimate.high + 1e-4,
                        "{estimate:?} {truth}"
                    );
                }
                assert!(found.is_known());
            }
        };
        check(ishigami, OF_ISHIGAMI);
        check(cliff, OF_CLIFF);
    }

    /// Saltelli's first order and Jansen's total, from the same rows.
    fn usual(rows: &[&[f64]], axes: usize) -> Vec<[f64; 2]> {
        let all: stats::Moments = rows
            .iter()
            .flat_map(|row| row[..2].iter().copied())
            .collect();
        let n = rows.len() as f64;
        let sum = |term: &dyn Fn(&[f64]) -> f64| rows.iter().map(|row| term(row)).sum::<f64>();
        let of_axis = |axis: usize| {
            let first = sum(&|row| (row[1] - all.mean()) * (row[axis + 2] - row[0]));
            let total = sum(&|row| (row[0] - row[axis + 2]).powi(2)) / 2.0;
            [first, total].map(|sum| sum / n / all.variance())
        };
        (0..axes).map(of_axis).collect()
    }

    #[test]
    fn the_estimator_errs_less_than_the_usual_one() {
        for (f, truth) in [
            (ishigami as fn(&[f64]) -> f64, OF_ISHIGAMI),
            (cliff, OF_CLIFF),
        ] {
            let (mut ours, mut theirs) = (0.0, 0.0);
            for seed in 0..200 {
                let outcomes = outcomes(seed, 64, 3, f);
                let rows: Vec<&[f64]> = outcomes.chunks_exact(5).collect();
                let whole: Vec<usize> = (0..rows.len()).collect();
                let error = |found: &[[f64; 2]]| -> f64 {
                    let pairs = found.iter().zip(truth);
                    pairs
                        .map(|(found, (first, total))| {
                            (found[0] - first).powi(2) + (found[1] - total).powi(2)
                        })
                        .sum()
                };
                ours += error(&estimates(&rows, &whole, 3).unwrap());
                theirs += error(&usual(&rows, 3));
            }
            assert!(ours < 0.9 * theirs, "{ours} {theirs}");
        }
    }

    /// At 95 %, an interval of a hundred rows has the truth about as often as it says.
    #[test]
    fn intervals_have_the_truth_as_often_as_they_say() {
        let (mut held, mut all) = (0, 0);
        for seed in 0..60 {
            let found = indices(3, &outcomes(seed, 100, 3, ishigami), 0.95, seed).unwrap();
            for (found, (first, total)) in found.iter().zip(OF_ISHIGAMI) {
                for (estimate, truth) in [(found.first_order, first), (found.total, total)] {
                    held += u32::from(estimate.low <= truth && truth <= estimate.high);
                    all += 1;
                }
            }
        }
        let share = f64::from(held) / f64::from(all);
        assert!((0.90..=0.99).contains(&share), "{share}");
    }

    #[test]
    fn what_too_few_rows_say_is_no_fact() {
        let found = indices(3, &outcomes(1, 8, 3, cliff), 0.95, 1).unwrap();
        assert!(found.iter().any(|index| !index.is_known()), "{found:?}");
        assert!(rows_needed(&found, 8).unwrap() >= 16);
        let estimate = |value, low, high| Estimate { value, low, high };
        assert_eq!(
            estimate(1.31, 0.9, 1.9).known(),
            None,
            "wider than 50 points"
        );
        assert_eq!(estimate(-0.4, -0.5, -0.1).known(), None, "no share at all");
        let known = estimate(-0.01, -0.06, 0.04).known().unwrap();
        assert_eq!(known, estimate(0.0, 0.0, 0.04));
        let sure = Indices {
            first_order: estimate(0.5, 0.4, 0.6),
            total: estimate(0.5, 0.4, 0.6),
        };
        assert_eq!(rows_needed(&[sure], 64), None);
    }

    #[test]
    fn what_does_not_matter_has_no_share() {
        let found = indices(2, &outcomes(1, 200, 2, |x| 3.0 * x[0]), 0.95, 1).unwrap();
        let idle = [found[1].first_order.value, found[1].total.value];
        assert!(idle.iter().all(|share| share.abs() < 1e-9), "{idle:?}");
        assert!((found[0].total.value - 1.0).abs() < 1e-9);
        assert_eq!(indices(2, &outcomes(1, 200, 2, |_| 4.0), 0.95, 1), None);
    }
}
