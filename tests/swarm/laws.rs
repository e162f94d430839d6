//! Laws that relate one rollout to another with the same random numbers: not one case may break them.
//!
//! After Raunak and Olsen, "Metamorphic testing of simulations" (NIST, 2021).

use rollcast::cluster::app::OnSigterm;
use rollcast::id::RevisionId;
use rollcast::observe::timeline::Timeline;
use rollcast::rollout::Rollout;
use rollcast::time::{Span, Time};

use super::{scenario, scenarios, swarm, timeline};

const CASES: u64 = 2_000;

fn same(one: &Timeline, other: &Timeline, law: &str) -> Result<(), String> {
    let [one, other] = [one, other].map(|timeline| format!("{timeline:#?}"));
    let differs = one
        .lines()
        .zip(other.lines())
        .find(|(one, other)| one != other);
    if one == other {
        Ok(())
    } else {
        Err(format!("{differs:?}: {law}"))
    }
}

/// Truth does not depend on traffic, but for the length of a drain.
#[test]
fn the_rate_does_not_change_the_rollout() {
    swarm(CASES, scenarios::text, |text, streams| {
        let [quiet, busy] = ["0", "1000"].map(|rate| scenario(text, &[("load.rate", rate)]));
        let (quiet, busy) = (quiet?, busy?);
        if quiet
            .revisions
            .iter()
            .any(|revision| revision.app.on_sigterm == OnSigterm::Drain)
        {
            return Ok(());
        }
        same(
            &timeline(&quiet, streams)?,
            &timeline(&busy, streams)?,
            "the rate changed the rollout",
        )
    });
}

/// Nobody who listens has a say, and a simulator that was used before has forgotten it.
#[test]
fn observers_and_earlier_replications_change_nothing() {
    swarm(CASES, scenarios::text, |text, streams| {
        let scenario = scenario(text, &[])?;
        let fresh = timeline(&scenario, streams)?;
        let mut used = Rollout::new(&scenario);
        used.simulate(&streams.twin())
            .map_err(|error| error.to_string())?;
        let mut last = Time::ZERO;
        let again = used
            .simulate_observed(streams, |now, _| last = now)
            .map_err(|error| error.to_string())?;
        same(
            &fresh,
            again,
            "it depends on what was before, or on who listens",
        )
    });
}

/// A multiple of every period in `scenarios`: of probes (1 s to 60 s) and of health checks (5 s to
/// 300 s), whose phases are drawn from the start of the load and not from that of the rollout.
const SHIFT: Span = Span::from_secs(300);

/// The rollout started later is the same rollout, later. By whole seconds, since Kubernetes cuts
/// times to seconds; by a multiple of the periods, since old pods are probed on a grid of their own.
#[test]
fn a_later_start_shifts_everything() {
    swarm(CASES, scenarios::plain, |text, streams| {
        let early = scenario(text, &[])?;
        let mut late = early.clone();
        late.load.rollout_at = early.load.rollout_at + SHIFT;
        late.load.duration = early.load.duration.map(|duration| duration + SHIFT);
        let mut early = timeline(&early, streams)?;
        let mut late = timeline(&late, streams)?;
        since_rollout(&mut early);
        since_rollout(&mut late);
        same(&early, &late, "a later start changed the rollout")
    });
}

/// Puts the rollout's start at a time of its own choosing, and forgets what had happened before it.
fn since_rollout(timeline: &mut Timeline) {
    let start = timeline.rollout_at;
    let shift = |at: &mut Time| *at = Time::ZERO + at.saturating_since(start);
    timeline.fingerprint = 0;
    shift(&mut timeline.rollout_at);
    shift(&mut timeline.end);
    shift(&mut timeline.load_until);
    shift(&mut timeline.progressed);
    timeline.over.iter_mut().for_each(shift);
    for pod in &mut timeline.pods {
        let times = [
            &mut pod.created,
            &mut pod.bound,
            &mut pod.running,
            &mut pod.ready,
            &mut pod.in_slice_ready,
            &mut pod.terminating,
            &mut pod.out_of_slice_ready,
            &mut pod.sigterm,
            &mut pod.listener_closed,
            &mut pod.finished,
            &mut pod.network_gone,
            &mut pod.gone,
            &mut pod.containers_ready,
            &mut pod.host_lost,
        ];
        times.into_iter().flatten().for_each(shift);
        pod.sockets.iter_mut().for_each(|(at, _)| shift(at));
        pod.resets.iter_mut().for_each(shift);
    }
    for target in timeline
        .targets
        .iter_mut()
        .chain(timeline.other_targets.iter_mut().flatten())
    {
        let times = [
            &mut target.registered,
            &mut target.healthy,
            &mut target.deregister_called,
            &mut target.draining_over,
        ];
        times.into_iter().flatten().for_each(shift);
    }
    timeline
        .beliefs
        .iter_mut()
        .flatten()
        .for_each(|change| shift(&mut change.at));
    timeline
        .scales
        .iter_mut()
        .for_each(|change| shift(&mut change.at));
    timeline
        .conditions
        .iter_mut()
        .for_each(|change| shift(&mut change.at));
}

/// Nobody waits for an old pod to end: how long its preStop hook sleeps does not move new pods.
/// With links that take no time and a client that never waits for a token; else messages queue behind each
/// other, the status that counts terminating pods among them. Not with Recreate, which
/// waits for old pods, nor with a gate, which hears of them through the load balancer's controller.
/// As far as both are told: a rollout that has exceeded its progress deadline is told until no old
/// pod is on its way out, which the hook does move.
#[test]
fn the_old_pods_hook_does_not_move_new_pods() {
    const AT_ONCE: &[(&str, &str)] = &[
        ("deployment.strategy", "RollingUpdate"),
        ("deployment.max_surge", "1"),
        ("pod.readiness_gate", "false"),
        ("new_revision.readiness_gate", "false"),
        ("cluster.controller_burst", "1000000"),
        ("cluster.links.api_write", "0s"),
        ("cluster.links.api_to_deployment", "0s"),
        ("cluster.links.api_to_replica_set", "0s"),
        ("cluster.links.api_to_scheduler", "0s"),
        ("cluster.links.api_to_kubelet", "0s"),
        ("cluster.links.api_to_endpoint_slice", "0s"),
        ("cluster.links.endpoints_to_lbc", "0s"),
    ];
    swarm(CASES, scenarios::plain, |text, streams| {
        let of = |hook: &'static str| {
            let edits: Vec<_> = AT_ONCE
                .iter()
                .copied()
                .chain([("pod.pre_stop", hook), ("new_revision.pre_stop", "1s")])
                .collect();
            timeline(&scenario(text, &edits)?, streams)
        };
        let (short, long) = (of("0s")?, of("20s")?);
        let told = short.end.min(long.end);
        let new_pods = |timeline: &Timeline| -> Vec<[Option<Time>; 4]> {
            let until_told = |at: Option<Time>| at.filter(|at| *at <= told);
            let pods = timeline
                .pods
                .iter()
                .filter(|pod| pod.pod.revision() == RevisionId::NEW);
            let times =
                pods.map(|pod| [pod.created, pod.bound, pod.running, pod.ready].map(until_told));
            times.filter(|times| times[0].is_some()).collect()
        };
        if new_pods(&short) == new_pods(&long) {
            Ok(())
        } else {
            Err("a hook of old pods moved new ones".to_owned())
        }
    });
}
