//! What of the manifests concerns the rules, but no key of a scenario.

use super::source::Place;
use crate::time::Span;

/// Facts about one Deployment and its surroundings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Whether something leads requests of a load balancer to the pods.
    pub exposed: bool,
    /// The namespace's label that asks for readiness gates, where it is set.
    pub gate_label: Option<Place>,
    /// The preStop hook of the container that serves.
    pub hook: Option<HookFacts>,
    /// Rules that the Deployment's annotation `rollcast/ignore` switches off.
    pub ignored: Vec<Ignored>,
    /// Names for patches.
    pub names: Names,
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
    /// The container that serves.
    pub container: String,
    /// The Service.
    pub service: Option<String>,
    /// The Ingress.
    pub ingress: Option<String>,
}
