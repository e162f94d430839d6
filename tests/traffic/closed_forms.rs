//! Counts that theory knows exactly.

use rollcast::aws::alb_node::{Belief, NoRoutableTarget};
use rollcast::dist::{Dist, LogNormal};
use rollcast::observe::timeline::Socket;
use rollcast::random::{Purpose, Streams};
use rollcast::scenario::load::Pacing;
use rollcast::time::Span;
use rollcast::verdict::Cause;

use crate::staged::{Stage, replicate, secs_f64, without_connections};

const RUNS: u64 = 2_000;

/// One pod of `pods` stops `pre_stop` after its deletion, every node chooses it for `lag` after it.
fn stale(pods: u16, nodes: u8, lag: f64, pre_stop: f64) -> Stage {
    const DELETED: f64 = 2.003;
    let mut stage = Stage::serving(pods, nodes);
    stage.socket(0, DELETED + pre_stop, Socket::Silent);
    stage.all_believe(0, DELETED + lag, Belief::Draining);
    stage
}

/// Stale choices: λ·max(0, L − p) a pod. Their variance depends on who else takes turns: a pod alone
/// sees a Poisson count; one of k sees every k-th request, N/k with the variance of N over k² and
/// (k² − 1)/(6k²) for where its turn falls, once an ALB node.
#[track_caller]
fn check_stale(pods: u16, nodes: u8, pacing: Pacing, lag: f64, pre_stop: f64) {
    let mut scenario = without_connections();
    scenario.load_balancer.nodes = nodes;
    scenario.load_balancer.no_routable_target = NoRoutableTarget::Strict;
    scenario.load.pacing = pacing;
    scenario.load.duration = Some(Span::from_secs(12));
    let requests = scenario.load.rate * (lag - pre_stop).max(0.0);
    let sample = replicate(
        &scenario,
        RUNS,
        |_| stale(pods, nodes, lag, pre_stop),
        |outcome| outcome.causes[Cause::ConnectTimeout.index()],
    );
    let turns = f64::from(pods);
    let turn_variance = if requests > 0.0 {
        (turns * turns - 1.0) / (6.0 * turns * turns)
    } else {
        0.0
    };
    let count_variance = if pacing == Pacing::Poisson {
        requests
    } else {
        0.0
    };
    sample.assert_mean(requests / turns);
    sample.assert_variance(count_variance / (turns * turns) + f64::from(nodes) * turn_variance);
}

#[test]
fn errors_of_a_fixed_lag() {
    check_stale(1, 1, Pacing::Poisson, 7.0, 2.0);
    check_stale(1, 2, Pacing::Poisson, 7.0, 0.0);
    check_stale(4, 1, Pacing::Poisson, 7.0, 2.0);
    check_stale(4, 2, Pacing::Poisson, 7.0, 2.0);
    check_stale(4, 2, Pacing::Constant, 7.0, 2.0);
    check_stale(3, 2, Pacing::Constant, 8.0, 0.0);
    check_stale(4, 2, Pacing::Poisson, 5.0, 5.0);
    check_stale(4, 2, Pacing::Constant, 5.0, 8.0);
}

/// Stale choices of a random lag: λ·E[(L − p)⁺].
#[track_caller]
fn check_random_lag(lag: &Dist, pre_stop: f64, mean_excess: f64) {
    let mut scenario = without_connections();
    scenario.load.rate = 50.0;
    scenario.load.pacing = Pacing::Poisson;
    scenario.load.duration = Some(Span::from_secs(60));
    let sample = replicate(
        &scenario,
        RUNS,
        |streams| {
            let drawn = lag.sample(&mut streams.at(Purpose::Deregistration, 0));
            stale(4, 2, drawn.as_secs_f64(), pre_stop)
        },
        |outcome| outcome.causes[Cause::ConnectTimeout.index()],
    );
    sample.assert_mean(scenario.load.rate / 4.0 * mean_excess);
}

#[test]
fn errors_of_a_random_lag() {
    let exponential = Dist::Exponential(Span::from_secs(5));
    check_random_lag(&exponential, 0.0, 5.0);
    check_random_lag(&exponential, 6.0, 5.0 * (-6.0_f64 / 5.0).exp());
    let log_normal = Dist::LogNormal(LogNormal::p50_p95(Span::from_secs(7), Span::from_secs(14)));
    for pre_stop in [0.0, 5.0, 10.0] {
        check_random_lag(
            &log_normal,
            pre_stop,
            log_normal.mean_excess(secs_f64(pre_stop)),
        );
    }
}

/// What ends requests in flight some time after the last one came.
#[derive(Clone, Copy)]
enum End {
    /// SIGKILL, after the grace.
    Reset,
    /// The end of the deregistration delay.
    Cut,
}

/// Requests in flight when the arrivals stop: Poisson(λE[S]); those left `grace` later:
/// Poisson(λE[(S − grace)⁺]) (M/G/∞).
#[track_caller]
fn check_in_flight(end: End, service: &Dist, grace: f64, expected: f64) {
    const STOPPED: f64 = 12.0;
    let mut scenario = without_connections();
    scenario.revisions[0].app.service_time = service.clone();
    scenario.load_balancer.no_routable_target = NoRoutableTarget::Strict;
    scenario.load.pacing = Pacing::Poisson;
    scenario.load.duration = Some(Span::from_secs(13));
    let mut stage = Stage::serving(1, 2);
    stage.all_believe(0, STOPPED, Belief::Draining);
    let cause = match end {
        End::Reset => {
            stage
                .socket(0, STOPPED, Socket::Closed)
                .reset(0, STOPPED + grace);
            Cause::ResetInFlight
        }
        End::Cut => {
            stage.all_believe(0, STOPPED + grace, Belief::Gone);
            Cause::CutByDeregistration
        }
    };
    let sample = replicate(
        &scenario,
        RUNS,
        |_| stage.clone(),
        |outcome| outcome.causes[cause.index()],
    );
    sample.assert_mean(scenario.load.rate * expected);
    sample.assert_variance(scenario.load.rate * expected);
}

#[test]
fn requests_in_flight_when_the_process_dies() {
    let exponential = Dist::Exponential(Span::from_millis(500));
    check_in_flight(End::Reset, &exponential, 0.0, 0.5);
    check_in_flight(End::Reset, &exponential, 1.0, 0.5 * (-2.0_f64).exp());
    check_in_flight(End::Reset, &Dist::constant(Span::from_secs(2)), 0.5, 1.5);
    let measured = Dist::p50_p99_millis(140, 1_200);
    check_in_flight(
        End::Reset,
        &measured,
        0.3,
        measured.mean_excess(Span::from_millis(300)),
    );
}

#[test]
fn requests_in_flight_when_the_deregistration_delay_ends() {
    let exponential = Dist::Exponential(Span::from_millis(500));
    check_in_flight(End::Cut, &exponential, 0.0, 0.5);
    check_in_flight(End::Cut, &exponential, 1.0, 0.5 * (-2.0_f64).exp());
    check_in_flight(End::Cut, &Dist::constant(Span::from_secs(2)), 3.0, 0.0);
}

/// A connection lost in the crossing: λ requests a second for a round trip, the FIN in its middle.
#[test]
fn requests_that_cross_the_fin() {
    let mut scenario = crate::staged::scenario();
    scenario.load.rate = 20_000.0;
    scenario.load.pacing = Pacing::Poisson;
    scenario.load.duration = Some(Span::from_millis(200));
    let round_trip = scenario.load_balancer.round_trip.as_secs_f64();
    let sample = replicate(
        &scenario,
        RUNS,
        |_: &Streams| {
            let mut stage = Stage::serving(4, 2);
            stage.socket(0, 0.15, Socket::Closed);
            stage
        },
        |outcome| outcome.causes[Cause::KeepAliveRace.index()],
    );
    sample.assert_mean(20_000.0 / 4.0 * round_trip);
}
