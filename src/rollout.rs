//! Stage 1: the control plane of one rollout, simulated event by event.

mod ending;

use crate::cluster::service::ExternalTrafficPolicy;
use crate::disturbance::{self, Scene, Unfolded};
use crate::error::Error;
use crate::id::{PodId, RevisionId};
use crate::observe::checker::Checker;
use crate::observe::over::nobody_is_leaving;
use crate::observe::timeline::Timeline;
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::scenario::load::LoadSpec;
use crate::scenario::rollout::Change;
use crate::time::Time;
use crate::wiring::Fact;
use crate::world::World;
use ending::{Ending, PATIENCE, Vigil};

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
        Rollout {
            scenario,
            world,
            timeline: Timeline::default(),
            checker,
        }
    }

    /// One replication.
    ///
    /// # Errors
    /// An invariant of the model broke, which is a bug; or a load without a duration would break a limit.
    pub fn simulate(&mut self, streams: &Streams) -> Result<&Timeline, Error> {
        self.simulate_observed(streams, |_, _| {})
    }

    /// One replication whose load, if it has no duration of its own, lasts until `at_least`: as long as that of
    /// another configuration that it is compared with.
    ///
    /// # Errors
    /// As [`Rollout::simulate`].
    pub fn simulate_until(
        &mut self,
        streams: &Streams,
        at_least: Time,
    ) -> Result<&Timeline, Error> {
        self.run(streams, at_least, |_, _| {})
    }

    /// One replication, of which `observe` hears every fact.
    ///
    /// # Errors
    /// As [`Rollout::simulate`].
    pub fn simulate_observed(
        &mut self,
        streams: &Streams,
        observe: impl FnMut(Time, &Fact),
    ) -> Result<&Timeline, Error> {
        self.run(streams, Time::ZERO, observe)
    }

    fn run(
        &mut self,
        streams: &Streams,
        at_least: Time,
        mut observe: impl FnMut(Time, &Fact),
    ) -> Result<&Timeline, Error> {
        let Rollout {
            scenario,
            world,
            timeline,
            checker,
        } = self;
        let load = &scenario.load;
        let rollout_at = Time::ZERO + load.rollout_at;
        timeline.restart(
            scenario.load_balancer.nodes,
            scenario.other_target_groups.len(),
            rollout_at,
        );
        checker.restart();
        world.reset(streams, |pod, node| timeline.seed(pod, node));
        if scenario.is_by_host() {
            let local = scenario.service.external_traffic_policy == ExternalTrafficPolicy::Local;
            timeline.seed_host_targets(scenario.cluster.nodes, local);
        } else {
            timeline.seed_pod_targets();
        }
        let last_step = schedule_steps(scenario, rollout_at, world);
        let scene = Scene {
            rollout_at,
            cluster: &scenario.cluster,
            streams,
        };
        let unfolded = disturbance::unfold(&scenario.disturbances, scene);
        let ending = Ending::new(scenario, last_step, &unfolded, scene);
        disturb(unfolded, world);
        let mut watch = Watch::new(load, last_step, &ending, at_least);
        while let Some(next) = world.next_time() {
            if watch.is_done(timeline, next) {
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
        watch.close(timeline, &ending);
        checker
            .finish(timeline)
            .map_err(|violation| Error::invariant(format!("an invariant broke {violation}")))?;
        if load.duration.is_none() {
            scenario.refuse_excess(timeline.load_until - Time::ZERO)?;
        }
        Ok(timeline)
    }
}

/// What is waited for before a replication ends.
enum Watch<'a> {
    /// A load with a duration: whoever waits for an answer until then, and the rollout for [`PATIENCE`] more.
    Given { load_until: Time, load_over: Time },
    /// A load without: the rollout.
    Open(Vigil<'a>),
}

impl<'a> Watch<'a> {
    fn new(load: &LoadSpec, last_step: Time, ending: &'a Ending<'a>, at_least: Time) -> Watch<'a> {
        match load.duration {
            // Requests sent at the very end may wait as long as their client does, each time it tries.
            Some(duration) => {
                let load_until = Time::ZERO + duration;
                Watch::Given {
                    load_until,
                    load_over: (load_until + load.patience()).max(last_step),
                }
            }
            None => Watch::Open(Vigil::new(ending, at_least)),
        }
    }

    fn is_done(&mut self, timeline: &Timeline, next: Time) -> bool {
        match self {
            Watch::Given { load_over, .. } => {
                next > *load_over && (is_settled(timeline, next) || next > *load_over + PATIENCE)
            }
            Watch::Open(vigil) => vigil.is_done(timeline, next),
        }
    }

    /// Until when the load lasts and the timeline tells, and since when the rollout is over.
    fn close(&self, timeline: &mut Timeline, ending: &Ending<'_>) {
        timeline.over = match self {
            Watch::Given {
                load_until,
                load_over,
            } => {
                let left_alone = *load_over + PATIENCE;
                // Nothing happens any more where nobody is told anything new: also then it may have been in vain.
                let settled = is_settled(timeline, left_alone);
                timeline.end = if settled {
                    timeline.end.max(*load_over)
                } else {
                    left_alone
                };
                timeline.load_until = *load_until;
                ending.look(timeline, timeline.end)
            }
            Watch::Open(vigil) => {
                let (end, load_until) = vigil.close(timeline);
                timeline.end = timeline.end.max(load_until + vigil.tail());
                timeline.load_until = load_until;
                Some(end)
            }
        };
    }
}

/// Puts what the scenario does to the Deployment on the agenda; the time of the last step.
fn schedule_steps(scenario: &Scenario, rollout_at: Time, world: &mut World) -> Time {
    let mut deleted = 0;
    for (step, (at, object)) in scenario.steps.iter().zip(scenario.deployment_over_time()) {
        let at = rollout_at + at;
        if let Change::DeletePods(count) = step.change {
            let pods = deleted..(deleted + count).min(scenario.pods_at_first());
            pods.for_each(|row| {
                world.delete_pod(at, PodId::new(row as u16, RevisionId::OLD, row as u16 + 1));
            });
            deleted += count;
        } else {
            world.update_deployment(at, object);
        }
    }
    scenario
        .steps
        .last()
        .map_or(rollout_at, |step| rollout_at + step.at)
}

/// Puts disturbances on the agenda, and their rules on the links.
fn disturb(unfolded: Unfolded, world: &mut World) {
    unfolded
        .events
        .into_iter()
        .for_each(|(at, event)| world.schedule(at, event));
    unfolded
        .rules
        .into_iter()
        .for_each(|rule| world.rules().add(rule));
}

/// Whether the Deployment has ended what it was doing, well or badly, and no pod is on its way out.
fn is_settled(timeline: &Timeline, now: Time) -> bool {
    let progressing = timeline
        .conditions
        .iter()
        .rev()
        .find(|change| change.condition == "Progressing");
    let rests = progressing.is_none_or(|change| {
        matches!(
            change.reason,
            "NewReplicaSetAvailable" | "ProgressDeadlineExceeded" | "DeploymentPaused"
        )
    });
    rests && nobody_is_leaving(timeline, now)
}
