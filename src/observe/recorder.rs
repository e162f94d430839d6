//! Writes a timeline down while the facts are told.

use crate::aws::target::target_of;
use crate::aws::{alb_node, target_group};
use crate::cluster::pod::{PodChange, PodObject};
use crate::cluster::{api_server, app, deployment, kube_proxy, kubelet};
use crate::event::OtherFact;
use crate::id::{NodeId, PodId, TargetGroupId, TargetId};
use crate::observe::timeline::{
    BeliefChange, ConditionChange, IpReuse, NodePortChange, PodRecord, ScaleChange, Socket,
    TargetRecord, Timeline,
};
use crate::time::Time;
use crate::wiring::Fact;

impl Timeline {
    /// A blank timeline of a load balancer with so many nodes, and so many further target groups, on which
    /// the rollout starts at `rollout_at`.
    pub fn restart(&mut self, alb_nodes: u8, other_groups: usize, rollout_at: Time) {
        self.clear();
        self.other_targets.resize(other_groups, Vec::new());
        self.beliefs.resize(usize::from(alb_nodes), Vec::new());
        self.rollout_at = rollout_at;
        (self.load_until, self.over) = (Time::ZERO, None);
        self.fingerprint = 0;
    }

    /// A pod that has been serving since before the load.
    pub fn seed(&mut self, pod: PodId, node: NodeId) {
        let record = self.pod(pod);
        record.initial = true;
        record.node = Some(node);
        record.sockets.push((Time::ZERO, Socket::Serving));
    }

    /// The targets that have been there since before the load: the pods themselves.
    pub fn seed_pod_targets(&mut self) {
        for row in 0..self.pods.len() {
            let (target, pod) = (TargetId(row as u16), self.pods[row].pod);
            let record = TargetRecord {
                pod: Some(pod),
                ..TargetRecord::default()
            };
            self.other_targets
                .iter_mut()
                .for_each(|targets| targets.push(record.clone()));
            self.seed_target(target, record, true);
        }
    }

    /// The targets that have been there since before the load: hosts, which lead to their own pods
    /// (`local`) or to any.
    pub fn seed_host_targets(&mut self, hosts: u16, local: bool) {
        for host in (0..hosts).map(NodeId) {
            let leads_to = self
                .pods
                .iter()
                .filter(|pod| !local || pod.node == Some(host));
            let ports: Vec<NodePortChange> = leads_to
                .map(|pod| NodePortChange {
                    at: Time::ZERO,
                    pod: pod.pod,
                    forwards: true,
                })
                .collect();
            self.seed_target(TargetId(host.0), TargetRecord::default(), !ports.is_empty());
            self.node_ports.push(ports);
        }
    }

    fn seed_target(&mut self, target: TargetId, record: TargetRecord, healthy: bool) {
        *self.target(TargetGroupId::FIRST, target) = record;
        let belief = if healthy {
            alb_node::Belief::Healthy
        } else {
            alb_node::Belief::Unhealthy
        };
        let known = BeliefChange {
            at: Time::ZERO,
            target,
            belief,
        };
        self.beliefs
            .iter_mut()
            .for_each(|changes| changes.push(known));
    }

    /// An event happened.
    pub const fn tick(&mut self, now: Time) {
        // A multiplication by an odd constant and a rotation: cheap, and order matters.
        self.fingerprint = (self.fingerprint ^ now.as_micros())
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29);
    }

    /// Notes a fact, if requests or reports can tell.
    pub fn note(&mut self, now: Time, fact: &Fact) {
        match *fact {
            Fact::Api(api_server::Fact::Pod(object, change)) => self.note_pod(now, &object, change),
            Fact::Api(api_server::Fact::Endpoint(pod, endpoint)) => {
                let record = self.pod(pod);
                if endpoint.is_some_and(|endpoint| endpoint.ready) {
                    record.in_slice_ready.get_or_insert(now);
                } else if record.initial || record.in_slice_ready.is_some() {
                    record.out_of_slice_ready.get_or_insert(now);
                }
            }
            Fact::Api(api_server::Fact::ReplicaSet { object, from })
                if from != Some(object.replicas) =>
            {
                self.scales.push(ScaleChange {
                    at: now,
                    revision: object.revision,
                    from,
                    to: object.replicas,
                });
            }
            Fact::Deployment(deployment::Fact::Condition {
                condition,
                status,
                reason,
            }) => {
                self.conditions.push(ConditionChange {
                    at: now,
                    condition,
                    status,
                    reason,
                });
            }
            Fact::Kubelet(_, kubelet::Fact::Started(pod, _)) => self.pod(pod).starts += 1,
            Fact::Kubelet(_, kubelet::Fact::SentSigterm(pod)) => {
                self.pod(pod).sigterm.get_or_insert(now);
            }
            Fact::Kubelet(_, kubelet::Fact::RemovedNetwork(pod)) => {
                self.pod(pod).network_gone.get_or_insert(now);
            }
            Fact::Kubelet(_, kubelet::Fact::LostPod(pod)) => {
                self.pod(pod).network_gone.get_or_insert(now);
                self.pod(pod).host_lost.get_or_insert(now);
            }
            Fact::Kubelet(_, kubelet::Fact::ReusedIp(pod, first)) => {
                self.reuses.push(IpReuse {
                    at: now,
                    target: target_of(first),
                    pod,
                });
            }
            Fact::App(app::Fact::Socket(pod, _, socket)) => self.note_socket(now, pod, socket),
            Fact::App(app::Fact::Reset(pod)) => self.pod(pod).resets.push(now),
            Fact::KubeProxy(host, kube_proxy::Fact::Forwards(pod)) => {
                self.node_ports[host.index()].push(NodePortChange {
                    at: now,
                    pod,
                    forwards: true,
                });
            }
            Fact::KubeProxy(host, kube_proxy::Fact::Forgets(pod)) => {
                self.node_ports[host.index()].push(NodePortChange {
                    at: now,
                    pod,
                    forwards: false,
                });
            }
            Fact::TargetGroup(fact) => self.note_target(now, TargetGroupId::FIRST, fact),
            Fact::Other(group, OtherFact::TargetGroup(fact)) => self.note_other(now, group, fact),
            Fact::AlbNode(node, alb_node::Fact::Believes { target, belief }) => {
                self.beliefs[node.index()].push(BeliefChange {
                    at: now,
                    target,
                    belief,
                });
            }
            _ => {}
        }
    }

    fn note_pod(&mut self, now: Time, object: &PodObject, change: PodChange) {
        match change {
            PodChange::Deleting => self.leaving.push(object.pod),
            PodChange::Removed => {
                if let Some(place) = self.leaving.iter().position(|pod| *pod == object.pod) {
                    self.leaving.remove(place);
                }
            }
            _ => {}
        }
        if matches!(change, PodChange::Created | PodChange::Removed) {
            self.progressed = now;
        }
        let record = self.pod(object.pod);
        match change {
            PodChange::Created => record.created = Some(now),
            PodChange::Bound => (record.bound, record.node) = (Some(now), object.node),
            PodChange::Deleting => record.terminating = Some(now),
            PodChange::Finished => record.finished = Some(now),
            PodChange::Removed => record.gone = Some(now),
            PodChange::Running
            | PodChange::ContainersReady
            | PodChange::Ready
            | PodChange::Unready
            | PodChange::Gate
            | PodChange::Isolated
            | PodChange::Other => {}
        }
        if object.phase == crate::cluster::pod::Phase::Running && !record.initial {
            record.running.get_or_insert(now);
        }
        if object.containers_ready && !record.initial {
            record.containers_ready.get_or_insert(now);
        }
        if object.ready && !record.initial && record.ready.is_none() {
            record.ready = Some(now);
            self.progressed = now;
        }
    }

    fn note_socket(&mut self, now: Time, pod: PodId, socket: Socket) {
        let record = self.pod(pod);
        let was_open = record
            .sockets
            .last()
            .is_some_and(|(_, last)| matches!(last, Socket::Serving | Socket::Refusing));
        if was_open && matches!(socket, Socket::Closed | Socket::Silent) {
            record.listener_closed = Some(now);
        }
        record.sockets.push((now, socket));
    }

    #[cold]
    fn note_other(&mut self, now: Time, group: TargetGroupId, fact: target_group::Fact) {
        self.note_target(now, group, fact);
    }

    // Inlined where the group is known to be the first.
    #[inline(always)]
    fn note_target(&mut self, now: Time, group: TargetGroupId, fact: target_group::Fact) {
        use crate::aws::target::TargetState;
        match fact {
            target_group::Fact::Registered { target, .. } => {
                let first = self.pods.get(target.index()).map(|pod| pod.pod);
                let record = self.target(group, target);
                record.pod = first;
                record.registered.get_or_insert(now);
            }
            target_group::Fact::StateChanged {
                target,
                state: TargetState::Healthy,
            } => {
                self.target(group, target).healthy.get_or_insert(now);
            }
            target_group::Fact::Deregistered { target, .. } => {
                self.target(group, target).deregister_called = Some(now);
            }
            target_group::Fact::DrainingOver { target, .. } => {
                self.target(group, target).draining_over = Some(now);
            }
            _ => {}
        }
    }

    fn pod(&mut self, pod: PodId) -> &mut PodRecord {
        if self.pods.len() <= pod.index() {
            // Ids are given in order of creation: there is never more than one missing.
            self.pods.push(PodRecord::new(pod));
        }
        &mut self.pods[pod.index()]
    }

    fn target(&mut self, group: TargetGroupId, target: TargetId) -> &mut TargetRecord {
        let targets = match group.index() {
            0 => &mut self.targets,
            further => &mut self.other_targets[further - 1],
        };
        if targets.len() <= target.index() {
            targets.resize(target.index() + 1, TargetRecord::default());
        }
        &mut targets[target.index()]
    }
}
