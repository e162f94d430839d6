//! A new pod with the IP of a removed one: what the load balancer takes it for, and what requests meet.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::Path;

use rollcast::aws::alb_node::Belief;
use rollcast::id::TargetId;
use rollcast::observe::timeline::{Socket, Timeline};
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::{Document, Scenario};
use rollcast::time::{Span, Time};
use rollcast::traffic::interval::IntervalEngine;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;
use rollcast::verdict::Cause;

/// One replica whose successor waits for its end and gets its IP at once; the nodes learn of nothing.
const SUCCESSOR: &str = r#"
name = "successor"
[deployment]
replicas = 1
strategy = "Recreate"
[app]
on_sigterm = "exit"
start_up = "4s"
keep_alive = "0s"
service_time = "0s"
[cluster]
nodes = 1
ip_reuse = 1.0
ip_cooldown = "0s"
[target_group.health_check]
interval = "300s"
[load_balancer]
nodes = 1
connect_timeout = "900ms"
deregistration_propagation = "1h"
registration_propagation = "1h"
host_unreachable_share = "silent"
[load]
rate = 100
duration = "90s"
rollout_at = "10s"
"#;

fn scenario(text: &str, edits: &[(&str, &str)]) -> Scenario {
    let mut document = Document::parse(Path::new("ip-reuse.toml"), text).unwrap();
    edits
        .iter()
        .for_each(|(key, value)| document.set(key, value).unwrap());
    document.resolve().unwrap_or_else(|error| panic!("{error}"))
}

fn each(scenario: &Scenario, mut check: impl FnMut(&Timeline, &Streams)) {
    let mut rollout = Rollout::new(scenario);
    (0..20)
        .map(|run| Streams::new(1, run))
        .for_each(|streams| check(rollout.simulate(&streams).unwrap(), &streams));
}

/// How long what stands for the first pod's IP did this, in seconds of the load.
fn lasted(timeline: &Timeline, load: Span, wanted: Socket) -> f64 {
    let end = Time::ZERO + load;
    let mut cuts: Vec<Time> = timeline
        .pods
        .iter()
        .flat_map(|pod| pod.sockets.iter().map(|(at, _)| *at))
        .collect();
    cuts.extend(timeline.reuses.iter().map(|reuse| reuse.at));
    cuts.extend([Time::ZERO, end]);
    cuts.retain(|at| *at <= end);
    cuts.sort_unstable();
    let does = |at: Time| {
        let (pod, _) = timeline.behind(TargetId(0), at);
        timeline.pods[pod.unwrap().index()].socket_at(at)
    };
    cuts.windows(2)
        .filter(|cut| does(cut[0]) == wanted)
        .map(|cut| (cut[1] - cut[0]).as_secs_f64())
        .sum()
}

/// A hundred requests a second go to one IP: they are refused, lost and answered for exactly as long
/// as whoever has the IP refuses, is silent and serves, by both engines.
#[test]
fn a_successor_answers_at_its_predecessors_ip() {
    for edit in [
        ("name", "plain"),
        ("app.keep_alive", "60s"),
        ("app.concurrency", "50"),
    ] {
        let scenario = scenario(SUCCESSOR, &[edit]);
        let load = scenario.load.duration.expect("SUCCESSOR says so");
        each(&scenario, |timeline, streams| {
            let [reuse] = timeline.reuses[..] else {
                panic!("{:?}", timeline.reuses)
            };
            assert_eq!(
                (reuse.target, reuse.pod),
                (TargetId(0), timeline.pods[1].pod)
            );
            for mut engine in [
                RequestEngine::new(&scenario),
                RequestEngine::live(&scenario),
            ] {
                let mut outcome = Outcome::new();
                engine.simulate(timeline, streams, &mut outcome);
                // A request or two at each of four edges may be on its way.
                let near = |count: u64, socket| {
                    let expected = lasted(timeline, load, socket) * 100.0;
                    assert!(
                        (count as f64 - expected).abs() <= 4.0,
                        "{edit:?}, {socket:?}: {count}, not {expected}"
                    );
                };
                near(outcome.causes[Cause::Refused.index()], Socket::Closed);
                near(
                    outcome.causes[Cause::ConnectTimeout.index()],
                    Socket::Silent,
                );
                near(outcome.ok, Socket::Serving);
                assert!(
                    outcome.causes[Cause::Refused.index()] > 300,
                    "a start of 4 s refuses"
                );
            }
        });
    }
}

/// Without reuse the same requests are lost to the end.
#[test]
fn without_reuse_nobody_answers_there_again() {
    let scenario = scenario(SUCCESSOR, &[("cluster.ip_reuse", "0.0")]);
    each(&scenario, |timeline, streams| {
        assert!(timeline.reuses.is_empty());
        let mut outcome = Outcome::new();
        RequestEngine::new(&scenario).simulate(timeline, streams, &mut outcome);
        let gone = timeline.pods[0].network_gone.unwrap().as_secs_f64();
        let lost = outcome.causes[Cause::ConnectTimeout.index()] as f64;
        assert!(
            (lost - (90.0 - gone) * 100.0).abs() <= 2.0,
            "{lost}, silent from {gone} s on"
        );
    });
}

/// Six pods on two hosts, one after another, each long enough for IPs to cool down.
const SLOW: &str = r#"
name = "slow"
[deployment]
replicas = 6
max_surge = 1
max_unavailable = 0
[pod.readiness_probe]
period = "1s"
[app]
start_up = "20s"
[cluster]
nodes = 2
ip_reuse = 1.0
[load]
rate = 0
duration = "200s"
"#;

/// An IP stays on its host, is given to one pod at a time, and no sooner than 30 s after the network
/// of the last one went; its target is registered again, and no other one for the pod.
#[test]
fn an_ip_cools_down_and_stays_on_its_host() {
    let mut reused = 0;
    each(&scenario(SLOW, &[]), |timeline, _| {
        for (nth, reuse) in timeline.reuses.iter().enumerate() {
            let before = timeline.reuses[..nth]
                .iter()
                .rfind(|before| before.target == reuse.target);
            let last = before.map_or(reuse.target.index(), |before| before.pod.index());
            let (last, pod) = (&timeline.pods[last], &timeline.pods[reuse.pod.index()]);
            assert_eq!(last.node, pod.node);
            assert!(reuse.at >= last.network_gone.unwrap() + Span::from_secs(30));
            assert!(pod.bound.unwrap() <= reuse.at && reuse.at <= pod.running.unwrap());
            let own = timeline.targets.get(reuse.pod.index());
            assert!(
                own.is_none_or(|target| target.registered.is_none()),
                "registered under an IP that it has not"
            );
            assert!(timeline.targets[reuse.target.index()].registered > Some(reuse.at));
            reused += 1;
        }
    });
    assert!(reused >= 20, "{reused} IPs were reused in 20 rollouts");
}

/// The default deregistration delay is 300 s: the reused IP still drains. If AWS takes the call, the
/// target begins anew; if it ignores it, a gated pod waits until the drain is over.
#[test]
fn a_draining_ip_is_registered_again() {
    let gated = |rule| {
        let load = ("load.duration", "900s");
        scenario(
            SLOW,
            &[
                ("pod.readiness_gate", "true"),
                ("target_group.reregistration", rule),
                load,
            ],
        )
    };
    each(&gated("at_once"), |timeline, _| {
        for reuse in &timeline.reuses {
            let beliefs = timeline.beliefs[0]
                .iter()
                .filter(|change| change.target == reuse.target);
            let beliefs: Vec<Belief> = beliefs.map(|change| change.belief).collect();
            assert!(
                beliefs.ends_with(&[Belief::Initial, Belief::Healthy]),
                "{beliefs:?}"
            );
        }
    });
    each(&gated("ignored"), |timeline, _| {
        for reuse in &timeline.reuses {
            let over = timeline.targets[reuse.target.index()].draining_over;
            let ready = timeline.pods[reuse.pod.index()].ready;
            assert!(
                ready.is_none_or(|ready| over.is_some_and(|over| over < ready)),
                "{ready:?} before {over:?}"
            );
        }
        assert!(!timeline.reuses.is_empty());
    });
}

#[test]
fn requests_to_reused_ips_are_not_counted_in_bulk() {
    let refusal = IntervalEngine::new(&scenario(SUCCESSOR, &[]))
        .err()
        .unwrap();
    assert_eq!(
        refusal.to_string(),
        "an IP may be reused: the pod behind a target changes"
    );
}

/// The shipped lesson: a target that drains for 300 s holds the gate of its IP's next pod back. With
/// IPs to spare the same rollout is over long before.
#[test]
fn a_rollout_on_tight_hosts_waits_for_drains() {
    let lasted = |reuse: &str| {
        let mut document = Document::read(Path::new("scenarios/tight-hosts.toml")).unwrap();
        document.set("cluster.ip_reuse", reuse).unwrap();
        let scenario = document.resolve().unwrap();
        let mut all = Vec::new();
        each(&scenario, |timeline, _| {
            let done = timeline
                .conditions
                .iter()
                .find(|change| change.reason == "NewReplicaSetAvailable")
                .unwrap();
            all.push(done.at - timeline.rollout_at);
        });
        all
    };
    let (spare, tight) = (lasted("0.0"), lasted("1.0"));
    let (longest, shortest) = (spare.iter().max().unwrap(), tight.iter().min().unwrap());
    assert!(
        *longest < Span::from_secs(300) && *shortest > Span::from_secs(330),
        "{longest} and {shortest}"
    );
}
