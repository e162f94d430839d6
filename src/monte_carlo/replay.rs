//! One replication again, in full: everything that a story about it needs.

use super::Sample;
use crate::error::Error;
use crate::observe::measure::{Goal, Measures};
use crate::observe::timeline::Timeline;
use crate::observe::transcript::Transcript;
use crate::random::Streams;
use crate::rollout::Rollout;
use crate::scenario::Scenario;
use crate::traffic::outcome::{Failure, Outcome};
use crate::traffic::request::RequestEngine;

/// One replication in full.
#[derive(Debug, Clone)]
pub struct Replay {
    /// What pods did and nodes believed.
    pub timeline: Timeline,
    /// What became of the requests, the first failures kept.
    pub outcome: Outcome,
    /// The same in a nutshell.
    pub sample: Sample,
    /// Who did what, and when: a line a fact, times since the rollout's start.
    pub story: String,
}

/// Simulates one replication of a scenario as a forecast with the same seed did.
///
/// # Errors
/// An invariant of the model broke.
pub fn replay(scenario: &Scenario, seed: u64, replication: u64) -> Result<Replay, Error> {
    let streams = Streams::new(seed, replication);
    let mut rollout = Rollout::new(scenario);
    let mut transcript = Transcript::new(scenario, false);
    let timeline = rollout
        .simulate_observed(&streams, |now, fact| transcript.note(now, fact))
        .map_err(|error| error.in_replication(seed, replication))?
        .clone();
    let mut outcome = Outcome::new();
    outcome.keep_failures = true;
    RequestEngine::new(scenario).simulate(&timeline, &streams, &mut outcome);
    outcome
        .conserved()
        .map_err(|error| error.in_replication(seed, replication))?;
    let sample = Sample::of(&outcome, Measures::of(&timeline, &Goal::of(scenario)));
    for failure in &outcome.failures {
        let target = failure
            .pod
            .map_or_else(|| "no pod".to_owned(), |pod| pod.to_string());
        let Failure {
            verdict, latency, ..
        } = failure;
        let cause = verdict.cause_name().unwrap_or_default();
        let what = format_args!(
            "answers {} ({cause}) for {target} after {latency}",
            verdict.status()
        )
        .to_string();
        transcript.tell(failure.sent, failure.node, what);
    }
    Ok(Replay {
        timeline,
        outcome,
        sample,
        story: transcript.finish(),
    })
}

/// Every request of a replication whose timeline is known, in order of sending.
pub fn requests(
    scenario: &Scenario,
    timeline: &Timeline,
    seed: u64,
    replication: u64,
) -> Vec<Failure> {
    let mut requests = Vec::new();
    RequestEngine::new(scenario).tell(timeline, &Streams::new(seed, replication), &mut requests);
    requests
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::monte_carlo::{Options, forecast};
    use crate::time::Span;
    use crate::traffic::EngineChoice;

    #[test]
    fn a_replay_is_what_was_counted() {
        let mut scenario = Scenario::default();
        scenario.load.duration = Some(Span::from_secs(60));
        let options = Options {
            runs: 3,
            seed: 7,
            level: 0.95,
            threads: Some(2),
            engine: EngineChoice::Request,
        };
        let forecast = forecast(
            &scenario,
            scenario.digest(),
            &options,
            &|_| (),
            &AtomicBool::new(false),
        )
        .unwrap();
        for (replication, sample) in forecast.samples.iter().enumerate() {
            let replay = replay(&scenario, options.seed, replication as u64).unwrap();
            assert_eq!(replay.sample, *sample);
            let requests = requests(
                &scenario,
                &replay.timeline,
                options.seed,
                replication as u64,
            );
            assert_eq!(requests.len() as u64, sample.requests);
            let failed = requests
                .iter()
                .filter(|request| request.verdict.is_5xx())
                .count();
            assert_eq!(failed as u64, sample.count_5xx());
        }
    }
}
