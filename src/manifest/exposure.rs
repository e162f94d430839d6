//! What leads requests to the pods of a workload, decided before anything is simulated.

use std::collections::BTreeMap;

use super::controller::{self, Controller};
use super::entrance::{Door, Entrance, is_made_by_controller, together};
use super::load_balancer_configuration::Configurations;
use super::network::{Backend, Service};
use super::objects::Objects;
use super::source::{At, Place};
use super::workload::{Metadata, Port};

/// One way to the pods of a Service.
#[derive(Debug)]
pub(super) struct Way<'a> {
    pub(super) service: &'a Service,
    /// The Service's port that is named, if one is.
    pub(super) port: Option<&'a At<Port>>,
    pub(super) lead: Lead<'a>,
    pub(super) controller: Controller,
}

/// What leads there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lead<'a> {
    /// An object that can make a target group of an ALB.
    Door(Door<'a>),
    /// A route of a proxy in the cluster, and its kind.
    ProxyRoute(&'a Metadata, &'a str),
    /// The Service's own load balancer.
    Service(&'a Metadata),
}

impl<'a> Lead<'a> {
    pub(super) fn metadata(self) -> &'a Metadata {
        match self {
            Lead::Door(door) => door.metadata(),
            Lead::ProxyRoute(metadata, _) | Lead::Service(metadata) => metadata,
        }
    }

    fn kind(self) -> &'a str {
        match self {
            Lead::Door(door) => door.kind(),
            Lead::ProxyRoute(_, kind) => kind,
            Lead::Service(_) => "Service",
        }
    }

    /// `Ingress shop/web`
    pub(super) fn called(self) -> String {
        format!("{} {}", self.kind(), self.metadata().called())
    }
}

/// What the ways to a workload come to.
#[derive(Debug)]
pub(super) enum Exposed<'a> {
    /// An ALB leads there, by these entrances; and the other ways there are.
    Alb(Vec<Entrance<'a>>, Vec<Way<'a>>),
    /// Not an ALB, as far as can be seen: the way that says so.
    Not(Way<'a>),
    /// Nothing in these files leads there.
    Nothing,
}

/// Every way to the pods of these Services, in the order of the controller's own objects: bindings, Ingresses, routes,
/// then proxies' routes and the Services' own load balancers.
pub(super) fn ways<'a>(objects: &'a Objects, services: &[&'a Service]) -> Vec<Way<'a>> {
    let mut ways = Vec::new();
    for &service in services {
        let (name, namespace) = (&service.metadata.name.value, service.metadata.namespace());
        let doors = objects.doors_to(name).filter_map(|door| {
            let backend = door
                .backends()
                .iter()
                .find(|backend| names(door.metadata(), backend, service))?;
            Some((door, backend.port.as_ref()))
        });
        ways.extend(doors.map(|(door, port)| Way {
            service,
            port,
            lead: Lead::Door(door.configured(objects, service)),
            controller: door.controller(objects, Some(service)),
        }));
        let routes = objects
            .proxy_routes_to(name)
            .filter(|route| route.leads_to(name, namespace));
        ways.extend(routes.map(|route| Way {
            service,
            port: None,
            lead: Lead::ProxyRoute(&route.metadata, &route.kind),
            controller: Controller::Other(route.proxy.to_owned(), None),
        }));
        let own = controller::of_service(service).map(|controller| Way {
            service,
            port: None,
            lead: Lead::Service(&service.metadata),
            controller,
        });
        ways.extend(own);
    }
    ways
}

/// Every object that can make a target group.
pub(super) fn doors(objects: &Objects) -> impl Iterator<Item = Door<'_>> {
    (0..).map_while(|row| door(objects, row))
}

/// One of them: bindings, then Ingresses, then routes.
pub(super) fn door(objects: &Objects, row: usize) -> Option<Door<'_>> {
    if let Some(binding) = objects.bindings.get(row) {
        return Some(Door::Binding(binding));
    }
    let row = row.checked_sub(objects.bindings.len())?;
    if let Some(ingress) = objects.ingresses.get(row) {
        return Some(Door::Ingress(ingress, None));
    }
    let route = objects
        .routes
        .get(row.checked_sub(objects.ingresses.len())?)?;
    Some(Door::Route(route, Configurations::default()))
}

/// Whether a backend is this Service.
pub(super) fn names(lead: &Metadata, backend: &Backend, service: &Service) -> bool {
    backend.service.value == service.metadata.name.value
        && match &backend.namespace {
            Some(namespace) => [namespace.as_str(), ""].contains(&service.metadata.namespace()),
            None => together(lead, &service.metadata),
        }
}

/// Decides: an ALB if there is one among the ways; else what is known not to be one; else what cannot be seen.
pub(super) fn decide<'a>(ways: Vec<Way<'a>>) -> Exposed<'a> {
    let mut entrances: Vec<Entrance<'a>> = ways.iter().filter_map(Way::entrance).collect();
    // In a dump of a cluster the controller's own bindings stand beside what it made them of.
    if entrances
        .iter()
        .any(|entrance| !matches!(entrance.door, Door::Binding(_)))
    {
        entrances.retain(
            |entrance| !matches!(entrance.door, Door::Binding(of) if is_made_by_controller(of)),
        );
    }
    if !entrances.is_empty() {
        let others = ways
            .into_iter()
            .filter(|way| !matches!(way.controller, Controller::Alb(_)));
        return Exposed::Alb(entrances, others.collect());
    }
    let rank = |way: &Way<'_>| match way.controller {
        Controller::Nobody(_) => 0,
        Controller::Unseen(_) => 2,
        Controller::Other(..) | Controller::Alb(_) => 1,
    };
    ways.into_iter()
        .min_by_key(rank)
        .map_or(Exposed::Nothing, Exposed::Not)
}

impl<'a> Way<'a> {
    fn entrance(&self) -> Option<Entrance<'a>> {
        let (Controller::Alb(platform), Lead::Door(door)) = (&self.controller, self.lead) else {
            return None;
        };
        Some(Entrance {
            service: self.service,
            port: self.port,
            door,
            platform: *platform,
        })
    }

    /// `Ingress shop/web (nginx) → Service web:80`
    pub(super) fn route(&self) -> String {
        let by = match &self.controller {
            Controller::Other(name, _) => name.as_str(),
            Controller::Alb(_) => "ALB",
            Controller::Unseen(_) => "of an unknown controller",
            Controller::Nobody(_) => "of no controller",
        };
        format!(
            "{} ({by}) → {}",
            self.lead.called(),
            service_and_port(self.service, self.port)
        )
    }

    /// Why there is no forecast of it.
    pub(super) fn why_not(&self) -> String {
        const NOT: &str = "not an ALB, which is all that is forecast";
        match &self.controller {
            Controller::Unseen(why) => why.clone(),
            Controller::Other(_, Some(detail)) => format!("{detail}: {NOT}"),
            _ => NOT.to_owned(),
        }
    }

    /// The pods' port that it leads to.
    pub(super) fn target(&self) -> Option<&'a Port> {
        self.service
            .port(self.port.map(|port| &port.value))
            .map(|port| &port.target.value)
    }

    pub(super) fn place(&self) -> &'a Place {
        &self.lead.metadata().name.place
    }
}

/// `Deployment web:8080`: a workload and its pods' port, by number where a container declares its name.
pub(super) fn workload_and_port<'p>(
    workload: &str,
    target: Option<&Port>,
    mut declared: impl Iterator<Item = (&'p Option<String>, u32)>,
) -> String {
    match target {
        Some(Port::Number(number)) => format!("{workload}:{number}"),
        Some(Port::Name(name)) => match declared.find(|(known, _)| known.as_ref() == Some(name)) {
            Some((_, number)) => format!("{workload}:{number}"),
            None => format!("{workload}:{name}"),
        },
        None => workload.to_owned(),
    }
}

/// `Service web:80`
pub(super) fn service_and_port(service: &Service, named: Option<&At<Port>>) -> String {
    let name = &service.metadata.name.value;
    match (
        service.port(named.map(|port| &port.value)),
        named.map(|port| &port.value),
    ) {
        (Some(port), _) => format!("Service {name}:{}", port.number),
        (None, Some(Port::Name(port))) => format!("Service {name}:{port}"),
        (None, Some(Port::Number(port))) => format!("Service {name}:{port}"),
        (None, None) => format!("Service {name}"),
    }
}

/// The Services that select pods of these labels, in this object's namespace.
pub(super) fn services<'a>(
    objects: &'a Objects,
    workload: &Metadata,
    labels: &BTreeMap<String, At<String>>,
) -> Vec<&'a Service> {
    let selects =
        |service: &&Service| together(&service.metadata, workload) && service.selects(labels);
    objects.services_by_labels(labels).filter(selects).collect()
}
