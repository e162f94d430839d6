//! A scenario: everything a forecast depends on.

pub mod load;

use std::collections::BTreeSet;

use crate::aws::alb_node::LoadBalancerSpec;
use crate::aws::lbc::LbcSpec;
use crate::aws::target_group::TargetGroupSpec;
use crate::cluster::app::AppSpec;
use crate::cluster::deployment::DeploymentSpec;
use crate::cluster::pod::PodSpec;
use crate::cluster::spec::ClusterSpec;
use crate::id::RevisionId;
use crate::setting::settings;
use load::LoadSpec;

/// What a scenario file means, defaults and profiles filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name, in every output.
    pub name: String,
    /// What it is about, for people.
    pub description: String,
    /// What the Deployment says.
    pub deployment: DeploymentSpec,
    /// The revision that runs before the rollout.
    pub old: Revision,
    /// The revision that the rollout brings: `old` overlaid with `[new_revision]`.
    pub new: Revision,
    /// Hosts and hops.
    pub cluster: ClusterSpec,
    /// AWS Load Balancer Controller.
    pub lbc: LbcSpec,
    /// Target group.
    pub target_group: TargetGroupSpec,
    /// Load balancer.
    pub load_balancer: LoadBalancerSpec,
    /// Load.
    pub load: LoadSpec,
    /// Monte Carlo.
    pub monte_carlo: MonteCarloSpec,
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
}

settings! {
    /// How many replications, and how sure (`[monte_carlo]`).
    MonteCarloSpec in "monte_carlo" {
        /// Replications.
        runs: u32 = 1000, Assumed "intervals of a few percent; raise it for rare errors";
        /// Everything that chance decides follows from it.
        seed: u64 = 1, Assumed "any";
        /// Level of confidence intervals, above 0 and below 1.
        confidence: f64 = 0.95, Assumed "customary";
    }
}

impl Scenario {
    /// The template of a revision.
    pub fn revision(&self, revision: RevisionId) -> &Revision {
        if revision == RevisionId::OLD { &self.old } else { &self.new }
    }
}
