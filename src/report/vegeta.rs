//! A block laid out like `vegeta report`, to be held beside a real one.
//!
//! What rollcast does not simulate is `-`: bytes, and the wait for the last answer after the last
//! request was sent; throughput is per second of the attack, without that wait. As in vegeta, a client
//! that gave up got no status: code 0.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Answer;
use super::figures::amount;
use crate::escape;
use crate::monte_carlo::{Count, Forecast, Latency, Measure};
use crate::time::Span;
use crate::traffic::outcome::Outcome;
use crate::verdict::{Cause, Verdict};

/// The mean replication of each scenario; several are told apart by their names.
pub fn render(answers: &[Answer<'_>]) -> String {
    match answers {
        [answer] => of_forecast(answer.forecast),
        several => {
            let named = |answer: &Answer<'_>| {
                format!(
                    "{}\n{}",
                    escape::lines(&escape::line(&answer.forecast.scenario)),
                    of_forecast(answer.forecast)
                )
            };
            several.iter().map(named).collect::<Vec<_>>().join("\n")
        }
    }
}

/// One replication's report, under a load of this duration.
pub fn of_outcome(outcome: &Outcome, duration: Span) -> String {
    let counts = [
        (200, outcome.ok as f64),
        (502, outcome.status(502) as f64),
        (503, outcome.status(503) as f64),
        (504, outcome.status(504) as f64),
        (0, outcome.causes[Cause::ClientGaveUp.index()] as f64),
    ];
    let latency = Latency::of_outcome(outcome);
    let mut seen: Vec<u16> = Vec::new();
    for failure in &outcome.failures {
        let code = code(failure.verdict);
        if !seen.contains(&code) {
            seen.push(code);
        }
    }
    Block {
        requests: outcome.requests as f64,
        counts: counts.into(),
        latency,
        duration,
        seen,
        exact: true,
    }
    .render()
}

/// The mean replication's report: mean counts, and the latencies of all requests of all replications.
pub fn of_forecast(forecast: &Forecast) -> String {
    let mean = |count| forecast.counts(count).map_or(0.0, |summary| summary.mean);
    let counts = [
        (200, mean(Count::Status(200))),
        (502, mean(Count::Status(502))),
        (503, mean(Count::Status(503))),
        (504, mean(Count::Status(504))),
        (0, mean(Count::Cause(Cause::ClientGaveUp))),
    ];
    let lasted = forecast.measurements(Measure::Load);
    Block {
        requests: mean(Count::Requests),
        counts: counts.into(),
        latency: forecast.latency,
        duration: Span::from_secs_f64(lasted.map_or(0.0, |summary| summary.mean)),
        seen: Vec::new(),
        exact: false,
    }
    .render()
}

fn code(verdict: Verdict) -> u16 {
    if verdict == Verdict::Alb(Cause::ClientGaveUp) {
        0
    } else {
        verdict.status()
    }
}

struct Block {
    requests: f64,
    counts: BTreeMap<u16, f64>,
    latency: Option<Latency>,
    duration: Span,
    /// Codes of failures in the order in which they were first seen, as far as known.
    seen: Vec<u16>,
    /// Whether counts are whole numbers rather than means.
    exact: bool,
}

impl Block {
    fn render(mut self) -> String {
        self.counts.retain(|_, count| *count > 0.0);
        let ok = self.counts.get(&200).copied().unwrap_or(0.0);
        // From the first to the last of n requests it is n − 1 gaps.
        let attack = self
            .duration
            .scaled((1.0 - 1.0 / self.requests.max(1.0)).max(0.0));
        let per_second = |count: f64| count / attack.as_secs_f64().max(1e-6);
        let ratio = if self.requests > 0.0 {
            ok / self.requests
        } else {
            0.0
        };
        let rows = [
            (
                "Requests",
                "[total, rate, throughput]",
                format!(
                    "{}, {:.2}, {:.2}",
                    self.count(self.requests),
                    per_second(self.requests),
                    per_second(ok)
                ),
            ),
            (
                "Duration",
                "[total, attack, wait]",
                format!("-, {}, -", rounded(attack)),
            ),
            (
                "Latencies",
                "[min, mean, 50, 90, 95, 99, max]",
                self.latencies(),
            ),
            ("Bytes In", "[total, mean]", "-, -".to_owned()),
            ("Bytes Out", "[total, mean]", "-, -".to_owned()),
            ("Success", "[ratio]", format!("{:.2}%", ratio * 100.0)),
            ("Status Codes", "[code:count]", self.codes()),
        ];
        let mut block = String::new();
        for (name, columns, values) in rows {
            let row = format!("{name:<14}{columns:<34}{values}");
            let _ = writeln!(block, "{}", row.trim_end());
        }
        block.push_str("Error Set:\n");
        self.errors().into_iter().for_each(|error| {
            let _ = writeln!(block, "{error}");
        });
        block
    }

    fn count(&self, count: f64) -> String {
        if self.exact {
            format!("{count:.0}")
        } else {
            amount(count).replace(',', "")
        }
    }

    fn latencies(&self) -> String {
        let Some(l) = self.latency else {
            return "-, -, -, -, -, -, -".to_owned();
        };
        [l.min, l.mean, l.p50, l.p90, l.p95, l.p99, l.max]
            .map(rounded)
            .join(", ")
    }

    fn codes(&self) -> String {
        let code = |(code, count): (&u16, &f64)| format!("{code}:{}", self.count(*count));
        self.counts.iter().map(code).collect::<Vec<_>>().join("  ")
    }

    fn errors(&self) -> Vec<&'static str> {
        let mut codes = self.seen.clone();
        codes.extend(self.counts.keys().filter(|code| !self.seen.contains(code)));
        let text = |code| match code {
            0 => Some("context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
            502 => Some("502 Bad Gateway"),
            503 => Some("503 Service Unavailable"),
            504 => Some("504 Gateway Timeout"),
            _ => None,
        };
        codes.into_iter().filter_map(text).collect()
    }
}

/// A span as vegeta rounds it: to the unit below its greatest one; printed as Go prints a `time.Duration`.
fn rounded(span: Span) -> String {
    const UNITS: [u64; 4] = [3_600_000_000, 60_000_000, 1_000_000, 1_000];
    let micros = span.as_micros();
    let greatest = UNITS.iter().position(|unit| micros >= *unit);
    let step = greatest
        .and_then(|i| UNITS.get(i + 1))
        .copied()
        .unwrap_or(1);
    let micros = (micros + step / 2) / step * step;
    let fraction = |value: u64, unit: u64| {
        let digits = if unit == 1_000 { 3 } else { 6 };
        let text = format!("{}.{:0digits$}", value / unit, value % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let (hours, minutes) = (micros / UNITS[0], micros % UNITS[0] / UNITS[1]);
    match micros {
        0 => "0s".to_owned(),
        1..1_000 => format!("{micros}µs"),
        1_000..1_000_000 => format!("{}ms", fraction(micros, 1_000)),
        1_000_000..60_000_000 => format!("{}s", fraction(micros, 1_000_000)),
        60_000_000..3_600_000_000 => {
            format!("{minutes}m{}s", fraction(micros % UNITS[1], 1_000_000))
        }
        _ => format!(
            "{hours}h{minutes}m{}s",
            fraction(micros % UNITS[1], 1_000_000)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AlbNodeId;
    use crate::report::specimen::{self, check};
    use crate::time::Time;
    use crate::traffic::outcome::Failure;

    /// The published run of the 2023 load test, failures in the order of its error set.
    #[test]
    fn one_replication() {
        let mut outcome = specimen::published();
        let verdicts = [
            Verdict::Target(503),
            Verdict::Alb(Cause::Refused),
            Verdict::Alb(Cause::ConnectTimeout),
        ];
        outcome.failures = verdicts.map(failure).into();
        check(
            "published.vegeta",
            &of_outcome(&outcome, Span::from_secs(120)),
        );
    }

    fn failure(verdict: Verdict) -> Failure {
        Failure {
            sent: Time::ZERO,
            node: AlbNodeId(0),
            pod: None,
            verdict,
            latency: Span::ZERO,
        }
    }

    #[test]
    fn the_mean() {
        check("before.vegeta", &of_forecast(&specimen::before()));
    }

    #[test]
    fn a_client_that_gave_up_saw_no_status() {
        let mut outcome = specimen::published();
        (outcome.ok, outcome.causes[Cause::ClientGaveUp.index()]) = (11_297, 3);
        let block = of_outcome(&outcome, Span::from_secs(120));
        assert!(block.contains("  0:3  200:11297  502:27"), "{block}");
        assert!(
            block.contains("Error Set:\ncontext deadline exceeded"),
            "{block}"
        );
    }

    #[test]
    fn no_request_is_no_panic() {
        let block = of_outcome(&Outcome::new(), Span::ZERO);
        assert!(
            block.starts_with("Requests      [total, rate, throughput]         0, 0.00, 0.00\n"),
            "{block}"
        );
    }

    /// vegeta's reporters.go: to the unit below the greatest one, halves up.
    #[test]
    fn durations_are_rounded_like_vegeta_s() {
        let written = [
            850,
            20_348,
            589_571,
            10_005_000,
            59_999_600,
            119_990_000,
            90_400_000,
            3_725_000_000,
        ]
        .map(|micros| rounded(Span::from_micros(micros)));
        assert_eq!(
            written,
            [
                "850µs",
                "20.348ms",
                "589.571ms",
                "10.005s",
                "1m0s",
                "2m0s",
                "1m30s",
                "1h2m0s"
            ]
        );
    }
}
