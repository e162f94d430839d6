//! The workloads that everything is measured on. A workload is made once and then run so many times,
//! each time on another replication.

use std::path::Path;

use rollcast::aws::alb_node::Belief;
use rollcast::aws::target_group::Algorithm;
use rollcast::dist::{Dist, LogNormal};
use rollcast::id::{PodId, RevisionId, TargetId};
use rollcast::observe::measure::{Goal, Measures};
use rollcast::observe::timeline::{BeliefChange, PodRecord, Socket, TargetRecord, Timeline};
use rollcast::random::{Purpose, Streams};
use rollcast::rollout::Rollout;
use rollcast::scenario::Scenario;
use rollcast::scenario::load::Pacing;
use rollcast::time::{Span, Time};
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::{Engine, EngineChoice};

/// A workload: runs so many replications from a number on, and folds what came of them into a number
/// that no compiler can leave out and every change of behaviour changes.
pub type Workload = Box<dyn FnMut(u64, u64) -> u64>;

/// The workload of this name.
pub fn workload(name: &str) -> Workload {
    let before = |change: fn(&mut Scenario)| scenario("scenarios/eks-2048-before.toml", change);
    match name {
        "rollout" => rollout(before(|_| {})),
        "request-w2" => traffic(w2(1_000.0), EngineChoice::Request),
        "live-w2" => traffic(live_w2(), EngineChoice::Request),
        "interval-w2" => traffic(w2(1_000.0), EngineChoice::Interval),
        "interval-w2-100k" => traffic(w2(100_000.0), EngineChoice::Interval),
        "whole-100-rps" => whole(before(|_| {})),
        "whole-1m-rps" => whole(before(|scenario| scenario.load.rate = 1e6)),
        "whole-20-pods" => whole(before(|scenario| scenario.deployment.replicas = 20)),
        "whole-100-pods" => whole(before(|scenario| scenario.deployment.replicas = 100)),
        "fleet-100" => whole(fleet(|scenario| scenario.deployment.replicas = 100)),
        "fleet-1000" => whole(fleet(|scenario| scenario.deployment.replicas = 1_000)),
        "fleet-5000" => whole(fleet(|scenario| scenario.deployment.replicas = 5_000)),
        other => panic!("no workload is called {other}"),
    }
}

pub fn scenario(file: &str, change: fn(&mut Scenario)) -> &'static Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let mut scenario = rollcast::scenario::load(&path).expect("the scenario is in the repository");
    change(&mut scenario);
    Box::leak(Box::new(scenario))
}

/// A fleet of so many pods, 20 a host, that gets 10,000 requests a second.
fn fleet(pods: fn(&mut Scenario)) -> &'static Scenario {
    let mut large = scenario("scenarios/no-prestop.toml", pods).clone();
    large.load.rate = 10_000.0;
    large.cluster.nodes = (large.deployment.replicas / 20) as u16;
    Box::leak(Box::new(large))
}

/// Stage 1 alone.
fn rollout(scenario: &'static Scenario) -> Workload {
    let mut rollout = Rollout::new(scenario);
    Box::new(move |from, runs| {
        (from..from + runs).fold(0, |fold, replication| {
            fold ^ rollout
                .simulate(&Streams::new(1, replication))
                .expect("no invariant breaks")
                .fingerprint
        })
    })
}

/// Both stages and what is measured of them, with buffers that are used again.
fn whole(scenario: &'static Scenario) -> Workload {
    let mut rollout = Rollout::new(scenario);
    let mut engine =
        Engine::new(scenario, EngineChoice::Interval, Span::ZERO).expect("nothing feeds back");
    let mut outcome = Outcome {
        pool_latencies: true,
        ..Outcome::new()
    };
    let goal = Goal::of(scenario);
    Box::new(move |from, runs| {
        (from..from + runs).fold(0, |fold, replication| {
            let streams = Streams::new(1, replication);
            let timeline = rollout.simulate(&streams).expect("no invariant breaks");
            engine.simulate(timeline, &streams, &mut outcome);
            let measures = Measures::of(timeline, &goal);
            fold ^ timeline.fingerprint ^ outcome.count_5xx() ^ measures.extra_pod_time.as_micros()
        })
    })
}

/// Stage 2 alone.
fn traffic(scenario: Scenario, choice: EngineChoice) -> Workload {
    let scenario: &'static Scenario = Box::leak(Box::new(scenario));
    let mut engine =
        Engine::new(scenario, choice, Span::from_secs(120)).expect("nothing feeds back");
    let mut outcome = Outcome {
        pool_latencies: true,
        ..Outcome::new()
    };
    let mut timeline = W2::new();
    Box::new(move |from, runs| {
        (from..from + runs).fold(0, |fold, replication| {
            let streams = Streams::new(1, replication);
            engine.simulate(timeline.close_at_random(&streams), &streams, &mut outcome);
            fold ^ outcome.ok ^ outcome.count_5xx() << 32
        })
    })
}

/// W2: Poisson, 120 s, four targets in turn, service times of 20 ms on average. Each target stops once at
/// U(20, 100) s with all that is in flight and is replaced ten seconds later.
pub fn w2(rate: f64) -> Scenario {
    let mut scenario = Scenario::default();
    scenario.load_balancer.nodes = 1;
    scenario.load.duration = Some(Span::from_secs(120));
    scenario.load_balancer.round_trip = Span::ZERO;
    scenario.load.rate = rate;
    scenario.load.pacing = Pacing::Poisson;
    let service = LogNormal::new(Span::from_secs_f64(0.02 * (-0.125_f64).exp()), 0.5);
    for revision in &mut scenario.revisions {
        revision.app.keep_alive = Span::ZERO;
        revision.app.service_time = Dist::LogNormal(service);
    }
    scenario
}

/// W2 as the hardest case of `request`: least outstanding requests, and eight workers a target with a backlog.
pub fn live_w2() -> Scenario {
    let mut scenario = w2(1_000.0);
    scenario.target_group.algorithm = Algorithm::LeastOutstandingRequests;
    scenario
        .revisions
        .iter_mut()
        .for_each(|revision| revision.app.concurrency = Some(8));
    scenario
}

/// The timeline of W2, whose times are written anew for each replication.
pub struct W2(Timeline);

impl W2 {
    pub fn new() -> W2 {
        let mut timeline = Timeline {
            end: Time::NEVER,
            beliefs: vec![Vec::new()],
            ..Timeline::default()
        };
        for row in 0..8 {
            let revision = if row < 4 {
                RevisionId::OLD
            } else {
                RevisionId::NEW
            };
            let pod = PodId::new(row, revision, row + 1);
            timeline.pods.push(PodRecord {
                sockets: vec![(Time::ZERO, Socket::Serving)],
                ..PodRecord::new(pod)
            });
            timeline.targets.push(TargetRecord {
                pod: Some(pod),
                ..TargetRecord::default()
            });
        }
        W2(timeline)
    }

    pub fn close_at_random(&mut self, streams: &Streams) -> &Timeline {
        let W2(timeline) = self;
        let beliefs = &mut timeline.beliefs[0];
        beliefs.clear();
        for row in 0..4_u16 {
            let secs = 20.0 + 80.0 * streams.at(Purpose::Disturbance, u64::from(row)).uniform();
            let close = Time::ZERO + Span::from_secs_f64(secs);
            let pod = &mut timeline.pods[usize::from(row)];
            pod.sockets.truncate(1);
            pod.sockets.push((close, Socket::Silent));
            pod.resets.clear();
            pod.resets.push(close);
            let replaced = close + Span::from_secs(10);
            timeline.targets[usize::from(row) + 4].registered = Some(replaced);
            for (at, target, belief) in [
                (Time::ZERO, row, Belief::Healthy),
                (replaced, row, Belief::Draining),
                (replaced, row + 4, Belief::Healthy),
            ] {
                beliefs.push(BeliefChange {
                    at,
                    target: TargetId(target),
                    belief,
                });
            }
        }
        beliefs.sort_by_key(|change| change.at);
        timeline
    }
}
