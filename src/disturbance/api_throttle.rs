//! An API takes fewer calls than are made.

use serde::{Deserialize, Serialize};

use crate::cluster::spec::Link;
use crate::dist::Dist;
use crate::disturbance::Unfolded;
use crate::disturbance::rule::{Effect, LinkRule};
use crate::setting::{form::named, settings};
use crate::time::{Span, Time};

settings! {
    /// An API is short of breath for a time. Kubernetes' lets a few writes a second of this Deployment's controllers and kubelets through, the others wait their turn; ELB's refuses calls, which the SDK tries ten times (2ⁿ s of jitter, 20 s at most) before the controller starts over.
    ApiThrottle in "disturbance.api_throttle" {
        /// From the rollout's start until the throttle; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// How long it lasts.
        duration: Span = Span::from_secs(60), Assumed "a minute; give your own";
        /// `kubernetes` or `elb`.
        api: Api = Api::Kubernetes, Assumed "the one that most rollouts lean on";
        /// With `kubernetes`: writes a second that pass; at least 1.
        rate: u32 = 2, (at least 1) Assumed "no control plane publishes it";
        /// With `kubernetes`: writes that pass at once; at least 1.
        burst: u32 = 1, (at least 1) Assumed "no control plane publishes it";
        /// With `elb`: the share of the tries that is refused; from 0 to 1.
        refused: f64 = 1.0, (at least 0, at most 1) Assumed "an empty bucket refuses every call";
    }
}

/// Which API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// The Kubernetes API server: writes.
    Kubernetes,
    /// The ELB API, as the load balancer controller calls it.
    Elb,
}

impl ApiThrottle {
    pub(super) fn unfold(&self, from: Time, unfolded: &mut Unfolded) {
        let (link, effect) = match self.api {
            Api::Kubernetes => {
                let (per_second, burst) = (self.rate.into(), self.burst.into());
                (Link::ApiWrite, Effect::Rate { per_second, burst })
            }
            Api::Elb => (Link::LbcToElb, Effect::Refused(self.refused)),
        };
        unfolded.rules.push(LinkRule {
            link,
            from,
            to: from + self.duration,
            effect,
        });
    }
}

named!(Api);
