//! EC2 takes a spot instance back.

use crate::cluster::operator::{self, Job, Work};
use crate::cluster::scheduler;
use crate::dist::Dist;
use crate::disturbance::{Draw, Place, Unfolded, host};
use crate::event::Event;
use crate::setting::settings;
use crate::time::{Span, Time};

/// aws-node-termination-handler asks the instance metadata this often.
const POLL: Span = Span::from_secs(2);

settings! {
    /// A spot instance gets its notice; a termination handler on it drains the host; when the notice is over, whatever still runs there falls silent: no FIN, no RST.
    SpotInterruption in "disturbance.spot_interruption" {
        /// From the rollout's start until the notice; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// Which host, counted from 0; absent: chance picks one.
        node: Option<u16> = None, Assumed "one host is as likely as another";
        /// From the notice until the instance is gone.
        notice: Span = Span::from_secs(120), Documented "EC2 User Guide, spot instance interruption notices: two minutes, best effort";
        /// Whether a termination handler drains the host.
        handler: bool = true, Assumed "aws-node-termination-handler, or Karpenter's interruption handling";
        /// From the lost host's marking as not Ready until its pods are deleted.
        toleration: Span = Span::from_secs(300), Documented "plugin/pkg/admission/defaulttolerationseconds";
    }
}

impl SpotInterruption {
    pub(super) fn unfold(&self, at: Time, place: Place, unfolded: &mut Unfolded) {
        let node = place.host(self.node);
        let gone = at + self.notice;
        let heard = at + POLL.scaled(place.draw(Draw::Handler, node).uniform());
        if self.handler && heard < gone {
            unfolded.at(heard, Event::Scheduler(scheduler::Input::Cordon(node)));
            // The handler goes down with its host.
            let job = Job {
                id: place.number,
                work: Work::Drain(node),
                until: gone,
            };
            unfolded.at(heard, Event::Operator(operator::Input::Start(job)));
        }
        host::lose(node, gone, self.toleration, place, unfolded);
    }
}
