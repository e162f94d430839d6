//! Replications in portions: what sweeps, comparisons and searches are made of.
//!
//! They ask for the replications `from..to` of one scenario, look at them, and ask for more. The
//! same replication numbers of the same seed share their chance, whatever the scenario, so every
//! difference between two scenarios is seen under common random numbers.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Sample, goal};
use crate::error::Error;
use crate::observe::measure::Measures;
use crate::observe::timeline::Timeline;
use crate::random::Streams;
use crate::rollout::Rollout;
use crate::scenario::Scenario;
use crate::traffic::outcome::Outcome;
use crate::traffic::{Engine, EngineChoice};

/// Simulates the replications of a range, in order: the same ones for the same scenario.
pub type Sampler<'a> = dyn Fn(&Scenario, Range<u64>) -> Result<Vec<Sample>, Error> + 'a;

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
        let pool = ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build();
        pool.map(|pool| Workers { pool })
            .map_err(|error| Error::too_large(format!("the worker threads could not be started: {error}")))
    }

    /// How many there are.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// The replications `range` of a scenario, in order. `cancelled` is looked at before each.
    ///
    /// # Errors
    /// The scenario is not for the engine that was wanted; `cancelled` became true; or an invariant of the
    /// model broke, always that of the lowest replication.
    pub fn replications(
        &self,
        scenario: &Scenario,
        choice: EngineChoice,
        seed: u64,
        range: Range<u64>,
        cancelled: &AtomicBool,
    ) -> Result<Vec<Sample>, Error> {
        let engine = Engine::new(scenario, choice)?;
        let traffic = || {
            let mut engine = engine.clone();
            move |timeline: &Timeline, streams: &Streams, outcome: &mut Outcome| {
                engine.simulate(timeline, streams, outcome);
            }
        };
        self.sample(scenario, seed, range, traffic, cancelled)
    }

    /// The replications `range` of a scenario, in order, with the traffic engine that `traffic` makes, one for
    /// each worker; the rest as [`Workers::replications`].
    ///
    /// # Errors
    /// `cancelled` became true; or an invariant of the model broke, always that of the lowest replication.
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
        self.sample_under(scenario, range, &|replication| Streams::new(seed, replication), traffic, cancelled)
    }

    /// As [`Workers::sample`], each replication with the chance that `streams` has for it.
    ///
    /// # Errors
    /// As [`Workers::sample`].
    pub(super) fn sample_under<T>(
        &self,
        scenario: &Scenario,
        range: Range<u64>,
        streams: &(dyn Fn(u64) -> Streams + Sync),
        traffic: impl Fn() -> T + Sync,
        cancelled: &AtomicBool,
    ) -> Result<Vec<Sample>, Error>
    where
        T: FnMut(&Timeline, &Streams, &mut Outcome),
    {
        let goal = goal(scenario);
        let (next, broken) = (AtomicU64::new(range.start), AtomicBool::new(false));
        let stop = || cancelled.load(Ordering::Relaxed) || broken.load(Ordering::Relaxed);
        let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|i| *i < range.end);
        let shares = self.pool.broadcast(|_| {
            let (mut rollout, mut traffic) = (Rollout::new(scenario), traffic());
            let (mut outcome, mut share) = (Outcome::new(scenario.load.duration), Vec::new());
            while !stop()
                && let Some(replication) = take()
            {
                let streams = streams(replication);
                let simulated = rollout.simulate(&streams).and_then(|timeline| {
                    traffic(timeline, &streams, &mut outcome);
                    outcome.conserved()?;
                    Ok(Sample::of(&outcome, Measures::of(timeline, &goal)))
                });
                let sample = simulated.map_err(|error| match streams.is_jumped() {
                    // No command replays that.
                    true => error,
                    false => error.in_replication(streams.seed(), streams.replication()),
                });
                broken.fetch_or(sample.is_err(), Ordering::Relaxed);
                share.push((replication, sample));
            }
            share
        });
        let mut samples: Vec<_> = shares.into_iter().flatten().collect();
        samples.sort_by_key(|(replication, _)| *replication);
        let samples: Vec<Sample> = samples.into_iter().map(|(_, sample)| sample).collect::<Result<_, _>>()?;
        if cancelled.load(Ordering::Relaxed) {
            return Err(Error::interrupted());
        }
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(threads: usize, range: Range<u64>) -> Vec<Sample> {
        let mut scenario = Scenario::default();
        scenario.load.rate = 5.0;
        let workers = Workers::new(Some(threads)).unwrap();
        workers.replications(&scenario, EngineChoice::Request, 1, range, &AtomicBool::new(false)).unwrap()
    }

    #[test]
    fn portions_and_threads_make_no_difference() {
        let whole = sampled(1, 0..40);
        assert_eq!(whole.len(), 40);
        assert!(whole.windows(2).any(|pair| pair[0] != pair[1]), "replications differ");
        assert_eq!(whole, sampled(3, 0..40));
        assert_eq!(whole[13..31], sampled(2, 13..31));
    }

    #[test]
    fn an_interruption_is_an_error_of_its_own() {
        let scenario = Scenario::default();
        let nothing = || |_: &Timeline, _: &Streams, _: &mut Outcome| {};
        let workers = Workers::new(Some(2)).unwrap();
        let error = workers.sample(&scenario, 1, 0..9, nothing, &AtomicBool::new(true)).unwrap_err();
        assert_eq!(error.exit_code(), 130);
    }
}
