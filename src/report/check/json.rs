//! `check -o json`: for programs, schema version 1.

use serde_json::{Value, json};

use crate::check::{Checked, Finding, Judgement};
use crate::escape;
use crate::report::figures::{json_exact, json_number};
use crate::stats::{Proportion, Summary};

/// One object.
pub fn render(checked: &[Checked]) -> String {
    let value = json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "configurations": checked.iter().map(configuration).collect::<Vec<_>>(),
    });
    escape::json(&format!("{value:#}\n"))
}

fn configuration(checked: &Checked) -> Value {
    let judgement = match &checked.judgement {
        Ok(judgement) => judged(judgement),
        Err(why) => json!({ "verdict": Value::Null, "not_simulated": why }),
    };
    json!({
        "name": checked.name,
        "file": checked.spot.path,
        "line": checked.spot.row,
        "objective": {
            "max_5xx_per_rollout": checked.objectives.max_5xx_per_rollout,
            "probability": json_exact(checked.objectives.probability),
        },
        "judgement": judgement,
        "assumed": checked.asked,
        "findings": checked.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn judged(judgement: &Judgement) -> Value {
    json!({
        "verdict": judgement.verdict.name(),
        "runs": judgement.runs,
        "seed": judgement.seed,
        "5xx_per_rollout": summary(&judgement.now),
        "rollouts_within": proportion(&judgement.within),
        "with_every_fix": judgement.all_fixes.as_ref().map(|(fixed, within)| {
            json!({ "5xx_per_rollout": summary(fixed), "rollouts_within": proportion(within) })
        }),
    })
}

fn finding(finding: &Finding) -> Value {
    let fix: serde_json::Map<String, Value> =
        finding.fix.iter().map(|edit| (edit.key.to_owned(), Value::String(edit.value.clone()))).collect();
    json!({
        "rule": finding.rule.id,
        "name": finding.rule.name,
        "severity": finding.severity.name(),
        "message": finding.message,
        "file": finding.spot.path,
        "line": finding.spot.row,
        "column": finding.spot.column,
        "snippet": finding.spot.line,
        "explanation": finding.rule.explanation,
        "source": finding.rule.source,
        "evidence": finding.evidence.as_ref().map(|evidence| json!({
            "5xx_per_rollout": summary(&evidence.now),
            "5xx_per_rollout_fixed": summary(&evidence.fixed),
            "removed": {
                "mean": json_number(evidence.removed.mean),
                "low": json_number(evidence.removed.low),
                "high": json_number(evidence.removed.high),
                "level": json_exact(evidence.removed.level),
            },
            "rollouts_better": proportion(&evidence.better),
        })),
        "fix": fix,
        "patch": finding.patch,
        "ignored": finding.ignored,
    })
}

fn summary(summary: &Summary) -> Value {
    let (low, high) = summary.mean_interval.unzip();
    json!({
        "mean": json_number(summary.mean),
        "mean_low": low.map(json_number),
        "mean_high": high.map(json_number),
        "level": json_exact(summary.level),
        "runs": summary.n,
    })
}

fn proportion(share: &Proportion) -> Value {
    json!({
        "probability": json_number(share.probability),
        "low": json_number(share.low),
        "high": json_number(share.high),
        "level": json_exact(share.level),
        "method": "clopper-pearson",
    })
}
