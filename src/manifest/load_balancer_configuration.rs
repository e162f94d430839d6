//! The controller's own objects beside the Gateway API: what a gateway's load balancer and target groups are like
//! (LBC docs/guide/gateway/loadbalancerconfig.md, targetgroupconfig.md).

use super::annotation::Attributes;
use super::attributes::OtherField;
use super::entrance::{HealthCheck, together};
use super::field::Field;
use super::gateway::{GatewayClass, Route};
use super::network::{Service, TargetGroupConfiguration};
use super::objects::Objects;
use super::source::At;
use super::workload::Metadata;
use crate::aws::target_group::TargetType;
use crate::error::Error;

/// `gateway.k8s.aws LoadBalancerConfiguration`.
#[derive(Debug)]
pub(super) struct LoadBalancerConfiguration {
    pub(super) metadata: Metadata,
    attributes: Attributes,
    /// The TargetGroupConfiguration, in its namespace, that its target groups start from.
    defaults: Option<String>,
    /// Of a class: whether its gateways' own configurations win.
    prefers_gateway: bool,
}

/// What holds for the target group of one Service behind a gateway, what wins first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Configurations<'a> {
    target_groups: [Option<&'a TargetGroupConfiguration>; 3],
    load_balancers: [Option<&'a LoadBalancerConfiguration>; 2],
}

impl LoadBalancerConfiguration {
    pub(super) fn read(object: &Field<'_>) -> Result<LoadBalancerConfiguration, Error> {
        let metadata = Metadata::read(object)?;
        let Some(spec) = object.get("spec")? else {
            let attributes = Attributes::default();
            return Ok(LoadBalancerConfiguration {
                metadata,
                attributes,
                defaults: None,
                prefers_gateway: false,
            });
        };
        let defaults = match spec.get("defaultTargetGroupConfiguration")? {
            Some(defaults) => Some(defaults.need("name")?.text()?.value),
            None => None,
        };
        let mode = spec
            .get("mergingMode")?
            .map(|mode| mode.text())
            .transpose()?;
        Ok(LoadBalancerConfiguration {
            metadata,
            attributes: Attributes::of_list(&spec.list("loadBalancerAttributes")?)?,
            defaults,
            prefers_gateway: mode.is_some_and(|mode| mode.value == "prefer-gateway"),
        })
    }
}

/// What `parametersRef` of a Gateway or a GatewayClass names: a LoadBalancerConfiguration.
#[derive(Debug)]
pub(super) struct Reference {
    name: String,
    namespace: Option<String>,
}

impl Reference {
    /// Reads it; of another kind it is nothing.
    pub(super) fn read(parameters: Option<&Field<'_>>) -> Result<Option<Reference>, Error> {
        let Some(parameters) = parameters else {
            return Ok(None);
        };
        let text = |key| {
            Ok::<_, Error>(
                parameters
                    .get(key)?
                    .map(|text| text.text())
                    .transpose()?
                    .map(|text| text.value),
            )
        };
        if text("kind")?.is_none_or(|kind| kind != "LoadBalancerConfiguration") {
            return Ok(None);
        }
        Ok(Some(Reference {
            name: parameters.need("name")?.text()?.value,
            namespace: text("namespace")?,
        }))
    }

    /// The configuration that `owner` names so; a Gateway's is in its own namespace.
    fn of<'a>(
        &self,
        objects: &'a Objects,
        owner: &Metadata,
    ) -> Option<&'a LoadBalancerConfiguration> {
        objects.load_balancer_configurations.iter().find(|of| {
            let there = self.namespace.as_ref().map_or_else(
                || together(&of.metadata, owner),
                |namespace| {
                    of.metadata.namespace().is_empty() || of.metadata.namespace() == namespace
                },
            );
            of.metadata.name.value == self.name && there
        })
    }
}

impl<'a> Configurations<'a> {
    /// Whether a Service has one of its own.
    pub(super) fn has_own(objects: &Objects, service: &Service) -> bool {
        own(objects, service).is_some()
    }

    /// Those of a Service, behind a gateway that a route names.
    pub(super) fn of(objects: &'a Objects, service: &Service, route: &Route) -> Configurations<'a> {
        let own = own(objects, service);
        let gateway = route
            .parents
            .iter()
            .find_map(|parent| parent.gateway(objects, route));
        let class = gateway.and_then(|gateway| {
            let named = |class: &&GatewayClass| class.metadata.name.value == gateway.class.value;
            let class = objects.gateway_classes.iter().find(named)?;
            class.configuration.as_ref()?.of(objects, &class.metadata)
        });
        let gateway = gateway.and_then(|gateway| {
            gateway
                .configuration
                .as_ref()?
                .of(objects, &gateway.metadata)
        });
        let prefers_gateway = class.is_some_and(|class| class.prefers_gateway);
        let load_balancers = if prefers_gateway {
            [gateway, class]
        } else {
            [class, gateway]
        };
        let [first, second] = load_balancers.map(|of| of.and_then(|of| defaults(objects, of)));
        Configurations {
            target_groups: [own, first, second],
            load_balancers,
        }
    }

    fn target_groups(
        &self,
    ) -> impl DoubleEndedIterator<Item = &'a TargetGroupConfiguration> + use<'a> {
        self.target_groups.into_iter().flatten()
    }

    /// Whether one holds here.
    pub(super) fn hold(&self, configuration: &TargetGroupConfiguration) -> bool {
        self.target_groups()
            .any(|of| std::ptr::eq(of, configuration))
    }

    pub(super) fn target_type(&self) -> Option<At<TargetType>> {
        self.target_groups().find_map(|of| of.target_type.clone())
    }

    /// The target group's attributes, which are merged one by one.
    pub(super) fn attributes(&self) -> Attributes {
        let mut merged = Attributes::default();
        self.target_groups()
            .rev()
            .for_each(|of| merged.lay_over(&of.attributes));
        merged
    }

    /// The health check, which is taken as a whole.
    pub(super) fn health_check(&self) -> HealthCheck {
        let of = self.target_groups().find(|of| of.has_health_check);
        of.map_or_else(HealthCheck::default, |of| HealthCheck {
            interval: of.interval.clone(),
            timeout: of.timeout.clone(),
            healthy: of.healthy.clone(),
            unhealthy: of.unhealthy.clone(),
        })
    }

    /// Settings for single routes, which are not looked at.
    pub(super) fn of_routes(&self) -> Option<&'a super::source::Place> {
        self.target_groups().find_map(|of| of.of_routes.as_ref())
    }

    /// Fields that a forecast may have no place for.
    pub(super) fn others(&self) -> impl Iterator<Item = &'a OtherField> + use<'a> {
        self.target_groups().flat_map(|of| &of.others)
    }

    /// The load balancer's attributes.
    pub(super) fn of_load_balancer(&self) -> Attributes {
        let mut merged = Attributes::default();
        self.load_balancers
            .into_iter()
            .flatten()
            .rev()
            .for_each(|of| merged.lay_over(&of.attributes));
        merged
    }
}

fn own<'a>(objects: &'a Objects, service: &Service) -> Option<&'a TargetGroupConfiguration> {
    objects.configurations.iter().find(|of| {
        together(&of.metadata, &service.metadata)
            && of.service.as_ref() == Some(&service.metadata.name.value)
    })
}

/// The TargetGroupConfiguration that a load balancer's target groups start from: one without a reference.
fn defaults<'a>(
    objects: &'a Objects,
    of: &LoadBalancerConfiguration,
) -> Option<&'a TargetGroupConfiguration> {
    let name = of.defaults.as_ref()?;
    objects.configurations.iter().find(|configuration| {
        configuration.service.is_none()
            && configuration.metadata.name.value == *name
            && together(&configuration.metadata, &of.metadata)
    })
}
