//! One node of the load balancer: what it believes about each target. Belief only; requests come later.

use serde::{Deserialize, Serialize};

use crate::dist::Dist;
use crate::setting::settings;
use crate::time::Span;

settings! {
    /// The Application Load Balancer (`[load_balancer]`).
    LoadBalancerSpec in "load_balancer" {
        /// Nodes that the load balancer runs, each with its own routing table; 1 to 100.
        nodes: u8 = 2, Documented "at least one per enabled zone, two zones at least (AWS guide, application-load-balancers)";
        /// How long a connection may stay without data before it is closed: the longest wait for an answer.
        idle_timeout: Span = Span::from_secs(60), Documented "idle_timeout.timeout_seconds (elbv2 API)";
        /// How long a connect to a target may take: after it the client gets a 504.
        connect_timeout: Span = Span::from_secs(10), Documented "AWS guide, load-balancer-troubleshooting, HTTP 504; not an attribute";
        /// From a node to a target and back: what a new connection costs, and how late the target's FIN may come.
        round_trip: Span = Span::from_millis(1), Assumed "targets in the VPC of the load balancer, half of them in another zone";
        /// From the answer to DeregisterTargets until a node stops choosing the target: a preset (`published`, `fast`, `typical`, `slow`) or a span.
        deregistration_propagation: DeregistrationPropagation = DeregistrationPropagation::Preset(DeregistrationPreset::Published), Assumed "eleven published observations from 3 s to 60 s (LBC#2366, LBC#1064, ecs-agent#2316, pod-graceful-drain, the 2023 load test)";
        /// From the answer to RegisterTargets until a node starts to check the target's health: `typical` or a span.
        registration_propagation: RegistrationPropagation = RegistrationPropagation::Typical, Assumed "U(1, 3) s, then the node's own health-check phase; all published data lie below 15 s (LBC#1834, containers-roadmap#1270)";
        /// Of the connects to a removed pod IP, the share that ends as 502 after about 3.1 s, not as 504: `silent` (0), `published`, or a number from 0 to 1.
        host_unreachable_share: HostUnreachableShare = HostUnreachableShare::Fixed(0.0), Assumed "0 fits the 2023 load test, about 0.8 fits easoncao.com";
        /// What a node does when no target is healthy: `fail_open` (draining targets, then any registered one) or `strict` (503).
        no_routable_target: NoRoutableTarget = NoRoutableTarget::FailOpen, Assumed "AWS documents fail-open for unhealthy targets only; evidence on initial and draining ones conflicts (og-aws#116)";
    }
}

/// Lag from the answer to `DeregisterTargets` until one node stops choosing the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DeregistrationPropagation {
    /// A named prior.
    Preset(DeregistrationPreset),
    /// The user's own: drawn per target and node.
    Span(Dist),
}

/// Named priors of the deregistration lag. Per target and node the lag is M × log-normal(σ 0.25);
/// with 2 % per deregistration an extra U(10, 45) s strikes all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeregistrationPreset {
    /// M differs between environments: log-normal, p50 7 s, p95 18 s.
    Published,
    /// M = 4 s.
    Fast,
    /// M = 7 s.
    Typical,
    /// M = 18 s.
    Slow,
}

/// Lag from the answer to `RegisterTargets` to the node's first health check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationPropagation {
    /// U(1, 3) s, then a health-check phase U(0, min(interval, 10 s)).
    Typical,
    /// The user's own span in place of U(1, 3) s.
    #[serde(untagged)]
    Span(Dist),
}

/// Share of connects to a removed pod IP that end as host unreachable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostUnreachableShare {
    /// None.
    Silent,
    /// 0 with probability 0.6, else U(0.3, 0.9), drawn once per environment.
    Published,
    /// The user's own, from 0 to 1.
    #[serde(untagged)]
    Fixed(f64),
}

/// What a node does when it knows no healthy target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRoutableTarget {
    /// Keeps choosing draining targets until it learns of their removal, then any registered one; 503 only with none.
    FailOpen,
    /// 503 at once.
    Strict,
}

/// What a node believes of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Belief {
    /// Registered, no health check passed yet.
    Initial,
    /// Chosen by the routing algorithm.
    Healthy,
    /// Failed `unhealthy_threshold` checks in a row.
    Unhealthy,
    /// Known to be deregistered: no new requests (unless nothing else is left), those in flight go on.
    Draining,
    /// Not in the node's table. Requests still in flight when a draining target leaves it are cut.
    Gone,
}
