//! Kernels that answer for an IP which no pod has any more.
//!
//! Where pods have addresses of their host's subnet, a SYN to such an IP comes to the host, whose kernel asks who has
//! it: three ARP queries, a second apart (Linux `mcast_solicit`, `retrans_time_ms`). All SYNs that come meanwhile wait
//! for the end of this *round*. Then each is answered with ICMP "host unreachable", which the load balancer makes a 502
//! of, while the receiver has an allowance left: six at first, and one a second (`icmp_ratelimit`, net/ipv4/inetpeer.c),
//! for each load balancer node at each host, whichever of its pods are gone. A request that gets no answer sends its
//! SYN again after 1 s, 3 s and 7 s, into later rounds, until its connect times out: 504. So the share of 502s depends
//! on the rate.

use crate::aws::alb_node::RemovedIp;
use crate::id::{NodeId, PodId};
use crate::observe::timeline::Timeline;
use crate::random::{Entities, Purpose, Streams, pair};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use crate::traffic::connection::{SYN_RETRIES, Silence};

/// After which of its SYNs' waits a request may be answered: the first SYN does not wait.
const SYNS: [Span; SYN_RETRIES.len() + 1] =
    [Span::ZERO, SYN_RETRIES[0], SYN_RETRIES[1], SYN_RETRIES[2]];

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
    /// By address, then node.
    lanes: Vec<Lane>,
    /// By host, then node.
    allowances: Vec<Allowance>,
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

/// Connects of one node to one address, in order of sending.
#[derive(Debug, Clone, Default)]
struct Lane {
    stretches: Vec<Stretch>,
    count: u64,
    /// Those that were answered, in order.
    answered: Vec<u64>,
}

/// Connects one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// Begin and end, the same for a single one.
    from: Time,
    until: Time,
    count: u64,
    /// How many the lane had before.
    before: u64,
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

impl Stretch {
    /// A single connect.
    pub(super) const fn one(sent: Time) -> Stretch {
        Stretch {
            from: sent,
            until: sent,
            count: 1,
            before: 0,
        }
    }

    /// So many in equal parts of a span, each anywhere in its own.
    pub(super) const fn spread(from: Time, until: Time, count: u64) -> Stretch {
        Stretch {
            from,
            until,
            count,
            before: 0,
        }
    }

    /// When one of the lane's was sent; `place` in [0, 1) is its place in its part.
    fn sent(&self, nth: u64, place: f64) -> Time {
        let share = ((nth - self.before) as f64 + place) / self.count as f64;
        self.from + (self.until - self.from).scaled(share)
    }
}

impl Allowance {
    const FULL: Allowance = Allowance {
        saved: BURST * LIMIT.as_micros(),
        at: Time::ZERO,
    };

    /// Whether one more answer goes out.
    fn spend(&mut self, now: Time) -> bool {
        let saved = self.saved + now.saturating_since(self.at).as_micros();
        (self.saved, self.at) = (saved.min(Allowance::FULL.saved), now);
        let may = self.saved >= LIMIT.as_micros();
        if may {
            self.saved -= LIMIT.as_micros();
        }
        may
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
            lanes: Vec::new(),
            allowances: Vec::new(),
        }
    }

    /// Starts over; whether removed IPs are answered for is the environment's.
    pub(super) fn begin(&mut self, scenario: &Scenario, timeline: &Timeline, streams: &Streams) {
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
        self.lanes
            .resize_with(self.addresses.len() * self.nodes, Lane::default);
    }

    /// Whether any answers.
    #[inline]
    pub(super) const fn are_on(&self) -> bool {
        self.is_on
    }

    /// A node's connects to an IP that no pod has. Those of a lane come in order of time.
    pub(super) fn connect(&mut self, address: usize, node: usize, stretch: Stretch) {
        let row = address * self.nodes + node;
        let lane = &mut self.lanes[row];
        let first = lane.count;
        lane.stretches.push(Stretch {
            before: first,
            ..stretch
        });
        lane.count += stretch.count;
        let sent = self.sent(row, first);
        let address = &mut self.addresses[address];
        if address.host.is_some() && sent < address.start {
            address.start = sent.max(address.free);
            self.close(row / self.nodes);
        }
    }

    /// When the next round ends.
    pub(super) fn due(&self) -> Time {
        self.addresses
            .iter()
            .map(|address| address.end)
            .min()
            .unwrap_or(Time::NEVER)
    }

    /// The next round ends, if that is before long.
    pub(super) fn pass(&mut self, until: Time, answered: &mut Vec<Answered>) -> bool {
        let due = self.due();
        if due > until || due == Time::NEVER {
            return false;
        }
        let Some(row) = self.addresses.iter().position(|address| address.end == due) else {
            return false;
        };
        let Address {
            host, start, end, ..
        } = self.addresses[row];
        for node in 0..self.nodes {
            let allowance = host.unwrap_or(0) * self.nodes + node;
            while let Some((nth, sent)) = self.waiting(row * self.nodes + node, start, end) {
                if !self.allowances[allowance].spend(end) {
                    break;
                }
                self.lanes[row * self.nodes + node].answer(nth);
                answered.push(Answered {
                    address: row,
                    node,
                    nth,
                    sent,
                    at: end,
                });
            }
        }
        let lanes = row * self.nodes..(row + 1) * self.nodes;
        let next = lanes
            .filter_map(|lane| self.first_syn(lane, end, Time::ZERO))
            .map(|(at, ..)| at)
            .min();
        let address = &mut self.addresses[row];
        (address.free, address.before) = (end, address.before + 1);
        (address.start, address.end) = (next.unwrap_or(Time::NEVER), Time::NEVER);
        if next.is_some() {
            self.close(row);
        }
        true
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
    }

    /// The request whose SYN has waited longest in a round.
    fn waiting(&self, lane: usize, start: Time, end: Time) -> Option<(u64, Time)> {
        // Who has given up meanwhile waits no more.
        let given_up = end.saturating_sub(self.patience);
        let (at, nth, sent) = self.first_syn(lane, start, given_up + Span::from_micros(1))?;
        (at < end).then_some((nth, sent))
    }

    /// The first SYN from an instant on, of a request that was not sent before another instant: when, and whose.
    fn first_syn(&self, row: usize, from: Time, sent_from: Time) -> Option<(Time, u64, Time)> {
        let lane = &self.lanes[row];
        let first = |wait: Span| {
            let mut nth = self.first_sent(row, from.saturating_sub(wait).max(sent_from));
            while lane.answered.binary_search(&nth).is_ok() {
                nth += 1;
            }
            (nth < lane.count).then(|| (self.sent(row, nth) + wait, nth, self.sent(row, nth)))
        };
        SYNS.into_iter()
            .filter(|wait| *wait < self.patience)
            .filter_map(first)
            .min()
    }

    /// The first request of a lane that was sent from an instant on.
    fn first_sent(&self, row: usize, from: Time) -> u64 {
        let lane = &self.lanes[row];
        let ends_before = |stretch: &Stretch| {
            stretch.until < from || stretch.from < stretch.until && stretch.until == from
        };
        let Some(stretch) = lane
            .stretches
            .get(lane.stretches.partition_point(ends_before))
        else {
            return lane.count;
        };
        if from <= stretch.from {
            return stretch.before;
        }
        let share = from.saturating_since(stretch.from).as_secs_f64()
            / (stretch.until - stretch.from).as_secs_f64();
        let nth = stretch.before + ((share * stretch.count as f64) as u64).min(stretch.count - 1);
        nth + u64::from(self.sent(row, nth) < from)
    }

    /// When one of a lane's requests was sent.
    fn sent(&self, row: usize, nth: u64) -> Time {
        let lane = &self.lanes[row];
        let stretch = &lane.stretches[lane
            .stretches
            .partition_point(|stretch| stretch.before <= nth)
            - 1];
        if stretch.from == stretch.until {
            return stretch.from;
        }
        stretch.sent(
            nth,
            self.rounds.at(pair(1 << 31 | row as u64, nth)).uniform(),
        )
    }
}

impl Lane {
    fn clear(&mut self) {
        self.stretches.clear();
        self.answered.clear();
        self.count = 0;
    }

    fn answer(&mut self, nth: u64) {
        let place = self.answered.partition_point(|other| *other < nth);
        self.answered.insert(place, nth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::alb_node::HostUnreachableShare;
    use crate::id::RevisionId;
    use crate::observe::timeline::{PodRecord, TargetRecord};

    /// Kernels of one host whose pods are gone.
    fn kernels(pods: u16, run: u64) -> Kernels {
        let mut scenario = Scenario::default();
        scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Unreachable;
        scenario.load_balancer.nodes = 1;
        let mut timeline = Timeline::default();
        for row in 0..pods {
            let pod = PodId::new(row, RevisionId::OLD, row + 1);
            timeline.pods.push(PodRecord {
                node: Some(NodeId(0)),
                ..PodRecord::new(pod)
            });
            timeline.targets.push(TargetRecord {
                pod: Some(pod),
                registered: None,
                healthy: None,
                deregister_called: None,
                draining_over: None,
            });
        }
        let mut kernels = Kernels::new(&scenario);
        kernels.begin(&scenario, &timeline, &Streams::new(1, run));
        kernels
    }

    fn all(kernels: &mut Kernels) -> Vec<Answered> {
        let mut answered = Vec::new();
        while kernels.pass(Time::NEVER, &mut answered) {}
        answered
    }

    fn at(secs: f64) -> Time {
        Time::ZERO + Span::from_secs_f64(secs)
    }

    /// Connects at an even rate for so long, one by one or by the second; the mean number of 502s.
    fn mean(rate: f64, lag: f64, by_second: bool) -> f64 {
        let runs = 40;
        let count = |run| {
            let mut kernels = kernels(1, run);
            let shift = run as f64 / runs as f64;
            if by_second {
                for second in 0..lag as u64 {
                    let [from, until] =
                        [second, second + 1].map(|second| at(100.0 + second as f64));
                    kernels.connect(0, 0, Stretch::spread(from, until, rate as u64));
                }
            } else {
                for nth in 0..(rate * lag) as u64 {
                    kernels.connect(0, 0, Stretch::one(at(100.0 + (nth as f64 + shift) / rate)));
                }
            }
            all(&mut kernels).len()
        };
        (0..runs).map(count).sum::<usize>() as f64 / runs as f64
    }

    /// priors.md §5: the share of 502s by rate, for a lag of 7 s and of 15 s.
    #[test]
    fn the_share_of_502s_falls_with_the_rate() {
        for (rate, shares) in [
            (1.0, [1.0, 1.0]),
            (3.0, [0.73, 0.53]),
            (6.0, [0.42, 0.28]),
            (25.0, [0.10, 0.07]),
            (50.0, [0.05, 0.04]),
        ] {
            for (lag, share) in [7.0, 15.0].into_iter().zip(shares) {
                for by_second in [false, true] {
                    let got = mean(rate, lag, by_second) / (rate * lag);
                    assert!(
                        (got - share).abs() <= 0.02 + 0.03 * share,
                        "{rate} a second for {lag} s: {got}, not {share}"
                    );
                }
            }
        }
        // A million a second is no more work, and gets no more answers.
        assert!((mean(1e6, 7.0, true) - 18.0).abs() < 0.5);
    }

    /// A round ends 3.07 s to 3.19 s after its first SYN; who joins it waits for the rest of it.
    #[test]
    fn a_round_ends_for_all_who_wait() {
        let mut kernels = kernels(1, 0);
        [10.0, 11.5, 12.9]
            .into_iter()
            .for_each(|sent| kernels.connect(0, 0, Stretch::one(at(sent))));
        let due = kernels.due();
        assert!((at(13.07)..at(13.20)).contains(&due), "{due}");
        let answered = all(&mut kernels);
        assert_eq!(
            answered
                .iter()
                .map(|one| (one.nth, one.at))
                .collect::<Vec<_>>(),
            [(0, due), (1, due), (2, due)]
        );
    }

    /// Two dead pods of one host share its allowance for a node: 6 at once, not 12; the rest try again.
    #[test]
    fn the_pods_of_a_host_share_its_allowance() {
        let mut kernels = kernels(2, 3);
        for nth in 0..20 {
            for address in 0..2 {
                kernels.connect(address, 0, Stretch::one(at(50.0 + f64::from(nth) / 100.0)));
            }
        }
        let answered = all(&mut kernels);
        let first_rounds = answered.iter().filter(|one| one.at < at(53.5)).count();
        assert_eq!(first_rounds, 6);
        // Nobody is answered after having given up, nor twice.
        assert!(
            answered
                .iter()
                .all(|one| one.at < one.sent + Span::from_secs(10))
        );
        let mut who: Vec<_> = answered.iter().map(|one| (one.address, one.nth)).collect();
        who.sort_unstable();
        who.dedup();
        assert_eq!(who.len(), answered.len());
        assert!(
            (6 + 4..=6 + 8).contains(&answered.len()),
            "{}",
            answered.len()
        );
    }

    /// Half of the environments answer, and a twin is in the same half.
    #[test]
    fn whether_kernels_answer_is_the_environments() {
        let on = (0..2_000).filter(|run| {
            let streams = Streams::new(1, *run);
            let answer =
                |streams: &Streams| HostUnreachableShare::Published.in_environment(streams);
            assert_eq!(answer(&streams), answer(&streams.twin()));
            answer(&streams) == RemovedIp::Kernel
        });
        let on = on.count();
        assert!((900..1_100).contains(&on), "{on} of 2,000");
    }
}
