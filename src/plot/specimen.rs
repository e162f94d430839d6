//! Inputs to draw, made up: plausible and extreme.

use crate::aws::alb_node::Belief;
use crate::id::{AlbNodeId, PodId, RevisionId, TargetId};
use crate::monte_carlo::ErrorSeries;
use crate::observe::timeline::{BeliefChange, PodRecord, Socket, TargetRecord, Timeline};
use crate::time::{Span, Time};
use crate::traffic::outcome::{Failure, Outcome};
use crate::verdict::{Cause, Verdict};

const DURATION: u64 = 120;
const ROLLOUT_AT: f64 = 10.0;

fn at(seconds: f64) -> Time {
    Time::ZERO + Span::from_secs_f64(ROLLOUT_AT + seconds)
}

/// A number between 0 and 1 that looks like chance.
fn jitter(row: usize, salt: usize) -> f64 {
    ((row * 7 + salt * 13 + 3) * 2_654_435_761 % 1_000) as f64 / 1_000.0
}

/// `replicas` old pods make way for as many new ones: one first, then two at a time, without a readiness gate or preStop.
pub fn rollout(replicas: u16, nodes: u8) -> Timeline {
    let mut timeline = Timeline {
        rollout_at: at(0.0),
        end: Time::ZERO + Span::from_secs(DURATION),
        load_until: Time::ZERO + Span::from_secs(DURATION),
        beliefs: vec![Vec::new(); usize::from(nodes)],
        ..Timeline::default()
    };
    let pace = 18.0_f64.min(60.0 / f64::from(replicas));
    for i in 0..2 * replicas {
        let (revision, ordinal) = if i < replicas {
            (RevisionId::OLD, i)
        } else {
            (RevisionId::NEW, i - replicas)
        };
        let id = PodId::new(i, revision, ordinal + 1);
        let mut pod = PodRecord::new(id);
        if revision == RevisionId::OLD {
            let deleted =
                0.05 + pace * f64::from(ordinal.div_ceil(2)) + 1.3 * jitter(id.index(), 0);
            ends(&mut pod, &mut timeline.beliefs, deleted);
        } else {
            let created = 0.12 + pace * f64::from(ordinal / 2);
            begins(&mut pod, &mut timeline.beliefs, created);
        }
        timeline.pods.push(pod);
        timeline.targets.push(TargetRecord {
            pod: Some(id),
            registered: None,
            healthy: None,
            deregister_called: timeline.pods[i as usize]
                .terminating
                .map(|deleted| deleted + Span::from_millis(400)),
            draining_over: None,
        });
    }
    timeline
        .beliefs
        .iter_mut()
        .for_each(|changes| changes.sort_by_key(|change| change.at));
    timeline
}

fn ends(pod: &mut PodRecord, beliefs: &mut [Vec<BeliefChange>], deleted: f64) {
    let (row, sigterm) = (pod.pod.index(), deleted + 0.1);
    let (refusing, closed, gone) = (
        sigterm + 0.01,
        sigterm + 0.02,
        sigterm + 0.9 + 0.4 * jitter(row, 1),
    );
    pod.initial = true;
    (pod.created, pod.ready) = (Some(Time::ZERO), Some(Time::ZERO));
    (pod.terminating, pod.sigterm) = (Some(at(deleted)), Some(at(sigterm)));
    (pod.listener_closed, pod.network_gone) = (Some(at(refusing)), Some(at(gone)));
    pod.sockets = vec![
        (Time::ZERO, Socket::Serving),
        (at(refusing), Socket::Refusing),
        (at(closed), Socket::Closed),
        (at(gone), Socket::Silent),
    ];
    for (node, changes) in beliefs.iter_mut().enumerate() {
        let lag = 0.5 + 4.5 + 4.0 * jitter(row, node + 2);
        let target = TargetId(row as u16);
        changes.push(BeliefChange {
            at: Time::ZERO,
            target,
            belief: Belief::Healthy,
        });
        changes.push(BeliefChange {
            at: at(deleted + lag),
            target,
            belief: Belief::Draining,
        });
    }
}

fn begins(pod: &mut PodRecord, beliefs: &mut [Vec<BeliefChange>], created: f64) {
    let row = pod.pod.index();
    let (running, serving) = (
        created + 1.4 + jitter(row, 0),
        created + 12.0 + 4.0 * jitter(row, 1),
    );
    let ready = serving + 1.5 * jitter(row, 2);
    pod.created = Some(at(created));
    (pod.running, pod.ready) = (Some(at(running)), Some(at(ready)));
    pod.sockets = vec![
        (at(running), Socket::Closed),
        (at(serving), Socket::Serving),
    ];
    for (node, changes) in beliefs.iter_mut().enumerate() {
        let seen = at(ready + 1.5 + 4.0 * jitter(row, node + 2));
        let target = TargetId(row as u16);
        changes.push(BeliefChange {
            at: at(ready),
            target,
            belief: Belief::Initial,
        });
        changes.push(BeliefChange {
            at: seen,
            target,
            belief: Belief::Healthy,
        });
    }
}

/// What becomes of `rate` requests per second: each node in turn, each node's targets in turn.
pub fn outcome(timeline: &Timeline, rate: u64) -> Outcome {
    let mut outcome = Outcome::new();
    outcome.keep_failures = true;
    let nodes = timeline.beliefs.len() as u64;
    for i in 0..DURATION * rate {
        let sent = Time::from_micros(i * 1_000_000 / rate);
        let node = AlbNodeId((i % nodes) as u8);
        let chosen: Vec<&PodRecord> = timeline
            .pods
            .iter()
            .filter(|pod| chooses(timeline, node, pod, sent))
            .collect();
        let pod = (!chosen.is_empty()).then(|| chosen[(i / nodes) as usize % chosen.len()]);
        let verdict = match pod.map(|pod| pod.socket_at(sent)) {
            None => Verdict::Alb(Cause::NoTarget),
            Some(Socket::Silent) => Verdict::Alb(Cause::ConnectTimeout),
            Some(Socket::Closed) => Verdict::Alb(Cause::Refused),
            Some(Socket::Refusing) => Verdict::Target(503),
            Some(Socket::Serving) => Verdict::Ok,
        };
        record(
            &mut outcome,
            Failure {
                sent,
                node,
                pod: pod.map(|pod| pod.pod),
                verdict,
                latency: Span::ZERO,
            },
        );
    }
    outcome
}

fn chooses(timeline: &Timeline, node: AlbNodeId, pod: &PodRecord, sent: Time) -> bool {
    let of_pod =
        |change: &&BeliefChange| change.target.index() == pod.pod.index() && change.at <= sent;
    timeline
        .beliefs_of(node)
        .iter()
        .rev()
        .find(of_pod)
        .is_some_and(|change| change.belief == Belief::Healthy)
}

fn record(outcome: &mut Outcome, failure: Failure) {
    outcome.requests += 1;
    match failure.verdict {
        Verdict::Ok => outcome.ok += 1,
        Verdict::Target(_) => outcome.target += 1,
        Verdict::Alb(cause) => outcome.causes[cause.index()] += 1,
    }
    if failure.verdict != Verdict::Ok
        && outcome.failures.len() < crate::traffic::outcome::FIRST_FAILURES
    {
        outcome.failures.push(failure);
    }
}

/// The same outcome with every cause in it, and some requests that went to no pod.
pub fn of_every_cause(mut outcome: Outcome) -> Outcome {
    for (i, failure) in outcome.failures.iter_mut().enumerate() {
        failure.verdict = Cause::ALL
            .get(i % 10)
            .map_or(Verdict::Target(503), |cause| Verdict::Alb(*cause));
        if failure.verdict == Verdict::Alb(Cause::NoTarget) {
            failure.pod = None;
        }
    }
    let kept = outcome.failures.len() as u64;
    outcome.causes = [kept / 10; Cause::ALL.len()];
    outcome.target = kept / 10;
    outcome
}

/// Mean failures by second, as if every replication were like this one, give or take.
pub fn series(outcome: &Outcome, timeline: &Timeline) -> ErrorSeries {
    let mut series = ErrorSeries {
        mean: vec![[0.0; Cause::ALL.len() + 1]; DURATION as usize],
        ..ErrorSeries::default()
    };
    for failure in &outcome.failures {
        let column = super::palette::column(failure.verdict).expect("a failure");
        let second = (failure.sent.as_micros() / 1_000_000) as i64;
        // Spread, as the replications' own pace would spread it.
        for (shift, share) in [(-2, 0.1), (-1, 0.2), (0, 0.4), (1, 0.2), (2, 0.1)] {
            let row = (second + shift).clamp(
                timeline.rollout_at.as_micros() as i64 / 1_000_000,
                DURATION as i64 - 1,
            );
            series.mean[row as usize][column] += share;
        }
    }
    let totals = series.mean.iter().map(|row| row.iter().sum::<f64>());
    (series.low, series.high) = totals
        .map(|total| ((total * 0.4 - 3.0).max(0.0), total * 1.5 + total.sqrt()))
        .unzip();
    series
}

/// `runs` counts: a heap around `middle`, a share `clean` of zeros, and a tail as long as `tail` middles.
pub fn samples(runs: u64, middle: f64, clean: f64, tail: f64) -> Vec<u64> {
    let sample = |i: u64| {
        let share = (i as f64 + 0.5) / runs as f64;
        if share < clean {
            return 0;
        }
        // A logistic quantile: cheap, and bell-shaped enough to look at.
        let heap = middle * (1.0 + 0.12 * (share / (1.0 - share)).ln());
        (heap.max(0.0) + middle * tail * share.powi(60)).round() as u64
    };
    (0..runs).map(sample).collect()
}

/// Longer than any name in a chart should be.
pub fn long_words() -> String {
    "eks-2048-before with a name\nthat does not end ".repeat(20)
}
