//! What logs said: whether the scenario explains them, what was measured, what more of them would tell, and the
//! settings as a fragment of a scenario.

use std::fmt::Write;

pub use super::calibrate_json::render as json;
use super::figures::{amount, grouped, level, number_of, percent, wrapped};
use crate::calibrate::{
    Calibration, Change, Finding, Judgement, Levels, Observed, Row, Standing, StatusRow, Unit,
};
use crate::escape;
use crate::logs::Reading;
use crate::scenario::merge::Written;

/// Columns of a terminal.
const WIDTH: usize = 80;

/// Everything that the report tells.
#[derive(Debug)]
pub struct Told<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// What was measured.
    pub calibration: &'a Calibration,
    /// What was seen of rollouts; nothing if the logs do not tell.
    pub observed: Option<&'a Observed>,
    /// Whether the scenario explains it.
    pub judgement: Option<&'a Judgement>,
    /// The one change that explains it best, and how well.
    pub change: Option<&'a (Change, Judgement)>,
    /// Requests that count nowhere, by why.
    pub left_out: &'a std::collections::BTreeMap<&'static str, u64>,
    /// Which files were read.
    pub reading: &'a Reading,
    /// Where the settings were written.
    pub written: Option<&'a str>,
}

/// The whole report.
pub fn text(told: &Told<'_>) -> String {
    let mut text = sentence(told);
    if let (Some(judgement), Some(observed)) = (told.judgement, told.observed) {
        text.push_str(&statuses(judgement, observed));
    }
    if let Some(change) = told.change {
        text.push('\n');
        text.push_str(&advice(change, told));
    }
    if !told.calibration.findings.is_empty() {
        text.push_str(&measured(told.calibration));
    }
    if let Some(levels) = &told.calibration.levels {
        text.push_str(&narrowing(levels, told.calibration.rollouts.len()));
    }
    if let Some(row) = &told.calibration.row {
        let _ = write!(
            text,
            "\nA row for docs/deregistrations.csv; nothing in it says whose lags they are:\n{}\n{}\n",
            HEADER,
            csv(row)
        );
    }
    text.push('\n');
    text.push_str(&notes(told));
    escape::lines(&text)
}

/// The verdict.
fn sentence(told: &Told<'_>) -> String {
    let Some(judgement) = told.judgement else {
        let words = "Nothing was judged: these logs do not tell when a rollout was. Give those of one rollout, or the watch of an EndpointSlice with them.";
        return wrapped(words, 0, WIDTH);
    };
    if judgement.explains {
        return "This scenario explains your logs.\n".to_owned();
    }
    let why = match (judgement.pods, judgement.worst()) {
        (Some((seen, fewest, most)), _) => {
            let expected = if fewest == most {
                grouped(fewest)
            } else {
                format!("{} to {}", grouped(fewest), grouped(most))
            };
            let were = if seen == 1 { "was" } else { "were" };
            let pods = number_of(seen, "pod");
            format!(": {pods} {were} taken away, {expected} expected")
        }
        (None, Some(row)) => format!(
            ": {} × {} were seen, {} expected",
            grouped(row.seen),
            row.status,
            range(row)
        ),
        (None, None) => String::new(),
    };
    wrapped(
        &format!("This scenario does not explain your logs{why}."),
        0,
        WIDTH,
    )
}

fn range(row: &StatusRow) -> String {
    format!("{} to {}", amount(row.low), amount(row.high))
}

fn statuses(judgement: &Judgement, observed: &Observed) -> String {
    let mut text = String::new();
    let load = format!(
        "the load seen, {} requests/s for {} s{}",
        amount(observed.rate),
        amount(observed.duration),
        observed.rollout_at.map_or_else(String::new, |at| format!(
            ", the rollout after {} s of it",
            amount(at)
        ))
    );
    if judgement.rows.is_empty() {
        let words = format!("No request failed, and none is expected to: {load}.");
        return wrapped(&words, 0, WIDTH);
    }
    let many = if observed.rollouts > 1 {
        format!("90 % of {} rollouts", observed.rollouts)
    } else {
        "90 % of rollouts".to_owned()
    };
    let _ = writeln!(
        text,
        "\n{:<6} {:>7} {:>10}   {many}",
        "status", "seen", "expected"
    );
    for row in &judgement.rows {
        let standing = match row.standing {
            Standing::Fits => "fits",
            Standing::Unusual => "unusual, but chance",
            Standing::TooMany => "too many",
            Standing::TooFew => "too few",
        };
        let _ = writeln!(
            text,
            "{:<6} {:>7} {:>10}   {:<22} {standing}",
            row.status,
            grouped(row.seen),
            amount(row.expected),
            range(row)
        );
    }
    text.push_str(&wrapped(
        &format!("Expected of {load}, with what was measured below."),
        0,
        WIDTH,
    ));
    text
}

/// What would explain the logs, and what speaks for it.
fn advice((change, judgement): &(Change, Judgement), told: &Told<'_>) -> String {
    let Change {
        key,
        value,
        instead_of,
    } = change;
    let how = if judgement.explains {
        "What would explain them"
    } else {
        "What fits them better, though it does not explain them"
    };
    let mut words = format!("{how}: {key} = {value} instead of {instead_of}.");
    let rows = judgement.rows.iter().map(|row| {
        let range = range(row);
        format!("{} × {} ({range} expected)", grouped(row.seen), row.status)
    });
    let _ = write!(words, " With it: {}.", rows.collect::<Vec<_>>().join(", "));
    if let (&"pod.pre_stop", Some(secs)) = (key, told.calibration.gone_after) {
        let when = if secs < 1.0 {
            "within a second of leaving".to_owned()
        } else {
            format!("{} s after they left", amount(secs))
        };
        let _ = write!(
            words,
            " The pods in these logs were gone {when} the EndpointSlice."
        );
    }
    wrapped(&words, 0, WIDTH)
}

fn measured(calibration: &Calibration) -> String {
    let mut text = format!(
        "\n{:<27} {:>8}   {:<17} from\n",
        "measured",
        "value",
        format!("{} of it", level(calibration.level))
    );
    for finding in &calibration.findings {
        let from: Vec<String> = finding.from.split(' ').map(digits).collect();
        let _ = writeln!(
            text,
            "{:<27} {:>8}   {:<17} {}",
            finding.name,
            number(finding.unit, finding.estimate),
            interval(finding),
            from.join(" ")
        );
    }
    for finding in &calibration.findings {
        if let Err(why) = &finding.setting
            && !finding.name.starts_with(' ')
        {
            text.push_str(&wrapped(&format!("{}: {why}.", finding.name), 0, WIDTH));
        }
    }
    text
}

/// A word, which may be a number.
fn digits(word: &str) -> String {
    word.parse().map_or_else(|_| word.to_owned(), grouped)
}

/// `8.96 to 12.1 s`; nothing if the number is exact.
fn interval(finding: &Finding) -> String {
    let [low, high] = [finding.low, finding.high].map(|end| number(finding.unit, end));
    if finding.low == finding.high {
        return String::new();
    }
    let unit = ["/s", " s", " %"]
        .into_iter()
        .find(|unit| high.ends_with(unit));
    let low = unit.and_then(|unit| low.strip_suffix(unit)).unwrap_or(&low);
    format!("{low} to {high}")
}

fn narrowing(levels: &Levels, rollouts: usize) -> String {
    let seen = number_of(rollouts as u64, "rollout");
    let mut text = format!(
        "\n{:<11} {:>14} {:>16} {:>16}   (these logs: {seen})\n",
        "rollouts", "lag to within", "drift to within", "slow, at most"
    );
    for row in &levels.narrowing {
        let drift = row
            .drift_within
            .map_or_else(|| "not told".to_owned(), rounded);
        let _ = writeln!(
            text,
            "{:<11} {:>14} {drift:>16} {:>16}",
            row.rollouts,
            rounded(row.median_within),
            rounded(row.slow_at_most)
        );
    }
    text
}

fn rounded(share: f64) -> String {
    let decimals = usize::from(share < 0.0995);
    format!("{:.decimals$} %", share * 100.0)
}

/// Columns of the collection of measured lags.
pub const HEADER: &str = "month,target_type,deregistrations,median_s,jitter,drift,source";

/// One row of it.
pub fn csv(row: &Row) -> String {
    let share = |sigma: Option<f64>| sigma.map_or_else(String::new, |sigma| format!("{sigma:.3}"));
    format!(
        "{},{},{},{:.2},{},{},calibrate",
        row.month,
        row.target_type,
        row.deregistrations,
        row.median_s,
        share(row.jitter),
        share(row.drift)
    )
}

fn notes(told: &Told<'_>) -> String {
    let mut text = String::new();
    for note in told.calibration.notes.iter().chain(&told.reading.notes()) {
        text.push_str(&wrapped(&format!("note: {note}"), 0, WIDTH));
    }
    for (why, count) in told.left_out {
        let words = format!("left out: {}, {why}", number_of(*count, "request"));
        text.push_str(&wrapped(&words, 0, WIDTH));
    }
    let given = told.calibration.findings.iter();
    let given = given.filter(|finding| finding.given().is_some()).count();
    match told.written {
        Some(path) => {
            let _ = writeln!(
                text,
                "Written: {} ({} of {}).",
                escape::line(path),
                given,
                number_of(told.calibration.findings.len() as u64, "value")
            );
        }
        None if given > 0 => {
            let _ = writeln!(
                text,
                "Next    --write rollcast.toml puts {} into a file for --config",
                number_of(given as u64, "measured value")
            );
        }
        None => {}
    }
    let Reading {
        files,
        lines,
        damaged,
        ..
    } = told.reading;
    let _ = writeln!(
        text,
        "{}, {}, {} left out as damaged",
        number_of(*files, "file"),
        number_of(*lines, "line"),
        grouped(*damaged)
    );
    text
}

/// The settings, as keys of a scenario; nothing if there are none.
pub fn toml(calibration: &Calibration) -> String {
    let mut text = String::new();
    for written in settings(calibration) {
        let Written {
            key,
            value,
            comment,
        } = written;
        let _ = writeln!(text, "# {}\n{key} = {value}", escape::line(&comment));
    }
    text
}

/// The settings, each with where it comes from.
pub fn settings(calibration: &Calibration) -> Vec<Written> {
    let settings = calibration.findings.iter().filter_map(|finding| {
        let (key, value) = finding.given()?;
        Some(Written {
            key: key.to_owned(),
            value: value.to_owned(),
            comment: comment(finding, calibration.level),
        })
    });
    settings.collect()
}

fn comment(finding: &Finding, at: f64) -> String {
    let range = match interval(finding) {
        range if range.is_empty() => range,
        range => format!(" ({range}, {})", level(at)),
    };
    let estimate = number(finding.unit, finding.estimate);
    format!(
        "measured: {} {estimate}{range}, {}",
        finding.name, finding.from
    )
}

fn number(unit: Unit, x: f64) -> String {
    match unit {
        Unit::Seconds => format!("{} s", amount(x)),
        Unit::Share => percent(x),
        Unit::PerSecond => format!("{}/s", amount(x)),
        Unit::Count => grouped(x as u64),
    }
}
