//! The `request` engine: every request on its own, its end decided when it is sent.
//!
//! In an open loop whose targets serve any number of requests at once, nothing that becomes of one
//! request changes another's, so none has to be remembered. The streams of arrivals, entry nodes
//! and service times are read once a request whatever its fate, and rare draws are addressed by the
//! request's number: two configurations see the same users.
//!
//! A service time is what the client waits for an answer on a kept connection; the way from the
//! client through the load balancer is part of it, as it is of the measured default.

use crate::dist::Dist;
use crate::disturbance::{Scene, load_step};
use crate::id::{AlbNodeId, PodId, RevisionId, TargetId};
use crate::observe::timeline::{BeliefChange, Socket, Timeline};
use crate::random::{Purpose, Stream, Streams};
use crate::scenario::Scenario;
use crate::scenario::load::Pacing;
use crate::time::{Span, Time};
use crate::traffic::arrivals::{Evenly, Poisson};
use crate::traffic::connection::{KeepAlive, Port, SYN_RETRIES, Silence, Way};
use crate::traffic::outcome::{Outcome, Witness};
use crate::traffic::routing::{Registration, RoutingTable};
use crate::verdict::{Cause, Verdict};

/// Simulates the requests of one scenario; keeps its buffers between replications.
#[derive(Debug)]
pub struct RequestEngine<'a> {
    scenario: &'a Scenario,
    limits: Limits,
    keep: [KeepAlive; REVISIONS],
    registration: Registration,
    tables: Vec<RoutingTable>,
    targets: Vec<Target>,
    /// Per ALB node and target: until when the connection used last is kept.
    kept_until: Vec<Time>,
}

/// Before the rollout and after it.
const REVISIONS: usize = 2;

/// What bounds a request's life.
#[derive(Debug, Clone, Copy)]
struct Limits {
    round_trip: Span,
    one_way: Span,
    connect: Span,
    idle: Span,
    client: Span,
}

/// A target as the packets find it.
#[derive(Debug, Clone, Copy)]
struct Target {
    port: Port,
    pod: Option<PodId>,
    /// Its row in tables by revision.
    revision: usize,
}

/// A request that has been given to a target.
#[derive(Debug, Clone, Copy)]
struct Request {
    number: u64,
    sent: Time,
    /// How long an answer takes, by revision.
    work: [Span; REVISIONS],
    /// When its target's deregistration delay runs out.
    cut: Time,
}

/// How and when a request ends, were the client patient.
type End = (Verdict, Time);

/// Service times in order of sending.
struct ServiceTimes<'a> {
    old: (&'a Dist, Stream),
    /// Only if it differs. It reads a copy of the same stream, so that a slower revision is slower
    /// request by request.
    new: Option<(&'a Dist, Stream)>,
}

/// One replication's surroundings, the same for all its requests.
struct Surroundings<'a> {
    timeline: &'a Timeline,
    streams: &'a Streams,
    silence: Silence,
    limits: Limits,
}

impl<'a> RequestEngine<'a> {
    /// An engine for this scenario.
    pub fn new(scenario: &'a Scenario) -> RequestEngine<'a> {
        let balancer = &scenario.load_balancer;
        let keep_alive = |revision| KeepAlive::new(&scenario.revision(revision).app, balancer.idle_timeout);
        RequestEngine {
            scenario,
            limits: Limits {
                round_trip: balancer.round_trip,
                one_way: Span::from_micros(balancer.round_trip.as_micros() / 2),
                connect: balancer.connect_timeout,
                idle: balancer.idle_timeout,
                client: scenario.load.client_timeout,
            },
            keep: [keep_alive(RevisionId::OLD), keep_alive(RevisionId::NEW)],
            registration: Registration::default(),
            tables: vec![RoutingTable::new(balancer.no_routable_target); usize::from(balancer.nodes.max(1))],
            targets: Vec::new(),
            kept_until: Vec::new(),
        }
    }

    /// Sends the whole load against one timeline; `outcome` is overwritten.
    pub fn simulate(&mut self, timeline: &Timeline, streams: &Streams, outcome: &mut Outcome) {
        outcome.clear();
        self.tell(timeline, streams, outcome);
    }

    /// Sends the whole load against one timeline; `witness` hears how each request ended.
    pub fn tell<W: Witness>(&mut self, timeline: &Timeline, streams: &Streams, witness: &mut W) {
        self.begin(timeline, streams);
        let Scenario { load, disturbances, cluster, .. } = self.scenario;
        let scene = Scene { rollout_at: timeline.rollout_at, cluster, streams };
        let stretches = load_step::stretches(disturbances, load.rate, Time::ZERO + load.duration, scene);
        match load.pacing {
            Pacing::Constant => self.send(stretches.iter().flat_map(Evenly::new), timeline, streams, witness),
            Pacing::Poisson => {
                let arrivals = Poisson::new(&stretches, streams.at(Purpose::Arrival, 0));
                self.send(arrivals, timeline, streams, witness);
            }
        }
    }

    fn begin(&mut self, timeline: &Timeline, streams: &Streams) {
        self.registration.sort(&timeline.targets);
        for (node, table) in self.tables.iter_mut().enumerate() {
            let start = streams.at(Purpose::RoundRobin, node as u64).uniform();
            table.begin(beliefs(timeline, node), &self.registration, start);
        }
        self.targets.clear();
        self.targets.extend(timeline.targets.iter().map(|target| Target {
            port: Port::UNSEEN,
            pod: target.pod,
            revision: usize::from(target.pod.is_some_and(|pod| pod.revision() != RevisionId::OLD)),
        }));
        self.kept_until.clear();
        self.kept_until.resize(self.tables.len() * self.targets.len(), Time::ZERO);
    }

    fn send<W: Witness>(
        &mut self,
        arrivals: impl Iterator<Item = Time>,
        timeline: &Timeline,
        streams: &Streams,
        witness: &mut W,
    ) {
        let silence = Silence::new(self.scenario.load_balancer.host_unreachable_share, streams);
        let around = Surroundings { timeline, streams, silence, limits: self.limits };
        let mut service = ServiceTimes::new(self.scenario, streams);
        let mut entry = streams.at(Purpose::EntryNode, 0);
        for (number, sent) in (0..).zip(arrivals) {
            let node = entry.below(self.tables.len());
            let work = service.draw();
            let table = &mut self.tables[node];
            if let Some(target) = table.choose(sent, beliefs(timeline, node), &self.registration) {
                let cut = table.cut(target);
                self.dispatch(node, target, Request { number, sent, work, cut }, &around, witness);
            } else {
                let verdict = Verdict::Alb(Cause::NoTarget);
                witness.record(sent, AlbNodeId(node as u8), None, verdict, self.limits.round_trip);
            }
        }
    }

    /// The node has chosen. Nearly always the answer comes in time; that path stays free of
    /// anything a failure needs.
    #[inline]
    fn dispatch<W: Witness>(
        &mut self,
        node: usize,
        target: TargetId,
        request: Request,
        around: &Surroundings,
        witness: &mut W,
    ) {
        let kept_until = &mut self.kept_until[node * self.targets.len() + target.index()];
        let target = &mut self.targets[target.index()];
        if request.sent >= target.port.until {
            target.port = around.look(target.pod, request.sent);
        }
        let keep = self.keep[target.revision];
        let way = target.port.way(request.sent, *kept_until, keep, self.limits.one_way);
        let (verdict, latency) = match around.answered_at_once(target, way, &request) {
            Some(end) => (Verdict::Ok, end - request.sent),
            None => around.trouble(target, way, &request),
        };
        if matches!(verdict, Verdict::Ok | Verdict::Target(_)) {
            *kept_until = keep.until(request.sent + latency).max(*kept_until);
        } else if way == Way::Lost {
            *kept_until = Time::ZERO;
        }
        witness.record(request.sent, AlbNodeId(node as u8), target.pod, verdict, latency);
    }
}

/// What a node came to believe; a node of which nothing is known believes nothing.
fn beliefs(timeline: &Timeline, node: usize) -> &[BeliefChange] {
    timeline.beliefs.get(node).map_or(&[], Vec::as_slice)
}

impl Surroundings<'_> {
    #[cold]
    fn look(&self, pod: Option<PodId>, at: Time) -> Port {
        Port::look(pod.and_then(|pod| self.timeline.pods.get(pod.index())), at)
    }

    /// When the answer comes, if the target is reached at once and nothing comes before it.
    #[inline]
    fn answered_at_once(&self, target: &Target, way: Way, request: &Request) -> Option<Time> {
        let start = match way {
            Way::Kept => request.sent,
            Way::New => request.sent + self.limits.round_trip,
            Way::Crossing | Way::Lost => return None,
        };
        if target.port.socket != Socket::Serving {
            return None;
        }
        let end = start + request.work[target.revision];
        (end <= self.quiet_until(&target.port, start, request) && end <= request.sent + self.limits.client)
            .then_some(end)
    }

    /// Any other end, and after how long.
    #[cold]
    fn trouble(&self, target: &Target, way: Way, request: &Request) -> (Verdict, Span) {
        let (verdict, end) = match way {
            Way::Kept => self.fly(target, &target.port, request.sent, request),
            Way::New if target.port.socket == Socket::Silent => self.knock(target, request),
            Way::New => self.meet(target, &target.port, request.sent, request),
            Way::Crossing => (Verdict::Alb(Cause::KeepAliveRace), request.sent + self.limits.round_trip),
            Way::Lost => self.wait_in_vain(request.sent, request),
        };
        let latency = end - request.sent;
        if latency > self.limits.client {
            (Verdict::Alb(Cause::ClientGaveUp), self.limits.client)
        } else {
            (verdict, latency)
        }
    }

    /// A SYN comes in at an open or a closed port.
    fn meet(&self, target: &Target, port: &Port, syn: Time, request: &Request) -> End {
        let connected = syn + self.limits.round_trip;
        match port.socket {
            Socket::Closed => (Verdict::Alb(Cause::Refused), connected),
            _ => self.fly(target, port, connected, request),
        }
    }

    /// Nobody answers the first SYN: a later one may meet a pod that has come up, or nobody does.
    fn knock(&self, target: &Target, request: &Request) -> End {
        let unreachable = self.silence.unreachable_after(self.streams, request.number);
        let patience = unreachable.unwrap_or(self.limits.connect).min(self.limits.connect);
        for wait in SYN_RETRIES.into_iter().filter(|wait| *wait < patience) {
            let syn = request.sent + wait;
            let port = if syn < target.port.until { target.port } else { self.look(target.pod, syn) };
            if port.socket != Socket::Silent {
                return self.meet(target, &port, syn, request);
            }
        }
        match unreachable.filter(|after| *after < self.limits.connect) {
            Some(after) => (Verdict::Alb(Cause::HostUnreachable), request.sent + after),
            None => {
                let overshoot = self.silence.overshoot(self.streams, request.number);
                (Verdict::Alb(Cause::ConnectTimeout), request.sent + self.limits.connect + overshoot)
            }
        }
    }

    /// The request is on its way on a connection since `start`. A reset after the network went is
    /// not heard.
    fn fly(&self, target: &Target, port: &Port, start: Time, request: &Request) -> End {
        let (answer, answered) = match port.socket {
            Socket::Refusing => (Verdict::Target(503), start + self.limits.round_trip),
            _ => (Verdict::Ok, start + request.work[target.revision]),
        };
        if answered <= self.quiet_until(port, start, request) {
            return (answer, answered);
        }
        let rest = self.wait_in_vain(start, request);
        if port.reset <= port.silence && port.reset <= rest.1 {
            (Verdict::Alb(Cause::ResetInFlight), port.reset)
        } else {
            rest
        }
    }

    /// The first thing that can end a request without an answer.
    #[inline]
    fn quiet_until(&self, port: &Port, start: Time, request: &Request) -> Time {
        port.reset.min(port.silence).min(request.cut).min(start + self.limits.idle)
    }

    /// No answer will come: the load balancer waits for it while it may.
    fn wait_in_vain(&self, start: Time, request: &Request) -> End {
        let tired = start + self.limits.idle;
        if request.cut <= tired {
            (Verdict::Alb(Cause::CutByDeregistration), request.cut)
        } else {
            (Verdict::Alb(Cause::ResponseTimeout), tired)
        }
    }
}

impl<'a> ServiceTimes<'a> {
    fn new(scenario: &'a Scenario, streams: &Streams) -> ServiceTimes<'a> {
        let (old, new) = (
            &scenario.revision(RevisionId::OLD).app.service_time,
            &scenario.revision(RevisionId::NEW).app.service_time,
        );
        let stream = || streams.at(Purpose::Service, 0);
        ServiceTimes { old: (old, stream()), new: (new != old).then(|| (new, stream())) }
    }

    #[inline]
    fn draw(&mut self) -> [Span; REVISIONS] {
        let old = self.old.0.sample(&mut self.old.1);
        let new = self.new.as_mut().map_or(old, |(dist, stream)| dist.sample(stream));
        [old, new]
    }
}
