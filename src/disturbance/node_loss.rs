//! A host is gone from one moment to the next.

use crate::dist::Dist;
use crate::disturbance::{Place, Unfolded, host};
use crate::setting::settings;
use crate::time::{Span, Time};

settings! {
    /// A host is gone without a word: crashed, or cut off. Its pods fall silent at once; the node controller notices after its grace period (50 s; 40 s before Kubernetes 1.32), marks them not Ready, and has them deleted after `toleration`. Until then nobody replaces them.
    NodeLoss in "disturbance.node_loss" {
        /// From the rollout's start until the loss; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// Which host, counted from 0; absent: chance picks one.
        node: Option<u16> = None, Assumed "one host is as likely as another";
        /// From the host's marking as not Ready until its pods are deleted.
        toleration: Span = Span::from_secs(300), Documented "plugin/pkg/admission/defaulttolerationseconds";
    }
}

impl NodeLoss {
    pub(super) fn unfold(&self, at: Time, place: Place, unfolded: &mut Unfolded) {
        host::lose(place.host(self.node), at, self.toleration, place, unfolded);
    }
}
