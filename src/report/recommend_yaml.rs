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
    elbv2.k8s.aws/pod-readiness-gate-inject: enabled
";

/// Patches of the Deployment, the Ingress and the namespace, as far as they change; what no manifest can
/// change is a comment.
pub fn yaml(scenario: &Scenario, found: &Recommendation) -> String {
    let changed: BTreeMap<&str, &str> = found
        .changes
        .iter()
        .map(|change| (change.key.as_str(), change.to.as_str()))
        .collect();
    let secs = |key: &str| changed.get(key).map(|value| seconds(value));
    let mut documents = Vec::new();
    let spec = deployment_spec(scenario, &changed);
    documents.extend((!spec.is_empty()).then(|| format!("{DEPLOYMENT}{spec}")));
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
    let annotations = annotations
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let lines: String = annotations
        .map(|(name, value)| format!("    alb.ingress.kubernetes.io/{name}: \"{value}\"\n"))
        .collect();
    documents.extend((!lines.is_empty()).then(|| format!("{INGRESS}{lines}")));
    documents.extend(
        changed
            .contains_key("pod.readiness_gate")
            .then(|| NAMESPACE.to_owned()),
    );
    let own: String = changed
        .iter()
        .filter(|(key, _)| key.starts_with("app."))
        .map(|(key, value)| format!("#   {key} = {value}\n"))
        .collect();
    documents.extend(
        (!own.is_empty())
            .then(|| format!("# In the application itself, not in a manifest:\n{own}")),
    );
    if documents.is_empty() {
        "# Nothing to change.\n".to_owned()
    } else {
        documents.join("---\n")
    }
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
