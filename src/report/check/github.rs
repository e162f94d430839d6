//! `check -o github`: workflow commands, which GitHub shows beside the lines of a pull request.

use super::{paragraph, verdict};
use crate::check::{Checked, Severity, Verdict};
use crate::escape::{workflow_message as data, workflow_property as property};

/// One command a finding, and one for an objective that was missed.
pub fn render(checked: &[Checked]) -> String {
    let mut text = String::new();
    for one in checked {
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
        let missed = one.judgement.as_ref().is_ok_and(|judgement| judgement.verdict == Verdict::Missed);
        let command = if missed { "error" } else { "notice" };
        text.push_str(&format!(
            "::{command} file={},line={},title=rollcast::{}\n",
            property(&one.spot.path.to_string_lossy()),
            one.spot.row,
            data(&format!("{}: {}", one.name, verdict(one)))
        ));
    }
    text
}

const fn command(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "notice",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}
