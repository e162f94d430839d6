//! The rules: each looks at one thing, and says what to change.
//!
//! Sources: Kubernetes' and the AWS Load Balancer Controller's documentation and source, and the AWS guide.

mod hook;
mod limits;
mod look;
mod rollout;
#[cfg(test)]
mod tests;

use super::Severity;
use super::fix::Edit;
use super::subject::{Spot, Subject};
use crate::pre_stop::Advice;
pub(super) use rollout::{OF_ROLLOUTS, Rollouts};

/// Something to look for.
pub struct Rule {
    /// `RL001`: never reused.
    pub id: &'static str,
    /// A short name.
    pub name: &'static str,
    /// How bad it is where the simulation does not say otherwise.
    pub severity: Severity,
    /// What is wrong, for any configuration.
    pub summary: &'static str,
    /// Why that costs requests.
    pub explanation: &'static str,
    /// Who says so.
    pub source: &'static str,
    /// Looks.
    pub(super) look: fn(&Subject) -> Option<Found>,
}

/// What a look found.
pub(super) struct Found {
    /// The keys that are to blame, the most telling first.
    pub(super) keys: &'static [&'static str],
    /// Where, if no key tells.
    pub(super) spot: Option<Spot>,
    /// What is wrong here.
    pub(super) message: String,
    /// What the load balancer's lag asks of preStop, where that is what is wrong.
    pub(super) need: Option<Advice>,
    /// What to change; nothing where no setting helps.
    pub(super) fix: Vec<Edit>,
    /// What to do by hand, where no patch may.
    pub(super) advice: Option<String>,
    /// The rule's severity, unless this case is worth less.
    pub(super) severity: Option<Severity>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// Two rules are one if they have one number.
impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}

/// Also found where there are no pods, and so no configuration to look at.
pub(super) const LEADS_NOWHERE: Rule = Rule {
    id: "RL017",
    name: "leads-nowhere",
    severity: Severity::Error,
    summary: "a reference on the way to the pods leads nowhere, or Kubernetes refuses an object",
    explanation: "The controller registers the pods that the Service selects, at the port that the Service names. Where one of these names fits nothing, the target group stays empty or is not made, and the ALB answers 503 to every request, rollout or not.",
    source: "EndpointSlice controller, FindPort in pkg/api/v1/pod/util.go; LBC pkg/k8s/service_utils.go",
    look: look::leads_nowhere,
};

/// All rules, in the order of their numbers.
pub const RULES: &[Rule] = &[
    Rule {
        id: "RL001",
        name: "pre-stop-too-short",
        severity: Severity::Warning,
        summary: "preStop ends before the load balancer has stopped sending requests",
        explanation: "A deleted pod gets SIGTERM when its preStop hook ends. The news travels to the controller and through its call to the load balancer, whose nodes learn of it usually 5 to 20 s later; until then they send requests to a pod that closes.",
        source: "LBC#2366, LBC#1064; pod-graceful-drain values.yaml",
        look: hook::pre_stop_too_short,
    },
    Rule {
        id: "RL002",
        name: "pre-stop-outlasts-grace",
        severity: Severity::Error,
        summary: "preStop takes the whole grace period",
        explanation: "When the grace period is over the kubelet gives up the hook, sends SIGTERM, and SIGKILL two seconds later: what is in flight is cut.",
        source: "kubelet kuberuntime_container.go killContainer, minimumGracePeriodInSeconds",
        look: hook::pre_stop_outlasts_grace,
    },
    Rule {
        id: "RL003",
        name: "no-readiness-gate",
        severity: Severity::Warning,
        summary: "pods count as ready before the load balancer sends them requests",
        explanation: "Without the controller's readiness gate a Deployment deletes old pods as soon as new ones pass their probes, not when the target group has found them healthy: for seconds fewer targets serve, or none.",
        source: "LBC docs/deploy/pod_readiness_gate.md",
        look: look::no_readiness_gate,
    },
    Rule {
        id: "RL004",
        name: "gate-without-effect",
        severity: Severity::Warning,
        summary: "the namespace asks for readiness gates that are never injected",
        explanation: "The controller injects gates for target type ip only; with instance targets the label does nothing.",
        source: "LBC pkg/inject/pod_readiness/pod_readiness_gate.go",
        look: look::gate_without_effect,
    },
    Rule {
        id: "RL005",
        name: "deregistration-delay-too-short",
        severity: Severity::Warning,
        summary: "the deregistration delay is shorter than the longest requests",
        explanation: "When the delay is over, the load balancer ends the requests that a deregistered target still works on: 502.",
        source: "AWS guide, load-balancer-troubleshooting, HTTP 502",
        look: look::deregistration_delay_too_short,
    },
    Rule {
        id: "RL006",
        name: "keep-alive-too-short",
        severity: Severity::Warning,
        summary: "the application closes idle connections before the load balancer does",
        explanation: "A request may cross the application's FIN on a connection that is being closed: 502. The application's keep-alive must outlast the load balancer's idle time-out.",
        source: "AWS guide, application-load-balancers, connection idle timeout; load-balancer-troubleshooting, HTTP 502",
        look: look::keep_alive_too_short,
    },
    Rule {
        id: "RL007",
        name: "all-may-be-unavailable",
        severity: Severity::Error,
        summary: "a rollout may take all pods away at once",
        explanation: "With maxUnavailable at the number of replicas, old pods are deleted before a new one runs: no target is left to serve.",
        source: "kubernetes pkg/controller/deployment/rolling.go, util/deployment_util.go ResolveFenceposts",
        look: look::all_may_be_unavailable,
    },
    Rule {
        id: "RL008",
        name: "sleep-by-command",
        severity: Severity::Note,
        summary: "preStop sleeps by a command, which the image must have",
        explanation: "In an image without a shell or `sleep` the hook fails, and SIGTERM follows at once, without any delay. The kubelet's own sleep action needs nothing (Kubernetes 1.30).",
        source: "KEP-3960; kubelet kuberuntime_container.go, FailedPreStopHook",
        look: hook::sleep_by_command,
    },
    Rule {
        id: "RL009",
        name: "grace-beyond-spot-notice",
        severity: Severity::Note,
        summary: "the grace period is longer than the notice before a Spot interruption",
        explanation: "Two minutes after its notice a Spot instance is gone, whatever the grace period says.",
        source: "AWS guide, spot-interruptions: two-minute notice",
        look: look::grace_beyond_spot_notice,
    },
    Rule {
        id: "RL010",
        name: "min-ready-too-short",
        severity: Severity::Warning,
        summary: "without a gate, pods count as available before their first health check",
        explanation: "Where gates cannot be used, minReadySeconds must cover registration and the first health check, or old pods go before new ones get requests.",
        source: "AWS guide, target-group-health-checks; LBC pkg/ingress/model_builder.go",
        look: look::min_ready_too_short,
    },
    Rule {
        id: "RL011",
        name: "grace-too-short",
        severity: Severity::Warning,
        summary: "the grace period does not cover preStop, the longest requests and the shutdown",
        explanation: "Whatever still runs when the grace period is over gets SIGKILL: its requests end as 502.",
        source: "kubernetes docs, pod-lifecycle: Termination of Pods",
        look: look::grace_too_short,
    },
    Rule {
        id: "RL012",
        name: "recreate",
        severity: Severity::Error,
        summary: "Recreate ends all old pods before it makes a new one",
        explanation: "From the last old pod's end until the first new one's health check nobody serves: 502s, 503s and 504s for the whole time.",
        source: "kubernetes pkg/controller/deployment/recreate.go",
        look: look::recreate,
    },
    Rule {
        id: "RL013",
        name: "publish-not-ready-addresses",
        severity: Severity::Error,
        summary: "the Service publishes pods that are not ready, terminating ones too",
        explanation: "A deleted pod stays ready in the EndpointSlice, so the controller deregisters it only when it is gone.",
        source: "kubernetes staging/src/k8s.io/endpointslice/utils.go; LBC pkg/backend/endpoint_resolver.go",
        look: look::publish_not_ready_addresses,
    },
    Rule {
        id: "RL014",
        name: "gate-may-be-missing",
        severity: Severity::Note,
        summary: "the readiness gate is missing from pods that are made while the controller is down",
        explanation: "Since 2.11.1 the webhook that injects gates is ignored when it does not answer: pods made then have none, and nothing says so.",
        source: "LBC docs/deploy/pod_readiness_gate.md, helm values.yaml failurePolicy",
        look: look::gate_may_be_missing,
    },
    Rule {
        id: "RL015",
        name: "no-readiness-probe",
        severity: Severity::Warning,
        summary: "without a readiness probe a container is ready the moment it runs",
        explanation: "The Deployment goes on before the application listens, and old pods are deleted while new ones still start.",
        source: "kubernetes pkg/kubelet/prober/prober_manager.go",
        look: look::no_readiness_probe,
    },
    Rule {
        id: "RL016",
        name: "no-graceful-shutdown",
        severity: Severity::Warning,
        summary: "SIGTERM cuts what is in flight",
        explanation: "A process that ends at SIGTERM closes its connections with requests outstanding: 502. A graceful shutdown stops listening and finishes them.",
        source: "AWS guide, load-balancer-troubleshooting, HTTP 502",
        look: look::no_graceful_shutdown,
    },
    LEADS_NOWHERE,
    Rule {
        id: "RL018",
        name: "sigterm-ignored",
        severity: Severity::Warning,
        summary: "the application ignores SIGTERM",
        explanation: "A process that ignores SIGTERM serves until SIGKILL, when the grace period is over: what is in flight then is cut, and every pod of a rollout takes its whole grace period. A shell as process 1 does not pass the signal on (`exec` does).",
        source: "kubernetes.io, Pod lifecycle: termination of pods",
        look: look::sigterm_ignored,
    },
    rollout::DOES_NOT_COMPLETE,
    rollout::RESTARTS,
    rollout::GATE_OPENS_LATE,
    rollout::TAKES_HOURS,
    Rule {
        id: "RL023",
        name: "refused-by-aws",
        severity: Severity::Error,
        summary: "AWS refuses a setting of the target group or the load balancer",
        explanation: "The controller cannot make what AWS refuses: a new target group is never made, an old one keeps its old settings, and its events say why.",
        source: "AWS API reference, CreateTargetGroup, TargetGroupAttribute, LoadBalancerAttribute",
        look: limits::refused_by_aws,
    },
];
