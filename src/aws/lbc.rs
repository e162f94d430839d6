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
mod throttle;
pub mod version;
mod words;
mod workqueue;

#[cfg(test)]
mod tests;

use crate::actor::{Actor, Outbox};
use crate::aws::target::{Call, TargetState};
use crate::cluster::pod::NodeReady;
use crate::dist::Dist;
use crate::id::{PodId, TargetId};
use crate::random::{Purpose, Streams};
use crate::setting::settings;
use crate::time::{Span, Time};
pub use endpoint::{Endpoint, PodStatus};
use endpoint::{Standing, standing};
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

/// What is known of a target, and of the pod that has its `ip:port`.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    pod: Option<PodId>,
    endpoint: Option<Endpoint>,
    status: Option<PodStatus>,
    /// Counts as an endpoint, as this reconcile resolved it.
    wanted: bool,
    /// Was wanted when the checkpoint was saved.
    saved: bool,
    /// What the API said last.
    shown: Option<TargetState>,
    cached: Cached,
    /// The describe call under way asks for it.
    asked: bool,
    plan: Plan,
    /// The gate's condition as last patched.
    gate: Option<bool>,
}

/// A target in the controller's cache (pkg/targetgroupbinding/targets_manager.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cached {
    #[default]
    Absent,
    /// Just registered or deregistered: its health is to be asked for.
    Unknown,
    Known(TargetState),
}

impl Cached {
    /// Registered, for all the controller knows: matching leaves draining targets out.
    fn is_registered(self) -> bool {
        !matches!(self, Cached::Absent | Cached::Known(TargetState::Draining))
    }

    /// Not known to be healthy: to be asked for within the cache's lifetime, too.
    fn is_doubtful(self) -> bool {
        !matches!(self, Cached::Absent | Cached::Known(TargetState::Healthy))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Plan {
    #[default]
    Keep,
    Deregister,
    Register,
    /// In the call under way.
    Sent,
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
    /// By target.
    rows: Vec<Row>,
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
    /// An endpoint that does not count may come to, without an event: a gated pod that starts.
    potential: bool,
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
                if let Some(row) = self.row(pod, target) {
                    row.endpoint = endpoint;
                }
                self.enqueue(out);
            }
            Input::Pod {
                pod,
                target,
                status,
            } => self.hear_pod(pod, target, status, out),
            Input::TargetHealth { target, state } => self.rows[target.index()].shown = state,
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
        Lbc::with_rows(spec.version, spec.requeue, Vec::new())
    }

    /// Forgets everything, keeps the memory.
    pub fn reset(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        *self = Lbc::with_rows(self.version, self.requeue, rows);
    }

    fn with_rows(version: LbcVersion, requeue: Span, rows: Vec<Row>) -> Lbc {
        Lbc {
            version,
            requeue,
            rows,
            queue: Workqueue::new(version.events_absorb_polls()),
            throttle: Throttle::new(version),
            stage: Stage::Idle,
            leads: true,
            call: Call::INITIAL,
            cached_until: None,
            lists_all: false,
            checkpoint: true,
            potential: false,
        }
    }

    /// The row of a pod at its target. A pod that was given an earlier one's IP takes its place: the
    /// checkpoint, which has their times of creation, does not cover it. Nothing if a younger one has.
    fn row(&mut self, pod: PodId, target: TargetId) -> Option<&mut Row> {
        if self.rows.len() <= target.index() {
            self.rows.resize(target.index() + 1, Row::default());
        }
        let row = &mut self.rows[target.index()];
        match row.pod {
            Some(last) if last.index() > pod.index() => return None,
            Some(last) if last.index() < pod.index() => {
                (row.endpoint, row.status, row.gate, row.saved) = (None, None, None, false);
            }
            _ => {}
        }
        row.pod = Some(pod);
        Some(row)
    }

    /// Long registered: listed by the API, covered by the checkpoint. The cache is cold, for it
    /// lives minutes and the last reconcile was long ago.
    fn know(&mut self, pod: PodId, target: TargetId, gated: bool) {
        let Some(row) = self.row(pod, target) else {
            return;
        };
        *row = Row {
            pod: Some(pod),
            endpoint: Some(Endpoint {
                ready: true,
                terminating: false,
            }),
            status: Some(PodStatus {
                containers_ready: true,
                gated,
                gate: gated,
                host: NodeReady::True,
            }),
            wanted: true,
            saved: true,
            shown: Some(TargetState::Healthy),
            gate: gated.then_some(true),
            ..Row::default()
        };
    }

    /// The pod cache; by itself an event only where pods are watched, and for gated ones.
    fn hear_pod(
        &mut self,
        pod: PodId,
        target: TargetId,
        status: Option<PodStatus>,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        let Some(row) = self.row(pod, target) else {
            return;
        };
        let gated = status.or(row.status).is_some_and(|status| status.gated);
        row.status = status;
        if gated && self.version.watches_pods() {
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
        self.resolve();
        if self.is_unchanged() {
            return self.end(now, Ending::Done, out);
        }
        self.lists_all = self.cached_until.is_none_or(|until| now >= until);
        let mut asks = self.lists_all;
        for row in &mut self.rows {
            row.asked = self.lists_all || row.cached.is_doubtful();
            asks |= row.asked;
        }
        if asks {
            self.start_call(now, Operation::Describe, out);
        } else {
            self.plan(now, out);
        }
    }

    fn resolve(&mut self) {
        let of = |row: &Row| standing(row.endpoint, row.status);
        let some_count = self.rows.iter().any(|row| of(row) == Standing::Counts);
        let wanted = if some_count {
            Standing::Counts
        } else {
            Standing::LastResort
        };
        self.potential = self.rows.iter().any(|row| of(row) == Standing::Potential);
        self.rows
            .iter_mut()
            .for_each(|row| row.wanted = of(row) == wanted);
    }

    /// Whether the checkpoint ends this reconcile before any call. Up to 3.3 an unhealthy gate did
    /// not prevent that, a pod that might yet become ready did.
    fn is_unchanged(&self) -> bool {
        let unsettled = if self.version.watches_pods() {
            self.rows.iter().any(|row| {
                row.wanted
                    && row
                        .status
                        .is_some_and(|status| status.gated && !status.gate)
            })
        } else {
            self.potential
        };
        let covered = self.checkpoint && self.rows.iter().all(|row| row.wanted == row.saved);
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
        let planned = match self.stage {
            Stage::Calling(Operation::Deregister) => Plan::Deregister,
            Stage::Calling(Operation::Register) => Plan::Register,
            Stage::Calling(Operation::Describe) => {
                return out.say(Fact::DescribeTargetHealth { call });
            }
            Stage::Idle => return,
        };
        let planned_rows = (0..)
            .zip(&mut self.rows)
            .filter(|(_, row)| row.plan == planned);
        for (target, row) in planned_rows.take(CHUNK) {
            let (target, Some(pod)) = (TargetId(target), row.pod) else {
                continue;
            };
            row.plan = Plan::Sent;
            out.say(match planned {
                Plan::Register => Fact::RegisterTargets { call, target, pod },
                _ => Fact::DeregisterTargets { call, target },
            });
        }
    }

    fn returned(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        if self.stage == Stage::Calling(Operation::Describe) {
            self.list(now);
            return self.plan(now, out);
        }
        for row in self.rows.iter_mut().filter(|row| row.plan == Plan::Sent) {
            row.plan = Plan::Keep;
            row.cached = Cached::Unknown;
        }
        self.advance(now, out);
    }

    /// Takes the answer into the cache; a full list starts its lifetime, which nothing prolongs.
    fn list(&mut self, now: Time) {
        for row in self.rows.iter_mut().filter(|row| row.asked) {
            row.asked = false;
            row.cached = row.shown.map_or(Cached::Absent, Cached::Known);
        }
        if self.lists_all {
            self.cached_until = Some(now + CACHE_LIFETIME);
        }
    }

    /// Matches endpoints with targets. A change that is about to be made voids the checkpoint.
    fn plan(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        for row in &mut self.rows {
            row.plan = match (row.wanted, row.cached.is_registered()) {
                (true, false) => Plan::Register,
                (false, true) => Plan::Deregister,
                _ => Plan::Keep,
            };
            self.checkpoint &= row.plan == Plan::Keep;
        }
        self.advance(now, out);
    }

    /// The next call: all deregistrations come before the first registration.
    fn advance(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        let is_planned = |plan| self.rows.iter().any(|row| row.plan == plan);
        if is_planned(Plan::Deregister) {
            self.start_call(now, Operation::Deregister, out);
        } else if is_planned(Plan::Register) {
            self.start_call(now, Operation::Register, out);
        } else {
            let ending = self.set_gates(out);
            self.end(now, ending, out);
        }
    }

    /// Patches the gates whose status has changed, and says whether somebody is waited for.
    fn set_gates(&mut self, out: &mut Outbox<'_, Input, Fact>) -> Ending {
        let (mut waits, mut initial) = (false, false);
        for row in self.rows.iter_mut().filter(|row| row.wanted) {
            // Just registered counts as `initial` (Elb.RegistrationInProgress).
            initial |= matches!(
                row.cached,
                Cached::Unknown | Cached::Known(TargetState::Initial)
            );
            let (Some(pod), Some(PodStatus { gated: true, .. })) = (row.pod, row.status) else {
                continue;
            };
            let status = row.cached == Cached::Known(TargetState::Healthy);
            waits |= !status;
            if row.gate != Some(status) {
                row.gate = Some(status);
                out.say(Fact::GatePatched { pod, status });
            }
        }
        // From 3.4 an unhealthy gated target voids the checkpoint like a change about to be made.
        self.checkpoint &= !(waits && self.version.watches_pods());
        let potential = self.potential && !self.version.watches_pods();
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
                self.rows.iter_mut().for_each(|row| row.saved = row.wanted);
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
