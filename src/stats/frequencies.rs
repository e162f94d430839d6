//! How often each value occurred: what means, intervals and quantiles need, in memory that grows with the number of
//! different values and not with how many there are.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{IfAny, Moments, quantile};

/// Measurements of more different values than this are kept to [`ROUNDED`] digits.
pub const MOST_DISTINCT: usize = 10_000;

/// So many bits of a measurement's significand are kept then: three digits, as latencies have.
pub const ROUNDED: u32 = 10;

/// Values and how often each occurred, in ascending order: a frequency table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frequencies {
    n: u64,
    times: BTreeMap<Value, u64>,
}

/// Frequencies of measurements, of which perhaps no two agree.
///
/// Exact as long as there are no more than [`MOST_DISTINCT`] different values. Beyond, quantiles have three digits;
/// the mean, its interval and the extremes stay what they are. That depends on the values alone, so it does not
/// matter who counted which of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measurements {
    frequencies: Frequencies,
    is_rounded: bool,
    /// Σx and Σx², x in billionths.
    sum: i128,
    squares: i128,
    max: Option<Value>,
}

/// A number, ordered as [`f64::total_cmp`] has it.
#[derive(Debug, Clone, Copy)]
struct Value(f64);

impl Frequencies {
    /// Takes one value in.
    pub fn push(&mut self, value: f64) {
        self.add(Value(value), 1);
    }

    fn add(&mut self, value: Value, times: u64) {
        self.n += times;
        *self.times.entry(value).or_default() += times;
    }

    /// Adds what somebody else counted.
    pub fn merge(&mut self, other: &Frequencies) {
        other
            .times
            .iter()
            .for_each(|(value, times)| self.add(*value, *times));
    }

    /// How many values.
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// How many values are not zero.
    pub fn nonzero(&self) -> u64 {
        self.n - self.times.get(&Value(0.0)).copied().unwrap_or(0)
    }

    /// How many values are at most `most`.
    pub fn up_to(&self, most: f64) -> u64 {
        let within = self.iter().take_while(|(value, _)| *value <= most);
        within.map(|(_, times)| times).sum()
    }

    /// Each value with how often it occurred, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (f64, u64)> + Clone {
        self.times.iter().map(|(value, times)| (value.0, *times))
    }

    /// The value that occurred most often, the greatest of several; `None` of none.
    pub fn usual(&self) -> Option<(f64, u64)> {
        self.iter().max_by_key(|(_, times)| *times)
    }

    /// The greatest value; `None` of none.
    pub fn max(&self) -> Option<f64> {
        self.times.last_key_value().map(|(value, _)| value.0)
    }

    /// Mean and variance: few values are taken in one by one, as anybody else would, many of a kind at once.
    pub fn moments(&self) -> Moments {
        const FEW: u64 = 100_000;
        if self.n <= FEW {
            let repeated = |(value, times)| std::iter::repeat_n(value, times as usize);
            return self.iter().flat_map(repeated).collect();
        }
        let mut moments = Moments::default();
        self.iter()
            .for_each(|(value, times)| moments.push_many(value, times));
        moments
    }

    /// Quantiles, as [`quantile`] has them; `None` of none.
    pub fn quantiles<const N: usize>(&self, ps: [f64; N]) -> Option<[f64; N]> {
        let last = self.n.checked_sub(1)? as f64;
        Some(ps.map(|p| {
            let position = last * p.clamp(0.0, 1.0);
            let pair = [position.floor(), position.ceil()].map(|rank| self.ranked(rank as u64));
            quantile(&pair, position.fract()).unwrap_or_default()
        }))
    }

    /// The value that so many others stand before.
    fn ranked(&self, rank: u64) -> f64 {
        let mut before = 0;
        let found = self.iter().find(|(_, times)| {
            before += times;
            before > rank
        });
        found.map_or_else(|| self.max().unwrap_or_default(), |(value, _)| value)
    }

    /// The counts that are not zero, in words; `None` if all are.
    pub fn if_any(&self) -> Option<IfAny> {
        let any = Frequencies {
            n: self.nonzero(),
            times: self
                .times
                .range(Value(f64::MIN_POSITIVE)..)
                .map(|(value, times)| (*value, *times))
                .collect(),
        };
        let [min, median] = any.quantiles([0.0, 0.5])?;
        Some(IfAny {
            runs: any.n,
            median,
            min,
            max: any.max()?,
        })
    }
}

impl FromIterator<f64> for Frequencies {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Frequencies {
        let mut frequencies = Frequencies::default();
        values.into_iter().for_each(|value| frequencies.push(value));
        frequencies
    }
}

impl Measurements {
    /// Takes one measurement in.
    pub fn push(&mut self, x: f64) {
        const BILLIONTHS: f64 = 1e9;
        let value = Value(x);
        let whole = (x * BILLIONTHS).round() as i128;
        self.sum = self.sum.saturating_add(whole);
        self.squares = self.squares.saturating_add(whole.saturating_mul(whole));
        self.max = self.max.max(Some(value));
        if self.is_rounded {
            self.frequencies.add(value.rounded(), 1);
        } else {
            self.frequencies.add(value, 1);
            self.round();
        }
    }

    /// Adds what somebody else took in.
    pub fn merge(&mut self, other: &Measurements) {
        self.is_rounded |= other.is_rounded;
        self.sum = self.sum.saturating_add(other.sum);
        self.squares = self.squares.saturating_add(other.squares);
        self.max = self.max.max(other.max);
        self.frequencies.merge(&other.frequencies);
        self.round();
    }

    /// Rounds what is kept if it is too much, or if some of it is rounded already.
    fn round(&mut self) {
        self.is_rounded |= self.frequencies.times.len() > MOST_DISTINCT;
        if self.is_rounded {
            let exact = std::mem::take(&mut self.frequencies);
            for (value, times) in exact.times {
                self.frequencies.add(value.rounded(), times);
            }
        }
    }

    /// The values, perhaps rounded.
    pub const fn frequencies(&self) -> &Frequencies {
        &self.frequencies
    }

    /// The greatest; `None` of none.
    pub fn max(&self) -> Option<f64> {
        self.max.map(|value| value.0)
    }

    /// Mean and variance, exact also where the values are rounded.
    pub fn moments(&self) -> Moments {
        if self.is_rounded {
            Moments::of_signed_sums(self.frequencies.n, self.sum, self.squares, 1e-9)
        } else {
            self.frequencies.moments()
        }
    }
}

impl Value {
    /// To the nearest number with so few bits.
    fn rounded(self) -> Value {
        const DROPPED: u32 = f64::MANTISSA_DIGITS - 1 - ROUNDED;
        let half = 1_u64 << (DROPPED - 1);
        let bits = self.0.to_bits().saturating_add(half) >> DROPPED << DROPPED;
        Value(f64::from_bits(bits))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measurements between 30 and 130, no two of which agree.
    fn spans(range: std::ops::Range<u64>) -> impl Iterator<Item = f64> {
        range.map(|i| 30.0 + (i * 7_919 % 100_003) as f64 / 1e3)
    }

    fn measured(values: impl Iterator<Item = f64>) -> Measurements {
        let mut measurements = Measurements::default();
        values.for_each(|value| measurements.push(value));
        measurements
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        let mut values: Vec<f64> = spans(0..997).map(|x| (x / 10.0).floor()).collect();
        let frequencies: Frequencies = values.iter().copied().collect();
        values.sort_by(f64::total_cmp);
        for p in [0.0, 0.05, 0.5, 0.95, 0.999, 1.0] {
            let [got] = frequencies.quantiles([p]).unwrap();
            assert_eq!(Some(got), quantile(&values, p), "{p}");
        }
        let (got, expected) = (
            frequencies.moments(),
            values.iter().copied().collect::<Moments>(),
        );
        assert!((got.mean() - expected.mean()).abs() < 1e-12);
        assert!((got.variance() - expected.variance()).abs() < 1e-9);
        assert_eq!(Frequencies::default().quantiles([0.5]), None);
    }

    #[test]
    fn counts_are_told_if_any() {
        let counts: Frequencies = [0, 9, 0, 4, 0].map(f64::from).into_iter().collect();
        let any = counts.if_any().unwrap();
        assert_eq!((any.runs, any.median, any.min, any.max), (2, 6.5, 4.0, 9.0));
        assert_eq!((counts.n(), counts.nonzero()), (5, 2));
        let none: Frequencies = [0.0; 3].into_iter().collect();
        assert_eq!(none.if_any(), None);
    }

    /// However many there are: few values are kept, to three digits, and mean and extremes are what they were.
    #[test]
    fn many_measurements_take_no_more_room() {
        let few = measured(spans(0..10_000));
        assert!(!few.is_rounded);
        let many = measured(spans(0..100_000));
        assert!(many.is_rounded);
        assert!(many.frequencies.times.len() < 2_200);
        let exact: Frequencies = spans(0..100_000).collect();
        for p in [0.05, 0.5, 0.95] {
            let ([got], [expected]) = (
                many.frequencies.quantiles([p]).unwrap(),
                exact.quantiles([p]).unwrap(),
            );
            assert!((got / expected - 1.0).abs() < 1e-3, "{got} {expected}");
        }
        assert_eq!(many.max(), exact.max());
        let (got, expected) = (many.moments(), exact.moments());
        assert!((got.mean() / expected.mean() - 1.0).abs() < 1e-12);
        assert!((got.variance() / expected.variance() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn it_does_not_matter_who_measured_what() {
        for n in [100, 9_999, 10_001, 15_000, 40_000] {
            let whole = measured(spans(0..n));
            for cut in [1, n / 3, n - 50] {
                let mut merged = measured(spans(cut..n));
                merged.merge(&measured(spans(0..cut)));
                assert_eq!(merged, whole, "{n} cut at {cut}");
            }
        }
        let negative = measured([-3.0, 2.0, -3.0].into_iter());
        assert_eq!(negative.frequencies.quantiles([0.0, 0.5]), Some([-3.0; 2]));
        assert_eq!(negative.max(), Some(2.0));
    }
}
