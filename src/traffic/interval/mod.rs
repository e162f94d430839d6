//! The `interval` engine: requests are counted, not simulated, so that a million a second cost what
//! a hundred do.
//!
//! What a node believes and what a port does are piecewise constant. Between two changes
//! (a *cell*) requests differ by their service times only, so it is enough to know how many of them
//! each target gets:
//!
//! - Poisson counts of disjoint intervals are independent; evenly paced ones are arithmetic.
//! - Given its count, round robin is deterministic: the pointer advances by it. (Thinning each target's
//!   requests as a Poisson process of its own gives the right mean and two to three times the variance.)
//! - In an open loop without shared queues a request's end depends on nothing but its time of sending, its
//!   service time and the timeline: marks of a Poisson process, M_t/G/∞ (Eick, Massey, Whitt,
//!   *The physics of the M_t/G/∞ queue*, Operations Research 41(4), 1993).
//! - Requests in flight when their target ends are those that outlast what was left of it: towards
//!   the end of a target, cells are cut where the tail of the service time takes a step. Where they are few, they
//!   are sent one by one after all, which is quicker than to count them, and exact.
//!
//! Where a queue, a retry or a choice by load couples requests, none of this holds: the engine refuses.

mod beyond;
mod counts;
mod fare;
mod house;
mod law;
mod order;
mod parts;
mod refusal;
mod revisions;
mod tally;
mod truth;

use crate::dist::Dist;
use crate::observe::timeline::Timeline;
use crate::random::{Purpose, Streams};
use crate::scenario::Scenario;
use crate::time::Span;
use crate::traffic::connection::{KeepAlive, Silence};
use crate::traffic::load_end;
use crate::traffic::outcome::Outcome;
use crate::traffic::unreachable::Kernels;
use counts::Counts;
use fare::Fare;
use house::House;
use law::Law;
use parts::Parts;
pub use refusal::Refusal;
use revisions::Revisions;
use tally::{Books, Tally};
use truth::{Cuts, Margins};

/// Counts the requests of one scenario; keeps its buffers between replications.
#[derive(Debug, Clone)]
pub struct IntervalEngine<'a> {
    scenario: &'a Scenario,
    limits: Limits,
    revisions: Revisions,
    /// Service times by row of a revision, and then what the network does.
    laws: Vec<Law>,
    /// By row of a revision: from the sending until the answer can begin, on the usual kind of connection, and how
    /// long an answer is waited for.
    starts: Vec<Span>,
    patience: Vec<Span>,
    cuts: Cuts,
    house: House,
    counts: Counts,
    parts: Parts,
    kernels: Kernels,
    books: Books,
}

/// What bounds a request's life.
#[derive(Debug, Clone, Copy)]
struct Limits {
    round_trip: Span,
    one_way: Span,
    connect: Span,
    idle: Span,
    client: Span,
}

impl Limits {
    /// The longest service that both the load balancer and the client wait for, if it begins `start` after the
    /// sending. An answer that comes when their patience ends is in time; if the client's ends before `start`, none is.
    fn patience(&self, start: Span) -> Span {
        self.idle.min(self.client.saturating_sub(start))
    }
}

impl<'a> IntervalEngine<'a> {
    /// An engine for this scenario.
    ///
    /// # Errors
    /// Requests of this scenario depend on each other, so that counting them would be wrong.
    pub fn new(scenario: &'a Scenario) -> Result<IntervalEngine<'a>, Refusal> {
        refusal::examine(scenario)?;
        let balancer = &scenario.load_balancer;
        let (revisions, apps) = Revisions::new(scenario);
        let keep: Vec<KeepAlive> = apps
            .iter()
            .map(|app| KeepAlive::new(app, balancer.idle_timeout))
            .collect();
        let (patience, ever) = (scenario.load.client_timeout, Span::from_micros(u64::MAX));
        let law = |dist: &Dist, before: Span, most: Span| {
            Law::new(
                dist,
                scenario.load.rate,
                most.min(patience.saturating_sub(before)),
            )
        };
        let start = |keep: &KeepAlive| {
            if keep.idle() == Span::ZERO {
                balancer.round_trip
            } else {
                Span::ZERO
            }
        };
        let starts: Vec<Span> = keep.iter().map(start).collect();
        let limits = Limits {
            round_trip: balancer.round_trip,
            one_way: Span::from_micros(balancer.round_trip.as_micros() / 2),
            connect: balancer.connect_timeout,
            idle: balancer.idle_timeout,
            client: scenario.load.client_timeout,
        };
        let unreachable = Dist::Uniform(Span::ZERO, Silence::UNREACHABLE_SPREAD);
        let alike = (1..apps.len())
            .all(|row| apps[0].service_time == apps[row].service_time && starts[0] == starts[row]);
        let services = apps.iter().zip(&starts);
        let mut laws: Vec<Law> = services
            .map(|(app, start)| law(&app.service_time, *start, balancer.idle_timeout))
            .collect();
        let late = Dist::LogNormal(Silence::late());
        laws.push(law(&late, balancer.connect_timeout, ever));
        let after = Silence::UNREACHABLE_AFTER.min(balancer.connect_timeout);
        laws.push(law(&unreachable, after, ever));
        Ok(IntervalEngine {
            scenario,
            limits,
            revisions,
            laws,
            patience: starts.iter().map(|start| limits.patience(*start)).collect(),
            starts,
            cuts: Cuts::default(),
            house: House::new(scenario, keep, alike),
            counts: Counts::new(&scenario.load, scenario.load.nodes_known(balancer.nodes)),
            parts: Parts::default(),
            kernels: Kernels::new(scenario),
            books: Books::default(),
        })
    }

    /// Sends the whole load against one timeline; `outcome` is overwritten. Single failures are not kept.
    pub fn simulate(&mut self, timeline: &Timeline, streams: &Streams, outcome: &mut Outcome) {
        let IntervalEngine {
            scenario,
            limits,
            revisions,
            laws,
            starts,
            patience,
            cuts,
            house,
            counts,
            parts,
            kernels,
            books,
        } = self;
        house.begin(timeline, revisions, streams);
        let end = load_end(&scenario.load, timeline);
        outcome.begin(end);
        let margins = Margins {
            one_way: limits.one_way,
            round_trip: limits.round_trip,
            starts,
            patience,
            end,
            by_zone: !scenario.target_group.cross_zone,
        };
        cuts.cut(timeline, &margins, laws, revisions);
        counts.begin(streams);
        kernels.begin(scenario, timeline, streams);
        let mut fare = Fare {
            timeline,
            laws,
            limits: *limits,
            starts,
            silence: Silence::new(scenario.load_balancer.host_unreachable_share, streams),
            counts,
            tally: Tally::new(outcome, books, streams),
            stream: streams.at(Purpose::IntervalFate, 0),
            all_failed: false,
            parts,
            kernels,
        };
        for (until, singly) in cuts.cells() {
            let cell = fare.counts.next(until, singly, cuts.told_apart());
            house.look_at_targets(cell.from, &fare);
            for node in 0..fare.counts.nodes() {
                let count = fare.counts.of_node(node);
                if count > 0 {
                    house.settle(node, count, &cell, &mut fare);
                }
            }
        }
        fare.finish();
    }
}
