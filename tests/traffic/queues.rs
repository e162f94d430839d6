//! Queues and loops of which theory knows everything.

use rollcast::aws::alb_node::HostUnreachableShare;
use rollcast::dist::Dist;
use rollcast::observe::timeline::Socket;
use rollcast::random::Streams;
use rollcast::scenario::Scenario;
use rollcast::scenario::load::Pacing;
use rollcast::time::Span;
use rollcast::traffic::outcome::Outcome;
use rollcast::verdict::{Cause, Verdict};

use crate::staged::{Sample, Stage, replicate, run, without_connections};

const RUNS: u64 = 40;

/// One pod of so many workers on one node, Poisson arrivals, exponential service times of 20 ms.
fn one_pod(workers: u32, rate: f64) -> Scenario {
    let mut scenario = without_connections();
    scenario.revisions[0].app.service_time = Dist::Exponential(Span::from_millis(20));
    scenario.revisions[0].app.concurrency = Some(workers);
    scenario.revisions[0].app.backlog = u32::MAX;
    scenario.load_balancer.nodes = 1;
    scenario.load.pacing = Pacing::Poisson;
    scenario.load.rate = rate;
    scenario.load.duration = Some(Span::from_secs(400));
    scenario
}

fn replicated(scenario: &Scenario, number: impl Fn(&Outcome) -> u64) -> Sample {
    replicate(scenario, RUNS, |_| Stage::serving(1, 1), number)
}

/// Erlang's loss formula B(c, a), by its recursion.
fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, n| {
        load * blocked / (f64::from(n) + load * blocked)
    })
}

/// Erlang's delay formula C(c, a).
fn erlang_c(servers: u32, load: f64) -> f64 {
    let (blocked, c) = (erlang_b(servers, load), f64::from(servers));
    c * blocked / (c - load * (1.0 - blocked))
}

/// Mean latency in microseconds, to a twentieth of one.
fn mean_latency(outcome: &Outcome) -> u64 {
    (20 * outcome.latency_sum / u128::from(outcome.requests)) as u64
}

/// M/M/c: the mean wait is C(c, a) / (cμ − λ).
#[track_caller]
fn check_waits(workers: u32, rate: f64) {
    let sample = replicated(&one_pod(workers, rate), mean_latency);
    let wait = erlang_c(workers, rate * 0.02) / (f64::from(workers) / 0.02 - rate);
    sample.assert_mean(20.0 * 1e6 * (0.02 + wait));
    assert!(
        sample.standard_error() < 0.02 * sample.mean(),
        "too few requests to tell"
    );
}

#[test]
fn requests_wait_as_erlang_says() {
    check_waits(1, 30.0);
    check_waits(4, 160.0);
    check_waits(8, 250.0);
}

/// M/M/c/c: B(c, a) of the requests find the backlog full. The load balancer gives up before it
/// would send a second SYN.
#[test]
fn requests_are_lost_as_erlang_says() {
    for (workers, rate) in [(1, 30.0), (4, 160.0), (8, 500.0)] {
        let mut scenario = one_pod(workers, rate);
        scenario.revisions[0].app.backlog = 0;
        scenario.load_balancer.connect_timeout = Span::from_millis(500);
        let sample = replicated(&scenario, |outcome| {
            outcome.causes[Cause::ConnectTimeout.index()]
        });
        sample.assert_mean(rate * 400.0 * erlang_b(workers, rate * 0.02));
    }
}

/// M/D/1: the mean wait is ρS / 2(1 − ρ) (Pollaczek, Khinchine).
#[test]
fn constant_service_times_wait_half_as_long() {
    let mut scenario = one_pod(1, 40.0);
    scenario.revisions[0].app.service_time = Dist::constant(Span::from_millis(20));
    replicated(&scenario, mean_latency).assert_mean(20.0 * 1e6 * (0.02 + 0.8 * 0.02 / (2.0 * 0.2)));
}

/// Workers that think and ask.
fn closed(workers: u32, think: Dist, concurrency: Option<u32>) -> Scenario {
    let mut scenario = one_pod(1, 1.0);
    scenario.revisions[0].app.concurrency = concurrency;
    scenario.load.workers = Some(workers);
    scenario.load.think_time = think;
    scenario
}

/// N / (Z + S), whatever the distributions.
#[track_caller]
fn check_throughput(think: Dist, service_time: Dist) {
    let (z, s) = (think.mean(), service_time.mean());
    let mut scenario = closed(50, think, None);
    scenario.revisions[0].app.service_time = service_time;
    let sample = replicated(&scenario, |outcome| outcome.requests);
    // A renewal process that starts with an event: at most one cycle a worker more or less.
    let expected = 50.0 * 400.0 / (z + s);
    assert!(
        (sample.mean() - expected).abs() < 50.0 + 4.5 * sample.standard_error(),
        "{} of {expected}",
        sample.mean()
    );
}

#[test]
fn a_closed_loop_sends_as_fast_as_it_is_answered() {
    check_throughput(
        Dist::constant(Span::from_millis(100)),
        Dist::constant(Span::from_millis(20)),
    );
    check_throughput(
        Dist::Exponential(Span::from_millis(100)),
        Dist::Exponential(Span::from_millis(50)),
    );
    check_throughput(Dist::constant(Span::ZERO), Dist::p50_p99_millis(14, 120));
}

/// M/M/c//N, the machine repair model: throughput μ·E[busy], from the balance of births and deaths.
#[test]
fn a_closed_loop_waits_for_its_servers() {
    let (workers, servers, think, work) = (10_u32, 2_u32, 0.1, 0.05);
    let mut scenario = closed(
        workers,
        Dist::Exponential(Span::from_millis(100)),
        Some(servers),
    );
    scenario.revisions[0].app.service_time = Dist::Exponential(Span::from_millis(50));
    let mut weights = vec![1.0];
    for n in 1..=workers {
        let (births, deaths) = (
            f64::from(workers - n + 1) / think,
            f64::from(n.min(servers)) / work,
        );
        weights.push(weights[(n - 1) as usize] * births / deaths);
    }
    let total: f64 = weights.iter().sum();
    let busy: f64 = (0..=workers)
        .map(|n| f64::from(n.min(servers)) * weights[n as usize] / total)
        .sum();
    let sample = replicated(&scenario, |outcome| outcome.requests);
    let expected = 400.0 * busy / work;
    let tolerance = f64::from(workers) + 4.5 * sample.standard_error();
    assert!(
        (sample.mean() - expected).abs() < tolerance,
        "{} of {expected}",
        sample.mean()
    );
}

/// Time is only a unit, for queues and loops as well: everything twice as long, the same counts.
#[test]
fn twice_as_slow_waits_the_same() {
    let scenario = |slowdown: u64| {
        let millis = |millis: u64| Span::from_millis(millis * slowdown);
        let mut scenario = closed(20, Dist::constant(millis(13)), Some(3));
        scenario.revisions[0].app.service_time = Dist::constant(millis(7));
        scenario.load.duration = Some(millis(5_000));
        scenario.load_balancer.round_trip = millis(1);
        scenario
    };
    let counts = |slowdown| {
        let stage = || {
            let mut stage = Stage::serving(3, 1);
            let at = |secs: f64| secs * slowdown as f64;
            stage
                .socket(0, at(1.0), rollcast::observe::timeline::Socket::Closed)
                .reset(0, at(1.0));
            stage.all_believe(0, at(1.5), rollcast::aws::alb_node::Belief::Draining);
            stage
        };
        replicate(&scenario(slowdown), 20, |_| stage(), Outcome::count_5xx).mean()
    };
    assert!(counts(1) > 0.0);
    assert_eq!(counts(1), counts(2));
}

/// A SYN that a full backlog dropped met a host: the first to meet none is the one that it is missed by.
#[test]
fn a_host_that_was_full_and_is_gone_is_unreachable_later() {
    let mut scenario = without_connections();
    scenario.load_balancer.nodes = 1;
    scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Fixed(1.0);
    (scenario.load.rate, scenario.load.duration) = (1.0, Some(Span::from_secs(2)));
    let app = &mut scenario.revisions[0].app;
    (app.service_time, app.concurrency, app.backlog) =
        (Dist::constant(Span::from_secs(20)), Some(1), 0);
    let mut stage = Stage::serving(1, 1);
    stage.socket(0, 2.5, Socket::Silent);
    let outcome = run(&scenario, &stage.0, Streams::new(1, 0));
    let unreachable: Vec<_> = outcome
        .failures
        .iter()
        .filter(|failure| failure.verdict == Verdict::Alb(Cause::HostUnreachable))
        .collect();
    // Sent at 1 s, its SYN again at 2 s and at 4 s.
    assert!(
        matches!(unreachable[..], [failure] if failure.latency >= Span::from_secs(6)),
        "{unreachable:?}"
    );
}
