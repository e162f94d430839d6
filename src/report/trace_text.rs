//! `trace -o text`: one replication as tables, in seconds since the rollout started.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::figures::grouped;
use super::trace_json::{Trace, intervals};
use crate::escape;
use crate::id::{AlbNodeId, PodId, TargetId};
use crate::observe::timeline::{PodRecord, TargetRecord, Timeline};
use crate::time::Time;

/// The tables.
pub fn render(trace: &Trace<'_>) -> String {
    let timeline = trace.timeline;
    let clock = Clock(timeline.rollout_at);
    let mut text = format!(
        "{}: replication {} of seed {}\n",
        escape::line(trace.scenario),
        trace.replication,
        trace.seed
    );
    text.push_str("Seconds count from the rollout's start; what happened before the load did is \"before\".\n");
    text.push_str(&deployment(timeline, clock));
    text.push_str(&coming(timeline, clock));
    text.push_str(&going(timeline, clock));
    for (name, targets) in trace
        .other_target_groups
        .iter()
        .zip(&timeline.other_targets)
    {
        text.push_str(&further(timeline, name, targets, clock));
    }
    text.push_str(&beliefs(timeline, clock));
    text.push_str(&failures(trace, clock));
    let _ = writeln!(
        text,
        "\nrollcast {} · seed {} · replication {} · engine request\nscenario {} · fingerprint {:016x}",
        trace.version,
        trace.seed,
        trace.replication,
        trace.digest,
        trace.sample.fingerprint()
    );
    escape::lines(&text)
}

/// Tells time since the rollout's start.
#[derive(Clone, Copy)]
struct Clock(Time);

impl Clock {
    fn at(self, at: Time) -> String {
        format!("{:.3}", at.secs_since(self.0))
    }

    fn maybe(self, at: Option<Time>) -> String {
        at.map_or_else(|| "–".to_owned(), |at| self.at(at))
    }
}

/// What the Deployment and its ReplicaSets did, in order.
fn deployment(timeline: &Timeline, clock: Clock) -> String {
    let scales = timeline.scales.iter().map(|scale| {
        let from = scale
            .from
            .map_or_else(String::new, |from| format!("{from} → "));
        (
            scale.at,
            format!("ReplicaSet {}: {from}{}", scale.revision, scale.to),
        )
    });
    let conditions = timeline.conditions.iter().map(|change| {
        let status = if change.status { "True" } else { "False" };
        (
            change.at,
            format!("{} is {status}: {}", change.condition, change.reason),
        )
    });
    let mut changes: Vec<_> = scales.chain(conditions).collect();
    changes.sort_by_key(|(at, _)| *at);
    let mut text = "\nThe Deployment\n".to_owned();
    for (at, change) in changes {
        let _ = writeln!(text, "{:>10}  {change}", clock.at(at));
    }
    text
}

fn pods(timeline: &Timeline) -> impl Iterator<Item = (&PodRecord, TargetRecord)> {
    timeline
        .pods
        .iter()
        .map(move |record| (record, target_of(timeline, &timeline.targets, record.pod)))
}

/// What became of a pod's target in one of its target groups while the pod had its IP.
fn target_of(timeline: &Timeline, targets: &[TargetRecord], pod: PodId) -> TargetRecord {
    let target = timeline.target_of(pod);
    let Some(record) = targets
        .get(target.index())
        .filter(|record| record.pod.is_some())
    else {
        return TargetRecord::default();
    };
    let reuses = timeline
        .reuses
        .iter()
        .filter(|reuse| reuse.target == target);
    let from = reuses
        .clone()
        .find(|reuse| reuse.pod == pod)
        .map_or(Time::ZERO, |reuse| reuse.at);
    let until = reuses
        .map(|reuse| reuse.at)
        .find(|at| *at > from)
        .unwrap_or(Time::NEVER);
    let within = |at: Option<Time>| at.filter(|at| (from..until).contains(at));
    let deregister_called = within(record.deregister_called);
    TargetRecord {
        pod: record.pod,
        registered: within(record.registered),
        healthy: within(record.healthy),
        deregister_called,
        draining_over: record
            .draining_over
            .filter(|over| deregister_called.is_some_and(|called| called <= *over)),
    }
}

fn coming(timeline: &Timeline, clock: Clock) -> String {
    let head = [
        "pod",
        "node",
        "created",
        "bound",
        "running",
        "ready",
        "in slice",
        "registered",
        "healthy",
    ];
    let rows = pods(timeline)
        .filter(|(pod, _)| !pod.initial)
        .map(|(pod, target)| {
            let instants = [
                pod.created,
                pod.bound,
                pod.running,
                pod.ready,
                pod.in_slice_ready,
                target.registered,
                target.healthy,
            ];
            let node = pod
                .node
                .map_or_else(|| "–".to_owned(), |node| node.to_string());
            [pod.pod.to_string(), node]
                .into_iter()
                .chain(instants.map(|at| clock.maybe(at)))
                .collect()
        });
    table("Pods that came", &head, rows.collect())
}

fn going(timeline: &Timeline, clock: Clock) -> String {
    let head = [
        "pod",
        "deleted",
        "out of slice",
        "deregistered",
        "SIGTERM",
        "closed",
        "ended",
        "no network",
        "gone",
        "drained",
    ];
    let rows = pods(timeline).filter_map(|(pod, target)| {
        let instants = [
            pod.terminating,
            pod.out_of_slice_ready,
            target.deregister_called,
            pod.sigterm,
            pod.listener_closed,
            pod.finished,
            pod.network_gone,
            pod.gone,
            target.draining_over,
        ];
        let went = pod.terminating.or(pod.finished).is_some();
        went.then(|| {
            [pod.pod.to_string()]
                .into_iter()
                .chain(instants.map(|at| clock.maybe(at)))
                .collect()
        })
    });
    table("Pods that went", &head, rows.collect())
}

/// When the pods were targets of a further target group, which no request comes through.
fn further(timeline: &Timeline, name: &str, targets: &[TargetRecord], clock: Clock) -> String {
    let head = ["pod", "registered", "healthy", "deregistered", "drained"];
    let rows = timeline.pods.iter().map(|pod| {
        let TargetRecord {
            registered,
            healthy,
            deregister_called,
            draining_over,
            ..
        } = target_of(timeline, targets, pod.pod);
        let instants = [registered, healthy, deregister_called, draining_over];
        [pod.pod.to_string()]
            .into_iter()
            .chain(instants.map(|at| clock.maybe(at)))
            .collect()
    });
    table(
        &format!("Targets of {}, a further target group", escape::line(name)),
        &head,
        rows.collect(),
    )
}

/// While which ALB node believed which target healthy.
fn beliefs(timeline: &Timeline, clock: Clock) -> String {
    let nodes: Vec<_> = (0..timeline.beliefs.len())
        .map(|node| AlbNodeId(node as u8))
        .collect();
    let names: Vec<_> = nodes.iter().map(ToString::to_string).collect();
    let head: Vec<_> = ["target"]
        .into_iter()
        .chain(names.iter().map(String::as_str))
        .collect();
    let mut chosen: BTreeMap<(TargetId, AlbNodeId), Vec<String>> = BTreeMap::new();
    for node in &nodes {
        for (target, from, to) in intervals(timeline.beliefs_of(*node)) {
            let from = if from == Time::ZERO {
                "before".to_owned()
            } else {
                clock.at(from)
            };
            let to = to.map_or_else(|| "end".to_owned(), |to| clock.at(to));
            chosen
                .entry((target, *node))
                .or_default()
                .push(format!("{from} to {to}"));
        }
    }
    // A pod that was given another one's IP has no target of its own.
    let is_one = |target: &TargetId| {
        !timeline
            .reuses
            .iter()
            .any(|reuse| reuse.pod.index() == target.index())
    };
    let rows = (0..timeline.targets.len() as u16)
        .map(TargetId)
        .filter(is_one)
        .map(|target| {
            let later = timeline
                .reuses
                .iter()
                .filter(|reuse| reuse.target == target)
                .map(|reuse| reuse.pod.to_string());
            let name: Vec<String> = [timeline.name_of(target)]
                .into_iter()
                .chain(later)
                .collect();
            let cell = |node: &AlbNodeId| {
                chosen
                    .get(&(target, *node))
                    .map_or_else(|| "–".to_owned(), |cell| cell.join(", "))
            };
            [name.join(", ")]
                .into_iter()
                .chain(nodes.iter().map(cell))
                .collect()
        });
    table(
        "ALB nodes believed targets healthy from when to when",
        &head,
        rows.collect(),
    )
}

/// Failed requests, those alike in one row.
fn failures(trace: &Trace<'_>, clock: Clock) -> String {
    let (outcome, kept) = (trace.outcome, &trace.outcome.failures);
    let failed = outcome.requests - outcome.ok;
    if kept.is_empty() {
        return format!(
            "\n{} of {} requests failed.\n",
            grouped(failed),
            grouped(outcome.requests)
        );
    }
    let mut alike: BTreeMap<_, Vec<Time>> = BTreeMap::new();
    for failure in kept {
        let cause = failure.verdict.cause_name().unwrap_or_default();
        alike
            .entry((failure.pod, failure.node, failure.verdict.status(), cause))
            .or_default()
            .push(failure.sent);
    }
    let rows = alike.into_iter().map(|((pod, node, status, cause), sent)| {
        let name = pod.map_or_else(|| "none".to_owned(), |pod| pod.to_string());
        let [first, last] = [sent.first(), sent.last()].map(|at| clock.maybe(at.copied()));
        vec![
            name,
            node.to_string(),
            status.to_string(),
            cause.to_owned(),
            grouped(sent.len() as u64),
            first,
            last,
        ]
    });
    let mut title = format!(
        "{} of {} requests failed",
        grouped(failed),
        grouped(outcome.requests)
    );
    if failed > kept.len() as u64 {
        let _ = write!(
            title,
            "; these are the first {}",
            grouped(kept.len() as u64)
        );
    }
    let head = [
        "pod",
        "node",
        "status",
        "cause",
        "requests",
        "first sent",
        "last sent",
    ];
    table(&title, &head, rows.collect())
}

/// Columns as wide as they must be; numbers stand to the right, words to the left.
fn table(title: &str, head: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let length = |cell: &str| cell.chars().count();
    let columns: Vec<(usize, bool)> = (0..head.len())
        .map(|column| {
            let widest = rows
                .iter()
                .map(|row| length(&row[column]))
                .max()
                .unwrap_or(0);
            let is_number =
                |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '–');
            (
                widest.max(length(head[column])),
                rows.iter().all(|row| is_number(&row[column])),
            )
        })
        .collect();
    let mut text = format!("\n{title}\n");
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, (width, is_number)) in cells.zip(&columns) {
            let _ = if *is_number {
                write!(line, "{cell:>width$}  ")
            } else {
                write!(line, "{cell:<width$}  ")
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    };
    line(&mut head.iter().copied());
    rows.iter()
        .for_each(|row| line(&mut row.iter().map(String::as_str)));
    text
}
