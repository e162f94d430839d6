//! What to change: the cheapest settings that meet the objectives, why, and how sure that is.
//!
//! A search proposes, fresh chance disposes. The search tries changes against the causes that it
//! sees, under common random numbers; what it settles on is then simulated again with replications
//! that the search never saw, because the best of many candidates looks better than it is.

pub mod front;
mod moves;
mod search;

use std::sync::atomic::AtomicBool;

use crate::error::Error;
use crate::monte_carlo::{Ends, Sampler, Workers};
use crate::scenario::objectives::{Attainment, ObjectivesSpec};
use crate::scenario::{Document, Scenario};
use crate::stats::Proportion;
use crate::sweep::totals::{CAUSES, Totals};
pub use front::{Candidate, pareto};
pub use moves::{Settings, why_it_stays};
use search::Search;

/// How many replications to spend, and how sure to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Replications of each candidate of the search.
    pub search_runs: u64,
    /// Replications of the proof.
    pub proof_runs: u64,
    /// One-sided confidence of the proof, above 0.5 and below 1.
    pub level: f64,
}

/// What came of the search.
#[derive(Debug, Clone)]
pub struct Recommendation {
    /// What was to be met.
    pub objectives: ObjectivesSpec,
    /// How much was simulated.
    pub effort: Effort,
    /// The scenario as it is.
    pub original: Candidate,
    /// The best found: what to change to, whether or not it is proven.
    pub chosen: Candidate,
    /// What differs, and what each change removes.
    pub changes: Vec<Change>,
    /// How far the chosen one meets the objectives.
    pub verdict: Verdict,
    /// The proof: rollouts within the objective, of replications that the search never saw.
    pub proof: Option<Proportion>,
    /// Causes of 5xx that stay, most frequent first: their row in a table by cause and their mean.
    pub remaining: Vec<(usize, f64)>,
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
    /// No candidate meets them.
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

/// A proof takes no more runs than this unless it is told to: at 99.99 % it needs 120,000.
const MOST_PROOF: u64 = 200_000;

impl Effort {
    /// Enough to prove the objective if it is missed a quarter as often as it may be: `runs`, or as many as
    /// that takes. No number of runs proves that it is never missed, so nothing is added for that.
    pub fn new(runs: u64, level: f64, probability: f64) -> Effort {
        let level = level.max(0.51);
        // Hanley and Lippman-Hand's count for no miss at all, four times over for some.
        let without_miss = if probability < 1.0 {
            ((1.0 - level).ln() / probability.ln()).ceil() as u64
        } else {
            0
        };
        Effort {
            search_runs: runs.clamp(100, 400),
            proof_runs: runs.max(MOST_PROOF.min(4 * without_miss)),
            level,
        }
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
    /// Searches, and proves what it finds.
    ///
    /// `note` hears of each candidate before it is simulated.
    ///
    /// # Errors
    /// The sampler fails.
    pub fn find(
        document: &Document,
        effort: Effort,
        sampler: &Sampler<'_>,
        note: &mut dyn FnMut(&Settings),
    ) -> Result<Recommendation, Error> {
        let scenario = document.resolve()?;
        let objectives = scenario.objectives.clone();
        let mut search = Search::new(document, &objectives, effort.search_runs, sampler, note);
        let original = search.evaluate(&Vec::new())?;
        let mut chosen = search.best(&original)?;
        let mut attempt = 0;
        let (verdict, proof) = loop {
            if !search.promises(&chosen) {
                break (Verdict::Unmet, None);
            }
            attempt += 1;
            let (verdict, proof) = prove(document, &chosen, effort, &objectives, attempt, sampler)?;
            match search
                .stronger(&chosen)?
                .filter(|_| verdict != Verdict::Proven && attempt < ATTEMPTS)
            {
                Some(stronger) => chosen = stronger,
                None => break (verdict, proof),
            }
        };
        let changes = search.reasons(&scenario, &chosen)?;
        search.explore(&chosen)?;
        let remaining = remaining(&chosen.totals);
        let candidates = search.into_candidates();
        Ok(Recommendation {
            objectives,
            effort,
            original,
            chosen,
            changes,
            verdict,
            proof,
            remaining,
            candidates,
        })
    }

    /// Whether the scenario is best left as it is.
    pub fn changes_nothing(&self) -> bool {
        self.changes.is_empty()
    }
}

/// So often a proof is tried, each time with fresh chance and all of them together at the level asked for.
const ATTEMPTS: u64 = 3;

/// Replications of a proof begin here, times its number: no search comes so far.
const UNSEEN: u64 = 1 << 40;

fn prove(
    document: &Document,
    candidate: &Candidate,
    effort: Effort,
    objectives: &ObjectivesSpec,
    attempt: u64,
    sampler: &Sampler<'_>,
) -> Result<(Verdict, Option<Proportion>), Error> {
    const PORTION: u64 = 250;
    let scenario = search::apply(document, &candidate.settings)?;
    let mut totals = Totals::default();
    let start = UNSEEN * attempt;
    while totals.runs() < effort.proof_runs {
        let from = totals.runs();
        totals.extend(&sampler(
            &scenario,
            start + from..start + (from + PORTION).min(effort.proof_runs),
        )?);
    }
    // One-sided: of a two-sided interval at 1 − 2α either end is a bound at 1 − α.
    let alpha = (1.0 - effort.level) / ATTEMPTS as f64;
    let within = totals.within(objectives.max_5xx_per_rollout, 1.0 - 2.0 * alpha);
    let is_known = totals.cut_short.sum == 0;
    let judged = within.map(|within| objectives.judge((within.low, within.high), is_known));
    let verdict = match judged {
        Some(Attainment::Met) => Verdict::Proven,
        Some(Attainment::Missed) => Verdict::Unmet,
        Some(Attainment::Unclear) | None => Verdict::Inconclusive,
    };
    Ok((verdict, within))
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

/// The value of a key before a change.
fn value_before(scenario: &Scenario, key: &str) -> Option<String> {
    scenario.value_of(key)
}
