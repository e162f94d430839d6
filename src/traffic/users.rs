//! Who asks: what a user's requests have of their own, whatever becomes of them.

use crate::aws::target_group::Algorithm;
use crate::dist::Dist;
use crate::id::RevisionId;
use crate::random::{Purpose, Stream, Streams};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::arrivals::{AHEAD, Arrivals};
use crate::traffic::fate::DRAWN;

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
    /// How long an answer takes, by revision, as far as that is drawn beforehand.
    pub(super) work: [Span; DRAWN],
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

/// The next requests, kind by kind: a loop that draws and does nothing else does it faster.
#[derive(Debug, Clone)]
pub(super) struct Wishes<const N: usize> {
    pub(super) node: [usize; N],
    pub(super) work: [[Span; N]; DRAWN],
    pub(super) luck: [f64; N],
    is_stream: [bool; N],
}

impl<const N: usize> Wishes<N> {
    /// Nothing has been drawn.
    const NONE: Wishes<N> = Wishes {
        node: [0; N],
        work: [[Span::ZERO; N]; DRAWN],
        luck: [0.0; N],
        is_stream: [false; N],
    };

    /// One of them.
    #[inline(always)]
    pub(super) fn of(&self, row: usize) -> Wish {
        let work = [self.work[0][row], self.work[1][row]];
        Wish {
            node: self.node[row],
            work,
            luck: self.luck[row],
            is_stream: self.is_stream[row],
        }
    }
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
            streaming: (load.stream_share > 0.0).then(|| {
                (
                    load.stream_share,
                    &load.stream_length,
                    streams.at(Purpose::Streaming, number),
                )
            }),
        }
    }

    /// Hands over the requests of an open loop that sends at these times, so many together.
    #[inline(always)]
    pub(super) fn ask(
        mut self,
        mut arrivals: impl Arrivals,
        mut some: impl FnMut(&[Time], &Wishes<AHEAD>),
    ) {
        let (mut times, mut wishes) = ([Time::ZERO; AHEAD], Wishes::<AHEAD>::NONE);
        loop {
            let count = arrivals.fill(&mut times).min(AHEAD);
            self.draw(&mut wishes, count);
            some(&times[..count], &wishes);
            if count < AHEAD {
                return;
            }
        }
    }

    /// The next request of a worker, who may send this one only.
    pub(super) fn wish(&mut self) -> Wish {
        let mut wishes = Wishes::<1>::NONE;
        self.draw(&mut wishes, 1);
        wishes.of(0)
    }

    #[inline(never)]
    fn draw<const N: usize>(&mut self, wishes: &mut Wishes<N>, count: usize) {
        self.service.draw(&mut wishes.work, count);
        // Where there is one node only, there is nothing to draw.
        if self.nodes > 1 {
            wishes.node[..count].fill_with(|| self.entry.below(self.nodes));
        }
        if let Some(stream) = &mut self.routing {
            wishes.luck[..count].fill_with(|| stream.uniform());
        }
        if let Some((share, length, stream)) = &mut self.streaming {
            for row in 0..count {
                let (is_stream, length) = (stream.chance(*share), length.sample(stream));
                wishes.is_stream[row] = is_stream;
                if is_stream {
                    wishes.work.iter_mut().for_each(|work| work[row] = length);
                }
            }
        }
    }

    /// The same request asked again: another connection, another turn.
    pub(super) fn again(&self, wish: Wish, chance: &mut Stream) -> Wish {
        Wish {
            node: chance.below(self.nodes),
            luck: chance.uniform(),
            ..wish
        }
    }
}

impl<'a> ServiceTimes<'a> {
    fn new(scenario: &'a Scenario, streams: &Streams, user: u64) -> ServiceTimes<'a> {
        let (old, new) = (
            &scenario.revision(RevisionId::OLD).app.service_time,
            &scenario.revision(RevisionId::NEW).app.service_time,
        );
        let stream = || streams.at(Purpose::Service, user);
        ServiceTimes {
            old: (old, stream()),
            new: (new != old).then(|| (new, stream())),
        }
    }

    fn draw<const N: usize>(&mut self, [before, after]: &mut [[Span; N]; DRAWN], count: usize) {
        let (before, after) = (&mut before[..count], &mut after[..count]);
        let (dist, stream) = &mut self.old;
        dist.fill(stream, before);
        match &mut self.new {
            Some((dist, stream)) => dist.fill(stream, after),
            None => after.copy_from_slice(before),
        }
    }
}
