//! What of the manifests concerns the rules, but no key of a scenario.

use super::source::Place;

/// Facts about one Deployment and its surroundings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    /// Whether something leads requests of a load balancer to the pods.
    pub exposed: bool,
    /// The namespace's label that asks for readiness gates, where it is set.
    pub gate_label: Option<Place>,
    /// The preStop hook is a command: it needs its program, and perhaps a shell, in the image.
    pub command_hook: Option<CommandHook>,
    /// Rules that the Deployment's annotation `rollcast/ignore` switches off.
    pub ignored: Vec<Ignored>,
    /// Names for patches.
    pub names: Names,
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
    /// The container that serves.
    pub container: String,
    /// The Service.
    pub service: Option<String>,
    /// The Ingress.
    pub ingress: Option<String>,
}
