//! What a configuration costs as it is, and what each fix removes: the same chances, twice.

use std::sync::atomic::AtomicBool;

use super::fix::{self, Edit};
use super::hook_ends::{self, HookEnds};
use super::rules::{OF_ROLLOUTS, Rollouts};
use super::subject::Subject;
use super::{Finding, Options, Severity};
use crate::error::Error;
use crate::monte_carlo::{self, Ends, Sample, Workers};
use crate::scenario::Scenario;
use crate::scenario::objectives::Attainment;
use crate::stats::{PairedDifference, Proportion, Summary};
use crate::traffic::EngineChoice;

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
    pub fn harms(&self) -> bool {
        self.removed.interval.is_some_and(|(_, high)| high < 0.0)
    }
}

/// How a configuration stands to its objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// 5xx a rollout as it is.
    pub now: Summary,
    /// Share of rollouts that cost no more than the objective allows.
    pub within: Proportion,
    /// Share of rollouts without any 5xx, whatever the objective allows.
    pub clean: Proportion,
    /// Share of rollouts that complete, without `ProgressDeadlineExceeded`; or are to stay paused.
    pub completes: Proportion,
    /// Share of rollouts whose load ended before the rollout was over: what it would have cost later is not known.
    pub cut_short: Proportion,
    /// The verdict: on rollouts that complete and cost no more than the objective allows. It is never [`Verdict::Met`]
    /// if the load of any ended too early.
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
    const fn of(attainment: Attainment) -> Verdict {
        match attainment {
            Attainment::Met => Verdict::Met,
            Attainment::Missed => Verdict::Missed,
            Attainment::Unclear => Verdict::Inconclusive,
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

/// More than half of rollouts.
const MOST: f64 = 0.5;

/// Two seconds are no orderly shutdown, whether or not a request is in flight then.
const HOOK_OUTLASTS_GRACE: &str = "RL002";

/// Simulates, completes the findings, and judges.
pub(super) fn weigh(
    subject: &Subject,
    scenario: &Scenario,
    findings: &mut Vec<Finding>,
    options: &Options,
    cancelled: &AtomicBool,
) -> Result<Judgement, Error> {
    let level = scenario.monte_carlo.confidence;
    let mut weighed: Vec<Vec<Edit>> = Vec::new();
    // A fix that another setting forbids is still advice; it cannot be weighed.
    let applied = |edits: &[Edit]| {
        if edits.is_empty() {
            None
        } else {
            fix::applied(&subject.document, edits).ok()
        }
    };
    let mut fixes: Vec<Option<Scenario>> = Vec::new();
    for finding in findings.iter() {
        // What another finding's fix removes is not removed twice.
        let is_new = !weighed.contains(&finding.fix);
        fixes.push(applied(&finding.fix).filter(|_| is_new));
        weighed.push(finding.fix.clone());
    }
    let together = applied(&fix::merged(
        findings.iter().flat_map(|finding| &finding.fix),
    ));
    let simulation = Simulation::new(scenario, &fixes, together.as_ref(), options, cancelled)?;
    let now = simulation.samples(scenario)?;
    // A fix that is all there is to change is simulated once.
    let mut simulated: Vec<(&Scenario, Vec<Sample>)> = Vec::new();
    for (finding, fixed) in findings.iter_mut().zip(&fixes) {
        let Some(fixed) = fixed else { continue };
        simulated.push((fixed, simulation.samples(fixed)?));
        let samples = simulated.last().map_or(&[][..], |(_, samples)| samples);
        finding.evidence = evidence(&now, samples, level);
        let Some(evidence) = &finding.evidence else {
            continue;
        };
        if !evidence.helps() && finding.rule.id != HOOK_OUTLASTS_GRACE {
            finding.severity = Severity::Note;
        }
        if evidence.harms() {
            finding.fix.clear();
        }
    }
    let every_fix = applied(&fix::merged(
        findings
            .iter()
            .filter(|one| one.counts())
            .flat_map(|finding| &finding.fix),
    ));
    let all_fixes = match every_fix {
        None => None,
        Some(fixed) => match simulated.into_iter().find(|(known, _)| **known == fixed) {
            Some((_, samples)) => Some(samples),
            None => Some(simulation.samples(&fixed)?),
        },
    };
    let rollouts = Rollouts {
        scenario,
        samples: &now,
        level,
    };
    findings.extend(OF_ROLLOUTS.iter().filter_map(|(rule, look)| {
        let (found, seen) = look(&rollouts)?;
        Some(Finding {
            seen: Some(seen),
            ..super::finding(rule, subject, found)
        })
    }));
    let judge = Judge { scenario, level };
    let no_run = || Error::invariant("a forecast without a run was judged");
    let verdict = |samples: &[Sample]| judge.of(samples).ok_or_else(no_run);
    let (summary, within, as_it_is) = verdict(&now)?;
    for finding in findings.iter_mut() {
        let evidence = finding.evidence.as_ref();
        let is_in_most = evidence.is_some_and(|evidence| evidence.better.probability > MOST);
        // What most rollouts are missed for is no mere warning.
        if finding.severity == Severity::Warning
            && as_it_is == Verdict::Missed
            && within.high < MOST
            && is_in_most
        {
            finding.severity = Severity::Error;
        }
    }
    let other_ends = |scenario: &Scenario| verdict(&simulation.samples(scenario)?);
    let hook = hook_ends::of(subject, scenario, (summary, within, as_it_is), &other_ends)?;
    Ok(Judgement {
        now: summary,
        verdict: hook.as_ref().map_or(as_it_is, HookEnds::verdict),
        within,
        clean: judge
            .share(&now, |sample| sample.count_5xx() == 0)
            .ok_or_else(no_run)?,
        completes: judge
            .share(&now, |sample| sample.measures.is_complete())
            .ok_or_else(no_run)?,
        cut_short: judge
            .share(&now, |sample| sample.measures.cut_short)
            .ok_or_else(no_run)?,
        hook,
        all_fixes: all_fixes
            .and_then(|fixed| judge.of(&fixed))
            .map(|(summary, within, _)| (summary, within)),
        runs: options.runs,
        seed: options.seed,
    })
}

/// Holds rollouts to the objective.
struct Judge<'a> {
    scenario: &'a Scenario,
    level: f64,
}

impl Judge<'_> {
    fn share(&self, samples: &[Sample], of: impl Fn(&Sample) -> bool) -> Option<Proportion> {
        let hits = samples.iter().filter(|sample| of(sample)).count() as u64;
        Proportion::of(hits, samples.len() as u64, self.level)
    }

    /// 5xx a rollout, the share of rollouts that cost no more than the objective allows, and the verdict; `None`
    /// without a run.
    fn of(&self, samples: &[Sample]) -> Option<(Summary, Proportion, Verdict)> {
        let objectives = &self.scenario.objectives;
        let is_cheap = |sample: &Sample| sample.count_5xx() <= objectives.max_5xx_per_rollout;
        let counts = Summary::of_counts(samples.iter().map(Sample::count_5xx), self.level)?;
        let good = self.share(samples, |sample| {
            is_cheap(sample) && sample.measures.is_complete()
        })?;
        // What a rollout costs after its load is not known.
        let is_known = samples.iter().all(|sample| !sample.measures.cut_short);
        let verdict = Verdict::of(objectives.judge((good.low, good.high), is_known));
        Some((counts, self.share(samples, is_cheap)?, verdict))
    }
}

fn evidence(now: &[Sample], fixed: &[Sample], level: f64) -> Option<Evidence> {
    let count = Sample::count_5xx;
    let pairs: Vec<(f64, f64)> = fixed
        .iter()
        .zip(now)
        .map(|(fixed, now)| (count(fixed) as f64, count(now) as f64))
        .collect();
    let gone = |sample: &Sample| Some(sample.measures.old_pods_gone?.as_secs_f64());
    let later: Vec<f64> = fixed
        .iter()
        .zip(now)
        .filter_map(|(fixed, now)| Some(gone(fixed)? - gone(now)?))
        .collect();
    let better = pairs.iter().filter(|(fixed, now)| fixed < now).count() as u64;
    Some(Evidence {
        now: Summary::of_counts(now.iter().take(pairs.len()).map(count), level)?,
        fixed: Summary::of_counts(fixed.iter().map(count), level)?,
        removed: PairedDifference::of(&pairs, level)?,
        better: Proportion::of(better, pairs.len() as u64, level)?,
        old_pods_stay: (!later.is_empty()).then(|| later.iter().sum::<f64>() / later.len() as f64),
    })
}

/// The configuration and its fixes, all under the same chance and under loads that last equally long. Which fixes are
/// left together in the end shows only later; the loads are as long as with all of them.
struct Simulation<'a> {
    workers: Workers,
    options: &'a Options,
    engine: EngineChoice,
    ends: Ends,
    cancelled: &'a AtomicBool,
}

impl<'a> Simulation<'a> {
    fn new(
        scenario: &Scenario,
        fixes: &[Option<Scenario>],
        together: Option<&Scenario>,
        options: &'a Options,
        cancelled: &'a AtomicBool,
    ) -> Result<Simulation<'a>, Error> {
        let workers = Workers::new(options.threads)?;
        let seed = options.seed;
        let all: Vec<&Scenario> = std::iter::once(scenario).chain(together).collect();
        let singly: Vec<&Scenario> = all.iter().copied().chain(fixes.iter().flatten()).collect();
        let ends = workers.ends(&singly, seed, 0..options.runs, cancelled)?;
        let engine = match scenario.load.duration {
            Some(_) => options.engine,
            None => {
                let lasts = monte_carlo::about_how_long(scenario, seed)?;
                options.engine.alike(
                    &singly
                        .iter()
                        .map(|scenario| (*scenario, lasts))
                        .collect::<Vec<_>>(),
                )
            }
        };
        Ok(Simulation {
            workers,
            options,
            engine,
            ends,
            cancelled,
        })
    }

    fn samples(&self, scenario: &Scenario) -> Result<Vec<Sample>, Error> {
        let Simulation {
            workers,
            options,
            engine,
            ends,
            cancelled,
        } = self;
        workers.replications_until(
            scenario,
            *engine,
            options.seed,
            0..options.runs,
            ends,
            cancelled,
        )
    }
}
