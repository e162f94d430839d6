//! The AWS Load Balancer Controller loses its leader.

use crate::aws::lbc;
use crate::dist::Dist;
use crate::disturbance::{Draw, Place, Unfolded};
use crate::event::Event;
use crate::id::NodeId;
use crate::setting::settings;
use crate::time::{Span, Time};

settings! {
    /// The load balancer controller loses its leader. Until another replica takes over nothing is registered or deregistered, and no gate opens; then everything is reconciled once. The webhook that injects gates goes on: every replica serves it.
    LbcOutage in "disturbance.lbc_outage" {
        /// From the rollout's start until the leader is gone; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// How long nobody leads; a span or a distribution.
        duration: Dist = Dist::Uniform(Span::from_secs(15), Span::from_secs(120)), Documented "LBC docs/deploy/scaling.md: \"15-second to 2 minute stoppage of CRUD operations\"";
    }
}

impl LbcOutage {
    pub(super) fn unfold(&self, at: Time, place: Place, unfolded: &mut Unfolded) {
        let duration = self
            .duration
            .sample(&mut place.draw(Draw::Length, NodeId(0)));
        unfolded.at(at, Event::Lbc(lbc::Input::LeaderLost));
        unfolded.at(at + duration, Event::Lbc(lbc::Input::LeaderElected));
    }
}
