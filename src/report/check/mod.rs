//! What `check` found, one file for each format.

pub mod github;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod sarif;
mod table;
pub mod text;

use super::figures::{about, amount, exact, grouped, level, number_of, percent, range, wrapped};
use crate::check::{
    Checked, Edit, Evidence, Finding, HookEnds, Judgement, Omission, Remark, Report, Severity,
    Spot, Verdict,
};
use crate::escape;
use crate::stats::{Proportion, Summary, zero_bound};

/// `file:line:column`.
fn place(spot: &Spot) -> String {
    format!("{}:{}", file_and_row(spot), spot.column)
}

/// `file:line`.
fn file_and_row(spot: &Spot) -> String {
    format!(
        "{}:{}",
        escape::line(&spot.path.to_string_lossy()),
        spot.row
    )
}

/// What a configuration costs now and with a fix, in a sentence.
fn evidence(evidence: &Evidence) -> String {
    let (removed, better) = (&evidence.removed, &evidence.better);
    let (pairs, level) = (number_of(evidence.now.n, "pair"), level(removed.level));
    let costs = format!(
        "simulated in {pairs} of rollouts: {} each now, {} with the fix",
        cost(&evidence.now),
        cost(&evidence.fixed)
    );
    let interval = removed.interval.map_or_else(String::new, |(low, high)| {
        format!(" ({})", range(low, high))
    });
    if evidence.helps() {
        let (fewer, share) = (amount(removed.mean), percent(better.probability));
        let price = price(evidence)
            .map(|price| format!("; the price: {price}"))
            .unwrap_or_default();
        format!(
            "{costs}: {fewer} fewer{interval}, and fewer in {share} of them{price}; intervals at {level}"
        )
    } else if evidence.harms() {
        format!("{costs}: it costs more here, and is not offered; intervals at {level}")
    } else {
        format!("{costs}: it removes nothing here{interval}; intervals at {level}")
    }
}

/// What a fix costs besides: `old pods go 45 s later`.
fn price(evidence: &Evidence) -> Option<String> {
    let later = evidence.old_pods_stay.filter(|later| later.abs() >= 0.5)?;
    let way = if later > 0.0 { "later" } else { "earlier" };
    Some(format!(
        "the last old pod is gone {:.0} s {way}",
        later.abs()
    ))
}

/// `21.3 5xx (7.30 to 35.3)`; of too few rollouts with any for an interval, how many they are and what they cost.
fn cost(counts: &Summary) -> String {
    let any = counts
        .if_any
        .and_then(|any| Some((Proportion::of(any.runs, counts.n, counts.level)?, any)));
    match (counts.mean_interval, any) {
        (Some((low, high)), _) => format!("{} 5xx ({})", amount(counts.mean), range(low, high)),
        (None, Some((share, any))) if share.hits < share.n => {
            format!("any 5xx in {}, if any {}", self::share(&share), about(&any))
        }
        (None, Some((_, any))) => format!("{} 5xx", about(&any)),
        (None, None) => format!(
            "no 5xx (any in at most {})",
            percent(zero_bound(counts.n, counts.level))
        ),
    }
}

/// `pod.pre_stop = 30s, pod.termination_grace_period = 60s`.
fn edits(edits: &[Edit]) -> String {
    edits
        .iter()
        .map(|edit| format!("{} = {}", edit.key, edit.value))
        .collect::<Vec<_>>()
        .join(", ")
}

/// How a configuration stands to its objective, in a sentence.
fn verdict(checked: &Checked) -> String {
    let judgement = match &checked.judgement {
        Ok(judgement) => judgement,
        Err(why) => return format!("not simulated: {why}"),
    };
    let Judgement { within, now, .. } = judgement;
    let hook = judgement.hook.as_ref().map(hook_ends).unwrap_or_default();
    let allowed = checked.objectives.max_5xx_per_rollout;
    let with_fixes = judgement.all_fixes.as_ref().map(|(summary, within)| {
        format!(
            "; with every fix {}, and {} of rollouts",
            cost(summary),
            share(within)
        )
    });
    let further = match no_fix_is_enough(checked, judgement) {
        true => "; no fix of a rule meets it, `rollcast recommend` searches further",
        false => "",
    };
    let Judgement {
        completes,
        cut_short,
        ..
    } = judgement;
    let complete = match completes.hits < completes.n {
        true => format!("; it completes in {}", share(completes)),
        false => String::new(),
    };
    let early = match cut_short.hits {
        0 => String::new(),
        _ => format!(
            "; in {} the load ends before the rollout is over, so what it costs later is not known: leave `load.duration` out",
            share(cut_short)
        ),
    };
    let left = left(checked).map(|left| format!(", {left}"));
    format!(
        "objective {}{}: {hook}{} a rollout; at most {} in {} of rollouts, {} wanted{complete}{early}{}{further}; intervals at {}",
        word(judgement.verdict),
        left.unwrap_or_default(),
        cost(now),
        grouped(allowed),
        share(within),
        exact(checked.objectives.probability),
        with_fixes.unwrap_or_default(),
        level(within.level),
    )
}

/// Rules know what is commonly wrong, not everything that a setting could do.
fn no_fix_is_enough(checked: &Checked, judgement: &Judgement) -> bool {
    let is_left = judgement
        .all_fixes
        .as_ref()
        .is_none_or(|(_, fixed)| fixed.high < checked.objectives.probability);
    judgement.verdict == Verdict::Missed && is_left
}

/// More than one rollout in a hundred that fails a request, where the goal is met for all that.
fn left(checked: &Checked) -> Option<String> {
    const WORTH_SAYING: f64 = 0.01;
    let judgement = checked.judgement.as_ref().ok()?;
    let clean = &judgement.clean;
    let is_silent = judgement.verdict != Verdict::Met || clean.low >= 1.0 - WORTH_SAYING;
    (!is_silent).then(|| match clean.hits < clean.n {
        true => format!(
            "and still {} of rollouts fail a request",
            percent(1.0 - clean.probability)
        ),
        false => format!(
            "though up to {} of rollouts may fail a request",
            percent(1.0 - clean.low)
        ),
    })
}

/// `none in 99 %`, `at most 5 in 95 %`.
fn objective(checked: &Checked) -> String {
    let share = exact(checked.objectives.probability);
    match checked.objectives.max_5xx_per_rollout {
        0 => format!("none in {share}"),
        most => format!("at most {} in {share}", grouped(most)),
    }
}

/// Every fix as patches; nothing where there is none.
pub fn patch(report: &Report) -> String {
    let patches: Vec<&str> = report
        .checked
        .iter()
        .filter_map(|one| one.patch.as_deref())
        .collect();
    escape::lines(&patches.join("---\n"))
}

/// How many miss the goal, what was found, what is assumed, and how to get the patches.
fn closing(report: &Report, all_notes: bool) -> String {
    let checked = &report.checked;
    let missed = checked.iter().filter(|one| {
        let judgement = one.judgement.as_ref();
        judgement.is_ok_and(|judgement| judgement.verdict == Verdict::Missed)
    });
    let mut words = match (missed.count(), checked.len()) {
        (_, 0) => String::new(),
        (0, 1) | (1, 1) => String::new(),
        (missed, all) => format!(
            "{missed} of {} miss the goal; ",
            number_of(all as u64, "service")
        ),
    };
    words.push_str(&tally(report));
    let hidden = || checked.iter().flat_map(Checked::open).any(text::is_free);
    if !all_notes && hidden() {
        words.push_str("; -v shows the notes");
    }
    let mut closing = wrapped(&words, 0, CLOSING);
    let mut asked: Vec<&str> = Vec::new();
    for key in checked.iter().flat_map(|one| &one.asked) {
        if !asked.contains(&key.as_str()) {
            asked.push(key);
        }
    }
    if !asked.is_empty() {
        let words = format!("Assumed where no manifest says it: {}.", asked.join(", "));
        closing += &wrapped(&words, 0, CLOSING);
    }
    match checked.iter().filter(|one| one.patch.is_some()).count() {
        0 => {}
        1 => {
            closing.push_str("Patch, with every fix (-o patch):\n");
            let patch = patch(report);
            patch
                .lines()
                .for_each(|line| closing += &format!("    {line}\n"));
        }
        patches => {
            let words =
                format!("Patches for {patches} of them, with every fix: rollcast check … -o patch");
            closing += &wrapped(&words, 0, CLOSING);
        }
    }
    closing
}

/// Columns of a line of the closing.
const CLOSING: usize = 80;

fn share(within: &Proportion) -> String {
    format!(
        "{} ({} to {})",
        percent(within.probability),
        percent(within.low),
        percent(within.high)
    )
}

/// What a hook that is not read costs at its ends, and which length decides.
fn hook_ends(hook: &HookEnds) -> String {
    let HookEnds {
        what, least, most, ..
    } = hook;
    let decides = match (hook.met_from, hook.met_to) {
        (None, _) => String::new(),
        (Some(from), None) => format!("; it is met from {from} on"),
        (Some(from), Some(to)) => format!("; it is met from {from} to {to}"),
    };
    let ask = match hook.verdict() {
        Verdict::Inconclusive => ", so say how long: --set pod.pre_stop=…",
        Verdict::Met | Verdict::Missed => "",
    };
    format!(
        "{what} is not read: if the pods serve on for {} it is {}, {} a rollout; for {}, {}, {}{decides}{ask}. For {}: ",
        least.serves,
        word(least.verdict),
        cost(&least.now),
        most.serves,
        word(most.verdict),
        cost(&most.now),
        least.serves,
    )
}

/// The verdict in a sentence.
const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Missed => "missed",
        Verdict::Inconclusive => "neither met nor missed for sure",
    }
}

/// Counts by severity: `1 error, 3 warnings, 1 note`. Nothing to check is not nothing found.
fn tally(report: &Report) -> String {
    let open = || report.checked.iter().flat_map(Checked::open);
    let of = |severity: Severity| {
        let count = open()
            .filter(|finding| finding.severity == severity)
            .count();
        (count > 0).then(|| number_of(count as u64, severity.name()))
    };
    let mut parts: Vec<String> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(of)
        .collect();
    if report.checked.is_empty() {
        parts.push("nothing to check".to_owned());
    } else if parts.is_empty() {
        parts.push("no findings".to_owned());
    }
    let undecided = report
        .left_out
        .iter()
        .filter(|omission| omission.is_open)
        .count();
    if undecided > 0 {
        parts.push(format!(
            "{} not forecast",
            number_of(undecided as u64, "object")
        ));
    }
    parts.join(", ")
}

/// What was noticed, with its place.
fn remark(remark: &Remark) -> String {
    format!("{}: {}", file_and_row(&remark.spot), remark.words)
}

/// What was not forecast, with its place and the reason.
fn left_out(omission: &Omission) -> String {
    format!(
        "{} ({}): {}",
        omission.object,
        file_and_row(&omission.spot),
        omission.why
    )
}

/// All that was looked at, a row each, beneath the names of the columns: service, entrance, 5xx now, 5xx with every
/// fix, verdict.
fn overview(report: &Report) -> Vec<[String; 5]> {
    let mut rows = vec![
        [
            "service",
            "entrance",
            "5xx now",
            "with every fix",
            "verdict",
        ]
        .map(str::to_owned),
    ];
    rows.extend(report.checked.iter().map(row_of_checked));
    rows.extend(report.left_out.iter().map(|omission| {
        let verdict = if omission.is_open {
            "not forecast"
        } else {
            "left out"
        };
        [omission.object.as_str(), "-", "-", "-", verdict].map(str::to_owned)
    }));
    rows
}

/// What leads to a service, in short.
fn entrance(one: &Checked) -> String {
    one.exposure.as_ref().map_or_else(
        || "-".to_owned(),
        |route| {
            route
                .split(" → ")
                .next()
                .unwrap_or_default()
                .split(';')
                .next()
                .unwrap_or_default()
                .to_owned()
        },
    )
}

fn row_of_checked(one: &Checked) -> [String; 5] {
    let nothing = || "-".to_owned();
    let entrance = entrance(one);
    let (now, fixed, verdict) = match &one.judgement {
        Ok(judgement) => (
            amount(judgement.now.mean),
            judgement
                .all_fixes
                .as_ref()
                .map_or_else(nothing, |(fixed, _)| amount(fixed.mean)),
            word(judgement.verdict),
        ),
        Err(_) => (nothing(), nothing(), "not simulated"),
    };
    [one.name.clone(), entrance, now, fixed, verdict.to_owned()]
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
    if let Some(advice) = &finding.advice {
        text.push_str(&format!(". By hand: {advice}"));
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
