//! `check -o text`: for people.

use super::{edits, evidence, place, tally, verdict};
use crate::check::{Checked, Finding};
use crate::escape;
use crate::report::figures::wrapped;

/// Findings with their lines, then the verdict, for each configuration.
pub fn render(checked: &[Checked]) -> String {
    let mut text = String::new();
    for one in checked {
        one.findings.iter().for_each(|finding| text.push_str(&block(one, finding)));
        text.push_str(&wrapped(&format!("{}: {}", one.name, verdict(one)), 0, WIDTH));
        if !one.asked.is_empty() {
            text.push_str(&wrapped(
                &format!("Assumed, since no manifest says it: {}.", one.asked.join(", ")),
                0,
                WIDTH,
            ));
        }
        text.push('\n');
    }
    text.push_str(&format!("{}\n", tally(checked)));
    escape::lines(&text)
}

/// Columns of a line.
const WIDTH: usize = 100;

fn block(checked: &Checked, finding: &Finding) -> String {
    let (rule, spot) = (finding.rule, &finding.spot);
    let severity = if finding.ignored.is_some() { "ignored" } else { finding.severity.name() };
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
        let line: String =
            spot.line.chars().take(120).map(|letter| if escape::is_obeyed(letter) { ' ' } else { letter }).collect();
        text.push_str(&format!("{margin} |\n{} | {line}\n{margin} |\n", spot.row));
    }
    if let Some(reason) = &finding.ignored {
        text.push_str(&format!("{margin} = ignored: {}\n\n", escape::line(reason)));
        return text;
    }
    if let Some(weighed) = &finding.evidence {
        let words = wrapped(&evidence(weighed), 0, WIDTH - 3 - margin.len());
        text.push_str(&format!("{margin} = {}\n", words.trim_end().replace('\n', &format!("\n{margin}   "))));
    }
    let why = wrapped(rule.explanation, 0, WIDTH - 9 - margin.len());
    text.push_str(&format!("{margin} = why: {}\n", why.trim_end().replace('\n', &format!("\n{margin}        "))));
    text.push_str(&format!("{margin} = source: {}\n", rule.source));
    if !finding.fix.is_empty() {
        text.push_str(&format!("{margin} = fix: {}\n", edits(&finding.fix)));
    }
    if let Some(patch) = &finding.patch {
        text.push_str(&format!("{margin} = patch:\n"));
        patch.lines().for_each(|line| text.push_str(&format!("{margin}     {line}\n")));
    }
    text.push('\n');
    text
}
