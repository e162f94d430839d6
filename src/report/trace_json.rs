//! `trace -o json`: one replication for machines. Times are seconds since the rollout started, negative
//! before it; what did not happen is absent.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::figures::json_exact;
use crate::aws::alb_node::Belief;
use crate::escape;
use crate::id::TargetId;
use crate::monte_carlo::Sample;
use crate::observe::timeline::{BeliefChange, PodRecord, TargetRecord, Timeline};
use crate::time::Time;
use crate::traffic::outcome::{Failure, Outcome};

/// One replication, and what reproduces it.
#[derive(Debug, Clone, Copy)]
pub struct Trace<'a> {
    /// The scenario's name.
    pub scenario: &'a str,
    /// The scenario's digest.
    pub digest: &'a str,
    /// The version of rollcast that made it.
    pub version: &'a str,
    /// What its further target groups are called.
    pub other_target_groups: &'a [String],
    /// The seed.
    pub seed: u64,
    /// Which replication.
    pub replication: u64,
    /// What pods did and nodes believed.
    pub timeline: &'a Timeline,
    /// What became of the requests, its failures kept.
    pub outcome: &'a Outcome,
    /// The same in a nutshell.
    pub sample: &'a Sample,
}

/// One object.
pub fn render(trace: &Trace<'_>) -> String {
    let timeline = trace.timeline;
    let t = |at: Time| json_exact(at.secs_since(timeline.rollout_at));
    let rs_scale: Vec<_> = timeline.scales.iter().map(|scale| {
        json!({ "t": t(scale.at), "revision": scale.revision.to_string(), "from": scale.from, "to": scale.to })
    }).collect();
    let deployment: Vec<_> = timeline
        .conditions
        .iter()
        .map(|change| {
            let status = if change.status { "True" } else { "False" };
            json!({ "t": t(change.at), "condition": change.condition, "status": status, "reason": change.reason })
        })
        .collect();
    let all = |targets: &[TargetRecord]| -> Vec<Value> {
        (0..)
            .zip(targets)
            .map(|(row, record)| target(timeline, TargetId(row), record, &t))
            .collect()
    };
    let mut value = json!({
        "scenario": trace.scenario,
        "seed": trace.seed,
        "replication": trace.replication,
        "version": trace.version,
        "digest": trace.digest,
        "engine": "request",
        "fingerprint": format!("{:016x}", trace.sample.fingerprint()),
        "pods": timeline.pods.iter().map(|record| pod(timeline, record, &t)).collect::<Vec<_>>(),
        "rs_scale": rs_scale,
        "targets": all(&timeline.targets),
        "routing": routing(timeline, &t),
        "deployment": deployment,
        "requests_failed": trace.outcome.failures.iter().map(|failure| request(failure, &t)).collect::<Vec<_>>(),
    });
    if !timeline.other_targets.is_empty() {
        let groups = trace
            .other_target_groups
            .iter()
            .zip(&timeline.other_targets);
        value["other_target_groups"] = groups
            .map(|(name, targets)| json!({ "name": name, "targets": all(targets) }))
            .collect();
    }
    escape::json(&format!("{value:#}\n"))
}

/// Adds the instants that happened.
fn with_instants(
    mut object: Map<String, Value>,
    instants: &[(&str, Option<Time>)],
    t: &dyn Fn(Time) -> Value,
) -> Value {
    for (name, at) in instants {
        object.extend(at.map(|at| ((*name).to_owned(), t(at))));
    }
    object.into()
}

fn pod(timeline: &Timeline, record: &PodRecord, t: &dyn Fn(Time) -> Value) -> Value {
    let mut object = Map::new();
    object.insert("pod".to_owned(), record.pod.to_string().into());
    object.insert(
        "revision".to_owned(),
        record.pod.revision().to_string().into(),
    );
    object.insert("initial".to_owned(), record.initial.into());
    object.extend(
        record
            .node
            .map(|node| ("node".to_owned(), node.to_string().into())),
    );
    // Whose IP it was given, if not one of its own.
    let reuse = timeline.reuses.iter().find(|reuse| reuse.pod == record.pod);
    object.extend(reuse.map(|reuse| {
        (
            "ip_of".to_owned(),
            timeline.pods[reuse.target.index()].pod.to_string().into(),
        )
    }));
    let instants = [
        ("created", record.created),
        ("bound", record.bound),
        ("running", record.running),
        ("ready", record.ready),
        ("in_slice_ready", record.in_slice_ready),
        ("terminating", record.terminating),
        ("out_of_slice_ready", record.out_of_slice_ready),
        ("sigterm", record.sigterm),
        ("listener_closed", record.listener_closed),
        ("finished", record.finished),
        ("network_gone", record.network_gone),
        ("gone", record.gone),
    ];
    with_instants(object, &instants, t)
}

/// A target by its pod's name, or by its host's.
fn name_of(timeline: &Timeline, target: TargetId) -> (String, Value) {
    let kind = if timeline.node_ports.is_empty() {
        "pod"
    } else {
        "node"
    };
    (kind.to_owned(), timeline.name_of(target).into())
}

fn target(
    timeline: &Timeline,
    target: TargetId,
    record: &TargetRecord,
    t: &dyn Fn(Time) -> Value,
) -> Value {
    let instants = [
        ("registered", record.registered),
        ("healthy", record.healthy),
        ("deregister_called", record.deregister_called),
        ("draining_over", record.draining_over),
    ];
    with_instants(Map::from_iter([name_of(timeline, target)]), &instants, t)
}

/// The intervals in which a node believed a target healthy, node by node, in order of their beginning.
fn routing(timeline: &Timeline, t: &dyn Fn(Time) -> Value) -> Vec<Value> {
    let nodes = timeline.beliefs.iter().enumerate();
    nodes
        .flat_map(|(node, changes)| {
            intervals(changes)
                .into_iter()
                .map(move |interval| (node, interval))
        })
        .map(|(node, (target, from, to))| {
            let mut object = Map::new();
            object.insert("alb_node".to_owned(), node.into());
            object.extend([name_of(timeline, target)]);
            with_instants(object, &[("from", Some(from)), ("to", to)], t)
        })
        .collect()
}

/// In which intervals a node believed targets healthy, in order of their beginning; without an end if it
/// believed so to the last.
pub(super) fn intervals(changes: &[BeliefChange]) -> Vec<(TargetId, Time, Option<Time>)> {
    let mut open: BTreeMap<TargetId, usize> = BTreeMap::new();
    let mut intervals: Vec<(TargetId, Time, Option<Time>)> = Vec::new();
    for change in changes {
        if change.belief == Belief::Healthy {
            open.entry(change.target).or_insert_with(|| {
                intervals.push((change.target, change.at, None));
                intervals.len() - 1
            });
        } else if let Some(row) = open.remove(&change.target) {
            intervals[row].2 = Some(change.at);
        }
    }
    intervals
}

fn request(failure: &Failure, t: &dyn Fn(Time) -> Value) -> Value {
    let mut object = Map::new();
    object.insert("t".to_owned(), t(failure.sent));
    object.extend(
        failure
            .pod
            .map(|pod| ("pod".to_owned(), pod.to_string().into())),
    );
    object.insert("alb_node".to_owned(), failure.node.index().into());
    object.insert("status".to_owned(), failure.verdict.status().into());
    object.extend(
        failure
            .verdict
            .cause_name()
            .map(|cause| ("cause".to_owned(), cause.into())),
    );
    object.insert(
        "latency_ms".to_owned(),
        json_exact(failure.latency.as_micros() as f64 / 1e3),
    );
    object.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AlbNodeId, NodeId, PodId, RevisionId};
    use crate::observe::timeline::{ConditionChange, ScaleChange, TargetRecord};
    use crate::report::specimen::check;
    use crate::time::Span;
    use crate::verdict::{Cause, Verdict};

    const OLD: PodId = PodId::new(0, RevisionId::OLD, 1);

    const fn ms(millis: u64) -> Time {
        Time::from_micros(millis * 1_000)
    }

    fn belief(at: Time, target: u16, belief: Belief) -> BeliefChange {
        BeliefChange {
            at,
            target: TargetId(target),
            belief,
        }
    }

    fn timeline() -> Timeline {
        let new = PodId::new(1, RevisionId::NEW, 1);
        let mut timeline = Timeline {
            rollout_at: ms(10_000),
            end: ms(90_000),
            ..Timeline::default()
        };
        timeline.pods = vec![
            PodRecord {
                initial: true,
                node: Some(NodeId(0)),
                terminating: Some(ms(31_250)),
                ..PodRecord::new(OLD)
            },
            PodRecord {
                created: Some(ms(10_040)),
                ready: Some(ms(30_123)),
                ..PodRecord::new(new)
            },
        ];
        let target = TargetRecord {
            pod: Some(OLD),
            registered: None,
            healthy: None,
            deregister_called: None,
            draining_over: None,
        };
        timeline.targets = vec![
            TargetRecord {
                deregister_called: Some(ms(31_500)),
                ..target.clone()
            },
            TargetRecord {
                pod: Some(new),
                registered: Some(ms(30_400)),
                ..target.clone()
            },
        ];
        timeline.other_targets = vec![vec![
            TargetRecord {
                deregister_called: Some(ms(31_600)),
                draining_over: Some(ms(61_600)),
                ..target.clone()
            },
            TargetRecord {
                pod: Some(new),
                registered: Some(ms(30_450)),
                healthy: Some(ms(33_100)),
                ..target
            },
        ]];
        timeline.beliefs = vec![
            vec![
                belief(Time::ZERO, 0, Belief::Healthy),
                belief(ms(30_900), 1, Belief::Initial),
                belief(ms(33_000), 1, Belief::Healthy),
                belief(ms(38_500), 0, Belief::Draining),
                belief(ms(68_500), 0, Belief::Gone),
            ],
            vec![],
        ];
        timeline.scales = vec![ScaleChange {
            at: ms(10_040),
            revision: RevisionId::NEW,
            from: None,
            to: 1,
        }];
        let (condition, reason) = ("Progressing", "ProgressDeadlineExceeded");
        timeline.conditions = vec![ConditionChange {
            at: ms(80_000),
            condition,
            status: false,
            reason,
        }];
        timeline
    }

    #[test]
    fn one_replication() {
        let mut outcome = Outcome::new();
        let verdict = Verdict::Alb(Cause::ConnectTimeout);
        let failure = Failure {
            sent: ms(33_330),
            node: AlbNodeId(0),
            pod: Some(OLD),
            verdict,
            latency: Span::from_millis(10_002),
        };
        outcome.failures = vec![
            failure,
            Failure {
                pod: None,
                verdict: Verdict::Alb(Cause::NoTarget),
                ..failure
            },
        ];
        let trace = Trace {
            scenario: "one-for-one",
            digest: "0123456789abcdef",
            version: "0.0.0",
            other_target_groups: &["internal".to_owned()],
            seed: 1,
            replication: 0,
            timeline: &timeline(),
            outcome: &outcome,
            sample: &Sample::default(),
        };
        check("trace.json", &render(&trace));
    }

    #[test]
    fn belief_that_comes_back_is_a_second_interval() {
        let changes = [
            belief(ms(1), 0, Belief::Healthy),
            belief(ms(2), 0, Belief::Healthy),
            belief(ms(3), 0, Belief::Unhealthy),
            belief(ms(4), 1, Belief::Healthy),
            belief(ms(5), 0, Belief::Healthy),
        ];
        let expected = vec![
            (TargetId(0), ms(1), Some(ms(3))),
            (TargetId(1), ms(4), None),
            (TargetId(0), ms(5), None),
        ];
        assert_eq!(intervals(&changes), expected);
    }
}
