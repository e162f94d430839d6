//! Laws of whole rollouts, control plane and requests together, that hold replication by replication.

use rollcast::observe::measure::{Goal, Measures};
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::Scenario;
use rollcast::scenario::document::Document;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;
use rollcast::verdict::Cause;

use crate::laws::PAIRS;

/// A rollout of two pods on links that take no time, so that no message has to wait for another.
const TWO_PODS: &str = r#"
[deployment]
replicas = 2

[pod]
termination_grace_period = "20s"

[pod.readiness_probe]
period = "2s"

[app]
on_sigterm = "drain"
start_up = { p50 = "1s", p99 = "3s" }

[cluster.links]
api_write = "0s"
api_to_deployment = "0s"
api_to_replica_set = "0s"
api_to_scheduler = "0s"
api_to_kubelet = "0s"
api_to_endpoint_slice = "0s"
endpoints_to_lbc = "0s"

[target_group.health_check]
interval = "5s"
timeout = "2s"
unhealthy_threshold = 10 # a target that fails its checks is left alone sooner than one that has just begun to

[load]
rate = 20.0
pacing = "poisson"
duration = "50s"
rollout_at = "2s"
"#;

type Edits<'e> = &'e [(&'e str, &'e str)];

fn scenario(edits: [Edits<'_>; 2]) -> Scenario {
    let mut document = Document::parse("two-pods.toml".as_ref(), TWO_PODS)
        .unwrap_or_else(|error| panic!("{error}"));
    for (key, value) in edits.concat() {
        document
            .set(key, value)
            .unwrap_or_else(|error| panic!("{error}"));
    }
    document.resolve().unwrap_or_else(|error| panic!("{error}"))
}

/// A number of every one of so many replications.
fn replicate(
    scenario: &Scenario,
    runs: u64,
    number: impl Fn(&Measures, &Outcome) -> u64,
) -> Vec<u64> {
    let (mut rollout, mut engine) = (Rollout::new(scenario), RequestEngine::new(scenario));
    let mut outcome = Outcome::new();
    let goal = Goal::of(scenario);
    let one = |replication| {
        let streams = Streams::new(7, replication);
        let timeline = rollout
            .simulate(&streams)
            .unwrap_or_else(|error| panic!("{error}"));
        engine.simulate(timeline, &streams, &mut outcome);
        number(&Measures::of(timeline, &goal), &outcome)
    };
    (0..runs).map(one).collect()
}

/// The number never rises from one setting to the next: 0 violations in 2,000 pairs each, and some that fall.
#[track_caller]
fn check_falls(
    common: Edits<'_>,
    settings: &[Edits<'_>],
    number: impl Fn(&Measures, &Outcome) -> u64,
) {
    let numbers: Vec<_> = settings
        .iter()
        .map(|edits| replicate(&scenario([common, edits]), PAIRS, &number))
        .collect();
    for neighbours in numbers.windows(2) {
        let mut lower = 0;
        for (before, after) in neighbours[0].iter().zip(&neighbours[1]) {
            assert!(before >= after, "{before} became {after}");
            lower += u64::from(before > after);
        }
        assert!(lower > PAIRS / 20, "only {lower} pairs differ");
    }
}

fn with_status(status: u16) -> impl Fn(&Measures, &Outcome) -> u64 {
    move |_, outcome| outcome.status(status)
}

const HOOKS: &[Edits<'_>] = &[&[], &[("pod.pre_stop", "3s")], &[("pod.pre_stop", "8s")]];

/// While the hook and the drain fit into the grace period. Where the pod's network goes, the 502s end there and
/// a hook moves them; so there it is they and the 504s together.
#[test]
fn a_longer_hook_never_costs_more_errors() {
    check_falls(
        &[("cluster.network_removal", "60s")],
        HOOKS,
        with_status(502),
    );
    check_falls(&[], HOOKS, |_, outcome| outcome.count_5xx());
}

/// Where kernels answer for removed IPs, as far as their limit goes, a hook also changes who is answered: 502s and
/// 504s are judged together, each by itself may rise.
#[test]
fn a_longer_hook_moves_errors_between_502_and_504() {
    let answered: Edits<'_> = &[
        ("load_balancer.host_unreachable_share", "unreachable"),
        ("load.rate", "12"),
    ];
    let hooks: &[Edits<'_>] = &[
        &[("pod.pre_stop", "{ exec = \"3000ms\" }")],
        &[("pod.pre_stop", "{ exec = \"3100ms\" }")],
    ];
    check_falls(answered, hooks, |_, outcome| outcome.count_5xx());
    let rises = |status| {
        let [shorter, longer] = [0, 1].map(|row| {
            replicate(
                &scenario([answered, hooks[row]]),
                PAIRS / 4,
                with_status(status),
            )
        });
        shorter
            .iter()
            .zip(&longer)
            .filter(|(shorter, longer)| shorter < longer)
            .count()
    };
    assert!(
        rises(502) + rises(504) > 0,
        "the old form, status by status, would hold"
    );
}

/// Beyond the grace period the hook does no more, and a drain that had time to finish has none: SIGTERM comes when the
/// period is over, SIGKILL 2 s later.
#[test]
fn a_hook_beyond_the_grace_period_costs_resets() {
    let slow: Edits<'_> = &[
        ("load_balancer.deregistration_propagation", "20s"),
        ("app.service_time", "5s"),
        ("pod.termination_grace_period", "10s"),
    ];
    let resets = |hook: &str| {
        let count = |_: &Measures, outcome: &Outcome| outcome.causes[Cause::ResetInFlight.index()];
        replicate(&scenario([slow, &[("pod.pre_stop", hook)]]), PAIRS, count)
    };
    let [within, beyond, far_beyond] = ["4s", "15s", "30s"].map(resets);
    assert!(
        within
            .iter()
            .zip(&beyond)
            .all(|(within, beyond)| *within == 0 && *beyond > 0)
    );
    assert_eq!(beyond, far_beyond, "both are cut at the same instant");
}

/// Nobody is late, nobody dies with a request in hand, nobody goes before another has come.
#[test]
fn no_lag_no_errors() {
    let at_once: Edits<'_> = &[
        ("pod.readiness_gate", "true"),
        ("lbc.register_call", "0s"),
        ("lbc.deregister_call", "0s"),
        ("lbc.describe_call", "0s"),
        ("load_balancer.deregistration_propagation", "0s"),
        ("load_balancer.registration_propagation", "0s"),
        ("load_balancer.round_trip", "0s"),
    ];
    let lost = replicate(&scenario([at_once, &[]]), PAIRS, |_, outcome| {
        outcome.requests - outcome.ok
    });
    assert_eq!(lost.iter().sum::<u64>(), 0);
}

/// A gate holds the rollout until the load balancer has the new pod.
#[test]
fn a_gate_never_costs_more_503s_and_is_never_faster() {
    let strict: Edits<'_> = &[
        ("load_balancer.no_routable_target", "strict"),
        ("load_balancer.registration_propagation", "13s"),
    ];
    let gates: &[Edits<'_>] = &[&[], &[("pod.readiness_gate", "true")]];
    check_falls(strict, gates, with_status(503));
    let haste = |measures: &Measures, _: &Outcome| {
        measures
            .duration
            .map_or(0, |duration| 1_000_000_000 - duration.as_micros())
    };
    check_falls(strict, gates, haste);
}
