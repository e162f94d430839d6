//! One node of the load balancer: what it believes about each target. Belief only; requests come later.

mod propagation;

named!(NoRoutableTarget);

formed! {
    HostUnreachableShare => json!({ "anyOf": [
        { "enum": [
            "silent", "unreachable", "published", "vpc_cni", "vpc_cni_custom_networking",
            "security_groups_for_pods", "fargate", "cilium_eni", "calico",
        ] },
        form::narrowed(f64::form(), "at least 0, at most 1"),
    ] });
}

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actor::{Actor, Outbox};
use crate::aws::health_check::{FIRST_CHECK_WITHIN, Health, HealthCheckSpec, Standing};
use crate::aws::target::Call;
use crate::id::{AlbNodeId, TargetId};
use crate::random::{Purpose, Streams};
use crate::setting::{
    form::{self, formed, named},
    settings,
};
use crate::time::{Span, Time};

use propagation::entity;
pub use propagation::{DeregistrationPreset, DeregistrationPropagation, RegistrationPropagation};

settings! {
    /// The Application Load Balancer (`[load_balancer]`).
    LoadBalancerSpec in "load_balancer" {
        /// Nodes that the load balancer runs, each with its own routing table; 1 to 100.
        nodes: u8 = 2, (at least 1, at most 100) Documented "at least one per enabled zone, two zones at least (AWS guide, application-load-balancers)";
        /// Availability zones; nodes of the load balancer and hosts are spread over them in turn. It matters only with `cross_zone = false`.
        zones: u8 = 2, (at least 1) Documented "two zones at least (AWS guide, application-load-balancers)";
        /// How long a connection may stay without data before it is closed: the longest wait for an answer.
        idle_timeout: Span = Span::from_secs(60), Documented "idle_timeout.timeout_seconds (elbv2 API)";
        /// How long a connect to a target may take: after it the client gets a 504.
        connect_timeout: Span = Span::from_secs(10), (above 0) Documented "AWS guide, load-balancer-troubleshooting, HTTP 504; not an attribute";
        /// From a node to a target and back: what a new connection costs, and how late the target's FIN may come.
        round_trip: Span = Span::from_millis(1), Assumed "targets in the VPC of the load balancer, half of them in another zone";
        /// From the answer to DeregisterTargets until a node stops choosing the target: a preset (`published`, `fast`, `typical`, `slow`), what was measured (`{ median = "8s", jitter = "0.9s", drift = 0.05 }`: of one environment, between targets and nodes, σ of the logarithm between rollouts) or a span.
        deregistration_propagation: DeregistrationPropagation = DeregistrationPropagation::Preset(DeregistrationPreset::Published), Assumed "some 45 lags of about 15 sessions, 3 s to 20 s; thirty in a row: mean 12.60 s, sd 0.474 s (pricelees.github.io; LBC#2366, ecs-agent#2316, the 2023 load test)";
        /// From the answer to RegisterTargets until a node knows the target and starts to check it: a preset (`published`, `fast`, `as_deregistration`) or a span.
        registration_propagation: RegistrationPropagation = RegistrationPropagation::Published, Assumed "0.3 s to 2.5 s behind a readiness gate on EKS, 12 s to 14 s where deregistrations took 12.6 s (pricelees.github.io), at once (LBC#2366, containers-roadmap#1270)";
        /// What becomes of connects to a removed pod IP: all end as 504 (`silent`); some end as 502 after about 3.1 s, as many as the host's kernel answers (`unreachable`: 6 and then 1 a second for each node); either in half of the environments (`published`); as with a network plugin (`vpc_cni`, `vpc_cni_custom_networking`, `security_groups_for_pods`, `fargate`, `cilium_eni`, `calico`); or a share from 0 to 1 of them as 502.
        host_unreachable_share: HostUnreachableShare = HostUnreachableShare::Published, Assumed "silence fits the 2023 load test, the kernel's limit easoncao.com; Linux icmp_ratelimit, mcast_solicit; by network: amazon-vpc-cni-k8s#58, cilium#13451, canal#137";
        /// What a node does when it knows targets only as `initial`: `fail_open` (it uses them), `strict` (503) or `published`, either in half of the environments. Where some are unhealthy it uses all that it knows; where it knows none it answers 503.
        no_routable_target: NoRoutableTarget = NoRoutableTarget::Published, Assumed "AWS documents fail-open for unhealthy targets only; for initial ones og-aws#116 saw it, and LBC#814, LBC#2420 and argo-rollouts#4834 saw 503s; draining ones: 503 from the node's learning on (pricelees.github.io)";
    }
}

/// What becomes of connects to a removed pod IP.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostUnreachableShare {
    /// None is answered.
    Silent,
    /// The kernel of the pod's host answers, as far as its rate limit goes.
    Unreachable,
    /// One of the two, with the same probability, drawn once per environment.
    Published,
    /// amazon-vpc-cni-k8s with pods in the subnets of their hosts: `Unreachable`.
    VpcCni,
    /// amazon-vpc-cni-k8s with pods in other subnets, where SYNs leave by the gateway and are lost: `Silent`.
    VpcCniCustomNetworking,
    /// Security groups for pods, whose interface is gone: `Silent`.
    SecurityGroupsForPods,
    /// AWS Fargate, where the interface is gone: `Silent`.
    Fargate,
    /// Cilium in ENI mode, whose reverse-path filter drops the answer: `Silent`.
    CiliumEni,
    /// Calico, which has a blackhole route for its block: `Silent`.
    Calico,
    /// The user's own share that ends as host unreachable, from 0 to 1: each connect by itself.
    #[serde(untagged)]
    Fixed(f64),
}

/// How removed pod IPs answer in one environment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RemovedIp {
    /// Not at all.
    Silent,
    /// By the kernel of their host.
    Kernel,
    /// This share of connects is told that the host is unreachable.
    Share(f64),
}

impl HostUnreachableShare {
    /// How it is in a replication's environment.
    pub fn in_environment(self, streams: &Streams) -> RemovedIp {
        use HostUnreachableShare as Share;
        match self {
            Share::Published if streams.at(Purpose::RemovedIp, 0).chance(0.5) => RemovedIp::Kernel,
            Share::Unreachable | Share::VpcCni => RemovedIp::Kernel,
            Share::Fixed(share) => RemovedIp::Share(share),
            Share::Published
            | Share::Silent
            | Share::VpcCniCustomNetworking
            | Share::SecurityGroupsForPods
            | Share::Fargate
            | Share::CiliumEni
            | Share::Calico => RemovedIp::Silent,
        }
    }

    /// Whether a kernel's answers may have to be counted.
    pub const fn may_be_limited(self) -> bool {
        use HostUnreachableShare as Share;
        matches!(self, Share::Published | Share::Unreachable | Share::VpcCni)
    }
}

/// What a node does when it knows targets only as `initial`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRoutableTarget {
    /// One of the others, drawn once per environment.
    Published,
    /// Chooses among them.
    FailOpen,
    /// 503.
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
    /// Known to be deregistered: no new requests, those in flight go on.
    Draining,
    /// Not in the node's table. Requests still in flight when a draining target leaves it are cut.
    Gone,
}

/// What a node hears.
#[derive(Debug, Clone, Copy)]
pub enum Input {
    /// A target that was registered before the load; its checks have long come to a verdict.
    Known {
        /// Which target.
        target: TargetId,
        /// The verdict.
        healthy: bool,
    },
    /// The news of a registration has arrived, after this node's own lag.
    Register {
        /// The registration.
        call: Call,
        /// Which target.
        target: TargetId,
    },
    /// The news of a deregistration has arrived, after this node's own lag.
    Deregister {
        /// The deregistration.
        call: Call,
        /// Which target.
        target: TargetId,
    },
    /// Own wake: the deregistration delay of a target is over.
    DrainingOver {
        /// The deregistration.
        call: Call,
        /// Which target.
        target: TargetId,
    },
    /// Own wake: a health check is due.
    CheckDue {
        /// Of which target.
        target: TargetId,
        /// Its number.
        check: u32,
    },
    /// The target answered a health check.
    CheckAnswered {
        /// Which target.
        target: TargetId,
        /// Which check.
        check: u32,
        /// Whether the answer has a status that the matcher accepts; a connection refused is not ok.
        ok: bool,
    },
    /// A target no longer serves as it did: health checks may be answered otherwise.
    Stirred {
        /// Which target.
        target: TargetId,
    },
    /// Own wake: a health check has had its time.
    CheckTimedOut {
        /// Of which target.
        target: TargetId,
        /// Its number.
        check: u32,
    },
}

/// What a node says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// It has come to believe this of a target.
    Believes {
        /// Which target.
        target: TargetId,
        /// What it believes from now on.
        belief: Belief,
    },
    /// It has sent a health check: whoever is there answers with the same number, or nobody.
    CheckSent {
        /// To which target.
        target: TargetId,
        /// Its number.
        check: u32,
    },
    /// Its health checks have come to a verdict.
    HealthFound {
        /// About which target.
        target: TargetId,
        /// The registration that it checks.
        call: Call,
        /// The verdict.
        healthy: bool,
    },
}

/// What a node knows of a target.
#[derive(Debug, Clone, Copy)]
struct Row {
    belief: Belief,
    /// The newest change that it has heard of.
    call: Call,
    health: Health,
    /// The number of the next check; a timer with another number is stale.
    next: u32,
    /// The check that has not been answered yet.
    open: Option<u32>,
    /// When the next check is due, or was once: one interval follows another.
    due: Time,
    /// No check is sent: every one to come would be passed, as the last one was.
    resting: bool,
}

impl Row {
    const EMPTY: Row = Row {
        belief: Belief::Gone,
        call: Call::INITIAL,
        health: Health::NEW,
        next: 0,
        open: None,
        due: Time::ZERO,
        resting: false,
    };

    const fn is_checked(&self) -> bool {
        matches!(
            self.belief,
            Belief::Initial | Belief::Healthy | Belief::Unhealthy
        )
    }
}

/// One node of the load balancer: its own routing table and its own health checks.
///
/// News may overtake each other on the way; of two changes the one of the later call holds.
///
/// The deregistration delay starts, and health checks stop, when the node learns of the deregistration, not when
/// the API is called: under a delay of 10 s requests of 9 s were answered though the node's lag was 12.6 s, and one
/// of 35 s under a delay of 30 s; checks came 3 s and 8 s after the call (pricelees.github.io, improving_deployment).
#[derive(Debug)]
pub struct AlbNode {
    spec: HealthCheckSpec,
    deregistration_delay: Span,
    node: AlbNodeId,
    /// Whether it is told when a target no longer serves as it did ([`Input::Stirred`]).
    is_told: bool,
    /// By target.
    rows: Vec<Row>,
}

impl Actor for AlbNode {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        match input {
            Input::Known { target, healthy } => self.know(now, target, healthy, out),
            Input::Register { call, target } => self.register(now, call, target, out),
            Input::Deregister { call, target } => self.deregister(call, target, out),
            Input::DrainingOver { call, target } => self.end_draining(call, target, out),
            Input::CheckDue { target, check } => self.send_check(now, target, check, out),
            Input::Stirred { target } => self.stir(now, target, out),
            Input::CheckAnswered { target, check, ok } => self.end_check(target, check, ok, out),
            Input::CheckTimedOut { target, check } => self.end_check(target, check, false, out),
        }
    }
}

impl AlbNode {
    /// A node that knows no target yet; `deregistration_delay` is how long requests in flight may go on, `is_told` if it will hear of targets that no longer serve as they did.
    pub fn new(
        spec: &HealthCheckSpec,
        deregistration_delay: Span,
        node: AlbNodeId,
        is_told: bool,
    ) -> AlbNode {
        AlbNode {
            spec: spec.clone(),
            deregistration_delay,
            node,
            is_told,
            rows: Vec::new(),
        }
    }

    /// Forgets everything, keeps the memory.
    pub fn reset(&mut self) {
        self.rows.clear();
    }

    fn row(&mut self, target: TargetId) -> &mut Row {
        if self.rows.len() <= target.index() {
            self.rows.resize(target.index() + 1, Row::EMPTY);
        }
        &mut self.rows[target.index()]
    }

    fn know(
        &mut self,
        now: Time,
        target: TargetId,
        healthy: bool,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        let first = self.first_check(now, target, self.spec.interval, out);
        let (belief, health) = if healthy {
            (Belief::Healthy, Health::HEALTHY)
        } else {
            (Belief::Unhealthy, Health::UNHEALTHY)
        };
        let resting = healthy && self.is_told;
        *self.row(target) = Row {
            belief,
            health,
            due: first,
            resting,
            ..Row::EMPTY
        };
        out.say(Fact::Believes { target, belief });
        if !resting {
            out.wake_at(first, Input::CheckDue { target, check: 0 });
        }
    }

    fn register(
        &mut self,
        now: Time,
        call: Call,
        target: TargetId,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        let due = self.first_check(now, target, FIRST_CHECK_WITHIN, out);
        let row = self.row(target);
        if call <= row.call {
            return;
        }
        let check = row.next + 1;
        *row = Row {
            belief: Belief::Initial,
            call,
            next: check,
            due,
            ..Row::EMPTY
        };
        out.say(Fact::Believes {
            target,
            belief: Belief::Initial,
        });
        out.wake_at(due, Input::CheckDue { target, check });
    }

    fn deregister(&mut self, call: Call, target: TargetId, out: &mut Outbox<'_, Input, Fact>) {
        let delay = self.deregistration_delay;
        let row = self.row(target);
        if call <= row.call {
            return;
        }
        row.call = call;
        row.open = None;
        if row.belief == Belief::Gone {
            return;
        }
        // Draining already, if the news of a registration in between is still on its way.
        if std::mem::replace(&mut row.belief, Belief::Draining) != Belief::Draining {
            out.say(Fact::Believes {
                target,
                belief: Belief::Draining,
            });
        }
        out.wake(delay, Input::DrainingOver { call, target });
    }

    fn end_draining(&mut self, call: Call, target: TargetId, out: &mut Outbox<'_, Input, Fact>) {
        let row = self.row(target);
        if call == row.call && row.belief == Belief::Draining {
            row.belief = Belief::Gone;
            out.say(Fact::Believes {
                target,
                belief: Belief::Gone,
            });
        }
    }

    /// Each node checks each target at a phase of its own.
    fn first_check(
        &self,
        now: Time,
        target: TargetId,
        within: Span,
        out: &Outbox<'_, Input, Fact>,
    ) -> Time {
        let mut stream = out
            .streams()
            .at(Purpose::HealthCheckPhase, entity(target, self.node));
        now + within.scaled(stream.uniform())
    }

    /// "The time that it takes for the target to respond does not affect the interval for the next
    /// health check request" (AWS guide, target-group-health-checks).
    fn send_check(
        &mut self,
        now: Time,
        target: TargetId,
        check: u32,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        let (interval, timeout) = (self.spec.interval, self.spec.timeout);
        let row = self.row(target);
        if !row.is_checked() || check != row.next {
            return;
        }
        row.next += 1;
        row.due = now + interval;
        row.open = Some(check);
        out.say(Fact::CheckSent { target, check });
        out.wake(timeout, Input::CheckTimedOut { target, check });
        out.wake(
            interval,
            Input::CheckDue {
                target,
                check: check + 1,
            },
        );
    }

    /// Checks that rested go on at the interval that they had: the next is due after now.
    fn stir(&mut self, now: Time, target: TargetId, out: &mut Outbox<'_, Input, Fact>) {
        let interval = self.spec.interval;
        let Some(row) = self
            .rows
            .get_mut(target.index())
            .filter(|row| row.resting && row.is_checked())
        else {
            return;
        };
        row.resting = false;
        if row.due <= now {
            let missed = now.saturating_since(row.due).as_micros() / interval.as_micros() + 1;
            row.due += interval * missed;
        }
        out.wake_at(
            row.due,
            Input::CheckDue {
                target,
                check: row.next,
            },
        );
    }

    /// The first of answer and time-out decides; what comes after it is ignored.
    fn end_check(
        &mut self,
        target: TargetId,
        check: u32,
        passed: bool,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        let Some(row) = self
            .rows
            .get_mut(target.index())
            .filter(|row| row.open == Some(check))
        else {
            return;
        };
        row.open = None;
        let change = row.health.count(&self.spec, passed);
        if self.is_told && passed && row.health == Health::HEALTHY {
            // Check after check would pass and tell nobody anything: none is sent until the target stirs.
            row.next += 1;
            row.resting = true;
        }
        let belief = match change {
            None | Some(Standing::New) => return,
            Some(Standing::Healthy) => Belief::Healthy,
            Some(Standing::Unhealthy) => Belief::Unhealthy,
        };
        row.belief = belief;
        out.say(Fact::Believes { target, belief });
        out.say(Fact::HealthFound {
            target,
            call: row.call,
            healthy: belief == Belief::Healthy,
        });
    }
}

impl fmt::Display for Belief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Belief::Initial => "initial",
            Belief::Healthy => "healthy",
            Belief::Unhealthy => "unhealthy",
            Belief::Draining => "draining",
            Belief::Gone => "gone",
        })
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Believes { target, belief } => write!(f, "believes {target} {belief}"),
            Fact::CheckSent { target, check } => write!(f, "checks {target} (check {check})"),
            Fact::HealthFound {
                target,
                healthy: true,
                ..
            } => write!(f, "finds {target} healthy"),
            Fact::HealthFound {
                target,
                healthy: false,
                ..
            } => write!(f, "finds {target} unhealthy"),
        }
    }
}
