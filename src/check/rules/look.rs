//! What each rule looks at.

use super::Found;
use super::hook::serves;
use crate::aws::alb_node::LoadBalancerSpec;
use crate::aws::health_check::FIRST_CHECK_WITHIN;
use crate::aws::target_group::TargetType;
use crate::check::fix::{Edit, PRE_STOP, seconds, set};
use crate::check::subject::{Spot, Subject};
use crate::cluster::app::OnSigterm;
use crate::cluster::deployment::Strategy;
use crate::id::{AlbNodeId, TargetId};
use crate::pre_stop;
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::time::Span;

pub(super) const GRACE: &str = "pod.termination_grace_period";

/// A finding, if something is wrong.
pub(super) fn found(
    wrong: bool,
    keys: &'static [&'static str],
    message: String,
    fix: Vec<Edit>,
) -> Option<Found> {
    wrong.then_some(Found {
        keys,
        spot: None,
        message,
        fix,
        advice: None,
        need: None,
        severity: None,
    })
}

/// How long it takes from a pod's readiness until every node chooses it, in so many rollouts: a second for notice and
/// calls, then the slowest node's lag and its first check.
fn serving(scenario: &Scenario, p: f64) -> Span {
    let LoadBalancerSpec {
        registration_propagation,
        deregistration_propagation,
        nodes,
        ..
    } = &scenario.load_balancer;
    let slowest = |i| {
        let lag = |node| {
            registration_propagation.lag(
                deregistration_propagation,
                &Streams::new(0, i),
                TargetId(0),
                node,
            )
        };
        (0..*nodes)
            .map(|node| lag(AlbNodeId(node)))
            .max()
            .unwrap_or_default()
    };
    let mut lags: Vec<Span> = (0..DRAWS).map(slowest).collect();
    lags.sort();
    lags[(p * DRAWS as f64) as usize] + FIRST_CHECK_WITHIN + Span::from_secs(1)
}

/// Enough for a 99.9 % quantile.
const DRAWS: u64 = 4000;

/// Rounded up to whole seconds: as exact as priors are.
pub(super) fn whole(span: Span) -> Span {
    Span::from_secs(span.as_micros().div_ceil(1_000_000))
}

/// The longest request, as far as anybody waits for one: one of a thousand takes longer.
fn longest_request(scenario: &Scenario) -> Span {
    scenario.revisions[0]
        .app
        .service_time
        .quantile(0.999)
        .min(scenario.load_balancer.idle_timeout)
}

/// From SIGTERM to the process' end, if it does as it should.
pub(super) fn shutdown(scenario: &Scenario) -> Span {
    let app = &scenario.revisions[0].app;
    let own = app.shutdown.quantile(0.99);
    match app.on_sigterm {
        OnSigterm::Drain => app.refusing + longest_request(scenario).min(app.drain_timeout) + own,
        OnSigterm::Exit | OnSigterm::KeepServing | OnSigterm::Ignore => app.refusing + own,
    }
}

pub(super) fn no_readiness_gate(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let known = scenario.given.contains("pod.readiness_gate");
    let message = match (&subject.facts, known) {
        (Some(_), false) => {
            "no Namespace with the label of the readiness gate is among the manifests".to_owned()
        }
        _ => "pods have no readiness gate of the load balancer controller".to_owned(),
    };
    let missing = !scenario.revisions[0].pod.readiness_gate && !scenario.is_by_host();
    found(
        missing,
        &["pod.readiness_gate"],
        message,
        vec![set("pod.readiness_gate", true)],
    )
}

pub(super) fn gate_without_effect(subject: &Subject) -> Option<Found> {
    let facts = subject.facts.as_ref()?;
    let asked = facts.gate_label.is_some();
    let instance = subject.document_says("target_group.target_type", "instance");
    let message =
        "the namespace's label asks for readiness gates, but targets are instances".to_owned();
    found(
        asked && instance,
        &["target_group.target_type", "pod.readiness_gate"],
        message,
        Vec::new(),
    )
}

pub(super) fn deregistration_delay_too_short(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let (delay, longest) = (
        scenario.target_group.deregistration_delay,
        whole(longest_request(scenario)),
    );
    let message = format!(
        "the deregistration delay is {delay}; one request in a thousand takes {longest} or longer"
    );
    let fix = vec![seconds(
        "target_group.deregistration_delay",
        longest + longest,
    )];
    found(
        delay < longest && !scenario.is_by_host(),
        &["target_group.deregistration_delay"],
        message,
        fix,
    )
}

pub(super) fn keep_alive_too_short(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    // An assumed keep-alive blames nobody.
    let app = &scenario.revisions[0].app;
    let known = scenario.given.contains("app.keep_alive") || app.profile.is_some();
    let idle = scenario.load_balancer.idle_timeout;
    let message = format!(
        "the application closes connections after {}, the load balancer after {idle}",
        app.keep_alive
    );
    let fix = vec![seconds("app.keep_alive", idle + Span::from_secs(15))];
    let short = app.keep_alive > Span::ZERO && app.keep_alive <= idle;
    found(
        known && short,
        &[
            "app.keep_alive",
            "load_balancer.idle_timeout",
            "app.profile",
        ],
        message,
        fix,
    )
}

pub(super) fn all_may_be_unavailable(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let deployment = &scenario.deployment;
    let all = deployment.unavailable(deployment.replicas) >= deployment.replicas;
    let message = format!(
        "maxUnavailable {} of {} {} leaves none to serve",
        deployment.max_unavailable,
        deployment.replicas,
        if deployment.replicas == 1 {
            "replica"
        } else {
            "replicas"
        }
    );
    let fix = vec![
        set("deployment.max_unavailable", 0),
        set("deployment.max_surge", 1),
    ];
    let rolling = deployment.strategy == Strategy::RollingUpdate;
    found(
        rolling && all,
        &["deployment.max_unavailable", "deployment.replicas"],
        message,
        fix,
    )
}

pub(super) fn grace_beyond_spot_notice(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let grace = scenario.revisions[0].pod.termination_grace_period;
    let message = format!("a grace period of {grace} is cut short by a Spot interruption after 2m");
    found(grace > Span::from_secs(120), &[GRACE], message, Vec::new())
}

pub(super) fn min_ready_too_short(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let healthy = whole(serving(scenario, 0.9));
    let min_ready = scenario.deployment.min_ready;
    let message = format!(
        "pods count as available after {min_ready}, but get requests only after up to {healthy}"
    );
    let fix = vec![seconds("deployment.min_ready", healthy)];
    let rolling = scenario.deployment.strategy == Strategy::RollingUpdate;
    let ungated = !scenario.revisions[0].pod.readiness_gate;
    found(
        rolling && ungated && min_ready < healthy,
        &["deployment.min_ready"],
        message,
        fix,
    )
}

pub(super) fn grace_too_short(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let (hook, grace) = (
        serves(scenario),
        scenario.revisions[0].pod.termination_grace_period,
    );
    let needed = whole(hook + shutdown(scenario));
    let message =
        format!("the grace period is {grace}; preStop and an orderly shutdown take up to {needed}");
    let longer = pre_stop::typed_grace(needed + Span::from_secs(5));
    let fix = vec![seconds(GRACE, longer)];
    found(
        hook < grace && grace < needed,
        &[GRACE, PRE_STOP],
        message,
        fix,
    )
}

pub(super) fn recreate(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let message =
        "strategy Recreate: no pod serves between the old ones and the new ones".to_owned();
    let fix = vec![set("deployment.strategy", "RollingUpdate")];
    found(
        scenario.deployment.strategy == Strategy::Recreate,
        &["deployment.strategy"],
        message,
        fix,
    )
}

pub(super) fn publish_not_ready_addresses(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let key = "service.publish_not_ready_addresses";
    let message = "publishNotReadyAddresses keeps deleted pods in the target group".to_owned();
    let published = scenario.service.publish_not_ready_addresses;
    found(
        published,
        &["service.publish_not_ready_addresses"],
        message,
        vec![set(key, false)],
    )
}

pub(super) fn gate_may_be_missing(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let by_label = subject
        .facts
        .as_ref()
        .is_some_and(|facts| facts.gate_label.is_some());
    let ip = scenario.target_group.target_type == TargetType::Ip;
    let message =
        "pods that are made while the controller is down get no gate, silently".to_owned();
    found(
        by_label && ip && scenario.revisions[0].pod.readiness_gate,
        &["pod.readiness_gate"],
        message,
        Vec::new(),
    )
}

pub(super) fn no_readiness_probe(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    // With a startup probe a container is Ready only once that has succeeded (kubelet, prober_manager.go).
    let pod = &scenario.revisions[0].pod;
    let missing = pod.readiness_probe.is_none() && pod.startup_probe.is_none();
    let message = "pods have no readiness probe: ready before the application listens".to_owned();
    found(
        missing,
        &["name"],
        message,
        vec![set("pod.readiness_probe.period", "5s")],
    )
}

pub(super) fn no_graceful_shutdown(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let app = &scenario.revisions[0].app;
    // What is assumed blames nobody.
    let known = scenario.given.contains("app.on_sigterm") || app.profile.is_some();
    let message = "the application ends at SIGTERM with requests in flight".to_owned();
    let fix = vec![set("app.on_sigterm", "drain")];
    found(
        known && app.on_sigterm == OnSigterm::Exit,
        &["app.on_sigterm", "app.profile"],
        message,
        fix,
    )
}

pub(super) fn leads_nowhere(subject: &Subject) -> Option<Found> {
    let references = &subject.facts.as_ref()?.references;
    let spot = Some(Spot::of(&references.first()?.place));
    let words: Vec<&str> = references
        .iter()
        .map(|reference| reference.words.as_str())
        .collect();
    let message = words.join("; ");
    Some(Found {
        keys: &[],
        spot,
        message,
        fix: Vec::new(),
        advice: None,
        need: None,
        severity: None,
    })
}

pub(super) fn sigterm_ignored(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let app = &scenario.revisions[0].app;
    let message =
        "the application ignores SIGTERM and is killed when the grace period is over: let it handle the signal"
            .to_owned();
    let fix = vec![set("app.on_sigterm", "drain")];
    found(
        app.on_sigterm == OnSigterm::Ignore,
        &["app.on_sigterm", "app.profile"],
        message,
        fix,
    )
}
