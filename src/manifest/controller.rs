//! Who serves an Ingress, a Gateway or a Service of type LoadBalancer.

use super::annotation;
use super::gateway::{Gateway, Parent, Route};
use super::network::{Ingress, IngressClass, Service, TargetGroupBinding};
use super::objects::Objects;
use super::source::Place;
use super::workload::Metadata;

/// What makes the way to the pods.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Controller {
    /// An Application Load Balancer.
    Alb(Platform),
    /// Something else, by the name that people use, and what tells.
    Other(String, Option<String>),
    /// It cannot be seen from these files, and why.
    Unseen(String),
    /// Nobody: the class names no controller. Where.
    Nobody(Place),
}

/// Whose controller makes the load balancer: each reads its own labels only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Platform {
    /// The AWS Load Balancer Controller that one installs.
    Installed,
    /// EKS Auto Mode's own.
    AutoMode,
    /// One of the two.
    Unknown,
}

/// Controllers of an IngressClass that make an ALB (LBC pkg/ingress/class_loader.go; EKS guide, auto-configure-alb).
const ALB_CONTROLLERS: [(&str, Platform); 2] = [
    ("ingress.k8s.aws/alb", Platform::Installed),
    ("eks.amazonaws.com/alb", Platform::AutoMode),
];

/// Controllers of a GatewayClass (LBC docs/guide/gateway/gateway.md).
const ALB_GATEWAY: &str = "gateway.k8s.aws/alb";
const NLB_GATEWAY: &str = "gateway.k8s.aws/nlb";

/// What people call a Network Load Balancer.
const NLB: &str = "NLB";

/// Words in names of classes and controllers, and what such a thing is called.
const OTHERS: [(&str, &str); 24] = [
    ("nginx", "nginx"),
    ("traefik", "Traefik"),
    ("kong", "Kong"),
    ("haproxy", "HAProxy"),
    ("istio", "Istio"),
    ("contour", "Contour"),
    ("envoy", "Envoy Gateway"),
    ("gce", "Google Cloud"),
    ("gke", "Google Cloud"),
    ("azure", "Azure"),
    ("cilium", "Cilium"),
    ("ambassador", "Emissary"),
    ("apisix", "APISIX"),
    ("skipper", "Skipper"),
    ("tailscale", "Tailscale"),
    ("cloudflare", "Cloudflare Tunnel"),
    ("pomerium", "Pomerium"),
    ("ngrok", "ngrok"),
    ("openshift", "the OpenShift router"),
    ("citrix", "Citrix"),
    ("caddy", "Caddy"),
    ("lattice", "VPC Lattice"),
    ("linkerd", "Linkerd"),
    ("higress", "Higress"),
];

fn other(name: &str) -> Option<Controller> {
    let name = name.to_lowercase();
    let found = OTHERS.iter().find(|(word, _)| name.contains(word));
    found.map(|(_, called)| Controller::Other((*called).to_owned(), None))
}

/// Whether `word` is one of the words that a name is made of: `alb` in `internal-alb`, not in `albany`.
fn has_word(name: &str, word: &str) -> bool {
    name.split(|letter: char| !letter.is_ascii_alphanumeric())
        .any(|part| part.eq_ignore_ascii_case(word))
}

/// Who serves an Ingress. One without a class goes to the cluster's default class; where no manifest tells which that
/// is, the annotations of a controller do.
pub(super) fn of_ingress(objects: &Objects, ingress: &Ingress) -> Controller {
    let class = ingress.class.as_ref().map(|class| class.value.as_str());
    let known = objects.ingress_classes.iter().find(|known| match class {
        Some(name) => known.metadata.name.value == name,
        None => is_default(&known.metadata),
    });
    if let Some(known) = known {
        return of_class(known);
    }
    let annotated = ingress
        .metadata
        .annotations
        .keys()
        .any(|key| key.starts_with(annotation::PREFIX));
    match class {
        Some(name) => match other(name).filter(|_| !has_word(name, "alb")) {
            Some(other) => other,
            None if has_word(name, "alb") => Controller::Alb(platform_of(objects, name)),
            None => Controller::Unseen(format!("IngressClass `{name}` is not among the files")),
        },
        None if annotated => Controller::Alb(Platform::Unknown),
        None => {
            let foreign = ingress
                .metadata
                .annotations
                .keys()
                .filter(|key| key.contains(".ingress.") || key.contains("traefik"));
            let mut named = foreign.filter_map(|key| other(key));
            named.next().unwrap_or_else(|| {
                Controller::Unseen(
                    "it names no class, and no default IngressClass is among the files".to_owned(),
                )
            })
        }
    }
}

fn is_default(class: &Metadata) -> bool {
    let mark = class
        .annotations
        .get("ingressclass.kubernetes.io/is-default-class");
    mark.is_some_and(|mark| mark.value == "true")
}

fn of_class(class: &IngressClass) -> Controller {
    let Some(controller) = &class.controller else {
        return Controller::Nobody(class.metadata.name.place.clone());
    };
    match ALB_CONTROLLERS
        .iter()
        .find(|(name, _)| *name == controller.value)
    {
        Some((_, platform)) => Controller::Alb(*platform),
        None => {
            let detail = Some(format!(
                "the controller of IngressClass `{}` is `{}`",
                class.metadata.name.value, controller.value
            ));
            match other(&controller.value) {
                Some(Controller::Other(name, _)) => Controller::Other(name, detail),
                _ => Controller::Other(controller.value.clone(), detail),
            }
        }
    }
}

/// Without the class, its parameters may tell.
fn platform_of(objects: &Objects, class: &str) -> Platform {
    match objects
        .params
        .iter()
        .find(|params| params.metadata.name.value == class)
    {
        Some(params) if params.is_auto_mode => Platform::AutoMode,
        Some(_) => Platform::Installed,
        None => Platform::Unknown,
    }
}

/// Who serves the target group of a TargetGroupBinding: somebody else made it, for a listener of its protocol.
pub(super) fn of_binding(binding: &TargetGroupBinding) -> Controller {
    match &binding.protocol {
        Some(protocol) if !["HTTP", "HTTPS"].contains(&protocol.value.as_str()) => {
            Controller::Other(NLB.to_owned(), None)
        }
        _ if binding.is_auto_mode => Controller::Alb(Platform::AutoMode),
        _ => Controller::Alb(Platform::Installed),
    }
}

/// Who serves a route: its first gateway that an ALB serves, or else its first.
pub(super) fn of_route(objects: &Objects, route: &Route) -> Controller {
    let mut served: Vec<Controller> = route
        .parents
        .iter()
        .map(|parent| of_parent(objects, route, parent))
        .collect();
    let alb = served
        .iter()
        .position(|controller| matches!(controller, Controller::Alb(_)));
    match alb {
        Some(at) => served.swap_remove(at),
        None => served
            .into_iter()
            .next()
            .unwrap_or_else(|| Controller::Unseen("it names no parent".to_owned())),
    }
}

fn of_parent(objects: &Objects, route: &Route, parent: &Parent) -> Controller {
    if parent.kind != "Gateway" {
        return Controller::Other("a mesh".to_owned(), None);
    }
    match parent.gateway(objects, route) {
        Some(gateway) => of_gateway(objects, gateway),
        None => Controller::Unseen(format!(
            "Gateway `{}` is not among the files",
            parent.name.value
        )),
    }
}

fn of_gateway(objects: &Objects, gateway: &Gateway) -> Controller {
    let name = &gateway.class.value;
    let of_class = |detail| Controller::Other(format!("Gateway class {name}"), detail);
    match objects
        .gateway_classes
        .iter()
        .find(|class| class.metadata.name.value == *name)
    {
        Some(class) => match class
            .controller
            .as_ref()
            .map(|controller| controller.value.as_str())
        {
            Some(ALB_GATEWAY) => Controller::Alb(Platform::Installed),
            Some(NLB_GATEWAY) => Controller::Other(NLB.to_owned(), None),
            Some(controller) => of_class(Some(format!("its controller is `{controller}`"))),
            None => Controller::Nobody(class.metadata.name.place.clone()),
        },
        None if has_word(name, "alb") => Controller::Alb(Platform::Installed),
        None if has_word(name, "nlb") => Controller::Other(NLB.to_owned(), None),
        None if other(name).is_some() || name == "eg" => of_class(None),
        None => Controller::Unseen(format!("GatewayClass `{name}` is not among the files")),
    }
}

/// The load balancer that a Service asks for itself, if it does: never an ALB.
pub(super) fn of_service(service: &Service) -> Option<Controller> {
    const PREFIX: &str = "service.beta.kubernetes.io/aws-load-balancer-";
    service
        .kind
        .as_ref()
        .filter(|kind| kind.value == "LoadBalancer")?;
    let annotations = &service.metadata.annotations;
    let kind = annotations
        .get(&format!("{PREFIX}type"))
        .map(|kind| kind.value.as_str());
    let class = service
        .load_balancer_class
        .as_ref()
        .map(|class| class.value.as_str());
    let name = match (class, kind) {
        (Some("service.k8s.aws/nlb" | "eks.amazonaws.com/nlb"), _) => NLB,
        (Some(class), _) => class,
        (None, Some("nlb" | "nlb-ip" | "external")) => NLB,
        (None, _) => "NLB or Classic Load Balancer",
    };
    Some(Controller::Other(
        name.to_owned(),
        Some("the Service is of type LoadBalancer".to_owned()),
    ))
}
