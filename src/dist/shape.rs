//! The shape of a distribution: its quantiles, its tail, its variance.

use statrs::function::erf::erfc_inv;
use statrs::function::gamma::gamma;

use super::{Dist, LogNormal, normal_cdf};
use crate::random::Stream;
use crate::time::Span;

impl LogNormal {
    /// The share of draws longer than `t` seconds.
    pub fn survival(&self, t: f64) -> f64 {
        if t <= 0.0 {
            1.0
        } else if self.sigma == 0.0 {
            f64::from(t < self.median_s)
        } else {
            normal_cdf((self.median_s / t).ln() / self.sigma)
        }
    }

    fn inverse(&self, p: f64) -> f64 {
        let z = -std::f64::consts::SQRT_2 * erfc_inv(2.0 * p);
        self.median_s * (self.sigma * z).exp()
    }

    /// The law of the product of two independent draws.
    #[must_use]
    pub fn times(&self, other: &LogNormal) -> LogNormal {
        LogNormal {
            median_s: self.median_s * other.median_s,
            sigma: self.sigma.hypot(other.sigma),
        }
    }

    /// The law of a draw whose product with an independent draw of `other` is known, in seconds. (On a
    /// logarithmic scale: the law of one of two normal summands, given their sum.)
    #[must_use]
    pub fn given_product(&self, other: &LogNormal, product: f64) -> LogNormal {
        let both = self.times(other);
        if both.sigma == 0.0 {
            return *self;
        }
        let share = (self.sigma / both.sigma).powi(2);
        LogNormal {
            median_s: self.median_s * (product / both.median_s).powf(share),
            sigma: self.sigma * other.sigma / both.sigma,
        }
    }
}

impl Dist {
    /// The share of draws longer than `t`.
    pub fn survival(&self, t: Span) -> f64 {
        let t = t.as_secs_f64();
        match self {
            Dist::Constant(span) => f64::from(t < span.as_secs_f64()),
            Dist::Uniform(low, high) => {
                let (low, high) = (low.as_secs_f64(), high.as_secs_f64());
                if high > low {
                    ((high - t) / (high - low)).clamp(0.0, 1.0)
                } else {
                    f64::from(t < low)
                }
            }
            Dist::Triangular(low, mode, high) => {
                let (a, c, b) = (low.as_secs_f64(), mode.as_secs_f64(), high.as_secs_f64());
                if t <= a || b <= a {
                    f64::from(t < a)
                } else if t < c {
                    1.0 - (t - a).powi(2) / ((b - a) * (c - a))
                } else {
                    (b - t).max(0.0).powi(2) / ((b - a) * (b - c).max(f64::MIN_POSITIVE))
                }
            }
            Dist::Exponential(mean) => {
                let mean = mean.as_secs_f64();
                if mean > 0.0 { (-t / mean).exp() } else { 0.0 }
            }
            Dist::LogNormal(log_normal) => log_normal.survival(t),
            Dist::Weibull { scale, shape } => {
                let scale = scale.as_secs_f64();
                if scale > 0.0 {
                    (-(t / scale).powf(*shape)).exp()
                } else {
                    0.0
                }
            }
            Dist::Empirical(spans) => {
                spans.iter().filter(|span| span.as_secs_f64() > t).count() as f64
                    / spans.len() as f64
            }
            Dist::Mixture(parts) => {
                let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
                parts
                    .iter()
                    .map(|(weight, dist)| weight * dist.survival(Span::from_secs_f64(t)))
                    .sum::<f64>()
                    / total
            }
        }
    }

    /// The span that a share `p` of the draws does not exceed, for `p` in [0, 1).
    pub fn quantile(&self, p: f64) -> Span {
        match self {
            Dist::Constant(span) => *span,
            Dist::Uniform(low, high) => *low + high.saturating_sub(*low).scaled(p),
            Dist::Triangular(low, mode, high) => super::triangular(*low, *mode, *high, p),
            Dist::Exponential(mean) => mean.scaled(-(-p).ln_1p()),
            Dist::LogNormal(log_normal) if p > 0.0 => Span::from_secs_f64(log_normal.inverse(p)),
            Dist::LogNormal(_) => Span::ZERO,
            Dist::Weibull { scale, shape } => scale.scaled((-(-p).ln_1p()).powf(1.0 / shape)),
            Dist::Empirical(_) | Dist::Mixture(_) => self.bisect(p),
        }
    }

    /// The share of draws that reach `least`.
    pub fn reach(&self, least: Span) -> f64 {
        if least == Span::ZERO {
            return 1.0;
        }
        self.survival(least.saturating_sub(Span::from_micros(1)))
    }

    /// One draw of those that reach `least`, by inversion: for laws whose tail is to be seen.
    pub fn sample_beyond(&self, least: Span, stream: &mut Stream) -> Span {
        self.quantile(1.0 - self.reach(least) * (1.0 - stream.uniform()))
            .max(least)
    }

    /// The least microsecond that is not exceeded by a share `p`: for forms without an inverse.
    fn bisect(&self, p: f64) -> Span {
        let (mut low, mut high) = (0, 1_000);
        while self.survival(Span::from_micros(high)) > 1.0 - p && high < 1 << 51 {
            high *= 2;
        }
        while low < high {
            let middle = (low + high) / 2;
            if self.survival(Span::from_micros(middle)) > 1.0 - p {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Span::from_micros(low)
    }

    /// The variance, in square seconds.
    pub fn variance(&self) -> f64 {
        match self {
            Dist::Constant(_) => 0.0,
            Dist::Uniform(low, high) => (high.as_secs_f64() - low.as_secs_f64()).powi(2) / 12.0,
            Dist::Triangular(low, mode, high) => {
                let (a, c, b) = (low.as_secs_f64(), mode.as_secs_f64(), high.as_secs_f64());
                (a * a + b * b + c * c - a * b - a * c - b * c) / 18.0
            }
            Dist::Exponential(mean) => mean.as_secs_f64().powi(2),
            Dist::LogNormal(l) => l.mean().powi(2) * ((l.sigma * l.sigma).exp() - 1.0),
            Dist::Weibull { scale, shape } => {
                scale.as_secs_f64().powi(2)
                    * (gamma(1.0 + 2.0 / shape) - gamma(1.0 + 1.0 / shape).powi(2))
            }
            Dist::Empirical(spans) => {
                let mean = self.mean();
                spans
                    .iter()
                    .map(|span| (span.as_secs_f64() - mean).powi(2))
                    .sum::<f64>()
                    / spans.len() as f64
            }
            Dist::Mixture(parts) => {
                let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
                let mean = self.mean();
                let about_mean = |dist: &Dist| dist.variance() + (dist.mean() - mean).powi(2);
                parts
                    .iter()
                    .map(|(weight, dist)| weight * about_mean(dist))
                    .sum::<f64>()
                    / total
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    fn forms() -> Vec<Dist> {
        let s = Span::from_secs;
        vec![
            Dist::Constant(s(3)),
            Dist::Uniform(s(1), s(3)),
            Dist::Triangular(s(2), s(6), s(13)),
            Dist::Exponential(s(5)),
            Dist::p50_p99_millis(140, 1_200),
            Dist::Weibull {
                scale: s(5),
                shape: 1.5,
            },
            Dist::Empirical(vec![s(1), s(2), s(5)]),
            Dist::Mixture(vec![
                (3.0, Dist::Constant(s(1))),
                (1.0, Dist::Exponential(s(9))),
            ]),
        ]
    }

    #[test]
    fn many_draws_are_as_one_by_one() {
        for dist in forms() {
            let [mut many, mut single] =
                [(); 2].map(|()| Streams::new(3, 0).at(Purpose::Service, 0));
            let mut drawn = [Span::ZERO; 77];
            dist.fill(&mut many, &mut drawn);
            assert_eq!(drawn, std::array::from_fn(|_| dist.sample(&mut single)));
            assert_eq!(many.bits(), single.bits());
        }
    }

    #[test]
    fn quantile_and_tail_are_inverse() {
        for dist in forms() {
            for p in [0.001, 0.1, 0.3, 0.5, 0.9, 0.99, 0.9999] {
                let (at, below) = (
                    dist.quantile(p),
                    dist.quantile(p).saturating_sub(Span::from_micros(2)),
                );
                assert!(
                    dist.survival(at) <= 1.0 - p + 1e-5,
                    "{dist}: P(S > Q({p})) = {}",
                    dist.survival(at)
                );
                assert!(
                    dist.survival(below) >= 1.0 - p - 1e-5,
                    "{dist}: P(S > Q({p})−) = {}",
                    dist.survival(below)
                );
            }
        }
    }

    #[test]
    fn the_tail_is_the_slope_of_the_excess() {
        for dist in forms() {
            for t in [0.05, 0.4, 1.7, 3.3, 7.9] {
                let (low, high) = (Span::from_secs_f64(t), Span::from_secs_f64(t + 1e-3));
                let slope = (dist.mean_excess(low) - dist.mean_excess(high)) / 1e-3;
                let tail = dist.survival(Span::from_secs_f64(t + 5e-4));
                assert!(
                    (slope - tail).abs() < 1e-4,
                    "{dist} at {t}: {slope} is not {tail}"
                );
            }
        }
    }

    #[test]
    fn variances_are_those_of_draws() {
        for dist in forms() {
            let mut stream = Streams::new(3, 0).at(Purpose::Service, 0);
            let draws: Vec<f64> = (0..200_000)
                .map(|_| dist.sample(&mut stream).as_secs_f64())
                .collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let drawn = draws.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / draws.len() as f64;
            assert!(
                (drawn - dist.variance()).abs() <= 0.03 * dist.variance() + 1e-9,
                "{dist}: {drawn}"
            );
        }
    }
}
