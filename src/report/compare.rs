//! `compare`: which of two costs fewer 5xx, in a sentence, and the differences that it comes from.

use std::fmt::Write;

use serde_json::{Value, json};

use super::figures::{amount, json_number, level, number_of, percent, range, wrapped};
use super::sweep::piped;
use crate::compare::{Answer, Comparison, Row};
use crate::escape;

const WIDTH: usize = 100;

/// A comparison, and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Compared<'a> {
    /// Name and digest of the first.
    pub a: (&'a str, &'a str),
    /// Name and digest of the second.
    pub b: (&'a str, &'a str),
    /// The settings that differ: key, value in the first, value in the second.
    pub differences: &'a [(String, String, String)],
    /// The seed that everything follows from.
    pub seed: u64,
    /// The traffic engine.
    pub engine: &'a str,
    /// What came of it.
    pub comparison: &'a Comparison,
}

/// `-o text`.
pub fn text(compared: &Compared<'_>) -> String {
    let rows = table(compared);
    let text = format!(
        "{}\n{}\n{}{}\n{}\n",
        wrapped(&sentence(compared), 0, WIDTH),
        what_differs(compared.differences),
        right_aligned(&rows),
        wrapped(&remarks(compared.comparison), 0, WIDTH),
        footer(compared)
    );
    escape::lines(&text)
}

/// `-o markdown`.
pub fn markdown(compared: &Compared<'_>) -> String {
    let text = format!(
        "## A {}, B {}\n\n{}\n\n{}{}\n{}\n\n<sub>{}</sub>\n",
        escape::markdown_code(compared.a.0),
        escape::markdown_code(compared.b.0),
        escape::markdown(&sentence(compared)),
        differences_piped(compared.differences),
        piped(&table(compared)),
        remarks(compared.comparison),
        footer(compared)
    );
    escape::lines(&text)
}

/// `-o json`.
pub fn json(compared: &Compared<'_>) -> String {
    let Compared {
        a,
        b,
        differences,
        seed,
        engine,
        comparison,
    } = compared;
    let value = json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "a": { "name": a.0, "digest": a.1 },
        "b": { "name": b.0, "digest": b.1 },
        "seed": seed,
        "pairs": comparison.pairs,
        "engine": engine,
        "level": json_number(comparison.level),
        "answer": match comparison.answer {
            Answer::Fewer => "b-fewer",
            Answer::More => "b-more",
            Answer::Undecided => "undecided",
            Answer::Same => "same",
        },
        "any_5xx": object(&comparison.failed),
        "rollouts_with_any_5xx": object(&comparison.any_5xx),
        "load_ended_too_early": { "a": json_number(comparison.cut_short[0]), "b": json_number(comparison.cut_short[1]) },
        "differences": differences.iter().map(|(key, a, b)| json!({ "key": key, "a": a, "b": b })).collect::<Value>(),
        "requests": comparison.requests.iter().map(object).collect::<Value>(),
        "rollout": comparison.rollout.iter().map(object).collect::<Value>(),
    });
    escape::json(&format!("{value:#}\n"))
}

fn object(row: &Row) -> Value {
    let number = |value: Option<f64>| value.map_or(Value::Null, json_number);
    let interval = row.difference.and_then(|difference| difference.interval);
    json!({
        "name": row.name,
        "a": json_number(row.a),
        "b": json_number(row.b),
        "difference": number(row.difference.map(|difference| difference.mean)),
        "low": number(interval.map(|(low, _)| low)),
        "high": number(interval.map(|(_, high)| high)),
        "significant": row.is_significant,
        "variance_ratio": number(row.difference.and_then(|difference| difference.variance_ratio)),
        "pairs": row.pairs,
        "differing": row.differing,
    })
}

fn sentence(compared: &Compared<'_>) -> String {
    let loads = if compared.differences.iter().any(|(key, ..)| is_load(key)) {
        " Warning: the two have not the same load, which is part of the difference."
    } else {
        ""
    };
    answer(compared) + &still(compared) + loads + &too_early(compared.comparison)
}

fn is_load(key: &str) -> bool {
    key.starts_with("load.")
}

/// What else the first sentence's reader must know: where the one with fewer 5xx fails some in more rollouts, and where
/// it is not good either.
fn still(compared: &Compared<'_>) -> String {
    let any = &compared.comparison.any_5xx;
    let (better, share, other) = match compared.comparison.answer {
        Answer::Fewer => ("B", any.b, any.a),
        Answer::More => ("A", any.a, any.b),
        Answer::Undecided | Answer::Same => return String::new(),
    };
    if any.is_significant && share > other {
        format!(
            " But {better} fails requests in more rollouts: {} instead of {}.",
            percent(share),
            percent(other)
        )
    } else if share > ENOUGH {
        format!(
            " {better} is still not enough: {} of its rollouts fail requests.",
            percent(share)
        )
    } else {
        String::new()
    }
}

/// A rollout that fails requests more often than this is not good, however bad the other is.
const ENOUGH: f64 = 0.05;

/// The settings that differ, for people.
fn what_differs(differences: &[(String, String, String)]) -> String {
    if differences.is_empty() {
        return "No setting differs.\n".to_owned();
    }
    let heading = ["What differs", "A", "B"].map(str::to_owned);
    let rows: Vec<[String; 3]> = std::iter::once(heading)
        .chain(
            differences
                .iter()
                .map(|(key, a, b)| [key, a, b].map(|cell| escape::line(cell))),
        )
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    let mut text = String::new();
    for [key, a, b] in &rows {
        let mark = if is_load(key) {
            "   <- not the same load"
        } else {
            ""
        };
        let _ = writeln!(text, "{key:<first$}  {a:<second$}  {b}{mark}");
    }
    text
}

fn differences_piped(differences: &[(String, String, String)]) -> String {
    let mut rows = vec![["What differs", "A", "B"].map(str::to_owned).to_vec()];
    rows.extend(
        differences
            .iter()
            .map(|(key, a, b)| vec![key.clone(), a.clone(), b.clone()]),
    );
    if differences.is_empty() {
        String::new()
    } else {
        format!("{}\n", piped(&rows))
    }
}

/// Columns as wide as they have to be: names on the left, numbers on the right, remarks after them.
fn right_aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                if column == 0 || column + 1 == columns {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// What the answer leaves out.
fn too_early(comparison: &Comparison) -> String {
    let early = |(name, share): (&str, f64)| {
        let warning = format!(
            " Warning: in {} of rollouts of {name} the load ends before the rollout is over; what it costs later is not \
             counted.",
            percent(share)
        );
        (share > 0.0).then_some(warning)
    };
    ["A", "B"]
        .into_iter()
        .zip(comparison.cut_short)
        .filter_map(early)
        .collect()
}

fn answer(compared: &Compared<'_>) -> String {
    let comparison = compared.comparison;
    let (pairs, at_level) = (number_of(comparison.pairs, "pair"), level(comparison.level));
    let found = || found(&comparison.failed, &at_level);
    let (a, b) = (escape::line(compared.a.0), escape::line(compared.b.0));
    let means = [comparison.failed.b, comparison.failed.a].map(amount);
    let means = format!(
        "{} instead of {} of A, {a}: {pairs} under the same chance",
        means[0], means[1]
    );
    match comparison.answer {
        Answer::Fewer => format!("B, {b}, costs fewer{}: {means}.", found()),
        Answer::More => format!("B, {b}, costs more{}: {means}.", found()),
        Answer::Undecided => {
            format!(
                "{pairs} under the same chance do not tell which costs fewer 5xx: A, {a}, or B, {b}."
            )
        }
        Answer::Same => format!(
            "In none of {pairs} under the same chance do A, {a}, and B, {b}, differ in their 5xx: they do in at most {} of rollouts ({at_level} confidence).",
            percent(comparison.unseen())
        ),
    }
}

/// By how much the second costs fewer or more; where too few pairs differ for an interval, what they say instead.
fn found(failed: &Row, at_level: &str) -> String {
    let Some(difference) = failed.difference else {
        return String::new();
    };
    match difference
        .interval
        .map(|(low, high)| (low.abs(), high.abs()))
    {
        Some((a, b)) => {
            let (mean, interval) = (amount(difference.mean.abs()), range(a.min(b), a.max(b)));
            format!(", by {mean} 5xx a rollout ({at_level} interval {interval})")
        }
        None => format!(
            " in all {} that differ",
            number_of(failed.differing, "pair")
        ),
    }
}

fn table(compared: &Compared<'_>) -> Vec<Vec<String>> {
    let comparison = compared.comparison;
    let interval = format!("{} interval", level(comparison.level));
    let mut rows = vec![
        [
            "a rollout",
            "A",
            "B",
            "B − A",
            &interval,
            "pairs differ",
            "",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let share = |value: f64| percent(value);
    for row in &comparison.requests {
        rows.push(cells(row, &amount));
    }
    rows.push(cells(&comparison.failed, &amount));
    rows.push(cells(&comparison.any_5xx, &share));
    rows.extend(comparison.rollout.iter().map(|row| cells(row, &amount)));
    rows
}

fn cells(row: &Row, number: &dyn Fn(f64) -> String) -> Vec<String> {
    let signed = |value: f64| match value {
        _ if value > 0.0 => format!("+{}", number(value)),
        _ if value < 0.0 => format!("−{}", number(-value)),
        _ => "0".to_owned(),
    };
    let (difference, interval) = match row.difference {
        Some(_) if row.differing == 0 => ("0".to_owned(), "–".to_owned()),
        Some(difference) => {
            let interval = difference
                .interval
                .map(|(low, high)| format!("{} to {}", signed(low), signed(high)));
            (
                signed(difference.mean),
                interval.unwrap_or_else(|| "–".to_owned()),
            )
        }
        None => ("–".to_owned(), "–".to_owned()),
    };
    let [a, b] = [row.a, row.b].map(|value| {
        if row.pairs == 0 {
            "–".to_owned()
        } else {
            number(value)
        }
    });
    let name = if row.is_cause {
        format!("  {}", row.name)
    } else {
        row.name.clone()
    };
    let differing = row.differing.to_string();
    let mark = if row.is_significant || row.differing == 0 {
        ""
    } else {
        "not sure"
    };
    vec![name, a, b, difference, interval, differing, mark.to_owned()]
}

fn remarks(comparison: &Comparison) -> String {
    let ratio = comparison
        .failed
        .difference
        .and_then(|difference| difference.variance_ratio);
    let mut text = String::new();
    if let Some(ratio) = ratio {
        let _ = write!(
            text,
            "Shared chance made each pair worth {} pairs of independent runs (variance ratio of all 5xx). ",
            amount(ratio)
        );
    }
    let _ = write!(
        text,
        "\"Any 5xx\" is judged at {}; the other rows at a level raised so that all of them together err as rarely.",
        level(comparison.level)
    );
    text
}

fn footer(compared: &Compared<'_>) -> String {
    format!(
        "rollcast {} · seed {} · {} · engine {} · A {} · B {}",
        env!("CARGO_PKG_VERSION"),
        compared.seed,
        number_of(compared.comparison.pairs, "pair"),
        compared.engine,
        compared.a.1,
        compared.b.1
    )
}
