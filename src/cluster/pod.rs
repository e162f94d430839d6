//! What the rooms of the cluster have in common: the pod's template and its object in the API.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::dist::Dist;
use crate::id::{NodeId, PodId, TargetGroupId};
use crate::setting::{
    form::{self, formed},
    settings,
};
use crate::time::{Span, Time};

settings! {
    /// The pod template (`[pod]`), as far as a rollout depends on it.
    PodSpec in "pod" {
        /// How long a pod may take to stop, preStop included, before SIGKILL.
        termination_grace_period: Span = Span::from_secs(30), Documented "terminationGracePeriodSeconds, pkg/apis/core/v1/defaults.go";
        /// Whether the AWS LBC's readiness gate is injected, one for each target group (namespace label; target type `ip` only).
        readiness_gate: bool = false, Documented "elbv2.k8s.aws/pod-readiness-gate-inject, docs/deploy/pod_readiness_gate.md: off unless the namespace has the label";
        /// The preStop hook: a span to sleep, `{ exec = "10s" }`, `{ http_get = "1s" }` or `{ fails = true }`. A hook that stops the server itself says when: `{ exec = "60s", drain_at = "0s" }` (it stops listening and finishes what is in flight: `nginx -s quit`, a shutdown URL; beside `http_get` too) or `{ exec = "60s", sigterm_at = "0s" }` (`kill 1`).
        pre_stop: Option<PreStop> = None, Documented "none unless given";
        /// An admission webhook takes a Ready pod that is being deleted out of its Service and ReplicaSet, and holds its deletion back this long.
        graceful_drain: Option<Span> = None, Documented "none unless installed; foriequal0/pod-graceful-drain, --delete-after (60 s; its chart: 90 s)";
        /// Decides whether the pod gets traffic; without one a container is ready the moment it runs.
        readiness_probe: Option<ProbeSpec> = None, Documented "none unless given; prober_manager.go";
        /// Holds the other probes back until it succeeds.
        startup_probe: Option<ProbeSpec> = None, Documented "none unless given";
        /// Restarts the container when it fails.
        liveness_probe: Option<ProbeSpec> = None, Documented "none unless given";
        /// A second container (log shipper, proxy): the pod's network stays until it has ended too.
        sidecar: Option<SidecarSpec> = None, Documented "none unless given";
    }
}

settings! {
    /// A second container of the pod, which serves no requests (`[pod.sidecar]`).
    SidecarSpec in "pod.sidecar" {
        /// Whether it is a native one (`initContainers` with `restartPolicy: Always`): SIGTERM after the main container has ended, not with it.
        native: bool = false, Documented "containers beside each other get SIGTERM at the same instant, kuberuntime_container.go";
        /// From its SIGTERM to its exit; SIGKILL comes with the pod's grace period.
        shutdown: Dist = Dist::constant(Span::ZERO), Assumed "a process that has nothing to do exits at once";
    }
}

/// The preStop hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PreStop {
    /// The `sleep` action, or anything else that takes this long and succeeds.
    Sleep(Span),
    /// A command that takes this long.
    Exec(ExecHook),
    /// An HTTP request to the container that takes this long; its status is ignored.
    HttpGet(HttpGetHook),
    /// A hook that cannot run (`exec: sleep` in an image without a shell): SIGTERM follows at once.
    Fails(FailingHook),
}

/// `{ exec = "10s" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecHook {
    /// How long the command takes; it ends with its container.
    pub exec: Span,
    /// After this it tells the server to stop listening, to finish what is in flight and to end; absent: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_at: Option<Span>,
    /// After this it sends the process SIGTERM; absent: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sigterm_at: Option<Span>,
}

/// `{ http_get = "1s" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGetHook {
    /// How long the answer takes; it ends with its container.
    pub http_get: Span,
    /// After this the server stops listening, finishes what is in flight and ends; absent: it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_at: Option<Span>,
}

/// `{ fails = true }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailingHook {
    /// Whether the hook fails at once.
    pub fails: bool,
}

/// How a preStop hook stops the server itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookStop {
    /// It stops listening and finishes what is in flight, whatever it does at SIGTERM.
    Drain,
    /// SIGTERM.
    Sigterm,
}

impl PreStop {
    /// A command that takes so long, and nothing else.
    pub const fn exec(exec: Span) -> PreStop {
        PreStop::Exec(ExecHook {
            exec,
            drain_at: None,
            sigterm_at: None,
        })
    }

    /// A request that takes so long, and nothing else.
    pub const fn http_get(http_get: Span) -> PreStop {
        PreStop::HttpGet(HttpGetHook {
            http_get,
            drain_at: None,
        })
    }

    /// When and how the hook stops the server itself.
    pub const fn stop(self) -> Option<(Span, HookStop)> {
        match self {
            PreStop::Exec(ExecHook {
                drain_at: Some(at), ..
            })
            | PreStop::HttpGet(HttpGetHook {
                drain_at: Some(at), ..
            }) => Some((at, HookStop::Drain)),
            PreStop::Exec(ExecHook {
                sigterm_at: Some(at),
                ..
            }) => Some((at, HookStop::Sigterm)),
            PreStop::Sleep(_) | PreStop::Exec(_) | PreStop::HttpGet(_) | PreStop::Fails(_) => None,
        }
    }

    /// How long the server serves on during the hook, if nothing stops the hook.
    pub const fn serves(self) -> Span {
        match self.stop() {
            Some((at, _)) => at,
            None => self.duration(),
        }
    }

    /// How long the hook runs if nothing stops it.
    pub const fn duration(self) -> Span {
        match self {
            PreStop::Sleep(span) => span,
            PreStop::Exec(ExecHook { exec, .. }) => exec,
            PreStop::HttpGet(HttpGetHook { http_get, .. }) => http_get,
            PreStop::Fails(_) => Span::ZERO,
        }
    }
}

settings! {
    /// A probe (`[pod.readiness_probe]`, `[pod.startup_probe]`, `[pod.liveness_probe]`).
    ProbeSpec in "pod.readiness_probe" {
        /// No probe earlier than this after the container's start; whole seconds.
        initial_delay: Span = Span::ZERO, Documented "initialDelaySeconds, pkg/apis/core/v1/defaults.go";
        /// From one probe to the next; at least 1 s.
        period: Span = Span::from_secs(10), (above 0) Documented "periodSeconds, pkg/apis/core/v1/defaults.go";
        /// After this a probe has failed; at least 1 s.
        timeout: Span = Span::from_secs(1), (above 0) Documented "timeoutSeconds, pkg/apis/core/v1/defaults.go";
        /// Successes in a row that count as success; at least 1.
        success_threshold: u32 = 1, (at least 1) Documented "successThreshold, pkg/apis/core/v1/defaults.go";
        /// Failures in a row that count as failure; at least 1.
        failure_threshold: u32 = 3, (at least 1) Documented "failureThreshold, pkg/apis/core/v1/defaults.go";
    }
}

/// Which probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeKind {
    /// Holds the other two back until it succeeds.
    Startup,
    /// Decides whether the pod gets traffic.
    Readiness,
    /// Restarts the container when it fails.
    Liveness,
}

/// `status.phase` of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Accepted, its containers not running yet.
    Pending,
    /// At least one container has started.
    Running,
    /// All containers have ended well.
    Succeeded,
    /// All containers have ended, one of them badly.
    Failed,
}

/// An endpoint of an EndpointSlice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Its pod's host.
    pub node: Option<NodeId>,
    /// Gets traffic.
    pub ready: bool,
    /// Its pod is Ready, terminating or not.
    pub serving: bool,
    /// Its pod is being deleted.
    pub terminating: bool,
}

/// What changed in a pod's object: the most telling of the changes that one write makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodChange {
    /// It was created.
    Created,
    /// It was bound to a host.
    Bound,
    /// Its containers run.
    Running,
    /// Its containers are ready, a readiness gate is not.
    ContainersReady,
    /// It became Ready.
    Ready,
    /// It is no longer Ready.
    Unready,
    /// A readiness gate's condition was patched.
    Gate,
    /// Its deletion began.
    Deleting,
    /// Its containers have ended for good.
    Finished,
    /// It is gone.
    Removed,
    /// Anything else.
    Other,
    /// It lost the labels by which its Service and its ReplicaSet know it.
    Isolated,
}

/// The Ready condition of a host, as the API has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeReady {
    /// Its kubelet says so.
    True,
    /// Its kubelet says the contrary: it is shutting down.
    False,
    /// Its kubelet has not been heard of for too long.
    Unknown,
}

/// The readiness gates that the LBC injected into a pod, one a target group, and which of them are True.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gates {
    /// One bit a target group.
    injected: u8,
    open: u8,
}

impl Gates {
    /// No gate at all.
    pub const NONE: Gates = Gates {
        injected: 0,
        open: 0,
    };

    /// A gate for each of the first `groups` target groups, 8 at most; none is True yet.
    pub const fn of(groups: usize) -> Gates {
        Gates {
            injected: ((1_u16 << groups) - 1) as u8,
            open: 0,
        }
    }

    /// The same gates, all of them True.
    pub const fn opened(self) -> Gates {
        Gates {
            open: self.injected,
            ..self
        }
    }

    /// Whether there is any.
    pub const fn exist(self) -> bool {
        self.injected != 0
    }

    /// Whether this target group's gate is True.
    pub const fn is_open(self, group: TargetGroupId) -> bool {
        self.open >> group.0 & 1 != 0
    }

    /// Whether none of them keeps the pod from being Ready.
    pub const fn are_open(self) -> bool {
        self.open == self.injected
    }

    /// Those that there are, one bit a target group.
    pub const fn all(self) -> u8 {
        self.injected
    }

    /// Those that are True, one bit a target group.
    pub const fn open(self) -> u8 {
        self.open
    }

    /// Sets the condition of this target group's gate.
    pub const fn patch(&mut self, group: TargetGroupId, status: bool) {
        let bit = self.injected & 1 << group.0;
        self.open = if status {
            self.open | bit
        } else {
            self.open & !bit
        };
    }
}

/// A pod's object as the API server holds it, and as a watch delivers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodObject {
    /// Which pod.
    pub pod: PodId,
    /// When it was created.
    pub created: Time,
    /// `spec.nodeName`.
    pub node: Option<NodeId>,
    /// `status.phase`.
    pub phase: Phase,
    /// The `ContainersReady` condition.
    pub containers_ready: bool,
    /// The `Ready` condition.
    pub ready: bool,
    /// `Ready.lastTransitionTime`, in whole seconds; `None`: longer than anything here lasts.
    pub ready_since: Option<Time>,
    /// The Ready condition of its host.
    pub host: NodeReady,
    /// Whether it has lost the labels by which its Service and its ReplicaSet know it.
    pub isolated: bool,
    /// Its readiness gates, as the LBC patched them.
    pub gates: Gates,
    /// Container restarts so far.
    pub restarts: u32,
    /// Whether `deletionTimestamp` is set.
    pub deleting: bool,
    /// Whether the object is gone from the API.
    pub removed: bool,
}

/// What a kubelet reports of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodStatus {
    /// Which pod.
    pub pod: PodId,
    /// `status.phase`.
    pub phase: Phase,
    /// The `ContainersReady` condition.
    pub containers_ready: bool,
    /// The `Ready` condition.
    pub ready: bool,
    /// When the `Ready` condition last changed, by the kubelet's clock in whole seconds; `None`: long ago.
    pub ready_since: Option<Time>,
    /// Container restarts so far.
    pub restarts: u32,
}

impl PodObject {
    /// What its kubelet last reported.
    pub const fn status(&self) -> PodStatus {
        let PodObject {
            pod,
            phase,
            containers_ready,
            ready,
            ready_since,
            restarts,
            ..
        } = *self;
        PodStatus {
            pod,
            phase,
            containers_ready,
            ready,
            ready_since,
            restarts,
        }
    }

    /// A pod just created.
    pub const fn new(pod: PodId, created: Time, gates: Gates) -> PodObject {
        PodObject {
            pod,
            created,
            node: None,
            phase: Phase::Pending,
            containers_ready: false,
            ready: false,
            ready_since: None,
            host: NodeReady::True,
            isolated: false,
            gates,
            restarts: 0,
            deleting: false,
            removed: false,
        }
    }

    /// Neither finished nor being deleted, nor out of its ReplicaSet's sight: counts as a replica
    /// (`controller.IsPodActive`).
    pub const fn is_active(&self) -> bool {
        !self.deleting && !self.removed && !self.isolated && !self.is_finished()
    }

    /// Whether its containers have ended for good.
    pub const fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }

    /// Ready for `min_ready` already (`podutil.IsPodAvailable`); the condition has whole seconds.
    pub fn is_available(&self, min_ready: Span, now: Time) -> bool {
        self.ready
            && (min_ready == Span::ZERO
                || self
                    .ready_since
                    .is_none_or(|since| now >= since + min_ready))
    }
}

formed! {
    PreStop => json!({ "anyOf": [
        form::span(),
        // The server stops once.
        form::table(json!({ "exec": form::span(), "drain_at": form::span() }), &["exec"]),
        form::table(json!({ "exec": form::span(), "sigterm_at": form::span() }), &["exec"]),
        form::table(json!({ "http_get": form::span(), "drain_at": form::span() }), &["http_get"]),
        form::table(json!({ "fails": { "const": true } }), &["fails"]),
    ] });
    ProbeSpec => form::of(ProbeSpec::SETTINGS);
    SidecarSpec => form::of(SidecarSpec::SETTINGS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RevisionId;

    const fn s(secs: u64) -> Time {
        Time::from_micros(secs * 1_000_000)
    }

    /// Whether a Ready pod is available, with a `min_ready` of 30 s.
    #[track_caller]
    fn check(ready_since: Option<Time>, now: Time, expected: bool) {
        let created = PodObject::new(PodId::new(0, RevisionId::OLD, 1), s(0), Gates::NONE);
        let object = PodObject {
            ready: true,
            ready_since,
            ..created
        };
        assert_eq!(object.is_available(Span::from_secs(30), now), expected);
    }

    #[test]
    fn every_gate_counts() {
        let [first, second] = [0, 1].map(TargetGroupId);
        let mut gates = Gates::of(2);
        assert!(
            gates.exist() && !gates.are_open() && !Gates::NONE.exist() && Gates::NONE.are_open()
        );
        gates.patch(second, true);
        assert!(gates.is_open(second) && !gates.is_open(first) && !gates.are_open());
        gates.patch(first, true);
        assert!(gates.are_open() && gates == Gates::of(2).opened());
        gates.patch(second, false);
        assert_eq!((gates.all(), gates.open()), (0b11, 0b01));
        assert_eq!(Gates::of(8).opened().open(), 0xFF);
    }

    #[test]
    fn a_pod_ready_since_before_the_run_has_long_been_available() {
        check(None, s(0), true);
        check(Some(s(0)), s(29), false);
        check(Some(s(0)), s(30), true);
    }
}
