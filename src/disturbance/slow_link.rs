//! One link is slow for a time.

use crate::cluster::spec::Link;
use crate::dist::Dist;
use crate::disturbance::Unfolded;
use crate::disturbance::rule::{Effect, LinkRule};
use crate::setting::settings;
use crate::time::{Span, Time};

settings! {
    /// What is sent on one link takes longer for a time. Watches keep their order: what was sent before is not overtaken.
    SlowLink in "disturbance.slow_link" {
        /// From the rollout's start until the link slows down; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// How long it is slow.
        duration: Span = Span::from_secs(60), Assumed "a minute; give your own";
        /// Which: a name of `[cluster.links]` (`api_write`, `api_to_deployment`, `api_to_replica_set`, `api_to_scheduler`, `api_to_kubelet`, `api_to_endpoint_slice`, `endpoints_to_lbc`, `endpoints_to_kube_proxy`), `lbc_to_elb` or `elb_to_nodes`.
        link: Link = Link::EndpointsToLbc, Assumed "the one that every deregistration takes";
        /// It takes so many times as long.
        factor: f64 = 1.0, (at least 0, at most 1000000) Assumed "no slower; give this or `extra`";
        /// It takes so much longer.
        extra: Span = Span::ZERO, Assumed "no slower; give this or `factor`";
    }
}

impl SlowLink {
    pub(super) fn unfold(&self, from: Time, unfolded: &mut Unfolded) {
        let rule = |effect| LinkRule {
            link: self.link,
            from,
            to: from + self.duration,
            effect,
        };
        unfolded
            .rules
            .extend([Effect::Factor(self.factor), Effect::Extra(self.extra)].map(rule));
    }
}
