//! Answers that take just as long as somebody waits for them: both engines have the same rule for that.

use std::sync::atomic::{AtomicU64, Ordering};

use rollcast::random::{Purpose, Streams, pair};
use rollcast::traffic::interval::IntervalEngine;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;
use rollcast::verdict::Cause;

use super::{scenario, swarm, timeline};

/// Cases in which both engines said something.
static COMPARED: AtomicU64 = AtomicU64::new(0);
/// Of so many requests, a rule that differs shows as a share that chance does not explain.
const ENOUGH: u64 = 400;
const SHARE: f64 = 0.2;

#[test]
fn engines_decide_ties_alike() {
    swarm(1_500, text, alike);
    let compared = COMPARED.load(Ordering::Relaxed);
    assert!(compared >= 100, "{compared} cases had something to compare");
}

/// Rollouts in which no request changes another's end.
fn text(_: u64, case: u64) -> String {
    let on_sigterm = ["drain", "keep_serving"][case as usize % 2];
    let (replicas, pre_stop) = (1 + case % 5, case % 3 * 7);
    format!(
        "name = \"tie-{case}\"\n[deployment]\nreplicas = {replicas}\n[load]\nduration = \"60s\"\n\
         rollout_at = \"10s\"\n[pod]\npre_stop = \"{pre_stop}s\"\n[app]\non_sigterm = \"{on_sigterm}\"\n"
    )
}

fn alike(text: &str, streams: &Streams) -> Result<(), String> {
    let mut dice = streams.at(Purpose::Design, pair(2, 0));
    let mut one_of = |micros: &[i64]| micros[dice.below(micros.len())];
    // The load balancer waits whole seconds.
    let service = one_of(&[0, 1, 999, 1_000, 999_999, 1_000_000, 1_000_001, 2_000_000]);
    let round_trip = one_of(&[0, 1, 1_000]);
    let trips = one_of(&[0, 1, 2, 4]);
    let waits = (service + trips * round_trip + one_of(&[-1, 0, 0, 1])).max(1);
    let idle = one_of(&[1, 2]);
    // Where no new connection is answered in time, none is ever kept: request by request all are new, while counting
    // takes one to be open. It shows where that decides whether an answer is in time, or who gives up first.
    let is_never_kept = service + round_trip > waits.min(idle * 1_000_000);
    if is_never_kept && (waits >= service || waits == idle * 1_000_000) {
        return Ok(());
    }
    let [service, round_trip, waits, idle] = [
        format!("{service}us"),
        format!("{round_trip}us"),
        format!("{waits}us"),
        format!("{idle}s"),
    ];
    let edits = [
        ("app.service_time", &*service),
        ("load_balancer.round_trip", &round_trip),
        ("load.client_timeout", &waits),
        ("load_balancer.idle_timeout", &idle),
        // Clients that give up before a host has answered for a removed pod are not counted.
        ("load_balancer.host_unreachable_share", "silent"),
        ("load.rate", "200"),
    ];
    // Not every case can have these, and not all that can are for counting.
    let Ok(scenario) = scenario(text, &edits) else {
        return Ok(());
    };
    let Ok(mut counting) = IntervalEngine::new(&scenario) else {
        return Ok(());
    };
    let timeline = timeline(&scenario, streams)?;
    let [mut sent, mut counted] = [(); 2].map(|()| Outcome::new());
    RequestEngine::new(&scenario).simulate(&timeline, streams, &mut sent);
    counting.simulate(&timeline, streams, &mut counted);
    if sent.requests.min(counted.requests) < ENOUGH {
        return Ok(());
    }
    COMPARED.fetch_add(1, Ordering::Relaxed);
    let shares = |outcome: &Outcome| {
        let of = |count: u64| count as f64 / outcome.requests as f64;
        let causes = Cause::ALL.map(|cause| of(outcome.causes[cause.index()]));
        (of(outcome.ok), causes)
    };
    let (one, other) = (shares(&sent), shares(&counted));
    let differ = |a: f64, b: f64| (a - b).abs() > SHARE;
    if differ(one.0, other.0) || one.1.iter().zip(other.1).any(|(a, b)| differ(*a, b)) {
        return Err(format!(
            "{edits:?}: {one:?} by requests, {other:?} counted: ties are decided differently"
        ));
    }
    Ok(())
}
