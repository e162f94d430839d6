//! The Gateway API: who serves a gateway, and where its routes lead.

use super::field::Field;
use super::load_balancer_configuration::Reference;
use super::names::{self, Rule};
use super::network::{Backend, once_each, port};
use super::objects::Objects;
use super::source::At;
use super::workload::Metadata;
use crate::error::Error;

/// `gateway.networking.k8s.io GatewayClass`.
#[derive(Debug)]
pub(super) struct GatewayClass {
    pub(super) metadata: Metadata,
    /// Nothing, if it names none.
    pub(super) controller: Option<At<String>>,
    pub(super) configuration: Option<Reference>,
}

/// `gateway.networking.k8s.io Gateway`.
#[derive(Debug)]
pub(super) struct Gateway {
    pub(super) metadata: Metadata,
    pub(super) class: At<String>,
    pub(super) configuration: Option<Reference>,
}

/// A route of any protocol.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) metadata: Metadata,
    /// `HTTPRoute`, `GRPCRoute`, …
    pub(super) kind: &'static str,
    pub(super) parents: Vec<Parent>,
    pub(super) backends: Vec<Backend>,
}

/// What a route hangs on.
#[derive(Debug)]
pub(super) struct Parent {
    /// `Gateway` unless said otherwise; a mesh has `Service` here.
    pub(super) kind: String,
    pub(super) name: At<String>,
    pub(super) namespace: Option<String>,
}

impl GatewayClass {
    pub(super) fn read(object: &Field<'_>) -> Result<GatewayClass, Error> {
        let spec = object.need("spec")?;
        let controller = spec
            .get("controllerName")?
            .map(|name| name.text())
            .transpose()?;
        Ok(GatewayClass {
            metadata: Metadata::read(object)?,
            controller: controller.filter(|name| !name.value.is_empty()),
            configuration: Reference::read(spec.get("parametersRef")?.as_ref())?,
        })
    }
}

impl Gateway {
    pub(super) fn read(object: &Field<'_>) -> Result<Gateway, Error> {
        let spec = object.need("spec")?;
        let parameters = match spec.get("infrastructure")? {
            Some(infrastructure) => infrastructure.get("parametersRef")?,
            None => None,
        };
        Ok(Gateway {
            metadata: Metadata::read(object)?,
            class: spec.need("gatewayClassName")?.text()?,
            configuration: Reference::read(parameters.as_ref())?,
        })
    }
}

impl Route {
    pub(super) fn read(object: &Field<'_>, kind: &'static str) -> Result<Route, Error> {
        let metadata = Metadata::read(object)?;
        let (mut parents, mut backends) = (Vec::new(), Vec::new());
        if let Some(spec) = object.get("spec")? {
            for parent in spec.list("parentRefs")? {
                parents.push(Parent {
                    kind: optional_text(&parent, "kind")?.unwrap_or_else(|| "Gateway".to_owned()),
                    name: parent.need("name")?.text()?,
                    namespace: optional_text(&parent, "namespace")?,
                });
            }
            for rule in spec.list("rules")? {
                for backend in rule.list("backendRefs")? {
                    if optional_text(&backend, "kind")?.is_none_or(|kind| kind == "Service") {
                        backends.push(Backend {
                            service: names::name(&backend.need("name")?, Rule::Label)?,
                            namespace: optional_text(&backend, "namespace")?,
                            port: backend
                                .get("port")?
                                .map(|field| port(&field, 1))
                                .transpose()?,
                        });
                    }
                }
            }
        }
        Ok(Route {
            metadata,
            kind,
            parents,
            backends: once_each(backends),
        })
    }
}

impl Parent {
    /// The gateway that it names.
    pub(super) fn gateway<'a>(&self, objects: &'a Objects, route: &Route) -> Option<&'a Gateway> {
        let namespace = self
            .namespace
            .as_deref()
            .unwrap_or(route.metadata.namespace());
        let is_meant = |gateway: &&Gateway| {
            let own = gateway.metadata.namespace();
            let is_there = own == namespace || own.is_empty() || namespace.is_empty();
            gateway.metadata.name.value == self.name.value && is_there
        };
        objects.gateways.iter().find(is_meant)
    }
}

fn optional_text(field: &Field<'_>, key: &str) -> Result<Option<String>, Error> {
    Ok(field
        .get(key)?
        .map(|text| text.text())
        .transpose()?
        .map(|text| text.value))
}
