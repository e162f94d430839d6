//! Loads that make no sense, and those that no machine can compute.

use super::Places;
use crate::disturbance::Disturbance;
use crate::error::Error;
use crate::scenario::Scenario;
use crate::scenario::load::{ClientNodes, Shape};
use crate::scenario::rollout::Change;
use crate::setting::Count;

/// Pods that one run may create.
const MOST_PODS: u64 = 20_000;
/// Workers of a closed loop: each has streams of its own.
const MOST_WORKERS: u32 = 1_000_000;
/// Attempts after the first.
const MOST_RETRIES: u8 = 100;
/// Requests of one replication.
const MOST_REQUESTS: f64 = 2e9;
/// Requests of all replications.
const MOST_REQUESTS_IN_ALL: f64 = 1e12;
/// Pods times replications.
const MOST_PODS_IN_ALL: u64 = 1_000_000_000;
/// Seconds of load times replications: each has a row of counts.
const MOST_SECONDS_IN_ALL: f64 = 1e9;

/// Refuses a load that cannot be.
pub(super) fn load(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let spec = &scenario.load;
    rate(at, "load.rate", spec.rate)?;
    match spec.shape {
        Shape::Constant => {}
        Shape::Ramp { to } => rate(at, "load.shape", to)?,
        Shape::Sine { to, period } => {
            rate(at, "load.shape", to)?;
            at.above_zero("load.shape", period)?;
        }
    }
    clients(scenario, at)?;
    at.above_zero("load.duration", spec.duration)?;
    at.above_zero("load.client_timeout", spec.client_timeout)?;
    if spec.rollout_at >= spec.duration {
        let message = format!("the rollout starts at {}, when the load of {} is over", spec.rollout_at, spec.duration);
        return Err(at
            .refuse(&["load.rollout_at", "load.duration"], message)
            .hint("let `load.rollout_at` lie inside `load.duration`"));
    }
    Ok(())
}

fn rate(at: Places, key: &str, rate: f64) -> Result<(), Error> {
    if rate.is_finite() && rate >= 0.0 {
        return Ok(());
    }
    Err(at.refuse(&[key], format!("`{key}` is {rate}")).hint("requests a second: a number from 0"))
}

fn clients(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let spec = &scenario.load;
    if !(1..=MOST_WORKERS).contains(&spec.workers.unwrap_or(1)) {
        let message = format!("`load.workers` is {}", spec.workers.unwrap_or_default());
        return Err(at.refuse(&["load.workers"], message).hint(format!("1 to {MOST_WORKERS}")));
    }
    if spec.workers.is_some() && spec.shape != Shape::Constant {
        return Err(at
            .refuse(&["load.shape"], "a closed loop has no rate that could have a shape")
            .hint("give `load.rate` or `load.workers`, not both"));
    }
    if let ClientNodes::Known(known) = spec.client_nodes
        && !(1..=scenario.load_balancer.nodes).contains(&known)
    {
        let message =
            format!("clients know {known} nodes of a load balancer that has {}", scenario.load_balancer.nodes);
        return Err(at
            .refuse(&["load.client_nodes", "load_balancer.nodes"], message)
            .hint("`all`, or 1 to `load_balancer.nodes`"));
    }
    if spec.retries > MOST_RETRIES {
        let message = format!("`load.retries` is {}", spec.retries);
        return Err(at.refuse(&["load.retries"], message).hint(format!("0 to {MOST_RETRIES}")));
    }
    at.share("load.idempotent_share", spec.idempotent_share)?;
    at.share("load.stream_share", spec.stream_share)
}

/// Refuses what is too much.
pub(super) fn sizes(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let load = &scenario.load;
    let (seconds, runs) = (load.duration.as_secs_f64(), scenario.monte_carlo.runs);
    // Whatever the service time, a request can fail after a round trip.
    let requests = load.mean_rate(scenario.load_balancer.round_trip.as_secs_f64()) * seconds * crowd(scenario);
    if requests > MOST_REQUESTS {
        let message = format!("one replication would send {requests:.3e} requests; the limit is {MOST_REQUESTS:.0e}");
        return Err(at
            .too_large(&["load.workers", "load.shape", "load.rate", "load.duration"], message)
            .hint("a shorter `load.duration` shows the same rollout"));
    }
    if requests * f64::from(runs) > MOST_REQUESTS_IN_ALL {
        let total = requests * f64::from(runs);
        let message = format!("{runs} runs would send {total:.3e} requests; the limit is {MOST_REQUESTS_IN_ALL:.0e}");
        return Err(at
            .too_large(&["monte_carlo.runs", "load.workers", "load.rate", "load.duration"], message)
            .hint("fewer runs, or less load"));
    }
    if seconds * f64::from(runs) > MOST_SECONDS_IN_ALL {
        let total = seconds * f64::from(runs);
        let message =
            format!("{runs} runs would last {total:.3e} simulated seconds; the limit is {MOST_SECONDS_IN_ALL:.0e}");
        return Err(at
            .too_large(&["load.duration", "monte_carlo.runs"], message)
            .hint("a shorter `load.duration`, or fewer runs"));
    }
    let pods = pods(scenario);
    if pods > MOST_PODS {
        let message = format!("the rollout would make {pods} pods; the limit is {MOST_PODS}");
        return Err(at.too_large(&["deployment.replicas", "deployment.max_surge"], message));
    }
    if pods * u64::from(runs) > MOST_PODS_IN_ALL {
        let message = format!("{runs} runs of {pods} pods; the limit is {MOST_PODS_IN_ALL} pods in all");
        return Err(at
            .too_large(&["monte_carlo.runs", "deployment.replicas"], message)
            .hint("fewer runs, or fewer replicas"));
    }
    Ok(())
}

/// At most so many times as many requests are sent as without load steps.
fn crowd(scenario: &Scenario) -> f64 {
    let factor = |disturbance: &Disturbance| match disturbance {
        Disturbance::LoadStep(step) => step.factor.max(1.0),
        _ => 1.0,
    };
    scenario.disturbances.iter().map(factor).product()
}

/// At most so many pods are made: each template change replaces all of them, and surge comes on top.
fn pods(scenario: &Scenario) -> u64 {
    let mut replicas = scenario.deployment.replicas;
    let mut pods = u64::from(replicas);
    for step in &scenario.steps {
        pods = pods.saturating_add(match step.change {
            Change::NewRevision(_) | Change::Rollback => {
                u64::from(replicas) + surge(scenario.deployment.max_surge, replicas)
            }
            Change::Replicas(desired) => {
                replicas = replicas.max(desired);
                u64::from(desired)
            }
            Change::DeletePods(deleted) => u64::from(deleted),
            Change::Create | Change::Paused(_) => 0,
        });
    }
    scenario.disturbances.iter().fold(pods, |pods, disturbance| pods.saturating_add(replaced(disturbance, replicas)))
}

/// At most so many pods are replaced for a disturbance.
fn replaced(disturbance: &Disturbance, replicas: u32) -> u64 {
    match disturbance {
        Disturbance::NodeDrain(_)
        | Disturbance::SpotInterruption(_)
        | Disturbance::GracefulNodeShutdown(_)
        | Disturbance::NodeLoss(_)
        | Disturbance::ZoneOutage(_) => replicas.into(),
        Disturbance::PodKill(kill) => kill.pods.min(replicas).into(),
        Disturbance::LbcOutage(_)
        | Disturbance::ApiThrottle(_)
        | Disturbance::SlowLink(_)
        | Disturbance::LoadStep(_)
        | Disturbance::BadVersion(_) => 0,
    }
}

/// The surge in 64 bits: a percentage may be absurd.
fn surge(count: Count, replicas: u32) -> u64 {
    match count {
        Count::Pods(pods) => pods.into(),
        Count::Percent(percent) => (u64::from(percent) * u64::from(replicas)).div_ceil(100),
    }
}
