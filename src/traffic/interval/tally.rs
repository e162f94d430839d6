//! Counts, latencies and the error window of one replication, gathered in bulk.

use crate::dist::count::{greatest, heads, normal_sum};
use crate::random::{Purpose, Stream, Streams};
use crate::time::{Span, Time};
use crate::traffic::interval::counts::{Cell, Counts, nth};
use crate::traffic::interval::law::Law;
use crate::traffic::interval::order::Order;
use crate::traffic::outcome::Outcome;
use crate::verdict::{Cause, Verdict};

/// Requests whose latencies are independent draws of one law after a constant start.
#[derive(Debug, Clone, Copy)]
struct Pool {
    law: usize,
    start: Span,
    /// No draw is longer: those that were have been counted as failures.
    limit: Span,
    count: u64,
}

/// So few are drawn one by one.
const ONE_BY_ONE: u64 = 48;
/// Equally likely ranges of latency, as a power of two, and halvings of the last of them.
const RANGES: u32 = 4;
const TAIL_HALVINGS: i32 = 6;

/// What has been gathered.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    outcome: &'a mut Outcome,
    books: &'a mut Books,
    window: Window,
    /// By how many seconds all latencies together are less than draws of their laws.
    gain: f64,
    stream: Stream,
}

/// What is only looked at in the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Books {
    pools: Vec<Pool>,
    /// Of the latest cell in which 5xx are known by rank, the last ones: node, rank, and how many requests the
    /// node had.
    latest: Vec<(Cell, usize, u64, u64)>,
    /// Of the same cell, if requests are evenly paced.
    order: Order,
}

/// When the first and the last request failed. The last is looked for at the end only.
#[derive(Debug, Default)]
struct Window {
    points: Option<(Time, Time)>,
    /// The first, if it is one of a node's requests by rank: its cell, node and rank, and its place in the cell.
    origin: Option<(Cell, usize, u64, f64)>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(
        outcome: &'a mut Outcome,
        books: &'a mut Books,
        streams: &Streams,
    ) -> Tally<'a> {
        books.pools.clear();
        books.latest.clear();
        books.order.clear();
        let stream = streams.at(Purpose::IntervalLatency, 0);
        Tally {
            outcome,
            books,
            window: Window::default(),
            gain: 0.0,
            stream,
        }
    }

    /// So many requests, sent in this second, ended so.
    pub(super) fn count(&mut self, verdict: Verdict, count: u64, second: usize) {
        if let Some(column) = self.ended(verdict, count) {
            self.in_second(second, column, count);
        }
    }

    /// So many requests ended so; if they failed, their column in the table by second.
    pub(super) fn ended(&mut self, verdict: Verdict, count: u64) -> Option<usize> {
        self.outcome.requests += count;
        match verdict {
            Verdict::Ok => {
                self.outcome.ok += count;
                None
            }
            Verdict::Target(_) => {
                self.outcome.target += count;
                Some(Cause::ALL.len())
            }
            Verdict::Alb(cause) => {
                self.outcome.causes[cause.index()] += count;
                Some(cause.index())
            }
        }
    }

    /// So many requests failed that were sent in this second.
    pub(super) fn in_second(&mut self, second: usize, column: usize, count: u64) {
        if count > 0 {
            self.outcome.per_second[second][column] += count as u32;
        }
    }

    /// So many requests took so long.
    pub(super) fn took(&mut self, latency: Span, count: u64) {
        if count == 0 {
            return;
        }
        let outcome = &mut self.outcome;
        outcome.latency.count(latency, count);
        outcome.min_latency = outcome.min_latency.min(latency);
        outcome.max_latency = outcome.max_latency.max(latency);
        outcome.latency_sum += u128::from(latency.as_micros()) * u128::from(count);
    }

    /// So many requests took `start` and a draw of a law that is no longer than `limit`.
    pub(super) fn took_draws(&mut self, law: usize, start: Span, limit: Span, count: u64) {
        let same = |pool: &&mut Pool| (pool.law, pool.start, pool.limit) == (law, start, limit);
        match self.books.pools.iter_mut().find(same) {
            Some(pool) => pool.count += count,
            None => self.books.pools.push(Pool {
                law,
                start,
                limit,
                count,
            }),
        }
    }

    /// One of those booked as timed out was answered by a kernel, so soon.
    pub(super) fn was_answered(
        &mut self,
        second: usize,
        latency: Span,
        (law, start, limit): (usize, Span, Span),
    ) {
        let [late, soon] = [Cause::ConnectTimeout, Cause::HostUnreachable].map(Cause::index);
        let same = |pool: &&mut Pool| (pool.law, pool.start, pool.limit) == (law, start, limit);
        let Some(pool) = self.books.pools.iter_mut().find(same) else {
            return;
        };
        pool.count -= 1;
        self.outcome.causes[late] -= 1;
        self.outcome.causes[soon] += 1;
        self.outcome.per_second[second][late] -= 1;
        self.outcome.per_second[second][soon] += 1;
        self.took(latency, 1);
    }

    /// Draws of a law are so many seconds too long, all together.
    pub(super) fn gained(&mut self, gain: f64) {
        self.gain += gain;
    }

    /// A 5xx was sent then.
    pub(super) fn failed_at(&mut self, sent: Time) {
        let (first, last) = self.window.points.unwrap_or((sent, sent));
        self.window.points = Some((first.min(sent), last.max(sent)));
    }

    /// So many 5xx, each anywhere in the cell: the least and the greatest of as many uniform points.
    pub(super) fn failed_within(&mut self, cell: &Cell, count: u64, counts: &Counts) {
        if count == 0 {
            return;
        }
        let first = 1.0 - greatest(count, &mut self.stream);
        self.failed_at(counts.within(cell, first));
        if count > 1 {
            let rest = greatest(count - 1, &mut self.stream);
            self.failed_at(counts.within(cell, first + (1.0 - first) * rest));
        }
    }

    /// Of a node's `count` requests of this cell, those from rank `first` to rank `last` include the first
    /// and the last 5xx. Cells come in order of time.
    pub(super) fn failed_by_rank(
        &mut self,
        cell: &Cell,
        node: usize,
        ranks: (u64, u64),
        count: u64,
        counts: &Counts,
    ) {
        let may_be_first = self
            .window
            .points
            .is_none_or(|(first, _)| first >= cell.from);
        if counts.is_evenly_paced() {
            self.books.order.begin(cell, counts);
            if may_be_first {
                let before = self.books.order.before(node, ranks.0, &mut self.stream);
                self.failed_at(counts.sent_in(cell, before));
            }
        } else if may_be_first {
            let place = nth(0.0, ranks.0, count, &mut self.stream);
            let sent = counts.within(cell, place);
            if self.window.points.is_none_or(|(first, _)| sent < first) {
                self.window.origin = Some((*cell, node, ranks.0, place));
            }
            self.failed_at(sent);
        }
        self.books.latest.retain(|(latest, ..)| latest == cell);
        self.books.latest.push((*cell, node, ranks.1, count));
    }

    /// Draws the latencies and closes the window.
    pub(super) fn finish(mut self, laws: &[Law], counts: &Counts) {
        for row in 0..self.books.pools.len() {
            let pool = self.books.pools[row];
            self.draw(&pool, &laws[pool.law]);
        }
        let gain = (self.gain * 1e6) as i128;
        self.outcome.latency_sum = self.outcome.latency_sum.saturating_sub_signed(gain);
        for row in 0..self.books.latest.len() {
            let (cell, node, rank, count) = self.books.latest[row];
            if counts.is_evenly_paced() {
                let after = self
                    .books
                    .order
                    .after(node, count - 1 - rank, &mut self.stream);
                self.failed_at(counts.sent_from_last(&cell, after));
                continue;
            }
            let place = match self.window.origin {
                Some((first_cell, first_node, first, place))
                    if (first_cell, first_node) == (cell, node) =>
                {
                    if rank == first {
                        continue;
                    }
                    nth(place, rank - first - 1, count - first - 1, &mut self.stream)
                }
                _ => nth(0.0, rank, count, &mut self.stream),
            };
            self.failed_at(counts.within(&cell, place));
        }
        self.outcome.error_window = self.window.points;
    }

    fn draw(&mut self, pool: &Pool, law: &Law) {
        if pool.count <= ONE_BY_ONE {
            for _ in 0..pool.count {
                let drawn = std::iter::repeat_with(|| law.draw(&mut self.stream))
                    .find(|draw| *draw <= pool.limit);
                self.took(pool.start + drawn.unwrap_or_default(), 1);
            }
            return;
        }
        let share = 1.0 - law.exact_tail(pool.limit);
        let most = pool.start + law.quantile(share * greatest(pool.count, &mut self.stream));
        let least =
            pool.start + law.quantile(share * (1.0 - greatest(pool.count, &mut self.stream)));
        self.outcome.min_latency = self.outcome.min_latency.min(least);
        self.outcome.max_latency = self.outcome.max_latency.max(most);
        let n = pool.count as f64;
        let sum = normal_sum(
            n * law.mean_within(pool.limit) * 1e6,
            n * law.variance * 1e12,
            &mut self.stream,
        );
        self.outcome.latency_sum +=
            sum as u128 + u128::from(pool.start.as_micros()) * u128::from(pool.count);
        self.fill_histogram(pool, law, share, (least, most));
    }

    /// A multinomial count over ranges of latency, each at one point of its range drawn at random: the
    /// expected histogram is the law's, bucket by bucket, and the shares of the ranges vary as they do
    /// among so many independent draws.
    fn fill_histogram(&mut self, pool: &Pool, law: &Law, share: f64, bounds: (Span, Span)) {
        let mut counts = [0; 1 << RANGES];
        counts[0] = pool.count;
        for level in (0..RANGES).rev() {
            for low in (0..1 << RANGES).step_by(2 << level) {
                let left = heads(counts[low], &mut self.stream);
                counts[low + (1 << level)] = counts[low] - left;
                counts[low] = left;
            }
        }
        let width = 1.0 / f64::from(1 << RANGES);
        let (tail, body) = counts.split_last_mut().expect("there are ranges");
        for (row, count) in body.iter().enumerate() {
            self.fill(
                pool,
                law,
                (row as f64 * width * share, width * share),
                *count,
                bounds,
            );
        }
        let mut width = width;
        for _ in 0..TAIL_HALVINGS {
            let left = heads(*tail, &mut self.stream);
            self.fill(
                pool,
                law,
                ((1.0 - width) * share, width / 2.0 * share),
                left,
                bounds,
            );
            *tail -= left;
            width /= 2.0;
        }
        self.fill(
            pool,
            law,
            ((1.0 - width) * share, width * share),
            *tail,
            bounds,
        );
    }

    fn fill(
        &mut self,
        pool: &Pool,
        law: &Law,
        (from, width): (f64, f64),
        count: u64,
        bounds: (Span, Span),
    ) {
        if count > 0 {
            let latency = pool.start + law.quantile(from + width * self.stream.uniform());
            let latency = latency.clamp(bounds.0, bounds.1);
            self.outcome.latency.count(latency, count);
        }
    }
}
