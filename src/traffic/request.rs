//! The `request` engine: every request on its own.
//!
//! Where nothing that becomes of one request changes another's, its end is decided when it is sent
//! and nothing has to be remembered. Otherwise the requests in flight are remembered, and what they
//! change is felt by those after them: see [`feedback`].
//!
//! A service time is what the client waits for an answer on a kept connection; the way from the
//! client through the load balancer is part of it, as it is of the measured default.

use crate::aws::target_group::Algorithm;
use crate::disturbance::{Scene, load_step};
use crate::id::{AlbNodeId, TargetId};
use crate::observe::timeline::{BeliefChange, Timeline};
use crate::random::{Purpose, Streams};
use crate::scenario::Scenario;
use crate::scenario::load::{Pacing, Shape};
use crate::time::{Span, Time};
use crate::traffic::arrivals::{Evenly, Poisson, Shaped};
use crate::traffic::connection::Way;
use crate::traffic::fate::{Limits, Request, Surroundings, Target};
use crate::traffic::latencies::{Counting, Latencies};
use crate::traffic::live::LiveEngine;
use crate::traffic::outcome::{Outcome, Witness};
use crate::traffic::registration::Registration;
use crate::traffic::routing::{Choice, RoutingTable};
use crate::traffic::users::{User, Wish};
use crate::verdict::{Cause, Verdict};

/// Simulates the requests of one scenario; keeps its buffers between replications.
#[derive(Debug, Clone)]
pub struct RequestEngine<'a> {
    engine: Engine<'a>,
    latencies: Latencies,
}

#[derive(Debug, Clone)]
enum Engine<'a> {
    AtArrival(Box<AtArrival<'a>>),
    Live(Box<LiveEngine<'a>>),
}

/// Decides every end when the request is sent.
#[derive(Debug, Clone)]
struct AtArrival<'a> {
    scenario: &'a Scenario,
    limits: Limits,
    registration: Registration,
    tables: Vec<RoutingTable>,
    targets: Vec<Target>,
    /// Per ALB node and target: until when the connection used last is kept.
    kept_until: Vec<Time>,
}

/// How one request changes what becomes of another, in words; nothing if none does, and each can be
/// decided on its own.
pub fn feedback(scenario: &Scenario) -> Option<&'static str> {
    let any_app = |holds: fn(&crate::cluster::app::AppSpec) -> bool| {
        scenario.revisions.iter().any(|revision| holds(&revision.app))
    };
    let (load, group, idle) = (&scenario.load, &scenario.target_group, scenario.load_balancer.idle_timeout);
    let races = |keep_alive: Span| keep_alive > Span::ZERO && keep_alive < idle;
    [
        (scenario.is_by_host(), "a connection through a node port stays with its pod"),
        (load.workers.is_some(), "a worker waits for its answer"),
        (load.reuses_connections(), "a client keeps its connections"),
        (load.retries > 0, "a failed request is sent again"),
        (group.algorithm == Algorithm::LeastOutstandingRequests, "a node counts the requests in flight"),
        (group.algorithm == Algorithm::WeightedRandom && group.anomaly_mitigation, "a node remembers failures"),
        (any_app(|app| app.concurrency.is_some()), "requests wait for each other"),
        (any_app(|app| app.close_connections_on_shutdown), "an answer may close its connection"),
        (
            scenario.revisions.iter().any(|revision| races(revision.app.keep_alive)),
            "the application closes idle connections before the load balancer does",
        ),
    ]
    .into_iter()
    .find_map(|(holds, words)| holds.then_some(words))
}

impl<'a> RequestEngine<'a> {
    /// The engine for this scenario: the fastest that is exact.
    pub fn new(scenario: &'a Scenario) -> RequestEngine<'a> {
        match feedback(scenario) {
            Some(_) => RequestEngine::live(scenario),
            None => RequestEngine::of(Engine::AtArrival(Box::new(AtArrival::new(scenario)))),
        }
    }

    /// The engine that remembers requests, whether the scenario needs it or not.
    pub fn live(scenario: &'a Scenario) -> RequestEngine<'a> {
        RequestEngine::of(Engine::Live(Box::new(LiveEngine::new(scenario))))
    }

    fn of(engine: Engine<'a>) -> RequestEngine<'a> {
        RequestEngine { engine, latencies: Latencies::new() }
    }

    /// Sends the whole load against one timeline; `outcome` is overwritten.
    pub fn simulate(&mut self, timeline: &Timeline, streams: &Streams, outcome: &mut Outcome) {
        outcome.clear();
        self.engine.tell(timeline, streams, &mut Counting { latencies: &mut self.latencies, outcome });
        self.latencies.pour(outcome);
    }

    /// Sends the whole load against one timeline; `witness` hears how each request ended.
    pub fn tell<W: Witness>(&mut self, timeline: &Timeline, streams: &Streams, witness: &mut W) {
        self.engine.tell(timeline, streams, witness);
    }
}

impl Engine<'_> {
    fn tell<W: Witness>(&mut self, timeline: &Timeline, streams: &Streams, witness: &mut W) {
        let scenario = match self {
            Engine::AtArrival(engine) => engine.scenario,
            Engine::Live(engine) => engine.scenario(),
        };
        let Scenario { load, disturbances, cluster, .. } = scenario;
        let scene = Scene { rollout_at: timeline.rollout_at, cluster, streams };
        let stretches = |rate| load_step::stretches(disturbances, rate, Time::ZERO + load.duration, scene);
        let chance = || streams.at(Purpose::Arrival, 0);
        match (load.workers, load.shape, load.pacing) {
            (Some(_), _, _) => self.send(std::iter::empty(), timeline, streams, witness),
            (None, Shape::Constant, Pacing::Constant) => {
                self.send(stretches(load.rate).iter().flat_map(Evenly::new), timeline, streams, witness);
            }
            (None, Shape::Constant, Pacing::Poisson) => {
                self.send(Poisson::new(&stretches(load.rate), chance()), timeline, streams, witness);
            }
            (None, _, pacing) => {
                let factors = stretches(1.0);
                let arrivals = Shaped::new(load, &factors, (pacing == Pacing::Poisson).then(chance));
                self.send(arrivals, timeline, streams, witness);
            }
        }
    }

    fn send<W: Witness>(
        &mut self,
        arrivals: impl Iterator<Item = Time>,
        timeline: &Timeline,
        streams: &Streams,
        witness: &mut W,
    ) {
        match self {
            Engine::AtArrival(engine) => engine.simulate(arrivals, timeline, streams, witness),
            Engine::Live(engine) => engine.simulate(arrivals, timeline, streams, witness),
        }
    }
}

impl<'a> AtArrival<'a> {
    fn new(scenario: &'a Scenario) -> AtArrival<'a> {
        AtArrival {
            scenario,
            limits: Limits::new(scenario),
            registration: Registration::default(),
            tables: tables(scenario),
            targets: Vec::new(),
            kept_until: Vec::new(),
        }
    }

    fn begin(&mut self, timeline: &Timeline, streams: &Streams) {
        begin(&mut self.tables, &mut self.registration, self.scenario, timeline, streams);
        self.targets.clear();
        self.targets.extend(self.limits.targets(timeline));
        self.kept_until.clear();
        self.kept_until.resize(self.tables.len() * self.targets.len(), Time::ZERO);
    }

    fn simulate<W: Witness>(
        &mut self,
        arrivals: impl Iterator<Item = Time>,
        timeline: &Timeline,
        streams: &Streams,
        witness: &mut W,
    ) {
        self.begin(timeline, streams);
        let around = Surroundings::new(self.scenario, self.limits, timeline, streams);
        let mut number = 0;
        User::new(self.scenario, streams, 0).ask(arrivals, |sent, wish| {
            self.send(number, sent, wish, &around, witness);
            number += 1;
        });
    }

    #[inline(always)]
    fn send<W: Witness>(&mut self, number: u64, sent: Time, wish: &Wish, around: &Surroundings, witness: &mut W) {
        let Wish { node, work, is_stream, .. } = *wish;
        let table = &mut self.tables[node];
        if sent >= table.until() {
            table.update(sent, beliefs(around.timeline, node), &self.registration);
        }
        let Some(target) = table.choose(sent, Choice::by(wish.luck)) else {
            let verdict = Verdict::Alb(Cause::NoTarget);
            return witness.record(sent, AlbNodeId(node as u8), None, verdict, self.limits.round_trip);
        };
        let cut = table.cut(target);
        // Made where it is asked for: that of a request that is answered in time never gets into memory.
        let request = || Request { number, sent, work, cut, is_stream };
        self.dispatch(node, target, request, around, witness);
    }

    /// The node has chosen. Nearly always the answer comes in time; that path stays free of
    /// anything a failure needs.
    #[inline(always)]
    fn dispatch<W: Witness>(
        &mut self,
        node: usize,
        target: TargetId,
        request: impl Fn() -> Request,
        around: &Surroundings,
        witness: &mut W,
    ) {
        let sent = request().sent;
        let kept_until = &mut self.kept_until[node * self.targets.len() + target.index()];
        let target = &mut self.targets[target.index()];
        if sent >= target.port.until {
            *target = around.look(target, sent);
        }
        let keep = target.habits.keep;
        let way = target.port.way(sent, *kept_until, keep, self.limits.one_way);
        let node = AlbNodeId(node as u8);
        if let Some(end) = around.answered_at_once(target, way, &request()) {
            *kept_until = keep.until(end).max(*kept_until);
            return witness.record(sent, node, target.pod, Verdict::Ok, end - sent);
        }
        let request = request();
        let (verdict, end) = around.trouble(target, way, &request);
        if matches!(verdict, Verdict::Ok | Verdict::Target(_)) && !request.is_stream {
            *kept_until = keep.until(end).max(*kept_until);
        } else if way == Way::Lost {
            *kept_until = Time::ZERO;
        }
        witness.record(sent, node, target.pod, verdict, end - sent);
    }
}

/// One table for each node of the load balancer, and at least one.
pub(super) fn tables(scenario: &Scenario) -> Vec<RoutingTable> {
    (0..scenario.load_balancer.nodes.max(1)).map(|node| RoutingTable::new(scenario, node)).collect()
}

/// Makes tables ready for a replication.
pub(super) fn begin(
    tables: &mut [RoutingTable],
    registration: &mut Registration,
    scenario: &Scenario,
    timeline: &Timeline,
    streams: &Streams,
) {
    registration.sort(&timeline.targets, &timeline.pods, scenario.load_balancer.zones);
    for (node, table) in tables.iter_mut().enumerate() {
        let start = streams.at(Purpose::RoundRobin, node as u64).uniform();
        table.begin(beliefs(timeline, node), registration, start);
    }
}

/// What a node came to believe; a node of which nothing is known believes nothing.
pub(super) fn beliefs(timeline: &Timeline, node: usize) -> &[BeliefChange] {
    timeline.beliefs.get(node).map_or(&[], Vec::as_slice)
}
