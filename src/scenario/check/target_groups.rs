//! The target groups: what AWS would refuse of each, and what they cannot be together.

use super::{Layers, Places};
use crate::aws::health_check::{HealthCheckPort, HealthCheckSpec};
use crate::aws::target_group::{Algorithm, OtherTargetGroupSpec};
use crate::error::Error;
use crate::id::TargetGroupId;
use crate::scenario::Scenario;
use crate::scenario::target_groups::Written;
use crate::time::Span;

/// The controller works on three TargetGroupBindings at once
/// (`--targetgroupbinding-max-concurrent-reconciles`, pkg/config/controller_config.go).
const MOST: usize = 3;
/// The name of an object of Kubernetes that becomes part of a condition's type.
const LONGEST_NAME: usize = 63;

pub(super) fn check(scenario: &Scenario, layers: &Layers<'_>, at: Places) -> Result<(), Error> {
    slow_start(scenario, at)?;
    stickiness(scenario, at)?;
    health(scenario, at)?;
    let spec = &scenario.target_group;
    deregistration_delay("target_group", spec.deregistration_delay, at)?;
    health_check("target_group", &spec.health_check, at)?;
    let written = &layers.other_target_groups;
    for (row, (other, written)) in scenario.other_target_groups.iter().zip(written).enumerate() {
        further(
            scenario,
            row,
            other,
            written,
            Places {
                layer: &written.layer,
                ..at
            },
        )?;
    }
    if scenario.is_by_host() && !written.is_empty() {
        let hint = "leave [[other_target_group]] out: without readiness gates nothing waits for it";
        return Err(at.not_modelled(
            "target_group.target_type",
            "\"instance\" and a further target group",
            hint,
        ));
    }
    Ok(())
}

/// A further target group, the `row`-th from 0.
fn further(
    scenario: &Scenario,
    row: usize,
    spec: &OtherTargetGroupSpec,
    written: &Written<'_>,
    at: Places,
) -> Result<(), Error> {
    if row + 1 >= MOST {
        return Err(written
            .error(format!(
                "more than {MOST} target groups of one pod: not modelled yet"
            ))
            .hint("the controller works on three at once; the others would wait for their turn"));
    }
    name(scenario, row, written, at)?;
    let key = "other_target_group.nodes";
    if !(1..=100).contains(&spec.nodes) {
        return Err(at
            .refuse(&[key], format!("`{key}` is {}", spec.nodes))
            .hint("a load balancer has 1 to 100 nodes"));
    }
    let nodes = scenario
        .other_target_groups
        .iter()
        .map(|other| u32::from(other.nodes))
        .sum::<u32>();
    let nodes = nodes + u32::from(scenario.load_balancer.nodes);
    if nodes > u8::MAX.into() {
        return Err(at
            .refuse(
                &[key],
                format!("the load balancers have {nodes} nodes together"),
            )
            .hint(format!("at most {}", u8::MAX)));
    }
    deregistration_delay("other_target_group", spec.deregistration_delay, at)?;
    if spec.health_check.port == HealthCheckPort::HealthCheckNodePort {
        return Err(at
            .refuse(
                &["other_target_group.health_check.port"],
                "a pod has no healthCheckNodePort",
            )
            .hint("leave it out: it is for hosts as targets"));
    }
    health_check("other_target_group", &spec.health_check, at)
}

fn name(scenario: &Scenario, row: usize, written: &Written<'_>, at: Places) -> Result<(), Error> {
    let groups = &scenario.other_target_groups;
    let key = "other_target_group.name";
    let own = scenario.name_of(TargetGroupId(row as u8 + 1));
    let fine =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    match &groups[row].name {
        Some(name) if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(fine) => {
            Err(at
                .refuse(
                    &[key],
                    format!("`{name}` is no name of a TargetGroupBinding"),
                )
                .hint("lower-case letters, digits and `-`, 63 at most"))
        }
        _ if scenario
            .target_groups()
            .skip(1)
            .take(row)
            .any(|other| scenario.name_of(other) == own) =>
        {
            Err(written
                .error(format!("two target groups are called `{own}`"))
                .hint("name them apart"))
        }
        _ => Ok(()),
    }
}

fn deregistration_delay(table: &str, delay: Span, at: Places) -> Result<(), Error> {
    let key = format!("{table}.deregistration_delay");
    at.whole_seconds(&key, delay, "AWS")?;
    at.within(&key, delay, 0, 3600, "AWS")
}

fn slow_start(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let (spec, key) = (&scenario.target_group, "target_group.slow_start");
    if spec.anomaly_mitigation && spec.algorithm != Algorithm::WeightedRandom {
        return Err(at
            .refuse(
                &["target_group.anomaly_mitigation"],
                "anomaly mitigation needs `weighted_random`",
            )
            .hint("AWS refuses this: set target_group.algorithm = \"weighted_random\""));
    }
    if spec.slow_start == Span::ZERO {
        return Ok(());
    }
    at.whole_seconds(key, spec.slow_start, "AWS")?;
    at.within(key, spec.slow_start, 30, 900, "AWS (0s is off)")?;
    if spec.algorithm != Algorithm::RoundRobin {
        return Err(at
            .refuse(&[key], "slow start needs `round_robin`")
            .hint("AWS refuses this: there is no slow start with least_outstanding_requests or weighted_random"));
    }
    Ok(())
}

fn health(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let spec = &scenario.target_group.health;
    if spec.minimum_healthy_count == 0 {
        let key = "target_group.health.minimum_healthy_count";
        return Err(at
            .refuse(&[key], format!("`{key}` is 0"))
            .hint("AWS takes 1 to the number of targets"));
    }
    if spec.minimum_healthy_percentage > 100 {
        let key = "target_group.health.minimum_healthy_percentage";
        let message = format!("`{key}` is {}", spec.minimum_healthy_percentage);
        return Err(at
            .refuse(&[key], message)
            .hint("AWS takes 1 to 100; 0 is off"));
    }
    Ok(())
}

fn stickiness(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let (spec, key) = (&scenario.target_group, "target_group.stickiness");
    if spec.stickiness == Span::ZERO {
        return Ok(());
    }
    at.within(key, spec.stickiness, 1, 604_800, "AWS (0s is off)")?;
    if scenario.load.workers.is_none() {
        return Err(at
            .refuse(
                &[key],
                "an open loop has no sessions that could stick to a target",
            )
            .hint("give `load.workers`: each is a client with a cookie"));
    }
    Ok(())
}

fn health_check(table: &str, spec: &HealthCheckSpec, at: Places) -> Result<(), Error> {
    let key = |name: &str| format!("{table}.health_check.{name}");
    let [interval, timeout] = [key("interval"), key("timeout")];
    at.whole_seconds(&interval, spec.interval, "AWS")?;
    at.whole_seconds(&timeout, spec.timeout, "AWS")?;
    at.within(&interval, spec.interval, 5, 300, "AWS")?;
    at.within(&timeout, spec.timeout, 2, 120, "AWS")?;
    if spec.timeout >= spec.interval {
        let message = format!(
            "a check's timeout ({}) reaches its interval ({})",
            spec.timeout, spec.interval
        );
        return Err(at
            .refuse(&[&timeout, &interval], message)
            .hint("AWS refuses this: the timeout must be below the interval"));
    }
    let thresholds = [
        ("healthy_threshold", spec.healthy_threshold),
        ("unhealthy_threshold", spec.unhealthy_threshold),
    ];
    for (name, threshold) in thresholds {
        let key = key(name);
        if !(2..=10).contains(&threshold) {
            return Err(at
                .refuse(&[&key], format!("`{key}` is {threshold}"))
                .hint("AWS takes 2 to 10"));
        }
    }
    Ok(())
}
