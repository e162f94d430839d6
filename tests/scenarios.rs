//! The scenarios that ship, and what holds of every scenario.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::{Path, PathBuf};

use rollcast::scenario::{self, Document, Scenario};

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("scenarios")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn parse(text: &str) -> Scenario {
    Document::parse(Path::new("test.toml"), text)
        .unwrap()
        .resolve()
        .unwrap()
}

#[test]
fn every_shipped_scenario_loads_and_opens_with_its_moral() {
    assert!(files().len() >= 8);
    for path in files() {
        let scenario = scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, path.file_stem().unwrap().to_str().unwrap());
        assert!(!scenario.description.is_empty());
        let text = std::fs::read_to_string(&path).unwrap();
        let moral = text.lines().next().unwrap();
        assert!(
            moral.starts_with("# ") && moral.ends_with('.'),
            "{}: {moral}",
            path.display()
        );
    }
}

/// What is printed resolves to the same meaning, and is printed the same again.
#[track_caller]
fn check_round_trip(scenario: &Scenario) {
    let printed = scenario.to_toml().unwrap();
    let again = Document::parse(Path::new("printed.toml"), &printed)
        .unwrap()
        .resolve();
    let again = again.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.digest(), scenario.digest(), "{printed}");
    assert_eq!(again.to_toml().unwrap(), printed);
}

#[test]
fn what_is_printed_means_the_same() {
    check_round_trip(&Scenario::default());
    for path in files() {
        check_round_trip(&scenario::load(&path).unwrap());
    }
    check_round_trip(&parse(EVERYTHING));
    check_round_trip(&parse(
        "[load]\nclient = \"vegeta\"\nshape = { sine = { to = 200.0, period = \"60s\" } }\n",
    ));
    check_round_trip(&parse(
        "[[disturbance]]\nkind = \"load_step\"\nfactor = 0.5\nduration = \"10s\"\n",
    ));
}

#[test]
fn keys_given_win_over_a_client() {
    let load = parse("[load]\nclient = \"bombardier\"\nworkers = 200\n").load;
    assert_eq!(
        (load.workers, load.client_timeout.to_string()),
        (Some(200), "2s".to_owned())
    );
    assert!(load.reuses_connections());
}

/// Every form that a scenario can take.
const EVERYTHING: &str = r#"
name = "everything"
[deployment]
strategy = "Recreate"
replicas = 7
max_surge = 3
[pod]
graceful_drain = "60s"
pre_stop = { http_get = "1s" }
readiness_probe = { period = "2s" }
liveness_probe = {}
[app]
profile = "spring-boot-3.3"
start_up = { p50 = "7s", p95 = "18s" }
shutdown = { mixture = [ { weight = 0.97, span = "1s" }, { weight = 0.03, span = { weibull = { scale = "5s", shape = 1.5 } } } ] }
service_time = { lognormal = { mean = "20ms", sd = "10ms" } }
concurrency = 50
cold_start = { factor = 2.5, over = "20s" }
close_connections_on_shutdown = true
[new_revision]
profile = "spring-boot-3.4"
ready = "never"
pre_stop = { fails = true }
image_pull = { delay = "5s", jitter = "2s" }
readiness_probe = { timeout = "3s" }
[[step]]
at = "0s"
set = { revision = "new" }
[[step]]
at = "20s"
set = { crash_after = { exponential = "9s" }, termination_grace_period = "5s" }
[[step]]
at = "30s"
set = { revision = "old" }
[[step]]
at = "10s"
set = { replicas = 16 }
[[step]]
at = "5s"
set = { paused = true }
[[step]]
at = "6s"
set = { delete_pods = 2 }
[pod_disruption_budget]
max_unavailable = "25%"
[[disturbance]]
kind = "node_drain"
at = { uniform = ["5s", "9s"] }
node = 2
timeout = "15m"
uncordon_after = "60s"
[[disturbance]]
kind = "zone_outage"
zone = 1
[[disturbance]]
kind = "api_throttle"
api = "elb"
refused = 0.5
[[disturbance]]
kind = "slow_link"
link = "elb_to_nodes"
factor = 3.0
[[disturbance]]
kind = "bad_version"
at = "25s"
fault = "bad_image"
[service]
publish_not_ready_addresses = true
[cluster]
preset = "busy"
kubernetes = "1.30"
[cluster.links]
endpoints_to_lbc = "10ms"
[load_balancer]
deregistration_propagation = { triangular = ["2s", "6s", "12s"] }
registration_propagation = "2s"
host_unreachable_share = "published"
no_routable_target = "strict"
[target_group]
algorithm = "weighted_random"
anomaly_mitigation = true
stickiness = "1h"
cross_zone = false
[[other_target_group]]
name = "internal"
nodes = 3
[other_target_group.health_check]
interval = "30s"
[[other_target_group]]
deregistration_delay = "0s"
[load]
client = "bombardier"
workers = 200
think_time = { uniform = ["0s", "20ms"] }
client_nodes = 1
retries = 2
retry_backoff = "50ms"
idempotent_share = 0.9
stream_share = 0.01
stream_length = "30s"
[objectives]
max_5xx_per_rollout = 3
probability = 0.9
[sweep]
"pod.pre_stop" = "0s..30s/5s"
"target_group.deregistration_delay" = ["30s", "300s"]
"#;

#[test]
fn a_file_cut_anywhere_or_with_a_letter_changed_is_no_panic() {
    let resolve = |text: &str| {
        Document::parse(Path::new("cut.toml"), text).and_then(|document| document.resolve())
    };
    for at in 0..EVERYTHING.len() {
        drop(resolve(&EVERYTHING[..at]));
        for letter in ["\0", "\"", "{", "é", "-", "9"] {
            drop(resolve(&format!(
                "{}{letter}{}",
                &EVERYTHING[..at],
                &EVERYTHING[at + 1..]
            )));
        }
    }
}

#[test]
fn steps_come_in_order_of_time_and_revisions_in_order_of_appearance() {
    use rollcast::id::RevisionId;
    use rollcast::scenario::rollout::Change;
    let scenario = parse(EVERYTHING);
    let changes: Vec<Change> = scenario.steps.iter().map(|step| step.change).collect();
    assert_eq!(
        changes,
        [
            Change::NewRevision(RevisionId(1)),
            Change::Paused(true),
            Change::DeletePods(2),
            Change::Replicas(16),
            Change::NewRevision(RevisionId(2)),
            Change::NewRevision(RevisionId(3)),
            Change::Rollback
        ]
    );
    let [old, new, third, bad] = &scenario.revisions[..] else {
        panic!("four revisions")
    };
    assert!(
        bad.image_missing && bad.never_ready,
        "a bad version is the new one with a fault"
    );
    assert!(new.never_ready && new.image_pull.is_some() && new.crash_after.is_none());
    assert!(
        !third.never_ready && third.crash_after.is_some(),
        "a step's keys overlay the old template"
    );
    assert_eq!(third.pod.pre_stop, old.pod.pre_stop);
    let [was, is] = [old, new].map(|revision| revision.pod.readiness_probe.as_ref().unwrap());
    assert_eq!(
        (is.period, was.timeout.to_string(), is.timeout.to_string()),
        (was.period, "1s".into(), "3s".into())
    );
}

#[test]
fn a_profile_lies_beneath_the_keys_that_are_given() {
    use rollcast::cluster::app::OnSigterm;
    let scenario = parse(
        "[app]\nprofile = \"spring-boot-3.3\"\nkeep_alive = \"5s\"\n[new_revision]\nprofile = \"spring-boot-3.4\"\n",
    );
    let [old, new] = &scenario.revisions[..] else {
        panic!("two revisions")
    };
    assert_eq!(
        (old.app.on_sigterm, new.app.on_sigterm),
        (OnSigterm::Exit, OnSigterm::Drain)
    );
    assert_eq!(
        (old.app.refusing.to_string(), new.app.keep_alive.to_string()),
        ("9ms".into(), "5s".into())
    );
}

#[test]
fn the_digest_sees_the_meaning_only() {
    let one = parse(
        "# a\nname = \"a\"\n[load]\nrate = 50\nduration = \"60s\"\n[monte_carlo]\nruns = 3\nseed = 9\n",
    );
    let same = parse(
        "[load]\nduration = \"1m\"\nrate = 50.0\npacing = \"constant\"\n[[step]]\nset = { revision = \"new\" }\n",
    );
    let other = parse("[load]\nduration = \"1m\"\nrate = 51.0\n");
    assert_eq!(one.digest(), same.digest());
    assert_ne!(one.digest(), other.digest());
    assert_eq!(one.digest().len(), 16);
    // A file's digest is quoted in reports: it changes only with the meaning of the file.
    assert_eq!(Scenario::default().digest(), "c0e69e3c32a1cd52");
}

#[test]
fn edits_win_over_the_file() {
    let mut document =
        Document::parse(Path::new("x.toml"), "[pod]\npre_stop = { exec = \"5s\" }\n").unwrap();
    for (key, value) in [
        ("pod.pre_stop", "20s"),
        ("cluster.kubernetes", "1.30"),
        ("load_balancer.deregistration_propagation", "slow"),
        ("app.start_up", "{ p50 = \"2s\", p99 = \"3s\" }"),
        ("load.rate", "7"),
        ("deployment.max_surge", "50%"),
        ("new_revision.ready", "never"),
    ] {
        document.set(key, value).unwrap();
    }
    let scenario = document.resolve().unwrap();
    let got = [
        "pod.pre_stop",
        "cluster.kubernetes",
        "load_balancer.deregistration_propagation",
        "deployment.max_surge",
    ];
    assert_eq!(
        got.map(|key| scenario.value_of(key).unwrap()),
        ["20s", "1.30", "slow", "50%"]
    );
    assert!(scenario.revisions[1].never_ready && scenario.given.contains("load.rate"));
    assert!(
        document
            .set("pod.prestop", "3s")
            .unwrap_err()
            .to_string()
            .contains("did you mean `pod.pre_stop`?")
    );
    assert!(document.set("load.rate", "1\nrunz = 2").is_err());
    document.set("pod.pre_stop", "20").unwrap();
    let error = document.resolve().unwrap_err().to_string();
    assert!(
        error.contains("--set:1:16") && error.contains("has no unit"),
        "{error}"
    );
}

#[test]
fn assumptions_are_what_nobody_gave() {
    let keys = |text: &str| -> Vec<String> {
        parse(text)
            .assumptions()
            .into_iter()
            .map(|assumption| assumption.key)
            .collect()
    };
    let contains = |text: &str, key: &str| keys(text).iter().any(|got| got == key);
    let lag = "load_balancer.deregistration_propagation";
    assert!(contains("name = \"x\"", lag));
    assert!(!contains(
        "[load_balancer]\nderegistration_propagation = \"slow\"",
        lag
    ));
    assert!(contains(
        "[app]\nprofile = \"spring-boot-3.3\"",
        "app.start_up"
    ));
    assert!(contains("name = \"x\"", "app.on_sigterm"));
    assert!(
        !contains("[app]\nprofile = \"spring-boot-3.3\"", "app.on_sigterm"),
        "the profile documents it"
    );
    assert!(
        !contains("name = \"x\"", "cluster.immediate_readiness"),
        "no probe, no race"
    );
    assert!(contains(
        "[pod.readiness_probe]",
        "cluster.immediate_readiness"
    ));
    assert!(
        contains("name = \"x\"", "new_revision.image_pull"),
        "a new image is seldom there already"
    );
    assert!(
        !contains("name = \"x\"", "monte_carlo.runs"),
        "a choice, not an assumption"
    );
    let assumption = parse("name = \"x\"")
        .assumptions()
        .into_iter()
        .find(|row| row.key == lag)
        .unwrap();
    assert_eq!(assumption.value, "published");
}
