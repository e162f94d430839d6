//! replica_set, alone: scripts in, transcripts out.

use super::*;
use crate::actor::transcript;
use crate::cluster::pod::Gates;
use crate::cluster::pod::Phase;
use crate::cluster::spec::KubernetesVersion;
use crate::random::Streams;

const OLD: RevisionId = RevisionId::OLD;

const fn millis(at: u64) -> Time {
    Time::from_micros(at * 1_000)
}

/// What a controller of one settled pod does, in milliseconds.
#[track_caller]
fn check(cluster: ClusterSpec, script: &[(u64, Input)], expected: &[(u64, Fact)]) {
    let mut controller = ReplicaSetController::new(Span::ZERO, &cluster);
    controller.reset(Some(ReplicaSetObject::settled(OLD, 1, 2)));
    controller.seed_pod(ready(0));
    let script: Vec<_> = script
        .iter()
        .map(|&(at, input)| (millis(at), input))
        .collect();
    let said = transcript(
        &mut controller,
        &Streams::new(1, 0),
        &script,
        millis(60_000),
    );
    assert_eq!(
        said,
        expected
            .iter()
            .map(|&(at, fact)| (millis(at), fact))
            .collect::<Vec<_>>()
    );
}

fn pod(row: u16) -> PodObject {
    PodObject::new(PodId::new(row, OLD, row + 1), Time::ZERO, Gates::NONE)
}

fn ready(row: u16) -> PodObject {
    PodObject {
        phase: Phase::Running,
        ready: true,
        ..pod(row)
    }
}

fn scaled(replicas: u32, status: ReplicaSetStatus) -> Input {
    let settled = ReplicaSetObject::settled(OLD, 1, 2);
    Input::ReplicaSet(ReplicaSetObject {
        replicas,
        generation: 2,
        writes: 2,
        status,
        ..settled
    })
}

const fn status(replicas: u32, observed: u32) -> ReplicaSetStatus {
    ReplicaSetStatus {
        replicas,
        ready: 1,
        available: 1,
        terminating: 0,
        observed,
    }
}

const fn wrote(replicas: u32, nth: u32) -> Fact {
    Fact::WroteStatus {
        revision: OLD,
        status: status(replicas, 2),
        nth,
    }
}

const fn created(nth: u32, at_once: u32) -> Fact {
    Fact::CreatedPod {
        revision: OLD,
        nth,
        at_once,
    }
}

/// Three calls at once and one a second: a create, its event, and the status that only observedGeneration
/// changed; the next status waits for its token.
#[test]
fn status_writes_take_tokens() {
    let cluster = ClusterSpec {
        controller_qps: 1,
        controller_burst: 3,
        ..ClusterSpec::default()
    };
    let script = [
        (0, scaled(2, status(1, 1))),
        (10, Input::PodWritten(OLD)),
        (20, Input::StatusWritten(OLD)),
        (30, scaled(2, status(1, 2))),
        (40, Input::Pod(pod(1), PodChange::Created)),
    ];
    check(
        cluster,
        &script,
        &[(0, created(0, 1)), (10, wrote(1, 0)), (1_000, wrote(2, 1))],
    );
}

/// From 1.36 on the controller waits until its cache shows its own writes; before, it does not.
#[test]
fn a_sync_waits_for_the_cache() {
    let script = [
        (0, scaled(2, status(1, 1))),
        (10, Input::PodWritten(OLD)),
        (20, Input::StatusWritten(OLD)),
        (30, Input::Pod(pod(1), PodChange::Created)),
        (40, scaled(2, status(1, 2))),
    ];
    let at = |minor| ClusterSpec {
        kubernetes: KubernetesVersion::new(minor),
        ..ClusterSpec::default()
    };
    let first = [(0, created(0, 1)), (10, wrote(1, 0))];
    check(at(36), &script, &[first[0], first[1], (40, wrote(2, 1))]);
    check(at(35), &script, &[first[0], first[1], (30, wrote(2, 1))]);
}

/// Batches of 1, 2, 4 know how many they are.
#[test]
fn creates_of_a_batch_go_together() {
    let script = [
        (0, scaled(4, status(1, 1))),
        (10, Input::PodWritten(OLD)),
        (20, Input::PodWritten(OLD)),
        (30, Input::PodWritten(OLD)),
    ];
    let facts = [
        (0, created(0, 1)),
        (10, created(1, 2)),
        (10, created(2, 2)),
        (30, wrote(1, 0)),
    ];
    check(ClusterSpec::default(), &script, &facts);
}
