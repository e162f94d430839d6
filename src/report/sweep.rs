//! `sweep`: the answer in a sentence and the points below it, for a terminal or a pull request.

use std::fmt::Write;

use super::figures::{about, amount, grouped, level, number_of, percent, range, wrapped};
use crate::escape;
use crate::scenario::objectives::Attainment;
use crate::stats::zero_bound;
use crate::stats::zero_inflated::FEWEST;
use crate::sweep::{Design, Survey, Totals};

/// Lines of sentences are no longer than this.
const WIDTH: usize = 100;

/// More points than this are not listed for people: CSV and JSON have them.
const MOST_ROWS: usize = 400;

/// `-o text`.
pub fn text(survey: &Survey) -> String {
    let mut text = format!(
        "{}\n{}\n",
        title(survey),
        wrapped(&sentence(survey), 0, WIDTH)
    );
    match table(survey) {
        Some(rows) => text.push_str(&aligned(&rows)),
        None => text.push_str(&format!(
            "{} points are too many to list: -o csv has them.\n",
            grouped(survey.totals.len() as u64)
        )),
    }
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
        "## {}\n\n{}\n",
        escape::markdown(&title(survey)),
        escape::markdown(&sentence(survey))
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
    let _ = writeln!(text, "\n<sub>{}</sub>", footer(survey));
    escape::lines(&text)
}

fn title(survey: &Survey) -> String {
    let axes: Vec<_> = survey
        .plan
        .axes
        .iter()
        .map(super::super::sweep::axis::Axis::name)
        .collect();
    format!("{}: {}", escape::line(&survey.scenario), axes.join(" × "))
}

/// Whether a point keeps to the objective, by the one-sided bounds at the survey's level.
pub(super) fn attainment(survey: &Survey, totals: &Totals) -> Attainment {
    let two_sided = (2.0 * survey.budget.level - 1.0).max(0.02);
    let within = totals.within(survey.objectives.max_5xx_per_rollout, two_sided);
    let is_known = totals.cut_short.sum == 0;
    within.map_or(Attainment::Unclear, |within| {
        survey.objectives.judge((within.low, within.high), is_known)
    })
}

fn in_any(survey: &Survey, holds: fn(&Totals) -> bool) -> u64 {
    survey.totals.iter().filter(|totals| holds(totals)).count() as u64
}

fn objective(survey: &Survey) -> String {
    let share = percent(survey.objectives.probability);
    format!(
        "at most {} in {share} of rollouts",
        number_of(survey.objectives.max_5xx_per_rollout, "5xx response")
    )
}

pub(super) fn sentence(survey: &Survey) -> String {
    let points = survey.totals.len();
    let met: Vec<usize> = (0..points)
        .filter(|number| attainment(survey, &survey.totals[*number]) == Attainment::Met)
        .collect();
    let unclear = survey
        .totals
        .iter()
        .filter(|totals| attainment(survey, totals) == Attainment::Unclear)
        .count();
    let gone = |number: &usize| {
        survey.totals[*number]
            .old_pods_gone
            .mean_secs()
            .unwrap_or(f64::INFINITY)
    };
    let quickest = met.iter().min_by(|a, b| gone(a).total_cmp(&gone(b)));
    let at_level = level(survey.budget.level);
    let mut text = match quickest {
        Some(number) => format!(
            "{} of {} meet the objective ({}, {at_level} confidence); the one whose old pods are gone first: {}.",
            grouped(met.len() as u64),
            number_of(points as u64, "point"),
            objective(survey),
            survey.plan.points[*number].name()
        ),
        None => format!(
            "No point is shown to meet the objective ({}, {at_level} confidence).",
            objective(survey)
        ),
    };
    if unclear > 0 {
        let _ = write!(
            text,
            " For {} the runs do not tell.",
            number_of(unclear as u64, "point")
        );
    }
    for (count, what) in [
        (
            in_any(survey, |totals| totals.incomplete.sum > 0),
            "rollouts that do not complete",
        ),
        (
            in_any(survey, |totals| totals.cut_short.sum > 0),
            "rollouts whose load ends before they are over",
        ),
    ] {
        if count > 0 {
            let _ = write!(text, " {} had {what}.", number_of(count, "point"));
        }
    }
    let mean = |number: &usize| survey.totals[*number].failed.mean();
    let worst = (0..points).max_by(|a, b| mean(a).total_cmp(&mean(b)));
    if let Some(worst) = worst.filter(|worst| mean(worst) > 0.0) {
        let name = survey.plan.points[worst].name();
        let _ = write!(
            text,
            " Most 5xx, {} a rollout, at {name}.",
            amount(mean(&worst))
        );
    }
    text
}

/// Rows of cells, the first of them the heading; `None` if they are too many.
pub(super) fn table(survey: &Survey) -> Option<Vec<Vec<String>>> {
    if survey.totals.len() > MOST_ROWS || survey.plan.design != Design::Grid {
        return None;
    }
    let keys = survey
        .plan
        .axes
        .iter()
        .flat_map(|axis| axis.scales.iter().map(|scale| scale.key.clone()));
    let interval = format!("{} interval", level(survey.budget.level));
    let numbers = [
        "5xx a rollout",
        &interval,
        "90 % of rollouts",
        "rollouts with any",
        "objective",
        "old pods gone (s)",
        "runs",
    ];
    let mut rows = vec![keys.chain(numbers.map(str::to_owned)).collect::<Vec<_>>()];
    for (point, totals) in survey.plan.points.iter().zip(&survey.totals) {
        let values = point.settings.iter().map(|(_, value)| value.clone());
        rows.push(values.chain(cells(survey, totals)).collect());
    }
    Some(rows)
}

fn cells(survey: &Survey, totals: &Totals) -> [String; 7] {
    let level = survey.budget.level;
    let none = totals.failed.sum == 0;
    let interval = match (totals.mean_interval(level), totals.if_any()) {
        (Some((low, high)), _) => range(low, high),
        (None, Some(few)) if few.runs < FEWEST => format!("if any, {}", about(&few)),
        _ => "–".to_owned(),
    };
    let quantiles = totals.quantile(0.05).zip(totals.quantile(0.95));
    let any = totals
        .any_5xx(level)
        .map_or_else(String::new, |any| match any.hits {
            0 => format!("at most {}", percent(zero_bound(any.n, level))),
            _ => format!(
                "{} ({} to {})",
                percent(any.probability),
                percent(any.low),
                percent(any.high)
            ),
        });
    [
        if none {
            "none".to_owned()
        } else {
            amount(totals.failed.mean())
        },
        interval,
        quantiles.map_or_else(|| "–".to_owned(), |(low, high)| range(low, high)),
        any,
        attainment(survey, totals).word().to_owned(),
        totals
            .old_pods_gone
            .mean_secs()
            .map_or_else(|| "never".to_owned(), amount),
        grouped(totals.runs()),
    ]
}

fn sensitivity(survey: &Survey) -> Option<Vec<Vec<String>>> {
    let indices = survey.sensitivity()?;
    let interval = format!("{} interval", level(survey.budget.level));
    let mut rows = vec![
        ["setting", "on its own", &interval, "with others", &interval]
            .map(str::to_owned)
            .to_vec(),
    ];
    // Adding zero makes a zero of the negative one that rounding may leave.
    let share = |value: f64| format!("{:.0} %", (value * 100.0).round() + 0.0);
    for (axis, indices) in survey.plan.axes.iter().zip(indices) {
        let cells = [indices.first_order, indices.total].map(|estimate| {
            [
                share(estimate.value),
                format!("{} to {}", share(estimate.low), share(estimate.high)),
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
        "rollcast {} · seed {} · {}, {} · engine {} · scenario {} · fingerprint {}",
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
