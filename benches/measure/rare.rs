//! P(any 5xx) of a rollout that hardly ever fails: twelve pods, deleted a second apart, 250 requests a second for
//! each of them, routed at random. A pod closes so long after its deletion; the node stops choosing it after a
//! lag of p50 4 s, σ 0.45.

use std::ops::Range;

use rollcast::aws::alb_node::{Belief, DeregistrationPropagation};
use rollcast::aws::target_group::Algorithm;
use rollcast::dist::{Dist, LogNormal};
use rollcast::id::{AlbNodeId, PodId, RevisionId, TargetId};
use rollcast::monte_carlo::Sample;
use rollcast::monte_carlo::rare::{Lags, Plain, Rare, estimate};
use rollcast::observe::measure::Measures;
use rollcast::observe::timeline::{BeliefChange, PodRecord, Socket, TargetRecord, Timeline};
use rollcast::random::Streams;
use rollcast::time::{Span, Time};
use rollcast::traffic::interval::IntervalEngine;
use rollcast::traffic::outcome::Outcome;

use crate::figures::cpu_nanos;
use crate::workloads::w2;

const PODS: u16 = 12;

/// So many plain replications and as many jumped ones.
const RUNS: u64 = 2_500;

/// How long after its deletion a pod closes, and P(any 5xx) by quadrature.
const SCENES: [(u64, f64); 2] = [(30, 4.5236e-5), (36, 6.2700e-6)];

/// Prints a row a scene.
pub fn print() {
    for (closes_after, truth) in SCENES {
        let before = cpu_nanos();
        let rare = measure(Span::from_secs(closes_after));
        let secs = (cpu_nanos() - before) as f64 / 1e9;
        let error = rare.any_5xx.relative_error().unwrap_or(f64::NAN);
        println!(
            "| P(any 5xx) = {:.3e} ± {:.2} %, by quadrature {truth:.3e}: s for the search and {} replications; for ± 1 % | \
             {secs:.2}; {:.3} | ≤ 0.5 | 0.1 |",
            rare.any_5xx.mean,
            error * 100.0,
            2 * RUNS,
            secs * (error / 0.01).powi(2)
        );
    }
}

fn measure(closes_after: Span) -> Rare {
    let mut scenario = w2(250.0 * f64::from(PODS));
    scenario.load.duration = Some(Span::from_secs(60));
    scenario.target_group.algorithm = Algorithm::WeightedRandom;
    scenario
        .revisions
        .iter_mut()
        .for_each(|revision| revision.app.service_time = Dist::constant(Span::ZERO));
    let lag = Dist::LogNormal(LogNormal::new(Span::from_secs(4), 0.45));
    let propagation = DeregistrationPropagation::Span(lag);
    let simulate = |range: Range<u64>, streams: &(dyn Fn(u64) -> Streams + Sync)| {
        let mut engine = IntervalEngine::new(&scenario).expect("nothing feeds back");
        let mut outcome = Outcome::new();
        let mut timeline = stage(closes_after);
        let samples = range.map(|replication| {
            let streams = streams(replication);
            tell(&mut timeline, &propagation, &streams);
            engine.simulate(&timeline, &streams, &mut outcome);
            Sample::of(&outcome, Measures::default())
        });
        Ok(samples.collect::<Vec<_>>())
    };
    let entities = propagation.jumping((0..PODS).map(|row| (TargetId(row), AlbNodeId(0))));
    let plain =
        simulate(0..RUNS, &|replication| Streams::new(1, replication)).expect("it only counts");
    let plain = Plain::of(plain.iter().map(Sample::count_5xx));
    estimate(
        &Lags {
            propagation: &propagation,
            entities,
        },
        1,
        &plain,
        &simulate,
        &|_| (),
    )
    .expect("it only counts")
}

const fn deleted(row: u16) -> Time {
    Time::from_micros(1_000_000 * (row as u64 + 1))
}

/// The pods, and when they close: the same for all replications.
fn stage(closes_after: Span) -> Timeline {
    let mut timeline = Timeline {
        end: Time::NEVER,
        beliefs: vec![Vec::new()],
        ..Timeline::default()
    };
    for row in 0..2 * PODS {
        let revision = if row < PODS {
            RevisionId::OLD
        } else {
            RevisionId::NEW
        };
        let pod = PodId::new(row, revision, row + 1);
        let mut sockets = vec![(Time::ZERO, Socket::Serving)];
        sockets.extend((row < PODS).then(|| (deleted(row) + closes_after, Socket::Silent)));
        timeline.pods.push(PodRecord {
            sockets,
            ..PodRecord::new(pod)
        });
        timeline.targets.push(TargetRecord {
            pod: Some(pod),
            ..TargetRecord::default()
        });
    }
    timeline
}

/// What the node comes to believe in one replication.
fn tell(timeline: &mut Timeline, propagation: &DeregistrationPropagation, streams: &Streams) {
    for row in 0..PODS {
        let at = deleted(row) + propagation.lag(streams, TargetId(row), AlbNodeId(0));
        timeline.targets[usize::from(row + PODS)].registered = Some(at);
    }
    let registered = |row: u16| {
        timeline.targets[usize::from(row + PODS)]
            .registered
            .unwrap_or(Time::NEVER)
    };
    let mut changes: Vec<_> = (0..PODS)
        .flat_map(|row| {
            [
                (Time::ZERO, row, Belief::Healthy),
                (registered(row), row, Belief::Draining),
                (registered(row), row + PODS, Belief::Healthy),
            ]
        })
        .map(|(at, row, belief)| BeliefChange {
            at,
            target: TargetId(row),
            belief,
        })
        .collect();
    changes.sort_by_key(|change| change.at);
    timeline.beliefs[0] = changes;
}
