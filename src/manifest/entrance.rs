//! An ALB's way to the pods of a Service: the target group that it goes through, and whose settings count.

use super::annotation::{self, Attributes};
use super::controller::{self, Controller, Platform};
use super::gateway::Route;
use super::load_balancer_configuration::Configurations;
use super::network::{
    Backend, Ingress, IngressClassParams, Service, ServicePort, TargetGroupBinding,
};
use super::objects::Objects;
use super::source::{At, Place};
use super::workload::{Metadata, Port};
use crate::aws::target_group::TargetType;
use crate::error::Error;

/// The way from the load balancer to the pods of one Service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entrance<'a> {
    pub(super) service: &'a Service,
    /// The Service's port that is named, if one is.
    pub(super) port: Option<&'a At<Port>>,
    pub(super) door: Door<'a>,
    pub(super) platform: Platform,
}

/// What makes the target group.
#[derive(Debug, Clone, Copy)]
pub(super) enum Door<'a> {
    /// A target group of one's own.
    Binding(&'a TargetGroupBinding),
    /// An Ingress of the controller's class.
    Ingress(&'a Ingress, Option<&'a IngressClassParams>),
    /// A route of the Gateway API.
    Route(&'a Route, Configurations<'a>),
}

/// Health checks as far as somebody set them.
#[derive(Debug, Default)]
pub(super) struct HealthCheck {
    pub(super) interval: Option<At<u32>>,
    pub(super) timeout: Option<At<u32>>,
    pub(super) healthy: Option<At<u32>>,
    pub(super) unhealthy: Option<At<u32>>,
}

/// Two objects may meet: the same namespace, or one of them leaves it to whoever applies it.
pub(super) fn together(one: &Metadata, other: &Metadata) -> bool {
    let (one, other) = (one.namespace(), other.namespace());
    one == other || one.is_empty() || other.is_empty()
}

/// Whether the controller made a binding for an Ingress, a Service or a Gateway: then it bears the label of its stack
/// (LBC pkg/deploy/tracking/provider.go).
pub(super) fn is_made_by_controller(binding: &TargetGroupBinding) -> bool {
    let mut labels = binding.metadata.labels.keys();
    labels.any(|label| {
        label
            .split_once('/')
            .is_some_and(|(of, name)| of.contains("k8s.aws") && name.starts_with("stack"))
    })
}

/// The parameters of an Ingress' class: those that the class names, or, without the class, those of its name.
fn params<'a>(objects: &'a Objects, ingress: &Ingress) -> Option<&'a IngressClassParams> {
    let class = &ingress.class.as_ref()?.value;
    let known = objects
        .ingress_classes
        .iter()
        .find(|known| known.metadata.name.value == *class);
    let name = known.map_or(Some(class), |known| known.params.as_ref())?;
    objects
        .params
        .iter()
        .find(|params| params.metadata.name.value == *name)
}

impl<'a> Door<'a> {
    pub(super) fn metadata(self) -> &'a Metadata {
        match self {
            Door::Binding(binding) => &binding.metadata,
            Door::Ingress(ingress, _) => &ingress.metadata,
            Door::Route(route, _) => &route.metadata,
        }
    }

    pub(super) const fn kind(self) -> &'static str {
        match self {
            Door::Binding(_) => "TargetGroupBinding",
            Door::Ingress(..) => "Ingress",
            Door::Route(route, _) => route.kind,
        }
    }

    /// The Services that it leads to.
    pub(super) fn backends(self) -> &'a [Backend] {
        match self {
            Door::Binding(binding) => std::slice::from_ref(&binding.backend),
            Door::Ingress(ingress, _) => &ingress.backends,
            Door::Route(route, _) => &route.backends,
        }
    }

    /// With the objects that say more about its target group for this Service.
    pub(super) fn configured(self, objects: &'a Objects, service: &Service) -> Door<'a> {
        match self {
            Door::Binding(_) => self,
            Door::Ingress(ingress, _) => Door::Ingress(ingress, params(objects, ingress)),
            Door::Route(route, _) => {
                Door::Route(route, Configurations::of(objects, service, route))
            }
        }
    }

    /// Who serves it. A configuration of its target group is only read by the controller that makes ALBs.
    pub(super) fn controller(self, objects: &Objects, service: Option<&Service>) -> Controller {
        match self {
            Door::Binding(binding) => controller::of_binding(binding),
            Door::Ingress(ingress, _) => controller::of_ingress(objects, ingress),
            Door::Route(route, _) => match controller::of_route(objects, route) {
                Controller::Unseen(_)
                    if service.is_some_and(|service| Configurations::has_own(objects, service)) =>
                {
                    Controller::Alb(Platform::Installed)
                }
                controller => controller,
            },
        }
    }
}

impl<'a> Entrance<'a> {
    /// The object that leads to the Service.
    pub(super) fn metadata(&self) -> &'a Metadata {
        self.door.metadata()
    }

    /// Its kind.
    pub(super) fn kind(&self) -> &'static str {
        self.door.kind()
    }

    /// The Service's port that it leads to.
    pub(super) fn service_port(&self) -> Option<&'a ServicePort> {
        self.service.port(self.port.map(|port| &port.value))
    }

    /// Service and Ingress, whose annotations say what the target group is like; the Service's win.
    pub(super) fn annotated(&self) -> Vec<&'a Metadata> {
        match self.door {
            Door::Ingress(ingress, _) => vec![&self.service.metadata, &ingress.metadata],
            Door::Binding(_) | Door::Route(..) => Vec::new(),
        }
    }

    /// The target type, if somebody says it. Parameters of the class win over annotations (LBC#4029).
    pub(super) fn target_type(&self) -> Result<Option<At<TargetType>>, Error> {
        match self.door {
            Door::Binding(binding) => Ok(binding.target_type.clone()),
            Door::Route(_, configurations) => Ok(configurations.target_type()),
            Door::Ingress(_, params) => {
                match params.and_then(|params| params.target_type.clone()) {
                    Some(of_class) => Ok(Some(of_class)),
                    None => annotation::find(&self.annotated(), "target-type")
                        .map(super::network::target_type)
                        .transpose(),
                }
            }
        }
    }

    /// Whether a target type that nobody says is the controller's own default, `instance`. With a
    /// binding it asks AWS.
    pub(super) const fn target_type_left_to_controller(&self) -> bool {
        !matches!(self.door, Door::Binding(_))
    }

    /// The port of the health checks, if an annotation says it.
    pub(super) fn health_check_port(&self) -> Option<At<String>> {
        annotation::find(&self.annotated(), "healthcheck-port")
    }

    /// The target group's attributes.
    pub(super) fn attributes(&self) -> Result<Attributes, Error> {
        match self.door {
            Door::Route(_, configurations) => Ok(configurations.attributes()),
            _ => Attributes::of_annotation(annotation::find(
                &self.annotated(),
                "target-group-attributes",
            )),
        }
    }

    /// The text of the annotation that holds the target group's attributes, where one can: behind an Ingress.
    pub(super) fn attributes_text(&self) -> Option<String> {
        let Door::Ingress(..) = self.door else {
            return None;
        };
        let text = annotation::find(&self.annotated(), "target-group-attributes");
        Some(text.map_or_else(String::new, |text| text.value))
    }

    /// An attribute of the load balancer: of the class' parameters, of the Ingress, or of one of its group.
    pub(super) fn load_balancer(
        &self,
        objects: &'a Objects,
        key: &str,
    ) -> Result<Option<At<u32>>, Error> {
        let Door::Ingress(ingress, params) = self.door else {
            return self.of_load_balancer()?.whole(key);
        };
        if let Some(of_class) = params
            .map(|params| params.attributes.whole(key))
            .transpose()?
            .flatten()
        {
            return Ok(Some(of_class));
        }
        for text in objects.of_group(ingress) {
            if let Some(found) = Attributes::of_annotation(Some(text))?.whole(key)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// All attributes of the load balancer that the object itself says, or what stands behind it.
    pub(super) fn of_load_balancer(&self) -> Result<Attributes, Error> {
        match self.door {
            Door::Binding(_) => Ok(Attributes::default()),
            Door::Route(_, configurations) => Ok(configurations.of_load_balancer()),
            Door::Ingress(ingress, params) => {
                let text = annotation::find(&[&ingress.metadata], "load-balancer-attributes");
                let mut attributes = Attributes::of_annotation(text)?;
                params
                    .iter()
                    .for_each(|params| attributes.lay_over(&params.attributes));
                Ok(attributes)
            }
        }
    }

    /// The health checks.
    pub(super) fn health_check(&self) -> Result<HealthCheck, Error> {
        let annotated = self.annotated();
        let whole = |name| annotation::whole(&annotated, name);
        match self.door {
            Door::Route(_, configurations) => Ok(configurations.health_check()),
            Door::Binding(_) => Ok(HealthCheck::default()),
            Door::Ingress(..) => Ok(HealthCheck {
                interval: whole("healthcheck-interval-seconds")?,
                timeout: whole("healthcheck-timeout-seconds")?,
                healthy: whole("healthy-threshold-count")?,
                unhealthy: whole("unhealthy-threshold-count")?,
            }),
        }
    }

    /// Settings for single routes, which are not looked at.
    pub(super) fn of_routes(&self) -> Option<&'a Place> {
        match self.door {
            Door::Route(_, configurations) => configurations.of_routes(),
            _ => None,
        }
    }
}
