//! The fit of docs/evidence.toml, as tables.

use std::fmt::Write;

use super::evidence::{Evidence, Row, Use};
use super::posterior::{Law, between, normal, posterior, quantiles, stream};

/// The evidence that is used, with what a variant of the fit changes.
struct Variant {
    name: &'static str,
    with_bias: bool,
    rows: fn(&Row) -> bool,
    /// Of a source with several readings only that of this name.
    reading: Option<&'static str>,
}

const fn variant(name: &'static str, rows: fn(&Row) -> bool) -> Variant {
    Variant {
        name,
        with_bias: true,
        rows,
        reading: None,
    }
}

const VARIANTS: &[Variant] = &[
    variant("**A, B, C1**, and contributed rows", |row| {
        row.used == Use::Fit
    }),
    Variant {
        with_bias: false,
        ..variant("without the bias", |row| row.used == Use::Fit)
    },
    variant("A only", |row| {
        row.used == Use::Fit && row.id.starts_with('A')
    }),
    variant("with C2", |row| row.used != Use::No),
    Variant {
        reading: Some("the request's clock"),
        ..variant("A3 by the request's clock", |row| row.used == Use::Fit)
    },
    Variant {
        reading: Some("the answer's clock"),
        ..variant("A3 by the answer's clock", |row| row.used == Use::Fit)
    },
    variant("without A1", |row| {
        row.used == Use::Fit && !row.id.starts_with("A1")
    }),
    variant("without A2", |row| row.used == Use::Fit && row.id != "A2"),
    variant("A1 alone", |row| {
        row.used == Use::Fit && row.id.starts_with("A1")
    }),
];

/// The rows that a variant uses.
fn rows(evidence: &Evidence, variant: &Variant) -> Vec<Row> {
    let used = evidence
        .deregistration
        .iter()
        .filter(|row| (variant.rows)(row))
        .cloned();
    used.map(|mut row| {
        let is_meant = |row: &Row| {
            row.readings
                .iter()
                .any(|one| one.name.as_deref() == variant.reading)
        };
        if variant.reading.is_some() && is_meant(&row) {
            row.readings
                .retain(|one| one.name.as_deref() == variant.reading);
        }
        row
    })
    .collect()
}

/// The posterior given all that is used.
pub fn deregistration(evidence: &Evidence) -> Vec<Law> {
    posterior(&rows(evidence, &VARIANTS[0]), true)
}

/// "8.6 (6.2–10.6)".
fn band([low, middle, high]: [f64; 3], digits: usize) -> String {
    format!("{middle:.digits$} ({low:.digits$}–{high:.digits$})")
}

/// The 5 %, 50 % and 95 % point of what each point of the posterior says.
pub fn of(laws: &[Law], what: fn(&Law) -> f64) -> [f64; 3] {
    quantiles(laws.iter().map(what), [0.05, 0.5, 0.95])
}

/// M of an environment that nobody knows, in seconds.
fn unknown_environment(laws: &[Law]) -> [f64; 4] {
    let chance = &mut stream(2, 0);
    let drawn: Vec<f64> = laws
        .iter()
        .map(|law| (law.mu + law.tau * normal(chance)).exp())
        .collect();
    quantiles(drawn.into_iter(), [0.05, 0.5, 0.95, 0.99])
}

/// What the evidence says of the lag of a deregistration, by what is taken for evidence.
///
/// `all` is the posterior of the first variant.
pub fn table(evidence: &Evidence, all: &[Law]) -> String {
    let mut text = "| evidence | median of M, s | τ | drift σ | jitter σ | M 5 / 50 / 95 / 99 %, s |\n|---|---|---|---|---|---|\n".to_owned();
    for (index, variant) in VARIANTS.iter().enumerate() {
        let laws = if index == 0 {
            all.to_vec()
        } else {
            posterior(&rows(evidence, variant), variant.with_bias)
        };
        let [p05, p50, p95, p99] = unknown_environment(&laws);
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {p05:.1} / {p50:.1} / {p95:.1} / {p99:.0} |",
            variant.name,
            band(of(&laws, |law| law.mu.exp()), 1),
            band(of(&laws, |law| law.tau), 2),
            band(of(&laws, |law| law.drift), 3),
            band(of(&laws, |law| law.jitter), 3),
        )
        .expect("a text takes text");
    }
    text
}

/// σ of registrations that are quick: between environments and within one.
const QUICK: (f64, f64) = (0.6, 0.2);
/// The median of a quick registration, in seconds, and the longest wait for the first check.
const QUICK_MEDIAN: f64 = 1.2;
const FIRST_CHECK: f64 = 1.0;

/// By source the probability of what was seen if registrations are quick, and if they take the environment's M.
fn registrations(evidence: &Evidence, law: &Law) -> Vec<(String, f64, f64)> {
    let used = evidence
        .registration
        .iter()
        .filter(|row| row.used == Use::Fit);
    let of_row = |row: &Row| {
        let [low, high] = row.readings[0].lags[0];
        // The first check comes anywhere within a second: the mean over ten instants of it.
        let within = |median: f64, sigma: f64| {
            let at = |i: i32| FIRST_CHECK * (f64::from(i) + 0.5) / 10.0;
            let bounds = |wait: f64| [(low - wait).max(0.0), (high - wait).max(0.0)];
            (0..10)
                .map(|i| between(bounds(at(i)), median, sigma))
                .sum::<f64>()
                / 10.0
        };
        let known = evidence
            .deregistration
            .iter()
            .filter(|other| row.environment.is_some() && other.environment == row.environment);
        let known = known.filter_map(|other| other.sample).next();
        let slow = match known {
            Some(sample) => within(sample.mean.ln(), law.drift.hypot(law.jitter)),
            None => within(law.mu, law.tau.hypot(law.drift).hypot(law.jitter)),
        };
        let quick = within(QUICK_MEDIAN.ln(), QUICK.0.hypot(QUICK.1));
        (row.id.clone(), quick, slow)
    };
    used.map(of_row).collect()
}

/// The share of environments with quick registrations, of which nothing is known before: 5 %, 50 %, 95 % and mean.
pub fn quick_share(evidence: &Evidence, law: &Law) -> [f64; 4] {
    let rows = registrations(evidence, law);
    let shares: Vec<f64> = (0..1000).map(|i| (f64::from(i) + 0.5) / 1000.0).collect();
    let density = |share: f64| {
        rows.iter()
            .map(|(_, quick, slow)| share * quick + (1.0 - share) * slow)
            .product::<f64>()
    };
    let densities: Vec<f64> = shares.iter().map(|share| density(*share)).collect();
    let all: f64 = densities.iter().sum();
    let point = |p: f64| {
        let mut sum = 0.0;
        let reached = shares.iter().zip(&densities).find(|(_, density)| {
            sum += **density;
            sum >= p * all
        });
        *reached.expect("the densities sum to all of them").0
    };
    let mean = shares
        .iter()
        .zip(&densities)
        .map(|(share, density)| share * density)
        .sum::<f64>()
        / all;
    [point(0.05), point(0.5), point(0.95), mean]
}

/// What the evidence says of registrations.
pub fn registration_table(evidence: &Evidence, law: &Law) -> String {
    let mut text =
        "| source | probability if quick | if as slow as deregistrations |\n|---|---|---|\n"
            .to_owned();
    for (id, quick, slow) in registrations(evidence, law) {
        writeln!(text, "| {id} | {quick:.2} | {slow:.2} |").expect("a text takes text");
    }
    let [low, _, high, mean] = quick_share(evidence, law);
    writeln!(
        text,
        "\nShare of environments whose registrations are quick: {mean:.2} ({low:.2}–{high:.2})."
    )
    .expect("a text takes text");
    text
}

/// The middle of a posterior, number by number.
pub fn middle(laws: &[Law]) -> Law {
    let middle = |what: fn(&Law) -> f64| of(laws, what)[1];
    Law {
        mu: middle(|law| law.mu),
        tau: middle(|law| law.tau),
        drift: middle(|law| law.drift),
        jitter: middle(|law| law.jitter),
        bias: middle(|law| law.bias),
    }
}
