//! `trace -o chrome`: one replication as trace events, for chrome://tracing and Perfetto.
//!
//! Three groups of rows: what pods' sockets did, what each ALB node believed, and the failed requests.
//! Instants are microseconds since the load started. The format is Google's "Trace Event Format".

use serde_json::{Value, json};

use super::trace_json::Trace;
use crate::aws::alb_node::Belief;
use crate::escape;
use crate::id::{PodId, TargetId};
use crate::observe::timeline::{PodRecord, Socket, Timeline};
use crate::time::Time;

/// The groups ("processes") of rows; those of ALB nodes follow.
const PODS: usize = 1;
const FAILURES: usize = 2;
const ALB_NODES: usize = 3;

/// One object.
pub fn render(trace: &Trace<'_>) -> String {
    let timeline = trace.timeline;
    let mut events = vec![
        group(PODS, "pods"),
        group(FAILURES, "failed requests"),
        json!({ "name": "rollout starts", "ph": "i", "s": "g", "ts": timeline.rollout_at.as_micros(), "pid": PODS, "tid": 0 }),
    ];
    timeline
        .pods
        .iter()
        .for_each(|pod| events.extend(truth(pod, timeline)));
    for node in 0..timeline.beliefs.len() {
        events.push(group(ALB_NODES + node, &format!("alb-{node} believes")));
        events.extend(beliefs(node, timeline));
    }
    events.extend(failures(trace));
    let about = json!({
        "scenario": trace.scenario,
        "digest": trace.digest,
        "seed": trace.seed,
        "replication": trace.replication,
        "version": trace.version,
        "engine": "request",
    });
    let document = json!({ "traceEvents": events, "displayTimeUnit": "ms", "otherData": about });
    escape::json(&format!("{document:#}\n"))
}

fn group(pid: usize, name: &str) -> Value {
    json!({ "name": "process_name", "ph": "M", "pid": pid, "args": { "name": name } })
}

fn row(pid: usize, tid: usize, name: &str) -> Value {
    json!({ "name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "args": { "name": name } })
}

fn span(pid: usize, tid: usize, name: &str, from: Time, to: Time) -> Value {
    let length = to.saturating_since(from).as_micros();
    json!({ "name": name, "ph": "X", "ts": from.as_micros(), "dur": length, "pid": pid, "tid": tid })
}

/// What a pod's socket did, and the turns of its life.
fn truth(pod: &PodRecord, timeline: &Timeline) -> Vec<Value> {
    let tid = pod.pod.index();
    let ends = pod
        .sockets
        .iter()
        .skip(1)
        .map(|(at, _)| *at)
        .chain([timeline.end]);
    let spans = pod
        .sockets
        .iter()
        .zip(ends)
        .filter(|((_, socket), _)| *socket != Socket::Silent)
        .map(|((from, socket), to)| {
            let name = match socket {
                Socket::Serving => "serving",
                Socket::Refusing => "answering 503",
                Socket::Closed | Socket::Silent => "closed",
            };
            span(PODS, tid, name, *from, to)
        });
    let turns = [
        ("created", pod.created),
        ("running", pod.running),
        ("ready", pod.ready),
        ("deleted", pod.terminating),
        ("SIGTERM", pod.sigterm),
        ("network gone", pod.network_gone),
        ("gone", pod.gone),
    ];
    let turns = turns.into_iter().filter_map(|(name, at)| {
        at.map(|at| json!({ "name": name, "ph": "i", "s": "t", "ts": at.as_micros(), "pid": PODS, "tid": tid }))
    });
    [row(PODS, tid, &pod.pod.to_string())]
        .into_iter()
        .chain(spans)
        .chain(turns)
        .collect()
}

/// A row for each target, a span for each belief about it.
fn beliefs(node: usize, timeline: &Timeline) -> Vec<Value> {
    let pid = ALB_NODES + node;
    let mut events = Vec::new();
    for target_id in (0..timeline.targets.len() as u16).map(TargetId) {
        events.push(row(pid, target_id.index(), &timeline.name_of(target_id)));
        let changes: Vec<_> = timeline.beliefs[node]
            .iter()
            .filter(|change| change.target == target_id)
            .collect();
        let ends = changes
            .iter()
            .skip(1)
            .map(|change| change.at)
            .chain([timeline.end]);
        let known = changes.iter().zip(ends).filter_map(|(change, to)| {
            let name = match change.belief {
                Belief::Initial => "initial",
                Belief::Healthy => "healthy",
                Belief::Unhealthy => "unhealthy",
                Belief::Draining => "draining",
                Belief::Gone => return None,
            };
            Some(span(pid, target_id.index(), name, change.at, to))
        });
        events.extend(known);
    }
    events
}

/// An instant for each failed request that was kept, in the row of its pod.
fn failures(trace: &Trace<'_>) -> Vec<Value> {
    let pods = &trace.timeline.pods;
    let nobody = pods.len();
    let names = pods
        .iter()
        .map(|pod| pod.pod.to_string())
        .chain(["no pod".to_owned()]);
    let rows = names
        .enumerate()
        .map(|(tid, name)| row(FAILURES, tid, &name));
    let failed = trace.outcome.failures.iter().map(|failure| {
        json!({
            "name": failure.verdict.cause_name().unwrap_or_default(),
            "ph": "i",
            "s": "t",
            "ts": failure.sent.as_micros(),
            "pid": FAILURES,
            "tid": failure.pod.map_or(nobody, PodId::index),
            "args": {
                "status": failure.verdict.status(),
                "alb_node": failure.node.to_string(),
                "latency_ms": failure.latency.as_micros() as f64 / 1e3,
            },
        })
    });
    rows.chain(failed).collect()
}
