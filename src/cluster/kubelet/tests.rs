//! kubelet, alone: scripts in, transcripts out.

use super::*;
use crate::actor::transcript;
use crate::cluster::pod::{Gates, PreStop, ProbeSpec};
use crate::id::{NodeId, RevisionId};
use crate::random::Streams;

const POD: PodId = PodId::new(0, RevisionId::OLD, 1);

/// What a kubelet does with the signals of one pod, bound at 0 s and running at 1 s.
#[track_caller]
fn check(spec: PodSpec, script: &[(f64, Input)], expected: &[(f64, Fact)]) {
    let at = |secs: f64| Time::ZERO + Span::from_secs_f64(secs);
    let object = PodObject { node: Some(NodeId(0)), ..PodObject::new(POD, Time::ZERO, Gates::NONE) };
    let bound = [(Time::ZERO, Input::Pod(object, PodChange::Bound))];
    let script: Vec<_> = bound.into_iter().chain(script.iter().map(|&(secs, input)| (at(secs), input))).collect();
    let cluster = ClusterSpec { pod_start: Dist::constant(Span::from_secs(1)), ..ClusterSpec::default() };
    let mut kubelet = Kubelet::new(
        NodeId(0),
        cluster,
        vec![Template { spec, image_pull: None, image_missing: false, never_ready: false }],
    );
    let said = transcript(&mut kubelet, &Streams::new(1, 0), &script, at(600.0));
    let is_signal = |fact: &Fact| matches!(fact, Fact::Started(..) | Fact::SentSigterm(_) | Fact::SentSigkill(_));
    let signals: Vec<_> = said.into_iter().filter(|(_, fact)| is_signal(fact)).collect();
    let expected: Vec<_> = expected.iter().map(|&(secs, fact)| (at(secs), fact)).collect();
    assert_eq!(signals, expected);
}

const fn lives(answer: Answer) -> Input {
    Input::Answered(POD, ProbeKind::Liveness, answer)
}

/// Killed for its liveness probe, it answers well during its preStop hook and no more after SIGTERM.
#[test]
fn a_container_is_killed_once() {
    let probe = ProbeSpec { failure_threshold: 1, ..ProbeSpec::default() };
    let spec = PodSpec {
        pre_stop: Some(PreStop::Sleep(Span::from_secs(10))),
        liveness_probe: Some(probe),
        ..PodSpec::default()
    };
    let script = [(20.0, lives(Answer::Failed)), (25.0, lives(Answer::Ok)), (35.0, lives(Answer::Failed))];
    let signals = [(1.0, Fact::Started(POD, 0)), (30.0, Fact::SentSigterm(POD)), (50.0, Fact::SentSigkill(POD))];
    check(spec, &script, &signals);
}
