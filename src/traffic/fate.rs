//! How a request ends once a node has chosen its target, as far as the timeline alone decides it.

use std::sync::Arc;

use crate::cluster::app::AppSpec;
use crate::id::{PodId, RevisionId, TargetId};
use crate::observe::timeline::{Socket, Timeline};
use crate::random::{Purpose, Streams};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::connection::{KeepAlive, Port, SYN_RETRIES, Silence, Way};
use crate::verdict::{Cause, Verdict};

/// Service times that are drawn with a request: those of the revisions before the rollout and after it. Most rollouts
/// have no others; what others take is drawn where it is needed.
pub(super) const DRAWN: usize = 2;

/// Where in a request's number the number of its attempt stands.
pub(super) const ATTEMPT: u32 = 56;

/// What bounds a request's life, and what differs between revisions.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) round_trip: Span,
    pub(super) one_way: Span,
    pub(super) connect: Span,
    pub(super) idle: Span,
    pub(super) client: Span,
    /// By revision.
    habits: Arc<[Habits]>,
}

/// What a revision's processes do to their requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// Which of the service times that are drawn with a request it takes, or else the number of the revision.
    pub(super) work: usize,
    pub(super) keep: KeepAlive,
    /// Requests that a process serves at once; none: any number.
    pub(super) concurrency: Option<u32>,
    /// Requests that may wait before new connections are dropped.
    pub(super) backlog: u32,
    /// A process that has just come up: how many times as slow, and until when it has caught up.
    cold: (f64, Span),
    /// Whether answers after SIGTERM close their connections, and whether streams are ended in order then.
    closes_connections: bool,
    ends_streams: bool,
}

/// A target as the packets find it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) port: Port,
    /// The target itself, if it stands for a pod's IP, which another pod may get.
    address: Option<TargetId>,
    pub(super) pod: Option<PodId>,
    /// Those of its revision: looked up once, not for every request.
    pub(super) habits: Habits,
    /// From when on every answer closes its connection.
    pub(super) goodbye: Time,
    /// When every stream is ended in order.
    streams_end: Time,
}

/// A request that has been given to a target.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) number: u64,
    pub(super) sent: Time,
    /// How long an answer takes, by revision, as far as that is drawn beforehand; of a stream: how long it lasts.
    pub(super) work: [Span; DRAWN],
    /// When its target's deregistration delay runs out.
    pub(super) cut: Time,
    /// A WebSocket or a stream: bytes flow all the time, so nobody's patience ends.
    pub(super) is_stream: bool,
}

impl Request {
    /// Nobody's.
    pub(super) const NONE: Request = Request {
        number: 0,
        sent: Time::ZERO,
        work: [Span::ZERO; DRAWN],
        cut: Time::NEVER,
        is_stream: false,
    };
}

/// How and when a request ends.
pub(super) type End = (Verdict, Time);

/// What becomes of a connect whose first SYN nobody answers.
pub(super) enum Knock {
    /// A later SYN, at this time, comes in at such a target.
    Met(Time, Target),
    /// Nobody ever answers.
    InVain(End),
}

/// One replication's surroundings, the same for all its requests.
pub(super) struct Surroundings<'r> {
    scenario: &'r Scenario,
    pub(super) timeline: &'r Timeline,
    pub(super) streams: &'r Streams,
    pub(super) limits: Limits,
    silence: Silence,
}

impl Limits {
    pub(super) fn new(scenario: &Scenario) -> Limits {
        let balancer = &scenario.load_balancer;
        let apps: Vec<&AppSpec> = scenario.revisions.iter().map(|one| &one.app).collect();
        let habits = (0..apps.len()).map(|row| {
            let same = |known: &&AppSpec| known.service_time == apps[row].service_time;
            let drawn = apps.iter().take(DRAWN).rposition(same);
            Habits::new(
                apps[row],
                drawn.filter(|_| row >= DRAWN).unwrap_or(row),
                balancer.idle_timeout,
            )
        });
        Limits {
            round_trip: balancer.round_trip,
            one_way: Span::from_micros(balancer.round_trip.as_micros() / 2),
            connect: balancer.connect_timeout,
            idle: balancer.idle_timeout,
            client: scenario.load.client_timeout,
            habits: habits.collect(),
        }
    }

    /// What requests can get to on a timeline, none looked at yet: its targets, or, if those are
    /// hosts, its pods.
    pub(super) fn targets<'t>(
        &'t self,
        timeline: &'t Timeline,
    ) -> impl Iterator<Item = Target> + 't {
        let by_host = !timeline.node_ports.is_empty();
        let targets = (0..).zip(&timeline.targets).filter(move |_| !by_host);
        let targets = targets.map(|(row, target)| (Some(TargetId(row)), target.pod));
        let pods = timeline
            .pods
            .iter()
            .filter(move |_| by_host)
            .map(|record| (None, Some(record.pod)));
        targets
            .chain(pods)
            .map(move |(address, pod)| self.unseen(timeline, address, pod))
    }

    /// A pod that is not looked at yet.
    fn unseen(&self, timeline: &Timeline, address: Option<TargetId>, pod: Option<PodId>) -> Target {
        let revision = pod.map_or(RevisionId::OLD, PodId::revision);
        let record = pod.and_then(|pod| timeline.pods.get(pod.index()));
        let habits = self.habits[usize::from(revision.0)];
        let sigterm = record.and_then(|pod| pod.sigterm).unwrap_or(Time::NEVER);
        let goodbye = if habits.closes_connections {
            sigterm
        } else {
            Time::NEVER
        };
        let streams_end = if habits.ends_streams {
            sigterm
        } else {
            Time::NEVER
        };
        Target {
            port: Port::UNSEEN,
            address,
            pod,
            habits,
            goodbye,
            streams_end,
        }
    }
}

impl Habits {
    fn new(app: &AppSpec, work: usize, idle_timeout: Span) -> Habits {
        Habits {
            work,
            keep: KeepAlive::new(app, idle_timeout),
            concurrency: app.concurrency,
            backlog: app.backlog,
            cold: app
                .cold_start
                .map_or((1.0, Span::ZERO), |cold| (cold.factor, cold.over)),
            closes_connections: app.close_connections_on_shutdown,
            ends_streams: app.end_streams_on_shutdown,
        }
    }
}

impl<'r> Surroundings<'r> {
    pub(super) fn new(
        scenario: &'r Scenario,
        limits: Limits,
        timeline: &'r Timeline,
        streams: &'r Streams,
    ) -> Self {
        let silence = Silence::new(scenario.load_balancer.host_unreachable_share, streams);
        Surroundings {
            scenario,
            timeline,
            streams,
            limits,
            silence,
        }
    }

    /// A target as it is at `at`: another pod may have got its IP by then.
    #[cold]
    pub(super) fn look(&self, known: &Target, at: Time) -> Target {
        let (pod, until) = match known.address {
            Some(address) => self.timeline.behind(address, at),
            None => (known.pod, Time::NEVER),
        };
        let mut target = if pod == known.pod {
            *known
        } else {
            self.limits.unseen(self.timeline, known.address, pod)
        };
        target.port = Port::look(pod.and_then(|pod| self.timeline.pods.get(pod.index())), at);
        target.port.until = target.port.until.min(until);
        target
    }

    /// How long the target takes for a request that it starts on at `start`.
    #[inline]
    pub(super) fn work(
        &self,
        target: &Target,
        port: &Port,
        start: Time,
        request: &Request,
    ) -> Span {
        let work = match request.work.get(target.habits.work) {
            Some(work) => *work,
            None => self.work_of_another(target.habits.work, request),
        };
        let (factor, over) = target.habits.cold;
        if over == Span::ZERO {
            work
        } else {
            slowed(work, factor, over, port, start)
        }
    }

    /// How long a request takes a revision beyond the first two: the same for each of its attempts.
    #[cold]
    fn work_of_another(&self, revision: usize, request: &Request) -> Span {
        if request.is_stream {
            return request.work[0];
        }
        let first = request.number & ((1 << ATTEMPT) - 1);
        let mut chance = self.streams.at(
            Purpose::ServiceOfAnother,
            (revision as u64) << ATTEMPT | first,
        );
        let dist = &self.scenario.revisions[revision].app.service_time;
        dist.sample(&mut chance)
    }

    /// When the answer comes, if the target is reached at once and nothing comes before it.
    #[inline]
    pub(super) fn answered_at_once(
        &self,
        target: &Target,
        way: Way,
        request: &Request,
    ) -> Option<Time> {
        let start = match way {
            Way::Kept => request.sent,
            Way::New => request.sent + self.limits.round_trip,
            Way::Crossing | Way::Lost => return None,
        };
        let port = &target.port;
        if port.socket != Socket::Serving || request.is_stream {
            return None;
        }
        let end = start + self.work(target, port, start, request);
        let is_quiet = end <= port.reset
            && end <= port.silence
            && end <= request.cut
            && end <= start + self.limits.idle;
        (is_quiet && end <= request.sent + self.limits.client).then_some(end)
    }

    /// Any other end, of a target that serves any number of requests at once.
    #[cold]
    pub(super) fn trouble(&self, target: &Target, way: Way, request: &Request) -> End {
        let end = match way {
            Way::Kept => self.fly(target, &target.port, request.sent, request),
            Way::New if target.port.socket == Socket::Silent => {
                match self.knock(target, request, Span::ZERO) {
                    Knock::Met(syn, met) => self.meet(&met, &met.port, syn, request),
                    Knock::InVain(end) => end,
                }
            }
            Way::New => self.meet(target, &target.port, request.sent, request),
            Way::Crossing => (
                Verdict::Alb(Cause::KeepAliveRace),
                request.sent + self.limits.round_trip,
            ),
            Way::Lost => self.wait_in_vain(request.sent, request),
        };
        self.unless_the_client_gives_up(end, request)
    }

    /// An end that is later than the client waits is the client's.
    pub(super) fn unless_the_client_gives_up(&self, end: End, request: &Request) -> End {
        let patience = request.sent + self.limits.client;
        if end.1 > patience && !request.is_stream {
            (Verdict::Alb(Cause::ClientGaveUp), patience)
        } else {
            end
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

    /// Nobody answers the SYN sent `after` the request, the first to meet this silent target: a later one may
    /// meet a pod that has come up, or nobody does.
    pub(super) fn knock(&self, target: &Target, request: &Request, after: Span) -> Knock {
        let unreachable = self
            .silence
            .unreachable_after(self.streams, request.number)
            .map(|late| after + late);
        let patience = unreachable
            .unwrap_or(self.limits.connect)
            .min(self.limits.connect);
        // Nearly always the target stays as it is.
        let last = SYN_RETRIES[SYN_RETRIES.len() - 1];
        let tries = if request.sent + last < target.port.until {
            &[]
        } else {
            &SYN_RETRIES[..]
        };
        for wait in tries
            .iter()
            .filter(|wait| **wait > after && **wait < patience)
        {
            let syn = request.sent + *wait;
            if syn < target.port.until {
                continue;
            }
            let met = self.look(target, syn);
            if met.port.socket != Socket::Silent {
                return Knock::Met(syn, met);
            }
        }
        Knock::InVain(
            match unreachable.filter(|late| *late < self.limits.connect) {
                Some(late) => (Verdict::Alb(Cause::HostUnreachable), request.sent + late),
                None => self.connect_in_vain(request),
            },
        )
    }

    /// Whether somebody can say of a removed pod's IP that nobody is there: not where its host is gone, too.
    pub(super) fn has_kernel(&self, target: &Target, at: Time) -> bool {
        let record = target
            .pod
            .and_then(|pod| self.timeline.pods.get(pod.index()));
        target.port.socket == Socket::Silent
            && record.is_some_and(|pod| pod.host_lost.is_none_or(|lost| lost > at))
    }

    /// Whether nobody answers a SYN, nor says that nobody is there.
    pub(super) fn loses_every_syn(&self, port: &Port) -> bool {
        port.socket == Socket::Silent && self.silence.is_complete()
    }

    /// By how much the connect time-outs of these requests are late.
    pub(super) fn overshoot_all(&self, requests: impl Iterator<Item = u64>, late: &mut [Span]) {
        self.silence.overshoot_all(self.streams, requests, late);
    }

    /// The load balancer gives up connecting.
    pub(super) fn connect_in_vain(&self, request: &Request) -> End {
        let overshoot = self.silence.overshoot(self.streams, request.number);
        (
            Verdict::Alb(Cause::ConnectTimeout),
            request.sent + self.limits.connect + overshoot,
        )
    }

    /// The request is on its way on a connection since `start`.
    fn fly(&self, target: &Target, port: &Port, start: Time, request: &Request) -> End {
        let (answer, mut answered) = match port.socket {
            Socket::Refusing => (Verdict::Target(503), start + self.limits.round_trip),
            _ => (Verdict::Ok, start + self.work(target, port, start, request)),
        };
        if request.is_stream {
            answered = answered.min(target.streams_end.max(start));
        }
        if answered <= self.quiet_until(port, start, request) {
            (answer, answered)
        } else {
            self.unanswered(port, start, request)
        }
    }

    /// How a request on its way since `start` ends if no answer comes. A reset after the network
    /// went is not heard.
    pub(super) fn unanswered(&self, port: &Port, start: Time, request: &Request) -> End {
        // Bytes flow on a stream until the network goes.
        let rest = self.wait_in_vain(
            if request.is_stream {
                start.max(port.silence)
            } else {
                start
            },
            request,
        );
        if port.reset <= port.silence && port.reset <= rest.1 {
            (Verdict::Alb(Cause::ResetInFlight), port.reset)
        } else {
            rest
        }
    }

    /// The first thing that can end a request without an answer.
    #[inline]
    fn quiet_until(&self, port: &Port, start: Time, request: &Request) -> Time {
        let tired = if request.is_stream {
            Time::NEVER
        } else {
            start + self.limits.idle
        };
        port.reset.min(port.silence).min(request.cut).min(tired)
    }

    /// No byte will come: the load balancer waits for one while it may.
    pub(super) fn wait_in_vain(&self, start: Time, request: &Request) -> End {
        let tired = start.saturating_add(self.limits.idle);
        if request.cut <= tired {
            (Verdict::Alb(Cause::CutByDeregistration), request.cut)
        } else {
            (Verdict::Alb(Cause::ResponseTimeout), tired)
        }
    }
}

/// A cold process is `factor` times as slow when it starts to listen, and catches up linearly. One
/// that has listened since before the load has caught up.
#[cold]
fn slowed(work: Span, factor: f64, over: Span, port: &Port, start: Time) -> Span {
    if port.opened == Time::ZERO || start >= port.opened.saturating_add(over) {
        return work;
    }
    let left = 1.0 - start.saturating_since(port.opened).as_secs_f64() / over.as_secs_f64();
    work.scaled(1.0 + (factor - 1.0) * left)
}
