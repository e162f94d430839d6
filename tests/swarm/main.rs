//! Ten thousand random scenarios with the checker on: no invariant breaks, nothing panics, nothing hangs.
//!
//! `ROLLCAST_SWARM_CASES` says how many, `ROLLCAST_SEED` which ones; the tests print both. A case
//! that fails prints its scenario.

mod hosts;
mod laws;
mod outputs;
mod scenarios;
mod ties;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rollcast::observe::timeline::Timeline;
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::Scenario;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;

/// What no case comes near: a rollout that says more than this goes round in circles.
const MOST_FACTS: u64 = 20_000_000;
/// Wall time without a single case done, on any machine.
const STUCK: Duration = Duration::from_secs(120);

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect(variable))
}

/// A check of one case: what is wrong with it, in words.
type Check = fn(text: &str, streams: &Streams) -> Result<(), String>;

/// Runs so many cases on all cores; `text` makes the scenario of a case.
fn swarm(cases: u64, text: fn(u64, u64) -> String, check: Check) {
    let (seed, cases) = (
        number("ROLLCAST_SEED", 1),
        number("ROLLCAST_SWARM_CASES", cases),
    );
    println!("ROLLCAST_SEED={seed} ROLLCAST_SWARM_CASES={cases}");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = Arc::new(AtomicU64::new(0));
    let (done, results) = mpsc::channel();
    for _ in 0..threads {
        let (done, next) = (done.clone(), Arc::clone(&next));
        std::thread::spawn(move || {
            loop {
                let case = next.fetch_add(1, Ordering::Relaxed);
                if case >= cases || done.send(run(seed, case, text, check)).is_err() {
                    return;
                }
            }
        });
    }
    let mut failures = Vec::new();
    for _ in 0..cases {
        match results.recv_timeout(STUCK) {
            Ok(result) => failures.extend(result.err()),
            Err(_) => panic!(
                "no case ended in {STUCK:?}: one before {} hangs",
                next.load(Ordering::Relaxed)
            ),
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {cases} cases failed\n{}",
        failures.len(),
        digest(&failures)
    );
}

/// One case, a panic caught.
fn run(seed: u64, case: u64, text: fn(u64, u64) -> String, check: Check) -> Result<(), String> {
    let text = text(seed, case);
    let caught = std::panic::catch_unwind(|| check(&text, &Streams::new(seed, case)));
    let result = caught.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<&str>().map(ToString::to_string);
        Err(format!(
            "panic: {}",
            words
                .or_else(|| panic.downcast_ref().cloned())
                .unwrap_or_default()
        ))
    });
    result.map_err(|what| format!("case {case}: {what}\n\n{text}"))
}

/// Failures by what they say, the shortest example of each.
fn digest(failures: &[String]) -> String {
    let mut kinds: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for failure in failures {
        let first = failure.lines().next().unwrap_or_default();
        let kind = first.rsplit(": ").next().unwrap_or_default();
        kinds.entry(kind).or_default().push(failure);
    }
    let lines = kinds.iter().map(|(kind, all)| {
        let shortest = all
            .iter()
            .min_by_key(|failure| failure.len())
            .expect("a kind has a failure");
        format!("=== {} × {kind}\n{shortest}\n", all.len())
    });
    lines.collect()
}

/// The scenario of a text, under edits.
fn scenario(text: &str, edits: &[(&str, &str)]) -> Result<Scenario, String> {
    scenarios::parse(text, edits).map_err(|error| error.to_string())
}

/// Its rollout.
fn timeline(scenario: &Scenario, streams: &Streams) -> Result<Timeline, String> {
    let mut rollout = Rollout::new(scenario);
    let timeline = rollout
        .simulate(streams)
        .map_err(|error| error.to_string())?;
    Ok(timeline.clone())
}

/// A rollout within bounds, and its requests.
fn simulates(text: &str, streams: &Streams) -> Result<(), String> {
    let scenario = scenario(text, &[])?;
    let mut facts = 0;
    let mut rollout = Rollout::new(&scenario);
    let timeline = rollout.simulate_observed(streams, |now, _| {
        facts += 1;
        assert!(facts < MOST_FACTS, "at {now} it still goes on");
    });
    let timeline = timeline.map_err(|error| error.to_string())?;
    let mut outcome = Outcome::new();
    RequestEngine::new(&scenario).simulate(timeline, streams, &mut outcome);
    outcome.conserved().map_err(|error| error.to_string())
}

#[test]
fn no_random_scenario_breaks_an_invariant() {
    swarm(10_000, scenarios::text, simulates);
}
