//! Random counts: how many of so many, how many in so long.

use rand_distr::{Binomial, Distribution, Poisson, StandardNormal};

use crate::dist::unit_exponential;
use crate::random::Stream;

/// Below this mean a count is found by summing probabilities, which is faster than any rejection.
const SMALL: f64 = 12.0;

/// So few trials are made one by one.
const TRIALS: u64 = 8;

/// Up to so many fair coins are tossed one by one, 64 at a time.
const COINS: u64 = 256;

/// Above this mean a Poisson count is a rounded polynomial of a normal variable.
const LARGE: f64 = 40.0;

/// The law of a Poisson count, prepared.
///
/// Above a mean of 40 it is the Cornish–Fisher expansion to the fourth cumulant (Abramowitz and Stegun,
/// 26.2.49; Sheppard's correction for rounding), whose distribution function is within 4e-5 of the true
/// one there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoissonCount {
    mean: f64,
    deviation: f64,
    /// Its factor in the expansion's last term.
    last: f64,
}

impl PoissonCount {
    /// The law with this mean.
    pub fn new(mean: f64) -> PoissonCount {
        let deviation = (mean - 1.0 / 12.0).max(0.0).sqrt();
        PoissonCount {
            mean,
            deviation,
            last: 1.0 / (72.0 * deviation),
        }
    }

    /// A count.
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> u64 {
        if self.mean <= LARGE {
            return self.draw_small(stream);
        }
        let z: f64 = StandardNormal.sample(stream.generator());
        let square = z * z;
        let count =
            self.mean + self.deviation * z + (square - 1.0) / 6.0 + (z - square * z) * self.last;
        (count + 0.5).max(0.0) as i64 as u64
    }

    fn draw_small(&self, stream: &mut Stream) -> u64 {
        let mean = self.mean;
        if mean < SMALL {
            return invert(stream.uniform(), (-mean).exp(), |k| mean * reciprocal(k));
        }
        Poisson::new(mean).map_or(0, |poisson| poisson.sample(stream.generator()) as u64)
    }
}

/// How many of `n` succeed, each with probability `p`.
pub fn binomial(n: u64, p: f64, stream: &mut Stream) -> u64 {
    if n == 0 || p <= 0.0 {
        return 0;
    }
    if p >= 1.0 {
        return n;
    }
    if n <= TRIALS {
        return (0..n).filter(|_| stream.chance(p)).count() as u64;
    }
    if p > 0.5 {
        return n - binomial(n, 1.0 - p, stream);
    }
    if n as f64 * p < SMALL {
        let (odds, none) = (p / (1.0 - p), (n as f64 * (-p).ln_1p()).exp());
        return invert(stream.uniform(), none, |k| {
            odds * (n + 1).saturating_sub(k) as f64 * reciprocal(k)
        })
        .min(n);
    }
    Binomial::new(n, p).map_or(0, |binomial| binomial.sample(stream.generator()))
}

/// How many of `n` fair coins show heads.
///
/// More than 256 coins are a rounded normal variable: for so many its distribution function is within
/// 4e-4 of the true one, a tenth of what 100,000 replications could tell.
pub fn heads(n: u64, stream: &mut Stream) -> u64 {
    if n <= COINS {
        let whole: u64 = (0..n / 64)
            .map(|_| u64::from(stream.bits().count_ones()))
            .sum();
        let rest = if !n.is_multiple_of(64) {
            stream.bits() >> (64 - n % 64)
        } else {
            0
        };
        return whole + u64::from(rest.count_ones());
    }
    let z: f64 = StandardNormal.sample(stream.generator());
    let (mean, deviation) = (n as f64 / 2.0, (n as f64).sqrt() / 2.0);
    (mean + deviation * z + 0.5).clamp(0.0, n as f64) as i64 as u64
}

/// The greatest of so many uniform draws: U^(1/n), by way of −ln U, which is exponential.
pub fn greatest(n: u64, stream: &mut Stream) -> f64 {
    (-unit_exponential(stream) / n as f64).exp()
}

/// The sum of so many independent draws, by the central limit theorem; never negative.
pub fn normal_sum(mean: f64, variance: f64, stream: &mut Stream) -> f64 {
    let z: f64 = StandardNormal.sample(stream.generator());
    (mean + variance.sqrt() * z).max(0.0)
}

/// 1/k, without the division where it can be helped.
fn reciprocal(k: u64) -> f64 {
    const TABLE: [f64; 64] = {
        let mut table = [1.0; 64];
        let mut k = 1;
        while k < table.len() {
            table[k] = 1.0 / k as f64;
            k += 1;
        }
        table
    };
    TABLE
        .get(k as usize)
        .copied()
        .unwrap_or_else(|| 1.0 / k as f64)
}

/// The count whose distribution function first exceeds `u`. `ratio(k)` is P(k)/P(k − 1).
fn invert(mut u: f64, none: f64, ratio: impl Fn(u64) -> f64) -> u64 {
    let (mut probability, mut k) = (none, 0);
    // A probability too small to matter ends the sum, whatever rounding has left of u.
    while u >= probability && (probability > 1e-18 || k < 16) {
        u -= probability;
        k += 1;
        probability *= ratio(k);
    }
    k
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    #[test]
    fn the_greatest_of_many() {
        let mut stream = Streams::new(5, 0).at(Purpose::Arrival, 0);
        for n in [1, 2, 30, 100_000] {
            let sum: f64 = (0..40_000)
                .map(|_| n as f64 * (1.0 - greatest(n, &mut stream)))
                .sum();
            let (mean, expected) = (sum / 40_000.0, n as f64 / (n + 1) as f64);
            assert!(
                (mean - expected).abs() < 0.02,
                "{n}: {mean}, not {expected}"
            );
        }
    }

    /// Counts have the mean and the variance of their law.
    #[track_caller]
    fn check(mean: f64, variance: f64, mut count: impl FnMut(&mut Stream) -> u64) {
        const DRAWS: usize = 40_000;
        let mut stream = Streams::new(5, 0).at(Purpose::Arrival, 0);
        let counts: Vec<f64> = (0..DRAWS).map(|_| count(&mut stream) as f64).collect();
        let got = counts.iter().sum::<f64>() / DRAWS as f64;
        assert!(
            (got - mean).abs() <= 4.5 * (variance / DRAWS as f64).sqrt() + 1e-12,
            "mean {got}, expected {mean}"
        );
        let squares: Vec<f64> = counts.iter().map(|x| (x - mean).powi(2)).collect();
        let spread = squares.iter().sum::<f64>() / DRAWS as f64;
        let fourth = squares.iter().map(|x| (x - spread).powi(2)).sum::<f64>() / DRAWS as f64;
        let tolerance = 4.5 * (fourth / DRAWS as f64).sqrt() + 1e-12;
        assert!(
            (spread - variance).abs() <= tolerance,
            "variance {spread} ± {tolerance}, expected {variance}"
        );
    }

    #[test]
    fn poisson_counts() {
        for mean in [0.0, 1e-3, 0.7, 5.0, 11.9, 12.1, 39.0, 41.0, 300.0, 1e6] {
            check(mean, mean, |stream| PoissonCount::new(mean).draw(stream));
        }
    }

    #[test]
    fn binomial_counts() {
        for (n, p) in [
            (0, 0.3),
            (1, 0.3),
            (7, 0.5),
            (100, 0.999),
            (40, 0.1),
            (1_000, 0.02),
            (100_000, 0.7),
            (9, 1.0),
        ] {
            let mean = n as f64 * p;
            check(mean, mean * (1.0 - p), |stream| binomial(n, p, stream));
        }
    }

    #[test]
    fn coins() {
        for n in [0, 1, 63, 64, 65, 256, 257, 1_000, 1_000_000] {
            check(n as f64 / 2.0, n as f64 / 4.0, |stream| heads(n, stream));
        }
    }
}
