//! `check -o text`: for people.

use super::{edits, evidence, left_out, overview, place, remark, tally, verdict};
use crate::check::{Checked, Finding, Report, Severity};
use crate::escape;
use crate::report::figures::wrapped;

/// For each configuration what leads to it, its findings with their lines, and the verdict; then all in a table.
pub fn render(report: &Report) -> String {
    let mut text: String = report
        .settled
        .iter()
        .map(|words| paragraph(words))
        .collect();
    if !text.is_empty() {
        text.push('\n');
    }
    // Why a rule is one is said once.
    let mut explained: Vec<&str> = Vec::new();
    for one in &report.checked {
        if let Some(exposure) = &one.exposure {
            text.push_str(&format!("{}\n\n", escape::line(exposure)));
        }
        for finding in &one.findings {
            let is_new = !explained.contains(&finding.rule.id);
            text.push_str(&if is_brief(finding) {
                line(one, finding)
            } else {
                block(one, finding, is_new)
            });
            explained.push(finding.rule.id);
        }
        if one.findings.last().is_some_and(is_brief) {
            text.push('\n');
        }
        text.push_str(&paragraph(&format!("{}: {}", one.name, verdict(one))));
        for noticed in &one.remarks {
            text.push_str(&paragraph(&format!("Noticed: {}", remark(noticed))));
        }
        if !one.asked.is_empty() {
            text.push_str(&paragraph(&format!(
                "Assumed, since no manifest says it: {}.",
                one.asked.join(", ")
            )));
        }
        if let Some(patch) = &one.patch {
            text.push_str("Patch, with every fix:\n");
            patch
                .lines()
                .for_each(|line| text.push_str(&format!("    {line}\n")));
        }
        text.push('\n');
    }
    for noticed in &report.remarks {
        text.push_str(&paragraph(&format!("Noticed: {}", remark(noticed))));
    }
    for omission in &report.left_out {
        text.push_str(&paragraph(&format!("Not forecast: {}", left_out(omission))));
    }
    if !(report.left_out.is_empty() && report.remarks.is_empty()) {
        text.push('\n');
    }
    text.push_str(&table(report));
    text.push_str(&format!("{}\n", tally(report)));
    escape::lines(&text)
}

/// Columns of a line.
const WIDTH: usize = 100;

fn paragraph(words: &str) -> String {
    wrapped(words, 0, WIDTH)
}

/// What removes nothing takes a line.
fn is_brief(finding: &Finding) -> bool {
    finding.ignored.is_none()
        && finding.severity == Severity::Note
        && finding
            .evidence
            .as_ref()
            .is_some_and(|evidence| !evidence.helps())
}

fn line(checked: &Checked, finding: &Finding) -> String {
    let (id, name) = (finding.rule.id, finding.rule.name);
    paragraph(&format!(
        "{} {id} {name}: {}: {}; to mend it removes nothing here ({})",
        finding.severity.name(),
        checked.name,
        finding.message,
        place(&finding.spot)
    ))
}

fn block(checked: &Checked, finding: &Finding, is_new: bool) -> String {
    let (rule, spot) = (finding.rule, &finding.spot);
    let severity = if finding.ignored.is_some() {
        "ignored"
    } else {
        finding.severity.name()
    };
    let mut text = format!(
        "{severity} {} {}: {}: {}\n",
        rule.id,
        rule.name,
        escape::line(&checked.name),
        escape::line(&finding.message)
    );
    let margin = " ".repeat(spot.row.to_string().len());
    text.push_str(&format!("{margin} --> {}\n", place(spot)));
    if !spot.line.is_empty() {
        let line: String = spot
            .line
            .chars()
            .take(120)
            .map(|letter| {
                if escape::is_obeyed(letter) {
                    ' '
                } else {
                    letter
                }
            })
            .collect();
        text.push_str(&format!("{margin} |\n{} | {line}\n{margin} |\n", spot.row));
    }
    if let Some(reason) = &finding.ignored {
        text.push_str(&format!("{margin} = ignored: {}\n\n", escape::line(reason)));
        return text;
    }
    if let Some(weighed) = &finding.evidence {
        let words = wrapped(&evidence(weighed), 0, WIDTH - 3 - margin.len());
        text.push_str(&format!(
            "{margin} = {}\n",
            words.trim_end().replace('\n', &format!("\n{margin}   "))
        ));
    }
    if is_new {
        let why = wrapped(rule.explanation, 0, WIDTH - 9 - margin.len());
        text.push_str(&format!(
            "{margin} = why: {}\n",
            why.trim_end().replace('\n', &format!("\n{margin}        "))
        ));
        text.push_str(&format!("{margin} = source: {}\n", rule.source));
    }
    if !finding.fix.is_empty() {
        text.push_str(&format!("{margin} = fix: {}\n", edits(&finding.fix)));
    }
    if let Some(advice) = &finding.advice {
        let words = wrapped(advice, 0, WIDTH - 13 - margin.len());
        text.push_str(&format!(
            "{margin} = by hand: {}\n",
            words
                .trim_end()
                .replace('\n', &format!("\n{margin}            "))
        ));
    }
    text.push('\n');
    text
}

/// All that was looked at, in columns; one alone needs none.
fn table(report: &Report) -> String {
    let rows: Vec<[String; 5]> = overview(report)
        .iter()
        .map(|row| row.each_ref().map(|cell| escape::line(cell)))
        .collect();
    if rows.len() < 3 {
        return String::new();
    }
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let [name, entrance, now, fixed, verdict] = row;
        let line = format!(
            "{name:0$}  {entrance:1$}  {now:>2$}  {fixed:>3$}  {verdict}",
            widths[0], widths[1], widths[2], widths[3]
        );
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    text.push('\n');
    text
}
