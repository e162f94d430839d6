//! What leads requests to pods: Services, Ingresses, routes, and the controller's own objects.

use std::collections::BTreeMap;

use super::action::forwarded;
use super::annotation::{ACTIONS, Attributes};
use super::attributes::OtherField;
use super::field::Field;
use super::names::{self, Rule};
use super::source::{At, Place};
use super::workload::{Metadata, Port};
use crate::aws::target_group::TargetType;
use crate::error::Error;

/// `v1 Namespace`.
#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) metadata: Metadata,
}

/// `v1 Service`.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) metadata: Metadata,
    pub(super) selector: BTreeMap<String, At<String>>,
    pub(super) ports: Vec<ServicePort>,
    pub(super) publish_not_ready: Option<At<bool>>,
    /// `spec.type`
    pub(super) kind: Option<At<String>>,
    /// `spec.loadBalancerClass`
    pub(super) load_balancer_class: Option<At<String>>,
    pub(super) external_traffic_policy: Option<At<String>>,
    pub(super) health_check_node_port: Option<At<String>>,
}

/// One of a Service's ports.
#[derive(Debug)]
pub(super) struct ServicePort {
    pub(super) number: u32,
    pub(super) name: Option<String>,
    /// The pods' port that it leads to.
    pub(super) target: At<Port>,
}

/// A Service that requests are led to, and the port of it that is named.
#[derive(Debug, Clone)]
pub(super) struct Backend {
    pub(super) service: At<String>,
    /// Its namespace, where it is not that of the object that names it.
    pub(super) namespace: Option<String>,
    pub(super) port: Option<At<Port>>,
}

/// `networking.k8s.io/v1 Ingress`.
#[derive(Debug)]
pub(super) struct Ingress {
    pub(super) metadata: Metadata,
    /// The old annotation, which the controller asks first, or `ingressClassName`.
    pub(super) class: Option<At<String>>,
    /// The Services that it routes to, each port where it is named first.
    pub(super) backends: Vec<Backend>,
    /// Actions that backends name and no annotation has.
    pub(super) missing_actions: Vec<At<String>>,
}

/// `networking.k8s.io/v1 IngressClass`.
#[derive(Debug)]
pub(super) struct IngressClass {
    pub(super) metadata: Metadata,
    /// Nothing, if it names none.
    pub(super) controller: Option<At<String>>,
    /// The IngressClassParams that it names.
    pub(super) params: Option<String>,
}

/// `elbv2.k8s.aws/v1beta1 IngressClassParams`.
#[derive(Debug)]
pub(super) struct IngressClassParams {
    pub(super) metadata: Metadata,
    /// Of EKS Auto Mode (`eks.amazonaws.com`), not of the controller that one installs.
    pub(super) is_auto_mode: bool,
    pub(super) target_type: Option<At<TargetType>>,
    pub(super) attributes: Attributes,
}

/// `elbv2.k8s.aws/v1beta1 TargetGroupBinding`.
#[derive(Debug)]
pub(super) struct TargetGroupBinding {
    pub(super) metadata: Metadata,
    pub(super) backend: Backend,
    pub(super) target_type: Option<At<TargetType>>,
    /// `targetGroupProtocol`
    pub(super) protocol: Option<At<String>>,
    /// Of EKS Auto Mode (`eks.amazonaws.com`).
    pub(super) is_auto_mode: bool,
    pub(super) others: Vec<OtherField>,
}

/// `gateway.k8s.aws/v1beta1 TargetGroupConfiguration`.
#[derive(Debug)]
pub(super) struct TargetGroupConfiguration {
    pub(super) metadata: Metadata,
    /// The Service that it is for; without one it is for whoever names it.
    pub(super) service: Option<String>,
    pub(super) target_type: Option<At<TargetType>>,
    pub(super) attributes: Attributes,
    pub(super) has_health_check: bool,
    pub(super) others: Vec<OtherField>,
    pub(super) interval: Option<At<u32>>,
    pub(super) timeout: Option<At<u32>>,
    pub(super) healthy: Option<At<u32>>,
    pub(super) unhealthy: Option<At<u32>>,
    /// It also says something for single routes, which is not looked at.
    pub(super) of_routes: Option<Place>,
}

/// `ip` or `instance`.
pub(super) fn target_type(text: At<String>) -> Result<At<TargetType>, Error> {
    match text.value.as_str() {
        "ip" => Ok(text.map(|_| TargetType::Ip)),
        "instance" => Ok(text.map(|_| TargetType::Instance)),
        other => Err(text
            .place
            .error(format!("`{other}` is no target type"))
            .hint("ip or instance")),
    }
}

fn optional_target_type(field: &Field<'_>) -> Result<Option<At<TargetType>>, Error> {
    field
        .get("targetType")?
        .map(|kind| target_type(kind.text()?))
        .transpose()
}

impl Namespace {
    pub(super) fn read(object: &Field<'_>) -> Result<Namespace, Error> {
        Ok(Namespace {
            metadata: Metadata::read(object)?,
        })
    }
}

impl Service {
    pub(super) fn read(object: &Field<'_>) -> Result<Service, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let selector = spec
            .get("selector")?
            .map(|selector| names::labels(&selector))
            .transpose()?
            .unwrap_or_default();
        let ports = spec
            .list("ports")?
            .iter()
            .map(ServicePort::read)
            .collect::<Result<_, _>>()?;
        let publish_not_ready = spec
            .get("publishNotReadyAddresses")?
            .map(|flag| flag.flag())
            .transpose()?;
        let text = |key| spec.get(key)?.map(|field| field.text()).transpose();
        let health_check_node_port = match spec.get("healthCheckNodePort")? {
            Some(port) => Some(port.whole(0)?.map(|port| port.to_string())),
            None => None,
        };
        Ok(Service {
            kind: text("type")?,
            load_balancer_class: text("loadBalancerClass")?,
            external_traffic_policy: text("externalTrafficPolicy")?,
            health_check_node_port,
            metadata,
            selector,
            ports,
            publish_not_ready,
        })
    }

    /// Whether it selects pods of these labels; without a selector it selects none.
    pub(super) fn selects(&self, labels: &BTreeMap<String, At<String>>) -> bool {
        let has = |key: &String, wanted: &At<String>| {
            labels
                .get(key)
                .is_some_and(|label| label.value == wanted.value)
        };
        !self.selector.is_empty() && self.selector.iter().all(|(key, wanted)| has(key, wanted))
    }

    /// The port that is named so; where none is named, the only one.
    pub(super) fn port(&self, named: Option<&Port>) -> Option<&ServicePort> {
        match named {
            Some(Port::Number(number)) => self.ports.iter().find(|port| port.number == *number),
            Some(Port::Name(name)) => self
                .ports
                .iter()
                .find(|port| port.name.as_ref() == Some(name)),
            None => Some(&self.ports).filter(|ports| ports.len() == 1)?.first(),
        }
    }
}

impl ServicePort {
    /// A target port of 0 or "" is the port itself, as the API server has it (pkg/apis/core/v1/defaults.go).
    fn read(field: &Field<'_>) -> Result<ServicePort, Error> {
        let number = field.need("port")?.whole(1)?;
        let target = field
            .get("targetPort")?
            .map(|target| port(&target, 0))
            .transpose()?;
        let is_given = |target: &At<Port>| {
            target.value != Port::Number(0) && target.value != Port::Name(String::new())
        };
        Ok(ServicePort {
            name: field
                .get("name")?
                .map(|name| name.text())
                .transpose()?
                .map(|name| name.value),
            target: target
                .filter(is_given)
                .unwrap_or_else(|| number.clone().map(Port::Number)),
            number: number.value,
        })
    }
}

/// A port by number or name.
pub(super) fn port(field: &Field<'_>, least: u32) -> Result<At<Port>, Error> {
    match field.text() {
        Ok(name) => Ok(name.map(Port::Name)),
        Err(_) => Ok(field.whole(least)?.map(Port::Number)),
    }
}

impl Ingress {
    pub(super) fn read(object: &Field<'_>) -> Result<Ingress, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let mut all = spec
            .get("defaultBackend")?
            .map(|backend| backend_of(&backend))
            .transpose()?
            .into_iter()
            .flatten()
            .collect::<Vec<_>>();
        for rule in spec.list("rules")? {
            let Some(http) = rule.get("http")? else {
                continue;
            };
            for path in http.need("paths")?.items()? {
                all.extend(backend_of(&path.need("backend")?)?);
            }
        }
        let is_action = |backend: &Backend| {
            backend
                .port
                .as_ref()
                .is_some_and(|port| port.value == Port::Name(ACTION_PORT.to_owned()))
        };
        let (actions, mut named): (Vec<Backend>, Vec<Backend>) =
            all.into_iter().partition(is_action);
        let has = |action: &Backend| {
            metadata
                .annotations
                .contains_key(&format!("{ACTIONS}{}", action.service.value))
        };
        let missing_actions = actions
            .into_iter()
            .filter(|action| !has(action))
            .map(|action| action.service)
            .collect();
        for (key, action) in &metadata.annotations {
            if key.starts_with(ACTIONS) {
                named.extend(forwarded(action)?.into_iter().map(|to| Backend {
                    port: to.value.port.map(|port| At {
                        value: port,
                        place: to.place.clone(),
                    }),
                    service: At {
                        value: to.value.service,
                        place: to.place,
                    },
                    namespace: None,
                }));
            }
        }
        let annotated = metadata
            .annotations
            .get("kubernetes.io/ingress.class")
            .cloned();
        let class = annotated.map_or_else(
            || {
                spec.get("ingressClassName")?
                    .map(|class| class.text())
                    .transpose()
            },
            |class| Ok(Some(class)),
        )?;
        Ok(Ingress {
            metadata,
            class,
            backends: once_each(named),
            missing_actions,
        })
    }
}

/// The port of a backend that names an action of an annotation, not a Service.
const ACTION_PORT: &str = "use-annotation";

/// `backend.service`; a backend that is a resource has none.
fn backend_of(backend: &Field<'_>) -> Result<Option<Backend>, Error> {
    if let Some(old) = backend.get("serviceName")? {
        return Err(old
            .error("`serviceName` is of the Ingress that was removed in Kubernetes 1.22")
            .hint("write `service: {name: …, port: {number: …}}`"));
    }
    let Some(service) = backend.get("service")? else {
        return Ok(None);
    };
    let name = names::name(&service.need("name")?, Rule::Label)?;
    let port = match service.get("port")? {
        Some(port) => match (port.get("name")?, port.get("number")?) {
            (Some(name), _) => Some(name.text()?.map(Port::Name)),
            (None, Some(number)) => Some(number.whole(1)?.map(Port::Number)),
            (None, None) => None,
        },
        None => None,
    };
    Ok(Some(Backend {
        service: name,
        namespace: None,
        port,
    }))
}

/// Each Service with each of its ports once, where it is named first.
pub(super) fn once_each(named: Vec<Backend>) -> Vec<Backend> {
    let mut once: Vec<Backend> = Vec::new();
    for backend in named {
        let is_known = |known: &Backend| {
            let port = |of: &Backend| of.port.as_ref().map(|port| port.value.clone());
            known.service.value == backend.service.value
                && known.namespace == backend.namespace
                && port(known) == port(&backend)
        };
        if !once.iter().any(is_known) {
            once.push(backend);
        }
    }
    once
}

impl IngressClass {
    pub(super) fn read(object: &Field<'_>) -> Result<IngressClass, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let params = match spec.get("parameters")? {
            Some(parameters) => Some(parameters.need("name")?.text()?.value),
            None => None,
        };
        let controller = spec
            .get("controller")?
            .map(|controller| controller.text())
            .transpose()?;
        Ok(IngressClass {
            metadata,
            controller: controller.filter(|name| !name.value.is_empty()),
            params,
        })
    }
}

impl IngressClassParams {
    pub(super) fn read(object: &Field<'_>) -> Result<IngressClassParams, Error> {
        let metadata = Metadata::read(object)?;
        let is_auto_mode = is_auto_mode(object)?;
        let Some(spec) = object.get("spec")? else {
            let attributes = Attributes::default();
            return Ok(IngressClassParams {
                metadata,
                is_auto_mode,
                target_type: None,
                attributes,
            });
        };
        let attributes = Attributes::of_list(&spec.list("loadBalancerAttributes")?)?;
        Ok(IngressClassParams {
            metadata,
            is_auto_mode,
            target_type: optional_target_type(&spec)?,
            attributes,
        })
    }
}

impl TargetGroupBinding {
    pub(super) fn read(object: &Field<'_>) -> Result<TargetGroupBinding, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let reference = spec.need("serviceRef")?;
        let backend = Backend {
            service: names::name(&reference.need("name")?, Rule::Label)?,
            namespace: None,
            port: reference
                .get("port")?
                .map(|field| port(&field, 1))
                .transpose()?,
        };
        Ok(TargetGroupBinding {
            metadata,
            backend,
            target_type: optional_target_type(&spec)?,
            protocol: spec
                .get("targetGroupProtocol")?
                .map(|protocol| protocol.text())
                .transpose()?,
            is_auto_mode: is_auto_mode(object)?,
            others: OtherField::read(&spec)?,
        })
    }
}

/// Whether an object is of EKS Auto Mode's own API group.
fn is_auto_mode(object: &Field<'_>) -> Result<bool, Error> {
    Ok(object
        .need("apiVersion")?
        .text()?
        .value
        .starts_with("eks.amazonaws.com/"))
}

impl TargetGroupConfiguration {
    pub(super) fn read(object: &Field<'_>) -> Result<TargetGroupConfiguration, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let service = match spec.get("targetReference")? {
            Some(reference) => Some(reference.need("name")?.text()?.value),
            None => None,
        };
        let default = spec.get("defaultConfiguration")?;
        let check = default
            .as_ref()
            .map(|default| default.get("healthCheckConfig"))
            .transpose()?
            .flatten();
        let whole = |key| match &check {
            Some(check) => check.get(key)?.map(|field| field.whole(1)).transpose(),
            None => Ok(None),
        };
        Ok(TargetGroupConfiguration {
            target_type: default
                .as_ref()
                .map(optional_target_type)
                .transpose()?
                .flatten(),
            attributes: match &default {
                Some(default) => Attributes::of_list(&default.list("targetGroupAttributes")?)?,
                None => Attributes::default(),
            },
            interval: whole("healthCheckInterval")?,
            timeout: whole("healthCheckTimeout")?,
            healthy: whole("healthyThresholdCount")?,
            unhealthy: whole("unhealthyThresholdCount")?,
            has_health_check: check.is_some(),
            others: default
                .as_ref()
                .map(OtherField::read)
                .transpose()?
                .unwrap_or_default(),
            of_routes: spec.list("routeConfigurations")?.first().map(Field::place),
            metadata,
            service,
        })
    }
}
