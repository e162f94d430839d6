//! A zone fails, and with it every host in it.

use crate::dist::Dist;
use crate::disturbance::{Draw, Place, Unfolded, host};
use crate::id::NodeId;
use crate::setting::settings;
use crate::time::{Span, Time};

/// Hosts of a zone are tainted at most this often (`--node-eviction-rate` 0.1).
const TAINT_EVERY: Span = Span::from_secs(10);

settings! {
    /// Every host of a zone is gone at once, as in `node_loss`. Hosts are dealt to zones in turn: host n is in zone n modulo `zones`. The load balancer's own node in that zone is taken to leave DNS unnoticed.
    ZoneOutage in "disturbance.zone_outage" {
        /// From the rollout's start until the outage; a span or a distribution.
        at: Dist = Dist::constant(Span::ZERO), Assumed "together with the rollout";
        /// How many zones the hosts are in.
        zones: u16 = 3, (at least 1) Assumed "the zones of a Region that most clusters use";
        /// Which zone, counted from 0; absent: chance picks one.
        zone: Option<u16> = None, Assumed "one zone is as likely as another";
        /// From a host's taint until its pods are deleted.
        toleration: Span = Span::from_secs(300), Documented "plugin/pkg/admission/defaulttolerationseconds";
    }
}

impl ZoneOutage {
    pub(super) fn unfold(&self, at: Time, place: Place, unfolded: &mut Unfolded) {
        let zones = self.zones.max(1);
        let drawn = || place.draw(Draw::Whom, NodeId(0)).below(usize::from(zones)) as u16;
        let zone = self.zone.unwrap_or_else(drawn);
        let hosts = (zone..place.scene.cluster.nodes).step_by(usize::from(zones));
        for (nth, node) in (0..).zip(hosts) {
            host::lose(
                NodeId(node),
                at,
                self.toleration + TAINT_EVERY * nth,
                place,
                unfolded,
            );
        }
    }
}
