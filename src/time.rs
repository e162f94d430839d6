//! Instants and durations on the simulated clock: whole microseconds, nothing finer.
//!
//! Integers make ties exact and results portable; a log-normal's last bits may differ between
//! builds of `rand_distr`, its microseconds do not.

#![warn(clippy::string_slice)]

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant: microseconds since the load started.
///
/// Whole seconds of simulated time are whole seconds of the cluster's wall clock, which matters
/// where Kubernetes truncates a time to seconds (`Ready.lastTransitionTime`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

/// A duration in microseconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

impl Time {
    /// When the load starts.
    pub const ZERO: Time = Time(0);
    /// Later than anything that happens.
    pub const NEVER: Time = Time(u64::MAX);

    /// The instant `micros` µs after the load started.
    pub const fn from_micros(micros: u64) -> Time {
        Time(micros)
    }

    /// The last whole microsecond by `micros` µs after the load started, which is no later than in 70 years.
    #[inline]
    pub(crate) fn from_micros_f64(micros: f64) -> Time {
        Time(floor(micros))
    }

    /// Microseconds since the load started.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Seconds since the load started.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Seconds since `origin`, negative before it.
    pub fn secs_since(self, origin: Time) -> f64 {
        (self.0 as i64 - origin.0 as i64) as f64 / 1e6
    }

    /// The span since `earlier`; zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// `self − span`, not before the load started.
    pub fn saturating_sub(self, span: Span) -> Time {
        Time(self.0.saturating_sub(span.0))
    }

    /// `self + span`, not later than [`Time::NEVER`].
    pub fn saturating_add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }

    /// Reads a wall-clock time as RFC 3339 writes it, `2026-11-22T14:03:00.25Z`: an instant whose origin
    /// is the Unix epoch, not the start of a load. Fractions below a microsecond are cut off.
    ///
    /// # Errors
    /// The text is no such time, or one before 1970, with the reason in words.
    pub fn parse_rfc3339(text: &str) -> Result<Time, String> {
        let stamp: Timestamp = text
            .parse()
            .map_err(|_| format!("`{text}` is not a time like \"2026-11-22T14:03:00.25Z\""))?;
        u64::try_from(stamp.as_microsecond())
            .map(Time)
            .map_err(|_| format!("`{text}` lies before 1970"))
    }

    /// The wall-clock time so long after the Unix epoch, to the microsecond; what lies beyond the year 9999
    /// is shown as its end.
    pub fn to_rfc3339(self) -> String {
        let stamp = i64::try_from(self.0)
            .ok()
            .and_then(|micros| Timestamp::from_microsecond(micros).ok());
        format!("{:.6}", stamp.unwrap_or(Timestamp::MAX))
    }

    /// The start of the second this instant lies in, as `metav1.Time` keeps it.
    pub fn whole_seconds(self) -> Time {
        Time(self.0 - self.0 % 1_000_000)
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// `micros` microseconds.
    pub const fn from_micros(micros: u64) -> Span {
        Span(micros)
    }

    /// `millis` milliseconds.
    pub const fn from_millis(millis: u64) -> Span {
        Span(millis * 1_000)
    }

    /// `secs` seconds.
    pub const fn from_secs(secs: u64) -> Span {
        Span(secs * 1_000_000)
    }

    /// `secs` seconds, rounded to the nearest microsecond; negative and NaN become zero, and
    /// anything above a century becomes a century, so that sums never overflow.
    #[inline]
    pub fn from_secs_f64(secs: f64) -> Span {
        const CENTURY: f64 = 3.2e9;
        let secs = if secs > 0.0 { secs } else { 0.0 };
        let secs = if secs < CENTURY { secs } else { CENTURY };
        // Half a microsecond up, then down: `f64::round` is a call without SSE4.1, in the hot path of every draw.
        Span(floor(secs * 1e6 + 0.5))
    }

    /// Microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Completed seconds, as Go's `int64(d.Seconds())` counts them.
    pub const fn whole_seconds(self) -> Span {
        Span(self.0 - self.0 % 1_000_000)
    }

    /// `self − other`, at least zero.
    pub fn saturating_sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }

    /// The span `factor` times as long, rounded to the microsecond.
    pub fn scaled(self, factor: f64) -> Span {
        Span::from_secs_f64(self.as_secs_f64() * factor)
    }

    /// Parses `"15s"`, `"250ms"`, `"1m30s"`.
    ///
    /// # Errors
    /// A bare number, an unknown unit or a negative span, with the reason in words.
    pub fn parse(text: &str) -> Result<Span, String> {
        if text.trim().parse::<f64>().is_ok() {
            return Err(format!(
                "`{text}` has no unit; write `\"{}s\"` or `\"{}ms\"`",
                text.trim(),
                text.trim()
            ));
        }
        let span: SignedDuration = text
            .parse()
            .map_err(|_| format!("`{text}` is not a span like \"15s\", \"250ms\" or \"1m30s\""))?;
        if span.is_negative() {
            return Err(format!("`{text}` is negative; a span starts at 0s"));
        }
        u64::try_from(span.as_micros())
            .ok()
            .filter(|&micros| micros <= 3_200_000_000_000_000)
            .map(Span)
            .ok_or_else(|| format!("`{text}` is longer than a century"))
    }
}

/// The whole part of a number from 0 to 2⁵². Added to 2⁵² it is rounded and stands in the last bits. Unlike
/// `as u64`, which has to look for what is out of bounds, that can be done to two numbers at a time.
fn floor(number: f64) -> u64 {
    const WHOLES: f64 = 4_503_599_627_370_496.0;
    let sum = number + WHOLES;
    let is_above = sum - WHOLES > number;
    sum.to_bits() - WHOLES.to_bits() - u64::from(is_above)
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0 + span.0)
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        self.0 += span.0;
    }
}

impl Sub for Time {
    type Output = Span;
    /// # Panics
    /// In debug builds, if `earlier` is later: time does not run backwards.
    fn sub(self, earlier: Time) -> Span {
        Span(self.0 - earlier.0)
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0 + other.0)
    }
}

impl std::ops::Mul<u64> for Span {
    type Output = Span;
    fn mul(self, times: u64) -> Span {
        Span(self.0 * times)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}s", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}

impl fmt::Display for Span {
    /// The shortest exact form that [`Span::parse`] reads back: `15s`, `250ms`, `1m30s`, `1.5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secs, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        match (secs, micros) {
            (0, 0) => f.write_str("0s"),
            (0, m) if m % 1_000 == 0 => write!(f, "{}ms", m / 1_000),
            (0, m) => write!(f, "{m}us"),
            (s, 0) if s < 60 || s % 60 != 0 && s < 600 => write!(f, "{s}s"),
            (s, 0) if s % 3600 == 0 => write!(f, "{}h", s / 3600),
            (s, 0) if s % 60 == 0 => write!(f, "{}m", s / 60),
            (s, 0) => write!(f, "{}m{}s", s / 60, s % 60),
            (s, m) => f
                .write_str(format!("{s}.{m:06}").trim_end_matches('0'))
                .and_then(|()| f.write_str("s")),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Span;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span like \"15s\" or \"250ms\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                Span::parse(text).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Span, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Span, E> {
                self.visit_str(&number.to_string())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, micros: u64, shown: &str) {
        let span = Span::parse(text).unwrap();
        assert_eq!(span.as_micros(), micros);
        assert_eq!(span.to_string(), shown);
        assert_eq!(
            Span::parse(shown).unwrap(),
            span,
            "what is printed reads back"
        );
    }

    #[test]
    fn spans_read_and_print() {
        check("15s", 15_000_000, "15s");
        check("250ms", 250_000, "250ms");
        check("1m30s", 90_000_000, "90s");
        check("10.1s", 10_100_000, "10.1s");
        check("300s", 300_000_000, "5m");
        check("1h 30m", 5_400_000_000, "90m");
        check("17us", 17, "17us");
        check("0s", 0, "0s");
    }

    #[test]
    fn bare_negative_and_endless_spans_are_refused() {
        assert!(Span::parse("5").unwrap_err().contains("has no unit"));
        assert!(Span::parse("-5s").unwrap_err().contains("negative"));
        assert!(Span::parse("999999999h").unwrap_err().contains("century"));
        assert!(Span::parse("5 parsecs").unwrap_err().contains("not a span"));
    }

    #[test]
    fn wall_clock_times_read_and_print() {
        let check = |text: &str, shown: &str| {
            assert_eq!(Time::parse_rfc3339(text).unwrap().to_rfc3339(), shown);
        };
        check("2026-11-22T14:03:00.25Z", "2026-11-22T14:03:00.250000Z");
        check(
            "2026-11-22T16:03:00.123456789+02:00",
            "2026-11-22T14:03:00.123456Z",
        );
        assert!(
            Time::parse_rfc3339("yesterday")
                .unwrap_err()
                .contains("not a time")
        );
        assert!(
            Time::parse_rfc3339("1969-12-31T23:59:59Z")
                .unwrap_err()
                .contains("before 1970")
        );
        assert!(Time::NEVER.to_rfc3339().starts_with("9999-"));
    }

    #[test]
    fn spans_are_rounded_as_a_cast_rounds_them() {
        let ties = (0..2_000).map(|n| f64::from(n) * 0.5e-6);
        let wide = (0..60).flat_map(|power| [0.3e-6, 0.7e-6].map(|x| x * f64::from(power).exp2()));
        let odd = [
            -1.0,
            -0.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            3.2e9,
            3.3e9,
        ];
        for secs in ties.chain(wide).chain(odd) {
            assert_eq!(
                Span::from_secs_f64(secs),
                Span((secs.clamp(0.0, 3.2e9) * 1e6 + 0.5) as u64),
                "{secs}"
            );
        }
    }

    #[test]
    fn whole_seconds_truncate() {
        assert_eq!(
            Time::from_micros(3_999_999).whole_seconds(),
            Time::from_micros(3_000_000)
        );
        assert_eq!(Time::from_micros(3_999_999).to_string(), "3.999s");
    }
}
