//! Intervals of whole Monte Carlo runs contain the truth as often as they say.

use std::sync::atomic::AtomicBool;

use rollcast::aws::alb_node::{Belief, NoRoutableTarget};
use rollcast::monte_carlo::Workers;
use rollcast::observe::timeline::{Socket, Timeline};
use rollcast::random::Streams;
use rollcast::scenario::load::Pacing;
use rollcast::sweep::Totals;
use rollcast::time::Span;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;

use crate::staged::{Stage, without_connections};

const EXPERIMENTS: u64 = 2_000;
const RUNS: u64 = 100;

/// One pod, its socket silent for the last 3 s that a node believes in it, Poisson arrivals at 0.4 a
/// second: 5xx a rollout are Poisson with mean 1.2, and a rollout has any with probability 1 − e^−1.2.
#[test]
fn intervals_cover_the_closed_form() {
    let mut scenario = without_connections();
    scenario.load_balancer.nodes = 1;
    scenario.load_balancer.no_routable_target = NoRoutableTarget::Strict;
    scenario.load.pacing = Pacing::Poisson;
    scenario.load.rate = 0.4;
    scenario.load.duration = Some(Span::from_secs(6));
    let (mean, any) = (1.2_f64, 1.0 - (-1.2_f64).exp());
    let mut stage = Stage::serving(1, 1);
    stage.socket(0, 2.0, Socket::Silent);
    stage.all_believe(0, 5.0, Belief::Draining);
    let traffic = || {
        let (mut engine, timeline) = (RequestEngine::new(&scenario), stage.0.clone());
        move |_: &Timeline, streams: &Streams, outcome: &mut Outcome| {
            engine.simulate(&timeline, streams, outcome);
            // After 5 s nobody is left to choose: those 503 are no part of the closed form.
            let column = rollcast::verdict::Cause::NoTarget.index();
            outcome.ok += std::mem::take(&mut outcome.causes[column]);
            outcome
                .per_second
                .iter_mut()
                .for_each(|second| second[column] = 0);
        }
    };
    let workers = Workers::new(None).unwrap();
    let (mut means, mut shares) = (0, 0);
    for experiment in 0..EXPERIMENTS {
        let samples = workers
            .sample(
                &scenario,
                experiment,
                0..RUNS,
                traffic,
                &AtomicBool::new(false),
            )
            .unwrap();
        let mut totals = Totals::default();
        totals.extend(&samples);
        let (low, high) = totals.mean_interval(0.95).unwrap();
        means += u64::from(low <= mean && mean <= high);
        let share = totals.any_5xx(0.95).unwrap();
        shares += u64::from(share.low <= any && any <= share.high);
    }
    assert!(
        (1_860..=1_940).contains(&means),
        "{means} of 2,000 intervals of the mean contain the truth"
    );
    // Clopper and Pearson's interval is exact, which for a discrete count means: never too narrow.
    assert!(
        (1_860..=1_960).contains(&shares),
        "{shares} of 2,000 intervals of the share contain the truth"
    );
}
