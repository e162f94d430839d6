//! Several target groups of the same pods: a gate each, one controller, one throttle.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::Path;

use rollcast::aws::lbc;
use rollcast::cluster::api_server;
use rollcast::cluster::pod::PodChange;
use rollcast::event::{Fact, OtherFact};
use rollcast::id::{PodId, TargetGroupId};
use rollcast::observe::timeline::Timeline;
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::{Document, Scenario};
use rollcast::time::{Span, Time};

/// Gated pods, which are registered the moment they run and answer checks 12 s later.
const SCENARIO: &str = r#"
[deployment]
replicas = 4
max_surge = 1
max_unavailable = 0
[pod]
readiness_gate = true
pre_stop = "5s"
[app]
start_up = "12s"
[load]
rate = 0
duration = "120s"
"#;

const SLOW: &str =
    "[[other_target_group]]\nname = \"slow\"\nhealth_check = { interval = \"60s\" }\n";
const SECOND: TargetGroupId = TargetGroupId(1);

fn scenario(more: &str, edits: &[(&str, &str)]) -> Scenario {
    let mut document = Document::parse(
        Path::new("target-groups.toml"),
        &format!("{SCENARIO}{more}"),
    )
    .unwrap();
    edits
        .iter()
        .for_each(|(key, value)| document.set(key, value).unwrap());
    document.resolve().unwrap()
}

type History = Vec<(Time, Fact)>;

fn history(scenario: &Scenario, run: u64) -> (History, Timeline) {
    let mut history = History::new();
    let mut rollout = Rollout::new(scenario);
    let timeline = rollout.simulate_observed(&Streams::new(1, run), |now, fact| {
        history.push((now, *fact));
    });
    let timeline = timeline.unwrap().clone();
    (history, timeline)
}

/// What the controller said, and about which target group.
fn controller(history: &History) -> impl Iterator<Item = (Time, TargetGroupId, lbc::Fact)> {
    history.iter().filter_map(|(at, fact)| match fact {
        Fact::Lbc(fact) => Some((*at, TargetGroupId::FIRST, *fact)),
        Fact::Other(group, OtherFact::Lbc(fact)) => Some((*at, *group, *fact)),
        _ => None,
    })
}

/// How many calls for a group's target health come in the seconds from 30 to 60.
fn describes(history: &History, group: TargetGroupId) -> usize {
    let within = Time::from_micros(30_000_000)..Time::from_micros(60_000_000);
    let asked = controller(history).filter(|(at, of, fact)| {
        *of == group
            && within.contains(at)
            && matches!(fact, lbc::Fact::DescribeTargetHealth { .. })
    });
    asked.count()
}

/// When a pod's gates changed, and which were True then, one bit a target group.
fn gates(history: &History, pod: PodId) -> Vec<(Time, u8)> {
    let changes = history.iter().filter_map(|(at, fact)| match fact {
        Fact::Api(api_server::Fact::Pod(object, PodChange::Gate)) if object.pod == pod => {
            Some((*at, object.gates.open()))
        }
        _ => None,
    });
    changes.collect()
}

/// How long the rollout lasts, on average, in seconds.
fn lasts(scenario: &Scenario) -> f64 {
    let last = |run| {
        let (_, timeline) = history(scenario, run);
        timeline
            .pods
            .iter()
            .filter_map(|pod| pod.ready)
            .max()
            .unwrap()
            .secs_since(timeline.rollout_at)
    };
    (0..10).map(last).sum::<f64>() / 10.0
}

#[test]
fn a_pod_waits_for_the_gate_of_each_group() {
    for more in [SLOW.to_owned(), format!("{SLOW}[[other_target_group]]\n")] {
        let scenario = scenario(&more, &[]);
        let all = (1_u8 << scenario.target_groups().count()) - 1;
        for run in 0..5 {
            let (history, timeline) = history(&scenario, run);
            for pod in timeline.pods.iter().filter(|pod| !pod.initial) {
                let gates = gates(&history, pod.pod);
                let opened = gates.iter().find(|(_, open)| *open == all).unwrap().0;
                let ready = pod.ready.unwrap();
                assert!(
                    ready > opened && ready < opened + Span::from_secs(2),
                    "{ready}, gates {gates:?}"
                );
                // The first group's checks are quicker: its gate waits for the other one's.
                assert!(
                    gates[0].1 != 0b010 && gates[0].0 + Span::from_secs(20) < opened,
                    "{gates:?}"
                );
            }
        }
    }
}

#[test]
fn the_slower_group_decides_whichever_it_is() {
    let interval = "target_group.health_check.interval";
    let alone = lasts(&scenario("", &[]));
    let equal = lasts(&scenario("[[other_target_group]]\n", &[]));
    let slow = lasts(&scenario(SLOW, &[]));
    let first_is_slow = lasts(&scenario("[[other_target_group]]\n", &[(interval, "60s")]));
    assert!(
        (equal / alone - 1.0).abs() < 0.25,
        "{alone} s, with another group {equal} s"
    );
    assert!(slow > 1.5 * equal, "{equal} s, with a slow group {slow} s");
    assert!(
        (first_is_slow / slow - 1.0).abs() < 0.1,
        "{slow} s, the other way round {first_is_slow} s"
    );
}

#[test]
fn without_gates_nothing_waits_for_a_further_group() {
    let ungated = [("pod.readiness_gate", "false")];
    for run in 0..5 {
        let [alone, with] = ["", SLOW].map(|more| history(&scenario(more, &ungated), run).1);
        assert_eq!(format!("{:?}", alone.pods), format!("{:?}", with.pods));
        assert_eq!(
            format!("{:?}", alone.targets),
            format!("{:?}", with.targets)
        );
        assert_eq!(alone.beliefs, with.beliefs);
        assert!(
            with.other_targets[0]
                .iter()
                .any(|target| target.healthy.is_some())
        );
    }
}

#[test]
fn a_deleted_pod_is_deregistered_from_both_and_drains_in_each() {
    let more = "[[other_target_group]]\nderegistration_delay = \"3s\"\n";
    let (_, timeline) = history(
        &scenario(more, &[("target_group.deregistration_delay", "1s")]),
        0,
    );
    for row in 0..4 {
        let [first, second] = [&timeline.targets[row], &timeline.other_targets[0][row]];
        let called = [first, second].map(|target| target.deregister_called.unwrap());
        assert!(
            called[0].max(called[1]) - called[0].min(called[1]) < Span::from_millis(500),
            "{called:?}"
        );
        assert_eq!(first.draining_over, Some(called[0] + Span::from_secs(1)));
        assert_eq!(second.draining_over, Some(called[1] + Span::from_secs(3)));
    }
}

/// Up to 3.1 the throttle takes 10 calls a second in all; each group asks for 8.
#[test]
fn the_throttle_is_one_for_all_groups() {
    let calls = |version, more: &str| {
        let edits = [
            ("lbc.version", version),
            ("lbc.requeue", "100ms"),
            ("lbc.describe_call", "25ms"),
            ("app.start_up", "80s"),
        ];
        let (history, _) = history(&scenario(more, &edits), 0);
        [TargetGroupId::FIRST, SECOND].map(|group| describes(&history, group))
    };
    let group = "[[other_target_group]]\n";
    let [alone, none] = calls("2.13", "");
    assert!(
        (230..=245).contains(&alone) && none == 0,
        "{alone} calls in 30 s"
    );
    let [first, second] = calls("2.13", group);
    assert!(
        first + second <= 302 && first.abs_diff(second) <= 2,
        "{first} and {second} calls in 30 s"
    );
    // From 3.2 it takes 50.
    let [first, second] = calls("3.2", group);
    assert!(
        first.min(second) >= 230,
        "{first} and {second} calls in 30 s"
    );
}

#[test]
fn a_leaders_successor_takes_up_every_group() {
    let outage = "[[disturbance]]\nkind = \"lbc_outage\"\nat = \"5s\"\nduration = \"40s\"\n";
    let scenario = scenario(&format!("{SLOW}{outage}"), &[]);
    let lost = Time::ZERO + scenario.load.rollout_at + Span::from_secs(5);
    let elected = lost + Span::from_secs(40);
    let (history, timeline) = history(&scenario, 0);
    assert!(
        controller(&history).all(|(at, ..)| at <= lost || at >= elected),
        "somebody led in between"
    );
    for group in scenario.target_groups() {
        let next = controller(&history)
            .find(|(at, of, _)| *at >= elected && *of == group)
            .unwrap()
            .0;
        assert_eq!(next, elected, "{group:?} is reconciled at once");
    }
    assert!(
        timeline
            .pods
            .iter()
            .filter(|pod| !pod.initial)
            .all(|pod| pod.ready.is_some())
    );
}

/// From 3.4 the controller watches gated pods: one group's gate is an event for the others.
#[test]
fn a_gate_is_an_event_for_the_other_group() {
    for (version, asks) in [("3.3", false), ("3.4", true)] {
        let edits = [("lbc.version", version), ("lbc.requeue", "37s")];
        let (history, timeline) = history(&scenario(SLOW, &edits), 3);
        let new = timeline.pods.iter().find(|pod| !pod.initial).unwrap();
        let (opened, _) = gates(&history, new.pod)
            .into_iter()
            .find(|(_, open)| *open == 0b01)
            .unwrap();
        let soon = opened..opened + Span::from_secs(1);
        let asked = controller(&history).any(|(at, of, fact)| {
            of == SECOND
                && soon.contains(&at)
                && matches!(fact, lbc::Fact::DescribeTargetHealth { .. })
        });
        assert_eq!(asked, asks, "{version}");
    }
}
