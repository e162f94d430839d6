//! `check -o github`: workflow commands, which GitHub shows beside the lines of a pull request.

use super::{paragraph, verdict};
use crate::check::{Checked, Severity, Verdict};

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

/// What a message may not contain as it is (actions/toolkit, core/src/command.ts).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property ends at a comma or a colon, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
