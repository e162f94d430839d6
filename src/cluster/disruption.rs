//! The budget that evictions respect and rollouts do not.
//!
//! Source: Kubernetes 1.36, pkg/controller/disruption/disruption.go (`getExpectedPodCount`,
//! `countHealthyPods`), pkg/registry/core/pod/storage/eviction.go.

use crate::setting::{Count, settings};

settings! {
    /// The PodDisruptionBudget over the Deployment's pods (`[pod_disruption_budget]`): at most one of its keys.
    PodDisruptionBudgetSpec in "pod_disruption_budget" {
        /// An eviction must leave so many pods Ready: a number, or a percentage of the replicas that rounds up.
        min_available: Option<Count> = None, Documented "no budget unless one is given";
        /// An eviction must leave at most so many pods not Ready: a number, or a percentage of the replicas that rounds up.
        max_unavailable: Option<Count> = None, Documented "no budget unless one is given";
    }
}

impl PodDisruptionBudgetSpec {
    /// `desiredHealthy` of a Deployment of so many replicas; nothing without a budget.
    const fn desired_healthy(&self, replicas: u32) -> Option<u32> {
        match (self.min_available, self.max_unavailable) {
            (Some(count), _) => Some(count.rounded_up(replicas)),
            (None, Some(count)) => Some(replicas.saturating_sub(count.rounded_up(replicas))),
            (None, None) => None,
        }
    }

    /// Whether one of `healthy` pods, or one that is not Ready, may be evicted now. A pod that is not
    /// Ready may also go while enough others are (`unhealthyPodEvictionPolicy: IfHealthyBudget`).
    pub const fn permits(&self, replicas: u32, healthy: u32, is_ready: bool) -> bool {
        let Some(desired) = self.desired_healthy(replicas) else {
            return true;
        };
        healthy > desired || !is_ready && desired > 0 && healthy == desired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `expected`: how many of so many healthy pods may be evicted one after another, none coming back.
    #[track_caller]
    fn check(
        min_available: Option<Count>,
        max_unavailable: Option<Count>,
        replicas: u32,
        expected: u32,
    ) {
        let budget = PodDisruptionBudgetSpec {
            min_available,
            max_unavailable,
        };
        let evicted = (0..replicas)
            .take_while(|evicted| budget.permits(replicas, replicas - evicted, true))
            .count();
        assert_eq!(evicted as u32, expected);
    }

    #[test]
    fn allowed_disruptions_are_healthy_less_desired() {
        check(None, None, 4, 4);
        check(Some(Count::Pods(1)), None, 4, 3);
        check(Some(Count::Pods(4)), None, 4, 0);
        check(Some(Count::Percent(50)), None, 5, 2);
        check(None, Some(Count::Pods(1)), 4, 1);
        check(None, Some(Count::Percent(25)), 5, 2);
        check(None, Some(Count::Percent(100)), 5, 5);
        check(None, Some(Count::Pods(0)), 4, 0);
    }

    #[test]
    fn a_pod_that_is_not_ready_may_go_while_enough_others_are() {
        let budget = PodDisruptionBudgetSpec {
            min_available: Some(Count::Pods(3)),
            max_unavailable: None,
        };
        assert_eq!(
            [2, 3, 4].map(|healthy| budget.permits(4, healthy, false)),
            [false, true, true]
        );
        assert_eq!(
            [2, 3, 4].map(|healthy| budget.permits(4, healthy, true)),
            [false, false, true]
        );
    }
}
