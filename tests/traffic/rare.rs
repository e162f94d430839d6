//! P(any 5xx) below one in ten thousand: importance sampling against quadrature, against plain runs, and
//! where the cause is another one.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::aws::alb_node::{Belief, DeregistrationPropagation};
use rollcast::aws::target_group::Algorithm;
use rollcast::dist::{Dist, LogNormal};
use rollcast::error::Error;
use rollcast::id::{AlbNodeId, RevisionId, TargetId};
use rollcast::monte_carlo::rare::{Lags, Plain, Rare, estimate, rare};
use rollcast::monte_carlo::{Count, Options, Sample, forecast};
use rollcast::observe::measure::Measures;
use rollcast::observe::timeline::{Socket, Timeline};
use rollcast::random::{Purpose, Streams};
use rollcast::scenario::load::Pacing;
use rollcast::scenario::{Document, Scenario};
use rollcast::stats::Moments;
use rollcast::time::Span;
use rollcast::traffic::EngineChoice;
use rollcast::traffic::interval::IntervalEngine;
use rollcast::traffic::outcome::Outcome;

use crate::staged::{Stage, secs_f64, without_connections};

/// Twelve pods, deleted a second apart, 250 requests a second for each of them, routed at random. A pod
/// closes some time after its deletion; the node stops choosing it after a lag of p50 4 s, σ 0.45.
struct Scene {
    scenario: Scenario,
    closes_after: f64,
    propagation: DeregistrationPropagation,
}

const PODS: u16 = 12;
const RATE: f64 = 250.0;
const LAG: (u64, f64) = (4, 0.45);

impl Scene {
    fn new(closes_after: f64) -> Scene {
        let mut scenario = without_connections();
        scenario.load_balancer.nodes = 1;
        scenario.load.rate = RATE * f64::from(PODS);
        scenario.load.pacing = Pacing::Poisson;
        scenario.load.duration = Some(Span::from_secs(60));
        scenario.target_group.algorithm = Algorithm::WeightedRandom;
        scenario
            .revisions
            .iter_mut()
            .for_each(|revision| revision.app.service_time = Dist::constant(Span::ZERO));
        let lag = Dist::LogNormal(LogNormal::new(Span::from_secs(LAG.0), LAG.1));
        Scene {
            scenario,
            closes_after,
            propagation: DeregistrationPropagation::Span(lag),
        }
    }

    fn timeline(&self, streams: &Streams) -> Timeline {
        let mut stage = Stage::serving(PODS, 1);
        for row in 0..PODS {
            let (pod, deleted) = (usize::from(row), 1.0 + f64::from(row));
            let lag = self
                .propagation
                .lag(streams, TargetId(row), AlbNodeId(0))
                .as_secs_f64();
            stage.socket(pod, deleted + self.closes_after, Socket::Silent);
            stage.believe(0, pod, deleted + lag, Belief::Draining);
            stage.add(RevisionId::NEW, 0.0, deleted + lag);
        }
        stage.0
    }

    fn lags(&self) -> Lags<'_> {
        let entities = self
            .propagation
            .jumping((0..PODS).map(|row| (TargetId(row), AlbNodeId(0))));
        Lags {
            propagation: &self.propagation,
            entities,
        }
    }

    fn simulate(
        &self,
        range: Range<u64>,
        streams: &(dyn Fn(u64) -> Streams + Sync),
    ) -> Result<Vec<Sample>, Error> {
        let mut engine = IntervalEngine::new(&self.scenario).expect("nothing feeds back");
        let mut outcome = Outcome::new();
        let samples = range.map(|replication| {
            let streams = streams(replication);
            engine.simulate(&self.timeline(&streams), &streams, &mut outcome);
            Sample::of(&outcome, Measures::default())
        });
        Ok(samples.collect())
    }

    fn rare(&self, seed: u64, runs: u64) -> Rare {
        let plain = self
            .simulate(0..runs, &|replication| Streams::new(seed, replication))
            .unwrap();
        let simulate = |range: Range<u64>, streams: &(dyn Fn(u64) -> Streams + Sync)| {
            self.simulate(range, streams)
        };
        let plain = Plain::of(plain.iter().map(Sample::count_5xx));
        estimate(&self.lags(), seed, &plain, &simulate, &|_| ()).unwrap()
    }

    /// 1 − (1 − p)¹² with p = E[1 − exp(−250 (lag − X)⁺)], and E[5xx] = 12 · 250 · E[(lag − X)⁺]; the first
    /// by the midpoint rule over a substitution that makes the lag's law flat.
    fn truth(&self) -> (f64, f64) {
        let lag = Dist::LogNormal(LogNormal::new(Span::from_secs(LAG.0), LAG.1));
        let closes_after = secs_f64(self.closes_after);
        let tail = lag.survival(closes_after);
        let steps = 100_000;
        let mean: f64 = (0..steps)
            .map(|step| {
                let share = tail * (f64::from(step) + 0.5) / f64::from(steps);
                1.0 - (-RATE * (lag.quantile(1.0 - share).as_secs_f64() - self.closes_after)).exp()
            })
            .sum();
        let one = tail * mean / f64::from(steps);
        let pods = f64::from(PODS);
        (
            -(pods * (-one).ln_1p()).exp_m1(),
            pods * RATE * lag.mean_excess(closes_after),
        )
    }
}

/// Importance sampling meets the truth, to 3.5 standard errors and to a share of it.
#[track_caller]
fn check_scene(closes_after: f64, published: f64, runs: u64, relative_error: f64) {
    let scene = Scene::new(closes_after);
    let (any, count) = scene.truth();
    assert!(
        (any / published - 1.0).abs() < 1e-3,
        "{any} was published as {published}"
    );
    let rare = scene.rare(20_231_016, runs);
    let least = rare.least.expect("a threshold").as_secs_f64();
    assert!(
        least <= closes_after && least > 0.9 * closes_after,
        "{rare:?}"
    );
    for (estimate, truth) in [(rare.any_5xx, any), (rare.count_5xx, count)] {
        let z = (estimate.mean - truth) / estimate.standard_error;
        assert!(z.abs() < 3.5, "{z} standard errors from {truth}: {rare:?}");
    }
    assert!(
        rare.any_5xx.relative_error().unwrap() < relative_error,
        "{rare:?}"
    );
    assert_eq!(
        (rare.plain_hits, rare.unexplained),
        (0, 0),
        "no plain replication fails"
    );
}

#[test]
fn a_rare_lag_is_found_and_weighed() {
    check_scene(30.0, 4.5236e-5, 2_500, 0.01);
    check_scene(36.0, 6.2700e-6, 2_500, 0.01);
}

/// Whatever the chance of the pilots, the threshold leaves out nothing: errors of many searches are those of chance.
#[test]
fn no_search_passes_the_beginning() {
    let scene = Scene::new(33.0);
    let (any, _) = scene.truth();
    let errors: Moments = (0..30)
        .map(|seed| {
            let rare = scene.rare(seed, 500);
            let z = (rare.any_5xx.mean - any) / rare.any_5xx.standard_error;
            assert!(
                z.abs() < 4.5,
                "seed {seed}: {z} standard errors from {any}: {rare:?}"
            );
            z
        })
        .collect();
    assert!(
        errors.mean().abs() < 3.5 / 30_f64.sqrt() && errors.variance() < 2.2,
        "{errors:?}"
    );
}

/// Pods of this share of the rollouts close two seconds after their deletion: nothing to do with the lag.
fn with_another_cause(closes_after: f64, share: f64, runs: u64) -> Rare {
    let (scene, early) = (Scene::new(closes_after), Scene::new(2.0));
    let simulate = |range: Range<u64>, streams: &(dyn Fn(u64) -> Streams + Sync)| {
        let is_early = |replication| streams(replication).at(Purpose::Crash, 0).chance(share);
        let one = |replication| {
            if is_early(replication) {
                &early
            } else {
                &scene
            }
        };
        range
            .map(|replication| {
                Ok(one(replication).simulate(replication..replication + 1, streams)?[0])
            })
            .collect::<Result<Vec<_>, Error>>()
    };
    let plain = simulate(0..runs, &|replication| Streams::new(5, replication)).unwrap();
    let plain = Plain::of(plain.iter().map(Sample::count_5xx));
    estimate(&scene.lags(), 5, &plain, &simulate, &|_| ()).unwrap()
}

#[test]
fn another_cause_is_not_blamed_on_the_lag() {
    // The lag never matters: nothing is known but what the plain runs show.
    let rare = with_another_cause(1e4, 0.01, 1_000);
    assert_eq!(
        (rare.least, rare.jumped, rare.bound_of_others(0.95)),
        (None, 0, None),
        "{rare:?}"
    );
    assert!(rare.plain_hits > 0 && rare.pilots > 0);
    assert!(
        (rare.any_5xx.mean - rare.plain_hits as f64 / 1_000.0).abs() < 1e-12,
        "{rare:?}"
    );
    // Both: the estimate has the other cause in it, and its error says how little is known of that.
    let rare = with_another_cause(30.0, 0.01, 1_000);
    assert!(
        rare.least.is_some() && rare.unexplained == rare.plain_hits && rare.unexplained > 0,
        "{rare:?}"
    );
    assert!(
        rare.any_5xx.relative_error().unwrap() > 0.1 && rare.bound_of_others(0.95).is_none(),
        "{rare:?}"
    );
    // Not rare at all: there is nothing more to look for.
    let rare = with_another_cause(30.0, 0.3, 200);
    assert_eq!((rare.least, rare.pilots), (None, 100), "{rare:?}");
}

const OPTIONS: Options = Options {
    runs: 1_000,
    seed: 1,
    level: 0.95,
    threads: Some(2),
    engine: EngineChoice::Interval,
};

fn careful(pre_stop: u64) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/careful.toml");
    let mut document = Document::read(&path).unwrap();
    document
        .set("pod.pre_stop", &format!("{pre_stop}s"))
        .unwrap();
    document.resolve().unwrap()
}

fn forecast_rare(scenario: &Scenario, options: &Options) -> Rare {
    let never = AtomicBool::new(false);
    let forecast = forecast(scenario, String::new(), options, &|_| (), &never).unwrap();
    rare(scenario, &forecast, options, &|_| (), &never).unwrap()
}

/// Where plain runs can tell, they tell the same, of a whole rollout whose lags share an environment and a tail.
#[test]
fn plain_runs_agree() {
    let scenario = careful(40);
    let never = AtomicBool::new(false);
    let options = Options {
        runs: 8_000,
        seed: 2,
        ..OPTIONS
    };
    let plain = forecast(&scenario, String::new(), &options, &|_| (), &never).unwrap();
    let counts = plain.counted.counts(Count::Failed);
    let mut any = Moments::default();
    any.push_many(0.0, counts.n() - counts.nonzero());
    any.push_many(1.0, counts.nonzero());
    let count = counts.moments();
    let rare = forecast_rare(&scenario, &OPTIONS);
    assert!(rare.least.is_some(), "{rare:?}");
    for (plain, weighed) in [(any, rare.any_5xx), (count, rare.count_5xx)] {
        let error = (plain.variance() / plain.n() as f64 + weighed.standard_error.powi(2)).sqrt();
        let z = (plain.mean() - weighed.mean) / error;
        assert!(
            z.abs() < 3.5,
            "{z} standard errors from the plain mean {}: {rare:?}",
            plain.mean()
        );
    }
}

#[test]
fn threads_make_no_difference() {
    let scenario = careful(60);
    let few = Options {
        runs: 200,
        ..OPTIONS
    };
    let [one, three] = [1, 3].map(|threads| {
        forecast_rare(
            &scenario,
            &Options {
                threads: Some(threads),
                ..few
            },
        )
    });
    assert_eq!(one, three);
    assert!(
        one.least.is_some() && one.any_5xx.relative_error().unwrap() < 0.2,
        "{one:?}"
    );
}
