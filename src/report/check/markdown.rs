//! `check -o markdown`: for a comment on a pull request, or a job's summary.

use super::{edits, evidence, left_out, overview, place, remark, tally, verdict};
use crate::check::Report;
use crate::escape::{lines, markdown as cell, markdown_block};

/// All in a table; then a table of findings for each configuration, its patch folded away beneath it.
pub fn render(report: &Report) -> String {
    let mut text = format!("## rollcast: {}\n\n", tally(report));
    for words in &report.settled {
        text.push_str(&format!("{}\n\n", cell(words)));
    }
    for (at, row) in overview(report).iter().enumerate() {
        text.push_str(&format!(
            "| {} |\n",
            row.each_ref().map(|words| cell(words)).join(" | ")
        ));
        if at == 0 {
            text.push_str("|---|---|---|---|---|\n");
        }
    }
    for one in &report.checked {
        text.push_str(&format!("\n### {}\n\n", cell(&one.name)));
        if let Some(exposure) = &one.exposure {
            text.push_str(&format!("{}\n\n", cell(exposure)));
        }
        text.push_str(&format!("{}\n", capital_sentence(&verdict(one))));
        if one.open().next().is_some() {
            text.push_str(
                "\n| | rule | where | what | simulated | fix |\n|---|---|---|---|---|---|\n",
            );
        }
        for finding in one.open() {
            text.push_str(&format!(
                "| {} | {} {} | {} | {} | {} | {} |\n",
                finding.severity.name(),
                finding.rule.id,
                finding.rule.name,
                cell(&place(&finding.spot)),
                cell(&finding.message),
                finding
                    .evidence
                    .as_ref()
                    .map(|weighed| cell(&evidence(weighed)))
                    .unwrap_or_default(),
                cell(&edits(&finding.fix)),
            ));
        }
        if let Some(patch) = &one.patch {
            text.push_str(&format!(
                "\n<details><summary>Patch, with every fix</summary>\n\n{}\n</details>\n",
                markdown_block("yaml", patch)
            ));
        }
        for noticed in &one.remarks {
            text.push_str(&format!("\nNoticed: {}\n", cell(&remark(noticed))));
        }
        for finding in &one.findings {
            if let Some(reason) = &finding.ignored {
                text.push_str(&format!(
                    "\n{} is ignored: {}\n",
                    finding.rule.id,
                    cell(reason)
                ));
            }
        }
        if !one.asked.is_empty() {
            text.push_str(&format!(
                "\nAssumed, since no manifest says it: {}.\n",
                cell(&one.asked.join(", "))
            ));
        }
    }
    for noticed in &report.remarks {
        text.push_str(&format!("\nNoticed: {}\n", cell(&remark(noticed))));
    }
    if !report.left_out.is_empty() {
        text.push_str("\n### Not forecast\n\n");
    }
    for omission in &report.left_out {
        text.push_str(&format!("- {}\n", cell(&left_out(omission))));
    }
    lines(&text)
}

fn capital_sentence(text: &str) -> String {
    format!("{}.", cell(&super::capital(text)))
}
