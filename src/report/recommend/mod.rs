//! `recommend`: what to change and why, how sure that is, and the change as a patch.

mod json;
mod words;
mod yaml;

use std::fmt::Write;

use super::figures::{about, amount, exact, level, number_of, percent, range, wrapped};
use crate::escape;
use crate::recommend::{Candidate, Change, Prefer, Recommendation, Row, Verdict, why_it_stays};
use crate::scenario::Scenario;
use crate::stats::zero_inflated::FEWEST;
use crate::stats::{Proportion, zero_bound};
use crate::sweep::totals::cause_name;
pub use json::json;
pub(super) use json::need;
use words::in_table;
pub(super) use words::phrase;
pub use yaml::yaml;

/// A terminal's.
const WIDTH: usize = 80;
/// Where the lines of a paragraph with a heading begin.
const BODY: usize = 8;

/// `-o text`: the advice itself, its proof and price, and then what else there is to choose from.
pub fn text(scenario: &Scenario, found: &Recommendation) -> String {
    let parts = [
        wrapped(&headline(scenario, found), 0, WIDTH),
        wrapped(&proof(found), 0, WIDTH),
        headed("Goal", &goal(scenario, found)) + &headed("Prefer", &prefer(found)),
        table(found),
        tries(found),
        headed("Lag", &found.need.to_string()),
        remaining(found),
        patch(scenario, found),
        footer(scenario, found),
    ];
    let written: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    escape::lines(&written.join("\n"))
}

/// A paragraph beside its heading.
fn headed(heading: &str, words: &str) -> String {
    let body = wrapped(words, BODY, WIDTH);
    format!("{heading:<BODY$}{}", body.trim_start())
}

/// The advice, with the values that people type; and what a goal that is met leaves.
fn headline(scenario: &Scenario, found: &Recommendation) -> String {
    let name = escape::line(&scenario.name);
    let settings = &found.chosen().settings;
    let (what, verb) = phrase(settings);
    match (found.verdict(), found.changes_nothing()) {
        (Verdict::Proven, true) => format!("{name}: nothing has to change{}.", left(found)),
        (Verdict::Proven, false) if found.rows[0].verdict == Verdict::Proven => {
            format!(
                "{name}: nothing has to change, and {what} {verb} enough too{}.",
                left(found)
            )
        }
        (Verdict::Proven, false) => format!("{name}: {what} {verb} enough{}.", left(found)),
        (Verdict::Inconclusive, true) => {
            format!("{name}: it may meet the goal as it is, but the runs do not tell.")
        }
        (Verdict::Inconclusive, false) => {
            format!("{name}: {what} may be enough, but the runs do not tell.")
        }
        (Verdict::Unmet, true) => {
            format!("{name}: nothing that was tried meets the goal or comes nearer to it.")
        }
        (Verdict::Unmet, false) => {
            format!("{name}: nothing that was tried meets the goal; {what} comes nearest.")
        }
    }
}

/// More than one rollout in a hundred that fails a request is not passed over, whatever the goal allows.
fn left(found: &Recommendation) -> String {
    const WORTH_SAYING: f64 = 0.01;
    match found.chosen().any_5xx(found.effort.two_sided()) {
        Some(any) if any.high > WORTH_SAYING && any.hits > 0 => {
            let share = percent(any.probability);
            format!(" for the goal, and still {share} of rollouts fail a request")
        }
        Some(any) if any.high > WORTH_SAYING => {
            let share = percent(any.high);
            format!(" for the goal, though up to {share} of rollouts may fail a request")
        }
        _ => String::new(),
    }
}

/// Before and after, with how sure it is, and the price.
fn proof(found: &Recommendation) -> String {
    let (before, after) = (found.original(), found.chosen());
    let confidence = level(found.effort.level);
    let clean = |candidate: &Candidate| {
        let any = candidate.any_5xx(found.effort.level)?;
        let none = Proportion::of(any.n - any.hits, any.n, found.effort.level)?;
        Some(format!(
            "{} of rollouts fail none ({confidence}: {} to {})",
            percent(none.probability),
            percent(none.low),
            percent(none.high)
        ))
    };
    let mut text = if found.changes_nothing() {
        format!(
            "A rollout costs {}",
            mean(before, " failed requests", found)
        )
    } else {
        format!(
            "It takes {} to {}",
            mean(before, " failed requests a rollout", found),
            mean(after, "", found)
        )
    };
    if let Some(clean) = clean(after) {
        let _ = write!(text, ", and {clean}");
    }
    text.push_str(". ");
    text.push_str(&price(found));
    text + &course(after)
}

/// `980 failed requests (952 to 1,008)`; the interval of a mean only where there is one, `none` with its bound.
fn mean(candidate: &Candidate, what: &str, found: &Recommendation) -> String {
    let totals = &candidate.totals;
    let mean = totals.failed.mean();
    match totals.mean_interval(found.effort.level) {
        _ if mean == 0.0 => {
            let bound = percent(zero_bound(totals.runs(), found.effort.level));
            format!("none{what} (any in at most {bound})")
        }
        Some((low, high)) => format!("{}{what} ({})", amount(mean), range(low, high)),
        None => format!("{}{what}", amount(mean)),
    }
}

fn price(found: &Recommendation) -> String {
    if found.changes_nothing() {
        return String::new();
    }
    let (before, after) = (found.original().cost(), found.chosen().cost());
    let mut parts = vec![format!(
        "old pods go after {} instead of {}",
        secs(after.old_pods_gone),
        secs(before.old_pods_gone)
    )];
    if (after.duration - before.duration).abs() >= 1.0 {
        parts.push(format!(
            "the rollout is complete after {} instead of {}",
            secs(after.duration),
            secs(before.duration)
        ));
    }
    parts.push(format!(
        "{} extra pod-seconds instead of {}",
        amount(after.extra_pod_seconds),
        amount(before.extra_pod_seconds)
    ));
    format!("The price: {}.", parts.join(", "))
}

/// What keeps the goal from being met besides 5xx.
fn course(candidate: &Candidate) -> String {
    let totals = &candidate.totals;
    let mut text = String::new();
    if totals.incomplete.sum > 0 {
        let share = percent(totals.incomplete.mean());
        let _ = write!(
            text,
            " The rollout does not complete in {share} of rollouts."
        );
    }
    if totals.cut_short.sum > 0 {
        let early = percent(totals.cut_short.mean());
        let _ = write!(
            text,
            " In {early} of rollouts the load ends before the rollout is over, so that what it costs later is not known: \
             leave `load.duration` out."
        );
    }
    text
}

fn objective(found: &Recommendation) -> String {
    let most = found.objectives.max_5xx_per_rollout;
    let share = exact(found.objectives.probability);
    if most == 0 {
        format!("no 5xx in {share} of rollouts")
    } else {
        let most = number_of(most, "5xx response");
        format!("at most {most} in {share} of rollouts")
    }
}

fn goal(scenario: &Scenario, found: &Recommendation) -> String {
    let mut text = format!("{}.", objective(found));
    let is_given = ["objectives.probability", "objectives.max_5xx_per_rollout"]
        .iter()
        .any(|key| scenario.given.contains(*key));
    if !is_given {
        text.push_str(" None was given, so this was chosen: green then means that a rollout fails requests once in a hundred times at most.");
    }
    let others: Vec<String> = found
        .pre_stops
        .iter()
        .filter(|(share, _)| *share != found.objectives.probability)
        .map(|(share, secs)| match secs {
            0 => format!("{} would ask for no preStop", exact(*share)),
            _ => format!("{} would ask for preStop {secs} s", exact(*share)),
        })
        .collect();
    if !others.is_empty() {
        let _ = write!(text, " {}.", others.join(", "));
    }
    text + " --set objectives.probability=0.95 changes it."
}

fn prefer(found: &Recommendation) -> String {
    let (what, sum) = match found.prefer {
        Prefer::Speed => (
            "the least time until the rollout is complete and old pods are gone",
            "",
        ),
        Prefer::Cost => ("the fewest extra pod-seconds", ""),
        Prefer::Balanced => (
            "the least sum of seconds until old pods are gone and of extra pod-seconds",
            " + ",
        ),
    };
    let cost = found.chosen().cost();
    let number = amount(found.prefer.price(&cost));
    let price = match sum {
        "" => number,
        _ => {
            let ends = amount(cost.old_pods_gone.max(cost.duration));
            format!("{ends}{sum}{} = {number}", amount(cost.extra_pod_seconds))
        }
    };
    let others: Vec<&str> = Prefer::ALL
        .into_iter()
        .filter(|other| *other != found.prefer)
        .map(Prefer::name)
        .collect();
    let who = match found.verdict() {
        Verdict::Proven => "of the rows that meet the goal",
        Verdict::Inconclusive => "of the rows that may meet the goal",
        Verdict::Unmet => {
            return format!(
                "{}: no row meets the goal, so the nearest is marked.",
                found.prefer.name()
            );
        }
    };
    format!(
        "{}: {who}, {what}, here {price}. --prefer {} orders them otherwise.",
        found.prefer.name(),
        others.join("|")
    )
}

/// The rows, what they cost, and whether they meet the goal.
fn table(found: &Recommendation) -> String {
    const NAME: usize = 27;
    let mut text = String::new();
    let columns = |cells: [&str; 6]| {
        let [mean, any, meets, complete, gone, extra] = cells;
        format!("{mean:>7} {any:>9} {meets:>8} {complete:>8} {gone:>8} {extra:>7}")
    };
    let heads = [
        [
            "5xx a", "rollouts", "meets", "complete", "old pods", "extra",
        ],
        ["rollout", "with any", "the goal", "after", "gone", "pod·s"],
    ];
    for (name, head) in ["", "settings"].into_iter().zip(heads) {
        let _ = writeln!(text, "{name:<NAME$}{}", columns(head));
    }
    for (number, row) in found.rows.iter().enumerate() {
        let mark = if number == found.row { " <-" } else { "" };
        let names = in_table(&row.candidate.settings, mark, NAME - 1);
        let cells = cells(row, found);
        for (line, name) in names.iter().enumerate() {
            let cells = if line == 0 {
                columns(cells.each_ref().map(String::as_str))
            } else {
                String::new()
            };
            let _ = writeln!(text, "{}", format!("{name:<NAME$}{cells}").trim_end());
        }
    }
    let (least, most) = found
        .rows
        .iter()
        .map(|row| row.candidate.totals.runs())
        .fold((u64::MAX, 0), |(least, most), runs| {
            (least.min(runs), most.max(runs))
        });
    let runs = match least == most {
        true => number_of(most, "rollout"),
        false => format!("{} to {}", amount(least as f64), number_of(most, "rollout")),
    };
    let sure = level(found.effort.level);
    let words = format!(
        "{}{runs} a row, none of them seen by the search; yes and no hold for all rows together at {sure}.",
        roles(found)
    );
    text + &wrapped(&words, 0, WIDTH)
}

/// Which rows are the knee, and the cheapest and the fastest of those that meet the goal.
fn roles(found: &Recommendation) -> String {
    let name = |row: usize| {
        let lines = in_table(&found.rows[row].candidate.settings, "", usize::MAX);
        lines.join(" ")
    };
    let best = |prefer: Prefer| {
        let good = found.rows.iter().enumerate();
        good.filter(|(_, row)| row.verdict == Verdict::Proven)
            .min_by(|(_, a), (_, b)| prefer.order(&a.candidate, &b.candidate))
            .map(|(row, _)| row)
            .filter(|row| *row != found.row)
    };
    let roles = [
        (
            "Knee, from which on more preStop removes little",
            found.knee,
        ),
        ("Cheapest that meets the goal", best(Prefer::Cost)),
        ("Fastest that meets it", best(Prefer::Speed)),
    ];
    let said = roles
        .into_iter()
        .filter_map(|(role, row)| Some(format!("{role}: {}. ", name(row?))));
    said.collect()
}

fn cells(row: &Row, found: &Recommendation) -> [String; 6] {
    let (totals, cost) = (&row.candidate.totals, row.candidate.cost());
    let mean = totals.failed.mean();
    [
        if mean == 0.0 {
            "none".to_owned()
        } else {
            amount(mean)
        },
        any(&row.candidate, found),
        match row.verdict {
            Verdict::Proven => "yes",
            Verdict::Inconclusive => "unclear",
            Verdict::Unmet => "no",
        }
        .to_owned(),
        secs(cost.duration),
        secs(cost.old_pods_gone),
        format!("{:.0}", cost.extra_pod_seconds),
    ]
}

/// The share of rollouts with any 5xx; a bound where none was seen.
fn any(candidate: &Candidate, found: &Recommendation) -> String {
    match candidate.any_5xx(found.effort.level) {
        Some(any) if any.hits == 0 => {
            format!("<= {}", percent(zero_bound(any.n, found.effort.level)))
        }
        Some(any) => percent(any.probability),
        None => "–".to_owned(),
    }
}

fn secs(mean: f64) -> String {
    if mean.is_finite() {
        format!("{mean:.0} s")
    } else {
        "never".to_owned()
    }
}

/// What people try first, and what it does alone.
fn tries(found: &Recommendation) -> String {
    const NAME: usize = 38;
    let row = |what: &str, mean: &str, any: &str| format!("{what:<NAME$}{mean:>14}{any:>20}\n");
    let of = |what: &str, candidate: &Candidate| {
        let mean = candidate.totals.failed.mean();
        let mean = if mean == 0.0 {
            "none".to_owned()
        } else {
            amount(mean)
        };
        row(what, &mean, &any(candidate, found))
    };
    let shown = || {
        found
            .tries
            .iter()
            .filter(|(_, alone)| !is_chosen(alone, found))
    };
    let Some(_) = shown().next() else {
        return String::new();
    };
    let rows: String = shown().map(|(what, alone)| of(what, alone)).collect();
    let head = row(
        "What people try first, alone",
        "5xx a rollout",
        "rollouts with any",
    );
    format!("{head}{}{rows}", of("nothing", found.original()))
}

fn is_chosen(candidate: &Candidate, found: &Recommendation) -> bool {
    candidate.settings == found.chosen().settings
}

/// The 5xx that stay, and why where the goal is missed. Of too few rollouts no mean says anything.
fn remaining(found: &Recommendation) -> String {
    let is_unmet = found.verdict() == Verdict::Unmet;
    let totals = &found.chosen().totals;
    let few = totals.if_any().filter(|any| any.runs < FEWEST);
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for (cause, mean) in &found.remaining {
        let why = if is_unmet { why_it_stays(*cause) } else { "" };
        let words = match few {
            Some(_) => cause_name(*cause).to_owned(),
            None => format!("{} {}", amount(*mean), cause_name(*cause)),
        };
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, causes)) => causes.push(words),
            None => reasons.push((why, vec![words])),
        }
    }
    let said: Vec<String> = reasons
        .into_iter()
        .map(|(why, causes)| match why {
            "" => causes.join(", "),
            _ => format!("{}: {why}", causes.join(", ")),
        })
        .collect();
    match (said.as_slice(), few) {
        ([], _) => String::new(),
        (said, Some(few)) => headed(
            "Stays",
            &format!(
                "5xx in {} of {}: if any, {}. By {}.",
                few.runs,
                number_of(totals.runs(), "rollout"),
                about(&few),
                said.join("; ")
            ),
        ),
        (said, None) => headed(
            "Stays",
            &format!("of 5xx, a rollout on average: {}.", said.join("; ")),
        ),
    }
}

/// The changes as manifests write them; and that they hold from the next rollout on: a rollout ends old pods, which
/// have the old template.
fn patch(scenario: &Scenario, found: &Recommendation) -> String {
    if found.changes_nothing() {
        return String::new();
    }
    let mut text = "The patch (rollcast recommend … -o yaml)\n".to_owned();
    for (what, lines) in yaml::parts(scenario, found) {
        let below = match what {
            "Deployment" => " spec:",
            "Ingress" => " metadata.annotations:",
            "Namespace" => " metadata.labels:",
            _ => ":",
        };
        let _ = writeln!(text, "  {what}{below}");
        lines
            .lines()
            .for_each(|line| text += &format!("  {line}\n"));
    }
    for change in &found.changes {
        let from = change.from.as_deref().unwrap_or("absent");
        text += &wrapped(
            &format!(
                "{} = {}, now {from}: {}.",
                change.key,
                change.to,
                reason(change)
            ),
            2,
            WIDTH,
        );
    }
    let cost = amount(found.original().totals.failed.mean());
    let once = format!(
        "The rollout that brings a change of the pods still ends pods without it: expect its {cost} once more."
    );
    text + &wrapped(&once, 0, WIDTH)
}

fn reason(change: &Change) -> String {
    if change.removes.is_empty() {
        return "keeps to the limits that the other changes need".to_owned();
    }
    let removed: Vec<_> = change
        .removes
        .iter()
        .take(2)
        .map(|(cause, without, with)| {
            let with = if *with == 0.0 {
                "none seen".to_owned()
            } else {
                amount(*with)
            };
            format!("{} {} to {with}", cause_name(*cause), amount(*without))
        })
        .collect();
    format!("takes {}", removed.join(", "))
}

fn footer(scenario: &Scenario, found: &Recommendation) -> String {
    let words = format!(
        "rollcast {} · seed {} · scenario {} · {} tried with {} each",
        env!("CARGO_PKG_VERSION"),
        scenario.monte_carlo.seed,
        scenario.digest(),
        number_of(found.candidates.len() as u64, "configuration"),
        number_of(found.effort.search_runs, "rollout"),
    );
    wrapped(&words, 0, WIDTH)
}

/// `-o toml`: the changed keys, to be put in the scenario.
pub fn toml(found: &Recommendation) -> String {
    let mut text = format!("# {}\n", claim(found));
    for Change { key, to, .. } in &found.changes {
        let bare = to.parse::<f64>().is_ok() || matches!(to.as_str(), "true" | "false");
        let _ = if bare {
            writeln!(text, "{key} = {to}")
        } else {
            writeln!(text, "{key} = {}", escape::toml(to))
        };
    }
    text
}

fn claim(found: &Recommendation) -> String {
    let objective = objective(found);
    match found.verdict() {
        Verdict::Proven => format!(
            "Meets \"{objective}\" at {} confidence.",
            level(found.effort.level)
        ),
        Verdict::Inconclusive => format!("May meet \"{objective}\"; the runs do not prove it."),
        Verdict::Unmet => {
            format!("Does not meet \"{objective}\"; comes nearest of what was tried.")
        }
    }
}
