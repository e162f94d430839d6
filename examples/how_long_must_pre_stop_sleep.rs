//! The question that started it all, answered for one service: how often does a rollout fail any
//! request, by how long preStop sleeps? All points share their chance, so their differences are real.
//!
//! `cargo run --release --example how_long_must_pre_stop_sleep`

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::error::Error;
use rollcast::monte_carlo::{Count, Options, forecast};
use rollcast::scenario::document::Document;
use rollcast::traffic::EngineChoice;

fn main() -> Result<(), Error> {
    let mut document = Document::read(Path::new("scenarios/eks-2048-after.toml"))?;
    document.set("pod.termination_grace_period", "120s")?;
    let options = Options {
        runs: 300,
        seed: 1,
        level: 0.95,
        threads: None,
        engine: EngineChoice::Request,
    };
    println!("pre_stop  5xx per rollout  rollouts with any");
    for seconds in [0, 5, 10, 20, 30, 45, 60] {
        document.set("pod.pre_stop", &format!("{seconds}s"))?;
        let scenario = document.resolve()?;
        let forecast = forecast(
            &scenario,
            scenario.digest(),
            &options,
            &|_| (),
            &AtomicBool::new(false),
        )?;
        let mean = forecast
            .counts(Count::Failed)
            .map_or(0.0, |count| count.mean);
        let any = forecast
            .any(Count::Failed)
            .map_or(0.0, |any| any.probability);
        println!("{:>7}s  {mean:>15.1}  {:>15.1} %", seconds, 100.0 * any);
    }
    Ok(())
}
