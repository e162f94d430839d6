//! Candidates, and which of them are not beaten in everything by another.

use std::cmp::Ordering;

use super::moves::{PRE_STOP, Settings};
use crate::stats::Proportion;
use crate::sweep::totals::Totals;
use crate::time::Span;

/// A configuration that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// What it sets on top of the scenario; nothing: the scenario as it is.
    pub settings: Settings,
    /// What it came to.
    pub totals: Totals,
}

/// What a candidate costs; less is better in each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Share of rollouts with any 5xx.
    pub any_5xx: f64,
    /// Mean seconds until the last old pod is gone; infinite if it never is.
    pub old_pods_gone: f64,
    /// Mean seconds until the rollout is complete; infinite if it never is.
    pub duration: f64,
    /// Mean pod-seconds beyond the desired pods.
    pub extra_pod_seconds: f64,
}

/// What counts as cheap among configurations that are as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefer {
    /// The least time until the rollout is complete and its old pods are gone.
    Speed,
    /// The fewest pod-seconds beyond the desired pods.
    Cost,
    /// The least sum of both: a second of the rollout weighs as much as a pod-second.
    #[default]
    Balanced,
}

impl Prefer {
    /// All of them, in the order of `--prefer`'s help.
    pub const ALL: [Prefer; 3] = [Prefer::Speed, Prefer::Cost, Prefer::Balanced];

    /// The word that `--prefer` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Prefer::Speed => "speed",
            Prefer::Cost => "cost",
            Prefer::Balanced => "balanced",
        }
    }

    /// What a configuration costs: seconds, pod-seconds, or the sum of their numbers. Infinite if a rollout never ends.
    pub fn price(self, cost: &Cost) -> f64 {
        match self {
            Prefer::Speed => cost.ends(),
            Prefer::Cost => cost.extra_pod_seconds,
            Prefer::Balanced => cost.ends() + cost.extra_pod_seconds,
        }
    }

    /// By price; of one price by what the other two say.
    pub fn order(self, one: &Candidate, other: &Candidate) -> Ordering {
        let (one, other) = (one.cost(), other.cost());
        let by = |prefer: Prefer| prefer.price(&one).total_cmp(&prefer.price(&other));
        by(self).then(by(Prefer::Balanced)).then(by(Prefer::Cost))
    }
}

impl Candidate {
    /// What it costs.
    pub fn cost(&self) -> Cost {
        let totals = &self.totals;
        let runs = totals.runs();
        // A mean over those rollouts alone that ended would flatter a candidate that often gets stuck.
        let ended = |sum: &crate::sweep::Sum| {
            sum.mean_secs()
                .filter(|_| sum.n == runs)
                .unwrap_or(f64::INFINITY)
        };
        Cost {
            any_5xx: self.any_5xx(0.95).map_or(1.0, |any| any.probability),
            old_pods_gone: ended(&totals.old_pods_gone),
            duration: ended(&totals.duration),
            extra_pod_seconds: totals.extra_pod_time.mean() / 1e6,
        }
    }

    /// Share of rollouts with any 5xx, with its interval.
    pub fn any_5xx(&self, level: f64) -> Option<Proportion> {
        self.totals.any_5xx(level)
    }

    /// Seconds of its preStop, where it sets one.
    pub fn pre_stop(&self) -> Option<u64> {
        let (_, value) = self.settings.iter().find(|(key, _)| key == PRE_STOP)?;
        Some(Span::parse(value).ok()?.as_micros() / 1_000_000)
    }
}

impl Cost {
    const fn values(&self) -> [f64; 4] {
        [
            self.any_5xx,
            self.old_pods_gone,
            self.duration,
            self.extra_pod_seconds,
        ]
    }

    /// No worse in anything, and better in something.
    fn beats(&self, other: &Cost) -> bool {
        let pairs = || self.values().into_iter().zip(other.values());
        pairs().all(|(mine, theirs)| mine <= theirs) && pairs().any(|(mine, theirs)| mine < theirs)
    }

    /// Mean seconds until the rollout is complete and its old pods are gone.
    fn ends(&self) -> f64 {
        self.old_pods_gone.max(self.duration)
    }
}

/// The rows of those candidates that no other beats, in order of their time until old pods are gone
/// (Pareto, *Manuale di economia politica*, 1906).
pub fn pareto(candidates: &[Candidate]) -> Vec<usize> {
    let costs: Vec<Cost> = candidates.iter().map(Candidate::cost).collect();
    let beaten = |row: usize| {
        let twin_before = costs[..row].contains(&costs[row]);
        twin_before || costs.iter().any(|other| other.beats(&costs[row]))
    };
    let mut front: Vec<usize> = (0..costs.len()).filter(|row| !beaten(*row)).collect();
    front.sort_by(|a, b| costs[*a].old_pods_gone.total_cmp(&costs[*b].old_pods_gone));
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monte_carlo::Sample;
    use crate::verdict::Cause;

    fn candidate(dirty: u64, gone: u64, duration: u64, extra: u64) -> Candidate {
        let sample = |i: u64| {
            let mut sample = Sample::default();
            sample.causes[Cause::Refused.index()] = u64::from(i < dirty);
            sample.measures.old_pods_gone = Some(Span::from_secs(gone));
            sample.measures.duration = Some(Span::from_secs(duration));
            sample.measures.extra_pod_time = Span::from_secs(extra);
            sample
        };
        let mut totals = Totals::default();
        totals.extend(&(0..10).map(sample).collect::<Vec<_>>());
        Candidate {
            settings: Vec::new(),
            totals,
        }
    }

    #[test]
    fn the_front_leaves_out_what_is_beaten() {
        let candidates = [
            candidate(10, 20, 20, 50),
            candidate(0, 60, 30, 90),
            candidate(0, 70, 30, 90),
            candidate(5, 40, 30, 70),
            candidate(5, 40, 30, 70),
            candidate(6, 41, 29, 70),
        ];
        assert_eq!(pareto(&candidates), [0, 3, 5, 1]);
        assert_eq!(pareto(&[]), [0; 0]);
    }

    #[test]
    fn what_is_cheap_is_a_matter_of_preference() {
        let (quick, frugal) = (candidate(0, 60, 30, 400), candidate(0, 90, 90, 200));
        assert!(Prefer::Speed.order(&quick, &frugal).is_lt());
        assert!(Prefer::Cost.order(&frugal, &quick).is_lt());
        assert!(Prefer::Balanced.order(&frugal, &quick).is_lt());
        assert_eq!(
            Prefer::ALL.map(|prefer| prefer.price(&quick.cost())),
            [60.0, 400.0, 460.0]
        );
    }

    #[test]
    fn a_rollout_that_never_ends_costs_most() {
        let mut stuck = candidate(0, 20, 20, 50);
        stuck.totals.extend(&[Sample::default()]);
        assert_eq!(stuck.cost().duration, f64::INFINITY);
        for prefer in [Prefer::Speed, Prefer::Balanced] {
            assert!(prefer.order(&candidate(0, 900, 900, 50), &stuck).is_lt());
        }
    }
}
