//! How the cost of a replication grows with the fleet: `no-prestop` at 10,000 requests a second, 20 pods a host.

use crate::figures::{cpu_nanos, median};
use crate::workloads::workload;

/// A workload, its pods, replications a round, and what its ratio to the one before must be and is aimed at.
const ROWS: [(&str, u32, u64, f64, f64); 3] = [
    ("fleet-100", 100, 20, 0.0, 0.0),
    ("fleet-1000", 1_000, 2, 14.0, 11.0),
    ("fleet-5000", 5_000, 1, 7.0, 5.5),
];

const ROUNDS: usize = 3;

/// Prints the table: medians of rounds in which the workloads take turns, CPU time.
pub fn print() {
    let mut made: Vec<_> = ROWS.iter().map(|(name, ..)| workload(name)).collect();
    let mut times = vec![Vec::new(); ROWS.len()];
    for round in 0..ROUNDS as u64 {
        for (row, (_, _, runs, ..)) in ROWS.iter().enumerate() {
            let before = cpu_nanos();
            std::hint::black_box(made[row](round * runs, *runs));
            times[row].push((cpu_nanos() - before) as f64 / *runs as f64);
        }
    }
    println!("| pods | hosts | ms a replication | × the row above | must | aim |");
    println!("|---:|---:|---:|---:|---:|---:|");
    let mut last = None;
    for ((_, pods, _, must, aim), times) in ROWS.iter().zip(&mut times) {
        let nanos = median(times);
        let ratio = last.replace(nanos).map(|last| nanos / last);
        let ratio = ratio.map_or(String::new(), |ratio| {
            format!("{ratio:.1} | ≤ {must} | {aim}")
        });
        let ratio = if ratio.is_empty() {
            " | | ".to_owned()
        } else {
            ratio
        };
        println!("| {pods} | {} | {:.2} | {ratio} |", pods / 20, nanos / 1e6);
    }
}
