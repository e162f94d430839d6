//! `calibrate -o json`, schema version 1. Keys and their order are fixed.

use serde_json::{Value, json};

use super::calibrate::{HEADER, Told, csv};
use super::figures::json_number;
use crate::calibrate::{
    Calibration, Change, Estimate, Finding, Judgement, Levels, Observed, Standing, Unit,
};
use crate::escape;

/// One object.
pub fn render(told: &Told<'_>) -> String {
    let calibration = told.calibration;
    let change = told.change.map(|(change, judgement)| {
        let Change {
            key,
            value,
            instead_of,
        } = change;
        json!({
            "key": key, "value": value, "instead_of": instead_of,
            "explains": judgement.explains, "statuses": statuses(judgement),
        })
    });
    let value = json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "scenario": told.scenario,
        "explains": told.judgement.map(|judgement| judgement.explains),
        "statuses": told.judgement.map(statuses),
        "pods": told.judgement.and_then(|judgement| judgement.pods).map(|(seen, fewest, most)| {
            json!({ "seen": seen, "expected": [fewest, most] })
        }),
        "observed": told.observed.map(observed),
        "change": change,
        "level": calibration.level,
        "measured": calibration.findings.iter().map(finding).collect::<Vec<_>>(),
        "deregistration_lag": calibration.levels.as_ref().map(levels),
        "rollouts": rollouts(calibration),
        "contribution": calibration.row.as_ref().map(|row| format!("{HEADER}\n{}", csv(row))),
        "left_out": told.left_out,
        "logs": {
            "files": told.reading.files,
            "lines": told.reading.lines,
            "damaged": told.reading.damaged,
        },
        "notes": calibration.notes.iter().chain(&told.reading.notes()).collect::<Vec<_>>(),
        "written": told.written,
    });
    escape::json(&format!("{value:#}\n"))
}

fn statuses(judgement: &Judgement) -> Vec<Value> {
    let row = |row: &crate::calibrate::StatusRow| {
        let standing = match row.standing {
            Standing::Fits => "fits",
            Standing::Unusual => "unusual",
            Standing::TooMany => "too_many",
            Standing::TooFew => "too_few",
        };
        json!({
            "status": row.status,
            "seen": row.seen,
            "expected": json_number(row.expected),
            "p05": json_number(row.low),
            "p95": json_number(row.high),
            "standing": standing,
        })
    };
    judgement.rows.iter().map(row).collect()
}

fn observed(observed: &Observed) -> Value {
    json!({
        "rate": json_number(observed.rate),
        "duration_s": json_number(observed.duration),
        "rollout_at_s": observed.rollout_at.map(json_number),
        "rollouts": observed.rollouts,
    })
}

fn finding(finding: &Finding) -> Value {
    let unit = match finding.unit {
        Unit::Seconds => "s",
        Unit::Share => "share",
        Unit::PerSecond => "1/s",
        Unit::Count => "1",
    };
    json!({
        "name": finding.name.trim(),
        "unit": unit,
        "estimate": json_number(finding.estimate),
        "low": json_number(finding.low),
        "high": json_number(finding.high),
        "from": finding.from,
        "key": finding.key,
        "value": finding.setting.as_ref().ok(),
        "not_set_because": finding.setting.as_ref().err(),
    })
}

fn levels(levels: &Levels) -> Value {
    let estimate = |estimate: Estimate| {
        json!({
            "estimate": json_number(estimate.value),
            "low": json_number(estimate.low),
            "high": json_number(estimate.high),
        })
    };
    let narrowing = levels.narrowing.iter().map(|row| {
        json!({
            "rollouts": row.rollouts,
            "median_within": json_number(row.median_within),
            "drift_within": row.drift_within.map(json_number),
            "slow_at_most": json_number(row.slow_at_most),
        })
    });
    json!({
        "median_s": estimate(levels.median),
        "jitter_s": estimate(levels.jitter),
        "drift": estimate(levels.drift),
        "narrowing": narrowing.collect::<Vec<_>>(),
    })
}

fn rollouts(calibration: &Calibration) -> Vec<Value> {
    let rollout = |(first, last, deregistrations): &(f64, f64, u64)| {
        json!({
            "first_deregistration_s": json_number(*first),
            "last_deregistration_s": json_number(*last),
            "deregistrations": deregistrations,
        })
    };
    calibration.rollouts.iter().map(rollout).collect()
}
