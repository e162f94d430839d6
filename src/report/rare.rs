//! What `run --rare` says beside the forecast: how likely a 5xx is, how sure that is, and what it leaves out.

use serde_json::{Value, json};

use super::figures::{amount, grouped, json_exact, json_number, level, number_of, percent, span};
use crate::monte_carlo::rare::Rare;
use crate::time::Span;

/// For people.
pub(super) fn sentences(rare: &Rare, confidence: f64) -> String {
    let Some(least) = rare.least else {
        return unhelped(rare, confidence);
    };
    let mean = rare.any_5xx.mean;
    if mean == 0.0 {
        return format!(
            "P(any 5xx): no 5xx in {} meant to fail; more runs say more.",
            number_of(rare.jumped, "rollout")
        );
    }
    let error = rare
        .any_5xx
        .relative_error()
        .map_or_else(String::new, |error| format!(" ± {}", percent(error)));
    let instead = rare.plain_runs_needed().map_or_else(String::new, |runs| {
        format!(
            "; plain runs alone would have to be {}",
            grouped(rounded(runs))
        )
    });
    let cost = rare.count_if_any().map_or_else(String::new, |count| {
        format!(", which costs {} requests", amount(count))
    });
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
        _ if rare.plain_hits >= rare.plain / 10 => "P(any 5xx): not rare, the runs show it.".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monte_carlo::rare::Estimate;
    use crate::report::specimen;

    fn rare() -> Rare {
        specimen::weighed().rare.unwrap()
    }

    fn unhelped(hits: u64, pilots: u64) -> Rare {
        let any_5xx = Estimate {
            mean: hits as f64 / 40.0,
            standard_error: 0.02,
        };
        Rare {
            least: None,
            share: 1.0,
            plain_hits: hits,
            unexplained: hits,
            jumped: 0,
            pilots,
            any_5xx,
            ..rare()
        }
    }

    #[track_caller]
    fn check(rare: &Rare, expected: &str) {
        assert_eq!(sentences(rare, 0.95), expected);
    }

    #[test]
    fn how_likely_and_how_sure() {
        check(
            &rare(),
            "P(any 5xx) = 4.52e-5 ± 2.7 % (standard error): one rollout in 22,100, which costs 760 requests. An ALB \
             node that takes 29.9 s or longer to stop choosing a target fails requests: 40 rollouts in which one did, \
             38 with a 5xx, were weighed with the 40 above (importance sampling; plain runs alone would have to be \
             31,400,000). Other causes: none seen, so at most 7.2 % of rollouts (95 % confidence; more runs say more).",
        );
        let sentence = sentences(
            &Rare {
                plain_hits: 2,
                unexplained: 2,
                ..rare()
            },
            0.95,
        );
        assert!(sentence.ends_with(
            "But 2 of 40 plain rollouts failed a request without such a lag: see the causes below."
        ));
    }

    #[test]
    fn where_no_lag_helps_it_says_so() {
        check(
            &unhelped(0, 4_000),
            "P(any 5xx): no deregistration lag makes a 5xx likely, so nothing is known but what the runs show: at \
             most 7.2 % (95 % confidence).",
        );
        check(
            &unhelped(20, 200),
            "P(any 5xx): not rare, the runs show it.",
        );
        let none = Estimate {
            mean: 0.0,
            standard_error: 0.0,
        };
        check(
            &Rare {
                any_5xx: none,
                count_5xx: none,
                jumped: 1,
                ..rare()
            },
            "P(any 5xx): no 5xx in 1 rollout meant to fail; more runs say more.",
        );
        check(
            &unhelped(1, 4_000),
            "P(any 5xx): no deregistration lag makes a 5xx likely, so nothing is known but what the runs show.",
        );
    }

    #[test]
    fn for_programs() {
        let object = object(&rare(), 0.95);
        assert_eq!(object["any_5xx"]["relative_error"], json!(0.0265275));
        assert_eq!(object["lag"]["at_least_s"], json!(29.93));
        assert_eq!(object["other_causes"]["seen"], json!(0));
        assert_eq!(super::object(&unhelped(1, 4_000), 0.95)["lag"], Value::Null);
    }
}
