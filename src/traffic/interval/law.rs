//! How long things take, prepared for counting: tails as steps, quantiles as a table.

use crate::dist::Dist;
use crate::random::Stream;
use crate::time::Span;
use crate::traffic::interval::beyond::{Beyond, Integrals, Knot};
use crate::traffic::interval::counts::SECOND;

/// Equal shares of the requests in flight between two knots; after them each has so much of the last one's, until
/// so few requests are left in flight.
const EVEN_STEPS: usize = 64;
const LATE_SHARE: f64 = 0.7;
const FEW: f64 = 1e-9;
/// Time is cut at so many even knots.
const CUTS: usize = 4;
/// If 7 of 8 requests in flight are among fewer than this for each cell that they would be counted in, those are
/// quicker sent one by one.
const SPARSE: f64 = 25.0;
/// Quantiles in the table, evenly spaced.
const TABLE: usize = 1_024;
/// Below the first and above the 31st of 32 no line is straight enough: where the least and the greatest of many
/// draws lie, each halving of what is left has 16 quantiles of its own, down to 2⁻³⁰.
const LOWER: f64 = 1.0 / 1_024.0;
const UPPER: f64 = 1.0 / 32.0;
const FARTHEST: f64 = 1.0 / 1_073_741_824.0;
/// Bits of a float below those that number its sixteenth.
const WITHIN: u32 = 52 - 4;

/// A distribution, prepared.
#[derive(Debug, Clone)]
pub(super) struct Law {
    /// What it was made from.
    pub(super) dist: Dist,
    pub(super) mean: f64,
    pub(super) variance: f64,
    /// Ascending, the first at zero, the last where nothing is left.
    pub(super) knots: Vec<Knot>,
    steps: Vec<Span>,
    /// Of 8 requests in flight when a target ends 7 were sent so long before or later, if those are few.
    sparse: Option<Span>,
    reach: Span,
    /// The patience that most requests meet, the share that is longer, and the mean of those that are not.
    usual: (Span, f64, f64),
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
        Tail {
            most: most.to_bits(),
            quantiles: rows
                .map(|row| quantile(share(row)).as_micros() as f64)
                .collect(),
        }
    }

    /// The quantile beyond which this share is, which is no more than the tail's, if the table goes so far.
    fn quantile(&self, share: f64) -> Option<Span> {
        let place = self.most - share.to_bits();
        let row = (place >> WITHIN) as usize;
        let (near, far) = (self.quantiles.get(row)?, self.quantiles.get(row + 1)?);
        let between = (place & ((1 << WITHIN) - 1)) as f64 / (1_u64 << WITHIN) as f64;
        Some(Span::from_micros(
            (near + (far - near) * between + 0.5) as i64 as u64,
        ))
    }
}

impl Law {
    /// Prepares a distribution for so many requests a second, most of which meet this patience.
    ///
    /// The tail P(S > x) decides how many of the requests sent x before a target's end are still in
    /// flight then: λ∫P(S > x)dx of them.
    pub(super) fn new(dist: &Dist, rate: f64, patience: Span) -> Law {
        let mean = dist.mean();
        let (variance, quantile) = (dist.variance(), |row| {
            dist.quantile(row as f64 / TABLE as f64)
        });
        let quantiles = (0..TABLE)
            .map(|row| quantile(row).as_micros() as f64)
            .collect();
        let mut law = Law {
            dist: dist.clone(),
            mean,
            variance,
            knots: Vec::new(),
            steps: Vec::new(),
            sparse: None,
            reach: Span::ZERO,
            usual: (
                patience,
                dist.survival(patience),
                mean_within(dist, patience),
            ),
            quantiles,
            lower: Tail::new(LOWER, |share| dist.quantile(share)),
            upper: Tail::new(UPPER, |share| dist.quantile(1.0 - share)),
        };
        let (mut at, mut excess, mut share) = (Span::ZERO, mean, 1.0);
        loop {
            let is_last = excess * rate <= FEW;
            let survival = if is_last { 0.0 } else { dist.survival(at) };
            let row = law.knots.len();
            let integrals = Integrals {
                excess: if is_last { 0.0 } else { excess },
                ..Integrals::default()
            };
            law.knots.push(Knot {
                at: at.as_secs_f64(),
                survival,
                integrals,
            });
            if row < EVEN_STEPS && row.is_multiple_of(EVEN_STEPS / CUTS)
                || row + 1 == EVEN_STEPS
                || is_last
            {
                law.steps.push(at);
            }
            if is_last {
                law.reach = at;
                break;
            }
            share = if row + 1 < EVEN_STEPS {
                1.0 - (row + 1) as f64 / EVEN_STEPS as f64
            } else {
                share * LATE_SHARE
            };
            at = law.excess_falls_to(share * mean, at);
            excess = dist.mean_excess(at);
        }
        for row in (1..law.knots.len()).rev() {
            let next = law.knots[row];
            law.knots[row - 1].integrate(&next);
        }
        let most = Span::from_secs_f64(
            law.knots[(law.knots.len() - 1).min(EVEN_STEPS - EVEN_STEPS / 8)].at,
        );
        // Where service takes seconds, each second is a cell.
        if most.as_secs_f64() * rate < SPARSE * (CUTS as f64 + most.as_secs_f64()) {
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
            if self.dist.mean_excess(Span::from_micros(middle)) > excess {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Span::from_micros(low)
    }

    /// Whether the whole tail lasts less than a second.
    pub(super) const fn is_brief(&self) -> bool {
        self.reach.as_micros() < SECOND
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
        // Neither search waits for the other.
        let [row, until] = [from, to].map(|x| self.knots.partition_point(|knot| knot.at <= x));
        let look = |row: usize, x| match self.knots.get(row) {
            Some(next) => self.knots[row - 1].look(next, x),
            None => (0.0, Integrals::default()),
        };
        let ((first, most), (last, least)) = (look(row, from), look(until, to));
        Beyond {
            law: self,
            row,
            from,
            to,
            first,
            last,
            most,
            least,
        }
    }

    /// P(S > x), exactly, if it matters at all.
    pub(super) fn exact_tail(&self, x: Span) -> f64 {
        match x {
            x if x >= self.reach => 0.0,
            x if x == self.usual.0 => self.usual.1,
            x => self.dist.survival(x),
        }
    }

    /// The mean of those that are no longer, in seconds.
    pub(super) fn mean_within(&self, patience: Span) -> f64 {
        if patience == self.usual.0 {
            self.usual.2
        } else {
            mean_within(&self.dist, patience)
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
            let found = if p <= LOWER {
                self.lower.quantile(p)
            } else {
                self.upper.quantile(beyond)
            };
            return found.unwrap_or_else(|| self.dist.quantile(p));
        }
        let place = p * TABLE as f64;
        // By way of a signed number, which the processor converts in one instruction.
        let row = place as i32 as usize;
        let (low, high) = (self.quantiles[row], self.quantiles[row + 1]);
        Span::from_micros((low + (high - low) * (place - row as f64) + 0.5) as i64 as u64)
    }
}

/// E(S | S ≤ x), in seconds, where E(S; S > x) = x·P(S > x) + E(S − x)⁺.
fn mean_within(dist: &Dist, x: Span) -> f64 {
    let longer = dist.survival(x);
    if longer >= 1.0 {
        return 0.0;
    }
    (dist.mean() - x.as_secs_f64() * longer - dist.mean_excess(x)) / (1.0 - longer)
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
            assert!(
                (law.beyond(Span::ZERO, law.reach()).mean() * law.reach().as_secs_f64() / law.mean
                    - 1.0)
                    .abs()
                    < 1e-6
            );
            assert_eq!(
                law.beyond(law.reach(), law.reach() + Span::from_secs(1))
                    .mean(),
                0.0
            );
            let steps: Vec<Span> = law
                .knots
                .iter()
                .map(|knot| Span::from_secs_f64(knot.at))
                .collect();
            for pair in steps
                .windows(2)
                .filter(|pair| pair[1] > pair[0] + Span::from_micros(6))
            {
                let width = (pair[1].as_micros() - pair[0].as_micros()) / 3;
                let (low, high) = (
                    pair[0] + Span::from_micros(width),
                    pair[0] + Span::from_micros(2 * width),
                );
                let exact = (dist.mean_excess(low) - dist.mean_excess(high))
                    / Span::from_micros(width).as_secs_f64();
                let got = law.beyond(low, high).mean();
                assert!(
                    (got - exact).abs() < 0.001 * exact + 1e-9,
                    "{dist} from {low} to {high}: {got}, not {exact}"
                );
            }
        }
    }

    #[test]
    fn the_table_agrees_with_the_formula() {
        let dist = Dist::p50_p99_millis(14, 122);
        let law = Law::new(&dist, 1e4, Span::from_secs(60));
        for p in [
            0.0,
            1e-12,
            1e-6,
            0.0005,
            0.01,
            0.3,
            0.5,
            0.9,
            0.9688,
            0.99,
            0.9995,
            1.0 - 1e-7,
            1.0 - 1e-12,
        ] {
            let (table, formula) = (
                law.quantile(p).as_secs_f64(),
                dist.quantile(p).as_secs_f64(),
            );
            assert!(
                (table - formula).abs() <= 1e-3 * formula,
                "{p}: {table} is not {formula}"
            );
        }
    }
}
