//! How many requests an interval brings each ALB node, and when exactly the few of interest came.

use crate::dist::count::{PoissonCount, binomial, greatest, heads};
use crate::dist::unit_exponential;
use crate::random::{Purpose, Stream, Streams};
use crate::scenario::load::{LoadSpec, Pacing};
use crate::time::{Span, Time};

/// A stretch of time in which nothing changes, from its start until before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) from: Time,
    pub(super) until: Time,
    /// Requests to all nodes, if they are evenly paced.
    total: u64,
    /// Sent before `from`, if they are evenly paced.
    before: u64,
}

impl Cell {
    /// Its middle.
    pub(super) const fn middle(&self) -> Time {
        Time::from_micros((self.from.as_micros() + self.until.as_micros()) / 2)
    }

    /// How long it is.
    pub(super) fn span(&self) -> Span {
        self.until - self.from
    }
}

/// The open loop, counted. Poisson counts of disjoint intervals are independent; evenly paced
/// requests are counted by arithmetic, and each chooses its node by chance.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    pacing: Pacing,
    /// Requests in a million seconds.
    per_million_seconds: u64,
    stream: Stream,
    /// How many requests a node gets in a second, and in the last other span that was asked for.
    in_second: PoissonCount,
    law: (Span, PoissonCount),
    sent: u64,
    from: Time,
    /// The seconds of the present cell that are told apart, and how many of the cell's requests each
    /// node has got by the end of each.
    seconds: Vec<usize>,
    by_then: Vec<u64>,
    /// How many of them each node has got so far.
    so_far: Vec<u64>,
    /// Whether the present cell's requests are sent one by one, and if so, when each node gets its own.
    singly: bool,
    arrivals: Vec<Vec<Time>>,
}

/// Microseconds in a second.
pub(super) const SECOND: u64 = 1_000_000;

/// Microseconds in a million seconds.
const MILLION_SECONDS: u128 = 1_000_000_000_000;

impl Counts {
    /// The load on so many nodes. Each replication begins with its own chance.
    pub(super) fn new(load: &LoadSpec, nodes: usize) -> Counts {
        let mut counts = Counts {
            pacing: load.pacing,
            per_million_seconds: (load.rate * 1e6).round() as u64,
            in_second: PoissonCount::new(0.0),
            stream: Streams::new(0, 0).at(Purpose::IntervalCount, 0),
            law: (Span::ZERO, PoissonCount::new(0.0)),
            sent: 0,
            from: Time::ZERO,
            seconds: Vec::new(),
            by_then: Vec::new(),
            so_far: vec![0; nodes],
            singly: false,
            arrivals: vec![Vec::new(); nodes],
        };
        counts.in_second = counts.law_of(Span::from_secs(1));
        counts
    }

    /// How many requests a node gets in so long.
    fn law_of(&self, span: Span) -> PoissonCount {
        let all = self.per_million_seconds as f64 * 1e-12 * span.as_micros() as f64;
        PoissonCount::new(all / self.arrivals.len() as f64)
    }

    /// Starts over.
    pub(super) fn begin(&mut self, streams: &Streams) {
        self.stream = streams.at(Purpose::IntervalCount, 0);
        (self.sent, self.from) = (0, Time::ZERO);
    }

    /// The next stretch; in seconds that are told apart, second by second.
    pub(super) fn next(&mut self, until: Time, singly: bool, told_apart: &[bool]) -> Cell {
        let (from, before) = (self.from, self.sent);
        self.singly = singly;
        self.arrivals.iter_mut().for_each(Vec::clear);
        self.seconds.clear();
        self.by_then.clear();
        self.so_far.fill(0);
        let mut second = second_of(from);
        while self.from < until {
            let end = Time::from_micros((second as u64 + 1) * SECOND);
            let end = if told_apart.get(second) == Some(&true) {
                until.min(end)
            } else {
                until
            };
            if singly {
                self.send(end);
            } else {
                self.draw(end);
            }
            self.seconds.push(second);
            second += 1;
        }
        Cell {
            from,
            until,
            total: self.sent - before,
            before,
        }
    }

    /// Counts the requests until then.
    fn draw(&mut self, until: Time) {
        let span = until - std::mem::replace(&mut self.from, until);
        if self.pacing == Pacing::Poisson {
            let is_second = span == Span::from_secs(1);
            if !is_second && span != self.law.0 {
                self.law = (span, self.law_of(span));
            }
            let law = if is_second {
                &self.in_second
            } else {
                &self.law.1
            };
            for so_far in &mut self.so_far {
                *so_far += law.draw(&mut self.stream);
                self.by_then.push(*so_far);
            }
            return;
        }
        let mut left = self.sent_before(until) - self.sent;
        self.sent += left;
        let nodes = self.so_far.len();
        for (node, so_far) in self.so_far.iter_mut().enumerate() {
            let drawn = match nodes - node {
                1 => left,
                2 => heads(left, &mut self.stream),
                others => binomial(left, 1.0 / others as f64, &mut self.stream),
            };
            *so_far += drawn;
            self.by_then.push(*so_far);
            left -= drawn;
        }
    }

    /// Sends the requests until then one by one.
    fn send(&mut self, until: Time) {
        let from = std::mem::replace(&mut self.from, until);
        let nodes = self.arrivals.len();
        if self.pacing == Pacing::Poisson {
            let mean_gap = 1e12 * nodes as f64 / self.per_million_seconds as f64;
            let (from, until) = (from.as_micros() as f64, until.as_micros() as f64);
            // A copy, so that its state stays in registers.
            let mut stream = self.stream.clone();
            for arrivals in &mut self.arrivals {
                let mut at = from + mean_gap * unit_exponential(&mut stream);
                while at < until {
                    arrivals.push(Time::from_micros(at as i64 as u64));
                    at += mean_gap * unit_exponential(&mut stream);
                }
            }
            self.stream = stream;
        } else {
            let first = self.sent;
            self.sent = self.sent_before(until);
            for request in first..self.sent {
                let node = if nodes > 1 {
                    self.stream.below(nodes)
                } else {
                    0
                };
                let sent = self.sent_at(request);
                self.arrivals[node].push(sent);
            }
        }
        for (so_far, arrivals) in self.so_far.iter_mut().zip(&self.arrivals) {
            *so_far = arrivals.len() as u64;
            self.by_then.push(*so_far);
        }
    }

    /// How many of the present cell's requests a node gets.
    pub(super) fn of_node(&self, node: usize) -> u64 {
        self.so_far[node]
    }

    /// The nodes that get requests.
    pub(super) const fn nodes(&self) -> usize {
        self.arrivals.len()
    }

    /// Whether the time between requests is always the same.
    pub(super) fn is_evenly_paced(&self) -> bool {
        self.pacing == Pacing::Constant
    }

    /// Whether the present cell's requests are sent one by one.
    pub(super) const fn is_singly(&self) -> bool {
        self.singly
    }

    /// When the present cell's requests came to a node, if they are sent one by one.
    pub(super) fn arrivals(&self, node: usize) -> &[Time] {
        &self.arrivals[node]
    }

    /// The seconds of the present cell that are told apart.
    pub(super) const fn seconds(&self) -> usize {
        self.seconds.len()
    }

    /// One of them, and how many of the cell's requests the node has got by its end.
    pub(super) fn by_second(&self, row: usize, node: usize) -> (usize, u64) {
        (
            self.seconds[row],
            self.by_then[row * self.arrivals.len() + node],
        )
    }

    /// Evenly paced requests sent before an instant: request n is sent at ⌊n/rate⌋ µs.
    fn sent_before(&self, at: Time) -> u64 {
        let (micros, rate) = (at.as_micros(), self.per_million_seconds);
        // Where 64 bits are enough they are five times faster.
        match micros.checked_mul(rate) {
            Some(product) => product.div_ceil(MILLION_SECONDS as u64),
            None => (u128::from(micros) * u128::from(rate)).div_ceil(MILLION_SECONDS) as u64,
        }
    }

    fn sent_at(&self, request: u64) -> Time {
        let rate = self.per_million_seconds;
        Time::from_micros(match request.checked_mul(MILLION_SECONDS as u64) {
            Some(product) => product / rate,
            None => (u128::from(request) * MILLION_SECONDS / u128::from(rate)) as u64,
        })
    }

    /// When the request at this fraction of the cell was sent.
    pub(super) fn within(&self, cell: &Cell, fraction: f64) -> Time {
        if self.pacing == Pacing::Constant && cell.total > 0 {
            self.sent_at(cell.before + (fraction * cell.total as f64) as u64)
        } else {
            cell.from + Span::from_micros((fraction * cell.span().as_micros() as f64) as u64)
        }
    }

    /// Between which instants a cell's requests are spread: the cell's own, or, evenly paced, half a gap more than
    /// from the first request to the last, so that each stands in the middle of its share.
    pub(super) fn stretch(&self, cell: &Cell) -> (Time, Time) {
        if self.pacing == Pacing::Poisson || cell.total == 0 {
            return (cell.from, cell.until);
        }
        let half = Span::from_micros(MILLION_SECONDS as u64 / (2 * self.per_million_seconds));
        (
            self.sent_at(cell.before).saturating_sub(half),
            self.sent_at(cell.before + cell.total - 1) + half,
        )
    }

    /// When the cell's request was sent before which so many of it were.
    pub(super) fn sent_in(&self, cell: &Cell, before: usize) -> Time {
        self.sent_at(cell.before + before as u64)
    }

    /// When the cell's request was sent after which so many of it were.
    pub(super) fn sent_from_last(&self, cell: &Cell, after: usize) -> Time {
        self.sent_at(cell.before + cell.total - 1 - after as u64)
    }
}

/// Where in a cell, as a share of it, the `nth` (from 0) of one node's `count` requests was sent, if all of them were
/// sent after `start`, another such share, and at any time.
pub(super) fn nth(start: f64, nth: u64, count: u64, stream: &mut Stream) -> f64 {
    if 2 * nth > count {
        1.0 - climb(1.0 - start, count - 1 - nth, count, stream)
    } else {
        start + climb(1.0 - start, nth, count, stream)
    }
}

/// The second of an instant.
pub(super) const fn second_of(at: Time) -> usize {
    (at.as_micros() / SECOND) as usize
}

/// The `nth` order statistic of `count` uniform points in [0, room): what a Poisson process is, given its count.
fn climb(room: f64, nth: u64, count: u64, stream: &mut Stream) -> f64 {
    (0..=nth).fold(0.0, |at, passed| {
        at + (room - at) * (1.0 - greatest(count - passed, stream))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disturbance::load_step::Stretch;

    fn load(pacing: Pacing, rate: f64) -> LoadSpec {
        LoadSpec {
            pacing,
            rate,
            ..LoadSpec::default()
        }
    }

    /// Whatever the cells, the requests are those that even pacing sends.
    #[test]
    fn even_pacing_is_counted_exactly() {
        for (rate, nodes) in [(100.0, 1), (333.3, 2), (0.5, 3), (2_500_000.0, 2)] {
            let mut counts = Counts::new(&load(Pacing::Constant, rate), nodes);
            let mut all = 0;
            for until in [1, 2, 9_999, 10_001, 20_000, 333_333, 2_000_000, 60_000_000] {
                counts.next(Time::from_micros(until), until == 10_001, &[true, false]);
                all += (0..nodes).map(|node| counts.of_node(node)).sum::<u64>();
                let stretch = Stretch {
                    from: Time::ZERO,
                    to: Time::from_micros(until),
                    rate,
                };
                let sent = crate::traffic::arrivals::Evenly::new(&stretch).count() as u64;
                assert_eq!(all, sent, "{rate} until {until}");
            }
        }
    }

    /// The n-th of uniform points lies where theory has it, and those after it lie after it.
    #[test]
    fn order_statistics() {
        let mut stream = Streams::new(2, 0).at(Purpose::IntervalFate, 0);
        for row in [0, 3, 8, 9] {
            let mut sum = 0.0;
            for _ in 0..20_000 {
                let place = nth(0.0, row, 10, &mut stream);
                sum += place;
                if row < 9 {
                    let last = nth(place, 8 - row, 9 - row, &mut stream);
                    assert!(place < last && last < 1.0, "{row}: {place} {last}");
                }
            }
            let expected = (row + 1) as f64 / 11.0;
            assert!(
                (sum / 20_000.0 - expected).abs() < 0.004,
                "{row}: {}",
                sum / 20_000.0
            );
        }
    }
}
