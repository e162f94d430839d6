//! What logs said: findings, predicted against observed, and the settings as a fragment of a scenario.

use std::fmt::Write;

use super::figures::{amount, grouped, level, percent};
use crate::calibrate::{Calibration, Counts, Finding, Unit};
use crate::escape;
use crate::monte_carlo::{Count, Forecast};
use crate::verdict::Cause;

/// Statuses that are held against each other; what clients call 0, the access log calls 460.
const STATUSES: [u16; 4] = [502, 503, 504, 460];

/// What was observed and what is predicted of one status.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The status.
    pub status: u16,
    /// Requests observed.
    pub observed: u64,
    /// The mean predicted, and the range of nine rollouts in ten.
    pub predicted: f64,
    /// 5 % quantile.
    pub low: f64,
    /// 95 % quantile.
    pub high: f64,
}

impl Row {
    /// Whether what was observed is among nine rollouts in ten.
    pub fn is_inside(&self) -> bool {
        (self.low..=self.high).contains(&(self.observed as f64))
    }
}

/// What was observed against what a forecast predicts, a row a status.
pub fn rows(observed: &Counts, forecast: &Forecast) -> Vec<Row> {
    let row = |status: u16| {
        let predicted = forecast.counts(Count::Status(status))?;
        let gave_up = if status == Cause::ClientGaveUp.status() {
            observed.statuses.get(&0)
        } else {
            None
        };
        let observed = [observed.statuses.get(&status), gave_up]
            .into_iter()
            .flatten()
            .sum();
        Some(Row {
            status,
            observed,
            predicted: predicted.mean,
            low: predicted.p05,
            high: predicted.p95,
        })
    };
    STATUSES.into_iter().filter_map(row).collect()
}

/// The whole report. `load` says in words what was simulated for the prediction.
pub fn text(
    calibration: &Calibration,
    observed: &Counts,
    forecast: &Forecast,
    load: &str,
) -> String {
    let mut text = String::new();
    if !calibration.findings.is_empty() {
        let _ = writeln!(
            text,
            "{:48} {:>9}  {:>19}  from",
            "what the logs tell",
            "estimate",
            interval(calibration)
        );
    }
    for finding in &calibration.findings {
        let Finding {
            name,
            estimate,
            low,
            high,
            from,
            ..
        } = finding;
        let shown = |x: f64| number(finding.unit, x);
        let _ = writeln!(
            text,
            "{name:48} {:>9}  {:>19}  {from}",
            shown(*estimate),
            format!("{} to {}", shown(*low), shown(*high))
        );
    }
    for note in &calibration.notes {
        let _ = writeln!(text, "note: {note}");
    }
    let _ = writeln!(
        text,
        "\n{} requests observed; predicted for {load}",
        grouped(observed.requests())
    );
    let _ = writeln!(
        text,
        "{:8} {:>9}  {:>14}  {:>20}",
        "status", "observed", "predicted mean", "90 % of rollouts"
    );
    for row in rows(observed, forecast) {
        let range = format!("{} to {}", amount(row.low), amount(row.high));
        let verdict = if row.is_inside() { "inside" } else { "OUTSIDE" };
        let _ = writeln!(
            text,
            "{:<8} {:>9}  {:>14}  {range:>20}  {verdict}",
            row.status,
            grouped(row.observed),
            amount(row.predicted)
        );
    }
    let settings = toml(calibration);
    if !settings.is_empty() {
        text.push_str(
            "predicted with these settings, which are fitted to the same logs: another rollout's are the harder test\n",
        );
        let _ = write!(
            text,
            "\nto be laid over a scenario (--config FILE):\n\n{settings}"
        );
    }
    escape::lines(&text)
}

/// The settings, as keys of a scenario; nothing if there are none.
pub fn toml(calibration: &Calibration) -> String {
    let mut text = String::new();
    for finding in &calibration.findings {
        let Some((key, value)) = &finding.setting else {
            continue;
        };
        let shown = |x: f64| number(finding.unit, x);
        let _ = writeln!(
            text,
            "# {}: {}, {} to {} ({}), from {}",
            finding.name,
            shown(finding.estimate),
            shown(finding.low),
            shown(finding.high),
            interval(calibration),
            escape::line(&finding.from)
        );
        let _ = writeln!(text, "{key} = {value}");
    }
    text
}

fn interval(calibration: &Calibration) -> String {
    format!("{} interval", level(calibration.level))
}

fn number(unit: Unit, x: f64) -> String {
    match unit {
        Unit::Seconds => format!("{} s", amount(x)),
        Unit::Share => percent(x),
    }
}
