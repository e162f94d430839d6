//! Who is who. One newtype per kind of thing, so that a pod is never taken for a target.

use std::fmt;

/// A revision of the pod template, in order of appearance: 0 is what ran before the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionId(pub u8);

/// A pod: its place in creation order, and the name that transcripts use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodId {
    index: u16,
    revision: RevisionId,
    ordinal: u16,
}

/// A cluster node (host).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

/// A target of the target group: an `ip:port` with target type `ip`, a host with `instance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub u16);

/// A target group that a pod is a target of. The first is the one that the requests come through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetGroupId(pub u8);

/// A node of a load balancer; those behind further target groups are numbered on from the first one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlbNodeId(pub u8);

impl RevisionId {
    /// What ran before the rollout.
    pub const OLD: RevisionId = RevisionId(0);
    /// What the rollout brings.
    pub const NEW: RevisionId = RevisionId(1);
}

impl PodId {
    /// The pod that is the `index`-th of the whole run (from 0) and the `ordinal`-th of its
    /// revision (from 1).
    pub const fn new(index: u16, revision: RevisionId, ordinal: u16) -> PodId {
        PodId {
            index,
            revision,
            ordinal,
        }
    }

    /// Place in creation order over all revisions, from 0: the index of every per-pod table.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// The template revision the pod was made from.
    pub const fn revision(self) -> RevisionId {
        self.revision
    }
}

impl TargetId {
    /// Index of every per-target table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl TargetGroupId {
    /// The one that the requests come through.
    pub const FIRST: TargetGroupId = TargetGroupId(0);

    /// Index of every per-target-group table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl AlbNodeId {
    /// Index of every per-ALB-node table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl NodeId {
    /// Index of every per-node table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("old"),
            1 => f.write_str("new"),
            n => write!(f, "rev{}", n + 1),
        }
    }
}

impl fmt::Display for PodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.revision, self.ordinal)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node-{}", self.0)
    }
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "target-{}", self.0)
    }
}

impl fmt::Display for AlbNodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alb-{}", self.0)
    }
}
