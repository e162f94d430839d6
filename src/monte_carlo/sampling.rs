//! Replications in portions: what sweeps, comparisons and searches are made of.
//!
//! They ask for the replications `from..to` of one scenario, look at them, and ask for more. The
//! same replication numbers of the same seed share their chance, whatever the scenario, so every
//! difference between two scenarios is seen under common random numbers.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Sample, about_how_long, refuse_workers};
use crate::error::Error;
use crate::observe::measure::{Goal, Measures};
use crate::observe::timeline::Timeline;
use crate::random::Streams;
use crate::rollout::Rollout;
use crate::scenario::Scenario;
use crate::time::Time;
use crate::traffic::outcome::Outcome;
use crate::traffic::{Engine, EngineChoice};

/// Simulates the replications of a range, in order: the same ones for the same scenario.
pub type Sampler<'a> = dyn Fn(&Scenario, Range<u64>) -> Result<Vec<Sample>, Error> + 'a;

/// Until when loads without a duration last at least, so that configurations which share their chance are sent
/// requests for equally long: what fails at any time, not only in a rollout, is then the same in all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends {
    /// The first replication.
    from: u64,
    /// One for each replication from there on.
    ends: Vec<Time>,
    /// For all others.
    others: Time,
}

/// Threads that are started once and asked often.
#[derive(Debug)]
pub struct Workers {
    pool: ThreadPool,
}

impl Workers {
    /// So many threads; `None`: one for each core. No result depends on it.
    ///
    /// # Errors
    /// The threads could not be started.
    pub fn new(threads: Option<usize>) -> Result<Workers, Error> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads.unwrap_or(0))
            .build();
        pool.map(|pool| Workers { pool }).map_err(|error| {
            Error::too_large(format!("the worker threads could not be started: {error}"))
        })
    }

    /// How many there are.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// The replications `range` of a scenario, in order. `cancelled` is looked at before each.
    ///
    /// # Errors
    /// The scenario is not for the engine that was wanted; a load without a duration would break a limit;
    /// `cancelled` became true; or an invariant of the model broke, always that of the lowest replication.
    pub fn replications(
        &self,
        scenario: &Scenario,
        choice: EngineChoice,
        seed: u64,
        range: Range<u64>,
        cancelled: &AtomicBool,
    ) -> Result<Vec<Sample>, Error> {
        self.replications_until(scenario, choice, seed, range, &Ends::default(), cancelled)
    }

    /// As [`Workers::replications`], with loads that last no shorter than `ends` says.
    ///
    /// # Errors
    /// As [`Workers::replications`].
    pub fn replications_until(
        &self,
        scenario: &Scenario,
        choice: EngineChoice,
        seed: u64,
        range: Range<u64>,
        ends: &Ends,
        cancelled: &AtomicBool,
    ) -> Result<Vec<Sample>, Error> {
        refuse_workers(scenario, self.threads())?;
        let engine = Engine::new(scenario, choice, about_how_long(scenario, seed)?)?;
        let traffic = || {
            let mut engine = engine.clone();
            move |timeline: &Timeline, streams: &Streams, outcome: &mut Outcome| {
                engine.simulate(timeline, streams, outcome);
            }
        };
        let chance = |replication| (Streams::new(seed, replication), ends.of(replication));
        self.sample_under(scenario, range, &chance, traffic, cancelled)
    }

    /// The replications `range` of a scenario, in order, with the traffic engine that `traffic` makes, one for
    /// each worker; the rest as [`Workers::replications`].
    ///
    /// # Errors
    /// As [`Workers::replications`].
    pub fn sample<T>(
        &self,
        scenario: &Scenario,
        seed: u64,
        range: Range<u64>,
        traffic: impl Fn() -> T + Sync,
        cancelled: &AtomicBool,
    ) -> Result<Vec<Sample>, Error>
    where
        T: FnMut(&Timeline, &Streams, &mut Outcome),
    {
        let chance = |replication| (Streams::new(seed, replication), Time::ZERO);
        self.sample_under(scenario, range, &chance, traffic, cancelled)
    }

    /// As [`Workers::sample`], each replication with the chance that `chance` has for it, and a load that lasts
    /// no shorter than it says.
    ///
    /// # Errors
    /// As [`Workers::sample`].
    pub(super) fn sample_under<T>(
        &self,
        scenario: &Scenario,
        range: Range<u64>,
        chance: &(dyn Fn(u64) -> (Streams, Time) + Sync),
        traffic: impl Fn() -> T + Sync,
        cancelled: &AtomicBool,
    ) -> Result<Vec<Sample>, Error>
    where
        T: FnMut(&Timeline, &Streams, &mut Outcome),
    {
        let goal = Goal::of(scenario);
        let worker = || {
            let (mut rollout, mut traffic, mut outcome) =
                (Rollout::new(scenario), traffic(), Outcome::new());
            move |replication| {
                let (streams, at_least) = chance(replication);
                let simulated = rollout
                    .simulate_until(&streams, at_least)
                    .and_then(|timeline| {
                        traffic(timeline, &streams, &mut outcome);
                        outcome.conserved()?;
                        Ok(Sample::of(&outcome, Measures::of(timeline, &goal)))
                    });
                simulated.map_err(|error| match streams.is_jumped() {
                    // No command replays that.
                    true => error,
                    false => error.in_replication(streams.seed(), streams.replication()),
                })
            }
        };
        self.each(range, worker, cancelled)
    }

    /// The latest end, replication by replication, of the loads of configurations that are to be compared: of
    /// each, the control plane alone is simulated.
    ///
    /// # Errors
    /// As [`Workers::replications`].
    pub fn ends(
        &self,
        scenarios: &[&Scenario],
        seed: u64,
        range: Range<u64>,
        cancelled: &AtomicBool,
    ) -> Result<Ends, Error> {
        let mut ends = Ends {
            from: range.start,
            ends: Vec::new(),
            others: Time::ZERO,
        };
        if scenarios
            .iter()
            .all(|scenario| scenario.load.duration.is_some())
        {
            return Ok(ends);
        }
        ends.ends
            .resize((range.end - range.start) as usize, Time::ZERO);
        for scenario in scenarios {
            let worker = || {
                let mut rollout = Rollout::new(scenario);
                move |replication| {
                    let timeline = rollout.simulate(&Streams::new(seed, replication));
                    let end = timeline.map(|timeline| timeline.load_until);
                    end.map_err(|error| error.in_replication(seed, replication))
                }
            };
            let of_one = self.each(range.clone(), worker, cancelled)?;
            ends.ends
                .iter_mut()
                .zip(of_one)
                .for_each(|(latest, end)| *latest = end.max(*latest));
        }
        Ok(ends)
    }

    /// What a worker makes of each number of a range, in order.
    fn each<T: Send, W>(
        &self,
        range: Range<u64>,
        worker: impl Fn() -> W + Sync,
        cancelled: &AtomicBool,
    ) -> Result<Vec<T>, Error>
    where
        W: FnMut(u64) -> Result<T, Error>,
    {
        let (next, broken) = (AtomicU64::new(range.start), AtomicBool::new(false));
        let stop = || cancelled.load(Ordering::Relaxed) || broken.load(Ordering::Relaxed);
        let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|i| *i < range.end);
        let shares = self.pool.broadcast(|_| {
            let (mut worker, mut share) = (worker(), Vec::new());
            while !stop()
                && let Some(replication) = take()
            {
                let made = worker(replication);
                broken.fetch_or(made.is_err(), Ordering::Relaxed);
                share.push((replication, made));
            }
            share
        });
        let mut made: Vec<_> = shares.into_iter().flatten().collect();
        made.sort_by_key(|(replication, _)| *replication);
        let made: Vec<T> = made
            .into_iter()
            .map(|(_, made)| made)
            .collect::<Result<_, _>>()?;
        if cancelled.load(Ordering::Relaxed) {
            return Err(Error::interrupted());
        }
        Ok(made)
    }
}

impl Ends {
    /// The same for all replications: the latest of these.
    #[must_use]
    pub fn for_all(&self) -> Ends {
        let latest = self.ends.iter().copied().fold(self.others, Time::max);
        Ends {
            others: latest,
            ..Ends::default()
        }
    }

    /// Adds those of the replications that follow.
    pub fn extend(&mut self, following: Ends) {
        self.ends.extend(following.ends);
    }

    /// The later of two ends for all replications.
    #[must_use]
    pub fn max(&self, other: &Ends) -> Ends {
        Ends {
            others: self.others.max(other.others),
            ..Ends::default()
        }
    }

    /// Until when the load of a replication lasts at least.
    pub fn of(&self, replication: u64) -> Time {
        let row = replication
            .checked_sub(self.from)
            .and_then(|row| usize::try_from(row).ok());
        row.and_then(|row| self.ends.get(row))
            .copied()
            .unwrap_or(self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(threads: usize, range: Range<u64>) -> Vec<Sample> {
        let mut scenario = Scenario::default();
        scenario.load.rate = 5.0;
        let workers = Workers::new(Some(threads)).unwrap();
        workers
            .replications(
                &scenario,
                EngineChoice::Request,
                1,
                range,
                &AtomicBool::new(false),
            )
            .unwrap()
    }

    #[test]
    fn portions_and_threads_make_no_difference() {
        let whole = sampled(1, 0..40);
        assert_eq!(whole.len(), 40);
        assert!(
            whole.windows(2).any(|pair| pair[0] != pair[1]),
            "replications differ"
        );
        assert_eq!(whole, sampled(3, 0..40));
        assert_eq!(whole[13..31], sampled(2, 13..31));
    }

    #[test]
    fn an_interruption_is_an_error_of_its_own() {
        let scenario = Scenario::default();
        let nothing = || |_: &Timeline, _: &Streams, _: &mut Outcome| {};
        let workers = Workers::new(Some(2)).unwrap();
        let error = workers
            .sample(&scenario, 1, 0..9, nothing, &AtomicBool::new(true))
            .unwrap_err();
        assert_eq!(error.exit_code(), 130);
    }
}
