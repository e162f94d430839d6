//! `recommend -o yaml`: the changes as patches of the objects that they stand in, for `kubectl patch`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::recommend::Recommendation;
use crate::scenario::Scenario;
use crate::time::Span;

const DEPLOYMENT: &str = "\
# kubectl patch deployment NAME --patch-file=FILE: a strategic-merge patch, CONTAINER being the container's name.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
spec:
";

const INGRESS: &str = "\
# kubectl patch ingress NAME --type=merge --patch-file=FILE; or the same annotations on the Service behind it.
# target-group-attributes is one list: keep what it holds already.
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: NAME
  annotations:
";

const NAMESPACE: &str = "\
# kubectl label namespace NAME elbv2.k8s.aws/pod-readiness-gate-inject=enabled: pods made from then on have the gate.
apiVersion: v1
kind: Namespace
metadata:
  name: NAME
  labels:
";

const GATE_LABEL: &str = "    elbv2.k8s.aws/pod-readiness-gate-inject: enabled\n";

/// Patches of the Deployment, the Ingress and the namespace, as far as they change; what no manifest can
/// change is a comment.
pub fn yaml(scenario: &Scenario, found: &Recommendation) -> String {
    let document = |(what, lines): (&'static str, String)| match what {
        "Deployment" => format!("{DEPLOYMENT}{lines}"),
        "Ingress" => format!("{INGRESS}{lines}"),
        "Namespace" => format!("{NAMESPACE}{lines}"),
        _ => {
            let lines = lines.lines().map(|line| format!("#   {line}\n"));
            let all: String = lines.collect();
            format!("# In the application itself, not in a manifest:\n{all}")
        }
    };
    let documents: Vec<String> = parts(scenario, found).into_iter().map(document).collect();
    if documents.is_empty() {
        "# Nothing to change.\n".to_owned()
    } else {
        documents.join("---\n")
    }
}

/// The same without the objects' heads: what each part is of, and its lines.
pub(super) fn parts(scenario: &Scenario, found: &Recommendation) -> Vec<(&'static str, String)> {
    let changed: BTreeMap<&str, &str> = found
        .changes
        .iter()
        .map(|change| (change.key.as_str(), change.to.as_str()))
        .collect();
    let secs = |key: &str| changed.get(key).map(|value| seconds(value));
    let annotations = [
        (
            "healthcheck-interval-seconds",
            secs("target_group.health_check.interval"),
        ),
        (
            "healthcheck-timeout-seconds",
            secs("target_group.health_check.timeout"),
        ),
        (
            "target-group-attributes",
            secs("target_group.deregistration_delay")
                .map(|secs| format!("deregistration_delay.timeout_seconds={secs}")),
        ),
    ];
    let annotations: String = annotations
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| format!("    alb.ingress.kubernetes.io/{name}: \"{value}\"\n"))
        .collect();
    let label = changed
        .contains_key("pod.readiness_gate")
        .then(|| GATE_LABEL.to_owned());
    let own: String = changed
        .iter()
        .filter(|(key, _)| key.starts_with("app."))
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect();
    let parts = [
        ("Deployment", deployment_spec(scenario, &changed)),
        ("Ingress", annotations),
        ("Namespace", label.unwrap_or_default()),
        ("the application", own),
    ];
    parts
        .into_iter()
        .filter(|(_, lines)| !lines.is_empty())
        .collect()
}

/// The changed fields below `spec`.
fn deployment_spec(scenario: &Scenario, changed: &BTreeMap<&str, &str>) -> String {
    let mut text = String::new();
    let value = |key: &str| changed.get(key).copied();
    if let Some(min_ready) = value("deployment.min_ready") {
        let _ = writeln!(text, "  minReadySeconds: {}", seconds(min_ready));
    }
    let (kind, surge, unavailable) = (
        value("deployment.strategy"),
        value("deployment.max_surge"),
        value("deployment.max_unavailable"),
    );
    if kind.or(surge).or(unavailable).is_some() {
        let _ = writeln!(
            text,
            "  strategy:\n    type: {}",
            kind.unwrap_or("RollingUpdate")
        );
        if surge.or(unavailable).is_some() {
            text.push_str("    rollingUpdate:\n");
        }
        let bounds = [("maxSurge", surge), ("maxUnavailable", unavailable)];
        for (name, bound) in bounds
            .into_iter()
            .filter_map(|(name, bound)| Some((name, bound?)))
        {
            let _ = writeln!(text, "      {name}: {bound}");
        }
    }
    let (grace, pre_stop) = (value("pod.termination_grace_period"), value("pod.pre_stop"));
    if grace.or(pre_stop).is_some() {
        text.push_str("  template:\n    spec:\n");
    }
    if let Some(grace) = grace {
        let _ = writeln!(
            text,
            "      terminationGracePeriodSeconds: {}",
            seconds(grace)
        );
    }
    if let Some(pre_stop) = pre_stop {
        let _ = writeln!(
            text,
            "      containers:\n        - name: CONTAINER\n          lifecycle:\n            preStop:\n{}",
            sleep(scenario, &seconds(pre_stop))
        );
    }
    text
}

/// The `sleep` action needs no shell in the image; it is on by default since Kubernetes 1.30 (KEP-3960).
fn sleep(scenario: &Scenario, secs: &str) -> String {
    let version = scenario.value_of("cluster.kubernetes");
    let minor = version
        .as_deref()
        .and_then(|version| version.split('.').nth(1)?.parse::<u32>().ok());
    if minor.is_some_and(|minor| minor < 30) {
        format!("              exec:\n                command: [\"sleep\", \"{secs}\"]")
    } else {
        format!("              sleep:\n                seconds: {secs}")
    }
}

/// `1m30s` as `90`; what is no span as it is.
fn seconds(value: &str) -> String {
    Span::parse(value).map_or_else(
        |_| value.to_owned(),
        |span| (span.as_micros() / 1_000_000).to_string(),
    )
}
