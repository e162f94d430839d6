//! `compare`: which of two costs fewer 5xx, in a sentence, and the differences that it comes from.

use std::fmt::Write;

use serde_json::{Value, json};

use super::figures::{amount, json_number, level, number_of, percent, range, wrapped};
use super::sweep::{aligned, piped};
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
        "A {}\nB {}\n{}\n{}{}\n{}\n",
        escape::line(compared.a.0),
        escape::line(compared.b.0),
        wrapped(&sentence(compared), 0, WIDTH),
        aligned(&rows),
        wrapped(&remarks(compared.comparison), 0, WIDTH),
        footer(compared)
    );
    escape::lines(&text)
}

/// `-o markdown`.
pub fn markdown(compared: &Compared<'_>) -> String {
    let text = format!(
        "## A {}, B {}\n\n{}\n\n{}\n{}\n\n<sub>{}</sub>\n",
        escape::markdown_code(compared.a.0),
        escape::markdown_code(compared.b.0),
        sentence(compared),
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
    answer(compared) + &too_early(compared.comparison)
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
    match comparison.answer {
        Answer::Fewer => format!("B costs fewer{}: {pairs} under the same chance.", found()),
        Answer::More => format!("B costs more{}: {pairs} under the same chance.", found()),
        Answer::Undecided => {
            format!("{pairs} under the same chance do not tell which costs fewer 5xx.")
        }
        Answer::Same => format!(
            "In none of {pairs} under the same chance do the two differ in their 5xx: they do in at most {} of rollouts ({at_level} confidence).",
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
            "pairs that differ",
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
    let differing = format!("{} of {}", row.differing, row.pairs);
    let mark = if row.is_significant {
        "significant"
    } else {
        ""
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
