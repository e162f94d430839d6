//! Pods are deleted, or processes killed, by a hand or by chance.

use serde::{Deserialize, Serialize};

use crate::cluster::operator::{self, Job, Work};
use crate::dist::Dist;
use crate::disturbance::{Place, Unfolded};
use crate::event::Event;
use crate::setting::{form::named, settings};
use crate::time::{Span, Time};

settings! {
    /// Ready pods that chance picks are deleted, as `kubectl delete pod` does and no budget forbids, or lose their process, as by the OOM killer.
    PodKill in "disturbance.pod_kill" {
        /// From the rollout's start until the kill; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// How many.
        pods: u32 = 1, (at least 1) Assumed "one at a time";
        /// `pod` (deleted, gracefully) or `container` (SIGKILL; restarted in place, under the same IP).
        what: Victim = Victim::Pod, Assumed "the commoner of the two";
    }
}

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Victim {
    /// The pod.
    Pod,
    /// The process of its container.
    Container,
}

impl PodKill {
    pub(super) fn unfold(&self, at: Time, place: Place, unfolded: &mut Unfolded) {
        let work = match self.what {
            Victim::Pod => Work::Delete(self.pods),
            Victim::Container => Work::Kill(self.pods),
        };
        let job = Job {
            id: place.number,
            work,
            until: Time::NEVER,
        };
        unfolded.at(at, Event::Operator(operator::Input::Start(job)));
    }
}

named!(Victim);
