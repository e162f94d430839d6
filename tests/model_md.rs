//! docs/MODEL.md says what the code does: its tables are made from the code.
//!
//! `ROLLCAST_BLESS=1 cargo test --test model_md` writes them anew.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::fmt::Write;
use std::path::Path;

use rollcast::aws::target_group::OtherTargetGroupSpec;
use rollcast::disturbance::Kind;
use rollcast::scenario::client::CLIENTS;
use rollcast::scenario::prior::PRIORS;
use rollcast::scenario::profile::PROFILES;
use rollcast::scenario::{Document, settings};
use rollcast::verdict::Cause;

const PAGE: &str = "docs/MODEL.md";

fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        writeln!(table, "| {} |", cells.join(" | ")).unwrap();
    }
    table
}

/// One table a section of the file, in the file's order.
fn settings_tables() -> String {
    // Probes are absent by default; a probe that is there has defaults of its own.
    let probes = "[pod.readiness_probe]\n[pod.startup_probe]\n[pod.liveness_probe]\n";
    let defaults = Document::parse(Path::new("defaults.toml"), probes)
        .unwrap()
        .resolve()
        .unwrap();
    let section = |key: &'static str| key.rsplit_once('.').map_or("", |(section, _)| section);
    let groups: Vec<&str> = settings().iter().map(|row| section(row.key)).collect();
    let leaves = settings().iter().filter(|row| !groups.contains(&row.key));
    let mut sections: Vec<(&str, Vec<Vec<String>>)> = Vec::new();
    for row in leaves {
        let default = match row.key {
            "name" | "description" | "sweep" => "–".to_owned(),
            "step.at" => "`0s`".to_owned(),
            key if key.starts_with("step.") => "–".to_owned(),
            "new_revision.ready" => "`probes`".to_owned(),
            "new_revision.image_missing" => "`false`".to_owned(),
            key => defaults
                .value_of(key)
                .map_or("–".to_owned(), |value| format!("`{value}`")),
        };
        let cells = vec![
            format!("`{}`", row.key),
            default,
            row.meaning.trim().to_owned(),
            row.grade.to_string(),
            row.source.to_owned(),
        ];
        match sections
            .iter_mut()
            .find(|(name, _)| *name == section(row.key))
        {
            Some((_, rows)) => rows.push(cells),
            None => sections.push((section(row.key), vec![cells])),
        }
    }
    let mut tables = String::new();
    for (name, rows) in sections {
        let title = match name {
            "" => "At the top".to_owned(),
            "other_target_group" => format!(
                "`[[other_target_group]]`\n\n{}",
                OtherTargetGroupSpec::ABOUT.trim()
            ),
            "other_target_group.health_check" => {
                "`[[other_target_group]]`, its `health_check`".to_owned()
            }
            "step.set" | "step" => format!(
                "`[[step]]`{}",
                if name == "step" { "" } else { ", its `set`" }
            ),
            name => match Kind::ALL
                .iter()
                .find(|kind| name == format!("disturbance.{}", kind.word()))
            {
                Some(kind) => format!(
                    "`[[disturbance]]`, `kind = \"{}\"`\n\n{}",
                    kind.word(),
                    kind.about().trim()
                ),
                None => format!("`[{name}]`"),
            },
        };
        let head = ["key", "default", "meaning", "grade", "source"];
        write!(tables, "\n### {title}\n\n{}", table(&head, rows)).unwrap();
    }
    tables
}

fn profiles_table() -> String {
    let rows = PROFILES.iter().flat_map(|profile| {
        profile.rows.iter().map(|row| {
            vec![
                format!(
                    "`{}` ({}): {}",
                    profile.name, profile.version, profile.about
                ),
                format!("`app.{}`", row.key),
                format!("`{}`", row.value.trim_matches('"')),
                row.grade.to_string(),
                row.source.to_owned(),
            ]
        })
    });
    format!(
        "\n{}",
        table(&["profile", "key", "value", "grade", "source"], rows)
    )
}

fn clients_table() -> String {
    let rows = CLIENTS.iter().flat_map(|client| {
        client.rows.iter().map(|row| {
            vec![
                format!("`{}`: {}", client.name, client.about),
                format!("`load.{}`", row.key),
                format!("`{}`", row.value.trim_matches('"')),
                row.grade.to_string(),
                row.source.to_owned(),
            ]
        })
    });
    format!(
        "\n{}",
        table(&["client", "key", "value", "grade", "source"], rows)
    )
}

fn causes_table() -> String {
    let own = vec![
        "any".to_owned(),
        "`target`".to_owned(),
        OWN_ANSWER.to_owned(),
    ];
    let rows = Cause::ALL.into_iter().map(|cause| {
        vec![
            cause.status().to_string(),
            format!("`{cause}`"),
            cause.meaning().to_owned(),
        ]
    });
    format!(
        "\n{}",
        table(&["status", "cause", "what happened"], rows.chain([own]))
    )
}

const OWN_ANSWER: &str =
    "the application's own answer: its 503 while it shuts down is not the load balancer's 503";

fn priors_table() -> String {
    let head = [
        "number",
        "between environments",
        "within one",
        "presets",
        "evidence",
    ];
    let rows = PRIORS.iter().map(|prior| {
        [
            prior.what,
            prior.between,
            prior.within,
            prior.presets,
            prior.evidence,
        ]
        .map(str::to_owned)
        .to_vec()
    });
    format!("\n{}", table(&head, rows))
}

/// The page with one generated block replaced.
fn with_block(page: &str, name: &str, block: &str) -> String {
    let start = format!("<!-- generated: {name} -->\n");
    let (head, rest) = page
        .split_once(&start)
        .unwrap_or_else(|| panic!("{PAGE} has no block {name}"));
    let (_, tail) = rest
        .split_once("<!-- end -->")
        .unwrap_or_else(|| panic!("block {name} has no end"));
    format!("{head}{start}{block}\n<!-- end -->{tail}")
}

#[test]
fn the_page_says_what_the_code_does() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let blocks = [
        ("settings", settings_tables()),
        ("profiles", profiles_table()),
        ("clients", clients_table()),
        ("causes", causes_table()),
        ("priors", priors_table()),
    ];
    let expected = blocks.iter().fold(page.clone(), |page, (name, block)| {
        with_block(&page, name, block)
    });
    if std::env::var_os("ROLLCAST_BLESS").is_some() {
        std::fs::write(PAGE, &expected).unwrap();
    } else {
        assert!(
            page == expected,
            "{PAGE} is behind the code: ROLLCAST_BLESS=1 cargo test --test model_md"
        );
    }
}

#[test]
fn every_key_is_on_the_page() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let groups: Vec<&str> = settings()
        .iter()
        .filter_map(|row| row.key.rsplit_once('.'))
        .map(|(group, _)| group)
        .collect();
    for row in settings().iter().filter(|row| !groups.contains(&row.key)) {
        assert!(
            page.contains(&format!("| `{}` |", row.key)),
            "{} is not on the page",
            row.key
        );
    }
}
