//! `check -o junit`: a test suite a configuration, a test case a rule, as CI systems read it.

use super::{paragraph, place, verdict};
use crate::check::{Checked, Finding, RULES, Rule, Severity, Verdict};
use crate::escape::xml as escaped;

/// One document; without configurations it is empty, and still well-formed.
pub fn render(checked: &[Checked]) -> String {
    let failures = |one: &Checked| one.open().filter(|finding| fails(finding)).count() + usize::from(missed(one));
    let cases = RULES.len() + 1;
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.push_str(&format!(
        "<testsuites name=\"rollcast\" tests=\"{}\" failures=\"{}\" errors=\"0\">\n",
        checked.len() * cases,
        checked.iter().map(failures).sum::<usize>()
    ));
    for one in checked {
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{cases}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n",
            escaped(&one.name),
            failures(one),
            one.findings.iter().filter(|finding| finding.ignored.is_some()).count()
                + usize::from(one.judgement.is_err()),
        ));
        RULES.iter().for_each(|rule| xml.push_str(&case(one, rule)));
        xml.push_str(&objective(one));
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// A note is no failure.
fn fails(finding: &Finding) -> bool {
    finding.severity > Severity::Note
}

fn missed(checked: &Checked) -> bool {
    checked.judgement.as_ref().is_ok_and(|judgement| judgement.verdict == Verdict::Missed)
}

fn case(checked: &Checked, rule: &Rule) -> String {
    let name = format!("{} {}", rule.id, rule.name);
    let body = checked.findings.iter().find(|finding| finding.rule.id == rule.id).map(|finding| {
        let patch = finding.patch.as_ref().map(|patch| format!("\n{patch}")).unwrap_or_default();
        let text = format!("{}\n{}\n{}{patch}", place(&finding.spot), finding.spot.line, paragraph(finding));
        match &finding.ignored {
            Some(reason) => format!("<skipped message=\"{}\"/>", escaped(reason)),
            None if fails(finding) => failure(finding.severity.name(), &finding.message, &text),
            None => format!("<system-out>{}</system-out>", escaped(&text)),
        }
    });
    element(&checked.name, &name, body)
}

fn objective(checked: &Checked) -> String {
    let words = verdict(checked);
    let body = match &checked.judgement {
        Err(_) => Some(format!("<skipped message=\"{}\"/>", escaped(&words))),
        Ok(_) if missed(checked) => Some(failure("objective", &words, &words)),
        Ok(_) => Some(format!("<system-out>{}</system-out>", escaped(&words))),
    };
    element(&checked.name, "objective", body)
}

fn failure(kind: &str, message: &str, text: &str) -> String {
    format!("<failure type=\"{kind}\" message=\"{}\">{}</failure>", escaped(message), escaped(text))
}

fn element(class: &str, name: &str, body: Option<String>) -> String {
    let head = format!("    <testcase classname=\"{}\" name=\"{}\"", escaped(class), escaped(name));
    match body {
        None => format!("{head}/>\n"),
        Some(body) => format!("{head}>{body}</testcase>\n"),
    }
}
