//! The checker checked: a true history passes, and every way of bending it is noticed.

use std::path::Path;

use super::*;
use crate::aws::alb_node::Belief;
use crate::aws::target::TargetState;
use crate::aws::target_group;
use crate::cluster::app::{Answer, Socket};
use crate::cluster::deployment;
use crate::cluster::pod::{Gates, ProbeKind};
use crate::random::Streams;
use crate::rollout::Rollout;
use crate::scenario::Document;
use crate::time::Span;

/// Everything has an end here: pods drain, are killed, and leave their target group.
const SCENARIO: &str = r#"
name = "checked"
[deployment]
replicas = 4
[pod]
readiness_gate = true
pre_stop = "5s"
termination_grace_period = "10s"
[pod.readiness_probe]
period = "3s"
[app]
start_up = "2s"
on_sigterm = "ignore"
[target_group]
deregistration_delay = "20s"
[load]
rate = 0
"#;

type History = Vec<(Time, Fact)>;

/// What a bent history breaks, in the checker's words.
fn verdict(bend: impl FnOnce(&mut History, &mut Timeline)) -> String {
    let scenario = scenario(SCENARIO);
    verdict_by(&scenario, &scenario, bend)
}

fn scenario(text: &str) -> Scenario {
    Document::parse(Path::new("checked.toml"), text)
        .unwrap()
        .resolve()
        .unwrap()
}

/// The history of one scenario by the rules of another.
fn verdict_by(
    scenario: &Scenario,
    rules: &Scenario,
    bend: impl FnOnce(&mut History, &mut Timeline),
) -> String {
    let mut history = History::new();
    let mut rollout = Rollout::new(scenario);
    let timeline =
        rollout.simulate_observed(&Streams::new(1, 0), |now, fact| history.push((now, *fact)));
    let mut timeline = timeline.unwrap().clone();
    bend(&mut history, &mut timeline);
    let mut checker = Checker::new(rules);
    checker.restart();
    history
        .iter()
        .for_each(|(now, fact)| checker.note(*now, fact));
    checker
        .finish(&timeline)
        .map_or_else(|violation| violation.to_string(), |()| "holds".to_owned())
}

#[track_caller]
fn check(bend: impl FnOnce(&mut History), expected: &str) {
    let verdict = verdict(|history, _| bend(history));
    assert!(verdict.contains(expected), "{verdict}, not {expected}");
}

fn first(history: &History, wanted: impl Fn(&Fact) -> bool) -> usize {
    history
        .iter()
        .position(|(_, fact)| wanted(fact))
        .expect("the history has one")
}

/// Leaves out the first such fact.
fn without(wanted: impl Fn(&Fact) -> bool) -> impl FnOnce(&mut History) {
    move |history| {
        let at = first(history, wanted);
        history.remove(at);
    }
}

/// Has the first such fact come before the first one of another kind.
fn early(
    wanted: impl Fn(&Fact) -> bool,
    before: impl Fn(&Fact) -> bool,
) -> impl FnOnce(&mut History) {
    move |history| {
        let (_, fact) = history.remove(first(history, wanted));
        let at = first(history, before);
        history.insert(at, (history[at].0, fact));
    }
}

/// Says the first such fact twice.
fn twice(wanted: impl Fn(&Fact) -> bool) -> impl FnOnce(&mut History) {
    move |history| {
        let at = first(history, wanted);
        history.insert(at, history[at]);
    }
}

/// Has the first such fact come a second earlier, in its place in time.
fn a_second_early(wanted: impl Fn(&Fact) -> bool) -> impl FnOnce(&mut History) {
    move |history| {
        let (now, fact) = history.remove(first(history, wanted));
        let now = now.saturating_sub(Span::from_secs(1));
        let at = history.partition_point(|(at, _)| *at <= now);
        history.insert(at, (now, fact));
    }
}

const fn pod_changed(fact: &Fact, wanted: PodChange) -> bool {
    matches!(fact, Fact::Api(api_server::Fact::Pod(_, change)) if *change as u8 == wanted as u8)
}

const fn believes(fact: &Fact, wanted: Belief) -> bool {
    matches!(fact, Fact::AlbNode(_, alb_node::Fact::Believes { belief, .. }) if *belief as u8 == wanted as u8)
}

const SIGTERM: fn(&Fact) -> bool =
    |fact| matches!(fact, Fact::Kubelet(_, kubelet::Fact::SentSigterm(_)));
const SIGKILL: fn(&Fact) -> bool =
    |fact| matches!(fact, Fact::Kubelet(_, kubelet::Fact::SentSigkill(_)));
const DELETED: fn(&Fact) -> bool = |fact| pod_changed(fact, PodChange::Deleting);
const GATE_SET: fn(&Fact) -> bool =
    |fact| matches!(fact, Fact::Lbc(lbc::Fact::GatePatched { status: true, .. }));
const DEREGISTERS: fn(&Fact) -> bool =
    |fact| matches!(fact, Fact::Lbc(lbc::Fact::DeregisterTargets { .. }));
const DEREGISTERED: fn(&Fact) -> bool = |fact| {
    matches!(
        fact,
        Fact::TargetGroup(target_group::Fact::Deregistered { .. })
    )
};
const DRAINED: fn(&Fact) -> bool = |fact| {
    matches!(
        fact,
        Fact::TargetGroup(target_group::Fact::DrainingOver { .. })
    )
};
const SHOWN_HEALTHY: fn(&Fact) -> bool = |fact| {
    matches!(
        fact,
        Fact::TargetGroup(target_group::Fact::StateChanged {
            state: TargetState::Healthy,
            ..
        })
    )
};

#[test]
fn a_true_history_holds() {
    check(|_| (), "holds");
}

#[test]
fn time_and_the_life_of_a_pod() {
    check(
        |history| history.last_mut().unwrap().0 = Time::ZERO,
        "time runs backwards",
    );
    check(
        twice(|fact| pod_changed(fact, PodChange::Created)),
        "created twice",
    );
    check(
        without(|fact| pod_changed(fact, PodChange::Created)),
        "nobody created it",
    );
    check(
        twice(|fact| pod_changed(fact, PodChange::Removed)),
        "changed after it was gone",
    );
    check(
        early(|fact| pod_changed(fact, PodChange::Removed), SIGTERM),
        "its object went before its network",
    );
    check(
        without(|fact| pod_changed(fact, PodChange::Bound)),
        "started before it was bound",
    );
    check(
        twice(|fact| matches!(fact, Fact::Kubelet(_, kubelet::Fact::Started(..)))),
        "started twice",
    );
    check(
        without(|fact| matches!(fact, Fact::App(app::Fact::Exited(..)))),
        "its network went before its process",
    );
    check(
        |history| {
            let well = |fact: &Fact| {
                let probe = |question: &app::Question| {
                    matches!(question, app::Question::Probe(_, ProbeKind::Readiness))
                };
                matches!(fact, Fact::App(app::Fact::Answered(pod, question, Answer::Ok))
                    if probe(question) && pod.revision() == RevisionId::NEW)
            };
            history.retain(|(_, fact)| !well(fact));
        },
        "Ready without a probe that succeeded",
    );
    check(
        without(|fact| matches!(fact, Fact::App(app::Fact::Socket(_, _, Socket::Serving)))),
        "it answered what its socket does not",
    );
}

#[test]
fn how_a_pod_ends() {
    check(
        early(SIGTERM, DELETED),
        "neither deleted nor failing its probes",
    );
    check(
        a_second_early(SIGTERM),
        "SIGTERM before its preStop hook was over",
    );
    check(twice(SIGTERM), "SIGTERM twice");
    check(a_second_early(SIGKILL), "SIGKILL within its grace period");
    check(without(SIGTERM), "SIGKILL without SIGTERM");
    check(
        without(DELETED),
        "its endpoint is terminating, and it is not deleted",
    );
}

#[test]
fn endpoints_targets_and_gates() {
    let serves_on = |history: &mut History| {
        for (_, fact) in history {
            if let Fact::Api(api_server::Fact::Endpoint(_, Some(endpoint))) = fact {
                endpoint.ready |= endpoint.terminating;
            }
        }
    };
    check(serves_on, "conditions contradict each other");
    check(
        early(DEREGISTERS, DELETED),
        "deregistered, and it was ready all along",
    );
    check(
        without(DEREGISTERS),
        "deregistered, and nobody asked for it",
    );
    check(
        without(|fact| matches!(fact, Fact::Lbc(lbc::Fact::RegisterTargets { .. }))),
        "registered, and nobody asked",
    );
    check(
        twice(DEREGISTERED),
        "deregistered, and it was not registered",
    );
    check(
        twice(|fact| {
            matches!(
                fact,
                Fact::TargetGroup(target_group::Fact::Registered { .. })
            )
        }),
        "registered twice",
    );
    check(
        early(GATE_SET, SHOWN_HEALTHY),
        "the API does not show it healthy",
    );
    check(without(GATE_SET), "its gate is True and nobody set it");
    check(
        a_second_early(DRAINED),
        "before or after its deregistration delay",
    );
    check(
        early(SHOWN_HEALTHY, |fact| believes(fact, Belief::Healthy)),
        "shown in a state that it cannot have come to",
    );
}

/// Each of two target groups is held to the same rules, and a pod needs the gates of both.
#[test]
fn a_further_target_group() {
    #[track_caller]
    fn check(bend: impl FnOnce(&mut History), expected: &str) {
        let two = scenario(&format!(
            "{SCENARIO}[[other_target_group]]\nderegistration_delay = \"9s\"\n"
        ));
        let verdict = verdict_by(&two, &two, |history, _| bend(history));
        assert!(verdict.contains(expected), "{verdict}, not {expected}");
    }
    let gate_set = |fact: &Fact| {
        matches!(
            fact,
            Fact::Other(
                _,
                OtherFact::Lbc(lbc::Fact::GatePatched { status: true, .. })
            )
        )
    };
    let shown_healthy = |fact: &Fact| match fact {
        Fact::Other(_, OtherFact::TargetGroup(target_group::Fact::StateChanged { state, .. })) => {
            *state == TargetState::Healthy
        }
        _ => false,
    };
    check(|_| (), "holds");
    check(without(gate_set), "its gate is True and nobody set it");
    check(
        early(gate_set, shown_healthy),
        "the API does not show it healthy",
    );
    let registers = |fact: &Fact| {
        matches!(
            fact,
            Fact::Other(_, OtherFact::Lbc(lbc::Fact::RegisterTargets { .. }))
        )
    };
    check(without(registers), "registered, and nobody asked");
    let drained = |fact: &Fact| {
        matches!(
            fact,
            Fact::Other(
                _,
                OtherFact::TargetGroup(target_group::Fact::DrainingOver { .. })
            )
        )
    };
    check(
        a_second_early(drained),
        "before or after its deregistration delay",
    );
    let believed = |fact: &Fact| {
        matches!(
            fact,
            Fact::Other(
                _,
                OtherFact::AlbNode(
                    _,
                    alb_node::Fact::Believes {
                        belief: Belief::Healthy,
                        ..
                    }
                )
            )
        )
    };
    check(
        early(shown_healthy, believed),
        "shown in a state that it cannot have come to",
    );
    // The gate of one group alone, in either order.
    for bit in [0b01, 0b10] {
        let other_gate = |fact: &Fact| {
            let opens = |object: &PodObject| {
                object.gates.open() & bit != 0 && object.pod.revision() == RevisionId::NEW
            };
            matches!(fact, Fact::Api(api_server::Fact::Pod(object, _)) if opens(object))
        };
        let closed = |history: &mut History| {
            let pod = history.iter().find_map(|(_, fact)| match fact {
                Fact::Api(api_server::Fact::Pod(object, _)) if other_gate(fact) => Some(object.pod),
                _ => None,
            });
            for (_, fact) in history {
                if let Fact::Api(api_server::Fact::Pod(object, _)) = fact
                    && Some(object.pod) == pod
                {
                    object.gates.patch(TargetGroupId(bit.ilog2() as u8), false);
                }
            }
        };
        check(closed, "Ready before each of its gates was True");
    }
    let gateless = |history: &mut History| {
        let at = first(history, |fact| pod_changed(fact, PodChange::Created));
        if let Fact::Api(api_server::Fact::Pod(object, _)) = &mut history[at].1 {
            object.gates = Gates::of(1);
        }
    };
    check(gateless, "created with other gates than it should have");
}

#[test]
fn beliefs_follow_the_news() {
    check(
        early(|fact| believes(fact, Belief::Draining), DEREGISTERED),
        "believed before DeregisterTargets returned",
    );
    check(
        early(|fact| believes(fact, Belief::Gone), DRAINED),
        "believed before or after the deregistration delay",
    );
    check(
        without(|fact| believes(fact, Belief::Draining)),
        "believed after what cannot come before it",
    );
    let checked = |fact: &Fact| {
        let by_node = |question: &app::Question| matches!(question, app::Question::HealthCheck(..));
        matches!(fact, Fact::App(app::Fact::Answered(_, question, Answer::Ok)) if by_node(question))
    };
    check(
        |history| history.retain(|(_, fact)| !checked(fact)),
        "believed healthy without a check",
    );
}

#[test]
fn one_pod_at_a_time_has_an_ip() {
    #[track_caller]
    fn check(cooldown: &str, bend: impl FnOnce(&mut History), expected: &str) {
        let cooled = |span| {
            scenario(&format!(
                "{SCENARIO}[cluster]\nip_reuse = 1.0\nip_cooldown = \"{span}\"\n[load_balancer]\nregistration_propagation = \"8s\"\n"
            ))
        };
        let verdict = verdict_by(&cooled("3s"), &cooled(cooldown), |history, _| bend(history));
        assert!(verdict.contains(expected), "{verdict}, not {expected}");
    }
    const REUSED: fn(&Fact) -> bool =
        |fact| matches!(fact, Fact::Kubelet(_, kubelet::Fact::ReusedIp(..)));
    check("3s", |_| (), "holds");
    check("30s", |_| (), "given an IP that had not cooled down");
    check("3s", twice(REUSED), "given an IP that somebody has");
    check("3s", without(REUSED), "registered for a pod of another IP");
    let elsewhere = |history: &mut History| {
        let at = first(history, REUSED);
        if let Fact::Kubelet(host, _) = &mut history[at].1 {
            *host = NodeId(host.0 + 1);
        }
    };
    check("3s", elsewhere, "given an IP of another host");
}

/// The controller asks for another number, and gets it.
fn scaled(revision: RevisionId, other: u32) -> impl FnOnce(&mut History) {
    move |history| {
        let mut bent = 0;
        for (_, fact) in history {
            match fact {
                Fact::Deployment(deployment::Fact::WroteReplicaSet {
                    revision: of,
                    replicas,
                    ..
                }) if *of == revision && bent == 0 => {
                    (*replicas, bent) = (other, 1);
                }
                Fact::Api(api_server::Fact::ReplicaSet { object, .. })
                    if object.revision == revision && bent == 1 =>
                {
                    (object.replicas, bent) = (other, 2);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn as_many_pods_as_promised() {
    check(
        scaled(RevisionId::NEW, 2),
        "scaled up beyond replicas and surge",
    );
    check(
        scaled(RevisionId::OLD, 2),
        "scaled down below what must be available",
    );
    let decides = |fact: &Fact| {
        matches!(
            fact,
            Fact::Deployment(deployment::Fact::WroteReplicaSet { .. })
        )
    };
    check(
        without(decides),
        "the Deployment controller did not ask for it",
    );
    let creates =
        |fact: &Fact| matches!(fact, Fact::ReplicaSet(replica_set::Fact::CreatedPod { .. }));
    check(without(creates), "its ReplicaSet did not ask for it");
}

#[test]
fn the_record_is_in_order() {
    #[track_caller]
    fn check(bend: impl FnOnce(&mut Timeline), expected: &str) {
        let verdict = verdict(|_, timeline| bend(timeline));
        assert!(verdict.contains(expected), "{verdict}, not {expected}");
    }
    check(|timeline| timeline.pods.swap(0, 1), "in another one's row");
    check(
        |timeline| timeline.pods[0].sockets.reverse(),
        "its sockets are out of order",
    );
    check(
        |timeline| timeline.pods[0].gone = Some(Time::ZERO),
        "its ends are out of order",
    );
    check(
        |timeline| timeline.pods[5].ready = Some(Time::ZERO),
        "its beginnings are out of order",
    );
    check(
        |timeline| timeline.pods[0].sockets.truncate(1),
        "its socket is not silent",
    );
    check(
        |timeline| timeline.beliefs[1].reverse(),
        "beliefs are out of order",
    );
    check(|timeline| timeline.beliefs.truncate(1), "lacks a node");
    check(
        |timeline| timeline.targets.truncate(1),
        "a belief about nobody",
    );
    check(|timeline| timeline.end = Time::ZERO, "out of order");
}
