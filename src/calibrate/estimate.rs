//! From what logs say to settings with intervals.
//!
//! What a load balancer does to one target strikes its nodes together, so targets, not nodes, are taken
//! for independent of each other: each counts by the mean over its nodes, and the interval is Student's.
//! A rollout has few of them, and few may agree by chance: their spread is not believed to be less than
//! half of what the model knows or assumes of it.

use std::collections::BTreeMap;

use super::{Evidence, Pilot};
use crate::stats::{Moments, Proportion};
use crate::time::{Span, Time};

/// A target that a node chose more rarely says too little about when the node stopped.
const FEWEST_CHOICES: usize = 10;
/// Gaps that tell how often a node came back to a target.
const GAPS: usize = 50;
/// A node that has gone on for so many gaps without a target has stopped choosing it.
const SILENT_GAPS: f64 = 20.0;
/// A lag is left out if the node was silent for so large a part of it that it could have ended anywhere in it:
/// workers that wait for a pod that is gone send nothing.
const MOST_DOUBT: f64 = 0.25;
/// The prior of the median lag spans this factor between its 2.5 % and its 97.5 % quantile, (18/7)^(2 × 1.96/1.645):
/// an interval that is wider says less than the prior does.
const PRIOR_FACTOR: f64 = 9.5;
/// A share known no better than this is better left as it is.
const COARSE_SHARE: f64 = 0.3;
/// A deregistration is slow if it takes so many times as long as the median one, and so many seconds
/// longer: the prior's long tail adds 10 to 45 s, and its ordinary spread stays below a factor of two.
const SLOW: (f64, f64) = (2.1, 8.0);
/// Half of σ of the logarithm of a lag between nodes and targets, as the priors have it.
const LEAST_SIGMA: f64 = 0.125;
/// A lag of registration known no better than this is better left to its prior, U(1, 3) s.
const COARSE: f64 = 1.0;

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// A share, 0 to 1.
    Share,
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
    /// The setting that it gives, and its value in TOML; nothing if it is better left as it is.
    pub setting: Option<(&'static str, String)>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Confidence level of the intervals.
    pub level: f64,
    /// Numbers with their intervals.
    pub findings: Vec<Finding>,
    /// What the logs do not tell, and why; what to know about what they do.
    pub notes: Vec<String>,
    /// How long after the first request the rollout started, in seconds, if it can be told.
    pub rollout_at: Option<f64>,
}

/// The lags of one address, a node each, in seconds.
type Lags = Vec<f64>;

/// Estimates what the logs tell.
pub fn estimate(evidence: &Evidence, pilot: &Pilot, level: f64) -> Calibration {
    let mut calibration = Calibration {
        level,
        findings: Vec::new(),
        notes: Vec::new(),
        rollout_at: None,
    };
    if evidence.routes.is_empty() {
        calibration.notes.push(
            "no access log: what clients measure does not tell one target from another".to_owned(),
        );
        return calibration;
    }
    if evidence.nodes() == 0 {
        calibration.notes.push(
            "the files' names do not say which ALB node wrote them: the lags are those of the slowest node".to_owned(),
        );
    }
    deregistration(evidence, pilot, &mut calibration);
    registration(evidence, pilot, &mut calibration);
    removed_addresses(evidence, &mut calibration);
    let first = evidence.logged.window.map(|(first, _)| first);
    let left = evidence.membership.left.values().min();
    if let (Some(first), Some(left)) = (first, left) {
        calibration.rollout_at =
            Some((left.secs_since(first) - pilot.start_to_left.mean()).max(0.0));
    }
    calibration
}

/// `DeregisterTargets` returned → a node stops choosing the target.
fn deregistration(evidence: &Evidence, pilot: &Pilot, calibration: &mut Calibration) {
    let departures = departures(evidence, pilot);
    if departures.is_empty() {
        calibration.notes.push(
            "no deregistration: no EndpointSlice lost an address, no target refused requests"
                .to_owned(),
        );
        return;
    }
    let (mut lags, mut undecided) = (Vec::new(), 0);
    let nodes: Vec<Node> = evidence
        .routes
        .values()
        .map(|targets| Node::of(targets, evidence))
        .collect();
    for (address, called) in &departures {
        match lags_of(evidence, &nodes, address, *called) {
            Some(of_nodes) if !of_nodes.is_empty() => lags.push(of_nodes),
            _ => undecided += 1,
        }
    }
    if undecided > 0 {
        calibration.notes.push(format!(
            "{undecided} of {} deregistrations left out: too few requests to tell, or still chosen when the log ends",
            departures.len()
        ));
    }
    let (slow, ordinary): (Vec<Lags>, Vec<Lags>) = split_slow(lags);
    let logs = ordinary
        .iter()
        .map(|lags| lags.iter().map(|lag| lag.ln()).collect::<Moments>().mean());
    let logs: Moments = logs.collect();
    let (all, level) = (slow.len() + ordinary.len(), calibration.level);
    let nodes = ordinary.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let Some((low, high)) = logs.mean_interval_varying(level, LEAST_SIGMA * LEAST_SIGMA / nodes)
    else {
        calibration
            .notes
            .push("fewer than two deregistrations tell: no interval".to_owned());
        return;
    };
    let spread: Moments = ordinary.iter().flatten().map(|lag| lag.ln()).collect();
    let (median, sigma) = (logs.mean().exp(), spread.variance().sqrt());
    let lags = format!(
        "{{ p50 = \"{}\", p99 = \"{}\" }}",
        span(median),
        span(median * (2.326 * sigma).exp())
    );
    let share = Proportion::of(slow.len() as u64, all as u64, level);
    let value = match (slow.is_empty(), share) {
        (false, Some(share)) => mixture(&lags, &slow, share.probability),
        _ => lags,
    };
    let is_fine = high - low < PRIOR_FACTOR.ln();
    if !is_fine {
        calibration.notes.push(
            "the lag of deregistration is left to its prior, which says more than these logs"
                .to_owned(),
        );
    }
    calibration.findings.push(Finding {
        name: "deregistration lag, median",
        unit: Unit::Seconds,
        estimate: median,
        low: low.exp(),
        high: high.exp(),
        from: format!("{} deregistrations, {} lags", ordinary.len(), spread.n()),
        setting: is_fine.then_some(("load_balancer.deregistration_propagation", value)),
    });
    if let Some(share) = share {
        calibration.findings.push(Finding {
            name: "slow deregistrations",
            unit: Unit::Share,
            estimate: share.probability,
            low: share.low,
            high: share.high,
            from: format!("{} of {all}", slow.len()),
            setting: None,
        });
    }
}

/// When the API was called for each address that left, in seconds since [`origin`].
fn departures<'a>(evidence: &'a Evidence, pilot: &Pilot) -> Vec<(&'a str, f64)> {
    let membership = &evidence.membership;
    let after = |at: Time, wait: &Moments| at.secs_since(origin(evidence)) + wait.mean();
    let left: Vec<_> = membership
        .left
        .iter()
        .map(|(a, at)| (a.as_str(), after(*at, &pilot.left_to_call)))
        .collect();
    if !left.is_empty() {
        return left;
    }
    let stopped: Vec<_> = membership
        .stopped()
        .into_iter()
        .map(|(a, at)| (a, after(at, &pilot.stopped_to_call)))
        .collect();
    if !stopped.is_empty() {
        return stopped;
    }
    let closed = evidence.dead.iter().filter_map(|(address, dead)| {
        let answered = evidence.last_answered.get(address)?;
        let first = dead.iter().filter(|at| *at > answered).min()?;
        Some((address.as_str(), after(*first, &pilot.closed_to_call)))
    });
    closed.collect()
}

/// What one ALB node gave to whom.
struct Node<'a> {
    targets: &'a BTreeMap<String, Vec<Time>>,
    /// All its choices, in order.
    choices: Vec<f64>,
}

impl<'a> Node<'a> {
    fn of(targets: &'a BTreeMap<String, Vec<Time>>, evidence: &Evidence) -> Node<'a> {
        let all: Vec<Time> = targets.values().flatten().copied().collect();
        Node {
            targets,
            choices: seconds(&all, evidence),
        }
    }

    /// When the node had made as many choices after `last` as used to lie between two of the same target:
    /// by then it would have chosen the target again.
    fn missed(&self, last: f64, choices: &[f64]) -> Option<f64> {
        let place = |at: f64| self.choices.partition_point(|choice| *choice <= at);
        let from = choices[choices.len().saturating_sub(GAPS + 1)];
        let between = (place(last) - place(from))
            .div_ceil(choices.len().min(GAPS + 1) - 1)
            .max(1);
        self.choices.get(place(last) + between - 1).copied()
    }
}

/// The lag of each node that chose an address and then stopped; nothing if one has not stopped.
fn lags_of(evidence: &Evidence, nodes: &[Node], address: &str, called: f64) -> Option<Lags> {
    let mut lags = Vec::new();
    for node in nodes {
        let Some(choices) = node
            .targets
            .get(address)
            .filter(|choices| choices.len() >= FEWEST_CHOICES)
        else {
            continue;
        };
        let choices = seconds(choices, evidence);
        let (last, end) = (*choices.last()?, *node.choices.last()?);
        if end - last < SILENT_GAPS * mean_gap(&choices, true) {
            return None;
        }
        // The node stopped somewhere between its last choice and the one that did not come.
        let (lag, missed) = (
            last + mean_wait(&choices, true) - called,
            node.missed(last, &choices)?,
        );
        if lag > 0.0 && missed - last < MOST_DOUBT * lag {
            lags.push(lag);
        }
    }
    Some(lags)
}

/// Those that are as slow as only the long tail is, and the others.
fn split_slow(lags: Vec<Lags>) -> (Vec<Lags>, Vec<Lags>) {
    let least = |lags: &Lags| lags.iter().copied().fold(f64::INFINITY, f64::min);
    let mut sorted: Vec<f64> = lags.iter().map(least).collect();
    sorted.sort_by(f64::total_cmp);
    let median = crate::stats::quantile(&sorted, 0.5).unwrap_or(0.0);
    lags.into_iter()
        .partition(|lags| least(lags) > SLOW.0 * median && least(lags) > SLOW.1 + median)
}

/// Ordinary lags, and now and then a slow one.
fn mixture(ordinary: &str, slow: &[Lags], share: f64) -> String {
    let mut seen: Vec<f64> = slow.iter().flatten().copied().collect();
    seen.sort_by(f64::total_cmp);
    let (least, most) = (
        seen.first().copied().unwrap_or(0.0),
        seen.last().copied().unwrap_or(0.0),
    );
    format!(
        "{{ mixture = [{{ weight = {:.3}, span = {ordinary} }}, {{ weight = {share:.3}, span = {{ uniform = [\"{}\", \"{}\"] }} }}] }}",
        1.0 - share,
        span(least),
        span(most.max(least + 0.001))
    )
}

/// `RegisterTargets` returned → a node's first health check, less the check's own phase.
fn registration(evidence: &Evidence, pilot: &Pilot, calibration: &mut Calibration) {
    let came = &evidence.membership.came;
    if came.is_empty() {
        calibration
            .notes
            .push("no registration: no EndpointSlice gained an address".to_owned());
        return;
    }
    if pilot.is_gated {
        let why = "registration left out: behind a readiness gate an address is registered before its slice is ready";
        calibration.notes.push(why.to_owned());
        return;
    }
    let of_address = |(address, at): (&String, &Time)| -> Option<f64> {
        let called = at.secs_since(origin(evidence)) + pilot.came_to_call.mean();
        let of_node = |choices: &Vec<Time>| {
            let choices = seconds(choices, evidence);
            choices[0] - mean_wait(&choices, false) - called
        };
        let chosen = evidence
            .routes
            .values()
            .filter_map(|targets| targets.get(address));
        let waits: Moments = chosen
            .filter(|choices| choices.len() >= FEWEST_CHOICES)
            .map(of_node)
            .collect();
        (waits.n() > 0).then(|| waits.mean())
    };
    let waits: Moments = came.iter().filter_map(of_address).collect();
    // Half the spread of the phase alone, which is uniform, and each node's own.
    let least = pilot.check_within.powi(2) / 48.0 / evidence.routes.len().max(1) as f64;
    let Some((low, high)) = waits.mean_interval_varying(calibration.level, least) else {
        calibration
            .notes
            .push("registration left out: fewer than two new targets took requests".to_owned());
        return;
    };
    let lag = |wait: f64| (wait - pilot.check_within / 2.0).max(0.0);
    let is_fine = (high - low) / 2.0 < COARSE;
    if !is_fine {
        calibration.notes.push(
            "the lag of registration is too coarse to be set: the phase of health checks hides it; more rollouts help"
                .to_owned(),
        );
    }
    calibration.findings.push(Finding {
        name: "registration lag, mean",
        unit: Unit::Seconds,
        estimate: lag(waits.mean()),
        low: lag(low),
        high: lag(high),
        from: format!("{} registrations", waits.n()),
        setting: is_fine.then(|| {
            (
                "load_balancer.registration_propagation",
                format!("\"{}\"", span(lag(waits.mean()))),
            )
        }),
    });
}

/// How a removed pod IP answers: not at all (504), or as unreachable (502).
fn removed_addresses(evidence: &Evidence, calibration: &mut Calibration) {
    let all = evidence.unreachable + evidence.timed_out;
    if let Some(share) = Proportion::of(evidence.unreachable, all, calibration.level) {
        calibration.findings.push(Finding {
            name: "connects to removed pods that end as unreachable",
            unit: Unit::Share,
            estimate: share.probability,
            low: share.low,
            high: share.high,
            from: format!("{} of {all}", evidence.unreachable),
            setting: (share.high - share.low < COARSE_SHARE).then(|| {
                (
                    "load_balancer.host_unreachable_share",
                    format!("{:.3}", share.probability),
                )
            }),
        });
    }
}

/// What times are counted from: the first request of the access logs.
fn origin(evidence: &Evidence) -> Time {
    evidence
        .logged
        .window
        .map_or(Time::ZERO, |(first, _)| first)
}

/// Times in order, in seconds since [`origin`].
fn seconds(times: &[Time], evidence: &Evidence) -> Vec<f64> {
    let mut seconds: Vec<f64> = times
        .iter()
        .map(|at| at.secs_since(origin(evidence)))
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}

/// The gaps between choices at the end, or at the beginning.
fn gaps(choices: &[f64], at_end: bool) -> impl Iterator<Item = f64> {
    let most = choices.len().min(GAPS + 1);
    let part = if at_end {
        &choices[choices.len() - most..]
    } else {
        &choices[..most]
    };
    part.windows(2).map(|pair| pair[1] - pair[0])
}

fn mean_gap(choices: &[f64], at_end: bool) -> f64 {
    gaps(choices, at_end).collect::<Moments>().mean()
}

/// From a moment at random to the next choice, or back to the one before: E[G²] / 2E[G], the mean age of a
/// renewal process (Cox, *Renewal Theory*, 1962, §5).
fn mean_wait(choices: &[f64], at_end: bool) -> f64 {
    let (sum, squares) = gaps(choices, at_end).fold((0.0, 0.0), |(sum, squares), gap| {
        (sum + gap, squares + gap * gap)
    });
    if sum > 0.0 {
        squares / (2.0 * sum)
    } else {
        0.0
    }
}

/// Seconds as a scenario writes them, to the hundredth.
fn span(secs: f64) -> Span {
    Span::from_millis((secs * 100.0).round().max(0.0) as u64 * 10)
}
