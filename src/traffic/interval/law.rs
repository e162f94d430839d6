//! How long things take, prepared for counting: tails as steps, quantiles as a table.

use crate::dist::Dist;
use crate::random::Stream;
use crate::time::Span;

/// Equal shares of the requests in flight between two knots; after them each has half of what is left, until
/// so few requests are left in flight.
const EVEN_STEPS: usize = 64;
const FEW: f64 = 1e-9;
/// Time is cut at every eighth of the even knots. Which requests of a cell outlast their target is drawn as if
/// all had the cell's mean chance: that keeps the mean, and takes (1/8)²/12 of the variance, a thousandth.
const EVEN_CUTS: usize = 8;
/// If fewer requests than this are sent while the even knots last, they are quicker sent one by one than counted.
const SPARSE: f64 = 200.0;
/// Quantiles in the table, evenly spaced.
const TABLE: usize = 1_024;
/// Above so many of the last ones, where the greatest of many draws lies, no line is straight enough.
const EXACT_ROWS: usize = 32;

/// What is known of the tail at one span, in seconds: ∫P(S > u)du from there on, and P(S > x).
#[derive(Debug, Clone, Copy)]
struct Knot {
    at: f64,
    excess: f64,
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
    /// Nearly all requests in flight when a target ends were sent so long before, if those are few.
    sparse: Option<Span>,
    reach: Span,
    /// The patience that most requests meet, and the share that is longer.
    usual: (Span, f64),
    quantiles: Vec<f64>,
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
        };
        let (mut at, mut excess, mut share) = (Span::ZERO, mean, 1.0);
        loop {
            let is_last = excess * rate <= FEW;
            let survival = if is_last { 0.0 } else { dist.survival(at) };
            law.knots.push(Knot { at: at.as_secs_f64(), excess: if is_last { 0.0 } else { excess }, survival });
            let row = law.knots.len() - 1;
            if row < EVEN_STEPS && row.is_multiple_of(EVEN_CUTS) || row + 1 == EVEN_STEPS || is_last {
                law.steps.push(at);
            }
            if row + 1 == EVEN_STEPS && at.as_secs_f64() * rate < SPARSE {
                (law.sparse, law.steps) = (Some(at), vec![Span::ZERO, at]);
            }
            if is_last {
                law.reach = at;
                return law;
            }
            share = if row + 1 < EVEN_STEPS { 1.0 - (row + 1) as f64 / EVEN_STEPS as f64 } else { share / 2.0 };
            at = law.excess_falls_to(share * mean, at);
            excess = dist.mean_excess(at);
        }
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

    /// The mean of P(S > x) for x from `low` to `high`.
    pub(super) fn mean_tail(&self, low: Span, high: Span) -> f64 {
        let (from, to) = (low.as_secs_f64(), high.as_secs_f64());
        let upper = self.knots.partition_point(|knot| knot.at <= from);
        let Some(next) = self.knots.get(upper) else { return 0.0 };
        if to <= from {
            return self.dist.survival(low);
        }
        let most = self.knots[upper - 1].survival;
        let until = if to <= next.at { excess(&self.knots[upper - 1], next, to) } else { self.excess(to) };
        ((excess(&self.knots[upper - 1], next, from) - until) / (to - from)).clamp(0.0, most)
    }

    fn excess(&self, x: f64) -> f64 {
        let upper = self.knots.partition_point(|knot| knot.at <= x);
        self.knots.get(upper).map_or(0.0, |next| excess(&self.knots[upper - 1], next, x))
    }

    /// P(S > x), exactly, if it matters at all.
    pub(super) fn exact_tail(&self, x: Span) -> f64 {
        match x {
            x if x >= self.reach => 0.0,
            x if x == self.usual.0 => self.usual.1,
            x => self.dist.survival(x),
        }
    }

    /// The x from `low` to `high` below which `share` of ∫P(S > x)dx between them lies, the tail being taken for a
    /// line between two knots: where in a cell requests fail, as a share of its span.
    pub(super) fn within_tail(&self, low: Span, high: Span, share: f64) -> f64 {
        let (from, to) = (low.as_secs_f64(), high.as_secs_f64());
        let (most, least) = (self.excess(from), self.excess(to));
        let wanted = most + (least - most) * share;
        let upper = self.knots.partition_point(|knot| knot.excess > wanted);
        let (Some(next), true) = (self.knots.get(upper), upper > 0) else { return share };
        let last = &self.knots[upper - 1];
        let width = next.at - last.at;
        // The excess falls by the integral of the tail: a quadratic.
        let (fall, bend) = ((last.excess - wanted) / width, (next.survival - last.survival) / 2.0);
        let root = (last.survival * last.survival + 4.0 * bend * fall).max(0.0).sqrt();
        let x = last.at + width * 2.0 * fall / (last.survival + root);
        ((x - from) / (to - from)).clamp(0.0, 1.0)
    }

    /// One draw, in microseconds.
    pub(super) fn draw(&self, stream: &mut Stream) -> Span {
        self.dist.sample(stream)
    }

    /// The quantile of `p` in [0, 1): between two rows of the table on a line, beyond it exactly.
    pub(super) fn quantile(&self, p: f64) -> Span {
        let place = p * TABLE as f64;
        let row = place as usize;
        if row + EXACT_ROWS >= TABLE || row == 0 {
            return self.dist.quantile(p);
        }
        let (low, high) = (self.quantiles[row], self.quantiles[row + 1]);
        Span::from_micros((low + (high - low) * (place - row as f64) + 0.5) as u64)
    }
}

/// Between two knots: the cubic that has the values and, as the tail is the slope of the excess, the slopes
/// of both (Hermite).
fn excess(low: &Knot, high: &Knot, x: f64) -> f64 {
    let width = high.at - low.at;
    let t = (x - low.at) / width;
    let rest = 1.0 - t;
    rest * rest * ((1.0 + 2.0 * t) * low.excess - t * width * low.survival)
        + t * t * ((3.0 - 2.0 * t) * high.excess + rest * width * high.survival)
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
            assert!((law.mean_tail(Span::ZERO, law.reach()) * law.reach().as_secs_f64() / law.mean - 1.0).abs() < 1e-6);
            assert_eq!(law.mean_tail(law.reach(), law.reach() + Span::from_secs(1)), 0.0);
            let steps: Vec<Span> = law.knots.iter().map(|knot| Span::from_secs_f64(knot.at)).collect();
            for pair in steps.windows(2).filter(|pair| pair[1] > pair[0] + Span::from_micros(6)) {
                let width = (pair[1].as_micros() - pair[0].as_micros()) / 3;
                let (low, high) = (pair[0] + Span::from_micros(width), pair[0] + Span::from_micros(2 * width));
                let exact = (dist.mean_excess(low) - dist.mean_excess(high)) / Span::from_micros(width).as_secs_f64();
                let got = law.mean_tail(low, high);
                assert!((got - exact).abs() < 0.001 * exact + 1e-9, "{dist} from {low} to {high}: {got}, not {exact}");
            }
        }
    }

    #[test]
    fn the_table_agrees_with_the_formula() {
        let dist = Dist::p50_p99_millis(14, 122);
        let law = Law::new(&dist, 1e4, Span::from_secs(60));
        for p in [0.0005, 0.01, 0.3, 0.5, 0.9, 0.99, 0.9995] {
            let (table, formula) = (law.quantile(p).as_secs_f64(), dist.quantile(p).as_secs_f64());
            assert!((table / formula - 1.0).abs() < 1e-3, "{p}: {table} is not {formula}");
        }
    }
}
