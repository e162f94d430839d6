//! Each rule finds what it is for, and nothing else.

use std::path::Path;

use super::*;
use crate::scenario::Document;

/// A pod that no rule has anything against, and what differs from it.
const FINE: &str = "name = \"x\"\n[pod]\nreadiness_gate = true\npre_stop = \"60s\"\n\
    termination_grace_period = \"90s\"\n[pod.readiness_probe]\n[app]\nprofile = \"spring-boot-3.4\"\n\
    keep_alive = \"75s\"\n[deployment]\nreplicas = 3\n";

#[track_caller]
fn check(edits: &[(&str, &str)], expected: &[&str]) {
    let mut document = Document::parse(Path::new("x.toml"), FINE).unwrap();
    edits
        .iter()
        .for_each(|(key, value)| document.set(key, value).unwrap());
    let subject = Subject::of_document(document).unwrap();
    let found: Vec<&str> = RULES
        .iter()
        .filter(|rule| (rule.look)(&subject).is_some())
        .map(|rule| rule.id)
        .collect();
    assert_eq!(found, expected, "{edits:?}");
    for rule in RULES {
        let Some(found) = (rule.look)(&subject) else {
            continue;
        };
        assert!(
            found.fix.is_empty()
                || crate::check::fix::applied(&subject.document, &found.fix).is_ok(),
            "{}",
            rule.id
        );
    }
}

#[test]
fn each_rule_finds_what_it_looks_for() {
    check(&[], &[]);
    check(&[("pod.pre_stop", "5s")], &["RL001"]);
    check(&[("pod.pre_stop", "{ fails = true }")], &["RL001"]);
    check(&[("pod.pre_stop", "90s")], &["RL002"]);
    check(
        &[
            ("pod.readiness_gate", "false"),
            ("deployment.min_ready", "30s"),
        ],
        &["RL003"],
    );
    check(&[("pod.readiness_gate", "false")], &["RL003", "RL010"]);
    check(
        &[
            ("target_group.deregistration_delay", "10s"),
            ("app.service_time", "20s"),
        ],
        &["RL005"],
    );
    check(&[("app.keep_alive", "20s")], &["RL006"]);
    check(&[("app.keep_alive", "0s")], &[]);
    check(&[("deployment.max_unavailable", "100%")], &["RL007"]);
    check(
        &[
            ("deployment.replicas", "1"),
            ("deployment.max_unavailable", "1"),
        ],
        &["RL007"],
    );
    check(&[("pod.termination_grace_period", "150s")], &["RL009"]);
    check(
        &[
            ("pod.termination_grace_period", "62s"),
            ("app.service_time", "20s"),
        ],
        &["RL011"],
    );
    check(&[("deployment.strategy", "Recreate")], &["RL012"]);
    check(
        &[("service.publish_not_ready_addresses", "true")],
        &["RL013"],
    );
    check(&[("app.on_sigterm", "exit")], &["RL016"]);
}

#[test]
fn a_lag_that_is_given_decides_what_is_too_short() {
    check(
        &[
            ("load_balancer.deregistration_propagation", "3s"),
            ("pod.pre_stop", "5s"),
        ],
        &[],
    );
    // The way from the deletion to the controller's returned call comes on top of the lag.
    let lag = (
        "load_balancer.deregistration_propagation",
        "{ uniform = [\"8.2s\", \"9.8s\"] }",
    );
    check(&[lag, ("pod.pre_stop", "10s")], &["RL001"]);
    check(&[lag, ("pod.pre_stop", "20s")], &[]);
    check(
        &[("load_balancer.deregistration_propagation", "70s")],
        &["RL001"],
    );
}

#[test]
fn rules_are_numbered_once_and_in_order() {
    let ids: Vec<String> = (1..=RULES.len())
        .map(|number| format!("RL{number:03}"))
        .collect();
    assert_eq!(RULES.iter().map(|rule| rule.id).collect::<Vec<_>>(), ids);
}
