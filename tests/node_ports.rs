//! Target type `instance`: what node ports lead to, and what that costs.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::Path;

use rollcast::aws::alb_node::Belief;
use rollcast::id::PodId;
use rollcast::observe::timeline::Timeline;
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::rollout::{Change, Step};
use rollcast::scenario::{Document, Scenario};
use rollcast::time::{Span, Time};
use rollcast::traffic::interval::IntervalEngine;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;
use rollcast::verdict::Cause;

/// Four replicas on three hosts, and kube-proxies in a quiet cluster.
const SCENARIO: &str = r#"
name = "node-ports"
[deployment]
replicas = 4
[pod]
pre_stop = "5s"
[pod.readiness_probe]
period = "2s"
[app]
start_up = "4s"
[cluster]
nodes = 3
[kube_proxy]
wait = "0s"
programming = "100ms"
[target_group]
target_type = "instance"
[load]
rate = 0
duration = "60s"
"#;

fn scenario(edits: &[(&str, &str)]) -> Scenario {
    let mut document = Document::parse(Path::new("node-ports.toml"), SCENARIO).unwrap();
    edits
        .iter()
        .for_each(|(key, value)| document.set(key, value).unwrap());
    document.resolve().unwrap()
}

fn timelines(scenario: &Scenario) -> Vec<Timeline> {
    let mut rollout = Rollout::new(scenario);
    (0..20)
        .map(|run| rollout.simulate(&Streams::new(1, run)).unwrap().clone())
        .collect()
}

/// What a host's port leads to just after `at`.
fn led_to(timeline: &Timeline, host: usize, at: Time) -> Vec<PodId> {
    let mut pods: Vec<PodId> = Vec::new();
    for change in timeline.node_ports[host]
        .iter()
        .take_while(|change| change.at <= at)
    {
        if change.forwards {
            pods.push(change.pod);
        } else {
            pods.retain(|pod| *pod != change.pod);
        }
    }
    pods
}

/// No pod is a target, and every host follows the slice within one run of its kube-proxy.
#[test]
fn hosts_stay_and_their_ports_follow_the_slice() {
    let scenario = scenario(&[]);
    // A change that just misses a run waits for its end, the pause, and a run of its own.
    let longest = Span::from_millis(100 + 1_000 + 100);
    for timeline in timelines(&scenario) {
        assert_eq!((timeline.targets.len(), timeline.node_ports.len()), (3, 3));
        assert!(
            timeline
                .targets
                .iter()
                .all(|target| target.registered.or(target.deregister_called).is_none())
        );
        let healthy = |beliefs: &Vec<_>| beliefs.len() == 3;
        assert!(
            timeline.beliefs.iter().all(healthy),
            "no host's health ever changes"
        );
        for pod in &timeline.pods {
            let (hop, Some(out)) = (Span::from_secs(1), pod.out_of_slice_ready) else {
                continue;
            };
            for host in 0..3 {
                let early = led_to(&timeline, host, out.saturating_sub(Span::from_millis(1)));
                let late = led_to(&timeline, host, out + hop + longest);
                assert!(
                    early.contains(&pod.pod) && !late.contains(&pod.pod),
                    "{} on host {host}",
                    pod.pod
                );
            }
        }
    }
}

/// With the policy `Local` a port leads to its host's pods, and a host without any is unhealthy.
#[test]
fn a_local_port_leads_to_its_hosts_pods_only() {
    let scenario = scenario(&[
        ("service.external_traffic_policy", "Local"),
        ("deployment.replicas", "2"),
    ]);
    for timeline in timelines(&scenario) {
        for (host, changes) in (0..).zip(&timeline.node_ports) {
            for change in changes {
                assert_eq!(timeline.pods[change.pod.index()].node.unwrap().0, host);
            }
        }
        let first: Vec<Belief> = timeline.beliefs[0]
            .iter()
            .take(3)
            .map(|change| change.belief)
            .collect();
        assert_eq!(first, [Belief::Healthy, Belief::Healthy, Belief::Unhealthy]);
    }
}

/// One replica, replaced by Recreate: until it stops to serve it is the last resort of every port,
/// and then the ports lead nowhere until its successor is ready.
#[test]
fn the_last_pod_is_led_to_while_it_terminates() {
    let scenario = scenario(&[
        ("deployment.replicas", "1"),
        ("deployment.strategy", "Recreate"),
    ]);
    for timeline in timelines(&scenario) {
        let [old, new] = &timeline.pods[..] else {
            panic!("one pod, and one more")
        };
        let (deleted, sigterm) = (old.terminating.unwrap(), old.sigterm.unwrap());
        assert!(sigterm >= deleted + Span::from_secs(5));
        for host in 0..3 {
            assert_eq!(led_to(&timeline, host, sigterm), [old.pod]);
            assert_eq!(
                led_to(
                    &timeline,
                    host,
                    old.gone.unwrap() + Span::from_millis(2_500)
                ),
                []
            );
            assert_eq!(
                led_to(
                    &timeline,
                    host,
                    new.in_slice_ready.unwrap() + Span::from_millis(2_500)
                ),
                [new.pod]
            );
        }
    }
}

/// Requests, statuses, and which failed, of so many rollouts.
fn outcomes(scenario: &Scenario, runs: u64) -> Vec<Outcome> {
    let (mut rollout, mut engine) = (Rollout::new(scenario), RequestEngine::new(scenario));
    let outcome = |run| {
        let streams = Streams::new(1, run);
        let mut outcome = Outcome::new();
        outcome.keep_failures = true;
        engine.simulate(rollout.simulate(&streams).unwrap(), &streams, &mut outcome);
        outcome.conserved().unwrap();
        outcome
    };
    (0..runs).map(outcome).collect()
}

fn sum(outcomes: &[Outcome], of: impl Fn(&Outcome) -> u64) -> u64 {
    outcomes.iter().map(of).sum()
}

/// Without kept connections, and with a pod that refuses to the end once it has closed: it is led to
/// by chance until its host's kube-proxy has run, whatever the load balancer believes.
#[test]
fn a_refusing_pod_costs_its_share_until_kube_proxy_has_run() {
    const RATE: f64 = 300.0;
    let scenario = scenario(&[
        ("deployment.replicas", "3"),
        ("pod.pre_stop", "0s"),
        ("app.keep_alive", "0s"),
        ("app.shutdown", "20s"),
        ("app.start_up", "30s"),
        ("kube_proxy.wait", "{ uniform = [\"200ms\", \"1s\"] }"),
        ("load.rate", &RATE.to_string()),
        ("load.pacing", "poisson"),
        ("load.duration", "30s"),
    ]);
    let scenario = Scenario {
        steps: deleted_pod(),
        ..scenario
    };
    let mut expected = 0.0;
    for timeline in timelines(&scenario) {
        let victim = timeline
            .pods
            .iter()
            .find(|pod| pod.terminating.is_some())
            .unwrap();
        for changes in &timeline.node_ports {
            let forgotten = changes
                .iter()
                .find(|change| !change.forwards && change.pod == victim.pod)
                .unwrap();
            let window = forgotten
                .at
                .secs_since(victim.listener_closed.unwrap())
                .max(0.0);
            // One host of three, one pod of three. Requests are Poisson, so those that fail are, too.
            expected += RATE * window / 9.0;
        }
    }
    let outcomes = outcomes(&scenario, 20);
    let refused = sum(&outcomes, |outcome| outcome.causes[Cause::Refused.index()]) as f64;
    let all = sum(&outcomes, Outcome::count_5xx) as f64;
    // At SIGTERM a request or two of each rollout is in flight.
    assert!(
        all - refused <= 20.0 * 10.0,
        "{all} failed, {refused} of them refused"
    );
    assert!(
        (refused - expected).abs() < 4.0 * f64::sqrt(expected),
        "{refused}, not {expected}"
    );
    assert!(expected > 400.0, "{expected}");
}

/// One pod is deleted by hand at the rollout's start, and nothing else happens.
fn deleted_pod() -> Vec<Step> {
    vec![Step {
        at: Span::ZERO,
        change: Change::DeletePods(1),
    }]
}

/// The same pods behind hosts and as targets (easoncao.com 2020, LBC#2048): a few failures at once
/// against seconds of them, with both ways in which a removed pod IP is silent.
#[test]
fn hosts_cost_far_less_than_pods() {
    let edits = [
        ("deployment.replicas", "5"),
        ("pod.pre_stop", "0s"),
        ("load.rate", "10.0"),
        ("load.duration", "120s"),
        ("load_balancer.host_unreachable_share", "0.5"),
    ];
    let by_host = outcomes(&scenario(&edits), 40);
    let by_pod = outcomes(
        &scenario(&[&edits[..], &[("target_group.target_type", "ip")]].concat()),
        40,
    );
    let (few, many) = (
        sum(&by_host, Outcome::count_5xx),
        sum(&by_pod, Outcome::count_5xx),
    );
    assert!(
        few * 10 < many && many >= 40 * 5,
        "{few} behind hosts, {many} as targets"
    );
    let median = |outcomes: &[Outcome]| {
        let mut counts: Vec<u64> = outcomes.iter().map(Outcome::count_5xx).collect();
        counts.sort_unstable();
        counts[counts.len() / 2]
    };
    let medians = [&by_host, &by_pod].map(|outcomes| median(outcomes));
    assert!(medians[0] <= 6 && medians[1] >= 60, "{medians:?}");
    let within = |low: f64, high: f64| {
        let latencies = by_pod
            .iter()
            .flat_map(|outcome| &outcome.failures)
            .map(|failure| failure.latency.as_secs_f64());
        latencies
            .filter(|latency| (low..high).contains(latency))
            .count()
    };
    assert!(
        within(3.0, 3.3) > 20 && within(9.99, 10.5) > 20,
        "{} and {}",
        within(3.0, 3.3),
        within(9.99, 10.5)
    );
}

/// Two pods on three hosts move. With `Local` what comes to the host that loses its pod is dropped, a
/// 504, until health checks have noticed; with `Cluster` it is led on.
#[test]
fn local_drops_what_cluster_leads_on() {
    let edits = [
        ("deployment.replicas", "2"),
        ("pod.pre_stop", "15s"),
        ("app.on_sigterm", "drain"),
        ("load.rate", "50.0"),
        ("load.duration", "120s"),
    ];
    let cluster = outcomes(&scenario(&edits), 20);
    let local = outcomes(
        &scenario(&[&edits[..], &[("service.external_traffic_policy", "Local")]].concat()),
        20,
    );
    let of =
        |outcomes: &[Outcome], cause: Cause| sum(outcomes, |outcome| outcome.causes[cause.index()]);
    assert_eq!(of(&cluster, Cause::ConnectTimeout), 0);
    assert!(
        of(&local, Cause::ConnectTimeout) > 20 * 50,
        "{}",
        of(&local, Cause::ConnectTimeout)
    );
}

/// One Recreate replica with a preStop hook: behind a host it works until SIGTERM; as a target it is
/// given up as soon as the load balancer hears of its deletion.
#[test]
fn the_last_resort_works_until_sigterm() {
    let edits = [
        ("deployment.replicas", "1"),
        ("deployment.strategy", "Recreate"),
        ("pod.pre_stop", "20s"),
        ("load.rate", "20.0"),
        ("load.duration", "120s"),
        ("load_balancer.deregistration_propagation", "2s"),
        ("load_balancer.no_routable_target", "strict"),
    ];
    for (kind, from) in [("instance", 20.0), ("ip", 2.0)] {
        let scenario = scenario(&[&edits[..], &[("target_group.target_type", kind)]].concat());
        for outcome in outcomes(&scenario, 20) {
            let (first, _) = outcome.error_window.unwrap();
            let after = first.as_secs_f64() - scenario.load.rollout_at.as_secs_f64();
            assert!(
                (from..from + 2.0).contains(&after),
                "{kind}: the first failure came after {after} s"
            );
        }
    }
}

#[test]
fn requests_through_hosts_are_not_counted_in_bulk() {
    let refusal = IntervalEngine::new(&scenario(&[])).err().unwrap();
    assert_eq!(
        refusal.to_string(),
        "a connection through a node port stays with its pod"
    );
}
