//! lbc, alone: scripts in, transcripts out.

use super::*;
use crate::actor::transcript;
use crate::aws::target::TargetState;
use crate::aws::target::target_of;
use crate::id::RevisionId;

/// The controller with an API that answers every call after `latency`: scripts need no returns.
struct Answered {
    lbc: Lbc,
    latency: Span,
    wakes: Vec<(Time, Input)>,
    facts: Vec<Fact>,
}

impl Actor for Answered {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        let streams = *out.streams();
        self.lbc.handle(
            now,
            input,
            &mut Outbox::new(now, &streams, &mut self.wakes, &mut self.facts),
        );
        self.wakes
            .drain(..)
            .for_each(|(at, input)| out.wake_at(at, input));
        let mut answered = None;
        for fact in self.facts.drain(..) {
            let call = match fact {
                Fact::DescribeTargetHealth { call }
                | Fact::DeregisterTargets { call, .. }
                | Fact::RegisterTargets { call, .. } => Some(call),
                Fact::GatePatched { .. } => None,
            };
            if let Some(call) = call.filter(|&call| answered.replace(call) != Some(call)) {
                out.wake(self.latency, Input::Returned { call });
            }
            out.say(fact);
        }
    }
}

const OLD: PodId = PodId::new(0, RevisionId::OLD, 1);
const NEW: PodId = PodId::new(1, RevisionId::NEW, 1);
const LATENCY: Span = Span::from_millis(100);

fn spec(version: &str) -> LbcSpec {
    toml::from_str(&format!("version = {version:?}")).unwrap()
}

const fn endpoint(pod: PodId, ready: bool, terminating: bool) -> Input {
    Input::Endpoint {
        pod,
        target: target_of(pod),
        endpoint: Some(Endpoint { ready, terminating }),
    }
}

const fn pod(pod: PodId, containers_ready: bool, gated: bool) -> Input {
    let status = Some(PodStatus {
        containers_ready,
        gated,
        gate: false,
        host: NodeReady::True,
    });
    Input::Pod {
        pod,
        target: target_of(pod),
        status,
    }
}

const fn health(pod: PodId, state: TargetState) -> Input {
    Input::TargetHealth {
        target: target_of(pod),
        state: Some(state),
    }
}

fn said(version: &str, latency: Span, script: &[(f64, Input)], until: f64) -> Vec<(Time, Fact)> {
    let at = |secs| Time::ZERO + Span::from_secs_f64(secs);
    let script: Vec<_> = script
        .iter()
        .map(|&(secs, input)| (at(secs), input))
        .collect();
    let mut lbc = Answered {
        lbc: Lbc::new(&spec(version)),
        latency,
        wakes: Vec::new(),
        facts: Vec::new(),
    };
    transcript(&mut lbc, &Streams::new(1, 0), &script, at(until))
}

/// The transcript of a script, in seconds; each call takes 0.1 s.
#[track_caller]
fn check(version: &str, script: &[(f64, Input)], until: f64, expected: &str) {
    let said = said(version, LATENCY, script, until);
    let lines: Vec<_> = said
        .iter()
        .map(|(at, fact)| format!("{at} {fact}"))
        .collect();
    let expected: Vec<_> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(lines, expected, "{lines:#?}");
}

/// When the gated pod NEW, whose endpoint appears at 0 s and whose containers are ready at 12 s, is registered.
fn registered_at(version: &str) -> f64 {
    let script = [
        (0.0, pod(NEW, false, true)),
        (0.0, endpoint(NEW, false, false)),
        (12.0, pod(NEW, true, true)),
    ];
    let said = said(version, LATENCY, &script, 60.0);
    let registers = said
        .iter()
        .find(|(_, fact)| matches!(fact, Fact::RegisterTargets { .. }));
    registers.unwrap().0.as_secs_f64()
}

/// Two pods change at once: one deregistration call, then, after its return, one registration.
#[test]
fn deregisters_before_it_registers() {
    check(
        "2.13",
        &[
            (
                0.0,
                Input::Known {
                    pod: OLD,
                    target: target_of(OLD),
                    gated: false,
                },
            ),
            (0.5, pod(NEW, true, false)),
            (1.0, endpoint(OLD, false, true)),
            (1.0, endpoint(NEW, true, false)),
            (1.15, health(OLD, TargetState::Draining)),
        ],
        60.0,
        "1.000s asks for target health (call 1)
         1.100s deregisters target-0 (call 2)
         1.200s registers target-1 for new-1 (call 3)",
    );
}

/// The gate follows registration by a multiple of 15 s, whenever the target becomes healthy in between.
#[test]
fn the_gate_is_polled_from_registration_on_and_true_only_when_healthy() {
    check(
        "2.13",
        &[
            (0.0, pod(NEW, true, true)),
            (0.0, endpoint(NEW, false, false)),
            (3.0, health(NEW, TargetState::Initial)),
            (18.0, health(NEW, TargetState::Unhealthy)),
            (32.0, health(NEW, TargetState::Healthy)),
        ],
        120.0,
        "0.000s asks for target health (call 1)
         0.100s registers target-1 for new-1 (call 2)
         0.200s sets the gate of new-1 to False
         15.200s asks for target health (call 3)
         30.300s asks for target health (call 4)
         45.400s asks for target health (call 5)
         45.500s sets the gate of new-1 to True",
    );
}

#[test]
fn what_notices_containers_ready() {
    // The ladder's wakes come at 5 ms × (2ⁿ − 1): 10.2 s, 20.5 s. The first reconcile took a describe call.
    let ladder = registered_at("2.8");
    assert!((20.4..20.8).contains(&ladder), "2.8 registered at {ladder}");
    // Every 15 s from the endpoint's appearance.
    let poll = registered_at("2.13");
    assert!((15.0..15.4).contains(&poll), "2.13 registered at {poll}");
    // At once.
    let watch = registered_at("3.4");
    assert!((12.0..12.4).contains(&watch), "3.4 registered at {watch}");
}

/// Up to 2.9.0 an unhealthy target is looked at on the ladder, not every 15 s.
#[test]
fn old_versions_look_for_an_unhealthy_target_ever_more_rarely() {
    let script = [
        (0.0, pod(NEW, true, true)),
        (0.0, endpoint(NEW, false, false)),
        (3.0, health(NEW, TargetState::Unhealthy)),
        (60.0, health(NEW, TargetState::Healthy)),
    ];
    let gate_true = |version| {
        let said = said(version, LATENCY, &script, 600.0);
        said.iter()
            .find(|(_, fact)| matches!(fact, Fact::GatePatched { status: true, .. }))
            .unwrap()
            .0
            .as_secs_f64()
    };
    assert!(
        (60.0..61.0).contains(&gate_true("2.13")),
        "{}",
        gate_true("2.13")
    );
    let ladder = gate_true("2.8");
    assert!((96.0..99.0).contains(&ladder), "{ladder}");
}

/// An event between two polls looks at health, too. Up to 3.1 the poll keeps its time beside it,
/// from 3.2 its period starts anew.
#[test]
fn events_are_polls() {
    let other = PodId::new(2, RevisionId::NEW, 2);
    let script = [
        (0.0, pod(NEW, true, true)),
        (0.0, endpoint(NEW, false, false)),
        (2.0, health(NEW, TargetState::Initial)),
        (5.0, pod(other, false, true)),
        (5.0, endpoint(other, false, false)),
    ];
    for (version, polls) in [
        ("2.13", [5_000, 15_200, 30_300]),
        ("3.2", [5_000, 20_100, 35_200]),
    ] {
        let said = said(version, LATENCY, &script, 36.0);
        let looks = said
            .iter()
            .filter(|(_, fact)| matches!(fact, Fact::DescribeTargetHealth { .. }));
        let looks: Vec<_> = looks.skip(1).map(|(at, _)| at.as_micros() / 1000).collect();
        assert_eq!(looks, polls, "{version}");
    }
}

/// Healthy targets are listed from the cache for five minutes; then a lost one is seen, if
/// something asks at all, and its gate turns False.
#[test]
fn a_lost_target_is_seen_when_the_cache_is_cold() {
    let flap = |secs, ready| (secs, endpoint(NEW, ready, false));
    let script = [
        (
            0.0,
            Input::Known {
                pod: OLD,
                target: target_of(OLD),
                gated: true,
            },
        ),
        (0.0, pod(NEW, false, false)),
        flap(1.0, true),
        (1.15, health(NEW, TargetState::Initial)),
        flap(2.0, false),
        (20.0, health(OLD, TargetState::Unhealthy)),
        flap(30.0, true),
        flap(310.0, false),
    ];
    let said = said("2.13", LATENCY, &script, 400.0);
    let gates: Vec<_> = said
        .iter()
        .filter(|(_, fact)| matches!(fact, Fact::GatePatched { .. }))
        .collect();
    let [
        (
            at,
            Fact::GatePatched {
                pod: OLD,
                status: false,
            },
        ),
    ] = gates[..]
    else {
        panic!("{said:?}")
    };
    assert!(*at > Time::from_micros(310_000_000));
}

/// Without a change of endpoints a reconcile ends before any call; before 2.9.1 it lists the targets.
#[test]
fn the_checkpoint_spares_calls() {
    let script = [
        (
            0.0,
            Input::Known {
                pod: OLD,
                target: target_of(OLD),
                gated: false,
            },
        ),
        (1.0, endpoint(OLD, true, false)),
    ];
    assert!(said("2.13", LATENCY, &script, 60.0).is_empty());
    assert_eq!(said("2.9.0", LATENCY, &script, 60.0).len(), 1);
}

/// What happens while a call is under way waits for the next reconcile; there is one however much happens.
#[test]
fn changes_during_a_reconcile_are_taken_together_after_it() {
    let third = PodId::new(2, RevisionId::NEW, 2);
    check(
        "2.13",
        &[
            (0.0, pod(OLD, true, false)),
            (0.0, pod(NEW, true, false)),
            (0.0, pod(third, true, false)),
            (1.0, endpoint(OLD, true, false)),
            (1.05, endpoint(NEW, true, false)),
            (1.15, endpoint(third, true, false)),
            (1.18, health(OLD, TargetState::Initial)),
        ],
        60.0,
        "1.000s asks for target health (call 1)
         1.100s registers target-0 for old-1 (call 2)
         1.200s asks for target health (call 3)
         1.300s registers target-1 for new-1 (call 4)
         1.300s registers target-2 for new-2 (call 4)",
    );
}

/// A failed call ends the reconcile; the rate limiter starts the next one.
#[test]
fn a_failed_call_is_retried_on_the_ladder() {
    let script = [
        (0.0, pod(NEW, true, false)),
        (0.0, endpoint(NEW, true, false)),
        (0.15, Input::Failed { call: Call(2) }),
        (0.2, Input::Failed { call: Call(3) }),
    ];
    check(
        "2.13",
        &script,
        60.0,
        "0.000s asks for target health (call 1)
         0.100s registers target-1 for new-1 (call 2)
         0.155s registers target-1 for new-1 (call 3)
         0.210s registers target-1 for new-1 (call 4)",
    );
}

/// 4300 pods are 22 calls of up to 200; the bucket of 20 lets the last two wait.
#[test]
fn many_targets_go_in_chunks_and_the_bucket_brakes() {
    let mut script = Vec::new();
    for index in 0..4300 {
        let id = PodId::new(index, RevisionId::NEW, index + 1);
        script.extend([
            (0.0, pod(id, true, false)),
            (0.0, endpoint(id, true, false)),
        ]);
    }
    let said = said("2.13", Span::from_millis(1), &script, 60.0);
    let mut calls: Vec<(u64, usize)> = Vec::new();
    let mut last = Call::INITIAL;
    for (at, fact) in &said {
        if let Fact::RegisterTargets { call, .. } = fact {
            if std::mem::replace(&mut last, *call) != *call {
                calls.push((at.as_micros() / 1000, 0));
            }
            calls.last_mut().unwrap().1 += 1;
        }
    }
    assert_eq!(calls.len(), 22);
    assert_eq!(calls[..2], [(1, 200), (2, 200)]);
    // Asked for at 21 ms, after 20 calls whose tokens come back every 250 ms from 1 ms on.
    assert_eq!(calls[19..], [(20, 200), (251, 200), (501, 100)]);
}

/// After a reset nothing of the replication before is left.
#[test]
fn a_reset_forgets() {
    let script = [
        (Time::ZERO, pod(NEW, true, true)),
        (Time::ZERO, endpoint(NEW, false, false)),
    ];
    let mut lbc = Answered {
        lbc: Lbc::new(&spec("3.4")),
        latency: LATENCY,
        wakes: Vec::new(),
        facts: Vec::new(),
    };
    let until = Time::from_micros(20_000_000);
    let first = transcript(&mut lbc, &Streams::new(1, 0), &script, until);
    lbc.lbc.reset();
    assert_eq!(
        transcript(&mut lbc, &Streams::new(1, 0), &script, until),
        first
    );
    assert!(!first.is_empty());
}

/// What the old leader had begun is lost; the new one lists everything, then does what is left to do.
#[test]
fn a_new_leader_starts_from_what_is_written_down() {
    check(
        "2.13",
        &[
            (
                0.0,
                Input::Known {
                    pod: OLD,
                    target: target_of(OLD),
                    gated: false,
                },
            ),
            (1.0, endpoint(OLD, false, true)),
            (1.15, Input::LeaderLost),
            (5.0, pod(NEW, true, false)),
            (5.0, endpoint(NEW, true, false)),
            (20.0, Input::LeaderElected),
            (20.05, health(OLD, TargetState::Draining)),
        ],
        60.0,
        "1.000s asks for target health (call 1)
         1.100s deregisters target-0 (call 2)
         20.000s asks for target health (call 3)
         20.100s registers target-1 for new-1 (call 4)",
    );
}

/// Nothing has changed since the checkpoint: nothing is asked.
#[test]
fn a_new_leader_with_nothing_to_do_is_silent() {
    let known = Input::Known {
        pod: OLD,
        target: target_of(OLD),
        gated: false,
    };
    check(
        "2.13",
        &[
            (0.0, known),
            (1.0, Input::LeaderLost),
            (20.0, Input::LeaderElected),
        ],
        60.0,
        "",
    );
}
