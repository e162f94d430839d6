//! `check -o text`: for people.

use super::{Checked, closing, evidence, left_out, place, remark, verdict};
use super::{cost, price, table};
use crate::check::{Finding, Judgement, Report, Severity};
use crate::escape;
use crate::report::figures::{amount, percent, wrapped};
use crate::report::recommend::phrase;

/// How much of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    /// Notes that cost nothing, too.
    pub notes: bool,
    /// For each configuration what leads to it and the verdict in a sentence, whether or not the table says it.
    pub sentences: bool,
}

/// What a goal that is met leaves; the findings with their lines; and all that was looked at in a table.
pub fn render(report: &Report) -> String {
    render_as(report, Shown::default())
}

/// The same, as much of it as is asked for.
pub fn render_as(report: &Report, shown: Shown) -> String {
    let settled = report.settled.iter().map(|words| paragraph(words));
    let left = report.checked.iter().filter_map(still_fails);
    let mut text: String = settled.chain(left).collect();
    if !text.is_empty() {
        text.push('\n');
    }
    // Why a rule is one is said once.
    let mut explained: Vec<&str> = Vec::new();
    for one in &report.checked {
        if let Some(exposure) = one.exposure.as_ref().filter(|_| shown.sentences) {
            text.push_str(&format!("{}\n\n", escape::line(exposure)));
        }
        for finding in one
            .findings
            .iter()
            .filter(|one| shown.notes || !is_free(one))
        {
            text.push_str(&block(one, finding, !explained.contains(&finding.rule.id)));
            explained.push(finding.rule.id);
        }
        if shown.sentences || is_special(one) {
            text.push_str(&paragraph(&format!("{}: {}", one.name, verdict(one))));
        }
        for noticed in &one.remarks {
            text.push_str(&paragraph(&format!("Noticed: {}", remark(noticed))));
        }
        if !text.is_empty() && !text.ends_with("\n\n") {
            text.push('\n');
        }
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
    text.push_str(&table::render(report));
    text.push_str(&closing(report, shown.notes));
    escape::lines(&text)
}

/// Columns of a line.
const WIDTH: usize = 80;

fn paragraph(words: &str) -> String {
    wrapped(words, 0, WIDTH)
}

/// A met goal that fails a request in more than one rollout of a hundred is not passed over.
fn still_fails(checked: &Checked) -> Option<String> {
    let left = super::left(checked)?;
    Some(paragraph(&format!(
        "{} meets its goal, {left}.",
        checked.name
    )))
}

/// A note that nobody has to act on: it costs nothing here, or nothing that can be simulated.
pub(super) fn is_free(finding: &Finding) -> bool {
    finding.ignored.is_none() && finding.severity == Severity::Note && finding.advice.is_none()
}

/// What the table does not say.
fn is_special(checked: &Checked) -> bool {
    let Ok(judgement) = &checked.judgement else {
        return true;
    };
    let Judgement {
        completes,
        cut_short,
        hook,
        ..
    } = judgement;
    let is_left = super::no_fix_is_enough(checked, judgement);
    hook.is_some() || completes.hits < completes.n || cut_short.hits > 0 || is_left
}

fn block(checked: &Checked, finding: &Finding, is_new: bool) -> String {
    let (rule, spot) = (finding.rule, &finding.spot);
    let margin = " ".repeat(spot.row.to_string().len());
    let mut text = title(checked, finding);
    text.push_str(&format!("{margin} --> {}\n", place(spot)));
    text.push_str(&source_line(finding, &margin));
    let mut entry = |head: &str, words: &str| {
        let head = format!("{margin} = {head}");
        let indent = head.chars().count();
        let words = wrapped(words, indent, WIDTH);
        text.push_str(&format!("{head}{}", words.trim_start()));
    };
    if let Some(reason) = &finding.ignored {
        entry("ignored: ", &escape::line(reason));
        text.push('\n');
        return text;
    }
    if let Some(weighed) = &finding.evidence {
        if weighed.helps() {
            let price = price(weighed).map(|price| format!("; the price: {price}"));
            let (now, fixed) = (cost(&weighed.now), cost(&weighed.fixed));
            let price = price.unwrap_or_default();
            entry(
                "",
                &format!("now {now} a rollout, with the fix {fixed}{price}"),
            );
        } else {
            entry("", &evidence(weighed));
        }
    }
    if is_new {
        entry("why: ", rule.explanation);
        if let Some(need) = &finding.need {
            entry("lag: ", &need.to_string());
        }
    }
    if !finding.fix.is_empty() {
        let settings = finding
            .fix
            .iter()
            .map(|edit| (edit.key.to_owned(), edit.value.clone()))
            .collect();
        entry("fix: ", &phrase(&settings).0);
    }
    if let Some(advice) = &finding.advice {
        entry("by hand: ", advice);
    }
    if is_new {
        entry("more: ", &format!("rollcast explain {}", rule.id));
    }
    text.push('\n');
    text
}

/// `error[RL001]: checkout: there is no preStop hook: 804 requests fail in a rollout`.
fn title(checked: &Checked, finding: &Finding) -> String {
    let severity = match finding.ignored {
        Some(_) => "ignored",
        None => finding.severity.name(),
    };
    let helps = finding
        .evidence
        .as_ref()
        .is_some_and(crate::check::Evidence::helps);
    let cost = match &checked.judgement {
        Ok(judgement) if helps && finding.ignored.is_none() => format!(": {}", fails(judgement)),
        _ => String::new(),
    };
    paragraph(&format!(
        "{severity}[{}]: {}: {}{cost}",
        finding.rule.id,
        escape::line(&checked.name),
        escape::line(&finding.message)
    ))
}

/// What a rollout costs, in the words that tell most: a number where most rollouts fail requests, else how many do.
fn fails(judgement: &Judgement) -> String {
    let share = 1.0 - judgement.clean.probability;
    if share >= 0.5 {
        format!("{} requests fail in a rollout", amount(judgement.now.mean))
    } else {
        format!("{} of rollouts fail requests", percent(share))
    }
}

/// The line of the file, with a mark below the value.
fn source_line(finding: &Finding, margin: &str) -> String {
    const LONGEST: usize = 120;
    let spot = &finding.spot;
    if spot.line.is_empty() {
        return String::new();
    }
    let shown = |letter: char| {
        if escape::is_obeyed(letter) {
            ' '
        } else {
            letter
        }
    };
    let line: String = spot.line.chars().take(LONGEST).map(shown).collect();
    let before = spot.column.saturating_sub(1);
    let value = line.chars().skip(before);
    let marked = value.take_while(|letter| !letter.is_whitespace()).count();
    let marks = match before {
        _ if marked == 0 => String::new(),
        _ => format!(" {}{}", " ".repeat(before), "^".repeat(marked)),
    };
    format!("{margin} |\n{} | {line}\n{margin} |{marks}\n", spot.row)
}
