//! Stage 1: the control plane of one rollout, simulated event by event.

use crate::error::Error;
use crate::observe::timeline::Timeline;
use crate::random::Streams;
use crate::scenario::Scenario;

/// Simulates rollouts of one scenario; keeps its buffers between replications.
#[derive(Debug)]
pub struct Rollout<'a> {
    scenario: &'a Scenario,
    timeline: Timeline,
}

impl<'a> Rollout<'a> {
    /// A simulator for this scenario.
    pub fn new(scenario: &'a Scenario) -> Rollout<'a> {
        Rollout { scenario, timeline: Timeline::default() }
    }

    /// One replication.
    ///
    /// # Errors
    /// An invariant of the model broke, which is a bug: the message has the line that replays it.
    pub fn simulate(&mut self, _streams: &Streams) -> Result<&Timeline, Error> {
        self.timeline.clear();
        self.timeline.rollout_at = crate::time::Time::ZERO + self.scenario.load.rollout_at;
        Ok(&self.timeline)
    }
}
