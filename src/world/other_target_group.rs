//! A further target group of the same pods: rooms of its own, and the one controller's throttle.

use super::{Room, Turn};
use crate::agenda::Agenda;
use crate::aws::alb_node::AlbNode;
use crate::aws::lbc::Lbc;
use crate::aws::target_group::TargetGroup;
use crate::event::{Event, Fact, OtherFact, OtherInput};
use crate::id::{AlbNodeId, TargetGroupId};
use crate::scenario::Scenario;
use crate::wiring::Wiring;

/// The rooms of one.
#[derive(Debug)]
pub(super) struct OtherTargetGroup {
    id: TargetGroupId,
    /// The controller, as it works on this group's TargetGroupBinding.
    lbc: Room<Lbc>,
    target_group: Room<TargetGroup>,
    /// The number of its load balancer's first node.
    first_node: u8,
    alb_nodes: Vec<Room<AlbNode>>,
}

impl OtherTargetGroup {
    /// The rooms of a scenario's target group, empty.
    pub(super) fn new(scenario: &Scenario, id: TargetGroupId) -> OtherTargetGroup {
        let spec = scenario.other_target_groups[id.index() - 1].in_full(&scenario.target_group);
        let nodes = scenario.alb_nodes(id);
        let (check, delay) = (&spec.health_check, spec.deregistration_delay);
        let alb_node = |node| AlbNode::new(check, delay, AlbNodeId(node), true).into();
        OtherTargetGroup {
            id,
            lbc: Lbc::new(&scenario.lbc).into(),
            target_group: TargetGroup::new(&spec, nodes.clone()).into(),
            first_node: nodes.start,
            alb_nodes: nodes.map(alb_node).collect(),
        }
    }

    /// Forgets everything, keeps the memory.
    pub(super) fn reset(&mut self) {
        self.lbc.actor.reset();
        self.target_group.actor.reset();
        self.alb_nodes
            .iter_mut()
            .for_each(|node| node.actor.reset());
    }

    /// One of its rooms hears its event. The throttle is kept by `first`, the controller as it works
    /// on the first target group.
    pub(super) fn hear<S>(&mut self, turn: &mut Turn<'_, S>, input: OtherInput, first: &mut Lbc)
    where
        S: FnMut(&mut Wiring, &mut Agenda<Event>, Fact),
    {
        let id = self.id;
        let said = |fact| Fact::Other(id, fact);
        match input {
            OtherInput::Lbc(input) => {
                self.lbc.actor.swap_throttle(first);
                turn.hear(
                    &mut self.lbc,
                    input,
                    |input| Event::lbc(id, input),
                    |fact| said(OtherFact::Lbc(fact)),
                );
                self.lbc.actor.swap_throttle(first);
            }
            OtherInput::TargetGroup(input) => {
                let room = &mut self.target_group;
                let own = |input| Event::target_group(id, input);
                turn.hear(room, input, own, |fact| said(OtherFact::TargetGroup(fact)));
            }
            OtherInput::AlbNode(node, input) => {
                let room = &mut self.alb_nodes[usize::from(node.0 - self.first_node)];
                let own = |input| Event::alb_node(id, node, input);
                turn.hear(room, input, own, |fact| {
                    said(OtherFact::AlbNode(node, fact))
                });
            }
        }
    }
}
