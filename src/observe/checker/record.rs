//! What every timeline has to be: in order of time, complete, and one row for one thing.

use crate::cluster::app::Socket;
use crate::observe::checker::{Held, Rule, Subject, demand};
use crate::observe::timeline::{PodRecord, Timeline};
use crate::time::Time;

/// Whether a timeline is one.
pub fn check(timeline: &Timeline) -> Result<(), (Subject, Rule)> {
    let end = timeline.end;
    for (row, record) in timeline.pods.iter().enumerate() {
        pod(row, record, end).map_err(|rule| (Subject::Pod(record.pod), rule))?;
    }
    run(timeline).map_err(|rule| (Subject::Run, rule))
}

fn run(timeline: &Timeline) -> Held {
    let end = timeline.end;
    let most = if timeline.node_ports.is_empty() {
        timeline.pods.len()
    } else {
        timeline.node_ports.len()
    };
    demand(
        timeline.targets.len() <= most,
        "the timeline has more targets than what they could stand for",
    )?;
    for (row, target) in timeline.targets.iter().enumerate() {
        demand(
            target.pod.is_none_or(|pod| pod.index() == row),
            "the timeline has a target in another one's row",
        )?;
    }
    let reuses = &timeline.reuses;
    demand(
        in_order(reuses.iter().map(|reuse| reuse.at), end),
        "the timeline's IPs are out of order",
    )?;
    for beliefs in &timeline.beliefs {
        demand(
            in_order(beliefs.iter().map(|change| change.at), end),
            "the timeline's beliefs are out of order",
        )?;
        let known = beliefs
            .iter()
            .all(|change| change.target.index() < timeline.targets.len());
        demand(known, "the timeline has a belief about nobody")?;
    }
    for ports in &timeline.node_ports {
        demand(
            in_order(ports.iter().map(|change| change.at), end),
            "the timeline's node ports are out of order",
        )?;
    }
    demand(
        in_order(timeline.scales.iter().map(|change| change.at), end),
        "the timeline's scales are out of order",
    )?;
    demand(
        in_order(timeline.conditions.iter().map(|change| change.at), end),
        "the timeline's conditions are out of order",
    )
}

fn pod(row: usize, record: &PodRecord, end: Time) -> Held {
    demand(
        record.pod.index() == row,
        "in another one's row of the timeline",
    )?;
    let begins = if record.initial {
        [None; 4]
    } else {
        [record.created, record.bound, record.running, record.ready]
    };
    demand(
        record.initial || record.created.is_some(),
        "in the timeline, and nobody created it",
    )?;
    demand(chained(begins), "its beginnings are out of order")?;
    // A host that is lost, or that shuts down, takes its pods with it before anybody deletes them.
    // One that is about to shut down rejects new ones, which never have a network.
    let started = !record.sockets.is_empty();
    let network_gone = record.network_gone.filter(|_| started);
    let ends = chained([network_gone, record.finished, record.gone]);
    demand(
        ends && chained([record.terminating, record.gone]),
        "its ends are out of order",
    )?;
    demand(
        !started || record.gone.is_none() || network_gone.is_some(),
        "gone, its network not",
    )?;
    demand(
        in_order(record.sockets.iter().map(|(at, _)| *at), end),
        "its sockets are out of order",
    )?;
    demand(
        in_order(record.resets.iter().copied(), end),
        "its resets are out of order",
    )?;
    let silent = record
        .sockets
        .last()
        .is_none_or(|(_, socket)| *socket == Socket::Silent);
    demand(
        record.network_gone.is_none() || silent,
        "its network is gone, and its socket is not silent",
    )
}

/// Each that happened did so no earlier than those before it, and those did happen.
fn chained<const N: usize>(chain: [Option<Time>; N]) -> bool {
    chain.iter().flatten().is_sorted()
}

fn in_order(times: impl Iterator<Item = Time>, end: Time) -> bool {
    let mut last = Time::ZERO;
    for at in times {
        if at < last {
            return false;
        }
        last = at;
    }
    last <= end
}
