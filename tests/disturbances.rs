//! What disturbances do, seen from outside: a scenario in, its timelines held to what each kind promises.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::Path;

use rollcast::aws::alb_node::Belief;
use rollcast::disturbance::Kind;
use rollcast::observe::timeline::{PodRecord, Timeline};
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::{self, Document, Scenario};
use rollcast::time::Time;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;

const RUNS: u64 = 20;

/// Nothing is rolled out.
const REST: &str = "[[step]]\nset = { revision = \"old\" }\n";

fn shipped(name: &str) -> Scenario {
    scenario::load(Path::new(&format!("scenarios/{name}.toml"))).unwrap()
}

fn parse(text: &str) -> Scenario {
    Document::parse(Path::new("test.toml"), text)
        .unwrap()
        .resolve()
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Four replicas with a readiness probe, and whatever else.
fn four(text: &str) -> Scenario {
    parse(&format!(
        "[deployment]\nreplicas = 4\n[pod.readiness_probe]\nperiod = \"5s\"\n{text}"
    ))
}

fn timelines(scenario: &Scenario) -> Vec<Timeline> {
    let mut rollout = Rollout::new(scenario);
    (0..RUNS)
        .map(|run| rollout.simulate(&Streams::new(1, run)).unwrap().clone())
        .collect()
}

fn errors(scenario: &Scenario) -> u64 {
    let (mut rollout, mut engine) = (Rollout::new(scenario), RequestEngine::new(scenario));
    let mut outcome = Outcome::new();
    let mut one = |run| {
        let streams = Streams::new(1, run);
        engine.simulate(rollout.simulate(&streams).unwrap(), &streams, &mut outcome);
        [502, 503, 504]
            .map(|status| outcome.status(status))
            .iter()
            .sum::<u64>()
    };
    (0..RUNS).map(&mut one).sum()
}

/// Seconds since the rollout's start.
fn secs(timeline: &Timeline, at: Option<Time>) -> f64 {
    at.map_or(f64::NAN, |at| at.secs_since(timeline.rollout_at))
}

#[track_caller]
fn assert_within(got: f64, low: f64, high: f64) {
    assert!(
        (low..=high).contains(&got),
        "{got} lies outside {low}..{high}"
    );
}

fn on_node_0(timeline: &Timeline) -> impl Iterator<Item = &PodRecord> {
    timeline
        .pods
        .iter()
        .filter(|pod| pod.initial && pod.node.is_some_and(|node| node.0 == 0))
}

#[test]
fn every_kind_has_a_scenario_that_teaches_it() {
    for kind in Kind::ALL {
        let text =
            std::fs::read_to_string(format!("scenarios/{}.toml", kind.word().replace('_', "-")))
                .unwrap();
        assert!(
            text.contains(&format!("kind = \"{}\"", kind.word())),
            "{}",
            kind.word()
        );
    }
}

/// Weather that changes nothing changes nothing: not an event, not a request.
#[test]
fn calm_weather_is_no_weather() {
    let calm = "[[disturbance]]\nkind = \"load_step\"\nfactor = 1.0\n\
                [[disturbance]]\nkind = \"api_throttle\"\napi = \"elb\"\nrefused = 0.0\n\
                [[disturbance]]\nkind = \"bad_version\"\nfault = \"crash_loop\"\ncrash_after = \"30h\"\n";
    let before = std::fs::read_to_string("scenarios/eks-2048-before.toml").unwrap();
    let (without, with) = (parse(&before), parse(&format!("{before}{calm}")));
    let prints = |scenario| {
        timelines(scenario)
            .iter()
            .map(|timeline| timeline.fingerprint)
            .collect::<Vec<_>>()
    };
    assert_ne!(without.digest(), with.digest());
    assert_eq!(prints(&without), prints(&with));
    assert_eq!(errors(&without), errors(&with));
}

/// LBC#2366: two pods, minAvailable 1, deleted at 1 s and 21 s.
#[test]
fn a_budget_makes_evictions_take_turns_of_five_seconds() {
    for timeline in timelines(&shipped("node-drain")) {
        let mut evicted = [0, 1].map(|row| &timeline.pods[row]);
        evicted.sort_by_key(|pod| pod.terminating);
        let ([first, second], replacement) = (evicted, &timeline.pods[2]);
        assert_within(secs(&timeline, first.terminating), 0.0, 1.0);
        assert!(second.terminating.unwrap() > replacement.ready.unwrap());
        let turn = secs(&timeline, second.terminating) % 5.0;
        assert_within(turn, 0.0, 1.5);
        assert_within(
            secs(&timeline, second.terminating) - secs(&timeline, replacement.ready),
            0.0,
            6.0,
        );
        assert!(
            timeline.pods[2..]
                .iter()
                .all(|pod| pod.node.unwrap().0 == 2),
            "nothing goes where it is cordoned"
        );
    }
    let drains = "[cluster]\nnodes = 5\n[[disturbance]]\nkind = \"node_drain\"\nnode = 0\n[[disturbance]]\nkind = \"node_drain\"\nnode = 1\n";
    let deleted = |budget: &str| -> Vec<usize> {
        let timelines = timelines(&four(&format!("{budget}{drains}{REST}")));
        let at_once = |pod: &&PodRecord| pod.terminating.is_some_and(|at| at.as_secs_f64() < 12.0);
        timelines
            .iter()
            .map(|timeline| timeline.pods.iter().filter(at_once).count())
            .collect()
    };
    assert_eq!(deleted(""), [2; RUNS as usize], "no budget: all at once");
    assert_eq!(
        deleted("[pod_disruption_budget]\nmax_unavailable = \"25%\"\n"),
        [1; RUNS as usize]
    );
    assert_eq!(
        deleted("[pod_disruption_budget]\nmin_available = \"100%\"\n"),
        [0; RUNS as usize]
    );
}

/// A rollout deletes pods without asking the budget.
#[test]
fn a_rollout_does_not_ask_the_budget() {
    let strict = four("[pod_disruption_budget]\nmin_available = \"100%\"\n");
    let prints = |scenario| {
        timelines(scenario)
            .iter()
            .map(|timeline| timeline.fingerprint)
            .collect::<Vec<_>>()
    };
    assert_eq!(prints(&strict), prints(&four("[service]\n")));
}

#[test]
fn what_a_spot_notice_does_not_drain_falls_silent() {
    let mut silent = 0;
    for timeline in timelines(&shipped("spot-interruption")) {
        for pod in on_node_0(&timeline) {
            match pod.sigterm {
                Some(sigterm) => assert_within(secs(&timeline, Some(sigterm)), 30.0, 120.0),
                None => {
                    silent += 1;
                    assert_eq!(secs(&timeline, pod.network_gone), 120.0);
                    assert_eq!((pod.resets.len(), pod.finished), (0, None), "not a word");
                }
            }
        }
    }
    assert!(silent > 20, "{silent}");
}

#[test]
fn a_shutdown_deletes_nothing_and_replaces_late() {
    for timeline in timelines(&shipped("graceful-node-shutdown")) {
        let [old, replacement] = [0, 3].map(|row| &timeline.pods[row]);
        assert_eq!(old.terminating, None);
        assert_within(secs(&timeline, old.out_of_slice_ready), 0.0, 6.5);
        assert_within(secs(&timeline, old.sigterm), 10.0, 10.1);
        assert!(
            replacement.created > old.finished,
            "replaced once it has ended"
        );
    }
    assert_eq!(
        errors(&{
            let text = std::fs::read_to_string("scenarios/graceful-node-shutdown.toml").unwrap();
            parse(&text.replace("graceful_node_shutdown", "node_drain"))
        }),
        0
    );
    assert!(errors(&shipped("graceful-node-shutdown")) > 200);
}

/// More than the grace period of ordinary pods there is not, whatever theirs is.
#[test]
fn a_shutdown_shortens_grace_periods() {
    let text = "termination_grace_period = \"600s\"\n[app]\non_sigterm = \"ignore\"\n[load]\nduration = \"200s\"\n\
                [[disturbance]]\nkind = \"graceful_node_shutdown\"\nnode = 0\n";
    let scenario = parse(&format!("[pod]\n{text}{REST}"));
    for timeline in timelines(&scenario) {
        for pod in on_node_0(&timeline) {
            let killed = pod.resets.first().copied();
            assert_within(secs(&timeline, killed), 120.0, 120.1);
        }
    }
}

#[test]
fn a_lost_host_is_out_of_the_slice_after_its_grace_and_its_pods_replaced_after_their_toleration() {
    for (kubernetes, grace) in [("1.36", 50.0), ("1.31", 40.0)] {
        let text = std::fs::read_to_string("scenarios/node-loss.toml").unwrap();
        let scenario = parse(&format!("{text}[cluster]\nkubernetes = \"{kubernetes}\"\n"));
        for timeline in timelines(&scenario) {
            let [lost, replacement] = [0, 3].map(|row| &timeline.pods[row]);
            assert_eq!(secs(&timeline, lost.network_gone), 0.0);
            assert_eq!(
                (lost.gone, lost.sigterm, lost.resets.len()),
                (None, None, 0)
            );
            let noticed = secs(&timeline, lost.out_of_slice_ready);
            assert_within(noticed, grace - 10.0, grace + 6.5);
            assert_within(secs(&timeline, lost.terminating) - noticed, 298.0, 300.0);
            assert_within(
                secs(&timeline, replacement.created),
                grace + 290.0,
                grace + 307.0,
            );
            for node in &timeline.beliefs {
                let first = node
                    .iter()
                    .find(|change| change.target.0 == 0 && change.belief == Belief::Unhealthy);
                assert_within(
                    first.unwrap().at.secs_since(timeline.rollout_at),
                    20.0,
                    35.0,
                );
            }
        }
    }
}

#[test]
fn a_killed_process_is_restarted_in_place() {
    for timeline in timelines(&shipped("pod-kill")) {
        assert_eq!(timeline.pods.len(), 4, "no pod is deleted, none is made");
        let [killed] = timeline
            .pods
            .iter()
            .filter(|pod| !pod.resets.is_empty())
            .collect::<Vec<_>>()[..]
        else {
            panic!("one victim")
        };
        assert_within(secs(&timeline, killed.resets.first().copied()), 0.0, 1.0);
        assert_within(secs(&timeline, killed.out_of_slice_ready), 0.0, 3.0);
        assert_eq!(killed.sigterm, None);
    }
    let kills = |pods: u32| {
        let text = format!("[[disturbance]]\nkind = \"pod_kill\"\npods = {pods}\n{REST}");
        let timelines = timelines(&four(&text));
        let victims = |timeline: &Timeline| -> Vec<usize> {
            timeline
                .pods
                .iter()
                .filter(|pod| pod.terminating.is_some())
                .map(|pod| pod.pod.index())
                .collect()
        };
        timelines.iter().map(victims).collect::<Vec<_>>()
    };
    for (one, three) in kills(1).iter().zip(kills(3)) {
        assert_eq!((one.len(), three.len()), (1, 3));
        assert!(three.contains(&one[0]), "the same victim, and two more");
    }
}

#[test]
fn a_leaderless_controller_does_nothing_and_then_everything() {
    let mut overdue = 0;
    for timeline in timelines(&shipped("lbc-outage")) {
        for (target, pod) in timeline.targets.iter().zip(&timeline.pods) {
            let changes = [target.registered, target.deregister_called];
            for at in changes
                .into_iter()
                .flatten()
                .map(|at| at.secs_since(timeline.rollout_at))
            {
                assert!(!(10.5..29.0).contains(&at), "changed at {at}");
            }
            if (10.5..28.0).contains(&secs(&timeline, pod.terminating)) {
                overdue += 1;
                assert_within(secs(&timeline, target.deregister_called), 29.0, 30.5);
            }
        }
    }
    assert!(overdue > 20, "{overdue}");
}

#[test]
fn refused_calls_of_the_elb_api_come_late() {
    let refused = |duration: &str| {
        let throttle =
            format!("kind = \"api_throttle\"\napi = \"elb\"\nduration = \"{duration}\"\n");
        let scenario = four(&format!(
            "[load]\nduration = \"400s\"\n[[disturbance]]\n{throttle}"
        ));
        timelines(&scenario)
            .iter()
            .map(|timeline| secs(timeline, timeline.targets[3].deregister_called))
            .collect::<Vec<_>>()
    };
    // Within the SDK's patience, and beyond it: then the controller has started over.
    refused("10s")
        .into_iter()
        .for_each(|at| assert_within(at, 10.0, 30.1));
    refused("200s")
        .into_iter()
        .for_each(|at| assert_within(at, 200.0, 221.0));
}

#[test]
fn a_throttled_api_server_slows_the_rollout_down() {
    let calm = four("[service]\n");
    let throttled = four("[[disturbance]]\nkind = \"api_throttle\"\nrate = 1\n");
    let completed = |scenario| -> Vec<f64> {
        timelines(scenario)
            .iter()
            .map(|timeline| secs(timeline, timeline.pods.last().unwrap().ready))
            .collect()
    };
    for (calm, throttled) in completed(&calm).into_iter().zip(completed(&throttled)) {
        assert!(throttled > calm + 5.0, "{calm} {throttled}");
    }
}

#[test]
fn a_slow_link_delays_what_travels_on_it() {
    for timeline in timelines(&shipped("slow-link")) {
        let old = timeline
            .pods
            .iter()
            .zip(&timeline.targets)
            .filter(|(pod, _)| pod.terminating.is_some());
        for (pod, target) in old.filter(|(pod, _)| secs(&timeline, pod.terminating) < 100.0) {
            assert_within(
                secs(&timeline, target.deregister_called) - secs(&timeline, pod.terminating),
                15.0,
                20.0,
            );
        }
    }
}

#[test]
fn a_crowd_sends_so_many_more_requests_and_is_no_business_of_the_control_plane() {
    let calm = parse("[load]\nrate = 50.0\nduration = \"150s\"\n");
    let crowded = parse(
        "[load]\nrate = 50.0\nduration = \"150s\"\n[[disturbance]]\nkind = \"load_step\"\nat = \"20s\"\nfactor = 3.0\nduration = \"60s\"\n",
    );
    let sent = |scenario: &Scenario| {
        let mut outcome = Outcome::new();
        let streams = Streams::new(1, 0);
        let timeline = Rollout::new(scenario).simulate(&streams).unwrap().clone();
        RequestEngine::new(scenario).simulate(&timeline, &streams, &mut outcome);
        (outcome.requests, timeline.fingerprint)
    };
    assert_eq!(sent(&calm).0, 7_500);
    assert_eq!(sent(&crowded), (13_500, sent(&calm).1));
}

#[test]
fn a_bad_version_is_short_for_what_a_new_revision_can_say() {
    let same = |short: &str, long: &str| {
        let short = parse(&format!("[[disturbance]]\nkind = \"bad_version\"\n{short}"));
        assert_eq!(
            short.digest(),
            parse(&format!("[new_revision]\n{long}")).digest()
        );
        assert_eq!(short.disturbances, []);
    };
    same("", "ready = \"never\"\n");
    same("fault = \"never_ready\"\n", "ready = \"never\"\n");
    same(
        "fault = \"crash_loop\"\ncrash_after = \"7s\"\n",
        "crash_after = \"7s\"\n",
    );
    same("fault = \"bad_image\"\n", "image_missing = true\n");
    let steps = "[[step]]\n[step.set]\nrevision = \"new\"\n[[step]]\nat = \"9s\"\n[step.set]\nready = \"never\"\n";
    let later = parse("[[disturbance]]\nkind = \"bad_version\"\nat = \"9s\"\n");
    assert_eq!(later.digest(), parse(steps).digest());
}

/// Stuck at one old pod fewer and two new ones that never come (25 % and 25 % of four).
#[test]
fn a_missing_image_stops_the_rollout() {
    for timeline in timelines(&four(
        "[[disturbance]]\nkind = \"bad_version\"\nfault = \"bad_image\"\n",
    )) {
        let new: Vec<&PodRecord> = timeline.pods.iter().filter(|pod| !pod.initial).collect();
        assert_eq!(new.len(), 2);
        assert!(
            new.iter()
                .all(|pod| pod.bound.is_some() && pod.running.is_none())
        );
        assert_eq!(
            timeline.conditions.last().unwrap().reason,
            "ProgressDeadlineExceeded"
        );
    }
}

#[test]
fn a_graceful_drain_holds_deletions_back_and_replaces_at_once() {
    for timeline in timelines(&shipped("graceful-drain")) {
        for pod in timeline.pods.iter().filter(|pod| pod.initial) {
            let held_back =
                secs(&timeline, pod.terminating) - secs(&timeline, pod.out_of_slice_ready);
            assert_within(held_back, 87.0, 90.0);
        }
    }
    // A pod killed by hand is replaced when it is isolated, not when it is gone.
    let text = "[pod]\ngraceful_drain = \"60s\"\n[[disturbance]]\nkind = \"pod_kill\"\n";
    for timeline in timelines(&parse(&format!("{text}{REST}"))) {
        let [isolated, replacement] = &timeline.pods[..] else {
            panic!("two pods")
        };
        assert_within(
            secs(&timeline, isolated.terminating) - secs(&timeline, replacement.created),
            58.0,
            60.0,
        );
    }
}

/// A container that is killed comes back under the same IP: its target drains, and is registered again
/// long before the deregistration delay is over.
#[test]
fn a_draining_target_is_registered_again() {
    let text = |rule: &str| {
        four(&format!(
            "[app]\nstart_up = \"9s\"\n[target_group]\nderegistration_delay = \"60s\"\nreregistration = \"{rule}\"\n\
             [load_balancer]\nregistration_propagation = \"as_deregistration\"\n\
             [load]\nduration = \"150s\"\n[[disturbance]]\nkind = \"pod_kill\"\nwhat = \"container\"\npods = 1\n{REST}"
        ))
    };
    let story = |timeline: &Timeline| -> Vec<Belief> {
        let again = timeline.beliefs[0]
            .iter()
            .find(|change| change.belief == Belief::Draining)
            .unwrap()
            .target;
        timeline.beliefs[0]
            .iter()
            .filter(|change| change.target == again)
            .map(|change| change.belief)
            .collect()
    };
    use Belief::{Draining, Gone, Healthy, Initial};
    for timeline in timelines(&text("at_once")) {
        let beliefs = story(&timeline);
        // News of the registration may overtake that of the deregistration; no drain is ever over.
        assert!(
            beliefs.ends_with(&[Initial, Healthy]) && !beliefs.contains(&Gone),
            "{beliefs:?}"
        );
        assert!(
            timeline
                .targets
                .iter()
                .all(|target| target.draining_over.is_none())
        );
        assert_eq!(timeline.pods.len(), 4, "restarted in place");
    }
    for timeline in timelines(&text("ignored")) {
        // Nobody asks a second time: the endpoint does not change any more, and no gate is polled for.
        assert_eq!(story(&timeline), [Healthy, Draining, Gone]);
    }
}
