//! target_group, alone: scripts in, transcripts out.

use super::*;
use crate::actor::transcript;
use crate::id::RevisionId;
use crate::random::Streams;

const POD: PodId = PodId::new(0, RevisionId::OLD, 1);
const TARGET: TargetId = TargetId(0);
const REGISTER: Input = Input::Register {
    call: Call(1),
    target: TARGET,
    pod: POD,
};
const DEREGISTER: Input = Input::Deregister {
    call: Call(2),
    target: TARGET,
};
const DESCRIBE: Input = Input::Describe { call: Call(9) };

const fn verdict(node: u8, call: u32, healthy: bool) -> Input {
    Input::NodeHealth {
        node: AlbNodeId(node),
        target: TARGET,
        call: Call(call),
        healthy,
    }
}

/// Script in whole seconds; two nodes, 30 s of deregistration delay.
#[track_caller]
fn check(script: &[(u64, Input)], expected: &str) {
    let spec = TargetGroupSpec {
        deregistration_delay: Span::from_secs(30),
        ..TargetGroupSpec::default()
    };
    let script: Vec<_> = script
        .iter()
        .map(|&(at, input)| (Time::ZERO + Span::from_secs(at), input))
        .collect();
    let mut group = TargetGroup::new(&spec, 0..2);
    let said = transcript(&mut group, &Streams::new(1, 0), &script, Time::NEVER);
    let lines: Vec<_> = said
        .iter()
        .map(|(at, fact)| format!("{}: {fact}", at.as_micros() / 1_000_000))
        .collect();
    let expected: Vec<_> = expected
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(lines, expected);
}

#[test]
fn healthy_when_the_slowest_node_says_so_unhealthy_when_the_first_does() {
    check(
        &[
            (1, REGISTER),
            (3, verdict(0, 1, true)),
            (4, DESCRIBE),
            (9, verdict(1, 1, true)),
            (10, DESCRIBE),
            (11, DESCRIBE),
            (20, verdict(0, 1, false)),
            (30, verdict(1, 1, false)),
            (40, verdict(0, 1, true)),
            (50, verdict(1, 1, true)),
        ],
        "1: target-0 of old-1 registered (call 1)
         1: target-0 is initial
         1: call 1 returns
         4: answers: target-0 is initial
         4: call 9 returns
         9: target-0 is healthy
         10: answers: target-0 is healthy
         10: call 9 returns
         11: call 9 returns
         20: target-0 is unhealthy
         50: target-0 is healthy",
    );
}

#[test]
fn draining_until_the_delay_is_over() {
    check(
        &[
            (
                0,
                Input::Known {
                    target: TARGET,
                    healthy: true,
                },
            ),
            (2, DEREGISTER),
            (3, verdict(0, 0, false)),
            (31, DESCRIBE),
            (33, DESCRIBE),
        ],
        "2: target-0 deregistered (call 2)
         2: target-0 is draining
         2: call 2 returns
         31: answers: target-0 is draining
         31: call 9 returns
         32: draining of target-0 is over
         33: answers: target-0 is not registered
         33: call 9 returns",
    );
}

#[test]
fn registered_again_the_old_drain_and_old_verdicts_are_stale() {
    check(
        &[
            (
                0,
                Input::Known {
                    target: TARGET,
                    healthy: true,
                },
            ),
            (2, DEREGISTER),
            (
                9,
                Input::Register {
                    call: Call(3),
                    target: TARGET,
                    pod: POD,
                },
            ),
            (10, verdict(0, 0, true)),
            (10, verdict(1, 0, true)),
            (40, verdict(0, 3, true)),
            (41, verdict(1, 3, true)),
        ],
        "2: target-0 deregistered (call 2)
         2: target-0 is draining
         2: call 2 returns
         9: target-0 of old-1 registered (call 3)
         9: target-0 is initial
         9: call 3 returns
         41: target-0 is healthy",
    );
}

#[test]
fn one_return_for_a_call_of_many_and_repeats_change_nothing() {
    let other = TargetId(1);
    let pod = PodId::new(1, RevisionId::NEW, 1);
    check(
        &[
            (1, REGISTER),
            (
                1,
                Input::Register {
                    call: Call(1),
                    target: other,
                    pod,
                },
            ),
            (
                2,
                Input::Register {
                    call: Call(2),
                    target: TARGET,
                    pod: POD,
                },
            ),
            (
                3,
                Input::Deregister {
                    call: Call(3),
                    target: TargetId(7),
                },
            ),
        ],
        "1: target-0 of old-1 registered (call 1)
         1: target-0 is initial
         1: target-1 of new-1 registered (call 1)
         1: target-1 is initial
         1: call 1 returns
         2: call 2 returns
         3: call 3 returns",
    );
}
