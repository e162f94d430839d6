//! The words that the AWS rooms share: a target, its state in the API, a call of the API.

use std::fmt;

use serde::Serialize;

use crate::id::{PodId, TargetId};

/// One call of the ELB API, numbered in the order in which the controller makes them.
///
/// It is also the version of what the call changed: of two changes that travel to a node, the one
/// with the greater number is the newer, whichever arrives first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Call(pub u32);

impl Call {
    /// What was done before the load started.
    pub const INITIAL: Call = Call(0);

    /// The call after this one.
    #[must_use]
    pub const fn next(self) -> Call {
        Call(self.0 + 1)
    }
}

/// `TargetHealth.State`, as `DescribeTargetHealth` shows it (elbv2 API).
///
/// `unused` and `unavailable` do not occur: the target group is attached to a listener and has
/// health checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// Registered; not every node has finished its first health check.
    Initial,
    /// Every node has found it healthy.
    Healthy,
    /// At least one node has found it unhealthy.
    Unhealthy,
    /// Deregistered, the deregistration delay not over.
    Draining,
}

/// The target that stands for a pod's `ip:port`, with target type `ip`, if no earlier pod had that IP.
pub const fn target_of(pod: PodId) -> TargetId {
    TargetId(pod.index() as u16)
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}", self.0)
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetState::Initial => "initial",
            TargetState::Healthy => "healthy",
            TargetState::Unhealthy => "unhealthy",
            TargetState::Draining => "draining",
        })
    }
}
