//! One workload, so many replications: what instructions are counted of and profiles taken.
//!
//! `cargo bench --bench workload -- NAME RUNS`, `-- list` for those that are budgeted.

mod workloads;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match &words[..] {
        [name, runs] => {
            let runs = runs.parse().expect("a number of replications");
            println!("{name} {runs} {:016x}", workloads::workload(name)(0, runs));
        }
        _ => workloads::BUDGETED.iter().for_each(|(name, runs)| println!("{name} {runs}")),
    }
}
