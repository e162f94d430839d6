//! The Deployment, as far as a rollout depends on it, and what else counts pods.

use std::collections::BTreeMap;

use super::field::Field;
use super::names::{self, Rule};
use super::source::{At, Place};
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
    pub(super) template: Template,
}

/// `spec.template`.
#[derive(Debug)]
pub(super) struct Template {
    pub(super) labels: BTreeMap<String, At<String>>,
    pub(super) grace: Option<At<u32>>,
    pub(super) gates: Vec<At<String>>,
    pub(super) containers: Vec<Container>,
}

/// A container that runs as long as the pod: one of `containers`, or a native sidecar.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) name: At<String>,
    pub(super) ports: Vec<ContainerPort>,
    pub(super) pre_stop: Option<At<Hook>>,
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
    pub(super) initial_delay: Option<At<u32>>,
    pub(super) period: Option<At<u32>>,
    pub(super) timeout: Option<At<u32>>,
    pub(super) success_threshold: Option<At<u32>>,
    pub(super) failure_threshold: Option<At<u32>>,
}

/// `autoscaling HorizontalPodAutoscaler` of a Deployment.
#[derive(Debug)]
pub(super) struct Autoscaler {
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
        let kind = object.get("kind")?.map(|kind| kind.text()).transpose()?.map(|kind| kind.value);
        let namespace =
            metadata.get("namespace")?.filter(|field| !matches!(field.value(), Value::Text(text) if text.is_empty()));
        Ok(Metadata {
            name: names::name(&metadata.need("name")?, Rule::of_kind(kind.as_deref().unwrap_or_default()))?,
            namespace: namespace.map(|field| names::name(&field, Rule::Label)).transpose()?,
            labels: metadata.get("labels")?.map_or(Ok(BTreeMap::new()), |field| names::labels(&field))?,
            annotations: metadata
                .get("annotations")?
                .map_or(Ok(BTreeMap::new()), |field| names::annotations(&field))?,
        })
    }

    /// The namespace's name; empty where none is given.
    pub(super) fn namespace(&self) -> &str {
        self.namespace.as_ref().map_or("", |namespace| &namespace.value)
    }
}

impl Deployment {
    pub(super) fn read(object: &Field<'_>) -> Result<Deployment, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let strategy = spec.get("strategy")?;
        let rolling = strategy.as_ref().map(|field| field.get("rollingUpdate")).transpose()?.flatten();
        let count = |key| match &rolling {
            Some(rolling) => rolling.get(key)?.map(|field| field.count()).transpose(),
            None => Ok(None),
        };
        let deployment = Deployment {
            place: object.place(),
            replicas: whole(&spec, "replicas", 0)?,
            strategy: strategy.map(|field| kind_of_strategy(&field)).transpose()?.flatten(),
            max_surge: count("maxSurge")?,
            max_unavailable: count("maxUnavailable")?,
            min_ready: whole(&spec, "minReadySeconds", 0)?,
            progress_deadline: whole(&spec, "progressDeadlineSeconds", 0)?,
            template: Template::read(&spec.need("template")?)?,
            metadata,
        };
        if let (Some(Strategy::Recreate), Some(rolling)) = (deployment.strategy.as_ref().map(|at| at.value), rolling) {
            return Err(rolling
                .error("`spec.strategy.rollingUpdate` beside `type: Recreate`")
                .hint("Kubernetes refuses this: leave one of them out"));
        }
        deployment.selects_its_pods(&spec)?;
        Ok(deployment)
    }

    /// A selector that does not select the template's pods is refused by the API.
    fn selects_its_pods(&self, spec: &Field<'_>) -> Result<(), Error> {
        let labels = spec.need("selector")?.get("matchLabels")?.map(|field| names::labels(&field)).transpose()?;
        for (key, label) in labels.unwrap_or_default() {
            if self.template.labels.get(&key).map(|label| &label.value) != Some(&label.value) {
                return Err(label
                    .place
                    .error(format!("the selector wants `{key}: {}`, which the template does not have", label.value))
                    .hint("Kubernetes refuses this: `spec.template.metadata.labels` must match `spec.selector`"));
            }
        }
        Ok(())
    }
}

fn kind_of_strategy(field: &Field<'_>) -> Result<Option<At<Strategy>>, Error> {
    let Some(kind) = field.get("type")? else { return Ok(None) };
    let text = kind.text()?;
    match text.value.as_str() {
        "RollingUpdate" => Ok(Some(text.map(|_| Strategy::RollingUpdate))),
        "Recreate" => Ok(Some(text.map(|_| Strategy::Recreate))),
        other => Err(kind.error(format!("`{other}` is no strategy")).hint("RollingUpdate or Recreate")),
    }
}

fn whole(field: &Field<'_>, key: &str, least: u32) -> Result<Option<At<u32>>, Error> {
    field.get(key)?.map(|field| field.whole(least)).transpose()
}

impl Template {
    fn read(field: &Field<'_>) -> Result<Template, Error> {
        let labels = match field.get("metadata")? {
            Some(metadata) => {
                metadata.get("labels")?.map(|labels| names::labels(&labels)).transpose()?.unwrap_or_default()
            }
            None => BTreeMap::new(),
        };
        let spec = field.need("spec")?;
        let gates = spec.list("readinessGates")?.into_iter().map(|gate| gate.need("conditionType")?.text());
        let mut containers = Vec::new();
        for container in spec.need("containers")?.items()? {
            containers.push(Container::read(&container)?);
        }
        if containers.is_empty() {
            return Err(spec.need("containers")?.error("a pod without containers").hint("Kubernetes refuses this"));
        }
        for container in spec.list("initContainers")? {
            let policy = container.get("restartPolicy")?.map(|policy| policy.text()).transpose()?;
            if policy.is_some_and(|policy| policy.value == "Always") {
                containers.push(Container::read(&container)?);
            }
        }
        Ok(Template {
            labels,
            grace: whole(&spec, "terminationGracePeriodSeconds", 0)?,
            gates: gates.collect::<Result<_, _>>()?,
            containers,
        })
    }

    /// The container behind a Service's port: the one that declares it, or else the first.
    pub(super) fn serving(&self, port: Option<&Port>) -> &Container {
        let declares = |container: &&Container| {
            container.ports.iter().any(|declared| match port {
                Some(Port::Name(name)) => declared.name.as_ref() == Some(name),
                Some(Port::Number(number)) => declared.number == *number,
                None => false,
            })
        };
        self.containers.iter().find(declares).unwrap_or(&self.containers[0])
    }
}

/// A port of a pod: `targetPort`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    Name(String),
    Number(u32),
}

impl Container {
    fn read(field: &Field<'_>) -> Result<Container, Error> {
        let probe = |key| field.get(key)?.map(|probe| Probe::read(&probe)).transpose();
        let mut ports = Vec::new();
        for port in field.list("ports")? {
            ports.push(ContainerPort {
                name: port.get("name")?.map(|name| name.text()).transpose()?.map(|name| name.value),
                number: port.need("containerPort")?.whole(1)?.value,
            });
        }
        let lifecycle = field.get("lifecycle")?;
        let pre_stop = lifecycle.map(|lifecycle| lifecycle.get("preStop")).transpose()?.flatten();
        Ok(Container {
            name: names::name(&field.need("name")?, Rule::Label)?,
            ports,
            pre_stop: pre_stop.map(|hook| Hook::read(&hook)).transpose()?,
            readiness: probe("readinessProbe")?,
            startup: probe("startupProbe")?,
            liveness: probe("livenessProbe")?,
        })
    }
}

impl Hook {
    fn read(field: &Field<'_>) -> Result<At<Hook>, Error> {
        let forms = [field.get("sleep")?, field.get("exec")?, field.get("httpGet")?, field.get("tcpSocket")?];
        if forms.iter().flatten().count() > 1 {
            return Err(field.error("a preStop hook of several kinds").hint("Kubernetes refuses this: one of them"));
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
            (Hook::Exec(words), exec.get("command")?.unwrap_or(exec).place())
        } else if let Some(http_get) = http_get {
            let path = http_get.get("path")?.map(|path| path.text()).transpose()?;
            (Hook::HttpGet(path.map_or_else(|| "/".to_owned(), |path| path.value)), http_get.place())
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
        Ok(Probe {
            place: field.place(),
            initial_delay: whole(field, "initialDelaySeconds", 0)?,
            period: whole(field, "periodSeconds", 0)?,
            timeout: whole(field, "timeoutSeconds", 0)?,
            success_threshold: whole(field, "successThreshold", 0)?,
            failure_threshold: whole(field, "failureThreshold", 0)?,
        })
    }
}

impl Autoscaler {
    pub(super) fn read(object: &Field<'_>) -> Result<Autoscaler, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let target = spec.need("scaleTargetRef")?;
        let (kind, name) = (target.need("kind")?.text()?.value, target.need("name")?.text()?.value);
        let target = (kind == "Deployment").then_some(name);
        Ok(Autoscaler {
            metadata,
            target,
            min: whole(&spec, "minReplicas", 0)?,
            max: spec.need("maxReplicas")?.whole(1)?,
        })
    }
}

impl Budget {
    pub(super) fn read(object: &Field<'_>) -> Result<Budget, Error> {
        let metadata = Metadata::read(object)?;
        let selector = match object.get("spec")? {
            Some(spec) => spec.get("selector")?,
            None => None,
        };
        let selector = match selector {
            Some(selector) if selector.list("matchExpressions")?.is_empty() => {
                let labels = selector.get("matchLabels")?.map(|labels| names::labels(&labels)).transpose()?;
                labels.map(|labels| labels.into_iter().map(|(key, label)| (key, label.value)).collect())
            }
            _ => None,
        };
        Ok(Budget { metadata, place: object.place(), selector })
    }
}
