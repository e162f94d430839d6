//! The law of the lag, given the evidence.
//!
//! ln lag = ln M + session + deregistration. ln M ~ N(μ, τ²) over environments, sessions of one environment spread by
//! `drift`, deregistrations of one session by `jitter`. Priors: μ ~ N(ln 8, 1), τ half-normal (0.6), drift half-normal
//! (0.1), jitter half-normal (0.2). What was published because it hurt is seen with a probability proportional to M^β,
//! β ~ U(0, 1), which turns its law of ln M into N(μ + β τ², τ²). Three Metropolis chains; M is summed over a grid.

use std::f64::consts::PI;

use rollcast::random::{Purpose, Stream, Streams};
use statrs::distribution::{ContinuousCDF, Normal};

use super::evidence::{Row, environments};

/// One point of the posterior.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    /// ln of the median of M.
    pub mu: f64,
    /// σ of ln M between environments.
    pub tau: f64,
    /// σ between sessions of an environment.
    pub drift: f64,
    /// σ between deregistrations of a session.
    pub jitter: f64,
    /// How much more slow environments are published.
    pub bias: f64,
}

const CHAINS: u64 = 3;
const STEPS: usize = 3_000;
/// Steps that a chain takes to forget where it began.
const BURN_IN: usize = 500;
/// Points of M's grid, and how far it reaches beyond what an environment's sources say.
const GRID: usize = 80;
const BEYOND: f64 = 0.7;
/// Where lags were measured one by one the rest of their environment is near.
const BEYOND_A_SAMPLE: f64 = 0.4;
/// Points of a session's own shift, and how many σ they reach.
const SHIFTS: i32 = 3;
const SHIFTS_REACH: f64 = 2.4;

/// What an environment said, and where its M may be.
struct Environment {
    rows: Vec<Row>,
    hurt: bool,
    /// ln M.
    grid: Vec<f64>,
}

impl Environment {
    fn new(rows: Vec<Row>) -> Environment {
        let bounds = rows.iter().flat_map(|row| {
            let sample = row.sample.map(|sample| [sample.mean, sample.mean]);
            let readings = row.readings.iter().flat_map(|reading| reading.lags.clone());
            readings.chain(sample).flatten()
        });
        // Nobody's M is outside 0.5 s to 100 s.
        let logs: Vec<f64> = bounds.map(|bound| bound.clamp(0.5, 100.0).ln()).collect();
        let is_sampled = rows.iter().any(|row| row.sample.is_some());
        let beyond = if is_sampled { BEYOND_A_SAMPLE } else { BEYOND };
        let low = logs.iter().copied().fold(f64::INFINITY, f64::min) - beyond;
        let high = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max) + beyond;
        let step = (high - low) / (GRID - 1) as f64;
        Environment {
            hurt: rows.iter().any(|row| row.hurt),
            grid: (0..GRID).map(|i| low + step * i as f64).collect(),
            rows,
        }
    }

    /// ln of the probability of what was seen.
    fn log_likelihood(&self, law: &Law) -> f64 {
        let step = self.grid[1] - self.grid[0];
        let shift = if self.hurt {
            law.bias * law.tau.powi(2)
        } else {
            0.0
        };
        let density = |x: f64| gauss(x - law.mu - shift, law.tau);
        let seen = |x: f64| {
            self.rows
                .iter()
                .map(|row| row_given(row, x, law))
                .product::<f64>()
        };
        let points = self.grid.iter().map(|x| density(*x) * seen(*x));
        (points.sum::<f64>() * step).max(1e-300).ln()
    }
}

/// The probability, or density, of what a source says if ln M is `x`.
fn row_given(row: &Row, x: f64, law: &Law) -> f64 {
    if let Some(sample) = row.sample {
        let sd = (1.0 + (sample.sd / sample.mean).powi(2)).ln().sqrt();
        let mean = sample.mean.ln() - sd.powi(2) / 2.0;
        let of_mean = gauss(
            mean - x,
            (law.drift.powi(2) + law.jitter.powi(2) / sample.n).sqrt(),
        );
        // χ² of the variance, by its density at the law's own best: a constant apart.
        let ratio = (sd / law.jitter).powi(2);
        let of_sd = ((sample.n - 1.0) / 2.0 * (ratio.ln() + 1.0 - ratio)).exp();
        return of_mean * of_sd;
    }
    let readings = row.readings.iter();
    readings
        .map(|reading| reading.weight * session_given(&reading.lags, x, law))
        .sum()
}

/// The probability of the lags of one session.
fn session_given(lags: &[[f64; 2]], x: f64, law: &Law) -> f64 {
    if let [lag] = lags {
        return between(*lag, x, law.drift.hypot(law.jitter));
    }
    let shifts = (-SHIFTS..=SHIFTS).map(|i| f64::from(i) / f64::from(SHIFTS) * SHIFTS_REACH);
    let weighted = shifts.map(|shift| {
        let at = x + shift * law.drift;
        let all: f64 = lags
            .iter()
            .map(|lag| between(*lag, at, law.jitter))
            .product();
        let weight = gauss(shift, 1.0);
        (weight * all, weight)
    });
    let (sum, weights) = weighted.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    sum / weights
}

/// P(low ≤ lag ≤ high) for a log-normal lag.
pub fn between([low, high]: [f64; 2], ln_median: f64, sigma: f64) -> f64 {
    let normal = Normal::standard();
    let below = |bound: f64| normal.cdf((bound.ln() - ln_median) / sigma);
    below(high) - below(low)
}

fn gauss(x: f64, sigma: f64) -> f64 {
    (-(x / sigma).powi(2) / 2.0).exp() / (sigma * (2.0 * PI).sqrt())
}

/// ln of the prior's density; none outside it.
fn log_prior(law: &Law, with_bias: bool) -> Option<f64> {
    let half = |x: f64, sigma: f64| -(x / sigma).powi(2) / 2.0;
    let is_possible = law.tau > 0.0
        && law.drift > 0.0
        && law.jitter > 0.0
        && if with_bias {
            (0.0..=1.0).contains(&law.bias)
        } else {
            law.bias == 0.0
        };
    is_possible.then(|| {
        half(law.mu - 8_f64.ln(), 1.0)
            + half(law.tau, 0.6)
            + half(law.drift, 0.1)
            + half(law.jitter, 0.2)
    })
}

/// The posterior, given rows that are used.
pub fn posterior(rows: &[Row], with_bias: bool) -> Vec<Law> {
    let environments: Vec<Environment> = environments(rows)
        .into_iter()
        .map(Environment::new)
        .collect();
    let log_density = |law: &Law| {
        let prior = log_prior(law, with_bias)?;
        Some(
            prior
                + environments
                    .iter()
                    .map(|one| one.log_likelihood(law))
                    .sum::<f64>(),
        )
    };
    (0..CHAINS)
        .flat_map(|chain| metropolis(chain, with_bias, &log_density))
        .collect()
}

/// One chain. A step changes ln M's law, or how lags of one environment spread, or the bias.
fn metropolis(chain: u64, with_bias: bool, log_density: &impl Fn(&Law) -> Option<f64>) -> Vec<Law> {
    let chance = &mut stream(1, chain);
    let bias = if with_bias { 0.5 } else { 0.0 };
    let tau = 0.2 + 0.15 * chain as f64;
    let mut law = Law {
        mu: 2.2,
        tau,
        drift: 0.05,
        jitter: 0.05,
        bias,
    };
    let mut density = log_density(&law).expect("the start is possible");
    let mut kept = Vec::with_capacity(STEPS - BURN_IN);
    for step in 0..STEPS {
        let mut next = law;
        // A step in ln of a spread has the spread itself as its Jacobian.
        let mut jacobian = 0.0;
        let mut scale = |spread: &mut f64, by: f64| {
            *spread *= by.exp();
            jacobian += by;
        };
        next.mu += 0.15 * normal(chance);
        scale(&mut next.tau, 0.4 * normal(chance));
        scale(&mut next.drift, 0.5 * normal(chance));
        scale(&mut next.jitter, 0.15 * normal(chance));
        if with_bias {
            next.bias += 0.3 * normal(chance);
        }
        let proposed = log_density(&next);
        let accept = proposed.map_or(0.0, |proposed| (proposed - density + jacobian).exp());
        if chance.uniform() < accept {
            (law, density) = (next, proposed.unwrap_or(density));
        }
        if step >= BURN_IN {
            kept.push(law);
        }
    }
    kept
}

/// Chance of this fit's own.
pub fn stream(seed: u64, entity: u64) -> Stream {
    Streams::new(seed, entity).at(Purpose::Deregistration, 0)
}

/// By Box and Muller.
pub fn normal(chance: &mut Stream) -> f64 {
    let (one, two) = (1.0 - chance.uniform(), chance.uniform());
    (-2.0 * one.ln()).sqrt() * (2.0 * PI * two).cos()
}

/// Quantiles of some numbers.
pub fn quantiles<const N: usize>(numbers: impl Iterator<Item = f64>, at: [f64; N]) -> [f64; N] {
    let mut sorted: Vec<f64> = numbers.collect();
    sorted.sort_by(f64::total_cmp);
    at.map(|p| rollcast::stats::quantile(&sorted, p).expect("there are numbers"))
}
