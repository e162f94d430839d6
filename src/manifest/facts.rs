//! What of the manifests concerns the rules, but no key of a scenario.

use super::draft::Notice;
use super::source::Place;
use crate::time::Span;

/// Facts about one Deployment and its surroundings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// What leads requests to the pods.
    pub exposure: Exposure,
    /// What of the pods is not modelled: where, and why.
    pub unmodelled: Option<Notice>,
    /// References on the way to the pods that lead nowhere: where, and why.
    pub references: Vec<Notice>,
    /// The namespace's label that asks for readiness gates, where it is set.
    pub gate_label: Option<Place>,
    /// The preStop hook of the container that serves.
    pub hook: Option<HookFacts>,
    /// Rules that the Deployment's annotation `rollcast/ignore` switches off.
    pub ignored: Vec<Ignored>,
    /// Names for patches.
    pub names: Names,
}

/// What leads requests to the pods of a Deployment.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Exposure {
    /// An ALB: `Ingress shop/web (ALB, ip targets) → Service web:80 → Deployment web:8080`.
    Alb(String),
    /// Something that is not modelled: likewise, and where.
    Other(Notice),
    /// These files do not tell what it is: likewise, and why not.
    Unseen(Notice),
    /// An object whose class names no controller: nobody serves it.
    Broken(String),
    /// Nothing in these files.
    #[default]
    Nothing,
}

/// A preStop hook.
#[derive(Debug, Clone, PartialEq)]
pub struct HookFacts {
    /// Where it is.
    pub place: Place,
    /// Whether it is a command: it needs its program, and perhaps a shell, in the image.
    pub command: bool,
    /// Whether it does nothing but let time pass, so that a sleep may take its place.
    pub only_waits: bool,
    /// Why the pods serve on for less than its words seem to say.
    pub why: Option<String>,
    /// What of it is not read, unless the user says what it comes to.
    pub not_read: Option<NotRead>,
}

/// A preStop hook of which nobody knows for how long the pods serve on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRead {
    /// The words that are not read, between backticks.
    pub what: String,
    /// The pods serve on for so long at least.
    pub least: Span,
    /// And for so long at most; absent: only the grace period bounds it.
    pub most: Option<Span>,
}

/// One entry of `rollcast/ignore: RL003=reason`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ignored {
    /// The rule.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// The annotation.
    pub place: Place,
}

/// The objects that a patch would change.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Names {
    /// The Deployment.
    pub deployment: String,
    /// Its namespace, where it is known.
    pub namespace: Option<String>,
    /// The container that serves, and those that may serve behind it.
    pub containers: Vec<String>,
    /// The label of a namespace that asks the controller for readiness gates.
    pub gate_label: &'static str,
    /// The Service.
    pub service: Option<String>,
    /// The Ingress.
    pub ingress: Option<String>,
    /// The attributes of the target group as an annotation has them, where one can: behind an Ingress.
    pub target_group_attributes: Option<String>,
    /// The attributes of the load balancer as the Ingress' annotation has them.
    pub load_balancer_attributes: String,
}

impl Names {
    /// The Deployment, as `Deployment shop/web`.
    pub fn object(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("Deployment {namespace}/{}", self.deployment),
            None => format!("Deployment {}", self.deployment),
        }
    }
}
