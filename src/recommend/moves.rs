//! What can be changed against which cause.

use crate::aws::target_group::TargetType;
use crate::cluster::app::OnSigterm;
use crate::cluster::deployment::Strategy;
use crate::scenario::Scenario;
use crate::sweep::totals::CAUSES;
use crate::time::Span;
use crate::verdict::Cause;

/// Keys and their values: what a candidate sets on top of the scenario.
pub type Settings = Vec<(String, String)>;

/// Seconds that a preStop sleep may take.
const PRE_STOP: [u64; 16] = [
    0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 75, 90, 105, 120,
];
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
    let mut settings = vec![("pod.pre_stop".to_owned(), Span::from_secs(secs).to_string())];
    let needed = Span::from_secs((secs + after_sigterm(scenario)).div_ceil(5) * 5);
    if needed > scenario.revisions[0].pod.termination_grace_period {
        settings.push((
            "pod.termination_grace_period".to_owned(),
            needed.to_string(),
        ));
    }
    settings
}

/// The preStop one step longer than what the scenario has, for a margin.
pub fn one_step_longer(scenario: &Scenario) -> Option<Settings> {
    let now = pre_stop_secs(scenario);
    PRE_STOP
        .into_iter()
        .find(|secs| *secs > now)
        .map(|secs| pre_stop(scenario, secs))
}

/// Every preStop tried, shortest first.
pub fn pre_stops(scenario: &Scenario) -> Vec<Settings> {
    PRE_STOP
        .into_iter()
        .filter(|secs| *secs > 0)
        .map(|secs| pre_stop(scenario, secs))
        .collect()
}

/// PreStops shorter than `now` seconds, longest first, but longer than the scenario's own.
pub fn shorter_pre_stops(scenario: &Scenario, now: u64) -> Vec<Settings> {
    let least = pre_stop_secs(scenario);
    let shorter = PRE_STOP
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
    let pairs = [
        ("25%", "0"),
        ("1", "0"),
        ("50%", "0"),
        ("100%", "0"),
        ("25%", "25%"),
        ("0", "1"),
    ];
    let pace = |(surge, unavailable): (&str, &str)| {
        vec![
            ("deployment.max_surge".to_owned(), surge.to_owned()),
            (
                "deployment.max_unavailable".to_owned(),
                unavailable.to_owned(),
            ),
        ]
    };
    pairs.into_iter().map(pace).collect()
}

fn longer_pre_stops(scenario: &Scenario) -> Vec<Settings> {
    let now = pre_stop_secs(scenario);
    PRE_STOP
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
    let abrupt = scenario.revisions[0].app.on_sigterm == OnSigterm::Exit;
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
            for settings in moves.chain(paces(&scenario)).chain(pre_stops(&scenario)) {
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
