//! The target group as the API shows it. `draining` here does not mean that any node has stopped.

named!(TargetType, Reregistration, Algorithm);

formed! {
    TargetGroupHealthSpec => form::of(TargetGroupHealthSpec::SETTINGS);
}

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Outbox};
use crate::aws::health_check::HealthCheckSpec;
use crate::aws::target::{Call, TargetState};
use crate::id::{AlbNodeId, PodId, TargetId};
use crate::setting::{
    form::{self, formed, named},
    settings,
};
use crate::time::{Span, Time};

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
        /// With `weighted_random`, whether a node takes load off a target whose requests fail more often than the others'.
        anomaly_mitigation: bool = false, Documented "load_balancing.algorithm.anomaly_mitigation (elbv2 API): off";
        /// How long a client's cookie keeps it at the target that answered it last; 0 s is off, else 1 s to 7 days.
        stickiness: Span = Span::ZERO, Documented "stickiness.enabled, stickiness.lb_cookie.duration_seconds (elbv2 API): off";
        /// Whether a node chooses among the targets of all zones, or of its own only.
        cross_zone: bool = true, Documented "load_balancing.cross_zone.enabled (elbv2 API): as the load balancer says, which is on";
        /// What becomes of a target that is registered again while it drains: `at_once` it is new, or the call is `ignored`.
        reregistration: Reregistration = Reregistration::AtOnce, Assumed "AWS guide, target-group-register-targets: wait for the deregistration delay with IP targets; not what happens if one does not";
        /// The load balancer's health checks (`[target_group.health_check]`).
        health_check: HealthCheckSpec = HealthCheckSpec::default(), Documented "see target_group.health_check.*";
        /// When nodes stop telling healthy targets from others (`[target_group.health]`).
        health: TargetGroupHealthSpec = TargetGroupHealthSpec::default(), Documented "see target_group.health.*";
    }
}

settings! {
    /// When nodes stop telling healthy targets from others (`[target_group.health]`).
    TargetGroupHealthSpec in "target_group.health" {
        /// A node that knows fewer healthy targets chooses among all that it knows, whatever their health; at least 1.
        minimum_healthy_count: u32 = 1, (at least 1) Documented "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count (elbv2 API)";
        /// The same as a share of the targets that it knows, in per cent: 1 to 100, and 0 is off. The greater number of the two holds.
        minimum_healthy_percentage: u32 = 0, (at most 100) Documented "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage (elbv2 API): off";
    }
}

impl TargetGroupHealthSpec {
    /// How many of so many targets must be healthy for a node to choose among the healthy ones only.
    pub fn least(&self, known: usize) -> usize {
        let share = (known * self.minimum_healthy_percentage as usize).div_ceil(100);
        share.max(self.minimum_healthy_count as usize)
    }
}

settings! {
    /// A further target group of the same pods (`[[other_target_group]]`): a second Ingress or TargetGroupBinding that names the Service, for an internal load balancer or the other side of a blue/green listener. A pod gets a readiness gate for each and is Ready only when all are True; the controller works on each by itself, and its calls of the ELB API share one throttle. The forecast's requests come through the first, `[target_group]`.
    OtherTargetGroupSpec in "other_target_group" {
        /// What it is called in transcripts: the name of its TargetGroupBinding, if you like.
        name: Option<String> = None, Documented "its place: target-group-2, target-group-3";
        /// Nodes of the load balancer in front of it, each with health checks of its own; 1 to 100.
        nodes: u8 = 2, (at least 1, at most 100) Documented "at least one per enabled zone, two zones at least (AWS guide, application-load-balancers)";
        /// How long a target of it is `draining`; 0 s to 3600 s.
        deregistration_delay: Span = Span::from_secs(300), Documented "deregistration_delay.timeout_seconds (elbv2 API)";
        /// Its health checks (`[other_target_group.health_check]`).
        health_check: HealthCheckSpec = HealthCheckSpec::default(), Documented "see target_group.health_check.*";
    }
}

impl OtherTargetGroupSpec {
    /// The target group in full: what it does not say is as with the first.
    pub fn in_full(&self, first: &TargetGroupSpec) -> TargetGroupSpec {
        let (deregistration_delay, health_check) =
            (self.deregistration_delay, self.health_check.clone());
        TargetGroupSpec {
            deregistration_delay,
            health_check,
            ..first.clone()
        }
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

/// What becomes of a target that is registered again while it drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reregistration {
    /// It is a new target, and drains no more.
    AtOnce,
    /// It drains on; a later call may find it gone.
    Ignored,
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

/// What the target group hears.
#[derive(Debug, Clone, Copy)]
pub enum Input {
    /// A target registered before the load, of which every node has long had the same verdict.
    Known {
        /// Which target.
        target: TargetId,
        /// The verdict.
        healthy: bool,
    },
    /// `RegisterTargets`, one target of it.
    Register {
        /// The call.
        call: Call,
        /// Which target.
        target: TargetId,
        /// The pod behind it.
        pod: PodId,
    },
    /// `DeregisterTargets`, one target of it.
    Deregister {
        /// The call.
        call: Call,
        /// Which target.
        target: TargetId,
    },
    /// `DescribeTargetHealth`.
    Describe {
        /// The call.
        call: Call,
    },
    /// A node has come to a verdict about a target.
    NodeHealth {
        /// Which node.
        node: AlbNodeId,
        /// Which target.
        target: TargetId,
        /// The registration that the node checks.
        call: Call,
        /// Its verdict.
        healthy: bool,
    },
    /// Own wake: everything of this call has been heard.
    Return {
        /// The call.
        call: Call,
    },
    /// Own wake: the deregistration delay is over.
    DrainingOver {
        /// Which target.
        target: TargetId,
        /// The deregistration.
        call: Call,
    },
}

/// What the target group says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// A target is registered; the nodes will learn of it.
    Registered {
        /// The registration.
        call: Call,
        /// Which target.
        target: TargetId,
        /// The pod behind it.
        pod: PodId,
    },
    /// A target is deregistered; the nodes will learn of it.
    Deregistered {
        /// The deregistration.
        call: Call,
        /// Which target.
        target: TargetId,
    },
    /// Part of an answer: a state that the last answer did not have yet; `None`: no longer registered.
    TargetHealth {
        /// Which target.
        target: TargetId,
        /// Its state.
        state: Option<TargetState>,
    },
    /// A call is answered.
    Returned {
        /// The call.
        call: Call,
    },
    /// The API shows a target in a new state.
    StateChanged {
        /// Which target.
        target: TargetId,
        /// Its state now.
        state: TargetState,
    },
    /// The deregistration delay of a target is over: requests still in flight to it are cut.
    DrainingOver {
        /// Which target.
        target: TargetId,
        /// The deregistration.
        call: Call,
    },
}

#[derive(Debug, Clone, Copy)]
struct Row {
    state: Option<TargetState>,
    /// The call that last changed its registration.
    call: Call,
    /// Whether the state has changed since the last answer.
    news: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeVerdict {
    None,
    Healthy,
    Unhealthy,
}

/// The target group: what the API shows, whatever the nodes believe.
///
/// A target is `healthy` when every node has found it so, and `unhealthy` as soon as one node finds
/// it so. AWS does not say how it folds its nodes' verdicts into one; the readiness gate therefore
/// waits for the slowest node, which is the safe reading of "each load balancer node checks the
/// health of each target" (AWS guide, target-group-health-checks).
///
/// Registering a draining target takes effect at once, or none, as the settings say. AWS's guide says
/// to wait for the deregistration delay with IP targets, and not what happens if one does not.
#[derive(Debug)]
pub struct TargetGroup {
    deregistration_delay: Span,
    reregistration: Reregistration,
    /// The number of its first node, and how many there are.
    first_node: usize,
    nodes: usize,
    rows: Vec<Row>,
    /// Rows whose state has changed since the last answer.
    news: Vec<u16>,
    /// By target, then node.
    verdicts: Vec<NodeVerdict>,
    /// The call that is being heard.
    answering: Option<Call>,
}

impl Actor for TargetGroup {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, _: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        match input {
            Input::Known { target, healthy } => self.know(target, healthy),
            Input::Register { call, target, pod } => {
                self.register(call, target, pod, out);
                self.answer(call, out);
            }
            Input::Deregister { call, target } => {
                self.deregister(call, target, out);
                self.answer(call, out);
            }
            Input::Describe { call } => {
                self.describe(out);
                out.say(Fact::Returned { call });
            }
            Input::NodeHealth {
                node,
                target,
                call,
                healthy,
            } => self.hear_node(node, target, call, healthy, out),
            Input::Return { call } => out.say(Fact::Returned { call }),
            Input::DrainingOver { target, call } => self.end_draining(target, call, out),
        }
    }
}

impl TargetGroup {
    /// A target group without targets, behind these load balancer nodes.
    pub fn new(spec: &TargetGroupSpec, nodes: Range<u8>) -> TargetGroup {
        TargetGroup {
            deregistration_delay: spec.deregistration_delay,
            reregistration: spec.reregistration,
            first_node: usize::from(nodes.start),
            nodes: nodes.len(),
            rows: Vec::new(),
            news: Vec::new(),
            verdicts: Vec::new(),
            answering: None,
        }
    }

    /// Forgets everything, keeps the memory.
    pub fn reset(&mut self) {
        self.rows.clear();
        self.news.clear();
        self.verdicts.clear();
        self.answering = None;
    }

    fn row(&mut self, target: TargetId) -> &mut Row {
        if self.rows.len() <= target.index() {
            self.rows.resize(
                target.index() + 1,
                Row {
                    state: None,
                    call: Call::INITIAL,
                    news: false,
                },
            );
            self.verdicts
                .resize(self.rows.len() * self.nodes, NodeVerdict::None);
        }
        &mut self.rows[target.index()]
    }

    fn verdicts_of(&mut self, target: TargetId) -> &mut [NodeVerdict] {
        &mut self.verdicts[target.index() * self.nodes..][..self.nodes]
    }

    fn know(&mut self, target: TargetId, healthy: bool) {
        let (state, verdict) = if healthy {
            (TargetState::Healthy, NodeVerdict::Healthy)
        } else {
            (TargetState::Unhealthy, NodeVerdict::Unhealthy)
        };
        self.row(target).state = Some(state);
        self.verdicts_of(target).fill(verdict);
    }

    /// Idempotent, like the API: a registered target stays as it is.
    fn register(
        &mut self,
        call: Call,
        target: TargetId,
        pod: PodId,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        let honoured = self.reregistration == Reregistration::AtOnce;
        let row = self.row(target);
        if !(row.state.is_none() || honoured && row.state == Some(TargetState::Draining)) {
            return;
        }
        row.call = call;
        self.verdicts_of(target).fill(NodeVerdict::None);
        out.say(Fact::Registered { call, target, pod });
        self.show(target, TargetState::Initial, out);
    }

    fn deregister(&mut self, call: Call, target: TargetId, out: &mut Outbox<'_, Input, Fact>) {
        let delay = self.deregistration_delay;
        let row = self.row(target);
        if matches!(row.state, None | Some(TargetState::Draining)) {
            return;
        }
        row.call = call;
        out.say(Fact::Deregistered { call, target });
        self.show(target, TargetState::Draining, out);
        out.wake(delay, Input::DrainingOver { target, call });
    }

    /// Answers a call of several targets once, after the last of them.
    fn answer(&mut self, call: Call, out: &mut Outbox<'_, Input, Fact>) {
        if self.answering.replace(call) != Some(call) {
            out.wake(Span::ZERO, Input::Return { call });
        }
    }

    /// The answer is the whole list; what has not changed since the last one need not be said.
    fn describe(&mut self, out: &mut Outbox<'_, Input, Fact>) {
        self.news.sort_unstable();
        for row in self.news.drain(..) {
            let known = &mut self.rows[usize::from(row)];
            known.news = false;
            out.say(Fact::TargetHealth {
                target: TargetId(row),
                state: known.state,
            });
        }
    }

    /// A verdict about an earlier registration, or a target no longer checked, is late news.
    fn hear_node(
        &mut self,
        node: AlbNodeId,
        target: TargetId,
        call: Call,
        healthy: bool,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        let row = *self.row(target);
        if row.call != call || matches!(row.state, None | Some(TargetState::Draining)) {
            return;
        }
        let place = node.index() - self.first_node;
        let verdicts = self.verdicts_of(target);
        verdicts[place] = if healthy {
            NodeVerdict::Healthy
        } else {
            NodeVerdict::Unhealthy
        };
        let state = if verdicts.contains(&NodeVerdict::Unhealthy) {
            TargetState::Unhealthy
        } else if verdicts.contains(&NodeVerdict::None) {
            TargetState::Initial
        } else {
            TargetState::Healthy
        };
        self.show(target, state, out);
    }

    /// A target that was registered again meanwhile is no longer draining.
    fn end_draining(&mut self, target: TargetId, call: Call, out: &mut Outbox<'_, Input, Fact>) {
        let row = self.row(target);
        if row.call == call && row.state == Some(TargetState::Draining) {
            self.set(target, None);
            out.say(Fact::DrainingOver { target, call });
        }
    }

    fn show(&mut self, target: TargetId, state: TargetState, out: &mut Outbox<'_, Input, Fact>) {
        let row = self.row(target);
        if row.state != Some(state) {
            self.set(target, Some(state));
            out.say(Fact::StateChanged { target, state });
        }
    }

    fn set(&mut self, target: TargetId, state: Option<TargetState>) {
        let row = self.row(target);
        row.state = state;
        if !std::mem::replace(&mut row.news, true) {
            self.news.push(target.0);
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Registered { call, target, pod } => {
                write!(f, "{target} of {pod} registered ({call})")
            }
            Fact::Deregistered { call, target } => write!(f, "{target} deregistered ({call})"),
            Fact::TargetHealth {
                target,
                state: Some(state),
            } => write!(f, "answers: {target} is {state}"),
            Fact::TargetHealth {
                target,
                state: None,
            } => write!(f, "answers: {target} is not registered"),
            Fact::Returned { call } => write!(f, "{call} returns"),
            Fact::StateChanged { target, state } => write!(f, "{target} is {state}"),
            Fact::DrainingOver { target, .. } => write!(f, "draining of {target} is over"),
        }
    }
}
