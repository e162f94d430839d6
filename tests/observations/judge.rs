//! The replications of a case, and where what was published lies among them.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::monte_carlo::{Sample, Workers};
use rollcast::scenario::document::Document;
use rollcast::stats::quantile;
use rollcast::time::{Span, Time};
use rollcast::traffic::EngineChoice;
use serde::Deserialize;

use super::{Case, FOLDER, Observation, Unstated};

/// Replications of a case unless it says otherwise, all cells together; at least one a cell.
const RUNS: usize = 200;

/// When requests are sent and when the rollout starts, in seconds.
#[derive(Default)]
struct Load {
    duration: f64,
    rollout_at: f64,
}

/// What was published of a quantity.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Value {
    Number(f64),
    Range([f64; 2]),
    Word(String),
}

impl Value {
    pub fn is_inside(&self, low: f64, high: f64) -> bool {
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

    pub fn text(&self) -> String {
        match self {
            Value::Number(value) => value.to_string(),
            Value::Range([from, to]) => format!("{from} to {to}"),
            Value::Word(word) => word.clone(),
        }
    }
}

/// A quantity of one replication.
fn quantity(name: &str, sample: &Sample, load: &Load) -> f64 {
    let window = sample
        .error_window
        .map_or(0.0, |(first, last)| (last - first).as_micros() as f64 / 1e6);
    let sent_in_window = 1.0 + window * (sample.requests - 1) as f64 / load.duration;
    let failed = |which: fn((Time, Time)) -> Time| {
        let at = sample.error_window.map(which);
        at.map_or(f64::INFINITY, |at| {
            (at - Time::ZERO).as_secs_f64() - load.rollout_at
        })
    };
    match name {
        "5xx" => sample.count_5xx() as f64,
        "error window" => window,
        "first failure" => failed(|(first, _)| first),
        "last failure" => failed(|(_, last)| last),
        "rollout time" => sample
            .measures
            .duration
            .map_or(f64::INFINITY, Span::as_secs_f64),
        "mean latency" => sample.mean_latency().unwrap_or(0.0),
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
pub fn judge<'a>(observation: &'a Observation, case: &'a Case, workers: &Workers) -> Judged<'a> {
    let name = case
        .scenario
        .as_ref()
        .or(observation.scenario.as_ref())
        .expect("a case has a scenario");
    let open =
        || Document::read(&Path::new(FOLDER).join(name)).unwrap_or_else(|error| panic!("{error}"));
    let with_probe: &[bool] = if observation.unstated.contains(&Unstated::ReadinessProbe) {
        &[true, false]
    } else {
        &[true]
    };
    let cells: Vec<_> = cells(&open(), case)
        .into_iter()
        .flat_map(|cell| with_probe.iter().map(move |has| (cell.clone(), *has)))
        .collect();
    let runs = observation.runs.unwrap_or(RUNS).div_ceil(cells.len()) as u64;
    let mut judged = Judged {
        observation,
        case,
        load: Load::default(),
        samples: Vec::new(),
    };
    for (seed, (cell, has_probe)) in (1..).zip(&cells) {
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
        let mut scenario = document.resolve().unwrap_or_else(|error| panic!("{error}"));
        if !has_probe {
            scenario
                .revisions
                .iter_mut()
                .for_each(|revision| revision.pod.readiness_probe = None);
        }
        let samples = workers.replications(
            &scenario,
            EngineChoice::Request,
            seed,
            0..runs,
            &AtomicBool::new(false),
        );
        judged.load = Load {
            duration: scenario
                .load
                .duration
                .expect("every row says how long its load lasts")
                .as_secs_f64(),
            rollout_at: scenario.load.rollout_at.as_secs_f64(),
        };
        judged
            .samples
            .extend(samples.unwrap_or_else(|error| panic!("{error}")));
    }
    judged
}

/// A case and what its replications came to.
pub struct Judged<'a> {
    pub observation: &'a Observation,
    pub case: &'a Case,
    load: Load,
    pub samples: Vec<Sample>,
}

impl Judged<'_> {
    pub fn values(&self, name: &str) -> Vec<f64> {
        let mut values: Vec<f64> = self
            .samples
            .iter()
            .map(|sample| quantity(name, sample, &self.load))
            .collect();
        values.sort_by(f64::total_cmp);
        values
    }

    pub fn at(&self, name: &str, p: f64) -> f64 {
        quantile(&self.values(name), p).expect("there are replications")
    }

    pub fn share_with_any(&self) -> f64 {
        self.samples
            .iter()
            .filter(|sample| sample.count_5xx() > 0)
            .count() as f64
            / self.samples.len() as f64
    }

    /// Whether the 90 % interval of a quantity holds what was published.
    fn holds(&self, name: &str, value: &Value) -> bool {
        value.is_inside(self.at(name, 0.05), self.at(name, 0.95))
    }

    pub fn is_outside(&self) -> bool {
        let mut published = self.case.published.iter();
        published.any(|(name, value)| !self.holds(name, value))
    }

    pub fn lines(&self) -> String {
        let line = |(name, value): (&String, &Value)| {
            let [low, median, high] = [0.05, 0.5, 0.95].map(|p| self.at(name, p));
            let (digits, unit) = match name.as_str() {
                "error window" | "first failure" | "last failure" => (1, " s"),
                "rollout time" => (0, " s"),
                "mean latency" | "greatest latency" => (2, " s"),
                "failing in the window" => (0, " %"),
                _ => (0, ""),
            };
            let verdict = if self.holds(name, value) {
                "inside"
            } else {
                "OUTSIDE"
            };
            let mark = if self.observation.spent.is_some() {
                " *"
            } else {
                ""
            };
            format!(
                "| {}{mark} | {} | {name} | {}{unit} | {median:.digits$}{unit} | {low:.digits$} to {high:.digits$}{unit} | {:.0} % | {verdict} |\n",
                self.observation.row,
                self.case.name,
                value.text(),
                100.0 * self.share_with_any(),
            )
        };
        self.case.published.iter().map(line).collect()
    }
}
