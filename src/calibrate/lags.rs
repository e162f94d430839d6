//! How long each node went on choosing or checking each target that was deregistered.

use std::collections::BTreeMap;

use super::evidence::{Choice, Evidence};
use super::pilot::Pilot;
use crate::logs::access::Failure;
use crate::stats::{self, Moments};
use crate::time::Time;

/// A target that a node chose more rarely says too little about when the node stopped.
const FEWEST_CHOICES: usize = 10;
/// Gaps that tell how often a node came back to a target.
const GAPS: usize = 50;
/// A node that has gone on for so many gaps without a target has stopped choosing it.
const SILENT_GAPS: f64 = 20.0;
/// An address that was silent for so long belongs to another pod (a network plugin keeps it back for 30 s).
const REUSED_AFTER: f64 = 30.0;
/// A lag is known only to lie in a range if the node was silent for so large a part of it: workers that wait for a
/// pod that is gone send nothing.
const MOST_DOUBT: f64 = 0.25;
/// Checks further apart than so many intervals are those of two lives.
const MISSED_CHECKS: f64 = 1.8;
/// Deregistrations further apart are those of two rollouts.
const ROLLOUTS_APART: f64 = 300.0;
/// An address that is ready again so soon was not taken away by a rollout.
const BACK_WITHIN: f64 = 60.0;
/// A rollout is slow if its lags are so many times as long as those of the others, and so many seconds longer: an
/// episode adds 10 to 45 s, and ordinary rollouts of one environment differ by some per cent.
const SLOW: (f64, f64) = (2.1, 8.0);

/// One lag of one node for one target, in seconds: normally distributed about what it is, or no more than a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lag {
    /// The shortest that it may have been.
    pub(super) low: f64,
    /// The longest; without end if the node had not stopped when it was last seen. Equal to `low`: a measurement.
    pub(super) high: f64,
    /// Standard deviation of a measurement, or of both ends of a range.
    pub(super) sd: f64,
}

/// The lags of one rollout.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Rollout {
    /// When its first target was deregistered, in seconds since the logs begin, and its last.
    pub(super) first: f64,
    pub(super) last: f64,
    /// Targets that were deregistered.
    pub(super) deregistrations: u64,
    /// Those of which a lag is known.
    pub(super) targets: u64,
    pub(super) lags: Vec<Lag>,
    /// Standard deviation of what all its lags have in common: when the API was called is a forecast.
    pub(super) common_sd: f64,
}

impl Rollout {
    fn median(&self) -> Option<f64> {
        let mut lags: Vec<f64> = self.lags.iter().map(|lag| lag.low).collect();
        lags.sort_by(f64::total_cmp);
        stats::quantile(&lags, 0.5)
    }
}

/// A target that was deregistered.
struct Departure<'a> {
    address: &'a str,
    /// When `DeregisterTargets` returned, in seconds since the logs begin, and how well that is known.
    called: f64,
    sd: f64,
}

/// The rollouts in the logs, in order of time, whether their lags are known or not.
pub(super) fn rollouts(evidence: &Evidence, pilot: &Pilot) -> Vec<Rollout> {
    let (mut departures, common_sd) = departures(evidence, pilot);
    departures.sort_by(|a, b| a.called.total_cmp(&b.called));
    let nodes: Vec<Node> = evidence
        .choices
        .iter()
        .map(|(name, targets)| Node::of(name, targets, evidence))
        .collect();
    let mut rollouts: Vec<Rollout> = Vec::new();
    for departure in departures {
        let is_next = rollouts
            .last()
            .is_none_or(|rollout| departure.called - rollout.last > ROLLOUTS_APART);
        if is_next {
            rollouts.push(Rollout {
                first: departure.called,
                common_sd,
                ..Rollout::default()
            });
        }
        let Some(rollout) = rollouts.last_mut() else {
            continue;
        };
        let lags = lags_of(evidence, pilot, &nodes, &departure);
        rollout.last = departure.called;
        rollout.deregistrations += 1;
        rollout.targets += u64::from(!lags.is_empty());
        rollout.lags.extend(lags);
    }
    rollouts
}

/// Those that an episode seems to have struck, and the others.
pub(super) fn split_slow(rollouts: Vec<Rollout>) -> (Vec<Rollout>, Vec<Rollout>) {
    let mut medians: Vec<f64> = rollouts.iter().filter_map(Rollout::median).collect();
    medians.sort_by(f64::total_cmp);
    let usual = stats::quantile(&medians, 0.5).unwrap_or(0.0);
    let is_slow = |rollout: &Rollout| {
        rollout
            .median()
            .is_some_and(|lag| lag > SLOW.0 * usual && lag > SLOW.1 + usual)
    };
    rollouts
        .into_iter()
        .partition(|rollout| medians.len() > 2 && is_slow(rollout))
}

/// What times are counted from: the first request of the access logs, or the first check.
pub(super) fn origin(evidence: &Evidence) -> Time {
    let request = evidence.logged.window().map(|(first, _)| first);
    let checks = evidence.checks.values().flat_map(BTreeMap::values);
    let check = checks
        .filter_map(|checks| checks.first())
        .map(|check| check.0)
        .min();
    request.or(check).unwrap_or(Time::ZERO)
}

/// Which targets were deregistered and when, from the best source that the logs have; and the standard deviation of
/// what is taken from the model for all of them.
fn departures<'a>(evidence: &'a Evidence, pilot: &Pilot) -> (Vec<Departure<'a>>, f64) {
    let since = |at: Time| at.secs_since(origin(evidence));
    let found = |times: Vec<(&'a str, f64, f64)>, wait: &Moments| {
        let departure = |(address, at, sd)| Departure {
            address,
            called: at + wait.mean(),
            sd,
        };
        let departures = times.into_iter().map(departure).collect();
        (departures, wait.variance().sqrt())
    };
    let membership = &evidence.membership;
    let is_back = |address: &str, at: Time| {
        let mut came = membership.came.get(address).into_iter().flatten();
        came.any(|back| (0.0..BACK_WITHIN).contains(&back.secs_since(at)))
    };
    let mut left = Vec::new();
    for (address, times) in &membership.left {
        let gone = times.iter().filter(|at| !is_back(address, **at));
        left.extend(gone.map(|at| (address.as_str(), since(*at), 0.0)));
    }
    if !left.is_empty() {
        return found(left, &pilot.left_to_call);
    }
    let stopped = membership.stopped().into_iter();
    let stopped: Vec<_> = stopped
        .map(|(address, at)| (address, since(at), 0.0))
        .collect();
    if !stopped.is_empty() {
        return found(stopped, &pilot.stopped_to_call);
    }
    let mut closed: BTreeMap<&str, (f64, f64)> = closed_by_checks(evidence);
    for address in evidence.failures.keys() {
        if let Some(at) = closed_by_requests(evidence, address) {
            closed.insert(address, (since(at), 0.0));
        }
    }
    let closed = closed
        .into_iter()
        .map(|(address, (at, sd))| (address, at, sd));
    found(closed.collect(), &pilot.closed_to_call)
}

/// When the first connection failed that no answer followed.
fn closed_by_requests(evidence: &Evidence, address: &str) -> Option<Time> {
    let answered = evidence.last_answer(address)?;
    let is_connect = |failure| failure != Failure::Other && failure != Failure::IdleTimeout;
    let failures = evidence.failures.get(address)?.iter();
    let connects = failures.filter(|(at, failure)| *at > answered && is_connect(*failure));
    connects.map(|(at, _)| *at).min()
}

/// When targets began to fail the checks of all nodes for good: between the last that passed and the first that did
/// not, in seconds since the logs begin; and how well that is known.
fn closed_by_checks(evidence: &Evidence) -> BTreeMap<&str, (f64, f64)> {
    let mut checks: BTreeMap<&str, Vec<(Time, bool)>> = BTreeMap::new();
    for targets in evidence.checks.values() {
        for (address, of_node) in targets {
            checks.entry(address).or_default().extend(of_node);
        }
    }
    let closed = checks.into_iter().filter_map(|(address, checks)| {
        let of = |wanted: bool| checks.iter().filter(move |(_, passed)| *passed == wanted);
        let passed = of(true).map(|(at, _)| *at).max()?;
        let failed = of(false)
            .map(|(at, _)| *at)
            .filter(|at| *at > passed)
            .min()?;
        let width = failed.secs_since(passed);
        let middle = passed.secs_since(origin(evidence)) + width / 2.0;
        Some((address, (middle, width / 12.0_f64.sqrt())))
    });
    closed.collect()
}

/// What one ALB node gave to whom.
struct Node<'a> {
    name: &'a str,
    targets: &'a BTreeMap<String, Vec<Choice>>,
    /// All its choices, in order, in seconds since the logs begin.
    choices: Vec<f64>,
}

impl<'a> Node<'a> {
    fn of(
        name: &'a str,
        targets: &'a BTreeMap<String, Vec<Choice>>,
        evidence: &Evidence,
    ) -> Node<'a> {
        let origin = origin(evidence);
        let all = targets.values().flatten();
        let mut choices: Vec<f64> = all.map(|choice| choice.at().secs_since(origin)).collect();
        choices.sort_by(f64::total_cmp);
        Node {
            name,
            targets,
            choices,
        }
    }

    /// When the node had made as many choices after `last` as used to lie between two of the same target:
    /// by then it would have chosen the target again. Nothing if it made no more so many.
    fn missed(&self, choices: &[f64]) -> Option<f64> {
        let place = |at: f64| self.choices.partition_point(|choice| *choice <= at);
        let last = *choices.last()?;
        let from = choices[choices.len().saturating_sub(GAPS + 1)];
        let between = (place(last) - place(from))
            .div_ceil((choices.len().min(GAPS + 1) - 1).max(1))
            .max(1);
        self.choices.get(place(last) + between - 1).copied()
    }
}

/// The lag of each node that knew a target and then gave it up.
fn lags_of(
    evidence: &Evidence,
    pilot: &Pilot,
    nodes: &[Node<'_>],
    departure: &Departure<'_>,
) -> Vec<Lag> {
    let mut lags: BTreeMap<&str, Lag> = BTreeMap::new();
    let closed =
        closed_by_requests(evidence, departure.address).map(|at| at.secs_since(origin(evidence)));
    for node in nodes {
        if let Some(lag) = by_choices(node, evidence, pilot, departure, closed) {
            lags.insert(node.name, lag);
        }
    }
    for (name, targets) in &evidence.checks {
        let Some(lag) = by_checks(targets, evidence, pilot, departure) else {
            continue;
        };
        let is_measured = |lag: &Lag| lag.low == lag.high;
        if !lags.get(name.as_str()).is_some_and(is_measured) {
            lags.insert(name, lag);
        }
    }
    lags.into_values().collect()
}

/// From the call until a node chose the target for the last time.
fn by_choices(
    node: &Node<'_>,
    evidence: &Evidence,
    pilot: &Pilot,
    departure: &Departure<'_>,
    closed: Option<f64>,
) -> Option<Lag> {
    let origin = origin(evidence);
    let times = node.targets.get(departure.address)?.iter();
    let times: Vec<f64> = times.map(|choice| choice.at().secs_since(origin)).collect();
    let choices = life(&times, departure.called, REUSED_AFTER)?;
    if choices.len() < FEWEST_CHOICES {
        return None;
    }
    let last = *choices.last()?;
    let after = |at: f64| at - departure.called;
    let is_silent = node.choices.last()? - last >= SILENT_GAPS * gaps(choices).mean;
    // A node that finds a target unhealthy stops choosing it, whatever it knows of its deregistration.
    let is_unhealthy = closed.is_some_and(|closed| last - closed >= pilot.unhealthy_after);
    let missed = node.missed(choices).filter(|_| is_silent && !is_unhealthy);
    let wait = gaps(choices);
    Some(match missed {
        None => Lag {
            low: after(last),
            high: f64::INFINITY,
            sd: departure.sd,
        },
        Some(missed) if missed - last > MOST_DOUBT * after(last).max(1.0) => Lag {
            low: after(last),
            high: after(missed),
            sd: departure.sd,
        },
        Some(_) => {
            let measured = after(last) + wait.wait;
            Lag {
                low: measured,
                high: measured,
                sd: departure.sd.hypot(wait.wait_sd),
            }
        }
    })
}

/// From the call until a node checked the target for the last time: it learned of the deregistration before the
/// check that did not come.
fn by_checks(
    targets: &BTreeMap<String, Vec<(Time, bool)>>,
    evidence: &Evidence,
    pilot: &Pilot,
    departure: &Departure<'_>,
) -> Option<Lag> {
    let origin = origin(evidence);
    let times = targets.get(departure.address)?.iter();
    let times: Vec<f64> = times.map(|(at, _)| at.secs_since(origin)).collect();
    let interval = interval(&times).unwrap_or(pilot.check_interval);
    let checks = life(&times, departure.called, MISSED_CHECKS * interval)?;
    let last = *checks.last()?;
    let all = targets.values().filter_map(|checks| checks.last());
    let end = all
        .map(|(at, _)| at.secs_since(origin))
        .fold(last, f64::max);
    let high = if end - last < interval {
        f64::INFINITY
    } else {
        last + interval - departure.called
    };
    Some(Lag {
        low: last - departure.called,
        high,
        sd: departure.sd,
    })
}

/// From check to check, by the median.
pub(super) fn interval(checks: &[f64]) -> Option<f64> {
    let mut gaps: Vec<f64> = checks.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    stats::quantile(&gaps, 0.5).filter(|gap| *gap > 0.0)
}

/// Of the times at which an address was used, those of the pod that had it at `at`: none of their gaps is as long as
/// `apart`.
fn life(times: &[f64], at: f64, apart: f64) -> Option<&[f64]> {
    let place = times.partition_point(|time| *time <= at).checked_sub(1)?;
    let is_apart = |i: usize| times[i] - times[i - 1] >= apart;
    let start = (1..=place).rev().find(|i| is_apart(*i)).unwrap_or(0);
    let end = (place + 1..times.len())
        .find(|i| is_apart(*i))
        .unwrap_or(times.len());
    times.get(start..end)
}

/// The gaps between choices at the end of a life.
struct Gaps {
    mean: f64,
    /// From a moment at random back to the choice before it: mean E[G²] / 2E[G] and mean square E[G³] / 3E[G], the age
    /// of a renewal process (Cox, *Renewal Theory*, 1962, §5).
    wait: f64,
    wait_sd: f64,
}

fn gaps(choices: &[f64]) -> Gaps {
    let part = &choices[choices.len().saturating_sub(GAPS + 1)..];
    let (mut sum, mut squares, mut cubes) = (0.0, 0.0, 0.0);
    for gap in part.windows(2).map(|pair| pair[1] - pair[0]) {
        sum += gap;
        squares += gap * gap;
        cubes += gap * gap * gap;
    }
    if sum <= 0.0 {
        return Gaps {
            mean: 0.0,
            wait: 0.0,
            wait_sd: 0.0,
        };
    }
    let wait = squares / (2.0 * sum);
    Gaps {
        mean: sum / (part.len() - 1) as f64,
        wait,
        wait_sd: (cubes / (3.0 * sum) - wait * wait).max(0.0).sqrt(),
    }
}
