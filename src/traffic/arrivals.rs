//! When requests are sent: an open loop, which does not care what became of the last one.

use crate::dist::{fill_unit_exponential, unit_exponential};
use crate::disturbance::load_step::Stretch;
use crate::random::Stream;
use crate::scenario::load::{LoadSpec, Shape};
use crate::time::{Span, Time};

/// One request every 1/rate, the first at once, as vegeta paces them. Each stretch of the load
/// starts its own count.
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

/// Independent users: exponential gaps, in units of the present mean gap. What is left of a gap at
/// the end of a stretch is spent at the next one's rate, so that all rates share their draws.
#[derive(Debug, Clone)]
pub(super) struct Poisson<'a> {
    stream: Stream,
    /// In microseconds, unrounded: at a million requests a second a rounded gap would be 4 % short.
    clock: f64,
    /// The present stretch, and those after it.
    mean_gap: f64,
    end: f64,
    rest: &'a [Stretch],
}

/// No more are sent at once: a loop that does nothing but draw does it faster.
pub(super) const AHEAD: usize = 32;

/// When the requests of an open loop are sent.
pub(super) trait Arrivals {
    /// The next, in order: as many as there is room for, which is no more than [`AHEAD`], or all that are left.
    fn fill(&mut self, times: &mut [Time]) -> usize;
}

impl<I: Iterator<Item = Time>> Arrivals for I {
    #[inline]
    fn fill(&mut self, times: &mut [Time]) -> usize {
        times
            .iter_mut()
            .zip(self)
            .map(|(time, at)| *time = at)
            .count()
    }
}

/// A rate that changes: request n is sent when the rate, integrated, has come to n, or with Poisson
/// pacing to the sum of n unit-exponential gaps (the time change of a non-homogeneous Poisson
/// process: Çinlar 1975; Law, Simulation Modeling and Analysis, 8.6.2).
#[derive(Debug, Clone)]
pub(super) struct Shaped<'a> {
    course: Course,
    /// What the rate is multiplied by, stretch by stretch.
    factors: &'a [Stretch],
    /// Where gaps come from; none: they are all 1.
    stream: Option<Stream>,
    /// Requests expected until the next one, and until the present stretch.
    expected: f64,
    before: f64,
    /// When the last one was sent, in seconds.
    clock: f64,
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
    /// So many requests a second, to a millionth.
    pub(super) fn new(stretch: &Stretch) -> Evenly {
        let rate = (stretch.rate * 1e6).round() as u64;
        let next = stretch.from.as_micros();
        let end = if rate > 0 {
            stretch.to.as_micros()
        } else {
            next
        };
        let per = rate.max(1);
        Evenly {
            next,
            end,
            step: MILLION_SECONDS / per,
            rest: MILLION_SECONDS % per,
            carry: 0,
            rate: per,
        }
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

impl<'a> Poisson<'a> {
    /// So many requests a second on average, stretch by stretch.
    pub(super) fn new(stretches: &'a [Stretch], stream: Stream) -> Poisson<'a> {
        let mut poisson = Poisson {
            stream,
            clock: 0.0,
            mean_gap: f64::INFINITY,
            end: 0.0,
            rest: stretches,
        };
        poisson.turn_to_next();
        poisson
    }

    /// Whether there is another stretch.
    fn turn_to_next(&mut self) -> bool {
        let [stretch, rest @ ..] = self.rest else {
            return false;
        };
        (self.mean_gap, self.end, self.rest) =
            (1e6 / stretch.rate, stretch.to.as_micros() as f64, rest);
        true
    }

    /// Spends gaps as long as they end within the present stretch; how many that were.
    fn hurry(&mut self, gaps: &[f64], times: &mut [Time]) -> usize {
        let mut instants = [0.0; AHEAD];
        let instants = &mut instants[..gaps.len()];
        let mut clock = self.clock;
        for (instant, gap) in instants.iter_mut().zip(gaps) {
            clock += self.mean_gap * gap;
            *instant = clock;
        }
        // Written so that the infinite gap of a stretch without requests ends it, too.
        let is_within = |instant: &f64| *instant < self.end;
        let spent = match instants.last() {
            Some(last) if !is_within(last) => instants.partition_point(is_within),
            _ => instants.len(),
        };
        for (time, instant) in times.iter_mut().zip(&instants[..spent]) {
            *time = Time::from_micros_f64(*instant);
        }
        if let Some(last) = instants[..spent].last() {
            self.clock = *last;
        }
        spent
    }

    /// When a gap ends that is longer than what is left of its stretch.
    #[cold]
    fn carry_over(&mut self, mut gap: f64) -> Option<f64> {
        loop {
            gap -= (self.end - self.clock) / self.mean_gap;
            self.clock = self.end;
            if !self.turn_to_next() {
                return None;
            }
            let at = self.clock + self.mean_gap * gap;
            if at < self.end {
                return Some(at);
            }
        }
    }
}

impl<'a> Shaped<'a> {
    /// The requests of a load whose rate is multiplied by each stretch's; `stream` for Poisson pacing.
    pub(super) fn new(
        load: &LoadSpec,
        factors: &'a [Stretch],
        stream: Option<Stream>,
    ) -> Shaped<'a> {
        let course = match load.shape {
            Shape::Constant => Course::Linear {
                from: load.rate,
                slope: 0.0,
            },
            Shape::Ramp { to } => {
                // It has a duration: a scenario with a ramp and without is refused.
                let lasts = load.duration.map_or(f64::INFINITY, Span::as_secs_f64);
                Course::Linear {
                    from: load.rate,
                    slope: (to - load.rate) / lasts,
                }
            }
            Shape::Sine { to, period } => Course::Wave {
                mean: (load.rate + to) / 2.0,
                swing: (to - load.rate) / 2.0,
                turn: std::f64::consts::TAU / period.as_secs_f64(),
            },
        };
        let mut shaped = Shaped {
            course,
            factors,
            stream,
            expected: 0.0,
            before: 0.0,
            clock: 0.0,
        };
        if shaped.stream.is_some() {
            shaped.wait();
        }
        shaped
    }

    fn wait(&mut self) {
        self.expected += self.stream.as_mut().map_or(1.0, unit_exponential);
    }
}

impl Iterator for Shaped<'_> {
    type Item = Time;

    fn next(&mut self) -> Option<Time> {
        while let [stretch, rest @ ..] = self.factors {
            let (from, to) = (stretch.from.as_secs_f64(), stretch.to.as_secs_f64());
            let started = self.course.expected(from);
            if stretch.rate > 0.0 {
                let wanted = started + (self.expected - self.before) / stretch.rate;
                if let Some(at) = self.course.when(wanted, self.clock.max(from), to) {
                    self.clock = at;
                    self.wait();
                    return Some(Time::from_micros((at * 1e6) as u64));
                }
            }
            self.before += stretch.rate * (self.course.expected(to) - started);
            self.factors = rest;
        }
        None
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
            t = if (low..high).contains(&(t - step)) {
                t - step
            } else {
                f64::midpoint(low, high)
            };
            if step.abs() < 1e-9 {
                break;
            }
        }
        Some(t)
    }
}

impl Arrivals for Poisson<'_> {
    #[inline(never)]
    fn fill(&mut self, times: &mut [Time]) -> usize {
        let mut gaps = [0.0; AHEAD];
        let gaps = &mut gaps[..times.len()];
        fill_unit_exponential(&mut self.stream, gaps);
        let mut spent = 0;
        loop {
            spent += self.hurry(&gaps[spent..], &mut times[spent..]);
            let Some(gap) = gaps.get(spent) else {
                return spent;
            };
            let Some(later) = self.carry_over(*gap) else {
                return spent;
            };
            self.clock = later;
            times[spent] = Time::from_micros_f64(later);
            spent += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Streams};
    use crate::time::Span;

    fn stretch(from: u64, to: u64, rate: f64) -> Stretch {
        let second = |secs| Time::from_micros(secs * 1_000_000);
        Stretch {
            from: second(from),
            to: second(to),
            rate,
        }
    }

    fn all(mut arrivals: impl Arrivals) -> Vec<u64> {
        let (mut sent, mut times) = (Vec::new(), [Time::ZERO; AHEAD]);
        loop {
            let count = arrivals.fill(&mut times);
            sent.extend(times[..count].iter().map(|time| time.as_micros()));
            if count < AHEAD {
                return sent;
            }
        }
    }

    #[track_caller]
    fn check(rate: f64, seconds: u64, count: usize, first: &[u64], last: u64) {
        let sent: Vec<u64> = Evenly::new(&stretch(0, seconds, rate))
            .map(Time::as_micros)
            .collect();
        assert_eq!(sent.len(), count);
        assert_eq!(&sent[..first.len()], first);
        assert_eq!(sent.last().copied().unwrap_or_default(), last);
    }

    #[test]
    fn even_pacing_is_exact_and_does_not_drift() {
        check(100.0, 120, 12_000, &[0, 10_000, 20_000], 119_990_000);
        check(
            3.0,
            1_000,
            3_000,
            &[0, 333_333, 666_666, 1_000_000],
            999_666_666,
        );
        check(2_500_000.0, 1, 2_500_000, &[0, 0, 0, 1, 1, 2], 999_999);
        check(0.5, 5, 3, &[0, 2_000_000, 4_000_000], 4_000_000);
        check(0.0, 120, 0, &[], 0);
    }

    /// Evenly spaced requests of a changing rate: how many, and when some of them are sent.
    #[track_caller]
    fn check_shape(shape: Shape, factors: &[(u64, u64, f64)], count: usize, sent: &[(usize, f64)]) {
        let factors: Vec<Stretch> = factors
            .iter()
            .map(|&(from, to, factor)| stretch(from, to, factor))
            .collect();
        let load = LoadSpec {
            rate: 10.0,
            shape,
            duration: Some(Span::from_secs(100)),
            ..LoadSpec::default()
        };
        let times: Vec<Time> = Shaped::new(&load, &factors, None).collect();
        assert_eq!(times.len(), count);
        assert!(times.is_sorted());
        for &(n, secs) in sent {
            assert!(
                (times[n].as_secs_f64() - secs).abs() < 2e-6,
                "request {n} at {}, not {secs}",
                times[n]
            );
        }
        // Poisson pacing has the same mean, and its own variance.
        let counts: Vec<f64> = (0..400)
            .map(|run| Streams::new(1, run).at(Purpose::Arrival, 0))
            .map(|stream| Shaped::new(&load, &factors, Some(stream)).count() as f64)
            .collect();
        let mean = counts.iter().sum::<f64>() / 400.0;
        let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 399.0;
        let expected = count as f64;
        assert!(
            (mean - expected).abs() <= 4.5 * (expected / 400.0).sqrt(),
            "mean {mean}"
        );
        assert!(
            (variance - expected).abs() <= 4.5 * expected * (2.0_f64 / 399.0).sqrt(),
            "variance {variance}"
        );
    }

    #[test]
    fn a_rate_that_changes_is_integrated() {
        let whole = [(0, 100, 1.0)];
        check_shape(
            Shape::Constant,
            &whole,
            1_000,
            &[(0, 0.0), (1, 0.1), (999, 99.9)],
        );
        // 10 t + 0.1 t²: 750 by half time.
        let ramp = Shape::Ramp { to: 30.0 };
        check_shape(ramp, &whole, 2_000, &[(0, 0.0), (750, 50.0), (1_440, 80.0)]);
        check_shape(Shape::Ramp { to: 0.0 }, &whole, 500, &[(375, 50.0)]);
        // 20 a second on average, over each whole period and each half.
        let period = Span::from_secs(20);
        let sine = Shape::Sine { to: 30.0, period };
        check_shape(
            sine,
            &whole,
            2_000,
            &[(0, 0.0), (200, 10.0), (400, 20.0), (1_000, 50.0)],
        );
        check_shape(
            Shape::Sine { to: 10.0, period },
            &whole,
            1_000,
            &[(10, 1.0), (100, 10.0)],
        );
        // A step multiplies whatever the rate is by then, and a pause is made up for by nobody.
        let step = [(0, 50, 1.0), (50, 80, 2.0), (80, 100, 1.0)];
        check_shape(ramp, &step, 2_690, &[(750, 50.0), (2_130, 80.0)]);
        check_shape(
            sine,
            &[(0, 40, 1.0), (40, 60, 0.0), (60, 100, 0.5)],
            1_200,
            &[(800, 60.0), (1_000, 80.0)],
        );
    }

    #[test]
    fn poisson_counts_have_their_mean_and_variance() {
        for (rate, secs) in [(100.0, 10), (1e6, 1), (0.0, 10)] {
            let runs = if rate > 1e5 { 20 } else { 2_000 };
            let expected = rate * secs as f64;
            let counts: Vec<f64> = (0..runs)
                .map(|run| {
                    let stream = Streams::new(1, run).at(Purpose::Arrival, 0);
                    all(Poisson::new(&[stretch(0, secs, rate)], stream)).len() as f64
                })
                .collect();
            let mean = counts.iter().sum::<f64>() / runs as f64;
            let variance =
                counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / (runs - 1) as f64;
            assert!(
                (mean - expected).abs() <= 4.5 * (expected / runs as f64).sqrt(),
                "{rate}: mean {mean}"
            );
            let spread = 4.5 * expected * (2.0 / (runs - 1) as f64).sqrt();
            assert!(
                (variance - expected).abs() <= spread,
                "{rate}: variance {variance}"
            );
        }
    }

    #[test]
    fn a_step_starts_an_even_count_anew_and_carries_a_gap_over() {
        let steps = [
            stretch(0, 10, 1.0),
            stretch(10, 11, 4.0),
            stretch(11, 20, 0.0),
            stretch(20, 22, 1.0),
        ];
        let sent: Vec<u64> = steps
            .iter()
            .flat_map(Evenly::new)
            .map(Time::as_micros)
            .skip(9)
            .collect();
        assert_eq!(
            sent,
            [
                9_000_000, 10_000_000, 10_250_000, 10_500_000, 10_750_000, 20_000_000, 21_000_000
            ]
        );
        // Cut anywhere, a load of one rate is the same load.
        let (whole, cut) = (
            [stretch(0, 20, 50.0)],
            [stretch(0, 7, 50.0), stretch(7, 20, 50.0)],
        );
        let sent = |stretches: &[Stretch]| -> Vec<u64> {
            let stream = Streams::new(1, 0).at(Purpose::Arrival, 0);
            all(Poisson::new(stretches, stream))
        };
        let (whole, cut) = (sent(&whole), sent(&cut));
        assert!(
            whole.len() == cut.len() && whole.iter().zip(&cut).all(|(a, b)| a.abs_diff(*b) <= 1)
        );
    }
}
