//! What people published of their rollouts, held against what rollcast forecasts of them.
//!
//! scenarios/observations/published.toml says what was published and which scenario describes it. What a
//! source does not state is swept in the scenario: every cell of its `[sweep]` gets the same number of
//! replications, and the forecast is what they say together. Nothing is fitted.
//!
//! `cargo test --test observations -- --nocapture` prints the tables; docs/VALIDATION.md keeps them, and
//! `ROLLCAST_BLESS=1 cargo test --test observations` rewrites them there.

mod coverage;
mod judge;
#[path = "../common/page.rs"]
mod page;

use std::collections::BTreeMap;

use rollcast::monte_carlo::Workers;
use serde::Deserialize;

use judge::{Judged, Value, judge};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/observations");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    observation: Vec<Observation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Observation {
    /// Where it stands in the list of what was published, or several such places.
    row: String,
    /// What it is about.
    family: Option<String>,
    /// What of the model was read off it: then it is no evidence for the model.
    spent: Option<String>,
    scenario: Option<String>,
    /// What the source leaves open and no key can sweep.
    #[serde(default)]
    unstated: Vec<Unstated>,
    /// Fewer replications where each has very many requests.
    runs: Option<usize>,
    #[serde(default)]
    case: Vec<Case>,
    why_not: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
enum Unstated {
    /// Whether there is one.
    #[serde(rename = "readiness probe")]
    ReadinessProbe,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    scenario: Option<String>,
    #[serde(default)]
    set: BTreeMap<String, String>,
    published: BTreeMap<String, Value>,
}

const HEAD: &str = "| row | case | quantity | published | forecast median | 90 % prediction interval | any 5xx in | |\n|---|---|---|---|---|---|---|---|\n";

#[test]
fn published_and_forecast() {
    let text = std::fs::read_to_string(format!("{FOLDER}/published.toml")).unwrap();
    let Published { observation } = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let workers = Workers::new(None).unwrap_or_else(|error| panic!("{error}"));
    let mut judged = Vec::new();
    let mut without = String::new();
    for one in &observation {
        assert!(
            one.case.is_empty() == one.why_not.is_some()
                && one.case.is_empty() == one.family.is_none(),
            "row {}: a family and cases, or why there are none",
            one.row
        );
        judged.extend(one.case.iter().map(|case| judge(one, case, &workers)));
        without += &one
            .why_not
            .as_ref()
            .map_or(String::new(), |why| format!("- row {}: {why}\n", one.row));
    }
    let lines: String = judged.iter().map(Judged::lines).collect();
    println!("{HEAD}{lines}\n{without}");
    let coverage = coverage::text(&observation, &judged);
    println!("{coverage}");
    check_orders(&judged);
    coverage::check(&judged);
    page::check(
        "observations",
        &format!("{HEAD}{lines}\nNot forecast:\n\n{without}"),
    );
    page::check("coverage of what was published", &coverage);
}

/// What was published as an order of cases is one in the forecast.
fn check_orders(judged: &[Judged]) {
    let mean_5xx = |case: &Judged| {
        case.samples
            .iter()
            .map(|sample| sample.count_5xx() as f64)
            .sum::<f64>()
            / case.samples.len() as f64
    };
    let of = |row: &str, what: &dyn Fn(&Judged) -> f64| -> Vec<f64> {
        judged
            .iter()
            .filter(|case| case.observation.row == row)
            .map(what)
            .collect()
    };
    let falls = |row: &str, what: &dyn Fn(&Judged) -> f64| {
        let values = of(row, what);
        assert!(
            values.is_sorted_by(|a, b| a > b),
            "row {row}: {values:?} does not fall"
        );
    };
    // A lag beyond 30 s is assumed in one rollout of a hundred: so few replications may have none.
    let falls_to_nothing = |row: &str| {
        let values = of(row, &mean_5xx);
        let is_clean = values[1..].iter().all(|mean| *mean < 0.01 * values[0]);
        assert!(
            is_clean && values.is_sorted_by(|a, b| a >= b),
            "row {row}: {values:?} does not fall"
        );
    };
    falls("1", &|case| case.share_with_any());
    falls_to_nothing("2");
    falls_to_nothing("7");
    falls("6", &|case| case.at("5xx", 0.5));
    falls("11", &|case| case.share_with_any());
    falls("17", &|case| case.share_with_any());
    falls("20", &|case| case.at("failing in the window", 0.5));
    falls("21", &mean_5xx);
    falls("26", &|case| case.at("5xx", 0.5));
    let versions = of("32", &mean_5xx);
    assert!(
        versions.is_sorted_by(|a, b| a >= b),
        "row 32: {versions:?} rises"
    );
}
