//! The `request` engine: every request on its own.
//!
//! Where nothing that becomes of one request changes another's, its end is decided when it is sent
//! and nothing has to be remembered. Otherwise the requests in flight are remembered, and what they
//! change is felt by those after them: see [`feedback`].
//!
//! A service time is what the client waits for an answer on a kept connection; the way from the
//! client through the load balancer is part of it, as it is of the measured default.

mod held;

use crate::aws::target_group::Algorithm;
use crate::disturbance::{Scene, load_step};
use crate::id::{AlbNodeId, PodId};
use crate::observe::timeline::{BeliefChange, Socket, Timeline};
use crate::random::{Purpose, Streams};
use crate::scenario::Scenario;
use crate::scenario::load::{Pacing, Shape};
use crate::time::{Span, Time};
use crate::traffic::arrivals::{AHEAD, Arrivals, Evenly, Poisson, Shaped};
use crate::traffic::connection::{SYN_RETRIES, Way};
use crate::traffic::counting::Counting;
use crate::traffic::fate::{DRAWN, End, Limits, Request, Surroundings, Target};
use crate::traffic::live::LiveEngine;
use crate::traffic::load_end;
use crate::traffic::outcome::{Outcome, Witness};
use crate::traffic::registration::Registration;
use crate::traffic::routing::{Choice, RoutingTable};
use crate::traffic::unreachable::{Kernels, Stretch};
use crate::traffic::users::{User, Wish, Wishes};
use crate::verdict::{Cause, Verdict};
use held::Held;

/// Simulates the requests of one scenario; keeps its buffers between replications.
#[derive(Debug, Clone)]
pub struct RequestEngine<'a>(Engine<'a>);

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
    /// Per ALB node and target.
    lanes: Vec<Lane>,
    kernels: Kernels,
    /// By target, then ALB node: in order of sending, those that a kernel may answer.
    held: Vec<Vec<Held>>,
    /// Whether a lane is ever calm: every request to a target is like the next.
    is_calm: bool,
}

/// The way from a node to a target, and what a request needs to know of it as long as nothing changes there.
#[derive(Debug, Clone, Copy)]
struct Lane {
    /// Sent before this, a request meets a listener, on the usual kind of connection, and its answer comes unless
    /// it would be later than `quiet` or take longer than `patience`.
    steady_until: Time,
    quiet: Time,
    patience: Span,
    /// Sent before this, a request is given up, because nobody ever answers its SYNs.
    silent_until: Time,
    /// Whether the host's kernel may say so of them.
    has_kernel: bool,
    /// From the sending until the answer can begin: a connect, where connections are not kept.
    start: Span,
    /// How long the connection used last is kept after an answer, and until when.
    idle: Span,
    kept_until: Time,
    pod: Option<PodId>,
    /// Which of the service times that are drawn with a request it takes.
    work: usize,
}

/// What became of requests that were sent together, in order of sending.
#[derive(Debug)]
struct Ends {
    pod: [Option<PodId>; AHEAD],
    verdict: [Verdict; AHEAD],
    latency: [Span; AHEAD],
    /// The rows of those that connect in vain.
    in_vain: Vec<usize>,
    /// The rows of those that a kernel may answer, and where they are held.
    held: Vec<(usize, usize)>,
    /// How many requests were sent before them.
    sent_before: u64,
}

/// How one request changes what becomes of another, in words; nothing if none does, and each can be
/// decided on its own.
pub fn feedback(scenario: &Scenario) -> Option<&'static str> {
    let any_app = |holds: fn(&crate::cluster::app::AppSpec) -> bool| {
        scenario
            .revisions
            .iter()
            .any(|revision| holds(&revision.app))
    };
    let (load, group, idle) = (
        &scenario.load,
        &scenario.target_group,
        scenario.load_balancer.idle_timeout,
    );
    let races = |keep_alive: Span| keep_alive > Span::ZERO && keep_alive < idle;
    [
        (
            scenario.is_by_host(),
            "a connection through a node port stays with its pod",
        ),
        (load.workers.is_some(), "a worker waits for its answer"),
        (load.reuses_connections(), "a client keeps its connections"),
        (load.retries > 0, "a failed request is sent again"),
        (
            group.algorithm == Algorithm::LeastOutstandingRequests,
            "a node counts the requests in flight",
        ),
        (
            group.algorithm == Algorithm::WeightedRandom && group.anomaly_mitigation,
            "a node remembers failures",
        ),
        (
            any_app(|app| app.concurrency.is_some()),
            "requests wait for each other",
        ),
        (
            any_app(|app| app.close_connections_on_shutdown),
            "an answer may close its connection",
        ),
        (
            scenario
                .revisions
                .iter()
                .any(|revision| races(revision.app.keep_alive)),
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
            None => RequestEngine(Engine::AtArrival(Box::new(AtArrival::new(scenario)))),
        }
    }

    /// The engine that remembers requests, whether the scenario needs it or not.
    pub fn live(scenario: &'a Scenario) -> RequestEngine<'a> {
        RequestEngine(Engine::Live(Box::new(LiveEngine::new(scenario))))
    }

    /// Sends the whole load against one timeline; `outcome` is overwritten.
    pub fn simulate(&mut self, timeline: &Timeline, streams: &Streams, outcome: &mut Outcome) {
        outcome.begin(load_end(&self.0.scenario().load, timeline));
        let mut counting = Counting::new(outcome);
        self.0.tell(timeline, streams, &mut counting);
        counting.finish();
    }

    /// Sends the whole load against one timeline; `witness` hears how each request ended.
    pub fn tell<W: Witness>(&mut self, timeline: &Timeline, streams: &Streams, witness: &mut W) {
        self.0.tell(timeline, streams, witness);
    }
}

impl<'a> Engine<'a> {
    const fn scenario(&self) -> &'a Scenario {
        match self {
            Engine::AtArrival(engine) => engine.scenario,
            Engine::Live(engine) => engine.scenario(),
        }
    }

    fn tell<W: Witness>(&mut self, timeline: &Timeline, streams: &Streams, witness: &mut W) {
        let Scenario {
            load,
            disturbances,
            cluster,
            ..
        } = self.scenario();
        let scene = Scene {
            rollout_at: timeline.rollout_at,
            cluster,
            streams,
        };
        let stretches =
            |rate| load_step::stretches(disturbances, rate, load_end(load, timeline), scene);
        let chance = || streams.at(Purpose::Arrival, 0);
        match (load.workers, load.shape, load.pacing) {
            (Some(_), _, _) => self.send(std::iter::empty(), timeline, streams, witness),
            (None, Shape::Constant, Pacing::Constant) => {
                self.send(
                    stretches(load.rate).iter().flat_map(Evenly::new),
                    timeline,
                    streams,
                    witness,
                );
            }
            (None, Shape::Constant, Pacing::Poisson) => {
                self.send(
                    Poisson::new(&stretches(load.rate), chance()),
                    timeline,
                    streams,
                    witness,
                );
            }
            (None, _, pacing) => {
                let factors = stretches(1.0);
                let arrivals =
                    Shaped::new(load, &factors, (pacing == Pacing::Poisson).then(chance));
                self.send(arrivals, timeline, streams, witness);
            }
        }
    }

    fn send<W: Witness>(
        &mut self,
        arrivals: impl Arrivals,
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
            lanes: Vec::new(),
            kernels: Kernels::new(scenario),
            held: Vec::new(),
            is_calm: scenario.load.stream_share == 0.0
                && scenario
                    .revisions
                    .iter()
                    .all(|revision| revision.app.cold_start.is_none()),
        }
    }

    fn begin(&mut self, timeline: &Timeline, streams: &Streams) {
        begin(
            &mut self.tables,
            &mut self.registration,
            self.scenario,
            timeline,
            streams,
        );
        self.kernels.begin(self.scenario, timeline, streams);
        self.targets.clear();
        self.targets.extend(self.limits.targets(timeline));
        self.lanes.clear();
        self.lanes
            .resize(self.tables.len() * self.targets.len(), Lane::UNSEEN);
        self.held.iter_mut().for_each(Vec::clear);
        self.held.resize_with(self.lanes.len(), Vec::new);
    }

    fn simulate<W: Witness>(
        &mut self,
        arrivals: impl Arrivals,
        timeline: &Timeline,
        streams: &Streams,
        witness: &mut W,
    ) {
        self.begin(timeline, streams);
        let around = Surroundings::new(self.scenario, self.limits.clone(), timeline, streams);
        let mut ends = Ends::new();
        User::new(self.scenario, streams, 0).ask(arrivals, |times, wishes| {
            self.send(times, wishes, &around, &mut ends);
            ends.give_up(&around);
            for &(row, lane) in &ends.held {
                let (pod, verdict, latency) = (ends.pod[row], ends.verdict[row], ends.latency[row]);
                self.held[lane].push(Held {
                    sent: times[row],
                    pod,
                    verdict,
                    latency,
                });
            }
            let mut held = ends.held.drain(..).map(|(row, _)| row).peekable();
            for (row, sent) in times.iter().enumerate() {
                if held.next_if_eq(&row).is_some() {
                    continue;
                }
                let node = AlbNodeId(wishes.node[row] as u8);
                witness.record(
                    *sent,
                    node,
                    ends.pod[row],
                    ends.verdict[row],
                    ends.latency[row],
                );
            }
            drop(held);
            ends.sent_before += times.len() as u64;
        });
        held::answer(
            &mut self.kernels,
            &mut self.held,
            self.tables.len(),
            witness,
        );
    }

    /// What becomes of some requests, but for how late the time-outs are of those that connect in vain.
    #[inline]
    fn send(
        &mut self,
        times: &[Time],
        wishes: &Wishes<AHEAD>,
        around: &Surroundings,
        ends: &mut Ends,
    ) {
        let AtArrival {
            limits,
            registration,
            tables,
            targets,
            lanes,
            kernels,
            is_calm,
            ..
        } = self;
        let nodes = tables.len();
        let (tables, targets, lanes) = (&mut tables[..], &mut targets[..], &mut lanes[..]);
        for (row, &sent) in times.iter().enumerate() {
            let node = wishes.node[row];
            let table = &mut tables[node];
            if sent >= table.until() {
                table.update(sent, beliefs(around.timeline, node), registration);
            }
            let Some(chosen) = table.choose(sent, Choice::by(wishes.luck[row])) else {
                ends.put(row, None, Verdict::Alb(Cause::NoTarget), limits.round_trip);
                continue;
            };
            let lane = &mut lanes[node * targets.len() + chosen.index()];
            // Nearly always the answer comes in time; that path stays free of anything a failure needs.
            if let Some(latency) = lane.answered(sent, wishes.work[lane.work][row]) {
                ends.put(row, lane.pod, Verdict::Ok, latency);
                continue;
            }
            if sent < lane.silent_until {
                ends.put(
                    row,
                    lane.pod,
                    Verdict::Alb(Cause::ConnectTimeout),
                    limits.connect,
                );
                ends.in_vain.push(row);
                if lane.has_kernel && kernels.are_on() {
                    ends.hold(row, chosen.index() * nodes + node);
                    kernels.connect(chosen.index(), node, Stretch::one(sent));
                }
                continue;
            }
            let Wish {
                work, is_stream, ..
            } = wishes.of(row);
            let number = ends.sent_before + row as u64;
            let request = Request {
                number,
                sent,
                work,
                cut: table.cut(chosen),
                is_stream,
            };
            let target = &mut targets[chosen.index()];
            let (way, (verdict, end)) = lane.dispatch(target, &request, around);
            if kernels.are_on() && way == Way::New && around.has_kernel(target, sent) {
                ends.hold(row, chosen.index() * nodes + node);
                kernels.connect(chosen.index(), node, Stretch::one(sent));
            }
            if *is_calm {
                lane.look(target, &request, table.until(), around);
            }
            ends.put(row, target.pod, verdict, end - sent);
        }
    }
}

impl Ends {
    /// Of no request.
    fn new() -> Ends {
        Ends {
            pod: [None; AHEAD],
            verdict: [Verdict::Ok; AHEAD],
            latency: [Span::ZERO; AHEAD],
            in_vain: Vec::with_capacity(AHEAD),
            held: Vec::new(),
            sent_before: 0,
        }
    }

    #[inline(always)]
    fn put(&mut self, row: usize, pod: Option<PodId>, verdict: Verdict, latency: Span) {
        (self.pod[row], self.verdict[row], self.latency[row]) = (pod, verdict, latency);
    }

    fn hold(&mut self, row: usize, lane: usize) {
        self.held.push((row, lane));
    }

    /// The load balancer, or the client, gives up those that connect in vain. How late it is takes many steps that
    /// wait for each other; of several requests together they do not.
    fn give_up(&mut self, around: &Surroundings) {
        let (mut late, limits) = ([Span::ZERO; AHEAD], &around.limits);
        let numbers = self
            .in_vain
            .iter()
            .map(|row| self.sent_before + *row as u64);
        around.overshoot_all(numbers, &mut late[..self.in_vain.len()]);
        for (row, late) in self.in_vain.drain(..).zip(late) {
            self.latency[row] = limits.connect + late;
            if self.latency[row] > limits.client {
                (self.verdict[row], self.latency[row]) =
                    (Verdict::Alb(Cause::ClientGaveUp), limits.client);
            }
        }
    }
}

impl Lane {
    /// Nobody has looked yet: nothing is usual.
    const UNSEEN: Lane = Lane {
        steady_until: Time::ZERO,
        quiet: Time::ZERO,
        patience: Span::ZERO,
        silent_until: Time::ZERO,
        has_kernel: false,
        start: Span::ZERO,
        idle: Span::ZERO,
        kept_until: Time::ZERO,
        pod: None,
        work: 0,
    };

    /// The node has chosen, and the usual need not hold.
    #[inline(never)]
    fn dispatch(
        &mut self,
        target: &mut Target,
        request: &Request,
        around: &Surroundings,
    ) -> (Way, End) {
        if request.sent >= target.port.until {
            *target = around.look(target, request.sent);
        }
        let keep = target.habits.keep;
        let way = target
            .port
            .way(request.sent, self.kept_until, keep, around.limits.one_way);
        let end = match around.answered_at_once(target, way, request) {
            Some(end) => (Verdict::Ok, end),
            None => around.trouble(target, way, request),
        };
        if matches!(end.0, Verdict::Ok | Verdict::Target(_)) && !request.is_stream {
            self.kept_until = keep.until(end.1).max(self.kept_until);
        } else if way == Way::Lost {
            self.kept_until = Time::ZERO;
        }
        (way, end)
    }

    /// What holds of the target until it or the node's table changes.
    fn look(&mut self, target: &Target, request: &Request, until: Time, around: &Surroundings) {
        let (port, limits, keep) = (&target.port, &around.limits, target.habits.keep);
        (self.steady_until, self.silent_until) = (Time::ZERO, Time::ZERO);
        self.pod = target.pod;
        // Who once opens a new connection to a silent target finds no old one later.
        if around.loses_every_syn(port)
            && port.way(request.sent, self.kept_until, keep, limits.one_way) == Way::New
        {
            self.has_kernel = around.has_kernel(target, request.sent);
            self.silent_until = port
                .until
                .saturating_sub(SYN_RETRIES[SYN_RETRIES.len() - 1]);
        }
        // What further revisions take is not drawn with the request: each of theirs is decided on its own.
        if port.socket != Socket::Serving || target.habits.work >= DRAWN {
            return;
        }
        self.work = target.habits.work;
        self.idle = keep.idle();
        self.steady_until = port
            .until
            .min(until)
            .min(port.fin().saturating_sub(limits.one_way));
        self.start = limits.round_trip;
        if self.idle > Span::ZERO {
            // An answer later than the opening proves that the connection belongs to it.
            let is_proven = self.kept_until > port.opened.saturating_add(self.idle);
            self.steady_until = self.steady_until.min(if is_proven {
                self.kept_until
            } else {
                Time::ZERO
            });
            self.start = Span::ZERO;
        }
        self.quiet = port.reset.min(port.silence).min(request.cut);
        self.patience = limits.client.min(limits.idle + self.start);
    }

    /// How long the answer takes, if the usual holds: at a listener, on a kept connection or a new one, before
    /// anything else ends the request. The connection is kept.
    #[inline(always)]
    fn answered(&mut self, sent: Time, work: Span) -> Option<Span> {
        let latency = self.start + work;
        let end = sent + latency;
        if sent >= self.steady_until || end > self.quiet || latency > self.patience {
            return None;
        }
        if self.idle > Span::ZERO {
            self.kept_until = self.kept_until.max(end + self.idle);
        }
        Some(latency)
    }
}

/// One table for each node of the load balancer, and at least one.
pub(super) fn tables(scenario: &Scenario) -> Vec<RoutingTable> {
    (0..scenario.load_balancer.nodes.max(1))
        .map(|node| RoutingTable::new(scenario, node))
        .collect()
}

/// Makes tables ready for a replication.
pub(super) fn begin(
    tables: &mut [RoutingTable],
    registration: &mut Registration,
    scenario: &Scenario,
    timeline: &Timeline,
    streams: &Streams,
) {
    registration.sort(
        &timeline.targets,
        &timeline.pods,
        scenario.load_balancer.zones,
    );
    for (node, table) in tables.iter_mut().enumerate() {
        table.begin(node, beliefs(timeline, node), registration, streams);
    }
}

/// What a node came to believe; a node of which nothing is known believes nothing.
pub(super) fn beliefs(timeline: &Timeline, node: usize) -> &[BeliefChange] {
    timeline.beliefs.get(node).map_or(&[], Vec::as_slice)
}
