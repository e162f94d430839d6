//! What `check` found, one file for each format.

pub mod github;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub mod text;

use super::figures::{amount, grouped, level, number_of, percent, range};
use crate::check::{Checked, Edit, Evidence, Finding, Judgement, Severity, Spot, Verdict};
use crate::escape;
use crate::stats::{Proportion, Summary};

/// `file:line:column`.
fn place(spot: &Spot) -> String {
    format!("{}:{}:{}", escape::line(&spot.path.to_string_lossy()), spot.row, spot.column)
}

/// What a configuration costs now and with a fix, in a sentence.
fn evidence(evidence: &Evidence) -> String {
    let (removed, better) = (&evidence.removed, &evidence.better);
    let (pairs, level) = (number_of(evidence.now.n, "pair"), level(removed.level));
    let costs = format!(
        "simulated in {pairs} of rollouts: {} 5xx each now, {} with the fix",
        mean(&evidence.now),
        mean(&evidence.fixed)
    );
    let interval = range(removed.low, removed.high);
    if evidence.helps() {
        let (fewer, share) = (amount(removed.mean), percent(better.probability));
        format!("{costs}: {fewer} fewer ({interval}), and fewer in {share} of them; intervals at {level}")
    } else {
        format!("{costs}: it removes nothing here ({interval}); intervals at {level}")
    }
}

/// `21.3 (7.30 to 35.3)`.
fn mean(counts: &Summary) -> String {
    match counts.mean_interval {
        Some((low, high)) => format!("{} ({})", amount(counts.mean), range(low, high)),
        None => amount(counts.mean),
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
    let with_fixes = judgement
        .all_fixes
        .as_ref()
        .map(|(summary, within)| format!("; with every fix {} 5xx, and {} of rollouts", mean(summary), share(within)));
    // Rules know what is commonly wrong, not everything that a setting could do.
    let is_left = judgement.all_fixes.as_ref().is_none_or(|(_, fixed)| fixed.high < checked.objectives.probability);
    let further = match judgement.verdict {
        Verdict::Missed if is_left => "; no fix of a rule meets it, `rollcast recommend` searches further",
        _ => "",
    };
    format!(
        "objective {}: {} 5xx a rollout; at most {} in {} of rollouts, {} wanted{}{further}; intervals at {}",
        match judgement.verdict {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Inconclusive => "neither met nor missed for sure",
        },
        mean(now),
        grouped(allowed),
        share(within),
        percent(checked.objectives.probability),
        with_fixes.unwrap_or_default(),
        level(within.level),
    )
}

fn share(within: &Proportion) -> String {
    format!("{} ({} to {})", percent(within.probability), percent(within.low), percent(within.high))
}

/// Counts by severity: `1 error, 3 warnings, 1 note`. Nothing to check is not nothing found.
fn tally(checked: &[Checked]) -> String {
    if checked.is_empty() {
        return "nothing to check".to_owned();
    }
    let open = || checked.iter().flat_map(Checked::open);
    let of = |severity: Severity| {
        let count = open().filter(|finding| finding.severity == severity).count();
        (count > 0).then(|| number_of(count as u64, severity.name()))
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
