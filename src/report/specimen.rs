//! Forecasts made up for tests, the same every time, and the reports they are to give.

use std::path::Path;

use super::Assumption;
use crate::monte_carlo::rare::{Estimate, Rare};
use crate::monte_carlo::{Counted, ErrorSeries, Forecast, Latency, Sample};
use crate::observe::measure::Measures;
use crate::scenario::load::LoadSpec;
use crate::setting::Grade;
use crate::time::{Span, Time};
use crate::traffic::outcome::Outcome;
use crate::verdict::Cause;

/// Forty rollouts of the 2023 load test: 502s and 504s that depend on the environment, now and then the
/// application's own 503.
pub(super) fn before() -> Forecast {
    let samples = (0..40)
        .map(|i| sample(40 + i * 20, 24 + i % 5, u64::from(i % 10 == 9)))
        .collect();
    let twins = (0..40)
        .map(|i| {
            sample(
                40 + i * 20 + i % 4 * 30,
                24 + (i + 2) % 5,
                u64::from(i % 10 == 4),
            )
        })
        .collect();
    let latency = [
        7_271, 375_650, 18_941, 65_114, 10_005_000, 10_036_000, 10_177_000,
    ];
    Forecast {
        twins,
        latency: Some(pooled(latency)),
        ..of("eks-2048-before", samples)
    }
}

/// Forty rollouts of clients that repeat what failed, 0 to 39 times.
pub(super) fn retried() -> Forecast {
    let samples = (0..40)
        .map(|i| Sample {
            repeated: i,
            ..sample(0, 0, 0)
        })
        .collect();
    let retried = of("retried", samples);
    let load = LoadSpec {
        retries: 1,
        ..retried.load
    };
    Forecast {
        load,
        first: None,
        ..retried
    }
}

/// Forty rollouts in which nothing failed.
pub(super) fn after() -> Forecast {
    let latency = [9_425, 18_000, 13_822, 24_119, 37_336, 121_803, 276_791];
    let samples = vec![sample(0, 0, 0); 40];
    Forecast {
        twins: samples.clone(),
        first: None,
        latency: Some(pooled(latency)),
        ..of("eks-2048-after", samples)
    }
}

/// Forty rollouts of which two failed a few requests, and three did not end.
pub(super) fn rare() -> Forecast {
    let mut samples = vec![sample(0, 0, 0); 40];
    (samples[11], samples[30]) = (sample(3, 0, 0), sample(0, 1, 0));
    samples[7..10]
        .iter_mut()
        .for_each(|sample| sample.measures.duration = None);
    Forecast {
        twins: vec![sample(0, 0, 0); 40],
        first: None,
        ..of("rare", samples)
    }
}

/// Forty rollouts in which nothing failed, and forty with a lag that fails requests.
pub(super) fn weighed() -> Forecast {
    let estimate = |mean, standard_error| Estimate {
        mean,
        standard_error,
    };
    let rare = Rare {
        least: Some(Span::from_millis(29_930)),
        share: 3.868e-6,
        plain: 40,
        plain_hits: 0,
        unexplained: 0,
        jumped: 40,
        jumped_hits: 38,
        pilots: 1_200,
        any_5xx: estimate(4.5236e-5, 1.2e-6),
        count_5xx: estimate(0.0344, 0.0031),
    };
    Forecast {
        rare: Some(rare),
        ..after()
    }
}

/// One rollout that got stuck, without a request.
pub(super) fn stuck() -> Forecast {
    let samples = vec![Sample::default()];
    Forecast {
        twins: samples.clone(),
        first: None,
        ..of("stuck", samples)
    }
}

/// What [`before`] assumed.
pub(super) fn assumptions() -> [Assumption; 1] {
    [Assumption {
        key: "load_balancer.deregistration_propagation".to_owned(),
        value: "published".to_owned(),
        grade: Grade::Assumed,
        source: "eleven published observations from 3 s to 60 s (LBC#2366, LBC#1064, ecs-agent#2316, \
                 pod-graceful-drain, the 2023 load test)",
    }]
}

/// One run of the 2023 load test as published, without what was not.
pub(super) fn published() -> Outcome {
    let mut outcome = Outcome::new();
    (outcome.requests, outcome.ok, outcome.target) = (12_000, 11_300, 1);
    outcome.causes[Cause::Refused.index()] = 27;
    outcome.causes[Cause::ConnectTimeout.index()] = 672;
    for (micros, requests) in [
        (7_271, 1),
        (18_941, 11_327),
        (10_005_000, 671),
        (10_177_000, 1),
    ] {
        outcome.latency.count(Span::from_micros(micros), requests);
        outcome.latency_sum += u128::from(micros) * u128::from(requests);
    }
    outcome.min_latency = Span::from_micros(7_271);
    outcome.max_latency = Span::from_micros(10_177_000);
    outcome
}

/// Compares a report with `tests/golden/report/NAME`; with ROLLCAST_REWRITE=1 in the environment, writes it.
#[track_caller]
pub(super) fn check(name: &str, report: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/report")
        .join(name);
    if std::env::var_os("ROLLCAST_REWRITE").is_some() {
        std::fs::write(&path, report).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert!(
        golden == report,
        "{name} has changed; ROLLCAST_REWRITE=1 cargo test rewrites it. It is now:\n{report}"
    );
}

fn of(name: &str, samples: Vec<Sample>) -> Forecast {
    let load = LoadSpec {
        duration: Some(Span::from_secs(120)),
        ..LoadSpec::default()
    };
    let mut counted = Counted::new(load.rollout_at);
    samples.iter().for_each(|sample| counted.push(sample));
    Forecast {
        scenario: name.to_owned(),
        digest: "0123456789abcdef".to_owned(),
        version: "0.0.0",
        seed: 1,
        runs: counted.runs(),
        engine: "request",
        refusal: None,
        fingerprint: "fedcba9876543210".to_owned(),
        level: 0.95,
        load,
        first: Some(published()),
        counted,
        samples,
        failing: None,
        twins: Vec::new(),
        latency: None,
        series: ErrorSeries::default(),
        rare: None,
    }
}

fn sample(timeouts: u64, refused: u64, target: u64) -> Sample {
    let mut sample = Sample {
        requests: 12_000,
        target,
        ..Sample::default()
    };
    sample.causes[Cause::ConnectTimeout.index()] = timeouts;
    sample.causes[Cause::Refused.index()] = refused;
    sample.ok = 12_000 - timeouts - refused - target;
    sample.latency_sum = u128::from(timeouts * 10_000_000 + sample.ok * 18_000);
    sample.error_window = (timeouts + refused + target > 0)
        .then_some((Time::from_micros(15_000_000), Time::from_micros(55_250_000)));
    sample.measures = Measures {
        duration: Some(Span::from_micros(45_000_000 + timeouts)),
        old_pods_gone: Some(Span::from_secs(47)),
        extra_pod_time: Span::from_micros(120_500_000),
        min_routable_targets: 2,
        load: Span::from_secs(120),
        ..Measures::default()
    };
    sample
}

fn pooled([min, mean, p50, p90, p95, p99, max]: [u64; 7]) -> Latency {
    let [min, mean, p50, p90, p95, p99, max] =
        [min, mean, p50, p90, p95, p99, max].map(Span::from_micros);
    Latency {
        min,
        mean,
        p50,
        p90,
        p95,
        p99,
        max,
    }
}
