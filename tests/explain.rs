//! `rollcast explain` knows the words of every report: rows and columns of the goldens.

use std::collections::BTreeSet;
use std::path::Path;

use rollcast::explain::explain;
use rollcast::report::schema;
use serde_json::Value;

/// Where reports stand as text.
const GOLDENS: &[&str] = &[
    "tests/golden/report/before.txt",
    "tests/golden/report/several.txt",
    "tests/cli/run.trycmd",
    "tests/cli/trace.trycmd",
    "tests/cli/check.trycmd",
];

/// The cells of a line: what two or more spaces part.
fn cells(line: &str) -> Vec<&str> {
    line.trim()
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect()
}

fn is_value(cell: &str) -> bool {
    let first = cell.chars().next().unwrap_or('0');
    !first.is_ascii_alphabetic()
        || ["at most", "in ", "before "]
            .iter()
            .any(|start| cell.starts_with(start))
}

/// Rows and columns of the tables of a text: a heading is a line of names only, and its rows follow.
fn labels(text: &str) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    let mut in_table = false;
    // Commands that go on from a report, and what they do, are no table.
    let is_command = |line: &&str| line.starts_with("Next ") || line.contains("  rollcast ");
    for line in text.lines().filter(|line| !is_command(line)) {
        let cells = cells(line);
        let is_heading = cells.len() >= 3 && !line.contains(['[', '|', '=', ':', '$', '`']) && {
            // A column may begin with its number: `90 % of rollouts`.
            cells
                .iter()
                .all(|cell| cell.contains(|letter: char| letter.is_ascii_alphabetic()))
                && cells.iter().filter(|cell| is_value(cell)).count() <= 1
        };
        if is_heading {
            in_table = true;
            labels.extend(cells.iter().map(|cell| (*cell).to_owned()));
        } else if cells.len() < 2 {
            in_table = false;
        } else if in_table && !is_value(cells[0]) {
            labels.insert(cells[0].to_owned());
        }
    }
    labels
}

/// Names in those tables that are data: pods, and scenarios side by side.
fn is_data(label: &str) -> bool {
    label.contains(|letter: char| letter.is_ascii_digit()) && !label.contains(' ')
        || ["rare", "stuck"].contains(&label)
        || label.starts_with("at most ")
}

#[test]
fn every_row_and_column_is_explained() {
    let (mut known, mut unknown) = (0, BTreeSet::new());
    for golden in GOLDENS {
        let text = std::fs::read_to_string(golden).unwrap();
        for label in labels(&text).into_iter().filter(|label| !is_data(label)) {
            match explain(&label) {
                Some(_) => known += 1,
                None => drop(unknown.insert(format!("{golden}: {label}"))),
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    assert!(known >= 25, "only {known} labels");
}

#[test]
fn every_cause_and_rule_in_json_is_explained() {
    let text = std::fs::read_to_string("tests/golden/report/before.json").unwrap();
    let json: Value = text.parse().unwrap();
    for group in ["statuses", "causes", "uncertainty"] {
        for name in json[group].as_object().unwrap().keys() {
            assert!(explain(&name.replace('_', " ")).is_some(), "{name}");
        }
    }
    for row in json["assumptions"].as_array().unwrap() {
        assert!(explain(row["key"].as_str().unwrap()).is_some(), "{row}");
    }
}

/// What explains a name in an editor is in the schema; every key there is a word, too.
#[test]
fn every_key_of_the_schema_is_explained() {
    let schema: Value = schema::scenario().parse().unwrap();
    for (table, of) in schema["properties"].as_object().unwrap() {
        for key in of["properties"]
            .as_object()
            .into_iter()
            .flat_map(|keys| keys.keys())
        {
            let word = format!("{table}.{key}");
            assert!(explain(&word).is_some() || table == "sweep", "{word}");
        }
    }
}

/// Hints are for whoever has the binary alone.
#[test]
fn no_answer_points_at_a_file_of_the_repository() {
    for word in rollcast::explain::words() {
        let text = explain(&word).unwrap();
        for path in [
            "docs/MODEL.md",
            "docs/VALIDATION.md",
            "scenarios/",
            "tests/",
        ] {
            assert!(
                !text.contains(path) || !Path::new(path).exists() || text.contains("tests/traces"),
                "{word}: {text}"
            );
        }
    }
}
