//! When requests may be counted: as long as none of them feels another.

use std::fmt;

use crate::aws::target_group::TargetGroupHealthSpec;
use crate::disturbance::Disturbance;
use crate::scenario::Scenario;
use crate::scenario::load::Shape;
use crate::time::Span;
use crate::traffic::connection::KeepAlive;
use crate::traffic::request::feedback;

/// Why the interval engine does not take a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// So many standard deviations above a full round of the targets: fewer requests than that while a
/// connection is kept come once in 1e15 times.
const CERTAIN: f64 = 8.0;
/// A connect time-out is hardly ever so late: once in a million times.
const LATEST: Span = Span::from_secs(1);

/// Whether the scenario's requests can be counted.
pub(super) fn examine(scenario: &Scenario) -> Result<(), Refusal> {
    let refuse = |words: String| Err(Refusal(words));
    if let Some(words) = feedback(scenario) {
        return refuse(words.to_owned());
    }
    if scenario.load.shape != Shape::Constant {
        return refuse("the load has a shape: its rate changes all the time".to_owned());
    }
    if scenario.load.stream_share > 0.0 {
        return refuse("some requests are streams, which last until they are cut".to_owned());
    }
    if scenario
        .revisions
        .iter()
        .any(|revision| revision.app.cold_start.is_some())
    {
        return refuse("a cold start makes the same request slower at first".to_owned());
    }
    if scenario.cluster.ip_reuse > 0.0 {
        return refuse("an IP may be reused: the pod behind a target changes".to_owned());
    }
    if scenario.target_group.health != TargetGroupHealthSpec::default() {
        return refuse(
            "a minimum of healthy targets opens the group while some are healthy".to_owned(),
        );
    }
    let balancer = &scenario.load_balancer;
    let patience = balancer.connect_timeout + LATEST;
    if balancer.host_unreachable_share.may_be_limited() && scenario.load.client_timeout < patience {
        return refuse("clients may give up before a removed pod's host has answered".to_owned());
    }
    if scenario.target_group.slow_start > Span::ZERO {
        return refuse("slow_start gives a new target a share that grows".to_owned());
    }
    if scenario
        .disturbances
        .iter()
        .any(|disturbance| matches!(disturbance, Disturbance::LoadStep(_)))
    {
        return refuse("a load_step changes the rate".to_owned());
    }
    let replicas = scenario
        .steps
        .iter()
        .zip(scenario.deployment_over_time())
        .map(|(_, (_, object))| object.replicas);
    let replicas = replicas
        .chain([scenario.deployment.replicas])
        .max()
        .unwrap_or(0);
    let targets = f64::from(replicas + scenario.deployment.surge(replicas));
    let of_node =
        scenario.load.rate / scenario.load.nodes_known(scenario.load_balancer.nodes) as f64;
    for revision in &scenario.revisions {
        let idle = KeepAlive::new(&revision.app, scenario.load_balancer.idle_timeout).idle();
        let requests = of_node * idle.as_secs_f64();
        if idle > Span::ZERO
            && scenario.load.rate > 0.0
            && requests - targets < CERTAIN * requests.sqrt()
        {
            return refuse(format!(
                "requests are so few that connections stay idle for {idle} and are closed"
            ));
        }
    }
    Ok(())
}
