//! AWS Load Balancer Controller: reconciles EndpointSlices into target registrations.
//!
//! One TargetGroupBinding (each of several has one of these), after
//! pkg/targetgroupbinding/resource_manager.go: an event, or the poll of target health, queues it; a
//! reconcile resolves the endpoints, lists the targets, deregisters what is too much, then registers
//! what is missing, then sets the readiness gates. Each call
//! blocks until it returns; what happens meanwhile is seen by the next reconcile.
//!
//! Nothing here waits for a drain, and a terminating pod is dropped while it still serves: these
//! are the controller's own ways, not omissions. Left out because no rollout can tell: the events
//! of the controller's own checkpoint writes, the 30-minute deferred reconcile, security groups.

mod endpoint;
mod leader;
mod rows;
mod throttle;
pub mod version;
mod words;
mod workqueue;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::actor::{Actor, Outbox};
use crate::aws::target::Call;
use crate::cluster::pod::NodeReady;
use crate::dist::Dist;
use crate::id::{PodId, TargetId};
use crate::random::{Purpose, Streams};
use crate::setting::settings;
use crate::time::{Span, Time};
pub use endpoint::{Endpoint, PodStatus};
use rows::Rows;
use throttle::Throttle;
use version::LbcVersion;
pub use words::{Fact, Input};
use workqueue::Workqueue;

settings! {
    /// The AWS Load Balancer Controller (`[lbc]`).
    LbcSpec in "lbc" {
        /// Its version: decides what notices a gated pod's ContainersReady, and how often target health is polled.
        version: LbcVersion = LbcVersion::new(3, 5), Assumed "the newest release (2026-08); behaviour by version, 2.4 to 3.6: kubernetes-sigs/aws-load-balancer-controller, pkg/targetgroupbinding";
        /// Poll period of target health while a gated pod waits (`--targetgroupbinding-requeue-duration` from 3.2).
        requeue: Span = Span::from_secs(15), (above 0) Documented "pkg/config/controller_config.go";
        /// How long a call of RegisterTargets takes.
        register_call: Dist = Dist::constant(Span::from_millis(205)), Measured "LBC#3069, controller log";
        /// How long a call of DeregisterTargets takes.
        deregister_call: Dist = Dist::Uniform(Span::from_millis(26), Span::from_millis(45)), Measured "LBC#2044, LBC#3069, controller logs";
        /// How long a call of DescribeTargetHealth takes.
        describe_call: Dist = Dist::Uniform(Span::from_millis(30), Span::from_millis(100)), Assumed "unpublished; between the two calls that are";
    }
}

/// A call of the ELB API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// `DescribeTargetHealth`.
    Describe,
    /// `DeregisterTargets`.
    Deregister,
    /// `RegisterTargets`.
    Register,
}

impl LbcSpec {
    /// How long this call takes, from the request to the return.
    pub fn call_duration(&self, streams: &Streams, operation: Operation, call: Call) -> Span {
        let dist = match operation {
            Operation::Describe => &self.describe_call,
            Operation::Deregister => &self.deregister_call,
            Operation::Register => &self.register_call,
        };
        dist.sample(&mut streams.at(Purpose::ElbApi, u64::from(call.0)))
    }
}

/// Where a reconcile stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Calling(Operation),
}

/// How a reconcile ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Done,
    RequeueAfterPeriod,
    RequeueRateLimited,
}

/// `RegisterTargets` and `DeregisterTargets` take so many targets at most (targets_manager.go).
const CHUNK: usize = 200;
/// How long the cache lists healthy targets without asking (`defaultTargetsCacheTTL`).
const CACHE_LIFETIME: Span = Span::from_secs(300);

/// The controller. It believes its last reconcile and its last look at target health.
#[derive(Debug)]
pub struct Lbc {
    version: LbcVersion,
    requeue: Span,
    rows: Rows,
    /// What the present reconcile is yet to deregister and to register, and what is in the call under way.
    to_deregister: VecDeque<TargetId>,
    to_register: VecDeque<TargetId>,
    sent: Vec<TargetId>,
    queue: Workqueue,
    throttle: Throttle,
    stage: Stage,
    /// Whether a replica holds the lease.
    leads: bool,
    /// The call under way, or the last one.
    call: Call,
    /// The targets were listed in full and are cached until then.
    cached_until: Option<Time>,
    /// The call under way lists all targets.
    lists_all: bool,
    /// Whether a checkpoint is saved; which endpoints it covers, the rows know.
    checkpoint: bool,
}

impl Actor for Lbc {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        match input {
            Input::Known { pod, target, gated } => self.know(pod, target, gated),
            Input::Endpoint {
                pod,
                target,
                endpoint,
            } => {
                self.rows.see_endpoint(pod, target, endpoint);
                self.enqueue(out);
            }
            Input::Pod {
                pod,
                target,
                status,
            } => self.hear_pod(pod, target, status, out),
            Input::TargetHealth { target, state } => self.rows.see_health(target, state),
            Input::Returned { call } if self.awaits(call) => self.returned(now, out),
            Input::Failed { call } if self.awaits(call) => {
                self.end(now, Ending::RequeueRateLimited, out);
            }
            Input::Admitted { call } if self.awaits(call) => self.send(out),
            Input::Returned { .. } | Input::Failed { .. } | Input::Admitted { .. } => {}
            Input::Reconcile if self.leads => self.reconcile(now, out),
            Input::LeaderLost => self.stop(),
            Input::LeaderElected => self.lead(out),
            Input::Reconcile => {}
            Input::Due => {
                if self.queue.is_due(now) {
                    out.wake(Span::ZERO, Input::Reconcile);
                }
            }
        }
    }
}

impl Lbc {
    /// A controller that knows no pod yet.
    pub fn new(spec: &LbcSpec) -> Lbc {
        let (version, requeue) = (spec.version, spec.requeue);
        Lbc {
            version,
            requeue,
            rows: Rows::new(),
            to_deregister: VecDeque::new(),
            to_register: VecDeque::new(),
            sent: Vec::new(),
            queue: Workqueue::new(version.events_absorb_polls()),
            throttle: Throttle::new(version),
            stage: Stage::Idle,
            leads: true,
            call: Call::INITIAL,
            cached_until: None,
            lists_all: false,
            checkpoint: true,
        }
    }

    /// Forgets everything, keeps the memory.
    pub fn reset(&mut self) {
        self.rows.clear();
        self.to_deregister.clear();
        self.to_register.clear();
        self.sent.clear();
        self.queue = Workqueue::new(self.version.events_absorb_polls());
        self.throttle = Throttle::new(self.version);
        (self.stage, self.leads) = (Stage::Idle, true);
        self.call = Call::INITIAL;
        self.cached_until = None;
        (self.lists_all, self.checkpoint) = (false, true);
    }

    /// Long registered: listed by the API, covered by the checkpoint. The cache is cold, for it
    /// lives minutes and the last reconcile was long ago.
    fn know(&mut self, pod: PodId, target: TargetId, gated: bool) {
        let endpoint = Endpoint {
            ready: true,
            terminating: false,
        };
        let status = PodStatus {
            containers_ready: true,
            gated,
            gate: gated,
            host: NodeReady::True,
        };
        self.rows.know(pod, target, endpoint, status);
    }

    /// The pod cache; by itself an event only where pods are watched, and for gated ones.
    fn hear_pod(
        &mut self,
        pod: PodId,
        target: TargetId,
        status: Option<PodStatus>,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        let gated = self.rows.see_pod(pod, target, status);
        if gated == Some(true) && self.version.watches_pods() {
            self.enqueue(out);
        }
    }

    fn enqueue(&mut self, out: &mut Outbox<'_, Input, Fact>) {
        if self.leads && self.queue.add() {
            out.wake(Span::ZERO, Input::Reconcile);
        }
    }

    fn awaits(&self, call: Call) -> bool {
        self.stage != Stage::Idle && call == self.call
    }

    fn reconcile(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        self.queue.take();
        self.rows.resolve();
        if self.is_unchanged() {
            return self.end(now, Ending::Done, out);
        }
        self.lists_all = self.cached_until.is_none_or(|until| now >= until);
        if self.lists_all || self.rows.any_doubtful() {
            self.start_call(now, Operation::Describe, out);
        } else {
            self.plan(now, out);
        }
    }

    /// Whether the checkpoint ends this reconcile before any call. Up to 3.3 an unhealthy gate did
    /// not prevent that, a pod that might yet become ready did.
    fn is_unchanged(&self) -> bool {
        let unsettled = if self.version.watches_pods() {
            self.rows.any_gate_closed()
        } else {
            self.rows.any_potential()
        };
        let covered = self.checkpoint && self.rows.are_covered();
        self.version.keeps_checkpoint() && covered && !unsettled
    }

    /// Takes up a call: at once if the throttle lets it, else when it does.
    fn start_call(&mut self, now: Time, operation: Operation, out: &mut Outbox<'_, Input, Fact>) {
        self.stage = Stage::Calling(operation);
        self.call = self.call.next();
        let at = self.throttle.admit(operation, now);
        if at == now {
            self.send(out);
        } else {
            out.wake_at(at, Input::Admitted { call: self.call });
        }
    }

    fn send(&mut self, out: &mut Outbox<'_, Input, Fact>) {
        let call = self.call;
        let operation = match self.stage {
            Stage::Calling(Operation::Describe) => {
                return out.say(Fact::DescribeTargetHealth { call });
            }
            Stage::Calling(operation) => operation,
            Stage::Idle => return,
        };
        let planned = if operation == Operation::Register {
            &mut self.to_register
        } else {
            &mut self.to_deregister
        };
        for target in planned.drain(..CHUNK.min(planned.len())) {
            self.sent.push(target);
            if operation == Operation::Deregister {
                out.say(Fact::DeregisterTargets { call, target });
            } else if let Some(pod) = self.rows.pod(target) {
                out.say(Fact::RegisterTargets { call, target, pod });
            }
        }
    }

    fn returned(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        if self.stage == Stage::Calling(Operation::Describe) {
            self.list(now);
            return self.plan(now, out);
        }
        for target in self.sent.drain(..) {
            self.rows.sent(target);
        }
        self.advance(now, out);
    }

    /// Takes the answer into the cache; a full list starts its lifetime, which nothing prolongs.
    fn list(&mut self, now: Time) {
        self.rows.take_answer(self.lists_all);
        if self.lists_all {
            self.cached_until = Some(now + CACHE_LIFETIME);
        }
    }

    /// Matches endpoints with targets. A change that is about to be made voids the checkpoint.
    fn plan(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        self.to_deregister.clear();
        self.to_register.clear();
        self.sent.clear();
        for (target, wanted) in self.rows.misplaced() {
            let planned = if wanted {
                &mut self.to_register
            } else {
                &mut self.to_deregister
            };
            planned.push_back(target);
            self.checkpoint = false;
        }
        self.advance(now, out);
    }

    /// The next call: all deregistrations come before the first registration.
    fn advance(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        if !self.to_deregister.is_empty() {
            self.start_call(now, Operation::Deregister, out);
        } else if !self.to_register.is_empty() {
            self.start_call(now, Operation::Register, out);
        } else {
            let ending = self.set_gates(out);
            self.end(now, ending, out);
        }
    }

    /// Patches the gates whose status has changed, and says whether somebody is waited for.
    fn set_gates(&mut self, out: &mut Outbox<'_, Input, Fact>) -> Ending {
        let patch = |pod, status| out.say(Fact::GatePatched { pod, status });
        self.rows.patch_gates(patch);
        let (waits, initial) = self.rows.waits();
        // From 3.4 an unhealthy gated target voids the checkpoint like a change about to be made.
        self.checkpoint &= !(waits && self.version.watches_pods());
        let potential = self.rows.any_potential() && !self.version.watches_pods();
        match (waits, potential, self.version.polls_at_fixed_period()) {
            (false, false, _) => Ending::Done,
            (_, _, true) => Ending::RequeueAfterPeriod,
            (true, _, false) if initial => Ending::RequeueAfterPeriod,
            (_, _, false) => Ending::RequeueRateLimited,
        }
    }

    fn end(&mut self, now: Time, ending: Ending, out: &mut Outbox<'_, Input, Fact>) {
        self.stage = Stage::Idle;
        let due = match ending {
            Ending::Done => {
                self.checkpoint = true;
                self.rows.save();
                self.queue.forget();
                None
            }
            Ending::RequeueAfterPeriod => {
                self.queue.forget();
                self.queue.add_after(now, self.requeue)
            }
            Ending::RequeueRateLimited => self.queue.add_rate_limited(now),
        };
        if let Some(due) = due {
            out.wake_at(due, Input::Due);
        }
        if self.queue.done() {
            out.wake(Span::ZERO, Input::Reconcile);
        }
    }
}
