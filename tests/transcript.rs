//! One small rollout as a story, held to what was last read and found right.
//!
//! `ROLLCAST_BLESS=1 cargo test --test transcript` writes it anew, to be reviewed as a diff.

use std::path::Path;

use rollcast::observe::transcript::Transcript;
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::{Document, Scenario};
use rollcast::time::Time;

/// Two pods with the readiness gate, replaced one at a time. Links take so long, not about so long.
const SCENARIO: &str = r#"
name = "two-pods"
[deployment]
replicas = 2
max_surge = 1
max_unavailable = 0
[pod]
readiness_gate = true
pre_stop = "5s"
[pod.readiness_probe]
period = "5s"
[app]
start_up = "3s"
on_sigterm = "drain"
shutdown = "1s"
[cluster]
pod_start = "1s"
network_removal = "200ms"
pod_removal = "300ms"
[cluster.links]
api_write = "10ms"
api_to_deployment = "10ms"
api_to_replica_set = "10ms"
api_to_scheduler = "10ms"
api_to_kubelet = "10ms"
api_to_endpoint_slice = "10ms"
endpoints_to_lbc = "10ms"
[target_group]
deregistration_delay = "30s"
[load_balancer]
deregistration_propagation = "7s"
registration_propagation = "2s"
[load]
rate = 0
"#;

/// A second target group, whose health checks are slower.
const INTERNAL: &str =
    "[[other_target_group]]\nname = \"internal\"\nhealth_check = { interval = \"30s\" }\n";

fn scenario(more: &str) -> Scenario {
    Document::parse(Path::new("two-pods.toml"), &format!("{SCENARIO}{more}"))
        .unwrap()
        .resolve()
        .unwrap()
}

fn told(more: &str, all: bool) -> String {
    let scenario = scenario(more);
    let rollout_at = Time::ZERO + scenario.load.rollout_at;
    let mut transcript = Transcript::new(&scenario, all);
    Rollout::new(&scenario)
        .simulate_observed(&Streams::new(1, 0), |now, fact| transcript.note(now, fact))
        .unwrap();
    transcript.tell(
        rollout_at,
        "alb-1",
        "answers 502 for old-1: a line of the caller's",
    );
    transcript.finish()
}

#[track_caller]
fn check(got: &str, path: &str) {
    if std::env::var_os("ROLLCAST_BLESS").is_some() {
        std::fs::write(path, got).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap();
    let differs = got
        .lines()
        .zip(expected.lines())
        .find(|(got, expected)| got != expected);
    assert!(
        got == expected,
        "{path} differs, first here: {differs:#?}; ROLLCAST_BLESS=1 writes it anew"
    );
}

#[test]
fn a_rollout_of_two_pods_is_told() {
    check(&told("", false), "tests/transcript/two-pods.txt");
    check(&told("", true), "tests/transcript/two-pods-all.txt");
}

#[test]
fn a_rollout_behind_two_target_groups_is_told() {
    check(&told(INTERNAL, false), "tests/transcript/two-groups.txt");
}
