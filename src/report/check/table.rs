//! All that was looked at, in columns for a terminal: the good ones, too, since silence could mean "not looked at".

use super::{entrance, objective};
use crate::check::{Checked, Report, Verdict};
use crate::escape;
use crate::report::figures::{amount, percent};

/// The table, and an empty line after it; nothing of nothing.
pub(super) fn render(report: &Report) -> String {
    if report.checked.is_empty() && report.left_out.is_empty() {
        return String::new();
    }
    let first = report.checked.first().map(|one| &one.objectives);
    let is_common = report
        .checked
        .iter()
        .all(|one| Some(&one.objectives) == first);
    let goal = match report.checked.first().filter(|_| is_common) {
        Some(one) => format!("goal: {}", objective(one)),
        None => "goal".to_owned(),
    };
    let mut rows = vec![[
        "service".to_owned(),
        "entrance".to_owned(),
        "5xx a rollout".to_owned(),
        "all fixes".to_owned(),
        "without any".to_owned(),
        goal,
    ]];
    rows.extend(report.checked.iter().map(|one| row(one, is_common)));
    rows.extend(report.left_out.iter().map(|omission| {
        let verdict = if omission.is_open {
            "not forecast"
        } else {
            "left out"
        };
        [omission.object.as_str(), "-", "-", "-", "-", verdict].map(str::to_owned)
    }));
    let rows: Vec<[String; 6]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| escape::line(cell)))
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for [name, entrance, now, fixed, clean, verdict] in &rows {
        let line = format!(
            "{name:0$}  {entrance:1$}  {now:>2$}  {fixed:>3$}  {clean:>4$}  {verdict}",
            widths[0], widths[1], widths[2], widths[3], widths[4]
        );
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    text.push('\n');
    text
}

fn row(one: &Checked, is_common: bool) -> [String; 6] {
    let nothing = || "-".to_owned();
    let mean = |mean: f64| {
        if mean == 0.0 {
            "none".to_owned()
        } else {
            amount(mean)
        }
    };
    let [now, fixed, clean, verdict] = match &one.judgement {
        Ok(judgement) => {
            let clean = &judgement.clean;
            let word = match judgement.verdict {
                Verdict::Met => "met",
                Verdict::Missed => "missed",
                Verdict::Inconclusive => "unclear",
            };
            [
                mean(judgement.now.mean),
                match &judgement.all_fixes {
                    Some((fixed, _)) => mean(fixed.mean),
                    None => nothing(),
                },
                match clean.hits == clean.n {
                    true => format!("{} or more", percent(clean.low)),
                    false => percent(clean.probability),
                },
                match is_common {
                    true => word.to_owned(),
                    false => format!("{word}: {}", objective(one)),
                },
            ]
        }
        Err(_) => [nothing(), nothing(), nothing(), "not simulated".to_owned()],
    };
    [one.name.clone(), entrance(one), now, fixed, clean, verdict]
}
