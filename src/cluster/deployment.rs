//! The Deployment controller: how many pods of which revision there should be.

use serde::{Deserialize, Serialize};

use crate::setting::{Count, settings};
use crate::time::Span;

settings! {
    /// What the Deployment says (`[deployment]`).
    DeploymentSpec in "deployment" {
        /// Desired pods.
        replicas: u32 = 1, Documented "pkg/apis/apps/v1/defaults.go SetDefaults_Deployment";
        /// `RollingUpdate` or `Recreate`.
        strategy: Strategy = Strategy::RollingUpdate, Documented "pkg/apis/apps/v1/defaults.go SetDefaults_Deployment";
        /// Pods above `replicas` during an update: a number, or a percentage that rounds up.
        max_surge: Count = Count::Percent(25), Documented "pkg/apis/apps/v1/defaults.go; rounding: deployment_util.go ResolveFenceposts";
        /// Pods below `replicas` during an update: a number, or a percentage that rounds down; 1 if both resolve to 0.
        max_unavailable: Count = Count::Percent(25), Documented "pkg/apis/apps/v1/defaults.go; rounding: deployment_util.go ResolveFenceposts";
        /// How long a pod must be Ready to count as available; whole seconds.
        min_ready: Span = Span::ZERO, Documented "minReadySeconds, zero value of the API";
        /// Without progress for so long, the rollout is reported as stuck; whole seconds, above `min_ready`.
        progress_deadline: Span = Span::from_secs(600), Documented "progressDeadlineSeconds, pkg/apis/apps/v1/defaults.go";
    }
}

/// How an update replaces pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// A few at a time.
    RollingUpdate,
    /// All old pods end before the first new one is made.
    Recreate,
}
