//! The live engine: requests in flight are remembered, and what becomes of them is felt.
//!
//! Arrivals are merged with the schedule rather than put into it; a request costs one event more,
//! its end, unless its target serves only so many at once. What does not depend on other requests
//! is decided when it is sent, by the same rules as without feedback.

mod anomaly;
mod flight;
mod node_port;
mod queueing;
mod server;
#[cfg(test)]
mod tests;
mod unreachable;
mod users;

use crate::id::{AlbNodeId, TargetId};
use crate::observe::timeline::Timeline;
use crate::random::{Purpose, Streams};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::arrivals::Arrivals;
use crate::traffic::connection::Way;
use crate::traffic::fate::{ATTEMPT, End, Limits, Request, Surroundings};
use crate::traffic::outcome::Witness;
use crate::traffic::registration::Registration;
use crate::traffic::request::{begin, beliefs, tables};
use crate::traffic::routing::{Choice, ONE_IN_FLIGHT, RoutingTable};
use crate::traffic::schedule::Schedule;
use crate::traffic::users::{User, Wish};
use crate::verdict::{Cause, Verdict};
use anomaly::Anomalies;
use flight::{Event, Flight, Flights};
use node_port::NodePorts;
use server::{Pool, Server};
use unreachable::Doubtful;
use users::Users;

/// Remembers requests; keeps its buffers between replications.
#[derive(Debug, Clone)]
pub(super) struct LiveEngine<'a> {
    scenario: &'a Scenario,
    limits: Limits,
    registration: Registration,
    tables: Vec<RoutingTable>,
    /// Targets that a node of the load balancer chooses from.
    choices: usize,
    /// What requests get to: the targets themselves, or the pods behind hosts.
    servers: Vec<Server>,
    /// Only if targets are hosts; they have pools of their own.
    node_ports: Option<NodePorts>,
    /// By node, then target.
    pools: Vec<Pool>,
    /// Requests in flight, by node, then target, in units of [`ONE_IN_FLIGHT`].
    in_flight: Vec<u64>,
    anomalies: Anomalies,
    doubtful: Doubtful,
    users: Users<'a>,
    /// Whether a choice may depend on what became of other requests to that target, or of that user.
    has_memory: bool,
    flights: Flights,
    schedule: Schedule<LINES>,
}

/// Delays that are all alike wait in a line.
const LINES: usize = 4;
const CONNECTS: usize = 0;
const CLIENTS: usize = 1;
const ANSWERS: usize = 2;
const ROUND_TRIPS: usize = 3;

/// One replication.
struct Run<'e, 'a, 'r, W> {
    engine: &'e mut LiveEngine<'a>,
    around: Surroundings<'r>,
    witness: &'e mut W,
}

impl<'a> LiveEngine<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> LiveEngine<'a> {
        let (anomalies, users) = (Anomalies::new(scenario), Users::new(scenario));
        LiveEngine {
            scenario,
            limits: Limits::new(scenario),
            registration: Registration::default(),
            tables: tables(scenario),
            choices: 0,
            servers: Vec::new(),
            node_ports: NodePorts::new(scenario),
            pools: Vec::new(),
            in_flight: Vec::new(),
            has_memory: anomalies.is_on() || users.has_cookies(),
            anomalies,
            doubtful: Doubtful::new(scenario),
            users,
            flights: Flights::default(),
            schedule: Schedule::new(usual(scenario)),
        }
    }

    pub(super) const fn scenario(&self) -> &'a Scenario {
        self.scenario
    }

    fn begin(&mut self, timeline: &Timeline, streams: &Streams) {
        begin(
            &mut self.tables,
            &mut self.registration,
            self.scenario,
            timeline,
            streams,
        );
        let mut count = 0;
        for target in self.limits.targets(timeline) {
            match self.servers.get_mut(count) {
                Some(server) => server.begin(target),
                None => self.servers.push(Server::new(target)),
            }
            count += 1;
        }
        self.servers.truncate(count);
        self.choices = timeline.targets.len();
        let lanes = self.tables.len() * self.choices;
        if let Some(ports) = &mut self.node_ports {
            ports.begin(self.choices, lanes);
        }
        self.pools.iter_mut().for_each(Pool::clear);
        self.pools.resize_with(lanes, Pool::default);
        self.in_flight.clear();
        self.in_flight.resize(lanes, 0);
        self.anomalies.begin(lanes, streams);
        self.doubtful.begin(self.scenario, timeline, streams);
        self.users
            .begin(streams, super::load_end(&self.scenario.load, timeline));
        self.flights.clear();
        self.schedule.clear();
    }

    /// Sends the whole load: these arrivals, or what the workers of a closed loop send.
    pub(super) fn simulate<W: Witness>(
        &mut self,
        arrivals: impl Arrivals,
        timeline: &Timeline,
        streams: &Streams,
        witness: &mut W,
    ) {
        self.begin(timeline, streams);
        for worker in 0..self.scenario.load.workers.unwrap_or(0) {
            self.schedule.push(Time::ZERO, Event::Sends(worker).code());
        }
        let around = Surroundings::new(self.scenario, self.limits.clone(), timeline, streams);
        let open_loop = User::new(self.scenario, streams, 0);
        let mut run = Run {
            engine: self,
            around,
            witness,
        };
        let mut number = 0;
        open_loop.ask(arrivals, |times, wishes| {
            for (row, sent) in times.iter().enumerate() {
                run.catch_up(*sent);
                run.send(number, 0, &wishes.of(row), *sent);
                number += 1;
            }
        });
        run.catch_up_for_good();
    }
}

impl<W: Witness> Run<'_, '_, '_, W> {
    /// Everything that happens after the last request was sent.
    #[inline(never)]
    fn catch_up_for_good(&mut self) {
        self.catch_up(Time::NEVER);
    }

    /// Everything that happens until then.
    #[inline(always)]
    fn catch_up(&mut self, until: Time) {
        while let Some((now, code)) = self.engine.schedule.pop_until(until) {
            match Event::served(code) {
                Some(slot) => self.served(slot, now),
                None => self.let_happen(Event::of(code), now),
            }
        }
    }

    /// Anything else than that an answer comes.
    #[inline(never)]
    fn let_happen(&mut self, event: Event, now: Time) {
        match event {
            Event::Ends(slot) => self.finish(slot, now),
            Event::ConnectExpires(slot) => {
                let end = self.engine.flights.attempt(slot).end;
                self.engine.schedule.push(end.1, Event::Ends(slot).code());
            }
            Event::Syn(slot) => self.connect(slot, now),
            Event::Reaches(slot) => self.serve(slot, now),
            Event::Overdue(slot) => self.overdue(slot, now),
            Event::Again(slot) => self.again(slot, now),
            Event::Unreachable => self.unreachable(now),
            Event::Sends(worker) => {
                let number = self.engine.users.next_number(worker);
                let wish = self.engine.users.wish(worker);
                self.send(number, worker, &wish, now);
            }
        }
    }

    /// A user sends a request.
    #[inline(always)]
    fn send(&mut self, number: u64, user: u32, wish: &Wish, now: Time) {
        let slot = self.engine.flights.reserve();
        self.dispatch(slot, (user, now), number, wish, now);
    }

    /// A node takes the request, which a user sent first at that time, and gives it to a target. What is known of the
    /// request stays in registers until something has to remember it.
    #[inline(always)]
    fn dispatch(
        &mut self,
        slot: u32,
        (user, first): (u32, Time),
        number: u64,
        wish: &Wish,
        now: Time,
    ) {
        let engine = &mut *self.engine;
        let Wish {
            work, is_stream, ..
        } = *wish;
        let node = engine.users.node(user, wish, now);
        let flight = Flight {
            first,
            sent: now,
            user,
            node: node as u16,
            is_stream,
            ..Flight::NONE
        };
        let request = Request {
            number,
            sent: now,
            work,
            cut: Time::NEVER,
            is_stream,
        };
        let Some((target, cut)) = self.choose(node, user, wish.luck, now) else {
            self.engine.flights.put(slot, flight, request);
            return self.end(
                slot,
                (
                    Verdict::Alb(Cause::NoTarget),
                    now + self.around.limits.round_trip,
                ),
            );
        };
        let engine = &mut *self.engine;
        let flight = Flight {
            lane: (node * engine.choices + target.index()) as u32,
            ..flight
        };
        let request = Request { cut, ..request };
        if engine.node_ports.is_some() {
            engine.flights.put(slot, flight, request);
            self.through_host(slot, target);
        } else {
            self.reach_target(slot, flight, request, target);
        }
    }

    /// The target that a node gives a request to, which is in flight from now on, and when the node will cut it.
    #[inline(always)]
    fn choose(&mut self, node: usize, user: u32, luck: f64, now: Time) -> Option<(TargetId, Time)> {
        let engine = &mut *self.engine;
        let table = &mut engine.tables[node];
        if now >= table.until() {
            table.update(
                now,
                beliefs(self.around.timeline, node),
                &engine.registration,
            );
        }
        let lane = node * engine.choices;
        let in_flight = &mut engine.in_flight[lane..];
        let chosen = if engine.has_memory {
            let weights =
                engine
                    .anomalies
                    .weights(lane..lane + engine.choices, table.healthy(), now);
            let kept = engine
                .users
                .cookie(user, now)
                .filter(|target| table.believes_healthy(*target));
            kept.or_else(|| {
                table.choose(
                    now,
                    Choice {
                        luck,
                        in_flight,
                        weights,
                    },
                )
            })
        } else {
            table.choose(
                now,
                Choice {
                    in_flight,
                    ..Choice::by(luck)
                },
            )
        };
        let target = chosen?;
        in_flight[target.index()] += ONE_IN_FLIGHT;
        Some((target, table.cut(target)))
    }

    /// The request gets to the target itself, on a connection that leaves its pool, or on a new one.
    #[inline(always)]
    fn reach_target(&mut self, slot: u32, flight: Flight, request: Request, target: TargetId) {
        let LiveEngine {
            limits,
            flights,
            servers,
            pools,
            ..
        } = &mut *self.engine;
        let server = &mut servers[target.index()];
        let found = &server.target;
        if request.sent >= found.port.until {
            flights.put(slot, flight, request);
            return self.reach_changed_target(slot, target);
        }
        let way = pools[flight.lane as usize].take(
            &found.port,
            request.sent,
            found.habits.keep,
            limits.one_way,
        );
        let answer = server.answers(&self.around, way, &request);
        let (life, is_held) = (server.life, answer.is_some() && server.is_limited());
        self.set_out(
            slot,
            Flight {
                server: target.0,
                life,
                is_held,
                ..flight
            },
            request,
            way,
            answer,
        );
    }

    /// The target is looked at first: it is not what it was.
    #[cold]
    fn reach_changed_target(&mut self, slot: u32, target: TargetId) {
        let (flight, request) = self.engine.flights.look_up(slot);
        self.look(target.0, request.sent);
        self.reach_target(slot, flight, request, target);
    }

    /// The request is on its way. Nearly always it is known when the answer comes: then nothing need be known but that.
    #[inline(always)]
    fn set_out(
        &mut self,
        slot: u32,
        flight: Flight,
        request: Request,
        way: Way,
        answer: Option<Time>,
    ) {
        let LiveEngine {
            flights, schedule, ..
        } = &mut *self.engine;
        if let Some(end) = answer {
            flights[slot] = Flight {
                is_in_time: true,
                ..flight
            };
            schedule.push(end, slot);
        } else {
            flights.put(slot, flight, request);
            self.approach(slot, flight.server, way, request.sent);
        }
    }

    /// Sees to it that the port is as it is now.
    #[inline]
    fn refresh(&mut self, server: u16, now: Time) {
        if now >= self.engine.servers[usize::from(server)].target.port.until {
            self.look(server, now);
        }
    }

    #[cold]
    fn look(&mut self, server: u16, now: Time) {
        let engine = &mut *self.engine;
        let known = &mut engine.servers[usize::from(server)].target;
        let before = (known.port.reset, known.pod);
        *known = self.around.look(known, now);
        let has_died = before.0 <= now || before.1 != known.pod;
        if has_died {
            for slot in engine.servers[usize::from(server)].die() {
                // Its own end comes at this very instant, if it has not come yet.
                engine.flights[slot].is_held = false;
                if engine.flights[slot].is_over {
                    engine.flights.remove(slot);
                }
            }
        }
    }

    /// How and when the request will end is known.
    #[inline]
    fn end(&mut self, slot: u32, end: End) {
        let engine = &mut *self.engine;
        let attempt = engine.flights.attempt(slot);
        attempt.end = end;
        let (verdict, at) = end;
        let ends = Event::Ends(slot).code();
        match verdict {
            Verdict::Alb(Cause::ConnectTimeout) => {
                let expires = attempt.request.sent + engine.limits.connect;
                engine
                    .schedule
                    .queue(CONNECTS, expires, Event::ConnectExpires(slot).code());
            }
            Verdict::Alb(Cause::ClientGaveUp) => engine.schedule.queue(CLIENTS, at, ends),
            Verdict::Alb(Cause::ResponseTimeout) => engine.schedule.queue(ANSWERS, at, ends),
            Verdict::Alb(Cause::NoTarget | Cause::Refused | Cause::KeepAliveRace) => {
                engine.schedule.queue(ROUND_TRIPS, at, ends);
            }
            _ => engine.schedule.push(at, ends),
        }
    }

    /// An attempt ends as its flight says.
    fn finish(&mut self, slot: u32, now: Time) {
        if self.engine.flights[slot].is_over {
            // A kernel's answer came before.
            return self.engine.flights.remove(slot);
        }
        let (verdict, _) = self.engine.flights.attempt(slot).end;
        self.conclude(slot, verdict, now);
    }

    /// Whoever took part in an attempt learns of its end.
    #[inline(always)]
    fn conclude(&mut self, slot: u32, verdict: Verdict, now: Time) {
        let engine = &mut *self.engine;
        let flight = &engine.flights[slot];
        let lane = flight.lane as usize;
        if let Some(in_flight) = engine.in_flight.get_mut(lane) {
            *in_flight -= ONE_IN_FLIGHT;
            engine.anomalies.note(lane, verdict, now);
        }
        let mut pod = None;
        if let Some(server) = engine.servers.get(usize::from(flight.server)) {
            let (goodbye, keep) = (server.target.goodbye, server.target.habits.keep);
            pod = server.target.pod;
            if !self.around.timeline.reuses.is_empty()
                && let Some(target) = flight.target(engine.choices)
            {
                pod = self.around.timeline.behind(target, flight.sent).0;
            }
            let is_answer = matches!(verdict, Verdict::Ok | Verdict::Target(_));
            if is_answer && !flight.is_stream && now < goodbye {
                match &mut engine.node_ports {
                    None => engine.pools[lane].give_back(now, keep),
                    Some(ports) => ports.give_back(lane, flight.server, now, keep),
                }
            }
        }
        engine.users.hear(flight, engine.choices, verdict, now);
        let Flight {
            first,
            user,
            node,
            is_held,
            ..
        } = *flight;
        if verdict != Verdict::Ok && verdict.is_5xx() && self.repeat(slot, now) {
            return;
        }
        let engine = &mut *self.engine;
        self.witness
            .record(first, AlbNodeId(node as u8), pod, verdict, now - first);
        if let Some(next) = engine.users.next_request(user, first, now) {
            engine.schedule.push(next, Event::Sends(user).code());
        }
        if is_held {
            engine.flights[slot].is_over = true;
        } else {
            engine.flights.remove(slot);
        }
    }

    /// Whether the request will be sent again, and if so, when.
    #[cold]
    fn repeat(&mut self, slot: u32, now: Time) -> bool {
        let engine = &mut *self.engine;
        let load = &engine.scenario.load;
        let (flight, request) = engine.flights.look_up(slot);
        let (first, attempt) = (request.number & NUMBER, request.number >> ATTEMPT);
        if attempt >= u64::from(load.retries) {
            return false;
        }
        let may = self
            .around
            .streams
            .at(Purpose::Retry, first)
            .chance(load.idempotent_share);
        if may {
            let mut chance = self
                .around
                .streams
                .at(Purpose::Retry, first | (attempt + 1) << ATTEMPT);
            let at = now + load.retry_backoff.sample(&mut chance);
            // A server that still works on the failed attempt keeps its slot.
            if flight.is_held {
                engine.flights[slot].is_over = true;
            } else {
                engine.flights.remove(slot);
            }
            let again = engine.flights.reserve();
            engine.flights.put(again, flight, request);
            engine.schedule.push(at, Event::Again(again).code());
            self.witness.repeat();
        }
        may
    }

    /// Another attempt, over another connection.
    #[cold]
    fn again(&mut self, slot: u32, now: Time) {
        let engine = &mut *self.engine;
        let (Flight { user, first, .. }, last) = engine.flights.look_up(slot);
        let number = last.number + (1 << ATTEMPT);
        let mut chance = self.around.streams.at(Purpose::Routing, number);
        let wish = engine.users.wish_again(user, &last, &mut chance);
        self.dispatch(slot, (user, first), number, &wish, now);
    }
}

/// How long a request usually takes.
fn usual(scenario: &Scenario) -> Span {
    let means = scenario
        .revisions
        .iter()
        .map(|revision| revision.app.service_time.mean());
    Span::from_secs_f64(means.fold(0.0, f64::max))
}

const NUMBER: u64 = (1 << ATTEMPT) - 1;
