//! Which assumptions move the answer most: a forecast at each end of what each may be, under the same chance.
//!
//! All ends are looked at with few replications; those of the [`LISTED`] that moved most again with more, and only
//! these are reported. Both together are about as many replications as the forecast itself had. What an end gives is
//! the forecast's mean and the mean difference of pairs that share their chance, which varies less than a mean of the
//! end alone.

use std::sync::atomic::AtomicBool;

use super::{Count, Forecast, Sample, Workers};
use crate::error::Error;
use crate::scenario::{Assumption, Document, Scenario};
use crate::traffic::EngineChoice;

/// So many assumptions are named.
pub const LISTED: usize = 3;

/// A forecast of fewer replications leaves too few for this.
pub const FEWEST_RUNS: u64 = 400;

/// What the ranking came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// Those that move the answer most, the first one most; at most [`LISTED`].
    pub movers: Vec<Mover>,
    /// How many assumptions were looked at.
    pub looked_at: usize,
    /// Pairs that each of the named ones was compared in, at each end.
    pub pairs: u64,
}

/// One assumption, and what it moves.
#[derive(Debug, Clone, PartialEq)]
pub struct Mover {
    /// What is assumed.
    pub assumption: Assumption,
    /// The answer at one end or both, an end that is what is assumed left out.
    pub ends: Vec<End>,
}

/// The answer at one end.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// The setting's value there.
    pub value: String,
    /// The answer.
    pub means: Means,
}

/// Mean requests of a rollout by status, each at least 0.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Means {
    /// 502, 503 and 504 ([`STATUSES`]).
    pub by_status: [f64; 3],
    /// All 5xx.
    pub any: f64,
}

/// The statuses of [`Means::by_status`].
pub const STATUSES: [u16; 3] = [502, 503, 504];

impl Means {
    /// Of replications; nothing of none.
    pub fn of(samples: &[Sample]) -> Means {
        let mean = |count: &dyn Fn(&Sample) -> u64| {
            samples.iter().map(count).sum::<u64>() as f64 / samples.len().max(1) as f64
        };
        Means {
            by_status: STATUSES.map(|status| mean(&|sample| sample.status(status))),
            any: mean(&Sample::count_5xx),
        }
    }

    /// Of all replications of a forecast.
    pub fn of_forecast(forecast: &Forecast) -> Means {
        let mean = |count| forecast.amounts(count).map_or(0.0, |summary| summary.mean);
        Means {
            by_status: STATUSES.map(|status| mean(Count::Status(status))),
            any: mean(Count::Failed),
        }
    }

    /// These, and what `to` has more than `from`.
    fn moved(self, from: Means, to: Means) -> Means {
        let [a, b, c] = [0, 1, 2]
            .map(|row| (self.by_status[row] + to.by_status[row] - from.by_status[row]).max(0.0));
        Means {
            by_status: [a, b, c],
            any: (self.any + to.any - from.any).max(0.0),
        }
    }

    /// By how many requests another answer differs: as many as it has more or fewer, or as many as have another status.
    pub fn distance(&self, other: &Means) -> f64 {
        let rows = self.by_status.iter().zip(other.by_status);
        let moved: f64 = rows.map(|(a, b)| (a - b).abs()).sum();
        (self.any - other.any).abs().max(moved / 2.0)
    }

    /// The status that most of them have; `None` if there is none.
    pub fn main_status(&self) -> Option<u16> {
        let rows = STATUSES.into_iter().zip(self.by_status);
        rows.filter(|(_, mean)| *mean > 0.0)
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(status, _)| status)
    }
}

impl Mover {
    /// How far the answer is at most from what it is as assumed.
    fn reach(&self, base: &Means) -> f64 {
        let distances = self.ends.iter().map(|end| end.means.distance(base));
        distances.fold(0.0, f64::max)
    }
}

/// One end to be.
struct Candidate {
    assumption: Assumption,
    ends: Vec<(String, Scenario)>,
}

/// What simulates the ends.
pub struct Simulation<'a> {
    /// Threads.
    pub workers: &'a Workers,
    /// The engine of the forecast.
    pub engine: EngineChoice,
    /// Looked at before each replication.
    pub cancelled: &'a AtomicBool,
}

impl Simulation<'_> {
    /// Ranks what a forecast of this document assumed; `None` if it had fewer than [`FEWEST_RUNS`] replications, or
    /// assumed nothing that has a range.
    ///
    /// # Errors
    /// Interrupted, or an invariant of the model broke.
    pub fn rank(
        &self,
        document: &Document,
        scenario: &Scenario,
        forecast: &Forecast,
    ) -> Result<Option<Ranking>, Error> {
        let candidates = candidates(document, scenario);
        let ends: usize = candidates
            .iter()
            .map(|candidate| candidate.ends.len())
            .sum();
        if forecast.runs < FEWEST_RUNS || ends == 0 {
            return Ok(None);
        }
        let (looked_at, base) = (candidates.len(), Means::of_forecast(forecast));
        // Pairs need replications that the forecast has kept.
        let kept = forecast.samples.len() as u64;
        let few = (forecast.runs / (2 * ends as u64)).clamp(4, kept);
        let mut screened = Vec::new();
        for candidate in &candidates {
            screened.push((
                self.mover(candidate, forecast, few)?.reach(&base),
                candidate,
            ));
        }
        screened.sort_by(|a, b| b.0.total_cmp(&a.0));
        let pairs = (forecast.runs / (4 * LISTED as u64)).clamp(few, kept);
        let mut movers = Vec::new();
        for (_, candidate) in screened
            .iter()
            .filter(|(reach, _)| *reach > 0.0)
            .take(LISTED)
        {
            movers.push(self.mover(candidate, forecast, pairs)?);
        }
        movers.retain(|mover| mover.reach(&base) > 0.0);
        movers.sort_by(|a, b| b.reach(&base).total_cmp(&a.reach(&base)));
        Ok(Some(Ranking {
            movers,
            looked_at,
            pairs,
        }))
    }

    fn mover(&self, candidate: &Candidate, forecast: &Forecast, runs: u64) -> Result<Mover, Error> {
        let shared = forecast
            .samples
            .get(..runs as usize)
            .unwrap_or(&forecast.samples);
        let (all, shared) = (Means::of_forecast(forecast), Means::of(shared));
        let is_known = forecast.cut_short().is_some_and(|early| early.hits == 0);
        let mut ends = Vec::new();
        for (value, scenario) in &candidate.ends {
            let samples = self.workers.replications(
                scenario,
                self.engine,
                forecast.seed,
                0..runs,
                self.cancelled,
            );
            match samples {
                // A load that ends before the rollout does would hide what the end costs.
                Ok(samples) if is_known && samples.iter().any(|end| end.measures.cut_short) => {}
                Ok(samples) => ends.push(End {
                    value: value.clone(),
                    means: all.moved(shared, Means::of(&samples)),
                }),
                // The engine that was asked for does not take this end, or it would be too much of a load.
                Err(error) if [2, 4].contains(&error.exit_code()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Mover {
            assumption: candidate.assumption.clone(),
            ends,
        })
    }
}

/// The assumptions that have a range, each with those ends of it that are not what is assumed.
fn candidates(document: &Document, scenario: &Scenario) -> Vec<Candidate> {
    let end = |key: &str, value: &str| {
        let mut document = document.clone();
        document.set(key, value).ok()?;
        let mut end = document.resolve().ok()?;
        (end.monte_carlo, end.given) = (scenario.monte_carlo.clone(), scenario.given.clone());
        (end != *scenario).then(|| (value.to_owned(), end))
    };
    let ranged = scenario.assumptions().into_iter().filter_map(|assumption| {
        let range = assumption.range()?;
        let ends = range.ends.iter();
        let ends: Vec<_> = ends
            .filter_map(|value| end(&assumption.key, value))
            .collect();
        (!ends.is_empty()).then_some(Candidate { assumption, ends })
    });
    ranged.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monte_carlo::{Options, forecast};

    const SERVICE: &str = "name = \"x\"\n[deployment]\nreplicas = 2\n[load]\nrate = 20.0\nduration = \"60s\"\n\
                           [app]\nstart_up = \"12s\"\nshutdown = \"0s\"\n[new_revision]\nimage_pull = \"0s\"\n[monte_carlo]\nruns = 400\n";

    fn ranked(runs: u64) -> (Means, Option<Ranking>) {
        let document = Document::parse("x.toml".as_ref(), SERVICE).unwrap();
        let scenario = document.resolve().unwrap();
        let options = Options {
            runs,
            seed: 1,
            level: 0.95,
            threads: Some(1),
            engine: EngineChoice::Auto,
        };
        let never = AtomicBool::new(false);
        let forecast = forecast(&scenario, scenario.digest(), &options, &|_| {}, &never).unwrap();
        let simulation = Simulation {
            workers: &Workers::new(Some(1)).unwrap(),
            engine: EngineChoice::Auto,
            cancelled: &never,
        };
        (
            Means::of_forecast(&forecast),
            simulation.rank(&document, &scenario, &forecast).unwrap(),
        )
    }

    #[test]
    fn what_decides_comes_first_and_lies_on_both_sides_of_the_answer() {
        let (base, ranking) = ranked(FEWEST_RUNS);
        let ranking = ranking.unwrap();
        assert_eq!(ranking.movers.len(), LISTED);
        let reaches: Vec<f64> = ranking
            .movers
            .iter()
            .map(|mover| mover.reach(&base))
            .collect();
        assert!(reaches.is_sorted_by(|a, b| a >= b), "{reaches:?}");
        let lag = "load_balancer.deregistration_propagation";
        let lag = ranking
            .movers
            .iter()
            .find(|mover| mover.assumption.key == lag)
            .unwrap();
        let [fast, slow] = [0, 1].map(|end: usize| lag.ends[end].means.any);
        assert!(fast < base.any && base.any < slow, "{fast} {base:?} {slow}");
    }

    #[test]
    fn few_replications_rank_nothing() {
        assert_eq!(ranked(FEWEST_RUNS - 1).1, None);
    }

    #[test]
    fn another_status_is_a_distance_too() {
        let [silent, answered] = [[0.0, 0.0, 100.0], [100.0, 0.0, 0.0]].map(|by_status| Means {
            by_status,
            any: 100.0,
        });
        assert_eq!(silent.distance(&answered), 100.0);
        assert_eq!(
            [silent, answered, Means::default()].map(|means| means.main_status()),
            [Some(504), Some(502), None]
        );
    }
}
