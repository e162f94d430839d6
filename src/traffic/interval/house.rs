//! What each node believes and each port does, cell by cell, and who gets how many requests.

mod node;

use std::ops::Range;

use crate::agenda::Heap;
use crate::aws::target_group::Algorithm;
use crate::observe::timeline::{BeliefChange, Socket, Timeline};
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::time::Time;
use crate::traffic::connection::{KeepAlive, Port};
use crate::traffic::interval::counts::Cell;
use crate::traffic::interval::fare::{Batch, Fare, Turn};
use crate::traffic::interval::revisions::Revisions;
use crate::traffic::registration::Registration;
use node::Node;

/// The nodes and the targets at the start of a cell.
#[derive(Debug, Clone)]
pub(super) struct House {
    /// By row of a revision.
    keep: Vec<KeepAlive>,
    at_random: bool,
    zones: u8,
    registration: Registration,
    nodes: Vec<Node>,
    targets: Vec<Target>,
    /// When targets have to be looked at again, and which, as one number each.
    due: Heap,
}

/// A target as the packets find it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    port: Port,
    /// Its row in tables by revision.
    pub(super) revision: usize,
    /// Whether something other than their own length can fail requests to it.
    pub(super) special: bool,
    until: Time,
}

/// Who gets how many of a node's requests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    count: u64,
    choices: u64,
    turn: u64,
}

impl House {
    /// That of a scenario; `keep` is by row of a revision, `alike` whether those rows take alike.
    pub(super) fn new(scenario: &Scenario, keep: Vec<KeepAlive>, alike: bool) -> House {
        let balancer = &scenario.load_balancer;
        let told_apart = if alike { 1 } else { keep.len() };
        let node = |number| Node::new(scenario, number, told_apart);
        House {
            keep,
            at_random: scenario.target_group.algorithm == Algorithm::WeightedRandom,
            zones: balancer.zones,
            registration: Registration::default(),
            nodes: (0..balancer.nodes.max(1)).map(node).collect(),
            targets: Vec::new(),
            due: Heap::new(),
        }
    }

    /// Starts over.
    pub(super) fn begin(&mut self, timeline: &Timeline, rows: &Revisions, streams: &Streams) {
        self.registration
            .sort(&timeline.targets, &timeline.pods, self.zones);
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let beliefs = beliefs(timeline, number);
            node.begin(number, beliefs, &self.registration, streams);
        }
        self.targets.clear();
        self.targets
            .extend(timeline.targets.iter().map(|target| Target {
                port: Port::UNSEEN,
                revision: rows.row_of(target.pod),
                special: true,
                until: Time::ZERO,
            }));
        self.due.clear();
        (0..self.targets.len()).for_each(|row| self.due.push(at_row(Time::ZERO, row)));
    }

    /// Looks at the targets whose port may have changed.
    pub(super) fn look_at_targets(&mut self, at: Time, fare: &Fare<'_>) {
        let House {
            targets,
            nodes,
            due,
            ..
        } = self;
        while let Some(row) = pop_due(due, at) {
            let target = &mut targets[row];
            if target.port.until <= at {
                let pod = fare.timeline.targets[row].pod;
                let before = target.port;
                target.port =
                    Port::look(pod.and_then(|pod| fare.timeline.pods.get(pod.index())), at);
                if target.port.reopened_since(&before) {
                    nodes.iter_mut().for_each(|node| node.kept[row].forget());
                }
            }
            target.foresee(at, fare);
            if target.until < Time::NEVER {
                due.push(at_row(target.until, row));
            }
            nodes.iter_mut().for_each(|node| node.look_again(row));
        }
    }

    /// A node's requests of a cell find their targets.
    pub(super) fn settle(&mut self, number: usize, count: u64, cell: &Cell, fare: &mut Fare<'_>) {
        let House {
            nodes,
            targets,
            keep,
            at_random,
            registration,
            ..
        } = self;
        let node = &mut nodes[number];
        let beliefs = beliefs(fare.timeline, number);
        node.look(cell.from, beliefs, registration, targets, keep, fare);
        if node.table.choices().is_empty() {
            fare.no_target(number, count);
            return fare
                .tally
                .failed_by_rank(cell, number, (0, count - 1), count, fare.counts);
        }
        let shares = Shares {
            count,
            choices: node.table.choices().len() as u64,
            turn: node.table.take_turns(count) as u64,
        };
        let (mut special, mut failed) = (0, None::<(u64, u64)>);
        if *at_random {
            fare.parts.begin_by_chance(number, fare.counts);
        }
        // Where all take turns, only those whose turn it is get any.
        let whose_turn = if *at_random {
            [0..node.watched.len(), 0..0]
        } else {
            node.watched_of(&shares, registration)
        };
        for row in whose_turn.into_iter().flatten() {
            let target = node.watched[row].1;
            let first = shares.first(node.table.place(target, registration));
            let mut turn = Turn {
                node: number,
                first,
                places: Some(shares.choices),
                count,
            };
            if *at_random {
                turn.places = None;
                turn.count = fare
                    .parts
                    .claim(1.0 / (shares.choices - row as u64) as f64, &mut fare.stream);
            } else {
                turn.count = turn.until(count);
            }
            if turn.count == 0 {
                continue;
            }
            special += turn.count;
            let Target {
                ref port, revision, ..
            } = targets[target.index()];
            let record = fare.timeline.targets[target.index()]
                .pod
                .and_then(|pod| fare.timeline.pods.get(pod.index()));
            let batch = Batch {
                cell: *cell,
                turn,
                target: target.index(),
                pod: record,
                port,
                revision,
                keep: keep[revision],
                cut: node.table.cut(target),
            };
            let was_warm = node.kept[target.index()].warm;
            fare.settle(&batch, &mut node.kept[target.index()]);
            if !was_warm && node.kept[target.index()].warm {
                node.look_again(target.index());
            }
            if fare.all_failed {
                if *at_random {
                    fare.tally.failed_within(cell, turn.count, fare.counts);
                } else {
                    let last = first + (turn.count - 1) * shares.choices;
                    failed = Some(failed.map_or((first, last), |(least, most)| {
                        (least.min(first), most.max(last))
                    }));
                }
            }
        }
        if let Some(ranks) = failed {
            fare.tally
                .failed_by_rank(cell, number, ranks, count, fare.counts);
        }
        node.share_plain(
            count - special,
            &shares,
            *at_random,
            registration,
            &mut fare.stream,
        );
        fare.plain(cell, &node.plain);
    }
}

impl Shares {
    /// The rank, among the node's requests, of the first that a place gets.
    fn first(&self, place: usize) -> u64 {
        let place = place as u64;
        if place >= self.turn {
            place - self.turn
        } else {
            place + self.choices - self.turn
        }
    }

    /// How many all those places get of which so many lie before each place.
    pub(super) fn of_places(&self, before: impl Fn(u64) -> u64) -> u64 {
        let all = before(self.choices);
        let (rounds, rest) = (self.count / self.choices, self.count % self.choices);
        let end = self.turn + rest;
        let started = before(self.turn);
        let in_rest = if end <= self.choices {
            before(end) - started
        } else {
            all - started + before(end - self.choices)
        };
        rounds * all + in_rest
    }

    /// The places whose turn comes at all, which may be two stretches of them.
    pub(super) fn places(&self) -> [Range<u64>; 2] {
        let end = self.turn + self.count;
        if self.count >= self.choices {
            [0..self.choices, 0..0]
        } else if end <= self.choices {
            [self.turn..end, 0..0]
        } else {
            [0..end - self.choices, self.turn..self.choices]
        }
    }
}

impl Target {
    /// Whether and until when requests to it are plain.
    fn foresee(&mut self, at: Time, fare: &Fare<'_>) {
        let port = &self.port;
        self.until = port.until;
        self.special = true;
        let later = |change: Time| if change > at { change } else { Time::NEVER };
        if port.socket == Socket::Serving {
            let over = port.reset.min(port.silence);
            let noticed = if over == Time::NEVER {
                Time::NEVER
            } else {
                over.saturating_sub(fare.laws[self.revision].reach())
                    .saturating_sub(fare.starts[self.revision])
            };
            let closes = port.fin().saturating_sub(fare.limits.one_way);
            self.special = at >= noticed.min(closes);
            self.until = self.until.min(later(noticed)).min(later(closes));
        }
    }
}

/// What a node came to believe; a node of which nothing is known believes nothing.
fn beliefs(timeline: &Timeline, node: usize) -> &[BeliefChange] {
    timeline.beliefs.get(node).map_or(&[], Vec::as_slice)
}

/// An instant and a row as a number that is the greater the later.
fn at_row(at: Time, row: usize) -> u128 {
    u128::from(at.as_micros()) << 64 | row as u128
}

/// The next row of those that are due.
fn pop_due(due: &mut Heap, at: Time) -> Option<usize> {
    let next = due
        .least()
        .filter(|key| key >> 64 <= u128::from(at.as_micros()))?;
    due.pop();
    Some(next as u64 as usize)
}
