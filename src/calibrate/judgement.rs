//! Whether a scenario explains what was seen, and which one change of it would.

use std::collections::BTreeMap;

use super::estimate::Calibration;
use super::evidence::Evidence;
use super::lags::origin;
use super::pilot::Pilot;
use crate::error::Error;
use crate::monte_carlo::{Forecast, Sample};
use crate::scenario::Scenario;
use crate::stats;
use crate::time::Span;
use crate::verdict::Cause;

/// Statuses that are held against each other; what clients call 0, the access log calls 460.
const STATUSES: [u16; 4] = [502, 503, 504, 460];
/// A true scenario is said not to explain the logs in so many cases at most.
const FALSE_ALARMS: f64 = 0.05;
/// With fewer rollouts even the rarest count is none that so few cases would have.
pub const FEWEST_RUNS: u32 = 200;
/// What is held against the forecast: before a rollout's first deregistration, and after its last.
const BEFORE: f64 = 30.0;
const AFTER: f64 = 120.0;
/// A rollout may pause for so long between two pods.
const APART: f64 = 30.0;
/// Logs that are longer are cut to their rollouts.
const LONG: f64 = 1800.0;

/// The part of the logs that a scenario is held against, an average of its rollouts.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Requests a second.
    pub rate: f64,
    /// How long, in seconds.
    pub duration: f64,
    /// When in it the rollout began, in seconds, if that can be told.
    pub rollout_at: Option<f64>,
    /// Requests by status, of all rollouts together.
    pub statuses: BTreeMap<u16, u64>,
    /// How many rollouts these are, one at least.
    pub rollouts: usize,
    /// Pods that each rollout took away, if a watch tells and went on for longer than the rollout.
    pub pods: Vec<u64>,
}

/// How a count that was seen stands to those expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Among nine rollouts in ten.
    Fits,
    /// Not among these, but nothing that chance would not bring.
    Unusual,
    /// More than chance brings.
    TooMany,
    /// Fewer than chance brings.
    TooFew,
}

/// What was seen and what is expected of one status.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusRow {
    /// The status.
    pub status: u16,
    /// Requests seen.
    pub seen: u64,
    /// The mean expected, and the range of nine rollouts in ten.
    pub expected: f64,
    /// 5 % quantile.
    pub low: f64,
    /// 95 % quantile.
    pub high: f64,
    /// How the two agree.
    pub standing: Standing,
    /// The probability of a count as far out.
    probability: f64,
}

/// Whether a scenario explains the logs.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// It does.
    pub explains: bool,
    /// A row a status that was seen or is expected.
    pub rows: Vec<StatusRow>,
    /// Pods that a rollout took away, and how many were expected, at least and at most; nothing if these agree.
    pub pods: Option<(u64, u64, u64)>,
}

/// A setting that might be another than the scenario says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The setting.
    pub key: &'static str,
    /// Its value as an edit.
    pub value: String,
    /// What the scenario has.
    pub instead_of: String,
}

/// The part of the logs that tells of rollouts; nothing if it cannot be found in logs as long as these.
pub fn observed(evidence: &Evidence, calibration: &Calibration, pilot: &Pilot) -> Option<Observed> {
    let seen = evidence.seen();
    let (first, last) = seen.window()?;
    let whole = last.secs_since(first);
    let lead = pilot.start_to_left.mean();
    let begins = |deregistered: f64| deregistered - lead;
    let mut windows: Vec<(f64, f64)> = Vec::new();
    if whole > LONG || calibration.rollouts.len() > 1 {
        for (from, until, _) in &calibration.rollouts {
            windows.push((
                (begins(*from) - BEFORE).max(0.0),
                (until + AFTER).min(whole),
            ));
        }
    } else {
        windows.push((0.0, whole));
    }
    let rollouts = windows.len();
    let lasts: f64 = windows.iter().map(|(from, until)| until - from).sum();
    let shift = origin(evidence).secs_since(first);
    let mut statuses = BTreeMap::new();
    for (from, until) in &windows {
        let at = |secs: f64| first.saturating_add(Span::from_secs_f64((secs + shift).max(0.0)));
        for (status, count) in seen.statuses(at(*from), at(*until)) {
            *statuses.entry(status).or_default() += count;
        }
    }
    let requests: u64 = statuses.values().sum();
    let starts = calibration.rollouts.iter().zip(&windows);
    let starts: Vec<f64> = starts
        .map(|((deregistered, ..), (from, _))| (begins(*deregistered) - from).max(0.0))
        .collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    (rollouts > 0 && requests > 1 && lasts > 0.0).then(|| Observed {
        rate: (requests - rollouts as u64) as f64 / lasts,
        duration: lasts / rollouts as f64,
        rollout_at: (!starts.is_empty()).then(|| mean(&starts)),
        statuses,
        rollouts,
        pods: pods(evidence, calibration, whole),
    })
}

/// Of each rollout. One that touches the end of the logs may have gone on.
fn pods(evidence: &Evidence, calibration: &Calibration, whole: f64) -> Vec<u64> {
    let is_whole = |rollout: &&(f64, f64, u64)| rollout.1 + APART < whole;
    let rollouts = calibration.rollouts.iter().filter(is_whole);
    let is_watched = !evidence.membership.left.is_empty();
    rollouts
        .filter(|_| is_watched)
        .map(|rollout| rollout.2)
        .collect()
}

/// Holds what was seen against a forecast of the same load. Of several rollouts the sums are compared.
///
/// Each count is judged by the share of simulated ones that lie as far out, on either side, and that by how many counts
/// are judged (Bonferroni): a true scenario fails in one case of twenty at most. Counts of requests do not tell how many
/// pods there were, as each of few pods gets a larger share of them: pods are compared as such.
pub fn judge(observed: &Observed, forecast: &Forecast, pilot: &Pilot) -> Judgement {
    let seen = |status: u16| {
        let gave_up = (status == Cause::ClientGaveUp.status()).then_some(0);
        let statuses = [Some(status), gave_up].into_iter().flatten();
        let counts = statuses.filter_map(|status| observed.statuses.get(&status));
        counts.sum::<u64>()
    };
    let row = |status: u16| {
        let count = |sample: &Sample| sample.status(status);
        let expected = sums(&forecast.samples, observed.rollouts, count);
        let is_there = seen(status) > 0 || expected.last().is_some_and(|most| *most > 0.0);
        is_there.then(|| StatusRow::of(status, seen(status), &expected))
    };
    let mut rows: Vec<StatusRow> = STATUSES.into_iter().filter_map(row).collect();
    let each = FALSE_ALARMS / rows.len().max(1) as f64;
    for row in &mut rows {
        let is_inside = (row.low..=row.high).contains(&(row.seen as f64));
        row.standing = match (is_inside, row.probability < each) {
            (_, true) if row.seen as f64 > row.expected => Standing::TooMany,
            (_, true) => Standing::TooFew,
            (true, false) => Standing::Fits,
            (false, false) => Standing::Unusual,
        };
    }
    let (fewest, most) = pilot.deregistrations.unwrap_or((0, u64::MAX));
    let mut pods = observed.pods.iter();
    let pods = pods.find(|pods| !(fewest..=most).contains(pods));
    let pods = pods.map(|pods| (*pods, fewest, most));
    let explains = pods.is_none() && rows.iter().all(|row| row.probability >= each);
    Judgement {
        explains,
        rows,
        pods,
    }
}

/// The counts of so many rollouts together, in order.
fn sums(samples: &[Sample], rollouts: usize, count: impl Fn(&Sample) -> u64) -> Vec<f64> {
    let n = samples.len().max(1);
    // Those of one sum lie as far apart as they can, and each sample is in as many sums as any other.
    let step = (n / rollouts.max(1)).max(1);
    let sum = |start: usize| {
        let parts = (0..rollouts).filter_map(|i| samples.get((start + i * step) % n));
        parts.map(&count).sum::<u64>() as f64
    };
    let mut sums: Vec<f64> = (0..samples.len()).map(sum).collect();
    sums.sort_by(f64::total_cmp);
    sums
}

impl StatusRow {
    fn of(status: u16, seen: u64, expected: &[f64]) -> StatusRow {
        let n = expected.len() as f64;
        let count = seen as f64;
        let below = expected.partition_point(|sum| *sum < count) as f64;
        let up_to = expected.partition_point(|sum| *sum <= count) as f64;
        let tail = (up_to + 1.0).min(n - below + 1.0) / (n + 1.0);
        let quantile = |p| stats::quantile(expected, p).unwrap_or(0.0);
        StatusRow {
            status,
            seen,
            expected: expected.iter().sum::<f64>() / n.max(1.0),
            low: quantile(0.05),
            high: quantile(0.95),
            standing: Standing::Fits,
            probability: (2.0 * tail).min(1.0),
        }
    }

    /// How far what was seen is from what is expected, in orders of magnitude.
    fn distance(&self) -> f64 {
        ((self.seen as f64 + 1.0) / (self.expected + 1.0))
            .ln()
            .abs()
    }
}

impl Judgement {
    /// The worst of its rows, to compare judgements by: the more probable, and then the nearer, the better.
    fn rank(&self) -> (f64, f64) {
        let least = self
            .rows
            .iter()
            .map(|row| row.probability)
            .fold(1.0, f64::min);
        let distance: f64 = self.rows.iter().map(StatusRow::distance).sum();
        (least, -distance)
    }

    fn is_better_than(&self, other: &Judgement) -> bool {
        let (one, two) = (self.rank(), other.rank());
        one.0 > two.0 || one.0 == two.0 && one.1 > two.1
    }

    /// The row that speaks most against the scenario.
    pub fn worst(&self) -> Option<&StatusRow> {
        let rows = self.rows.iter();
        rows.filter(|row| matches!(row.standing, Standing::TooMany | Standing::TooFew))
            .max_by(|a, b| a.distance().total_cmp(&b.distance()))
    }
}

/// Settings that are often other than a scenario says, and other values of them.
pub fn changes(scenario: &Scenario, calibration: &Calibration) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |key: &'static str, value: &str| {
        let now = scenario.value_of(key).unwrap_or_else(|| "none".to_owned());
        if now.trim_matches('"') != value {
            changes.push(Change {
                key,
                value: value.to_owned(),
                instead_of: now.trim_matches('"').to_owned(),
            });
        }
    };
    for value in ["0s", "5s", "10s", "15s", "20s"] {
        add("pod.pre_stop", value);
    }
    for value in ["exit", "drain", "keep_serving", "ignore"] {
        add("app.on_sigterm", value);
    }
    for value in ["true", "false"] {
        add("pod.readiness_gate", value);
    }
    let replicas = calibration.rollouts.iter().map(|rollout| rollout.2).max();
    if let Some(replicas) = replicas.filter(|replicas| *replicas > 0) {
        add("deployment.replicas", &replicas.to_string());
    }
    changes
}

/// The change after which the logs are explained best, if it is better than none. A change that makes no scenario
/// is left out: `judge` says nothing of it.
///
/// # Errors
/// Those of `judge`.
pub fn best_change(
    changes: Vec<Change>,
    now: &Judgement,
    judge: &mut dyn FnMut(&Change) -> Result<Option<Judgement>, Error>,
) -> Result<Option<(Change, Judgement)>, Error> {
    let mut best: Option<(Change, Judgement)> = None;
    for change in changes {
        let Some(judgement) = judge(&change)? else {
            continue;
        };
        let rival = best.as_ref().map_or(now, |(_, judgement)| judgement);
        if judgement.is_better_than(rival) {
            best = Some((change, judgement));
        }
    }
    Ok(best)
}
