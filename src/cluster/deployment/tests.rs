//! deployment, alone: scripts in, transcripts out.

use super::*;
use crate::actor::transcript;
use crate::random::Streams;

/// The ReplicaSets that the controller writes for a Deployment of 4: revision, replicas, desired.
#[track_caller]
fn check(script: &[(u64, Input)], expected: &[(RevisionId, u32, u32)]) {
    let settled = ReplicaSetObject::settled(RevisionId::OLD, 4, 5);
    let mut controller = DeploymentController::new(DeploymentSpec {
        replicas: 4,
        ..DeploymentSpec::default()
    });
    controller.reset(Some(settled));
    let script: Vec<_> = script
        .iter()
        .map(|&(millis, input)| (Time::from_micros(millis * 1000), input))
        .collect();
    let said = transcript(
        &mut controller,
        &Streams::new(1, 0),
        &script,
        Time::from_micros(1_000_000),
    );
    let written = said.iter().filter_map(|(_, fact)| match *fact {
        Fact::WroteReplicaSet {
            revision,
            replicas,
            desired,
            ..
        } => Some((revision, replicas, desired)),
        _ => None,
    });
    assert_eq!(written.collect::<Vec<_>>(), expected);
}

const fn rolls_out(replicas: u32) -> Input {
    Input::Deployment(DeploymentObject {
        replicas,
        revision: RevisionId::NEW,
        paused: false,
    })
}

/// One sync works on one Deployment, whatever arrives meanwhile: its second write, after the first
/// and the status that says so were answered, is still for 4 replicas.
#[test]
fn a_sync_ends_as_it_began() {
    let written = [(RevisionId::NEW, 1, 4), (RevisionId::OLD, 3, 4)];
    let script = [
        (0, rolls_out(4)),
        (10, rolls_out(10)),
        (20, Input::Written),
        (30, Input::Written),
    ];
    check(&script[..3], &written[..1]);
    check(&script, &written);
}
