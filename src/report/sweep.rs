//! `sweep`: the answer in a sentence and the points below it, for a terminal or a pull request.

use std::fmt::Write;

use super::figures::{amount, level, number_of, percent, range, wrapped};
use super::sweep_finding::{answer, chosen, goal, remarks};
use crate::escape;
use crate::scenario::objectives::Attainment;
use crate::stats::zero_inflated::FEWEST;
use crate::stats::{IfAny, zero_bound};
use crate::sweep::{Axis, Design, Survey, Totals};

/// Lines of sentences are no longer than this.
const WIDTH: usize = 100;

/// More points than this are not listed for people: CSV and JSON have them.
const MOST_ROWS: usize = 400;

/// `-o text`.
pub fn text(survey: &Survey) -> String {
    let finding = format!("{} {}", answer(survey), remarks(survey));
    let mut text = format!("{}\n", wrapped(&finding, 0, WIDTH));
    match table(survey) {
        Some(rows) => text.push_str(&with_bars(survey, &rows)),
        None => text.push_str(&format!(
            "-o csv has the {}.\n",
            number_of(survey.totals.len() as u64, "point")
        )),
    }
    let _ = write!(text, "\n{}", wrapped(&goal(survey), 0, WIDTH));
    if let Some(rows) = sensitivity(survey) {
        text.push_str(
            "\nWhich setting moves mean 5xx most: share of the variance over the sample\n",
        );
        text.push_str(&aligned(&rows));
    }
    text.push_str(&assumed(survey));
    let _ = writeln!(text, "\n{}", footer(survey));
    escape::lines(&text)
}

/// `-o markdown`: `charts` are titles and the paths that they are linked by.
pub fn markdown(survey: &Survey, charts: &[(String, String)]) -> String {
    let mut text = format!(
        "## {}\n\n{} {}\n\n{}\n",
        escape::markdown(&title(survey)),
        escape::markdown(&answer(survey)),
        escape::markdown(&remarks(survey)),
        escape::markdown(&goal(survey))
    );
    for (title, path) in charts {
        let _ = write!(text, "\n![{}]({path})\n", escape::markdown(title));
    }
    if let Some(rows) = sensitivity(survey) {
        let _ = write!(
            text,
            "\nShare of the variance of mean 5xx over the sample:\n\n{}",
            piped(&rows)
        );
    }
    if let Some(rows) = table(survey) {
        let _ = write!(
            text,
            "\n<details><summary>{}</summary>\n\n{}\n</details>\n",
            number_of(survey.totals.len() as u64, "point"),
            piped(&rows)
        );
    }
    if !survey.assumptions.is_empty() {
        text.push_str("\nNeither given nor published, so assumed:\n\n");
        for assumption in &survey.assumptions {
            let _ = writeln!(
                text,
                "- {} ({}): {}",
                escape::markdown_code(&format!("{} = {}", assumption.key, assumption.value)),
                assumption.grade,
                assumption.source
            );
        }
    }
    let _ = writeln!(text, "\n<sub>{}</sub>", escape::markdown(&footer(survey)));
    escape::lines(&text)
}

fn title(survey: &Survey) -> String {
    let axes: Vec<_> = survey.plan.axes.iter().map(Axis::words).collect();
    format!("{}: {}", escape::line(&survey.scenario), axes.join(" × "))
}

/// Whether a point keeps to the objective, by the one-sided bounds at the survey's level.
pub(crate) fn attainment(survey: &Survey, totals: &Totals) -> Attainment {
    let two_sided = (2.0 * survey.budget.level - 1.0).max(0.02);
    let within = totals.within(survey.objectives.max_5xx_per_rollout, two_sided);
    let is_known = totals.cut_short.sum == 0;
    within.map_or(Attainment::Unclear, |within| {
        survey.objectives.judge((within.low, within.high), is_known)
    })
}

/// Rows of cells, the first of them the heading; `None` if they are too many.
pub(super) fn table(survey: &Survey) -> Option<Vec<Vec<String>>> {
    if survey.totals.len() > MOST_ROWS || survey.plan.design != Design::Grid {
        return None;
    }
    let axes = survey.plan.axes.iter().map(Axis::words);
    let interval = format!("{} of it", level(survey.budget.level));
    let numbers = [
        "5xx a rollout",
        &interval,
        "rollouts with any",
        "goal",
        "old pods gone after",
    ];
    let mut rows = vec![axes.chain(numbers.map(str::to_owned)).collect::<Vec<_>>()];
    for (point, totals) in survey.plan.points.iter().zip(&survey.totals) {
        let axes = survey.plan.axes.iter().zip(&point.rows);
        let values = axes.map(|(axis, row)| axis.label(*row));
        rows.push(values.chain(cells(survey, totals)).collect());
    }
    Some(rows)
}

fn cells(survey: &Survey, totals: &Totals) -> [String; 5] {
    let level = survey.budget.level;
    let none = totals.failed.sum == 0;
    let interval = match (totals.mean_interval(level), totals.if_any()) {
        (Some((low, high)), _) => range(low, high),
        (None, Some(few)) if few.runs < FEWEST => format!("{} if any", span_of(&few)),
        _ => "–".to_owned(),
    };
    let any = totals
        .any_5xx(level)
        .map_or_else(String::new, |any| match any.hits {
            0 => format!("at most {}", percent(zero_bound(any.n, level))),
            _ => percent(any.probability),
        });
    [
        if none {
            "none".to_owned()
        } else {
            amount(totals.failed.mean())
        },
        interval,
        any,
        attainment(survey, totals).word().to_owned(),
        totals
            .old_pods_gone
            .mean_secs()
            .map_or_else(|| "never".to_owned(), |secs| format!("{} s", amount(secs))),
    ]
}

fn span_of(few: &IfAny) -> String {
    if few.min == few.max {
        amount(few.min)
    } else {
        range(few.min, few.max)
    }
}

/// The table with numbers at the right of their columns, a bar for each mean, and the point that is enough marked.
fn with_bars(survey: &Survey, rows: &[Vec<String>]) -> String {
    let bars = Bars::of(survey.totals.iter().map(|totals| totals.failed.mean()));
    let keys = survey.plan.axes.len();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let enough = chosen(survey);
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column < keys {
                write!(text, "{cell:<width$}  ")
            } else {
                write!(text, "{cell:>width$}  ")
            };
        }
        match number.checked_sub(1) {
            None => text.push_str(bars.name()),
            Some(point) => {
                text.push_str(&bars.bar(survey.totals[point].failed.mean()));
                if enough == Some(point) {
                    text.push_str(" <- enough");
                }
            }
        }
        let end = text.trim_end().len();
        text.truncate(end);
        text.push('\n');
    }
    text
}

/// Bars of `#` for means: of a logarithmic scale where they span more than a decade.
struct Bars {
    least: f64,
    most: f64,
}

impl Bars {
    const LONGEST: f64 = 14.0;

    fn of(means: impl Iterator<Item = f64>) -> Bars {
        let positive = means.filter(|mean| *mean > 0.0);
        let (least, most) = positive.fold((f64::MAX, 0.0), |(least, most): (f64, f64), mean| {
            (least.min(mean), most.max(mean))
        });
        Bars { least, most }
    }

    fn is_logarithmic(&self) -> bool {
        self.most > 10.0 * self.least
    }

    fn name(&self) -> &'static str {
        if self.is_logarithmic() {
            "(log scale)"
        } else {
            ""
        }
    }

    /// At least one for what is not zero.
    fn bar(&self, mean: f64) -> String {
        let share = match mean {
            _ if mean <= 0.0 => return String::new(),
            _ if self.is_logarithmic() => (mean / self.least).ln() / (self.most / self.least).ln(),
            _ => mean / self.most,
        };
        "#".repeat((share * Self::LONGEST).round().max(1.0) as usize)
    }
}

/// A row for each axis; a share that the sample is too small for is a dash. `None` of a grid.
pub(super) fn sensitivity(survey: &Survey) -> Option<Vec<Vec<String>>> {
    let indices = survey.sensitivity()?;
    let interval = format!("{} interval", level(survey.budget.level));
    let mut rows = vec![
        ["setting", "on its own", &interval, "with others", &interval]
            .map(str::to_owned)
            .to_vec(),
    ];
    let share = |value: f64| format!("{:.0} %", value * 100.0);
    for (axis, indices) in survey.plan.axes.iter().zip(indices) {
        let cells = [indices.first_order, indices.total].map(|estimate| {
            let Some(known) = estimate.known() else {
                return ["–".to_owned(), "too few rows".to_owned()];
            };
            [
                share(known.value),
                format!("{} to {}", share(known.low), share(known.high)),
            ]
        });
        rows.push(
            std::iter::once(axis.name())
                .chain(cells.into_iter().flatten())
                .collect(),
        );
    }
    Some(rows)
}

fn assumed(survey: &Survey) -> String {
    if survey.assumptions.is_empty() {
        return String::new();
    }
    let values: Vec<_> = survey
        .assumptions
        .iter()
        .map(|assumption| format!("{} = {}", assumption.key, assumption.value))
        .collect();
    format!(
        "\n{}",
        wrapped(
            &format!(
                "Neither given nor published, so assumed: {}.",
                values.join(", ")
            ),
            0,
            WIDTH
        )
    )
}

/// What proves that two people ran the same thing.
pub(super) fn footer(survey: &Survey) -> String {
    format!(
        "{} · rollcast {} · seed {} · {}, {} · engine {} · scenario {} · fingerprint {}",
        survey.scenario,
        survey.version,
        survey.seed,
        number_of(survey.totals.len() as u64, "point"),
        number_of(survey.runs(), "run"),
        survey.engine,
        survey.digest,
        survey.fingerprint()
    )
}

/// Columns as wide as their widest cell.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
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
            .map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// A table of GitHub's Markdown.
pub(super) fn piped(rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells: Vec<_> = row.iter().map(|cell| escape::markdown(cell)).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if number == 0 {
            let _ = writeln!(text, "|{}", " --- |".repeat(row.len()));
        }
    }
    text
}
