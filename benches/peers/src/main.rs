//! W2 on other engines: Poisson 1,000 requests a second for 120 s on four targets in turn, service times
//! log-normal with mean 20 ms and sigma 0.5. Each target closes once, at U(20, 100) s, for ten seconds: what is
//! in flight then is reset (20 on average), what is sent meanwhile times out after 10 s (10,000).
//!
//! `peers ENGINE REPLICATIONS` prints resets and time-outs per replication and CPU nanoseconds per event.

mod on_nexosim;
mod on_simcore;

use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, LogNormal};
use rand_xoshiro::Xoshiro256PlusPlus;

const RATE: f64 = 1_000.0;
const DURATION: f64 = 120.0;
const DOWN: f64 = 10.0;
const CONNECT_TIMEOUT: f64 = 10.0;
/// Logical events of a replication: two a request.
const EVENTS: f64 = 240_000.0;

/// What came of a replication.
#[derive(Default, Clone, Copy)]
struct Counts {
    ok: u64,
    reset: u64,
    timed_out: u64,
}

/// The same samplers for everybody.
#[derive(serde::Serialize, serde::Deserialize)]
struct Chance(Xoshiro256PlusPlus);

impl Chance {
    fn new(seed: u64, entity: u64) -> Chance {
        Chance(Xoshiro256PlusPlus::seed_from_u64(seed * 8 + entity))
    }

    fn gap(&mut self) -> f64 {
        let unit: f64 = Exp1.sample(&mut self.0);
        unit / RATE
    }

    fn service(&mut self) -> f64 {
        let law = LogNormal::new(0.02_f64.ln() - 0.125, 0.5).expect("a law");
        law.sample(&mut self.0)
    }

    fn close(&mut self) -> f64 {
        self.0.random_range(20.0..100.0)
    }
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [engine, runs] = &words[..] else { panic!("peers ENGINE REPLICATIONS") };
    let runs: u64 = runs.parse().expect("a number of replications");
    let replicate = match engine.as_str() {
        "nexosim" => on_nexosim::replicate,
        "simcore" => on_simcore::replicate,
        other => panic!("no engine is called {other}"),
    };
    let before = cpu_nanos();
    let mut sum = Counts::default();
    for seed in 1..=runs {
        let counts = replicate(seed);
        sum.ok += counts.ok;
        sum.reset += counts.reset;
        sum.timed_out += counts.timed_out;
    }
    let nanos = (cpu_nanos() - before) as f64 / runs as f64 / EVENTS;
    println!("{:.1} {:.0} {nanos:.1}", sum.reset as f64 / runs as f64, sum.timed_out as f64 / runs as f64);
}

/// CPU time of all threads of this process, by Linux's scheduler.
fn cpu_nanos() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let nanos = |text: String| text.split(' ').next()?.parse::<u64>().ok();
    threads.filter_map(|thread| nanos(std::fs::read_to_string(thread.path().join("schedstat")).ok()?)).sum()
}
