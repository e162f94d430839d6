//! What holds of every number that is printed for programs, whatever the scenario.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::check::{self, Subject};
use rollcast::compare::Comparison;
use rollcast::error::Error;
use rollcast::monte_carlo::{Forecast, Options, Workers, forecast};
use rollcast::random::Streams;
use rollcast::recommend::{Effort, Prefer, Recommendation};
use rollcast::report::{Answer, check as check_report, compare, json, recommend, sweep_points};
use rollcast::scenario::{Document, Scenario};
use rollcast::stats::zero_inflated::FEWEST;
use rollcast::sweep::{self, Budget, Header, Record, Survey};
use rollcast::traffic::EngineChoice;
use rollcast::verdict::Cause;
use serde_json::Value;

const RUNS: u64 = 25;
/// `check` simulates each fix, too, and `recommend` a search: they are asked now and then.
const CHECKED: u64 = 8;
const SEARCHED: u64 = 25;

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
            differences: &[],
            seed,
            engine: "request",
            comparison: &comparison,
        };
        walk(&parsed(&compare::json(&compared))?, "compare")?;
    }
    let document =
        Document::parse(Path::new("swarm.toml"), text).map_err(|error| error.to_string())?;
    swept(&document, seed)?;
    if streams.replication().is_multiple_of(SEARCHED) {
        recommended(&document, seed)?;
    }
    if streams.replication().is_multiple_of(CHECKED) {
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

/// The points of a sweep over two waits.
fn swept(document: &Document, seed: u64) -> Result<(), String> {
    let words = |error: Error| error.to_string();
    let budget = Budget {
        runs: RUNS,
        ..Budget::default()
    };
    let vary = vec!["pod.pre_stop=0s,9s".to_owned()];
    let engine = EngineChoice::Request;
    let header = Header::new(document.clone(), vary, None, seed, budget, engine).map_err(words)?;
    // A hook longer than what else the case has is no scenario.
    if header.plan().and_then(|plan| plan.check(document)).is_err() {
        return Ok(());
    }
    let workers = Workers::new(Some(1)).map_err(words)?;
    let never = AtomicBool::new(false);
    let sampler =
        |scenario: &Scenario, range| workers.replications(scenario, engine, seed, range, &never);
    let mut record = Record::new(header);
    let Record { header, totals } = &mut record;
    sweep::fill(header, 0..2, totals, &sampler, &mut |_, _, _| Ok(())).map_err(words)?;
    let again = Record::parse(&record.to_lines()).map_err(words)?;
    if again.totals != record.totals {
        return Err("a record says something else when it is read".to_owned());
    }
    let survey = Survey::of(record).map_err(words)?;
    let json = parsed(&sweep_points::json(&survey))?;
    walk(&json, "sweep")?;
    let points = json["points"].as_array().ok_or("there are points")?;
    points.iter().try_for_each(|point| {
        point_in_order(point).map_err(|what| format!("sweep: {what} in {point}"))
    })
}

fn point_in_order(point: &Value) -> Result<(), String> {
    let number = |key: &str| point[key].as_f64();
    let holds = |is_so: bool, what: &str| if is_so { Ok(()) } else { Err(what.to_owned()) };
    ascending(
        point,
        &["if_any_min_5xx", "if_any_median_5xx", "if_any_max_5xx"],
    )?;
    ascending(point, &["p05_5xx", "p50_5xx", "p95_5xx"])?;
    holds(number("any_5xx").is_some(), "no share of rollouts")?;
    holds(
        number("mean_5xx_low").is_none_or(|low| low >= 0.0),
        "a negative bound of a count",
    )?;
    let failing = number("any_5xx").unwrap_or(0.0) * number("runs").unwrap_or(0.0);
    holds(
        failing.round() >= FEWEST as f64 || point["mean_5xx_low"].is_null(),
        "an interval of too few",
    )?;
    let mean = |key: &str| number(key).unwrap_or(f64::NAN);
    let all = ["502", "503", "504"].map(mean).iter().sum();
    close(all, mean("mean_5xx"), "statuses")?;
    for status in [502, 503, 504] {
        let causes = Cause::ALL.iter().filter(|cause| cause.status() == status);
        let own = if status == 503 { mean("target") } else { 0.0 };
        let all = causes.map(|cause| mean(cause.name())).sum::<f64>() + own;
        close(all, mean(&status.to_string()), "causes")?;
    }
    Ok(())
}

/// What a search finds.
fn recommended(document: &Document, seed: u64) -> Result<(), String> {
    let words = |error: Error| error.to_string();
    let (workers, never) = (
        Workers::new(Some(1)).map_err(words)?,
        AtomicBool::new(false),
    );
    let sampler = |scenario: &Scenario, range| {
        workers.replications(scenario, EngineChoice::Request, seed, range, &never)
    };
    let effort = Effort {
        search_runs: RUNS,
        row_runs: RUNS,
        proof_runs: RUNS,
        level: 0.95,
    };
    let found = Recommendation::find(document, Prefer::Balanced, effort, &sampler, &mut |_| ())
        .map_err(words)?;
    let scenario = document.resolve().map_err(words)?;
    let json = parsed(&recommend::json(&scenario, &found))?;
    walk(&json, "recommend")?;
    let means = |value: &Value| -> Vec<f64> {
        let parts = value.as_array().into_iter().flatten();
        parts.filter_map(|part| part["mean"].as_f64()).collect()
    };
    let remaining = means(&json["remaining"]);
    if !remaining.is_sorted_by(|a, b| a >= b) || remaining.iter().any(|mean| *mean <= 0.0) {
        return Err(format!("recommend: {remaining:?} is no order of causes"));
    }
    let failed = found.chosen().totals.failed.mean();
    close(remaining.iter().sum(), failed, "causes that stay")
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
    ascending(value, &["mean_5xx_low", "mean_5xx", "mean_5xx_high"])?;
    ascending(value, &["any_5xx_low", "any_5xx", "any_5xx_high"])?;
    for share in [
        "any_5xx",
        "any_5xx_low",
        "any_5xx_high",
        "incomplete",
        "load_ended_too_early",
    ] {
        let is_share = number(share).is_none_or(|share| (0.0..=1.0).contains(&share));
        holds(is_share, "no share")?;
    }
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
    let low = number("mean_low").or(number("mean_5xx_low"));
    holds(
        low.is_none_or(|low| low >= 0.0),
        "a negative bound of a count",
    )?;
    let runs = any["runs"].as_u64().unwrap_or(0);
    holds(runs >= FEWEST || low.is_none(), "an interval of too few")?;
    holds(
        (runs == 0) == (number("mean").or(number("mean_5xx")) == Some(0.0)),
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

/// Equal but for six digits.
fn close(got: f64, expected: f64, what: &str) -> Result<(), String> {
    if (got - expected).abs() <= 1e-4 * expected.abs().max(1e-2) {
        Ok(())
    } else {
        Err(format!("{what}: {got} is not {expected}"))
    }
}

/// Means of causes are those of their status, and those of statuses and of clients that gave up all requests.
fn adds_up(run: &Value) -> Result<(), String> {
    let mean = |value: &Value| value["mean"].as_f64().unwrap_or(f64::NAN);
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
