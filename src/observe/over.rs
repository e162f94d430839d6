//! When a rollout is over for the load balancer, too: what was to go is gone and no node chooses it any more, and
//! each node has made up its mind about what has come.

use crate::aws::alb_node::Belief;
use crate::id::PodId;
use crate::observe::measure::{Goal, completion};
use crate::observe::timeline::{BeliefChange, PodRecord, Timeline};
use crate::time::{Span, Time};

/// A pod whose network has been gone for so long went down with its host: nobody will remove it.
const LOST: Span = Span::from_secs(60);

/// Where a pod has come to, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Gone(Time),
    There(Time),
}

/// What a node thinks of one target.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Whose target it is, in the end.
    pod: Option<PodId>,
    /// Since when: before that, the IP was another pod's.
    from: Time,
    /// Whether the node chooses it.
    chosen: bool,
    /// When the node last stopped choosing it.
    left: Time,
    /// When the node first came to a verdict on this pod.
    judged: Option<Time>,
}

/// Since when the rollout has been over; `None`: it was not before `now`, as far as the timeline goes.
pub fn over(timeline: &Timeline, goal: &Goal, now: Time) -> Option<Time> {
    let mut last = if goal.paused {
        timeline.rollout_at
    } else {
        completion(timeline, goal)?
    };
    for pod in &timeline.pods {
        let (Fate::Gone(since) | Fate::There(since)) = fate(pod, now)?;
        last = last.max(since);
    }
    match timeline.node_ports.is_empty() {
        true => Some(last.max(targets_are_known(timeline, now)?)),
        false => Some(last.max(node_ports_are_known(timeline, now)?)),
    }
}

/// Whether no pod is on its way out.
pub fn nobody_is_leaving(timeline: &Timeline, now: Time) -> bool {
    let mut leaving = timeline.leaving.iter();
    leaving.all(|pod| is_lost(&timeline.pods[pod.index()], now))
}

fn is_lost(pod: &PodRecord, now: Time) -> bool {
    pod.network_gone.is_some_and(|gone| now > gone + LOST)
}

/// `None`: on its way.
fn fate(pod: &PodRecord, now: Time) -> Option<Fate> {
    match (pod.gone, pod.terminating, pod.finished) {
        (Some(gone), ..) => Some(Fate::Gone(gone)),
        (None, Some(deleted), _) if is_lost(pod, now) => {
            Some(Fate::Gone(pod.network_gone?.max(deleted)))
        }
        (None, Some(_), _) => None,
        (None, None, Some(finished)) => Some(Fate::Gone(finished)),
        // It went down with its host, and nobody has replaced it.
        (None, None, None) if pod.network_gone.is_some() => None,
        (None, None, None) if pod.initial => Some(Fate::There(Time::ZERO)),
        (None, None, None) => pod.ready.map(Fate::There),
    }
}

/// With target type `ip`: since when no node has chosen a pod that is gone, and all have judged those that are there.
fn targets_are_known(timeline: &Timeline, now: Time) -> Option<Time> {
    let first = |target: &crate::observe::timeline::TargetRecord| Known {
        pod: target.pod,
        from: Time::ZERO,
        chosen: false,
        left: Time::ZERO,
        judged: None,
    };
    let mut owners: Vec<Known> = timeline.targets.iter().map(first).collect();
    for reuse in &timeline.reuses {
        let known = owners.get_mut(reuse.target.index())?;
        (known.pod, known.from) = (Some(reuse.pod), reuse.at);
    }
    let there = |pod: &PodRecord| matches!(fate(pod, now), Some(Fate::There(_)));
    let serving = timeline.pods.iter().filter(|pod| there(pod)).count();
    let mut last = Time::ZERO;
    for changes in &timeline.beliefs {
        let mut judged = 0;
        for known in thoughts(&owners, changes) {
            let Some(pod) = known.pod else { continue };
            if there(&timeline.pods[pod.index()]) {
                last = last.max(known.judged?);
                judged += 1;
            } else if known.chosen {
                return None;
            }
            last = last.max(known.left);
        }
        if judged < serving {
            return None;
        }
    }
    Some(last)
}

/// What a node thinks of every target, after all it has come to believe.
fn thoughts(owners: &[Known], changes: &[BeliefChange]) -> Vec<Known> {
    let mut thoughts = owners.to_vec();
    for change in changes {
        let Some(known) = thoughts.get_mut(change.target.index()) else {
            continue;
        };
        let chosen = change.belief == Belief::Healthy;
        if known.chosen && !chosen {
            known.left = change.at;
        }
        known.chosen = chosen;
        if change.at >= known.from && matches!(change.belief, Belief::Healthy | Belief::Unhealthy) {
            known.judged.get_or_insert(change.at);
        }
    }
    thoughts
}

/// With target type `instance`: since when no node port has led to a pod that is gone, some lead to each that is
/// there, and no node has chosen a host that leads nowhere.
fn node_ports_are_known(timeline: &Timeline, now: Time) -> Option<Time> {
    let gone: Vec<bool> = timeline
        .pods
        .iter()
        .map(|pod| matches!(fate(pod, now), Some(Fate::Gone(_))))
        .collect();
    let mut last = Time::ZERO;
    let mut led_to = vec![false; timeline.pods.len()];
    let mut leads = Vec::with_capacity(timeline.node_ports.len());
    for changes in &timeline.node_ports {
        let mut forwards = vec![false; timeline.pods.len()];
        changes
            .iter()
            .for_each(|change| forwards[change.pod.index()] = change.forwards);
        if forwards
            .iter()
            .zip(&gone)
            .any(|(forwards, gone)| *forwards && *gone)
        {
            return None;
        }
        led_to
            .iter_mut()
            .zip(&forwards)
            .for_each(|(led_to, forwards)| *led_to |= forwards);
        leads.push(forwards.contains(&true));
        last = last.max(changes.last().map_or(Time::ZERO, |change| change.at));
    }
    if led_to
        .iter()
        .zip(&gone)
        .any(|(led_to, gone)| !led_to && !gone)
    {
        return None;
    }
    let host = Known {
        pod: None,
        from: Time::ZERO,
        chosen: false,
        left: Time::ZERO,
        judged: None,
    };
    let hosts = vec![host; timeline.targets.len()];
    for changes in &timeline.beliefs {
        for (known, leads) in thoughts(&hosts, changes).iter().zip(&leads) {
            if known.chosen && !leads {
                return None;
            }
            last = last.max(known.left);
        }
    }
    Some(last)
}
