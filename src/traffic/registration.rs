//! The order and the zones of targets, which are the same to every node.

use crate::id::{NodeId, TargetId};
use crate::observe::timeline::{PodRecord, TargetRecord};

/// Targets in order of registration, which is the order of every node's turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Registration {
    order: Vec<TargetId>,
    rank: Vec<u16>,
    zone: Vec<u8>,
}

impl Registration {
    /// Sorts the targets anew, keeps the memory. Hosts are spread over so many zones in turn, and so
    /// are targets of no host.
    pub(super) fn sort(&mut self, targets: &[TargetRecord], pods: &[PodRecord], zones: u8) {
        self.zone.clear();
        self.zone
            .extend(targets.iter().enumerate().map(|(row, target)| {
                let host = target
                    .pod
                    .and_then(|pod| pods.get(pod.index()))
                    .and_then(|pod| pod.node);
                (host.map_or(row, NodeId::index) % usize::from(zones.max(1))) as u8
            }));
        self.order.clear();
        self.order
            .extend((0..targets.len()).map(|row| TargetId(row as u16)));
        self.order
            .sort_by_key(|target| (targets[target.index()].registered, *target));
        self.rank.resize(targets.len(), 0);
        for (rank, target) in self.order.iter().enumerate() {
            self.rank[target.index()] = rank as u16;
        }
    }

    /// Its place in everybody's order.
    pub(super) fn rank(&self, target: TargetId) -> u16 {
        self.rank[target.index()]
    }

    /// All targets, in order.
    pub(super) fn order(&self) -> &[TargetId] {
        &self.order
    }

    /// The zone of its host.
    pub(super) fn zone(&self, target: TargetId) -> u8 {
        self.zone[target.index()]
    }
}
