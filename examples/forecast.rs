//! Forecasts a scenario file with the library: how many 5xx, and how sure.
//!
//! `cargo run --release --example forecast -- scenarios/eks-2048-before.toml`

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::error::Error;
use rollcast::monte_carlo::{Count, Options, forecast};
use rollcast::scenario;
use rollcast::traffic::EngineChoice;

fn main() -> Result<(), Error> {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "scenarios/eks-2048-before.toml".to_owned());
    let scenario = scenario::load(Path::new(&path))?;
    let options = Options {
        runs: 500,
        seed: 1,
        level: 0.95,
        threads: None,
        engine: EngineChoice::Request,
    };
    let forecast = forecast(
        &scenario,
        scenario.digest(),
        &options,
        &|_| (),
        &AtomicBool::new(false),
    )?;
    for status in [502, 503, 504] {
        if let Some(count) = forecast.counts(Count::Status(status)) {
            println!(
                "{status}: {:7.1} on average, {:.0} to {:.0} in 90 % of rollouts",
                count.mean, count.p05, count.p95
            );
        }
    }
    if let Some(any) = forecast.any(Count::Failed) {
        println!(
            "any 5xx: {:.1} % of rollouts ({:.1} % to {:.1} %)",
            100.0 * any.probability,
            100.0 * any.low,
            100.0 * any.high
        );
    }
    Ok(())
}
