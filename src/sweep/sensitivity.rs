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

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Share of the variance. Noise may take it a little below 0 or above 1.
    pub value: f64,
    /// Lower end of the bootstrap interval.
    pub low: f64,
    /// Upper end of the bootstrap interval.
    pub high: f64,
}

/// What one axis does to the outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Indices {
    /// On its own: Σ f(B)(f(AB) − f(A)) / N over the variance, f taken from its mean (Saltelli et al.,
    /// Computer Physics Communications 181(2), 2010, table 2 (b)).
    pub first_order: Estimate,
    /// With all that it acts together with: Σ (f(A) − f(AB))² / 2N over the variance (Jansen, *Analysis of
    /// variance designs for model output*, Computer Physics Communications 117, 1999).
    pub total: Estimate,
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

/// First-order and total index of each axis.
fn estimates(rows: &[&[f64]], chosen: &[usize], axes: usize) -> Option<Vec<[f64; 2]>> {
    let moments: stats::Moments = chosen
        .iter()
        .flat_map(|row| rows[*row][..2].iter().copied())
        .collect();
    let (mean, variance) = (moments.mean(), moments.variance());
    if variance <= 0.0 {
        return None;
    }
    let n = chosen.len() as f64;
    let sum = |term: &dyn Fn(&[f64]) -> f64| chosen.iter().map(|row| term(rows[*row])).sum::<f64>();
    let of_axis = |axis: usize| {
        let first = sum(&|row| (row[1] - mean) * (row[axis + 2] - row[0])) / n / variance;
        let total = sum(&|row| (row[0] - row[axis + 2]).powi(2)) / (2.0 * n) / variance;
        [first, total]
    };
    Some((0..axes).map(of_axis).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// Uniform rows A and B and what `f` makes of them and of their mixtures.
    fn outcomes(rows: usize, axes: usize, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let mut stream = Streams::new(1, 0).at(Purpose::Design, 0);
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
    #[test]
    fn ishigami() {
        let angle = |share: f64| PI * (2.0 * share - 1.0);
        let f = |x: &[f64]| {
            angle(x[0]).sin()
                + 7.0 * angle(x[1]).sin().powi(2)
                + 0.1 * angle(x[2]).powi(4) * angle(x[0]).sin()
        };
        let found = indices(3, &outcomes(8_192, 3, f), 0.99, 1).unwrap();
        let expected = [(0.3139, 0.5576), (0.4424, 0.4424), (0.0, 0.2437)];
        for (found, (first, total)) in found.iter().zip(expected) {
            for (estimate, truth) in [(found.first_order, first), (found.total, total)] {
                assert!(
                    (estimate.value - truth).abs() < 0.03,
                    "{estimate:?} {truth}"
                );
                assert!(
                    estimate.low <= truth && truth <= estimate.high,
                    "{estimate:?} {truth}"
                );
            }
        }
    }

    #[test]
    fn what_does_not_matter_has_no_share() {
        let found = indices(2, &outcomes(200, 2, |x| 3.0 * x[0]), 0.95, 1).unwrap();
        assert_eq!(
            (found[1].first_order.value, found[1].total.value),
            (0.0, 0.0)
        );
        assert!((found[0].total.value - 1.0).abs() < 0.2);
        assert_eq!(indices(2, &outcomes(200, 2, |_| 4.0), 0.95, 1), None);
    }
}
