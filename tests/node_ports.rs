//! Target type `instance`: what node ports lead to, and what that costs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::path::Path;

use rollcast::aws::alb_node::Belief;
use rollcast::id::PodId;
use rollcast::observe::timeline::Timeline;
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::{Document, Scenario};
use rollcast::time::{Span, Time};

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
    edits.iter().for_each(|(key, value)| document.set(key, value).unwrap());
    document.resolve().unwrap()
}

fn timelines(scenario: &Scenario) -> Vec<Timeline> {
    let mut rollout = Rollout::new(scenario);
    (0..20).map(|run| rollout.simulate(&Streams::new(1, run)).unwrap().clone()).collect()
}

/// What a host's port leads to just after `at`.
fn led_to(timeline: &Timeline, host: usize, at: Time) -> Vec<PodId> {
    let mut pods: Vec<PodId> = Vec::new();
    for change in timeline.node_ports[host].iter().take_while(|change| change.at <= at) {
        if change.forwards { pods.push(change.pod) } else { pods.retain(|pod| *pod != change.pod) }
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
        assert!(timeline.targets.iter().all(|target| target.registered.or(target.deregister_called).is_none()));
        let healthy = |beliefs: &Vec<_>| beliefs.len() == 3;
        assert!(timeline.beliefs.iter().all(healthy), "no host's health ever changes");
        for pod in timeline.pods.iter() {
            let (hop, Some(out)) = (Span::from_secs(1), pod.out_of_slice_ready) else { continue };
            for host in 0..3 {
                let early = led_to(&timeline, host, out.saturating_sub(Span::from_millis(1)));
                let late = led_to(&timeline, host, out + hop + longest);
                assert!(early.contains(&pod.pod) && !late.contains(&pod.pod), "{} on host {host}", pod.pod);
            }
        }
    }
}

/// With the policy `Local` a port leads to its host's pods, and a host without any is unhealthy.
#[test]
fn a_local_port_leads_to_its_hosts_pods_only() {
    let scenario = scenario(&[("service.external_traffic_policy", "Local"), ("deployment.replicas", "2")]);
    for timeline in timelines(&scenario) {
        for (host, changes) in (0..).zip(&timeline.node_ports) {
            for change in changes {
                assert_eq!(timeline.pods[change.pod.index()].node.unwrap().0, host);
            }
        }
        let first: Vec<Belief> = timeline.beliefs[0].iter().take(3).map(|change| change.belief).collect();
        assert_eq!(first, [Belief::Healthy, Belief::Healthy, Belief::Unhealthy]);
    }
}

/// One replica, replaced by Recreate: until it stops to serve it is the last resort of every port,
/// and then the ports lead nowhere until its successor is ready.
#[test]
fn the_last_pod_is_led_to_while_it_terminates() {
    let scenario = scenario(&[("deployment.replicas", "1"), ("deployment.strategy", "Recreate")]);
    for timeline in timelines(&scenario) {
        let [old, new] = &timeline.pods[..] else { panic!("one pod, and one more") };
        let (deleted, sigterm) = (old.terminating.unwrap(), old.sigterm.unwrap());
        assert!(sigterm >= deleted + Span::from_secs(5));
        for host in 0..3 {
            assert_eq!(led_to(&timeline, host, sigterm), [old.pod]);
            assert_eq!(led_to(&timeline, host, old.gone.unwrap() + Span::from_millis(2_500)), []);
            assert_eq!(led_to(&timeline, host, new.in_slice_ready.unwrap() + Span::from_millis(2_500)), [new.pod]);
        }
    }
}
