//! `check -o github`: workflow commands, which GitHub shows beside the lines of a pull request.

use super::{left_out, paragraph, remark, verdict};
use crate::check::{Report, Severity, Spot, Verdict};
use crate::escape::{workflow_message as data, workflow_property as property};

/// One command a finding, one for each verdict, and one for what was noticed and for what was not forecast.
pub fn render(report: &Report) -> String {
    let mut text: String = report
        .settled
        .iter()
        .map(|words| format!("::notice title=rollcast.toml::{}\n", data(words)))
        .collect();
    for one in &report.checked {
        for finding in one.open() {
            let spot = &finding.spot;
            text.push_str(&format!(
                "::{} file={},line={},col={},title={}::{}\n",
                command(finding.severity),
                property(&spot.path.to_string_lossy()),
                spot.row,
                spot.column,
                property(&format!("{} {}", finding.rule.id, finding.rule.name)),
                data(&format!("{}: {}", one.name, paragraph(finding))),
            ));
        }
        let missed = one
            .judgement
            .as_ref()
            .is_ok_and(|judgement| judgement.verdict == Verdict::Missed);
        let command = if missed { "error" } else { "notice" };
        let entrance = one
            .exposure
            .as_ref()
            .map(|exposure| format!("{exposure}: "))
            .unwrap_or_default();
        let assumed = match one.asked.as_slice() {
            [] => String::new(),
            asked => format!("; assumed: {}", asked.join(", ")),
        };
        let words = format!("{}: {entrance}{}{assumed}", one.name, verdict(one));
        text.push_str(&line(command, &one.spot, &words));
        one.remarks
            .iter()
            .for_each(|noticed| text.push_str(&line("notice", &noticed.spot, &remark(noticed))));
    }
    report
        .remarks
        .iter()
        .for_each(|noticed| text.push_str(&line("notice", &noticed.spot, &remark(noticed))));
    for omission in &report.left_out {
        let command = if omission.is_open {
            "warning"
        } else {
            "notice"
        };
        text.push_str(&line(
            command,
            &omission.spot,
            &format!("not forecast: {}", left_out(omission)),
        ));
    }
    text
}

fn line(command: &str, spot: &Spot, words: &str) -> String {
    let path = property(&spot.path.to_string_lossy());
    format!(
        "::{command} file={path},line={},title=rollcast::{}\n",
        spot.row,
        data(words)
    )
}

const fn command(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
