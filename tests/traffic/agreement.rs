//! Two engines, one law: the interval engine's outcomes have the distribution of the request
//! engine's, number by number, and where theory knows the numbers, theirs.
//!
//! `ROLLCAST_AGREEMENT_RUNS=100000 cargo test --release --test traffic agreement -- --nocapture` compares so
//! many replications, not the few that a test has time for, and prints every number.
//!
//! Each scene is one timeline, so that nothing but the requests' own chance is compared; only in W2 the
//! targets close at random.

use std::path::Path;

use rollcast::aws::alb_node::{Belief, HostUnreachableShare, NoRoutableTarget};
use rollcast::aws::target_group::Algorithm;
use rollcast::dist::{Dist, LogNormal};
use rollcast::id::RevisionId;
use rollcast::observe::timeline::{Socket, Timeline};
use rollcast::random::{Purpose, Streams};
use rollcast::rollout::Rollout;
use rollcast::scenario::Scenario;
use rollcast::scenario::load::{ClientNodes, Pacing};
use rollcast::time::Span;
use rollcast::traffic::outcome::Outcome;
use rollcast::traffic::{Engine, EngineChoice};
use rollcast::verdict::Cause;

use crate::staged::{Stage, scenario, without_connections};

/// A scenario and its timelines.
struct Scene {
    name: &'static str,
    scenario: Scenario,
    timeline: Box<dyn Fn(&Streams) -> Timeline>,
    /// Whether the timeline is the same for all replications.
    fixed: bool,
}

/// How two samples of one number differ.
#[derive(Debug)]
struct Difference {
    number: String,
    /// Mean and variance by the request engine, then by the interval engine.
    means: [f64; 2],
    variances: [f64; 2],
    /// Differences in standard errors.
    z_mean: f64,
    z_variance: f64,
    /// Probability of so great a Kolmogorov–Smirnov distance, were the laws the same.
    ks: f64,
}

impl Difference {
    /// Whether two samples of one law would hardly ever differ so.
    fn is_significant(&self) -> bool {
        self.z_mean.abs() > 3.5 || self.z_variance.abs() > 3.5 || self.ks < 1e-3
    }
}

/// Poisson 1,000 requests a second for 120 s on four targets in turn. Each stops once, at U(20, 100) s,
/// and is replaced ten seconds later: on average 20 requests in flight are reset, 10,000 time out.
fn w2() -> Scene {
    let mut scenario = without_connections();
    scenario.load_balancer.nodes = 1;
    scenario.load.rate = 1_000.0;
    scenario.load.pacing = Pacing::Poisson;
    let service = LogNormal::new(Span::from_secs_f64(0.02 * (-0.125_f64).exp()), 0.5);
    scenario
        .revisions
        .iter_mut()
        .for_each(|revision| revision.app.service_time = Dist::LogNormal(service));
    let timeline = |streams: &Streams| {
        let mut stage = Stage::serving(4, 1);
        for target in 0..4 {
            let close = 20.0 + 80.0 * streams.at(Purpose::Disturbance, target).uniform();
            stage
                .reset(target as usize, close)
                .socket(target as usize, close, Socket::Silent);
            stage.believe(0, target as usize, close + 10.0, Belief::Draining);
            stage.add(RevisionId::NEW, 0.0, close + 10.0);
        }
        stage.0
    };
    Scene {
        name: "W2",
        scenario,
        timeline: Box::new(timeline),
        fixed: false,
    }
}

/// Everything that can happen to a request, on hand-drawn timelines.
fn staged(name: &'static str, pacing: Pacing, nodes: u8, change: impl Fn(&mut Scenario)) -> Scene {
    let mut scenario = scenario();
    scenario.load.pacing = pacing;
    scenario.load.duration = Some(Span::from_secs(40));
    scenario.load_balancer.nodes = nodes;
    scenario.load_balancer.host_unreachable_share = HostUnreachableShare::Fixed(0.4);
    let service = |median, sigma| Dist::LogNormal(LogNormal::new(Span::from_millis(median), sigma));
    scenario.revisions[0].app.service_time = service(60, 1.0);
    scenario.revisions[1].app.service_time = service(150, 1.2);
    change(&mut scenario);
    let mut stage = Stage::serving(4, nodes);
    for old in 0..4 {
        let deleted = 5.0 + 6.3 * old as f64;
        // Two refuse first and close with a FIN, one dies, one loses its network without a word.
        match old {
            0 | 1 => {
                stage.socket(old, deleted, Socket::Refusing).socket(
                    old,
                    deleted + 0.2,
                    Socket::Closed,
                );
                stage.socket(old, deleted + 1.3, Socket::Silent);
                if old == 1 {
                    stage.socket(old, deleted + 9.1, Socket::Serving);
                }
            }
            2 => {
                stage
                    .socket(old, deleted, Socket::Closed)
                    .reset(old, deleted)
                    .socket(old, deleted + 2.0, Socket::Silent);
            }
            _ => {
                stage.socket(old, deleted, Socket::Silent);
            }
        }
        for node in 0..usize::from(nodes) {
            let lag = 1.7 + 1.1 * node as f64;
            stage.believe(node, old, deleted + lag, Belief::Draining);
            stage.believe(node, old, deleted + lag + 0.3, Belief::Gone);
        }
        stage.add(
            RevisionId::NEW,
            deleted + 3.0,
            deleted + if old < 2 { 4.4 } else { 2.0 },
        );
    }
    let timeline = stage.0;
    Scene {
        name,
        scenario,
        timeline: Box::new(move |_| timeline.clone()),
        fixed: true,
    }
}

/// One rollout of a scenario file, from the repository's root.
fn rolled_out(name: &'static str, replication: u64, change: impl Fn(&mut Scenario)) -> Scene {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("scenarios/{name}.toml"));
    let mut scenario = rollcast::scenario::load(&file).unwrap();
    change(&mut scenario);
    let timeline = Rollout::new(&scenario)
        .simulate(&Streams::new(1, replication))
        .unwrap()
        .clone();
    Scene {
        name,
        scenario,
        timeline: Box::new(move |_| timeline.clone()),
        fixed: true,
    }
}

/// The application closes no connection before the load balancer does, which the interval engine refuses.
fn patient(scenario: &mut Scenario) {
    let idle = scenario.load_balancer.idle_timeout;
    scenario
        .revisions
        .iter_mut()
        .for_each(|revision| revision.app.keep_alive = idle);
}

/// All scenes.
fn scenes() -> Vec<Scene> {
    vec![
        w2(),
        staged("staged, Poisson, 3 nodes", Pacing::Poisson, 3, |_| {}),
        staged(
            "staged, even, 2 nodes, impatient",
            Pacing::Constant,
            2,
            |scenario| {
                scenario.load.client_timeout = Span::from_millis(10_020);
                scenario.load_balancer.idle_timeout = Span::from_millis(900);
                scenario.load_balancer.no_routable_target = NoRoutableTarget::Strict;
            },
        ),
        staged(
            "staged, Poisson, no keep-alive",
            Pacing::Poisson,
            1,
            |scenario| {
                scenario.load.rate = 400.0;
                scenario
                    .revisions
                    .iter_mut()
                    .for_each(|revision| revision.app.keep_alive = Span::ZERO);
            },
        ),
        rolled_out("eks-2048-before", 3, |_| {}),
        rolled_out("slow-start", 1, |_| {}),
        rolled_out("short-grace", 2, |scenario| {
            scenario.load.pacing = Pacing::Poisson;
            patient(scenario);
        }),
        rolled_out("long-requests-short-drain", 1, patient),
    ]
}

/// The numbers of one replication.
fn numbers(outcome: &Outcome) -> Vec<f64> {
    let count = |count: u64| count as f64;
    let window = outcome.error_window;
    let mut numbers = vec![
        count(outcome.requests),
        count(outcome.ok),
        count(outcome.target),
        f64::from(u8::from(outcome.count_5xx() > 0)),
        window.map_or(-1.0, |(first, _)| first.as_secs_f64()),
        window.map_or(-1.0, |(first, last)| (last - first).as_secs_f64()),
        outcome.latency_sum as f64 / outcome.requests.max(1) as f64,
        outcome.max_latency.as_secs_f64(),
    ];
    numbers.extend(outcome.causes.map(count));
    // Every second's failures, and the busiest second's.
    let of_second = |row: &[u32; Cause::ALL.len() + 1]| row.iter().sum::<u32>();
    numbers.push(f64::from(
        outcome.per_second.iter().map(of_second).max().unwrap_or(0),
    ));
    numbers
}

fn names() -> Vec<String> {
    let first = [
        "requests",
        "ok",
        "target",
        "any 5xx",
        "first 5xx",
        "window",
        "mean latency",
        "max latency",
    ];
    first
        .into_iter()
        .chain(Cause::ALL.map(Cause::name))
        .chain(["busiest second"])
        .map(str::to_owned)
        .collect()
}

/// Replications of a scene by one engine: each number's sample, and all latencies together.
fn sample(
    scene: &Scene,
    scenario: &Scenario,
    choice: EngineChoice,
    runs: u64,
    seed: u64,
) -> (Vec<Vec<f64>>, Outcome) {
    let mut engine = Engine::new(scenario, choice, Span::from_secs(120)).unwrap();
    let (mut outcome, mut all) = (Outcome::new(), Outcome::new());
    let mut samples = vec![Vec::with_capacity(runs as usize); names().len()];
    let mut timeline = (scene.timeline)(&Streams::new(seed, 0));
    for replication in 0..runs {
        let streams = Streams::new(seed, replication);
        if !scene.fixed {
            timeline = (scene.timeline)(&streams);
        }
        engine.simulate(&timeline, &streams, &mut outcome);
        assert_eq!(
            outcome.requests,
            outcome.latency.requests(),
            "a latency for every request"
        );
        assert_eq!(
            outcome.requests,
            outcome.ok + outcome.target + outcome.causes.iter().sum::<u64>()
        );
        let by_second: u64 = outcome
            .per_second
            .iter()
            .flatten()
            .map(|count| u64::from(*count))
            .sum();
        assert_eq!(by_second, outcome.requests - outcome.ok);
        samples
            .iter_mut()
            .zip(numbers(&outcome))
            .for_each(|(sample, number)| sample.push(number));
        all.merge(&outcome);
    }
    (samples, all)
}

/// So many replications, unless told otherwise.
fn runs_or(usual: u64) -> u64 {
    std::env::var("ROLLCAST_AGREEMENT_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(usual)
}

/// Compares the engines on a scene. `changed` may make the interval engine's scenario another one.
fn compare(scene: &Scene, runs: u64, changed: impl Fn(&mut Scenario)) -> Vec<Difference> {
    let mut other = scene.scenario.clone();
    changed(&mut other);
    let (request, request_all) = sample(
        scene,
        &scene.scenario,
        EngineChoice::Request,
        runs,
        20_231_016,
    );
    let (interval, interval_all) = sample(scene, &other, EngineChoice::Interval, runs, 16_102_023);
    let mut differences: Vec<Difference> = names()
        .into_iter()
        .zip(request.into_iter().zip(interval))
        .map(|(number, (one, two))| difference(number, one, two))
        .collect();
    for (q, tolerance) in [(0.5, 0.02), (0.9, 0.02), (0.99, 0.03)] {
        let [one, two] = [&request_all, &interval_all]
            .map(|all| all.latency.histogram().value_at_quantile(q) as f64 / 1e6);
        // Not a test of significance: a hundredth is more than anybody can tell from a chart.
        let off = if (two / one - 1.0).abs() > tolerance {
            f64::INFINITY
        } else {
            0.0
        };
        let (means, variances) = ([one, two], [0.0, 0.0]);
        differences.push(Difference {
            number: format!("all latencies' p{}", q * 100.0),
            means,
            variances,
            z_mean: off,
            z_variance: 0.0,
            ks: 1.0,
        });
    }
    differences
}

fn difference(number: String, mut one: Vec<f64>, mut two: Vec<f64>) -> Difference {
    let [(m1, v1, f1), (m2, v2, f2)] = [&one, &two].map(|sample| moments(sample));
    let n = one.len() as f64;
    let in_errors = |gap: f64, squared_error: f64| {
        if gap == 0.0 {
            0.0
        } else {
            gap / (squared_error / n).sqrt().max(1e-12)
        }
    };
    Difference {
        number,
        means: [m1, m2],
        variances: [v1, v2],
        z_mean: in_errors(m2 - m1, v1 + v2),
        z_variance: in_errors(v2 - v1, (f1 - v1 * v1) + (f2 - v2 * v2)),
        ks: kolmogorov_smirnov(&mut one, &mut two),
    }
}

/// Mean, variance, fourth central moment.
fn moments(sample: &[f64]) -> (f64, f64, f64) {
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let central = |power: i32| sample.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
    (mean, central(2), central(4))
}

/// The asymptotic probability of the two-sample statistic (Kolmogorov 1933, Smirnov 1939); conservative for integers.
pub fn kolmogorov_smirnov(one: &mut [f64], two: &mut [f64]) -> f64 {
    one.sort_by(f64::total_cmp);
    two.sort_by(f64::total_cmp);
    let (mut i, mut j, mut distance) = (0, 0, 0.0_f64);
    while i < one.len() && j < two.len() {
        let x = one[i].min(two[j]);
        i += one[i..].iter().take_while(|y| **y <= x).count();
        j += two[j..].iter().take_while(|y| **y <= x).count();
        distance = distance.max((i as f64 / one.len() as f64 - j as f64 / two.len() as f64).abs());
    }
    let root = (one.len() as f64 * two.len() as f64 / (one.len() + two.len()) as f64).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    if lambda < 0.2 {
        return 1.0;
    }
    let term = |k: i32| {
        2.0 * f64::from(1 - 2 * ((k + 1) % 2)) * (-2.0 * f64::from(k * k) * lambda * lambda).exp()
    };
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

/// W2 with targets that take requests by chance against targets that take turns.
fn thinned(runs: u64) -> Vec<Difference> {
    compare(&w2(), runs, |scenario| {
        scenario.target_group.algorithm = Algorithm::WeightedRandom;
    })
}

/// The engines agree on a scene.
#[track_caller]
fn check(scene: &Scene, runs: u64) {
    check_all([scene], runs);
}

/// All of them, so that one that differs hides no other.
fn check_all<'a>(scenes: impl IntoIterator<Item = &'a Scene>, runs: u64) {
    let shown = |d: &Difference| {
        let (means, variances) = (
            d.means.map(|mean| format!("{mean:.6}")),
            d.variances.map(|v| format!("{v:.6}")),
        );
        let mark = if d.is_significant() { "DIFFERS" } else { "" };
        let Difference {
            number,
            z_mean,
            z_variance,
            ks,
            ..
        } = d;
        format!(
            "{number:22} mean {:>18} {:>18} {z_mean:5.1}  variance {:>22} {:>22} {z_variance:5.1}  KS {ks:.4} {mark}",
            means[0], means[1], variances[0], variances[1]
        )
    };
    let mut bad = Vec::new();
    for scene in scenes {
        let differences = compare(scene, runs, |_| {});
        println!("{}, {runs} replications each", scene.name);
        differences
            .iter()
            .for_each(|difference| println!("  {}", shown(difference)));
        bad.extend(
            differences
                .iter()
                .filter(|d| d.is_significant())
                .map(|d| (scene.name, shown(d))),
        );
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn engines_agree_on_staged_scenes() {
    let scenes = scenes();
    // What the engine refuses, because connections would run idle, is left to `request`.
    let taken =
        scenes.iter().skip(1).take(3).filter(|scene| {
            Engine::new(&scene.scenario, EngineChoice::Interval, Span::ZERO).is_ok()
        });
    assert_eq!(taken.map(|scene| check(scene, runs_or(20_000))).count(), 2);
}

/// Whoever is chosen, and by whom: at random, in its own zone, by the nodes that clients know.
#[test]
fn engines_agree_on_choices() {
    let scene = staged(
        "staged, at random, in zones, 2 nodes of 3 known",
        Pacing::Poisson,
        3,
        |scenario| {
            scenario.target_group.algorithm = Algorithm::WeightedRandom;
            scenario.target_group.cross_zone = false;
            scenario.load.client_nodes = ClientNodes::Known(2);
        },
    );
    check(&scene, runs_or(4_000));
}

#[test]
fn engines_agree_on_rollouts() {
    check_all(scenes().iter().skip(4), runs_or(2_000));
}

#[test]
fn engines_agree_with_theory() {
    let scene = w2();
    check(&scene, runs_or(400));
    let (samples, _) = sample(&scene, &scene.scenario, EngineChoice::Interval, 20_000, 9);
    let of = |cause: Cause| moments(&samples[8 + cause.index()]);
    for (cause, mean, variance) in [
        (Cause::ResetInFlight, 20.0, 9.50),
        (Cause::ConnectTimeout, 10_000.0, 3_410.0),
    ] {
        let (got, spread, fourth) = of(cause);
        let z = (got - mean) / (spread / 20_000.0).sqrt();
        assert!(z.abs() < 3.5, "{cause}: mean {got}, expected {mean}");
        let z = (spread - variance) / ((fourth - spread * spread) / 20_000.0_f64).sqrt();
        assert!(
            z.abs() < 3.5,
            "{cause}: variance {spread}, expected about {variance}"
        );
    }
}

/// The negative control: targets that take requests by chance, not in turn, have the right means and far too
/// great a variance, and the comparison sees it.
#[test]
fn thinning_is_not_taken_for_round_robin() {
    let differences = thinned(runs_or(400).min(10_000));
    for cause in [Cause::ResetInFlight, Cause::ConnectTimeout] {
        let difference = differences
            .iter()
            .find(|difference| difference.number == cause.name())
            .unwrap();
        assert!(difference.z_mean.abs() < 3.5, "{difference:?}");
        assert!(
            difference.is_significant() && difference.z_variance > 3.5,
            "{difference:?}"
        );
    }
}
