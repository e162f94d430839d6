//! A host shuts down, and its kubelet stops the pods itself.

use crate::cluster::kubelet;
use crate::cluster::pod::NodeReady;
use crate::cluster::scheduler;
use crate::dist::Dist;
use crate::disturbance::{Draw, Place, Unfolded, host};
use crate::event::Event;
use crate::setting::settings;
use crate::time::{Span, Time};

settings! {
    /// A host shuts down, and its kubelet stops the pods first. No `deletionTimestamp` is set: the pods stay ready in their EndpointSlice until the node controller marks them, and are replaced only once they have ended (kubernetes#116965).
    GracefulNodeShutdown in "disturbance.graceful_node_shutdown" {
        /// From the rollout's start until the shutdown; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// Which host, counted from 0; absent: chance picks one.
        node: Option<u16> = None, Assumed "one host is as likely as another";
        /// How long ordinary pods may take to stop, if their own grace period is not shorter; whole seconds. 0 s: the kubelet does nothing, the host is gone at once.
        grace_period: Span = Span::from_secs(120), Documented "EKS AL2023 from 1.34: shutdownGracePeriod 150 s, of which shutdownGracePeriodCriticalPods 30 s (amazon-eks-ami, nodeadm/internal/kubelet/config.go); upstream 0 s";
        /// How long critical pods then have, after which the host is gone; whole seconds.
        critical_grace_period: Span = Span::from_secs(30), Documented "shutdownGracePeriodCriticalPods, amazon-eks-ami, nodeadm/internal/kubelet/config.go";
        /// From the host's marking as not Ready until its pods are deleted.
        toleration: Span = Span::from_secs(300), Documented "plugin/pkg/admission/defaulttolerationseconds";
    }
}

impl GracefulNodeShutdown {
    pub(super) fn unfold(&self, at: Time, place: Place, unfolded: &mut Unfolded) {
        let node = place.host(self.node);
        if self.grace_period == Span::ZERO {
            return host::lose(node, at, self.toleration, place, unfolded);
        }
        unfolded.at(
            at,
            Event::Kubelet(node, kubelet::Input::ShutDown(self.grace_period)),
        );
        // The kubelet reports itself not Ready at once, and the taint follows the report; the pods
        // are marked when the node controller next looks.
        unfolded.at(at, Event::Scheduler(scheduler::Input::Cordon(node)));
        let look = host::MONITOR_PERIOD.scaled(place.draw(Draw::Monitor, node).uniform());
        host::not_ready(node, at + look, NodeReady::False, self.toleration, unfolded);
        let down = at + self.grace_period + self.critical_grace_period;
        unfolded.at(down, Event::Kubelet(node, kubelet::Input::HostDown));
    }
}
