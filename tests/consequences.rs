//! What each law of the load balancer's lags changes by itself, and all of them together.
//!
//! A row is a scenario with one law as it is by default and, as far as keys can say so, all else as in 0.1.0; beside it
//! the same under today's defaults. "Calculated" is what was calculated with 0.1.0 before any of the laws was written: a grid of
//! narrow lags, weighed by the law. `ROLLCAST_BLESS=1 cargo test --test consequences` rewrites the table in docs/VALIDATION.md.

#[path = "common/page.rs"]
mod page;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::monte_carlo::{Sample, Workers};
use rollcast::scenario::document::Document;
use rollcast::stats::Summary;
use rollcast::traffic::EngineChoice;
use rollcast::verdict::Cause;

const RUNS: u64 = 500;

/// All laws but the lag's as they were, by key. A first check
/// came up to 10 s after a node knew a target, where it comes within 1 s today: the difference is in the registration's span.
const OLD: &[(&str, &str)] = &[
    (
        "load_balancer.registration_propagation",
        "{ uniform = [\"1.5s\", \"11.5s\"] }",
    ),
    ("load_balancer.host_unreachable_share", "silent"),
    ("load_balancer.no_routable_target", "fail_open"),
    ("cluster.preset", "typical"),
    ("cluster.hop_drift", "0.0"),
    ("cluster.api_sharing", "0.0"),
    ("cluster.pod_start_work", "0s"),
];

/// The lag as it was: M log-normal with p50 7 s and p95 18 s, here its 10, 30, 50, 70 and 90 % points, and σ 0.25 for each target.
const OLD_LAGS: [&str; 5] = [
    "{ p50 = \"3.4s\", p95 = \"5.1s\" }",
    "{ p50 = \"5.2s\", p95 = \"7.8s\" }",
    "{ p50 = \"7s\", p95 = \"10.6s\" }",
    "{ p50 = \"9.5s\", p95 = \"14.3s\" }",
    "{ p50 = \"14.6s\", p95 = \"22s\" }",
];

const LAG: &str = "load_balancer.deregistration_propagation";
const DEFAULT_LAG: &[(&str, &str)] = &[(LAG, "published")];

/// What a row tells.
#[derive(Clone, Copy)]
enum Tells {
    /// The median of a count, and its 90 % prediction interval.
    Count(fn(&Sample) -> u64),
    /// The mean of a count.
    Mean(fn(&Sample) -> u64),
    /// How many rollouts cost any 5xx, and how many 5xx a rollout costs.
    Any,
}

struct Row {
    what: &'static str,
    scenario: &'static str,
    /// Of the scenario itself.
    set: &'static [(&'static str, &'static str)],
    /// The law that is switched on.
    law: &'static [(&'static str, &'static str)],
    tells: Tells,
    calculated: &'static str,
}

const fn after(
    what: &'static str,
    set: &'static [(&'static str, &'static str)],
    calculated: &'static str,
) -> Row {
    Row {
        what,
        scenario: "eks-2048-after",
        set,
        law: DEFAULT_LAG,
        tells: Tells::Any,
        calculated,
    }
}

const fn careful(
    what: &'static str,
    set: &'static [(&'static str, &'static str)],
    calculated: &'static str,
) -> Row {
    Row {
        scenario: "careful",
        ..after(what, set, calculated)
    }
}

const fn status_504(sample: &Sample) -> u64 {
    sample.causes[Cause::ConnectTimeout.index()] + sample.causes[Cause::ResponseTimeout.index()]
}

/// In 0.1.0 a node without any target that it knew still chose removed ones (504); today it answers 503.
const fn unserved(sample: &Sample) -> u64 {
    status_504(sample) + sample.causes[Cause::NoTarget.index()]
}

const LONGER: (&str, &str) = ("load.duration", "300s");

const ROWS: &[Row] = &[
    Row {
        what: "before: 504, lag",
        scenario: "eks-2048-before",
        set: &[],
        law: DEFAULT_LAG,
        tells: Tells::Count(status_504),
        calculated: "1029 [544–1895]",
    },
    Row {
        what: "before: 504, lag, registration and hops",
        scenario: "eks-2048-before",
        set: &[],
        law: &[
            (LAG, "published"),
            ("load_balancer.registration_propagation", "published"),
            ("cluster.preset", "published"),
            ("cluster.hop_drift", "0.6"),
        ],
        tells: Tells::Count(status_504),
        calculated: "1062 [569–2068]",
    },
    after("after, preStop 10 s", &[LONGER], "48 %, 164"),
    after(
        "after, preStop 15 s",
        &[LONGER, ("pod.pre_stop", "15s")],
        "15 %, 56",
    ),
    after(
        "after, preStop 20 s",
        &[LONGER, ("pod.pre_stop", "20s")],
        "5.1 %, 23",
    ),
    after(
        "after, preStop 30 s",
        &[LONGER, ("pod.pre_stop", "30s")],
        "1.0 %, 8",
    ),
    after(
        "after, preStop 40 s",
        &[LONGER, ("pod.pre_stop", "40s")],
        "0.5 %, 2.5",
    ),
    careful("careful, preStop 20 s", &[("pod.pre_stop", "20s")], "5.4 %"),
    careful("careful, preStop 30 s", &[("pod.pre_stop", "30s")], "1.1 %"),
    careful("careful, preStop 45 s", &[("pod.pre_stop", "45s")], "0.4 %"),
    careful("careful, preStop 60 s", &[], "0.03 %, 0.03"),
    Row {
        what: "no readiness gate: 504 and no target, quick registrations, first check as it was",
        scenario: "no-readiness-gate",
        set: &[],
        law: &[(
            "load_balancer.registration_propagation",
            "{ uniform = [\"700ms\", \"10.7s\"] }",
        )],
        tells: Tells::Mean(unserved),
        calculated: "184",
    },
    Row {
        what: "no readiness gate: 504 and no target, registrations of 12.5 s, first check as it was",
        scenario: "no-readiness-gate",
        set: &[],
        law: &[(
            "load_balancer.registration_propagation",
            "{ uniform = [\"12s\", \"22s\"] }",
        )],
        tells: Tells::Mean(unserved),
        calculated: "626",
    },
    Row {
        what: "long requests, short drain: cut, timer at the node",
        scenario: "long-requests-short-drain",
        set: &[(LAG, "typical")],
        law: &[],
        tells: Tells::Mean(|sample| sample.causes[Cause::CutByDeregistration.index()]),
        calculated: "23",
    },
];

/// Under the old laws but for the row's own.
fn alone(row: &Row, workers: &Workers) -> Vec<Sample> {
    let says_lag = |keys: &[(&str, &str)]| keys.iter().any(|(key, _)| *key == LAG);
    if says_lag(row.law) || says_lag(row.set) {
        return samples(row, &[OLD, row.law], RUNS, workers);
    }
    let runs = RUNS / OLD_LAGS.len() as u64;
    let of_lag = |lag| samples(row, &[&[(LAG, lag)], OLD, row.law], runs, workers);
    OLD_LAGS.into_iter().flat_map(of_lag).collect()
}

fn samples(row: &Row, laws: &[&[(&str, &str)]], runs: u64, workers: &Workers) -> Vec<Sample> {
    let file = format!(
        "{}/scenarios/{}.toml",
        env!("CARGO_MANIFEST_DIR"),
        row.scenario
    );
    let mut document = Document::read(Path::new(&file)).unwrap_or_else(|error| panic!("{error}"));
    // What a row says of the scenario itself stands whatever the laws are.
    for (key, value) in laws.concat().iter().chain(row.set) {
        document
            .set(key, value)
            .unwrap_or_else(|error| panic!("{error}"));
    }
    let scenario = document.resolve().unwrap_or_else(|error| panic!("{error}"));
    let never = AtomicBool::new(false);
    let samples = workers.replications(&scenario, EngineChoice::Request, 1, 0..runs, &never);
    samples.unwrap_or_else(|error| panic!("{error}"))
}

fn told(tells: Tells, samples: &[Sample]) -> String {
    let summary = |count: fn(&Sample) -> u64| {
        Summary::of_counts(samples.iter().map(count), 0.95).expect("there are replications")
    };
    match tells {
        Tells::Count(count) => {
            let summary = summary(count);
            format!("{:.0} [{:.0}–{:.0}]", summary.p50, summary.p05, summary.p95)
        }
        Tells::Mean(count) => format!("{:.0}", summary(count).mean),
        Tells::Any => {
            let failing = samples
                .iter()
                .filter(|sample| sample.count_5xx() > 0)
                .count();
            let mean = summary(Sample::count_5xx).mean;
            let share = 100.0 * failing as f64 / samples.len() as f64;
            format!("{share:.1} %, {mean:.1}")
        }
    }
}

#[test]
fn each_law_by_itself_and_all_of_them() {
    let workers = Workers::new(None).unwrap_or_else(|error| panic!("{error}"));
    let mut table =
        "| | calculated | this law alone | today's defaults |\n|---|---|---|---|\n".to_owned();
    let mut clean = Vec::new();
    for row in ROWS {
        let alone = alone(row, &workers);
        let today = samples(row, &[], RUNS, &workers);
        table += &format!(
            "| {} | {} | {} | {} |\n",
            row.what,
            row.calculated,
            told(row.tells, &alone),
            told(row.tells, &today)
        );
        if row.scenario == "eks-2048-after" {
            let failing =
                |samples: &[Sample]| samples.iter().filter(|one| one.count_5xx() > 0).count();
            clean.push([failing(&alone), failing(&today)]);
        }
    }
    println!("{table}");
    // Under the same chance a longer hook never makes more rollouts fail.
    for column in [0, 1] {
        assert!(
            clean.is_sorted_by(|one, next| one[column] >= next[column]),
            "{clean:?}"
        );
    }
    page::check("laws one by one", &table);
}
