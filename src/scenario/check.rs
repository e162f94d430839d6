//! Values that are well formed and yet impossible: what Kubernetes and AWS would refuse, what makes
//! no sense, and what no machine can compute.

mod load;
mod node_port;
mod target_groups;

use std::path::Path;

use super::document::Layers;
use super::layer::{Layer, Leaf};
use super::rollout::Step;
use super::{Revision, Scenario};
use crate::aws::alb_node::{DeregistrationPropagation, HostUnreachableShare};
use crate::cluster::app::AppSpec;
use crate::cluster::deployment::Strategy;
use crate::cluster::pod::{ExecHook, PreStop, ProbeSpec};
use crate::error::Error;
use crate::escape;
use crate::setting::Count;
use crate::time::Span;

/// The templates of all revisions, as layers.
pub(super) type Templates<'a> = Vec<Layer<'a>>;

/// Refuses a scenario that cannot be.
pub(super) fn check(
    scenario: &Scenario,
    path: &Path,
    layers: &Layers<'_>,
    templates: &Templates<'_>,
    steps: &[(Step, Option<Leaf<'_>>)],
) -> Result<(), Error> {
    let at = Places {
        path,
        layer: &layers.file,
    };
    deployment(scenario, at)?;
    for (revision, layer) in scenario.revisions.iter().zip(templates) {
        template(revision, Places { path, layer })?;
    }
    cluster(scenario, at)?;
    budget(scenario, at)?;
    lbc(scenario, at)?;
    target_groups::check(scenario, layers, at)?;
    node_port::check(scenario, at)?;
    load_balancer(scenario, at)?;
    load::load(scenario, at)?;
    monte_carlo(scenario, at)?;
    objectives(scenario, at)?;
    steps
        .iter()
        .try_for_each(|(step, leaf)| in_time(scenario, step, leaf.as_ref()))?;
    load::sizes(scenario, at)
}

/// A name, which stands in reports, file names and tables: one line of text.
pub(super) fn name(layer: &Layer<'_>, key: &str) -> Result<Option<String>, Error> {
    let Some(leaf) = layer.get(key) else {
        return Ok(None);
    };
    let name: String = leaf.read()?;
    match name.chars().find(|letter| escape::is_obeyed(*letter)) {
        Some(letter) => Err(leaf
            .error(format!("`{key}` has the character {letter:?} in it"))
            .hint("a name is one line of letters, digits and signs")),
        None => Ok(Some(name)),
    }
}

/// Where keys were written.
#[derive(Clone, Copy)]
struct Places<'a> {
    path: &'a Path,
    layer: &'a Layer<'a>,
}

impl Places<'_> {
    /// An error at the first of these keys that was given; the others have their defaults.
    fn refuse(self, keys: &[&str], message: impl Into<String>) -> Error {
        match keys.iter().find_map(|&key| self.layer.get(key)) {
            Some(leaf) => leaf.error(message),
            None => Error::input(message).in_file(self.path),
        }
    }

    fn too_large(self, keys: &[&str], message: impl Into<String>) -> Error {
        let error = Error::too_large(message);
        match keys.iter().find_map(|&key| self.layer.get(key)) {
            Some(leaf) => error.at(leaf.source.path, leaf.source.text, leaf.value.span()),
            None => error.in_file(self.path),
        }
    }

    fn within(self, key: &str, span: Span, low: u64, high: u64, who: &str) -> Result<(), Error> {
        if (Span::from_secs(low)..=Span::from_secs(high)).contains(&span) {
            return Ok(());
        }
        Err(self
            .refuse(&[key], format!("`{key}` is {span}"))
            .hint(format!("{who} takes {low}s to {high}s")))
    }

    fn whole_seconds(self, key: &str, span: Span, who: &str) -> Result<(), Error> {
        if span == span.whole_seconds() {
            return Ok(());
        }
        Err(self
            .refuse(&[key], format!("`{key}` is {span}"))
            .hint(format!("{who} counts it in whole seconds")))
    }

    fn share(self, key: &str, share: f64) -> Result<(), Error> {
        if (0.0..=1.0).contains(&share) {
            return Ok(());
        }
        Err(self
            .refuse(&[key], format!("`{key}` is {share}"))
            .hint("a share lies from 0 to 1"))
    }

    fn above_zero(self, key: &str, span: Span) -> Result<(), Error> {
        if span > Span::ZERO {
            return Ok(());
        }
        Err(self
            .refuse(&[key], format!("`{key}` is 0s"))
            .hint("it must be above 0s"))
    }

    fn not_modelled(self, key: &str, value: &str, hint: &str) -> Error {
        self.refuse(&[key], format!("`{key}` = {value}: not modelled yet"))
            .hint(hint)
    }
}

fn deployment(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let spec = &scenario.deployment;
    if spec.replicas == 0 {
        return Err(at.refuse(
            &["deployment.replicas"],
            "a rollout of 0 replicas has no pods to replace",
        ));
    }
    at.whole_seconds(
        "deployment.min_ready",
        spec.min_ready,
        "Kubernetes (minReadySeconds)",
    )?;
    at.whole_seconds(
        "deployment.progress_deadline",
        spec.progress_deadline,
        "Kubernetes (progressDeadlineSeconds)",
    )?;
    if spec.min_ready >= spec.progress_deadline {
        let message = format!(
            "min_ready ({}) reaches progress_deadline ({})",
            spec.min_ready, spec.progress_deadline
        );
        return Err(at
            .refuse(
                &["deployment.min_ready", "deployment.progress_deadline"],
                message,
            )
            .hint(
                "Kubernetes refuses this: progressDeadlineSeconds must be above minReadySeconds",
            ));
    }
    if let Count::Percent(percent @ 101..) = spec.max_unavailable {
        return Err(at
            .refuse(
                &["deployment.max_unavailable"],
                format!("`deployment.max_unavailable` is {percent}%"),
            )
            .hint("Kubernetes refuses this: at most 100%"));
    }
    let none = |count| matches!(count, Count::Pods(0) | Count::Percent(0));
    if spec.strategy == Strategy::RollingUpdate
        && none(spec.max_surge)
        && none(spec.max_unavailable)
    {
        return Err(at
            .refuse(
                &["deployment.max_unavailable", "deployment.max_surge"],
                "max_surge and max_unavailable are both 0: no pod could ever be replaced",
            )
            .hint("Kubernetes refuses this: let one of them be at least 1"));
    }
    Ok(())
}

fn template(revision: &Revision, at: Places) -> Result<(), Error> {
    let pod = &revision.pod;
    application(&revision.app, at)?;
    let grace = "pod.termination_grace_period";
    at.whole_seconds(
        grace,
        pod.termination_grace_period,
        "Kubernetes (terminationGracePeriodSeconds)",
    )?;
    probe(at, "pod.readiness_probe", pod.readiness_probe.as_ref())?;
    probe(at, "pod.startup_probe", pod.startup_probe.as_ref())?;
    probe(at, "pod.liveness_probe", pod.liveness_probe.as_ref())?;
    match pod.pre_stop {
        Some(PreStop::Fails(hook)) if !hook.fails => Err(at
            .refuse(
                &["pod.pre_stop"],
                "a hook with `fails = false` does nothing",
            )
            .hint("leave `pre_stop` out")),
        Some(hook) => hook_stop(hook, at),
        None => Ok(()),
    }
}

/// What a hook does to the server it does while it runs.
fn hook_stop(hook: PreStop, at: Places) -> Result<(), Error> {
    if matches!(
        hook,
        PreStop::Exec(ExecHook {
            drain_at: Some(_),
            sigterm_at: Some(_),
            ..
        })
    ) {
        return Err(at
            .refuse(
                &["pod.pre_stop"],
                "a hook with both `drain_at` and `sigterm_at`",
            )
            .hint("keep the earlier one: the server stops once"));
    }
    match hook.stop() {
        Some((stop, _)) if stop > hook.duration() => Err(at
            .refuse(
                &["pod.pre_stop"],
                format!(
                    "the hook stops the server after {stop}, and is over after {}",
                    hook.duration()
                ),
            )
            .hint("a hook acts while it runs: make it last longer, or leave the stop out")),
        _ => Ok(()),
    }
}

fn application(app: &AppSpec, at: Places) -> Result<(), Error> {
    if app.concurrency == Some(0) {
        return Err(at
            .refuse(
                &["app.concurrency"],
                "an application that serves 0 requests at once serves none",
            )
            .hint("at least 1; leave it out for any number"));
    }
    match app.cold_start {
        Some(cold) if !(cold.factor.is_finite() && (1.0..=1e6).contains(&cold.factor)) => Err(at
            .refuse(
                &["app.cold_start"],
                format!("a cold process is {} times as slow", cold.factor),
            )
            .hint("`factor` is a number from 1 to 1000000")),
        _ => Ok(()),
    }
}

fn probe(at: Places, section: &str, probe: Option<&ProbeSpec>) -> Result<(), Error> {
    let Some(probe) = probe else { return Ok(()) };
    let key = |name: &str| format!("{section}.{name}");
    let spans = [
        ("initial_delay", probe.initial_delay),
        ("period", probe.period),
        ("timeout", probe.timeout),
    ];
    for (name, span) in spans {
        at.whole_seconds(&key(name), span, "Kubernetes")?;
        if name != "initial_delay" && span < Span::from_secs(1) {
            return Err(at
                .refuse(&[&key(name)], format!("`{}` is {span}", key(name)))
                .hint("Kubernetes refuses this: at least 1s"));
        }
    }
    for (name, threshold) in [
        ("success_threshold", probe.success_threshold),
        ("failure_threshold", probe.failure_threshold),
    ] {
        if threshold == 0 {
            return Err(at
                .refuse(&[&key(name)], format!("`{}` is 0", key(name)))
                .hint("at least 1"));
        }
    }
    if section != "pod.readiness_probe" && probe.success_threshold != 1 {
        let name = key("success_threshold");
        return Err(at
            .refuse(&[&name], format!("`{name}` is {}", probe.success_threshold))
            .hint("Kubernetes refuses this: startup and liveness probes take 1 only"));
    }
    Ok(())
}

fn cluster(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let spec = &scenario.cluster;
    if spec.nodes == 0 {
        return Err(at.refuse(&["cluster.nodes"], "a cluster of 0 nodes runs no pods"));
    }
    at.share("cluster.immediate_readiness", spec.immediate_readiness)?;
    at.share("cluster.ip_reuse", spec.ip_reuse)?;
    if spec.cores == 0 {
        return Err(at.refuse(&["cluster.cores"], "a host of 0 cores runs no pods"));
    }
    for (key, calls) in [
        ("cluster.controller_qps", spec.controller_qps),
        ("cluster.controller_burst", spec.controller_burst),
    ] {
        if !(1..=1_000_000).contains(&calls) {
            return Err(at
                .refuse(&[key], format!("`{key}` is {calls}"))
                .hint("1 to 1000000 calls"));
        }
    }
    for (key, number, most) in [
        ("cluster.hop_drift", spec.hop_drift, 3.0),
        ("cluster.api_sharing", spec.api_sharing, 10.0),
    ] {
        if !(0.0..=most).contains(&number) {
            return Err(at
                .refuse(&[key], format!("`{key}` is {number}"))
                .hint(format!("it lies from 0 to {most}")));
        }
    }
    Ok(())
}

fn budget(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let spec = &scenario.pod_disruption_budget;
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        let [min, max] = [
            "pod_disruption_budget.min_available",
            "pod_disruption_budget.max_unavailable",
        ];
        return Err(at
            .refuse(
                &[max, min],
                "a budget has either `min_available` or `max_unavailable`",
            )
            .hint("Kubernetes refuses both: leave one of them out"));
    }
    Ok(())
}

fn lbc(scenario: &Scenario, at: Places) -> Result<(), Error> {
    at.above_zero("lbc.requeue", scenario.lbc.requeue)
}

fn load_balancer(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let spec = &scenario.load_balancer;
    if !(1..=100).contains(&spec.nodes) {
        let message = format!("`load_balancer.nodes` is {}", spec.nodes);
        return Err(at
            .refuse(&["load_balancer.nodes"], message)
            .hint("a load balancer has 1 to 100 nodes"));
    }
    if spec.zones == 0 {
        return Err(at
            .refuse(&["load_balancer.zones"], "a load balancer of 0 zones")
            .hint("at least 1"));
    }
    at.within(
        "load_balancer.idle_timeout",
        spec.idle_timeout,
        1,
        4000,
        "AWS",
    )?;
    at.above_zero("load_balancer.connect_timeout", spec.connect_timeout)?;
    if let DeregistrationPropagation::Measured(lag) = &spec.deregistration_propagation {
        for share in lag.shares() {
            at.share("load_balancer.deregistration_propagation", share)?;
        }
    }
    match spec.host_unreachable_share {
        HostUnreachableShare::Fixed(share) => {
            at.share("load_balancer.host_unreachable_share", share)
        }
        _ => Ok(()),
    }
}

fn monte_carlo(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let spec = &scenario.monte_carlo;
    if spec.runs == 0 {
        return Err(at
            .refuse(&["monte_carlo.runs"], "0 runs forecast nothing")
            .hint("at least 1"));
    }
    if i64::try_from(spec.seed).is_err() {
        let message = format!("`monte_carlo.seed` is {}", spec.seed);
        let hint = format!(
            "a whole number from 0 to {}, the greatest of TOML",
            i64::MAX
        );
        return Err(at.refuse(&["monte_carlo.seed"], message).hint(hint));
    }
    if !(spec.confidence > 0.0 && spec.confidence < 1.0) {
        let message = format!("`monte_carlo.confidence` is {}", spec.confidence);
        return Err(at
            .refuse(&["monte_carlo.confidence"], message)
            .hint("a level lies between 0 and 1: 0.95 is customary"));
    }
    Ok(())
}

fn objectives(scenario: &Scenario, at: Places) -> Result<(), Error> {
    let most = scenario.objectives.max_5xx_per_rollout;
    if i64::try_from(most).is_err() {
        let message = format!("`objectives.max_5xx_per_rollout` is {most}");
        return Err(at
            .refuse(&["objectives.max_5xx_per_rollout"], message)
            .hint(format!(
                "a whole number from 0 to {}, the greatest of TOML",
                i64::MAX
            )));
    }
    let share = scenario.objectives.probability;
    if share > 0.0 && share <= 1.0 {
        return Ok(());
    }
    let message = format!("`objectives.probability` is {share}");
    Err(at
        .refuse(&["objectives.probability"], message)
        .hint("a share of rollouts: above 0, at most 1"))
}

fn in_time(scenario: &Scenario, step: &Step, leaf: Option<&Leaf>) -> Result<(), Error> {
    let load = &scenario.load;
    match leaf {
        Some(leaf) if !load.covers(step.at) => {
            let message = format!(
                "this step comes {} after the rollout's start {}",
                step.at,
                load.too_late()
            );
            Err(leaf
                .error(message)
                .hint("let the load last longer: `load.duration`"))
        }
        _ => Ok(()),
    }
}
