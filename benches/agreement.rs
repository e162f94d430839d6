//! The engines compared at full length: a table of every number of every scene.
//!
//! `cargo bench --bench agreement -- [RUNS]`, 100,000 unless told.

#[path = "../tests/traffic/agreement.rs"]
mod agreement;
#[path = "../tests/traffic/staged.rs"]
mod staged;

use agreement::{compare, scenes, thinned};

fn main() {
    let runs = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(100_000);
    let mut failed = 0;
    for scene in scenes() {
        println!("{} ({runs} replications each)", scene.name);
        println!(
            "  {:22} {:>14} {:>14} {:>6} {:>14} {:>14} {:>6} {:>8}",
            "", "mean", "interval", "z", "variance", "interval", "z", "KS p"
        );
        for d in compare(&scene, runs, |_| {}) {
            let mark = if d.is_significant() { "  DIFFERS" } else { "" };
            failed += usize::from(d.is_significant());
            println!(
                "  {:22} {:14.5} {:14.5} {:6.1} {:14.5} {:14.5} {:6.1} {:8.4}{mark}",
                d.number, d.means[0], d.means[1], d.z_mean, d.variances[0], d.variances[1], d.z_variance, d.ks
            );
        }
    }
    let seen = thinned(runs.min(10_000)).iter().filter(|difference| difference.is_significant()).count();
    println!("Negative control, Poisson thinning against round robin: {seen} numbers differ (must not be 0)");
    println!("{failed} numbers differ");
    assert!(failed == 0 && seen > 0);
}
