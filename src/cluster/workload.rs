//! What the rooms of the cluster have in common: the Deployment and its ReplicaSets in the API.

use crate::id::RevisionId;

/// A Deployment's spec, as far as it changes during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeploymentObject {
    /// `spec.replicas`.
    pub replicas: u32,
    /// The pod template.
    pub revision: RevisionId,
    /// `spec.paused`.
    pub paused: bool,
}

/// A ReplicaSet as the API server holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaSetObject {
    /// The pod template.
    pub revision: RevisionId,
    /// `spec.replicas`.
    pub replicas: u32,
    /// Annotation `deployment.kubernetes.io/desired-replicas`.
    pub desired: u32,
    /// Annotation `deployment.kubernetes.io/max-replicas`.
    pub max: u32,
    /// Place in order of creation.
    pub born: u8,
    /// Writes of the spec so far.
    pub writes: u32,
    /// `metadata.generation`: those of them that changed `spec.replicas`.
    pub generation: u32,
    /// Writes of spec and status so far.
    pub version: u32,
    /// `status`.
    pub status: ReplicaSetStatus,
}

/// A ReplicaSet's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReplicaSetStatus {
    /// Active pods.
    pub replicas: u32,
    /// … that are Ready.
    pub ready: u32,
    /// … that have been Ready for `min_ready`.
    pub available: u32,
    /// Pods being deleted that have not finished (reported from 1.35).
    pub terminating: u32,
    /// `observedGeneration`: the generation that it was computed for.
    pub observed: u32,
}

impl ReplicaSetObject {
    /// One at rest: all of its pods are available, and its status says so.
    pub const fn settled(revision: RevisionId, replicas: u32, max: u32) -> ReplicaSetObject {
        let status = ReplicaSetStatus {
            replicas,
            ready: replicas,
            available: replicas,
            terminating: 0,
            observed: 1,
        };
        let (writes, generation, version) = (1, 1, 1);
        ReplicaSetObject {
            revision,
            replicas,
            desired: replicas,
            max,
            born: 0,
            writes,
            generation,
            version,
            status,
        }
    }
}
