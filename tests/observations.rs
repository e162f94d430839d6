//! What people published of their rollouts, held against what rollcast forecasts of them.
//!
//! scenarios/observations/published.toml says what was published and which scenario describes it. What a
//! source does not state is swept in the scenario: every cell of its `[sweep]` gets the same number of
//! replications, and the forecast is what they say together. Nothing is fitted.
//!
//! `cargo test --test observations -- --nocapture` prints the table; docs/VALIDATION.md keeps it, and
//! `ROLLCAST_BLESS=1 cargo test --test observations` rewrites it there.

#[path = "common/page.rs"]
mod page;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::monte_carlo::{Sample, Workers};
use rollcast::scenario::document::Document;
use rollcast::stats::quantile;
use rollcast::traffic::EngineChoice;
use serde::Deserialize;

/// Replications of a case unless it says otherwise, all cells together; at least one a cell.
const RUNS: usize = 200;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/observations");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    observation: Vec<Observation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Observation {
    row: u32,
    scenario: Option<String>,
    /// Fewer replications where each has very many requests.
    runs: Option<usize>,
    #[serde(default)]
    case: Vec<Case>,
    why_not: Option<String>,
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

/// What was published of a quantity.
#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Number(f64),
    Range([f64; 2]),
    Word(String),
}

impl Value {
    fn is_inside(&self, low: f64, high: f64) -> bool {
        match self {
            Value::Number(value) => (low..=high).contains(value),
            Value::Range([from, to]) => low <= *to && *from <= high,
            Value::Word(word) => match word.as_str() {
                "zero" => low == 0.0,
                "non-zero" => high > 0.0,
                other => match other.strip_prefix("at least ").map(str::parse::<f64>) {
                    Some(Ok(least)) => high >= least,
                    _ => panic!("`{other}` is neither zero nor non-zero nor at least a number"),
                },
            },
        }
    }

    fn text(&self) -> String {
        match self {
            Value::Number(value) => value.to_string(),
            Value::Range([from, to]) => format!("{from} to {to}"),
            Value::Word(word) => word.clone(),
        }
    }
}

/// A quantity of one replication of a load that lasts so many seconds.
fn quantity(name: &str, sample: &Sample, duration: f64) -> f64 {
    let window = sample
        .error_window
        .map_or(0.0, |(first, last)| (last - first).as_micros() as f64 / 1e6);
    let sent_in_window = 1.0 + window * (sample.requests - 1) as f64 / duration;
    match name {
        "5xx" => sample.count_5xx() as f64,
        "error window" => window,
        "greatest latency" => sample.max_latency.as_secs_f64(),
        "failing in the window" => 100.0 * sample.count_5xx() as f64 / sent_in_window,
        status => sample.status(
            status
                .parse()
                .expect("a quantity that published.toml explains"),
        ) as f64,
    }
}

/// Every combination of the values that a scenario sweeps, save those of keys that the case sets.
fn cells(document: &Document, case: &Case) -> Vec<Vec<(String, String)>> {
    let sweep = document
        .resolve()
        .unwrap_or_else(|error| panic!("{error}"))
        .sweep;
    let mut cells = vec![Vec::new()];
    for (key, values) in sweep
        .into_iter()
        .filter(|(key, _)| !case.set.contains_key(key))
    {
        let values = values
            .as_array()
            .expect("an observation sweeps lists")
            .clone();
        let with = |cell: &Vec<_>, value: &toml::Value| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            cell.iter()
                .cloned()
                .chain([(key.clone(), text)])
                .collect::<Vec<_>>()
        };
        cells = cells
            .iter()
            .flat_map(|cell| values.iter().map(move |value| with(cell, value)))
            .collect();
    }
    cells
}

/// The replications of all cells. Each cell has a seed of its own, so that no two share an environment.
fn judge<'a>(observation: &Observation, case: &'a Case, workers: &Workers) -> Judged<'a> {
    let name = case
        .scenario
        .as_ref()
        .or(observation.scenario.as_ref())
        .expect("a case has a scenario");
    let open =
        || Document::read(&Path::new(FOLDER).join(name)).unwrap_or_else(|error| panic!("{error}"));
    let cells = cells(&open(), case);
    let runs = observation.runs.unwrap_or(RUNS).div_ceil(cells.len()) as u64;
    let mut judged = Judged {
        row: observation.row,
        case,
        duration: 0.0,
        samples: Vec::new(),
    };
    for (seed, cell) in (1..).zip(&cells) {
        let mut document = open();
        for (key, value) in cell
            .iter()
            .map(|(key, value)| (key, value))
            .chain(&case.set)
        {
            document
                .set(key, value)
                .unwrap_or_else(|error| panic!("{error}"));
        }
        let scenario = document.resolve().unwrap_or_else(|error| panic!("{error}"));
        let samples = workers.replications(
            &scenario,
            EngineChoice::Request,
            seed,
            0..runs,
            &AtomicBool::new(false),
        );
        judged.duration = scenario
            .load
            .duration
            .expect("every row says how long its load lasts")
            .as_secs_f64();
        judged
            .samples
            .extend(samples.unwrap_or_else(|error| panic!("{error}")));
    }
    judged
}

/// A case and what its replications came to.
struct Judged<'a> {
    row: u32,
    case: &'a Case,
    /// How long the load lasts, in seconds.
    duration: f64,
    samples: Vec<Sample>,
}

impl Judged<'_> {
    fn values(&self, name: &str) -> Vec<f64> {
        let mut values: Vec<f64> = self
            .samples
            .iter()
            .map(|sample| quantity(name, sample, self.duration))
            .collect();
        values.sort_by(f64::total_cmp);
        values
    }

    fn at(&self, name: &str, p: f64) -> f64 {
        quantile(&self.values(name), p).expect("there are replications")
    }

    fn share_with_any(&self) -> f64 {
        self.samples
            .iter()
            .filter(|sample| sample.count_5xx() > 0)
            .count() as f64
            / self.samples.len() as f64
    }

    fn lines(&self) -> String {
        let line = |(name, value): (&String, &Value)| {
            let [low, median, high] = [0.05, 0.5, 0.95].map(|p| self.at(name, p));
            let (digits, unit) = match name.as_str() {
                "error window" => (1, " s"),
                "greatest latency" => (2, " s"),
                "failing in the window" => (0, " %"),
                _ => (0, ""),
            };
            let verdict = if value.is_inside(low, high) {
                "inside"
            } else {
                "OUTSIDE"
            };
            format!(
                "| {} | {} | {name} | {}{unit} | {median:.digits$}{unit} | {low:.digits$} to {high:.digits$}{unit} | {:.0} % | {verdict} |\n",
                self.row,
                self.case.name,
                value.text(),
                100.0 * self.share_with_any(),
            )
        };
        self.case.published.iter().map(line).collect()
    }
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
        assert_eq!(
            one.case.is_empty(),
            one.why_not.is_some(),
            "row {}: cases, or why there are none",
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
    check_orders(&judged);
    page::check(
        "observations",
        &format!("{HEAD}{lines}\nNot forecast:\n\n{without}"),
    );
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
    let of = |row: u32, what: &dyn Fn(&Judged) -> f64| -> Vec<f64> {
        judged
            .iter()
            .filter(|case| case.row == row)
            .map(what)
            .collect()
    };
    let falls = |row: u32, what: &dyn Fn(&Judged) -> f64| {
        let values = of(row, what);
        assert!(
            values.is_sorted_by(|a, b| a > b),
            "row {row}: {values:?} does not fall"
        );
    };
    // A lag beyond 30 s is assumed in one rollout of a hundred: so few replications may have none.
    let falls_to_nothing = |row: u32| {
        let values = of(row, &mean_5xx);
        let is_clean = values[1..].iter().all(|mean| *mean < 0.01 * values[0]);
        assert!(
            is_clean && values.is_sorted_by(|a, b| a >= b),
            "row {row}: {values:?} does not fall"
        );
    };
    falls(1, &|case| case.share_with_any());
    falls_to_nothing(2);
    falls_to_nothing(7);
    falls(6, &|case| case.at("5xx", 0.5));
    falls(11, &|case| case.share_with_any());
    falls(17, &|case| case.share_with_any());
    falls(20, &|case| case.at("failing in the window", 0.5));
    falls(21, &mean_5xx);
    falls(26, &|case| case.at("5xx", 0.5));
    let versions = of(32, &mean_5xx);
    assert!(
        versions.is_sorted_by(|a, b| a >= b),
        "row 32: {versions:?} rises"
    );
}
