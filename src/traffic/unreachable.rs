//! Kernels that answer for an IP which no pod has any more.
//!
//! Where pods have addresses of their host's subnet, a SYN to such an IP comes to the host, whose kernel asks who has
//! it: three ARP queries, a second apart (Linux `mcast_solicit`, `retrans_time_ms`). All SYNs that come meanwhile wait
//! for the end of this *round*. Then each is answered with ICMP "host unreachable", which the load balancer makes a 502
//! of, while the receiver has an allowance left: six at first, and one a second (`icmp_ratelimit`, net/ipv4/inetpeer.c),
//! for each load balancer node at each host, whichever of its pods are gone. A request that gets no answer sends its
//! SYN again after 1 s, 3 s and 7 s, into later rounds, until its connect times out: 504. So the share of 502s depends
//! on the rate.

mod lane;
#[cfg(test)]
mod tests;

use crate::agenda::Heap;
use crate::aws::alb_node::RemovedIp;
use crate::id::{NodeId, PodId};
use crate::observe::timeline::Timeline;
use crate::random::{Entities, Purpose, Streams, pair};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::connection::Silence;
pub(super) use lane::Stretch;
use lane::{Lane, Syn};

/// So many answers a receiver has at first and at most, and one more after each such span (Linux `XRLIM_BURST_FACTOR`,
/// `icmp_ratelimit`).
const BURST: u64 = 6;
const LIMIT: Span = Span::from_secs(1);

/// All hosts' kernels in one replication; keeps its memory between replications.
#[derive(Debug, Clone)]
pub(super) struct Kernels {
    /// How long the load balancer and the client wait for a connection.
    patience: Span,
    nodes: usize,
    is_on: bool,
    rounds: Entities,
    /// By target, or by pod where targets are hosts.
    addresses: Vec<Address>,
    /// When rounds end and of which address, as one number each; its least one is never out of date.
    ends: Heap,
    /// By address, then node.
    lanes: Vec<Lane>,
    /// By host, then node.
    allowances: Vec<Allowance>,
    /// Memory of [`Kernels::pass_all`].
    answered: Vec<Answered>,
}

/// An IP.
#[derive(Debug, Clone, Copy)]
struct Address {
    /// The host of the pod that had it; none: nobody answers for it.
    host: Option<usize>,
    /// When the last round ended.
    free: Time,
    /// The present round, or none ([`Time::NEVER`]).
    start: Time,
    end: Time,
    /// How many there were before.
    before: u32,
}

/// What a receiver may still be told, in microseconds of the limit.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    saved: u64,
    at: Time,
}

/// A connect that ends as host unreachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) address: usize,
    pub(super) node: usize,
    /// Its number among the connects of this node to this address.
    pub(super) nth: u64,
    pub(super) sent: Time,
    pub(super) at: Time,
}

impl Allowance {
    const FULL: Allowance = Allowance {
        saved: BURST * LIMIT.as_micros(),
        at: Time::ZERO,
    };

    /// Whether one more answer goes out, and takes its part.
    fn spend(&mut self, now: Time) -> bool {
        let may = self.is_left(now);
        if may {
            self.saved -= LIMIT.as_micros();
        }
        may
    }

    /// Whether one more answer could go out.
    fn is_left(&mut self, now: Time) -> bool {
        let saved = self.saved + now.saturating_since(self.at).as_micros();
        (self.saved, self.at) = (saved.min(Allowance::FULL.saved), now);
        self.saved >= LIMIT.as_micros()
    }
}

impl Kernels {
    /// None that answers, until a replication begins.
    pub(super) fn new(scenario: &Scenario) -> Kernels {
        Kernels {
            patience: scenario
                .load_balancer
                .connect_timeout
                .min(scenario.load.client_timeout),
            nodes: usize::from(scenario.load_balancer.nodes.max(1)),
            is_on: false,
            rounds: Streams::new(0, 0).of(Purpose::ArpRound),
            addresses: Vec::new(),
            ends: Heap::new(),
            lanes: Vec::new(),
            allowances: Vec::new(),
            answered: Vec::new(),
        }
    }

    /// Starts over; whether removed IPs are answered for is the environment's.
    pub(super) fn begin(&mut self, scenario: &Scenario, timeline: &Timeline, streams: &Streams) {
        self.ends.clear();
        self.is_on = scenario
            .load_balancer
            .host_unreachable_share
            .in_environment(streams)
            == RemovedIp::Kernel;
        if !self.is_on {
            return;
        }
        self.rounds = streams.of(Purpose::ArpRound);
        let host = |row: usize| {
            timeline
                .pods
                .get(row)
                .and_then(|pod| pod.node)
                .map(NodeId::index)
        };
        let pods = || {
            timeline
                .targets
                .iter()
                .map(|target| target.pod.map(PodId::index))
        };
        let address = |host| Address {
            host,
            free: Time::ZERO,
            start: Time::NEVER,
            end: Time::NEVER,
            before: 0,
        };
        self.addresses.clear();
        if timeline.node_ports.is_empty() {
            self.addresses
                .extend(pods().map(|pod| address(pod.map(|row| host(row).unwrap_or(0)))));
        } else {
            self.addresses
                .extend((0..timeline.pods.len()).map(|row| address(Some(host(row).unwrap_or(0)))));
        }
        let hosts = self
            .addresses
            .iter()
            .filter_map(|address| address.host)
            .max()
            .map_or(0, |host| host + 1);
        self.allowances.clear();
        self.allowances.resize(hosts * self.nodes, Allowance::FULL);
        self.lanes.iter_mut().for_each(Lane::clear);
        let lanes = self.lanes.len()..self.addresses.len() * self.nodes;
        self.lanes.extend(lanes.map(Lane::new));
    }

    /// Whether any answers.
    #[inline]
    pub(super) const fn are_on(&self) -> bool {
        self.is_on
    }

    /// A node's connects to an IP that no pod has. Those of a lane come in order of time.
    pub(super) fn connect(&mut self, address: usize, node: usize, stretch: Stretch) {
        let row = address * self.nodes + node;
        let (place, first) = self.lanes[row].add(stretch);
        let known = &self.addresses[address];
        // Nearly always a round has begun before, and when exactly this one was sent is nothing to it.
        if known.host.is_none() || stretch.from() >= known.start {
            return;
        }
        let sent = self.lanes[row].sent(first, place, &self.rounds);
        let address = &mut self.addresses[address];
        if sent < address.start {
            address.start = sent.max(address.free);
            self.close(row / self.nodes);
        }
    }

    /// When the next round ends.
    pub(super) fn due(&self) -> Time {
        self.ends.least().map_or(Time::NEVER, |key| round(key).0)
    }

    /// The next round ends, if that is before long.
    pub(super) fn pass(&mut self, until: Time, answered: &mut Vec<Answered>) -> bool {
        let Some((end, row)) = self
            .ends
            .least()
            .map(round)
            .filter(|(end, _)| *end <= until)
        else {
            return false;
        };
        let Address { host, start, .. } = self.addresses[row];
        for node in 0..self.nodes {
            let allowance = &mut self.allowances[host.unwrap_or(0) * self.nodes + node];
            if !allowance.is_left(end) {
                continue;
            }
            let lane = &mut self.lanes[row * self.nodes + node];
            // Who has given up meanwhile waits no more.
            let given_up = end.saturating_sub(self.patience);
            let sent_from = given_up + Span::from_micros(1);
            lane.look(start, sent_from, self.patience, &self.rounds);
            while let Some(Syn { nth, sent, .. }) = lane.first().filter(|syn| syn.at < end)
                && allowance.spend(end)
            {
                lane.answer(nth, &self.rounds);
                answered.push(Answered {
                    address: row,
                    node,
                    nth,
                    sent,
                    at: end,
                });
            }
        }
        let mut next = Time::NEVER;
        for lane in row * self.nodes..(row + 1) * self.nodes {
            let lane = &mut self.lanes[lane];
            lane.forget_next();
            lane.look(end, Time::ZERO, self.patience, &self.rounds);
            next = next.min(lane.first().map_or(Time::NEVER, |syn| syn.at));
        }
        let address = &mut self.addresses[row];
        (address.free, address.before) = (end, address.before + 1);
        (address.start, address.end) = (next, Time::NEVER);
        if next < Time::NEVER {
            self.close(row);
        }
        self.drop_outdated();
        true
    }

    /// All rounds end, after everybody has been heard; who was answered.
    pub(super) fn pass_all(&mut self) -> &[Answered] {
        let mut answered = std::mem::take(&mut self.answered);
        answered.clear();
        while self.pass(Time::NEVER, &mut answered) {}
        self.answered = answered;
        &self.answered
    }

    /// Of an address whose round ends sooner than was foreseen, only the sooner end counts.
    fn drop_outdated(&mut self) {
        while let Some((end, row)) = self.ends.least().map(round)
            && self.addresses[row].end != end
        {
            self.ends.pop();
        }
    }

    /// Foresees the end of the present round.
    fn close(&mut self, row: usize) {
        let address = &mut self.addresses[row];
        let late = self
            .rounds
            .at(pair(row as u64, u64::from(address.before)))
            .uniform();
        address.end =
            address.start + Silence::UNREACHABLE_AFTER + Silence::UNREACHABLE_SPREAD.scaled(late);
        self.ends
            .push(u128::from(address.end.as_micros()) << 64 | row as u128);
    }
}

/// When a round ends, and the row of its address.
const fn round(key: u128) -> (Time, usize) {
    (Time::from_micros((key >> 64) as u64), key as u64 as usize)
}
