//! What to change: the settings that meet the objectives at the least price, why, and how sure that is.
//!
//! A search proposes, fresh chance disposes. The search tries changes against the causes that it
//! sees, under common random numbers; a table of a few of them is then simulated again with replications
//! that the search never saw, because the best of many candidates looks better than it is. What is recommended
//! is a row of that table: of those that meet the objectives the one with the least price.

pub mod front;
mod moves;
mod search;
mod table;

use std::sync::atomic::AtomicBool;

use crate::error::Error;
use crate::monte_carlo::{Ends, Sampler, Workers};
use crate::pre_stop::Advice;
use crate::scenario::objectives::ObjectivesSpec;
use crate::scenario::{Document, Scenario};
use crate::sweep::totals::{CAUSES, Totals};
pub use front::{Candidate, Prefer, pareto};
pub use moves::{Settings, why_it_stays};
use search::Search;
pub use table::Row;

/// How many replications to spend, and how sure to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Replications of each candidate of the search.
    pub search_runs: u64,
    /// Replications of each row of the table, all of them fresh.
    pub row_runs: u64,
    /// Replications of a row that so many do not settle.
    pub proof_runs: u64,
    /// Confidence in all rows of the table together, above 0.5 and below 1.
    pub level: f64,
}

/// What came of the search.
#[derive(Debug, Clone)]
pub struct Recommendation {
    /// What was to be met.
    pub objectives: ObjectivesSpec,
    /// What makes one row cheaper than another.
    pub prefer: Prefer,
    /// How much was simulated.
    pub effort: Effort,
    /// The table: at most eight rows, the scenario as it is first, then by the time until old pods are gone.
    pub rows: Vec<Row>,
    /// The row that is recommended: what to change to, whether or not it is proven.
    pub row: usize,
    /// The row from which on more preStop removes little, where one is.
    pub knee: Option<usize>,
    /// What differs, and what each change removes.
    pub changes: Vec<Change>,
    /// Causes of 5xx that stay, most frequent first: their row in a table by cause and their mean.
    pub remaining: Vec<(usize, f64)>,
    /// What people try first, each alone.
    pub tries: Vec<Try>,
    /// Shares of rollouts without more 5xx than allowed, and the shortest preStop that the search found enough for it,
    /// in seconds; 0: none.
    pub pre_stops: Vec<(f64, u64)>,
    /// What the load balancer's lag asks of preStop.
    pub need: Advice,
    /// Everything that was tried.
    pub candidates: Vec<Candidate>,
}

/// How far the objectives are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// At the level asked for.
    Proven,
    /// The runs do not tell: as many more may, or a load that does not end before the rollout is over.
    Inconclusive,
    /// They are not.
    Unmet,
}

/// One key that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The dotted key.
    pub key: String,
    /// Its value before; `None`: absent.
    pub from: Option<String>,
    /// Its value after.
    pub to: String,
    /// Causes that come back without it: their row in a table by cause, their mean without and with it.
    pub removes: Vec<(usize, f64, f64)>,
}

/// A single change that people try first, in words, and the scenario with nothing else changed, by the replications of
/// the table.
pub type Try = (&'static str, Candidate);

/// A row takes no more runs than this unless it is told to: at 99.99 % it would need 580,000.
const MOST_PROOF: u64 = 200_000;

impl Effort {
    /// Enough to prove the objective of a row, nine times in ten, if it is missed half as often as it may be: `runs`, or
    /// as many as that takes. No number of runs proves that it is never missed, so nothing is added for that.
    pub fn new(runs: u64, level: f64, probability: f64) -> Effort {
        let level = level.max(0.51);
        let mut effort = Effort {
            search_runs: runs.clamp(100, 400),
            row_runs: runs,
            proof_runs: runs,
            level,
        };
        if probability < 1.0 {
            // Hanley and Lippman-Hand's count for no miss at all, ten times over for some.
            let without_miss = (effort.error().ln() / probability.ln()).ceil() as u64;
            effort.proof_runs = runs.max(MOST_PROOF.min(10 * without_miss));
        }
        effort
    }

    /// The one-sided error of one look at one row, so that all looks at all rows together are wrong no more often than
    /// `level` allows (Bonferroni).
    fn error(&self) -> f64 {
        (1.0 - self.level) / (table::ROWS * table::LOOKS) as f64
    }

    /// A two-sided level of which either end is a bound at that error.
    pub(crate) fn two_sided(&self) -> f64 {
        1.0 - 2.0 * self.error()
    }
}

/// Candidates share their chance, so their loads are to last equally long, though a search does not know beforehand
/// what it will try: as long as the longest of the first replications of the scenario, as it is and with the
/// longest preStop that is tried. A candidate whose rollout takes longer has a load that meets it.
///
/// # Errors
/// It is no scenario, or its control plane cannot be simulated.
pub fn common_end(
    document: &Document,
    workers: &Workers,
    seed: u64,
    cancelled: &AtomicBool,
) -> Result<Ends, Error> {
    const PILOTS: u64 = 20;
    let scenario = document.resolve()?;
    let longest = moves::pre_stops(&scenario)
        .pop()
        .and_then(|settings| search::apply(document, &settings).ok());
    let both: Vec<&Scenario> = std::iter::once(&scenario).chain(&longest).collect();
    Ok(workers.ends(&both, seed, 0..PILOTS, cancelled)?.for_all())
}

impl Recommendation {
    /// Searches, and judges what it finds.
    ///
    /// `note` hears of each candidate before it is simulated.
    ///
    /// # Errors
    /// The sampler fails.
    pub fn find(
        document: &Document,
        prefer: Prefer,
        effort: Effort,
        sampler: &Sampler<'_>,
        note: &mut dyn FnMut(&Settings),
    ) -> Result<Recommendation, Error> {
        let scenario = document.resolve()?;
        let objectives = scenario.objectives.clone();
        let mut search = Search::new(document, &scenario, prefer, effort, sampler, note);
        let original = search.evaluate(&Vec::new())?;
        let best = search.best(&original)?;
        search.explore(&best)?;
        let shortlist = search.shortlist(&best)?;
        let rows = table::judged(document, &shortlist, effort, &objectives, sampler)?;
        let row = table::chosen(&rows, prefer);
        let chosen = rows[row].candidate.clone();
        let searched = search.evaluate(&chosen.settings)?;
        Ok(Recommendation {
            prefer,
            effort,
            row,
            changes: search.reasons(&scenario, &searched)?,
            remaining: remaining(&chosen.totals),
            tries: table::tries(document, &scenario, &rows[0].candidate, sampler)?,
            knee: search
                .knee(&best)
                .and_then(|knee| rows.iter().position(|row| row.candidate.settings == knee)),
            pre_stops: search.pre_stops(&best),
            need: Advice::of(&scenario, objectives.probability),
            candidates: search.into_candidates(),
            objectives,
            rows,
        })
    }

    /// The scenario as it is.
    pub fn original(&self) -> &Candidate {
        &self.rows[0].candidate
    }

    /// The row that is recommended.
    pub fn recommended(&self) -> &Row {
        &self.rows[self.row]
    }

    /// What is recommended.
    pub fn chosen(&self) -> &Candidate {
        &self.recommended().candidate
    }

    /// How far what is recommended meets the objectives.
    pub fn verdict(&self) -> Verdict {
        self.recommended().verdict
    }

    /// Whether the scenario is best left as it is.
    pub fn changes_nothing(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Causes that count as 5xx and occur, most frequent first.
fn remaining(totals: &Totals) -> Vec<(usize, f64)> {
    let means = (0..CAUSES)
        .filter(|cause| is_5xx(*cause))
        .map(|cause| (cause, totals.causes[cause].mean()));
    let mut occurring: Vec<_> = means.filter(|(_, mean)| *mean > 0.0).collect();
    occurring.sort_by(|a, b| b.1.total_cmp(&a.1));
    occurring
}

/// Whether a row of a table by cause is one of 5xx; a client that gave up saw none.
fn is_5xx(cause: usize) -> bool {
    crate::verdict::Cause::ALL
        .get(cause)
        .is_none_or(|cause| cause.status() >= 500)
}
