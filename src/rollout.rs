//! Stage 1: the control plane of one rollout, simulated event by event.

use std::fmt;

use crate::error::Error;
use crate::id::{PodId, RevisionId};
use crate::observe::checker::Checker;
use crate::observe::timeline::Timeline;
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::scenario::rollout::Change;
use crate::time::{Span, Time};
use crate::wiring::Fact;
use crate::world::World;

/// A rollout that has not settled this long after the load is left to itself.
const PATIENCE: Span = Span::from_secs(3600);

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
    /// An invariant of the model broke, which is a bug: the message has the line that replays it.
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
        timeline.restart(scenario.load_balancer.nodes, rollout_at);
        checker.restart();
        world.reset(streams, |pod, node| timeline.seed(pod, node));
        let last_step = schedule_steps(scenario, rollout_at, world);
        // Requests sent at the very end may wait as long as their client does.
        let load_over = (Time::ZERO + load.duration + load.client_timeout).max(last_step);
        while let Some(next) = world.next_time() {
            if next > load_over && (is_settled(timeline) || next > load_over + PATIENCE) {
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
        timeline.end = timeline.end.max(load_over);
        checker.finish(timeline).map_err(|violation| broken(violation, scenario, streams))?;
        Ok(timeline)
    }
}

/// The error that a broken invariant deserves: what broke, and the line that shows it again.
#[cold]
pub fn broken(what: impl fmt::Display, scenario: &Scenario, streams: &Streams) -> Error {
    Error::invariant(format!("an invariant of the model broke {what}")).hint(format!(
        "this is a bug in rollcast; the line that replays it: rollcast trace {} {streams}",
        scenario.name
    ))
}

/// Puts what the scenario does to the Deployment on the agenda; the time of the last step.
fn schedule_steps(scenario: &Scenario, rollout_at: Time, world: &mut World) -> Time {
    let mut deleted = 0;
    for (step, (at, object)) in scenario.steps.iter().zip(scenario.deployment_over_time()) {
        let at = rollout_at + at;
        if let Change::DeletePods(count) = step.change {
            let pods = deleted..(deleted + count).min(scenario.deployment.replicas);
            pods.for_each(|row| world.delete_pod(at, PodId::new(row as u16, RevisionId::OLD, row as u16 + 1)));
            deleted += count;
        } else {
            world.update_deployment(at, object);
        }
    }
    scenario.steps.last().map_or(rollout_at, |step| rollout_at + step.at)
}

/// Whether the Deployment has ended what it was doing, well or badly, and no pod is on its way out.
fn is_settled(timeline: &Timeline) -> bool {
    let progressing = timeline.conditions.iter().rev().find(|change| change.condition == "Progressing");
    let rests = progressing.is_none_or(|change| {
        matches!(change.reason, "NewReplicaSetAvailable" | "ProgressDeadlineExceeded" | "DeploymentPaused")
    });
    rests && timeline.pods.iter().all(|pod| pod.terminating.is_none() || pod.gone.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api_server;

    #[test]
    fn a_broken_invariant_prints_the_line_that_replays_it() {
        let scenario = Scenario::default();
        let mut checker = Checker::new(&scenario);
        checker.restart();
        let fact = Fact::Api(api_server::Fact::DeploymentStatus);
        checker.note(Time::from_micros(2_000_000), &fact);
        checker.note(Time::from_micros(1_000_000), &fact);
        let violation = checker.finish(&Timeline::default()).unwrap_err();
        let error = broken(violation, &scenario, &Streams::new(7, 3));
        assert_eq!(error.exit_code(), 70);
        assert_eq!(
            error.to_string(),
            "an invariant of the model broke at 1.000s: time runs backwards\n\
             hint: this is a bug in rollcast; the line that replays it: rollcast trace unnamed --seed 7 --replication 3"
        );
        assert!(Streams::new(7, 3).twin().to_string().ends_with("--replication 3 --twin"));
    }
}
