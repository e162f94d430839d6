//! A fix as strategic merge patches of the manifests.

use super::fix::Edit;
use crate::escape::yaml;
use crate::manifest::Names;
use crate::time::Span;

/// Patches of the objects that the edits concern; nothing where no manifest can say it.
pub(super) fn render(names: &Names, edits: &[Edit]) -> Option<String> {
    let documents: Vec<String> = [
        deployment(names, edits),
        service(names, edits),
        ingress(names, edits),
        namespace(names, edits),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!documents.is_empty()).then(|| documents.join("---\n"))
}

fn value<'a>(edits: &'a [Edit], key: &str) -> Option<&'a str> {
    edits
        .iter()
        .find(|edit| edit.key == key)
        .map(|edit| edit.value.as_str())
}

/// Whole seconds, as manifests count.
fn seconds(edits: &[Edit], key: &str) -> Option<u64> {
    value(edits, key)
        .and_then(|value| Span::parse(value).ok())
        .map(|span| span.as_micros() / 1_000_000)
}

fn head(version: &str, kind: &str, name: &str, namespace: Option<&String>) -> String {
    let namespace = namespace
        .map(|namespace| format!("  namespace: {}\n", yaml(namespace)))
        .unwrap_or_default();
    format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {}\n{namespace}",
        yaml(name)
    )
}

fn deployment(names: &Names, edits: &[Edit]) -> Option<String> {
    let mut spec = String::new();
    if let Some(ready) = seconds(edits, "deployment.min_ready") {
        spec.push_str(&format!("  minReadySeconds: {ready}\n"));
    }
    if value(edits, "deployment.strategy") == Some("RollingUpdate") {
        spec.push_str("  strategy:\n    type: RollingUpdate\n");
    } else if let Some(unavailable) = value(edits, "deployment.max_unavailable") {
        let surge =
            value(edits, "deployment.max_surge").map(|surge| format!("      maxSurge: {surge}\n"));
        let surge = surge.unwrap_or_default();
        spec.push_str(&format!(
            "  strategy:\n    rollingUpdate:\n{surge}      maxUnavailable: {unavailable}\n"
        ));
    }
    let mut pod = String::new();
    if let Some(grace) = seconds(edits, "pod.termination_grace_period") {
        pod.push_str(&format!("      terminationGracePeriodSeconds: {grace}\n"));
    }
    if let Some(sleep) = seconds(edits, "pod.pre_stop") {
        pod.push_str("      containers:\n");
        for container in &names.containers {
            pod.push_str(&format!(
                "        - name: {}\n          lifecycle:\n            preStop:\n              \
                 $patch: replace\n              sleep:\n                seconds: {sleep}\n",
                yaml(container)
            ));
        }
    }
    if !pod.is_empty() {
        spec.push_str(&format!("  template:\n    spec:\n{pod}"));
    }
    let head = || {
        head(
            "apps/v1",
            "Deployment",
            &names.deployment,
            names.namespace.as_ref(),
        )
    };
    (!spec.is_empty()).then(|| format!("{}spec:\n{spec}", head()))
}

fn service(names: &Names, edits: &[Edit]) -> Option<String> {
    let name = names.service.as_ref()?;
    let mut patch = head("v1", "Service", name, names.namespace.as_ref());
    let bare = patch.len();
    if let (Some(delay), Some(present)) = (
        seconds(edits, "target_group.deregistration_delay"),
        &names.target_group_attributes,
    ) {
        // The Service's annotation takes the place of the Ingress' as a whole.
        let all = with_attribute(present, "deregistration_delay.timeout_seconds", delay);
        patch.push_str(&format!(
            "  annotations:\n    alb.ingress.kubernetes.io/target-group-attributes: {all}\n"
        ));
    }
    if value(edits, "service.publish_not_ready_addresses") == Some("false") {
        patch.push_str("spec:\n  publishNotReadyAddresses: false\n");
    }
    (patch.len() > bare).then_some(patch)
}

fn ingress(names: &Names, edits: &[Edit]) -> Option<String> {
    let idle = seconds(edits, "load_balancer.idle_timeout")?;
    let head = head(
        "networking.k8s.io/v1",
        "Ingress",
        names.ingress.as_ref()?,
        names.namespace.as_ref(),
    );
    let all = with_attribute(
        &names.load_balancer_attributes,
        "idle_timeout.timeout_seconds",
        idle,
    );
    Some(format!(
        "{head}  annotations:\n    alb.ingress.kubernetes.io/load-balancer-attributes: {all}\n"
    ))
}

/// One text holds all attributes: those that are there, and this one.
fn with_attribute(present: &str, key: &str, value: u64) -> String {
    let others = present.split(',').map(str::trim).filter(|pair| {
        !pair.is_empty()
            && pair
                .split_once('=')
                .is_none_or(|(known, _)| known.trim() != key)
    });
    let all: Vec<String> = others
        .map(str::to_owned)
        .chain([format!("{key}={value}")])
        .collect();
    in_yaml(&all.join(","))
}

/// Attributes as people write them: `a=1,b=2` needs no quotes.
fn in_yaml(attributes: &str) -> String {
    let plain = |letter: char| {
        letter.is_ascii_alphanumeric() || "=,".contains(letter) || "._-/".contains(letter)
    };
    let starts_as_text = attributes.starts_with(|letter: char| letter.is_ascii_alphabetic());
    if starts_as_text && attributes.chars().all(plain) {
        attributes.to_owned()
    } else {
        yaml(attributes)
    }
}

fn namespace(names: &Names, edits: &[Edit]) -> Option<String> {
    value(edits, "pod.readiness_gate").filter(|gate| *gate == "true")?;
    let head = head(
        "v1",
        "Namespace",
        names.namespace.as_deref().unwrap_or("NAMESPACE"),
        None,
    );
    Some(format!(
        "{head}  labels:\n    {}: enabled\n",
        names.gate_label
    ))
}
