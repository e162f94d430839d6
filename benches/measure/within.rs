//! How much of the variance of a mean the requests' own chance adds to that of the rollouts: what expected counts
//! in place of drawn ones (conditional Monte Carlo) would take away.

use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::stats::Moments;
use rollcast::time::Span;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::{Engine, EngineChoice};

use crate::workloads::scenario;

const ROLLOUTS: u64 = 2_000;
const FILES: [&str; 3] = ["eks-2048-before", "eks-2048-after", "no-prestop"];
const STATUSES: [u16; 3] = [502, 503, 504];

/// Prints the table: each rollout meets its requests twice, and half the squared difference is theirs alone.
pub fn print() {
    println!("| scenario | status | mean | variance | of it the requests' own |");
    println!("|---|---:|---:|---:|---:|");
    for file in FILES {
        let scenario = scenario(&format!("scenarios/{file}.toml"), |_| {});
        let (mut rollout, mut outcome) = (Rollout::new(scenario), Outcome::new());
        let mut engine =
            Engine::new(scenario, EngineChoice::Interval, Span::ZERO).expect("nothing feeds back");
        let mut moments = [[Moments::default(); 2]; STATUSES.len()];
        for replication in 0..ROLLOUTS {
            let timeline = rollout
                .simulate(&Streams::new(1, replication))
                .expect("no invariant breaks");
            let [one, other] = [2, 3].map(|seed| {
                engine.simulate(timeline, &Streams::new(seed, replication), &mut outcome);
                STATUSES.map(|status| outcome.status(status) as f64)
            });
            for (row, [all, within]) in moments.iter_mut().enumerate() {
                all.push(one[row]);
                within.push((one[row] - other[row]).powi(2) / 2.0);
            }
        }
        for (status, [all, within]) in STATUSES.iter().zip(moments) {
            let share = within.mean() / all.variance() * 100.0;
            println!(
                "| `{file}` | {status} | {:.2} | {:.2} | {share:.2} % |",
                all.mean(),
                all.variance()
            );
        }
    }
}
