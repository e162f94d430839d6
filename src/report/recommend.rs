//! `recommend`: what to change and why, how sure that is, and the change as a patch.

use std::fmt::Write;

use serde_json::{Value, json};

use super::figures::{about, amount, json_number, level, number_of, percent, wrapped};
use super::json::if_any;
use super::sweep::aligned;
use crate::escape;
use crate::recommend::{Candidate, Change, Recommendation, Verdict, pareto, why_it_stays};
use crate::scenario::Scenario;
use crate::stats::zero_bound;
use crate::stats::zero_inflated::FEWEST;
use crate::sweep::Sum;
use crate::sweep::totals::cause_name;

const WIDTH: usize = 100;

/// `-o text`.
pub fn text(scenario: &Scenario, found: &Recommendation) -> String {
    let mut text = format!("{}: {}\n\n", escape::line(&scenario.name), objective(found));
    text.push_str(&wrapped(&sentence(found), 0, WIDTH));
    if !found.changes.is_empty() {
        text.push_str("\nChange\n");
        for change in &found.changes {
            let from = change.from.as_deref().unwrap_or("absent");
            let _ = writeln!(text, "  {} = {}  (now {from})", change.key, change.to);
            text.push_str(&wrapped(&reason(change), 6, WIDTH));
        }
        text.push_str(&wrapped(FIRST_ROLLOUT, 0, WIDTH));
    }
    text.push_str(&remaining(found));
    let _ = write!(
        text,
        "\nBeaten by none of {} in all of these\n{}",
        found.candidates.len(),
        aligned(&front(found))
    );
    let _ = writeln!(text, "\n{}", footer(scenario, found));
    escape::lines(&text)
}

/// The 5xx that stay: where the objective is met, how many; else also why. Of too few rollouts no mean says anything.
fn remaining(found: &Recommendation) -> String {
    if found.remaining.is_empty() {
        return String::new();
    }
    let few = found.chosen.totals.if_any().filter(|any| any.runs < FEWEST);
    let named = |(cause, mean): &(usize, f64)| match few {
        Some(_) => cause_name(*cause).to_owned(),
        None => format!("{} {}", amount(*mean), cause_name(*cause)),
    };
    if found.verdict == Verdict::Proven {
        let causes: Vec<_> = found.remaining.iter().map(named).collect();
        let causes = causes.join(", ");
        let stays = match few {
            Some(few) => format!(
                "Within the objective, {} of rollouts still see a 5xx: if any, {} ({causes}).",
                any(&found.chosen, found),
                about(&few)
            ),
            None => format!("Within the objective, a rollout still costs {causes}."),
        };
        return format!("\n{}", wrapped(&stays, 0, WIDTH));
    }
    let line = |stays: &(usize, f64)| {
        let text = format!("{}: {}", named(stays), why_it_stays(stays.0));
        wrapped(&text, 2, WIDTH)
    };
    let lines = found.remaining.iter().map(line).collect::<String>();
    match few {
        Some(few) => {
            let heading = format!(
                "What stays of 5xx, in {} of rollouts: if any, {}; and why",
                any(&found.chosen, found),
                about(&few)
            );
            format!("\n{}{lines}", wrapped(&heading, 0, WIDTH))
        }
        None => format!("\nWhat stays of 5xx a rollout, and why\n{lines}"),
    }
}

/// A rollout ends old pods, which have the old template.
const FIRST_ROLLOUT: &str = "The rollout that brings a change of the pods still ends pods without it: what is forecast holds from the next one on.";

fn objective(found: &Recommendation) -> String {
    let most = number_of(found.objectives.max_5xx_per_rollout, "5xx response");
    format!(
        "at most {most} in {} of rollouts",
        percent(found.objectives.probability)
    )
}

fn sentence(found: &Recommendation) -> String {
    answer(found) + &course(&found.chosen)
}

/// What keeps the objective from being met besides 5xx.
fn course(candidate: &Candidate) -> String {
    let totals = &candidate.totals;
    let share = |sum: &Sum| percent(sum.mean());
    let mut text = String::new();
    if totals.incomplete.sum > 0 {
        let _ = write!(
            text,
            " The rollout does not complete in {} of rollouts.",
            share(&totals.incomplete)
        );
    }
    if totals.cut_short.sum > 0 {
        let early = share(&totals.cut_short);
        let _ = write!(
            text,
            " In {early} of rollouts the load ends before the rollout is over, so that what it costs later is not known: \
             leave `load.duration` out."
        );
    }
    text
}

fn answer(found: &Recommendation) -> String {
    let (before, after) = (found.original.cost(), found.chosen.cost());
    let proof = found.proof.map_or_else(String::new, |proof| {
        format!(
            "{} of {} that the search had not seen keep to it, so at least {} do at {} confidence",
            super::figures::grouped(proof.hits),
            number_of(proof.n, "rollout"),
            percent(proof.low),
            level(found.effort.level)
        )
    });
    let costs = format!(
        "{} of rollouts with any 5xx instead of {}; old pods gone {} instead of {}, {} extra pod-seconds instead of {}",
        any(&found.chosen, found),
        any(&found.original, found),
        gone(after.old_pods_gone),
        gone(before.old_pods_gone),
        amount(after.extra_pod_seconds),
        amount(before.extra_pod_seconds)
    );
    match (found.verdict, found.changes_nothing()) {
        (Verdict::Proven, true) => format!("Nothing has to change: {proof}."),
        (Verdict::Proven, false) => {
            format!("The changes below meet the objective: {proof}. In the search: {costs}.")
        }
        (Verdict::Inconclusive, true) => {
            format!(
                "As it is, it may meet the objective, but the runs do not prove it: {proof}. More --runs may."
            )
        }
        (Verdict::Inconclusive, false) => {
            format!(
                "The changes below may meet the objective, but the runs do not prove it: {proof}. More --runs may."
            )
        }
        (Verdict::Unmet, true) => {
            "The objective is not met, and nothing that was tried comes nearer to it.".to_owned()
        }
        (Verdict::Unmet, false) => {
            format!("Nothing that was tried meets the objective. What comes nearest: {costs}.")
        }
    }
}

/// The share of rollouts with any 5xx; a bound where none was seen.
fn any(candidate: &Candidate, found: &Recommendation) -> String {
    match candidate.any_5xx(found.effort.level) {
        Some(any) if any.hits == 0 => {
            format!("at most {}", percent(zero_bound(any.n, found.effort.level)))
        }
        Some(any) => format!(
            "{} ({} to {})",
            percent(any.probability),
            percent(any.low),
            percent(any.high)
        ),
        None => "–".to_owned(),
    }
}

fn gone(mean: f64) -> String {
    if mean.is_finite() {
        format!("after {} s", amount(mean))
    } else {
        "in part only".to_owned()
    }
}

fn seconds(mean: f64) -> String {
    if mean.is_finite() {
        amount(mean)
    } else {
        "never all".to_owned()
    }
}

fn reason(change: &Change) -> String {
    if change.removes.is_empty() {
        return "keeps to the limits that the other changes need".to_owned();
    }
    let removed: Vec<_> = change
        .removes
        .iter()
        .take(3)
        .map(|(cause, without, with)| {
            format!(
                "{} {} a rollout to {}",
                cause_name(*cause),
                amount(*without),
                zero(*with)
            )
        })
        .collect();
    format!("takes {}", removed.join(", "))
}

fn zero(mean: f64) -> String {
    if mean == 0.0 {
        "none seen".to_owned()
    } else {
        amount(mean)
    }
}

/// The Pareto front as a table.
fn front(found: &Recommendation) -> Vec<Vec<String>> {
    let heading = [
        "rollouts with any 5xx",
        "old pods gone (s)",
        "complete (s)",
        "extra pod·s",
        "settings",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for row in pareto(&found.candidates) {
        let candidate = &found.candidates[row];
        let cost = candidate.cost();
        let mark = if candidate.settings == found.chosen.settings {
            " ← recommended"
        } else {
            ""
        };
        rows.push(vec![
            any(candidate, found),
            seconds(cost.old_pods_gone),
            seconds(cost.duration),
            amount(cost.extra_pod_seconds),
            format!("{}{mark}", candidate.name()),
        ]);
    }
    rows
}

fn footer(scenario: &Scenario, found: &Recommendation) -> String {
    format!(
        "rollcast {} · seed {} · {} tried with {} each · scenario {}",
        env!("CARGO_PKG_VERSION"),
        scenario.monte_carlo.seed,
        number_of(found.candidates.len() as u64, "configuration"),
        number_of(found.effort.search_runs, "run"),
        scenario.digest()
    )
}

/// `-o json`.
pub fn json(scenario: &Scenario, found: &Recommendation) -> String {
    let value = json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "scenario": { "name": scenario.name, "digest": scenario.digest() },
        "seed": scenario.monte_carlo.seed,
        "objective": {
            "max_5xx_per_rollout": found.objectives.max_5xx_per_rollout,
            "probability": json_number(found.objectives.probability),
        },
        "verdict": match found.verdict {
            Verdict::Proven => "proven",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Unmet => "unmet",
        },
        "proof": found.proof.map(|proof| json!({
            "hits": proof.hits, "runs": proof.n, "low": json_number(proof.low), "high": json_number(proof.high),
            "level": json_number(found.effort.level), "method": "clopper-pearson, one-sided, fresh replications",
        })),
        "changes": found.changes.iter().map(|change| json!({
            "key": change.key,
            "from": change.from,
            "to": change.to,
            "removes": change.removes.iter().map(|(cause, without, with)| json!({
                "cause": cause_name(*cause), "without": json_number(*without), "with": json_number(*with),
            })).collect::<Value>(),
        })).collect::<Value>(),
        "remaining": found.remaining.iter().map(|(cause, mean)| json!({
            "cause": cause_name(*cause), "mean": json_number(*mean), "why": why_it_stays(*cause),
        })).collect::<Value>(),
        "level": json_number(found.effort.level),
        "original": candidate(&found.original, found.effort.level),
        "recommended": candidate(&found.chosen, found.effort.level),
        "front": pareto(&found.candidates)
            .into_iter()
            .map(|row| candidate(&found.candidates[row], found.effort.level))
            .collect::<Value>(),
    });
    escape::json(&format!("{value:#}\n"))
}

/// Its intervals are those of one configuration: of the best of many they are too kind, which is what the proof is for.
fn candidate(candidate: &Candidate, level: f64) -> Value {
    let (cost, totals) = (candidate.cost(), &candidate.totals);
    let number = |value: Option<f64>| value.map_or(Value::Null, json_number);
    let (interval, any) = (totals.mean_interval(level), totals.any_5xx(level));
    json!({
        "settings": candidate.settings.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect::<serde_json::Map<_, _>>(),
        "runs": totals.runs(),
        "mean_5xx": json_number(totals.failed.mean()),
        "mean_5xx_low": number(interval.map(|(low, _)| low)),
        "mean_5xx_high": number(interval.map(|(_, high)| high)),
        "if_any": if_any(totals.if_any().as_ref()),
        "any_5xx": json_number(cost.any_5xx),
        "any_5xx_low": number(any.map(|any| any.low)),
        "any_5xx_high": number(any.map(|any| any.high)),
        "old_pods_gone_s": json_number(cost.old_pods_gone),
        "duration_s": json_number(cost.duration),
        "incomplete": json_number(candidate.totals.incomplete.mean()),
        "load_ended_too_early": json_number(candidate.totals.cut_short.mean()),
        "extra_pod_seconds": json_number(cost.extra_pod_seconds),
    })
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
    match found.verdict {
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
