//! `kubectl drain`, a node group update, a cluster autoscaler: a host is emptied in good order.

use crate::cluster::operator::{self, Job, Work};
use crate::cluster::scheduler;
use crate::dist::Dist;
use crate::disturbance::{Place, Unfolded};
use crate::event::Event;
use crate::setting::settings;
use crate::time::{Span, Time};

settings! {
    /// A host is drained: cordoned, and its pods evicted all at once. An eviction that `[pod_disruption_budget]` forbids (429) is tried again every 5 s. Replacements are made once a pod is deleted: there is no surge.
    NodeDrain in "disturbance.node_drain" {
        /// From the rollout's start until the drain; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// Which host, counted from 0; absent: chance picks one.
        node: Option<u16> = None, Assumed "one host is as likely as another";
        /// The drain is given up after this.
        timeout: Option<Span> = None, Documented "kubectl drain --timeout: none; EKS managed node groups: 15 min a host";
        /// The host takes pods again this long after the drain began.
        uncordon_after: Option<Span> = None, Documented "kubectl drain: not before somebody uncordons it";
    }
}

impl NodeDrain {
    pub(super) fn unfold(&self, at: Time, place: Place, unfolded: &mut Unfolded) {
        let node = place.host(self.node);
        let until = self.timeout.map_or(Time::NEVER, |timeout| at + timeout);
        unfolded.at(at, Event::Scheduler(scheduler::Input::Cordon(node)));
        let job = Job {
            id: place.number,
            work: Work::Drain(node),
            until,
        };
        unfolded.at(at, Event::Operator(operator::Input::Start(job)));
        if let Some(after) = self.uncordon_after {
            unfolded.at(
                at + after,
                Event::Scheduler(scheduler::Input::Uncordon(node)),
            );
        }
    }
}
