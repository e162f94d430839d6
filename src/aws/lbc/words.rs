//! What the controller hears and says.

use std::fmt;

use crate::aws::lbc::endpoint::{Endpoint, PodStatus};
use crate::aws::target::{Call, TargetState};
use crate::id::{PodId, TargetId};

/// What the controller hears.
#[derive(Debug, Clone, Copy)]
pub enum Input {
    /// A pod that runs, is registered and healthy before the load.
    Known {
        /// Which pod.
        pod: PodId,
        /// The target that stands for it.
        target: TargetId,
        /// Whether it has the gate (True, then).
        gated: bool,
    },
    /// An endpoint changed in its EndpointSlice; `None`: it left. Those of one event come at one instant.
    Endpoint {
        /// Whose endpoint.
        pod: PodId,
        /// The target that stands for its `ip:port`.
        target: TargetId,
        /// Its conditions now.
        endpoint: Option<Endpoint>,
    },
    /// A watch event of a pod; `None`: its object is gone.
    Pod {
        /// Which pod.
        pod: PodId,
        /// The target that stands for its `ip:port`.
        target: TargetId,
        /// Its status now.
        status: Option<PodStatus>,
    },
    /// Part of the answer to `DescribeTargetHealth`: a state that is not what the last answer
    /// said; `None`: no longer registered. `Returned` ends the answer.
    TargetHealth {
        /// Which target.
        target: TargetId,
        /// Its state.
        state: Option<TargetState>,
    },
    /// A call returned well.
    Returned {
        /// Which call.
        call: Call,
    },
    /// A call failed for good, after the SDK's own retries.
    Failed {
        /// Which call.
        call: Call,
    },
    /// Own wake: the call has its tokens.
    Admitted {
        /// Which call.
        call: Call,
    },
    /// Own wake: the work queue hands the item out.
    Reconcile,
    /// Own wake: a requeue may be due.
    Due,
    /// The leader is gone; what it was doing is lost.
    LeaderLost,
    /// Another replica has taken the lease: its caches are empty, and it reconciles everything once.
    LeaderElected,
}

/// What the controller says. One call of several targets says a fact for each, at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Asked for the targets' health.
    DescribeTargetHealth {
        /// The call.
        call: Call,
    },
    /// Asked to deregister a target.
    DeregisterTargets {
        /// The call.
        call: Call,
        /// One of its targets.
        target: TargetId,
    },
    /// Asked to register a target.
    RegisterTargets {
        /// The call.
        call: Call,
        /// One of its targets.
        target: TargetId,
        /// The pod behind it.
        pod: PodId,
    },
    /// Sent a patch of a pod's gate whose status has changed.
    GatePatched {
        /// Which pod.
        pod: PodId,
        /// True only for a target that is `healthy`.
        status: bool,
    },
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::DescribeTargetHealth { call } => write!(f, "asks for target health ({call})"),
            Fact::DeregisterTargets { call, target } => write!(f, "deregisters {target} ({call})"),
            Fact::RegisterTargets { call, target, pod } => {
                write!(f, "registers {target} for {pod} ({call})")
            }
            Fact::GatePatched { pod, status: true } => write!(f, "sets the gate of {pod} to True"),
            Fact::GatePatched { pod, status: false } => {
                write!(f, "sets the gate of {pod} to False")
            }
        }
    }
}
