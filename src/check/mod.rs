//! Whether a configuration is fit for a rollout: rules that look, simulations that weigh what was found.
//!
//! A rule is a pure function of a [`Subject`]. What it finds is weighed by common random numbers: the
//! same rollouts once as they are and once with the fix. A fix that removes nothing makes its finding a note.

mod fix;
mod hook_ends;
mod patch;
mod rules;
mod subject;
mod weigh;

use std::sync::atomic::AtomicBool;

use crate::error::Error;
use crate::manifest::{Dangling, LeftOut, Notice};
use crate::pre_stop::Advice;
use crate::scenario::objectives::ObjectivesSpec;
use crate::stats::Proportion;
use crate::traffic::EngineChoice;
pub use fix::Edit;
pub use hook_ends::{End, HookEnds};
pub use rules::{RULES, Rule};
pub use subject::{Spot, Subject};
pub use weigh::{Evidence, Judgement, Verdict};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It costs requests in some rollouts.
    Warning,
    /// It costs requests in every rollout, or does nothing that it was meant to.
    Error,
}

impl Severity {
    /// The word that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// How to check.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Replications of the configuration as it is, with each fix, and with all of them: the same ones, so that a finding
    /// and the verdict never speak of different numbers.
    pub runs: u64,
    /// Everything that chance decides follows from it.
    pub seed: u64,
    /// Worker threads; `None`: one for each core.
    pub threads: Option<usize>,
    /// Name of the traffic engine.
    pub engine: EngineChoice,
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The rule's severity; less if the simulation shows no harm, more if most rollouts miss the objective for it.
    pub severity: Severity,
    /// Where.
    pub spot: Spot,
    /// What is wrong here, in a sentence.
    pub message: String,
    /// What the load balancer's lag asks of preStop, where the finding is about that.
    pub need: Option<Advice>,
    /// What the fix removes, by simulation; nothing where there is no fix to simulate.
    pub evidence: Option<Evidence>,
    /// The share of simulated rollouts in which it was seen; nothing where the settings alone tell.
    pub seen: Option<Proportion>,
    /// What to change of the scenario.
    pub fix: Vec<Edit>,
    /// What to do by hand, in a sentence, where no patch may.
    pub advice: Option<String>,
    /// Why it does not count, if somebody said so.
    pub ignored: Option<String>,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// What rests on the project's own file of settings, in sentences.
    pub settled: Vec<String>,
    /// What was judged, in the order given.
    pub checked: Vec<Checked>,
    /// Objects of which there is no forecast: what, where, why.
    pub left_out: Vec<Omission>,
    /// What was noticed of the files as a whole.
    pub remarks: Vec<Remark>,
}

/// An object that was not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Omission {
    /// `StatefulSet shop/web`
    pub object: String,
    /// Where it is.
    pub spot: Spot,
    /// Why there is no forecast of it.
    pub why: String,
    /// Whether requests may well come to it: what its rollout costs is then an open question.
    pub is_open: bool,
}

/// Something about a configuration that its reader should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What about.
    pub spot: Spot,
    /// In a sentence.
    pub words: String,
}

/// What became of one configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The configuration's name.
    pub name: String,
    /// What leads requests to its pods, or that this is assumed; nothing for a scenario, which says so itself.
    pub exposure: Option<String>,
    /// Where it is.
    pub spot: Spot,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// The objective, and how the configuration stands to it; or why it was not simulated.
    pub judgement: Result<Judgement, String>,
    /// What it is held to.
    pub objectives: ObjectivesSpec,
    /// Keys that the numbers depend on and nobody gave.
    pub asked: Vec<String>,
    /// What was noticed when the manifests were read.
    pub remarks: Vec<Remark>,
    /// All fixes together as strategic merge patches, one for each object; nothing where no manifest can say them.
    pub patch: Option<String>,
}

impl From<LeftOut> for Omission {
    fn from(left_out: LeftOut) -> Omission {
        let LeftOut {
            object,
            place,
            why,
            is_open,
        } = left_out;
        Omission {
            object,
            spot: Spot::of(&place),
            why,
            is_open,
        }
    }
}

impl From<&Notice> for Remark {
    fn from(notice: &Notice) -> Remark {
        Remark {
            spot: Spot::of(&notice.place),
            words: notice.words.clone(),
        }
    }
}

impl Checked {
    /// The findings that count.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.ignored.is_none())
    }
}

/// Checks one configuration.
///
/// # Errors
/// The user interrupted it, or an invariant of the model broke.
pub fn check(
    subject: &Subject,
    options: &Options,
    cancelled: &AtomicBool,
) -> Result<Checked, Error> {
    let mut findings: Vec<Finding> = RULES
        .iter()
        .filter_map(|rule| find(rule, subject))
        .collect();
    let objectives = subject
        .scenario
        .as_ref()
        .map(|scenario| scenario.objectives.clone())
        .unwrap_or_default();
    let judgement = match &subject.scenario {
        Ok(scenario) => Ok(weigh::weigh(
            subject,
            scenario,
            &mut findings,
            options,
            cancelled,
        )?),
        Err(why) => Err(why.clone()),
    };
    // The worst first; rules of one severity in the order of their numbers.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let edits = fix::merged(
        findings
            .iter()
            .filter(|finding| finding.counts())
            .flat_map(|finding| &finding.fix),
    );
    Ok(Checked {
        name: subject.name.clone(),
        exposure: subject.exposure.clone(),
        spot: subject.spot.clone(),
        patch: subject
            .names
            .as_ref()
            .and_then(|names| patch::render(names, &subject.patchable(&edits))),
        findings,
        judgement,
        objectives,
        asked: subject.asked.clone(),
        remarks: subject.remarks.clone(),
    })
}

/// A Service that leads nowhere, as a finding of its own: there are no pods whose rollout could be simulated.
pub fn dangling(dangling: &Dangling) -> Checked {
    let spot = Spot::of(&dangling.notice.place);
    let finding = Finding {
        rule: &rules::LEADS_NOWHERE,
        severity: Severity::Error,
        spot: spot.clone(),
        message: dangling.notice.words.clone(),
        need: None,
        evidence: None,
        seen: None,
        fix: Vec::new(),
        advice: None,
        ignored: None,
    };
    Checked {
        name: dangling.object.clone(),
        exposure: None,
        spot,
        findings: vec![finding],
        judgement: Err("there are no pods behind it".to_owned()),
        objectives: ObjectivesSpec::default(),
        asked: Vec::new(),
        remarks: Vec::new(),
        patch: None,
    }
}

impl Finding {
    /// Whether its fix belongs to what is advised: it counts, and is more than a note.
    fn counts(&self) -> bool {
        self.ignored.is_none() && self.severity > Severity::Note
    }
}

fn find(rule: &'static Rule, subject: &Subject) -> Option<Finding> {
    (rule.look)(subject).map(|found| finding(rule, subject, found))
}

fn finding(rule: &'static Rule, subject: &Subject, found: rules::Found) -> Finding {
    let ignored = subject
        .ignored
        .iter()
        .find(|ignored| ignored.rule == rule.id)
        .map(|ignored| ignored.reason.clone());
    Finding {
        rule,
        severity: found.severity.unwrap_or(rule.severity),
        spot: found.spot.unwrap_or_else(|| subject.spot_of(found.keys)),
        message: found.message,
        need: found.need,
        evidence: None,
        seen: None,
        advice: found.advice,
        fix: found.fix,
        ignored,
    }
}
