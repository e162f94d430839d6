//! Who leads the load balancer's requests to a Deployment's pods, and with which target group.

use super::annotation::{self, Attributes};
use super::load_balancer_configuration::Configurations;
use super::network::{HttpRoute, Ingress, IngressClassParams, Service, TargetGroupBinding};
use super::objects::Objects;
use super::source::{At, Place};
use super::workload::{Deployment, Metadata};
use crate::aws::target_group::TargetType;
use crate::error::Error;

/// The way from the load balancer to the pods of one Service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entrance<'a> {
    pub(super) service: &'a Service,
    pub(super) door: Door<'a>,
}

/// What makes the target group.
#[derive(Debug, Clone, Copy)]
pub(super) enum Door<'a> {
    /// A target group of one's own.
    Binding(&'a TargetGroupBinding),
    /// An Ingress of the controller's class.
    Ingress(&'a Ingress, Option<&'a IngressClassParams>),
    /// A route of the Gateway API.
    Route(&'a HttpRoute, Configurations<'a>),
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

/// The Services that select a Deployment's pods.
pub(super) fn services<'a>(objects: &'a Objects, deployment: &Deployment) -> Vec<&'a Service> {
    let labels = &deployment.template.labels;
    let selects = |service: &&Service| {
        !service.selector.is_empty()
            && together(&service.metadata, &deployment.metadata)
            && service
                .selector
                .iter()
                .all(|(key, wanted)| labels.get(key).is_some_and(|label| label.value == wanted.value))
    };
    objects.services.iter().filter(selects).collect()
}

/// Every way to the pods of a Deployment, in the order of the controller's own objects: bindings, Ingresses, routes.
pub(super) fn entrances<'a>(objects: &'a Objects, services: &[&'a Service]) -> Vec<Entrance<'a>> {
    let mut entrances = Vec::new();
    for service in services {
        let name = &service.metadata.name.value;
        let names =
            |metadata: &Metadata, named: &At<String>| together(metadata, &service.metadata) && named.value == *name;
        let bindings = objects.bindings.iter().filter(|binding| names(&binding.metadata, &binding.service));
        entrances.extend(bindings.map(|binding| Entrance { service, door: Door::Binding(binding) }));
        let ingresses = objects.ingresses.iter().filter(|ingress| {
            is_alb(objects, ingress) && ingress.services.iter().any(|named| names(&ingress.metadata, named))
        });
        entrances.extend(
            ingresses.map(|ingress| Entrance { service, door: Door::Ingress(ingress, params(objects, ingress)) }),
        );
        let routes = objects.routes.iter();
        let routes = routes.filter(|route| route.services.iter().any(|named| names(&route.metadata, named)));
        entrances.extend(routes.map(|route| {
            let configurations = Configurations::of(objects, service, &route.metadata, &route.parents);
            Entrance { service, door: Door::Route(route, configurations) }
        }));
        // In a dump of a cluster the controller's own bindings stand beside what it made them of.
        if entrances.iter().any(|entrance| !matches!(entrance.door, Door::Binding(_))) {
            entrances.retain(|entrance| !matches!(entrance.door, Door::Binding(of) if is_made_by_controller(of)));
        }
    }
    entrances
}

/// Whether the controller made a binding for an Ingress, a Service or a Gateway: then it bears the label of its stack
/// (LBC pkg/deploy/tracking/provider.go).
pub(super) fn is_made_by_controller(binding: &TargetGroupBinding) -> bool {
    let mut labels = binding.metadata.labels.keys();
    labels.any(|label| {
        label.split_once('/').is_some_and(|(of, name)| of.contains("k8s.aws") && name.starts_with("stack"))
    })
}

/// Whether the AWS controller serves an Ingress. One without a class goes to the cluster's default class, which no
/// manifest tells: annotations of the controller then do.
pub(super) fn is_alb(objects: &Objects, ingress: &Ingress) -> bool {
    const CONTROLLERS: [&str; 2] = ["ingress.k8s.aws/alb", "eks.amazonaws.com/alb"];
    let annotated = || ingress.metadata.annotations.keys().any(|key| key.starts_with(annotation::PREFIX));
    match &ingress.class {
        None => annotated(),
        Some(class) => match objects.classes.iter().find(|known| known.metadata.name.value == class.value) {
            Some(known) => CONTROLLERS.contains(&known.controller.as_str()),
            None => class.value.contains("alb") || (annotated() && class.value != "nginx"),
        },
    }
}

/// The parameters of an Ingress' class: those that the class names, or, without the class, those of its name.
fn params<'a>(objects: &'a Objects, ingress: &Ingress) -> Option<&'a IngressClassParams> {
    let class = &ingress.class.as_ref()?.value;
    let known = objects.classes.iter().find(|known| known.metadata.name.value == *class);
    let name = known.map_or(Some(class), |known| known.params.as_ref())?;
    objects.params.iter().find(|params| params.metadata.name.value == *name)
}

impl<'a> Entrance<'a> {
    /// The object that leads to the Service.
    pub(super) fn metadata(&self) -> &'a Metadata {
        match self.door {
            Door::Binding(binding) => &binding.metadata,
            Door::Ingress(ingress, _) => &ingress.metadata,
            Door::Route(route, _) => &route.metadata,
        }
    }

    /// Its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self.door {
            Door::Binding(_) => "TargetGroupBinding",
            Door::Ingress(..) => "Ingress",
            Door::Route(..) => "HTTPRoute",
        }
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
            Door::Ingress(_, params) => match params.and_then(|params| params.target_type.clone()) {
                Some(of_class) => Ok(Some(of_class)),
                None => annotation::find(&self.annotated(), "target-type").map(super::network::target_type).transpose(),
            },
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
            _ => Attributes::of_annotation(annotation::find(&self.annotated(), "target-group-attributes")),
        }
    }

    /// An attribute of the load balancer: of the class' parameters, of the Ingress, or of one of its group.
    pub(super) fn load_balancer(&self, objects: &'a Objects, key: &str) -> Result<Option<At<u32>>, Error> {
        let Door::Ingress(ingress, params) = self.door else { return self.of_load_balancer()?.whole(key) };
        if let Some(of_class) = params.map(|params| params.attributes.whole(key)).transpose()?.flatten() {
            return Ok(Some(of_class));
        }
        let group = |ingress: &Ingress| annotation::find(&[&ingress.metadata], "group.name").map(|name| name.value);
        let own = group(ingress);
        let siblings = objects.ingresses.iter().filter(|other| own.is_some() && group(other) == own);
        for member in std::iter::once(ingress).chain(siblings) {
            let text = annotation::find(&[&member.metadata], "load-balancer-attributes");
            if let Some(found) = Attributes::of_annotation(text)?.whole(key)? {
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
                params.iter().for_each(|params| attributes.lay_over(&params.attributes));
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
