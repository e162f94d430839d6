//! What follows from the loss of a host, however it comes about.

use crate::cluster::pod::NodeReady;
use crate::cluster::{api_server, kubelet, scheduler};
use crate::disturbance::{Draw, Place, Unfolded};
use crate::event::Event;
use crate::id::NodeId;
use crate::time::{Span, Time};

/// The node controller looks at all hosts this often (`nodeMonitorPeriod`).
pub(super) const MONITOR_PERIOD: Span = Span::from_secs(5);
/// A kubelet renews its lease this often (`nodeLeaseDurationSeconds` 40 × 0.25).
const HEARTBEAT: Span = Span::from_secs(10);

/// The host falls silent at `at`. The node controller notices once the last heartbeat is older than
/// its grace period: its pods are marked not Ready, nothing is scheduled there any more, and after
/// `toleration` its pods are deleted, which no kubelet confirms.
pub(super) fn lose(
    node: NodeId,
    at: Time,
    toleration: Span,
    place: Place,
    unfolded: &mut Unfolded,
) {
    // --node-monitor-grace-period, pkg/controller/nodelifecycle/config/v1alpha1/defaults.go: 40 s up to 1.31.
    let grace = if place.scene.cluster.kubernetes.at_least(32) {
        50
    } else {
        40
    };
    let age = HEARTBEAT.scaled(place.draw(Draw::Heartbeat, node).uniform());
    let look = MONITOR_PERIOD.scaled(place.draw(Draw::Monitor, node).uniform());
    let noticed = at + Span::from_secs(grace).saturating_sub(age) + look;
    unfolded.at(at, Event::Kubelet(node, kubelet::Input::HostDown));
    not_ready(node, noticed, NodeReady::Unknown, toleration, unfolded);
}

/// The node controller finds the host not Ready.
pub(super) fn not_ready(
    node: NodeId,
    at: Time,
    ready: NodeReady,
    toleration: Span,
    unfolded: &mut Unfolded,
) {
    unfolded.at(at, Event::Scheduler(scheduler::Input::Cordon(node)));
    unfolded.at(at, Event::Api(api_server::Input::NodeNotReady(node, ready)));
    unfolded.at(
        at + toleration,
        Event::Api(api_server::Input::DeletePodsOn(node)),
    );
}
