//! What CI and docs/PERFORMANCE.md measure, one command each:
//!
//! - `cargo run --release --example measure -- figures`: the tables of docs/PERFORMANCE.md;
//! - `… -- list` and `… -- run NAME RUNS`: the workloads whose instructions are budgeted (benches/instructions);
//! - `… -- fleets`: how the cost of a replication grows with the fleet (benches/fleets);
//! - `… -- rare`, `… -- within`: those about P(any 5xx), and about what the requests' own chance adds, alone;
//! - `… -- w2 ENGINE RUNS`: resets and time-outs a replication and nanoseconds a logical event of W2 (benches/peers).

mod figures;
mod fleets;
mod rare;
mod within;
mod workloads;

use figures::cpu_nanos;
use rollcast::observe::timeline::Timeline;
use rollcast::random::Streams;
use rollcast::time::Span;
use rollcast::traffic::Engine;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;
use rollcast::verdict::Cause;
use workloads::{W2, w2, workload};

/// The six whose instructions are budgeted, and so many replications for a count.
const BUDGETED: [(&str, u64); 6] = [
    ("rollout", 200),
    ("request-w2", 5),
    ("live-w2", 3),
    ("interval-w2", 500),
    ("whole-100-rps", 100),
    ("whole-1m-rps", 100),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number of replications");
    match words[..] {
        ["figures"] => figures::print(),
        ["fleets"] => fleets::print(),
        ["rare"] => rare::print(),
        ["within"] => within::print(),
        ["run", name, runs] => println!("{name} {runs} {:016x}", workload(name)(0, number(runs))),
        ["w2", engine, runs] => measure_w2(engine, number(runs)),
        ["list"] => BUDGETED
            .iter()
            .for_each(|(name, runs)| println!("{name} {runs}")),
        _ => {
            panic!(
                "what to measure: figures, fleets, list, run NAME RUNS, rare, within, or w2 ENGINE RUNS"
            )
        }
    }
}

/// W2 by `live`, which remembers every request, or by an engine that the command line offers.
fn measure_w2(engine: &str, runs: u64) {
    let scenario = w2(1_000.0);
    let before = cpu_nanos();
    let (resets, time_outs) = if engine == "live" {
        let mut engine = RequestEngine::live(&scenario);
        w2_counts(runs, |timeline, streams, outcome| {
            engine.simulate(timeline, streams, outcome);
        })
    } else {
        let engine = engine.parse().expect("an engine");
        let mut engine =
            Engine::new(&scenario, engine, Span::from_secs(120)).expect("nothing feeds back");
        w2_counts(runs, |timeline, streams, outcome| {
            engine.simulate(timeline, streams, outcome);
        })
    };
    let (nanos, runs) = ((cpu_nanos() - before) as f64, runs as f64);
    println!(
        "{:.1} {:.0} {:.2}",
        resets as f64 / runs,
        time_outs as f64 / runs,
        nanos / runs / 240_000.0
    );
}

/// Resets and time-outs of so many replications of W2.
fn w2_counts(runs: u64, mut simulate: impl FnMut(&Timeline, &Streams, &mut Outcome)) -> (u64, u64) {
    let (mut outcome, mut timeline) = (Outcome::new(), W2::new());
    (0..runs).fold((0, 0), |(resets, time_outs), replication| {
        let streams = Streams::new(1, replication);
        simulate(timeline.close_at_random(&streams), &streams, &mut outcome);
        let count = |cause: Cause| outcome.causes[cause.index()];
        (
            resets + count(Cause::ResetInFlight),
            time_outs + count(Cause::ConnectTimeout),
        )
    })
}
