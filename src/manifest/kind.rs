//! Which objects are read, in which versions of their API.

use super::field::Field;
use super::yaml::Value;
use crate::error::Error;

/// The kinds that matter to a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Deployment,
    Service,
    Namespace,
    Ingress,
    IngressClass,
    IngressClassParams,
    TargetGroupBinding,
    TargetGroupConfiguration,
    GatewayClass,
    Gateway,
    HttpRoute,
    GrpcRoute,
    TlsRoute,
    TcpRoute,
    UdpRoute,
    LoadBalancerConfiguration,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Pod,
    Rollout,
    DeploymentConfig,
    Canary,
    Job,
    CronJob,
    HorizontalPodAutoscaler,
    ScaledObject,
    PodDisruptionBudget,
}

/// A kind, the groups that serve it, and the versions that are read.
struct Row {
    kind: Kind,
    name: &'static str,
    groups: &'static [&'static str],
    versions: &'static [&'static str],
}

const fn row(
    kind: Kind,
    name: &'static str,
    groups: &'static [&'static str],
    versions: &'static [&'static str],
) -> Row {
    Row {
        kind,
        name,
        groups,
        versions,
    }
}

const LBC: &[&str] = &["elbv2.k8s.aws", "eks.amazonaws.com"];

const GATEWAY: &[&str] = &["gateway.networking.k8s.io"];

const KINDS: &[Row] = &[
    row(Kind::Deployment, "Deployment", &["apps"], &["v1"]),
    row(Kind::Service, "Service", &[""], &["v1"]),
    row(Kind::Namespace, "Namespace", &[""], &["v1"]),
    row(Kind::Ingress, "Ingress", &["networking.k8s.io"], &["v1"]),
    row(
        Kind::IngressClass,
        "IngressClass",
        &["networking.k8s.io"],
        &["v1"],
    ),
    row(
        Kind::IngressClassParams,
        "IngressClassParams",
        LBC,
        &["v1beta1", "v1"],
    ),
    row(
        Kind::TargetGroupBinding,
        "TargetGroupBinding",
        LBC,
        &["v1beta1", "v1"],
    ),
    row(
        Kind::TargetGroupConfiguration,
        "TargetGroupConfiguration",
        &["gateway.k8s.aws"],
        &["v1beta1", "v1"],
    ),
    row(
        Kind::LoadBalancerConfiguration,
        "LoadBalancerConfiguration",
        &["gateway.k8s.aws"],
        &["v1beta1", "v1"],
    ),
    row(
        Kind::GatewayClass,
        "GatewayClass",
        GATEWAY,
        &["v1", "v1beta1", "v1alpha2"],
    ),
    row(
        Kind::Gateway,
        "Gateway",
        GATEWAY,
        &["v1", "v1beta1", "v1alpha2"],
    ),
    row(Kind::HttpRoute, "HTTPRoute", GATEWAY, &["v1", "v1beta1"]),
    row(Kind::GrpcRoute, "GRPCRoute", GATEWAY, &["v1", "v1alpha2"]),
    row(
        Kind::TlsRoute,
        "TLSRoute",
        GATEWAY,
        &["v1", "v1alpha3", "v1alpha2"],
    ),
    row(Kind::TcpRoute, "TCPRoute", GATEWAY, &["v1", "v1alpha2"]),
    row(Kind::UdpRoute, "UDPRoute", GATEWAY, &["v1", "v1alpha2"]),
    row(Kind::StatefulSet, "StatefulSet", &["apps"], &["v1"]),
    row(Kind::DaemonSet, "DaemonSet", &["apps"], &["v1"]),
    row(Kind::ReplicaSet, "ReplicaSet", &["apps"], &["v1"]),
    row(
        Kind::ReplicationController,
        "ReplicationController",
        &[""],
        &["v1"],
    ),
    row(Kind::Pod, "Pod", &[""], &["v1"]),
    row(Kind::Rollout, "Rollout", &["argoproj.io"], &["v1alpha1"]),
    row(
        Kind::DeploymentConfig,
        "DeploymentConfig",
        &["apps.openshift.io"],
        &["v1"],
    ),
    row(Kind::Canary, "Canary", &["flagger.app"], &["v1beta1"]),
    row(Kind::Job, "Job", &["batch"], &["v1"]),
    row(Kind::CronJob, "CronJob", &["batch"], &["v1"]),
    row(
        Kind::HorizontalPodAutoscaler,
        "HorizontalPodAutoscaler",
        &["autoscaling"],
        &["v1", "v2"],
    ),
    row(
        Kind::ScaledObject,
        "ScaledObject",
        &["keda.sh"],
        &["v1alpha1"],
    ),
    row(
        Kind::PodDisruptionBudget,
        "PodDisruptionBudget",
        &["policy"],
        &["v1"],
    ),
];

/// Versions that Kubernetes no longer serves, and since when: the deprecated API migration guide.
const REMOVED: &[(&str, &str, &str)] = &[
    ("Deployment", "extensions/v1beta1", "1.16"),
    ("Deployment", "apps/v1beta1", "1.16"),
    ("Deployment", "apps/v1beta2", "1.16"),
    ("Ingress", "extensions/v1beta1", "1.22"),
    ("Ingress", "networking.k8s.io/v1beta1", "1.22"),
    ("IngressClass", "networking.k8s.io/v1beta1", "1.22"),
    ("HorizontalPodAutoscaler", "autoscaling/v2beta1", "1.25"),
    ("HorizontalPodAutoscaler", "autoscaling/v2beta2", "1.26"),
    ("PodDisruptionBudget", "policy/v1beta1", "1.25"),
];

/// What an object is.
pub(super) enum Identity {
    /// It is read.
    Known(Kind),
    /// It holds others.
    List,
    /// It is none of a rollout's business. Its kind.
    Other(String),
}

impl Kind {
    /// As manifests write it.
    pub(super) fn name(self) -> &'static str {
        KINDS
            .iter()
            .find(|row| row.kind == self)
            .map_or("", |row| row.name)
    }
}

/// Says what an object is.
pub(super) fn identify(object: &Field<'_>) -> Result<Identity, Error> {
    if !matches!(object.value(), Value::Map(_)) {
        return Err(no_object(object));
    }
    let (Some(kind), Some(version)) = (object.get("kind")?, object.get("apiVersion")?) else {
        return Err(no_object(object));
    };
    let (kind, version_text) = (kind.text()?.value, version.text()?.value);
    if kind == "List" && version_text == "v1" {
        return Ok(Identity::List);
    }
    let (group, number) = version_text.split_once('/').unwrap_or(("", &version_text));
    if let Some(removed) = REMOVED
        .iter()
        .find(|removed| (removed.0, removed.1) == (&kind, &version_text))
    {
        let current = current(&kind);
        return Err(version
            .error(format!(
                "{version_text} {kind} was removed in Kubernetes {}",
                removed.2
            ))
            .hint(format!(
                "write `apiVersion: {current}`, and what that version spells otherwise"
            )));
    }
    let listed = kind
        .strip_suffix("List")
        .filter(|item| KINDS.iter().any(|row| row.name == *item));
    let Some(row) = KINDS.iter().find(|row| row.name == listed.unwrap_or(&kind)) else {
        return Ok(Identity::Other(kind));
    };
    if row.groups.contains(&group) && row.versions.contains(&number) {
        return Ok(if listed.is_some() {
            Identity::List
        } else {
            Identity::Known(row.kind)
        });
    }
    // A group with a dot that is none of these is somebody's custom resource of the same name.
    if group.contains('.') && !row.groups.contains(&group) {
        return Ok(Identity::Other(kind));
    }
    Err(version
        .error(format!("no {kind} has apiVersion `{version_text}`"))
        .hint(format!("write `{}`", current(row.name))))
}

/// `apps/v1` of `Deployment`.
pub(super) fn current(kind: &str) -> String {
    let row = KINDS
        .iter()
        .find(|row| row.name == kind)
        .map(|row| (row.groups[0], row.versions[0]));
    match row {
        Some(("", version)) => version.to_owned(),
        Some((group, version)) => format!("{group}/{version}"),
        None => String::new(),
    }
}

/// Mappings that are none, by a key that they have, and what to do about them.
const OTHER_MAPPINGS: [(&str, &str); 5] = [
    (
        "replicaCount",
        "this looks like a chart's values: render the chart, `helm template CHART | rollcast import -`",
    ),
    (
        "appVersion",
        "this looks like a Chart.yaml: render the chart, `helm template CHART | rollcast import -`",
    ),
    (
        "resources",
        "this looks like a kustomization: render it, `kubectl kustomize FOLDER | rollcast import -`",
    ),
    (
        "services",
        "this looks like a Compose file; rollcast reads Kubernetes manifests",
    ),
    (
        "pre_stop",
        "this looks like a scenario in YAML; scenarios are TOML",
    ),
];

fn no_object(object: &Field<'_>) -> Error {
    let Value::Map(map) = object.value() else {
        let error = object.error(format!(
            "no Kubernetes object: the document is {}",
            object.value().name()
        ));
        return match object.remedy() {
            Some(remedy) => error.hint(remedy),
            None => error,
        };
    };
    let has = |key: &str| {
        map.get(key)
            .is_some_and(|node| !matches!(node.value, Value::Null))
    };
    let missing = match (has("kind"), has("apiVersion")) {
        (true, _) => "there is no `apiVersion`",
        (_, true) => "there is no `kind`",
        _ => "there are neither `apiVersion` nor `kind`",
    };
    let error = object.error(format!("no Kubernetes object: {missing}"));
    let other = OTHER_MAPPINGS
        .iter()
        .find(|(key, _)| has(key))
        .map(|(_, hint)| *hint);
    match object.remedy().or(other) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
