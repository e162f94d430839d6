//! Timelines drawn by hand, and many replications of the load against them.

use rollcast::aws::alb_node::{Belief, HostUnreachableShare};
use rollcast::dist::Dist;
use rollcast::id::{PodId, RevisionId, TargetId};
use rollcast::observe::timeline::{BeliefChange, PodRecord, Socket, TargetRecord, Timeline};
use rollcast::random::Streams;
use rollcast::scenario::{Revision, Scenario};
use rollcast::time::{Span, Time};
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::request::RequestEngine;

/// Seconds since the load started.
pub fn at(secs: f64) -> Time {
    Time::ZERO + secs_f64(secs)
}

/// A span in seconds.
pub fn secs_f64(secs: f64) -> Span {
    Span::from_secs_f64(secs)
}

/// All defaults, but service times of exactly 20 ms, and nobody answers for a removed pod's IP.
pub fn scenario() -> Scenario {
    let mut revision = Revision::default();
    revision.app.service_time = Dist::constant(Span::from_millis(20));
    let mut scenario = Scenario {
        name: "staged".to_owned(),
        revisions: vec![revision; 2],
        ..Scenario::default()
    };
    scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Silent;
    scenario
}

/// A scenario in which every connection is new and costs nothing: theory knows no connections.
pub fn without_connections() -> Scenario {
    let mut scenario = scenario();
    scenario.load_balancer.round_trip = Span::ZERO;
    for revision in &mut scenario.revisions {
        revision.app.keep_alive = Span::ZERO;
    }
    scenario
}

/// A timeline in the making.
#[derive(Clone)]
pub struct Stage(pub Timeline);

impl Stage {
    /// So many old pods, serving and believed healthy from the start.
    pub fn serving(pods: u16, nodes: u8) -> Stage {
        let beliefs = vec![Vec::new(); usize::from(nodes)];
        let mut stage = Stage(Timeline {
            load_until: at(120.0),
            end: Time::NEVER,
            beliefs,
            ..Timeline::default()
        });
        for _ in 0..pods {
            stage.add(RevisionId::OLD, 0.0, 0.0);
        }
        stage
    }

    /// One more pod, serving from one instant and believed healthy by all nodes from another.
    pub fn add(&mut self, revision: RevisionId, serving: f64, healthy: f64) -> usize {
        let index = self.0.pods.len();
        let pod = PodId::new(index as u16, revision, index as u16 + 1);
        self.0.pods.push(PodRecord {
            sockets: vec![(at(serving), Socket::Serving)],
            ..PodRecord::new(pod)
        });
        let registered = Some(at(healthy));
        let (healthy_since, deregister_called, draining_over) = (registered, None, None);
        self.0.targets.push(TargetRecord {
            pod: Some(pod),
            registered,
            healthy: healthy_since,
            deregister_called,
            draining_over,
        });
        self.all_believe(index, healthy, Belief::Healthy);
        index
    }

    /// The pod's socket changes.
    pub fn socket(&mut self, pod: usize, from: f64, socket: Socket) -> &mut Stage {
        self.0.pods[pod].sockets.push((at(from), socket));
        self
    }

    /// The pod's requests in flight are reset.
    pub fn reset(&mut self, pod: usize, when: f64) -> &mut Stage {
        self.0.pods[pod].resets.push(at(when));
        self
    }

    /// One node changes its belief.
    pub fn believe(&mut self, node: usize, target: usize, when: f64, belief: Belief) -> &mut Stage {
        let changes = &mut self.0.beliefs[node];
        changes.push(BeliefChange {
            at: at(when),
            target: TargetId(target as u16),
            belief,
        });
        changes.sort_by_key(|change| change.at);
        self
    }

    /// All nodes change their beliefs at once.
    pub fn all_believe(&mut self, target: usize, when: f64, belief: Belief) -> &mut Stage {
        for node in 0..self.0.beliefs.len() {
            self.believe(node, target, when, belief);
        }
        self
    }
}

/// One replication, failures kept.
pub fn run(scenario: &Scenario, timeline: &Timeline, streams: Streams) -> Outcome {
    let mut outcome = Outcome::new();
    outcome.keep_failures = true;
    RequestEngine::new(scenario).simulate(timeline, &streams, &mut outcome);
    outcome
}

/// A number of every replication, each against a timeline of its own.
pub fn replicate(
    scenario: &Scenario,
    runs: u64,
    mut timeline: impl FnMut(&Streams) -> Stage,
    number: impl Fn(&Outcome) -> u64,
) -> Sample {
    let mut engine = RequestEngine::new(scenario);
    let mut outcome = Outcome::new();
    Sample(
        (0..runs)
            .map(|replication| {
                let streams = Streams::new(20_231_016, replication);
                engine.simulate(&timeline(&streams).0, &streams, &mut outcome);
                number(&outcome) as f64
            })
            .collect(),
    )
}

/// Independent numbers of one law.
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    pub fn variance(&self) -> f64 {
        let mean = self.mean();
        self.0.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (self.0.len() - 1) as f64
    }

    pub fn standard_error(&self) -> f64 {
        (self.variance() / self.0.len() as f64).sqrt()
    }

    /// The mean is the expected one, to 4.5 standard errors: a false alarm in 150,000.
    #[track_caller]
    pub fn assert_mean(&self, expected: f64) {
        let (mean, tolerance) = (self.mean(), 4.5 * self.standard_error() + 1e-9);
        assert!(
            (mean - expected).abs() <= tolerance,
            "mean {mean} ± {tolerance}, expected {expected}"
        );
    }

    /// The variance is the expected one, to 5 standard errors of a normal sample's variance.
    #[track_caller]
    pub fn assert_variance(&self, expected: f64) {
        let tolerance = 5.0 * expected * (2.0 / (self.0.len() - 1) as f64).sqrt();
        let variance = self.variance();
        assert!(
            (variance - expected).abs() <= tolerance,
            "variance {variance} ± {tolerance}, expected {expected}"
        );
    }
}
