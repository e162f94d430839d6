//! What a configuration costs as it is, and what each fix removes: the same chances, twice.

use std::sync::atomic::AtomicBool;

use super::fix::{self, Edit};
use super::hook_ends::{self, HookEnds};
use super::subject::Subject;
use super::{Finding, Options, Severity};
use crate::error::Error;
use crate::monte_carlo::{self, Forecast, Sample};
use crate::scenario::Scenario;
use crate::stats::{PairedDifference, Proportion, Summary};

/// What a fix removes.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// 5xx a rollout as it is.
    pub now: Summary,
    /// 5xx a rollout with the fix.
    pub fixed: Summary,
    /// 5xx a rollout that the fix removes, by pairs that share their chance.
    pub removed: PairedDifference,
    /// Share of rollouts that cost fewer 5xx with the fix.
    pub better: Proportion,
    /// How much later the last old pod is gone with the fix, on average, in seconds; negative: earlier. Of rollouts
    /// in which all old pods go either way.
    pub old_pods_stay: Option<f64>,
}

impl Evidence {
    /// Whether the fix helps in at least one rollout of a hundred, and on the whole. A mean alone does not
    /// tell: errors that are rare but many have wide intervals.
    pub fn helps(&self) -> bool {
        self.better.probability >= 0.01 && self.removed.mean > 0.0
    }

    /// Whether the fix does harm beyond doubt.
    fn harms(&self) -> bool {
        self.removed.high < 0.0
    }
}

/// How a configuration stands to its objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// 5xx a rollout as it is.
    pub now: Summary,
    /// Share of rollouts that cost no more than the objective allows.
    pub within: Proportion,
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on where the preStop hook is not read; `now` and `within` are then those of its shortest end.
    pub hook: Option<HookEnds>,
    /// The same with every fix at once, where there are fixes.
    pub all_fixes: Option<(Summary, Proportion)>,
    /// Replications.
    pub runs: u64,
    /// What it was simulated with.
    pub seed: u64,
}

/// Whether an objective is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The interval lies on the good side.
    Met,
    /// The interval lies on the bad side.
    Missed,
    /// The interval lies on both.
    Inconclusive,
}

impl Verdict {
    fn of(within: &Proportion, probability: f64) -> Verdict {
        if within.low >= probability {
            Verdict::Met
        } else if within.high < probability {
            Verdict::Missed
        } else {
            Verdict::Inconclusive
        }
    }

    /// The word that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Met => "met",
            Verdict::Missed => "missed",
            Verdict::Inconclusive => "inconclusive",
        }
    }
}

/// Simulates, completes the findings, and judges.
pub(super) fn weigh(
    subject: &Subject,
    scenario: &Scenario,
    findings: &mut [Finding],
    options: &Options,
    cancelled: &AtomicBool,
) -> Result<Judgement, Error> {
    let level = scenario.monte_carlo.confidence;
    let forecast = |scenario: &Scenario, runs: u64| forecast(scenario, runs, options, cancelled);
    let now = forecast(scenario, options.runs)?;
    let mut weighed: Vec<Vec<Edit>> = Vec::new();
    for finding in findings.iter_mut().filter(|finding| !finding.fix.is_empty()) {
        // What another finding's fix removes is not removed twice.
        if weighed.contains(&finding.fix) {
            continue;
        }
        weighed.push(finding.fix.clone());
        // A fix that another setting forbids is still advice; it cannot be weighed.
        let Ok(fixed) = fix::applied(&subject.document, &finding.fix) else { continue };
        let fixed = forecast(&fixed, options.pairs.min(options.runs))?;
        finding.evidence = evidence(&now.samples, &fixed.samples, level);
        let Some(evidence) = &finding.evidence else { continue };
        if !evidence.helps() {
            finding.severity = Severity::Note;
        }
        if evidence.harms() {
            finding.fix.clear();
        }
    }
    let edits: Vec<Edit> = fix::merged(findings.iter().filter(|one| one.counts()).flat_map(|finding| &finding.fix));
    let all_fixes = match fix::applied(&subject.document, &edits) {
        Ok(fixed) if !edits.is_empty() => Some(forecast(&fixed, options.runs)?),
        _ => None,
    };
    let objectives = &scenario.objectives;
    let within =
        |forecast: &Forecast| forecast.proportion(|sample| sample.count_5xx() <= objectives.max_5xx_per_rollout);
    let judged = |forecast: &Forecast| Some((forecast.counts(Sample::count_5xx)?, within(forecast)?));
    let no_run = || Error::invariant("a forecast without a run was judged");
    let verdict = |forecast: &Forecast| {
        let (summary, share) = judged(forecast).ok_or_else(no_run)?;
        Ok((summary, share, Verdict::of(&share, objectives.probability)))
    };
    let (summary, share, as_it_is) = verdict(&now)?;
    let other_ends = |scenario: &Scenario| verdict(&forecast(scenario, options.runs)?);
    let hook = hook_ends::of(subject, scenario, (summary, share, as_it_is), &other_ends)?;
    Ok(Judgement {
        now: summary,
        verdict: hook.as_ref().map_or(as_it_is, HookEnds::verdict),
        within: share,
        hook,
        all_fixes: all_fixes.as_ref().and_then(judged),
        runs: options.runs,
        seed: options.seed,
    })
}

fn evidence(now: &[Sample], fixed: &[Sample], level: f64) -> Option<Evidence> {
    let count = Sample::count_5xx;
    let pairs: Vec<(f64, f64)> =
        fixed.iter().zip(now).map(|(fixed, now)| (count(fixed) as f64, count(now) as f64)).collect();
    let gone = |sample: &Sample| Some(sample.measures.old_pods_gone?.as_secs_f64());
    let later: Vec<f64> = fixed.iter().zip(now).filter_map(|(fixed, now)| Some(gone(fixed)? - gone(now)?)).collect();
    let better = pairs.iter().filter(|(fixed, now)| fixed < now).count() as u64;
    Some(Evidence {
        now: Summary::of_counts(now.iter().take(pairs.len()).map(count), level)?,
        fixed: Summary::of_counts(fixed.iter().map(count), level)?,
        removed: PairedDifference::of(&pairs, level)?,
        better: Proportion::of(better, pairs.len() as u64, level)?,
        old_pods_stay: (!later.is_empty()).then(|| later.iter().sum::<f64>() / later.len() as f64),
    })
}

fn forecast(scenario: &Scenario, runs: u64, options: &Options, cancelled: &AtomicBool) -> Result<Forecast, Error> {
    let options = monte_carlo::Options {
        runs,
        seed: options.seed,
        level: scenario.monte_carlo.confidence,
        threads: options.threads,
        engine: options.engine,
    };
    monte_carlo::forecast(scenario, scenario.digest(), &options, &|_| (), cancelled)
}
