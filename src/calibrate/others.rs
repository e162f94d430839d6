//! What else logs tell: registration, the answer of removed pods, the load, and the application.

use std::collections::BTreeMap;

use super::estimate::{Calibration, Finding, Unit, number_of, span};
use super::evidence::Evidence;
use super::lags::origin;
use super::pilot::Pilot;
use crate::logs::access::Failure;
use crate::stats::{self, Moments, Proportion};
use crate::time::{Span, Time};

/// A lag of registration known no better than this is better left to its prior.
const COARSE: f64 = 1.0;
/// So is a start-up that is known no better than to this share of it.
const COARSE_SHARE: f64 = 0.25;
/// A target that a node chose more rarely says too little about when the node began.
const FEWEST_CHOICES: usize = 10;
/// So many connects that nobody answered tell that nobody does; so many answers, that somebody does: under the
/// kernel's law the first six are answered.
const SILENT_CONNECTS: u64 = 10;
const ANSWERED_CONNECTS: u64 = 6;
/// A target that answers again within so much was not removed.
const ALIVE_WITHIN: Span = Span::from_secs(120);
/// The rate of requests is told from so many parts of the load.
const BATCHES: usize = 20;
/// So many answers tell a 99 % quantile.
const FEWEST_ANSWERS: u64 = 300;
/// Idle times before broken requests agree if nine in ten of them lie within this share of their median.
const AGREE_WITHIN: f64 = 0.1;
/// So many of them do.
const FEWEST_RACES: usize = 3;

/// Adds them.
pub(super) fn add(evidence: &Evidence, pilot: &Pilot, calibration: &mut Calibration) {
    registration(evidence, pilot, calibration);
    removed_addresses(evidence, pilot, calibration);
    gone_after(evidence, calibration);
    request_rate(evidence, pilot, calibration);
    service_time(evidence, calibration);
    start_up(evidence, pilot, calibration);
    keep_alive(evidence, calibration);
    if evidence.nodes() > 0 {
        let nodes = evidence.nodes();
        calibration.findings.push(Finding {
            name: "load balancer's nodes",
            unit: Unit::Count,
            estimate: nodes as f64,
            low: nodes as f64,
            high: nodes as f64,
            from: "lines, names of files".to_owned(),
            key: "load_balancer.nodes",
            setting: u8::try_from(nodes)
                .ok()
                .filter(|nodes| *nodes <= 100)
                .map(|nodes| nodes.to_string())
                .ok_or("more than 100 are not simulated"),
        });
    }
}

/// `RegisterTargets` returned → a node knows the target: its first check follows within a second.
fn registration(evidence: &Evidence, pilot: &Pilot, calibration: &mut Calibration) {
    let came = &evidence.membership.came;
    if came.is_empty() {
        let why = "no registration: no EndpointSlice gained an address";
        calibration.notes.push(why.to_owned());
        return;
    }
    if pilot.is_gated {
        let why = "registration left out: behind a readiness gate an address is registered before its slice is ready";
        calibration.notes.push(why.to_owned());
        return;
    }
    let origin = origin(evidence);
    let mut waits = Moments::default();
    for (address, times) in came {
        for at in times {
            let called = at.secs_since(origin) + pilot.came_to_call.mean();
            let of_nodes = first_uses(evidence, address, called);
            if of_nodes.n() > 0 {
                waits.push(of_nodes.mean());
            }
        }
    }
    // Half the spread of the check's phase alone, which is uniform, and each node's own.
    let least = pilot.check_within.powi(2) / 48.0 / evidence.nodes().max(1) as f64;
    let Some((low, high)) = waits.mean_interval_varying(calibration.level, least) else {
        let why = "registration left out: fewer than two new targets were used";
        calibration.notes.push(why.to_owned());
        return;
    };
    let lag = |wait: f64| (wait - pilot.check_within / 2.0).max(0.0);
    calibration.findings.push(Finding {
        name: "registration lag, mean",
        unit: Unit::Seconds,
        estimate: lag(waits.mean()),
        low: lag(low),
        high: lag(high),
        from: number_of(waits.n(), "registration"),
        key: "load_balancer.registration_propagation",
        setting: if (high - low) / 2.0 < COARSE {
            Ok(format!("\"{}\"", span(lag(waits.mean()))))
        } else {
            Err("too coarse to set: the phase of health checks hides it")
        },
    });
}

/// From the call until each node first checked or chose an address.
fn first_uses(evidence: &Evidence, address: &str, called: f64) -> Moments {
    let origin = origin(evidence);
    let mut uses: BTreeMap<&str, f64> = BTreeMap::new();
    for (node, targets) in &evidence.choices {
        let times = targets.get(address).into_iter().flatten();
        let times: Vec<f64> = times
            .map(|choice| choice.at().secs_since(origin))
            .filter(|at| *at >= called - 1.0)
            .collect();
        if times.len() >= FEWEST_CHOICES {
            uses.insert(node, times[0] - mean_wait(&times) - called);
        }
    }
    // The check comes first, and leads to the choice; what came before the call is another pod's.
    for (node, targets) in &evidence.checks {
        let times = targets.get(address).into_iter().flatten();
        let first = times
            .map(|(at, _)| at.secs_since(origin))
            .find(|at| *at >= called - 1.0);
        if let Some(first) = first {
            uses.insert(node, first - called);
        }
    }
    uses.into_values().collect()
}

/// From a moment at random to the next choice: E[G²] / 2E[G].
fn mean_wait(choices: &[f64]) -> f64 {
    let part = &choices[..choices.len().min(51)];
    let gaps = part.windows(2).map(|pair| pair[1] - pair[0]);
    let (sum, squares) = gaps.fold((0.0, 0.0), |(sum, squares), gap| {
        (sum + gap, squares + gap * gap)
    });
    if sum > 0.0 {
        squares / (2.0 * sum)
    } else {
        0.0
    }
}

/// How a removed pod IP answers: not at all (504 after ten seconds), or as unreachable (502).
fn removed_addresses(evidence: &Evidence, pilot: &Pilot, calibration: &mut Calibration) {
    let (mut silent, mut unreachable) = (0_u64, 0_u64);
    for (address, failures) in &evidence.failures {
        let answers: Vec<Time> = evidence.answers(address).collect();
        let is_alive = |at: Time| {
            let mut later = answers.iter();
            later.any(|answer| *answer > at && answer.saturating_since(at) < ALIVE_WITHIN)
        };
        for (at, failure) in failures {
            match failure {
                Failure::ConnectTimeout if !is_alive(*at) => silent += 1,
                Failure::Unreachable if !is_alive(*at) => unreachable += 1,
                _ => {}
            }
        }
    }
    let all = silent + unreachable;
    let Some(share) = Proportion::of(unreachable, all, calibration.level) else {
        return;
    };
    let setting = if (9.5..10.5).contains(&pilot.idle_timeout) {
        Err("an idle time-out of 10 s ends as a connect time-out does")
    } else if unreachable == 0 && silent >= SILENT_CONNECTS {
        Ok("\"silent\"".to_owned())
    } else if unreachable >= ANSWERED_CONNECTS {
        Ok("\"unreachable\"".to_owned())
    } else {
        Err("too few connects to removed pods")
    };
    calibration.findings.push(Finding {
        name: "removed pods: unreachable",
        unit: Unit::Share,
        estimate: share.probability,
        low: share.low,
        high: share.high,
        from: format!("{unreachable} of {all} connects"),
        key: "load_balancer.host_unreachable_share",
        setting,
    });
}

/// From leaving the EndpointSlice until nobody answered at an address.
fn gone_after(evidence: &Evidence, calibration: &mut Calibration) {
    let mut waits = Moments::default();
    for (address, left) in &evidence.membership.left {
        let (Some(left), Some(failures)) = (left.last(), evidence.failures.get(address)) else {
            continue;
        };
        let answered = evidence.last_answer(address).unwrap_or(Time::ZERO);
        let dead = failures.iter().filter(|(at, failure)| {
            *at > answered && !matches!(failure, Failure::Other | Failure::IdleTimeout)
        });
        if let Some(first) = dead.map(|(at, _)| *at).min() {
            waits.push(first.secs_since(*left));
        }
    }
    calibration.gone_after = (waits.n() > 0).then(|| waits.mean());
}

/// Requests a second, by the spread of parts of the load.
fn request_rate(evidence: &Evidence, pilot: &Pilot, calibration: &mut Calibration) {
    let seen = evidence.seen().per_second();
    // The first and the last second are not whole.
    let whole = seen
        .get(1..seen.len().saturating_sub(1))
        .unwrap_or_default();
    if whole.len() < 2 * BATCHES {
        return;
    }
    let size = whole.len() / BATCHES;
    let batches = whole.chunks_exact(size);
    let rates: Moments = batches
        .map(|batch| batch.iter().sum::<u64>() as f64 / size as f64)
        .collect();
    // Even a constant load is counted in whole seconds.
    let least = rates.mean() / whole.len() as f64 / 12.0;
    let Some((low, high)) = rates.mean_interval_varying(calibration.level, least) else {
        return;
    };
    calibration.findings.push(Finding {
        name: "requests a second",
        unit: Unit::PerSecond,
        estimate: rates.mean(),
        low: low.max(0.0),
        high,
        from: format!("{} requests", evidence.seen().requests()),
        key: "load.rate",
        setting: if pilot.is_open_loop {
            Ok(format!("{:.3}", rates.mean()))
        } else {
            Err("the scenario's load is a closed loop")
        },
    });
}

/// How long targets took to answer 200, the way to them and back included.
fn service_time(evidence: &Evidence, calibration: &mut Calibration) {
    let n: u64 = evidence.service_times.values().sum();
    if n < FEWEST_ANSWERS {
        return;
    }
    let at_rank = |rank: f64| {
        let rank = (rank.max(0.0) as u64).min(n - 1);
        let mut before = 0;
        let mut times = evidence.service_times.iter();
        let found = times.find(|(_, count)| {
            before += **count;
            before > rank
        });
        found.map_or(0.0, |(millis, _)| *millis as f64 / 1e3)
    };
    let half = stats::standard_normal(calibration.level) * (n as f64).sqrt() / 2.0;
    let middle = n as f64 / 2.0;
    let (median, p99) = (at_rank(middle), at_rank(n as f64 * 0.99));
    let millis = |secs: f64| Span::from_millis((secs * 1e3).round() as u64);
    calibration.findings.push(Finding {
        name: "service time, median",
        unit: Unit::Seconds,
        estimate: median,
        low: at_rank(middle - half),
        high: at_rank(middle + half),
        from: number_of(n, "answer"),
        key: "app.service_time",
        setting: if median < 1e-3 {
            Err("logs know whole milliseconds only")
        } else if p99 > median {
            let (p50, p99) = (millis(median), millis(p99));
            Ok(format!("{{ p50 = \"{p50}\", p99 = \"{p99}\" }}"))
        } else {
            Ok(format!("\"{}\"", millis(median)))
        },
    });
}

/// From the first listing of a new pod's address until it was ready, less what probes and the API add.
fn start_up(evidence: &Evidence, pilot: &Pilot, calibration: &mut Calibration) {
    if pilot.is_gated || pilot.started_to_came.n() == 0 {
        return;
    }
    let membership = &evidence.membership;
    let mut waits = Vec::new();
    for (address, listed) in &membership.listed {
        let came = membership.came.get(address).into_iter().flatten();
        for at in listed {
            let ready = came.clone().find(|came| *came >= at);
            waits.extend(
                ready
                    .map(|ready| ready.secs_since(*at))
                    .filter(|wait| *wait > 0.0),
            );
        }
    }
    let added = pilot.started_to_came.mean() - pilot.start_up;
    let times: Moments = waits.iter().map(|wait| (wait - added).max(0.0)).collect();
    let Some((low, high)) = times.mean_interval(calibration.level) else {
        return;
    };
    // Where in a period of the probes an application is up, they do not tell.
    let phase = pilot.probe_period / 2.0;
    let (low, high, mean) = (low - phase, high + phase, times.mean());
    let sigma = (times.variance().sqrt() / mean.max(1e-3)).min(1.0);
    calibration.findings.push(Finding {
        name: "start-up, mean",
        unit: Unit::Seconds,
        estimate: mean,
        low: low.max(0.0),
        high,
        from: number_of(times.n(), "new pod"),
        key: "app.start_up",
        setting: if (high - low) / 2.0 > COARSE_SHARE * mean {
            Err("too coarse: the period of the probes hides it")
        } else if sigma > 0.02 {
            let (p50, p99) = (span(mean), span(mean * (2.326 * sigma).exp()));
            Ok(format!("{{ p50 = \"{p50}\", p99 = \"{p99}\" }}"))
        } else {
            Ok(format!("\"{}\"", span(mean)))
        },
    });
}

/// After how long an application closes idle connections: as long as nothing was sent to a target before requests
/// that broke there at once, though it went on answering. Told only where these times agree, and are no usual ones.
fn keep_alive(evidence: &Evidence, calibration: &mut Calibration) {
    let mut idle = Vec::new();
    let mut usual = Vec::new();
    for targets in evidence.choices.values() {
        for (address, choices) in targets {
            let failures = evidence.failures.get(address);
            let broke = |at: Time| {
                let mut broken = failures.into_iter().flatten();
                broken.any(|failure| *failure == (at, Failure::Other))
            };
            for (i, pair) in choices.windows(2).enumerate() {
                let gap = pair[1].at().secs_since(pair[0].at());
                let goes_on = choices
                    .get(i + 2..)
                    .is_some_and(|later| later.iter().take(20).any(|choice| choice.answered()));
                if !pair[1].answered() && goes_on && broke(pair[1].at()) {
                    idle.push(gap);
                } else {
                    usual.push(gap);
                }
            }
        }
    }
    idle.sort_by(f64::total_cmp);
    usual.sort_by(f64::total_cmp);
    let quantile = |sorted: &[f64], p| stats::quantile(sorted, p).unwrap_or(0.0);
    let [low, median, high] = [0.05, 0.5, 0.95].map(|p| quantile(&idle, p));
    let is_told = idle.len() >= FEWEST_RACES
        && high - low < AGREE_WITHIN * median
        && low > quantile(&usual, 0.99);
    if is_told {
        calibration.findings.push(Finding {
            name: "keep-alive",
            unit: Unit::Seconds,
            estimate: median,
            low,
            high,
            from: format!(
                "{} that broke at once",
                number_of(idle.len() as u64, "request")
            ),
            key: "app.keep_alive",
            setting: Ok(format!("\"{}\"", span(median))),
        });
    }
}
