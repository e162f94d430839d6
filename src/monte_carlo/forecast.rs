//! What the replications say together.

use std::collections::BTreeMap;

use super::Options;
use super::counted::{Count, Counted, Measure};
use super::rare::Rare;
use super::sample::Sample;
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
    /// What all replications came to.
    pub counted: Counted,
    /// The first replications in a nutshell, in order, independent of each other: [`super::KEPT`] at most.
    pub samples: Vec<Sample>,
    /// How many 5xx each replication with any had, by its number; `None` if there are more than 100,000.
    pub failing: Option<BTreeMap<u64, u64>>,
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
        Forecast {
            scenario: scenario.name.clone(),
            digest,
            version: env!("CARGO_PKG_VERSION"),
            seed: options.seed,
            runs: options.runs,
            engine: engine.name(),
            refusal: engine.refusal().map(ToString::to_string),
            fingerprint: format!("{:016x}", tally.fingerprint),
            level: options.level,
            load: scenario.load.clone(),
            latency: tally.latency(),
            series: tally.series(),
            first: tally.first,
            rare: None,
            counted: tally.counted,
            failing: tally.failing,
            samples: tally.samples.into_values().collect(),
            twins: tally.twins.into_values().collect(),
        }
    }

    /// A count over the replications, none or many in each.
    pub fn counts(&self, count: Count) -> Option<Summary> {
        Summary::of_counted(self.counted.counts(count), self.level)
    }

    /// A count that is no exception, such as successes: were there none, that is no bound on how few there are.
    pub fn amounts(&self, count: Count) -> Option<Summary> {
        Summary::of_amounts(self.counted.counts(count), self.level)
    }

    /// A measurement over those replications that have it.
    pub fn measurements(&self, measure: Measure) -> Option<Summary> {
        Summary::of_measurements(self.counted.measurements(measure), self.level)
    }

    /// In how many replications a count is not zero.
    pub fn any(&self, count: Count) -> Option<Proportion> {
        let counts = self.counted.counts(count);
        Proportion::of(counts.nonzero(), counts.n(), self.level)
    }

    /// In how many replications the load ended before the rollout was over.
    pub fn cut_short(&self) -> Option<Proportion> {
        Proportion::of(self.counted.cut_short(), self.counted.runs(), self.level)
    }

    /// Holds the rollout to objectives: the share of rollouts that complete and cost no more than is allowed, with
    /// one-sided bounds at the forecast's level, and what follows from it. `None` without a replication.
    pub fn judge(&self, objectives: &ObjectivesSpec) -> Option<(Proportion, Attainment)> {
        let most = objectives.max_5xx_per_rollout as f64;
        let hits = self.counted.failed_of_complete().up_to(most);
        // Of a two-sided interval at 1 − 2α either end is a bound at 1 − α.
        let two_sided = (2.0 * self.level - 1.0).max(0.02);
        let within = Proportion::of(hits, self.counted.runs(), two_sided)?;
        let is_known = self.counted.cut_short() == 0;
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
}
