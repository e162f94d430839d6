//! `check -o json`: for programs, schema version 2.

use serde_json::{Value, json};

use crate::check::{Checked, End, Finding, HookEnds, Judgement, Omission, Remark, Report};
use crate::escape;
use crate::report::figures::{json_exact, json_number};
use crate::report::json::if_any;
use crate::report::recommend::need;
use crate::stats::{Proportion, Summary};
use crate::time::Span;

/// One object.
pub fn render(report: &Report) -> String {
    let value = json!({
        "schema_version": 2,
        "version": env!("CARGO_PKG_VERSION"),
        "settled": report.settled,
        "configurations": report.checked.iter().map(configuration).collect::<Vec<_>>(),
        "noticed": report.remarks.iter().map(noticed).collect::<Vec<_>>(),
        "left_out": report.left_out.iter().map(omission).collect::<Vec<_>>(),
    });
    escape::json(&format!("{value:#}\n"))
}

fn noticed(remark: &Remark) -> Value {
    json!({ "file": remark.spot.path, "line": remark.spot.row, "message": remark.words })
}

fn omission(omission: &Omission) -> Value {
    json!({
        "object": omission.object,
        "file": omission.spot.path,
        "line": omission.spot.row,
        "reason": omission.why,
        "open": omission.is_open,
    })
}

fn configuration(checked: &Checked) -> Value {
    let judgement = match &checked.judgement {
        Ok(judgement) => judged(judgement),
        Err(why) => json!({ "verdict": Value::Null, "not_simulated": why }),
    };
    json!({
        "name": checked.name,
        "entrance": checked.exposure,
        "file": checked.spot.path,
        "line": checked.spot.row,
        "objective": {
            "max_5xx_per_rollout": checked.objectives.max_5xx_per_rollout,
            "probability": json_exact(checked.objectives.probability),
        },
        "judgement": judgement,
        "assumed": checked.asked,
        "noticed": checked.remarks.iter().map(noticed).collect::<Vec<_>>(),
        "patch": checked.patch,
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
        "rollouts_without_5xx": proportion(&judgement.clean),
        "rollouts_complete": proportion(&judgement.completes),
        "load_ended_too_early": proportion(&judgement.cut_short),
        "hook_not_read": judgement.hook.as_ref().map(hook_ends),
        "with_every_fix": judgement.all_fixes.as_ref().map(|(fixed, within)| {
            json!({ "5xx_per_rollout": summary(fixed), "rollouts_within": proportion(within) })
        }),
    })
}

fn hook_ends(hook: &HookEnds) -> Value {
    let end = |end: &End| {
        json!({
            "serves_s": json_exact(end.serves.as_secs_f64()),
            "verdict": end.verdict.name(),
            "5xx_per_rollout": summary(&end.now),
            "rollouts_within": proportion(&end.within),
        })
    };
    let seconds = |span: Option<Span>| span.map(|span| json_exact(span.as_secs_f64()));
    json!({
        "words": hook.what.trim_matches('`'),
        "least": end(&hook.least),
        "most": end(&hook.most),
        "met_from_s": seconds(hook.met_from),
        "met_to_s": seconds(hook.met_to),
    })
}

fn finding(finding: &Finding) -> Value {
    let fix: serde_json::Map<String, Value> = finding
        .fix
        .iter()
        .map(|edit| (edit.key.to_owned(), Value::String(edit.value.clone())))
        .collect();
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
                "low": evidence.removed.interval.map(|(low, _)| json_number(low)),
                "high": evidence.removed.interval.map(|(_, high)| json_number(high)),
                "level": json_exact(evidence.removed.level),
            },
            "rollouts_better": proportion(&evidence.better),
            "old_pods_gone_later_s": evidence.old_pods_stay.map(json_number),
        })),
        "lag": finding.need.as_ref().map(need),
        "rollouts_seen": finding.seen.as_ref().map(proportion),
        "fix": fix,
        "by_hand": finding.advice,
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
        "if_any": if_any(summary.if_any.as_ref()),
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
