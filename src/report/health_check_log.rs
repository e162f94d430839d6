//! The health check logs of a replication, a file for each node, as the real load balancer would have written them
//! (AWS guide, load-balancer-health-check-logs). `calibrate` reads them back.
//!
//! Checks that change nothing are not simulated: they are set on the grid of those that did. Of targets that were there
//! when the load started, the phase is each node's and target's own.

use std::fmt::Write;

use super::access_log::{START, address, of_node};
use crate::aws::alb_node::Belief;
use crate::id::AlbNodeId;
use crate::observe::timeline::{PodRecord, Socket, Timeline};
use crate::scenario::Scenario;
use crate::time::Time;

/// The name that AWS gives the file of a node.
pub fn file_name(scenario: &str, node: AlbNodeId) -> String {
    of_node("health_check_log_", scenario, node)
}

/// One check: when, and whether the target passed.
type Check = (Time, usize, bool);

/// The health check log of one node, with target type `ip`.
pub fn render(scenario: &Scenario, timeline: &Timeline, node: AlbNodeId) -> String {
    let mut checks: Vec<Check> = Vec::new();
    for row in 0..timeline.targets.len() {
        checks.extend(of_target(scenario, timeline, node, row));
    }
    checks.sort();
    let mut text = String::new();
    for (at, row, passed) in checks {
        let result = if passed {
            "PASS 200 -"
        } else {
            "FAIL - ConnectionReset"
        };
        let _ = writeln!(
            text,
            "http {} 0.001000000 {}:8080 model {result} app/model/0123456789abcdef 192.0.2.{}",
            (at + START).to_rfc3339(),
            address(row),
            node.0 + 1
        );
    }
    text
}

/// The checks of one target by one node, from its learning of the target until its learning of the deregistration.
fn of_target(scenario: &Scenario, timeline: &Timeline, node: AlbNodeId, row: usize) -> Vec<Check> {
    let Some(pod) = timeline.targets[row]
        .pod
        .and_then(|pod| timeline.pods.get(pod.index()))
    else {
        return Vec::new();
    };
    let beliefs = timeline.beliefs[usize::from(node.0)].iter();
    let beliefs: Vec<_> = beliefs
        .filter(|change| change.target.index() == row)
        .collect();
    let Some(known) = beliefs.first().map(|change| change.at) else {
        return Vec::new();
    };
    let is_end = |belief: Belief| matches!(belief, Belief::Draining | Belief::Gone);
    let end = beliefs.iter().find(|change| is_end(change.belief));
    let end = end.map_or(timeline.end, |change| change.at);
    let interval = scenario
        .target_group
        .health_check
        .interval
        .as_micros()
        .max(1);
    let turned = beliefs.iter().find(|change| {
        change.at > known && matches!(change.belief, Belief::Healthy | Belief::Unhealthy)
    });
    let phase = match turned {
        Some(change) => change.at.as_micros() % interval,
        // A fraction of the golden section's: spread evenly over targets and nodes.
        None => {
            let number = (row * 7 + usize::from(node.0)) as f64 * 0.618_033_988_75;
            (number.fract() * interval as f64) as u64
        }
    };
    let first = known.as_micros().saturating_sub(phase).div_ceil(interval) * interval + phase;
    (first..end.as_micros())
        .step_by(interval as usize)
        .map(|at| {
            (
                Time::from_micros(at),
                row,
                passes(pod, Time::from_micros(at)),
            )
        })
        .collect()
}

/// Whether a pod answered checks at a moment.
fn passes(pod: &PodRecord, at: Time) -> bool {
    let change = pod
        .sockets
        .iter()
        .take_while(|(since, _)| *since <= at)
        .last();
    change.is_some_and(|(_, socket)| *socket == Socket::Serving)
}
