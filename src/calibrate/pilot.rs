//! What the model itself says about the way from a fact that logs show to the call of the AWS API.

use crate::aws::health_check::FIRST_CHECK_WITHIN;
use crate::aws::target_group::TargetType;
use crate::error::Error;
use crate::observe::timeline::{PodRecord, TargetRecord};
use crate::random::Streams;
use crate::rollout::Rollout;
use crate::scenario::Scenario;
use crate::stats::Moments;
use crate::time::Time;

/// Rollouts simulated for it: their mean is known to a tenth of their spread.
const ROLLOUTS: u64 = 100;

/// Mean waits, in seconds, over simulated rollouts of a scenario.
#[derive(Debug, Clone, Default)]
pub struct Pilot {
    /// From leaving the EndpointSlice until `DeregisterTargets` returned.
    pub(super) left_to_call: Moments,
    /// From the start of the pod's end (the kubelet's `Killing`) until then; negative if it is later.
    pub(super) stopped_to_call: Moments,
    /// From the close of the listener until then.
    pub(super) closed_to_call: Moments,
    /// From ready in the EndpointSlice until `RegisterTargets` returned.
    pub(super) came_to_call: Moments,
    /// From the rollout's start until the first pod left the EndpointSlice.
    pub(super) start_to_left: Moments,
    /// How long after the news of a registration the first health check comes at the most, in seconds.
    pub(super) check_within: f64,
    /// Whether pods are registered before they are in the EndpointSlice as ready.
    pub(super) is_gated: bool,
}

impl Pilot {
    /// Simulates the control plane of a scenario.
    ///
    /// # Errors
    /// Its targets are hosts, whose logs do not tell one pod from another; or an invariant of the model broke,
    /// which is a bug.
    pub fn of(scenario: &Scenario) -> Result<Pilot, Error> {
        if scenario.target_group.target_type == TargetType::Instance {
            let error = Error::input(
                "targets of type `instance` are hosts: their logs do not tell one pod from another",
            );
            return Err(
                error.hint("only lags of target_group.target_type = \"ip\" can be estimated")
            );
        }
        let mut pilot = Pilot {
            check_within: FIRST_CHECK_WITHIN.as_secs_f64(),
            is_gated: scenario
                .revisions
                .iter()
                .any(|revision| revision.pod.readiness_gate),
            ..Pilot::default()
        };
        let seed = scenario.monte_carlo.seed;
        let mut rollout = Rollout::new(scenario);
        for replication in 0..ROLLOUTS {
            let timeline = rollout
                .simulate(&Streams::new(seed, replication))
                .map_err(|error| error.in_replication(seed, replication))?;
            for target in &timeline.targets {
                if let Some(pod) = target.pod.and_then(|pod| timeline.pods.get(pod.index())) {
                    pilot.note(target, pod);
                }
            }
            if let Some(left) = timeline
                .pods
                .iter()
                .filter_map(|pod| pod.out_of_slice_ready)
                .min()
            {
                pilot
                    .start_to_left
                    .push(left.secs_since(timeline.rollout_at));
            }
        }
        Ok(pilot)
    }

    fn note(&mut self, target: &TargetRecord, pod: &PodRecord) {
        let push = |moments: &mut Moments, from: Option<Time>, to: Option<Time>| {
            if let (Some(from), Some(to)) = (from, to) {
                moments.push(to.secs_since(from));
            }
        };
        let called = target.deregister_called;
        push(&mut self.left_to_call, pod.out_of_slice_ready, called);
        push(&mut self.stopped_to_call, pod.terminating, called);
        push(&mut self.closed_to_call, pod.listener_closed, called);
        push(
            &mut self.came_to_call,
            pod.in_slice_ready,
            target.registered,
        );
    }
}
