//! How long a change takes from the API to a node: nobody documents it, so it is a prior with a name.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::dist::{Dist, LogNormal};
use crate::id::{AlbNodeId, TargetId};
use crate::random::{Jump, Purpose, Streams, pair};
use crate::setting::form::{self, formed};
use crate::time::Span;

/// Lag from the answer to `DeregisterTargets` until one node stops choosing the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DeregistrationPropagation {
    /// A named prior.
    Preset(DeregistrationPreset),
    /// The law of the presets with what was measured of one environment.
    Measured(MeasuredLag),
    /// The user's own: drawn per target and node.
    Span(Dist),
}

/// What was measured of an environment's deregistration lag: `{ median = { p50 = "8s", p95 = "8.4s" }, jitter = "0.9s",
/// drift = 0.05 }`, perhaps with `episodes`, the share of rollouts that they strike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredLag {
    /// M, as well as it is known: one span, or log-normal.
    median: Median,
    /// Between targets and nodes of one rollout: up to so much more or less.
    jitter: Span,
    /// Between rollouts: σ of the logarithm, from 0 to 1.
    drift: f64,
    /// Share of rollouts that an episode strikes, from 0 to 1; absent: that of the presets.
    #[serde(default = "episode_share")]
    episodes: f64,
}

const fn episode_share() -> f64 {
    EPISODE_SHARE
}

/// A median that is known, or known to follow a log-normal law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Dist", into = "Dist")]
struct Median {
    written: Dist,
    law: LogNormal,
}

impl TryFrom<Dist> for Median {
    type Error = &'static str;

    fn try_from(dist: Dist) -> Result<Median, &'static str> {
        let law = match dist {
            Dist::Constant(span) if span > Span::ZERO => LogNormal::new(span, 0.0),
            Dist::LogNormal(law) => law,
            _ => return Err("a median is a span above 0s, or log-normal"),
        };
        Ok(Median { written: dist, law })
    }
}

impl From<Median> for Dist {
    fn from(median: Median) -> Dist {
        median.written
    }
}

impl MeasuredLag {
    /// Its numbers without a unit, each of which lies from 0 to 1: drift, and the share of episodes.
    pub const fn shares(&self) -> [f64; 2] {
        [self.drift, self.episodes]
    }

    const fn law(&self) -> Law {
        Law {
            medians: self.median.law,
            drift: self.drift,
            jitter: Some(self.jitter),
            episodes: self.episodes,
        }
    }
}

/// The law of all lags of an environment.
#[derive(Debug, Clone, Copy)]
struct Law {
    /// M.
    medians: LogNormal,
    /// σ of what a rollout multiplies M by.
    drift: f64,
    /// Half-width of what a target and a node add; a part of M if nothing was measured.
    jitter: Option<Span>,
    /// Share of rollouts that an episode strikes.
    episodes: f64,
}

/// Named priors of the deregistration lag. Within an environment it is nearly constant: the lag of a target
/// at a node is M × log-normal(σ 0.05) + U(−j, j) with j = max(0.8 s, 6.5 % of M), never below 0.2 s, where the
/// log-normal is one draw for the whole rollout. With 1 % per rollout all its lags are U(10, 45) s longer, one draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeregistrationPreset {
    /// M differs between environments: log-normal, p50 9 s, p95 18 s.
    Published,
    /// M = 5 s.
    Fast,
    /// M = 9 s.
    Typical,
    /// M = 18 s.
    Slow,
}

/// Lag from the answer to `RegisterTargets` until a node knows the target; its first health check follows within
/// [`FIRST_CHECK_WITHIN`](crate::aws::health_check::FIRST_CHECK_WITHIN).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationPropagation {
    /// In 65 % of environments `fast`, in the others `as_deregistration`.
    Published,
    /// A median of the environment's own, log-normal with p50 1.2 s and p95 3.2 s, × log-normal(σ 0.2) per target and node.
    Fast,
    /// The law of the deregistration lag: the same M, drift and episode, a jitter of its own.
    AsDeregistration,
    /// The user's own span, drawn per target and node.
    #[serde(untagged)]
    Span(Dist),
}

/// σ of the logarithm between rollouts of one environment: 0.045 (0.007 to 0.136), from thirty deregistrations in a
/// row and two of other days (pricelees.github.io, improving_deployment).
const SIGMA_DRIFT: f64 = 0.05;
/// Between targets and nodes of one rollout: up to so much more or less, but a share of M if that is more.
const JITTER: Span = Span::from_millis(800);
const JITTER_SHARE: f64 = 0.065;
/// No lag is shorter.
const LEAST_LAG: Span = Span::from_millis(200);
/// Share of rollouts that an episode strikes: none in about 15 sessions, so a judgement.
const EPISODE_SHARE: f64 = 0.01;
/// What an episode adds: "up to 60 seconds during the cluster upgrade" (pod-graceful-drain values.yaml).
const EPISODE: (Span, Span) = (Span::from_secs(10), Span::from_secs(45));
/// Share of environments whose registrations are quicker than their deregistrations.
const FAST_REGISTRATIONS: f64 = 0.65;
/// Their median, p50 and p95 over environments, and its spread over targets and nodes.
const FAST_MEDIAN: (Span, Span) = (Span::from_millis(1_200), Span::from_millis(3_200));
const SIGMA_FAST: f64 = 0.2;

impl DeregistrationPropagation {
    /// From the answer to `DeregisterTargets` until this node stops choosing the target.
    pub fn lag(&self, streams: &Streams, target: TargetId, node: AlbNodeId) -> Span {
        self.of(Purpose::Deregistration, streams, entity(target, node))
    }

    /// The lag of a change of any kind that travels like a deregistration.
    fn of(&self, purpose: Purpose, streams: &Streams, entity: u64) -> Span {
        match self.law() {
            Ok(law) => Shared::of(law, streams).lag(streams.at(purpose, entity).uniform()),
            Err(dist) => dist.draw(streams, purpose, entity),
        }
    }

    /// The law of an environment; or the user's own span.
    fn law(&self) -> Result<Law, &Dist> {
        match self {
            DeregistrationPropagation::Preset(preset) => Ok(preset.law()),
            DeregistrationPropagation::Measured(measured) => Ok(measured.law()),
            DeregistrationPropagation::Span(dist) => Err(dist),
        }
    }

    /// What an episode adds to all lags of this rollout: nothing in most, and nothing under the user's own span.
    pub fn episode(&self, streams: &Streams) -> Span {
        self.law()
            .map_or(Span::ZERO, |law| Shared::of(law, streams).episode)
    }

    /// The share of rollouts that an episode strikes, and the most that it adds; nothing where none does.
    pub fn episodes(&self) -> Option<(f64, Span)> {
        let law = self.law().ok().filter(|law| law.episodes > 0.0)?;
        Some((law.episodes, EPISODE.1))
    }

    /// What can be drawn from its tail to make lags long ([`DeregistrationPropagation::jump`]): of the user's own
    /// span the lag of each target at each node, of a preset the one part that all lags of a rollout share.
    pub fn jumping(&self, lags: impl Iterator<Item = (TargetId, AlbNodeId)>) -> Vec<u64> {
        let lags = lags.map(|(target, node)| entity(target, node));
        match self.law() {
            Err(_) => lags.collect(),
            Ok(_) => lags.take(1).map(|_| 0).collect(),
        }
    }

    /// One of [`DeregistrationPropagation::jumping`] in a replication.
    pub fn jumped(&self, streams: &Streams, entity: u64) -> Span {
        match self.law() {
            Ok(law) => Shared::of(law, streams).middle(),
            Err(dist) => dist.draw(streams, Purpose::Deregistration, entity),
        }
    }

    /// The jump that makes it reach `least`.
    pub fn jump(&self, entity: u64, least: Span) -> Jump {
        let purpose = match self.law() {
            Err(_) => Purpose::Deregistration,
            Ok(_) => Purpose::DeregistrationDrift,
        };
        Jump {
            purpose,
            entity,
            least,
        }
    }

    /// The probability that it reaches `least` by itself, over environments and rollouts.
    pub fn reach(&self, least: Span) -> f64 {
        match self.law() {
            Ok(law) => law.reaches(least).iter().sum(),
            Err(dist) => dist.reach(least),
        }
    }
}

impl DeregistrationPreset {
    /// M: what differs between environments.
    pub fn median(self, streams: &Streams) -> Span {
        self.law().median(streams)
    }

    fn law(self) -> Law {
        Law {
            medians: self.medians(),
            drift: SIGMA_DRIFT,
            jitter: None,
            episodes: EPISODE_SHARE,
        }
    }

    /// The law of M.
    fn medians(self) -> LogNormal {
        let known = |secs| LogNormal::new(Span::from_secs(secs), 0.0);
        match self {
            DeregistrationPreset::Published => {
                LogNormal::p50_p95(Span::from_secs(9), Span::from_secs(18))
            }
            DeregistrationPreset::Fast => known(5),
            DeregistrationPreset::Typical => known(9),
            DeregistrationPreset::Slow => known(18),
        }
    }
}

impl Law {
    /// M: what differs between environments.
    fn median(self, streams: &Streams) -> Span {
        self.medians
            .sample(&mut streams.at(Purpose::DeregistrationMedian, 0))
    }

    /// What a rollout multiplies M by.
    fn drifts(self) -> LogNormal {
        LogNormal::new(Span::from_secs(1), self.drift)
    }

    /// The law of a rollout's middle lag without an episode.
    fn ordinary(self) -> LogNormal {
        self.medians.times(&self.drifts())
    }

    /// The probability that a rollout's middle lag reaches `least` without an episode, and with one:
    /// ∫ P(lag ≥ least − u) du over the episode's span is a difference of mean excesses.
    fn reaches(self, least: Span) -> [f64; 2] {
        let (law, [low, high]) = (
            self.ordinary(),
            [EPISODE.0, EPISODE.1].map(Span::as_secs_f64),
        );
        let least = least.as_secs_f64();
        let mean = (law.mean_excess(least - high) - law.mean_excess(least - low)) / (high - low);
        [
            (1.0 - self.episodes) * law.survival(least),
            self.episodes * mean,
        ]
    }
}

/// What all lags of one rollout have in common.
#[derive(Debug, Clone, Copy)]
struct Shared {
    /// M, the environment's.
    median: Span,
    /// M as it is in this rollout.
    drifted: Span,
    /// What an episode adds; nothing in most rollouts.
    episode: Span,
    /// Half-width of what targets and nodes add, if it was measured.
    jitter: Option<Span>,
}

impl Shared {
    fn of(law: Law, streams: &Streams) -> Shared {
        if let Some(jump) = streams.jump(Purpose::DeregistrationDrift) {
            return Shared::beyond(law, jump.least, streams);
        }
        let median = law.median(streams);
        let drifted = LogNormal::new(median, law.drift)
            .sample(&mut streams.at(Purpose::DeregistrationDrift, 0));
        let episode = &mut streams.at(Purpose::DeregistrationEpisode, 0);
        let is_struck = episode.chance(law.episodes);
        let episode = if is_struck {
            Dist::Uniform(EPISODE.0, EPISODE.1).sample(episode)
        } else {
            Span::ZERO
        };
        Shared {
            median,
            drifted,
            episode,
            jitter: law.jitter,
        }
    }

    /// The same, given that the middle lag reaches `least`: its parts are drawn jointly, so that what is drawn is
    /// a rollout that happens to be so slow.
    fn beyond(law: Law, least: Span, streams: &Streams) -> Shared {
        let chance = &mut streams.at(Purpose::Jump, 1);
        let (ordinary, [without, with]) = (law.ordinary(), law.reaches(least));
        let episode = if chance.uniform() * (without + with) < without {
            Span::ZERO
        } else {
            // The episode's density is proportional to the chance that the rest reaches what is left.
            let excess =
                |episode: Span| ordinary.mean_excess(least.as_secs_f64() - episode.as_secs_f64());
            let (start, share) = (excess(EPISODE.0), chance.uniform());
            let wanted = start + share * (excess(EPISODE.1) - start);
            let (mut low, mut high) = (EPISODE.0.as_micros(), EPISODE.1.as_micros());
            while low < high {
                let middle = (low + high) / 2;
                if excess(Span::from_micros(middle)) < wanted {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            Span::from_micros(low)
        };
        let drifted =
            Dist::LogNormal(ordinary).sample_beyond(least.saturating_sub(episode), chance);
        let median = law
            .medians
            .given_product(&law.drifts(), drifted.as_secs_f64())
            .sample(chance);
        Shared {
            median,
            drifted,
            episode,
            jitter: law.jitter,
        }
    }

    /// What a target and a node add up to `jitter` to, or take it off.
    fn middle(&self) -> Span {
        self.drifted + self.episode
    }

    /// The lag of one target at one node; `share` in [0, 1) is its own.
    fn lag(&self, share: f64) -> Span {
        let usual = || JITTER.max(self.median.scaled(JITTER_SHARE));
        let jitter = self.jitter.unwrap_or_else(usual);
        (self.drifted + jitter.scaled(2.0 * share))
            .saturating_sub(jitter)
            .max(LEAST_LAG)
            + self.episode
    }
}

impl RegistrationPropagation {
    /// From the answer to `RegisterTargets` until this node knows the target, where deregistrations travel like that.
    pub fn lag(
        &self,
        deregistration: &DeregistrationPropagation,
        streams: &Streams,
        target: TargetId,
        node: AlbNodeId,
    ) -> Span {
        let entity = entity(target, node);
        if let RegistrationPropagation::Span(dist) = self {
            return dist.draw(streams, Purpose::Registration, entity);
        }
        let environment = &mut streams.at(Purpose::RegistrationMedian, 0);
        let is_fast = environment.chance(FAST_REGISTRATIONS);
        if *self == RegistrationPropagation::Fast
            || *self == RegistrationPropagation::Published && is_fast
        {
            let median = LogNormal::p50_p95(FAST_MEDIAN.0, FAST_MEDIAN.1).sample(environment);
            LogNormal::new(median, SIGMA_FAST)
                .sample(&mut streams.at(Purpose::Registration, entity))
        } else {
            deregistration.of(Purpose::Registration, streams, entity)
        }
    }
}

/// The address of what belongs to one target and one node.
pub(super) const fn entity(target: TargetId, node: AlbNodeId) -> u64 {
    pair(target.0 as u64, node.0 as u64)
}

formed! {
    DeregistrationPropagation => json!({ "anyOf": [
        { "enum": form::names::<DeregistrationPreset>() },
        form::distribution(),
    ] });
    RegistrationPropagation => json!({ "anyOf": [
        { "enum": ["published", "fast", "as_deregistration"] },
        form::distribution(),
    ] });
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [AlbNodeId; 2] = [AlbNodeId(0), AlbNodeId(1)];

    /// The 50 % and 95 % quantile, in seconds.
    fn quantiles(spans: impl Iterator<Item = Span>) -> (f64, f64) {
        let mut secs: Vec<f64> = spans.map(Span::as_secs_f64).collect();
        secs.sort_by(f64::total_cmp);
        (secs[secs.len() / 2], secs[secs.len() * 95 / 100])
    }

    #[track_caller]
    fn check_near((p50, p95): (f64, f64), expected: (f64, f64)) {
        let is_near = |got: f64, expected: f64| (got / expected - 1.0).abs() < 0.05;
        assert!(
            is_near(p50, expected.0) && is_near(p95, expected.1),
            "p50 {p50}, p95 {p95}, not {expected:?}"
        );
    }

    fn preset(preset: DeregistrationPreset) -> DeregistrationPropagation {
        DeregistrationPropagation::Preset(preset)
    }

    #[test]
    fn between_environments_the_median_is_spread_as_published() {
        let medians =
            (0..10_000).map(|run| DeregistrationPreset::Published.median(&Streams::new(1, run)));
        check_near(quantiles(medians), (9.0, 18.0));
    }

    /// 1 % of rollouts, all their targets and nodes alike; registrations too that travel like deregistrations.
    #[test]
    fn one_rollout_in_a_hundred_is_an_episode_of_all_its_lags() {
        let law = preset(DeregistrationPreset::Fast);
        let mut struck = 0;
        for run in 0..20_000 {
            let streams = Streams::new(7, run);
            let episode = Shared::of(DeregistrationPreset::Fast.law(), &streams).episode;
            struck += u32::from(episode > Span::ZERO);
            if episode > Span::ZERO {
                assert!((EPISODE.0..=EPISODE.1).contains(&episode));
                let targets = || {
                    (0..20)
                        .map(TargetId)
                        .flat_map(|target| NODES.map(|node| (target, node)))
                };
                for (target, node) in targets() {
                    // M = 5 s, a drift of at most 25 %, a jitter of 0.8 s.
                    let lag = law
                        .lag(&streams, target, node)
                        .saturating_sub(episode)
                        .as_secs_f64();
                    assert!(
                        (3.0..7.1).contains(&lag),
                        "{lag} beside an episode of {episode}"
                    );
                    let registration =
                        RegistrationPropagation::AsDeregistration.lag(&law, &streams, target, node);
                    assert!(registration > episode);
                }
            }
        }
        assert!((160..240).contains(&struck), "{struck} of 20,000");
    }

    /// Thirty deregistrations in a row had a spread of 0.474 s about 12.60 s: U(−0.82, 0.82) s has 0.473 s.
    #[test]
    fn within_a_rollout_lags_are_nearly_constant() {
        for (law, median, jitter) in [
            (DeregistrationPreset::Fast, 5.0, 0.8),
            (DeregistrationPreset::Typical, 9.0, 0.8),
            (DeregistrationPreset::Slow, 18.0, 1.17),
        ] {
            let mut middles = Vec::new();
            for run in (0..400)
                .filter(|run| Shared::of(law.law(), &Streams::new(5, *run)).episode == Span::ZERO)
            {
                let streams = Streams::new(5, run);
                let lags = || {
                    (0..500).map(|target| {
                        preset(law)
                            .lag(&streams, TargetId(target), NODES[0])
                            .as_secs_f64()
                    })
                };
                let (low, high) = (lags().fold(f64::MAX, f64::min), lags().fold(0.0, f64::max));
                assert!(
                    (high - low) <= 2.0 * jitter + 1e-5 && (high - low) > 1.95 * jitter,
                    "{low} to {high}"
                );
                let mean = lags().sum::<f64>() / 500.0;
                let sd = (lags().map(|lag| (lag - mean).powi(2)).sum::<f64>() / 500.0).sqrt();
                assert!((sd / (jitter / 3_f64.sqrt()) - 1.0).abs() < 0.1, "{sd}");
                middles.push((mean / median).ln());
            }
            let sigma = (middles.iter().map(|x| x * x).sum::<f64>() / middles.len() as f64).sqrt();
            assert!(
                (0.043..0.058).contains(&sigma),
                "drift of {sigma} between rollouts"
            );
        }
        let short = Shared {
            median: Span::from_millis(500),
            drifted: Span::from_millis(500),
            episode: Span::ZERO,
            jitter: None,
        };
        assert_eq!(short.lag(0.0), LEAST_LAG);
        assert!((short.lag(0.999_999).as_secs_f64() - 1.3).abs() < 1e-3);
    }

    /// priors.md's predictive table: P(lag > x) of one deregistration in an unknown environment, in per cent.
    #[test]
    fn the_published_prior_as_a_whole() {
        let law = preset(DeregistrationPreset::Published);
        let runs = 100_000;
        let lags: Vec<f64> = (0..runs)
            .map(|run| {
                law.lag(&Streams::new(3, run), TargetId(0), NODES[0])
                    .as_secs_f64()
            })
            .collect();
        for (x, percent) in [
            (10.0, 41.0),
            (15.0, 12.4),
            (20.0, 3.9),
            (30.0, 0.95),
            (40.0, 0.46),
        ] {
            let share = lags.iter().filter(|lag| **lag > x).count() as f64 / runs as f64 * 100.0;
            let error = (percent * (100.0 - percent) / runs as f64).sqrt();
            assert!(
                (share - percent).abs() < 0.5_f64.min(0.06 * percent) + 4.0 * error,
                "beyond {x} s: {share} %, not {percent} %"
            );
        }
    }

    /// The slowest of many lags is hardly longer than that of few: a rollout's lags are one draw.
    #[test]
    fn the_slowest_lag_hardly_grows_with_the_pods() {
        let law = preset(DeregistrationPreset::Published);
        for (pods, p50, p95) in [
            (2, 9.5, 20.0),
            (4, 9.7, 20.0),
            (12, 9.8, 20.0),
            (50, 9.9, 20.0),
        ] {
            let slowest = |run| {
                let streams = Streams::new(9, run);
                let lags = (0..pods)
                    .flat_map(|pod| NODES.map(|node| law.lag(&streams, TargetId(pod), node)));
                lags.max().unwrap()
            };
            check_near(quantiles((0..8_000).map(slowest)), (p50, p95));
        }
    }

    /// RegisterTargets returned → serving, with the first check within a second: 0.9, 2.4, 15 and 21 s.
    #[test]
    fn registrations_are_fast_or_as_slow_as_deregistrations() {
        let law = preset(DeregistrationPreset::Published);
        let mut serving: Vec<f64> = (0..40_000)
            .map(|run| {
                let streams = Streams::new(2, run);
                let lag =
                    RegistrationPropagation::Published.lag(&law, &streams, TargetId(0), NODES[0]);
                lag.as_secs_f64() + streams.at(Purpose::HealthCheckPhase, 0).uniform()
            })
            .collect();
        serving.sort_by(f64::total_cmp);
        for (p, expected) in [(0.05, 0.9), (0.5, 2.4), (0.95, 15.0), (0.99, 21.0)] {
            let got = serving[(serving.len() as f64 * p) as usize];
            assert!(
                (got / expected - 1.0).abs() < 0.08,
                "{p}: {got} s, not {expected} s"
            );
        }
        // It is the environment that is fast or slow, and a slow one has the M of its deregistrations.
        let mut slow = 0;
        for run in 0..2_000 {
            let streams = Streams::new(2, run);
            let [mine, other] = [streams, streams.twin()].map(|streams| {
                let fast = RegistrationPropagation::Fast.lag(&law, &streams, TargetId(1), NODES[1]);
                RegistrationPropagation::Published.lag(&law, &streams, TargetId(1), NODES[1])
                    == fast
            });
            assert_eq!(mine, other);
            slow += u32::from(!mine);
        }
        assert!((620..780).contains(&slow), "{slow} of 2,000");
        let streams = Streams::new(4, 0);
        let median = DeregistrationPreset::Published
            .median(&streams)
            .as_secs_f64();
        let lag = RegistrationPropagation::AsDeregistration
            .lag(&law, &streams, TargetId(1), NODES[1])
            .as_secs_f64();
        assert!((lag / median).ln().abs() < 0.3, "{lag} beside {median}");
        assert_ne!(lag, law.lag(&streams, TargetId(1), NODES[1]).as_secs_f64());
    }

    #[test]
    fn the_users_own_spans() {
        let (streams, own) = (Streams::new(2, 0), Dist::constant(Span::from_secs(5)));
        let law = DeregistrationPropagation::Span(own.clone());
        assert_eq!(law.lag(&streams, TargetId(0), NODES[0]), Span::from_secs(5));
        for registration in [
            RegistrationPropagation::Span(own),
            RegistrationPropagation::AsDeregistration,
        ] {
            assert_eq!(
                registration.lag(&law, &streams, TargetId(0), NODES[0]),
                Span::from_secs(5)
            );
        }
    }

    /// Rollouts that jump are those that happen to be so slow: M, the episode and every lag have the same law.
    #[test]
    fn a_jump_has_the_law_of_what_it_stands_for() {
        let (law, least) = (preset(DeregistrationPreset::Published), Span::from_secs(25));
        let target = TargetId(3);
        let seen = |streams: &Streams| {
            let lag = |node| law.lag(streams, target, NODES[node]).as_secs_f64();
            let shared = Shared::of(DeregistrationPreset::Published.law(), streams);
            let is_episode = f64::from(u8::from(shared.episode > Span::ZERO));
            [lag(0), lag(1), shared.median.as_secs_f64(), is_episode]
        };
        let plain: Vec<_> = (0..400_000)
            .map(|run| Streams::new(11, run))
            .filter(|streams| law.jumped(streams, 0) >= least)
            .map(|streams| seen(&streams))
            .collect();
        assert_eq!(
            law.jumping(NODES.map(|node| (target, node)).into_iter()),
            [0]
        );
        let jump = law.jump(0, least);
        let jumped: Vec<_> = (0..20_000)
            .map(|run| seen(&Streams::new(12, run).with_jump(jump)))
            .collect();
        let share = plain.len() as f64 / 400_000.0;
        let reach = law.reach(least);
        assert!(
            (share / reach - 1.0).abs() < 4.0 / (plain.len() as f64).sqrt(),
            "{share} is not {reach}"
        );
        for column in 0..4 {
            let moments = |rows: &[[f64; 4]]| {
                let mean = rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
                let spread = rows
                    .iter()
                    .map(|row| (row[column] - mean).powi(2))
                    .sum::<f64>();
                (mean, spread / (rows.len() as f64).powi(2))
            };
            let ((a, va), (b, vb)) = (moments(&plain), moments(&jumped));
            assert!(
                (a - b).abs() < 4.0 * (va + vb).sqrt(),
                "column {column}: {a} by chance, {b} by a jump"
            );
        }
    }
}
