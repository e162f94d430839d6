//! Each cause, in a scene in which nothing else can happen, at its own latency.

use rollcast::aws::alb_node::{Belief, HostUnreachableShare, NoRoutableTarget};
use rollcast::dist::Dist;
use rollcast::observe::timeline::Socket;
use rollcast::random::Streams;
use rollcast::scenario::Scenario;
use rollcast::time::Span;
use rollcast::verdict::{Cause, Verdict};

use crate::staged::{Stage, run, scenario, secs_f64};

/// All failures end so, after so long in seconds, and there are so many of them.
#[track_caller]
fn check(scenario: &Scenario, stage: &Stage, verdict: Verdict, latency: (f64, f64), count: u64) {
    let outcome = run(scenario, &stage.0, Streams::new(1, 0));
    assert_eq!(outcome.requests, outcome.latency.requests());
    assert_eq!(
        outcome.requests - outcome.ok,
        count,
        "{:?}",
        outcome.failures.first()
    );
    for failure in &outcome.failures {
        assert_eq!(failure.verdict, verdict, "{failure:?}");
        let (low, high) = (secs_f64(latency.0), secs_f64(latency.1));
        assert!((low..=high).contains(&failure.latency), "{failure:?}");
    }
}

/// 1,000 requests in 10 s on one node and one pod.
fn ten_seconds() -> (Scenario, Stage) {
    let mut scenario = scenario();
    scenario.load.duration = Some(Span::from_secs(10));
    scenario.load.client_timeout = Span::from_secs(300);
    scenario.load_balancer.nodes = 1;
    scenario.revisions[0].app.service_time = Dist::constant(Span::from_millis(5));
    (scenario, Stage::serving(1, 1))
}

fn with_service(secs: u64) -> (Scenario, Stage) {
    let (mut scenario, stage) = ten_seconds();
    scenario.revisions[0].app.service_time = Dist::constant(Span::from_secs(secs));
    (scenario, stage)
}

#[test]
fn refused() {
    let (scenario, mut stage) = ten_seconds();
    // Half a millisecond after the FIN was sent it is in.
    stage.socket(0, 4.9995, Socket::Closed);
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::Refused),
        (0.001, 0.001),
        500,
    );
}

#[test]
fn keep_alive_race() {
    let (scenario, mut stage) = ten_seconds();
    stage
        .socket(0, 5.000_4, Socket::Closed)
        .socket(0, 5.001, Socket::Serving);
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::KeepAliveRace),
        (0.001, 0.001),
        1,
    );
}

#[test]
fn a_keep_alive_that_ends_between_two_requests_races_them() {
    let (mut scenario, stage) = ten_seconds();
    // Requests come every 10 ms and take 1 ms on a kept connection: 9 ms idle.
    scenario.revisions[0].app.service_time = Dist::constant(Span::from_millis(1));
    scenario.revisions[0].app.keep_alive = Span::from_micros(9_300);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    // On a new connection it is 2 ms, and the next is in time; that one's successor is not.
    assert_eq!(outcome.causes[Cause::KeepAliveRace.index()], 333);
    scenario.load_balancer.idle_timeout = Span::from_micros(9_300);
    check(&scenario, &stage, Verdict::Ok, (0.0, 0.0), 0);
}

#[test]
fn target_refuses() {
    let (scenario, mut stage) = ten_seconds();
    stage
        .socket(0, 5.0, Socket::Refusing)
        .socket(0, 6.0, Socket::Serving);
    check(&scenario, &stage, Verdict::Target(503), (0.001, 0.002), 100);
}

#[test]
fn connect_timeout() {
    let (scenario, mut stage) = ten_seconds();
    stage
        .socket(0, 4.999, Socket::Closed)
        .socket(0, 4.999_5, Socket::Silent);
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::ConnectTimeout),
        (10.0, 10.3),
        500,
    );
}

#[test]
fn connect_time_outs_are_as_late_as_measured() {
    let (mut scenario, mut stage) = ten_seconds();
    scenario.load.rate = 6_720.0;
    stage.0.pods[0].sockets.clear();
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    let late = |q| outcome.latency.histogram().value_at_quantile(q) as f64 / 1e3 - 10_000.0;
    // 5 ms, 36 ms and 177 ms in the 2023 load test, to the histogram's 8 ms at 10 s.
    for (quantile, low, high) in [
        (0.107, 0.0, 13.0),
        (0.821, 28.0, 44.0),
        (0.9985, 140.0, 240.0),
    ] {
        assert!(
            (low..high).contains(&late(quantile)),
            "{quantile}: {}",
            late(quantile)
        );
    }
}

#[test]
fn host_unreachable() {
    let (mut scenario, mut stage) = ten_seconds();
    scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Fixed(1.0);
    stage
        .socket(0, 4.999, Socket::Closed)
        .socket(0, 4.999_5, Socket::Silent);
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::HostUnreachable),
        (3.07, 3.19),
        500,
    );
    // A share is a share.
    scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Fixed(0.8);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    let (unreachable, lost) = (
        outcome.causes[Cause::HostUnreachable.index()],
        outcome.causes[Cause::ConnectTimeout.index()],
    );
    assert_eq!(unreachable + lost, 500);
    assert!((360..=440).contains(&unreachable), "{unreachable} of 500");
}

/// Half of the environments lose every SYN; in the others the host's kernel answers 6 of them and then one a second,
/// whatever the rate: in rounds of 3.1 s over 10 s of load and the 10 s after it.
#[test]
fn host_unreachable_differs_between_environments() {
    let (mut scenario, mut stage) = ten_seconds();
    scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Published;
    stage.0.pods[0].sockets.clear();
    let unreachable: Vec<u64> = (0..400)
        .map(|environment| {
            let outcome = run(&scenario, &stage.0, Streams::new(1, environment));
            assert_eq!(outcome.count_5xx(), 1_000);
            let of = |cause: Cause| outcome.causes[cause.index()];
            assert_eq!(
                of(Cause::HostUnreachable) + of(Cause::ConnectTimeout),
                1_000
            );
            of(Cause::HostUnreachable)
        })
        .collect();
    let none = unreachable.iter().filter(|count| **count == 0).count();
    assert!(
        (160..=240).contains(&none),
        "{none} of 400 environments are silent, 200 expected"
    );
    assert!(
        unreachable
            .iter()
            .all(|count| *count == 0 || (19..=22).contains(count)),
        "{unreachable:?}"
    );
}

/// Where the host itself is lost, there is no kernel that could answer.
#[test]
fn a_lost_host_answers_for_nobody() {
    let (mut scenario, mut stage) = ten_seconds();
    scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Unreachable;
    stage
        .socket(0, 4.999, Socket::Closed)
        .socket(0, 4.999_5, Socket::Silent);
    let unreachable = |stage: &Stage| {
        run(&scenario, &stage.0, Streams::new(1, 0)).causes[Cause::HostUnreachable.index()]
    };
    assert!(
        (13..=16).contains(&unreachable(&stage)),
        "{}",
        unreachable(&stage)
    );
    stage.0.pods[0].host_lost = Some(crate::staged::at(4.999));
    assert_eq!(unreachable(&stage), 0);
}

/// Both ways through the request engine, and the first kept failures in order of sending.
#[test]
fn kernels_answer_alike_whether_requests_are_remembered_or_not() {
    use rollcast::traffic::request::RequestEngine;
    let (mut scenario, mut stage) = ten_seconds();
    scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Unreachable;
    scenario.load_balancer.round_trip = Span::ZERO;
    stage.add(rollcast::id::RevisionId::NEW, 0.0, 0.0);
    stage
        .socket(0, 3.0, Socket::Closed)
        .socket(0, 3.1, Socket::Silent);
    stage
        .socket(1, 4.0, Socket::Closed)
        .socket(1, 4.1, Socket::Silent)
        .socket(1, 8.0, Socket::Serving);
    let outcomes = [
        RequestEngine::new(&scenario),
        RequestEngine::live(&scenario),
    ]
    .map(|mut engine| {
        let mut outcome = rollcast::traffic::outcome::Outcome::new();
        outcome.keep_failures = true;
        engine.simulate(&stage.0, &Streams::new(1, 0), &mut outcome);
        outcome
    });
    let [one, other] = &outcomes;
    assert!(
        one.causes[Cause::HostUnreachable.index()] > 15
            && one.causes[Cause::ConnectTimeout.index()] > 100
    );
    assert_eq!(one.causes, other.causes);
    assert_eq!(
        (one.latency_sum, one.max_latency),
        (other.latency_sum, other.max_latency)
    );
    assert_eq!(one.failures, other.failures);
    assert!(one.failures.is_sorted_by_key(|failure| failure.sent));
}

#[test]
fn a_lost_syn_is_sent_again() {
    // The pod comes up 2 s after the load: SYNs of the first 2 s are lost, their repetitions after
    // 1 s or 3 s are not.
    let (scenario, mut stage) = ten_seconds();
    stage.0.pods[0].sockets = vec![(crate::staged::at(2.0), Socket::Serving)];
    check(&scenario, &stage, Verdict::Ok, (0.0, 0.0), 0);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    assert_eq!(outcome.max_latency, Span::from_millis(3_006));
    // The first one meets a port that is closed again after 3 s, and so does every one until 1 s.
    stage
        .socket(0, 3.0, Socket::Closed)
        .socket(0, 3.995, Socket::Serving);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    let slow = outcome
        .failures
        .iter()
        .filter(|failure| failure.latency == Span::from_millis(3_001))
        .count();
    assert_eq!(slow, 100, "sent at 0 s to 0.99 s");
}

#[test]
fn reset_in_flight() {
    let (scenario, mut stage) = with_service(2);
    stage.reset(0, 5.005);
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::ResetInFlight),
        (0.005, 2.0),
        200,
    );
}

#[test]
fn cut_by_deregistration() {
    let (mut scenario, mut stage) = with_service(2);
    scenario.load_balancer.no_routable_target = NoRoutableTarget::FailOpen;
    stage.add(rollcast::id::RevisionId::NEW, 0.0, 5.0);
    stage
        .believe(0, 0, 5.0, Belief::Draining)
        .believe(0, 0, 6.005, Belief::Gone);
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::CutByDeregistration),
        (1.005, 2.0),
        99,
    );
}

#[test]
fn a_target_that_returns_before_its_delay_is_over_is_not_cut() {
    let (scenario, mut stage) = with_service(2);
    stage
        .believe(0, 0, 5.0, Belief::Draining)
        .believe(0, 0, 6.0, Belief::Healthy)
        .believe(0, 0, 7.0, Belief::Gone);
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::NoTarget),
        (0.001, 0.001),
        100 + 300,
    );
}

#[test]
fn response_timeout() {
    let (mut scenario, stage) = with_service(100);
    scenario.load_balancer.idle_timeout = Span::from_secs(60);
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::ResponseTimeout),
        (60.0, 60.001),
        1_000,
    );
}

/// The network goes without a FIN: what is in flight waits for nothing, and so does the one request
/// that takes the kept connection; the others cannot connect.
#[test]
fn a_network_that_vanishes() {
    let (mut scenario, mut stage) = with_service(1);
    scenario.load_balancer.idle_timeout = Span::from_secs(90);
    scenario
        .revisions
        .iter_mut()
        .for_each(|revision| revision.app.keep_alive = Span::from_secs(90));
    stage.socket(0, 5.0, Socket::Silent);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    assert_eq!(outcome.causes[Cause::ResponseTimeout.index()], 99 + 1);
    assert_eq!(outcome.causes[Cause::ConnectTimeout.index()], 500 - 1);
    assert_eq!(outcome.max_latency, Span::from_secs(90));
}

/// How long a drain takes is drawn before any request is: the process does not end before its answers.
#[test]
fn a_drained_process_has_answered() {
    let (scenario, mut stage) = with_service(1);
    stage
        .socket(0, 4.999, Socket::Closed)
        .socket(0, 5.305, Socket::Silent);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    assert_eq!(
        outcome.ok, 500,
        "99 of them in flight when the listener closed"
    );
    assert_eq!(outcome.causes[Cause::Refused.index()], 31);
    assert_eq!(outcome.causes[Cause::ConnectTimeout.index()], 469);
}

#[test]
fn client_gave_up() {
    let (mut scenario, stage) = with_service(8);
    scenario.load.client_timeout = Span::from_secs(5);
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::ClientGaveUp),
        (5.0, 5.0),
        1_000,
    );
}

/// What a node does when no target is healthy.
#[track_caller]
fn check_fallback(fallback: NoRoutableTarget, beliefs: &[(f64, Belief)], count: u64) {
    let (mut scenario, mut stage) = ten_seconds();
    scenario.load_balancer.no_routable_target = fallback;
    for &(when, belief) in beliefs {
        stage.believe(0, 0, when, belief);
    }
    check(
        &scenario,
        &stage,
        Verdict::Alb(Cause::NoTarget),
        (0.001, 0.001),
        count,
    );
}

#[test]
fn no_target() {
    use NoRoutableTarget::{FailOpen, Strict};
    // The only target deregistered: 503 from the node's learning on, whether its delay is over or not.
    check_fallback(
        FailOpen,
        &[
            (4.0, Belief::Draining),
            (6.0, Belief::Gone),
            (7.0, Belief::Initial),
        ],
        300,
    );
    check_fallback(
        Strict,
        &[
            (4.0, Belief::Draining),
            (6.0, Belief::Gone),
            (7.0, Belief::Initial),
        ],
        600,
    );
    for fallback in [FailOpen, Strict] {
        check_fallback(fallback, &[(4.0, Belief::Unhealthy)], 0);
    }
    check_fallback(FailOpen, &[(4.0, Belief::Gone)], 600);
    check_fallback(
        Strict,
        &[(4.0, Belief::Draining), (6.0, Belief::Healthy)],
        200,
    );
    let (scenario, _) = ten_seconds();
    check(
        &scenario,
        &Stage::serving(0, 1),
        Verdict::Alb(Cause::NoTarget),
        (0.001, 0.001),
        1_000,
    );
    check(
        &scenario,
        &Stage::serving(0, 0),
        Verdict::Alb(Cause::NoTarget),
        (0.001, 0.001),
        1_000,
    );
}

/// A target that drains is not chosen, though no other has passed a check.
#[test]
fn a_new_target_goes_before_one_that_drains() {
    let (mut scenario, mut stage) = ten_seconds();
    scenario.load_balancer.no_routable_target = NoRoutableTarget::FailOpen;
    let new = stage.add(rollcast::id::RevisionId::NEW, 0.0, 9.0);
    stage
        .believe(0, new, 3.0, Belief::Initial)
        .believe(0, 0, 4.0, Belief::Draining);
    stage.socket(0, 4.0, Socket::Closed);
    check(&scenario, &stage, Verdict::Ok, (0.0, 0.0), 0);
}
