//! What outlasts a target: a law's tail over a stretch of spans, known at knots and in between.

use crate::dist::count::binomial;
use crate::random::Stream;
use crate::time::Span;
use crate::traffic::interval::law::Law;

/// Draws before the next best is taken.
const TRIES: u32 = 64;

/// What is known of the tail at one span, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Knot {
    pub(super) at: f64,
    pub(super) survival: f64,
    pub(super) integrals: Integrals,
}

/// From one span on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Integrals {
    /// ∫P(S > u)du, which is E(S − x)⁺.
    pub(super) excess: f64,
    /// ∫P(S > u)²du.
    pub(super) squares: f64,
    /// ∫E(S − u)⁺du.
    pub(super) excesses: f64,
}

/// A law's tail over the x from one span to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beyond<'l> {
    pub(super) law: &'l Law,
    /// The first knot after `from`.
    pub(super) row: usize,
    pub(super) from: f64,
    pub(super) to: f64,
    /// P(S > `from`) and P(S > `to`).
    pub(super) first: f64,
    pub(super) last: f64,
    /// From `from` on, and from `to` on.
    pub(super) most: Integrals,
    pub(super) least: Integrals,
}

impl Beyond<'_> {
    /// How many of so many requests, sent evenly over the x, take longer than x. They are every `places`-th of their
    /// node's, or, without places, any of them.
    ///
    /// Chances that differ take from the variance of a binomial count, and are as good as fewer and likelier
    /// trials, which have the same mean and the same variance. When exactly every k-th request comes is by chance,
    /// too: that leaves 1/k of the difference.
    pub(super) fn count(&self, count: u64, places: Option<u64>, stream: &mut Stream) -> u64 {
        let mean = self.mean();
        if mean <= 0.0 {
            return 0;
        }
        let spread = (self.most.squares - self.least.squares) / (self.to - self.from) - mean * mean;
        let taken = spread * places.map_or(0.0, |places| 1.0 - 1.0 / places as f64);
        let likelier = mean + taken / mean;
        // Half a trial is one as often as not: an error of its own.
        if taken * count as f64 <= likelier * likelier / 4.0 || likelier >= 1.0 {
            return binomial(count, mean, stream);
        }
        let trials = count as f64 * mean / likelier;
        let whole = trials as u64;
        binomial(
            whole + u64::from(stream.chance(trials - whole as f64)),
            likelier,
            stream,
        )
    }

    /// The mean of those that do not take longer than x, in seconds.
    ///
    /// ∫E(S; S > x)dx = ∫(x·P(S > x) + E(S − x)⁺)dx, and x·P(S > x) = E(S − x)⁺ − d(x·E(S − x)⁺)/dx.
    pub(super) fn mean_in_time(&self) -> f64 {
        let (
            mean,
            Beyond {
                from,
                to,
                most,
                least,
                ..
            },
        ) = (self.mean(), self);
        let long = from * most.excess - to * least.excess + 2.0 * (most.excesses - least.excesses);
        (self.law.mean - long / (to - from)) / (1.0 - mean)
    }

    /// What one of those takes that do not take longer than x; tried first at this share of them.
    pub(super) fn draw_in_time(&self, mut share: f64, stream: &mut Stream) -> Span {
        for _ in 0..TRIES {
            let drawn = self.law.quantile(share * (1.0 - self.last));
            let secs = drawn.as_secs_f64();
            if secs <= self.from || self.to - secs > stream.uniform() * (self.to - self.from) {
                return drawn;
            }
            share = stream.uniform();
        }
        Span::from_secs_f64(self.from)
    }

    /// The mean of P(S > x).
    pub(super) fn mean(&self) -> f64 {
        let knots = &self.law.knots;
        if self.to <= self.from || self.row == knots.len() {
            return self.law.exact_tail(Span::from_secs_f64(self.from));
        }
        ((self.most.excess - self.least.excess) / (self.to - self.from))
            .clamp(0.0, knots[self.row - 1].survival)
    }

    /// Where x lies, as a share of the way, if it is drawn by its P(S > x) and so much of that is before it.
    pub(super) fn place(&self, share: f64) -> f64 {
        let wanted = self.most.excess + (self.least.excess - self.most.excess) * share;
        let knots = &self.law.knots;
        let rest = &knots[self.row..];
        let row = self.row
            + rest
                .iter()
                .position(|knot| knot.integrals.excess < wanted)
                .unwrap_or(rest.len());
        let known = |knot: &Knot| (knot.at, knot.survival, knot.integrals.excess);
        let low = if row > self.row {
            known(&knots[row - 1])
        } else {
            (self.from, self.first, self.most.excess)
        };
        let high = knots.get(row).filter(|knot| knot.at < self.to).map(known);
        let high = high.unwrap_or((self.to, self.last, self.least.excess));
        // Between the two the tail is a line, to speak of, and what lies under it a quadratic.
        let part = (low.2 - wanted) / (low.2 - high.2) * (low.1 + high.1);
        let t = part / (low.1 + (low.1 * low.1 + (high.1 - low.1) * part).max(0.0).sqrt());
        let x = low.0 + (high.0 - low.0) * t;
        ((x - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

impl Knot {
    /// Integrals from here on, of those from the next knot on: the tail between them is a line, to speak of.
    pub(super) fn integrate(&mut self, next: &Knot) {
        let (width, a, b) = (next.at - self.at, self.survival, next.survival);
        let excesses =
            (self.integrals.excess + next.integrals.excess) / 2.0 + width * (b - a) / 12.0;
        self.integrals.squares = next.integrals.squares + width * (a * a + a * b + b * b) / 3.0;
        self.integrals.excesses = next.integrals.excesses + width * excesses;
    }

    /// P(S > x) and the integrals from x on, between this knot and the next: a line, and the cubics that have the
    /// values of both and the slopes, which are known (Hermite).
    pub(super) fn look(&self, next: &Knot, x: f64) -> (f64, Integrals) {
        if x == self.at {
            return (self.survival, self.integrals);
        }
        let width = next.at - self.at;
        let t = (x - self.at) / width;
        let rest = 1.0 - t;
        let between = |(low, falls): (f64, f64), (high, fell): (f64, f64)| {
            rest * rest * ((1.0 + 2.0 * t) * low - t * width * falls)
                + t * t * ((3.0 - 2.0 * t) * high + rest * width * fell)
        };
        let (low, high, falls, fell) =
            (self.integrals, next.integrals, self.survival, next.survival);
        let integrals = Integrals {
            excess: between((low.excess, falls), (high.excess, fell)),
            squares: between((low.squares, falls * falls), (high.squares, fell * fell)),
            excesses: between((low.excesses, low.excess), (high.excesses, high.excess)),
        };
        (rest * falls + t * fell, integrals)
    }
}

#[cfg(test)]
mod tests {
    use crate::dist::Dist;
    use crate::random::{Purpose, Streams};

    use super::*;

    /// Of requests sent evenly over a cell: how many outlast what is left, when those were sent, and what the
    /// others take, against sums over the formula.
    #[test]
    fn a_cell_is_as_its_requests_are() {
        const STEPS: u64 = 4_000;
        let dist = Dist::p50_p99_millis(14, 122);
        let law = Law::new(&dist, 1e4, Span::from_secs(60));
        let mut stream = Streams::new(7, 0).at(Purpose::Arrival, 0);
        for (low, high) in [
            (0, 3),
            (2, 15),
            (15, 40),
            (40, 200),
            (60, 1_000),
            (150, 170),
            (300, 310),
            (700, 720),
        ] {
            let (low, high) = (Span::from_millis(low), Span::from_millis(high));
            let width = high.saturating_sub(low);
            let beyond = law.beyond(low, high);
            let (mut mean, mut squares, mut place, mut long) = (0.0, 0.0, 0.0, 0.0);
            for step in 0..STEPS {
                let share = (step as f64 + 0.5) / STEPS as f64;
                let x = low + width.scaled(share);
                let tail = dist.survival(x) / STEPS as f64;
                (mean, squares) = (mean + tail, squares + tail * tail * STEPS as f64);
                (place, long) = (
                    place + tail * share,
                    long + tail * x.as_secs_f64() + dist.mean_excess(x) / STEPS as f64,
                );
            }
            let near = |got: f64, wanted: f64, tolerance: f64| {
                assert!(
                    (got / wanted - 1.0).abs() < tolerance,
                    "from {low} to {high}: {got}, not {wanted}"
                );
            };
            near(beyond.mean(), mean, 0.002);
            let (of_squares, all) = (
                beyond.most.squares - beyond.least.squares,
                width.as_secs_f64(),
            );
            near(mean + of_squares / all, mean + squares, 0.002);
            let places = (0..STEPS).map(|step| beyond.place((step as f64 + 0.5) / STEPS as f64));
            near(places.sum::<f64>() / STEPS as f64, place / mean, 0.01);
            let in_time = (law.mean - long) / (1.0 - mean);
            near(beyond.mean_in_time(), in_time, 0.001);
            let drawn = (0..STEPS * 10)
                .map(|row| beyond.draw_in_time(row as f64 / STEPS as f64 / 10.0, &mut stream));
            near(
                drawn.map(Span::as_secs_f64).sum::<f64>() / STEPS as f64 / 10.0,
                in_time,
                0.01,
            );
        }
    }

    /// Counts have the mean of their chances and, every fourth request having its place, the variance of those.
    #[test]
    fn fewer_and_likelier_trials() {
        let law = Law::new(&Dist::p50_p99_millis(14, 122), 1e4, Span::from_secs(60));
        let beyond = law.beyond(Span::ZERO, Span::from_millis(40));
        let mean = beyond.mean();
        let spread = (beyond.most.squares - beyond.least.squares) / 0.04 - mean * mean;
        let mut stream = Streams::new(7, 0).at(Purpose::Arrival, 0);
        for (places, taken) in [(None, 0.0), (Some(1), 0.0), (Some(4), 0.75 * spread)] {
            let counts: Vec<f64> = (0..40_000)
                .map(|_| beyond.count(300, places, &mut stream) as f64)
                .collect();
            let got = counts.iter().sum::<f64>() / 40_000.0;
            let variance = counts
                .iter()
                .map(|count| (count - got).powi(2))
                .sum::<f64>()
                / 40_000.0;
            let expected = 300.0 * (mean * (1.0 - mean) - taken);
            assert!(
                (got - 300.0 * mean).abs() < 4.0 * (expected / 40_000.0).sqrt(),
                "{places:?}: {got}"
            );
            assert!(
                (variance / expected - 1.0).abs() < 0.03,
                "{places:?}: {variance}, not {expected}"
            );
        }
    }
}
