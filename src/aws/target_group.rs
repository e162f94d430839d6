//! The target group as the API shows it. `draining` here does not mean that any node has stopped.

use serde::{Deserialize, Serialize};

use crate::aws::health_check::HealthCheckSpec;
use crate::setting::settings;
use crate::time::Span;

settings! {
    /// The target group (`[target_group]`).
    TargetGroupSpec in "target_group" {
        /// What a target is: a pod's `ip`, or an `instance` with its node port.
        target_type: TargetType = TargetType::Ip, Documented "annotation target-type; the controller's own default is instance, the forecast's subject is ip";
        /// How long requests in flight to a deregistered target may go on; 0 s to 3600 s.
        deregistration_delay: Span = Span::from_secs(300), Documented "deregistration_delay.timeout_seconds (elbv2 API)";
        /// How a node chooses among healthy targets: `round_robin`, `least_outstanding_requests` or `weighted_random`.
        algorithm: Algorithm = Algorithm::RoundRobin, Documented "load_balancing.algorithm.type (elbv2 API)";
        /// Over how long a new target's share rises to the full one; 0 s is off, else 30 s to 900 s.
        slow_start: Span = Span::ZERO, Documented "slow_start.duration_seconds (elbv2 API)";
        /// The load balancer's health checks (`[target_group.health_check]`).
        health_check: HealthCheckSpec = HealthCheckSpec::default(), Documented "see target_group.health_check.*";
    }
}

/// What the target group registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetType {
    /// Pod IPs.
    Ip,
    /// Hosts with a node port.
    Instance,
}

/// How a node chooses a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// In turn.
    RoundRobin,
    /// The one with the fewest requests in flight.
    LeastOutstandingRequests,
    /// At random.
    WeightedRandom,
}
