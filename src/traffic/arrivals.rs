//! When requests are sent: an open loop, which does not care what became of the last one.

use crate::dist::unit_exponential;
use crate::random::Stream;
use crate::scenario::load::{LoadSpec, Shape};
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

/// A rate that changes: request n is sent when the rate, integrated, has come to n, or with Poisson
/// pacing to the sum of n unit-exponential gaps (the time change of a non-homogeneous Poisson
/// process: Çinlar 1975; Law, Simulation Modeling and Analysis, 8.6.2).
#[derive(Debug, Clone)]
pub(super) struct Shaped {
    course: Course,
    /// Where gaps come from; none: they are all 1.
    stream: Option<Stream>,
    /// Requests expected until the next one.
    expected: f64,
    /// When the last one was sent, in seconds.
    clock: f64,
    end: f64,
}

/// A rate in requests a second over time in seconds.
#[derive(Debug, Clone, Copy)]
enum Course {
    Linear { from: f64, slope: f64 },
    Wave { mean: f64, swing: f64, turn: f64 },
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

impl Shaped {
    /// The requests of a load; `stream` for Poisson pacing.
    pub(super) fn new(load: &LoadSpec, stream: Option<Stream>) -> Shaped {
        let end = load.duration.as_secs_f64();
        let course = match load.shape {
            Shape::Constant => Course::Linear { from: load.rate, slope: 0.0 },
            Shape::Ramp { to } => Course::Linear { from: load.rate, slope: (to - load.rate) / end },
            Shape::Sine { to, period } => Course::Wave {
                mean: (load.rate + to) / 2.0,
                swing: (to - load.rate) / 2.0,
                turn: std::f64::consts::TAU / period.as_secs_f64(),
            },
        };
        let mut shaped = Shaped { course, stream, expected: 0.0, clock: 0.0, end };
        if shaped.stream.is_some() {
            shaped.wait();
        }
        shaped
    }

    fn wait(&mut self) {
        self.expected += self.stream.as_mut().map_or(1.0, unit_exponential);
    }
}

impl Iterator for Shaped {
    type Item = Time;

    fn next(&mut self) -> Option<Time> {
        self.clock = self.course.when(self.expected, self.clock, self.end)?;
        self.wait();
        Some(Time::from_micros((self.clock * 1e6) as u64))
    }
}

impl Course {
    /// Requests expected by a time.
    fn expected(self, t: f64) -> f64 {
        match self {
            Course::Linear { from, slope } => t * (from + slope * t / 2.0),
            Course::Wave { mean, swing, turn } => mean * t - swing / turn * (turn * t).sin(),
        }
    }

    fn rate(self, t: f64) -> f64 {
        match self {
            Course::Linear { from, slope } => from + slope * t,
            Course::Wave { mean, swing, turn } => mean - swing * (turn * t).cos(),
        }
    }

    /// When so many are expected, if before the end: Newton's method, kept between bounds by
    /// bisection, to a fraction of a microsecond.
    fn when(self, expected: f64, after: f64, end: f64) -> Option<f64> {
        if expected >= self.expected(end) {
            return None;
        }
        let (mut low, mut high, mut t) = (after, end, after);
        while high - low > 1e-8 {
            let miss = self.expected(t) - expected;
            let bound = if miss <= 0.0 { &mut low } else { &mut high };
            *bound = t;
            let step = miss / self.rate(t);
            t = if (low..high).contains(&(t - step)) { t - step } else { f64::midpoint(low, high) };
            if step.abs() < 1e-9 {
                break;
            }
        }
        Some(t)
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

    /// Evenly spaced requests of a changing rate: how many, and when some of them are sent.
    #[track_caller]
    fn check_shape(shape: Shape, count: usize, sent: &[(usize, f64)]) {
        let load = LoadSpec { rate: 10.0, shape, duration: Span::from_secs(100), ..LoadSpec::default() };
        let times: Vec<Time> = Shaped::new(&load, None).collect();
        assert_eq!(times.len(), count);
        assert!(times.is_sorted());
        for &(n, secs) in sent {
            assert!((times[n].as_secs_f64() - secs).abs() < 2e-6, "request {n} at {}, not {secs}", times[n]);
        }
        // Poisson pacing has the same mean, and its own variance.
        let counts: Vec<f64> = (0..400)
            .map(|run| Shaped::new(&load, Some(Streams::new(1, run).at(Purpose::Arrival, 0))).count() as f64)
            .collect();
        let mean = counts.iter().sum::<f64>() / 400.0;
        let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 399.0;
        let expected = count as f64;
        assert!((mean - expected).abs() <= 4.5 * (expected / 400.0).sqrt(), "mean {mean}");
        assert!((variance - expected).abs() <= 4.5 * expected * (2.0_f64 / 399.0).sqrt(), "variance {variance}");
    }

    #[test]
    fn a_rate_that_changes_is_integrated() {
        check_shape(Shape::Constant, 1_000, &[(0, 0.0), (1, 0.1), (999, 99.9)]);
        // 10 t + 0.1 t²: 600 by half time.
        check_shape(Shape::Ramp { to: 30.0 }, 2_000, &[(0, 0.0), (750, 50.0), (1_440, 80.0)]);
        check_shape(Shape::Ramp { to: 0.0 }, 500, &[(375, 50.0)]);
        // 20 a second on average, over each whole period and each half.
        let period = Span::from_secs(20);
        check_shape(Shape::Sine { to: 30.0, period }, 2_000, &[(0, 0.0), (200, 10.0), (400, 20.0), (1_000, 50.0)]);
        check_shape(Shape::Sine { to: 10.0, period }, 1_000, &[(10, 1.0), (100, 10.0)]);
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
