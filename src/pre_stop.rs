//! How long preStop must be: until no node of the load balancer chooses a deleted pod any more.
//!
//! That takes two spans. From a pod's deletion the news travels through its EndpointSlice and the load balancer
//! controller until `DeregisterTargets` has returned: the control path, which is simulated. From there each node
//! learns of it after its own lag, which is drawn from its law. An episode, in which all lags of a rollout are
//! longer, is told apart: it is an assumption that no measurement of an ordinary rollout speaks for or against.

use std::fmt;

use crate::aws::alb_node::{DeregistrationPreset, DeregistrationPropagation};
use crate::id::{AlbNodeId, TargetId};
use crate::observe::timeline::PodRecord;
use crate::random::Streams;
use crate::rollout::Rollout;
use crate::scenario::Scenario;
use crate::time::Span;

/// Seconds of a preStop sleep, as people type them.
pub const TYPED: [u64; 15] = [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 75, 90, 120];

/// Enough for a 99.9 % quantile.
const DRAWS: u64 = 20_000;
/// The slowest lag of more pods is hardly longer; of a control path these are the slowest.
const MOST_PODS: usize = 12;
/// Simulations of the control path: so many pods' deletions in all, but no fewer and no more rollouts than these.
const DELETIONS: u64 = 4_000;
const FEWEST_PATHS: u64 = 4;
const MOST_PATHS: u64 = 200;

/// For how long after a deletion some node still chooses the pod: the slowest of each rollout.
#[derive(Debug, Clone)]
pub struct Need {
    /// Of rollouts without an episode, in ascending order.
    ordinary: Vec<Span>,
    /// Of all rollouts, in ascending order.
    all: Vec<Span>,
    /// Episodes, where the lag has any.
    pub episodes: Option<Episodes>,
}

/// Rollouts in which all lags are longer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episodes {
    /// So many of all rollouts.
    pub share: f64,
    /// The most that one adds to the lag.
    pub longest: Span,
    /// No preStop that is shorter covers the longest of them: it comes on top of the median lag.
    pub wholly: Span,
}

/// What a hook has to be for a share of rollouts, as people type it.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// Half as many rollouts fail as the share spares.
    pub share: f64,
    /// Without episodes, by the lag that is assumed or given.
    pub ordinary: Span,
    /// With them.
    pub all: Span,
    /// What is known of episodes.
    pub episodes: Option<Episodes>,
    /// Where the lag is only assumed: the lag that a measured rollout may show, and what an ordinary one needs then.
    pub measured: Option<(Span, Span)>,
    /// Whether the user gave the law of the lag.
    pub is_given: bool,
}

impl Need {
    /// Of the rollout of a scenario, whatever disturbs it. A rollout that cannot be simulated has no control path here:
    /// whoever forecasts it says why.
    pub fn of(scenario: &Scenario) -> Need {
        Need::after(scenario, &control_paths(scenario))
    }

    fn after(scenario: &Scenario, paths: &[Vec<Span>]) -> Need {
        let propagation = &scenario.load_balancer.deregistration_propagation;
        let nodes = scenario.load_balancer.nodes;
        let (mut ordinary, mut all) = (Vec::new(), Vec::new());
        for draw in 0..DRAWS {
            let streams = Streams::new(0, draw);
            let path = &paths[draw as usize % paths.len()];
            let (lag, episode) = if scenario.is_by_host() {
                // kube-proxy's run after the one that a change just missed.
                let share = (draw as f64 + 0.5) / DRAWS as f64;
                let programming = scenario.kube_proxy.programming.quantile(share);
                let slowest = path.iter().max().copied().unwrap_or_default();
                let sync = scenario.kube_proxy.min_sync_period;
                (slowest + sync + programming * 2, Span::ZERO)
            } else {
                let episode = propagation.episode(&streams);
                let of_pod = |(pod, control): (usize, &Span)| {
                    let lag =
                        |node| propagation.lag(&streams, TargetId(pod as u16), AlbNodeId(node));
                    let slowest = (0..nodes).map(lag).max().unwrap_or_default();
                    *control + slowest.saturating_sub(episode)
                };
                let slowest = path.iter().enumerate().map(of_pod).max();
                (slowest.unwrap_or_default(), episode)
            };
            ordinary.push(lag);
            all.push(lag + episode);
        }
        ordinary.sort();
        all.sort();
        let episodes = propagation.episodes().filter(|_| !scenario.is_by_host());
        let episodes = episodes.map(|(share, longest)| Episodes {
            share,
            longest,
            wholly: whole(quantile(&ordinary, 0.5) + longest),
        });
        Need {
            ordinary,
            all,
            episodes,
        }
    }

    /// What so many of all rollouts need, episodes among them.
    pub fn of_all(&self, share: f64) -> Span {
        quantile(&self.all, share)
    }

    /// What so many of those without an episode need.
    pub fn of_ordinary(&self, share: f64) -> Span {
        quantile(&self.ordinary, share)
    }
}

impl Advice {
    /// For a share of rollouts.
    pub fn of(scenario: &Scenario, share: f64) -> Advice {
        let paths = control_paths(scenario);
        let need = Need::after(scenario, &paths);
        let wanted = with_margin(share);
        let propagation = &scenario.load_balancer.deregistration_propagation;
        let is_open = *propagation
            == DeregistrationPropagation::Preset(DeregistrationPreset::Published)
            && !scenario.is_by_host();
        let measured = is_open.then(|| {
            let mut measured = scenario.clone();
            let typical = DeregistrationPreset::Typical;
            measured.load_balancer.deregistration_propagation =
                DeregistrationPropagation::Preset(typical);
            let need = Need::after(&measured, &paths);
            let lag = typical.median(&Streams::new(0, 0));
            (lag, typed(need.of_ordinary(wanted)))
        });
        Advice {
            share,
            ordinary: typed(need.of_ordinary(wanted)),
            all: typed(need.of_all(wanted)),
            episodes: need.episodes,
            measured,
            is_given: matches!(propagation, DeregistrationPropagation::Span(_)),
        }
    }
}

/// `preStop 30 s covers 99 % of ordinary rollouts, and preStop 15 s once your lag is measured as 9 s; …`.
impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| (share * 1e6).round() / 1e4;
        let number = |span: Span| span.as_micros() / 1_000_000;
        let (share, ordinary, all) = (percent(self.share), number(self.ordinary), number(self.all));
        let whose = match self.is_given {
            true => ", by the lag that is given",
            false => "",
        };
        match self.episodes {
            Some(_) => write!(
                f,
                "preStop {ordinary} s covers {share} % of ordinary rollouts"
            )?,
            None => write!(f, "preStop {all} s covers {share} % of rollouts{whose}")?,
        }
        if let Some((lag, measured)) = self.measured {
            let (lag, measured) = (number(lag), number(measured));
            write!(
                f,
                ", and preStop {measured} s once your lag is measured as {lag} s"
            )?;
        }
        if let Some(episodes) = self.episodes {
            write!(
                f,
                "; preStop {all} s if the assumed {} % of rollouts with an episode, a lag that is longer by up to {} s, \
                 is to be covered too. No setting below {} s covers an episode wholly",
                percent(episodes.share),
                number(episodes.longest),
                number(episodes.wholly)
            )?;
        }
        f.write_str(".")?;
        if self.measured.is_some() {
            f.write_str(" One measured rollout tells your lag: rollcast calibrate --help")?;
        }
        Ok(())
    }
}

/// A share that spares half as many.
pub fn with_margin(share: f64) -> f64 {
    1.0 - (1.0 - share) / 2.0
}

/// A preStop that is at least so long, as people type it.
pub fn typed(span: Span) -> Span {
    let secs = whole(span).as_micros() / 1_000_000;
    let known = TYPED.into_iter().find(|typed| *typed >= secs);
    Span::from_secs(known.unwrap_or_else(|| secs.div_ceil(30) * 30))
}

/// A grace period that is at least so long, as people type it: 15, 30, 45, 60, 90, 120 s, and so on.
pub fn typed_grace(span: Span) -> Span {
    let secs = whole(span).as_micros() / 1_000_000;
    let step = match secs {
        0..=60 => 15,
        61..=300 => 30,
        _ => 60,
    };
    Span::from_secs(secs.div_ceil(step) * step)
}

/// Rounded up to whole seconds: as exact as priors are.
fn whole(span: Span) -> Span {
    Span::from_secs(span.as_micros().div_ceil(1_000_000))
}

fn quantile(sorted: &[Span], share: f64) -> Span {
    let row = (share * sorted.len() as f64) as usize;
    sorted
        .get(row.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

/// Of some rollouts each pod's span from its deletion until the controller's call has returned; with hosts as targets
/// until it is out of its EndpointSlice. Never empty, and never without a pod.
fn control_paths(scenario: &Scenario) -> Vec<Vec<Span>> {
    let mut calm = Scenario {
        disturbances: Vec::new(),
        ..scenario.clone()
    };
    // Under it a pod is deregistered when it is gone, however long preStop is: no hook covers that.
    calm.service.publish_not_ready_addresses = false;
    let pods = u64::from(scenario.deployment.replicas.max(1));
    let runs = (DELETIONS / pods).clamp(FEWEST_PATHS, MOST_PATHS);
    let mut rollout = Rollout::new(&calm);
    let simulated = (0..runs).map_while(|run| {
        let timeline = rollout.simulate(&Streams::new(0, run)).ok()?;
        let path = |record: &PodRecord| {
            let target = timeline.targets.get(record.pod.index());
            let heard = match scenario.is_by_host() {
                true => record.out_of_slice_ready,
                false => target.and_then(|target| target.deregister_called),
            };
            Some(heard?.saturating_since(record.terminating?))
        };
        let initial = timeline.pods.iter().filter(|record| record.initial);
        let mut spans: Vec<Span> = initial.filter_map(path).collect();
        spans.sort_by(|a, b| b.cmp(a));
        spans.truncate(MOST_PODS);
        Some(spans)
    });
    let mut paths: Vec<Vec<Span>> = simulated
        .filter(|path: &Vec<Span>| !path.is_empty())
        .collect();
    if paths.is_empty() {
        paths.push(vec![Span::ZERO; pods.min(MOST_PODS as u64) as usize]);
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Document;
    use std::path::Path;

    fn scenario(text: &str) -> Scenario {
        let document = Document::parse(Path::new("x.toml"), text).unwrap();
        document.resolve().unwrap()
    }

    /// Without the control path: one rollout's pods that all are deregistered at once.
    fn lags(replicas: usize, law: &str) -> Need {
        let text = format!("[load_balancer]\nderegistration_propagation = \"{law}\"");
        Need::after(&scenario(&text), &[vec![Span::ZERO; replicas]])
    }

    fn rounded(span: Span, to: u64) -> u64 {
        span.as_micros().div_ceil(to * 1_000_000) * to
    }

    /// Needed and advised seconds by lag alone, for 99 % of rollouts, whatever the number of pods: with episodes, without
    /// them, and without them where M is known. The quantiles are of 20,000 draws, so a second either way is chance.
    #[test]
    fn what_the_lag_alone_needs() {
        let near = |got: Span, expected: u64, to: u64| {
            let got = rounded(got, to);
            assert!(got.abs_diff(expected) <= to, "{got} s, not {expected} s");
        };
        for pods in [2, 4, 12, 50] {
            let need = lags(pods, "published");
            near(need.of_all(0.99), 31, 1);
            near(need.of_all(0.995), 40, 5);
            near(need.of_ordinary(0.99), 26, 1);
            near(need.of_ordinary(0.995), 30, 5);
        }
        for (law, needed, advised) in [("fast", 7, 10), ("typical", 11, 15), ("slow", 22, 25)] {
            let need = lags(4, law);
            near(need.of_ordinary(0.99), needed, 1);
            assert_eq!(rounded(need.of_ordinary(0.995), 5), advised, "{law}");
        }
    }

    /// From the deletion to the returned call takes 0.1 to 0.6 s with hops of 30 ms; and that is covered.
    #[test]
    fn the_control_path_is_part_of_it() {
        let text =
            "[load_balancer]\nderegistration_propagation = \"9s\"\n[cluster]\npreset = \"typical\"";
        let scenario = scenario(text);
        let mut paths: Vec<Span> = control_paths(&scenario).concat();
        paths.sort();
        let at = |share| quantile(&paths, share).as_secs_f64();
        assert!((0.05..0.6).contains(&at(0.5)), "{} s", at(0.5));
        let need = Need::of(&scenario);
        let beyond = need.of_all(0.9).saturating_sub(Span::from_secs(9));
        assert!(beyond.as_secs_f64() >= at(0.5), "{beyond}");
        assert_eq!(need.episodes, None);
    }

    #[test]
    fn a_measurement_changes_more_than_the_episodes() {
        let advice = Advice::of(&Scenario::default(), 0.99);
        let (lag, measured) = advice.measured.unwrap();
        assert_eq!(lag, Span::from_secs(9));
        assert!(
            measured < advice.ordinary && advice.ordinary < advice.all,
            "{advice:?}"
        );
        let wholly = advice.episodes.unwrap().wholly.as_secs_f64();
        assert!((54.0..=57.0).contains(&wholly), "{wholly} s");
        let (ordinary, words) = (advice.ordinary.as_micros() / 1_000_000, advice.to_string());
        let said = format!("preStop {ordinary} s covers 99 % of ordinary rollouts, and preStop");
        assert!(
            words.starts_with(&said) && words.contains("measured as 9 s; "),
            "{words}"
        );
        let known = scenario("[load_balancer]\nderegistration_propagation = \"typical\"");
        assert_eq!(Advice::of(&known, 0.99).measured, None);
    }

    #[test]
    fn values_are_those_that_people_type() {
        let secs = |secs| Span::from_secs(secs);
        assert_eq!(
            [0, 1, 31, 41, 51, 121].map(|s| typed(secs(s))),
            [0, 5, 35, 45, 60, 150].map(secs)
        );
        let graces = [12, 30, 31, 54, 61, 100, 301].map(|s| typed_grace(secs(s)));
        assert_eq!(graces, [15, 30, 45, 60, 90, 120, 360].map(secs));
    }
}
