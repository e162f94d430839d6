//! Who asks: what a user's requests have of their own, whatever becomes of them.

use crate::aws::target_group::Algorithm;
use crate::dist::Dist;
use crate::id::RevisionId;
use crate::random::{Purpose, Stream, Streams};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
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

/// An open loop's requests are made by so many: a loop that does nothing but draw does it faster.
const AHEAD: usize = 32;

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
    pub(super) fn ask(mut self, mut arrivals: impl Iterator<Item = Time>, mut each: impl FnMut(Time, Wish)) {
        let (mut times, mut work) = ([Time::ZERO; AHEAD], [[Span::ZERO; AHEAD]; REVISIONS]);
        loop {
            let count = times.iter_mut().zip(&mut arrivals).map(|(time, at)| *time = at).count();
            self.service.fill(count, &mut work);
            for ((sent, old), new) in times[..count].iter().zip(&work[0]).zip(&work[1]) {
                each(*sent, self.wish_for([*old, *new]));
            }
            if count < AHEAD {
                return;
            }
        }
    }

    /// The next request of a worker, who may send this one only.
    pub(super) fn wish(&mut self) -> Wish {
        let work = self.service.draw();
        self.wish_for(work)
    }

    #[inline(always)]
    fn wish_for(&mut self, work: [Span; REVISIONS]) -> Wish {
        let mut wish = Wish {
            // Where there is one node only, there is nothing to draw.
            node: if self.nodes > 1 { self.entry.below(self.nodes) } else { 0 },
            work,
            luck: self.routing.as_mut().map_or(0.0, Stream::uniform),
            is_stream: false,
        };
        if let Some((share, length, stream)) = &mut self.streaming {
            let (is_stream, length) = (stream.chance(*share), length.sample(stream));
            if is_stream {
                (wish.is_stream, wish.work) = (true, [length; REVISIONS]);
            }
        }
        wish
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

    fn draw(&mut self) -> [Span; REVISIONS] {
        let (dist, stream) = &mut self.old;
        let old = dist.sample(stream);
        [old, self.new.as_mut().map_or(old, |(dist, stream)| dist.sample(stream))]
    }

    /// The next ones, by revision.
    #[inline(never)]
    fn fill(&mut self, count: usize, work: &mut [[Span; AHEAD]; REVISIONS]) {
        let [old, new] = work.each_mut().map(|work| &mut work[..count]);
        self.old.0.fill(&mut self.old.1, old);
        match &mut self.new {
            Some((dist, stream)) => dist.fill(stream, new),
            None => new.copy_from_slice(old),
        }
    }
}
