//! The priors of the load balancer's lags, held against the evidence that they rest on.
//!
//! `cargo run --release --example refit` prints the fit; docs/VALIDATION.md keeps it, and `ROLLCAST_BLESS=1 cargo test
//! --test refit` rewrites it there.

mod evidence;
mod fit;
#[path = "../common/page.rs"]
mod page;
mod posterior;

use rollcast::aws::alb_node::{
    DeregistrationPreset, DeregistrationPropagation, RegistrationPropagation,
};
use rollcast::id::{AlbNodeId, TargetId};
use rollcast::random::Streams;

use evidence::Evidence;
use posterior::{Law, quantiles};

const RUNS: u64 = 4_000;
const SHIPPED: DeregistrationPropagation =
    DeregistrationPropagation::Preset(DeregistrationPreset::Published);

fn medians() -> impl Iterator<Item = f64> {
    (0..RUNS).map(|run| {
        DeregistrationPreset::Published
            .median(&Streams::new(1, run))
            .as_secs_f64()
    })
}

/// Lags of one rollout, each of another target.
fn lags(run: u64) -> Vec<f64> {
    let lag = |target| SHIPPED.lag(&Streams::new(1, run), TargetId(target), AlbNodeId(0));
    (0..40).map(|target| lag(target).as_secs_f64()).collect()
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn deviation(numbers: &[f64]) -> f64 {
    let middle = mean(numbers);
    mean(
        &numbers
            .iter()
            .map(|one| (one - middle).powi(2))
            .collect::<Vec<_>>(),
    )
    .sqrt()
}

#[track_caller]
fn check_within(what: &str, value: f64, [low, high]: [f64; 2]) {
    println!("{what}: {value:.3}, evidence {low:.3} to {high:.3}");
    assert!(
        (low..=high).contains(&value),
        "{what}: {value} is not in {low} to {high}"
    );
}

/// What is shipped lies where the evidence says; the spread of environments in the upper half of it, since two of seven
/// sources lie in the upper tail of what the others say (docs/VALIDATION.md).
#[test]
fn defaults_are_what_the_evidence_says() {
    let evidence = Evidence::shipped();
    let laws = fit::deregistration(&evidence);
    let band = |what: fn(&Law) -> f64| {
        let [low, _, high] = fit::of(&laws, what);
        [low, high]
    };
    let [p50, p95] = quantiles(medians(), [0.5, 0.95]);
    check_within("median of M", p50, band(|law| law.mu.exp()));
    let [_, middle, high] = fit::of(&laws, |law| law.tau);
    check_within("σ of ln M", (p95 / p50).ln() / 1.645, [middle, high]);

    // Rollouts without an episode: an episode is a judgement, which no evidence shows.
    let rollouts: Vec<(f64, Vec<f64>)> = medians()
        .zip((0..RUNS).map(lags))
        .filter(|(median, lags)| mean(lags) < median + 5.0)
        .collect();
    let drifts: Vec<f64> = rollouts
        .iter()
        .map(|(median, lags)| (mean(lags) / median).ln())
        .collect();
    check_within("drift", deviation(&drifts), band(|law| law.drift));
    // The jitter was measured where M is 12.6 s; below 12.3 s it is a span and no share of M.
    let like_the_measured = rollouts
        .iter()
        .filter(|(median, _)| (12.3..14.0).contains(median));
    let jitters: Vec<f64> = like_the_measured
        .map(|(_, lags)| deviation(lags) / mean(lags))
        .collect();
    check_within("jitter", mean(&jitters), band(|law| law.jitter));

    let middle = fit::middle(&laws);
    let lag = |propagation: RegistrationPropagation, run| {
        propagation.lag(&SHIPPED, &Streams::new(1, run), TargetId(0), AlbNodeId(0))
    };
    let is_quick = |run: &u64| {
        lag(RegistrationPropagation::Published, *run) == lag(RegistrationPropagation::Fast, *run)
    };
    let quick = (0..RUNS).filter(is_quick).count() as f64 / RUNS as f64;
    let [low, _, high, _] = fit::quick_share(&evidence, &middle);
    check_within("share of quick registrations", quick, [low, high]);

    page::check(
        "refit",
        &format!(
            "{}\n{}",
            fit::table(&evidence, &laws),
            fit::registration_table(&evidence, &middle)
        ),
    );
}

/// A row more moves the fit towards what it says, and one of an environment that is known in a day narrows it.
#[test]
fn a_contributed_row_moves_the_fit() {
    let columns = "month,target_type,deregistrations,median_s,jitter,drift,source\n";
    let with = |rows: &str| {
        let mut evidence = Evidence::shipped();
        let rows = evidence::contributed(&format!("{columns}{rows}"));
        evidence
            .deregistration
            .extend(rows.unwrap_or_else(|why| panic!("{why}")));
        fit::of(&fit::deregistration(&evidence), |law| law.mu.exp())
    };
    let slow = "2026-12,ip,30,24.0,0.04,,a\n2026-12,ip,30,26.0,0.04,,b\n";
    let alike = "2026-12,ip,30,8.5,0.04,,a\n".repeat(12);
    let [now, slow, alike] = ["", slow, &alike].map(with);
    assert!(slow[1] > 1.1 * now[1], "{slow:?}, without them {now:?}");
    assert!(
        alike[2] / alike[0] < 0.8 * now[2] / now[0],
        "{alike:?}, without them {now:?}"
    );
}
