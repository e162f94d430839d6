//! P(any 5xx) where it is rare: importance sampling on the lag that causes it.
//!
//! A long preStop fails a request only if a node of the load balancer is slower still. One such lag in a
//! hundred thousand rollouts does it, *one big jump*: everything else may stay as it usually is. So half of
//! the replications are plain ones, and in the other half one lag, of an entity chosen at random, is drawn
//! from its own law beyond a threshold x, which it passes with a known probability s. By the named priors the
//! lags of a rollout are nearly one: there the only entity is what they share, and the jitter stays as it is.
//!
//! With n₀ plain and n₁ jumped replications, N entities and K of their lags at x or beyond, a replication
//! counts 1/(n₀ + n₁·K/(N s)): the balance heuristic of the deterministic mixture (Veach and Guibas 1995; Owen
//! and Zhou 2000), unbiased whatever x is, and no more than 1/n₀, however wrong x may be. What x is decides
//! only how much is gained: it is looked for beforehand, on chance of its own (Asmussen and Glynn,
//! *Stochastic Simulation*, 2007; Rubino and Tuffin, *Rare Event Simulation*, 2009).
//!
//! K needs no bookkeeping: chance has addresses, so all lags of a replication can be read off its streams.
//!
//! Replications count with weights: means and probabilities follow, quantiles and histograms do not.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::AtomicBool;

use super::sampling::Workers;
use super::{Count, Forecast, Options, Sample, about_how_long};
use crate::aws::alb_node::DeregistrationPropagation;
use crate::error::Error;
use crate::id::{AlbNodeId, TargetId};
use crate::observe::timeline::Timeline;
use crate::random::{Purpose, Streams};
use crate::rollout::Rollout;
use crate::scenario::Scenario;
use crate::stats::{self, Frequencies, Moments};
use crate::time::{Span, Time};
use crate::traffic::Engine;
use crate::traffic::outcome::Outcome;

/// What importance sampling says about one scenario.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rare {
    /// The deregistration lag that the jumps reached; `None`: there were none, because errors are not rare,
    /// or because no such lag makes them likely.
    pub least: Option<Span>,
    /// The probability that one lag is so long; 1 without jumps.
    pub share: f64,
    /// Plain replications.
    pub plain: u64,
    /// Of them, those with a 5xx.
    pub plain_hits: u64,
    /// Of those, the ones in which no lag was so long: something else did it.
    pub unexplained: u64,
    /// Jumped replications.
    pub jumped: u64,
    /// Of them, those with a 5xx.
    pub jumped_hits: u64,
    /// Replications that went into the search for `least`, and count for nothing else.
    pub pilots: u64,
    /// P(any 5xx).
    pub any_5xx: Estimate,
    /// 5xx a rollout.
    pub count_5xx: Estimate,
}

/// A mean over weighted replications.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// The lags that may jump, those with which ALB nodes stop choosing targets: each by itself, or what all of a
/// rollout have in common, as their law says.
#[derive(Debug, Clone)]
pub struct Lags<'a> {
    /// Their law.
    pub propagation: &'a DeregistrationPropagation,
    /// What may jump: [`DeregistrationPropagation::jumping`].
    pub entities: Vec<u64>,
}

/// What plain replications came to, from number 0 on.
#[derive(Debug, Clone)]
pub struct Plain {
    /// How many 5xx each had that had any, by its number; `None`: too many to tell one by one, so errors are not rare.
    pub failing: Option<BTreeMap<u64, u64>>,
    /// How often each number of 5xx occurred.
    pub counts: Frequencies,
}

/// Simulates the replications of a range, each with the chance that is given for it.
pub type Simulate<'a> =
    dyn Fn(Range<u64>, &(dyn Fn(u64) -> Streams + Sync)) -> Result<Vec<Sample>, Error> + 'a;

/// Numbers of jumped and of pilot replications, which no plain replication has.
const JUMPED: u64 = 1 << 62;
const PILOT: u64 = 1 << 61;

/// So many plain replications show which lags occur.
const LOOKS: u64 = 8;
/// Pilots come by the hundred.
const PILOTS: u64 = 100;
/// Each threshold of the search is reached by a share of the lags that is so many times smaller, until so large a
/// share of its jumps fail a request, by so many that did: then at the one before hardly any would have.
const STEP: f64 = 4.0;
const SOME_FAIL: f64 = 0.1;
const SOME: u64 = 10;
/// How many are to fail for a closer look, and for the last.
const CLOSER: [u64; 2] = [50, 150];
/// So many times as many lags as are seen to fail are drawn.
const MARGIN: f64 = 1.1;
/// Lags that are rarer are not looked for.
const RAREST: f64 = 1e-9;
/// So many jumped replications are held in memory at a time.
const PORTION: u64 = 1_000;

impl Estimate {
    /// The standard error as a share of the mean; `None` of nothing.
    pub fn relative_error(&self) -> Option<f64> {
        (self.mean > 0.0).then(|| self.standard_error / self.mean)
    }
}

impl Plain {
    /// Replications that had so many 5xx each, in order.
    pub fn of(counts: impl Iterator<Item = u64> + Clone) -> Plain {
        let failing = (0..).zip(counts.clone()).filter(|(_, count)| *count > 0);
        Plain {
            failing: Some(failing.collect()),
            counts: counts.map(|count| count as f64).collect(),
        }
    }
}

impl Rare {
    /// How many plain replications would give the same standard error of P(any 5xx).
    pub fn plain_runs_needed(&self) -> Option<f64> {
        let Estimate {
            mean,
            standard_error,
        } = self.any_5xx;
        (standard_error > 0.0).then(|| mean * (1.0 - mean) / standard_error.powi(2))
    }

    /// 5xx of a rollout that has any.
    pub fn count_if_any(&self) -> Option<f64> {
        (self.any_5xx.mean > 0.0).then(|| self.count_5xx.mean / self.any_5xx.mean)
    }

    /// With this confidence, no more than so large a share of rollouts fail a request for another reason than
    /// a lag of at least `least`; `None` if some did.
    pub fn bound_of_others(&self, level: f64) -> Option<f64> {
        (self.unexplained == 0).then(|| stats::zero_bound(self.plain, level))
    }
}

impl Lags<'_> {
    /// The greatest threshold that this share of the lags reach.
    fn threshold(&self, share: f64) -> Span {
        let reach = |micros| self.propagation.reach(Span::from_micros(micros)) >= share;
        let (mut low, mut high) = (0, 1_000_000);
        while reach(high) && high < 1 << 51 {
            (low, high) = (high, high * 2);
        }
        while low + 1 < high {
            let middle = (low + high) / 2;
            if reach(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Span::from_micros(low)
    }

    /// A replication in which one of the lags reaches a threshold.
    fn jumped(&self, streams: Streams, least: Span) -> Streams {
        let chosen = streams.at(Purpose::Jump, 0).below(self.entities.len());
        streams.with_jump(self.propagation.jump(self.entities[chosen], least))
    }

    fn of<'b>(&'b self, streams: &'b Streams) -> impl Iterator<Item = Span> + 'b {
        self.entities
            .iter()
            .map(|entity| self.propagation.jumped(streams, *entity))
    }

    /// The longest lag of a replication.
    fn longest(&self, streams: &Streams) -> Span {
        self.of(streams).max().unwrap_or_default()
    }

    /// The share of a replication's lags that reach a threshold.
    fn reaching(&self, streams: &Streams, least: Span) -> f64 {
        self.of(streams).filter(|lag| *lag >= least).count() as f64 / self.entities.len() as f64
    }
}

/// P(any 5xx) of a scenario that has been forecast: the forecast's replications and as many jumped ones.
/// `progress` hears how many of these have just ended.
///
/// # Errors
/// As [`super::forecast`].
pub fn rare(
    scenario: &Scenario,
    forecast: &Forecast,
    options: &Options,
    progress: &dyn Fn(u64),
    cancelled: &AtomicBool,
) -> Result<Rare, Error> {
    let engine = Engine::new(
        scenario,
        options.engine,
        about_how_long(scenario, options.seed)?,
    )?;
    let workers = Workers::new(options.threads)?;
    let traffic = || {
        let mut engine = engine.clone();
        move |timeline: &Timeline, streams: &Streams, outcome: &mut Outcome| {
            engine.simulate(timeline, streams, outcome);
        }
    };
    let simulate = |range: Range<u64>, streams: &(dyn Fn(u64) -> Streams + Sync)| {
        workers.sample_under(
            scenario,
            range,
            &|replication| (streams(replication), Time::ZERO),
            traffic,
            cancelled,
        )
    };
    let lags = deregistrations(scenario, options.seed)?;
    let plain = Plain {
        failing: forecast.failing.clone(),
        counts: forecast.counted.counts(Count::Failed).clone(),
    };
    estimate(&lags, options.seed, &plain, &simulate, progress)
}

/// The deregistration lags that occur in the first replications of a scenario.
fn deregistrations(scenario: &Scenario, seed: u64) -> Result<Lags<'_>, Error> {
    let mut rollout = Rollout::new(scenario);
    let mut deregistered = Vec::new();
    for replication in 0..LOOKS {
        let timeline = rollout.simulate(&Streams::new(seed, replication));
        let targets = &timeline
            .map_err(|error| error.in_replication(seed, replication))?
            .targets;
        deregistered.resize(deregistered.len().max(targets.len()), false);
        deregistered
            .iter_mut()
            .zip(targets)
            .for_each(|(seen, target)| *seen |= target.deregister_called.is_some());
    }
    let targets = (0..)
        .zip(deregistered)
        .filter_map(|(row, seen)| seen.then_some(TargetId(row)));
    let nodes = 0..scenario.load_balancer.nodes;
    let pairs = targets.flat_map(|target| nodes.clone().map(move |node| (target, AlbNodeId(node))));
    let propagation = &scenario.load_balancer.deregistration_propagation;
    Ok(Lags {
        propagation,
        entities: propagation.jumping(pairs),
    })
}

/// P(any 5xx), given the plain replications of a seed.
///
/// # Errors
/// As `simulate`.
pub fn estimate(
    lags: &Lags<'_>,
    seed: u64,
    plain: &Plain,
    simulate: &Simulate<'_>,
    progress: &dyn Fn(u64),
) -> Result<Rare, Error> {
    let mut search = Search {
        lags,
        seed,
        simulate,
        pilots: 0,
    };
    let share = if lags.entities.is_empty() || plain.failing.is_none() {
        None
    } else {
        search.share()?
    };
    let least = share.map(|share| lags.threshold(share));
    let mut sums = Sums::new(
        plain.counts.n(),
        least.map(|least| lags.propagation.reach(least)),
    );
    let reaching = |replication| {
        least.map_or(0.0, |least| {
            lags.reaching(&Streams::new(seed, replication), least)
        })
    };
    // One that failed no request adds nothing, whatever it weighs.
    sums.plain
        .push(0, 0.0, true, plain.counts.n() - plain.counts.nonzero());
    match &plain.failing {
        Some(failing) => {
            for (replication, count) in failing {
                let reaching = reaching(*replication);
                sums.plain
                    .push(*count, sums.weight(reaching), reaching > 0.0, 1);
            }
        }
        None => {
            for (count, times) in plain.counts.iter().filter(|(count, _)| *count > 0.0) {
                sums.plain
                    .push(count as u64, sums.weight(0.0), false, times);
            }
        }
    }
    let mut from = 0;
    while let Some(least) = least.filter(|_| from < sums.jumps) {
        let streams = |replication| lags.jumped(Streams::new(seed, JUMPED | replication), least);
        let until = (from + PORTION).min(sums.jumps);
        for (replication, sample) in (from..).zip(simulate(from..until, &streams)?) {
            let reaching = lags.reaching(&streams(replication), least);
            sums.jumped
                .push(sample.count_5xx(), sums.weight(reaching), true, 1);
        }
        progress(until - from);
        from = until;
    }
    Ok(sums.judge(least, search.pilots))
}

/// The search for a threshold.
struct Search<'a> {
    lags: &'a Lags<'a>,
    seed: u64,
    simulate: &'a Simulate<'a>,
    pilots: u64,
}

impl Search<'_> {
    /// The share of lags that are to jump; `None`: no jump helps, or none is needed.
    ///
    /// First to longer and longer lags, until some of the jumps fail a request: by steps so small that most of
    /// them do not yet. Then the least lags that were seen to fail show where failures begin, ever more
    /// closely. The replications that count have no say in it.
    fn share(&mut self) -> Result<Option<f64>, Error> {
        // All lags reach the first threshold: its jumps are as rare as errors are.
        let mut share = 1.0;
        while self.pilots(share, SOME)?.failing < SOME_FAIL {
            share /= STEP;
            if share < RAREST {
                return Ok(None);
            }
        }
        if share == 1.0 {
            return Ok(None);
        }
        let mut failing = 0.0;
        for wanted in CLOSER {
            let pilots = self.pilots(share, wanted)?;
            // Seen failures leave out some that are due to shorter lags. To leave them out is dear, a margin is cheap.
            share = (pilots.begin * (MARGIN + 10.0 / pilots.failed.max(1.0))).min(1.0);
            failing = pilots.failing;
        }
        Ok((share < 1.0 && failing >= SOME_FAIL).then_some(share))
    }

    /// Jumps beyond the threshold of a share, until so many of them failed, or ten times as many were tried.
    fn pilots(&mut self, share: f64, wanted: u64) -> Result<Pilots, Error> {
        let Search {
            lags,
            seed,
            simulate,
            pilots,
        } = self;
        let (least, before, mut failed) = (lags.threshold(share), *pilots, Vec::new());
        let streams = |replication| lags.jumped(Streams::new(*seed, PILOT | replication), least);
        while (failed.len() as u64) < wanted && *pilots - before < 10 * wanted {
            let range = *pilots..*pilots + PILOTS;
            for (replication, sample) in range.clone().zip(simulate(range, &streams)?) {
                failed
                    .extend((sample.count_5xx() > 0).then(|| lags.longest(&streams(replication))));
            }
            *pilots += PILOTS;
        }
        let begin = failed
            .iter()
            .min()
            .map_or(share, |least| lags.propagation.reach(*least));
        let failed = failed.len() as f64;
        Ok(Pilots {
            failed,
            failing: failed / (*pilots - before) as f64,
            begin,
        })
    }
}

/// Jumps beyond one threshold.
struct Pilots {
    /// How many failed a request.
    failed: f64,
    /// The share that did.
    failing: f64,
    /// The share of lags that reach the least of the longest lags of those.
    begin: f64,
}

/// Weighted sums over the two kinds of replications.
struct Sums {
    plains: u64,
    jumps: u64,
    /// The probability that one lag reaches the threshold.
    share: f64,
    plain: Stratum,
    jumped: Stratum,
}

/// Replications of one kind.
#[derive(Debug, Default)]
struct Stratum {
    hits: u64,
    /// Those without a lag at the threshold.
    unexplained: u64,
    any: Moments,
    count: Moments,
}

impl Stratum {
    /// Takes in so many replications with so many 5xx.
    fn push(&mut self, count: u64, weight: f64, is_explained: bool, times: u64) {
        self.hits += if count > 0 { times } else { 0 };
        self.unexplained += if count > 0 && !is_explained { times } else { 0 };
        let any = if count > 0 { weight } else { 0.0 };
        self.any.push_many(any, times);
        self.count.push_many(weight * count as f64, times);
    }
}

impl Sums {
    fn new(plains: u64, share: Option<f64>) -> Sums {
        let (plain, jumped) = (Stratum::default(), Stratum::default());
        Sums {
            plains,
            jumps: if share.is_some() { plains } else { 0 },
            share: share.unwrap_or(1.0),
            plain,
            jumped,
        }
    }

    /// What a replication counts of which so large a share of the lags is at the threshold.
    fn weight(&self, reaching: f64) -> f64 {
        1.0 / (self.plains as f64 + self.jumps as f64 * reaching / self.share)
    }

    fn judge(&self, least: Option<Span>, pilots: u64) -> Rare {
        let estimate = |of: fn(&Stratum) -> Moments| {
            let (plain, jumped) = (of(&self.plain), of(&self.jumped));
            let sum = |moments: Moments| moments.n() as f64 * moments.mean();
            let variance = |moments: Moments| moments.n() as f64 * moments.variance();
            let (mean, error) = (
                sum(plain) + sum(jumped),
                (variance(plain) + variance(jumped)).sqrt(),
            );
            // Where all jumps fail alike, the next one might not.
            Estimate {
                mean,
                standard_error: error.max(mean / self.plains.max(1) as f64),
            }
        };
        Rare {
            least,
            share: self.share,
            plain: self.plains,
            plain_hits: self.plain.hits,
            unexplained: self.plain.unexplained,
            jumped: self.jumps,
            jumped_hits: self.jumped.hits,
            pilots,
            any_5xx: estimate(|stratum| stratum.any),
            count_5xx: estimate(|stratum| stratum.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::alb_node::DeregistrationPreset;
    use crate::dist::Dist;

    const SEED: u64 = 20_231_016;
    const RUNS: u64 = 4_000;

    fn lags(propagation: &DeregistrationPropagation) -> Lags<'_> {
        let pairs =
            (0..3).flat_map(|target| (0..2).map(move |node| (TargetId(target), AlbNodeId(node))));
        Lags {
            propagation,
            entities: propagation.jumping(pairs),
        }
    }

    /// Whether every share is that of some threshold.
    fn is_smooth(propagation: &DeregistrationPropagation) -> bool {
        !matches!(
            propagation,
            DeregistrationPropagation::Span(Dist::Constant(_) | Dist::Empirical(_))
        )
    }

    /// Weights add up to one, and so do those of any event: to 4 standard errors. None is more than 1/n₀.
    #[track_caller]
    fn check_weights(propagation: &DeregistrationPropagation, share: f64) {
        let lags = lags(propagation);
        let least = lags.threshold(share);
        let (reach, longer) = (propagation.reach(least), lags.threshold(share / 4.0));
        assert!(
            reach >= share && (reach < 1.001 * share || !is_smooth(propagation)),
            "{propagation:?}: {reach} is not {share}"
        );
        let mut sums = Sums::new(RUNS, Some(reach));
        let mut weighted = [Moments::default(); 2];
        for replication in 0..RUNS {
            let plain = Streams::new(SEED, replication);
            let jumped = lags.jumped(Streams::new(SEED, JUMPED | replication), least);
            for (stratum, streams) in [plain, jumped].iter().enumerate() {
                let reaching = lags.reaching(streams, least);
                let weight = sums.weight(reaching);
                assert!(weight > 0.0 && weight <= 1.0 / RUNS as f64);
                assert!(
                    stratum == 0 || reaching > 0.0,
                    "a jump reaches the threshold"
                );
                weighted[stratum].push(weight);
                // As an event: the slowest lag is one that a quarter of those beyond the threshold reach.
                let count = u64::from(lags.longest(streams) >= longer);
                let strata = [&mut sums.plain, &mut sums.jumped];
                strata[stratum].push(count, weight, reaching > 0.0, 1);
            }
        }
        let total: f64 = weighted
            .iter()
            .map(|moments| moments.n() as f64 * moments.mean())
            .sum();
        let error = weighted
            .iter()
            .map(|moments| moments.n() as f64 * moments.variance())
            .sum::<f64>()
            .sqrt();
        // Plain replications that reach the threshold by themselves count less; there may be none.
        let entities = lags.entities.len() as f64;
        let unseen = if share * RUNS as f64 > 10.0 {
            1e-12
        } else {
            (entities + 0.01) * reach
        };
        assert!(
            (total - 1.0).abs() <= 4.0 * error + unseen,
            "{propagation:?} beyond {least}: {total} ± {error}"
        );
        let any = sums.judge(Some(least), 0).any_5xx;
        let bound = entities * propagation.reach(longer);
        assert!(
            any.mean <= bound + 4.0 * any.standard_error,
            "{propagation:?}: {any:?} is more than {bound}"
        );
        assert!(
            any.mean >= bound / entities - 4.0 * any.standard_error,
            "{propagation:?}: {any:?} is less than {bound} / {entities}"
        );
    }

    #[test]
    fn weights_are_those_of_the_law() {
        for preset in [
            DeregistrationPreset::Published,
            DeregistrationPreset::Fast,
            DeregistrationPreset::Slow,
        ] {
            for share in [0.3, 1e-2, 1e-4, 1e-7] {
                check_weights(&DeregistrationPropagation::Preset(preset), share);
            }
        }
        let exponential = DeregistrationPropagation::Span(Dist::Exponential(Span::from_secs(5)));
        check_weights(&exponential, 1e-3);
        check_weights(&exponential, 1e-9);
        let spans = [2, 3, 3, 5].map(Span::from_secs);
        check_weights(
            &DeregistrationPropagation::Span(Dist::Empirical(spans.to_vec())),
            0.2,
        );
        check_weights(
            &DeregistrationPropagation::Span(Dist::Constant(spans[0])),
            1e-3,
        );
    }
}
