//! What `check` found, one file for each format.

pub mod github;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod text;

use super::figures::{amount, grouped, level, percent, range};
use crate::check::{Checked, Edit, Evidence, Finding, Judgement, Severity, Spot, Verdict};

/// `file:line:column`.
fn place(spot: &Spot) -> String {
    format!("{}:{}:{}", spot.path.display(), spot.row, spot.column)
}

/// What a fix removes, in a sentence.
fn evidence(evidence: &Evidence) -> String {
    let (removed, better) = (&evidence.removed, &evidence.better);
    let counts = format!("{} 5xx a rollout, {} with the fix", amount(evidence.now.mean), amount(evidence.fixed.mean));
    let interval = format!("{} at {}", range(removed.low, removed.high), level(removed.level));
    if evidence.helps() {
        let share = percent(better.probability);
        format!("simulated: {counts}: {} fewer ({interval}), fewer in {share} of rollouts", amount(removed.mean))
    } else {
        format!("simulated: {counts}: it removes nothing here ({interval})")
    }
}

/// `pod.pre_stop = 30s, pod.termination_grace_period = 60s`.
fn edits(edits: &[Edit]) -> String {
    edits.iter().map(|edit| format!("{} = {}", edit.key, edit.value)).collect::<Vec<_>>().join(", ")
}

/// How a configuration stands to its objective, in a sentence.
fn verdict(checked: &Checked) -> String {
    let judgement = match &checked.judgement {
        Ok(judgement) => judgement,
        Err(why) => return format!("not simulated: {why}"),
    };
    let Judgement { within, now, .. } = judgement;
    let allowed = checked.objectives.max_5xx_per_rollout;
    let mean = match now.mean_interval {
        Some((low, high)) => format!("{} 5xx a rollout ({})", amount(now.mean), range(low, high)),
        None => format!("{} 5xx a rollout", amount(now.mean)),
    };
    let with_fixes = judgement.all_fixes.as_ref().map(|(summary, within)| {
        format!("; with every fix {} 5xx, and {} of rollouts", amount(summary.mean), share(within))
    });
    format!(
        "objective {}: {mean}; at most {} in {} of rollouts, {} wanted{}",
        match judgement.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Inconclusive => "neither met nor missed for sure",
        },
        grouped(allowed),
        share(within),
        percent(checked.objectives.probability),
        with_fixes.unwrap_or_default(),
    )
}

fn share(within: &crate::stats::Proportion) -> String {
    format!("{} ({} to {})", percent(within.probability), percent(within.low), percent(within.high))
}

/// Counts by severity: `1 error, 3 warnings, 1 note`.
fn tally(checked: &[Checked]) -> String {
    let open = || checked.iter().flat_map(Checked::open);
    let of = |severity: Severity| {
        let count = open().filter(|finding| finding.severity == severity).count();
        (count > 0).then(|| super::figures::number_of(count as u64, severity.name()))
    };
    let parts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note].into_iter().filter_map(of).collect();
    if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
}

/// The finding, its place left to the format: message, evidence, fix.
fn paragraph(finding: &Finding) -> String {
    let mut text = finding.message.clone();
    if let Some(weighed) = &finding.evidence {
        text.push_str(&format!(". {}", capital(&evidence(weighed))));
    }
    if !finding.fix.is_empty() {
        text.push_str(&format!(". Fix: {}", edits(&finding.fix)));
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
