//! What each node believes and each port does, cell by cell, and who gets how many requests.

use crate::aws::target_group::Algorithm;
use crate::dist::count::binomial;
use crate::observe::timeline::{BeliefChange, Socket, Timeline};
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::connection::{KeepAlive, Port};
use crate::traffic::interval::counts::Cell;
use crate::traffic::interval::fare::{Batch, Fare, Kept, Turn};
use crate::traffic::interval::row_of;
use crate::traffic::registration::Registration;
use crate::traffic::routing::RoutingTable;

/// The nodes and the targets at the start of a cell.
#[derive(Debug, Clone)]
pub(super) struct House {
    keep: [KeepAlive; 2],
    /// Whether requests to both revisions take alike.
    alike: bool,
    at_random: bool,
    zones: u8,
    registration: Registration,
    nodes: Vec<Node>,
    targets: Vec<Target>,
    /// When the next target has to be looked at again.
    until: Time,
}

/// One node of the load balancer.
#[derive(Debug, Clone)]
struct Node {
    table: RoutingTable,
    /// Places among the choices whose requests are not plain.
    watched: Vec<usize>,
    /// Plain choices of the new revision before each place, and in all.
    new_before: Vec<u64>,
    kept: Vec<Kept>,
    /// When all this has to be looked at again.
    until: Time,
}

/// A target as the packets find it.
#[derive(Debug, Clone, Copy)]
struct Target {
    port: Port,
    revision: usize,
    /// Whether something other than their own length can fail requests to it.
    special: bool,
    until: Time,
}

/// Who gets how many of a node's requests.
struct Shares {
    count: u64,
    choices: u64,
    turn: u64,
}

impl House {
    pub(super) fn new(scenario: &Scenario, keep: [KeepAlive; 2], alike: bool) -> House {
        let balancer = &scenario.load_balancer;
        let node = |number| Node {
            table: RoutingTable::new(scenario, number),
            watched: Vec::new(),
            new_before: Vec::new(),
            kept: Vec::new(),
            until: Time::ZERO,
        };
        House {
            keep,
            alike,
            at_random: scenario.target_group.algorithm == Algorithm::WeightedRandom,
            zones: balancer.zones,
            registration: Registration::default(),
            nodes: (0..balancer.nodes.max(1)).map(node).collect(),
            targets: Vec::new(),
            until: Time::ZERO,
        }
    }

    /// Starts over.
    pub(super) fn begin(&mut self, timeline: &Timeline, streams: &Streams) {
        self.registration
            .sort(&timeline.targets, &timeline.pods, self.zones);
        for (number, node) in self.nodes.iter_mut().enumerate() {
            node.table.begin(
                number,
                beliefs(timeline, number),
                &self.registration,
                streams,
            );
            node.kept.clear();
            node.kept.resize(timeline.targets.len(), Kept::NONE);
        }
        self.targets.clear();
        self.targets
            .extend(timeline.targets.iter().map(|target| Target {
                port: Port::UNSEEN,
                revision: row_of(target.pod),
                special: true,
                until: Time::ZERO,
            }));
        self.until = Time::ZERO;
    }

    /// Looks at the targets whose port may have changed.
    pub(super) fn look_at_targets(&mut self, at: Time, fare: &Fare<'_>) {
        if at < self.until {
            return;
        }
        let House { targets, nodes, .. } = self;
        let mut until = Time::NEVER;
        for (row, target) in targets.iter_mut().enumerate() {
            if target.port.until <= at {
                let pod = fare.timeline.targets[row].pod;
                let before = target.port;
                target.port =
                    Port::look(pod.and_then(|pod| fare.timeline.pods.get(pod.index())), at);
                if target.port.reopened_since(&before) {
                    nodes.iter_mut().for_each(|node| node.kept[row].forget());
                }
            }
            if target.until <= at {
                target.foresee(at, fare);
            }
            until = until.min(target.until);
        }
        self.until = until;
        nodes.iter_mut().for_each(|node| node.until = Time::ZERO);
    }

    /// A node's requests of a cell find their targets.
    pub(super) fn settle(&mut self, number: usize, count: u64, cell: &Cell, fare: &mut Fare<'_>) {
        let House {
            nodes,
            targets,
            keep,
            alike,
            at_random,
            registration,
            ..
        } = self;
        let node = &mut nodes[number];
        if cell.from >= node.until {
            node.look(
                cell.from,
                beliefs(fare.timeline, number),
                registration,
                targets,
                keep,
                fare,
            );
        }
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
        let mut still_watched = node.watched.len();
        if *at_random {
            fare.parts.begin_by_chance(number, fare.counts);
        }
        for (passed, place) in node.watched.iter().enumerate() {
            let first = shares.first(*place);
            let mut turn = Turn {
                node: number,
                first,
                places: Some(shares.choices),
                count,
            };
            turn.count = turn.until(count);
            if *at_random {
                turn.places = None;
                turn.count = fare.parts.claim(
                    1.0 / (shares.choices - passed as u64) as f64,
                    &mut fare.stream,
                );
            }
            if turn.count == 0 {
                continue;
            }
            special += turn.count;
            let target = node.table.choices()[*place];
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
                still_watched = 0;
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
        let plain = count - special;
        let of_new = match *at_random {
            _ if *alike => 0,
            true => binomial(plain, node.share_of_new(), &mut fare.stream),
            false => shares.of_places(&node.new_before),
        };
        fare.plain(cell, [plain - of_new, of_new]);
        if still_watched < node.watched.len() {
            node.until = cell.until;
        }
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

    /// How many all those places get that a running total counts.
    fn of_places(&self, before: &[u64]) -> u64 {
        let all = before.last().copied().unwrap_or(0);
        let (rounds, rest) = (self.count / self.choices, self.count % self.choices);
        let end = self.turn + rest;
        let started = before[self.turn as usize];
        let in_rest = if end <= self.choices {
            before[end as usize] - started
        } else {
            all - started + before[(end - self.choices) as usize]
        };
        rounds * all + in_rest
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

impl Node {
    /// Of the targets that are not watched, the share that are of the new revision.
    fn share_of_new(&self) -> f64 {
        let places = self.table.choices().len() - self.watched.len();
        let new = self.new_before.last().copied().unwrap_or(0);
        new as f64 / places.max(1) as f64
    }

    /// Looks at the table and at what is behind the choices.
    fn look(
        &mut self,
        at: Time,
        changes: &[BeliefChange],
        registration: &Registration,
        targets: &[Target],
        keep: &[KeepAlive; 2],
        fare: &Fare<'_>,
    ) {
        self.table
            .choices()
            .iter()
            .for_each(|target| self.kept[target.index()].left = at);
        self.table.update(at, changes, registration);
        self.until = self.table.until();
        self.watched.clear();
        self.new_before.clear();
        let mut new = 0;
        for (place, id) in self.table.choices().iter().enumerate() {
            self.new_before.push(new);
            let target = &targets[id.index()];
            let idle = keep[target.revision].idle();
            let kept = &mut self.kept[id.index()];
            if kept.left + idle <= at {
                kept.forget();
            }
            let cut = self.table.cut(*id);
            let noticed = if cut == Time::NEVER {
                Time::NEVER
            } else {
                cut.saturating_sub(fare.laws[target.revision].reach())
                    .saturating_sub(fare.starts[target.revision])
            };
            if noticed > at {
                self.until = self.until.min(noticed);
            }
            if target.special || noticed <= at || (!kept.warm && idle > Span::ZERO) {
                self.watched.push(place);
            } else {
                new += target.revision as u64;
            }
        }
        self.new_before.push(new);
    }
}

/// What a node came to believe; a node of which nothing is known believes nothing.
fn beliefs(timeline: &Timeline, node: usize) -> &[BeliefChange] {
    timeline.beliefs.get(node).map_or(&[], Vec::as_slice)
}
