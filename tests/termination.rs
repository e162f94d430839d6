//! The end of a pod, to the second: what kuberuntime_container.go does with hooks, grace periods and
//! sidecars. Chance is taken out, so that every instant is exact.

use rollcast::observe::timeline::{PodRecord, Timeline};
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::document::Document;

const STILL: &str = r#"
[deployment]
replicas = 1
[cluster]
pod_start = "0s"
network_removal = "0s"
pod_removal = "0s"
[cluster.links]
api_write = "0s"
api_to_deployment = "0s"
api_to_replica_set = "0s"
api_to_scheduler = "0s"
api_to_kubelet = "0s"
api_to_endpoint_slice = "0s"
endpoints_to_lbc = "0s"
"#;

fn simulate(settings: &[(&str, &str)]) -> Timeline {
    let mut document =
        Document::parse("still.toml".as_ref(), STILL).unwrap_or_else(|error| panic!("{error}"));
    for (key, value) in settings {
        document
            .set(key, value)
            .unwrap_or_else(|error| panic!("{error}"));
    }
    let scenario = document.resolve().unwrap_or_else(|error| panic!("{error}"));
    Rollout::new(&scenario)
        .simulate(&Streams::new(1, 0))
        .unwrap_or_else(|error| panic!("{error}"))
        .clone()
}

/// Seconds from the old pod's deletion to SIGTERM, to the closing of its listener, to the end of its network.
#[track_caller]
fn check(settings: &[(&str, &str)], sigterm: f64, closed: f64, network_gone: f64) {
    let timeline = simulate(settings);
    let old: &PodRecord = &timeline.pods[0];
    let deleted = old.terminating.expect("the old pod is deleted");
    let after = |at: Option<rollcast::time::Time>| at.map(|at| at.secs_since(deleted));
    let ended = [
        after(old.sigterm),
        after(old.listener_closed),
        after(old.network_gone),
    ];
    assert_eq!(
        ended,
        [Some(sigterm), Some(closed), Some(network_gone)],
        "{settings:?}"
    );
}

const IGNORES: (&str, &str) = ("app.on_sigterm", "ignore");

#[test]
fn hooks_and_grace_periods() {
    check(&[], 0.0, 0.0, 0.0);
    check(&[IGNORES], 0.0, 30.0, 30.0);
    // A hook within the grace period: whole seconds of it are deducted.
    check(&[("pod.pre_stop", "10s")], 10.0, 10.0, 10.0);
    check(&[("pod.pre_stop", "10.6s"), IGNORES], 10.6, 30.6, 30.6);
    // A hook that outlasts the grace period leaves two seconds, not none.
    check(&[("pod.pre_stop", "40s"), IGNORES], 30.0, 32.0, 32.0);
    check(
        &[
            ("pod.pre_stop", "40s"),
            ("pod.termination_grace_period", "50s"),
            IGNORES,
        ],
        40.0,
        50.0,
        50.0,
    );
    check(
        &[("pod.pre_stop", "{ exec = \"29s\" }"), IGNORES],
        29.0,
        31.0,
        31.0,
    );
    // A hook that cannot run: SIGTERM at once.
    check(&[("pod.pre_stop", "{ fails = true }")], 0.0, 0.0, 0.0);
    check(
        &[("pod.termination_grace_period", "0s"), IGNORES],
        0.0,
        2.0,
        2.0,
    );
}

#[test]
fn what_the_process_does() {
    check(
        &[("app.on_sigterm", "keep_serving"), ("app.shutdown", "4s")],
        0.0,
        4.0,
        4.0,
    );
    check(
        &[("app.on_sigterm", "exit"), ("app.shutdown", "4s")],
        0.0,
        0.0,
        4.0,
    );
    check(
        &[("app.on_sigterm", "exit"), ("app.shutdown", "400s")],
        0.0,
        0.0,
        30.0,
    );
    check(&[("app.refusing", "500ms")], 0.0, 0.5, 0.5);
    // Nothing in flight: the drain is over at once.
    check(
        &[
            ("app.on_sigterm", "drain"),
            ("load.rate", "0"),
            ("app.shutdown", "1s"),
        ],
        0.0,
        0.0,
        1.0,
    );
}

#[test]
fn sidecars_keep_the_network() {
    check(&[("pod.sidecar.shutdown", "5s")], 0.0, 0.0, 5.0);
    check(
        &[("pod.sidecar.shutdown", "5s"), ("pod.pre_stop", "10s")],
        10.0,
        10.0,
        10.0,
    );
    check(&[("pod.sidecar.shutdown", "400s")], 0.0, 0.0, 30.0);
    check(
        &[
            ("pod.sidecar.native", "true"),
            ("pod.sidecar.shutdown", "5s"),
            ("pod.pre_stop", "10s"),
        ],
        10.0,
        10.0,
        15.0,
    );
    // A native sidecar that finds the grace period used up still gets two seconds.
    check(
        &[
            ("pod.sidecar.native", "true"),
            ("pod.sidecar.shutdown", "400s"),
            IGNORES,
        ],
        0.0,
        30.0,
        32.0,
    );
}
