//! Spans that chance decides, as a scenario writes them.

pub mod count;
mod exp;
mod notation;
mod shape;

use std::fmt;

use rand_distr::{Distribution, Exp1, StandardNormal};
use statrs::function::erf::erfc;
use statrs::function::gamma::{gamma, gamma_ur};

use crate::random::{Purpose, Stream, Streams};
use crate::time::Span;
pub use notation::written;

/// A distribution of spans. Every draw is rounded to a microsecond at once.
#[derive(Debug, Clone, PartialEq)]
pub enum Dist {
    /// `"15s"`: always the same.
    Constant(Span),
    /// `{ uniform = ["1s", "3s"] }`; `{ delay = "5s", jitter = "2s" }` is uniform from 5 s to 7 s.
    Uniform(Span, Span),
    /// `{ triangular = ["2s", "6s", "12s"] }`: least, most likely, greatest.
    Triangular(Span, Span, Span),
    /// `{ exponential = "5s" }`: the mean.
    Exponential(Span),
    /// `{ p50 = "2s", p99 = "9s" }`, also `p95` for `p99`, or `{ lognormal = { mean = …, sd = … } }`.
    LogNormal(LogNormal),
    /// `{ weibull = { scale = "5s", shape = 1.5 } }`.
    Weibull {
        /// The 63.2 % quantile.
        scale: Span,
        /// Below 1 heavy-tailed, 1 exponential, above 1 peaked.
        shape: f64,
    },
    /// `{ empirical = ["1.2s", "1.4s"] }`: one of these, all equally likely.
    Empirical(Vec<Span>),
    /// `{ mixture = [ { weight = 0.97, span = … }, { weight = 0.03, span = … } ] }`.
    Mixture(Vec<(f64, Dist)>),
}

/// A log-normal span: `median × e^(sigma × z)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogNormal {
    median_s: f64,
    sigma: f64,
}

/// Log-normal spans are drawn by so many at most.
const AHEAD: usize = 32;

/// z of the 95 % and 99 % quantiles of the standard normal distribution.
const Z95: f64 = 1.644_853_626_951_472_7;
const Z99: f64 = 2.326_347_874_040_841;

impl LogNormal {
    /// From the median and the 99 % quantile.
    pub fn p50_p99(p50: Span, p99: Span) -> LogNormal {
        LogNormal::from_quantile(p50, p99, Z99)
    }

    /// From the median and the 95 % quantile.
    pub fn p50_p95(p50: Span, p95: Span) -> LogNormal {
        LogNormal::from_quantile(p50, p95, Z95)
    }

    /// From the median and the standard deviation of the logarithm.
    pub fn new(median: Span, sigma: f64) -> LogNormal {
        LogNormal {
            median_s: median.as_secs_f64(),
            sigma,
        }
    }

    fn from_quantile(p50: Span, quantile: Span, z: f64) -> LogNormal {
        LogNormal {
            median_s: p50.as_secs_f64(),
            sigma: (quantile.as_secs_f64() / p50.as_secs_f64()).ln() / z,
        }
    }

    fn mean_sd(mean: f64, sd: f64) -> LogNormal {
        let variance = (1.0 + (sd / mean).powi(2)).ln();
        LogNormal {
            median_s: mean / (variance / 2.0).exp(),
            sigma: variance.sqrt(),
        }
    }

    /// One draw.
    #[inline(always)]
    pub fn sample(&self, stream: &mut Stream) -> Span {
        let z: f64 = StandardNormal.sample(stream.generator());
        Span::from_secs_f64(self.median_s * exp::exp(self.sigma * z))
    }

    /// The next draws, the same as one by one.
    fn fill(&self, stream: &mut Stream, spans: &mut [Span]) {
        let mut normals = [0.0; AHEAD];
        for spans in spans.chunks_mut(AHEAD) {
            let normals = &mut normals[..spans.len()];
            fill_standard_normal(stream, normals);
            self.spread(normals, spans);
        }
    }

    /// One draw of each stream, the same as one by one.
    pub(crate) fn sample_each(
        &self,
        mut streams: impl Iterator<Item = Stream>,
        spans: &mut [Span],
    ) {
        let mut normals = [0.0; AHEAD];
        for spans in spans.chunks_mut(AHEAD) {
            let normals = &mut normals[..spans.len()];
            for (z, mut stream) in normals.iter_mut().zip(&mut streams) {
                *z = StandardNormal.sample(stream.generator());
            }
            self.spread(normals, spans);
        }
    }

    /// Spans by their standard normals. Reckoned by themselves, they come two at a time.
    fn spread(&self, normals: &mut [f64], spans: &mut [Span]) {
        normals.iter_mut().for_each(|z| *z *= self.sigma);
        exp::exp_all(normals);
        for (span, power) in spans.iter_mut().zip(normals) {
            *span = Span::from_secs_f64(self.median_s * *power);
        }
    }

    fn quantile(&self, z: f64) -> Span {
        Span::from_secs_f64(self.median_s * (self.sigma * z).exp())
    }

    fn mean(&self) -> f64 {
        self.median_s * (self.sigma * self.sigma / 2.0).exp()
    }

    /// E[(S − t)⁺], the Black–Scholes form; `t` in seconds, below zero too.
    pub fn mean_excess(&self, t: f64) -> f64 {
        if t <= 0.0 || self.sigma == 0.0 {
            return (self.mean() - t).max(0.0);
        }
        let d = (self.median_s / t).ln() / self.sigma;
        self.mean() * normal_cdf(d + self.sigma) - t * normal_cdf(d)
    }
}

/// P(Z ≤ z) of the standard normal distribution.
pub fn normal_cdf(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

/// One draw of the exponential distribution with mean 1, for sums of gaps too short to be spans.
#[inline]
pub fn unit_exponential(stream: &mut Stream) -> f64 {
    Exp1.sample(stream.generator())
}

/// The next draws of [`unit_exponential`]. A loop that draws and does nothing else has the generator in registers.
#[inline(never)]
pub fn fill_unit_exponential(stream: &mut Stream, draws: &mut [f64]) {
    let mut generator = stream.generator().clone();
    for draw in draws {
        *draw = Exp1.sample(&mut generator);
    }
    *stream.generator() = generator;
}

/// The next draws of the standard normal distribution, in such a loop.
#[inline(never)]
fn fill_standard_normal(stream: &mut Stream, draws: &mut [f64]) {
    let mut generator = stream.generator().clone();
    for draw in draws {
        *draw = StandardNormal.sample(&mut generator);
    }
    *stream.generator() = generator;
}

impl Dist {
    /// Always `span`.
    pub const fn constant(span: Span) -> Dist {
        Dist::Constant(span)
    }

    /// Log-normal by its median and 99 % quantile, in milliseconds.
    pub fn p50_p99_millis(p50: u64, p99: u64) -> Dist {
        Dist::LogNormal(LogNormal::p50_p99(
            Span::from_millis(p50),
            Span::from_millis(p99),
        ))
    }

    /// One draw.
    #[inline]
    pub fn sample(&self, stream: &mut Stream) -> Span {
        match self {
            Dist::LogNormal(log_normal) => log_normal.sample(stream),
            other => other.sample_out_of_line(stream),
        }
    }

    /// The next draws, the same as one by one.
    pub fn fill(&self, stream: &mut Stream, spans: &mut [Span]) {
        match self {
            Dist::LogNormal(log_normal) => log_normal.fill(stream, spans),
            other => spans.fill_with(|| other.sample_out_of_line(stream)),
        }
    }

    /// Log-normal spans are drawn by the million, the others by the dozen.
    fn sample_out_of_line(&self, stream: &mut Stream) -> Span {
        match self {
            Dist::Constant(span) => *span,
            Dist::Uniform(low, high) => *low + high.saturating_sub(*low).scaled(stream.uniform()),
            Dist::Triangular(low, mode, high) => triangular(*low, *mode, *high, stream.uniform()),
            Dist::Exponential(mean) => mean.scaled(unit_exponential(stream)),
            Dist::LogNormal(log_normal) => log_normal.sample(stream),
            Dist::Weibull { scale, shape } => {
                scale.scaled(unit_exponential(stream).powf(1.0 / shape))
            }
            Dist::Empirical(spans) => spans[stream.below(spans.len())],
            Dist::Mixture(parts) => {
                let mut rest =
                    stream.uniform() * parts.iter().map(|(weight, _)| weight).sum::<f64>();
                for (weight, dist) in parts {
                    rest -= weight;
                    if rest < 0.0 {
                        return dist.sample(stream);
                    }
                }
                parts
                    .last()
                    .map_or(Span::ZERO, |(_, dist)| dist.sample(stream))
            }
        }
    }

    /// The draw of an address; from the tail, if it is the one that jumps.
    pub fn draw(&self, streams: &Streams, purpose: Purpose, entity: u64) -> Span {
        let stream = &mut streams.at(purpose, entity);
        match streams.jump(purpose).filter(|jump| jump.entity == entity) {
            None => self.sample(stream),
            Some(jump) => self.sample_beyond(jump.least, stream),
        }
    }

    /// The mean, in seconds.
    pub fn mean(&self) -> f64 {
        self.mean_excess(Span::ZERO)
    }

    /// E[(S − t)⁺] = ∫ₜ^∞ P(S > u) du, in seconds: what remains, on average, after `t`.
    ///
    /// With λ arrivals a second, λ times this is the mean number of requests still in flight `t`
    /// after the arrivals stopped (M/G/∞: Eick, Massey, Whitt, *The physics of the Mt/G/∞ queue*,
    /// Operations Research 41(4), 1993).
    pub fn mean_excess(&self, t: Span) -> f64 {
        let t = t.as_secs_f64();
        match self {
            Dist::Constant(span) => (span.as_secs_f64() - t).max(0.0),
            Dist::Uniform(low, high) => {
                let (low, high) = (low.as_secs_f64(), high.as_secs_f64());
                if t <= low || high <= low {
                    ((low + high) / 2.0 - t).max(0.0)
                } else {
                    (high - t).max(0.0).powi(2) / (2.0 * (high - low))
                }
            }
            Dist::Triangular(low, mode, high) => {
                triangular_excess(low.as_secs_f64(), mode.as_secs_f64(), high.as_secs_f64(), t)
            }
            Dist::Exponential(mean) => {
                let mean = mean.as_secs_f64();
                if mean > 0.0 {
                    mean * (-t / mean).exp()
                } else {
                    0.0
                }
            }
            Dist::LogNormal(log_normal) => log_normal.mean_excess(t),
            Dist::Weibull { scale, shape } => {
                let scale = scale.as_secs_f64();
                if scale == 0.0 {
                    return 0.0;
                }
                // ∫ₜ^∞ exp(−(u/scale)^shape) du = scale/shape · Γ(1/shape, (t/scale)^shape)
                let power = (t / scale).powf(*shape);
                let upper = if power > 0.0 {
                    gamma_ur(1.0 / shape, power)
                } else {
                    1.0
                };
                scale / shape * gamma(1.0 / shape) * upper
            }
            Dist::Empirical(spans) => {
                spans
                    .iter()
                    .map(|span| (span.as_secs_f64() - t).max(0.0))
                    .sum::<f64>()
                    / spans.len() as f64
            }
            Dist::Mixture(parts) => {
                let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
                parts
                    .iter()
                    .map(|(weight, dist)| weight * dist.mean_excess(Span::from_secs_f64(t)))
                    .sum::<f64>()
                    / total
            }
        }
    }

    /// The same distribution, `factor` times as slow.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Dist {
        match self {
            Dist::Constant(span) => Dist::Constant(span.scaled(factor)),
            Dist::Uniform(low, high) => Dist::Uniform(low.scaled(factor), high.scaled(factor)),
            Dist::Triangular(low, mode, high) => {
                Dist::Triangular(low.scaled(factor), mode.scaled(factor), high.scaled(factor))
            }
            Dist::Exponential(mean) => Dist::Exponential(mean.scaled(factor)),
            Dist::LogNormal(l) => Dist::LogNormal(LogNormal {
                median_s: l.median_s * factor,
                sigma: l.sigma,
            }),
            Dist::Weibull { scale, shape } => Dist::Weibull {
                scale: scale.scaled(factor),
                shape: *shape,
            },
            Dist::Empirical(spans) => {
                Dist::Empirical(spans.iter().map(|span| span.scaled(factor)).collect())
            }
            Dist::Mixture(parts) => Dist::Mixture(
                parts
                    .iter()
                    .map(|(weight, dist)| (*weight, dist.scaled(factor)))
                    .collect(),
            ),
        }
    }
}

/// Inverse transform of the triangular distribution.
fn triangular(low: Span, mode: Span, high: Span, u: f64) -> Span {
    let (a, c, b) = (low.as_secs_f64(), mode.as_secs_f64(), high.as_secs_f64());
    if b <= a {
        return low;
    }
    let split = (c - a) / (b - a);
    let x = if u < split {
        a + (u * (b - a) * (c - a)).sqrt()
    } else {
        b - ((1.0 - u) * (b - a) * (b - c)).sqrt()
    };
    Span::from_secs_f64(x)
}

fn triangular_excess(a: f64, c: f64, b: f64, t: f64) -> f64 {
    let mean = (a + b + c) / 3.0;
    if t <= a || b <= a {
        (mean - t).max(0.0)
    } else if t >= b {
        0.0
    } else if t >= c {
        (b - t).powi(3) / (3.0 * (b - a) * (b - c))
    } else {
        mean - t + (t - a).powi(3) / (3.0 * (b - a) * (c - a))
    }
}

impl From<Span> for Dist {
    fn from(span: Span) -> Dist {
        Dist::Constant(span)
    }
}

impl fmt::Display for Dist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dist::Constant(span) => write!(f, "{span}"),
            Dist::Uniform(low, high) => write!(f, "uniform {low}..{high}"),
            Dist::Triangular(low, mode, high) => write!(f, "triangular {low}, {mode}, {high}"),
            Dist::Exponential(mean) => write!(f, "exponential, mean {mean}"),
            Dist::LogNormal(l) => write!(f, "p50 {}, p99 {}", l.quantile(0.0), l.quantile(Z99)),
            Dist::Weibull { scale, shape } => write!(f, "weibull, scale {scale}, shape {shape}"),
            Dist::Empirical(spans) => write!(f, "one of {} measured spans", spans.len()),
            Dist::Mixture(parts) => {
                for (i, (weight, dist)) in parts.iter().enumerate() {
                    write!(f, "{}{weight} × ({dist})", if i == 0 { "" } else { " + " })?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    fn parse(text: &str) -> Result<Dist, toml::de::Error> {
        #[derive(serde::Deserialize)]
        struct Holder {
            x: Dist,
        }
        toml::from_str::<Holder>(&format!("x = {text}")).map(|holder| holder.x)
    }

    /// Every form parses, has the mean that theory gives it, and E[(S − t)⁺] agrees with draws.
    #[track_caller]
    fn check(text: &str, mean: f64) {
        let dist = parse(text).unwrap();
        assert!(
            (dist.mean() - mean).abs() < 1e-6 * mean.max(1e-3),
            "{text}: mean {} is not {mean}",
            dist.mean()
        );
        let mut stream = Streams::new(1, 0).at(Purpose::Service, 0);
        let n = 40_000;
        let draws: Vec<f64> = (0..n)
            .map(|_| dist.sample(&mut stream).as_secs_f64())
            .collect();
        for t in [0.0, 0.5 * mean, mean, 2.0 * mean] {
            let excess: Vec<f64> = draws.iter().map(|s| (s - t).max(0.0)).collect();
            let got = excess.iter().sum::<f64>() / n as f64;
            let sd = (excess.iter().map(|e| (e - got).powi(2)).sum::<f64>() / n as f64).sqrt();
            let expected = dist.mean_excess(Span::from_secs_f64(t));
            assert!(
                (got - expected).abs() <= 4.5 * sd / f64::from(n).sqrt() + 2e-6,
                "{text}: E[(S−{t})⁺] = {expected}, drawn {got}"
            );
        }
        let written = format!("x = {}", toml::Value::try_from(&dist).unwrap());
        assert!(toml::from_str::<toml::Table>(&written).is_ok(), "{written}");
    }

    #[test]
    fn every_form() {
        check("\"15s\"", 15.0);
        check("{ uniform = [\"1s\", \"3s\"] }", 2.0);
        check("{ delay = \"5s\", jitter = \"2s\" }", 6.0);
        check("{ triangular = [\"2s\", \"6s\", \"13s\"] }", 7.0);
        check("{ exponential = \"5s\" }", 5.0);
        check("{ lognormal = { mean = \"4s\", sd = \"3s\" } }", 4.0);
        check(
            "{ weibull = { scale = \"5s\", shape = 2.0 } }",
            5.0 * std::f64::consts::PI.sqrt() / 2.0,
        );
        check("{ empirical = [\"1s\", \"1.5s\", \"5s\"] }", 2.5);
        check(
            "{ mixture = [ { weight = 3, span = \"1s\" }, { weight = 1, span = { exponential = \"9s\" } } ] }",
            3.0,
        );
    }

    /// However many are drawn together, each is what it would be alone.
    #[test]
    fn many_are_as_one() {
        let log_normal = LogNormal::new(Span::from_millis(15), 0.85);
        let network = Streams::new(1, 7).of(Purpose::Network);
        for count in [0, 1, AHEAD, 2 * AHEAD + 3] {
            let mut spans = vec![Span::ZERO; count];
            log_normal.sample_each((0..).map(|entity| network.at(entity)), &mut spans);
            for (entity, span) in (0..).zip(&spans) {
                let alone = &mut Streams::new(1, 7).at(Purpose::Network, entity);
                assert_eq!(*span, log_normal.sample(alone));
            }
            log_normal.fill(&mut network.at(0), &mut spans);
            let mut stream = network.at(0);
            assert!(
                spans
                    .iter()
                    .all(|span| *span == log_normal.sample(&mut stream))
            );
        }
    }

    #[test]
    fn quantiles_are_kept() {
        let Dist::LogNormal(l) = parse("{ p50 = \"2s\", p99 = \"9s\" }").unwrap() else {
            panic!("not log-normal")
        };
        assert_eq!(
            (l.quantile(0.0), l.quantile(Z99)),
            (Span::from_secs(2), Span::from_secs(9))
        );
        let Dist::LogNormal(l) = parse("{ p50 = \"7s\", p95 = \"18s\" }").unwrap() else {
            panic!("not log-normal")
        };
        assert_eq!(l.quantile(Z95), Span::from_secs(18));
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for (text, words) in [
            ("15", "has no unit"),
            ("{ p50 = \"2s\" }", "one of `p95`, `p99`"),
            ("{ p50 = \"9s\", p99 = \"2s\" }", "must rise"),
            ("{ uniform = [\"3s\", \"1s\"] }", "must rise"),
            (
                "{ exponential = \"5s\", uniform = [\"1s\", \"3s\"] }",
                "names 2 distributions",
            ),
            ("{}", "no distribution"),
            ("{ mixture = [] }", "needs parts"),
            ("{ weibull = { scale = \"1s\", shape = nan } }", "shape"),
            ("{ p49 = \"2s\" }", "unknown field"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
