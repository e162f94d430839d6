//! One node of the load balancer: what it believes about each target. Belief only; requests come later.

mod propagation;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Outbox};
use crate::aws::health_check::{Health, HealthCheckSpec, Standing};
use crate::aws::target::Call;
use crate::id::{AlbNodeId, TargetId};
use crate::random::Purpose;
use crate::setting::settings;
use crate::time::{Span, Time};
use propagation::entity;
pub use propagation::{DeregistrationPreset, DeregistrationPropagation, RegistrationPropagation};

settings! {
    /// The Application Load Balancer (`[load_balancer]`).
    LoadBalancerSpec in "load_balancer" {
        /// Nodes that the load balancer runs, each with its own routing table; 1 to 100.
        nodes: u8 = 2, Documented "at least one per enabled zone, two zones at least (AWS guide, application-load-balancers)";
        /// Availability zones; nodes of the load balancer and hosts are spread over them in turn. It matters only with `cross_zone = false`.
        zones: u8 = 2, Documented "two zones at least (AWS guide, application-load-balancers)";
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
    /// The deregistration delay of a target is over.
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
    /// A deregistration whose delay is over, though the news of it is still on its way.
    over: Option<Call>,
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
        over: None,
        due: Time::ZERO,
        resting: false,
    };

    const fn is_checked(&self) -> bool {
        matches!(self.belief, Belief::Initial | Belief::Healthy | Belief::Unhealthy)
    }
}

/// One node of the load balancer: its own routing table and its own health checks.
///
/// News may overtake each other on the way; of two changes the one of the later call holds.
///
/// Health checks stop when the node learns of the deregistration (assumed; AWS does not say whether
/// a draining target is checked, and no verdict about one would change where requests go).
#[derive(Debug)]
pub struct AlbNode {
    spec: HealthCheckSpec,
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
    /// A node that knows no target yet; `is_told` if it will hear of targets that no longer serve as they did.
    pub fn new(spec: &HealthCheckSpec, node: AlbNodeId, is_told: bool) -> AlbNode {
        AlbNode { spec: spec.clone(), node, is_told, rows: Vec::new() }
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

    fn know(&mut self, now: Time, target: TargetId, healthy: bool, out: &mut Outbox<'_, Input, Fact>) {
        let first = self.first_check(now, target, self.spec.interval, out);
        let (belief, health) =
            if healthy { (Belief::Healthy, Health::HEALTHY) } else { (Belief::Unhealthy, Health::UNHEALTHY) };
        let resting = healthy && self.is_told;
        *self.row(target) = Row { belief, health, due: first, resting, ..Row::EMPTY };
        out.say(Fact::Believes { target, belief });
        if !resting {
            out.wake_at(first, Input::CheckDue { target, check: 0 });
        }
    }

    fn register(&mut self, now: Time, call: Call, target: TargetId, out: &mut Outbox<'_, Input, Fact>) {
        let due = self.first_check(now, target, self.spec.first_within(), out);
        let row = self.row(target);
        if call <= row.call {
            return;
        }
        let check = row.next + 1;
        *row = Row { belief: Belief::Initial, call, next: check, due, ..Row::EMPTY };
        out.say(Fact::Believes { target, belief: Belief::Initial });
        out.wake_at(due, Input::CheckDue { target, check });
    }

    fn deregister(&mut self, call: Call, target: TargetId, out: &mut Outbox<'_, Input, Fact>) {
        let row = self.row(target);
        if call <= row.call {
            return;
        }
        row.call = call;
        row.open = None;
        if row.belief == Belief::Gone {
            return;
        }
        let over = row.over == Some(call);
        // Draining already, if the news of a registration in between is still on its way.
        if std::mem::replace(&mut row.belief, Belief::Draining) != Belief::Draining {
            out.say(Fact::Believes { target, belief: Belief::Draining });
        }
        if over {
            self.end_draining(call, target, out);
        }
    }

    /// The delay does not wait for the node to learn of the deregistration, nor does it hasten that.
    fn end_draining(&mut self, call: Call, target: TargetId, out: &mut Outbox<'_, Input, Fact>) {
        let row = self.row(target);
        if call > row.call {
            row.over = Some(call);
        } else if call == row.call && row.belief == Belief::Draining {
            row.belief = Belief::Gone;
            out.say(Fact::Believes { target, belief: Belief::Gone });
        }
    }

    /// Each node checks each target at a phase of its own.
    fn first_check(&self, now: Time, target: TargetId, within: Span, out: &Outbox<'_, Input, Fact>) -> Time {
        let mut stream = out.streams().at(Purpose::HealthCheckPhase, entity(target, self.node));
        now + within.scaled(stream.uniform())
    }

    /// "The time that it takes for the target to respond does not affect the interval for the next
    /// health check request" (AWS guide, target-group-health-checks).
    fn send_check(&mut self, now: Time, target: TargetId, check: u32, out: &mut Outbox<'_, Input, Fact>) {
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
        out.wake(interval, Input::CheckDue { target, check: check + 1 });
    }

    /// Checks that rested go on at the interval that they had: the next is due after now.
    fn stir(&mut self, now: Time, target: TargetId, out: &mut Outbox<'_, Input, Fact>) {
        let interval = self.spec.interval;
        let Some(row) = self.rows.get_mut(target.index()).filter(|row| row.resting && row.is_checked()) else { return };
        row.resting = false;
        if row.due <= now {
            let missed = now.saturating_since(row.due).as_micros() / interval.as_micros() + 1;
            row.due += interval * missed;
        }
        out.wake_at(row.due, Input::CheckDue { target, check: row.next });
    }

    /// The first of answer and time-out decides; what comes after it is ignored.
    fn end_check(&mut self, target: TargetId, check: u32, passed: bool, out: &mut Outbox<'_, Input, Fact>) {
        let Some(row) = self.rows.get_mut(target.index()).filter(|row| row.open == Some(check)) else { return };
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
        out.say(Fact::HealthFound { target, call: row.call, healthy: belief == Belief::Healthy });
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
            Fact::HealthFound { target, healthy: true, .. } => write!(f, "finds {target} healthy"),
            Fact::HealthFound { target, healthy: false, .. } => write!(f, "finds {target} unhealthy"),
        }
    }
}
