//! A scenario: everything a forecast depends on.
//!
//! Two stages: a [`document::Document`] is exactly what was written, a [`Scenario`] is what it means.

#![warn(clippy::string_slice)]

mod check;
pub mod client;
mod disturbances;
pub mod document;
pub mod ends;
pub mod keys;
mod layer;
pub mod load;
pub mod merge;
pub mod objectives;
mod print;
pub mod prior;
pub mod profile;
pub mod project;
mod resolve;
pub mod rollout;
mod target_groups;
mod version;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use crate::aws::alb_node::LoadBalancerSpec;
use crate::aws::lbc::LbcSpec;
use crate::aws::target_group::{OtherTargetGroupSpec, TargetGroupSpec, TargetType};
use crate::cluster::app::AppSpec;
use crate::cluster::deployment::DeploymentSpec;
use crate::cluster::disruption::PodDisruptionBudgetSpec;
use crate::cluster::kube_proxy::KubeProxySpec;
use crate::cluster::pod::PodSpec;
use crate::cluster::service::ServiceSpec;
use crate::cluster::spec::ClusterSpec;
use crate::cluster::workload::DeploymentObject;
use crate::dist::Dist;
use crate::disturbance::Disturbance;
use crate::error::Error;
use crate::id::{RevisionId, TargetGroupId};
use crate::scenario::rollout::Change;
use crate::setting::settings;
use crate::time::Span;
pub use document::Document;
pub use keys::settings;
use load::LoadSpec;
use objectives::ObjectivesSpec;
pub use print::Assumption;
use rollout::Step;

/// What a scenario file means, defaults and profiles filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name, in every output.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// What the Deployment says.
    pub deployment: DeploymentSpec,
    /// The pod templates, in order of appearance: the row is the [`RevisionId`]. At least two, the
    /// one that runs before the rollout and the one that it brings.
    pub revisions: Vec<Revision>,
    /// What the rollout does, in order of time.
    pub steps: Vec<Step>,
    /// The Service.
    pub service: ServiceSpec,
    /// The budget that evictions respect.
    pub pod_disruption_budget: PodDisruptionBudgetSpec,
    /// What befalls the cluster meanwhile; the place in this list is the address of a disturbance's draws.
    pub disturbances: Vec<Disturbance>,
    /// Hosts and hops.
    pub cluster: ClusterSpec,
    /// kube-proxy.
    pub kube_proxy: KubeProxySpec,
    /// AWS Load Balancer Controller.
    pub lbc: LbcSpec,
    /// Target group.
    pub target_group: TargetGroupSpec,
    /// Further target groups of the same pods.
    pub other_target_groups: Vec<OtherTargetGroupSpec>,
    /// Load balancer.
    pub load_balancer: LoadBalancerSpec,
    /// Load.
    pub load: LoadSpec,
    /// Monte Carlo.
    pub monte_carlo: MonteCarloSpec,
    /// What a configuration is held to.
    pub objectives: ObjectivesSpec,
    /// What a sweep varies: dotted key → list or range, as written.
    pub sweep: BTreeMap<String, toml::Value>,
    /// Dotted keys that the user gave, rather than left to their defaults.
    pub given: BTreeSet<String>,
}

/// A pod template and the process in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Revision {
    /// The pod template.
    pub pod: PodSpec,
    /// The process.
    pub app: AppSpec,
    /// Whether its readiness probe fails for ever.
    pub never_ready: bool,
    /// The process crashes so long after its container started.
    pub crash_after: Option<Dist>,
    /// Its image is pulled first, which takes so long.
    pub image_pull: Option<Dist>,
    /// Its image does not exist.
    pub image_missing: bool,
}

settings! {
    /// How many replications, and how sure (`[monte_carlo]`).
    MonteCarloSpec in "monte_carlo" {
        /// Replications.
        runs: u32 = 1000, (at least 1) Assumed "intervals of a few percent; raise it for rare errors";
        /// Everything that chance decides follows from it.
        seed: u64 = 1, Assumed "any";
        /// Level of confidence intervals, above 0 and below 1.
        confidence: f64 = 0.95, (above 0, below 1) Assumed "customary";
    }
}

impl Scenario {
    /// The template of a revision.
    ///
    /// # Panics
    /// If no revision has this number, which is a bug: numbers are made by [`Document::resolve`].
    pub fn revision(&self, revision: RevisionId) -> &Revision {
        &self.revisions[usize::from(revision.0)]
    }

    /// Whether targets are hosts with a node port, not pods.
    pub fn is_by_host(&self) -> bool {
        self.target_group.target_type == TargetType::Instance
    }

    /// The target groups of the pods, the first one first.
    pub fn target_groups(&self) -> impl Iterator<Item = TargetGroupId> + use<> {
        (0..=self.other_target_groups.len() as u8).map(TargetGroupId)
    }

    /// The numbers of the nodes in front of a target group; those of all load balancers are numbered through.
    pub fn alb_nodes(&self, group: TargetGroupId) -> Range<u8> {
        let others = self.other_target_groups.iter().map(|other| other.nodes);
        let mut counts = std::iter::once(self.load_balancer.nodes).chain(others);
        let start = counts.by_ref().take(group.index()).sum();
        start..start + counts.next().unwrap_or(0)
    }

    /// What a target group is called.
    pub fn name_of(&self, group: TargetGroupId) -> String {
        let other = group
            .index()
            .checked_sub(1)
            .and_then(|row| self.other_target_groups.get(row));
        other
            .and_then(|other| other.name.clone())
            .unwrap_or_else(|| format!("target-group-{}", group.0 + 1))
    }

    /// Pods that run before the rollout: none if it begins with the Deployment's creation.
    pub fn pods_at_first(&self) -> u32 {
        if self.begins_with_creation() {
            0
        } else {
            self.deployment.replicas
        }
    }

    /// Whether there is no Deployment before the rollout.
    pub fn begins_with_creation(&self) -> bool {
        self.steps
            .first()
            .is_some_and(|step| step.change == Change::Create)
    }

    /// What the Deployment says after each step that changes it, with the time since the rollout's start.
    pub fn deployment_over_time(&self) -> impl Iterator<Item = (Span, DeploymentObject)> {
        let start = DeploymentObject {
            replicas: self.deployment.replicas,
            revision: RevisionId::OLD,
            paused: false,
        };
        self.steps.iter().scan(start, |object, step| {
            match step.change {
                Change::NewRevision(revision) => object.revision = revision,
                Change::Rollback => object.revision = RevisionId::OLD,
                Change::Replicas(replicas) => object.replicas = replicas,
                Change::Paused(paused) => object.paused = paused,
                Change::Create | Change::DeletePods(_) => {}
            }
            Some((step.at, *object))
        })
    }
}

/// Nothing given: all defaults.
impl Default for Scenario {
    fn default() -> Scenario {
        Scenario {
            name: "unnamed".to_owned(),
            description: String::new(),
            deployment: DeploymentSpec::default(),
            revisions: vec![Revision::default(); 2],
            steps: vec![Step::new_revision()],
            service: ServiceSpec::default(),
            pod_disruption_budget: PodDisruptionBudgetSpec::default(),
            disturbances: Vec::new(),
            cluster: ClusterSpec::default(),
            kube_proxy: KubeProxySpec::default(),
            lbc: LbcSpec::default(),
            target_group: TargetGroupSpec::default(),
            other_target_groups: Vec::new(),
            load_balancer: LoadBalancerSpec::default(),
            load: LoadSpec::default(),
            monte_carlo: MonteCarloSpec::default(),
            objectives: ObjectivesSpec::default(),
            sweep: BTreeMap::new(),
            given: BTreeSet::new(),
        }
    }
}

/// Reads a scenario file; `-` is stdin.
///
/// # Errors
/// The file cannot be read or is no scenario: what is wrong, where, and what to write instead.
pub fn load(path: &Path) -> Result<Scenario, Error> {
    Document::read(path)?.resolve()
}
