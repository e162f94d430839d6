//! One node of the load balancer: which of its targets have to be watched, and how many plain ones there are.

use std::ops::Range;

use super::{Shares, Target, at_row, pop_due};
use crate::agenda::Heap;
use crate::dist::count::binomial;
use crate::id::TargetId;
use crate::observe::timeline::BeliefChange;
use crate::random::{Stream, Streams};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::connection::KeepAlive;
use crate::traffic::interval::fare::{Fare, Kept};
use crate::traffic::registration::Registration;
use crate::traffic::routing::RoutingTable;

/// One node of the load balancer. What it knows of a target is looked at again when something changes there, and
/// no other target with it.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) table: RoutingTable,
    /// By target.
    pub(super) kept: Vec<Kept>,
    standing: Vec<Standing>,
    /// Choices whose requests are not plain, in order of registration, and their ranks in it.
    pub(super) watched: Vec<(u16, TargetId)>,
    /// Plain choices by row of a revision but the first, if they are told apart.
    plain_of: Vec<Ranks>,
    /// How many plain requests each row gets in the present cell.
    pub(super) plain: Vec<u64>,
    /// When the ends of deregistration delays begin to be felt, and by which target, as one number each.
    due: Heap,
    /// Targets that have to be looked at again.
    pending: Vec<usize>,
    /// All of them.
    begins: bool,
}

/// What a target is to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Not chosen.
    Out,
    Watched,
    Plain,
}

/// Ranks that are in a set, counted as a binary indexed tree (Fenwick 1994).
#[derive(Debug, Clone, Default)]
struct Ranks {
    sums: Vec<u32>,
    all: u32,
}

impl Ranks {
    fn clear(&mut self, ranks: usize) {
        self.sums.clear();
        self.sums.resize(ranks + 1, 0);
        self.all = 0;
    }

    fn add(&mut self, rank: u16, one: bool) {
        let change = if one { 1 } else { u32::MAX };
        self.all = self.all.wrapping_add(change);
        let mut place = usize::from(rank) + 1;
        while let Some(sum) = self.sums.get_mut(place) {
            *sum = sum.wrapping_add(change);
            place += place & place.wrapping_neg();
        }
    }

    /// How many are less.
    fn before(&self, rank: u16) -> u32 {
        let (mut sum, mut place) = (0, usize::from(rank));
        while place > 0 {
            sum += self.sums[place];
            place &= place - 1;
        }
        sum
    }
}

impl Node {
    /// A node that tells so many revisions apart.
    pub(super) fn new(scenario: &Scenario, number: u8, revisions: usize) -> Node {
        Node {
            table: RoutingTable::new(scenario, number),
            kept: Vec::new(),
            standing: Vec::new(),
            watched: Vec::new(),
            plain_of: vec![Ranks::default(); revisions - 1],
            plain: vec![0; revisions],
            due: Heap::new(),
            pending: Vec::new(),
            begins: true,
        }
    }

    /// Starts over.
    pub(super) fn begin(
        &mut self,
        number: usize,
        changes: &[BeliefChange],
        registration: &Registration,
        streams: &Streams,
    ) {
        let targets = registration.order().len();
        self.table.begin(number, changes, registration, streams);
        self.kept.clear();
        self.kept.resize(targets, Kept::NONE);
        self.standing.clear();
        self.standing.resize(targets, Standing::Out);
        self.watched.clear();
        self.plain_of
            .iter_mut()
            .for_each(|ranks| ranks.clear(targets));
        self.due.clear();
        self.pending.clear();
        self.begins = true;
    }

    /// Something has changed about a target.
    pub(super) fn look_again(&mut self, row: usize) {
        self.pending.push(row);
    }

    /// Looks at the table, and at what has changed behind the choices.
    pub(super) fn look(
        &mut self,
        at: Time,
        changes: &[BeliefChange],
        registration: &Registration,
        targets: &[Target],
        keep: &[KeepAlive],
        fare: &Fare<'_>,
    ) {
        let mut all = std::mem::take(&mut self.begins);
        if at >= self.table.until() {
            let learned = self.table.learned();
            all |= self.table.has_failed_open();
            self.table.update(at, changes, registration);
            all |= self.table.has_failed_open();
            let news = &changes[learned..self.table.learned()];
            self.pending
                .extend(news.iter().map(|change| change.target.index()));
        }
        while let Some(row) = pop_due(&mut self.due, at) {
            self.pending.push(row);
        }
        if all {
            // Where too few are healthy, any change may be a change of all choices.
            self.pending.clear();
            self.pending.extend(0..targets.len());
        }
        while let Some(row) = self.pending.pop() {
            self.look_at(row, at, registration, targets, keep, fare);
        }
    }

    fn look_at(
        &mut self,
        row: usize,
        at: Time,
        registration: &Registration,
        targets: &[Target],
        keep: &[KeepAlive],
        fare: &Fare<'_>,
    ) {
        let (id, target) = (TargetId(row as u16), &targets[row]);
        let before = self.standing[row];
        let kept = &mut self.kept[row];
        if !self.table.is_choice(id, registration) {
            if before != Standing::Out {
                kept.left = at;
                self.stand(id, target, Standing::Out, registration);
            }
            return;
        }
        let idle = keep[target.revision].idle();
        if before == Standing::Out && kept.left + idle <= at {
            kept.forget();
        }
        let is_cold = !kept.warm && idle > Span::ZERO;
        let cut = self.table.cut(id);
        let noticed = if cut == Time::NEVER {
            Time::NEVER
        } else {
            cut.saturating_sub(fare.laws[target.revision].reach())
                .saturating_sub(fare.starts[target.revision])
        };
        if at < noticed && noticed < Time::NEVER {
            self.due.push(at_row(noticed, row));
        }
        let now = if target.special || noticed <= at || is_cold {
            Standing::Watched
        } else {
            Standing::Plain
        };
        self.stand(id, target, now, registration);
    }

    fn stand(&mut self, id: TargetId, target: &Target, now: Standing, registration: &Registration) {
        let before = std::mem::replace(&mut self.standing[id.index()], now);
        if before == now {
            return;
        }
        let rank = registration.rank(id);
        let place = self.watched.partition_point(|(other, _)| *other < rank);
        if before == Standing::Watched {
            self.watched.remove(place);
        } else if now == Standing::Watched {
            self.watched.insert(place, (rank, id));
        }
        let ranks = target
            .revision
            .checked_sub(1)
            .and_then(|row| self.plain_of.get_mut(row));
        if let Some(ranks) = ranks
            && (before == Standing::Plain) != (now == Standing::Plain)
        {
            ranks.add(rank, now == Standing::Plain);
        }
    }

    /// The watched ones whose turn comes.
    pub(super) fn watched_of(
        &self,
        shares: &Shares,
        registration: &Registration,
    ) -> [Range<usize>; 2] {
        let choices = self.table.choices();
        let from = |place: u64| match choices.get(place as usize) {
            Some(id) => {
                let rank = registration.rank(*id);
                self.watched.partition_point(|(other, _)| *other < rank)
            }
            None => self.watched.len(),
        };
        shares.places().map(|places| {
            if places.is_empty() {
                0..0
            } else {
                from(places.start)..from(places.end)
            }
        })
    }

    /// Shares so many requests among the plain choices' rows.
    pub(super) fn share_plain(
        &mut self,
        count: u64,
        shares: &Shares,
        at_random: bool,
        registration: &Registration,
        stream: &mut Stream,
    ) {
        let choices = self.table.choices();
        let (mut left, mut places) = (count, (choices.len() - self.watched.len()) as u64);
        for (ranks, plain) in self.plain_of.iter().zip(&mut self.plain[1..]) {
            *plain = if at_random {
                let share = f64::from(ranks.all) / places.max(1) as f64;
                places -= u64::from(ranks.all);
                binomial(left, share, stream)
            } else {
                shares.of_places(|place| match choices.get(place as usize) {
                    Some(id) => u64::from(ranks.before(registration.rank(*id))),
                    None => u64::from(ranks.all),
                })
            };
            left -= *plain;
        }
        self.plain[0] = left;
    }
}
