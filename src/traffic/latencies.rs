//! Requests counted by latency.
//!
//! The buckets are those of an HDR histogram of three digits: a number of eleven bits at most is its own
//! bucket, a longer one loses its last bits. With the digits known to the compiler a count is a shift and an
//! addition; who asks for quantiles gets the histogram.

use hdrhistogram::Histogram;

use crate::time::Span;

/// 2 × 10³ numbers have to be told apart: eleven bits.
const BITS: u32 = 11;
const HALF: usize = 1 << (BITS - 1);

/// Longer latencies are counted as this one.
const LONGEST: Span = Span::from_secs(24 * 3_600);
const BUCKETS: usize = bucket(LONGEST.as_micros()) + 1;

/// How many requests took how long, in microseconds to three digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latencies {
    counts: Box<[u64; BUCKETS]>,
}

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies::new()
    }
}

impl Latencies {
    /// Of no request.
    pub fn new() -> Latencies {
        let counts = vec![0; BUCKETS].into_boxed_slice();
        Latencies {
            counts: counts.try_into().expect("as many as were asked for"),
        }
    }

    /// Counts so many requests.
    #[inline]
    pub fn count(&mut self, latency: Span, requests: u64) {
        self.counts[bucket(latency.as_micros()).min(BUCKETS - 1)] += requests;
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// Requests counted.
    pub fn requests(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Adds what somebody else counted.
    pub fn merge(&mut self, other: &Latencies) {
        self.counts
            .iter_mut()
            .zip(other.counts.iter())
            .for_each(|(mine, theirs)| *mine += theirs);
    }

    /// The same as a histogram of microseconds.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = Histogram::new_with_max(LONGEST.as_micros(), 3)
            .expect("the longest latency has three digits");
        for (bucket, count) in self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
        {
            histogram.saturating_record_n(first_of(bucket), *count);
        }
        histogram
    }
}

/// Its first eleven bits, and after how many others they stand: the exponent of the same number as a float, and
/// the ten bits that follow it there.
#[inline]
const fn bucket(micros: u64) -> usize {
    if micros < HALF as u64 {
        return micros as usize;
    }
    // By way of a signed number, which the processor converts in one instruction.
    (((micros as i64 as f64).to_bits() - FIRST_HALF) >> (f64::MANTISSA_DIGITS - BITS)) as usize
}

/// A float whose bucket is zero: the first with ten bits after the first one is 1,024, whose bucket is the 1,024th.
const FIRST_HALF: u64 = (HALF as f64 / 2.0).to_bits();

/// The least number in a bucket.
fn first_of(bucket: usize) -> u64 {
    let lost = (bucket / HALF).saturating_sub(1);
    ((bucket - lost * HALF) as u64) << lost
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever is counted here has the quantiles that a histogram finds.
    #[test]
    fn they_are_counted_as_a_histogram_counts_them() {
        let powers = (0..=36).flat_map(|power| {
            [
                (1_u64 << power) - 1,
                1 << power,
                (1 << power) + (1 << power) / 3,
            ]
        });
        let day = LONGEST.as_micros();
        let all: Vec<u64> = powers
            .chain([2_049, 9_999, day - 1, day, 3 * day, 1 << 60])
            .collect();
        for chosen in [&all[..], &all[3..40], &[], &all[20..21]] {
            let mut direct = Histogram::new_with_max(day, 3).unwrap();
            let [mut counted, mut others] = [(); 2].map(|()| Latencies::new());
            for (n, &micros) in (1..).zip(chosen) {
                direct.saturating_record_n(micros.min(day), n);
                let half = if n % 2 == 0 {
                    &mut counted
                } else {
                    &mut others
                };
                half.count(Span::from_micros(micros), n);
            }
            counted.merge(&others);
            assert_eq!(counted.requests(), direct.len());
            let counts = |histogram: &Histogram<u64>| -> Vec<(u64, u64)> {
                histogram
                    .iter_recorded()
                    .map(|step| (step.value_iterated_to(), step.count_at_value()))
                    .collect()
            };
            assert_eq!(counts(&counted.histogram()), counts(&direct), "{chosen:?}");
            counted.clear();
            assert_eq!(counted, Latencies::new());
        }
    }
}
