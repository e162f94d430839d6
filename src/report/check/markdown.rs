//! `check -o markdown`: for a comment on a pull request, or a job's summary.

use super::{edits, evidence, place, tally, verdict};
use crate::check::Checked;
use crate::escape::{lines, markdown as cell, markdown_block};

/// A table a configuration, the patches folded away beneath it.
pub fn render(checked: &[Checked]) -> String {
    let mut text = format!("## rollcast: {}\n", tally(checked));
    for one in checked {
        text.push_str(&format!("\n### {}\n\n{}\n", cell(&one.name), capital_sentence(&verdict(one))));
        if one.open().next().is_some() {
            text.push_str("\n| | rule | where | what | simulated | fix |\n|---|---|---|---|---|---|\n");
        }
        for finding in one.open() {
            text.push_str(&format!(
                "| {} | {} {} | {} | {} | {} | {} |\n",
                finding.severity.name(),
                finding.rule.id,
                finding.rule.name,
                cell(&place(&finding.spot)),
                cell(&finding.message),
                finding.evidence.as_ref().map(|weighed| cell(&evidence(weighed))).unwrap_or_default(),
                cell(&edits(&finding.fix)),
            ));
        }
        for finding in one.open() {
            if let Some(patch) = &finding.patch {
                text.push_str(&format!(
                    "\n<details><summary>{}: patch</summary>\n\n{}\n</details>\n",
                    finding.rule.id,
                    markdown_block("yaml", patch)
                ));
            }
        }
        for finding in &one.findings {
            if let Some(reason) = &finding.ignored {
                text.push_str(&format!("\n{} is ignored: {}\n", finding.rule.id, cell(reason)));
            }
        }
    }
    lines(&text)
}

fn capital_sentence(text: &str) -> String {
    format!("{}.", cell(&super::capital(text)))
}
