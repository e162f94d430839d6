//! When requests are sent: an open loop, which does not care what became of the last one.

use crate::dist::unit_exponential;
use crate::random::Stream;
use crate::time::{Span, Time};

/// One request every 1/rate, the first at once, as vegeta paces them.
///
/// Request n is sent at ⌊n/rate⌋ µs exactly: the remainder of the division is carried, as
/// Bresenham's line does, so the schedule does not drift.
#[derive(Debug, Clone)]
pub(super) struct Evenly {
    next: u64,
    end: u64,
    /// Whole microseconds from one request to the next, and the rest in 1/`rate` µs.
    step: u64,
    rest: u64,
    carry: u64,
    /// Requests in a million seconds.
    rate: u64,
}

/// Independent users: exponential gaps.
#[derive(Debug, Clone)]
pub(super) struct Poisson {
    stream: Stream,
    /// In microseconds, unrounded: at a million requests a second a rounded gap would be 4 % short.
    clock: f64,
    mean_gap: f64,
    end: f64,
}

/// Microseconds in a million seconds.
const MILLION_SECONDS: u64 = 1_000_000_000_000;

impl Evenly {
    /// So many requests a second, to a millionth, from the start of the load until its end.
    pub(super) fn new(rate: f64, duration: Span) -> Evenly {
        let rate = (rate * 1e6).round() as u64;
        let end = if rate > 0 { duration.as_micros() } else { 0 };
        let per = rate.max(1);
        Evenly { next: 0, end, step: MILLION_SECONDS / per, rest: MILLION_SECONDS % per, carry: 0, rate: per }
    }
}

impl Iterator for Evenly {
    type Item = Time;

    #[inline]
    fn next(&mut self) -> Option<Time> {
        if self.next >= self.end {
            return None;
        }
        let at = Time::from_micros(self.next);
        self.next += self.step;
        self.carry += self.rest;
        if self.carry >= self.rate {
            self.carry -= self.rate;
            self.next += 1;
        }
        Some(at)
    }
}

impl Poisson {
    /// So many requests a second on average, until the load ends.
    pub(super) fn new(rate: f64, duration: Span, stream: Stream) -> Poisson {
        Poisson { stream, clock: 0.0, mean_gap: 1e6 / rate, end: duration.as_micros() as f64 }
    }
}

impl Iterator for Poisson {
    type Item = Time;

    #[inline]
    fn next(&mut self) -> Option<Time> {
        self.clock += self.mean_gap * unit_exponential(&mut self.stream);
        // Written so that the infinite clock of a load without requests ends it, too.
        (self.clock < self.end).then(|| Time::from_micros(self.clock as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};

    #[track_caller]
    fn check(rate: f64, duration: Span, count: usize, first: &[u64], last: u64) {
        let sent: Vec<u64> = Evenly::new(rate, duration).map(Time::as_micros).collect();
        assert_eq!(sent.len(), count);
        assert_eq!(&sent[..first.len()], first);
        assert_eq!(sent.last().copied().unwrap_or_default(), last);
    }

    #[test]
    fn even_pacing_is_exact_and_does_not_drift() {
        check(100.0, Span::from_secs(120), 12_000, &[0, 10_000, 20_000], 119_990_000);
        check(3.0, Span::from_secs(1_000), 3_000, &[0, 333_333, 666_666, 1_000_000], 999_666_666);
        check(2_500_000.0, Span::from_secs(1), 2_500_000, &[0, 0, 0, 1, 1, 2], 999_999);
        check(0.5, Span::from_secs(5), 3, &[0, 2_000_000, 4_000_000], 4_000_000);
        check(0.0, Span::from_secs(120), 0, &[], 0);
    }

    #[test]
    fn poisson_counts_have_their_mean_and_variance() {
        for (rate, secs) in [(100.0, 10), (1e6, 1), (0.0, 10)] {
            let runs = if rate > 1e5 { 20 } else { 2_000 };
            let expected = rate * secs as f64;
            let counts: Vec<f64> = (0..runs)
                .map(|run| {
                    let stream = Streams::new(1, run).at(Purpose::Arrival, 0);
                    Poisson::new(rate, Span::from_secs(secs), stream).count() as f64
                })
                .collect();
            let mean = counts.iter().sum::<f64>() / runs as f64;
            let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / (runs - 1) as f64;
            assert!((mean - expected).abs() <= 4.5 * (expected / runs as f64).sqrt(), "{rate}: mean {mean}");
            let spread = 4.5 * expected * (2.0 / (runs - 1) as f64).sqrt();
            assert!((variance - expected).abs() <= spread, "{rate}: variance {variance}");
        }
    }
}
