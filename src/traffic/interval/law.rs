//! How long things take, prepared for counting: tails as steps, quantiles as a table.

use crate::dist::Dist;
use crate::dist::count::binomial;
use crate::random::Stream;
use crate::time::Span;

/// Equal shares of the requests in flight between two knots; after them each has half of what is left, until
/// so few requests are left in flight.
const EVEN_STEPS: usize = 64;
const FEW: f64 = 1e-9;
/// Time is cut at so many even knots.
const CUTS: usize = 4;
/// If 7 of 8 requests in flight are among fewer than this, those are quicker sent one by one than counted.
const SPARSE: f64 = 100.0;
/// Quantiles in the table, evenly spaced.
const TABLE: usize = 1_024;
/// Below the first and above the 31st of 32 no line is straight enough: where the least and the greatest of many
/// draws lie, each halving of what is left has 16 quantiles of its own, down to 2⁻³⁰.
const LOWER: f64 = 1.0 / 1_024.0;
const UPPER: f64 = 1.0 / 32.0;
const FARTHEST: f64 = 1.0 / 1_073_741_824.0;
/// Bits of a float below those that number its sixteenth.
const WITHIN: u32 = 52 - 4;

/// What is known of the tail at one span, in seconds: ∫P(S > u)du from there on, ∫P(S > u)²du, and P(S > x).
#[derive(Debug, Clone, Copy)]
struct Knot {
    at: f64,
    excess: f64,
    squares: f64,
    survival: f64,
}

/// A distribution, prepared.
#[derive(Debug, Clone)]
pub(super) struct Law {
    /// What it was made from.
    pub(super) dist: Dist,
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// Ascending, the first at zero, the last where nothing is left.
    knots: Vec<Knot>,
    steps: Vec<Span>,
    /// Of 8 requests in flight when a target ends 7 were sent so long before or later, if those are few.
    sparse: Option<Span>,
    reach: Span,
    /// The patience that most requests meet, and the share that is longer.
    usual: (Span, f64),
    quantiles: Vec<f64>,
    lower: Tail,
    upper: Tail,
}

/// Quantiles towards one end of a law, in microseconds, by the share that is beyond them. A float's bits, read as a
/// whole number, count halvings and fractions of them: the table is looked up by those.
#[derive(Debug, Clone)]
struct Tail {
    most: u64,
    quantiles: Vec<f64>,
}

impl Tail {
    fn new(most: f64, quantile: impl Fn(f64) -> Span) -> Tail {
        let rows = 0..=(most.to_bits() - FARTHEST.to_bits()) >> WITHIN;
        let share = |row: u64| f64::from_bits(most.to_bits() - (row << WITHIN));
        Tail { most: most.to_bits(), quantiles: rows.map(|row| quantile(share(row)).as_micros() as f64).collect() }
    }

    /// The quantile beyond which this share is, which is no more than the tail's, if the table goes so far.
    fn quantile(&self, share: f64) -> Option<Span> {
        let place = self.most - share.to_bits();
        let row = (place >> WITHIN) as usize;
        let (near, far) = (self.quantiles.get(row)?, self.quantiles.get(row + 1)?);
        let between = (place & ((1 << WITHIN) - 1)) as f64 / (1_u64 << WITHIN) as f64;
        Some(Span::from_micros((near + (far - near) * between + 0.5) as i64 as u64))
    }
}

impl Law {
    /// Prepares a distribution for so many requests a second, most of which meet this patience.
    ///
    /// The tail P(S > x) decides how many of the requests sent x before a target's end are still in
    /// flight then: λ∫P(S > x)dx of them.
    pub(super) fn new(dist: &Dist, rate: f64, patience: Span) -> Law {
        let mean = dist.mean();
        let (variance, quantile) = (dist.variance(), |row| dist.quantile(row as f64 / TABLE as f64));
        let quantiles = (0..TABLE).map(|row| quantile(row).as_micros() as f64).collect();
        let mut law = Law {
            dist: dist.clone(),
            mean,
            variance,
            knots: Vec::new(),
            steps: Vec::new(),
            sparse: None,
            reach: Span::ZERO,
            usual: (patience, dist.survival(patience)),
            quantiles,
            lower: Tail::new(LOWER, |share| dist.quantile(share)),
            upper: Tail::new(UPPER, |share| dist.quantile(1.0 - share)),
        };
        let (mut at, mut excess, mut share) = (Span::ZERO, mean, 1.0);
        loop {
            let is_last = excess * rate <= FEW;
            let survival = if is_last { 0.0 } else { dist.survival(at) };
            let row = law.knots.len();
            law.knots.push(Knot {
                at: at.as_secs_f64(),
                excess: if is_last { 0.0 } else { excess },
                squares: 0.0,
                survival,
            });
            if row < EVEN_STEPS && row.is_multiple_of(EVEN_STEPS / CUTS) || row + 1 == EVEN_STEPS || is_last {
                law.steps.push(at);
            }
            if is_last {
                law.reach = at;
                break;
            }
            share = if row + 1 < EVEN_STEPS { 1.0 - (row + 1) as f64 / EVEN_STEPS as f64 } else { share / 2.0 };
            at = law.excess_falls_to(share * mean, at);
            excess = dist.mean_excess(at);
        }
        for row in (1..law.knots.len()).rev() {
            let (one, other) = (law.knots[row - 1], law.knots[row]);
            let (a, b) = (one.survival, other.survival);
            law.knots[row - 1].squares = other.squares + (other.at - one.at) * (a * a + a * b + b * b) / 3.0;
        }
        let most = Span::from_secs_f64(law.knots[(law.knots.len() - 1).min(EVEN_STEPS - EVEN_STEPS / 8)].at);
        if most.as_secs_f64() * rate < SPARSE {
            (law.sparse, law.steps) = (Some(most), vec![Span::ZERO, most, law.reach]);
        }
        law
    }

    /// The first microsecond after `from` at which no more than this excess is left.
    fn excess_falls_to(&self, excess: f64, from: Span) -> Span {
        let (mut low, mut high) = (from.as_micros(), from.as_micros() + 1_000);
        while self.dist.mean_excess(Span::from_micros(high)) > excess && high < 1 << 51 {
            high *= 2;
        }
        while low < high {
            let middle = (low + high) / 2;
            if self.dist.mean_excess(Span::from_micros(middle)) > excess { low = middle + 1 } else { high = middle }
        }
        Span::from_micros(low)
    }

    /// Spans between which the tail changes by a step, in ascending order, and the one that nothing exceeds.
    pub(super) fn steps(&self) -> &[Span] {
        &self.steps
    }

    /// For so long before its end what is sent to a target is better sent one by one, if it is.
    pub(super) const fn sparse(&self) -> Option<Span> {
        self.sparse
    }

    /// Nothing takes longer, to speak of.
    pub(super) const fn reach(&self) -> Span {
        self.reach
    }

    /// What is beyond each x from `low` to `high`.
    pub(super) fn beyond(&self, low: Span, high: Span) -> Beyond<'_> {
        let (from, to) = (low.as_secs_f64(), high.as_secs_f64());
        let row = self.knots.partition_point(|knot| knot.at <= from);
        let integrals = |row: usize, x| match self.knots.get(row) {
            Some(next) => integrals(&self.knots[row - 1], next, x),
            None => (0.0, 0.0),
        };
        let until = row + self.knots[row..].partition_point(|knot| knot.at <= to);
        let ((most, most_squares), (least, least_squares)) = (integrals(row, from), integrals(until, to));
        Beyond { law: self, row, from, to, most, least, squares: most_squares - least_squares }
    }

    /// P(S > x), exactly, if it matters at all.
    pub(super) fn exact_tail(&self, x: Span) -> f64 {
        match x {
            x if x >= self.reach => 0.0,
            x if x == self.usual.0 => self.usual.1,
            x => self.dist.survival(x),
        }
    }

    /// One draw, in microseconds.
    pub(super) fn draw(&self, stream: &mut Stream) -> Span {
        self.dist.sample(stream)
    }

    /// The quantile of `p` in [0, 1): on a line between two rows of a table.
    #[inline]
    pub(super) fn quantile(&self, p: f64) -> Span {
        let beyond = 1.0 - p;
        if p <= LOWER || beyond <= UPPER {
            let found = if p <= LOWER { self.lower.quantile(p) } else { self.upper.quantile(beyond) };
            return found.unwrap_or_else(|| self.dist.quantile(p));
        }
        let place = p * TABLE as f64;
        // By way of a signed number, which the processor converts in one instruction.
        let row = place as i32 as usize;
        let (low, high) = (self.quantiles[row], self.quantiles[row + 1]);
        Span::from_micros((low + (high - low) * (place - row as f64) + 0.5) as i64 as u64)
    }
}

/// A law's tail over the x from one span to another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beyond<'l> {
    law: &'l Law,
    /// The first knot after `from`.
    row: usize,
    from: f64,
    to: f64,
    /// ∫P(S > x)dx from `from` on, and from `to` on.
    most: f64,
    least: f64,
    /// ∫P(S > x)²dx between them.
    squares: f64,
}

impl Beyond<'_> {
    /// How many of so many requests, sent evenly over the x, take longer than x; of them every `places`-th goes to
    /// the target, or, without places, each by chance.
    ///
    /// Chances that differ take from the variance of a binomial count, and are as good as fewer and likelier
    /// trials, which have the same mean and the same variance. When exactly every k-th request comes is by chance,
    /// too: that leaves 1/k of the difference.
    pub(super) fn count(&self, count: u64, places: Option<u64>, stream: &mut Stream) -> u64 {
        let mean = self.mean();
        let spread = self.squares / (self.to - self.from) - mean * mean;
        let taken = spread * places.map_or(0.0, |places| 1.0 - 1.0 / places as f64);
        let likelier = mean + taken / mean;
        // Half a trial is one as often as not: an error of its own.
        if taken * count as f64 <= likelier * likelier / 4.0 || likelier >= 1.0 {
            return binomial(count, mean, stream);
        }
        let trials = count as f64 * mean / likelier;
        let whole = trials as u64;
        binomial(whole + u64::from(stream.chance(trials - whole as f64)), likelier, stream)
    }

    /// The mean of P(S > x).
    pub(super) fn mean(&self) -> f64 {
        let knots = &self.law.knots;
        if self.to <= self.from || self.row == knots.len() {
            return self.law.exact_tail(Span::from_secs_f64(self.from));
        }
        ((self.most - self.least) / (self.to - self.from)).clamp(0.0, knots[self.row - 1].survival)
    }

    /// Where x lies, as a share of the way, if it is drawn by its P(S > x) and so much of that is before it.
    pub(super) fn place(&self, share: f64) -> f64 {
        let wanted = self.most + (self.least - self.most) * share;
        let rest = &self.law.knots[self.row..];
        let row = self.row + rest.iter().position(|knot| knot.excess < wanted).unwrap_or(rest.len());
        let Some(next) = self.law.knots.get(row) else { return share };
        let last = &self.law.knots[row - 1];
        let width = next.at - last.at;
        // Between two knots the tail is a line, to speak of; what has fallen by x is the area under it.
        let (fall, bend) = ((last.excess - wanted) / width, (next.survival - last.survival) / 2.0);
        let root = (last.survival * last.survival + 4.0 * bend * fall).max(0.0).sqrt();
        let x = last.at + width * 2.0 * fall / (last.survival + root);
        ((x - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }
}

/// Excess and squares between two knots: the cubics that have the values and, as the tail and its square are
/// their slopes, the slopes of both (Hermite).
fn integrals(low: &Knot, high: &Knot, x: f64) -> (f64, f64) {
    let width = high.at - low.at;
    let t = (x - low.at) / width;
    let rest = 1.0 - t;
    let between = |(low, fall): (f64, f64), (high, flat): (f64, f64)| {
        rest * rest * ((1.0 + 2.0 * t) * low - t * width * fall)
            + t * t * ((3.0 - 2.0 * t) * high + rest * width * flat)
    };
    let square = |knot: &Knot| knot.survival * knot.survival;
    (
        between((low.excess, low.survival), (high.excess, high.survival)),
        between((low.squares, square(low)), (high.squares, square(high))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_formulas() {
        for dist in [
            Dist::p50_p99_millis(14, 122),
            Dist::Exponential(Span::from_secs(2)),
            Dist::Constant(Span::from_millis(20)),
            Dist::Uniform(Span::from_millis(1), Span::from_millis(9)),
        ] {
            let law = Law::new(&dist, 1e4, Span::from_secs(60));
            assert!((law.beyond(Span::ZERO, law.reach()).mean() * law.reach().as_secs_f64() / law.mean - 1.0).abs() < 1e-6);
            assert_eq!(law.beyond(law.reach(), law.reach() + Span::from_secs(1)).mean(), 0.0);
            let steps: Vec<Span> = law.knots.iter().map(|knot| Span::from_secs_f64(knot.at)).collect();
            for pair in steps.windows(2).filter(|pair| pair[1] > pair[0] + Span::from_micros(6)) {
                let width = (pair[1].as_micros() - pair[0].as_micros()) / 3;
                let (low, high) = (pair[0] + Span::from_micros(width), pair[0] + Span::from_micros(2 * width));
                let exact = (dist.mean_excess(low) - dist.mean_excess(high)) / Span::from_micros(width).as_secs_f64();
                let got = law.beyond(low, high).mean();
                assert!((got - exact).abs() < 0.001 * exact + 1e-9, "{dist} from {low} to {high}: {got}, not {exact}");
            }
        }
    }

    #[test]
    fn the_table_agrees_with_the_formula() {
        let dist = Dist::p50_p99_millis(14, 122);
        let law = Law::new(&dist, 1e4, Span::from_secs(60));
        for p in [0.0, 1e-12, 1e-6, 0.0005, 0.01, 0.3, 0.5, 0.9, 0.9688, 0.99, 0.9995, 1.0 - 1e-7, 1.0 - 1e-12] {
            let (table, formula) = (law.quantile(p).as_secs_f64(), dist.quantile(p).as_secs_f64());
            assert!((table - formula).abs() <= 1e-3 * formula, "{p}: {table} is not {formula}");
        }
    }
}
