//! What the rules on the preStop hook look at.

use super::Found;
use super::look::{GRACE, found, shutdown, whole};
use crate::check::Severity;
use crate::check::fix::{Edit, PRE_STOP, seconds};
use crate::check::subject::Subject;
use crate::cluster::pod::PreStop;
use crate::manifest::NotRead;
use crate::pre_stop::{self, Advice, Need};
use crate::scenario::Scenario;
use crate::time::Span;

/// For how long the hook lets the pods serve on; one that is not read: for so long at least.
pub(super) fn serves(scenario: &Scenario) -> Span {
    scenario.revisions[0]
        .pod
        .pre_stop
        .map_or(Span::ZERO, PreStop::serves)
}

/// A hook as long as the slowest node needs, and a grace period that covers it.
struct LongEnough {
    /// As many rollouts as the objective spares may be worse than this.
    needed: Span,
    /// And half as many as this, as people type it.
    advised: Span,
    fix: Vec<Edit>,
}

impl LongEnough {
    fn of(scenario: &Scenario) -> LongEnough {
        let (need, share) = (Need::of(scenario), scenario.objectives.probability);
        let needed = whole(need.of_all(share));
        let advised = pre_stop::typed(need.of_all(pre_stop::with_margin(share)));
        let mut fix = vec![seconds(PRE_STOP, advised)];
        // Five seconds for what the kubelet and the application add.
        let grace = pre_stop::typed_grace(advised + shutdown(scenario) + Span::from_secs(5));
        if scenario.revisions[0].pod.termination_grace_period < grace {
            fix.push(seconds(GRACE, grace));
        }
        LongEnough {
            needed,
            advised,
            fix,
        }
    }
}

/// What the hook is, as the start of a sentence.
fn described(subject: &Subject, scenario: &Scenario) -> String {
    let pod = &scenario.revisions[0].pod;
    let why = subject.hook().and_then(|hook| hook.why.as_deref());
    if let Some(not_read) = subject.hook().and_then(|hook| hook.not_read.as_ref()) {
        let (least, longest) = (
            not_read.least,
            not_read.longest(pod.termination_grace_period),
        );
        return format!(
            "preStop runs {}, which is not read: the pods serve on for {least} to {longest}",
            not_read.what
        );
    }
    match (pod.pre_stop, why) {
        (None, _) => "there is no preStop hook".to_owned(),
        (Some(PreStop::Fails(_)), Some(why)) => format!("the preStop hook fails at once ({why})"),
        (Some(PreStop::Fails(_)), None) => "the preStop hook cannot run".to_owned(),
        (Some(hook), why) => match (hook.stop(), why) {
            (Some((at, _)), why) => {
                let when = if at == Span::ZERO {
                    "at once".to_owned()
                } else {
                    format!("after {at}")
                };
                format!("{} {when}", why.unwrap_or("preStop stops the server"))
            }
            (None, Some(why)) if hook.duration() == Span::ZERO => {
                format!("preStop gives nothing ({why})")
            }
            (None, _) => format!("preStop takes {}", hook.duration()),
        },
    }
}

/// What to do with a hook that no patch may touch.
fn advice(subject: &Subject, advised: Span) -> Option<String> {
    let hook = subject.hook().filter(|hook| !hook.only_waits)?;
    Some(match &hook.not_read {
        Some(NotRead { what, .. }) => format!(
            "let the hook sleep {advised} before it runs {what}, or say for how long the pods serve on: --set pod.pre_stop={advised}; \
             no patch touches a hook that is not read"
        ),
        None => format!(
            "let the hook sleep {advised} before anything in it that stops the server; no patch touches a hook that does more than sleep"
        ),
    })
}

pub(super) fn pre_stop_too_short(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let LongEnough {
        needed,
        advised,
        fix,
    } = LongEnough::of(scenario);
    let hook = described(subject, scenario);
    let share = (scenario.objectives.probability * 1e6).round() / 1e4;
    let message = format!("{hook}; {share} % of rollouts need up to {needed}");
    let found = found(
        serves(scenario) < needed,
        &[PRE_STOP, "deployment.replicas"],
        message,
        fix,
    )?;
    let advice = advice(subject, advised);
    let need = Some(Advice::of(scenario, scenario.objectives.probability));
    let grace = scenario.revisions[0].pod.termination_grace_period;
    let not_read = subject.hook().and_then(|hook| hook.not_read.as_ref());
    if not_read.is_some_and(|not_read| not_read.longest(grace) >= needed) {
        // It may be long enough: what its ends cost is for the verdict to say.
        return Some(Found {
            fix: Vec::new(),
            advice,
            need,
            severity: Some(Severity::Note),
            ..found
        });
    }
    Some(Found {
        advice,
        need,
        ..found
    })
}

pub(super) fn pre_stop_outlasts_grace(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let (hook, grace) = (
        serves(scenario),
        scenario.revisions[0].pod.termination_grace_period,
    );
    let message = format!("preStop takes {hook}, the whole grace period is {grace}");
    // No grace period is long enough for a hook that lasts for hours, or for ever.
    let fix = if hook > Span::from_secs(3600) {
        LongEnough::of(scenario).fix
    } else {
        let grace = hook + shutdown(scenario) + Span::from_secs(5);
        vec![seconds(GRACE, pre_stop::typed_grace(grace))]
    };
    found(
        hook > Span::ZERO && hook >= grace,
        &[GRACE, PRE_STOP],
        message,
        fix,
    )
}

pub(super) fn sleep_by_command(subject: &Subject) -> Option<Found> {
    let scenario = subject.scenario.as_ref().ok()?;
    let hook = subject.hook()?;
    let sleeps =
        hook.command && hook.only_waits && hook.not_read.is_none() && serves(scenario) > Span::ZERO;
    let message = "preStop runs a command to sleep, which the image must contain".to_owned();
    // Two findings on one hook want one value of it.
    let other = [
        (
            "RL002",
            pre_stop_outlasts_grace as fn(&Subject) -> Option<Found>,
        ),
        ("RL001", pre_stop_too_short),
    ]
    .into_iter()
    .filter(|(rule, _)| !subject.ignores(rule))
    .find_map(|(_, look)| {
        look(subject)
            .map(|found| found.fix)
            .filter(|fix| fix.iter().any(|edit| edit.key == PRE_STOP))
    });
    let fix = other.unwrap_or_else(|| vec![seconds(PRE_STOP, serves(scenario))]);
    found(
        sleeps && scenario.cluster.kubernetes.at_least(30),
        &[PRE_STOP],
        message,
        fix,
    )
}
