//! `trace -o json`: one replication for machines, with everything that its lanes show. Times are seconds since the
//! rollout started, negative before it; what did not happen is absent. `docs/TRACE.md` lists every field.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::figures::json_exact;
use crate::aws::alb_node::Belief;
use crate::escape;
use crate::id::TargetId;
use crate::monte_carlo::Sample;
use crate::observe::timeline::{BeliefChange, PodRecord, Socket, TargetRecord, Timeline};
use crate::observe::track::{Stretch, Track, tracks};
use crate::time::Time;
use crate::traffic::outcome::{Failure, Outcome};
use crate::verdict::Verdict;

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
    /// Every request, in order of sending; none where nobody counts the answered ones.
    pub requests: &'a [Failure],
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
    let mut lanes = tracks(timeline, usize::MAX);
    lanes.sort_by_key(|track| track.row);
    let pods: Vec<_> = timeline
        .pods
        .iter()
        .zip(&lanes)
        .map(|(record, track)| pod(timeline, record, track, &t))
        .collect();
    let load = json!({
        "begins": t(Time::ZERO),
        "ends": t(timeline.load_until),
        "requests": trace.outcome.requests,
        "failed_5xx": trace.outcome.count_5xx(),
    });
    let mut value = json!({
        "scenario": trace.scenario,
        "seed": trace.seed,
        "replication": trace.replication,
        "version": trace.version,
        "digest": trace.digest,
        "engine": "request",
        "fingerprint": format!("{:016x}", trace.sample.fingerprint()),
        "load": load,
        "pods": pods,
        "rs_scale": rs_scale,
        "targets": all(&timeline.targets),
        "routing": routing(timeline, &t),
        "deployment": deployment,
        "requests_failed": trace.outcome.failures.iter().map(|failure| request(failure, &t)).collect::<Vec<_>>(),
        "requests_answered": answered(timeline, trace.requests),
    });
    if let Some(over) = timeline.over {
        value["over"] = t(over);
    }
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

fn pod(timeline: &Timeline, record: &PodRecord, track: &Track, t: &dyn Fn(Time) -> Value) -> Value {
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
    object.extend(
        track
            .serving()
            .map(|from| ("serving".to_owned(), json_seconds(from))),
    );
    let sockets = track.sockets.iter().map(|(stretch, socket)| {
        let mut phase = from_to(*stretch);
        phase.insert("socket".to_owned(), socket_name(*socket).into());
        Value::Object(phase)
    });
    object.insert("sockets".to_owned(), sockets.collect());
    let fields = track.disagreements.iter();
    let fields = fields.map(|stretch| Value::Object(from_to(*stretch)));
    object.insert("chosen_but_gone".to_owned(), fields.collect());
    with_instants(object, &instants, t)
}

/// What a connection meets, in the words of the lanes' legend.
const fn socket_name(socket: Socket) -> &'static str {
    match socket {
        Socket::Serving => "serves",
        Socket::Refusing => "answers 503",
        Socket::Closed => "refuses",
        Socket::Silent => "no network",
    }
}

fn from_to((from, to): Stretch) -> Map<String, Value> {
    [("from", from), ("to", to)]
        .map(|(name, at)| (name.to_owned(), json_seconds(at)))
        .into_iter()
        .collect()
}

/// Whole microseconds, as every time is.
fn json_seconds(seconds: f64) -> Value {
    json_exact((seconds * 1e6).round() / 1e6)
}

/// Requests that were answered by a pod, second by second of their sending and ALB node by ALB node: how many by
/// which pod. `t` is when the second begins.
fn answered(timeline: &Timeline, requests: &[Failure]) -> Vec<Value> {
    let mut counts: BTreeMap<(u64, usize), BTreeMap<usize, u64>> = BTreeMap::new();
    let ok = requests
        .iter()
        .filter(|request| request.verdict == Verdict::Ok);
    for request in ok {
        if let Some(pod) = request.pod {
            let second = request.sent.as_micros() / 1_000_000;
            let row = counts.entry((second, request.node.index())).or_default();
            *row.entry(pod.index()).or_default() += 1;
        }
    }
    let row = |((second, node), pods): (&(u64, usize), &BTreeMap<usize, u64>)| {
        let at = *second as f64 - timeline.rollout_at.as_micros() as f64 / 1e6;
        let pods = pods.iter().map(|(row, count)| {
            let name = timeline.pods[*row].pod.to_string();
            (name, Value::from(*count))
        });
        json!({ "t": json_seconds(at), "alb_node": node, "pods": pods.collect::<Map<_, _>>() })
    };
    counts.iter().map(row).collect()
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
        // The API shows it as soon as the call has returned.
        ("draining", record.deregister_called),
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
                sockets: vec![
                    (Time::ZERO, Socket::Serving),
                    (ms(31_300), Socket::Refusing),
                    (ms(31_320), Socket::Closed),
                    (ms(32_000), Socket::Silent),
                ],
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
        let answer = Failure {
            verdict: Verdict::Ok,
            ..failure
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
            requests: &[
                failure,
                answer,
                Failure {
                    sent: ms(33_980),
                    ..answer
                },
            ],
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

    #[test]
    fn every_field_is_documented() {
        fn fields(value: &Value, found: &mut std::collections::BTreeSet<String>) {
            match value {
                Value::Object(object) => object.iter().for_each(|(name, value)| {
                    found.insert(name.clone());
                    fields(value, found);
                }),
                Value::Array(list) => list.iter().for_each(|value| fields(value, found)),
                _ => {}
            }
        }
        let root = env!("CARGO_MANIFEST_DIR");
        let read = |path: &str| std::fs::read_to_string(format!("{root}/{path}")).unwrap();
        let mut found = std::collections::BTreeSet::new();
        let golden: Value = read("tests/golden/report/trace.json").parse().unwrap();
        fields(&golden, &mut found);
        let documented = read("docs/TRACE.md");
        let missing: Vec<_> = found
            .iter()
            .filter(|name| !name.starts_with("old-") && !documented.contains(&format!("`{name}`")))
            .collect();
        assert_eq!(missing, Vec::<&String>::new());
        assert!(found.len() > 35, "{found:?}");
    }
}
