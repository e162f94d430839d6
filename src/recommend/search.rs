//! The search: change what helps against what is seen, then take back what turned out not to matter.

use std::collections::BTreeMap;

use super::front::{Candidate, Prefer};
use super::moves::{self, GRACE, PRE_STOP, Settings};
use super::{Change, Effort, is_5xx, remaining, table};
use crate::error::Error;
use crate::monte_carlo::Sampler;
use crate::pre_stop;
use crate::scenario::objectives::ObjectivesSpec;
use crate::scenario::{Document, Scenario};
use crate::sweep::totals::{CAUSES, Totals};

/// Rounds of changes. Each removes the greater part of the errors or is the last.
const ROUNDS: usize = 12;

/// A change must remove at least this share of the 5xx to count as help.
const HELP: f64 = 0.02;

/// A search under way, and all that it has tried.
pub(super) struct Search<'a> {
    document: &'a Document,
    objectives: ObjectivesSpec,
    prefer: Prefer,
    runs: u64,
    sampler: &'a Sampler<'a>,
    note: &'a mut dyn FnMut(&Settings),
    candidates: Vec<Candidate>,
    /// Rows of `candidates` by digest of their scenario.
    rows: BTreeMap<String, usize>,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        document: &'a Document,
        scenario: &Scenario,
        prefer: Prefer,
        effort: Effort,
        sampler: &'a Sampler<'a>,
        note: &'a mut dyn FnMut(&Settings),
    ) -> Search<'a> {
        Search {
            document,
            objectives: scenario.objectives.clone(),
            prefer,
            runs: effort.search_runs,
            sampler,
            note,
            candidates: Vec::new(),
            rows: BTreeMap::new(),
        }
    }

    pub(super) fn into_candidates(self) -> Vec<Candidate> {
        self.candidates
    }

    /// Simulates a candidate, if it has not been.
    pub(super) fn evaluate(&mut self, settings: &Settings) -> Result<Candidate, Error> {
        let scenario = apply(self.document, settings)?;
        let digest = scenario.digest();
        if let Some(row) = self.rows.get(&digest) {
            return Ok(self.candidates[*row].clone());
        }
        (self.note)(settings);
        let mut totals = Totals::default();
        totals.extend(&(self.sampler)(&scenario, 0..self.runs)?);
        let candidate = Candidate {
            settings: settings.clone(),
            totals,
        };
        self.rows.insert(digest, self.candidates.len());
        self.candidates.push(candidate.clone());
        Ok(candidate)
    }

    /// The same, if there is such a scenario: a change may need another one of the same move, as a shorter
    /// check interval needs a shorter timeout.
    fn evaluate_if_possible(&mut self, settings: &Settings) -> Result<Option<Candidate>, Error> {
        if apply(self.document, settings).is_err() {
            Ok(None)
        } else {
            self.evaluate(settings).map(Some)
        }
    }

    /// Whether a candidate meets the objective with a margin: it misses at most half as often as it may.
    fn promises(&self, candidate: &Candidate) -> bool {
        self.promises_in(candidate, self.objectives.probability)
    }

    /// The same for another share of rollouts.
    fn promises_in(&self, candidate: &Candidate, share: f64) -> bool {
        let within = candidate
            .totals
            .within(self.objectives.max_5xx_per_rollout, 0.95);
        within.is_some_and(|within| within.probability >= pre_stop::with_margin(share))
    }

    /// The cheapest candidate that promises to meet the objectives; or else the one with fewest errors.
    pub(super) fn best(&mut self, original: &Candidate) -> Result<Candidate, Error> {
        let mut best = original.clone();
        for _ in 0..ROUNDS {
            if self.promises(&best) {
                break;
            }
            match self.better(&best)? {
                Some(better) => best = better,
                None => break,
            }
        }
        self.trimmed(best)
    }

    /// The best of all single changes against what is seen.
    fn better(&mut self, now: &Candidate) -> Result<Option<Candidate>, Error> {
        let scenario = apply(self.document, &now.settings)?;
        let mut tried: Vec<Candidate> = Vec::new();
        for (cause, _) in remaining(&now.totals) {
            let mut enough: Option<String> = None;
            for change in moves::against(cause, &scenario) {
                let key = change[0].0.clone();
                // Of one key's values the first that is enough is the cheapest.
                if enough.as_ref() == Some(&key) {
                    continue;
                }
                let Some(candidate) = self.evaluate_if_possible(&merged(&now.settings, &change))?
                else {
                    continue;
                };
                if self.promises(&candidate) {
                    enough = Some(key);
                }
                tried.push(candidate);
            }
            if tried.iter().any(|candidate| self.promises(candidate)) {
                break;
            }
        }
        let prefer = self.prefer;
        let cheapest = |a: &&Candidate, b: &&Candidate| prefer.order(a, b);
        if let Some(enough) = tried
            .iter()
            .filter(|candidate| self.promises(candidate))
            .min_by(cheapest)
        {
            return Ok(Some(enough.clone()));
        }
        let failed = |candidate: &Candidate| candidate.totals.failed.mean();
        let least = tried.iter().map(failed).fold(f64::INFINITY, f64::min);
        let helps = least <= failed(now) * (1.0 - HELP);
        let nearly = tried
            .iter()
            .filter(|candidate| failed(candidate) <= least * (1.0 + HELP));
        Ok(nearly.min_by(cheapest).filter(|_| helps).cloned())
    }

    /// Takes back every change without which it is as good, and shortens preStop as far as that goes.
    fn trimmed(&mut self, candidate: Candidate) -> Result<Candidate, Error> {
        let mut best = candidate;
        for (key, _) in best.settings.clone() {
            // A grace period belongs to its preStop, even where the forecast would do without.
            if key == GRACE && best.settings.iter().any(|(other, _)| other == PRE_STOP) {
                continue;
            }
            match self.evaluate_if_possible(&without(&best.settings, &key))? {
                Some(without) if self.is_as_good(&without, &best) => best = without,
                _ => {}
            }
        }
        if !best.settings.iter().any(|(key, _)| key == PRE_STOP) {
            return Ok(best);
        }
        let now = moves::pre_stop_secs(&apply(self.document, &best.settings)?);
        let rest = without_pre_stop(&best.settings);
        for change in moves::shorter_pre_stops(&apply(self.document, &rest)?, now) {
            let shorter = self.evaluate(&merged(&rest, &change))?;
            if !self.is_as_good(&shorter, &best) {
                break;
            }
            best = shorter;
        }
        Ok(best)
    }

    fn is_as_good(&self, other: &Candidate, than: &Candidate) -> bool {
        if self.promises(than) {
            return self.promises(other);
        }
        other.totals.failed.mean() <= than.totals.failed.mean()
    }

    /// What each change does: the causes that come back without it.
    pub(super) fn reasons(
        &mut self,
        scenario: &Scenario,
        chosen: &Candidate,
    ) -> Result<Vec<Change>, Error> {
        let mut changes = Vec::new();
        for (key, to) in &chosen.settings {
            let without = self.evaluate_if_possible(&without(&chosen.settings, key))?;
            let mean = |candidate: &Candidate, cause: usize| candidate.totals.causes[cause].mean();
            let mut removes: Vec<_> = without
                .iter()
                .flat_map(|without| {
                    (0..CAUSES).map(|cause| (cause, mean(without, cause), mean(chosen, cause)))
                })
                .filter(|(cause, without, with)| is_5xx(*cause) && without > with)
                .collect();
            removes.sort_by(|a, b| (b.1 - b.2).total_cmp(&(a.1 - a.2)));
            changes.push(Change {
                key: key.clone(),
                from: scenario.value_of(key),
                to: to.clone(),
                removes,
            });
        }
        Ok(changes)
    }

    /// Tries other preStops of what was found, and other paces of it and of the next longer preStop.
    pub(super) fn explore(&mut self, found: &Candidate) -> Result<(), Error> {
        let rest = without_pre_stop(&found.settings);
        for change in moves::pre_stops(&apply(self.document, &rest)?) {
            self.evaluate_if_possible(&merged(&rest, &change))?;
        }
        for settings in [Some(found.settings.clone()), self.longer(found)?]
            .into_iter()
            .flatten()
        {
            for pace in moves::paces(&apply(self.document, &settings)?) {
                self.evaluate_if_possible(&merged(&settings, &pace))?;
            }
        }
        Ok(())
    }

    /// The same with a preStop one step longer.
    fn longer(&self, found: &Candidate) -> Result<Option<Settings>, Error> {
        let scenario = apply(self.document, &found.settings)?;
        let longer = moves::one_step_longer(&scenario);
        Ok(longer.map(|change| merged(&found.settings, &change)))
    }

    /// The candidates that differ from what was found in nothing but preStop, shortest first.
    fn ladder(&self, found: &Candidate) -> Vec<&Candidate> {
        let rest = without_pre_stop(&found.settings);
        let mut ladder: Vec<&Candidate> = self
            .candidates
            .iter()
            .filter(|other| is_same(&without_pre_stop(&other.settings), &rest))
            .collect();
        ladder.sort_by_key(|rung| rung.pre_stop().unwrap_or(0));
        ladder
    }

    /// The shortest preStop that promises each of some shares, where one does.
    pub(super) fn pre_stops(&self, found: &Candidate) -> Vec<(f64, u64)> {
        let ladder = self.ladder(found);
        let enough = |share: f64| {
            let rung = ladder.iter().find(|rung| self.promises_in(rung, share))?;
            Some((share, rung.pre_stop().unwrap_or(0)))
        };
        [0.95, 0.99].into_iter().filter_map(enough).collect()
    }

    /// Where more preStop begins to remove little.
    pub(super) fn knee(&self, found: &Candidate) -> Option<Settings> {
        knee_of(&self.ladder(found)).map(|knee| knee.settings.clone())
    }

    /// What the table shows, the scenario as it is first: the cheapest by each price, the steps around the cheapest, the
    /// knee of the ladder, and one that is stricter.
    pub(super) fn shortlist(&self, found: &Candidate) -> Result<Vec<Settings>, Error> {
        let good = || {
            self.candidates
                .iter()
                .filter(|candidate| self.promises(candidate))
        };
        let by = |prefer: Prefer| good().min_by(|a, b| prefer.order(a, b));
        let cheapest = by(self.prefer).unwrap_or(found);
        let ladder = self.ladder(cheapest);
        let at = ladder
            .iter()
            .position(|rung| is_same(&rung.settings, &cheapest.settings));
        let step = |by: isize| ladder.get(at?.checked_add_signed(by)?).copied();
        let clean = |rung: &&&Candidate| rung.totals.failed.sum == 0;
        let stricter = ladder.iter().skip(at.map_or(0, |at| at + 2)).find(clean);
        let found_step = self.longer(cheapest)?;
        let found_step = found_step.and_then(|settings| {
            let same = |other: &&Candidate| is_same(&other.settings, &settings);
            self.candidates.iter().find(same)
        });
        let knee = self.ladder(found);
        let knee = knee_of(&knee);
        let picks = [
            Some(cheapest),
            found_step.or(step(1)),
            by(Prefer::Cost),
            by(Prefer::Speed),
            knee,
            step(-1),
            stricter.copied().or(ladder.last().copied()),
            step(2),
        ];
        let mut shortlist = vec![Settings::new()];
        for pick in picks.into_iter().flatten() {
            if shortlist.len() < table::ROWS
                && !shortlist.iter().any(|other| is_same(other, &pick.settings))
            {
                shortlist.push(pick.settings.clone());
            }
        }
        Ok(shortlist)
    }
}

/// Where more preStop begins to remove little: the rung farthest below the straight line from the first to the last, in
/// seconds until old pods are gone and in rollouts with any 5xx, each from 0 to 1 (Satopää et al., *Finding a "kneedle"
/// in a haystack*, 2011).
fn knee_of<'a>(ladder: &[&'a Candidate]) -> Option<&'a Candidate> {
    let (first, last) = (ladder.first()?.cost(), ladder.last()?.cost());
    let way = |from: f64, to: f64, at: f64| {
        if from == to {
            0.0
        } else {
            (at - from) / (to - from)
        }
    };
    let below = |rung: &Candidate| {
        let cost = rung.cost();
        way(first.any_5xx, last.any_5xx, cost.any_5xx)
            - way(first.old_pods_gone, last.old_pods_gone, cost.old_pods_gone)
    };
    ladder
        .iter()
        .copied()
        .filter(|rung| below(rung) > 0.0)
        .max_by(|a, b| below(a).total_cmp(&below(b)))
}

/// The same keys with the same values, in any order.
fn is_same(one: &Settings, other: &Settings) -> bool {
    one.len() == other.len() && one.iter().all(|pair| other.contains(pair))
}

/// The scenario with some keys set.
pub(super) fn apply(document: &Document, settings: &Settings) -> Result<Scenario, Error> {
    let mut document = document.clone();
    settings
        .iter()
        .try_for_each(|(key, value)| document.set(key, value))?;
    document.resolve()
}

fn merged(settings: &Settings, change: &Settings) -> Settings {
    let kept = settings
        .iter()
        .filter(|(key, _)| change.iter().all(|(other, _)| other != key));
    kept.chain(change).cloned().collect()
}

fn without_pre_stop(settings: &Settings) -> Settings {
    without(&without(settings, PRE_STOP), GRACE)
}

fn without(settings: &Settings, key: &str) -> Settings {
    settings
        .iter()
        .filter(|(other, _)| other != key)
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Effort, Recommendation, Verdict};
    use super::*;
    use crate::monte_carlo::Sample;
    use crate::random::{Purpose, Streams};
    use crate::time::Span;
    use crate::verdict::Cause;
    use std::ops::Range;
    use std::path::Path;

    /// A synthetic rollout: stale routing for a lag that depends on the environment, up to 28 s; a
    /// deregistration delay below 40 s cuts requests; `stubborn` ones fail whatever is set.
    fn synthetic(scenario: &Scenario, range: Range<u64>, stubborn: bool) -> Vec<Sample> {
        let stop = moves::pre_stop_secs(scenario) as f64;
        let sample = |replication: u64| {
            let streams = Streams::new(1, replication);
            let lag = 28.0 * streams.at(Purpose::DeregistrationMedian, 0).uniform();
            let mut sample = Sample {
                requests: 12_000,
                ..Sample::default()
            };
            sample.causes[Cause::ConnectTimeout.index()] = ((lag - stop).max(0.0) * 100.0) as u64;
            sample.causes[Cause::CutByDeregistration.index()] =
                u64::from(scenario.target_group.deregistration_delay < Span::from_secs(40));
            sample.causes[Cause::ResponseTimeout.index()] = u64::from(stubborn);
            sample.measures.old_pods_gone = Some(Span::from_secs(30) + Span::from_secs_f64(stop));
            sample.measures.duration = Some(Span::from_secs(30));
            sample
        };
        range.map(sample).collect()
    }

    fn recommended(text: &str, stubborn: bool) -> Recommendation {
        let document = Document::parse(Path::new("x.toml"), text).unwrap();
        let sampler =
            move |scenario: &Scenario, range: Range<u64>| Ok(synthetic(scenario, range, stubborn));
        Recommendation::find(
            &document,
            Prefer::Balanced,
            Effort::new(1_000, 0.95, 0.99),
            &sampler,
            &mut |_| (),
        )
        .unwrap()
    }

    fn settings(found: &Recommendation) -> Vec<(&str, &str)> {
        found
            .chosen()
            .settings
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }

    #[test]
    fn the_cheapest_settings_that_are_enough() {
        let found = recommended(
            "name = \"x\"\n[target_group]\nderegistration_delay = \"30s\"",
            false,
        );
        let mut keys = settings(&found);
        keys.sort_unstable();
        assert_eq!(
            keys,
            [
                ("pod.pre_stop", "30s"),
                ("pod.termination_grace_period", "45s"),
                ("target_group.deregistration_delay", "1m")
            ]
        );
        assert_eq!(found.verdict(), Verdict::Proven);
        let pre_stop = found
            .changes
            .iter()
            .find(|change| change.key == "pod.pre_stop")
            .unwrap();
        assert_eq!(
            (pre_stop.from.as_deref(), pre_stop.removes[0].0),
            (None, Cause::ConnectTimeout.index())
        );
        assert!(found.remaining.is_empty());
    }

    #[test]
    fn what_is_well_is_left_alone() {
        let found = recommended(
            "[pod]\npre_stop = \"30s\"\ntermination_grace_period = \"60s\"",
            false,
        );
        assert!(
            found.changes_nothing() && found.verdict() == Verdict::Proven,
            "{:?}",
            found.changes
        );
    }

    /// A preStop that is longer than it has to be is well, and a shorter one is cheaper.
    #[test]
    fn what_is_more_than_enough_is_said() {
        let found = recommended(
            "[pod]\npre_stop = \"75s\"\ntermination_grace_period = \"90s\"",
            false,
        );
        assert_eq!(found.rows[0].verdict, Verdict::Proven);
        assert_eq!(settings(&found), [("pod.pre_stop", "30s")]);
    }

    #[test]
    fn what_cannot_be_met_is_said() {
        let found = recommended("name = \"x\"", true);
        assert_eq!(found.verdict(), Verdict::Unmet);
        assert_eq!(
            found.remaining.last().unwrap().0,
            Cause::ResponseTimeout.index()
        );
    }

    /// The recommended row is beaten by no other that meets the objective, whatever makes one cheaper.
    #[test]
    fn no_row_beats_what_is_recommended() {
        let document = Document::parse(Path::new("x.toml"), "name = \"x\"").unwrap();
        let sampler =
            move |scenario: &Scenario, range: Range<u64>| Ok(synthetic(scenario, range, false));
        let mut chosen = Vec::new();
        for prefer in Prefer::ALL {
            let effort = Effort::new(1_000, 0.95, 0.99);
            let found =
                Recommendation::find(&document, prefer, effort, &sampler, &mut |_| ()).unwrap();
            assert!(found.rows.len() <= table::ROWS && found.rows[0].candidate.settings.is_empty());
            assert_eq!(found.verdict(), Verdict::Proven);
            for row in &found.rows {
                assert!(
                    row.verdict != Verdict::Proven
                        || prefer.order(found.chosen(), &row.candidate).is_le(),
                    "{prefer:?}: {:?} is cheaper than {:?}",
                    row.candidate.settings,
                    found.chosen().settings
                );
            }
            chosen.push(found.chosen().settings.clone());
        }
        assert!(chosen.iter().all(|settings| !settings.is_empty()));
    }

    #[test]
    fn certainty_cannot_be_proven() {
        let found = recommended(
            "[pod]\npre_stop = \"40s\"\n[objectives]\nprobability = 1.0",
            false,
        );
        assert_eq!(found.verdict(), Verdict::Inconclusive);
    }
}
