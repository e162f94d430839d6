//! `recommend -o json`: everything.

use serde_json::{Value, json};

use crate::escape;
use crate::pre_stop::Advice;
use crate::recommend::{Candidate, Recommendation, Verdict, pareto, why_it_stays};
use crate::report::figures::json_number;
use crate::report::json::if_any;
use crate::scenario::Scenario;
use crate::sweep::totals::cause_name;
use crate::time::Span;

/// One object.
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
        "prefer": found.prefer.name(),
        "verdict": word(found.verdict()),
        "proof": found.recommended().within.map(|proof| json!({
            "hits": proof.hits, "runs": proof.n, "low": json_number(proof.low), "high": json_number(proof.high),
            "level": json_number(found.effort.level),
            "method": "clopper-pearson, one-sided, fresh replications, all rows together",
        })),
        "rows": found.rows.iter().enumerate().map(|(number, row)| {
            let mut value = candidate(&row.candidate, found.effort.level);
            value["meets_the_goal"] = word(row.verdict).into();
            value["price"] = json_number(found.prefer.price(&row.candidate.cost()));
            value["recommended"] = (number == found.row).into();
            value
        }).collect::<Value>(),
        "tried_first": found.tries.iter().map(|(what, alone)| json!({
            "what": what, "alone": candidate(alone, found.effort.level),
        })).collect::<Value>(),
        "other_goals": found.pre_stops.iter().map(|(share, secs)| json!({
            "probability": json_number(*share), "pre_stop_s": secs,
        })).collect::<Value>(),
        "lag": need(&found.need),
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
        "original": candidate(found.original(), found.effort.level),
        "recommended": candidate(found.chosen(), found.effort.level),
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

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Proven => "proven",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Unmet => "unmet",
    }
}

/// What preStop has to cover.
pub(in crate::report) fn need(advice: &Advice) -> Value {
    let secs = |span: Span| json_number(span.as_secs_f64());
    json!({
        "share_of_rollouts": json_number(advice.share),
        "pre_stop_ordinary_s": secs(advice.ordinary),
        "pre_stop_s": secs(advice.all),
        "if_measured": advice.measured.map(|(lag, needed)| json!({
            "lag_s": secs(lag), "pre_stop_ordinary_s": secs(needed),
        })),
        "episodes": advice.episodes.map(|episodes| json!({
            "share_of_rollouts": json_number(episodes.share), "covered_wholly_from_s": secs(episodes.wholly),
        })),
    })
}
