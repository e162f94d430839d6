//! Stage 1: the control plane of one rollout, simulated event by event.

use crate::cluster::service::ExternalTrafficPolicy;
use crate::disturbance::{self, Scene};
use crate::error::Error;
use crate::id::{PodId, RevisionId};
use crate::observe::checker::Checker;
use crate::observe::timeline::{PodRecord, Timeline};
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::scenario::rollout::Change;
use crate::time::{Span, Time};
use crate::wiring::Fact;
use crate::world::World;

/// A rollout that has not settled this long after the load is left to itself.
const PATIENCE: Span = Span::from_secs(3600);

/// A pod whose network has been gone for so long went down with its host: nobody will remove it.
const LOST: Span = Span::from_secs(60);

/// Simulates rollouts of one scenario; keeps its buffers between replications.
pub struct Rollout<'a> {
    scenario: &'a Scenario,
    world: World<'a>,
    timeline: Timeline,
    checker: Checker,
}

impl<'a> Rollout<'a> {
    /// A simulator for this scenario.
    pub fn new(scenario: &'a Scenario) -> Rollout<'a> {
        let (world, checker) = (World::new(scenario), Checker::new(scenario));
        Rollout { scenario, world, timeline: Timeline::default(), checker }
    }

    /// One replication.
    ///
    /// # Errors
    /// An invariant of the model broke, which is a bug.
    pub fn simulate(&mut self, streams: &Streams) -> Result<&Timeline, Error> {
        self.simulate_observed(streams, |_, _| {})
    }

    /// One replication, of which `observe` hears every fact.
    ///
    /// # Errors
    /// As [`Rollout::simulate`].
    pub fn simulate_observed(
        &mut self,
        streams: &Streams,
        mut observe: impl FnMut(Time, &Fact),
    ) -> Result<&Timeline, Error> {
        let Rollout { scenario, world, timeline, checker } = self;
        let load = &scenario.load;
        let rollout_at = Time::ZERO + load.rollout_at;
        timeline.restart(scenario.load_balancer.nodes, scenario.other_target_groups.len(), rollout_at);
        checker.restart();
        world.reset(streams, |pod, node| timeline.seed(pod, node));
        if scenario.is_by_host() {
            let local = scenario.service.external_traffic_policy == ExternalTrafficPolicy::Local;
            timeline.seed_host_targets(scenario.cluster.nodes, local);
        } else {
            timeline.seed_pod_targets();
        }
        let last_step = schedule_steps(scenario, rollout_at, world);
        disturb(scenario, rollout_at, streams, world);
        // Requests sent at the very end may wait as long as their client does, each time it tries.
        let patience = load.client_timeout * (u64::from(load.retries) + 1);
        let load_over = (Time::ZERO + load.duration + patience).max(last_step);
        let left_alone = load_over + PATIENCE;
        while let Some(next) = world.next_time() {
            if next > load_over && (is_settled(timeline, next) || next > left_alone) {
                break;
            }
            world.step(streams, |now, fact| {
                timeline.note(now, fact);
                checker.note(now, fact);
                observe(now, fact);
            });
            timeline.tick(next);
            timeline.end = next;
            if checker.is_broken() {
                break;
            }
        }
        // Nothing happens any more where nobody is told anything new: also then it may have been in vain.
        timeline.end = if is_settled(timeline, left_alone) { timeline.end.max(load_over) } else { left_alone };
        checker.finish(timeline).map_err(|violation| Error::invariant(format!("an invariant broke {violation}")))?;
        Ok(timeline)
    }
}

/// Puts what the scenario does to the Deployment on the agenda; the time of the last step.
fn schedule_steps(scenario: &Scenario, rollout_at: Time, world: &mut World) -> Time {
    let mut deleted = 0;
    for (step, (at, object)) in scenario.steps.iter().zip(scenario.deployment_over_time()) {
        let at = rollout_at + at;
        if let Change::DeletePods(count) = step.change {
            let pods = deleted..(deleted + count).min(scenario.pods_at_first());
            pods.for_each(|row| world.delete_pod(at, PodId::new(row as u16, RevisionId::OLD, row as u16 + 1)));
            deleted += count;
        } else {
            world.update_deployment(at, object);
        }
    }
    scenario.steps.last().map_or(rollout_at, |step| rollout_at + step.at)
}

/// Puts the scenario's disturbances on the agenda, and their rules on the links.
fn disturb(scenario: &Scenario, rollout_at: Time, streams: &Streams, world: &mut World) {
    let scene = Scene { rollout_at, cluster: &scenario.cluster, streams };
    let unfolded = disturbance::unfold(&scenario.disturbances, scene);
    unfolded.events.into_iter().for_each(|(at, event)| world.schedule(at, event));
    unfolded.rules.into_iter().for_each(|rule| world.rules().add(rule));
}

/// Whether the Deployment has ended what it was doing, well or badly, and no pod is on its way out.
fn is_settled(timeline: &Timeline, now: Time) -> bool {
    let progressing = timeline.conditions.iter().rev().find(|change| change.condition == "Progressing");
    let rests = progressing.is_none_or(|change| {
        matches!(change.reason, "NewReplicaSetAvailable" | "ProgressDeadlineExceeded" | "DeploymentPaused")
    });
    let lost = |pod: &PodRecord| pod.network_gone.is_some_and(|gone| now > gone + LOST);
    rests && timeline.pods.iter().all(|pod| pod.terminating.is_none() || pod.gone.is_some() || lost(pod))
}
