//! When a rollout has come to its end, and until when a load without a duration lasts.

use crate::cluster::api_server;
use crate::disturbance::{Scene, Unfolded, load_step};
use crate::event::Event;
use crate::observe::measure::Goal;
use crate::observe::over::over;
use crate::observe::timeline::Timeline;
use crate::scenario::Scenario;
use crate::time::{Span, Time};

/// A rollout without progress for so long, and as long as a new pod has to be Ready, is left to itself.
pub(super) const PATIENCE: Span = Span::from_secs(3600);

/// So long nothing must be left to do before the end is believed: hosts are drained pod by pod.
const QUIET: Span = Span::from_secs(60);

/// How often an end is looked for where there was none yet.
const LOOK: Span = Span::from_secs(1);

/// Looks for a rollout's end.
pub(super) struct Ending<'a> {
    scenario: &'a Scenario,
    goal: Goal,
    /// The last time that the scenario itself does something, or that something befalls the cluster.
    acted: Time,
}

impl<'a> Ending<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        last_step: Time,
        unfolded: &Unfolded,
        scene: Scene<'_>,
    ) -> Ending<'a> {
        let events = unfolded
            .events
            .iter()
            .filter(|(_, event)| !is_consequence(event))
            .map(|(at, _)| *at);
        let ever = |at: &Time| *at < Time::NEVER;
        let rules = unfolded
            .rules
            .iter()
            .flat_map(|rule| [rule.from, rule.to])
            .filter(ever);
        let crowds = load_step::stretches(&scenario.disturbances, 1.0, Time::NEVER, scene);
        let acted = events
            .chain(rules)
            .chain(crowds.iter().map(|stretch| stretch.from))
            .fold(last_step, Time::max);
        Ending {
            scenario,
            goal: Goal::of(scenario),
            acted,
        }
    }

    /// The end, as far as can be told at `now`; none so far: `None`. It is over since then: complete, or resting as
    /// it was meant to; or it failed at its progress deadline; or it was left to itself.
    pub(super) fn look(&self, timeline: &Timeline, now: Time) -> Option<Time> {
        let progressing = timeline
            .conditions
            .iter()
            .rev()
            .find(|change| change.condition == "Progressing");
        let settled = match progressing.map(|change| (change.reason, change.at)) {
            Some(("ProgressDeadlineExceeded", at)) => over(timeline, &self.goal, now).or(Some(at)),
            Some(("NewReplicaSetAvailable" | "DeploymentPaused", _)) | None => {
                over(timeline, &self.goal, now)
            }
            Some(_) => None,
        };
        let stuck = || Some(self.left_alone(timeline)).filter(|at| now > *at);
        settled.map(|at| at.max(self.acted)).or_else(stuck)
    }

    /// When a rollout is left to itself that has come no further than this.
    fn left_alone(&self, timeline: &Timeline) -> Time {
        let scaled = timeline
            .scales
            .last()
            .map_or(Time::ZERO, |change| change.at);
        self.acted.max(timeline.progressed).max(scaled)
            + self.scenario.deployment.min_ready
            + PATIENCE
    }
}

/// What the control plane does about a host that is gone matters only if pods were lost with it, and they tell.
const fn is_consequence(event: &Event) -> bool {
    use api_server::Input::{DeletePodsOn, NodeNotReady};
    matches!(
        event,
        Event::Api(NodeNotReady(..) | DeletePodsOn(_)) | Event::Scheduler(_)
    )
}

/// Watches out for the end of a rollout that a load without a duration is to meet.
pub(super) struct Vigil<'a> {
    ending: &'a Ending<'a>,
    /// How long requests go on beyond the rollout's end, and are waited for beyond their own.
    tail: Span,
    /// The load lasts no shorter.
    at_least: Time,
    /// Nothing is over before.
    not_before: Time,
    end: Option<Time>,
}

impl<'a> Vigil<'a> {
    pub(super) fn new(ending: &'a Ending<'a>, at_least: Time) -> Vigil<'a> {
        let tail = ending.scenario.load.patience();
        Vigil {
            ending,
            tail,
            at_least,
            not_before: ending.acted,
            end: None,
        }
    }

    /// Whether all that matters has happened before `next`.
    pub(super) fn is_done(&mut self, timeline: &Timeline, next: Time) -> bool {
        if next <= self.not_before {
            return false;
        }
        self.end = self.ending.look(timeline, next);
        let done = self
            .end
            .map(|end| (self.load_until(end) + self.tail).max(end + QUIET));
        self.not_before = done.unwrap_or(next + LOOK);
        done.is_some_and(|done| next > done)
    }

    /// The end, and until when the load lasts. Where nothing is left to happen, the end is what it looks like then.
    pub(super) fn close(&self, timeline: &Timeline) -> (Time, Time) {
        let last = || self.ending.look(timeline, Time::NEVER);
        let end = self.end.or_else(last).unwrap_or(timeline.end);
        (end, self.load_until(end))
    }

    /// How long a client waits.
    pub(super) const fn tail(&self) -> Span {
        self.tail
    }

    fn load_until(&self, end: Time) -> Time {
        (end + self.tail).max(self.at_least)
    }
}
