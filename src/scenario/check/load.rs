//! Loads that make no sense, and those that no machine can compute.

use super::Places;
use crate::disturbance::Disturbance;
use crate::error::Error;
use crate::scenario::Scenario;
use crate::scenario::load::{ClientNodes, Shape};
use crate::scenario::rollout::Change;
use crate::setting::Count;
use crate::time::Span;

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
    at.above_zero("load.client_timeout", spec.client_timeout)?;
    let Some(duration) = spec.duration else {
        return match spec.shape {
            Shape::Ramp { .. } => Err(at
                .refuse(
                    &["load.shape"],
                    "a ramp takes the whole load, and nobody said how long that lasts",
                )
                .hint("give `load.duration`")),
            Shape::Constant | Shape::Sine { .. } => Ok(()),
        };
    };
    at.above_zero("load.duration", duration)?;
    if !spec.covers(Span::ZERO) {
        let message = format!("the rollout starts {}", spec.too_late());
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
    Err(at
        .refuse(&[key], format!("`{key}` is {rate}"))
        .hint("requests a second: a number from 0"))
}

fn clients(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let spec = &scenario.load;
    if !(1..=MOST_WORKERS).contains(&spec.workers.unwrap_or(1)) {
        let message = format!("`load.workers` is {}", spec.workers.unwrap_or_default());
        return Err(at
            .refuse(&["load.workers"], message)
            .hint(format!("1 to {MOST_WORKERS}")));
    }
    if spec.workers.is_some() && spec.shape != Shape::Constant {
        return Err(at
            .refuse(
                &["load.shape"],
                "a closed loop has no rate that could have a shape",
            )
            .hint("give `load.rate` or `load.workers`, not both"));
    }
    if let ClientNodes::Known(known) = spec.client_nodes
        && !(1..=scenario.load_balancer.nodes).contains(&known)
    {
        let message = format!(
            "clients know {known} nodes of a load balancer that has {}",
            scenario.load_balancer.nodes
        );
        return Err(at
            .refuse(&["load.client_nodes", "load_balancer.nodes"], message)
            .hint("`all`, or 1 to `load_balancer.nodes`"));
    }
    if spec.retries > MOST_RETRIES {
        let message = format!("`load.retries` is {}", spec.retries);
        return Err(at
            .refuse(&["load.retries"], message)
            .hint(format!("0 to {MOST_RETRIES}")));
    }
    at.share("load.idempotent_share", spec.idempotent_share)?;
    at.share("load.stream_share", spec.stream_share)
}

/// What is too much of a load: the keys that make it so, what that comes to, and what helps.
struct Excess {
    keys: &'static [&'static str],
    message: String,
    hint: &'static str,
}

impl Excess {
    /// Of a load that lasts so long in each replication.
    fn of(scenario: &Scenario, lasts: Span) -> Option<Excess> {
        let (seconds, runs) = (lasts.as_secs_f64(), f64::from(scenario.monte_carlo.runs));
        // Whatever the service time, a request can fail after a round trip.
        let answer = scenario.load_balancer.round_trip.as_secs_f64();
        let requests = scenario.load.mean_rate(answer) * seconds * crowd(scenario);
        let excess = |keys, message, hint| {
            Some(Excess {
                keys,
                message,
                hint,
            })
        };
        if requests > MOST_REQUESTS {
            return excess(
                &["load.workers", "load.shape", "load.rate", "load.duration"],
                format!(
                    "one replication would send {requests:.3e} requests; the limit is {MOST_REQUESTS:.0e}"
                ),
                "a shorter `load.duration` shows the same rollout",
            );
        }
        if requests * runs > MOST_REQUESTS_IN_ALL {
            let total = requests * runs;
            return excess(
                &[
                    "monte_carlo.runs",
                    "load.workers",
                    "load.rate",
                    "load.duration",
                ],
                format!(
                    "{runs} runs would send {total:.3e} requests; the limit is {MOST_REQUESTS_IN_ALL:.0e}"
                ),
                "fewer runs, or less load",
            );
        }
        if seconds * runs > MOST_SECONDS_IN_ALL {
            let total = seconds * runs;
            return excess(
                &["load.duration", "monte_carlo.runs"],
                format!(
                    "{runs} runs would last {total:.3e} simulated seconds; the limit is {MOST_SECONDS_IN_ALL:.0e}"
                ),
                "a shorter `load.duration`, or fewer runs",
            );
        }
        None
    }
}

impl Scenario {
    /// Refuses a load without a duration whose rollout has turned out to last so long, if that is too much.
    ///
    /// # Errors
    /// It would break a limit, which the error names.
    pub fn refuse_excess(&self, lasts: Span) -> Result<(), Error> {
        Excess::of(self, lasts).map_or(Ok(()), |excess| {
            let message = format!(
                "the load lasts as long as the rollout, {lasts} and more: {}",
                excess.message
            );
            Err(Error::too_large(message)
                .hint("give a `load.duration`, a lower rate, or fewer runs"))
        })
    }
}

/// Refuses what is too much.
pub(super) fn sizes(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let (load, runs) = (&scenario.load, scenario.monte_carlo.runs);
    // How long a load without a duration lasts shows when it is simulated: not less than this.
    let lasts = load.duration.unwrap_or(load.rollout_at + load.patience());
    if let Some(excess) = Excess::of(scenario, lasts) {
        let hint = if load.duration.is_some() {
            excess.hint
        } else {
            "less load, or fewer runs"
        };
        return Err(at.too_large(excess.keys, excess.message).hint(hint));
    }
    let pods = pods(scenario);
    if pods > MOST_PODS {
        let message = format!("the rollout would make {pods} pods; the limit is {MOST_PODS}");
        return Err(at.too_large(&["deployment.replicas", "deployment.max_surge"], message));
    }
    if pods * u64::from(runs) > MOST_PODS_IN_ALL {
        let message =
            format!("{runs} runs of {pods} pods; the limit is {MOST_PODS_IN_ALL} pods in all");
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
    scenario
        .disturbances
        .iter()
        .fold(pods, |pods, disturbance| {
            pods.saturating_add(replaced(disturbance, replicas))
        })
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
