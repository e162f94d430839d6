//! Everything that can happen, and everything that can be said: one closed list of each.

use crate::aws::{alb_node, lbc, target_group};
use crate::cluster::{
    api_server, app, deployment, endpoint_slice, kube_proxy, kubelet, operator, replica_set,
    scheduler,
};
use crate::id::{AlbNodeId, NodeId, TargetGroupId};

/// Something a room is about to hear.
#[derive(Debug, Clone, Copy)]
pub enum Event {
    /// The API server.
    Api(api_server::Input),
    /// Whoever works on the cluster from outside.
    Operator(operator::Input),
    /// The Deployment controller.
    Deployment(deployment::Input),
    /// The ReplicaSet controller.
    ReplicaSet(replica_set::Input),
    /// The scheduler.
    Scheduler(scheduler::Input),
    /// The kubelet of a host.
    Kubelet(NodeId, kubelet::Input),
    /// The processes.
    App(app::Input),
    /// The EndpointSlice controller.
    EndpointSlice(endpoint_slice::Input),
    /// kube-proxy of a host.
    KubeProxy(NodeId, kube_proxy::Input),
    /// The AWS Load Balancer Controller.
    Lbc(lbc::Input),
    /// The target group.
    TargetGroup(target_group::Input),
    /// A node of the load balancer.
    AlbNode(AlbNodeId, alb_node::Input),
    /// What belongs to a further target group of the same pods.
    Other(TargetGroupId, OtherInput),
}

/// Something that a room of a further target group is about to hear.
#[derive(Debug, Clone, Copy)]
pub enum OtherInput {
    /// The AWS Load Balancer Controller, as it works on this group's TargetGroupBinding.
    Lbc(lbc::Input),
    /// The target group.
    TargetGroup(target_group::Input),
    /// A node of its load balancer.
    AlbNode(AlbNodeId, alb_node::Input),
}

impl Event {
    /// What the controller hears on this group's TargetGroupBinding.
    pub const fn lbc(group: TargetGroupId, input: lbc::Input) -> Event {
        if group.0 == 0 {
            Event::Lbc(input)
        } else {
            Event::Other(group, OtherInput::Lbc(input))
        }
    }

    /// What a target group hears.
    pub const fn target_group(group: TargetGroupId, input: target_group::Input) -> Event {
        if group.0 == 0 {
            Event::TargetGroup(input)
        } else {
            Event::Other(group, OtherInput::TargetGroup(input))
        }
    }

    /// What a node of a target group's load balancer hears.
    pub const fn alb_node(group: TargetGroupId, node: AlbNodeId, input: alb_node::Input) -> Event {
        if group.0 == 0 {
            Event::AlbNode(node, input)
        } else {
            Event::Other(group, OtherInput::AlbNode(node, input))
        }
    }
}

/// Something a room said.
#[derive(Debug, Clone, Copy)]
pub enum Fact {
    /// The API server.
    Api(api_server::Fact),
    /// Whoever works on the cluster from outside.
    Operator(operator::Fact),
    /// The Deployment controller.
    Deployment(deployment::Fact),
    /// The ReplicaSet controller.
    ReplicaSet(replica_set::Fact),
    /// The scheduler.
    Scheduler(scheduler::Bound),
    /// The kubelet of a host.
    Kubelet(NodeId, kubelet::Fact),
    /// The processes.
    App(app::Fact),
    /// The EndpointSlice controller.
    EndpointSlice(endpoint_slice::Wrote),
    /// kube-proxy of a host.
    KubeProxy(NodeId, kube_proxy::Fact),
    /// The AWS Load Balancer Controller.
    Lbc(lbc::Fact),
    /// The target group.
    TargetGroup(target_group::Fact),
    /// A node of the load balancer.
    AlbNode(AlbNodeId, alb_node::Fact),
    /// What belongs to a further target group of the same pods.
    Other(TargetGroupId, OtherFact),
}

/// Something that a room of a further target group said.
#[derive(Debug, Clone, Copy)]
pub enum OtherFact {
    /// The AWS Load Balancer Controller, as it works on this group's TargetGroupBinding.
    Lbc(lbc::Fact),
    /// The target group.
    TargetGroup(target_group::Fact),
    /// A node of its load balancer.
    AlbNode(AlbNodeId, alb_node::Fact),
}
