//! kubelet, alone: scripts in, transcripts out.

use super::*;
use crate::actor::transcript;
use crate::cluster::pod::{Gates, PreStop, ProbeSpec};
use crate::cluster::spec::KubernetesVersion;
use crate::id::{NodeId, RevisionId};
use crate::random::Streams;

const POD: PodId = PodId::new(0, RevisionId::OLD, 1);

/// What a kubelet does with the signals of one pod, bound at 0 s and running at 1 s.
#[track_caller]
fn check(spec: PodSpec, script: &[(f64, Input)], expected: &[(f64, Fact)]) {
    let at = |secs: f64| Time::ZERO + Span::from_secs_f64(secs);
    let object = PodObject {
        node: Some(NodeId(0)),
        ..PodObject::new(POD, Time::ZERO, Gates::NONE)
    };
    let bound = [(Time::ZERO, Input::Pod(object, PodChange::Bound))];
    let script: Vec<_> = bound
        .into_iter()
        .chain(script.iter().map(|&(secs, input)| (at(secs), input)))
        .collect();
    let cluster = ClusterSpec {
        pod_start: Dist::constant(Span::from_secs(1)),
        ..ClusterSpec::default()
    };
    let mut kubelet = Kubelet::new(
        NodeId(0),
        cluster,
        vec![Template {
            spec,
            image_pull: None,
            image_missing: false,
            never_ready: false,
        }],
    );
    let said = transcript(&mut kubelet, &Streams::new(1, 0), &script, at(600.0));
    let is_signal = |fact: &Fact| {
        matches!(
            fact,
            Fact::Started(..) | Fact::SentSigterm(_) | Fact::SentSigkill(_)
        )
    };
    let signals: Vec<_> = said
        .into_iter()
        .filter(|(_, fact)| is_signal(fact))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|&(secs, fact)| (at(secs), fact))
        .collect();
    assert_eq!(signals, expected);
}

const fn lives(answer: Answer) -> Input {
    Input::Answered(POD, ProbeKind::Liveness, answer)
}

/// Killed for its liveness probe, it answers well during its preStop hook and no more after SIGTERM.
#[test]
fn a_container_is_killed_once() {
    let probe = ProbeSpec {
        failure_threshold: 1,
        ..ProbeSpec::default()
    };
    let spec = PodSpec {
        pre_stop: Some(PreStop::Sleep(Span::from_secs(10))),
        liveness_probe: Some(probe),
        ..PodSpec::default()
    };
    let script = [
        (20.0, lives(Answer::Failed)),
        (25.0, lives(Answer::Ok)),
        (35.0, lives(Answer::Failed)),
    ];
    let signals = [
        (1.0, Fact::Started(POD, 0)),
        (30.0, Fact::SentSigterm(POD)),
        (50.0, Fact::SentSigkill(POD)),
    ];
    check(spec, &script, &signals);
}

const fn at(millis: u64) -> Time {
    Time::from_micros(millis * 1_000)
}

/// What a kubelet says of pods that are bound to its host at these milliseconds, and of what else it hears.
fn said(
    cluster: ClusterSpec,
    template: Template,
    bound: &[u64],
    script: &[(u64, Input)],
) -> Vec<(Time, Fact)> {
    let pods = (0..).zip(bound).map(|(row, &millis)| {
        let pod = PodId::new(row, RevisionId::OLD, row + 1);
        let object = PodObject {
            node: Some(NodeId(0)),
            ..PodObject::new(pod, Time::ZERO, Gates::NONE)
        };
        (at(millis), Input::Pod(object, PodChange::Bound))
    });
    let script: Vec<_> = pods
        .chain(script.iter().map(|&(millis, input)| (at(millis), input)))
        .collect();
    transcript(
        &mut Kubelet::new(NodeId(0), cluster, vec![template]),
        &Streams::new(1, 0),
        &script,
        at(60_000),
    )
}

fn template(spec: PodSpec, image_pull: Option<u64>) -> Template {
    let image_pull = image_pull.map(|millis| Dist::constant(Span::from_millis(millis)));
    Template {
        spec,
        image_pull,
        image_missing: false,
        never_ready: false,
    }
}

/// When the containers of pods start, in milliseconds, that are bound to one host at these.
#[track_caller]
fn check_starts(cores: u16, alone: u64, image_pull: Option<u64>, bound: &[u64], expected: &[u64]) {
    let cluster = ClusterSpec {
        cores,
        pod_start: Dist::constant(Span::from_millis(alone)),
        ..ClusterSpec::default()
    };
    let mut starts: Vec<(PodId, Time)> = said(
        cluster,
        template(PodSpec::default(), image_pull),
        bound,
        &[],
    )
    .into_iter()
    .filter_map(|(at, fact)| {
        if let Fact::Started(pod, _) = fact {
            Some((pod, at))
        } else {
            None
        }
    })
    .collect();
    starts.sort_by_key(|(pod, _)| pod.index());
    let starts: Vec<u64> = starts
        .iter()
        .map(|(_, at)| at.as_micros() / 1_000)
        .collect();
    assert_eq!(starts, expected);
}

/// The vectors of the recordings: 0.45 core seconds for each other pod in start, all alike.
#[test]
fn pods_in_start_share_the_cores() {
    check_starts(2, 400, None, &[0], &[400]);
    check_starts(2, 400, None, &[0, 0], &[625, 625]);
    check_starts(2, 400, None, &[0; 4], &[1_075; 4]);
    check_starts(4, 1_100, None, &[0; 10], &[2_112; 10]);
    // Half of the first one's start is over when the second one comes; a third comes after both.
    check_starts(2, 400, None, &[0, 200, 5_000], &[512, 712, 5_400]);
}

#[test]
fn an_image_is_pulled_once_a_host() {
    check_starts(4, 0, Some(8_000), &[0, 0, 3_000], &[8_000; 3]);
    check_starts(4, 1_000, Some(8_000), &[0, 20_000], &[9_000, 21_000]);
}

/// Running since 1.3 s, by its status since 1 s: a delay of 3 s is over at 4 s.
#[test]
fn an_initial_delay_counts_from_the_whole_second() {
    let probe = ProbeSpec {
        initial_delay: Span::from_secs(3),
        period: Span::from_secs(1),
        ..ProbeSpec::default()
    };
    let spec = PodSpec {
        readiness_probe: Some(probe),
        ..PodSpec::default()
    };
    let cluster = ClusterSpec {
        pod_start: Dist::constant(Span::from_secs(1)),
        ..ClusterSpec::default()
    };
    let facts = said(cluster, template(spec, None), &[300], &[]);
    let probed = facts
        .iter()
        .find(|(_, fact)| matches!(fact, Fact::Probed(_, ProbeKind::Readiness)));
    assert_eq!(probed.map(|(at, _)| *at), Some(at(4_000)));
}

/// Deleted before the relist that shows that it runs, it still turns Ready while its hook runs.
#[test]
fn a_terminating_pod_may_turn_ready() {
    let spec = PodSpec {
        pre_stop: Some(PreStop::Sleep(Span::from_secs(20))),
        ..PodSpec::default()
    };
    let cluster = ClusterSpec {
        pod_start: Dist::constant(Span::from_secs(1)),
        kubernetes: KubernetesVersion::new(35),
        ..ClusterSpec::default()
    };
    let deleted = PodObject {
        node: Some(NodeId(0)),
        deleting: true,
        ..PodObject::new(POD, Time::ZERO, Gates::NONE)
    };
    let facts = said(
        cluster,
        template(spec, None),
        &[0],
        &[(1_500, Input::Pod(deleted, PodChange::Deleting))],
    );
    let is_ready = |fact: &Fact| matches!(fact, Fact::PatchedStatus(status, _) if status.ready);
    assert_eq!(
        facts
            .iter()
            .find(|(_, fact)| is_ready(fact))
            .map(|(at, _)| *at),
        Some(at(2_000))
    );
}
