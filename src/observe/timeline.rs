//! The joint between the two stages: what the pods' sockets did, and what each ALB node believed.

use crate::aws::alb_node::Belief;
pub use crate::cluster::app::Socket;
use crate::id::{AlbNodeId, NodeId, PodId, RevisionId, TargetId};
use crate::time::Time;

/// One replication of a rollout, as far as requests and reports can tell.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// When the rollout starts; the load starts at [`Time::ZERO`].
    pub rollout_at: Time,
    /// Until when requests are sent.
    pub load_until: Time,
    /// Since when the rollout has been over for the load balancer, too ([`over`](crate::observe::over::over)), or
    /// has failed at its progress deadline or was left to itself; `None`: not as far as it was simulated.
    pub over: Option<Time>,
    /// When the simulation of the control plane stopped. Nothing is known after it.
    pub end: Time,
    /// A fold of the times of all events: equal for equal histories, and hardly ever for others.
    pub fingerprint: u64,
    /// Pods in creation order: the row is [`PodId::index`].
    pub pods: Vec<PodRecord>,
    /// Those of them that are being deleted and not gone, in order of deletion.
    pub leaving: Vec<PodId>,
    /// When a pod was last created, Ready for the first time, or gone.
    pub progressed: Time,
    /// Targets: the row is [`TargetId::index`]. With target type `ip`, a target has the row of the pod
    /// that had its IP first, with `instance` that of the host.
    pub targets: Vec<TargetRecord>,
    /// The same of each further target group: the pods' own rows. Requests do not come through these.
    pub other_targets: Vec<Vec<TargetRecord>>,
    /// Per ALB node, in order of time: what it came to believe of a target. What it believed when
    /// the load started has [`Time::ZERO`].
    pub beliefs: Vec<Vec<BeliefChange>>,
    /// Per host, in order of time: which pods new connections to its node port may get to. Empty with
    /// target type `ip`.
    pub node_ports: Vec<Vec<NodePortChange>>,
    /// IPs that were given to another pod, in order of time.
    pub reuses: Vec<IpReuse>,
    /// Changes of a ReplicaSet's desired replicas, in order of time.
    pub scales: Vec<ScaleChange>,
    /// Changes of the Deployment's conditions, in order of time.
    pub conditions: Vec<ConditionChange>,
}

/// What happened to a pod. `None`: it did not happen.
#[derive(Debug, Clone)]
pub struct PodRecord {
    /// Which pod.
    pub pod: PodId,
    /// Whether it ran before the load started.
    pub initial: bool,
    /// Its host.
    pub node: Option<NodeId>,
    /// Object created.
    pub created: Option<Time>,
    /// Bound to a host.
    pub bound: Option<Time>,
    /// Phase Running, in the API.
    pub running: Option<Time>,
    /// Containers first ready, in the API.
    pub containers_ready: Option<Time>,
    /// First Ready, in the API.
    pub ready: Option<Time>,
    /// First ready in its EndpointSlice.
    pub in_slice_ready: Option<Time>,
    /// `deletionTimestamp` set.
    pub terminating: Option<Time>,
    /// No longer ready in its EndpointSlice.
    pub out_of_slice_ready: Option<Time>,
    /// SIGTERM sent.
    pub sigterm: Option<Time>,
    /// Listener closed for good.
    pub listener_closed: Option<Time>,
    /// Process ended for good (phase Succeeded or Failed, in the API).
    pub finished: Option<Time>,
    /// Pod network removed.
    pub network_gone: Option<Time>,
    /// Its host was gone, and nobody answers for its IP.
    pub host_lost: Option<Time>,
    /// Object gone.
    pub gone: Option<Time>,
    /// What a new connection meets, piecewise constant, in order of time; before the first entry: [`Socket::Silent`].
    pub sockets: Vec<(Time, Socket)>,
    /// How often the kubelet has started its container.
    pub starts: u32,
    /// Instants at which every request in flight was reset: the process died or gave up draining.
    pub resets: Vec<Time>,
}

/// A change of one node's belief about one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeliefChange {
    /// When.
    pub at: Time,
    /// About whom.
    pub target: TargetId,
    /// What it believes from now on. [`Belief::Gone`] after [`Belief::Draining`] is the end of the
    /// deregistration delay: requests still in flight to the target through this node are cut.
    pub belief: Belief,
}

/// A change of what a host's node port leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodePortChange {
    /// When.
    pub at: Time,
    /// Which pod.
    pub pod: PodId,
    /// Whether new connections may get to it from now on.
    pub forwards: bool,
}

/// An IP was given to another pod: from now on that pod is what a target's packets get to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IpReuse {
    /// When; the pod's network comes up no earlier.
    pub at: Time,
    /// Which target.
    pub target: TargetId,
    /// Which pod.
    pub pod: PodId,
}

/// What the target group did with a target. `None`: it did not happen.
#[derive(Debug, Clone, Default)]
pub struct TargetRecord {
    /// The pod that had its IP first, with target type `ip`.
    pub pod: Option<PodId>,
    /// `RegisterTargets` returned.
    pub registered: Option<Time>,
    /// First shown `healthy` by the API.
    pub healthy: Option<Time>,
    /// `DeregisterTargets` returned.
    pub deregister_called: Option<Time>,
    /// `draining` over: the deregistration delay has passed.
    pub draining_over: Option<Time>,
}

/// A change of a ReplicaSet's `spec.replicas`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScaleChange {
    /// When.
    pub at: Time,
    /// Which ReplicaSet.
    pub revision: RevisionId,
    /// From how many; `None`: the ReplicaSet was created.
    pub from: Option<u32>,
    /// To how many.
    pub to: u32,
}

/// A change of a Deployment condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionChange {
    /// When.
    pub at: Time,
    /// `Progressing` or `Available`.
    pub condition: &'static str,
    /// Its status.
    pub status: bool,
    /// Its reason.
    pub reason: &'static str,
}

impl Timeline {
    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.pods.clear();
        self.leaving.clear();
        self.progressed = Time::ZERO;
        self.targets.clear();
        self.other_targets.iter_mut().for_each(Vec::clear);
        self.beliefs.iter_mut().for_each(Vec::clear);
        self.node_ports.clear();
        self.reuses.clear();
        self.scales.clear();
        self.conditions.clear();
    }

    /// The pod whose IP a target stands for at an instant, and until when.
    pub fn behind(&self, target: TargetId, at: Time) -> (Option<PodId>, Time) {
        let first = self
            .targets
            .get(target.index())
            .and_then(|record| record.pod);
        let mut reuses = self.reuses.iter().filter(|reuse| reuse.target == target);
        let mut pod = first;
        let next = reuses.find(|reuse| {
            if reuse.at <= at {
                pod = Some(reuse.pod);
            }
            reuse.at > at
        });
        (pod, next.map_or(Time::NEVER, |reuse| reuse.at))
    }

    /// The target that stands for a pod's IP, with target type `ip`.
    pub fn target_of(&self, pod: PodId) -> TargetId {
        let reuse = self.reuses.iter().find(|reuse| reuse.pod == pod);
        reuse.map_or(TargetId(pod.index() as u16), |reuse| reuse.target)
    }

    /// What a target is called: by its host, or by the pod that had its IP first.
    pub fn name_of(&self, target: TargetId) -> String {
        if !self.node_ports.is_empty() {
            return NodeId(target.0).to_string();
        }
        let pod = self
            .targets
            .get(target.index())
            .and_then(|record| record.pod);
        pod.map_or_else(|| target.to_string(), |pod| pod.to_string())
    }

    /// The changes of one ALB node's beliefs.
    pub fn beliefs_of(&self, node: AlbNodeId) -> &[BeliefChange] {
        &self.beliefs[node.index()]
    }
}

impl PodRecord {
    /// A pod of which nothing is known yet.
    pub const fn new(pod: PodId) -> PodRecord {
        PodRecord {
            pod,
            initial: false,
            node: None,
            created: None,
            bound: None,
            running: None,
            containers_ready: None,
            ready: None,
            in_slice_ready: None,
            terminating: None,
            out_of_slice_ready: None,
            sigterm: None,
            listener_closed: None,
            finished: None,
            network_gone: None,
            host_lost: None,
            gone: None,
            sockets: Vec::new(),
            starts: 0,
            resets: Vec::new(),
        }
    }

    /// What a connection opened at `at` meets.
    pub fn socket_at(&self, at: Time) -> Socket {
        self.sockets
            .iter()
            .rev()
            .find(|(from, _)| *from <= at)
            .map_or(Socket::Silent, |(_, socket)| *socket)
    }
}
