//! What holds of every number that is printed for programs, whatever the scenario.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::check::{self, Subject};
use rollcast::compare::Comparison;
use rollcast::error::Error;
use rollcast::monte_carlo::{Forecast, Options, forecast};
use rollcast::random::Streams;
use rollcast::report::{Answer, check as check_report, compare, json};
use rollcast::scenario::{Document, Scenario};
use rollcast::stats::zero_inflated::FEWEST;
use rollcast::traffic::EngineChoice;
use rollcast::verdict::Cause;
use serde_json::Value;

const RUNS: u64 = 25;
/// `check` simulates each fix, too: it is asked now and then.
const CHECKED: u64 = 8;

#[test]
fn printed_numbers_keep_their_order_and_add_up() {
    super::swarm(150, super::scenarios::plain, hold);
}

fn hold(text: &str, streams: &Streams) -> Result<(), String> {
    let seed = streams.seed();
    let scenario = super::scenario(text, &[])?;
    let now = forecast_of(&scenario, seed).map_err(|error| error.to_string())?;
    let run = parsed(&json::render(&[Answer {
        forecast: &now,
        assumptions: &[],
    }]))?;
    walk(&run, "run")?;
    adds_up(&run)?;
    if let Ok(other) = super::scenario(text, &[("pod.pre_stop", "9s")]) {
        let other = forecast_of(&other, seed).map_err(|error| error.to_string())?;
        let comparison =
            Comparison::of(&now.samples, &other.samples, 0.95).ok_or("there are pairs")?;
        let (a, b) = (("a", "a"), ("b", "b"));
        let compared = compare::Compared {
            a,
            b,
            seed,
            engine: "request",
            comparison: &comparison,
        };
        walk(&parsed(&compare::json(&compared))?, "compare")?;
    }
    if streams.replication().is_multiple_of(CHECKED) {
        let document =
            Document::parse(Path::new("swarm.toml"), text).map_err(|error| error.to_string())?;
        let options = check::Options {
            runs: RUNS,
            seed,
            threads: Some(1),
            engine: EngineChoice::Request,
        };
        let subject = Subject::of_document(document).map_err(|error| error.to_string())?;
        let checked = check::check(&subject, &options, &AtomicBool::new(false))
            .map_err(|error| error.to_string())?;
        walk(
            &parsed(&check_report::json::render(&rollcast::check::Report {
                checked: vec![checked],
                ..Default::default()
            }))?,
            "check",
        )?;
    }
    Ok(())
}

fn forecast_of(scenario: &Scenario, seed: u64) -> Result<Forecast, Error> {
    let options = Options {
        runs: RUNS,
        seed,
        level: 0.95,
        threads: Some(1),
        engine: EngineChoice::Request,
    };
    forecast(
        scenario,
        scenario.digest(),
        &options,
        &|_| (),
        &AtomicBool::new(false),
    )
}

fn parsed(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Every object of an output.
fn walk(value: &Value, path: &str) -> Result<(), String> {
    match value {
        Value::Array(parts) => parts.iter().try_for_each(|part| walk(part, path)),
        Value::Object(parts) => {
            in_order(value).map_err(|what| format!("{path}: {what} in {value}"))?;
            parts
                .iter()
                .try_for_each(|(key, part)| walk(part, &format!("{path}.{key}")))
        }
        _ => Ok(()),
    }
}

/// Numbers that are there stand in this order; rounding to six digits may swap none.
fn ascending(value: &Value, keys: &[&str]) -> Result<(), String> {
    let there: Vec<f64> = keys.iter().filter_map(|key| value[*key].as_f64()).collect();
    if there.is_sorted() {
        Ok(())
    } else {
        Err(format!("{keys:?} are out of order"))
    }
}

fn in_order(value: &Value) -> Result<(), String> {
    let holds = |is_so: bool, what: &str| if is_so { Ok(()) } else { Err(what.to_owned()) };
    let number = |key: &str| value[key].as_f64();
    ascending(value, &["mean_low", "mean", "mean_high"])?;
    ascending(value, &["p05", "p50", "p95", "max"])?;
    ascending(value, &["low", "probability", "high"])?;
    ascending(value, &["low", "difference", "high"])?;
    ascending(value, &["differing", "pairs"])?;
    for (low, high) in [("mean_low", "mean_high"), ("low", "high")] {
        holds(
            value[low].is_null() == value[high].is_null(),
            "half an interval",
        )?;
    }
    if let Some(probability) = number("probability") {
        holds((0.0..=1.0).contains(&probability), "no probability")?;
        holds(
            number("low").is_none_or(|low| low >= 0.0)
                && number("high").is_none_or(|high| high <= 1.0),
            "no bound",
        )?;
    }
    if value["significant"] == Value::Bool(true) {
        holds(
            number("difference").is_some_and(|mean| mean != 0.0),
            "significant, and no difference",
        )?;
    }
    let Some(any) = value.get("if_any") else {
        return Ok(());
    };
    holds(
        number("mean_low").is_none_or(|low| low >= 0.0),
        "a negative bound of a count",
    )?;
    let runs = any["runs"].as_u64().unwrap_or(0);
    holds(
        runs >= FEWEST || value["mean_low"].is_null(),
        "an interval of too few",
    )?;
    holds(
        (runs == 0) == (number("mean") == Some(0.0)),
        "a mean of nothing",
    )?;
    ascending(any, &["min", "median", "max"])?;
    holds(
        any["min"].as_f64().is_none_or(|min| min >= 1.0),
        "none is less than a request",
    )?;
    holds(
        value.get("max").is_none() || any.is_null() || any["max"] == value["max"],
        "two greatest",
    )
}

/// Means of causes are those of their status, and those of statuses and of clients that gave up all requests.
fn adds_up(run: &Value) -> Result<(), String> {
    let mean = |value: &Value| value["mean"].as_f64().unwrap_or(f64::NAN);
    let close = |got: f64, expected: f64, what: &str| {
        let is_close = (got - expected).abs() <= 1e-4 * expected.abs().max(1e-2);
        if is_close {
            Ok(())
        } else {
            Err(format!("{what}: {got} is not {expected}"))
        }
    };
    let (causes, statuses) = (&run["causes"], &run["statuses"]);
    for status in [502, 503, 504] {
        let of = Cause::ALL
            .iter()
            .filter(|cause| cause.status() == status)
            .map(|cause| mean(&causes[cause.name()]));
        let own = if status == 503 {
            mean(&causes["target"])
        } else {
            0.0
        };
        close(
            of.sum::<f64>() + own,
            mean(&statuses[status.to_string()]),
            "causes",
        )?;
    }
    let all = statuses
        .as_object()
        .into_iter()
        .flat_map(|statuses| statuses.values())
        .map(mean)
        .sum::<f64>();
    close(
        all + mean(&causes[Cause::ClientGaveUp.name()]),
        mean(&run["requests"]),
        "statuses",
    )
}
