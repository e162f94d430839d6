//! The mean of counts that are zero in most rollouts and then many at once.
//!
//! The t interval of such a mean is far too narrow: what it takes the spread from are the few rollouts that were
//! not zero. Here the mean is the product of two quantities that are known apart, the share p of rollouts with any
//! and the mean μ of what those cost, each with limits of its own:
//!
//! - p by the binomial law with mid-p (Lancaster, *Significance tests in discrete distributions*, JASA 56, 1961).
//!   An interval is given only from [`FEWEST`] rollouts with any on, so the law is that of their number *given*
//!   that it is so large; otherwise rollouts that had more than usual would alone be heard, and be wrong. The
//!   interval with exactly so many begins at zero for that reason. A p under which even [`FEWEST`] are not
//!   surprisingly few has the whole error in its upper tail.
//! - μ by Student's t, transformed for skewness (Hall, *On the removal of skewness by transformation*, J. R.
//!   Statist. Soc. B 54(1), 1992). A sample has rarely seen the tail that its law has: on the long side, what the
//!   values beyond the mean add to the skewness counts 1.4 times.
//! - Their product over all pairs (p, μ) whose deviations, in units of the limits, add up to one in squares: the
//!   profile of θ = pμ if both are normal after a transformation of their own; MOVER with its second-order term
//!   (Zou and Donner, *Construction of confidence limits about effect measures*, Statistics in Medicine 27, 2008).
//!
//! Differences have two signs: their skewness is that of their sizes, as far as they go one way.
//! docs/VALIDATION.md, "Intervals that cover", has the coverage; the 1.4, and [`FEWEST`], were chosen by it.

use std::f64::consts::FRAC_PI_2;

use super::student_t;

/// With fewer values that are not zero, no interval of a mean is given: 20.
pub const FEWEST: u64 = 20;

/// So much more the values beyond the mean count in the skewness of the long side.
const UNSEEN_TAIL: f64 = 0.4;

/// What the values were that were not zero, in words: "if any, about N (a to b)".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IfAny {
    /// How many were not zero, at least one.
    pub runs: u64,
    /// Their median.
    pub median: f64,
    /// The least of them.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

/// The interval of the mean of values, each with how often it occurred. `None` if fewer than [`FEWEST`] are not
/// zero, if there are no more than so many values, or if all are the same, which says nothing about their spread.
pub fn mean_interval(
    values: impl Iterator<Item = (f64, u64)> + Clone,
    level: f64,
) -> Option<(f64, f64)> {
    let sizes = Sizes::of(values)?;
    let share = Limits::of_share(sizes.nonzero, sizes.n, level);
    let size = sizes.limits(level)?;
    // Enough steps of a quarter turn that the extreme is known to five digits.
    let turns = || (0..=180).map(|step| (FRAC_PI_2 * f64::from(step) / 180.0).sin_cos());
    let product = |share_end: f64, size_end: f64| {
        turns().map(move |(sin, cos)| {
            (share.estimate + (share_end - share.estimate) * cos)
                * (size.estimate + (size_end - size.estimate) * sin)
        })
    };
    let near = product(share.low, size.low).fold(f64::INFINITY, f64::min);
    let far = product(share.high, size.high).fold(f64::NEG_INFINITY, f64::max);
    Some(if sizes.mean < 0.0 {
        (-far, -near)
    } else {
        (near, far)
    })
}

/// An estimate and its limits.
struct Limits {
    low: f64,
    estimate: f64,
    high: f64,
}

/// The values that are not zero.
struct Sizes {
    n: u64,
    nonzero: u64,
    mean: f64,
    /// Standard deviation.
    deviation: f64,
    /// How far they go one way: (Σx / Σ|x|)², 1 if all have the same sign.
    one_way: f64,
    /// What sizes above and below their mean add to their skewness, each positive.
    skewness: (f64, f64),
}

impl Sizes {
    fn of(values: impl Iterator<Item = (f64, u64)> + Clone) -> Option<Sizes> {
        let values = values.filter(|(_, times)| *times > 0);
        let n = values.clone().map(|(_, times)| times).sum();
        let first = values.clone().next()?.0;
        let all_same = values.clone().all(|(x, _)| x == first);
        let sizes = values
            .filter(|(x, _)| *x != 0.0)
            .map(|(x, times)| (x, times as f64));
        let sum =
            |of: &dyn Fn(f64) -> f64| sizes.clone().map(|(x, times)| of(x) * times).sum::<f64>();
        let count = sum(&|_| 1.0);
        // Of no more runs than that, all would have to be heard of: that says nothing about the share.
        if all_same || count < FEWEST as f64 || n <= FEWEST {
            return None;
        }
        let (mean, size) = (sum(&|x| x) / count, sum(&f64::abs) / count);
        let spread = sum(&|x| (x.abs() - size).powi(2)) / count;
        // Without bias for normal sizes (Joanes and Gill, The Statistician 47(1), 1998).
        let unbiased = (count * (count - 1.0)).sqrt() / (count - 2.0);
        let scale = if spread > 0.0 {
            spread.powf(-1.5) / count * unbiased
        } else {
            0.0
        };
        let above = sum(&|x| (x.abs() - size).max(0.0).powi(3)) * scale;
        let below = sum(&|x| (size - x.abs()).max(0.0).powi(3)) * scale;
        Some(Sizes {
            n,
            nonzero: count as u64,
            mean,
            deviation: (sum(&|x| (x - mean).powi(2)) / (count - 1.0)).sqrt(),
            one_way: (mean / size).powi(2),
            skewness: (above, below),
        })
    }

    /// Limits of the mean, as if it were positive.
    fn limits(&self, level: f64) -> Option<Limits> {
        let (above, below) = self.skewness;
        let skewness = above - below;
        let error = self.deviation / (self.nonzero as f64).sqrt();
        let t = student_t(level, self.nonzero - 1)?;
        let limit = |t: f64, skewness: f64| {
            self.mean.abs()
                - error * untransformed(t, self.one_way * skewness / (self.nonzero as f64).sqrt())
        };
        Some(Limits {
            low: limit(t, skewness - UNSEEN_TAIL * below),
            estimate: self.mean.abs(),
            high: limit(-t, skewness + UNSEEN_TAIL * above),
        })
    }
}

/// The studentised mean of which `z` is Hall's transform: g(T) = T + cT²/3 + c²T³/27 + c/6, c being the skewness
/// over the root of the count. g is a cube, so its inverse is a cube root.
fn untransformed(z: f64, c: f64) -> f64 {
    if c.abs() < 1e-9 {
        z
    } else {
        3.0 / c * ((1.0 + c * (z - c / 6.0)).cbrt() - 1.0)
    }
}

impl Limits {
    /// Of the share of rollouts with any, `hits` of `n` and at least [`FEWEST`] having had some.
    fn of_share(hits: u64, n: u64, level: f64) -> Limits {
        let alpha = 1.0 - level;
        let high = |hits: u64| {
            if hits == n {
                1.0
            } else {
                share_with_tail(hits, n, 1.0 - alpha / 2.0)
            }
        };
        let low = match hits {
            FEWEST => 0.0,
            _ => high(FEWEST).clamp(
                share_with_tail(hits, n, alpha / 2.0),
                share_with_tail(hits, n, alpha),
            ),
        };
        Limits {
            low,
            estimate: hits as f64 / n as f64,
            high: high(hits),
        }
    }
}

/// The share under which `hits` of `n` or more have this probability, by bisection.
fn share_with_tail(hits: u64, n: u64, tail: f64) -> f64 {
    // Twelve standard deviations to either side, and some for few: no level asks for more.
    let (hit, wide) = (hits as f64, 12.0 * (hits as f64).sqrt());
    let (mut low, mut high) = (
        (hit - wide).max(0.0) / n as f64,
        ((hit + wide + 80.0) / n as f64).min(1.0),
    );
    for _ in 0..52 {
        let middle = f64::midpoint(low, high);
        if upper_tail(hits, n, middle) < tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// P(X > hits) + P(X = hits)/2 of a binomial X that is at least [`FEWEST`]. Probabilities are relative to that of
/// `hits`, so that none is too small for a number.
fn upper_tail(hits: u64, n: u64, p: f64) -> f64 {
    let odds = p / (1.0 - p);
    let above = summed((hits + 1..=n).map(|x| (n - x + 1) as f64 / x as f64 * odds));
    let below = summed(
        (FEWEST..hits)
            .rev()
            .map(|x| (x + 1) as f64 / ((n - x) as f64 * odds)),
    );
    if below.is_infinite() {
        0.0
    } else {
        (above + 0.5) / (above + 1.0 + below)
    }
}

/// The sum of the products of so many of the first ratios, as far as it matters; the ratios fall.
fn summed(ratios: impl Iterator<Item = f64>) -> f64 {
    let (mut term, mut sum) = (1.0, 0.0);
    for ratio in ratios {
        term *= ratio;
        sum += term;
        if ratio < 1.0 && term < 1e-16 * (1.0 + sum) {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(got: f64, expected: f64) {
        assert!(
            (got - expected).abs() <= 1e-6 * expected.abs().max(1e-3),
            "{got} is not {expected}"
        );
    }

    fn clumps(any: u64, of: u64, size: f64) -> Option<(f64, f64)> {
        mean_interval([(0.0, of - any), (size, any)].into_iter(), 0.95)
    }

    #[test]
    fn below_the_fewest_and_without_spread_there_is_none() {
        assert_eq!(clumps(19, 1_000, 700.0), None);
        assert_eq!(clumps(1_000, 1_000, 700.0), None, "all are the same");
        assert_eq!(mean_interval(std::iter::empty(), 0.95), None);
        let (low, high) = clumps(20, 1_000, 700.0).unwrap();
        assert_eq!(
            low, 0.0,
            "no share is too small where only so many are heard of"
        );
        assert!(high > 14.0);
        assert_eq!(clumps(20, 20, 700.0), None);
        assert_eq!(
            mean_interval((1..=20).map(|x| (f64::from(x), 1)), 0.95),
            None,
            "all would have to be heard of"
        );
    }

    /// Where chance left much to hear of, the share's limits are those of the binomial law with mid-p. Reference:
    /// scipy 1.17, `binom`, by bisection.
    #[test]
    fn shares_of_many_have_the_mid_p_limits() {
        for (hits, n, low, high) in [
            (60, 1_000, 0.046_505_844_558, 0.076_039_072_578),
            (500, 1_000, 0.469_032_262_415, 0.530_967_737_585),
            (999, 1_000, 0.995_078_238_390, 0.999_949_979_715),
            // The law of those of which 20 or more were seen reaches further down.
            (25, 1_000, 0.014_140_111_069, 0.036_023_649_346),
        ] {
            let limits = Limits::of_share(hits, n, 0.95);
            close(limits.low, low);
            close(limits.high, high);
        }
    }

    #[test]
    fn a_sign_turns_the_interval() {
        let values = |sign: f64| {
            (0..500).map(move |i| {
                (
                    if i % 10 == 0 {
                        sign * f64::from(i)
                    } else {
                        0.0
                    },
                    1,
                )
            })
        };
        let (low, high) = mean_interval(values(1.0), 0.95).unwrap();
        assert_eq!(mean_interval(values(-1.0), 0.95).unwrap(), (-high, -low));
        let often = values(1.0).map(|(x, _)| (x, 3));
        let (narrow_low, narrow_high) = mean_interval(often, 0.95).unwrap();
        assert!(low < narrow_low && narrow_high < high);
    }

    /// Ten million rollouts are judged at once, and no interval is empty or without its mean.
    #[test]
    fn intervals_hold_their_estimate() {
        for (any, of) in [
            (20, 21),
            (20, 10_000_000),
            (21, 1_000),
            (400, 400_000),
            (999_999, 1_000_000),
        ] {
            let (low, high) = clumps(any, of, 700.0).unwrap();
            let mean = 700.0 * any as f64 / of as f64;
            assert!(
                0.0 <= low && low < mean && mean < high && high < 700.0 + 1e-9,
                "{any} of {of}: {low} to {high}"
            );
        }
    }
}
