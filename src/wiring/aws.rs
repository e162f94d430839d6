//! The AWS half of the timetable: the controller, the target group, the nodes of the load balancer.

use super::{Telling, pod_message, writer};
use crate::aws::lbc::{self, Operation};
use crate::aws::target::Call;
use crate::aws::{alb_node, target_group};
use crate::cluster::spec::Link;
use crate::cluster::{api_server, app};
use crate::event::Event;
use crate::id::AlbNodeId;

impl Telling<'_> {
    pub(super) fn lbc(&mut self, fact: lbc::Fact) {
        match fact {
            lbc::Fact::DescribeTargetHealth { call } => {
                self.call(Operation::Describe, call, target_group::Input::Describe { call });
            }
            lbc::Fact::DeregisterTargets { call, target } => {
                self.call(Operation::Deregister, call, target_group::Input::Deregister { call, target });
            }
            lbc::Fact::RegisterTargets { call, target, pod } => {
                self.call(Operation::Register, call, target_group::Input::Register { call, target, pod });
            }
            lbc::Fact::GatePatched { pod, status } => {
                let message = pod_message(pod.index(), u32::from(status));
                self.write(writer::LBC, message, api_server::Input::PatchGate(pod, status), None);
            }
        }
    }

    /// A call of the ELB API, which fails if it is refused too often.
    fn call(&mut self, operation: Operation, call: Call, request: target_group::Input) {
        let delay = self.wiring.lbc.call_duration(self.streams, operation, call);
        match self.wiring.rules.call(self.now, call.0, delay, self.streams) {
            Ok(delay) => self.later(delay, Event::TargetGroup(request)),
            Err(delay) => self.later(delay, Event::Lbc(lbc::Input::Failed { call })),
        }
    }

    pub(super) fn target_group(&mut self, fact: target_group::Fact) {
        match fact {
            target_group::Fact::Registered { call, target, pod } => {
                // News of an earlier pod's registration may be late.
                if self.wiring.addresses.pod(target).is_none() {
                    self.wiring.know(target, pod);
                }
                self.each_node(|telling, node| {
                    let lag = telling.wiring.load_balancer.registration_propagation.lag(telling.streams, target, node);
                    let lag = telling.wiring.rules.delay(Link::ElbToNodes, telling.now, lag);
                    telling.later(lag, Event::AlbNode(node, alb_node::Input::Register { call, target }));
                });
            }
            target_group::Fact::Deregistered { call, target } => self.each_node(|telling, node| {
                let lag = telling.wiring.load_balancer.deregistration_propagation.lag(telling.streams, target, node);
                let lag = telling.wiring.rules.delay(Link::ElbToNodes, telling.now, lag);
                telling.later(lag, Event::AlbNode(node, alb_node::Input::Deregister { call, target }));
            }),
            target_group::Fact::DrainingOver { call, target } => self.each_node(|telling, node| {
                telling.now(Event::AlbNode(node, alb_node::Input::DrainingOver { call, target }));
            }),
            // It has hosts to compare that with, and none of them comes or goes.
            target_group::Fact::TargetHealth { .. } if self.wiring.node_ports.is_some() => {}
            target_group::Fact::TargetHealth { target, state } => {
                self.now(Event::Lbc(lbc::Input::TargetHealth { target, state }));
            }
            target_group::Fact::Returned { call } => self.now(Event::Lbc(lbc::Input::Returned { call })),
            target_group::Fact::StateChanged { .. } => {}
        }
    }

    pub(super) fn each_node(&mut self, mut tell: impl FnMut(&mut Self, AlbNodeId)) {
        (0..self.wiring.load_balancer.nodes).for_each(|node| tell(self, AlbNodeId(node)));
    }

    pub(super) fn alb_node(&mut self, node: AlbNodeId, fact: alb_node::Fact) {
        match fact {
            alb_node::Fact::CheckSent { target, check } => {
                if let Some(port) = self.checked_port() {
                    self.check_host(node, target, check, port);
                } else if let Some(pod) = self.wiring.addresses.pod(target) {
                    self.now(Event::App(app::Input::Ask(pod, app::Question::HealthCheck(node, target, check))));
                }
            }
            alb_node::Fact::HealthFound { target, call, healthy } => {
                self.now(Event::TargetGroup(target_group::Input::NodeHealth { node, target, call, healthy }));
            }
            alb_node::Fact::Believes { .. } => {}
        }
    }
}
