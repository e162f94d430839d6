//! What a sample says about what it was drawn from. Plain structs; each formula cites its source.

mod frequencies;
mod paired;
pub mod zero_inflated;

pub use frequencies::{Frequencies, Measurements};
pub use paired::PairedDifference;
use statrs::distribution::{Beta, ContinuousCDF, Normal, StudentsT};
pub use zero_inflated::IfAny;

/// Mean and variance of a stream of numbers, in one pass without cancellation.
///
/// Welford, *Note on a method for calculating corrected sums of squares and products*,
/// Technometrics 4(3), 1962.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    n: u64,
    mean: f64,
    squares: f64,
}

/// A quantity over the replications: its mean with a confidence interval, and the quantiles
/// between which single replications fall.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many values.
    pub n: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Interval of the mean: of counts [`zero_inflated::mean_interval`]; of measurements Student's t, or the former
    /// around their usual value. `None` where the values do not say enough.
    pub mean_interval: Option<(f64, f64)>,
    /// Confidence level of the interval.
    pub level: f64,
    /// 5 % quantile: with `p95`, the 90 % prediction interval.
    pub p05: f64,
    /// Median.
    pub p50: f64,
    /// 95 % quantile.
    pub p95: f64,
    /// Greatest value.
    pub max: f64,
    /// Those of the counts that are not zero; `None` of measurements, or if there is none.
    pub if_any: Option<IfAny>,
}

/// A share of replications, with its exact interval.
///
/// Clopper and Pearson, *The use of confidence or fiducial limits illustrated in the case of the
/// binomial*, Biometrika 26(4), 1934; by quantiles of the beta distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proportion {
    /// In how many replications it happened.
    pub hits: u64,
    /// Of how many.
    pub n: u64,
    /// `hits / n`.
    pub probability: f64,
    /// Lower end of the two-sided interval.
    pub low: f64,
    /// Upper end of the two-sided interval.
    pub high: f64,
    /// Confidence level of the interval.
    pub level: f64,
}

/// Variance split into what differs between environments and what chance adds within one, from
/// twins: pairs of replications in the same environment, everything else drawn afresh.
///
/// The share is the intraclass correlation of a one-way random-effects model with groups of two,
/// (MSB − MSW) / (MSB + MSW), its interval Fisher's z with variance 1/(n − 3/2) (Fisher,
/// *Statistical Methods for Research Workers*, §39); the interval is exact for normal values only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VarianceSplit {
    /// Share of the variance that lies between environments, 0 to 1.
    pub between: f64,
    /// Interval of `between`, 0 to 1; `None` with fewer than three pairs.
    pub between_interval: Option<(f64, f64)>,
    /// Confidence level of the interval.
    pub level: f64,
    /// How many pairs.
    pub pairs: u64,
}

impl Moments {
    /// Of `n` whole numbers by their sums, which are exact: Σ(x − x̄)² = (n Σx² − (Σx)²) / n.
    pub fn of_sums(n: u64, sum: u128, squares: u128) -> Moments {
        let count = u128::from(n.max(1));
        let spread = match (count.checked_mul(squares), sum.checked_mul(sum)) {
            (Some(squares), Some(square)) => squares.saturating_sub(square) as f64 / count as f64,
            _ => (squares as f64 - sum as f64 * (sum as f64 / count as f64)).max(0.0),
        };
        Moments {
            n,
            mean: sum as f64 / count as f64,
            squares: spread,
        }
    }

    /// Of `n` numbers by the sums of their whole multiples of `unit`, where some may be negative.
    fn of_signed_sums(n: u64, sum: i128, squares: i128, unit: f64) -> Moments {
        let mean = sum as f64 / n.max(1) as f64;
        let spread = (squares as f64 - sum as f64 * mean).max(0.0);
        Moments {
            n,
            mean: mean * unit,
            squares: spread * unit * unit,
        }
    }

    /// Takes one number in.
    pub fn push(&mut self, x: f64) {
        self.push_many(x, 1);
    }

    /// Takes the same number in so many times (West, *Updating mean and variance estimates*, Communications of the
    /// ACM 22(9), 1979).
    pub fn push_many(&mut self, x: f64, times: u64) {
        if times == 0 {
            return;
        }
        self.n += times;
        let delta = x - self.mean;
        self.mean += delta * (times as f64 / self.n as f64);
        self.squares += times as f64 * delta * (x - self.mean);
    }

    /// How many numbers.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Their mean; 0 for none.
    pub const fn mean(&self) -> f64 {
        self.mean
    }

    /// Their sample variance (n − 1); 0 for fewer than two.
    pub fn variance(&self) -> f64 {
        if self.n < 2 {
            0.0
        } else {
            self.squares / (self.n - 1) as f64
        }
    }

    /// Student-t interval of the mean (Student, *The probable error of a mean*, Biometrika 6(1), 1908);
    /// `None` for fewer than two numbers.
    pub fn mean_interval(&self, level: f64) -> Option<(f64, f64)> {
        self.mean_interval_varying(level, 0.0)
    }

    /// As [`Moments::mean_interval`], of numbers that are known to vary by `least` at the least: a few that
    /// agree by chance do not make a narrow interval.
    pub fn mean_interval_varying(&self, level: f64, least: f64) -> Option<(f64, f64)> {
        let half = student_t(level, self.n.checked_sub(1)?)?
            * (self.variance().max(least) / self.n as f64).sqrt();
        Some((self.mean - half, self.mean + half))
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Moments {
        let mut moments = Moments::default();
        numbers.into_iter().for_each(|x| moments.push(x));
        moments
    }
}

impl Summary {
    /// Of any measurement; `None` if there is none.
    ///
    /// Where one value is usual, what counts is how the others differ from it: see [`zero_inflated`].
    pub fn of(values: impl IntoIterator<Item = f64>, level: f64) -> Option<Summary> {
        let values: Frequencies = values.into_iter().collect();
        let moments = values.moments();
        Summary::around_the_usual(&values, moments, values.max()?, level)
    }

    /// Of measurements that were counted: as [`Summary::of`].
    pub fn of_measurements(values: &Measurements, level: f64) -> Option<Summary> {
        Summary::around_the_usual(values.frequencies(), values.moments(), values.max()?, level)
    }

    /// Of amounts that every replication has, none of them an exception: as [`Summary::of`].
    pub fn of_amounts(values: &Frequencies, level: f64) -> Option<Summary> {
        Summary::around_the_usual(values, values.moments(), values.max()?, level)
    }

    fn around_the_usual(
        values: &Frequencies,
        moments: Moments,
        max: f64,
        level: f64,
    ) -> Option<Summary> {
        let (usual, times) = values.usual()?;
        let interval = if times >= zero_inflated::FEWEST || times == values.n() {
            let others = values.iter().map(|(x, times)| (x - usual, times));
            zero_inflated::mean_interval(others, level)
                .map(|(low, high)| (usual + low, usual + high))
        } else {
            moments.mean_interval(level)
        };
        Summary::with(values, moments, max, interval, level)
    }

    /// Of counts, of which none is usual but zero: [`zero_inflated::mean_interval`].
    pub fn of_counts(counts: impl IntoIterator<Item = u64>, level: f64) -> Option<Summary> {
        let counts = counts.into_iter().map(|count| count as f64).collect();
        Summary::of_counted(&counts, level)
    }

    /// Of counts that were counted: as [`Summary::of_counts`].
    pub fn of_counted(counts: &Frequencies, level: f64) -> Option<Summary> {
        let interval = zero_inflated::mean_interval(counts.iter(), level);
        let interval = interval.map(|(low, high)| (low.max(0.0), high));
        let summary = Summary::with(counts, counts.moments(), counts.max()?, interval, level)?;
        Some(Summary {
            if_any: counts.if_any(),
            ..summary
        })
    }

    fn with(
        values: &Frequencies,
        moments: Moments,
        max: f64,
        mean_interval: Option<(f64, f64)>,
        level: f64,
    ) -> Option<Summary> {
        let [p05, p50, p95] = values.quantiles([0.05, 0.50, 0.95])?;
        Some(Summary {
            n: moments.n,
            mean: moments.mean,
            mean_interval,
            level,
            p05,
            p50,
            p95,
            max,
            if_any: None,
        })
    }
}

impl Proportion {
    /// `hits` of `n`, with a two-sided interval; `None` of none.
    pub fn of(hits: u64, n: u64, level: f64) -> Option<Proportion> {
        if n == 0 || hits > n {
            return None;
        }
        let tail = (1.0 - level) / 2.0;
        let (k, rest) = (hits as f64, (n - hits) as f64);
        let low = if hits == 0 {
            0.0
        } else {
            Beta::new(k, rest + 1.0).ok()?.inverse_cdf(tail)
        };
        let high = if hits == n {
            1.0
        } else {
            Beta::new(k + 1.0, rest).ok()?.inverse_cdf(1.0 - tail)
        };
        Some(Proportion {
            hits,
            n,
            probability: k / n as f64,
            low,
            high,
            level,
        })
    }
}

/// The greatest probability that still leaves `n` runs without a hit once in 1/(1 − level) times:
/// 1 − α^(1/n), the "rule of three" (Hanley and Lippman-Hand, *If nothing goes wrong, is everything
/// all right?*, JAMA 249(13), 1983).
pub fn zero_bound(n: u64, level: f64) -> f64 {
    if n == 0 {
        1.0
    } else {
        -((1.0 - level).ln() / n as f64).exp_m1()
    }
}

impl VarianceSplit {
    /// Of twins; `None` if nothing varies or there are fewer than two pairs.
    pub fn of_twins(pairs: &[(f64, f64)], level: f64) -> Option<VarianceSplit> {
        let n = pairs.len() as f64;
        let between = 2.0
            * pairs
                .iter()
                .map(|(x, y)| (x + y) / 2.0)
                .collect::<Moments>()
                .variance();
        let within = pairs
            .iter()
            .map(|(x, y)| (x - y).powi(2) / 2.0)
            .sum::<f64>()
            / n;
        if pairs.len() < 2 || between + within <= 0.0 {
            return None;
        }
        let correlation = (between - within) / (between + within);
        let interval = (pairs.len() >= 3).then(|| {
            // Away from ±1, where the transform has no value: twins that agree in all pairs still leave a doubt.
            let z = correlation.clamp(-0.999_999, 0.999_999).atanh();
            let half = standard_normal(level) / (n - 1.5).sqrt();
            (
                (z - half).tanh().clamp(0.0, 1.0),
                (z + half).tanh().clamp(0.0, 1.0),
            )
        });
        Some(VarianceSplit {
            between: correlation.clamp(0.0, 1.0),
            between_interval: interval,
            level,
            pairs: pairs.len() as u64,
        })
    }

    /// Share of the variance that is chance within an environment, 0 to 1.
    pub fn within(&self) -> f64 {
        1.0 - self.between
    }
}

/// Quantile `p` of sorted values, linear between the order statistics next to (n − 1)p: type 7 of
/// Hyndman and Fan, *Sample quantiles in statistical packages*, The American Statistician 50(4), 1996.
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let position = sorted.len().checked_sub(1)? as f64 * p.clamp(0.0, 1.0);
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    Some(below + (above - below) * position.fract())
}

/// The two-sided t quantile: P(|T| ≤ t) = level. `None` without a degree of freedom.
///
/// The beta quantile behind `inverse_cdf` loses digits as the degrees of freedom grow (the third at ten
/// million), so beyond 10,000 the Cornish–Fisher expansion about the normal quantile stands in, there
/// good to 12 digits (Abramowitz and Stegun 26.7.5).
fn student_t(level: f64, freedom: u64) -> Option<f64> {
    if freedom > 10_000 {
        let (z, nu) = (standard_normal(level), freedom as f64);
        return Some(
            z + (z.powi(3) + z) / (4.0 * nu)
                + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * nu * nu),
        );
    }
    Some(
        StudentsT::new(0.0, 1.0, freedom as f64)
            .ok()?
            .inverse_cdf(0.5 + level / 2.0),
    )
}

/// The two-sided normal quantile: P(|Z| ≤ z) = level.
pub fn standard_normal(level: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + level / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream, Streams};

    #[track_caller]
    fn close(got: f64, expected: f64) {
        assert!(
            (got - expected).abs() <= 1e-9 * expected.abs().max(1e-3),
            "{got} is not {expected}"
        );
    }

    /// Reference: mpmath 1.3 by bisection of the regularised incomplete beta function, 30 digits.
    #[test]
    fn t_quantiles_are_the_tables() {
        for (level, freedom, expected) in [
            (0.95, 1, 12.706204736175),
            (0.95, 9, 2.2621571627982),
            (0.99, 9, 3.2498355415921),
            (0.95, 29, 2.0452296421327),
            (0.95, 999, 1.9623414611334),
        ] {
            close(student_t(level, freedom).unwrap(), expected);
        }
        assert!(
            (student_t(0.95, 10_000).unwrap() - student_t(0.95, 10_001).unwrap()).abs() < 1e-7,
            "no step"
        );
        assert!((student_t(0.95, 10_000_000).unwrap() - standard_normal(0.95)).abs() < 1e-6);
        assert_eq!(student_t(0.95, 0), None);
    }

    #[test]
    fn clopper_pearson_is_the_textbook_s() {
        for (hits, n, low, high) in [
            (0, 10, 0.0, 0.308497107819),
            (1, 10, 0.00252857854446, 0.445016117028),
            (8, 20, 0.191190060725, 0.639457412693),
            (990, 1000, 0.981686756945, 0.995194489309),
            (1000, 1000, 0.996317916103, 1.0),
            (0, 1000, 0.0, 0.00368208389687),
        ] {
            let proportion = Proportion::of(hits, n, 0.95).unwrap();
            close(proportion.low, low);
            close(proportion.high, high);
        }
        assert_eq!(Proportion::of(0, 0, 0.95), None);
        assert_eq!(Proportion::of(3, 2, 0.95), None);
    }

    #[test]
    fn nothing_seen_is_a_bound() {
        close(zero_bound(10, 0.95), 1.0 - 0.05_f64.powf(0.1));
        assert!(
            zero_bound(298, 0.95) > 0.01 && zero_bound(299, 0.95) <= 0.01,
            "299 runs show 1 %"
        );
        assert!(
            zero_bound(2994, 0.95) > 0.001 && zero_bound(2995, 0.95) <= 0.001,
            "2,995 runs show 0.1 %"
        );
        assert_eq!(zero_bound(0, 0.95), 1.0);
        let never = Summary::of_counts([0; 1000], 0.95).unwrap();
        assert_eq!(
            (never.mean, never.mean_interval, never.if_any),
            (0.0, None, None)
        );
    }

    #[test]
    fn a_summary_of_ten() {
        let summary = Summary::of((1..=10).map(f64::from), 0.95).unwrap();
        assert_eq!((summary.n, summary.mean, summary.max), (10, 5.5, 10.0));
        let (low, high) = summary.mean_interval.unwrap();
        close(low, 3.3341494103318);
        close(high, 7.6658505896682);
        close(summary.p05, 1.45);
        close(summary.p50, 5.5);
        close(summary.p95, 9.55);
    }

    #[test]
    fn of_one_or_none_nothing_is_claimed() {
        assert_eq!(Summary::of(vec![], 0.95), None);
        let one = Summary::of(vec![3.0], 0.95).unwrap();
        assert_eq!(
            (one.mean, one.mean_interval, one.p05, one.p95),
            (3.0, None, 3.0, 3.0)
        );
        assert_eq!(VarianceSplit::of_twins(&[], 0.95), None);
        assert_eq!(
            VarianceSplit::of_twins(&[(2.0, 2.0), (2.0, 2.0)], 0.95),
            None,
            "nothing varies"
        );
    }

    #[test]
    fn few_that_are_not_zero_are_told_and_no_interval() {
        let rare = Summary::of_counts([0, 9, 0, 0, 0, 4], 0.95).unwrap();
        assert_eq!(rare.mean_interval, None);
        assert_eq!(
            rare.if_any,
            Some(IfAny {
                runs: 2,
                median: 6.5,
                min: 4.0,
                max: 9.0
            })
        );
        let many = Summary::of_counts((0..100).map(|i| i % 4), 0.95).unwrap();
        let (low, high) = many.mean_interval.unwrap();
        assert!(0.0 < low && low < many.mean && many.mean < high, "{many:?}");
    }

    /// Successes are as rarely other than usual as failures are there.
    #[test]
    fn around_a_usual_value_the_others_count() {
        let clumps = |any: u64| (0..1_000).map(move |i| if i < any { 700 - i } else { 0 });
        let failed = Summary::of_counts(clumps(40), 0.95)
            .unwrap()
            .mean_interval
            .unwrap();
        let left = Summary::of(clumps(40).map(|count| (12_000 - count) as f64), 0.95).unwrap();
        let left = left.mean_interval.unwrap();
        close(left.0, 12_000.0 - failed.1);
        close(left.1, 12_000.0 - failed.0);
        let few = Summary::of(clumps(19).map(|count| (12_000 - count) as f64), 0.95).unwrap();
        assert_eq!((few.mean_interval, few.max), (None, 12_000.0));
        assert_eq!(
            Summary::of(vec![2.0; 40], 0.95).unwrap().mean_interval,
            None,
            "what never varied might"
        );
    }

    /// Irwin–Hall: twelve uniforms make a normal draw good enough here, with mean 0 and variance 1.
    fn normal(stream: &mut Stream) -> f64 {
        (0..12).map(|_| stream.uniform()).sum::<f64>() - 6.0
    }

    /// Intervals at 95 % contain the truth in 93 % to 97 % of 2,000 experiments.
    #[track_caller]
    fn check_coverage(experiment: impl Fn(&mut Stream) -> bool) {
        let hits = (0..2_000)
            .filter(|&i| experiment(&mut Streams::new(20_231_016, i).at(Purpose::Resampling, 0)))
            .count();
        assert!(
            (1_860..=1_940).contains(&hits),
            "{hits} of 2,000 intervals contain the truth"
        );
    }

    #[test]
    fn means_are_covered() {
        check_coverage(|stream| {
            let moments: Moments = (0..10).map(|_| 3.0 + 2.0 * normal(stream)).collect();
            let (low, high) = moments.mean_interval(0.95).unwrap();
            low <= 3.0 && 3.0 <= high
        });
    }

    #[test]
    fn proportions_are_covered() {
        check_coverage(|stream| {
            let hits = (0..1_000).filter(|_| stream.chance(0.4)).count() as u64;
            let proportion = Proportion::of(hits, 1_000, 0.95).unwrap();
            proportion.low <= 0.4 && 0.4 <= proportion.high
        });
    }

    #[test]
    fn shares_of_variance_are_covered() {
        check_coverage(|stream| {
            let pairs: Vec<_> = (0..100)
                .map(|_| {
                    let environment = 2.0 * normal(stream);
                    (environment + normal(stream), environment + normal(stream))
                })
                .collect();
            let (low, high) = VarianceSplit::of_twins(&pairs, 0.95)
                .unwrap()
                .between_interval
                .unwrap();
            low <= 0.8 && 0.8 <= high
        });
    }

    #[test]
    fn all_environment_or_all_chance() {
        let mut stream = Streams::new(1, 0).at(Purpose::Resampling, 0);
        let twins: Vec<_> = (0..200)
            .map(|_| normal(&mut stream))
            .map(|x| (x, x))
            .collect();
        assert_eq!(VarianceSplit::of_twins(&twins, 0.95).unwrap().between, 1.0);
        let opposites: Vec<_> = (0..200)
            .map(|_| normal(&mut stream))
            .map(|x| (x, -x))
            .collect();
        let split = VarianceSplit::of_twins(&opposites, 0.95).unwrap();
        assert_eq!(
            (split.between, split.within()),
            (0.0, 1.0),
            "a negative estimate is clamped"
        );
    }
}
