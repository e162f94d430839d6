//! Laws that hold replication by replication, whatever theory knows of the numbers.

use rollcast::aws::alb_node::Belief;
use rollcast::dist::Dist;
use rollcast::disturbance::Disturbance;
use rollcast::disturbance::load_step::LoadStep;
use rollcast::id::{RevisionId, TargetId};
use rollcast::observe::timeline::{Socket, Timeline};
use rollcast::random::{Purpose, Streams};
use rollcast::scenario::Scenario;
use rollcast::scenario::load::{Pacing, Shape};
use rollcast::time::{Span, Time};
use rollcast::traffic::outcome::Outcome;
use rollcast::verdict::Cause;

use crate::agreement::kolmogorov_smirnov;
use crate::staged::{Stage, replicate, run, scenario};

pub const PAIRS: u64 = 2_000;

/// What differs between two rollouts.
#[derive(Clone, Copy)]
pub struct Delays {
    /// How many of the four old pods stop.
    pub stopping: usize,
    pub lag: f64,
    pub grace: f64,
    pub deregistration: f64,
}

pub const USUAL: Delays = Delays {
    stopping: 4,
    lag: 1.0,
    grace: 0.5,
    deregistration: 8.0,
};

/// Old pods stop one after another, new ones come; lags differ by target and node.
pub fn rollout(delays: Delays, streams: &Streams) -> Stage {
    let mut stage = Stage::serving(4, 2);
    for old in 0..delays.stopping {
        let deleted = 1.5 + 1.25 * old as f64;
        stage.socket(old, deleted + 0.125, Socket::Closed);
        stage.reset(old, deleted + 0.125 + delays.grace);
        stage.socket(old, deleted + 0.125 + delays.grace + 0.25, Socket::Silent);
        for node in 0..2 {
            let chance = streams
                .at(Purpose::Deregistration, (old * 2 + node) as u64)
                .uniform();
            let lag = delays.lag * (0.5 + chance);
            stage.believe(node, old, deleted + lag, Belief::Draining);
            stage.believe(
                node,
                old,
                deleted + lag + delays.deregistration,
                Belief::Gone,
            );
        }
        stage.add(RevisionId::NEW, deleted + 0.5, deleted + 1.0);
    }
    stage
}

pub fn ten_seconds(pacing: Pacing) -> Scenario {
    let mut scenario = scenario();
    scenario.load.duration = Some(Span::from_secs(10));
    scenario.load.pacing = pacing;
    scenario.revisions[0].app.service_time =
        Dist::LogNormal(rollcast::dist::LogNormal::new(Span::from_millis(100), 1.5));
    scenario.revisions[1].app.service_time =
        Dist::LogNormal(rollcast::dist::LogNormal::new(Span::from_millis(50), 1.0));
    scenario
}

pub fn printed(outcome: &Outcome) -> String {
    format!("{outcome:?}")
}

/// A count never falls when a delay rises: 0 violations in 2,000 pairs, and some that rise.
#[track_caller]
fn check_rises(less: Delays, more: Delays, count: impl Fn(&Outcome) -> u64) {
    let scenario = ten_seconds(Pacing::Poisson);
    let mut higher = 0;
    for pair in 0..PAIRS {
        let streams = Streams::new(7, pair);
        let counted = |delays| count(&run(&scenario, &rollout(delays, &streams).0, streams));
        let (few, many) = (counted(less), counted(more));
        assert!(few <= many, "pair {pair}: {few} became {many}");
        higher += u64::from(few < many);
    }
    assert!(higher > PAIRS / 20, "only {higher} pairs differ");
}

#[test]
fn a_longer_lag_never_costs_fewer_errors() {
    let one_pod = Delays {
        stopping: 1,
        ..USUAL
    };
    check_rises(
        one_pod,
        Delays {
            lag: 1.02,
            ..one_pod
        },
        Outcome::count_5xx,
    );
    check_rises(USUAL, Delays { lag: 2.0, ..USUAL }, Outcome::count_5xx);
}

/// Each node counts the deregistration delay from when it learned of the deregistration: a longer lag saves long
/// requests from being cut, so that all errors together may become fewer, but never those that are no cuts.
#[test]
fn a_longer_lag_never_costs_fewer_errors_but_cuts() {
    let cuts = |outcome: &Outcome| outcome.causes[Cause::CutByDeregistration.index()];
    let short = Delays {
        grace: 6.0,
        deregistration: 0.25,
        ..USUAL
    };
    let longer = Delays { lag: 1.5, ..short };
    check_rises(short, longer, |outcome| outcome.count_5xx() - cuts(outcome));
    let scenario = ten_seconds(Pacing::Poisson);
    let fewer = (0..PAIRS / 10).filter(|pair| {
        let streams = Streams::new(7, *pair);
        let [before, after] = [short, longer]
            .map(|delays| cuts(&run(&scenario, &rollout(delays, &streams).0, streams)));
        after < before
    });
    assert!(
        fewer.count() as u64 > PAIRS / 200,
        "the old form, of all errors, would hold"
    );
}

#[test]
fn a_longer_grace_never_resets_more() {
    let resets = |outcome: &Outcome| outcome.causes[Cause::ResetInFlight.index()];
    check_rises(
        Delays {
            grace: 0.75,
            ..USUAL
        },
        USUAL,
        resets,
    );
}

#[test]
fn a_longer_deregistration_delay_never_cuts_more() {
    let cuts = |outcome: &Outcome| outcome.causes[Cause::CutByDeregistration.index()];
    let patient = Delays {
        grace: 6.0,
        deregistration: 1.0,
        ..USUAL
    };
    check_rises(
        patient,
        Delays {
            deregistration: 0.25,
            ..patient
        },
        cuts,
    );
}

#[test]
fn no_requests_no_errors() {
    for pacing in [Pacing::Constant, Pacing::Poisson] {
        let mut scenario = ten_seconds(pacing);
        scenario.load.rate = 0.0;
        let streams = Streams::new(1, 0);
        let outcome = run(&scenario, &rollout(USUAL, &streams).0, streams);
        assert_eq!((outcome.requests, outcome.count_5xx()), (0, 0));
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let scenario = ten_seconds(Pacing::Poisson);
    let streams = Streams::new(1, 0);
    let timeline = rollout(USUAL, &streams).0;
    let first = printed(&run(&scenario, &timeline, streams));
    assert_eq!(first, printed(&run(&scenario, &timeline, streams)));
    assert_ne!(
        first,
        printed(&run(&scenario, &timeline, Streams::new(1, 1)))
    );
    // An engine and an outcome that have seen another replication forget it.
    let mut engine = rollcast::traffic::request::RequestEngine::new(&scenario);
    let mut outcome = Outcome::new();
    outcome.keep_failures = true;
    engine.simulate(&Stage::serving(9, 2).0, &Streams::new(3, 3), &mut outcome);
    engine.simulate(&timeline, &streams, &mut outcome);
    assert_eq!(first, printed(&outcome));
}

#[test]
fn a_trace_changes_nothing() {
    let scenario = ten_seconds(Pacing::Poisson);
    let mut untraced = Outcome::new();
    let mut engine = rollcast::traffic::request::RequestEngine::new(&scenario);
    for pair in 0..PAIRS {
        let streams = Streams::new(1, pair);
        let timeline = rollout(USUAL, &streams).0;
        let traced = run(&scenario, &timeline, streams);
        assert_eq!(traced.failures.len() as u64, traced.requests - traced.ok);
        engine.simulate(&timeline, &streams, &mut untraced);
        let [one, other] = [&traced, &untraced].map(|of| {
            (
                of.requests,
                of.ok,
                of.causes,
                of.error_window,
                of.latency_sum,
            )
        });
        assert_eq!(one, other, "pair {pair}");
        assert_eq!(
            (&traced.per_second, &traced.latency),
            (&untraced.per_second, &untraced.latency),
            "pair {pair}"
        );
    }
}

/// The same timeline on another clock.
fn at_other_times(mut timeline: Timeline, clock: impl Fn(Time) -> Time) -> Timeline {
    let put = |at: &mut Time| *at = clock(*at);
    for pod in &mut timeline.pods {
        pod.sockets.iter_mut().for_each(|(at, _)| put(at));
        pod.resets.iter_mut().for_each(put);
    }
    timeline
        .beliefs
        .iter_mut()
        .flatten()
        .for_each(|change| put(&mut change.at));
    timeline
        .targets
        .iter_mut()
        .filter_map(|target| target.registered.as_mut())
        .for_each(put);
    timeline
}

/// Time is only a unit: everything twice as long, half the rate, the same counts.
#[test]
fn twice_as_slow_counts_the_same() {
    let mut scenario = ten_seconds(Pacing::Constant);
    scenario.revisions[1] = scenario.revisions[0].clone();
    for revision in &mut scenario.revisions {
        revision.app.service_time = Dist::constant(Span::from_micros(123_456));
    }
    let mut slow = scenario.clone();
    slow.load.rate /= 2.0;
    for revision in &mut slow.revisions {
        revision.app.service_time = Dist::constant(Span::from_micros(246_912));
        revision.app.keep_alive = revision.app.keep_alive * 2;
    }
    let spans = [
        &mut slow.load_balancer.round_trip,
        &mut slow.load_balancer.idle_timeout,
    ];
    let client = [
        &mut slow.load_balancer.connect_timeout,
        &mut slow.load.client_timeout,
    ];
    spans
        .into_iter()
        .chain(client)
        .chain(&mut slow.load.duration)
        .for_each(|span| *span = *span * 2);
    for replication in 0..PAIRS {
        let streams = Streams::new(1, replication);
        let counts = |scenario: &Scenario, timeline: &Timeline| {
            let outcome = run(scenario, timeline, streams);
            (outcome.requests, outcome.ok, outcome.target, outcome.causes)
        };
        let timeline = rollout(USUAL, &streams).0;
        let twice = at_other_times(timeline.clone(), |at| Time::from_micros(2 * at.as_micros()));
        assert_eq!(
            counts(&scenario, &timeline),
            counts(&slow, &twice),
            "replication {replication}"
        );
    }
}

/// The same rollout later in the same load, by as many requests as make whole turns, costs the same.
#[test]
fn a_later_rollout_costs_the_same() {
    const LATER: Span = Span::from_secs(2);
    let mut early = ten_seconds(Pacing::Constant);
    early.load_balancer.nodes = 1;
    for revision in &mut early.revisions {
        revision.app.service_time = Dist::constant(Span::from_micros(123_456));
    }
    let mut late = early.clone();
    late.load.duration = late.load.duration.map(|duration| duration + LATER);
    let more = (LATER.as_secs_f64() * early.load.rate) as u64;
    for pair in 0..PAIRS {
        let streams = Streams::new(1, pair);
        let mut timeline = rollout(USUAL, &streams).0;
        timeline.beliefs.truncate(1);
        let now = run(&early, &timeline, streams);
        // What was so when the load started still is.
        let later = at_other_times(
            timeline,
            |at| if at == Time::ZERO { at } else { at + LATER },
        );
        let then = run(&late, &later, streams);
        assert!(now.count_5xx() > 0);
        assert_eq!(
            (now.requests + more, now.ok + more, now.causes),
            (then.requests, then.ok, then.causes)
        );
        let sent = |outcome: &Outcome, by| {
            outcome
                .failures
                .iter()
                .map(|failure| failure.sent + by)
                .collect::<Vec<_>>()
        };
        assert_eq!(sent(&now, LATER), sent(&then, Span::ZERO));
    }
}

/// The same with pods 0 and 1 under each other's name, 2 and 3 and so on, and the two nodes: each in the other zone.
fn under_other_names(mut timeline: Timeline) -> Timeline {
    for pair in timeline.pods.chunks_exact_mut(2) {
        if let [one, two] = pair {
            std::mem::swap(&mut one.sockets, &mut two.sockets);
            std::mem::swap(&mut one.resets, &mut two.resets);
        }
    }
    for pair in timeline.targets.chunks_exact_mut(2) {
        if let [one, two] = pair {
            std::mem::swap(&mut one.registered, &mut two.registered);
        }
    }
    for change in timeline.beliefs.iter_mut().flatten() {
        change.target = TargetId(change.target.0 ^ 1);
    }
    timeline.beliefs.swap(0, 1);
    timeline
}

/// Names mean nothing: other replications of the same rollout under other names have the same law.
#[test]
fn names_mean_nothing() {
    for (pacing, cross_zone) in [
        (Pacing::Poisson, true),
        (Pacing::Constant, true),
        (Pacing::Poisson, false),
    ] {
        let mut scenario = ten_seconds(pacing);
        scenario.target_group.cross_zone = cross_zone;
        let errors = |seed, named: &dyn Fn(Timeline) -> Timeline| -> Vec<f64> {
            let one = |replication| {
                let streams = Streams::new(seed, replication);
                run(&scenario, &named(rollout(USUAL, &streams).0), streams).count_5xx() as f64
            };
            (0..PAIRS).map(one).collect()
        };
        let probability = kolmogorov_smirnov(
            &mut errors(1, &|timeline| timeline),
            &mut errors(2, &under_other_names),
        );
        assert!(
            probability > 1e-3,
            "{pacing:?}, {cross_zone}: {probability}"
        );
    }
}

/// Two loads on one service cost what the two cost alone.
#[test]
fn loads_add_up() {
    let errors = |rate: f64| {
        let mut scenario = ten_seconds(Pacing::Poisson);
        scenario.load.rate = rate;
        replicate(
            &scenario,
            1_000,
            |streams| rollout(USUAL, streams),
            Outcome::count_5xx,
        )
    };
    let (few, more, both) = (errors(30.0), errors(70.0), errors(100.0));
    let tolerance = 4.5
        * [&few, &more, &both]
            .map(|sample| sample.variance() / 1_000.0)
            .iter()
            .sum::<f64>()
            .sqrt();
    let gap = few.mean() + more.mean() - both.mean();
    assert!(
        gap.abs() <= tolerance,
        "{} + {} is not {}",
        few.mean(),
        more.mean(),
        both.mean()
    );
}

/// A slower new revision is slower request by request, and changes nothing about the old one.
#[test]
fn revisions_share_their_users() {
    let mut scenario = ten_seconds(Pacing::Poisson);
    let streams = Streams::new(1, 0);
    let timeline = Stage::serving(4, 2).0;
    let before = run(&scenario, &timeline, streams);
    scenario.revisions[1].app.service_time = Dist::Exponential(Span::from_secs(3));
    assert_eq!(
        printed(&before),
        printed(&run(&scenario, &timeline, streams))
    );
}

/// Three times the load for four seconds.
pub fn crowd() -> Disturbance {
    let at = Dist::constant(Span::from_secs(1));
    Disturbance::LoadStep(LoadStep {
        at,
        factor: 3.0,
        duration: Some(Span::from_secs(4)),
    })
}

/// A step multiplies the requests that it sees, whatever remembers them.
#[test]
fn a_step_multiplies_what_is_sent() {
    for (shape, expected) in [(Shape::Constant, 1_800), (Shape::Ramp { to: 300.0 }, 3_280)] {
        let mut scenario = ten_seconds(Pacing::Constant);
        (scenario.load.rate, scenario.load.shape) = (100.0, shape);
        scenario.load.retries = 1;
        scenario.disturbances.push(crowd());
        let streams = Streams::new(1, 0);
        let timeline = rollout(USUAL, &streams).0;
        // The crowd is there from 1 s to 5 s: 100 t, or 100 t + 10 t², and twice as many again of it.
        let outcome = run(&scenario, &timeline, streams);
        assert_eq!(outcome.requests, expected, "{shape:?}");
    }
}
