//! The AWS half of the timetable: the controller, the target groups, the nodes of the load balancers.

use super::{Telling, Watch, Writer, pod_message};
use crate::aws::lbc::{self, Operation};
use crate::aws::target::Call;
use crate::aws::{alb_node, target_group};
use crate::cluster::pod::PodObject;
use crate::cluster::spec::Link;
use crate::cluster::{api_server, app};
use crate::event::{Event, OtherFact};
use crate::id::{AlbNodeId, TargetGroupId, TargetId};
use crate::scenario::Scenario;

/// The nodes of all load balancers, numbered through, by the target group that they are in front of.
#[derive(Debug)]
pub(super) struct Fleets {
    /// The number after the last node in front of the first target group.
    first: u8,
    /// The same of each further one.
    others: Vec<u8>,
}

impl Fleets {
    /// Those of a scenario.
    pub(super) fn new(scenario: &Scenario) -> Fleets {
        let others = scenario
            .target_groups()
            .skip(1)
            .map(|group| scenario.alb_nodes(group).end);
        Fleets {
            first: scenario.load_balancer.nodes,
            others: others.collect(),
        }
    }

    /// Whether the first target group is not the only one.
    pub(super) const fn are_several(&self) -> bool {
        !self.others.is_empty()
    }

    /// All target groups but the first.
    fn others(&self) -> impl Iterator<Item = TargetGroupId> + use<> {
        (1..=self.others.len() as u8).map(TargetGroupId)
    }

    /// The target group that a node is in front of.
    pub(super) fn group_of(&self, node: AlbNodeId) -> TargetGroupId {
        if node.0 < self.first {
            return TargetGroupId::FIRST;
        }
        let before = self.others.iter().take_while(|end| **end <= node.0);
        TargetGroupId(1 + before.count() as u8)
    }

    fn nodes_of(&self, group: TargetGroupId) -> std::ops::Range<u8> {
        match group.index() {
            0 => 0..self.first,
            1 => self.first..self.others[0],
            further => self.others[further - 2]..self.others[further - 1],
        }
    }
}

impl Telling<'_> {
    /// A watch event for the controller, which works on each of its TargetGroupBindings by itself.
    pub(super) fn tell_controller(
        &mut self,
        message: u64,
        input: impl Fn(TargetGroupId) -> lbc::Input,
    ) {
        let at = self.watch(Watch::Lbc, message, Event::Lbc(input(TargetGroupId::FIRST)));
        if self.wiring.fleets.are_several() {
            let others = self.wiring.fleets.others();
            others.for_each(|group| self.agenda.push(at, Event::lbc(group, input(group))));
        }
    }

    /// The nodes of every load balancer look at a target again.
    pub(super) fn stir_target(&mut self, target: TargetId) {
        let stirred = alb_node::Input::Stirred { target };
        let first = TargetGroupId::FIRST;
        self.each_node(first, |telling, node| {
            telling.now(Event::alb_node(first, node, stirred));
        });
        for group in self.wiring.fleets.others() {
            self.each_node(group, |telling, node| {
                telling.now(Event::alb_node(group, node, stirred));
            });
        }
    }

    /// A pod's change, as the controller's pod cache takes it.
    pub(super) fn tell_of_pod(&mut self, message: u64, object: &PodObject) {
        let PodObject {
            pod,
            containers_ready,
            gates,
            host,
            removed,
            ..
        } = *object;
        let target = self.wiring.addresses.target(pod);
        self.tell_controller(message, |group| {
            let (gated, gate) = (gates.exist(), gates.is_open(group));
            let status = (!removed).then_some(lbc::PodStatus {
                containers_ready,
                gated,
                gate,
                host,
            });
            lbc::Input::Pod {
                pod,
                target,
                status,
            }
        });
    }

    /// What the rooms of a further target group say.
    #[cold]
    pub(super) fn other(&mut self, group: TargetGroupId, fact: OtherFact) {
        match fact {
            OtherFact::Lbc(fact) => self.lbc(group, fact),
            OtherFact::TargetGroup(fact) => self.target_group(group, fact),
            OtherFact::AlbNode(node, fact) => self.alb_node(group, node, fact),
        }
    }

    // What follows is inlined where the group is known to be the first: a rollout has hardly another.
    #[inline(always)]
    pub(super) fn lbc(&mut self, group: TargetGroupId, fact: lbc::Fact) {
        match fact {
            lbc::Fact::DescribeTargetHealth { call } => {
                self.call(
                    group,
                    Operation::Describe,
                    call,
                    target_group::Input::Describe { call },
                );
            }
            lbc::Fact::DeregisterTargets { call, target } => {
                self.call(
                    group,
                    Operation::Deregister,
                    call,
                    target_group::Input::Deregister { call, target },
                );
            }
            lbc::Fact::RegisterTargets { call, target, pod } => {
                self.call(
                    group,
                    Operation::Register,
                    call,
                    target_group::Input::Register { call, target, pod },
                );
            }
            lbc::Fact::GatePatched { pod, status } => {
                let message = pod_message(pod.index(), u32::from(group.0) << 1 | u32::from(status));
                self.write(
                    Writer::Lbc,
                    message,
                    api_server::Input::PatchGate(pod, group, status),
                    None,
                );
            }
        }
    }

    /// A call of the ELB API, which fails if it is refused too often.
    fn call(
        &mut self,
        group: TargetGroupId,
        operation: Operation,
        call: Call,
        request: target_group::Input,
    ) {
        // Each group's calls are counted by themselves, and their draws must not be the same.
        let address = Call(u32::from(group.0) << 24 | call.0);
        let delay = self
            .wiring
            .lbc
            .call_duration(self.streams, operation, address);
        match self
            .wiring
            .rules
            .call(self.now, address.0, delay, self.streams)
        {
            Ok(delay) => self.later(delay, Event::target_group(group, request)),
            Err(delay) => self.later(delay, Event::lbc(group, lbc::Input::Failed { call })),
        }
    }

    #[inline(always)]
    pub(super) fn target_group(&mut self, group: TargetGroupId, fact: target_group::Fact) {
        match fact {
            target_group::Fact::Registered { call, target, pod } => {
                // News of an earlier pod's registration may be late.
                if self.wiring.addresses.pod(target).is_none() {
                    self.wiring.know(target, pod);
                }
                self.each_node(group, |telling, node| {
                    let balancer = &telling.wiring.load_balancer;
                    let (law, deregistration) = (
                        &balancer.registration_propagation,
                        &balancer.deregistration_propagation,
                    );
                    let lag = law.lag(deregistration, telling.streams, target, node);
                    let lag = telling
                        .wiring
                        .rules
                        .delay(Link::ElbToNodes, telling.now, lag);
                    telling.later(
                        lag,
                        Event::alb_node(group, node, alb_node::Input::Register { call, target }),
                    );
                });
            }
            target_group::Fact::Deregistered { call, target } => {
                self.each_node(group, |telling, node| {
                    let lag = telling.wiring.load_balancer.deregistration_propagation.lag(
                        telling.streams,
                        target,
                        node,
                    );
                    let lag = telling
                        .wiring
                        .rules
                        .delay(Link::ElbToNodes, telling.now, lag);
                    telling.later(
                        lag,
                        Event::alb_node(group, node, alb_node::Input::Deregister { call, target }),
                    );
                });
            }
            // It has hosts to compare that with, and none of them comes or goes.
            target_group::Fact::TargetHealth { .. } if self.wiring.node_ports.is_some() => {}
            target_group::Fact::TargetHealth { target, state } => {
                self.now(Event::lbc(
                    group,
                    lbc::Input::TargetHealth { target, state },
                ));
            }
            target_group::Fact::Returned { call } => {
                self.now(Event::lbc(group, lbc::Input::Returned { call }));
            }
            // Each node counts the delay from when it learned of the deregistration.
            target_group::Fact::DrainingOver { .. } | target_group::Fact::StateChanged { .. } => {}
        }
    }

    #[inline(always)]
    fn each_node(&mut self, group: TargetGroupId, mut tell: impl FnMut(&mut Self, AlbNodeId)) {
        self.wiring
            .fleets
            .nodes_of(group)
            .for_each(|node| tell(self, AlbNodeId(node)));
    }

    #[inline(always)]
    pub(super) fn alb_node(&mut self, group: TargetGroupId, node: AlbNodeId, fact: alb_node::Fact) {
        match fact {
            alb_node::Fact::CheckSent { target, check } => {
                if let Some(port) = self.checked_port() {
                    self.check_host(node, target, check, port);
                } else if let Some(pod) = self.wiring.addresses.pod(target) {
                    self.now(Event::App(app::Input::Ask(
                        pod,
                        app::Question::HealthCheck(node, target, check),
                    )));
                }
            }
            alb_node::Fact::HealthFound {
                target,
                call,
                healthy,
            } => {
                let verdict = target_group::Input::NodeHealth {
                    node,
                    target,
                    call,
                    healthy,
                };
                self.now(Event::target_group(group, verdict));
            }
            alb_node::Fact::Believes { .. } => {}
        }
    }
}
