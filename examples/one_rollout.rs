//! Simulates one rollout and shows the race of each old pod: when it stopped answering, and when the
//! last node of the load balancer stopped choosing it.
//!
//! `cargo run --release --example one_rollout`

use rollcast::aws::alb_node::Belief;
use rollcast::error::Error;
use rollcast::observe::timeline::Timeline;
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::Scenario;
use rollcast::time::Time;

fn main() -> Result<(), Error> {
    let mut scenario = Scenario::default();
    scenario.deployment.replicas = 4;
    let mut rollout = Rollout::new(&scenario);
    let timeline = rollout.simulate(&Streams::new(1, 0))?;
    println!("pod      deleted  listener closed  last node let go");
    for record in timeline.pods.iter().filter(|record| record.initial) {
        let seconds = |at: Option<Time>| {
            at.map_or("-".to_owned(), |at| {
                format!("{:.2} s", at.secs_since(timeline.rollout_at))
            })
        };
        let let_go = last_let_go(timeline, record.pod.index());
        println!(
            "{:8} {:>7}  {:>15}  {:>16}",
            record.pod.to_string(),
            seconds(record.terminating),
            seconds(record.listener_closed),
            seconds(let_go)
        );
    }
    Ok(())
}

/// When the last of the load balancer's nodes stopped believing in a target.
fn last_let_go(timeline: &Timeline, target: usize) -> Option<Time> {
    let draining = |changes: &Vec<_>| {
        let of_target =
            changes
                .iter()
                .filter(|change: &&rollcast::observe::timeline::BeliefChange| {
                    change.target.index() == target
                });
        of_target
            .filter(|change| change.belief == Belief::Draining)
            .map(|change| change.at)
            .max()
    };
    timeline.beliefs.iter().filter_map(draining).max()
}
