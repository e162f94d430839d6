//! `sweep -o csv` and `-o json`: every point, for machines. Keys and their order are fixed.

use serde_json::{Map, Value, json};

use super::figures::json_number;
use super::sweep::attainment;
use crate::escape;
use crate::sweep::sensitivity::{Estimate, Indices};
use crate::sweep::totals::{CAUSES, cause_name};
use crate::sweep::{Axis, Design, Survey, Totals};

/// `-o csv`: a heading, then one row a point. Keys and values are quoted where CSV needs it (RFC 4180).
pub fn csv(survey: &Survey) -> String {
    let numbers = survey
        .totals
        .first()
        .map(|totals| figures(survey, totals))
        .unwrap_or_default();
    let keys = survey.plan.points.first().map(|point| {
        point
            .settings
            .iter()
            .map(|(key, _)| escape::csv(key))
            .collect::<Vec<_>>()
    });
    let heading = keys
        .unwrap_or_default()
        .into_iter()
        .chain(numbers.keys().cloned());
    let mut text = heading.collect::<Vec<_>>().join(",") + "\n";
    for (point, totals) in survey.plan.points.iter().zip(&survey.totals) {
        let values = point.settings.iter().map(|(_, value)| escape::csv(value));
        let figures = figures(survey, totals)
            .into_iter()
            .map(|(_, value)| match value {
                Value::Null => String::new(),
                Value::String(text) => text,
                number => number.to_string(),
            });
        text.push_str(&values.chain(figures).collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}

/// `-o json`: one object.
pub fn json(survey: &Survey) -> String {
    let points: Vec<Value> = survey
        .plan
        .points
        .iter()
        .zip(&survey.totals)
        .map(|(point, totals)| {
            let settings: Map<_, _> = point
                .settings
                .iter()
                .map(|(key, value)| (key.clone(), value.as_str().into()))
                .collect();
            let mut object = Map::from_iter([("settings".to_owned(), Value::Object(settings))]);
            object.extend(figures(survey, totals));
            Value::Object(object)
        })
        .collect();
    let value = json!({
        "schema_version": 1,
        "version": survey.version,
        "scenario": { "name": survey.scenario, "digest": survey.digest },
        "seed": survey.seed,
        "runs": survey.budget.runs,
        "precision": survey.budget.precision.map(|precision| precision.to_string()),
        "level": json_number(survey.budget.level),
        "engine": survey.engine.to_string(),
        "fingerprint": survey.fingerprint(),
        "design": match survey.plan.design { Design::Grid => "grid", Design::Sample(_) => "sample" },
        "axes": survey.plan.axes.iter().map(Axis::name).collect::<Vec<_>>(),
        "objective": {
            "max_5xx_per_rollout": survey.objectives.max_5xx_per_rollout,
            "probability": json_number(survey.objectives.probability),
        },
        "points": points,
        "sensitivity": sensitivity(survey),
        "assumptions": survey.assumptions.iter().map(|assumption| json!({
            "key": assumption.key, "value": assumption.value, "grade": assumption.grade, "source": assumption.source,
        })).collect::<Vec<_>>(),
    });
    escape::json(&format!("{value:#}\n"))
}

/// The numbers of a point, by name.
pub(super) fn figures(survey: &Survey, totals: &Totals) -> Map<String, Value> {
    let level = survey.budget.level;
    let number = |value: Option<f64>| value.map_or(Value::Null, json_number);
    let (interval, if_any) = (totals.mean_interval(level), totals.if_any());
    let any = totals.any_5xx(level);
    let mut figures = Map::new();
    let mut put = |name: &str, value: Value| figures.insert(name.to_owned(), value);
    put("runs", totals.runs().into());
    put(
        "mean_5xx",
        number((totals.runs() > 0).then(|| totals.failed.mean())),
    );
    put("mean_5xx_low", number(interval.map(|(low, _)| low)));
    put("mean_5xx_high", number(interval.map(|(_, high)| high)));
    put("if_any_median_5xx", number(if_any.map(|any| any.median)));
    put("if_any_min_5xx", number(if_any.map(|any| any.min)));
    put("if_any_max_5xx", number(if_any.map(|any| any.max)));
    put("p05_5xx", number(totals.quantile(0.05)));
    put("p50_5xx", number(totals.quantile(0.50)));
    put("p95_5xx", number(totals.quantile(0.95)));
    put("any_5xx", number(any.map(|any| any.probability)));
    put("any_5xx_low", number(any.map(|any| any.low)));
    put("any_5xx_high", number(any.map(|any| any.high)));
    put("objective", attainment(survey, totals).word().into());
    for (sum, status) in totals.statuses.iter().zip(["502", "503", "504"]) {
        put(status, json_number(sum.mean()));
    }
    for cause in 0..CAUSES {
        put(cause_name(cause), json_number(totals.causes[cause].mean()));
    }
    put("duration_s", number(totals.duration.mean_secs()));
    put("old_pods_gone_s", number(totals.old_pods_gone.mean_secs()));
    put(
        "extra_pod_seconds",
        number(totals.extra_pod_time.mean_secs()),
    );
    put("incomplete", json_number(totals.incomplete.mean()));
    put("load_ended_too_early", json_number(totals.cut_short.mean()));
    figures
}

fn sensitivity(survey: &Survey) -> Value {
    let Some(indices) = survey.sensitivity() else {
        return Value::Null;
    };
    let estimate = |estimate: Estimate| {
        json!({
            "value": json_number(estimate.value),
            "low": json_number(estimate.low),
            "high": json_number(estimate.high),
            "sample_is_large_enough": estimate.is_known(),
        })
    };
    let entry = |(axis, indices): (&Axis, Indices)| {
        json!({
            "axis": axis.name(),
            "first_order": estimate(indices.first_order),
            "total": estimate(indices.total),
        })
    };
    survey.plan.axes.iter().zip(indices).map(entry).collect()
}
