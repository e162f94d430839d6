//! `check -o sarif`: SARIF 2.1.0, as code scanning reads it.

use serde_json::{Value, json};

use super::{left_out, paragraph, remark, verdict};
use crate::check::{Checked, Finding, RULES, Report, Severity, Spot};
use crate::escape;

/// One log with one run.
pub fn render(report: &Report) -> String {
    let checked = &report.checked;
    let rules: Vec<Value> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "name": rule.name,
                "shortDescription": { "text": rule.summary },
                "fullDescription": { "text": rule.explanation },
                "help": { "text": format!("{} Source: {}.", rule.explanation, rule.source) },
                "defaultConfiguration": { "level": level(rule.severity) },
            })
        })
        .collect();
    let results: Vec<Value> = checked
        .iter()
        .flat_map(|one| one.findings.iter().map(|finding| result(one, finding)))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "rollcast", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            // What is no finding, and belongs to the answer: verdicts, what was noticed, what was not forecast.
            "invocations": [{ "executionSuccessful": true, "toolExecutionNotifications": notifications(report) }],
            "results": results,
        }],
    });
    escape::json(&format!("{log:#}\n"))
}

/// SARIF has no more words for severity than these and `none`.
const fn level(severity: Severity) -> &'static str {
    severity.name()
}

fn notifications(report: &Report) -> Vec<Value> {
    let mut all = Vec::new();
    for one in &report.checked {
        let entrance = one
            .exposure
            .as_ref()
            .map(|exposure| format!("{exposure}: "))
            .unwrap_or_default();
        all.push(notification(
            "note",
            &one.spot,
            &format!("{}: {entrance}{}", one.name, verdict(one)),
        ));
        all.extend(
            one.remarks
                .iter()
                .map(|noticed| notification("note", &noticed.spot, &remark(noticed))),
        );
    }
    all.extend(
        report
            .remarks
            .iter()
            .map(|noticed| notification("note", &noticed.spot, &remark(noticed))),
    );
    all.extend(report.left_out.iter().map(|omission| {
        let level = if omission.is_open { "warning" } else { "note" };
        notification(
            level,
            &omission.spot,
            &format!("not forecast: {}", left_out(omission)),
        )
    }));
    all
}

fn notification(level: &str, spot: &Spot, words: &str) -> Value {
    json!({
        "level": level,
        "message": { "text": words },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&spot.path) },
                "region": { "startLine": spot.row, "startColumn": spot.column },
            },
        }],
    })
}

fn result(checked: &Checked, finding: &Finding) -> Value {
    let index = RULES.iter().position(|rule| rule.id == finding.rule.id);
    let mut result = json!({
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": format!("{}: {}", checked.name, paragraph(finding)) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&finding.spot.path) },
                "region": {
                    "startLine": finding.spot.row,
                    "startColumn": finding.spot.column,
                    "snippet": { "text": finding.spot.line },
                },
            },
        }],
        // The line may move; the rule and the configuration stay.
        "partialFingerprints": { "rollcast/v1": format!("{}/{}", finding.rule.id, checked.name) },
    });
    // A strategic merge patch is no list of replaced regions, which is all that `fixes` can say.
    if let Some(patch) = checked.patch.as_ref().filter(|_| !finding.fix.is_empty()) {
        result["properties"] = json!({ "strategicMergePatch": patch });
    }
    if let Some(reason) = &finding.ignored {
        result["suppressions"] = json!([{ "kind": "inSource", "justification": reason }]);
    }
    result
}

/// A path as a relative reference: `/` between parts, what a URI does not allow in hexadecimal.
fn uri(path: &std::path::Path) -> String {
    escape::uri(&path.to_string_lossy().replace('\\', "/"))
}
