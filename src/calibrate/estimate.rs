//! From what logs say to settings with intervals.

use super::evidence::Evidence;
use super::fit::{self, Levels};
use super::lags::{self, Rollout};
use super::{Pilot, others};
use crate::stats::Proportion;
use crate::time::Span;

/// The prior of the median lag spans this factor between its 2.5 % and its 97.5 % quantile, (18/9)^(2 × 1.96/1.645):
/// an interval that is wider says less than the prior does.
const PRIOR_FACTOR: f64 = 5.2;
/// The setting that holds the law of the lag; the finding about its episodes.
const LAG: &str = "load_balancer.deregistration_propagation";
const SLOW: &str = "slow rollouts";
/// z of the 95 % quantile of the standard normal distribution.
const Z95: f64 = 1.645;

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// A share, 0 to 1.
    Share,
    /// Requests per second.
    PerSecond,
    /// A whole number.
    Count,
}

/// One number that the logs tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is.
    pub name: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// The number, and its interval.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// From how many observations, of what.
    pub from: String,
    /// The setting that it is about.
    pub key: &'static str,
    /// What the setting becomes, in TOML; or why it is better left as it is.
    pub setting: Result<String, &'static str>,
}

impl Calibration {
    /// The settings to judge a scenario with: what was measured, of rollouts like those in the logs. If none of these was
    /// slow, none of the simulated ones is.
    pub fn judged(&self) -> Vec<(&'static str, String)> {
        let is_slow = |finding: &Finding| finding.name == SLOW && finding.estimate > 0.0;
        let has_slow = self.findings.iter().any(is_slow);
        let given = self.findings.iter().filter_map(Finding::given);
        let value = |(key, value): (&'static str, &str)| match &self.levels {
            Some(levels) if key == LAG && !has_slow => (key, setting(levels, ", episodes = 0.0")),
            _ => (key, value.to_owned()),
        };
        given.map(value).collect()
    }
}

impl Finding {
    /// The key and the value in TOML that it gives.
    pub fn given(&self) -> Option<(&'static str, &str)> {
        let value = self.setting.as_ref().ok()?;
        Some((self.key, value.as_str()))
    }
}

/// One row for the collection of measured lags: nothing in it says whose they are.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// `2026-01`: of the first deregistration.
    pub month: String,
    /// Of the scenario: `ip` or `instance`.
    pub target_type: &'static str,
    /// Lags, one a target and node.
    pub deregistrations: u64,
    /// M, in seconds.
    pub median_s: f64,
    /// σ of one rollout's lags around their middle, relative to M; one lag does not tell it.
    pub jitter: Option<f64>,
    /// σ of rollouts' middles, relative to M; one rollout does not tell it.
    pub drift: Option<f64>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Confidence level of the intervals.
    pub level: f64,
    /// Numbers with their intervals.
    pub findings: Vec<Finding>,
    /// The lag of a deregistration, its levels told apart.
    pub levels: Option<Levels>,
    /// The rollouts in the logs: when their first and last target was deregistered, in seconds since the first
    /// request, and how many targets that were.
    pub rollouts: Vec<(f64, f64, u64)>,
    /// From leaving the EndpointSlice until the first connection failed, on average, in seconds.
    pub gone_after: Option<f64>,
    /// What the logs do not tell, and why; what to know about what they do.
    pub notes: Vec<String>,
    /// For the collection of measured lags.
    pub row: Option<Row>,
}

/// Estimates what the logs tell.
pub fn estimate(evidence: &Evidence, pilot: &Pilot, level: f64) -> Calibration {
    let mut calibration = Calibration {
        level,
        findings: Vec::new(),
        levels: None,
        rollouts: Vec::new(),
        gone_after: None,
        notes: Vec::new(),
        row: None,
    };
    if !evidence.has_targets() {
        let why = "no log of the load balancer: what clients measure does not tell one target from another";
        calibration.notes.push(why.to_owned());
        return calibration;
    }
    if evidence.nodes() == 0 {
        let why = "neither lines nor names of files say which ALB node wrote them: the lags are those of the slowest node";
        calibration.notes.push(why.to_owned());
    }
    let rollouts = lags::rollouts(evidence, pilot);
    calibration.rollouts = rollouts
        .iter()
        .map(|rollout| (rollout.first, rollout.last, rollout.deregistrations))
        .collect();
    deregistration(rollouts, evidence, &mut calibration);
    others::add(evidence, pilot, &mut calibration);
    calibration
}

/// `DeregisterTargets` returned → a node stops choosing the target.
fn deregistration(rollouts: Vec<Rollout>, evidence: &Evidence, calibration: &mut Calibration) {
    let count = |of: &dyn Fn(&Rollout) -> u64| rollouts.iter().map(of).sum::<u64>();
    let (all, known) = (count(&|r| r.deregistrations), count(&|r| r.targets));
    if all == 0 {
        let why = "no deregistration: no EndpointSlice lost an address, no target refused requests or checks";
        calibration.notes.push(why.to_owned());
        return;
    }
    if known < all {
        calibration.notes.push(format!(
            "{} of {all} deregistrations left out: too few requests or checks tell of them",
            all - known
        ));
    }
    let first = rollouts.first().map_or(0.0, |rollout| rollout.first);
    let (slow, ordinary) = lags::split_slow(rollouts);
    let level = calibration.level;
    let Some(levels) = fit::levels(&ordinary, level) else {
        let why = "no lag of a deregistration: too few requests or checks tell of one";
        calibration.notes.push(why.to_owned());
        return;
    };
    let lags: usize = ordinary.iter().map(|rollout| rollout.lags.len()).sum();
    let targets: u64 = ordinary.iter().map(|rollout| rollout.targets).sum();
    let told = ordinary
        .iter()
        .filter(|rollout| !rollout.lags.is_empty())
        .count();
    let many = told > 1;
    let key = LAG;
    let is_fine = levels.median.high / levels.median.low < PRIOR_FACTOR;
    let findings = &mut calibration.findings;
    findings.push(Finding {
        name: "deregistration lag, median",
        unit: Unit::Seconds,
        estimate: levels.median.value,
        low: levels.median.low,
        high: levels.median.high,
        from: format!("{}, {lags} lags", number_of(targets, "pod")),
        key,
        setting: if is_fine {
            Ok(setting(&levels, ""))
        } else {
            Err("its prior says more than these logs")
        },
    });
    findings.push(Finding {
        name: "  jitter within a rollout",
        unit: Unit::Seconds,
        estimate: levels.jitter.value,
        low: levels.jitter.low,
        high: levels.jitter.high,
        from: format!("{lags} lags, {}", number_of(told as u64, "rollout")),
        key,
        setting: Err("part of the lag"),
    });
    findings.push(Finding {
        name: "  drift between rollouts",
        unit: Unit::Share,
        estimate: levels.drift.value,
        low: levels.drift.low,
        high: levels.drift.high,
        from: if many {
            number_of(told as u64, "rollout")
        } else {
            "what is published".to_owned()
        },
        key,
        setting: Err("part of the lag"),
    });
    let seen = (slow.len() + ordinary.len()) as u64;
    if let Some(share) = Proportion::of(slow.len() as u64, seen, level) {
        findings.push(Finding {
            name: SLOW,
            unit: Unit::Share,
            estimate: share.probability,
            low: share.low,
            high: share.high,
            from: format!("{} of {seen}", slow.len()),
            key,
            setting: Err("only hundreds of rollouts tell; 1 % stays assumed"),
        });
    }
    calibration.row = Some(Row {
        month: (lags::origin(evidence) + Span::from_secs_f64(first.max(0.0)))
            .to_rfc3339()
            .chars()
            .take(7)
            .collect(),
        target_type: "ip",
        deregistrations: lags as u64,
        median_s: levels.median.value,
        jitter: (lags > 1).then(|| levels.jitter_sigma / levels.median.value),
        drift: many.then_some(levels.drift.value),
    });
    calibration.levels = Some(levels);
}

/// The law as a scenario writes it: M as well as it is known, and what spreads about it.
fn setting(levels: &Levels, more: &str) -> String {
    let median = levels.median.value;
    format!(
        "{{ median = {{ p50 = \"{}\", p95 = \"{}\" }}, jitter = \"{}\", drift = {:.3}{more} }}",
        span(median),
        span(median * (Z95 * levels.median_sigma).exp()),
        span(levels.jitter.value),
        levels.drift.value
    )
}

/// `1 rollout`, `4 rollouts`.
pub(super) fn number_of(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Seconds as a scenario writes them, to the hundredth.
pub(super) fn span(secs: f64) -> Span {
    Span::from_millis((secs * 100.0).round().max(0.0) as u64 * 10)
}
