//! Who asks: what a user's requests have of their own, whatever becomes of them.

use crate::aws::target_group::Algorithm;
use crate::dist::Dist;
use crate::id::RevisionId;
use crate::random::{Purpose, Stream, Streams};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::arrivals::{AHEAD, Arrivals};
use crate::traffic::fate::REVISIONS;

/// The users of an open loop together, or one worker of a closed loop. Its streams are read once a
/// request: two configurations see the same users.
#[derive(Debug, Clone)]
pub(super) struct User<'a> {
    service: ServiceTimes<'a>,
    entry: Stream,
    nodes: usize,
    /// Read only where chance routes.
    routing: Option<Stream>,
    /// Read only where there are streams.
    streaming: Option<(f64, &'a Dist, Stream)>,
}

/// One request, before anybody has seen it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// The ALB node that a new connection goes to.
    pub(super) node: usize,
    /// How long an answer takes, by revision.
    pub(super) work: [Span; REVISIONS],
    /// What a random choice of a target comes to, in [0, 1).
    pub(super) luck: f64,
    pub(super) is_stream: bool,
}

/// Service times in order of sending.
#[derive(Debug, Clone)]
struct ServiceTimes<'a> {
    old: (&'a Dist, Stream),
    /// Only if it differs. It reads a copy of the same stream, so that a slower revision is slower
    /// request by request.
    new: Option<(&'a Dist, Stream)>,
}

impl Wish {
    /// Nothing of it has been drawn.
    const NONE: Wish = Wish { node: 0, work: [Span::ZERO; REVISIONS], luck: 0.0, is_stream: false };
}

impl<'a> User<'a> {
    /// The user with this number: 0 is the open loop, workers count from 1.
    pub(super) fn new(scenario: &'a Scenario, streams: &Streams, number: u64) -> User<'a> {
        let load = &scenario.load;
        let random = scenario.target_group.algorithm == Algorithm::WeightedRandom;
        User {
            service: ServiceTimes::new(scenario, streams, number),
            entry: streams.at(Purpose::EntryNode, number),
            nodes: load.nodes_known(scenario.load_balancer.nodes),
            routing: random.then(|| streams.at(Purpose::Routing, number)),
            streaming: (load.stream_share > 0.0)
                .then(|| (load.stream_share, &load.stream_length, streams.at(Purpose::Streaming, number))),
        }
    }

    /// Hands over each request of an open loop that sends at these times.
    #[inline(always)]
    pub(super) fn ask(mut self, mut arrivals: impl Arrivals, mut each: impl FnMut(Time, &Wish)) {
        let (mut times, mut wishes) = ([Time::ZERO; AHEAD], [Wish::NONE; AHEAD]);
        loop {
            let count = arrivals.fill(&mut times);
            self.draw(&mut wishes[..count]);
            for (sent, wish) in times.iter().zip(&wishes[..count]) {
                each(*sent, wish);
            }
            if count < AHEAD {
                return;
            }
        }
    }

    /// The next request of a worker, who may send this one only.
    pub(super) fn wish(&mut self) -> Wish {
        let mut wish = Wish::NONE;
        self.draw(std::slice::from_mut(&mut wish));
        wish
    }

    #[inline(never)]
    fn draw(&mut self, wishes: &mut [Wish]) {
        self.service.draw(wishes);
        // Where there is one node only, there is nothing to draw.
        if self.nodes > 1 {
            wishes.iter_mut().for_each(|wish| wish.node = self.entry.below(self.nodes));
        }
        if let Some(stream) = &mut self.routing {
            wishes.iter_mut().for_each(|wish| wish.luck = stream.uniform());
        }
        if let Some((share, length, stream)) = &mut self.streaming {
            for wish in wishes {
                let (is_stream, length) = (stream.chance(*share), length.sample(stream));
                wish.is_stream = is_stream;
                if is_stream {
                    wish.work = [length; REVISIONS];
                }
            }
        }
    }

    /// The same request asked again: another connection, another turn.
    pub(super) fn again(&self, wish: Wish, chance: &mut Stream) -> Wish {
        Wish { node: chance.below(self.nodes), luck: chance.uniform(), ..wish }
    }
}

impl<'a> ServiceTimes<'a> {
    fn new(scenario: &'a Scenario, streams: &Streams, user: u64) -> ServiceTimes<'a> {
        let (old, new) = (
            &scenario.revision(RevisionId::OLD).app.service_time,
            &scenario.revision(RevisionId::NEW).app.service_time,
        );
        let stream = || streams.at(Purpose::Service, user);
        ServiceTimes { old: (old, stream()), new: (new != old).then(|| (new, stream())) }
    }

    fn draw(&mut self, wishes: &mut [Wish]) {
        let mut spans = [Span::ZERO; AHEAD];
        let spans = &mut spans[..wishes.len()];
        let (dist, stream) = &mut self.old;
        dist.fill(stream, spans);
        for (wish, span) in wishes.iter_mut().zip(&*spans) {
            wish.work = [*span; REVISIONS];
        }
        if let Some((dist, stream)) = &mut self.new {
            dist.fill(stream, spans);
            for (wish, span) in wishes.iter_mut().zip(&*spans) {
                wish.work[1] = *span;
            }
        }
    }
}
