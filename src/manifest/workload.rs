//! The Deployment, as far as a rollout depends on it, and what else counts pods.

use std::collections::BTreeMap;

use super::draft::Notice;
use super::field::Field;
use super::names::{self, Rule};
use super::network;
use super::source::{At, Place};
use super::variables::Variables;
use super::yaml::Value;
use crate::cluster::deployment::Strategy;
use crate::error::Error;
use crate::setting::Count;

/// `metadata`.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    pub(super) name: At<String>,
    pub(super) namespace: Option<At<String>>,
    pub(super) labels: BTreeMap<String, At<String>>,
    pub(super) annotations: BTreeMap<String, At<String>>,
}

/// `apps/v1 Deployment`.
#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) metadata: Metadata,
    pub(super) place: Place,
    pub(super) replicas: Option<At<u32>>,
    pub(super) strategy: Option<At<Strategy>>,
    pub(super) max_surge: Option<At<Count>>,
    pub(super) max_unavailable: Option<At<Count>>,
    pub(super) min_ready: Option<At<u32>>,
    pub(super) progress_deadline: Option<At<u32>>,
    /// Where the selector does not select the template's pods, which the API refuses.
    pub(super) selector_mismatch: Option<Notice>,
    pub(super) template: Template,
}

/// `spec.template`.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) labels: BTreeMap<String, At<String>>,
    pub(super) annotations: BTreeMap<String, At<String>>,
    pub(super) grace: Option<At<u32>>,
    pub(super) gates: Vec<At<String>>,
    pub(super) containers: Vec<Container>,
    /// Containers that end before the others start.
    pub(super) init: Vec<At<String>>,
}

/// A container that runs as long as the pod: one of `containers`, or a native sidecar.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) name: At<String>,
    pub(super) image: Option<String>,
    /// One of `initContainers`, which goes on beside the others.
    pub(super) is_native: bool,
    pub(super) variables: Variables,
    pub(super) ports: Vec<ContainerPort>,
    pub(super) pre_stop: Option<At<Hook>>,
    /// `lifecycle.stopSignal`
    pub(super) stop_signal: Option<At<String>>,
    pub(super) readiness: Option<Probe>,
    pub(super) startup: Option<Probe>,
    pub(super) liveness: Option<Probe>,
}

/// `ports[]` of a container.
#[derive(Debug)]
pub(super) struct ContainerPort {
    pub(super) name: Option<String>,
    pub(super) number: u32,
}

/// `lifecycle.preStop`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hook {
    /// `sleep.seconds`
    Sleep(u32),
    /// `exec.command`
    Exec(Vec<String>),
    /// `httpGet`, its path.
    HttpGet(String),
    /// `tcpSocket`, which the kubelet cannot run.
    TcpSocket,
}

/// A probe: the fields that were given.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) place: Place,
    /// Where it asks; a command asks nowhere.
    pub(super) port: Option<Port>,
    pub(super) initial_delay: Option<At<u32>>,
    pub(super) period: Option<At<u32>>,
    pub(super) timeout: Option<At<u32>>,
    pub(super) success_threshold: Option<At<u32>>,
    pub(super) failure_threshold: Option<At<u32>>,
    /// `terminationGracePeriodSeconds`
    pub(super) grace: Option<At<u32>>,
}

/// `autoscaling HorizontalPodAutoscaler` of a Deployment.
#[derive(Debug)]
pub(super) struct Autoscaler {
    pub(super) kind: &'static str,
    pub(super) metadata: Metadata,
    /// The Deployment's name; of another kind: nothing.
    pub(super) target: Option<String>,
    pub(super) min: Option<At<u32>>,
    pub(super) max: At<u32>,
}

/// `policy PodDisruptionBudget`.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) metadata: Metadata,
    pub(super) place: Place,
    /// `selector.matchLabels`; with expressions beside them: nothing.
    pub(super) selector: Option<BTreeMap<String, String>>,
}

impl Metadata {
    pub(super) fn read(object: &Field<'_>) -> Result<Metadata, Error> {
        let metadata = object.need("metadata")?;
        let kind = object
            .get("kind")?
            .map(|kind| kind.text())
            .transpose()?
            .map(|kind| kind.value);
        let namespace = metadata
            .get("namespace")?
            .filter(|field| !matches!(field.value(), Value::Text(text) if text.is_empty()));
        Ok(Metadata {
            name: names::name(
                &metadata.need("name")?,
                Rule::of_kind(kind.as_deref().unwrap_or_default()),
            )?,
            namespace: namespace
                .map(|field| names::name(&field, Rule::Label))
                .transpose()?,
            labels: metadata
                .get("labels")?
                .map_or(Ok(BTreeMap::new()), |field| names::labels(&field))?,
            annotations: metadata
                .get("annotations")?
                .map_or(Ok(BTreeMap::new()), |field| names::annotations(&field))?,
        })
    }

    /// `shop/web`, or `web` where no namespace is given.
    pub(super) fn called(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{}/{}", namespace.value, self.name.value),
            None => self.name.value.clone(),
        }
    }

    /// The namespace's name; empty where none is given.
    pub(super) fn namespace(&self) -> &str {
        self.namespace
            .as_ref()
            .map_or("", |namespace| &namespace.value)
    }
}

impl Deployment {
    pub(super) fn read(object: &Field<'_>) -> Result<Deployment, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let strategy = spec.get("strategy")?;
        let rolling = strategy
            .as_ref()
            .map(|field| field.get("rollingUpdate"))
            .transpose()?
            .flatten();
        let count = |key| match &rolling {
            Some(rolling) => rolling.get(key)?.map(|field| field.count()).transpose(),
            None => Ok(None),
        };
        let mut deployment = Deployment {
            selector_mismatch: None,
            place: object.place(),
            replicas: whole(&spec, "replicas", 0)?,
            strategy: strategy
                .map(|field| kind_of_strategy(&field))
                .transpose()?
                .flatten(),
            max_surge: count("maxSurge")?,
            max_unavailable: count("maxUnavailable")?,
            min_ready: whole(&spec, "minReadySeconds", 0)?,
            progress_deadline: whole(&spec, "progressDeadlineSeconds", 0)?,
            template: Template::read(&spec.need("template")?)?,
            metadata,
        };
        if let (Some(Strategy::Recreate), Some(rolling)) =
            (deployment.strategy.as_ref().map(|at| at.value), rolling)
        {
            return Err(rolling
                .error("`spec.strategy.rollingUpdate` beside `type: Recreate`")
                .hint("Kubernetes refuses this: leave one of them out"));
        }
        deployment.selector_mismatch = deployment.mismatch(&spec)?;
        Ok(deployment)
    }

    /// A selector that does not select the template's pods is refused by the API.
    fn mismatch(&self, spec: &Field<'_>) -> Result<Option<Notice>, Error> {
        let labels = spec
            .need("selector")?
            .get("matchLabels")?
            .map(|field| names::labels(&field))
            .transpose()?;
        let labels = labels.unwrap_or_default();
        let is_missing = |(key, label): &(&String, &At<String>)| {
            self.template.labels.get(*key).map(|label| &label.value) != Some(&label.value)
        };
        Ok(labels.iter().find(is_missing).map(|(key, label)| Notice {
            place: label.place.clone(),
            words: format!(
                "the selector wants `{key}: {}`, which the template's labels ({}) do not have: Kubernetes refuses the \
                 Deployment",
                label.value,
                self.template.labels.values().next().map_or(&self.place, |label| &label.place)
            ),
        }))
    }
}

fn kind_of_strategy(field: &Field<'_>) -> Result<Option<At<Strategy>>, Error> {
    let Some(kind) = field.get("type")? else {
        return Ok(None);
    };
    let text = kind.text()?;
    match text.value.as_str() {
        "RollingUpdate" => Ok(Some(text.map(|_| Strategy::RollingUpdate))),
        "Recreate" => Ok(Some(text.map(|_| Strategy::Recreate))),
        other => Err(kind
            .error(format!("`{other}` is no strategy"))
            .hint("RollingUpdate or Recreate")),
    }
}

fn whole(field: &Field<'_>, key: &str, least: u32) -> Result<Option<At<u32>>, Error> {
    field.get(key)?.map(|field| field.whole(least)).transpose()
}

impl Template {
    fn read(field: &Field<'_>) -> Result<Template, Error> {
        let metadata = field.get("metadata")?;
        let member = |key| {
            metadata
                .as_ref()
                .map(|metadata| metadata.get(key))
                .transpose()
                .map(Option::flatten)
        };
        let labels = member("labels")?
            .map(|labels| names::labels(&labels))
            .transpose()?
            .unwrap_or_default();
        let annotations = member("annotations")?
            .map(|field| names::annotations(&field))
            .transpose()?
            .unwrap_or_default();
        let spec = field.need("spec")?;
        let gates = spec
            .list("readinessGates")?
            .into_iter()
            .map(|gate| gate.need("conditionType")?.text());
        let mut containers = Vec::new();
        for container in spec.need("containers")?.items()? {
            containers.push(Container::read(&container)?);
        }
        if containers.is_empty() {
            return Err(spec
                .need("containers")?
                .error("a pod without containers")
                .hint("Kubernetes refuses this"));
        }
        let mut init = Vec::new();
        for container in spec.list("initContainers")? {
            let policy = container
                .get("restartPolicy")?
                .map(|policy| policy.text())
                .transpose()?;
            if policy.is_some_and(|policy| policy.value == "Always") {
                containers.push(Container {
                    is_native: true,
                    ..Container::read(&container)?
                });
            } else {
                init.push(names::name(&container.need("name")?, Rule::Label)?);
            }
        }
        Ok(Template {
            labels,
            annotations,
            init,
            grace: whole(&spec, "terminationGracePeriodSeconds", 0)?,
            gates: gates.collect::<Result<_, _>>()?,
            containers,
        })
    }

    /// The container behind a port: the one that declares it; else one that is asked there; else the first.
    pub(super) fn serving(&self, port: Option<&Port>) -> &Container {
        let declares = |container: &&Container| port.is_some_and(|port| container.declares(port));
        let is_probed = |container: &&Container| match port {
            Some(Port::Number(number)) => container.is_probed_at(*number),
            _ => false,
        };
        let all = || self.containers.iter();
        all()
            .find(declares)
            .or_else(|| all().find(is_probed))
            .unwrap_or(&self.containers[0])
    }
}

/// A port of a pod: `targetPort`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    Name(String),
    Number(u32),
}

impl Container {
    /// Whether one of its ports has this name or number.
    pub(super) fn declares(&self, port: &Port) -> bool {
        self.ports.iter().any(|declared| match port {
            Port::Name(name) => declared.name.as_ref() == Some(name),
            Port::Number(number) => declared.number == *number,
        })
    }

    fn read(field: &Field<'_>) -> Result<Container, Error> {
        let probe = |key| field.get(key)?.map(|probe| Probe::read(&probe)).transpose();
        let mut ports = Vec::new();
        for port in field.list("ports")? {
            ports.push(ContainerPort {
                name: port
                    .get("name")?
                    .map(|name| name.text())
                    .transpose()?
                    .map(|name| name.value),
                number: port.need("containerPort")?.whole(1)?.value,
            });
        }
        let lifecycle = field.get("lifecycle")?;
        let of_lifecycle = |key| {
            lifecycle
                .as_ref()
                .map(|lifecycle| lifecycle.get(key))
                .transpose()
        };
        let (pre_stop, stop_signal) = (
            of_lifecycle("preStop")?.flatten(),
            of_lifecycle("stopSignal")?.flatten(),
        );
        Ok(Container {
            stop_signal: stop_signal.map(|signal| signal.text()).transpose()?,
            name: names::name(&field.need("name")?, Rule::Label)?,
            image: field
                .get("image")?
                .map(|image| image.text())
                .transpose()?
                .map(|image| image.value),
            is_native: false,
            variables: Variables::read(field)?,
            ports,
            pre_stop: pre_stop.map(|hook| Hook::read(&hook)).transpose()?,
            readiness: probe("readinessProbe")?,
            startup: probe("startupProbe")?,
            liveness: probe("livenessProbe")?,
        })
    }
}

impl Container {
    /// Whether one of its probes asks at this port.
    pub(super) fn is_probed_at(&self, number: u32) -> bool {
        let probes = [&self.readiness, &self.startup, &self.liveness];
        probes
            .into_iter()
            .flatten()
            .any(|probe| probe.port == Some(Port::Number(number)))
    }
}

impl Hook {
    fn read(field: &Field<'_>) -> Result<At<Hook>, Error> {
        let forms = [
            field.get("sleep")?,
            field.get("exec")?,
            field.get("httpGet")?,
            field.get("tcpSocket")?,
        ];
        if forms.iter().flatten().count() > 1 {
            return Err(field
                .error("a preStop hook of several kinds")
                .hint("Kubernetes refuses this: one of them"));
        }
        let [sleep, exec, http_get, tcp_socket] = forms;
        let (hook, place) = if let Some(sleep) = sleep {
            let seconds = sleep.need("seconds")?.whole(0)?;
            (Hook::Sleep(seconds.value), seconds.place)
        } else if let Some(exec) = exec {
            let mut words = Vec::new();
            for word in exec.list("command")? {
                words.push(word.text()?.value);
            }
            (
                Hook::Exec(words),
                exec.get("command")?.unwrap_or(exec).place(),
            )
        } else if let Some(http_get) = http_get {
            let path = http_get.get("path")?.map(|path| path.text()).transpose()?;
            (
                Hook::HttpGet(path.map_or_else(|| "/".to_owned(), |path| path.value)),
                http_get.place(),
            )
        } else if let Some(tcp_socket) = tcp_socket {
            (Hook::TcpSocket, tcp_socket.place())
        } else {
            return Err(field
                .error("a preStop hook of no kind that Kubernetes knows")
                .hint("sleep: {seconds: 10}, exec: {command: […]}, or httpGet: {…}"));
        };
        Ok(At { value: hook, place })
    }
}

impl Probe {
    fn read(field: &Field<'_>) -> Result<Probe, Error> {
        let mut at = None;
        for kind in ["httpGet", "tcpSocket", "grpc"] {
            if let Some(handler) = field.get(kind)? {
                at = handler
                    .get("port")?
                    .map(|field| network::port(&field, 0))
                    .transpose()?;
            }
        }
        Ok(Probe {
            place: field.place(),
            port: at.map(|at| at.value),
            initial_delay: whole(field, "initialDelaySeconds", 0)?,
            period: whole(field, "periodSeconds", 0)?,
            timeout: whole(field, "timeoutSeconds", 0)?,
            success_threshold: whole(field, "successThreshold", 0)?,
            failure_threshold: whole(field, "failureThreshold", 0)?,
            grace: whole(field, "terminationGracePeriodSeconds", 0)?,
        })
    }
}

impl Autoscaler {
    pub(super) fn read(object: &Field<'_>) -> Result<Autoscaler, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let target = spec.need("scaleTargetRef")?;
        let (kind, name) = (
            target.need("kind")?.text()?.value,
            target.need("name")?.text()?.value,
        );
        let target = (kind == "Deployment").then_some(name);
        Ok(Autoscaler {
            kind: "HorizontalPodAutoscaler",
            metadata,
            target,
            min: whole(&spec, "minReplicas", 0)?,
            max: spec.need("maxReplicas")?.whole(1)?,
        })
    }
}

impl Autoscaler {
    /// KEDA's ScaledObject, of which it makes a HorizontalPodAutoscaler (keda.sh, ScaledObject specification).
    /// While there is work it keeps one pod at least; `paused-replicas` holds the number where it is.
    pub(super) fn read_scaled(object: &Field<'_>) -> Result<Autoscaler, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let target = spec.need("scaleTargetRef")?;
        let kind = target.get("kind")?.map(|kind| kind.text()).transpose()?;
        let name = target.need("name")?.text()?;
        let is_deployment = kind.is_none_or(|kind| kind.value == "Deployment");
        let paused = metadata
            .annotations
            .get("autoscaling.keda.sh/paused-replicas");
        let paused = paused.and_then(|text| {
            Some(At {
                value: text.value.trim().parse().ok()?,
                place: text.place.clone(),
            })
        });
        let at_least_one = |at: At<u32>| at.map(|pods| pods.max(1));
        let place = &name.place;
        let min = whole(&spec, "minReplicaCount", 0)?.map(at_least_one);
        let max = whole(&spec, "maxReplicaCount", 1)?;
        Ok(Autoscaler {
            kind: "ScaledObject",
            min: Some(paused.clone().or(min).unwrap_or_else(|| At {
                value: 1,
                place: place.clone(),
            })),
            max: paused.or(max).unwrap_or_else(|| At {
                value: MOST_SCALED,
                place: place.clone(),
            }),
            target: is_deployment.then_some(name.value),
            metadata,
        })
    }
}

/// `maxReplicaCount`, unless given (keda.sh, ScaledObject specification).
const MOST_SCALED: u32 = 100;

impl Budget {
    pub(super) fn read(object: &Field<'_>) -> Result<Budget, Error> {
        let metadata = Metadata::read(object)?;
        let selector = match object.get("spec")? {
            Some(spec) => spec.get("selector")?,
            None => None,
        };
        let selector = match selector {
            Some(selector) if selector.list("matchExpressions")?.is_empty() => {
                let labels = selector
                    .get("matchLabels")?
                    .map(|labels| names::labels(&labels))
                    .transpose()?;
                labels.map(|labels| {
                    labels
                        .into_iter()
                        .map(|(key, label)| (key, label.value))
                        .collect()
                })
            }
            _ => None,
        };
        Ok(Budget {
            metadata,
            place: object.place(),
            selector,
        })
    }
}
