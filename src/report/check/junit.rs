//! `check -o junit`: a test suite a configuration, a test case a rule, as CI systems read it.

use super::{left_out, paragraph, place, remark, verdict};
use crate::check::{Checked, Finding, Omission, RULES, Report, Rule, Severity, Verdict};
use crate::escape::xml as escaped;

/// One document; without configurations it is empty, and still well-formed. What was not forecast is a suite of its
/// own, of skipped test cases.
pub fn render(report: &Report) -> String {
    let (checked, omissions) = (&report.checked, &report.left_out);
    let failures = |one: &Checked| {
        one.open().filter(|finding| fails(finding)).count() + usize::from(missed(one))
    };
    let cases = RULES.len() + 1;
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.push_str(&format!(
        "<testsuites name=\"rollcast\" tests=\"{}\" failures=\"{}\" errors=\"0\">\n",
        checked.len() * cases + omissions.len(),
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
    if !omissions.is_empty() {
        let count = omissions.len();
        xml.push_str(&format!(
            "  <testsuite name=\"not forecast\" tests=\"{count}\" failures=\"0\" errors=\"0\" skipped=\"{count}\">\n"
        ));
        omissions
            .iter()
            .for_each(|omission| xml.push_str(&skipped(omission)));
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn skipped(omission: &Omission) -> String {
    let body = format!("<skipped message=\"{}\"/>", escaped(&left_out(omission)));
    element("not forecast", &omission.object, Some(body))
}

/// A note is no failure.
fn fails(finding: &Finding) -> bool {
    finding.severity > Severity::Note
}

fn missed(checked: &Checked) -> bool {
    checked
        .judgement
        .as_ref()
        .is_ok_and(|judgement| judgement.verdict == Verdict::Missed)
}

fn case(checked: &Checked, rule: &Rule) -> String {
    let name = format!("{} {}", rule.id, rule.name);
    let body = checked
        .findings
        .iter()
        .find(|finding| finding.rule.id == rule.id)
        .map(|finding| {
            let text = format!(
                "{}\n{}\n{}",
                place(&finding.spot),
                finding.spot.line,
                paragraph(finding)
            );
            match &finding.ignored {
                Some(reason) => format!("<skipped message=\"{}\"/>", escaped(reason)),
                None if fails(finding) => failure(finding.severity.name(), &finding.message, &text),
                None => format!("<system-out>{}</system-out>", escaped(&text)),
            }
        });
    element(&checked.name, &name, body)
}

fn objective(checked: &Checked) -> String {
    let entrance = checked
        .exposure
        .as_ref()
        .map(|exposure| format!("{exposure}: "))
        .unwrap_or_default();
    let remarks: Vec<String> = checked
        .remarks
        .iter()
        .map(|noticed| format!("\nNoticed: {}", remark(noticed)))
        .collect();
    let patch = checked
        .patch
        .as_ref()
        .map(|patch| format!("\nPatch, with every fix:\n{patch}"))
        .unwrap_or_default();
    let words = format!("{entrance}{}", verdict(checked));
    let all = format!("{words}{}{patch}", remarks.concat());
    let body = match &checked.judgement {
        Err(_) => Some(format!("<skipped message=\"{}\"/>", escaped(&words))),
        Ok(_) if missed(checked) => Some(failure("objective", &words, &all)),
        Ok(_) => Some(format!("<system-out>{}</system-out>", escaped(&all))),
    };
    element(&checked.name, "objective", body)
}

fn failure(kind: &str, message: &str, text: &str) -> String {
    format!(
        "<failure type=\"{kind}\" message=\"{}\">{}</failure>",
        escaped(message),
        escaped(text)
    )
}

fn element(class: &str, name: &str, body: Option<String>) -> String {
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\"",
        escaped(class),
        escaped(name)
    );
    match body {
        None => format!("{head}/>\n"),
        Some(body) => format!("{head}>{body}</testcase>\n"),
    }
}
