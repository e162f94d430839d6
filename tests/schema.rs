//! The JSON Schemas: what rollcast accepts validates, and what it refuses does not where a schema can say so.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::{Path, PathBuf};

use rollcast::report::schema;
use rollcast::scenario::{self, Document, settings};
use serde_json::{Value, json};

/// Errors that only several values together make, or the size of a span: `90s` and `1.5m` are one, and no pattern
/// tells how long.
const BEYOND_A_SCHEMA: &[&str] = &[
    "anomaly-mitigation-alone",
    "client-nodes-many",
    "created-twice",
    "delete-pods-after-creation",
    "deregistration-delay-fraction",
    "deregistration-delay-too-long",
    "distribution-falling",
    "disturbance-after-load",
    "disturbance-load-step-closed-loop",
    "disturbance-no-slower",
    "disturbance-no-such-host",
    "disturbance-no-such-zone",
    "disturbance-too-large-a-crowd",
    "endless-span",
    "health-check-node-port-without-local",
    "idle-timeout-too-long",
    "instance-node-loss",
    "instance-with-gate",
    "instance-with-ip-reuse",
    "interval-reached-by-default-timeout",
    "interval-too-long",
    "interval-too-short",
    "local-policy-with-ip",
    "min-ready-fraction",
    "min-ready-reaches-deadline",
    "new-revision-bad-value",
    "new-revision-never-rolled-out",
    "other-target-group-delay",
    "other-target-group-instance",
    "other-target-group-interval",
    "other-target-group-name-of-another-place",
    "other-target-group-nodes-together",
    "other-target-group-same-name",
    "other-target-group-timeout",
    "pre-stop-stops-late",
    "probe-period-fraction",
    "rollout-after-load",
    "shape-closed-loop",
    "slow-start-too-short",
    "slow-start-with-another-algorithm",
    "step-after-load",
    "stickiness-open-loop",
    "stickiness-too-long",
    "surge-absurd",
    "surge-and-unavailable-zero-percent",
    "surge-and-unavailable-zero",
    "timeout-too-long",
    "too-long",
    "too-many-pods",
    "too-many-requests-in-all",
    "too-many-requests",
    "workers-too-fast",
];

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(&schema::scenario()).unwrap()).unwrap()
}

/// TOML as JSON has it: dates become texts, and what JSON has no number for a text too.
fn in_json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) if number.is_finite() => number.into(),
        toml::Value::Float(number) => number.to_string().into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(in_json).collect(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, in_json(value)))
            .collect(),
    }
}

/// A file as JSON; nothing if it is no TOML.
fn read(path: &Path) -> Option<Value> {
    let text = String::from_utf8(std::fs::read(path).unwrap()).ok()?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    toml::from_str(text)
        .ok()
        .map(|table: toml::Table| in_json(toml::Value::Table(table)))
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_document_that_is_accepted_validates() {
    let validator = validator();
    let mut found = Vec::new();
    for directory in [
        "scenarios",
        "tests",
        "fuzz/corpus/scenario",
        "benches",
        "docs",
    ] {
        files(Path::new(directory), &mut found);
    }
    found.retain(|path| path.extension().is_none_or(|end| end == "toml"));
    let (mut accepted, mut wrong) = (0, Vec::new());
    for path in found.iter().filter(|path| scenario::load(path).is_ok()) {
        accepted += 1;
        let document = read(path).unwrap();
        wrong.extend(
            validator
                .iter_errors(&document)
                .map(|error| format!("{}: {}: {error}", path.display(), error.instance_path())),
        );
    }
    assert!(accepted >= 60, "only {accepted} documents");
    assert!(
        wrong.is_empty(),
        "{accepted} documents:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn what_a_schema_can_refuse_it_refuses() {
    let validator = validator();
    let mut found = Vec::new();
    files(Path::new("tests/scenario_errors"), &mut found);
    found.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    let passed: Vec<String> = found
        .iter()
        .filter(|path| read(path).is_some_and(|document| validator.is_valid(&document)))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(passed, BEYOND_A_SCHEMA);
}

/// One scenario that sets one key.
fn document(key: &str, value: &Value) -> String {
    let (table, name) = key.rsplit_once('.').unwrap();
    if let Some(kind) = table.strip_prefix("disturbance.") {
        // A link that is not slower is refused for that.
        let extra = if kind == "slow_link" {
            "\nextra = \"1s\""
        } else {
            ""
        };
        return format!("[[disturbance]]\nkind = \"{kind}\"\n{name} = {value}{extra}");
    }
    match table.strip_prefix("other_target_group") {
        Some("") => format!("[[other_target_group]]\n{name} = {value}"),
        Some(below) => format!(
            "[[other_target_group]]\n{}.{name} = {value}",
            below.trim_start_matches('.')
        ),
        None => format!("[{table}]\n{name} = {value}"),
    }
}

/// A range of the schema is the one that rollcast refuses beyond.
#[test]
fn ranges_are_those_of_the_checks() {
    let validator = validator();
    let mut bounds = 0;
    for row in settings().iter().filter(|row| !row.range.is_empty()) {
        let range = rollcast::setting::form::narrowed(json!({}), row.range);
        for (bound, beyond) in [
            ("minimum", -1.0),
            ("exclusiveMinimum", 0.0),
            ("maximum", 1.0),
            ("exclusiveMaximum", 0.0),
        ] {
            let Some(edge) = range[bound].as_f64() else {
                continue;
            };
            let is_whole = (row.form)()["type"] == "integer";
            let step = if is_whole { 1.0 } else { 0.001 };
            let value = edge + beyond * step;
            let is_span = !(row.form)()["$ref"].is_null();
            let value = match (is_span, is_whole) {
                (true, _) => json!("0s"),
                (_, true) => json!(value as i64),
                _ => json!(value),
            };
            let text = document(row.key, &value);
            let resolved =
                Document::parse(Path::new("x.toml"), &text).and_then(|document| document.resolve());
            assert!(
                resolved.is_err(),
                "{} = {value} is accepted, and its range is {}",
                row.key,
                row.range
            );
            let written: toml::Table = toml::from_str(&text).unwrap();
            assert!(
                !validator.is_valid(&in_json(toml::Value::Table(written))),
                "{text}"
            );
            bounds += 1;
        }
    }
    assert!(bounds >= 60, "only {bounds} bounds");
}

/// What `Display` prints and what is written by hand is a span for the schema.
#[test]
fn spans_are_told_from_other_texts() {
    let validator = validator();
    let is_valid = |span: &str| validator.is_valid(&json!({ "pod": { "pre_stop": span } }));
    for span in [
        "0s",
        "15s",
        "1.5s",
        "250ms",
        "17us",
        "1m30s",
        "1h 30m",
        "90 seconds",
        "2 hours",
    ] {
        assert!(
            is_valid(span) && rollcast::time::Span::parse(span).is_ok(),
            "{span}"
        );
    }
    for text in ["", "5", "-5s", "5 parsecs", "s", "soon", "{ uniform }"] {
        assert!(
            !is_valid(text) && rollcast::time::Span::parse(text).is_err(),
            "{text}"
        );
    }
}
