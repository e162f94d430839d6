//! Which pod answers at a target's IP, and which target stands for a pod's.

use crate::aws::target::target_of;
use crate::id::{PodId, TargetId};

/// The IPs of pods, each called by the target that stands for it.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// By target: who has its IP, or had it last.
    pods: Vec<Option<PodId>>,
    /// By pod: its target, if that is not its own but the one of an earlier pod.
    moved: Vec<Option<TargetId>>,
}

impl Addresses {
    /// Nobody is anywhere; keeps the memory.
    pub(super) fn clear(&mut self) {
        self.pods.clear();
        self.moved.clear();
    }

    /// A target stands for this pod from now on.
    pub(super) fn put(&mut self, target: TargetId, pod: PodId) {
        put(&mut self.pods, target.index(), pod);
        if target != target_of(pod) {
            put(&mut self.moved, pod.index(), target);
        }
    }

    /// Who answers there.
    pub(super) fn pod(&self, target: TargetId) -> Option<PodId> {
        self.pods.get(target.index()).copied().flatten()
    }

    /// What stands for a pod.
    pub(super) fn target(&self, pod: PodId) -> TargetId {
        self.moved
            .get(pod.index())
            .copied()
            .flatten()
            .unwrap_or_else(|| target_of(pod))
    }
}

fn put<T: Copy>(rows: &mut Vec<Option<T>>, row: usize, value: T) {
    if rows.len() <= row {
        rows.resize(row + 1, None);
    }
    rows[row] = Some(value);
}
