//! alb_node, alone: scripts in, transcripts out.

use super::*;
use crate::actor::transcript;
use crate::random::Streams;

const TARGET: TargetId = TargetId(0);
const NODE: AlbNodeId = AlbNodeId(0);
const DELAY: Span = Span::from_secs(30);

/// What stands behind the target: answers checks from and until an instant; otherwise it refuses
/// or, if `silent`, loses them.
#[derive(Clone, Copy)]
struct Socket {
    from: f64,
    until: f64,
    silent: bool,
}

/// The node, and the socket that its checks meet.
struct Facing {
    node: AlbNode,
    socket: Socket,
    wakes: Vec<(Time, Input)>,
    facts: Vec<Fact>,
}

impl Actor for Facing {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        let streams = *out.streams();
        self.node.handle(
            now,
            input,
            &mut Outbox::new(now, &streams, &mut self.wakes, &mut self.facts),
        );
        self.wakes
            .drain(..)
            .for_each(|(at, input)| out.wake_at(at, input));
        let ok = (self.socket.from..self.socket.until).contains(&now.as_secs_f64());
        for fact in self.facts.drain(..) {
            match fact {
                Fact::CheckSent { target, check } if ok || !self.socket.silent => {
                    out.wake(
                        Span::from_millis(2),
                        Input::CheckAnswered { target, check, ok },
                    );
                }
                _ => {}
            }
            out.say(fact);
        }
    }
}

const ALWAYS: Socket = Socket {
    from: 0.0,
    until: f64::INFINITY,
    silent: false,
};

fn said(seed: u64, socket: Socket, script: &[(f64, Input)], until: f64) -> Vec<(Time, Fact)> {
    said_if(false, seed, socket, script, until)
}

fn said_if(
    is_told: bool,
    seed: u64,
    socket: Socket,
    script: &[(f64, Input)],
    until: f64,
) -> Vec<(Time, Fact)> {
    let at = |secs| Time::ZERO + Span::from_secs_f64(secs);
    let script: Vec<_> = script
        .iter()
        .map(|&(secs, input)| (at(secs), input))
        .collect();
    let node = AlbNode::new(&HealthCheckSpec::default(), DELAY, NODE, is_told);
    let mut facing = Facing {
        node,
        socket,
        wakes: Vec::new(),
        facts: Vec::new(),
    };
    transcript(&mut facing, &Streams::new(seed, 0), &script, at(until))
}

/// The transcript of a script, in seconds.
#[track_caller]
fn check(socket: Socket, script: &[(f64, Input)], until: f64, expected: &str) {
    let lines: Vec<_> = said(1, socket, script, until)
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

/// When the node first believes it.
fn first(said: &[(Time, Fact)], wanted: Belief) -> f64 {
    let believes = |fact: &Fact| matches!(fact, Fact::Believes { belief, .. } if *belief == wanted);
    said.iter()
        .find(|(_, fact)| believes(fact))
        .map_or(f64::NAN, |(at, _)| at.as_secs_f64())
}

const fn register(call: u32) -> Input {
    Input::Register {
        call: Call(call),
        target: TARGET,
    }
}

const fn deregister(call: u32) -> Input {
    Input::Deregister {
        call: Call(call),
        target: TARGET,
    }
}

#[test]
fn a_target_from_registration_to_the_end_of_its_drain() {
    check(
        ALWAYS,
        &[(2.0, register(1)), (30.0, deregister(2))],
        100.0,
        "2.000s believes target-0 initial
         2.926s checks target-0 (check 1)
         2.928s believes target-0 healthy
         2.928s finds target-0 healthy
         17.926s checks target-0 (check 2)
         30.000s believes target-0 draining
         60.000s believes target-0 gone",
    );
}

/// A new target needs one passed check: healthy within a second of the node's knowing it, whatever the interval.
#[test]
fn a_new_target_is_healthy_at_its_first_check() {
    for seed in 0..200 {
        let healthy = first(
            &said(seed, ALWAYS, &[(2.0, register(1))], 60.0),
            Belief::Healthy,
        );
        assert!((2.0..=3.002).contains(&healthy), "{healthy}");
    }
}

/// An unhealthy one needs `healthy_threshold` (2) of them: one interval more.
#[test]
fn an_unhealthy_target_needs_the_threshold() {
    let late = Socket {
        from: 40.0,
        ..ALWAYS
    };
    for seed in 0..200 {
        let said = said(seed, late, &[(0.0, register(1))], 120.0);
        let (unhealthy, healthy) = (
            first(&said, Belief::Unhealthy),
            first(&said, Belief::Healthy),
        );
        // Two failed checks, 15 s apart, the first within 1 s.
        assert!((15.0..=16.002).contains(&unhealthy), "{unhealthy}");
        assert!((60.0..=61.002).contains(&healthy), "{healthy}");
    }
}

/// With 15/5/2: 15–30 s when the dead target refuses, 20–35 s when it is silent, all of it used.
#[test]
fn a_dead_target_is_found_out_late() {
    for (silent, low, high) in [(false, 15.0, 30.0), (true, 20.0, 35.0)] {
        let dies = Socket {
            until: 40.0,
            silent,
            ..ALWAYS
        };
        let mut waits: Vec<f64> = (0..500)
            .map(|seed| {
                first(
                    &said(
                        seed,
                        dies,
                        &[(
                            0.0,
                            Input::Known {
                                target: TARGET,
                                healthy: true,
                            },
                        )],
                        120.0,
                    ),
                    Belief::Unhealthy,
                ) - 40.0
            })
            .collect();
        waits.sort_by(f64::total_cmp);
        assert!(waits[0] >= low && waits[0] < low + 0.5, "{}", waits[0]);
        assert!(
            waits[499] <= high + 0.002 && waits[499] > high - 0.5,
            "{}",
            waits[499]
        );
        assert!(
            (waits[250] - (low + high) / 2.0).abs() < 1.5,
            "{}",
            waits[250]
        );
    }
}

/// The delay begins when the node learns of the deregistration, whenever that is; a later one begins it anew.
#[test]
fn the_delay_begins_when_the_node_learns() {
    for learned in [3.0, 12.6, 60.0] {
        let script = [
            (
                0.0,
                Input::Known {
                    target: TARGET,
                    healthy: true,
                },
            ),
            (learned, deregister(2)),
        ];
        let said = said(1, ALWAYS, &script, 120.0);
        let whole = |secs: f64| (secs * 1e3).round();
        assert_eq!(whole(first(&said, Belief::Gone)), whole(learned + 30.0));
        // Checks go on until then.
        let checks = said
            .iter()
            .filter(|(_, fact)| matches!(fact, Fact::CheckSent { .. }));
        let last = checks
            .map(|(at, _)| at.as_secs_f64())
            .fold(f64::NAN, f64::max);
        assert!(
            last.is_nan() && learned < 15.0 || last <= learned && last > learned - 15.0,
            "{last}, {learned}"
        );
    }
    let script = [
        (
            0.0,
            Input::Known {
                target: TARGET,
                healthy: true,
            },
        ),
        (1.0, deregister(2)),
        (11.0, deregister(4)),
    ];
    assert_eq!(first(&said(1, ALWAYS, &script, 120.0), Belief::Gone), 41.0);
}

/// Registered again while the news of the deregistration is on its way: the later call holds.
#[test]
fn overtaken_news_is_stale() {
    let script = [
        (
            0.0,
            Input::Known {
                target: TARGET,
                healthy: true,
            },
        ),
        (1.0, register(3)),
        (2.0, deregister(2)),
        (40.0, register(3)),
    ];
    let said = said(1, ALWAYS, &script, 60.0);
    let beliefs: Vec<_> = said
        .iter()
        .filter_map(|(_, fact)| {
            if let Fact::Believes { belief, .. } = fact {
                Some(*belief)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(beliefs, [Belief::Healthy, Belief::Initial, Belief::Healthy]);
    // One chain of checks, not two: no two within an interval.
    let checks: Vec<_> = said
        .iter()
        .filter(|(at, fact)| at.as_secs_f64() > 1.0 && matches!(fact, Fact::CheckSent { .. }))
        .collect();
    assert!(
        checks
            .windows(2)
            .all(|pair| pair[1].0 - pair[0].0 == Span::from_secs(15)),
        "{checks:?}"
    );
    // A deregistration of a target never heard of leaves nothing to drain, and outdates its registration.
    check(
        ALWAYS,
        &[(1.0, deregister(2)), (2.0, register(1))],
        60.0,
        "",
    );
}

/// A deregistration overtakes the registration before it: the target drains on, and that is no news.
#[test]
fn a_target_drains_once() {
    let script = [
        (
            0.0,
            Input::Known {
                target: TARGET,
                healthy: true,
            },
        ),
        (1.0, deregister(2)),
        (2.0, deregister(4)),
        (3.0, register(3)),
    ];
    check(
        ALWAYS,
        &script,
        60.0,
        "0.000s believes target-0 healthy
         1.000s believes target-0 draining
         32.000s believes target-0 gone",
    );
}

/// A node that is told when its targets stir sends fewer checks, and nobody can tell by what it finds.
#[test]
fn checks_that_rest_are_not_missed() {
    let script = |told: f64| {
        let known = Input::Known {
            target: TARGET,
            healthy: true,
        };
        [
            (0.0, known),
            (told, Input::Stirred { target: TARGET }),
            (150.0, deregister(1)),
            (160.0, register(2)),
        ]
    };
    let found = |is_told, seed, socket, script: &[(f64, Input)]| {
        let mut said = said_if(is_told, seed, socket, script, 300.0);
        let all = said.len();
        said.retain(|(_, fact)| !matches!(fact, Fact::CheckSent { .. }));
        (said, all)
    };
    for seed in 0..200 {
        let until = 1.0 + 0.7 * seed as f64;
        for silent in [false, true] {
            let socket = Socket {
                from: 0.0,
                until,
                silent,
            };
            let (restless, more) = found(false, seed, socket, &script(until));
            let (told, fewer) = found(true, seed, socket, &script(until));
            assert_eq!(told, restless, "seed {seed}, stirred at {until}");
            assert!(fewer < more || until < 15.0, "{fewer} of {more} at {until}");
        }
    }
}

/// After a reset nothing of the replication before is left.
#[test]
fn a_reset_forgets() {
    let script = [(
        Time::ZERO,
        Input::Known {
            target: TARGET,
            healthy: true,
        },
    )];
    let node = AlbNode::new(&HealthCheckSpec::default(), DELAY, NODE, false);
    let mut facing = Facing {
        node,
        socket: ALWAYS,
        wakes: Vec::new(),
        facts: Vec::new(),
    };
    let until = Time::from_micros(120_000_000);
    let streams = Streams::new(1, 0);
    let before = transcript(&mut facing, &streams, &script, until);
    facing.node.reset();
    assert_eq!(transcript(&mut facing, &streams, &script, until), before);
    assert_eq!(before.len(), 1 + 8, "the belief, and a check every 15 s");
}
