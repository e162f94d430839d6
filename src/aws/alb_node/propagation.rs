//! How long a change takes from the API to a node: nobody documents it, so it is a prior with a name.

use serde::{Deserialize, Serialize};

use crate::dist::{Dist, LogNormal};
use crate::id::{AlbNodeId, TargetId};
use crate::random::{Jump, Purpose, Streams, pair};
use crate::time::Span;

/// Lag from the answer to `DeregisterTargets` until one node stops choosing the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DeregistrationPropagation {
    /// A named prior.
    Preset(DeregistrationPreset),
    /// The user's own: drawn per target and node.
    Span(Dist),
}

/// Named priors of the deregistration lag. Per target and node the lag is M × log-normal(σ 0.25);
/// with 2 % per deregistration an extra U(10, 45) s strikes all nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeregistrationPreset {
    /// M differs between environments: log-normal, p50 7 s, p95 18 s.
    Published,
    /// M = 4 s.
    Fast,
    /// M = 7 s.
    Typical,
    /// M = 18 s.
    Slow,
}

/// Lag from the answer to `RegisterTargets` to the node's first health check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationPropagation {
    /// U(1, 3) s, then a health-check phase U(0, min(interval, 10 s)).
    Typical,
    /// The user's own span in place of U(1, 3) s.
    #[serde(untagged)]
    Span(Dist),
}

/// σ of the logarithm between targets and nodes of one load balancer.
const SIGMA_WITHIN: f64 = 0.25;
/// Share of deregistrations that the long tail strikes.
const TAIL_SHARE: f64 = 0.02;
/// The tail: "up to 60 seconds during the cluster upgrade" (pod-graceful-drain values.yaml).
const TAIL: (Span, Span) = (Span::from_secs(10), Span::from_secs(45));

impl DeregistrationPropagation {
    /// From the answer to `DeregisterTargets` until this node stops choosing the target.
    pub fn lag(&self, streams: &Streams, target: TargetId, node: AlbNodeId) -> Span {
        let entity = entity(target, node);
        let preset = match self {
            DeregistrationPropagation::Span(dist) => return dist.draw(streams, Purpose::Deregistration, entity),
            DeregistrationPropagation::Preset(preset) => preset,
        };
        let mut within = streams.at(Purpose::Deregistration, entity);
        let Some(jump) = streams.jump(Purpose::Deregistration) else {
            return LogNormal::new(preset.median(streams), SIGMA_WITHIN).sample(&mut within) + tail(streams, target);
        };
        let jumped = Jumped::new(*preset, jump.least, streams);
        if jump.entity == entity {
            return (jumped.own + jumped.tail).max(jump.least);
        }
        let is_sibling = jump.entity >> 32 == u64::from(target.0);
        let tail = if is_sibling { jumped.tail } else { tail(streams, target) };
        LogNormal::new(jumped.median, SIGMA_WITHIN).sample(&mut within) + tail
    }

    /// The jump that makes one lag reach `least`.
    pub const fn jump(target: TargetId, node: AlbNodeId, least: Span) -> Jump {
        Jump { purpose: Purpose::Deregistration, entity: entity(target, node), least }
    }

    /// The share of all lags that reach `least`, over environments, targets and nodes.
    pub fn reach(&self, least: Span) -> f64 {
        match self {
            DeregistrationPropagation::Span(dist) => dist.reach(least),
            DeregistrationPropagation::Preset(preset) => preset.reaches(least).iter().sum(),
        }
    }
}

impl DeregistrationPreset {
    /// M: what differs between environments.
    pub fn median(self, streams: &Streams) -> Span {
        self.medians().sample(&mut streams.at(Purpose::DeregistrationMedian, 0))
    }

    /// The law of M.
    fn medians(self) -> LogNormal {
        let known = |secs| LogNormal::new(Span::from_secs(secs), 0.0);
        match self {
            DeregistrationPreset::Published => LogNormal::p50_p95(Span::from_secs(7), Span::from_secs(18)),
            DeregistrationPreset::Fast => known(4),
            DeregistrationPreset::Typical => known(7),
            DeregistrationPreset::Slow => known(18),
        }
    }

    /// The law of a lag without the long tail.
    fn without_tail(self) -> LogNormal {
        self.medians().times(&within())
    }

    /// The probability that a lag reaches `least` without the long tail, and with it:
    /// ∫ P(lag ≥ least − u) du over the tail's span is a difference of mean excesses.
    fn reaches(self, least: Span) -> [f64; 2] {
        let (law, [low, high]) = (self.without_tail(), [TAIL.0, TAIL.1].map(Span::as_secs_f64));
        let least = least.as_secs_f64();
        let mean = (law.mean_excess(least - high) - law.mean_excess(least - low)) / (high - low);
        [(1.0 - TAIL_SHARE) * law.survival(least), TAIL_SHARE * mean]
    }
}

/// What a lag that reaches a threshold is made of: one draw of M, of the node's own share and of the tail,
/// jointly, given that their sum is that long. The other lags of the replication share M, those of the same
/// target the tail.
struct Jumped {
    median: Span,
    own: Span,
    tail: Span,
}

impl Jumped {
    fn new(preset: DeregistrationPreset, least: Span, streams: &Streams) -> Jumped {
        let chance = &mut streams.at(Purpose::Jump, 1);
        let (law, [without, with]) = (preset.without_tail(), preset.reaches(least));
        let tail = if chance.uniform() * (without + with) < without {
            Span::ZERO
        } else {
            // The tail's density is proportional to the chance that the rest reaches what is left.
            let excess = |tail: Span| law.mean_excess(least.as_secs_f64() - tail.as_secs_f64());
            let (start, share) = (excess(TAIL.0), chance.uniform());
            let wanted = start + share * (excess(TAIL.1) - start);
            let (mut low, mut high) = (TAIL.0.as_micros(), TAIL.1.as_micros());
            while low < high {
                let middle = (low + high) / 2;
                if excess(Span::from_micros(middle)) < wanted { low = middle + 1 } else { high = middle }
            }
            Span::from_micros(low)
        };
        let own = Dist::LogNormal(law).sample_beyond(least.saturating_sub(tail), chance);
        let median = preset.medians().given_product(&within(), own.as_secs_f64()).sample(chance);
        Jumped { median, own, tail }
    }
}

/// What a target and a node multiply M by.
fn within() -> LogNormal {
    LogNormal::new(Span::from_secs(1), SIGMA_WITHIN)
}

impl RegistrationPropagation {
    /// From the answer to `RegisterTargets` until this node knows the target; its health checks
    /// have a phase of their own.
    pub fn lag(&self, streams: &Streams, target: TargetId, node: AlbNodeId) -> Span {
        let mut stream = streams.at(Purpose::Registration, entity(target, node));
        match self {
            RegistrationPropagation::Typical => {
                Dist::Uniform(Span::from_secs(1), Span::from_secs(3)).sample(&mut stream)
            }
            RegistrationPropagation::Span(dist) => dist.sample(&mut stream),
        }
    }
}

/// The long tail of a deregistration, the same for all nodes.
fn tail(streams: &Streams, target: TargetId) -> Span {
    let mut stream = streams.at(Purpose::DeregistrationTail, u64::from(target.0));
    if stream.chance(TAIL_SHARE) { Dist::Uniform(TAIL.0, TAIL.1).sample(&mut stream) } else { Span::ZERO }
}

/// The address of what belongs to one target and one node.
pub(super) const fn entity(target: TargetId, node: AlbNodeId) -> u64 {
    pair(target.0 as u64, node.0 as u64)
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
        assert!(is_near(p50, expected.0) && is_near(p95, expected.1), "p50 {p50}, p95 {p95}, not {expected:?}");
    }

    #[test]
    fn between_environments_the_median_is_spread_as_published() {
        let medians = (0..10_000).map(|run| DeregistrationPreset::Published.median(&Streams::new(1, run)));
        check_near(quantiles(medians), (7.0, 18.0));
    }

    /// Within one environment: σ 0.25 over targets and nodes, around the one median.
    #[test]
    fn within_an_environment_the_median_is_one() {
        for (preset, median) in [
            (DeregistrationPreset::Fast, 4.0),
            (DeregistrationPreset::Typical, 7.0),
            (DeregistrationPreset::Slow, 18.0),
            (
                DeregistrationPreset::Published,
                DeregistrationPreset::Published.median(&Streams::new(5, 0)).as_secs_f64(),
            ),
        ] {
            let streams = Streams::new(5, 0);
            let propagation = DeregistrationPropagation::Preset(preset);
            let targets = (0..10_000).map(TargetId).filter(|&target| tail(&streams, target) == Span::ZERO);
            let lags = targets.map(|target| propagation.lag(&streams, target, NODES[0]));
            check_near(quantiles(lags), (median, median * (0.25 * 1.645_f64).exp()));
        }
    }

    /// Over everything: log-normal with σ² = (ln(18/7)/1.645)² + 0.25², and the tail, whose 2 % lie
    /// almost all above the log-normal's p95: P(lag > 21.9 s) = 0.98 × 3.4 % + 0.02 × 84 % = 5 %.
    #[test]
    fn the_published_prior_as_a_whole() {
        let propagation = DeregistrationPropagation::Preset(DeregistrationPreset::Published);
        let lags = (0..10_000).map(|run| propagation.lag(&Streams::new(3, run), TargetId(0), NODES[0]));
        check_near(quantiles(lags), (7.1, 21.9));
    }

    #[test]
    fn two_in_a_hundred_deregistrations_have_a_tail_on_all_nodes() {
        let streams = Streams::new(7, 0);
        let tails: Vec<_> = (0..20_000)
            .map(TargetId)
            .map(|target| (target, tail(&streams, target)))
            .filter(|t| t.1 > Span::ZERO)
            .collect();
        let share = tails.len() as f64 / 20_000.0;
        assert!((0.017..0.023).contains(&share), "{share}");
        let propagation = DeregistrationPropagation::Preset(DeregistrationPreset::Fast);
        for (target, tail) in tails {
            assert!((TAIL.0..=TAIL.1).contains(&tail));
            assert!(NODES.iter().all(|&node| propagation.lag(&streams, target, node) > tail));
        }
    }

    #[test]
    fn registration_and_the_users_own_spans() {
        let streams = Streams::new(2, 0);
        for target in (0..1000).map(TargetId) {
            let lag = RegistrationPropagation::Typical.lag(&streams, target, NODES[1]);
            assert!((Span::from_secs(1)..=Span::from_secs(3)).contains(&lag));
        }
        let own = Dist::constant(Span::from_secs(5));
        assert_eq!(RegistrationPropagation::Span(own.clone()).lag(&streams, TargetId(0), NODES[0]), Span::from_secs(5));
        assert_eq!(DeregistrationPropagation::Span(own).lag(&streams, TargetId(0), NODES[0]), Span::from_secs(5));
    }

    /// Lags that jump are those that happen to be so long: M, the tail and the lag itself have the same law.
    #[test]
    fn a_jump_has_the_law_of_what_it_stands_for() {
        let propagation = DeregistrationPropagation::Preset(DeregistrationPreset::Published);
        let (target, least) = (TargetId(3), Span::from_secs(25));
        let seen = |streams: &Streams| {
            let lags = [0, 1].map(|node| propagation.lag(streams, target, NODES[node]).as_secs_f64());
            [lags[0], lags[1], f64::from(u8::from(lags[0] > 40.0))]
        };
        let plain: Vec<_> = (0..400_000)
            .map(|run| seen(&Streams::new(11, run)))
            .filter(|[lag, ..]| *lag >= least.as_secs_f64())
            .collect();
        let jump = DeregistrationPropagation::jump(target, NODES[0], least);
        let jumped: Vec<_> = (0..20_000).map(|run| seen(&Streams::new(12, run).with_jump(jump))).collect();
        let share = plain.len() as f64 / 400_000.0;
        let reach = propagation.reach(least);
        assert!((share / reach - 1.0).abs() < 4.0 / (plain.len() as f64).sqrt(), "{share} is not {reach}");
        for column in 0..3 {
            let moments = |rows: &[[f64; 3]]| {
                let mean = rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
                let spread = rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>();
                (mean, spread / (rows.len() as f64).powi(2))
            };
            let ((a, va), (b, vb)) = (moments(&plain), moments(&jumped));
            assert!((a - b).abs() < 4.0 * (va + vb).sqrt(), "column {column}: {a} by chance, {b} by a jump");
        }
    }
}
