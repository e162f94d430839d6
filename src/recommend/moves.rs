//! What can be changed against which cause.

use crate::aws::target_group::TargetType;
use crate::cluster::app::OnSigterm;
use crate::cluster::deployment::{DeploymentSpec, Strategy};
use crate::pre_stop;
use crate::scenario::Scenario;
use crate::setting::Count;
use crate::sweep::totals::CAUSES;
use crate::time::Span;
use crate::verdict::Cause;

/// Keys and their values: what a candidate sets on top of the scenario.
pub type Settings = Vec<(String, String)>;

/// The preStop hook's key, and that of the grace period that covers it.
pub const PRE_STOP: &str = "pod.pre_stop";
pub const GRACE: &str = "pod.termination_grace_period";

/// Seconds of a deregistration delay.
const DEREGISTRATION_DELAY: [u64; 7] = [15, 30, 60, 120, 300, 600, 1_200];
/// Seconds of minReadySeconds.
const MIN_READY: [u64; 4] = [0, 10, 20, 30];

/// Column of the application's own 503 in a table by cause.
const TARGET: usize = CAUSES - 1;

/// All single changes that may help against a cause, smaller ones first.
pub fn against(cause: usize, scenario: &Scenario) -> Vec<Settings> {
    let mut moves = Vec::new();
    match Cause::ALL.get(cause) {
        Some(Cause::Refused | Cause::HostUnreachable | Cause::ConnectTimeout) | None => {
            moves.extend(longer_pre_stops(scenario));
            moves.extend(readiness_gate(scenario));
            moves.extend(readiness_probe(scenario));
            moves.extend(waits(scenario));
        }
        Some(Cause::ResetInFlight) => {
            moves.extend(longer_pre_stops(scenario));
            moves.extend(longer_grace(scenario));
            moves.extend(drain(scenario));
        }
        Some(Cause::KeepAliveRace) => {
            moves.extend(longer_pre_stops(scenario));
            moves.extend(longer_keep_alive(scenario));
        }
        Some(Cause::CutByDeregistration) => moves.extend(longer_deregistration_delay(scenario)),
        Some(Cause::NoTarget) => {
            moves.extend(readiness_gate(scenario));
            moves.extend(readiness_probe(scenario));
            moves.extend(waits(scenario));
            moves.extend(longer_pre_stops(scenario));
        }
        Some(Cause::ResponseTimeout) => moves.extend(drain(scenario)),
        Some(Cause::ClientGaveUp) => {}
    }
    moves
}

/// Why a cause may stay whatever is set.
pub fn why_it_stays(cause: usize) -> &'static str {
    match Cause::ALL.get(cause) {
        Some(Cause::ResponseTimeout) => {
            "a request that outlasts load_balancer.idle_timeout ends so at any time, not only in a rollout"
        }
        Some(Cause::KeepAliveRace) => {
            "the application closes idle connections sooner than the load balancer: raise app.keep_alive above load_balancer.idle_timeout"
        }
        Some(Cause::NoTarget) => {
            "for some time no target is registered: more replicas, a gate and maxUnavailable 0 are all that a rollout can do"
        }
        Some(Cause::CutByDeregistration) => {
            "requests outlast the longest deregistration delay tried"
        }
        Some(Cause::ResetInFlight) => {
            "requests are in flight when the process ends: it must drain at SIGTERM"
        }
        _ if cause == TARGET => "the application answers 503 itself",
        _ => {
            "the load balancer's lag outlasts every preStop tried; measure it and set load_balancer.deregistration_propagation"
        }
    }
}

/// A preStop of so many seconds, and the grace period that it needs.
pub fn pre_stop(scenario: &Scenario, secs: u64) -> Settings {
    let mut settings = vec![(PRE_STOP.to_owned(), Span::from_secs(secs).to_string())];
    let needed = pre_stop::typed_grace(Span::from_secs(secs + after_sigterm(scenario)));
    if needed > scenario.revisions[0].pod.termination_grace_period {
        settings.push((GRACE.to_owned(), needed.to_string()));
    }
    settings
}

/// The preStop one step longer than what the scenario has, for a margin.
pub fn one_step_longer(scenario: &Scenario) -> Option<Settings> {
    let now = pre_stop_secs(scenario);
    pre_stop::TYPED
        .into_iter()
        .find(|secs| *secs > now)
        .map(|secs| pre_stop(scenario, secs))
}

/// Every preStop tried, shortest first.
pub fn pre_stops(scenario: &Scenario) -> Vec<Settings> {
    pre_stop::TYPED
        .into_iter()
        .filter(|secs| *secs > 0)
        .map(|secs| pre_stop(scenario, secs))
        .collect()
}

/// PreStops shorter than `now` seconds, longest first, but longer than the scenario's own.
pub fn shorter_pre_stops(scenario: &Scenario, now: u64) -> Vec<Settings> {
    let least = pre_stop_secs(scenario);
    let shorter = pre_stop::TYPED
        .into_iter()
        .rev()
        .filter(|secs| *secs < now && *secs > least);
    shorter.map(|secs| pre_stop(scenario, secs)).collect()
}

/// Whole seconds of the scenario's preStop.
pub fn pre_stop_secs(scenario: &Scenario) -> u64 {
    scenario.revisions[0]
        .pod
        .pre_stop
        .map_or(0, |hook| hook.serves().as_micros() / 1_000_000)
}

/// The paces of a rollout that are tried for the Pareto front.
pub fn paces(scenario: &Scenario) -> Vec<Settings> {
    if scenario.deployment.strategy == Strategy::Recreate {
        return Vec::new();
    }
    let (deployment, replicas) = (&scenario.deployment, scenario.deployment.replicas);
    let (none, quarter, all) = (Count::Pods(0), Count::Percent(25), Count::Percent(100));
    let pairs = [
        (Count::Pods(1), none),
        (quarter, none),
        (Count::Percent(50), none),
        (all, none),
        (quarter, quarter),
        (all, quarter),
    ];
    // A pace under which fewer pods serve than under today's is cheap only for that.
    let is_as_roomy = |(max_surge, max_unavailable): &(Count, Count)| {
        let pace = DeploymentSpec {
            max_surge: *max_surge,
            max_unavailable: *max_unavailable,
            ..deployment.clone()
        };
        pace.surge(replicas) >= deployment.surge(replicas)
            && pace.unavailable(replicas) <= deployment.unavailable(replicas)
    };
    let settings = |(surge, unavailable): (Count, Count)| {
        vec![
            ("deployment.max_surge".to_owned(), surge.to_string()),
            (
                "deployment.max_unavailable".to_owned(),
                unavailable.to_string(),
            ),
        ]
    };
    pairs
        .into_iter()
        .filter(is_as_roomy)
        .map(settings)
        .collect()
}

/// What people try first, each alone: in words, and what it sets.
pub fn first_tries(scenario: &Scenario) -> Vec<(&'static str, Settings)> {
    let (pod, deployment) = (&scenario.revisions[0].pod, &scenario.deployment);
    let set = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
    let mut tries: Vec<(&'static str, Settings)> = Vec::new();
    tries.extend(readiness_gate(scenario).map(|gate| ("the readiness gate", gate)));
    if scenario.revisions[0].app.on_sigterm != OnSigterm::Drain {
        let handled = set("app.on_sigterm", "drain");
        tries.push(("an application that handles SIGTERM", handled));
    }
    tries.extend(readiness_probe(scenario).map(|probe| ("a readiness probe", probe)));
    if deployment.strategy == Strategy::RollingUpdate
        && deployment.unavailable(deployment.replicas) > 0
    {
        let mut all_serve = set("deployment.max_unavailable", "0");
        if deployment.surge(deployment.replicas) == 0 {
            all_serve.extend(set("deployment.max_surge", "1"));
        }
        tries.push(("maxUnavailable 0", all_serve));
    }
    if pod.termination_grace_period < Span::from_secs(120) {
        tries.push(("a grace period of 120 s", set(GRACE, "120s")));
    }
    if deployment.min_ready < Span::from_secs(30) {
        tries.push(("minReadySeconds 30", set("deployment.min_ready", "30s")));
    }
    let delay = "target_group.deregistration_delay";
    if scenario.target_group.deregistration_delay >= Span::from_secs(300) {
        tries.push(("a deregistration delay of 30 s", set(delay, "30s")));
    } else {
        tries.push(("a deregistration delay of 300 s", set(delay, "300s")));
    }
    tries
}

fn longer_pre_stops(scenario: &Scenario) -> Vec<Settings> {
    let now = pre_stop_secs(scenario);
    pre_stop::TYPED
        .into_iter()
        .filter(|secs| *secs > now)
        .map(|secs| pre_stop(scenario, secs))
        .collect()
}

/// Seconds that a process may take from SIGTERM to its end.
fn after_sigterm(scenario: &Scenario) -> u64 {
    let app = &scenario.revisions[0].app;
    let drain = if app.on_sigterm == OnSigterm::Drain {
        app.drain_timeout.as_secs_f64().min(30.0)
    } else {
        0.0
    };
    (5.0 + drain + 2.0 * app.shutdown.mean() + app.refusing.as_secs_f64())
        .min(600.0)
        .ceil() as u64
}

fn longer_grace(scenario: &Scenario) -> Vec<Settings> {
    let now = scenario.revisions[0].pod.termination_grace_period;
    let lead = pre_stop_secs(scenario);
    let graces = [15, 30, 60, 120, 300, 600]
        .map(|secs| Span::from_secs(lead + secs))
        .into_iter();
    graces
        .filter(|grace| *grace > now)
        .map(|grace| vec![("pod.termination_grace_period".to_owned(), grace.to_string())])
        .collect()
}

fn longer_deregistration_delay(scenario: &Scenario) -> Vec<Settings> {
    let now = scenario.target_group.deregistration_delay;
    let delays = DEREGISTRATION_DELAY
        .into_iter()
        .map(Span::from_secs)
        .filter(|delay| *delay > now);
    delays
        .map(|delay| {
            vec![(
                "target_group.deregistration_delay".to_owned(),
                delay.to_string(),
            )]
        })
        .collect()
}

fn readiness_gate(scenario: &Scenario) -> Option<Settings> {
    let off = !scenario.revisions[0].pod.readiness_gate
        && scenario.target_group.target_type == TargetType::Ip;
    off.then(|| vec![("pod.readiness_gate".to_owned(), "true".to_owned())])
}

/// Without one a container is ready the moment it runs. With a startup probe it is Ready only once that has succeeded.
fn readiness_probe(scenario: &Scenario) -> Option<Settings> {
    let pod = &scenario.revisions[0].pod;
    let missing = pod.readiness_probe.is_none() && pod.startup_probe.is_none();
    missing.then(|| vec![("pod.readiness_probe.period".to_owned(), "5s".to_owned())])
}

/// Everything that keeps old pods until new ones serve.
fn waits(scenario: &Scenario) -> Vec<Settings> {
    let mut moves = Vec::new();
    let deployment = &scenario.deployment;
    if deployment.strategy == Strategy::Recreate {
        moves.push(vec![(
            "deployment.strategy".to_owned(),
            "RollingUpdate".to_owned(),
        )]);
    } else if deployment.unavailable(deployment.replicas) > 0 {
        let mut settings = vec![("deployment.max_unavailable".to_owned(), "0".to_owned())];
        if deployment.surge(deployment.replicas) == 0 {
            settings.push(("deployment.max_surge".to_owned(), "1".to_owned()));
        }
        moves.push(settings);
    }
    let longer = MIN_READY
        .into_iter()
        .map(Span::from_secs)
        .filter(|span| *span > deployment.min_ready);
    moves.extend(longer.map(|span| vec![("deployment.min_ready".to_owned(), span.to_string())]));
    if scenario.target_group.health_check.interval > Span::from_secs(5) {
        let mut settings = vec![(
            "target_group.health_check.interval".to_owned(),
            "5s".to_owned(),
        )];
        if scenario.target_group.health_check.timeout >= Span::from_secs(5) {
            settings.push((
                "target_group.health_check.timeout".to_owned(),
                "4s".to_owned(),
            ));
        }
        moves.push(settings);
    }
    moves
}

/// A change of the application, not of its manifests.
fn drain(scenario: &Scenario) -> Option<Settings> {
    let on_sigterm = &scenario.revisions[0].app.on_sigterm;
    let abrupt = matches!(on_sigterm, OnSigterm::Exit | OnSigterm::Ignore);
    abrupt.then(|| vec![("app.on_sigterm".to_owned(), "drain".to_owned())])
}

fn longer_keep_alive(scenario: &Scenario) -> Option<Settings> {
    let wanted = scenario.load_balancer.idle_timeout + Span::from_secs(15);
    let short = scenario.revisions[0].app.keep_alive < wanted;
    short.then(|| vec![("app.keep_alive".to_owned(), wanted.to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Document;
    use std::path::Path;

    /// Whatever is tried against any cause is a scenario.
    #[test]
    fn every_move_is_a_scenario() {
        for text in [
            "name = \"x\"",
            "[deployment]\nstrategy = \"Recreate\"",
            "[deployment]\nreplicas = 4\nmax_surge = 0\nmax_unavailable = 1\n[app]\non_sigterm = \"drain\"",
            "[pod]\npre_stop = { exec = \"20s\" }\n[target_group.health_check]\ninterval = \"30s\"\ntimeout = \"6s\"",
        ] {
            let document = Document::parse(Path::new("x.toml"), text).unwrap();
            let scenario = document.resolve().unwrap();
            let moves = (0..CAUSES).flat_map(|cause| against(cause, &scenario));
            let tries = first_tries(&scenario)
                .into_iter()
                .map(|(_, settings)| settings);
            for settings in moves
                .chain(paces(&scenario))
                .chain(pre_stops(&scenario))
                .chain(tries)
            {
                let mut document = document.clone();
                settings
                    .iter()
                    .for_each(|(key, value)| document.set(key, value).unwrap());
                let changed = document
                    .resolve()
                    .unwrap_or_else(|error| panic!("{settings:?}: {error}"));
                assert_ne!(changed.digest(), "", "{settings:?}");
            }
        }
    }

    #[test]
    fn a_longer_pre_stop_brings_its_grace_period() {
        let scenario = Scenario::default();
        assert_eq!(
            pre_stop(&scenario, 20),
            [("pod.pre_stop".to_owned(), "20s".to_owned())]
        );
        assert_eq!(
            pre_stop(&scenario, 40)[1],
            ("pod.termination_grace_period".to_owned(), "45s".to_owned())
        );
    }
}
