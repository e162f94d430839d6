//! What of the manifests concerns the rules, but no key of a scenario.

use super::draft::Notice;
use super::source::Place;

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
    /// The preStop hook is a command: it needs its program, and perhaps a shell, in the image.
    pub command_hook: Option<CommandHook>,
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

/// A preStop hook that is a command.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandHook {
    /// Where it is.
    pub place: Place,
    /// Whether it does nothing but sleep.
    pub only_sleeps: bool,
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
