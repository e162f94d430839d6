//! What each kind unfolds into: a disturbance in, its transcript out.

use super::*;
use crate::cluster::spec::KubernetesVersion;

/// A disturbance at 20 s after a rollout that starts at 10 s, on six hosts.
fn unfolded(disturbance: &Disturbance, kubernetes: &str) -> Vec<String> {
    let kubernetes: KubernetesVersion = toml::Value::String(kubernetes.to_owned())
        .try_into()
        .expect("a Kubernetes version");
    let cluster = ClusterSpec {
        nodes: 6,
        kubernetes,
        ..ClusterSpec::default()
    };
    let streams = Streams::new(1, 0);
    let scene = Scene {
        rollout_at: Time::from_micros(10_000_000),
        cluster: &cluster,
        streams: &streams,
    };
    let Unfolded { mut events, rules } = unfold(std::slice::from_ref(disturbance), scene);
    events.sort_by_key(|(at, _)| *at);
    let events = events.iter().map(|(at, event)| format!("{at} {event:?}"));
    events
        .chain(rules.iter().map(|rule| {
            format!(
                "{} to {} {:?} {:?}",
                rule.from, rule.to, rule.link, rule.effect
            )
        }))
        .collect()
}

#[track_caller]
fn check(disturbance: Disturbance, expected: &[&str]) {
    assert_eq!(unfolded(&disturbance, "1.36"), expected);
}

const AT: Dist = Dist::Constant(Span::from_secs(20));

#[test]
fn a_drain_is_a_cordon_and_a_job() {
    let drain = NodeDrain {
        at: AT,
        node: Some(4),
        ..NodeDrain::default()
    };
    let job = "30.000s Operator(Start(Job { id: 0, work: Drain(NodeId(4)), until: Time(18446744073709551615) }))";
    check(
        Disturbance::NodeDrain(drain.clone()),
        &["30.000s Scheduler(Cordon(NodeId(4)))", job],
    );
    let back = NodeDrain {
        timeout: Some(Span::from_secs(60)),
        uncordon_after: Some(Span::from_secs(90)),
        ..drain
    };
    check(
        Disturbance::NodeDrain(back),
        &[
            "30.000s Scheduler(Cordon(NodeId(4)))",
            "30.000s Operator(Start(Job { id: 0, work: Drain(NodeId(4)), until: Time(90000000) }))",
            "120.000s Scheduler(Uncordon(NodeId(4)))",
        ],
    );
}

/// The node controller's grace is 50 s, 40 s before 1.32; heartbeats are up to 10 s old, its rounds 5 s apart.
#[test]
fn a_lost_host_is_noticed_late_and_its_pods_deleted_later_still() {
    let loss = Disturbance::NodeLoss(NodeLoss {
        at: AT,
        node: Some(0),
        ..NodeLoss::default()
    });
    check(
        loss.clone(),
        &[
            "30.000s Kubelet(NodeId(0), HostDown)",
            "78.202s Scheduler(Cordon(NodeId(0)))",
            "78.202s Api(NodeNotReady(NodeId(0), Unknown))",
            "378.202s Api(DeletePodsOn(NodeId(0)))",
        ],
    );
    assert_eq!(
        unfolded(&loss, "1.31")[1],
        "68.202s Scheduler(Cordon(NodeId(0)))"
    );
}

#[test]
fn a_zone_is_every_so_manieth_host() {
    let outage = Disturbance::ZoneOutage(ZoneOutage {
        at: AT,
        zone: Some(1),
        ..ZoneOutage::default()
    });
    let lines = unfolded(&outage, "1.36");
    let down: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("HostDown"))
        .collect();
    assert_eq!(
        down,
        [
            "30.000s Kubelet(NodeId(1), HostDown)",
            "30.000s Kubelet(NodeId(4), HostDown)"
        ]
    );
}

#[test]
fn a_spot_instance_is_drained_until_it_is_gone() {
    let spot = SpotInterruption {
        at: AT,
        node: Some(0),
        ..SpotInterruption::default()
    };
    let lines = unfolded(&Disturbance::SpotInterruption(spot.clone()), "1.36");
    assert!(lines[1].ends_with(
        "Operator(Start(Job { id: 0, work: Drain(NodeId(0)), until: Time(150000000) }))"
    ));
    assert_eq!(lines[2], "150.000s Kubelet(NodeId(0), HostDown)");
    let unhandled = unfolded(
        &Disturbance::SpotInterruption(SpotInterruption {
            handler: false,
            ..spot
        }),
        "1.36",
    );
    assert_eq!(unhandled, lines[2..]);
}

#[test]
fn a_shutdown_stops_the_pods_first_and_without_a_grace_period_is_a_loss() {
    let shutdown = GracefulNodeShutdown {
        at: AT,
        node: Some(0),
        ..GracefulNodeShutdown::default()
    };
    check(
        Disturbance::GracefulNodeShutdown(shutdown.clone()),
        &[
            "30.000s Kubelet(NodeId(0), ShutDown(Span(120000000)))",
            "30.000s Scheduler(Cordon(NodeId(0)))",
            "30.574s Scheduler(Cordon(NodeId(0)))",
            "30.574s Api(NodeNotReady(NodeId(0), False))",
            "180.000s Kubelet(NodeId(0), HostDown)",
            "330.574s Api(DeletePodsOn(NodeId(0)))",
        ],
    );
    let off = GracefulNodeShutdown {
        grace_period: Span::ZERO,
        ..shutdown
    };
    let loss = NodeLoss {
        at: AT,
        node: Some(0),
        ..NodeLoss::default()
    };
    assert_eq!(
        unfolded(&Disturbance::GracefulNodeShutdown(off), "1.36"),
        unfolded(&Disturbance::NodeLoss(loss), "1.36")
    );
}

#[test]
fn the_others_are_a_job_a_leader_or_a_rule() {
    let kill = PodKill {
        at: AT,
        pods: 2,
        what: pod_kill::Victim::Container,
    };
    let job =
        "30.000s Operator(Start(Job { id: 0, work: Kill(2), until: Time(18446744073709551615) }))";
    check(Disturbance::PodKill(kill), &[job]);
    let outage = LbcOutage {
        at: AT,
        duration: Dist::constant(Span::from_secs(19)),
    };
    check(
        Disturbance::LbcOutage(outage),
        &["30.000s Lbc(LeaderLost)", "49.000s Lbc(LeaderElected)"],
    );
    let throttle = ApiThrottle {
        at: AT,
        ..ApiThrottle::default()
    };
    check(
        Disturbance::ApiThrottle(throttle.clone()),
        &["30.000s to 90.000s ApiWrite Rate { per_second: 2, burst: 1 }"],
    );
    let elb = ApiThrottle {
        api: api_throttle::Api::Elb,
        ..throttle
    };
    check(
        Disturbance::ApiThrottle(elb),
        &["30.000s to 90.000s LbcToElb Refused(1.0)"],
    );
    let slow = SlowLink {
        at: AT,
        factor: 3.0,
        ..SlowLink::default()
    };
    check(
        Disturbance::SlowLink(slow),
        &[
            "30.000s to 90.000s EndpointsToLbc Factor(3.0)",
            "30.000s to 90.000s EndpointsToLbc Extra(Span(0))",
        ],
    );
    check(Disturbance::LoadStep(LoadStep::default()), &[]);
}

#[test]
fn who_is_struck_and_when_depends_on_the_replication_and_on_nothing_else() {
    let cluster = ClusterSpec {
        nodes: 6,
        ..ClusterSpec::default()
    };
    let at = Dist::Uniform(Span::ZERO, Span::from_secs(60));
    let loss = Disturbance::NodeLoss(NodeLoss {
        at,
        ..NodeLoss::default()
    });
    let struck = |weather: &[Disturbance], row: usize, run: u64| {
        let streams = Streams::new(1, run);
        let scene = Scene {
            rollout_at: Time::ZERO,
            cluster: &cluster,
            streams: &streams,
        };
        let (at, Event::Kubelet(node, _)) = unfold(weather, scene).events[row] else {
            panic!("a kubelet goes down")
        };
        (at, node)
    };
    let other = Disturbance::LbcOutage(LbcOutage::default());
    let alone: Vec<_> = (0..20)
        .map(|run| struck(&[loss.clone(), other.clone()], 0, run))
        .collect();
    assert_eq!(
        alone,
        (0..20)
            .map(|run| struck(&[loss.clone(), loss.clone()], 0, run))
            .collect::<Vec<_>>()
    );
    let hosts: std::collections::BTreeSet<NodeId> = alone.iter().map(|(_, node)| *node).collect();
    assert!(hosts.len() == 6, "twenty runs strike every host: {hosts:?}");
    assert_ne!(
        struck(&[loss.clone(), loss.clone()], 0, 0),
        struck(&[loss.clone(), loss], 4, 0)
    );
}
