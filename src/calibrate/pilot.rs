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
    /// From the container's start, as the API shows it, until ready in the EndpointSlice, beyond the application's own
    /// start-up: probes, mostly.
    pub(super) started_to_came: Moments,
    /// From one readiness probe to the next, in seconds; 0 without probes.
    pub(super) probe_period: f64,
    /// Mean of the application's start-up, as the scenario has it.
    pub(super) start_up: f64,
    /// From the rollout's start until the first pod left the EndpointSlice.
    pub(super) start_to_left: Moments,
    /// How long after the news of a registration the first health check comes at the most, in seconds.
    pub(super) check_within: f64,
    /// Targets that a rollout deregisters, the fewest and the most.
    pub(super) deregistrations: Option<(u64, u64)>,
    /// From one check to the next, in seconds.
    pub(super) check_interval: f64,
    /// How long after a pod's end a node may find it unhealthy, at the earliest, in seconds.
    pub(super) unhealthy_after: f64,
    /// The idle time-out of the load balancer, in seconds.
    pub(super) idle_timeout: f64,
    /// Whether the load is an open loop, whose rate is a setting.
    pub(super) is_open_loop: bool,
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
        let check = &scenario.target_group.health_check;
        let interval = check.interval.as_secs_f64();
        let last = scenario.revisions.last();
        let probe = last.and_then(|last| last.pod.readiness_probe.as_ref());
        let mut pilot = Pilot {
            probe_period: probe.map_or(0.0, |probe| probe.period.as_secs_f64()),
            check_interval: interval,
            unhealthy_after: f64::from(check.unhealthy_threshold.saturating_sub(1)) * interval,
            idle_timeout: scenario.load_balancer.idle_timeout.as_secs_f64(),
            is_open_loop: scenario.load.workers.is_none(),
            start_up: last.map_or(0.0, |last| last.app.start_up.mean()),
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
            let called = timeline
                .targets
                .iter()
                .filter(|target| target.deregister_called.is_some());
            let count = called.count() as u64;
            let (fewest, most) = pilot.deregistrations.unwrap_or((count, count));
            pilot.deregistrations = Some((fewest.min(count), most.max(count)));
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
        let is_new = !pod.initial;
        push(
            &mut self.started_to_came,
            pod.running.filter(|_| is_new),
            pod.in_slice_ready,
        );
    }
}
