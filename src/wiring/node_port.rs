//! Target type `instance`: what goes through the hosts' node ports.
//!
//! A target is a host, and the load balancer controller registers hosts: no pod's coming or going
//! is anything to it. What follows pods is kube-proxy, on each host by itself.

use super::Telling;
use super::links::{Hop, Links, Pace};
use crate::aws::alb_node;
use crate::aws::health_check::HealthCheckPort;
use crate::cluster::pod::Endpoint;
use crate::cluster::spec::Link;
use crate::cluster::{app, kube_proxy};
use crate::event::Event;
use crate::id::{AlbNodeId, NodeId, PodId, TargetId};
use crate::random::{Purpose, pair};
use crate::scenario::Scenario;
use crate::time::Time;

/// The target that stands for a host and its node port.
pub const fn target_of(host: NodeId) -> TargetId {
    TargetId(host.0)
}

/// The host behind a target.
pub const fn host_of(target: TargetId) -> NodeId {
    NodeId(target.0)
}

/// The links to the hosts.
#[derive(Debug)]
pub(super) struct NodePorts {
    watch: Hop,
    port: HealthCheckPort,
    /// By host: when the last event of its watch arrives.
    last: Vec<Time>,
}

/// The watches of kube-proxies are told apart from the others by this, and by their host.
const WATCHES_FROM: u64 = 1 << 16;

impl NodePorts {
    /// Those of a scenario, if its targets are hosts.
    pub(super) fn new(scenario: &Scenario) -> Option<NodePorts> {
        let watch = Links::to_kube_proxy(&scenario.cluster);
        let port = scenario.target_group.health_check.port;
        let last = vec![Time::ZERO; usize::from(scenario.cluster.nodes)];
        scenario
            .is_by_host()
            .then_some(NodePorts { watch, port, last })
    }

    /// Before a replication.
    pub(super) fn reset(&mut self, pace: Pace) {
        self.watch.keep(pace);
        self.last.fill(Time::ZERO);
    }
}

impl Telling<'_> {
    /// An endpoint was written: every host hears of it, each at its time.
    pub(super) fn tell_hosts(&mut self, pod: PodId, endpoint: Option<Endpoint>, message: u64) {
        let Telling {
            wiring,
            agenda,
            streams,
            now,
        } = self;
        let Some(ports) = &mut wiring.node_ports else {
            return;
        };
        for (host, last) in (0..).zip(&mut ports.last) {
            let entity = pair(WATCHES_FROM + u64::from(host), message);
            let delay = ports.watch.sample(streams, Purpose::Watch, entity);
            let delay = wiring.rules.delay(Link::EndpointsToKubeProxy, *now, delay);
            *last = (*now + delay).max(*last);
            agenda.push(
                *last,
                Event::KubeProxy(NodeId(host), kube_proxy::Input::Endpoint(pod, endpoint)),
            );
        }
    }

    /// A node of the load balancer checks a host.
    pub(super) fn check_host(
        &mut self,
        node: AlbNodeId,
        target: TargetId,
        check: u32,
        port: HealthCheckPort,
    ) {
        let input = match port {
            HealthCheckPort::TrafficPort => kube_proxy::Input::NodePort(node, check),
            HealthCheckPort::HealthCheckNodePort => {
                kube_proxy::Input::HealthCheckNodePort(node, check)
            }
        };
        self.now(Event::KubeProxy(host_of(target), input));
    }

    pub(super) fn kube_proxy(&mut self, host: NodeId, fact: kube_proxy::Fact) {
        let target = target_of(host);
        match fact {
            kube_proxy::Fact::PassedOn(pod, node, check) => {
                let question = app::Question::HealthCheck(node, target, check);
                self.now(Event::App(app::Input::Ask(pod, question)));
            }
            kube_proxy::Fact::Answered { node, check, ok } => {
                self.now(Event::AlbNode(
                    node,
                    alb_node::Input::CheckAnswered { target, check, ok },
                ));
            }
            kube_proxy::Fact::Forwards(_) | kube_proxy::Fact::Forgets(_) => {}
        }
    }

    /// Which port of a host is checked; nothing if targets are pods.
    pub(super) fn checked_port(&self) -> Option<HealthCheckPort> {
        self.wiring.node_ports.as_ref().map(|ports| ports.port)
    }
}
