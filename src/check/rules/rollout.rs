//! Rules about the rollout itself. Settings alone do not tell: they look at what was simulated.

use super::look::found;
use super::{Found, Rule};
use crate::check::{Severity, Subject};
use crate::monte_carlo::Sample;
use crate::scenario::Scenario;
use crate::stats::{Proportion, Summary};
use crate::time::Span;

/// A gate that stays closed for longer waits for more than registration and the first health check: even at an
/// interval of 30 s, with two polls of the controller, they take a minute.
const LATE: Span = Span::from_secs(180);

/// A rollout that takes longer is nothing that anybody waits for.
const HOURS: Span = Span::from_secs(3600);

/// Rollouts of one configuration.
pub(in crate::check) struct Rollouts<'a> {
    pub(in crate::check) scenario: &'a Scenario,
    pub(in crate::check) samples: &'a [Sample],
    /// Level of confidence intervals.
    pub(in crate::check) level: f64,
}

/// Looks at rollouts: what is wrong, and in how many of them.
type Look = fn(&Rollouts<'_>) -> Option<(Found, Proportion)>;

/// The rules of this file, and how each looks.
pub(in crate::check) const OF_ROLLOUTS: [(&Rule, Look); 4] = [
    (&DOES_NOT_COMPLETE, does_not_complete),
    (&RESTARTS, restarts),
    (&GATE_OPENS_LATE, gate_opens_late),
    (&TAKES_HOURS, takes_hours),
];

pub(super) const DOES_NOT_COMPLETE: Rule = Rule {
    id: "RL019",
    name: "rollout-does-not-complete",
    severity: Severity::Error,
    summary: "the rollout does not complete",
    explanation: "A Deployment whose new pods do not become available for progressDeadlineSeconds has failed: `kubectl rollout status` says so and exits with 1, and nobody goes on or back by himself. What the old pods' end would cost never shows.",
    source: "kubernetes docs, deployment: Failed Deployment; pkg/controller/deployment/progress.go",
    look: not_by_settings,
};

pub(super) const RESTARTS: Rule = Rule {
    id: "RL020",
    name: "new-containers-restart",
    severity: Severity::Error,
    summary: "new containers are killed or crash, and are started again",
    explanation: "A startup or liveness probe that fails too often has the kubelet kill the container: an application that starts more slowly than the probe allows never gets up, and restarts are ever further apart, up to five minutes.",
    source: "kubernetes docs, liveness, readiness and startup probes; pkg/kubelet/kubelet.go, MaxContainerBackOff",
    look: not_by_settings,
};

pub(super) const GATE_OPENS_LATE: Rule = Rule {
    id: "RL021",
    name: "gate-opens-late",
    severity: Severity::Warning,
    summary: "readiness gates open minutes after the containers are ready",
    explanation: "A gate opens when the controller has registered the pod and sees its target healthy. Where the health check is slow, or the controller backs off after errors (up to 16 min 40 s), every batch of the rollout waits for that.",
    source: "LBC controllers/elbv2/targetgroupbinding_controller.go, maxExponentialBackoffDelay; AWS guide, target-group-health-checks",
    look: not_by_settings,
};

pub(super) const TAKES_HOURS: Rule = Rule {
    id: "RL022",
    name: "rollout-takes-hours",
    severity: Severity::Warning,
    summary: "a rollout takes more than an hour",
    explanation: "Pods are replaced a batch at a time, and each waits for what the one before it waited for: start-up, probes, gate, minReadySeconds. Until the last, both versions serve; whoever rolls back waits as long again.",
    source: "kubernetes pkg/controller/deployment/rolling.go",
    look: not_by_settings,
};

const fn not_by_settings(_: &Subject) -> Option<Found> {
    None
}

impl Rollouts<'_> {
    /// In how many of them this was so; nothing if in none.
    fn seen(&self, so: impl Fn(&Sample) -> bool) -> Option<Proportion> {
        let hits = self.samples.iter().filter(|sample| so(sample)).count() as u64;
        Proportion::of(hits, self.samples.len() as u64, self.level).filter(|seen| seen.hits > 0)
    }

    /// The median of what those say that say anything.
    fn median(&self, measure: impl Fn(&Sample) -> Option<Span>) -> Option<Span> {
        let values = self
            .samples
            .iter()
            .filter_map(|sample| Some(measure(sample)?.as_secs_f64()));
        Some(Span::from_secs_f64(
            Summary::of(values, self.level)?.p50.round(),
        ))
    }
}

/// `12 of 400 rollouts`.
fn of_all(seen: &Proportion) -> String {
    format!("{} of {} rollouts", seen.hits, seen.n)
}

fn does_not_complete(rollouts: &Rollouts<'_>) -> Option<(Found, Proportion)> {
    let seen = rollouts.seen(|sample| !sample.measures.is_complete())?;
    let exceeded = rollouts.seen(|sample| sample.measures.course.deadline_exceeded);
    let deadline = rollouts.scenario.deployment.progress_deadline;
    let how = match exceeded {
        Some(exceeded) if exceeded.hits == seen.hits => {
            format!(
                "the Deployment fails with ProgressDeadlineExceeded, {deadline} without progress"
            )
        }
        _ => "new pods do not all become available for as long as was simulated".to_owned(),
    };
    let message = format!("the rollout does not complete in {}: {how}", of_all(&seen));
    Some((found(true, to_blame(rollouts), message, Vec::new())?, seen))
}

/// What keeps new pods from being available: the first of these keys that was given is where to look.
fn to_blame(rollouts: &Rollouts<'_>) -> &'static [&'static str] {
    const REVISION: &[&str] = &[
        "new_revision.image_missing",
        "new_revision.ready",
        "new_revision.crash_after",
        "pod.startup_probe.failure_threshold",
        "pod.liveness_probe.failure_threshold",
        "pod.liveness_probe.period",
        "deployment.progress_deadline",
        "deployment.replicas",
    ];
    const PROBES: &[&str] = &[
        "pod.readiness_probe.initial_delay",
        "pod.startup_probe.initial_delay",
        "deployment.progress_deadline",
        "app.start_up",
        "deployment.replicas",
    ];
    const GATE: &[&str] = &[
        "target_group.health_check.interval",
        "pod.readiness_gate",
        "deployment.replicas",
    ];
    let scenario = rollouts.scenario;
    let any = |so: fn(&Sample) -> bool| rollouts.seen(so).is_some();
    let never = |revision: &crate::scenario::Revision| {
        revision.image_missing || revision.never_ready || revision.crash_after.is_some()
    };
    if any(|sample| sample.measures.course.restarts > 0) || scenario.revisions.iter().any(never) {
        REVISION
    } else if any(|sample| sample.measures.course.gate_closed > LATE) {
        GATE
    } else {
        PROBES
    }
}

fn restarts(rollouts: &Rollouts<'_>) -> Option<(Found, Proportion)> {
    const KEYS: &[&str] = &[
        "pod.startup_probe.failure_threshold",
        "pod.startup_probe.period",
        "pod.liveness_probe.failure_threshold",
        "pod.liveness_probe.period",
        "pod.liveness_probe.initial_delay",
        "pod.liveness_probe.timeout",
        "new_revision.crash_after",
        "deployment.replicas",
    ];
    let count = |sample: &Sample| sample.measures.course.restarts;
    let seen = rollouts.seen(|sample| count(sample) > 0)?;
    let most = rollouts.samples.iter().map(count).max().unwrap_or(0);
    let times = if most == 1 {
        "once".to_owned()
    } else {
        format!("up to {most} times")
    };
    let pod = &rollouts.scenario.revisions.last()?.pod;
    let who = match (pod.startup_probe.is_some(), pod.liveness_probe.is_some()) {
        (true, true) => "the startup or liveness probe",
        (true, false) => "the startup probe",
        (false, true) => "the liveness probe",
        (false, false) => "a crash",
    };
    let message = format!(
        "{who} has a new container restarted {times}, in {}",
        of_all(&seen)
    );
    Some((found(true, KEYS, message, Vec::new())?, seen))
}

fn gate_opens_late(rollouts: &Rollouts<'_>) -> Option<(Found, Proportion)> {
    const KEYS: &[&str] = &[
        "target_group.health_check.interval",
        "target_group.health_check.healthy_threshold",
        "pod.readiness_gate",
        "deployment.replicas",
    ];
    let closed =
        |sample: &Sample| Some(sample.measures.course.gate_closed).filter(|closed| *closed > LATE);
    let seen = rollouts.seen(|sample| closed(sample).is_some())?;
    let median = rollouts.median(closed)?;
    let message = format!(
        "a readiness gate opens {median} after its containers are ready (median), in {}",
        of_all(&seen)
    );
    Some((found(true, KEYS, message, Vec::new())?, seen))
}

fn takes_hours(rollouts: &Rollouts<'_>) -> Option<(Found, Proportion)> {
    const KEYS: &[&str] = &[
        "deployment.min_ready",
        "deployment.max_surge",
        "deployment.max_unavailable",
        "pod.readiness_probe.initial_delay",
        "deployment.replicas",
    ];
    let taken = |sample: &Sample| sample.measures.duration.filter(|taken| *taken > HOURS);
    let seen = rollouts.seen(|sample| taken(sample).is_some())?;
    let deployment = &rollouts.scenario.deployment;
    let batch = deployment.surge(deployment.replicas) + deployment.unavailable(deployment.replicas);
    let message = format!(
        "a rollout takes {} (median), {batch} of {} pods at a time, in {}",
        rollouts.median(taken)?,
        deployment.replicas,
        of_all(&seen)
    );
    Some((found(true, KEYS, message, Vec::new())?, seen))
}
