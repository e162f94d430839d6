//! What becomes of one request and is felt by the others.

use rollcast::aws::alb_node::Belief;
use rollcast::aws::target_group::Algorithm;
use rollcast::cluster::app::ColdStart;
use rollcast::dist::{Dist, LogNormal};
use rollcast::id::RevisionId;
use rollcast::observe::timeline::{Socket, Timeline};
use rollcast::random::{Purpose, Streams};
use rollcast::scenario::Scenario;
use rollcast::scenario::load::{ClientNodes, Pacing, Shape};
use rollcast::time::Span;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::{RequestEngine, feedback};
use rollcast::verdict::Cause;

use crate::laws::{Delays, PAIRS, USUAL, crowd, printed, rollout, ten_seconds};
use crate::staged::{Stage, replicate, run, scenario, without_connections};

fn run_live(scenario: &Scenario, timeline: &Timeline, streams: Streams) -> Outcome {
    let mut outcome = Outcome::new();
    outcome.keep_failures = true;
    RequestEngine::live(scenario).simulate(timeline, &streams, &mut outcome);
    outcome
}

/// Where nothing feeds back, remembering requests changes nothing at all.
#[track_caller]
fn check_same(change: impl Fn(&mut Scenario)) {
    let mut scenario = ten_seconds(Pacing::Poisson);
    scenario.load_balancer.round_trip = Span::ZERO;
    change(&mut scenario);
    assert_eq!(feedback(&scenario), None);
    for replication in 0..20 {
        let streams = Streams::new(1, replication);
        let timeline = rollout(
            Delays {
                grace: 0.1,
                deregistration: 1.0,
                ..USUAL
            },
            &streams,
        )
        .0;
        let (decided, live) = (
            run(&scenario, &timeline, streams),
            run_live(&scenario, &timeline, streams),
        );
        assert!(decided.count_5xx() > 0);
        assert_eq!(
            printed(&decided),
            printed(&live),
            "replication {replication}"
        );
    }
}

#[test]
fn both_engines_agree_to_the_byte() {
    check_same(|_| ());
    check_same(|scenario| scenario.load.pacing = Pacing::Constant);
    check_same(|scenario| scenario.target_group.algorithm = Algorithm::WeightedRandom);
    check_same(|scenario| scenario.target_group.cross_zone = false);
    check_same(|scenario| scenario.load.stream_share = 0.2);
    check_same(|scenario| scenario.load.client_timeout = Span::from_millis(300));
    check_same(|scenario| scenario.load.client_nodes = ClientNodes::Known(1));
    check_same(|scenario| {
        scenario.load.shape = Shape::Sine {
            to: 300.0,
            period: Span::from_secs(4),
        };
        scenario.revisions[1].app.cold_start = Some(ColdStart {
            factor: 4.0,
            over: Span::from_secs(3),
        });
    });
    for pacing in [Pacing::Constant, Pacing::Poisson] {
        for shape in [Shape::Constant, Shape::Ramp { to: 300.0 }] {
            check_same(|scenario| {
                (scenario.load.pacing, scenario.load.shape) = (pacing, shape);
                scenario.disturbances.push(crowd());
            });
        }
    }
}

/// A server that is never full, and clients that all stay, change nothing either.
#[test]
fn feedback_that_is_never_felt_changes_nothing() {
    let mut scenario = ten_seconds(Pacing::Poisson);
    scenario.load_balancer.round_trip = Span::ZERO;
    let mut roomy = scenario.clone();
    roomy
        .revisions
        .iter_mut()
        .for_each(|revision| revision.app.concurrency = Some(1_000_000));
    for replication in 0..20 {
        let streams = Streams::new(1, replication);
        let timeline = rollout(
            Delays {
                grace: 0.1,
                deregistration: 1.0,
                ..USUAL
            },
            &streams,
        )
        .0;
        let (decided, live) = (
            run(&scenario, &timeline, streams),
            run(&roomy, &timeline, streams),
        );
        assert_eq!(
            printed(&decided),
            printed(&live),
            "replication {replication}"
        );
    }
}

/// With connections that cost a round trip, a request of a rush opens one more than the engine that
/// decides at arrival would: a millisecond, and hardly ever another end.
#[test]
fn connections_of_a_rush_are_hardly_felt() {
    let mut scenario = ten_seconds(Pacing::Poisson);
    scenario
        .revisions
        .iter_mut()
        .for_each(|revision| revision.app.service_time = Dist::p50_p99_millis(14, 120));
    let (mut decided, mut live) = (0, 0);
    for replication in 0..200 {
        let streams = Streams::new(1, replication);
        let timeline = rollout(USUAL, &streams).0;
        decided += run(&scenario, &timeline, streams).count_5xx();
        live += run_live(&scenario, &timeline, streams).count_5xx();
    }
    assert!(
        live.abs_diff(decided) * 1_000 <= decided,
        "{decided} and {live}"
    );
}

/// Workload W2 of the performance study: 1,000 requests a second for two minutes to four pods of
/// eight workers; each pod vanishes once, without a word, and is chosen for ten seconds more.
fn w2(streams: &Streams) -> Stage {
    let mut stage = Stage::serving(4, 1);
    for pod in 0..4 {
        let gone = 20.0 + 80.0 * streams.at(Purpose::Disturbance, pod).uniform();
        stage
            .socket(pod as usize, gone, Socket::Silent)
            .reset(pod as usize, gone);
        stage.all_believe(pod as usize, gone + 10.0, Belief::Gone);
        stage.add(RevisionId::NEW, gone + 9.0, gone + 10.0);
    }
    stage
}

fn w2_scenario(algorithm: Algorithm) -> Scenario {
    let mut scenario = without_connections();
    scenario.load_balancer.nodes = 1;
    scenario.target_group.algorithm = algorithm;
    scenario.load.rate = 1_000.0;
    scenario.load.pacing = Pacing::Poisson;
    let median = Span::from_millis(20).scaled((-0.125_f64).exp());
    for revision in &mut scenario.revisions {
        revision.app.service_time = Dist::LogNormal(LogNormal::new(median, 0.5));
        revision.app.concurrency = Some(8);
    }
    scenario
}

/// A black-holed target keeps its requests for ten seconds each, so a node that counts them avoids it.
///
/// How many time out varies more than it seems to at first: two pods that are gone at once leave 800 requests a
/// second for the other two. A replacement is a target of its own with nothing in progress, as a pod with another
/// IP is to the load balancer ("the lowest number of in progress requests", AWS guide, Target groups for your
/// ALBs); one that inherited its predecessor's count would be avoided as well.
#[test]
fn least_outstanding_requests_avoids_a_black_hole() {
    let timeouts = |algorithm| {
        replicate(&w2_scenario(algorithm), 20, w2, |outcome| {
            outcome.causes[Cause::ConnectTimeout.index()]
        })
        .mean()
    };
    let (in_turn, least) = (
        timeouts(Algorithm::RoundRobin),
        timeouts(Algorithm::LeastOutstandingRequests),
    );
    assert!((9_500.0..10_500.0).contains(&in_turn), "{in_turn}");
    assert!((200.0..1_500.0).contains(&least), "{least}");
}

/// One that refuses has each request for a round trip only, not for a service time, and attracts
/// them: of equally many in flight it ends 20 where each of the three others ends one.
#[test]
fn least_outstanding_requests_is_drawn_to_a_refusal() {
    let mut scenario = scenario();
    scenario.load_balancer.nodes = 1;
    scenario.load.rate = 5_000.0;
    scenario.load.duration = Some(Span::from_secs(10));
    let mut stage = Stage::serving(4, 1);
    stage.socket(0, 0.0, Socket::Closed);
    let refused = |algorithm| {
        let mut scenario = scenario.clone();
        scenario.target_group.algorithm = algorithm;
        let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
        outcome.causes[Cause::Refused.index()] as f64 / outcome.requests as f64
    };
    assert!((refused(Algorithm::RoundRobin) - 0.25).abs() < 0.01);
    let least = refused(Algorithm::LeastOutstandingRequests);
    assert!((least - 20.0 / 23.0).abs() < 0.03, "{least}");
}

/// Anomaly mitigation takes load off it again, but not where there are too few targets to compare.
#[test]
fn anomaly_mitigation_takes_load_off_a_failing_target() {
    let refused = |pods, anomaly_mitigation| {
        let mut scenario = scenario();
        scenario.target_group.algorithm = Algorithm::WeightedRandom;
        scenario.target_group.anomaly_mitigation = anomaly_mitigation;
        let mut stage = Stage::serving(pods, 2);
        stage.socket(0, 0.0, Socket::Closed);
        let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
        outcome.causes[Cause::Refused.index()] as f64 / outcome.requests as f64
    };
    assert!((refused(4, false) - 0.25).abs() < 0.02);
    // By steps: within the time of a rollout only part of it.
    assert!(
        (0.02..0.13).contains(&refused(4, true)),
        "{}",
        refused(4, true)
    );
    assert!((refused(2, true) - 0.5).abs() < 0.02);
}

/// One pod refuses from 5 s on, and is believed in all the same.
fn refusing_from_five() -> Stage {
    let mut stage = Stage::serving(2, 2);
    stage.socket(0, 5.0, Socket::Closed);
    stage
}

fn worker() -> Scenario {
    let mut scenario = scenario();
    scenario.load.workers = Some(1);
    scenario.load.think_time = Dist::constant(Span::from_millis(100));
    scenario.load.duration = Some(Span::from_secs(20));
    scenario
}

#[test]
fn a_cookie_keeps_its_target() {
    let mut scenario = worker();
    let refused = |scenario: &Scenario| {
        run(scenario, &refusing_from_five().0, Streams::new(1, 0)).count_5xx()
    };
    assert!(
        (60..=70).contains(&refused(&scenario)),
        "every second request of 15 s, refused at once"
    );
    scenario.target_group.stickiness = Span::from_secs(86_400);
    assert!(
        [0, 135, 136, 137, 149, 150].contains(&refused(&scenario)),
        "{}: all or none",
        refused(&scenario)
    );
    // A target that the node does not believe in is given up.
    let mut stage = refusing_from_five();
    stage
        .all_believe(0, 5.0, Belief::Unhealthy)
        .all_believe(1, 5.0, Belief::Healthy);
    assert_eq!(run(&scenario, &stage.0, Streams::new(1, 0)).count_5xx(), 0);
}

/// A client that keeps its connection stays with its node; one that does not, or gives up, meets both.
#[test]
fn a_kept_connection_stays_with_its_node() {
    let mut scenario = worker();
    let mut stage = Stage::serving(1, 2);
    stage.socket(0, 0.0, Socket::Closed);
    let nodes = |scenario: &Scenario| {
        let mut nodes: Vec<u8> = run(scenario, &stage.0, Streams::new(1, 0))
            .failures
            .iter()
            .map(|failure| failure.node.0)
            .collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    };
    assert_eq!(nodes(&scenario).len(), 1);
    scenario.load.reuse_connections = Some(false);
    assert_eq!(nodes(&scenario), [0, 1]);
    scenario.load.client_nodes = ClientNodes::Known(1);
    assert_eq!(nodes(&scenario), [0]);
    // In an open loop as slow as this one connection is enough.
    scenario.load.client_nodes = ClientNodes::All;
    scenario.load.workers = None;
    assert_eq!(nodes(&scenario), [0, 1]);
    scenario.load.reuse_connections = Some(true);
    assert_eq!(nodes(&scenario).len(), 1);
}

#[test]
fn a_failed_request_is_sent_again() {
    let mut scenario = scenario();
    scenario.load_balancer.nodes = 1;
    let fails = |scenario: &Scenario| {
        let outcome = run(scenario, &refusing_from_five().0, Streams::new(1, 0));
        assert_eq!(outcome.requests, 12_000);
        (outcome.count_5xx(), outcome.repeated, outcome.max_latency)
    };
    assert_eq!(fails(&scenario).0, 5_750);
    // The other pod's turn comes next.
    scenario.load.retries = 1;
    scenario.load.retry_backoff = Dist::constant(Span::from_millis(1));
    let (failed, repeated, max_latency) = fails(&scenario);
    assert_eq!(failed, 0);
    assert!((5_750..=11_500).contains(&repeated), "{repeated}");
    assert_eq!(max_latency, Span::from_millis(22));
    scenario.load.idempotent_share = 0.0;
    assert_eq!((fails(&scenario).0, fails(&scenario).1), (5_750, 0));
}

/// Chance routes each attempt, so attempts change nobody else's: more of them never cost more.
#[test]
fn more_retries_never_cost_more_errors() {
    let mut scenario = ten_seconds(Pacing::Poisson);
    scenario.load_balancer.round_trip = Span::ZERO;
    scenario.target_group.algorithm = Algorithm::WeightedRandom;
    scenario
        .revisions
        .iter_mut()
        .for_each(|revision| revision.app.keep_alive = Span::ZERO);
    scenario.load.retry_backoff = Dist::constant(Span::from_millis(100));
    check_falls(
        |retries| Scenario {
            load: rollcast::scenario::load::LoadSpec {
                retries,
                ..scenario.load.clone()
            },
            ..scenario.clone()
        },
        |streams| rollout(USUAL, streams),
        Outcome::count_5xx,
    );
}

/// A count never rises from the first scenario to the second: 0 violations in 2,000 pairs, and some
/// that fall.
#[track_caller]
fn check_falls(
    scenario: impl Fn(u8) -> Scenario,
    stage: impl Fn(&Streams) -> Stage,
    count: impl Fn(&Outcome) -> u64,
) {
    let (less, more) = (scenario(0), scenario(1));
    let mut lower = 0;
    let (mut before, mut after) = (RequestEngine::new(&less), RequestEngine::new(&more));
    let mut outcome = Outcome::new();
    for pair in 0..PAIRS {
        let streams = Streams::new(7, pair);
        let timeline = stage(&streams).0;
        before.simulate(&timeline, &streams, &mut outcome);
        let many = count(&outcome);
        after.simulate(&timeline, &streams, &mut outcome);
        let few = count(&outcome);
        assert!(few <= many, "pair {pair}: {many} became {few}");
        lower += u64::from(few < many);
    }
    assert!(lower > PAIRS / 20, "only {lower} pairs differ");
}

/// So many workers; one more never makes anybody wait longer.
#[test]
fn another_worker_never_makes_requests_wait() {
    check_falls(
        |more| {
            let mut scenario = ten_seconds(Pacing::Poisson);
            scenario.load.duration = Some(Span::from_secs(5));
            scenario.load_balancer.round_trip = Span::ZERO;
            scenario.revisions.iter_mut().for_each(|revision| {
                revision.app.service_time = Dist::Exponential(Span::from_millis(100));
                revision.app.concurrency = Some(3 + u32::from(more));
            });
            scenario
        },
        |_| Stage::serving(4, 1),
        |outcome| outcome.latency_sum as u64,
    );
}

/// Pods go on serving after SIGTERM and then exit.
fn graceful(streams: &Streams) -> Stage {
    let mut stage = Stage::serving(4, 2);
    for pod in 0..3 {
        let sigterm = 1.0 + 2.0 * streams.at(Purpose::Disturbance, pod as u64).uniform();
        stage.0.pods[pod].sigterm = Some(crate::staged::at(sigterm));
        stage
            .socket(pod, sigterm + 5.0, Socket::Closed)
            .reset(pod, sigterm + 5.0);
    }
    stage
}

fn with_goodbye(goodbye: u8) -> Scenario {
    let mut scenario = ten_seconds(Pacing::Poisson);
    scenario.load_balancer.round_trip = Span::from_millis(10);
    for revision in &mut scenario.revisions {
        revision.app.service_time = Dist::constant(Span::from_millis(5));
        revision.app.close_connections_on_shutdown = goodbye == 1;
    }
    scenario
}

/// What is not kept cannot be raced.
#[test]
fn closing_connections_never_costs_more_races() {
    check_falls(with_goodbye, graceful, |outcome| {
        outcome.causes[Cause::KeepAliveRace.index()]
    });
}

/// A stream that is told goodbye is not cut; `Connection: close` on answers tells it nothing.
#[test]
fn a_closing_message_never_cuts_more_streams() {
    let scenario = |goodbye, closes: bool| {
        let mut scenario = with_goodbye(u8::from(closes));
        scenario
            .revisions
            .iter_mut()
            .for_each(|revision| revision.app.end_streams_on_shutdown = goodbye == 1);
        scenario.load.stream_share = 0.1;
        scenario.load.stream_length = Dist::Exponential(Span::from_secs(5));
        scenario
    };
    let resets = |outcome: &Outcome| outcome.causes[Cause::ResetInFlight.index()];
    check_falls(|goodbye| scenario(goodbye, false), graceful, resets);
    let streams = Streams::new(1, 0);
    let cut = |closes| resets(&run(&scenario(0, closes), &graceful(&streams).0, streams));
    assert!(
        cut(false) > 5 && cut(true) == cut(false),
        "{} and {}",
        cut(false),
        cut(true)
    );
}

#[test]
fn streams_are_cut_when_the_deregistration_delay_is_over() {
    let mut scenario = scenario();
    scenario.load_balancer.nodes = 1;
    scenario.load.duration = Some(Span::from_secs(10));
    scenario.load.stream_share = 1.0;
    scenario.load.stream_length = Dist::constant(Span::from_secs(200));
    let mut stage = Stage::serving(2, 1);
    stage
        .all_believe(0, 5.0, Belief::Draining)
        .all_believe(0, 35.0, Belief::Gone);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    assert_eq!(outcome.causes[Cause::CutByDeregistration.index()], 250);
    assert_eq!(
        (outcome.ok, outcome.max_latency),
        (750, Span::from_millis(200_001))
    );
}

/// An idle connection that the application closes first is raced in the steady state, too: a gap
/// between two requests that ends within a round trip around the keep-alive.
#[test]
fn a_short_keep_alive_costs_background_errors() {
    let mut scenario = scenario();
    scenario.load.rate = 2.0;
    scenario.load.pacing = Pacing::Poisson;
    scenario.load.duration = Some(Span::from_secs(20_000));
    scenario.load_balancer.nodes = 1;
    scenario.load_balancer.round_trip = Span::from_millis(4);
    scenario.revisions[0].app.service_time = Dist::constant(Span::ZERO);
    let races = |scenario: &Scenario| {
        run(scenario, &Stage::serving(1, 1).0, Streams::new(1, 0)).count_5xx()
    };
    assert_eq!(races(&scenario), 0, "the load balancer closes first");
    scenario.revisions[0].app.keep_alive = Span::from_millis(500);
    let expected = 40_000.0 * 2.0 * 0.004 * (-1.0_f64).exp();
    let raced = races(&scenario) as f64;
    assert!(
        (raced - expected).abs() < 4.5 * expected.sqrt() + 0.02 * expected,
        "{raced} of {expected}"
    );
}

/// One worker, 1.9 s a request, a request a second: a dropped SYN comes again after 1 s, 3 s and 7 s.
#[test]
fn a_full_backlog_drops_syns() {
    let mut scenario = without_connections();
    scenario.load_balancer.nodes = 1;
    scenario.load.rate = 1.0;
    scenario.load.duration = Some(Span::from_secs(2));
    scenario.revisions[0].app.service_time = Dist::constant(Span::from_millis(1_900));
    scenario.revisions[0].app.concurrency = Some(1);
    let max_latency = |scenario: &Scenario| {
        run(scenario, &Stage::serving(1, 1).0, Streams::new(1, 0)).max_latency
    };
    assert_eq!(
        max_latency(&scenario),
        Span::from_millis(2_800),
        "the second waits 0.9 s"
    );
    scenario.revisions[0].app.backlog = 0;
    assert_eq!(
        max_latency(&scenario),
        Span::from_millis(2_900),
        "its second SYN comes after 1 s"
    );
    scenario.revisions[0].app.service_time = Dist::constant(Span::from_millis(20_000));
    scenario.load.client_timeout = Span::from_secs(60);
    let outcome = run(&scenario, &Stage::serving(1, 1).0, Streams::new(1, 0));
    assert_eq!(
        (outcome.ok, outcome.causes[Cause::ConnectTimeout.index()]),
        (1, 1)
    );
    scenario.load.client_timeout = Span::from_secs(2);
    let outcome = run(&scenario, &Stage::serving(1, 1).0, Streams::new(1, 0));
    assert_eq!(outcome.causes[Cause::ClientGaveUp.index()], 2);
}

/// Those that wait when the process dies are reset, and its successor starts with none.
#[test]
fn a_queue_dies_with_its_process() {
    let mut scenario = without_connections();
    scenario.load_balancer.nodes = 1;
    scenario.load.rate = 10.0;
    scenario.load.duration = Some(Span::from_secs(6));
    scenario.revisions[0].app.service_time = Dist::constant(Span::from_secs(1));
    scenario.revisions[0].app.concurrency = Some(1);
    let mut stage = Stage::serving(1, 1);
    stage
        .socket(0, 3.05, Socket::Closed)
        .reset(0, 3.05)
        .socket(0, 5.85, Socket::Serving);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    let count = |cause: Cause| outcome.causes[cause.index()];
    // Three of 31 were served; 28 refused until it is up again, which serves the last one at once.
    assert_eq!(
        (
            outcome.ok,
            count(Cause::ResetInFlight),
            count(Cause::Refused)
        ),
        (4, 28, 28)
    );
    assert_eq!(outcome.max_latency, Span::from_millis(2_800));
}

#[test]
fn a_cold_process_is_slow_at_first() {
    let mut scenario = without_connections();
    scenario.load_balancer.nodes = 1;
    scenario.load.duration = Some(Span::from_secs(20));
    scenario.revisions[0].app.cold_start = Some(ColdStart {
        factor: 3.0,
        over: Span::from_secs(10),
    });
    let mut stage = Stage::serving(1, 1);
    stage.0.pods[0].sockets[0].0 = crate::staged::at(0.01);
    stage.all_believe(0, 0.01, Belief::Healthy);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    // 60 ms at first, 40 ms on average for ten seconds, 20 ms for ten more; the first SYN is lost.
    let mean = outcome.latency_sum as f64 / outcome.requests as f64 - 1_060_000.0 / 2_000.0;
    assert!((mean - 30_000.0).abs() < 50.0, "{mean}");
}
