//! A preStop hook that is not read: what a rollout costs if it gives least, and if it gives most.

use super::fix::{self, PRE_STOP, set};
use super::subject::Subject;
use super::weigh::Verdict;
use crate::error::Error;
use crate::scenario::Scenario;
use crate::stats::{Proportion, Summary};
use crate::time::Span;

/// Both ends of what a hook may give.
#[derive(Debug, Clone, PartialEq)]
pub struct HookEnds {
    /// The words that are not read, between backticks.
    pub what: String,
    /// It gives as little as it may.
    pub least: End,
    /// It gives as much as it may.
    pub most: End,
    /// The shortest hook that meets the objective; nothing where both ends agree, or none does.
    pub met_from: Option<Span>,
    /// The longest hook that meets it, where one that is longer yet does not.
    pub met_to: Option<Span>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// For so long the pods serve on after their deletion.
    pub serves: Span,
    /// 5xx a rollout.
    pub now: Summary,
    /// Share of rollouts that cost no more than the objective allows.
    pub within: Proportion,
    /// How that stands to the objective.
    pub verdict: Verdict,
}

/// 5xx a rollout, the share of rollouts within the objective, and the verdict.
pub(super) type Standing = (Summary, Proportion, Verdict);

impl HookEnds {
    /// Met or missed if that holds whatever the hook gives.
    pub fn verdict(&self) -> Verdict {
        match (self.least.verdict, self.most.verdict) {
            (Verdict::Met, Verdict::Met) => Verdict::Met,
            (Verdict::Missed, Verdict::Missed) if self.met_from.is_none() => Verdict::Missed,
            _ => Verdict::Inconclusive,
        }
    }
}

/// Simulates both ends, and finds the length that decides. `least` has been simulated; `judge` does that for the
/// others.
///
/// # Errors
/// As of `judge`.
pub(super) fn of(
    subject: &Subject,
    scenario: &Scenario,
    least: Standing,
    judge: &dyn Fn(&Scenario) -> Result<Standing, Error>,
) -> Result<Option<HookEnds>, Error> {
    let Some(not_read) = subject.hook().and_then(|hook| hook.not_read.as_ref()) else {
        return Ok(None);
    };
    let end = |serves, (now, within, verdict)| End {
        serves,
        now,
        within,
        verdict,
    };
    let at = |serves: Span| -> Result<End, Error> {
        let hook = format!("{{ exec = \"{serves}\" }}");
        Ok(end(
            serves,
            judge(&fix::applied(&subject.document, &[set(PRE_STOP, hook)])?)?,
        ))
    };
    let least = end(not_read.least, least);
    let longest = not_read.longest(scenario.revisions[0].pod.termination_grace_period);
    let most = if longest == least.serves {
        least.clone()
    } else {
        at(longest)?
    };
    let mut ends = HookEnds {
        what: not_read.what.clone(),
        least,
        most,
        met_from: None,
        met_to: None,
    };
    if ends.least.verdict == Verdict::Met && ends.most.verdict == Verdict::Met {
        return Ok(Some(ends));
    }
    // In between it may be neither too short nor, under its grace period, too long.
    let mut ladder = vec![(ends.least.serves, ends.least.verdict == Verdict::Met)];
    for quarter in 1..4 {
        let serves = between(ends.least.serves, ends.most.serves, quarter, 4);
        ladder.push((serves, at(serves)?.verdict == Verdict::Met));
    }
    ladder.push((ends.most.serves, ends.most.verdict == Verdict::Met));
    for step in ladder.windows(2) {
        let ((low, low_met), (high, high_met)) = (step[0], step[1]);
        if low_met == high_met {
            continue;
        }
        let (last, first) = bisected(low, high, &|serves| {
            Ok((at(serves)?.verdict == Verdict::Met) == low_met)
        })?;
        if high_met {
            ends.met_from = ends.met_from.or(Some(first));
        } else {
            ends.met_from = ends.met_from.or(Some(ends.least.serves));
            ends.met_to = Some(last);
        }
    }
    Ok(Some(ends))
}

/// Whole seconds, so many parts of the way from one to the other.
fn between(low: Span, high: Span, part: u64, of: u64) -> Span {
    let way = high.saturating_sub(low).as_micros() * part / of;
    Span::from_secs((low.as_micros() + way).div_ceil(1_000_000)).min(high)
}

/// The last second that is as `low` is, and the first that is as `high` is.
fn bisected(
    mut low: Span,
    mut high: Span,
    is_as_low: &dyn Fn(Span) -> Result<bool, Error>,
) -> Result<(Span, Span), Error> {
    while high.saturating_sub(low) > Span::from_secs(1) {
        let middle = between(low, high, 1, 2);
        if middle == low || middle == high {
            break;
        }
        if is_as_low(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok((low, high))
}
