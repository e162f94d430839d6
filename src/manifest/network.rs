//! What leads requests to pods: Services, Ingresses, routes, and the controller's own objects.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::annotation::{ACTIONS, Attributes};
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
    /// Where its first port leads.
    pub(super) port: Option<Port>,
    pub(super) publish_not_ready: Option<At<bool>>,
    /// `spec.type`
    pub(super) kind: Option<At<String>>,
    pub(super) external_traffic_policy: Option<At<String>>,
    pub(super) health_check_node_port: Option<At<String>>,
}

/// `networking.k8s.io/v1 Ingress`.
#[derive(Debug)]
pub(super) struct Ingress {
    pub(super) metadata: Metadata,
    /// `ingressClassName`, or the old annotation.
    pub(super) class: Option<At<String>>,
    /// The Services that it routes to, each where it is named first.
    pub(super) services: Vec<At<String>>,
}

/// `networking.k8s.io/v1 IngressClass`.
#[derive(Debug)]
pub(super) struct IngressClass {
    pub(super) metadata: Metadata,
    pub(super) controller: String,
    /// The IngressClassParams that it names.
    pub(super) params: Option<String>,
}

/// `elbv2.k8s.aws/v1beta1 IngressClassParams`.
#[derive(Debug)]
pub(super) struct IngressClassParams {
    pub(super) metadata: Metadata,
    pub(super) target_type: Option<At<TargetType>>,
    pub(super) attributes: Attributes,
}

/// `elbv2.k8s.aws/v1beta1 TargetGroupBinding`.
#[derive(Debug)]
pub(super) struct TargetGroupBinding {
    pub(super) metadata: Metadata,
    pub(super) service: At<String>,
    pub(super) target_type: Option<At<TargetType>>,
}

/// `gateway.networking.k8s.io/v1 HTTPRoute`.
#[derive(Debug)]
pub(super) struct HttpRoute {
    pub(super) metadata: Metadata,
    pub(super) services: Vec<At<String>>,
}

/// `gateway.k8s.aws/v1beta1 TargetGroupConfiguration`.
#[derive(Debug)]
pub(super) struct TargetGroupConfiguration {
    pub(super) metadata: Metadata,
    pub(super) service: String,
    pub(super) target_type: Option<At<TargetType>>,
    pub(super) attributes: Attributes,
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
        other => Err(text.place.error(format!("`{other}` is no target type")).hint("ip or instance")),
    }
}

fn optional_target_type(field: &Field<'_>) -> Result<Option<At<TargetType>>, Error> {
    field.get("targetType")?.map(|kind| target_type(kind.text()?)).transpose()
}

impl Namespace {
    pub(super) fn read(object: &Field<'_>) -> Result<Namespace, Error> {
        Ok(Namespace { metadata: Metadata::read(object)? })
    }
}

impl Service {
    pub(super) fn read(object: &Field<'_>) -> Result<Service, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let selector = spec.get("selector")?.map(|selector| names::labels(&selector)).transpose()?.unwrap_or_default();
        let port = match spec.list("ports")?.first() {
            Some(port) => match port.get("targetPort")? {
                Some(target) if target.text().is_ok() => Some(Port::Name(target.text()?.value)),
                Some(target) => Some(Port::Number(target.whole(1)?.value)),
                None => Some(Port::Number(port.need("port")?.whole(1)?.value)),
            },
            None => None,
        };
        let publish_not_ready = spec.get("publishNotReadyAddresses")?.map(|flag| flag.flag()).transpose()?;
        let text = |key| spec.get(key)?.map(|field| field.text()).transpose();
        let health_check_node_port = match spec.get("healthCheckNodePort")? {
            Some(port) => Some(port.whole(0)?.map(|port| port.to_string())),
            None => None,
        };
        Ok(Service {
            kind: text("type")?,
            external_traffic_policy: text("externalTrafficPolicy")?,
            health_check_node_port,
            metadata,
            selector,
            port,
            publish_not_ready,
        })
    }
}

impl Ingress {
    pub(super) fn read(object: &Field<'_>) -> Result<Ingress, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let mut named = Vec::new();
        named.extend(spec.get("defaultBackend")?.map(|backend| service_of(&backend)).transpose()?.flatten());
        for rule in spec.list("rules")? {
            let Some(http) = rule.get("http")? else { continue };
            for path in http.need("paths")?.items()? {
                named.extend(service_of(&path.need("backend")?)?);
            }
        }
        // A backend with the port `use-annotation` names an action, which may forward to Services.
        for (key, action) in &metadata.annotations {
            if key.starts_with(ACTIONS) {
                named.extend(forwarded(action)?);
            }
        }
        let class = spec.get("ingressClassName")?.map(|class| class.text()).transpose()?;
        let class = class.or_else(|| metadata.annotations.get("kubernetes.io/ingress.class").cloned());
        Ok(Ingress { metadata, class, services: once_each(named) })
    }
}

/// `backend.service.name`; a backend that is a resource has none.
fn service_of(backend: &Field<'_>) -> Result<Option<At<String>>, Error> {
    if let Some(old) = backend.get("serviceName")? {
        return Err(old
            .error("`serviceName` is of the Ingress that was removed in Kubernetes 1.22")
            .hint("write `service: {name: …, port: {number: …}}`"));
    }
    match backend.get("service")? {
        Some(service) => Ok(Some(names::name(&service.need("name")?, Rule::Label)?)),
        None => Ok(None),
    }
}

/// An action of the controller, as far as it leads to Services.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Action {
    forward_config: Option<ForwardConfig>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ForwardConfig {
    target_groups: Vec<ForwardTarget>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ForwardTarget {
    service_name: Option<String>,
}

fn forwarded(action: &At<String>) -> Result<Vec<At<String>>, Error> {
    let parsed: Action = serde_saphyr::from_str(&action.value).map_err(|_| {
        action.place.error("this action is no JSON of a known form").hint("the controller refuses it, too")
    })?;
    let groups = parsed.forward_config.map(|forward| forward.target_groups).unwrap_or_default();
    let names = groups.into_iter().filter_map(|group| group.service_name);
    Ok(names.map(|name| At { value: name, place: action.place.clone() }).collect())
}

fn once_each(names: Vec<At<String>>) -> Vec<At<String>> {
    let mut once: Vec<At<String>> = Vec::new();
    for name in names {
        if !once.iter().any(|known| known.value == name.value) {
            once.push(name);
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
        Ok(IngressClass { metadata, controller: spec.need("controller")?.text()?.value, params })
    }
}

impl IngressClassParams {
    pub(super) fn read(object: &Field<'_>) -> Result<IngressClassParams, Error> {
        let metadata = Metadata::read(object)?;
        let Some(spec) = object.get("spec")? else {
            return Ok(IngressClassParams { metadata, target_type: None, attributes: Attributes::default() });
        };
        let attributes = Attributes::of_list(&spec.list("loadBalancerAttributes")?)?;
        Ok(IngressClassParams { metadata, target_type: optional_target_type(&spec)?, attributes })
    }
}

impl TargetGroupBinding {
    pub(super) fn read(object: &Field<'_>) -> Result<TargetGroupBinding, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let service = names::name(&spec.need("serviceRef")?.need("name")?, Rule::Label)?;
        Ok(TargetGroupBinding { metadata, service, target_type: optional_target_type(&spec)? })
    }
}

impl HttpRoute {
    pub(super) fn read(object: &Field<'_>) -> Result<HttpRoute, Error> {
        let metadata = Metadata::read(object)?;
        let mut named = Vec::new();
        if let Some(spec) = object.get("spec")? {
            for rule in spec.list("rules")? {
                for backend in rule.list("backendRefs")? {
                    let kind = backend.get("kind")?.map(|kind| kind.text()).transpose()?;
                    if kind.is_none_or(|kind| kind.value == "Service") {
                        named.push(names::name(&backend.need("name")?, Rule::Label)?);
                    }
                }
            }
        }
        Ok(HttpRoute { metadata, services: once_each(named) })
    }
}

impl TargetGroupConfiguration {
    pub(super) fn read(object: &Field<'_>) -> Result<TargetGroupConfiguration, Error> {
        let metadata = Metadata::read(object)?;
        let spec = object.need("spec")?;
        let service = spec.need("targetReference")?.need("name")?.text()?.value;
        let default = spec.get("defaultConfiguration")?;
        let check = default.as_ref().map(|default| default.get("healthCheckConfig")).transpose()?.flatten();
        let whole = |key| match &check {
            Some(check) => check.get(key)?.map(|field| field.whole(1)).transpose(),
            None => Ok(None),
        };
        Ok(TargetGroupConfiguration {
            target_type: default.as_ref().map(optional_target_type).transpose()?.flatten(),
            attributes: match &default {
                Some(default) => Attributes::of_list(&default.list("targetGroupAttributes")?)?,
                None => Attributes::default(),
            },
            interval: whole("healthCheckInterval")?,
            timeout: whole("healthCheckTimeout")?,
            healthy: whole("healthyThresholdCount")?,
            unhealthy: whole("unhealthyThresholdCount")?,
            of_routes: spec.list("routeConfigurations")?.first().map(Field::place),
            metadata,
            service,
        })
    }
}
