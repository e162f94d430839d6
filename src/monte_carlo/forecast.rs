//! What the replications say together.

use super::Options;
use super::rare::Rare;
use super::sample::{Fingerprint, Sample};
use super::tally::{ErrorSeries, Latency, Tally};
use crate::scenario::Scenario;
use crate::scenario::load::LoadSpec;
use crate::scenario::objectives::{Attainment, ObjectivesSpec};
use crate::stats::{Proportion, Summary, VarianceSplit};
use crate::traffic::Engine;
use crate::traffic::outcome::Outcome;

/// Everything that reports and charts say about one scenario.
#[derive(Debug, Clone)]
pub struct Forecast {
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's digest.
    pub digest: String,
    /// The version of rollcast that made it.
    pub version: &'static str,
    /// The seed that everything follows from.
    pub seed: u64,
    /// Replications.
    pub runs: u64,
    /// The traffic engine.
    pub engine: &'static str,
    /// Why `auto` did not count the requests, in words.
    pub refusal: Option<String>,
    /// Equal if, and in practice only if, every replication came to the same: 16 hex digits.
    pub fingerprint: String,
    /// Level of confidence intervals.
    pub level: f64,
    /// The load that the requests came from.
    pub load: LoadSpec,
    /// The first replication in full, its failures not kept.
    pub first: Option<Outcome>,
    /// One nutshell a replication, in order, independent of each other.
    pub samples: Vec<Sample>,
    /// For the first replications, a second one in the same environment: [`VarianceSplit`].
    pub twins: Vec<Sample>,
    /// All requests of all replications; `None` if there was none.
    pub latency: Option<Latency>,
    /// Failures per second of the load.
    pub series: ErrorSeries,
    /// How likely a 5xx is, if rare ones were looked for: [`super::rare::rare`].
    pub rare: Option<Rare>,
}

impl Forecast {
    /// Judges what was counted.
    pub(super) fn of(
        tally: Tally,
        scenario: &Scenario,
        digest: String,
        options: &Options,
        engine: &Engine<'_>,
    ) -> Forecast {
        let mut fingerprint = Fingerprint::default();
        tally
            .samples
            .values()
            .for_each(|sample| fingerprint.push(sample.fingerprint()));
        Forecast {
            scenario: scenario.name.clone(),
            digest,
            version: env!("CARGO_PKG_VERSION"),
            seed: options.seed,
            runs: options.runs,
            engine: engine.name(),
            refusal: engine.refusal().map(ToString::to_string),
            fingerprint: format!("{:016x}", fingerprint.value()),
            level: options.level,
            load: scenario.load.clone(),
            latency: tally.latency(),
            series: tally.series(),
            first: tally.first,
            rare: None,
            samples: tally.samples.into_values().collect(),
            twins: tally.twins.into_values().collect(),
        }
    }

    /// A count over the replications.
    pub fn counts(&self, count: impl Fn(&Sample) -> u64) -> Option<Summary> {
        Summary::of_counts(self.samples.iter().map(count), self.level)
    }

    /// A measurement over those replications that have it.
    pub fn measurements(&self, measure: impl Fn(&Sample) -> Option<f64>) -> Option<Summary> {
        Summary::of(
            self.samples.iter().filter_map(measure).collect(),
            self.level,
        )
    }

    /// In how many replications something happened.
    pub fn proportion(&self, happened: impl Fn(&Sample) -> bool) -> Option<Proportion> {
        let hits = self
            .samples
            .iter()
            .filter(|sample| happened(sample))
            .count() as u64;
        Proportion::of(hits, self.samples.len() as u64, self.level)
    }

    /// Holds the rollout to objectives: the share of rollouts that complete and cost no more than is allowed, with
    /// one-sided bounds at the forecast's level, and what follows from it. `None` without a replication.
    pub fn judge(&self, objectives: &ObjectivesSpec) -> Option<(Proportion, Attainment)> {
        let keeps = |sample: &&Sample| {
            sample.count_5xx() <= objectives.max_5xx_per_rollout && sample.measures.is_complete()
        };
        let hits = self.samples.iter().filter(keeps).count() as u64;
        // Of a two-sided interval at 1 − 2α either end is a bound at 1 − α.
        let two_sided = (2.0 * self.level - 1.0).max(0.02);
        let within = Proportion::of(hits, self.samples.len() as u64, two_sided)?;
        let is_known = self.samples.iter().all(|sample| !sample.measures.cut_short);
        Some((
            within,
            objectives.judge((within.low, within.high), is_known),
        ))
    }

    /// Which part of a quantity's variance lies between environments.
    pub fn variance_split(&self, quantity: impl Fn(&Sample) -> f64) -> Option<VarianceSplit> {
        let twins = self.samples.iter().zip(&self.twins);
        let pairs: Vec<_> = twins
            .map(|(one, twin)| (quantity(one), quantity(twin)))
            .collect();
        VarianceSplit::of_twins(&pairs, self.level)
    }

    /// 5xx per replication, in order.
    pub fn counts_5xx(&self) -> Vec<u64> {
        self.samples.iter().map(Sample::count_5xx).collect()
    }
}
