//! `run -o json`: the machine-readable forecast, schema version 1. Keys and their order are fixed.

use serde_json::{Map, Value, json};

use super::figures::{json_exact, json_number};
use super::text::Screen;
use super::{Answer, SPLIT, STATUSES, rare};
use crate::escape;
use crate::monte_carlo::ranking::{Means, Mover, STATUSES as STATUSES_5XX};
use crate::monte_carlo::{Count, Forecast, Latency, Measure};
use crate::stats::{IfAny, Proportion, Summary};
use crate::time::Span;
use crate::verdict::Cause;

/// One object, or an array of objects if there are several answers.
pub fn render(answers: &[Answer<'_>]) -> String {
    written(answers.iter().map(object).collect())
}

/// As [`render`], with what else the screen says: the objective that was judged, and the assumptions ranked by what
/// they move.
pub fn of_screens(screens: &[Screen<'_>]) -> String {
    written(screens.iter().map(with_screen).collect())
}

fn written(mut objects: Vec<Value>) -> String {
    let value = match objects.len() {
        1 => objects.remove(0),
        _ => Value::Array(objects),
    };
    escape::json(&format!("{value:#}\n"))
}

fn object(answer: &Answer<'_>) -> Value {
    let forecast = answer.forecast;
    let assumptions: Vec<_> = answer.assumptions.iter().map(|assumption| {
        json!({ "key": assumption.key, "value": assumption.value, "grade": assumption.grade, "source": assumption.source })
    }).collect();
    let mut object = json!({
        "schema_version": 1,
        "version": forecast.version,
        "scenario": { "name": forecast.scenario, "digest": forecast.digest },
        "seed": forecast.seed,
        "runs": forecast.runs,
        "engine": forecast.engine,
        "engine_reason": forecast.refusal,
        "fingerprint": forecast.fingerprint,
        "load": {
            "duration_s": measurements(forecast, Measure::Load),
            "ended_too_early": proportion(forecast.cut_short()),
        },
        "requests": amounts(forecast, Count::Requests),
        "statuses": statuses(forecast),
        "causes": causes(forecast),
        "any_5xx": proportion(forecast.any(Count::Failed)),
        "latency_ms": latency(forecast.latency),
        "error_window_s": {
            "first": measurements(forecast, Measure::First5xx),
            "last": measurements(forecast, Measure::Last5xx),
        },
        "rollout": {
            "duration_s": measurements(forecast, Measure::Duration),
            "old_pods_gone_s": measurements(forecast, Measure::OldPodsGone),
            "extra_pod_seconds": measurements(forecast, Measure::ExtraPodTime),
            "min_routable_targets": measurements(forecast, Measure::MinRoutableTargets),
        },
        "uncertainty": uncertainty(forecast),
        "assumptions": assumptions,
    });
    if forecast.load.retries > 0 {
        object["repeated"] = amounts(forecast, Count::Repeated);
    }
    if let Some(rare) = &forecast.rare {
        object["rare"] = rare::object(rare, forecast.level);
    }
    object
}

fn with_screen(screen: &Screen<'_>) -> Value {
    let mut object = object(&screen.answer);
    if let Some((objectives, within, attainment)) = screen.goal {
        object["objective"] = json!({
            "max_5xx_per_rollout": objectives.max_5xx_per_rollout,
            "probability": json_number(objectives.probability),
            "within": proportion(Some(within)),
            "verdict": attainment.word(),
        });
    }
    if let Some(ranking) = screen.ranking {
        object["assumptions_ranked"] = json!({
            "looked_at": ranking.looked_at,
            "pairs": ranking.pairs,
            "as_assumed": means(&Means::of_forecast(screen.answer.forecast)),
            "movers": ranking.movers.iter().map(mover).collect::<Value>(),
        });
    }
    object
}

fn mover(mover: &Mover) -> Value {
    let ends = mover.ends.iter();
    let ends = ends.map(|end| json!({ "value": end.value, "mean": means(&end.means) }));
    json!({
        "key": mover.assumption.key,
        "value": mover.assumption.value,
        "ends": ends.collect::<Value>(),
    })
}

fn means(means: &Means) -> Value {
    let by_status = STATUSES_5XX.iter().zip(means.by_status);
    let by_status = by_status.map(|(status, mean)| (status.to_string(), json_number(mean)));
    let any = [("any_5xx".to_owned(), json_number(means.any))];
    by_status.chain(any).collect::<Map<_, _>>().into()
}

fn statuses(forecast: &Forecast) -> Value {
    let entry = |status: u16| {
        let summary = match status {
            // Successes are no rare event: were there none, that is no bound on how few there are.
            200 => amounts(forecast, Count::Status(200)),
            _ => counts(forecast, Count::Status(status)),
        };
        (status.to_string(), summary)
    };
    STATUSES
        .map(entry)
        .into_iter()
        .collect::<Map<_, _>>()
        .into()
}

fn causes(forecast: &Forecast) -> Value {
    let entry = |cause: Cause| {
        (
            cause.name().to_owned(),
            counts(forecast, Count::Cause(cause)),
        )
    };
    let target = ("target".to_owned(), counts(forecast, Count::Target));
    Cause::ALL
        .map(entry)
        .into_iter()
        .chain([target])
        .collect::<Map<_, _>>()
        .into()
}

/// A quantity that does not vary has nothing to split: both shares are `null`.
fn uncertainty(forecast: &Forecast) -> Value {
    let entries = SPLIT.map(|(name, quantity)| {
        let split = forecast.variance_split(quantity);
        let between = split.map_or(Value::Null, |split| json_number(split.between));
        let within = split.map_or(Value::Null, |split| json_number(split.within()));
        (
            name.to_owned(),
            json!({ "between_environments": between, "within": within }),
        )
    });
    entries.into_iter().collect::<Map<_, _>>().into()
}

fn counts(forecast: &Forecast, count: Count) -> Value {
    let counts = forecast.counts(count);
    let any = if_any(counts.as_ref().and_then(|counts| counts.if_any.as_ref()));
    let mut object = summary(counts, forecast.level);
    object["if_any"] = any;
    object
}

fn amounts(forecast: &Forecast, count: Count) -> Value {
    summary(forecast.amounts(count), forecast.level)
}

fn measurements(forecast: &Forecast, measure: Measure) -> Value {
    summary(forecast.measurements(measure), forecast.level)
}

/// All `null` but the level where no replication had a value.
fn summary(summary: Option<Summary>, level: f64) -> Value {
    let value = |pick: fn(&Summary) -> Option<f64>| {
        summary
            .as_ref()
            .and_then(pick)
            .map_or(Value::Null, json_number)
    };
    json!({
        "mean": value(|s| Some(s.mean)),
        "mean_low": value(|s| s.mean_interval.map(|(low, _)| low)),
        "mean_high": value(|s| s.mean_interval.map(|(_, high)| high)),
        "level": json_number(level),
        "p05": value(|s| Some(s.p05)),
        "p50": value(|s| Some(s.p50)),
        "p95": value(|s| Some(s.p95)),
        "max": value(|s| Some(s.max)),
    })
}

/// The counts that are not zero; `null` if all are.
pub(super) fn if_any(if_any: Option<&IfAny>) -> Value {
    if_any.map_or(Value::Null, |any| {
        json!({
            "runs": any.runs,
            "median": json_number(any.median),
            "min": json_number(any.min),
            "max": json_number(any.max),
        })
    })
}

fn proportion(proportion: Option<Proportion>) -> Value {
    proportion.map_or(Value::Null, |p| {
        json!({
            "probability": json_number(p.probability),
            "low": json_number(p.low),
            "high": json_number(p.high),
            "level": json_number(p.level),
            "method": "clopper-pearson",
        })
    })
}

fn latency(latency: Option<Latency>) -> Value {
    let millis = |pick: fn(&Latency) -> Span| {
        latency.as_ref().map_or(Value::Null, |latency| {
            json_exact(pick(latency).as_micros() as f64 / 1e3)
        })
    };
    json!({
        "mean": millis(|l| l.mean),
        "p50": millis(|l| l.p50),
        "p90": millis(|l| l.p90),
        "p95": millis(|l| l.p95),
        "p99": millis(|l| l.p99),
        "max": millis(|l| l.max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen::{self, check};

    #[test]
    fn one_scenario_is_an_object() {
        let (forecast, assumptions) = (specimen::before(), specimen::assumptions());
        check(
            "before.json",
            &render(&[Answer {
                forecast: &forecast,
                assumptions: &assumptions,
            }]),
        );
    }

    #[test]
    fn attempts_are_counted_where_there_are_several() {
        let repeated = |forecast: &Forecast| {
            object(&Answer {
                forecast,
                assumptions: &[],
            })["repeated"]["mean"]
                .clone()
        };
        assert_eq!(repeated(&specimen::retried()), json!(19.5));
        assert_eq!(
            repeated(&specimen::before()),
            Value::Null,
            "the key is not there"
        );
    }

    #[test]
    fn several_are_an_array_and_what_is_unknown_is_null() {
        let forecasts = [specimen::after(), specimen::stuck()];
        let answers = forecasts.each_ref().map(|forecast| Answer {
            forecast,
            assumptions: &[],
        });
        check("several.json", &render(&answers));
    }
}
