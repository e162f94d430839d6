//! Which endpoints count as targets (pkg/backend/endpoint_resolver.go).

use crate::cluster::pod::NodeReady;

/// An endpoint's conditions in its EndpointSlice, as far as the controller looks at them: that a
/// terminating pod is still `serving` it does not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// `conditions.ready`.
    pub ready: bool,
    /// `conditions.terminating`.
    pub terminating: bool,
}

/// What the controller's pod cache keeps of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodStatus {
    /// The `ContainersReady` condition.
    pub containers_ready: bool,
    /// Whether the pod has the readiness gate of this target group.
    pub gated: bool,
    /// The gate's condition.
    pub gate: bool,
    /// The Ready condition of its host.
    pub host: NodeReady,
}

/// Whether an endpoint counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Is, or is to become, a target.
    Counts,
    /// Is none, and will not become one without a further event.
    #[default]
    Ignored,
    /// Is a target only if there is no other (feature gate `EndpointsFailOpen`, on).
    LastResort,
    /// Is none yet and may become one without an event of its EndpointSlice: a gated pod stays
    /// `ready: false` there until the gate is True.
    Potential,
}

/// The rule.
pub fn standing(endpoint: Option<Endpoint>, pod: Option<PodStatus>) -> Standing {
    match (endpoint, pod) {
        (None, _) => Standing::Ignored,
        // "the pod in endpoint is not found in pod cache yet, will keep retrying"
        (Some(_), None) => Standing::Potential,
        (Some(Endpoint { ready: true, .. }), Some(_)) => Standing::Counts,
        (
            Some(_),
            Some(PodStatus {
                containers_ready: false,
                gated: true,
                ..
            }),
        ) => Standing::Potential,
        (
            Some(_),
            Some(PodStatus {
                containers_ready: false,
                gated: false,
                ..
            }),
        ) => Standing::Ignored,
        // ContainersReady but not Ready: the host decides. This is also how a gated pod is registered
        // before it is Ready.
        (
            Some(_),
            Some(PodStatus {
                host: NodeReady::Unknown,
                ..
            }),
        ) => Standing::LastResort,
        (
            Some(_),
            Some(PodStatus {
                host: NodeReady::False,
                ..
            }),
        ) => Standing::Ignored,
        (
            Some(Endpoint {
                terminating: false, ..
            }),
            Some(_),
        ) => Standing::Counts,
        (
            Some(Endpoint {
                terminating: true, ..
            }),
            Some(_),
        ) => Standing::Ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r`eady and `t`erminating of the endpoint, `c`ontainers ready and `g`ated of the pod, host `u`nknown or `f`alse.
    #[track_caller]
    fn check(conditions: &str, expected: Standing) {
        let has = |condition| conditions.contains(condition);
        let endpoint = Endpoint {
            ready: has('r'),
            terminating: has('t'),
        };
        let host = match (has('u'), has('f')) {
            (true, _) => NodeReady::Unknown,
            (_, true) => NodeReady::False,
            _ => NodeReady::True,
        };
        let pod = PodStatus {
            containers_ready: has('c'),
            gated: has('g'),
            gate: false,
            host,
        };
        assert_eq!(
            standing(Some(endpoint), Some(pod)),
            expected,
            "{conditions}"
        );
        assert_eq!(standing(Some(endpoint), None), Standing::Potential);
        assert_eq!(standing(None, Some(pod)), Standing::Ignored);
    }

    #[test]
    fn the_rule_case_by_case() {
        check("rc", Standing::Counts);
        check("", Standing::Ignored);
        check("g", Standing::Potential);
        check("c", Standing::Counts);
        check("cg", Standing::Counts);
        check("ct", Standing::Ignored);
        check("cgt", Standing::Ignored);
        // publishNotReadyAddresses: registered to the end.
        check("rct", Standing::Counts);
        // A host that is not heard of, and one that says that it is not Ready.
        check("cu", Standing::LastResort);
        check("cf", Standing::Ignored);
        check("rcu", Standing::Counts);
        check("u", Standing::Ignored);
    }
}
