//! What `run --rare` says beside the forecast: how likely a 5xx is, how sure that is, and what it leaves out.

use serde_json::{Value, json};

use super::figures::{amount, grouped, json_exact, json_number, level, number_of, percent, span};
use crate::monte_carlo::rare::Rare;
use crate::time::Span;

/// For people.
pub(super) fn sentences(rare: &Rare, confidence: f64) -> String {
    let Some(least) = rare.least else { return unhelped(rare, confidence) };
    let mean = rare.any_5xx.mean;
    let error = rare.any_5xx.relative_error().map_or_else(String::new, |error| format!(" ± {}", percent(error)));
    let instead = rare
        .plain_runs_needed()
        .map_or_else(String::new, |runs| format!("; plain runs alone would have to be {}", grouped(rounded(runs))));
    let cost =
        rare.count_if_any().map_or_else(String::new, |count| format!(", which costs {} requests", amount(count)));
    format!(
        "P(any 5xx) = {mean:.2e}{error} (standard error): one rollout in {}{cost}. An ALB node that takes {} or \
         longer to stop choosing a target fails requests: {} in which one did, {} with a 5xx, were weighed with the {} \
         above (importance sampling{instead}). {}",
        grouped(rounded(1.0 / mean)),
        span(least),
        number_of(rare.jumped, "rollout"),
        grouped(rare.jumped_hits),
        grouped(rare.plain),
        others(rare, confidence),
    )
}

/// What the lag does not account for.
fn others(rare: &Rare, confidence: f64) -> String {
    match rare.bound_of_others(confidence) {
        Some(bound) => format!(
            "Other causes: none seen, so at most {} of rollouts ({} confidence; more runs say more).",
            percent(bound),
            level(confidence)
        ),
        None => format!(
            "But {} of {} failed a request without such a lag: see the causes below.",
            grouped(rare.unexplained),
            number_of(rare.plain, "plain rollout")
        ),
    }
}

fn unhelped(rare: &Rare, confidence: f64) -> String {
    match rare.bound_of_others(confidence) {
        Some(bound) if rare.plain_hits == 0 => format!(
            "P(any 5xx): no deregistration lag makes a 5xx likely, so nothing is known but what the runs show: at most \
             {} ({} confidence).",
            percent(bound),
            level(confidence)
        ),
        _ if rare.pilots == 0 => "P(any 5xx): not rare, the runs show it.".to_owned(),
        _ => "P(any 5xx): no deregistration lag makes a 5xx likely, so nothing is known but what the runs show."
            .to_owned(),
    }
}

/// Three digits.
fn rounded(x: f64) -> u64 {
    let unit = 10_f64.powi((x.log10().floor() as i32 - 2).max(0));
    ((x / unit).round() * unit) as u64
}

/// For programs.
pub(super) fn object(rare: &Rare, confidence: f64) -> Value {
    let number = |x: Option<f64>| x.map_or(Value::Null, json_number);
    json!({
        "any_5xx": {
            "probability": json_number(rare.any_5xx.mean),
            "standard_error": json_number(rare.any_5xx.standard_error),
            "relative_error": number(rare.any_5xx.relative_error()),
        },
        "count_5xx": {
            "mean": json_number(rare.count_5xx.mean),
            "standard_error": json_number(rare.count_5xx.standard_error),
            "mean_if_any": number(rare.count_if_any()),
        },
        "lag": rare.least.map(|least| json!({
            "key": "load_balancer.deregistration_propagation",
            "at_least_s": json_exact(Span::as_secs_f64(least)),
            "share": json_number(rare.share),
        })),
        "other_causes": {
            "seen": rare.unexplained,
            "at_most": number(rare.bound_of_others(confidence)),
            "level": json_number(confidence),
        },
        "plain_runs": rare.plain,
        "plain_runs_with_5xx": rare.plain_hits,
        "jumped_runs": rare.jumped,
        "jumped_runs_with_5xx": rare.jumped_hits,
        "pilot_runs": rare.pilots,
        "plain_runs_needed": number(rare.plain_runs_needed()),
        "method": "importance sampling, balance heuristic",
    })
}
