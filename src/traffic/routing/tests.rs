//! Who is chosen, second by second.

use super::*;
use crate::observe::timeline::TargetRecord;
use Belief::{Draining, Gone, Healthy, Initial, Unhealthy};
use NoRoutableTarget::{FailOpen, Strict};

/// Who is chosen, one request a second: `-` for nobody. Target 3 was registered before target 2.
#[track_caller]
fn check(fallback: NoRoutableTarget, start: f64, changes: &[(u64, u16, Belief)], expected: &str) {
    let mut scenario = Scenario::default();
    scenario.load_balancer.no_routable_target = fallback;
    check_scenario(&scenario, start, changes, expected);
}

#[track_caller]
fn check_scenario(scenario: &Scenario, start: f64, changes: &[(u64, u16, Belief)], expected: &str) {
    let second = |secs| Time::from_micros(secs * 1_000_000);
    let targets = [0, 1, 9, 5].map(|registered| TargetRecord {
        pod: None,
        registered: Some(second(registered)),
        healthy: None,
        deregister_called: None,
        draining_over: None,
    });
    let changes: Vec<BeliefChange> = changes
        .iter()
        .map(|&(at, target, belief)| BeliefChange {
            at: second(at),
            target: TargetId(target),
            belief,
        })
        .collect();
    let mut registration = Registration::default();
    registration.sort(&targets, &[], 2);
    let mut table = RoutingTable::new(scenario, 0);
    table.initial_serve = scenario.load_balancer.no_routable_target == FailOpen;
    // A table that has been used before forgets it.
    for _ in 0..2 {
        table.begin_at(&changes, &registration, start);
        let chosen: String = (0..expected.len() as u64)
            .map(|secs| {
                table.update(second(secs), &changes, &registration);
                // Target 3 is busy, and the others are all the more so.
                table.choose(
                    second(secs),
                    Choice {
                        luck: secs as f64 / 8.0 % 1.0,
                        in_flight: &[3, 2, 2, 1].map(|n| n * ONE_IN_FLIGHT),
                        weights: &[],
                    },
                )
            })
            .map(|target| target.map_or("-".to_owned(), |target| target.0.to_string()))
            .collect();
        assert_eq!(chosen, expected);
    }
}

#[test]
fn everybody_in_turn() {
    let all = [
        (0, 0, Healthy),
        (0, 1, Healthy),
        (0, 2, Healthy),
        (0, 3, Healthy),
    ];
    check(Strict, 0.0, &all, "01320132");
    check(Strict, 0.5, &all, "32013201");
    check(Strict, 0.99, &all, "20132013");
}

#[test]
fn the_turn_stays_with_its_target() {
    // Those before it come and go; the one whose turn it is leaves; one comes to the end of the list.
    check(
        Strict,
        0.0,
        &[
            (0, 1, Healthy),
            (0, 2, Healthy),
            (3, 0, Healthy),
            (3, 3, Healthy),
        ],
        "1212013201",
    );
    check(
        Strict,
        0.0,
        &[
            (0, 0, Healthy),
            (0, 1, Healthy),
            (0, 3, Healthy),
            (2, 0, Draining),
        ],
        "0131313",
    );
    check(
        Strict,
        0.0,
        &[
            (0, 0, Healthy),
            (0, 1, Healthy),
            (0, 3, Healthy),
            (1, 1, Gone),
        ],
        "0303030",
    );
    check(
        Strict,
        0.0,
        &[(0, 0, Healthy), (0, 1, Healthy), (2, 2, Healthy)],
        "01012012",
    );
}

/// A node does not choose a target of whose deregistration it knows, though nothing else is left: the only
/// target deregistered, 503 from then on (pricelees.github.io).
#[test]
fn unhealthy_ones_then_perhaps_new_ones_and_none_that_drains() {
    let story = [
        (0, 0, Healthy),
        (1, 1, Initial),
        (2, 0, Draining),
        (4, 0, Gone),
        (6, 1, Unhealthy),
        (8, 1, Gone),
    ];
    check(FailOpen, 0.0, &story, "00111111--");
    check(Strict, 0.0, &story, "00----11--");
    // One that is unhealthy opens the way to those that are new.
    let mixed = [(0, 0, Unhealthy), (0, 1, Initial), (0, 2, Draining)];
    check(Strict, 0.0, &mixed, "010101");
    check(FailOpen, 0.0, &[(0, 0, Draining)], "---");
    check(FailOpen, 0.0, &[], "---");
}

/// Below the minimum a node chooses among all that it knows, and among the healthy ones again above it.
#[test]
fn too_few_healthy_targets_open_the_group() {
    let story = [
        (0, 0, Healthy),
        (0, 1, Healthy),
        (0, 2, Healthy),
        (0, 3, Draining),
        (2, 0, Unhealthy),
        (8, 0, Healthy),
    ];
    let mut scenario = Scenario::default();
    check_scenario(&scenario, 0.0, &story, "012121212012");
    scenario.target_group.health.minimum_healthy_count = 3;
    check_scenario(&scenario, 0.0, &story, "012012012012");
    scenario.target_group.health.minimum_healthy_count = 2;
    check_scenario(&scenario, 0.0, &story, "012121212012");
    // Two of three are 67 %.
    scenario.target_group.health.minimum_healthy_percentage = 67;
    check_scenario(&scenario, 0.0, &story, "012012012012");
    scenario.target_group.health.minimum_healthy_percentage = 66;
    check_scenario(&scenario, 0.0, &story, "012121212012");
}

/// Half of the environments, and a twin is in the same half.
#[test]
fn whether_new_targets_serve_is_the_environments() {
    let (scenario, changes) = (Scenario::default(), []);
    let mut registration = Registration::default();
    registration.sort(&[], &[], 2);
    let mut table = RoutingTable::new(&scenario, 0);
    let mut serve = |streams: &Streams| {
        table.begin(0, &changes, &registration, streams);
        table.initial_serve
    };
    let all = (0..2_000).map(|run| Streams::new(1, run));
    let count = all.filter(|streams| {
        let serves = serve(streams);
        assert_eq!(serves, serve(&streams.twin()));
        serves
    });
    let count = count.count();
    assert!((900..1_100).contains(&count), "{count} of 2,000");
}

const ALL: [(u64, u16, Belief); 4] = [
    (0, 0, Healthy),
    (0, 1, Healthy),
    (0, 2, Healthy),
    (0, 3, Healthy),
];

#[test]
fn the_least_busy_in_turn() {
    let mut scenario = Scenario::default();
    scenario.target_group.algorithm = Algorithm::LeastOutstandingRequests;
    check_scenario(&scenario, 0.0, &ALL, "333");
    check_scenario(
        &scenario,
        0.0,
        &[
            (0, 0, Healthy),
            (0, 1, Healthy),
            (0, 2, Healthy),
            (3, 1, Gone),
        ],
        "121222",
    );
    check_scenario(&scenario, 0.0, &[], "-");
}

#[test]
fn luck_chooses() {
    let mut scenario = Scenario::default();
    scenario.target_group.algorithm = Algorithm::WeightedRandom;
    check_scenario(&scenario, 0.5, &ALL, "00113322");
    check_scenario(&scenario, 0.5, &[], "-");
    let mut table = RoutingTable::new(&scenario, 0);
    table.choices = vec![TargetId(0), TargetId(1)];
    let chosen = |luck| table.at_random(luck, &[1.0, 0.25]).map(|target| target.0);
    assert_eq!(
        [0.0, 0.79, 0.81, 0.9999].map(chosen),
        [0, 0, 1, 1].map(Some)
    );
}

#[test]
fn slow_start_is_a_growing_share() {
    let mut scenario = Scenario::default();
    scenario.target_group.slow_start = Span::from_secs(10);
    // Turns at shares 0.1, 0.2, 0.3, 0.4 make one; those at 0.6 and 0.7 another; then 0.9.
    let one = [(0, 0, Healthy), (1, 1, Healthy)];
    check_scenario(&scenario, 0.0, &one, "000001001010101");
    // The first to come has nobody to wait for; without it, nobody has got through.
    check_scenario(
        &scenario,
        0.0,
        &[(1, 0, Healthy), (1, 1, Healthy), (1, 3, Healthy)],
        "-00001300",
    );
    check_scenario(
        &scenario,
        0.0,
        &[
            (0, 0, Healthy),
            (1, 1, Healthy),
            (1, 3, Healthy),
            (2, 0, Gone),
        ],
        "001313",
    );
}

#[test]
fn a_zone_of_its_own() {
    let mut scenario = Scenario::default();
    scenario.target_group.cross_zone = false;
    check_scenario(&scenario, 0.0, &ALL, "020202");
    check_scenario(
        &scenario,
        0.0,
        &[(0, 1, Healthy), (0, 3, Healthy), (2, 0, Unhealthy)],
        "--00",
    );
}

#[test]
fn a_cut_is_foreseen_from_the_change_before_it() {
    let second = Time::from_micros;
    let changes = [
        (0, Healthy),
        (1, Draining),
        (2, Healthy),
        (3, Draining),
        (4, Gone),
        (5, Initial),
        (6, Gone),
    ]
    .map(|(at, belief)| BeliefChange {
        at: second(at),
        target: TargetId(0),
        belief,
    });
    let mut table = RoutingTable::new(&Scenario::default(), 0);
    table.foresee_cuts(&changes, 1);
    let after: Vec<Option<u64>> = table
        .cuts_after
        .iter()
        .map(|cut| (*cut != Time::NEVER).then(|| cut.as_micros()))
        .collect();
    assert_eq!(
        after,
        [Some(4), Some(4), Some(4), Some(4), None, None, None]
    );
}
