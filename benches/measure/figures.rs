//! The table of docs/PERFORMANCE.md, measured: CPU time of this process, median of five rounds in which the
//! workloads take turns, so that a busy machine is busy for all of them.

use std::sync::atomic::AtomicBool;

use rollcast::monte_carlo::{self, Options};
use rollcast::traffic::EngineChoice;

use crate::workloads::{scenario, workload};
use crate::{rare, within};

/// A row: a workload, replications a round, and what must be reached and is aimed at, in replications a second.
const ROWS: [(&str, u64, f64, f64); 9] = [
    ("rollout", 2_000, 0.0, 0.0),
    ("request-w2", 20, 0.0, 0.0),
    ("live-w2", 10, 0.0, 0.0),
    ("interval-w2", 20_000, 200_000.0, 365_000.0),
    ("interval-w2-100k", 5_000, 30_000.0, 53_000.0),
    ("whole-100-rps", 2_000, 10_000.0, 25_000.0),
    ("whole-1m-rps", 1_000, 0.0, 0.0),
    ("whole-20-pods", 200, 0.0, 0.0),
    ("whole-100-pods", 50, 0.0, 0.0),
];

const ROUNDS: usize = 5;

/// Measures and prints.
pub fn print() {
    let mut made: Vec<_> = ROWS.iter().map(|(name, ..)| workload(name)).collect();
    let mut times = vec![Vec::new(); ROWS.len()];
    let mut fold = 0;
    for round in 0..ROUNDS as u64 {
        for (row, (_, runs, ..)) in ROWS.iter().enumerate() {
            let before = cpu_nanos();
            fold ^= made[row](round * runs, *runs);
            times[row].push((cpu_nanos() - before) as f64 / *runs as f64);
        }
    }
    println!("| workload | µs a replication | replications/s/core | must | aim |");
    println!("|---|---:|---:|---:|---:|");
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    for ((name, _, must, aim), nanos) in ROWS.iter().zip(&medians) {
        let wanted = |figure: f64| {
            if figure > 0.0 {
                format!("≥ {figure:.0}")
            } else {
                String::new()
            }
        };
        println!(
            "| `{name}` | {:.2} | {:.0} | {} | {} |",
            nanos / 1e3,
            1e9 / nanos,
            wanted(*must),
            wanted(*aim)
        );
    }
    let of = |wanted: &str| {
        ROWS.iter()
            .position(|(name, ..)| *name == wanted)
            .map_or(f64::NAN, |row| medians[row])
    };
    println!();
    println!("| ratio | measured | must | aim |");
    println!("|---|---:|---:|---:|");
    println!(
        "| a million requests a second against 100 | {:.2} | ≤ 3 | ≤ 1.5 |",
        of("whole-1m-rps") / of("whole-100-rps")
    );
    println!(
        "| 20 pods against 4 (n log n: 10.8) | {:.1} | ≤ 10.8 | |",
        of("whole-20-pods") / of("whole-100-rps")
    );
    println!(
        "| 100 pods against 4 (n log n: 83) | {:.1} | ≤ 83 | |",
        of("whole-100-pods") / of("whole-100-rps")
    );
    let (per_event, open_loop) = (
        of("request-w2") / 240_000.0,
        240_000.0 * 1e3 / of("request-w2"),
    );
    println!(
        "| `request-w2`, outcome decided at arrival: {per_event:.1} ns an event, M events/s | {open_loop:.0} | ≥ 100 | 200 |"
    );
    println!(
        "| `live-w2`, least outstanding requests, eight workers a target, backlog: ns an event | {:.1} | ≤ 40 | 24 |",
        of("live-w2") / 240_000.0
    );
    rare::print();
    let before = nanos_of_all();
    fold ^= forecast(20_000, 1);
    let whole = (nanos_of_all() - before) as f64 / 20_200.0;
    println!(
        "| `forecast`, 20,000 runs and their twins, one thread: replications/s | {:.0} | ≥ 10000 | 25000 |",
        1e9 / whole
    );
    println!();
    within::print();
    println!("\n<!-- {fold:016x} -->");
}

/// The middle one.
pub fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// A forecast as the command line makes it, on so many threads.
fn forecast(runs: u64, threads: usize) -> u64 {
    let scenario = scenario("scenarios/eks-2048-before.toml", |_| {});
    let options = Options {
        runs,
        seed: 1,
        level: 0.95,
        threads: Some(threads),
        engine: EngineChoice::Interval,
    };
    let forecast = monte_carlo::forecast(
        scenario,
        String::new(),
        &options,
        &|_| (),
        &AtomicBool::new(false),
    );
    u64::from_str_radix(&forecast.expect("it is not interrupted").fingerprint, 16).unwrap_or(0)
}

/// CPU time of this process and of its threads that have ended, in hundredths of a second (proc_pid_stat(5)).
fn nanos_of_all() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat
        .rsplit(')')
        .next()
        .into_iter()
        .flat_map(|text| text.split_whitespace());
    fields
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum::<u64>()
        * 10_000_000
}

/// CPU time of the threads of this process that are running, by Linux's scheduler.
pub fn cpu_nanos() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task")
        .expect("Linux")
        .flatten();
    let nanos = |text: String| text.split(' ').next()?.parse::<u64>().ok();
    threads
        .filter_map(|thread| nanos(std::fs::read_to_string(thread.path().join("schedstat")).ok()?))
        .sum()
}
