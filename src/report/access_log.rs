//! One replication as the real system would have logged it: ALB access logs, a file for each node, and
//! what a watch of the EndpointSlice saw. `calibrate` reads them back.
//!
//! Fields and file names follow the AWS guide (load-balancer-access-logs). What the model does not know
//! (clients, paths, bytes) is filled with the documentation addresses of RFC 5737 and RFC 2606.

use std::fmt::Write;

use serde_json::json;

use crate::id::AlbNodeId;
use crate::observe::timeline::Timeline;
use crate::time::{Span, Time};
use crate::traffic::outcome::Failure;
use crate::verdict::{Cause, Verdict};

/// When the load starts on the wall clock: 1 January 2026, 00:00 UTC.
pub(super) const START: Span = Span::from_secs(1_767_225_600);

/// The name that AWS gives the file of a node: it ends in the node's own address.
pub fn file_name(scenario: &str, node: AlbNodeId) -> String {
    of_node("", scenario, node)
}

/// The same of a kind of log that begins with `prefix`.
pub(super) fn of_node(prefix: &str, scenario: &str, node: AlbNodeId) -> String {
    // A load balancer's name has at most 32 characters.
    let name: String = scenario
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(32)
        .collect();
    let (account, end) = ("123456789012", "20260101T0005Z");
    format!(
        "{prefix}{account}_elasticloadbalancing_us-east-1_app.{name}.0123456789abcdef_{end}_192.0.2.{}_1.log",
        node.0 + 1
    )
}

/// The access log of one node. `requests` are those of a replication; AWS writes them as they end.
pub fn render(requests: &[Failure], node: AlbNodeId) -> String {
    let mut ended: Vec<&Failure> = requests
        .iter()
        .filter(|request| request.node == node)
        .collect();
    ended.sort_by_key(|request| (request.sent + request.latency, request.sent));
    let mut text = String::new();
    for (number, request) in ended.into_iter().enumerate() {
        line(&mut text, number, request);
    }
    text
}

fn line(text: &mut String, number: usize, request: &Failure) {
    let created = request.sent + START;
    let ended = (created + request.latency).to_rfc3339();
    let target = request.pod.map_or_else(
        || "-".to_owned(),
        |pod| format!("{}:8080", address(pod.index())),
    );
    let status = request.verdict.status();
    let (answered, times) = match request.verdict {
        Verdict::Ok | Verdict::Target(_) => (
            status.to_string(),
            format!("0.000 {:.3} 0.000", request.latency.as_secs_f64()),
        ),
        Verdict::Alb(
            Cause::Refused | Cause::HostUnreachable | Cause::ConnectTimeout | Cause::NoTarget,
        ) => ("-".to_owned(), "-1 -1 -1".to_owned()),
        Verdict::Alb(_) => (
            "-".to_owned(),
            format!("0.000 {:.3} -1", request.latency.as_secs_f64()),
        ),
    };
    let _ = writeln!(
        text,
        "http {ended} app/model/0123456789abcdef 198.51.100.1:{} {target} {times} {status} {answered} 100 200 \
         \"GET http://app.example:80/ HTTP/1.1\" \"rollcast\" - - \
         arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/model/0123456789abcdef \"-\" \"-\" \"-\" 0 {} \
         \"forward\" \"-\" \"-\" \"{target}\" \"{answered}\" \"-\" \"-\" TID_{number:032x}",
        10_000 + number % 50_000,
        created.to_rfc3339(),
    );
}

/// What `kubectl get endpointslices --watch` printed, a line an event, each with the time of its arrival.
pub fn watch(timeline: &Timeline) -> String {
    let mut changes: Vec<(Time, usize, bool)> = Vec::new();
    for (row, pod) in timeline.pods.iter().enumerate() {
        if pod.initial {
            changes.push((Time::ZERO, row, true));
        }
        // A pod has an address once its containers run; it is listed before it is ready.
        changes.extend(
            pod.running
                .filter(|at| !pod.initial && pod.in_slice_ready.is_some_and(|ready| ready > *at))
                .map(|at| (at, row, false)),
        );
        changes.extend(
            pod.in_slice_ready
                .filter(|at| *at > Time::ZERO)
                .map(|at| (at, row, true)),
        );
        changes.extend(pod.out_of_slice_ready.map(|at| (at, row, false)));
    }
    changes.sort();
    let mut ready = vec![None; timeline.pods.len()];
    let mut ended = vec![false; timeline.pods.len()];
    let mut text = String::new();
    let mut seen = 0;
    for (number, (at, row, is_ready)) in changes.iter().enumerate() {
        // A pod is not ready again after it was.
        ended[*row] = ready[*row] == Some(true) && !is_ready;
        ready[*row] = Some(*is_ready);
        // The pods that were there when the watch began come in its first event.
        if changes
            .get(number + 1)
            .is_some_and(|next| next.0 == Time::ZERO)
        {
            continue;
        }
        let endpoints = ready.iter().enumerate().filter_map(|(row, ready)| {
            ready.map(|ready| {
                json!({
                    "addresses": [address(row)],
                    "conditions": { "ready": ready, "serving": ready, "terminating": ended[row] },
                    "targetRef": { "kind": "Pod", "name": timeline.pods[row].pod.to_string() },
                })
            })
        });
        let event = json!({
            "type": if seen == 0 { "ADDED" } else { "MODIFIED" },
            "object": {
                "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1", "addressType": "IPv4",
                "metadata": { "name": "model-1", "labels": { "kubernetes.io/service-name": "model" } },
                "ports": [{ "port": 8080, "protocol": "TCP" }],
                "endpoints": endpoints.collect::<Vec<_>>(),
            },
        });
        seen += 1;
        let _ = writeln!(text, "{} {event}", (*at + START).to_rfc3339());
    }
    text
}

/// The address of the pod in this row.
pub(super) fn address(row: usize) -> String {
    format!("10.0.{}.{}", row / 250, row % 250 + 1)
}
