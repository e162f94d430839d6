//! What only targets that are hosts have, and what they cannot have.

use super::Places;
use crate::aws::health_check::HealthCheckPort;
use crate::cluster::service::ExternalTrafficPolicy;
use crate::disturbance::Disturbance;
use crate::error::Error;
use crate::scenario::Scenario;

pub(super) fn check(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let (kind, policy, port) = (
        "target_group.target_type",
        "service.external_traffic_policy",
        "target_group.health_check.port",
    );
    let local = scenario.service.external_traffic_policy == ExternalTrafficPolicy::Local;
    let own_port = scenario.target_group.health_check.port == HealthCheckPort::HealthCheckNodePort;
    if own_port && !(scenario.is_by_host() && local) {
        return Err(at
            .refuse(&[port], "only a Service with the policy `Local` has a healthCheckNodePort, for hosts as targets")
            .hint("write `target_type = \"instance\"` and `external_traffic_policy = \"Local\"`, or leave it out"));
    }
    if !scenario.is_by_host() {
        return match local {
            true => Err(at
                .refuse(
                    &[policy],
                    "`external_traffic_policy` says where node ports lead, and targets are pods",
                )
                .hint("write `target_type = \"instance\"`, or leave it out")),
            false => Ok(()),
        };
    }
    if scenario
        .revisions
        .iter()
        .any(|revision| revision.pod.readiness_gate)
    {
        return Err(at
            .refuse(
                &["pod.readiness_gate", kind],
                "a pod that is no target has no readiness gate",
            )
            .hint("the controller injects gates for target type \"ip\" only: leave it out"));
    }
    if scenario.cluster.ip_reuse > 0.0 {
        return Err(at
            .refuse(
                &["cluster.ip_reuse", kind],
                "a host is a target whatever becomes of its pods' IPs",
            )
            .hint("leave it out: kube-proxy forgets a pod long before its IP has cooled down"));
    }
    if scenario.disturbances.iter().any(takes_a_host) {
        let hint = "node_drain and pod_kill are; so is every disturbance with target type \"ip\"";
        return Err(at.not_modelled(kind, "\"instance\" and a host that is lost", hint));
    }
    Ok(())
}

/// The host's own way out of the target group, with packets that wander about on the way, is left out.
const fn takes_a_host(disturbance: &Disturbance) -> bool {
    matches!(
        disturbance,
        Disturbance::SpotInterruption(_)
            | Disturbance::GracefulNodeShutdown(_)
            | Disturbance::NodeLoss(_)
            | Disturbance::ZoneOutage(_)
    )
}
