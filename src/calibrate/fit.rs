//! The lag of a deregistration, its levels told apart: what is the environment's (its median M), what differs between
//! rollouts (drift), and what between the targets and nodes of one rollout (jitter).
//!
//! The law is that of docs/MODEL.md: lag = M × drift + jitter. The posterior of (M, drift, jitter) is computed on a
//! grid, so that one rollout with two lags gets an interval as well as thirty rollouts do: what the logs do not tell
//! stays as wide as its prior. That of M is the published one, made wider by half, which matters only where no more is
//! known than that a lag was longer than something; that of drift and jitter is what was published of them.

use super::lags::{Lag, Rollout};
use crate::dist::normal_cdf;

/// Grid of M, of jitter's standard deviation and of drift; of a rollout's middle lag, and of its drift.
const MEDIANS: usize = 150;
const SPREADS: usize = 12;
const DRIFTS: usize = 10;
const MIDDLES: usize = 800;
const STEPS: usize = 25;
/// A drift beyond so many standard deviations has no weight.
const REACH: f64 = 3.6;
/// Shortest M that is considered, in seconds.
const LEAST_MEDIAN: f64 = 0.2;
/// M: log-normal, p50 9 s; σ 0.42 is published, of which two sources of seven lie in the upper tail.
const MEDIAN: f64 = 9.0;
const MEDIAN_SIGMA: f64 = 0.6;
/// Standard deviation of jitter: the model's ± max(0.8 s, 6.5 % of M) has max(0.46 s, 3.75 %); "where the spread is
/// wanted as a parameter of its own" it is log-normal with p50 5 % and p95 13 % of M: wider by half here, as it is
/// known of one environment.
const SPREAD: (f64, f64) = (0.46, 0.0375);
const SPREAD_SIGMA: f64 = 0.87;
const SPREAD_RANGE: (f64, f64) = (0.1, 8.0);
/// Drift, σ of the logarithm: p50 0.05, p95 0.13, from thirty deregistrations of one day and two of others.
const DRIFT: f64 = 0.05;
const DRIFT_SIGMA: f64 = 0.58;
const DRIFT_RANGE: (f64, f64) = (0.008, 0.5);
/// A uniform law of half-width j has the standard deviation j / √3.
const SQRT_3: f64 = 1.732_050_807_568_877_2;

/// A number with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The median of its posterior.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The levels of the lag.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// M, in seconds.
    pub median: Estimate,
    /// Half-width of what differs between targets and nodes of one rollout, in seconds.
    pub jitter: Estimate,
    /// Its standard deviation, in seconds: of a uniform law, the half-width divided by √3.
    pub jitter_sigma: f64,
    /// σ of the logarithm between rollouts.
    pub drift: Estimate,
    /// σ of ln M: how well M is known.
    pub median_sigma: f64,
    /// What so many rollouts like these would tell.
    pub narrowing: Vec<Narrowing>,
}

/// What so many rollouts tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Narrowing {
    /// How many.
    pub rollouts: u32,
    /// M, to within this share of it.
    pub median_within: f64,
    /// Drift, to within this share of it; nothing if one rollout does not tell it.
    pub drift_within: Option<f64>,
    /// The share of slow rollouts (episodes) that none among them leaves possible.
    pub slow_at_most: f64,
}

/// Tells the levels apart; nothing without a lag.
pub(super) fn levels(rollouts: &[Rollout], level: f64) -> Option<Levels> {
    let rollouts: Vec<&Rollout> = rollouts.iter().filter(|r| !r.lags.is_empty()).collect();
    let lags = || rollouts.iter().flat_map(|rollout| &rollout.lags);
    let longest = lags().map(|lag| lag.low).reduce(f64::max)?;
    let top = longest.max(1.0) * 3.0 + 10.0;
    let tables: Vec<Table> = rollouts
        .iter()
        .map(|rollout| Table::of(rollout, top))
        .collect();
    let coarse = Posterior::of(&tables, LEAST_MEDIAN, top);
    let (low, high) = coarse.support()?;
    let posterior = Posterior::of(&tables, low, high);
    let median = posterior.estimate(level, |place| place.median);
    let spread = posterior.estimate(level, |place| place.spread);
    let drift = posterior.estimate(level, |place| place.drift);
    let per_rollout = lags().count() as f64 / rollouts.len() as f64;
    let common = rollouts
        .iter()
        .map(|rollout| rollout.common_sd)
        .fold(0.0, f64::max);
    let within = [spread.value / per_rollout.sqrt(), common];
    let of_one = within
        .iter()
        .fold(drift.value, |sum, part| sum.hypot(part / median.value));
    Some(Levels {
        median,
        jitter: Estimate {
            value: spread.value * SQRT_3,
            low: spread.low * SQRT_3,
            high: spread.high * SQRT_3,
        },
        jitter_sigma: spread.value,
        drift,
        median_sigma: posterior.sigma(),
        narrowing: [1, 5, 30]
            .map(|count| narrowing(count, of_one, level))
            .to_vec(),
    })
}

/// What a number of rollouts would tell, each of which tells M with this relative standard deviation.
fn narrowing(rollouts: u32, of_one: f64, level: f64) -> Narrowing {
    let count = f64::from(rollouts);
    let z = crate::stats::standard_normal(level);
    Narrowing {
        rollouts,
        median_within: (z * of_one / count.sqrt()).exp_m1(),
        // Of a sample's standard deviation: σ / √(2 (n − 1)).
        drift_within: (rollouts > 1).then(|| (z / (2.0 * (count - 1.0)).sqrt()).exp_m1()),
        slow_at_most: crate::stats::zero_bound(u64::from(rollouts), level),
    }
}

/// How likely the lags of one rollout are by its middle lag, for each spread; the greatest is 1.
struct Table {
    likelihood: Vec<[f64; MIDDLES]>,
    common_sd: f64,
    step: f64,
}

fn spread(row: usize) -> f64 {
    logarithmic(row, SPREADS, SPREAD_RANGE)
}

fn logarithmic(row: usize, rows: usize, (low, high): (f64, f64)) -> f64 {
    low * (high / low).powf(row as f64 / (rows - 1) as f64)
}

impl Table {
    fn of(rollout: &Rollout, top: f64) -> Table {
        let step = top / (MIDDLES - 1) as f64;
        let mut logs = vec![[0.0; MIDDLES]; SPREADS];
        for (row, logs) in logs.iter_mut().enumerate() {
            for (place, log) in logs.iter_mut().enumerate() {
                let middle = place as f64 * step;
                let lags = rollout.lags.iter();
                *log = lags
                    .map(|lag| lag.log_likelihood(middle, spread(row)))
                    .sum();
            }
        }
        let greatest = logs
            .iter()
            .flatten()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        logs.iter_mut()
            .flatten()
            .for_each(|log| *log = (*log - greatest).exp());
        Table {
            likelihood: logs,
            common_sd: rollout.common_sd,
            step,
        }
    }

    /// The likelihood of a middle lag, between the places of the grid.
    fn at(&self, row: usize, middle: f64) -> f64 {
        let place = (middle.max(0.0) / self.step).min((MIDDLES - 1) as f64);
        let below = place.floor() as usize;
        let above = (below + 1).min(MIDDLES - 1);
        let table = &self.likelihood[row];
        table[below] + (table[above] - table[below]) * place.fract()
    }
}

impl Lag {
    /// ln of the density of a measurement, or of the probability of a range.
    fn log_likelihood(&self, middle: f64, spread: f64) -> f64 {
        let sd = self.sd.hypot(spread);
        if self.low == self.high {
            let z = (self.low - middle) / sd;
            return -0.5 * z * z - sd.ln();
        }
        let below = |end: f64| normal_cdf((end - middle) / sd);
        (below(self.high) - below(self.low)).max(1e-300).ln()
    }
}

/// A place of the grid, and its weight.
struct Place {
    median: f64,
    spread: f64,
    drift: f64,
    weight: f64,
}

struct Posterior(Vec<Place>);

impl Posterior {
    fn of(tables: &[Table], low: f64, high: f64) -> Posterior {
        let mut places = Vec::with_capacity(MEDIANS * DRIFTS * SPREADS);
        for median in (0..MEDIANS).map(|row| logarithmic(row, MEDIANS, (low, high))) {
            for drift in (0..DRIFTS).map(|row| logarithmic(row, DRIFTS, DRIFT_RANGE)) {
                for row in 0..SPREADS {
                    let likelihood = |table: &Table| table.mean(row, median, drift).max(1e-300);
                    let log: f64 = tables.iter().map(|table| likelihood(table).ln()).sum();
                    places.push(Place {
                        median,
                        spread: spread(row),
                        drift,
                        weight: log + prior(median, spread(row), drift),
                    });
                }
            }
        }
        let greatest = places
            .iter()
            .map(|p| p.weight)
            .fold(f64::NEG_INFINITY, f64::max);
        for place in &mut places {
            place.weight = (place.weight - greatest).exp();
        }
        Posterior(places)
    }

    /// Where M has any weight to speak of.
    fn support(&self) -> Option<(f64, f64)> {
        let weighty = || self.0.iter().filter(|place| place.weight > 1e-6);
        let low = weighty().map(|place| place.median).reduce(f64::min)?;
        let high = weighty().map(|place| place.median).reduce(f64::max)?;
        Some((low * 0.95, high * 1.05))
    }

    fn estimate(&self, level: f64, what: impl Fn(&Place) -> f64) -> Estimate {
        let mut values: Vec<(f64, f64)> = self
            .0
            .iter()
            .map(|place| (what(place), place.weight))
            .collect();
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut merged: Vec<(f64, f64)> = Vec::new();
        for (value, weight) in values {
            match merged.last_mut() {
                Some(last) if last.0 == value => last.1 += weight,
                _ => merged.push((value, weight)),
            }
        }
        let tail = (1.0 - level) / 2.0;
        Estimate {
            value: quantile(&merged, 0.5),
            low: quantile(&merged, tail),
            high: quantile(&merged, 1.0 - tail),
        }
    }

    /// Standard deviation of ln M.
    fn sigma(&self) -> f64 {
        let total: f64 = self.0.iter().map(|place| place.weight).sum();
        let mean = |of: &dyn Fn(f64) -> f64| {
            let parts = self
                .0
                .iter()
                .map(|place| place.weight * of(place.median.ln()));
            parts.sum::<f64>() / total
        };
        let middle = mean(&|log| log);
        mean(&|log| (log - middle).powi(2)).sqrt()
    }
}

impl Table {
    /// The likelihood of the rollout, over its drift.
    fn mean(&self, row: usize, median: f64, drift: f64) -> f64 {
        let sd = (median * drift).hypot(self.common_sd);
        let (mut sum, mut weights) = (0.0, 0.0);
        for step in 0..STEPS {
            let z = REACH * (2.0 * step as f64 / (STEPS - 1) as f64 - 1.0);
            let weight = (-0.5 * z * z).exp();
            sum += weight * self.at(row, median + sd * z);
            weights += weight;
        }
        sum / weights
    }
}

/// ln of the prior, but for a constant. The grid is even in the logarithm of each.
fn prior(median: f64, spread: f64, drift: f64) -> f64 {
    let usual = SPREAD.0.max(SPREAD.1 * median);
    let square = |value: f64, usual: f64, sigma: f64| -0.5 * ((value / usual).ln() / sigma).powi(2);
    square(median, MEDIAN, MEDIAN_SIGMA)
        + square(spread, usual, SPREAD_SIGMA)
        + square(drift, DRIFT, DRIFT_SIGMA)
}

/// The quantile of weighted values in order, each of which stands for its surroundings on the grid: linear in the
/// logarithm between them.
fn quantile(values: &[(f64, f64)], p: f64) -> f64 {
    let total: f64 = values.iter().map(|value| value.1).sum();
    let mut before = 0.0;
    let mut last: Option<(f64, f64)> = None;
    for (value, weight) in values {
        let middle = (before + weight / 2.0) / total;
        if middle >= p {
            let Some((below, share)) = last else {
                return *value;
            };
            let part = (p - share) / (middle - share).max(f64::MIN_POSITIVE);
            return below * (value / below).powf(part);
        }
        last = Some((*value, middle));
        before += weight;
    }
    last.map_or(0.0, |(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(lags: &[f64]) -> Rollout {
        let lag = |secs: &f64| Lag {
            low: *secs,
            high: *secs,
            sd: 0.0,
        };
        Rollout {
            lags: lags.iter().map(lag).collect(),
            ..Rollout::default()
        }
    }

    /// One rollout shows jitter, not drift; several show both.
    #[test]
    fn levels_are_told_apart() {
        let spread = [-0.7, -0.3, 0.1, 0.2, 0.4, 0.7];
        let of = |middle: f64| rollout(&spread.map(|offset| middle + offset));
        let one = levels(&[of(9.0)], 0.95).unwrap();
        assert!((one.median.value - 9.07).abs() < 0.2, "{one:?}");
        assert!(
            one.median.high - one.median.low > 1.0,
            "drift is not known: {one:?}"
        );
        assert!((0.5..1.4).contains(&one.jitter.value), "{one:?}");
        let still: Vec<Rollout> = [9.0, 9.05, 8.95, 9.0, 9.02, 8.98, 9.0, 9.01]
            .map(of)
            .to_vec();
        let still = levels(&still, 0.95).unwrap();
        let moving: Vec<Rollout> = [7.0, 11.0, 9.0, 10.0, 8.0, 9.5, 8.5, 10.5].map(of).to_vec();
        let moving = levels(&moving, 0.95).unwrap();
        assert!(still.drift.high < moving.drift.low, "{still:?} {moving:?}");
        assert!(still.median_sigma < moving.median_sigma);
        let within: Vec<f64> = one.narrowing.iter().map(|row| row.median_within).collect();
        assert!(
            within[0] > 2.0 * within[1] && within[1] > 2.0 * within[2],
            "{within:?}"
        );
        assert_eq!(one.narrowing[0].drift_within, None);
    }

    /// A lag that had not ended when the log did is no short one.
    #[test]
    fn what_had_not_ended_counts_as_long() {
        let mut open = rollout(&[9.0, 9.2, 8.8]);
        let ended = levels(&[open.clone()], 0.95).unwrap();
        open.lags.push(Lag {
            low: 12.0,
            high: f64::INFINITY,
            sd: 0.0,
        });
        let longer = levels(&[open], 0.95).unwrap();
        assert!(longer.median.value > ended.median.value + 0.3);
        // Of one that never ended the shortest is known, and the rest is the prior's.
        let never = Lag {
            low: 15.0,
            high: f64::INFINITY,
            sd: 0.0,
        };
        let never = Rollout {
            lags: vec![never; 8],
            ..Rollout::default()
        };
        let never = levels(&[never], 0.95).unwrap().median;
        assert!(never.low > 12.0 && never.high > 30.0, "{never:?}");
        assert!(levels(&[], 0.95).is_none());
    }
}
