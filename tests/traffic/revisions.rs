//! A third revision is as good as the first two: what it takes and what it can bear count in all ways through stage 2.

use rollcast::cluster::app::ColdStart;
use rollcast::dist::{Dist, LogNormal};
use rollcast::id::RevisionId;
use rollcast::random::Streams;
use rollcast::scenario::{Revision, Scenario};
use rollcast::time::Span;
use rollcast::traffic::interval::IntervalEngine;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;

use crate::laws::printed;
use crate::staged::{Stage, scenario};

const THIRD: RevisionId = RevisionId(2);

/// Ten seconds of 100 requests a second, with a third revision like this.
fn with_third(change: impl Fn(&mut Revision)) -> Scenario {
    let mut scenario = scenario();
    let mut third = scenario.revisions[0].clone();
    change(&mut third);
    scenario.revisions.push(third);
    scenario.load.duration = Some(Span::from_secs(10));
    scenario.load.rate = 100.0;
    scenario
}

fn in_900_ms(third: &mut Revision) {
    third.app.service_time = Dist::constant(Span::from_millis(900));
}

/// So many old pods and so many of the third revision, all there from the start.
fn pods(old: u16, third: u16) -> Stage {
    let mut stage = Stage::serving(old, 2);
    (0..third).for_each(|_| {
        stage.add(THIRD, 0.0, 0.0);
    });
    stage
}

/// What each way through stage 2 makes of it: decided at arrival, live, counted.
fn three_ways(scenario: &Scenario, stage: &Stage) -> [Outcome; 3] {
    let streams = Streams::new(1, 0);
    let mut outcomes = [(); 3].map(|()| Outcome::new());
    let [arrival, live, interval] = &mut outcomes;
    RequestEngine::new(scenario).simulate(&stage.0, &streams, arrival);
    RequestEngine::live(scenario).simulate(&stage.0, &streams, live);
    IntervalEngine::new(scenario)
        .expect("nothing feeds back")
        .simulate(&stage.0, &streams, interval);
    outcomes
}

fn quantile(outcome: &Outcome, q: f64) -> f64 {
    outcome.latency.histogram().value_at_quantile(q) as f64 / 1e6
}

#[test]
fn a_third_revision_that_answers_in_900_ms_moves_p50() {
    let scenario = with_third(in_900_ms);
    for outcome in three_ways(&scenario, &pods(0, 2)) {
        assert!((quantile(&outcome, 0.5) - 0.9).abs() < 0.01);
    }
    // Beside two pods of another revision, half of the requests take so long.
    for outcome in three_ways(&scenario, &pods(2, 2)) {
        let [less, more] = [0.45, 0.55].map(|q| quantile(&outcome, q));
        assert!(less < 0.05 && more > 0.85, "{less} {more}");
    }
}

/// What further revisions take is drawn apart from the first two's, and has its own law, whoever asks for it.
#[test]
fn a_third_revision_has_its_own_service_times() {
    let law = LogNormal::new(Span::from_millis(400), 0.5);
    let mut scenario = with_third(|third| third.app.service_time = Dist::LogNormal(law));
    // Without connects, at arrival and live are the same to the byte.
    scenario.load_balancer.round_trip = Span::ZERO;
    let stage = pods(2, 2);
    let outcomes = three_ways(&scenario, &stage);
    assert_eq!(printed(&outcomes[0]), printed(&outcomes[1]));
    for outcome in &outcomes {
        // The upper half of all requests is the third revision's: its median is their third quartile.
        let median = quantile(outcome, 0.75);
        assert!((median - 0.4).abs() < 0.05, "{median}");
    }
    // Two thirds of the pods: the same share of requests in all ways.
    let slow = |outcome: &Outcome| {
        let histogram = outcome.latency.histogram();
        1.0 - histogram.count_between(0, 60_000) as f64 / histogram.len() as f64
    };
    for outcome in three_ways(&scenario, &pods(1, 2)) {
        assert!((slow(&outcome) - 2.0 / 3.0).abs() < 0.05);
    }
}

#[test]
fn a_third_revision_serves_no_more_at_once_than_it_can() {
    let scenario = with_third(|third| third.app.concurrency = Some(1));
    let mut outcome = Outcome::new();
    let mut run = |stage: &Stage| {
        RequestEngine::new(&scenario).simulate(&stage.0, &Streams::new(1, 0), &mut outcome);
        quantile(&outcome, 0.5)
    };
    // 50 a second are as much as one worker can do: the others wait for each other.
    assert!(run(&pods(1, 0)) < 0.03);
    assert!(run(&pods(0, 1)) > 0.5);
}

#[test]
fn a_third_revision_is_slow_at_first() {
    let cold_start = Some(ColdStart {
        factor: 10.0,
        over: Span::from_secs(1_000),
    });
    let scenario = with_third(|third| third.app.cold_start = cold_start);
    let mut stage = Stage::serving(0, 2);
    stage.add(THIRD, 0.5, 0.5);
    let mut outcome = Outcome::new();
    for engine in [
        &mut RequestEngine::new(&scenario),
        &mut RequestEngine::live(&scenario),
    ] {
        engine.simulate(&stage.0, &Streams::new(1, 0), &mut outcome);
        assert!((quantile(&outcome, 0.5) - 0.2).abs() < 0.01);
    }
}

/// A third revision whose requests take as long as those of the second is like the second, request by request.
#[test]
fn a_third_revision_like_the_second_is_like_the_second() {
    let mut scenario = with_third(in_900_ms);
    scenario.revisions[1] = scenario.revisions[2].clone();
    let mut second = Stage::serving(1, 2);
    second.add(RevisionId::NEW, 0.0, 0.0);
    let third = pods(1, 1);
    let [one, other] = [&second, &third].map(|stage| three_ways(&scenario, stage));
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one.latency.histogram(), other.latency.histogram());
        assert_eq!((one.ok, one.latency_sum), (other.ok, other.latency_sum));
    }
}
