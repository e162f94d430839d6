//! Kernels that answer for removed IPs, event by event.

use super::*;
use crate::aws::alb_node::HostUnreachableShare;
use crate::id::RevisionId;
use crate::observe::timeline::{PodRecord, TargetRecord};

/// Kernels of one host whose pods are gone.
fn kernels(pods: u16, run: u64) -> Kernels {
    let mut scenario = Scenario::default();
    scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Unreachable;
    scenario.load_balancer.nodes = 1;
    let mut timeline = Timeline::default();
    for row in 0..pods {
        let pod = PodId::new(row, RevisionId::OLD, row + 1);
        timeline.pods.push(PodRecord {
            node: Some(NodeId(0)),
            ..PodRecord::new(pod)
        });
        timeline.targets.push(TargetRecord {
            pod: Some(pod),
            registered: None,
            healthy: None,
            deregister_called: None,
            draining_over: None,
        });
    }
    let mut kernels = Kernels::new(&scenario);
    kernels.begin(&scenario, &timeline, &Streams::new(1, run));
    kernels
}

fn all(kernels: &mut Kernels) -> Vec<Answered> {
    let mut answered = Vec::new();
    while kernels.pass(Time::NEVER, &mut answered) {}
    answered
}

fn at(secs: f64) -> Time {
    Time::ZERO + Span::from_secs_f64(secs)
}

/// Connects at an even rate for so long, one by one or by the second; the mean number of 502s.
fn mean(rate: f64, lag: f64, by_second: bool) -> f64 {
    let runs = 40;
    let count = |run| {
        let mut kernels = kernels(1, run);
        let shift = run as f64 / runs as f64;
        if by_second {
            for second in 0..lag as u64 {
                let [from, until] = [second, second + 1].map(|second| at(100.0 + second as f64));
                kernels.connect(0, 0, Stretch::spread(from, until, rate as u64));
            }
        } else {
            for nth in 0..(rate * lag) as u64 {
                kernels.connect(0, 0, Stretch::one(at(100.0 + (nth as f64 + shift) / rate)));
            }
        }
        all(&mut kernels).len()
    };
    (0..runs).map(count).sum::<usize>() as f64 / runs as f64
}

/// priors.md §5: the share of 502s by rate, for a lag of 7 s and of 15 s.
#[test]
fn the_share_of_502s_falls_with_the_rate() {
    for (rate, shares) in [
        (1.0, [1.0, 1.0]),
        (3.0, [0.73, 0.53]),
        (6.0, [0.42, 0.28]),
        (25.0, [0.10, 0.07]),
        (50.0, [0.05, 0.04]),
    ] {
        for (lag, share) in [7.0, 15.0].into_iter().zip(shares) {
            for by_second in [false, true] {
                let got = mean(rate, lag, by_second) / (rate * lag);
                assert!(
                    (got - share).abs() <= 0.02 + 0.03 * share,
                    "{rate} a second for {lag} s: {got}, not {share}"
                );
            }
        }
    }
    // A million a second is no more work, and gets no more answers.
    assert!((mean(1e6, 7.0, true) - 18.0).abs() < 0.5);
}

/// A round ends 3.07 s to 3.19 s after its first SYN; who joins it waits for the rest of it.
#[test]
fn a_round_ends_for_all_who_wait() {
    let mut kernels = kernels(1, 0);
    [10.0, 11.5, 12.9]
        .into_iter()
        .for_each(|sent| kernels.connect(0, 0, Stretch::one(at(sent))));
    let due = kernels.due();
    assert!((at(13.07)..at(13.20)).contains(&due), "{due}");
    let answered = all(&mut kernels);
    assert_eq!(
        answered
            .iter()
            .map(|one| (one.nth, one.at))
            .collect::<Vec<_>>(),
        [(0, due), (1, due), (2, due)]
    );
}

/// Two dead pods of one host share its allowance for a node: 6 at once, not 12; the rest try again.
#[test]
fn the_pods_of_a_host_share_its_allowance() {
    let mut kernels = kernels(2, 3);
    for nth in 0..20 {
        for address in 0..2 {
            kernels.connect(address, 0, Stretch::one(at(50.0 + f64::from(nth) / 100.0)));
        }
    }
    let answered = all(&mut kernels);
    let first_rounds = answered.iter().filter(|one| one.at < at(53.5)).count();
    assert_eq!(first_rounds, 6);
    // Nobody is answered after having given up, nor twice.
    assert!(
        answered
            .iter()
            .all(|one| one.at < one.sent + Span::from_secs(10))
    );
    let mut who: Vec<_> = answered.iter().map(|one| (one.address, one.nth)).collect();
    who.sort_unstable();
    who.dedup();
    assert_eq!(who.len(), answered.len());
    assert!(
        (6 + 4..=6 + 8).contains(&answered.len()),
        "{}",
        answered.len()
    );
}

/// Half of the environments answer, and a twin is in the same half.
#[test]
fn whether_kernels_answer_is_the_environments() {
    let on = (0..2_000).filter(|run| {
        let streams = Streams::new(1, *run);
        let answer = |streams: &Streams| HostUnreachableShare::Published.in_environment(streams);
        assert_eq!(answer(&streams), answer(&streams.twin()));
        answer(&streams) == RemovedIp::Kernel
    });
    let on = on.count();
    assert!((900..1_100).contains(&on), "{on} of 2,000");
}
