//! How the forecast changes with the settings: many points, each forecast under the same chance.
//!
//! Replication i of every point draws from the same streams (common random numbers), so that the
//! difference between two points is the settings' doing, and curves are smooth.

pub mod axis;
pub mod budget;
pub mod plan;
pub mod record;
pub mod sensitivity;
pub mod totals;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use crate::error::Error;
use crate::monte_carlo::{Ends, Sampler, Workers};
use crate::scenario::load::LoadSpec;
use crate::scenario::objectives::ObjectivesSpec;
use crate::scenario::{Assumption, Document, Scenario};
use crate::traffic::EngineChoice;
pub use axis::Axis;
pub use budget::{Budget, Precision};
pub use plan::{Design, Plan, Point};
pub use record::{Header, Record, Share};
pub use totals::{Sum, Totals};

/// A sweep that is done: everything that reports and charts say about it.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The scenario's name.
    pub scenario: String,
    /// Digest of the scenario that the points change.
    pub digest: String,
    /// The version of rollcast that made it.
    pub version: &'static str,
    /// The seed that everything follows from.
    pub seed: u64,
    /// The traffic engine.
    pub engine: EngineChoice,
    /// How many replications each point may take.
    pub budget: Budget,
    /// The load of the scenario that the points change.
    pub load: LoadSpec,
    /// What a configuration is held to.
    pub objectives: ObjectivesSpec,
    /// What was assumed for it.
    pub assumptions: Vec<Assumption>,
    /// The scenario that the points change, as it is.
    pub base: Scenario,
    /// The axes and points.
    pub plan: Plan,
    /// What each point came to, in the plan's order.
    pub totals: Vec<Totals>,
    /// Whether a point's grace period ends its preStop hook before its time, point by point; empty unless a grid
    /// varies one of the two.
    pub cuts_hook: Vec<bool>,
    /// For each axis the value at which the scenario that the points change is, if the axis has it.
    pub as_it_is: Vec<Option<usize>>,
}

/// Simulates the points `which` until each has spent its budget, from where `totals` left off.
///
/// `note` hears of each portion that ends: the point, what it has come to, how many replications
/// were added. Whether a point goes on depends on its totals alone, so that a sweep may be stopped
/// and resumed anywhere.
///
/// # Errors
/// A point is no scenario, the sampler fails, or `note` does.
pub fn fill(
    header: &Header,
    which: impl Iterator<Item = usize>,
    totals: &mut BTreeMap<usize, Totals>,
    sampler: &Sampler<'_>,
    note: &mut dyn FnMut(usize, &Totals, u64) -> Result<(), Error>,
) -> Result<(), Error> {
    let plan = header.plan()?;
    for number in which {
        let done = totals.entry(number).or_default();
        if header.budget.is_spent(done) {
            continue;
        }
        let scenario = plan.scenario(&header.document, number)?;
        while !header.budget.is_spent(done) {
            let portion = header.budget.portion(done.runs());
            let samples = sampler(&scenario, portion)?;
            done.extend(&samples);
            note(number, done, samples.len() as u64)?;
        }
    }
    Ok(())
}

/// Points share their chance, so their loads are to last equally long. The latest end of the first replications of
/// all points serves every replication; one whose rollout takes longer still has a load that meets it. To look at
/// every replication of every point would cost each share of a sweep the control plane of the whole.
///
/// # Errors
/// A point is no scenario, or its control plane cannot be simulated.
pub fn common_end(
    header: &Header,
    workers: &Workers,
    cancelled: &AtomicBool,
) -> Result<Ends, Error> {
    let plan = header.plan()?;
    let pilots = (PILOTS / plan.points.len().max(1) as u64)
        .clamp(1, MOST_PILOTS)
        .min(header.budget.runs);
    let mut latest = Ends::default();
    for number in 0..plan.points.len() {
        let scenario = plan.scenario(&header.document, number)?;
        latest = latest.max(
            &workers
                .ends(&[&scenario], header.seed, 0..pilots, cancelled)?
                .for_all(),
        );
    }
    Ok(latest)
}

/// So many replications of all points together are looked at for their common end, and no more of one.
const PILOTS: u64 = 20_000;
const MOST_PILOTS: u64 = 20;

impl Survey {
    /// What a complete record says.
    ///
    /// # Errors
    /// The record's document is no scenario, or the record is not complete.
    pub fn of(record: Record) -> Result<Survey, Error> {
        let Record { header, totals } = record;
        let plan = header.plan()?;
        let mut scenario = header.document.resolve()?;
        scenario.monte_carlo.seed = header.seed;
        let open = (0..plan.points.len()).find(|number| {
            totals
                .get(number)
                .is_none_or(|totals| !header.budget.is_spent(totals))
        });
        if let Some(number) = open {
            return Err(Error::input(format!(
                "point {} of {} is not complete",
                number + 1,
                plan.points.len()
            )));
        }
        Ok(Survey {
            digest: scenario.digest(),
            version: env!("CARGO_PKG_VERSION"),
            seed: header.seed,
            engine: header.engine,
            budget: header.budget,
            load: scenario.load.clone(),
            objectives: scenario.objectives.clone(),
            assumptions: assumptions(&header.document, &plan)?,
            scenario: scenario.name.clone(),
            cuts_hook: cuts_hook(&header.document, &plan)?,
            as_it_is: as_it_is(&header.document, &scenario, &plan.axes),
            base: scenario,
            plan,
            totals: totals.into_values().collect(),
        })
    }

    /// The sensitivity of mean 5xx per rollout to each axis; `None` of a grid, or if nothing varies.
    pub fn sensitivity(&self) -> Option<Vec<sensitivity::Indices>> {
        match self.plan.design {
            Design::Grid => None,
            Design::Sample(_) => {
                let outcomes: Vec<f64> = self
                    .totals
                    .iter()
                    .map(|totals| totals.failed.mean())
                    .collect();
                sensitivity::indices(
                    self.plan.axes.len(),
                    &outcomes,
                    self.budget.level,
                    self.seed,
                )
            }
        }
    }

    /// Replications of all points together.
    pub fn runs(&self) -> u64 {
        self.totals.iter().map(Totals::runs).sum()
    }

    /// 16 hex digits that are equal if all points came to the same.
    pub fn fingerprint(&self) -> String {
        let chain = |hash: u64, totals: &Totals| {
            hash.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ totals.fingerprint
        };
        format!("{:016x}", self.totals.iter().fold(0, chain))
    }
}

/// A point to look at costs its resolution; of more points nobody reads which.
const MOST_LOOKED_AT: usize = 2_000;

fn cuts_hook(document: &Document, plan: &Plan) -> Result<Vec<bool>, Error> {
    let decides = ["pod.pre_stop", "pod.termination_grace_period"];
    let mut scales = plan.axes.iter().flat_map(|axis| &axis.scales);
    let varies = scales.any(|scale| decides.contains(&scale.key.as_str()));
    if plan.design != Design::Grid || !varies || plan.points.len() > MOST_LOOKED_AT {
        return Ok(Vec::new());
    }
    let cuts = |number: usize| {
        let scenario = plan.scenario(document, number)?;
        let pod = &scenario.revisions[0].pod;
        let hook = pod.pre_stop.map(crate::cluster::pod::PreStop::duration);
        Ok(hook.is_some_and(|hook| hook > pod.termination_grace_period))
    };
    (0..plan.points.len()).map(cuts).collect()
}

fn as_it_is(document: &Document, base: &Scenario, axes: &[Axis]) -> Vec<Option<usize>> {
    // A setting that is absent is at its zero.
    let is_none = |value: &str| ["0", "0s", "false"].contains(&value);
    let is_base = |(key, value): (String, String)| {
        let mut document = document.clone();
        let resolved = document.set(&key, &value).and_then(|()| document.resolve());
        let there = resolved.ok().and_then(|scenario| scenario.value_of(&key));
        match base.value_of(&key) {
            Some(here) => there == Some(here),
            None => is_none(&value),
        }
    };
    let row = |axis: &Axis| {
        let rows = 0..axis.points().unwrap_or(0).min(MOST_LOOKED_AT);
        rows.into_iter()
            .find(|row| axis.at(*row).into_iter().all(is_base))
    };
    axes.iter().map(row).collect()
}

/// What the first point assumes: the swept keys are given there.
fn assumptions(document: &Document, plan: &Plan) -> Result<Vec<Assumption>, Error> {
    let Some(_) = plan.points.first() else {
        return Ok(Vec::new());
    };
    Ok(plan.scenario(document, 0)?.assumptions())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monte_carlo::Sample;
    use crate::random::{Purpose, Streams};
    use crate::verdict::Cause;
    use std::ops::Range;
    use std::path::Path;

    /// A synthetic replication: a longer preStop leaves fewer 504s of the same chance.
    pub(super) fn synthetic(scenario: &Scenario, range: Range<u64>) -> Result<Vec<Sample>, Error> {
        let stop = scenario.revisions[0]
            .pod
            .pre_stop
            .map_or(0, |hook| hook.duration().as_micros() / 1_000_000);
        let sample = |replication: u64| {
            let chance = Streams::new(1, replication)
                .at(Purpose::Network, 0)
                .below(30) as u64;
            let mut sample = Sample {
                requests: 1_000,
                ..Sample::default()
            };
            sample.causes[Cause::ConnectTimeout.index()] = chance.saturating_sub(stop);
            sample.ok = 1_000 - sample.count_5xx();
            sample
        };
        Ok(range.map(sample).collect())
    }

    pub(super) fn header(vary: &[&str], budget: Budget) -> Header {
        let document = Document::parse(Path::new("x.toml"), "name = \"x\"").unwrap();
        let vary = vary.iter().map(|text| (*text).to_owned()).collect();
        Header::new(document, vary, None, 1, budget, EngineChoice::Request).unwrap()
    }

    pub(super) fn filled(header: &Header) -> BTreeMap<usize, Totals> {
        let mut totals = BTreeMap::new();
        let points = header.plan().unwrap().points.len();
        fill(
            header,
            0..points,
            &mut totals,
            &synthetic,
            &mut |_, _, _| Ok(()),
        )
        .unwrap();
        totals
    }

    #[test]
    fn points_share_their_chance() {
        let header = header(
            &["pod.pre_stop=0s..40s/10s"],
            Budget {
                runs: 600,
                ..Budget::default()
            },
        );
        let totals: Vec<_> = filled(&header).into_values().collect();
        assert!(totals.iter().all(|totals| totals.runs() == 600));
        assert!(
            totals
                .windows(2)
                .all(|pair| pair[1].failed.sum <= pair[0].failed.sum),
            "monotone without noise"
        );
        assert_eq!(totals[4].failed.sum, 0);
    }

    #[test]
    fn a_point_stops_when_it_is_precise_enough() {
        let precision = Some(Precision::parse("10%").unwrap());
        let header = header(
            &["pod.pre_stop=0s..40s/10s"],
            Budget {
                runs: 2_000,
                precision,
                ..Budget::default()
            },
        );
        let runs: Vec<_> = filled(&header)
            .into_values()
            .map(|totals| totals.runs())
            .collect();
        assert!(
            runs[0] < runs[2] && runs[0] >= 100,
            "rarer errors take longer: {runs:?}"
        );
        assert_eq!(
            runs[4], 2_000,
            "no error seen is never precise enough in proportion"
        );
    }

    #[test]
    fn a_sweep_may_be_stopped_anywhere() {
        let precision = Some(Precision::parse("0.5").unwrap());
        let header = header(
            &["pod.pre_stop=0s..20s/10s"],
            Budget {
                runs: 2_000,
                precision,
                ..Budget::default()
            },
        );
        let whole = filled(&header);
        for stop_after in 1..20 {
            let (mut totals, mut portions) = (BTreeMap::new(), 0);
            let mut stop = |_: usize, _: &Totals, _: u64| {
                portions += 1;
                if portions == stop_after {
                    Err(Error::interrupted())
                } else {
                    Ok(())
                }
            };
            drop(fill(&header, 0..3, &mut totals, &synthetic, &mut stop));
            fill(
                &header,
                0..3,
                &mut totals,
                &synthetic,
                &mut |_, _, _| Ok(()),
            )
            .unwrap();
            assert_eq!(totals, whole, "stopped after portion {stop_after}");
        }
    }

    #[test]
    fn a_sample_tells_what_matters() {
        let document = Document::parse(Path::new("x.toml"), "name = \"x\"").unwrap();
        let vary = vec![
            "pod.pre_stop=0s..30s".to_owned(),
            "deployment.min_ready=0s..30s/10s".to_owned(),
        ];
        let budget = Budget {
            runs: 20,
            ..Budget::default()
        };
        let header =
            Header::new(document, vary, Some(50), 1, budget, EngineChoice::Request).unwrap();
        let totals = filled(&header);
        let survey = Survey::of(Record { header, totals }).unwrap();
        let found = survey.sensitivity().unwrap();
        assert!(found[0].total.low > 0.5, "{found:?}");
        assert!(found[1].total.value.abs() < 1e-9, "{found:?}");
    }
}
