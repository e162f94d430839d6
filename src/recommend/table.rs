//! The table: a few candidates, simulated with chance that the search never saw, and which of them is recommended.

use super::front::{Candidate, Prefer};
use super::moves::{Settings, first_tries};
use super::search::apply;
use super::{Effort, Try, Verdict};
use crate::error::Error;
use crate::monte_carlo::Sampler;
use crate::scenario::objectives::{Attainment, ObjectivesSpec};
use crate::scenario::{Document, Scenario};
use crate::stats::Proportion;
use crate::sweep::totals::Totals;

/// So many rows at most.
pub(super) const ROWS: usize = 8;
/// So often a row is looked at, the second time with more replications: if the first time does not tell.
pub(super) const LOOKS: usize = 2;

/// A configuration, by fresh chance.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What it sets, and what it came to.
    pub candidate: Candidate,
    /// Rollouts within the objective; either end of its interval is a bound so that all rows together are as sure as
    /// [`Effort::level`] says.
    pub within: Option<Proportion>,
    /// Whether it meets the objective.
    pub verdict: Verdict,
}

/// Replications of the table begin here: no search comes so far.
const UNSEEN: u64 = 1 << 40;
/// So many at once.
const PORTION: u64 = 250;

pub(super) fn judged(
    document: &Document,
    shortlist: &[Settings],
    effort: Effort,
    objectives: &ObjectivesSpec,
    sampler: &Sampler<'_>,
) -> Result<Vec<Row>, Error> {
    let mut rows = shortlist
        .iter()
        .map(|settings| row(document, settings, effort, objectives, sampler))
        .collect::<Result<Vec<Row>, Error>>()?;
    let gone = |row: &Row| row.candidate.cost().old_pods_gone;
    // The scenario as it is stays first: all others are read against it.
    if let Some(others) = rows.get_mut(1..) {
        others.sort_by(|a, b| gone(a).total_cmp(&gone(b)));
    }
    Ok(rows)
}

fn row(
    document: &Document,
    settings: &Settings,
    effort: Effort,
    objectives: &ObjectivesSpec,
    sampler: &Sampler<'_>,
) -> Result<Row, Error> {
    let scenario = apply(document, settings)?;
    let mut totals = Totals::default();
    let (mut verdict, mut within) = (Verdict::Inconclusive, None);
    for until in [effort.row_runs, effort.proof_runs] {
        extend(&mut totals, &scenario, until, sampler)?;
        (verdict, within) = verdict_of(&totals, effort, objectives);
        if verdict != Verdict::Inconclusive {
            break;
        }
    }
    Ok(Row {
        candidate: Candidate {
            settings: settings.clone(),
            totals,
        },
        within,
        verdict,
    })
}

fn extend(
    totals: &mut Totals,
    scenario: &Scenario,
    until: u64,
    sampler: &Sampler<'_>,
) -> Result<(), Error> {
    while totals.runs() < until {
        let from = UNSEEN + totals.runs();
        let to = (from + PORTION).min(UNSEEN + until);
        totals.extend(&sampler(scenario, from..to)?);
    }
    Ok(())
}

/// What people try first, each alone, by the replications of the scenario as it is.
pub(super) fn tries(
    document: &Document,
    scenario: &Scenario,
    original: &Candidate,
    sampler: &Sampler<'_>,
) -> Result<Vec<Try>, Error> {
    let mut tries = Vec::new();
    for (what, settings) in first_tries(scenario) {
        let Ok(scenario) = apply(document, &settings) else {
            continue;
        };
        let mut totals = Totals::default();
        extend(&mut totals, &scenario, original.totals.runs(), sampler)?;
        tries.push((what, Candidate { settings, totals }));
    }
    Ok(tries)
}

fn verdict_of(
    totals: &Totals,
    effort: Effort,
    objectives: &ObjectivesSpec,
) -> (Verdict, Option<Proportion>) {
    let within = totals.within(objectives.max_5xx_per_rollout, effort.two_sided());
    // What a rollout costs after its load is not known: whatever was cut short counts as a miss.
    let sure = within.and_then(|within| {
        let good = within.hits.saturating_sub(totals.cut_short.sum as u64);
        Proportion::of(good, within.n, effort.two_sided())
    });
    let judged = sure
        .zip(within)
        .map(|(sure, within)| objectives.judge((sure.low, within.high), true));
    let verdict = match judged {
        Some(Attainment::Met) => Verdict::Proven,
        Some(Attainment::Missed) => Verdict::Unmet,
        Some(Attainment::Unclear) | None => Verdict::Inconclusive,
    };
    (verdict, within)
}

/// The row that is recommended: of those that meet the objective, or else may, the cheapest; of none of either the one
/// with the fewest rollouts beyond it.
pub(super) fn chosen(rows: &[Row], prefer: Prefer) -> usize {
    let of = |verdict: Verdict| {
        let rows = rows
            .iter()
            .enumerate()
            .filter(move |(_, row)| row.verdict == verdict);
        rows.min_by(|(_, a), (_, b)| prefer.order(&a.candidate, &b.candidate))
    };
    let share = |row: &Row| row.within.map_or(0.0, |within| within.probability);
    let failed = |row: &Row| row.candidate.totals.failed.mean();
    let nearest = || {
        rows.iter().enumerate().max_by(|(_, a), (_, b)| {
            share(a)
                .total_cmp(&share(b))
                .then(failed(b).total_cmp(&failed(a)))
        })
    };
    of(Verdict::Proven)
        .or_else(|| of(Verdict::Inconclusive))
        .or_else(nearest)
        .map_or(0, |(row, _)| row)
}
