//! The published load test of 2023, held against the forecasts of the scenarios that describe it.
//!
//! docs/VALIDATION.md shows the tables; `ROLLCAST_BLESS=1 cargo test --test load_test` rewrites them.

#[path = "common/page.rs"]
mod page;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::monte_carlo::{Count, Forecast, Options, forecast};
use rollcast::scenario::{Scenario, document::Document};
use rollcast::traffic::EngineChoice;
use rollcast::verdict::Cause;

fn document(name: &str) -> Document {
    let path = format!("{}/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    Document::read(Path::new(&path)).unwrap_or_else(|error| panic!("{error}"))
}

fn forecast_of(document: &Document) -> Forecast {
    let scenario: Scenario = document.resolve().unwrap_or_else(|error| panic!("{error}"));
    let options = Options {
        runs: 1000,
        seed: 1,
        level: 0.95,
        threads: None,
        engine: EngineChoice::Request,
    };
    forecast(
        &scenario,
        scenario.digest(),
        &options,
        &|_| (),
        &AtomicBool::new(false),
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

/// What was published, and what a replication counts of it.
struct Published {
    what: &'static str,
    value: u64,
    count: Count,
}

const BEFORE: &[Published] = &[
    Published {
        what: "200",
        value: 11_300,
        count: Count::Status(200),
    },
    Published {
        what: "502",
        value: 27,
        count: Count::Status(502),
    },
    Published {
        what: "503",
        value: 1,
        count: Count::Status(503),
    },
    Published {
        what: "504",
        value: 672,
        count: Count::Status(504),
    },
    Published {
        what: "all 5xx",
        value: 700,
        count: Count::Failed,
    },
];
const AFTER: &[Published] = &[
    Published {
        what: "200",
        value: 10_000,
        count: Count::Status(200),
    },
    Published {
        what: "all 5xx",
        value: 0,
        count: Count::Failed,
    },
];

/// The 90 % prediction interval of a count.
fn interval(forecast: &Forecast, count: Count) -> (f64, f64, f64) {
    let summary = forecast.counts(count).expect("there are replications");
    (summary.p05, summary.p50, summary.p95)
}

fn table(forecast: &Forecast, published: &[Published]) -> String {
    let mut table =
        "| quantity | published | forecast median | 90 % prediction interval | |\n|---|---|---|---|---|\n".to_owned();
    for Published { what, value, count } in published {
        let (low, median, high) = interval(forecast, *count);
        let verdict = if (low..=high).contains(&(*value as f64)) {
            "inside"
        } else {
            "OUTSIDE"
        };
        table +=
            &format!("| {what} | {value} | {median:.0} | {low:.0} to {high:.0} | {verdict} |\n");
    }
    table
}

#[track_caller]
fn check_inside(forecast: &Forecast, published: &[Published]) {
    for Published { what, value, count } in published {
        let (low, _, high) = interval(forecast, *count);
        assert!(
            (low..=high).contains(&(*value as f64)),
            "{what}: {value} published, {low} to {high} forecast"
        );
    }
}

#[test]
fn before_and_after() {
    let (before, after) = (
        forecast_of(&document("eks-2048-before")),
        forecast_of(&document("eks-2048-after")),
    );
    check_inside(&before, BEFORE);
    check_inside(&after, AFTER);

    let (low, _, high) = interval(&before, Count::Status(504));
    assert!(
        high / low <= 10.0,
        "504s from {low} to {high}: more than a factor of 10"
    );
    let no_target = before
        .counts(Count::Cause(Cause::NoTarget))
        .expect("there are replications");
    assert!(
        no_target.mean < 0.5,
        "{} requests found no target",
        no_target.mean
    );
    let latency = before.latency.expect("there are requests");
    let millis = |micros: u64| micros as f64 / 1e3;
    let [p90, p95, p99] =
        [latency.p90, latency.p95, latency.p99].map(|span| millis(span.as_micros()));
    assert!(p90 < 200.0, "p90 {p90} ms");
    assert!(
        [p95, p99]
            .iter()
            .all(|tail| (10_000.0..=10_200.0).contains(tail)),
        "p95 {p95} ms, p99 {p99} ms"
    );

    let mut typical = document("eks-2048-before");
    typical
        .set("load_balancer.deregistration_propagation", "typical")
        .unwrap_or_else(|error| panic!("{error}"));
    let (low_typical, _, high_typical) = interval(&forecast_of(&typical), Count::Status(504));
    assert!(
        high_typical / low_typical <= 3.0,
        "typical: 504s from {low_typical} to {high_typical}"
    );

    let any = after.any(Count::Failed).expect("there are replications");
    let split = after
        .variance_split(|sample| f64::from(sample.count_5xx() > 0))
        .expect("there are twins");
    page::check(
        "load test",
        &format!(
            "Before (`scenarios/eks-2048-before.toml`):\n\n{}\nLatency over all requests: mean {:.0} ms (published 590), \
             p50 {:.1} ms (18.9), p90 {p90:.1} ms (65.1), p95 {:.3} s (10.005), p99 {:.3} s (10.036). If the lag's \
             median were known to be 9 s (preset `typical`), the interval of the 504s would be {low_typical:.0} to {high_typical:.0}.\n\n\
             After (`scenarios/eks-2048-after.toml`):\n\n{}\nAny 5xx at all: in {:.0} % of rollouts ({:.0} % to {:.0} %); \
             {:.0} % of that variance is not knowing the ALB's lag, the rest is chance.\n",
            table(&before, BEFORE),
            millis(latency.mean.as_micros()),
            millis(latency.p50.as_micros()),
            p95 / 1e3,
            p99 / 1e3,
            table(&after, AFTER),
            100.0 * any.probability,
            100.0 * any.low,
            100.0 * any.high,
            100.0 * split.between,
        ),
    );
}
