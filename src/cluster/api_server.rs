//! The API server: where objects are. It commits a write the moment the request arrives; how long
//! requests and watches take is the links' business.

use crate::actor::{Actor, Outbox};
use crate::cluster::disruption::PodDisruptionBudgetSpec;
use crate::cluster::pod::{Endpoint, Gates, NodeReady, Phase, PodChange, PodObject, PodStatus};
use crate::cluster::workload::{DeploymentObject, ReplicaSetObject, ReplicaSetStatus};
use crate::id::{NodeId, PodId, RevisionId, TargetGroupId};
use crate::time::{Span, Time};

/// A request that has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The Deployment's spec is replaced: replicas, template, paused.
    UpdateDeployment(DeploymentObject),
    /// A ReplicaSet is created or scaled.
    WriteReplicaSet {
        /// Which.
        revision: RevisionId,
        /// `spec.replicas`.
        replicas: u32,
        /// Annotation `deployment.kubernetes.io/desired-replicas`.
        desired: u32,
        /// Annotation `deployment.kubernetes.io/max-replicas`.
        max: u32,
    },
    /// A ReplicaSet's status is written.
    WriteReplicaSetStatus {
        /// Which.
        revision: RevisionId,
        /// Its status.
        status: ReplicaSetStatus,
    },
    /// The Deployment controller wrote its status; the content is not modelled beyond its conditions.
    WriteDeploymentStatus,
    /// A pod is created from a template.
    CreatePod(RevisionId),
    /// A pod is bound to a host.
    Bind(PodId, NodeId),
    /// A pod is deleted, gracefully.
    DeletePod(PodId),
    /// A pod is to be evicted, at the `n`-th try of this job.
    Evict {
        /// Whose try, to answer it.
        job: u8,
        /// Whom.
        pod: PodId,
        /// Which try.
        attempt: u16,
    },
    /// Own timer: an isolated pod has been held back long enough.
    IsolationOver(PodId),
    /// All pods are to be listed, for this job.
    ListPods(u8),
    /// The node controller finds a host not Ready, and with it its pods (`MarkPodsNotReady`).
    NodeNotReady(NodeId, NodeReady),
    /// The taint controller deletes the pods of a host that they no longer tolerate.
    DeletePodsOn(NodeId),
    /// A kubelet patches a pod's status.
    PatchPodStatus(PodStatus),
    /// The LBC patches its readiness gate for this target group.
    PatchGate(PodId, TargetGroupId, bool),
    /// A kubelet removes a pod whose containers have ended: delete with grace 0.
    RemovePod(PodId),
    /// The EndpointSlice controller writes an endpoint; those of one write arrive together.
    WriteEndpoint(PodId, Option<Endpoint>),
}

/// What was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The Deployment's spec.
    Deployment(DeploymentObject),
    /// The Deployment's status was written.
    DeploymentStatus,
    /// A ReplicaSet, and what it had asked for before (`None`: it is new).
    ReplicaSet {
        /// The object.
        object: ReplicaSetObject,
        /// `spec.replicas` before; equal to the present one if only the status changed.
        from: Option<u32>,
    },
    /// A pod, and what changed.
    Pod(PodObject, PodChange),
    /// An endpoint of the Service; `None`: it left the slice.
    Endpoint(PodId, Option<Endpoint>),
    /// Part of the answer to a list call.
    Listed(PodObject),
    /// The answer to this job's list call is complete.
    ListEnd(u8),
    /// 429: the budget does not let this pod go now.
    EvictionRefused {
        /// Whose try.
        job: u8,
        /// Whom.
        pod: PodId,
        /// Which try.
        attempt: u16,
    },
}

/// What admission webhooks do to the pods of a revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Admission {
    /// The LBC's readiness gates that are injected.
    pub gates: Gates,
    /// A Ready pod that is to be deleted is isolated first, for so long.
    pub graceful_drain: Option<Span>,
}

/// The objects of one Deployment and its Service.
#[derive(Debug)]
pub struct ApiServer {
    /// By revision.
    admission: Vec<Admission>,
    budget: PodDisruptionBudgetSpec,
    /// The Deployment's `spec.replicas`.
    replicas: u32,
    pods: Vec<PodObject>,
    /// By revision: how many there have been.
    created: Vec<u16>,
    /// Active and Ready ones.
    healthy: u32,
    replica_sets: Vec<ReplicaSetObject>,
}

impl ApiServer {
    /// An API server without pods; `admission` is by revision.
    pub const fn new(admission: Vec<Admission>, budget: PodDisruptionBudgetSpec) -> ApiServer {
        ApiServer {
            admission,
            budget,
            replicas: 0,
            pods: Vec::new(),
            created: Vec::new(),
            healthy: 0,
            replica_sets: Vec::new(),
        }
    }

    /// Forgets all pods, and starts with a Deployment whose only ReplicaSet is this one, or without any.
    pub fn reset(&mut self, settled: Option<ReplicaSetObject>) {
        self.pods.clear();
        self.created.clear();
        self.healthy = 0;
        self.replica_sets.clear();
        self.replica_sets.extend(settled);
        self.replicas = settled.map_or(0, |set| set.desired);
    }

    /// Starts with a pod that exists.
    pub fn seed_pod(&mut self, object: PodObject) {
        self.healthy += u32::from(is_healthy(&object));
        self.next_ordinal(object.pod.revision());
        self.pods.push(object);
    }

    fn create_pod(&mut self, now: Time, revision: RevisionId) -> PodObject {
        let ordinal = self.next_ordinal(revision);
        let object = PodObject::new(
            PodId::new(self.pods.len() as u16, revision, ordinal),
            now,
            self.admission[usize::from(revision.0)].gates,
        );
        self.pods.push(object);
        object
    }

    /// Which of its revision's pods is created, from 1.
    fn next_ordinal(&mut self, revision: RevisionId) -> u16 {
        let revision = usize::from(revision.0);
        if self.created.len() <= revision {
            self.created.resize(revision + 1, 0);
        }
        self.created[revision] += 1;
        self.created[revision]
    }

    fn write_replica_set(
        &mut self,
        revision: RevisionId,
        replicas: u32,
        desired: u32,
        max: u32,
    ) -> Fact {
        let born = self.replica_sets.len() as u8;
        let found = self
            .replica_sets
            .iter_mut()
            .find(|object| object.revision == revision);
        let from = found.as_ref().map(|object| object.replicas);
        let object = match found {
            Some(object) => {
                let (writes, version) = (object.writes + 1, object.version + 1);
                let generation = object.generation + u32::from(object.replicas != replicas);
                *object = ReplicaSetObject {
                    replicas,
                    desired,
                    max,
                    writes,
                    generation,
                    version,
                    ..*object
                };
                *object
            }
            None => {
                let status = ReplicaSetStatus::default();
                let (writes, generation, version) = (1, 1, 1);
                let object = ReplicaSetObject {
                    revision,
                    replicas,
                    desired,
                    max,
                    born,
                    writes,
                    generation,
                    version,
                    status,
                };
                self.replica_sets.push(object);
                object
            }
        };
        Fact::ReplicaSet { object, from }
    }

    fn write_replica_set_status(
        &mut self,
        revision: RevisionId,
        status: ReplicaSetStatus,
    ) -> Option<Fact> {
        let object = self
            .replica_sets
            .iter_mut()
            .find(|object| object.revision == revision)?;
        object.status = status;
        object.version += 1;
        Some(Fact::ReplicaSet {
            object: *object,
            from: Some(object.replicas),
        })
    }

    /// Changes a pod that still exists.
    fn change(
        &mut self,
        pod: PodId,
        change: PodChange,
        edit: impl FnOnce(&mut PodObject),
    ) -> Option<Fact> {
        let object = self
            .pods
            .get_mut(pod.index())
            .filter(|object| !object.removed)?;
        let before = is_healthy(object);
        edit(object);
        self.healthy = self.healthy + u32::from(is_healthy(object)) - u32::from(before);
        Some(Fact::Pod(*object, change))
    }

    /// Graceful deletion; a pod that runs nowhere or has ended is removed at once
    /// (pkg/registry/core/pod/strategy.go, `CheckGracefulDelete`). A webhook may isolate it first:
    /// it answers at once and deletes the pod itself later.
    fn delete_pod(&mut self, pod: PodId, out: &mut Outbox<'_, Input, Fact>) -> Option<Fact> {
        let object = self.pods[pod.index()];
        let held_back = self.admission[usize::from(pod.revision().0)].graceful_drain;
        match held_back {
            _ if object.deleting || object.isolated => None,
            Some(span) if object.ready => {
                out.wake(span, Input::IsolationOver(pod));
                self.change(pod, PodChange::Isolated, |object| object.isolated = true)
            }
            _ => self.terminate(pod),
        }
    }

    fn terminate(&mut self, pod: PodId) -> Option<Fact> {
        let object = self.pods[pod.index()];
        if object.deleting {
            return None;
        }
        if object.node.is_none() || object.is_finished() {
            return self.remove_pod(pod);
        }
        self.change(pod, PodChange::Deleting, |object| object.deleting = true)
    }

    /// The budget is asked for pods that run. Its status is taken to be up to date: in Kubernetes it
    /// is some watch hops old, and evictions since then are deducted from it.
    fn evict(
        &mut self,
        job: u8,
        pod: PodId,
        attempt: u16,
        out: &mut Outbox<'_, Input, Fact>,
    ) -> Option<Fact> {
        let object = self.pods[pod.index()];
        let runs = object.is_active() && object.phase == Phase::Running;
        if runs
            && !self
                .budget
                .permits(self.replicas, self.healthy, object.ready)
        {
            return Some(Fact::EvictionRefused { job, pod, attempt });
        }
        self.delete_pod(pod, out)
    }

    /// Says, of each pod of a host that still exists, what `change` makes of it.
    fn for_each_on(
        &mut self,
        node: NodeId,
        out: &mut Outbox<'_, Input, Fact>,
        mut change: impl FnMut(&mut Self, PodId, &mut Outbox<'_, Input, Fact>) -> Option<Fact>,
    ) {
        for row in 0..self.pods.len() {
            let PodObject { pod, removed, .. } = self.pods[row];
            if self.pods[row].node == Some(node)
                && !removed
                && let Some(fact) = change(self, pod, out)
            {
                out.say(fact);
            }
        }
    }

    fn mark_not_ready(&mut self, now: Time, pod: PodId, host: NodeReady) -> Option<Fact> {
        let change = if self.pods[pod.index()].ready {
            PodChange::Unready
        } else {
            PodChange::Other
        };
        self.change(pod, change, |object| {
            if object.ready {
                object.ready_since = Some(now.whole_seconds());
            }
            object.ready = false;
            object.host = host;
        })
    }

    fn remove_pod(&mut self, pod: PodId) -> Option<Fact> {
        self.change(pod, PodChange::Removed, |object| object.removed = true)
    }

    fn patch_status(&mut self, status: PodStatus) -> Option<Fact> {
        let before = *self.pods.get(status.pod.index())?;
        let change = match status {
            PodStatus {
                phase: Phase::Succeeded | Phase::Failed,
                ..
            } => PodChange::Finished,
            PodStatus { ready, .. } if ready != before.ready => {
                if ready {
                    PodChange::Ready
                } else {
                    PodChange::Unready
                }
            }
            PodStatus {
                containers_ready: true,
                ..
            } if !before.containers_ready => PodChange::ContainersReady,
            PodStatus {
                phase: Phase::Running,
                ..
            } if before.phase == Phase::Pending => PodChange::Running,
            _ => PodChange::Other,
        };
        self.change(status.pod, change, |object| {
            object.phase = status.phase;
            object.containers_ready = status.containers_ready;
            object.ready = status.ready;
            object.ready_since = status.ready_since;
            object.restarts = status.restarts;
        })
    }
}

const fn is_healthy(object: &PodObject) -> bool {
    object.is_active() && object.ready
}

impl Actor for ApiServer {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        let fact = match input {
            Input::UpdateDeployment(object) => {
                self.replicas = object.replicas;
                Some(Fact::Deployment(object))
            }
            Input::WriteDeploymentStatus => Some(Fact::DeploymentStatus),
            Input::WriteReplicaSet {
                revision,
                replicas,
                desired,
                max,
            } => Some(self.write_replica_set(revision, replicas, desired, max)),
            Input::WriteReplicaSetStatus { revision, status } => {
                self.write_replica_set_status(revision, status)
            }
            Input::CreatePod(revision) => Some(Fact::Pod(
                self.create_pod(now, revision),
                PodChange::Created,
            )),
            Input::Bind(pod, node) => {
                self.change(pod, PodChange::Bound, |object| object.node = Some(node))
            }
            Input::DeletePod(pod) => self.delete_pod(pod, out),
            Input::Evict { job, pod, attempt } => self.evict(job, pod, attempt, out),
            Input::IsolationOver(pod) => self.terminate(pod),
            Input::ListPods(job) => {
                self.pods
                    .iter()
                    .filter(|object| !object.removed)
                    .for_each(|object| out.say(Fact::Listed(*object)));
                Some(Fact::ListEnd(job))
            }
            Input::NodeNotReady(node, host) => {
                self.for_each_on(node, out, |api, pod, _| api.mark_not_ready(now, pod, host));
                None
            }
            Input::DeletePodsOn(node) => {
                self.for_each_on(node, out, ApiServer::delete_pod);
                None
            }
            Input::PatchPodStatus(status) => self.patch_status(status),
            Input::PatchGate(pod, group, healthy) => self.change(pod, PodChange::Gate, |object| {
                object.gates.patch(group, healthy);
            }),
            Input::RemovePod(pod) => self.remove_pod(pod),
            Input::WriteEndpoint(pod, endpoint) => Some(Fact::Endpoint(pod, endpoint)),
        };
        if let Some(fact) = fact {
            out.say(fact);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::transcript;
    use crate::random::Streams;
    use crate::setting::Count;

    const fn pod(row: u16) -> PodId {
        PodId::new(row, RevisionId::OLD, row + 1)
    }

    const fn evict(row: u16) -> Input {
        Input::Evict {
            job: 0,
            pod: pod(row),
            attempt: 0,
        }
    }

    /// What becomes of pods, in whole seconds: two Ready ones, one a host, and requests.
    #[track_caller]
    fn check(
        min_available: Option<u32>,
        graceful_drain: Option<u64>,
        script: &[(u64, Input)],
        expected: &[&str],
    ) {
        let admission = Admission {
            gates: Gates::NONE,
            graceful_drain: graceful_drain.map(Span::from_secs),
        };
        let budget = PodDisruptionBudgetSpec {
            min_available: min_available.map(Count::Pods),
            max_unavailable: None,
        };
        let mut api = ApiServer::new(vec![admission], budget);
        for row in 0..2 {
            let node = Some(NodeId(row));
            let new = PodObject::new(pod(row), Time::ZERO, Gates::NONE);
            let object = PodObject {
                node,
                phase: Phase::Running,
                ready: true,
                ..new
            };
            api.seed_pod(object);
        }
        let second = |secs: u64| Time::from_micros(secs * 1_000_000);
        let script: Vec<_> = script
            .iter()
            .map(|&(secs, input)| (second(secs), input))
            .collect();
        let words = |fact| match fact {
            Fact::Pod(object, change) => format!("{} {change:?}", object.pod),
            Fact::EvictionRefused { pod, .. } => format!("{pod} refused"),
            other => format!("{other:?}"),
        };
        let facts = transcript(&mut api, &Streams::new(1, 0), &script, second(300));
        let lines: Vec<_> = facts
            .into_iter()
            .map(|(at, fact)| format!("{} {}", at, words(fact)))
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn an_eviction_asks_the_budget_and_a_deletion_does_not() {
        check(
            None,
            None,
            &[(1, evict(0)), (1, evict(1))],
            &["1.000s old-1 Deleting", "1.000s old-2 Deleting"],
        );
        check(
            Some(1),
            None,
            &[(1, evict(0)), (1, evict(1))],
            &["1.000s old-1 Deleting", "1.000s old-2 refused"],
        );
        check(
            Some(2),
            None,
            &[(1, Input::DeletePod(pod(0)))],
            &["1.000s old-1 Deleting"],
        );
        check(
            Some(2),
            None,
            &[(1, evict(0)), (2, Input::RemovePod(pod(0))), (3, evict(0))],
            &["1.000s old-1 refused", "2.000s old-1 Removed"],
        );
    }

    #[test]
    fn a_host_not_heard_of_takes_its_pods_out_of_the_budget_and_then_out_of_the_cluster() {
        check(
            Some(1),
            None,
            &[
                (1, Input::NodeNotReady(NodeId(0), NodeReady::Unknown)),
                (2, evict(1)),
                (9, Input::DeletePodsOn(NodeId(0))),
            ],
            &[
                "1.000s old-1 Unready",
                "2.000s old-2 refused",
                "9.000s old-1 Deleting",
            ],
        );
    }

    #[test]
    fn an_isolated_pod_is_deleted_later_and_once() {
        check(
            None,
            Some(60),
            &[
                (1, Input::DeletePod(pod(0))),
                (2, Input::DeletePod(pod(0))),
                (3, evict(0)),
            ],
            &["1.000s old-1 Isolated", "61.000s old-1 Deleting"],
        );
        check(
            Some(1),
            Some(60),
            &[(1, evict(0)), (1, evict(1))],
            &[
                "1.000s old-1 Isolated",
                "1.000s old-2 refused",
                "61.000s old-1 Deleting",
            ],
        );
    }
}
