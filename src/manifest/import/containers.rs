//! Further containers of the pod: which of them takes part in serving, and when.

use super::Import;
use crate::manifest::draft::{Notice, Origin, span};
use crate::manifest::source::{At, Place};
use crate::manifest::workload::Container;
use crate::time::Span;

/// Parts of names and images of containers that serve no requests: they collect, ship, refresh or connect outwards.
const BESIDE: [&str; 30] = [
    "exporter",
    "metrics",
    "fluent",
    "filebeat",
    "metricbeat",
    "vector",
    "promtail",
    "loki",
    "alloy",
    "logstash",
    "otel",
    "opentelemetry",
    "collector",
    "telegraf",
    "statsd",
    "datadog",
    "newrelic",
    "dynatrace",
    "cloudwatch",
    "xray",
    "x-ray",
    "jaeger",
    "vault",
    "cloudsql",
    "cloud-sql",
    "pgbouncer",
    "git-sync",
    "reloader",
    "config-sync",
    "secrets",
];

/// Meshes whose proxy takes the connections of a pod: names of their containers, and the marks that ask for them
/// on a pod or its namespace (each mesh's documentation of injection).
const MESHES: [Mesh; 5] = [
    Mesh {
        name: "Istio",
        containers: &["istio-proxy"],
        pod: &["sidecar.istio.io/inject", "istio.io/rev"],
        namespace: &["istio-injection", "istio.io/rev", "istio.io/dataplane-mode"],
    },
    Mesh {
        name: "Linkerd",
        containers: &["linkerd-proxy"],
        pod: &["linkerd.io/inject"],
        namespace: &["linkerd.io/inject"],
    },
    Mesh {
        name: "AWS App Mesh",
        containers: &["aws-appmesh-envoy"],
        pod: &["appmesh.k8s.aws/sidecarInjectorWebhook"],
        namespace: &["appmesh.k8s.aws/sidecarInjectorWebhook"],
    },
    Mesh {
        name: "Consul",
        containers: &["consul-dataplane", "envoy-sidecar"],
        pod: &["consul.hashicorp.com/connect-inject"],
        namespace: &[],
    },
    Mesh {
        name: "Kuma",
        containers: &["kuma-sidecar"],
        pod: &["kuma.io/sidecar-injection"],
        namespace: &["kuma.io/sidecar-injection"],
    },
];

struct Mesh {
    name: &'static str,
    containers: &'static [&'static str],
    pod: &'static [&'static str],
    namespace: &'static [&'static str],
}

/// Values of a mark that ask for no proxy.
const OFF: [&str; 4] = ["false", "disabled", "off", "no"];

impl<'a> Import<'a> {
    /// Containers other than the one that serves.
    pub(super) fn other_containers(&mut self) {
        if let Some(mesh) = self.mesh() {
            self.unmodelled = Some(mesh);
            return;
        }
        let (behind, beside): (Vec<&Container>, Vec<&Container>) =
            self.others().partition(|other| may_serve(other));
        if let [one, .., last] = behind.as_slice() {
            let words = format!(
                "the requests of container `{}` may go on to `{}` and `{}`: more than one further container is not modelled",
                self.container().name.value,
                one.name.value,
                last.name.value
            );
            self.unmodelled = Some(Notice {
                place: one.name.place.clone(),
                words,
            });
        } else if let [one] = behind.as_slice() {
            self.behind(one);
        }
        beside.iter().for_each(|other| self.beside(other));
    }

    fn others(&self) -> impl Iterator<Item = &'a Container> + use<'a> {
        let serving = self.container();
        self.deployment
            .template
            .containers
            .iter()
            .filter(move |other| other.name != serving.name)
    }

    /// A mesh's proxy in front of the application, which no manifest tells the settings of.
    fn mesh(&self) -> Option<Notice> {
        let template = &self.deployment.template;
        let namespace = self.namespace().ok().map(|namespace| &namespace.metadata);
        for mesh in &MESHES {
            let of_pod = |key: &&&str| {
                template
                    .annotations
                    .get(**key)
                    .or_else(|| template.labels.get(**key))
            };
            let marks: Vec<&At<String>> = mesh.pod.iter().filter_map(|key| of_pod(&key)).collect();
            if marks.iter().any(|mark| OFF.contains(&mark.value.as_str())) {
                continue;
            }
            let container = template.containers.iter().find(|container| {
                mesh.containers.iter().any(|known| {
                    container.name.value == *known
                        || container
                            .image
                            .as_ref()
                            .is_some_and(|image| image.contains(known))
                })
            });
            let of_namespace = namespace.and_then(|namespace| {
                let mark = |key: &&str| {
                    namespace
                        .labels
                        .get(*key)
                        .or_else(|| namespace.annotations.get(*key))
                };
                mesh.namespace
                    .iter()
                    .filter_map(mark)
                    .find(|mark| !OFF.contains(&mark.value.as_str()))
            });
            let place: Option<&Place> = container
                .map(|container| &container.name.place)
                .or_else(|| marks.first().map(|mark| &mark.place))
                .or_else(|| of_namespace.map(|mark| &mark.place));
            if let Some(place) = place {
                let words = format!(
                    "{}'s proxy ({}) takes the connections of these pods, and ends when its own settings say: not modelled",
                    mesh.name, mesh.containers[0]
                );
                return Some(Notice {
                    place: place.clone(),
                    words,
                });
            }
        }
        None
    }

    /// What may serve behind the container in front: requests fail as soon as one of the two has ended.
    fn behind(&mut self, other: &Container) {
        let serving = self.container();
        let first = self.ends_first();
        let words = format!(
            "container `{}` may serve behind `{}`; the forecast takes `{}` for both, which ends first",
            other.name.value, serving.name.value, first.name.value
        );
        self.notice(&other.name.place, words);
    }

    /// Of the containers that may serve, the one with the shortest hook.
    pub(super) fn ends_first(&self) -> &'a Container {
        // The first of equals: the one that serves.
        self.may_serve()
            .min_by_key(|container| self.surely_serves(container))
            .unwrap_or_else(|| self.container())
    }

    /// The container that serves, and those that may serve behind it.
    pub(super) fn may_serve(&self) -> impl Iterator<Item = &'a Container> + use<'a> {
        std::iter::once(self.container()).chain(self.others().filter(|other| may_serve(other)))
    }

    /// What serves nothing only keeps the pod's network up as long as it runs.
    fn beside(&mut self, other: &Container) {
        let place = other.name.place.clone();
        let length = self.surely_serves(other);
        if self.values.has("pod.sidecar") {
            if other.readiness.is_some() || other.pre_stop.is_some() {
                let words = format!(
                    "container `{}` has a probe or a hook of its own, which the forecast leaves out: `{}` serves",
                    other.name.value,
                    self.container().name.value
                );
                self.notice(&place, words);
            }
            return;
        }
        self.values
            .push("pod.sidecar", String::new(), Origin::Written(place.clone()));
        if other.is_native {
            self.values.push(
                "pod.sidecar.native",
                "true".to_owned(),
                Origin::Written(place.clone()),
            );
        }
        if length > Span::ZERO {
            let why = format!("container `{}` exits when its hook ends", other.name.value);
            self.values.push(
                "pod.sidecar.shutdown",
                span(length),
                Origin::Concluded(place, why),
            );
        }
    }
}

/// Whether a container may take part in answering requests: it declares a port, and is none of the known helpers.
fn may_serve(container: &Container) -> bool {
    let called = |text: &str| BESIDE.iter().any(|part| text.to_lowercase().contains(part));
    !container.ports.is_empty()
        && !called(&container.name.value)
        && !container.image.as_deref().is_some_and(called)
}
