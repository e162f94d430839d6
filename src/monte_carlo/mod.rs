//! Many replications of one scenario, and what they say together.
//!
//! Workers take the next replication as they become free. Nothing depends on who takes which: what
//! they count is keyed by index or added as integers, and is judged in order when all is done. The
//! same seed therefore gives the same bytes for any number of threads.

mod counted;
mod forecast;
pub mod ranking;
pub mod rare;
mod replay;
mod sample;
mod sampling;
mod tally;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::ThreadPoolBuilder;

use crate::error::Error;
use crate::observe::measure::{Goal, Measures};
use crate::random::Streams;
use crate::rollout::Rollout;
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::outcome::Outcome;
use crate::traffic::{Engine, EngineChoice};
pub use counted::{Count, Counted, Measure};
pub use forecast::Forecast;
pub use replay::{Replay, replay, requests};
use sample::InOrder;
pub use sample::{Sample, typical};
pub use sampling::{Ends, Sampler, Workers};
use tally::Tally;
pub use tally::{ErrorSeries, KEPT, Latency, SERIES_RUNS};

/// So many of the first replications get a twin, to tell what differs between environments from
/// chance: at most 200 replications more, a fifth of the default 1,000, for a share known to about ±10 points.
const TWINS: u64 = 200;

/// Workers of closed loops that all threads remember together at most, about 4 GB of them.
const MOST_WORKERS: u64 = 8_000_000;
/// Bytes of each, with its request and its connections: docs/PERFORMANCE.md.
const WORKER: f64 = 500.0;

/// Refuses a closed loop that so many threads cannot remember at the same time.
fn refuse_workers(scenario: &Scenario, threads: usize) -> Result<(), Error> {
    let workers = u64::from(scenario.load.workers.unwrap_or(0));
    let all = workers * threads as u64;
    if all <= MOST_WORKERS {
        return Ok(());
    }
    let error = Error::too_large(format!(
        "{workers} workers on {threads} threads take about {:.0} GB of memory; the limit is {:.0} GB",
        all as f64 * WORKER / 1e9,
        MOST_WORKERS as f64 * WORKER / 1e9,
    ));
    Err(error.hint(format!(
        "--threads {}, or fewer workers",
        MOST_WORKERS / workers
    )))
}

/// How to forecast.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Replications, at least one.
    pub runs: u64,
    /// Everything that chance decides follows from it.
    pub seed: u64,
    /// Level of confidence intervals, above 0 and below 1.
    pub level: f64,
    /// Worker threads; `None`: one for each core. The result does not depend on it.
    pub threads: Option<usize>,
    /// The traffic engine that is wanted.
    pub engine: EngineChoice,
}

/// Forecasts a scenario.
///
/// `progress` hears, from any worker, how many replications have just ended; they add up to `runs`.
/// `cancelled` is looked at before each replication.
///
/// # Errors
/// The scenario is not for the engine that was wanted; no run was asked for; the threads could not be
/// started; `cancelled` became true; or an invariant of the model broke, always that of the lowest replication.
pub fn forecast(
    scenario: &Scenario,
    digest: String,
    options: &Options,
    progress: &(dyn Fn(u64) + Sync),
    cancelled: &AtomicBool,
) -> Result<Forecast, Error> {
    let threads = options
        .threads
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    refuse_workers(scenario, threads)?;
    let lasts = about_how_long(scenario, options.seed)?;
    let (engine, goal) = (
        Engine::new(scenario, options.engine, lasts)?,
        Goal::of(scenario),
    );
    let replications = || {
        let (mut rollout, mut traffic) = (Rollout::new(scenario), engine.clone());
        move |streams: &Streams, outcome: &mut Outcome| {
            let timeline = rollout.simulate(streams)?;
            traffic.simulate(timeline, streams, outcome);
            outcome.conserved()?;
            Ok(Measures::of(timeline, &goal))
        }
    };
    let rollout_at = scenario.load.rollout_at;
    let tally = gather(options, rollout_at, replications, progress, cancelled)?;
    Ok(Forecast::of(tally, scenario, digest, options, &engine))
}

/// How long the load of a scenario lasts: with its own duration, or else in replication 0. Only the choice of an
/// engine depends on it.
///
/// # Errors
/// As [`Rollout::simulate`].
pub fn about_how_long(scenario: &Scenario, seed: u64) -> Result<Span, Error> {
    match scenario.load.duration {
        Some(duration) => Ok(duration),
        None => Ok(Rollout::new(scenario)
            .simulate(&Streams::new(seed, 0))?
            .load_until
            - Time::ZERO),
    }
}

/// Runs the replications of a rollout that starts so long after the load. `replications` makes a worker's simulator of one replication, which overwrites
/// its outcome.
fn gather<R>(
    options: &Options,
    rollout_at: Span,
    replications: impl Fn() -> R + Sync,
    progress: &(dyn Fn(u64) + Sync),
    cancelled: &AtomicBool,
) -> Result<Tally, Error>
where
    R: FnMut(&Streams, &mut Outcome) -> Result<Measures, Error>,
{
    if options.runs == 0 {
        return Err(Error::input("a forecast needs at least one run"));
    }
    let pool = ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or(0))
        .build()
        .map_err(|error| {
            Error::too_large(format!("the worker threads could not be started: {error}"))
        })?;
    let (next, broken) = (AtomicU64::new(0), AtomicBool::new(false));
    let stop = || cancelled.load(Ordering::Relaxed) || broken.load(Ordering::Relaxed);
    // A replication that was taken is always finished, and they are taken in order: so the lowest one
    // that breaks is found, whatever the number of threads.
    let take = || Some(next.fetch_add(1, Ordering::Relaxed)).filter(|i| *i < options.runs);
    let fingerprints = Mutex::new(InOrder::default());
    let shares = pool.broadcast(|_| {
        let mut share = Tally::new(rollout_at);
        // A twin has an outcome of its own: its latencies do not count.
        let [mut outcome, mut twin] = [(); 2].map(|()| Outcome {
            pool_latencies: true,
            ..Outcome::new()
        });
        let mut replicate = replications();
        while !stop()
            && let Some(replication) = take()
        {
            let outcomes = (&mut outcome, &mut twin);
            let done = count(
                replication,
                options.seed,
                &mut replicate,
                outcomes,
                &mut share,
            );
            match done {
                Ok(fingerprint) => fingerprints
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(replication, fingerprint),
                Err(error) => {
                    broken.store(true, Ordering::Relaxed);
                    return Err((replication, error));
                }
            }
            progress(1);
        }
        share.pool(&outcome.latency);
        Ok(share)
    });
    let (shares, breaks): (Vec<_>, Vec<_>) = shares.into_iter().partition(Result::is_ok);
    let lowest = breaks
        .into_iter()
        .filter_map(Result::err)
        .min_by_key(|(replication, _)| *replication);
    if let Some((replication, error)) = lowest {
        // A twin has said so itself.
        return Err(match error.replication() {
            Some(_) => error,
            None => error.in_replication(options.seed, replication),
        });
    }
    if cancelled.load(Ordering::Relaxed) {
        return Err(Error::interrupted());
    }
    let mut tally = Tally::new(rollout_at);
    shares
        .into_iter()
        .flatten()
        .for_each(|share| tally.merge(share));
    let fingerprints = fingerprints
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    tally.fingerprint = fingerprints.value();
    Ok(tally)
}

/// Simulates one replication, and its twin if it has one; the replication's fingerprint.
fn count(
    replication: u64,
    seed: u64,
    replicate: &mut impl FnMut(&Streams, &mut Outcome) -> Result<Measures, Error>,
    (outcome, twin): (&mut Outcome, &mut Outcome),
    share: &mut Tally,
) -> Result<u64, Error> {
    let streams = Streams::new(seed, replication);
    let measures = replicate(&streams, outcome)?;
    let fingerprint = share.count(replication, outcome, measures);
    if replication < TWINS {
        let streams = streams.twin();
        let measures = replicate(&streams, twin)
            .map_err(|error| error.in_replication(seed, streams.replication()))?;
        share.count_twin(replication, twin, measures);
    }
    Ok(fingerprint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::target_group::Algorithm;
    use crate::random::Purpose;
    use crate::verdict::Cause;

    const OPTIONS: Options = Options {
        runs: 500,
        seed: 1,
        level: 0.95,
        threads: Some(2),
        engine: EngineChoice::Request,
    };

    /// A synthetic replication: 504s that depend half on the environment, half on chance.
    fn synthetic(streams: &Streams, outcome: &mut Outcome) -> Result<Measures, Error> {
        let environment = streams.at(Purpose::DeregistrationMedian, 0).below(100) as u64;
        let chance = streams.at(Purpose::Deregistration, 0).below(100) as u64;
        outcome.begin(Time::from_micros(2_000_000));
        outcome.requests = 1_000;
        outcome.causes[Cause::ConnectTimeout.index()] = environment + chance;
        outcome.ok = 1_000 - environment - chance;
        outcome.per_second[0][Cause::ConnectTimeout.index()] = (environment + chance) as u32;
        outcome.latency.count(Span::from_micros(1_000 + chance), 1);
        outcome.latency_sum = u128::from(1_000 + chance);
        outcome.max_latency = Span::from_micros(1_000 + chance);
        outcome.error_window = Some((Time::ZERO, Time::ZERO));
        Ok(Measures::default())
    }

    fn gathered(options: &Options) -> Result<Tally, Error> {
        let never = AtomicBool::new(false);
        gather(options, Span::ZERO, || synthetic, &|_| (), &never)
    }

    fn judged(options: &Options) -> Forecast {
        let tally = gathered(options).unwrap();
        let scenario = specimen();
        let engine = Engine::new(&scenario, options.engine, Span::from_secs(2)).unwrap();
        Forecast::of(tally, &scenario, "digest".to_owned(), options, &engine)
    }

    fn specimen() -> Scenario {
        Scenario {
            name: "synthetic".to_owned(),
            ..Scenario::default()
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_forecast() {
        let [one, two, seven] = [1, 2, 7].map(|threads| {
            judged(&Options {
                threads: Some(threads),
                ..OPTIONS
            })
        });
        assert_eq!(format!("{one:?}"), format!("{two:?}"));
        assert_eq!(format!("{one:?}"), format!("{seven:?}"));
        assert_ne!(
            one.fingerprint,
            judged(&Options { seed: 2, ..OPTIONS }).fingerprint
        );
    }

    /// `auto` counts where the load is large and nothing feeds back, on any number of threads alike.
    #[test]
    fn a_large_load_is_counted() {
        let forecast = |algorithm, threads| {
            let mut scenario = specimen();
            (scenario.load.rate, scenario.target_group.algorithm) = (2_000.0, algorithm);
            let options = Options {
                runs: 3,
                threads: Some(threads),
                engine: EngineChoice::Auto,
                ..OPTIONS
            };
            forecast(
                &scenario,
                "digest".to_owned(),
                &options,
                &|_| (),
                &AtomicBool::new(false),
            )
            .unwrap()
        };
        let counted = forecast(Algorithm::RoundRobin, 1);
        assert_eq!((counted.engine, &counted.refusal), ("interval", &None));
        assert_eq!(
            format!("{counted:?}"),
            format!("{:?}", forecast(Algorithm::RoundRobin, 3))
        );
        let sent = forecast(Algorithm::LeastOutstandingRequests, 1);
        assert_eq!((sent.engine, sent.refusal.is_some()), ("request", true));
    }

    #[test]
    fn samples_are_in_order_and_independent_of_their_number() {
        let (few, many) = (
            judged(&Options {
                runs: 50,
                ..OPTIONS
            }),
            judged(&OPTIONS),
        );
        assert_eq!(few.samples, many.samples[..50]);
        assert_eq!((few.twins.len(), many.twins.len()), (50, 200));
    }

    #[test]
    fn twins_tell_the_environment_from_chance() {
        let split = judged(&OPTIONS)
            .variance_split(|sample| sample.status(504) as f64)
            .unwrap();
        let (low, high) = split.between_interval.unwrap();
        assert!(low <= 0.5 && 0.5 <= high && high - low < 0.25, "{split:?}");
    }

    #[test]
    fn progress_adds_up() {
        let ended = AtomicU64::new(0);
        let progress = |runs| {
            ended.fetch_add(runs, Ordering::Relaxed);
        };
        let never = AtomicBool::new(false);
        gather(&OPTIONS, Span::ZERO, || quiet, &progress, &never).unwrap();
        assert_eq!(ended.into_inner(), 500);
    }

    fn quiet(_: &Streams, _: &mut Outcome) -> Result<Measures, Error> {
        Ok(Measures::default())
    }

    #[test]
    fn an_interruption_is_an_error_of_its_own() {
        let cancelled = AtomicBool::new(false);
        let progress = |_| cancelled.store(true, Ordering::Relaxed);
        let error = gather(&OPTIONS, Span::ZERO, || quiet, &progress, &cancelled).unwrap_err();
        assert_eq!(error.exit_code(), 130);
    }

    #[test]
    fn the_lowest_broken_replication_is_reported() {
        let broken = |streams: &Streams, _: &mut Outcome| match (0..500)
            .find(|i| *streams == Streams::new(1, *i))
        {
            Some(i) if i % 10 == 7 => Err(Error::invariant(format!("replication {i}"))),
            _ => Ok(Measures::default()),
        };
        for threads in [1, 2, 7] {
            let options = Options {
                threads: Some(threads),
                ..OPTIONS
            };
            let never = AtomicBool::new(false);
            let gathered = gather(&options, Span::ZERO, || broken, &|_| (), &never);
            let error = gathered.unwrap_err();
            assert_eq!(error.to_string(), "replication 7");
            assert_eq!(error.replication(), Some((1, 7)));
        }
    }

    /// A twin is replayed by a number of its own: simulated by it, it is the same again.
    #[test]
    fn a_broken_twin_says_its_own_number() {
        let broken =
            |streams: &Streams, _: &mut Outcome| match *streams == Streams::new(1, 7).twin() {
                true => Err(Error::invariant("in a twin")),
                false => Ok(Measures::default()),
            };
        let never = AtomicBool::new(false);
        let error = gather(&OPTIONS, Span::ZERO, || broken, &|_| (), &never);
        let (seed, number) = error.unwrap_err().replication().unwrap();
        assert_eq!(Streams::new(seed, number), Streams::new(1, 7).twin());
        let drawn = |purpose, streams: Streams| streams.at(purpose, 0).bits();
        for (purpose, same) in [
            (Purpose::DeregistrationMedian, true),
            (Purpose::Deregistration, false),
        ] {
            let [one, twin] =
                [Streams::new(seed, 7), Streams::new(seed, number)].map(|of| drawn(purpose, of));
            assert_eq!(one == twin, same);
        }
    }

    #[test]
    fn no_runs_are_refused() {
        assert_eq!(
            gathered(&Options { runs: 0, ..OPTIONS })
                .unwrap_err()
                .exit_code(),
            2
        );
    }

    #[test]
    fn a_scenario_is_rolled_out_and_measured() {
        let mut scenario = specimen();
        scenario.load.duration = Some(Span::from_secs(120));
        let options = Options { runs: 3, ..OPTIONS };
        let forecast = forecast(
            &scenario,
            "d".to_owned(),
            &options,
            &|_| (),
            &AtomicBool::new(false),
        )
        .unwrap();
        let sent = scenario.load.rate * 120.0;
        assert_eq!(forecast.counts(Count::Requests).unwrap().mean, sent);
        assert!(
            forecast.samples.iter().all(|sample| sample.count_5xx() > 0),
            "nothing protects the default rollout"
        );
        assert_eq!(forecast.series.mean.len(), 120);
    }
}
