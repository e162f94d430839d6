//! The pod workers of a host, found by their pods.

use super::worker::PodWorker;
use crate::id::PodId;
use crate::time::Time;

const FEW: usize = 8;

/// All of a host's, in the order in which its kubelet heard of their pods.
#[derive(Debug, Default)]
pub(super) struct PodWorkers {
    /// None: nothing is left of the pod.
    workers: Vec<Option<PodWorker>>,
    /// By pod, in order: the worker's row.
    rows: Vec<(PodId, u32)>,
    /// Rows of those that were in start when that was last asked, or have come since.
    starting: Vec<u32>,
}

impl PodWorkers {
    pub(super) fn clear(&mut self) {
        self.workers.clear();
        self.rows.clear();
        self.starting.clear();
    }

    pub(super) fn push(&mut self, worker: PodWorker) {
        let row = self.workers.len() as u32;
        let place = self.rows.partition_point(|(pod, _)| *pod < worker.pod);
        self.rows.insert(place, (worker.pod, row));
        self.starting.push(row);
        self.workers.push(Some(worker));
    }

    #[inline]
    fn row(&self, pod: PodId) -> Option<usize> {
        // Most hosts have so few that to look at each is quicker than to search.
        let place = if self.rows.len() <= FEW {
            self.rows
                .iter()
                .position(|(other, _)| other.index() == pod.index())?
        } else {
            self.rows.binary_search_by_key(&pod, |(pod, _)| *pod).ok()?
        };
        Some(self.rows[place].1 as usize)
    }

    pub(super) fn get(&self, pod: PodId) -> Option<&PodWorker> {
        self.workers[self.row(pod)?].as_ref()
    }

    pub(super) fn get_mut(&mut self, pod: PodId) -> Option<&mut PodWorker> {
        let row = self.row(pod)?;
        self.workers[row].as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &PodWorker> {
        self.workers.iter().flatten()
    }

    pub(super) fn remove(&mut self, pod: PodId) {
        if let Some(row) = self.row(pod) {
            self.workers[row] = None;
            self.rows.retain(|(other, _)| *other != pod);
        }
    }

    /// Those whose sandbox is not there yet.
    pub(super) fn in_start(&mut self, now: Time) -> impl Iterator<Item = &mut PodWorker> {
        let PodWorkers {
            workers, starting, ..
        } = self;
        starting.retain(|row| {
            let worker = &workers[*row as usize];
            worker
                .as_ref()
                .is_some_and(|worker| worker.unprepared(now) > 0.0)
        });
        // The rows ascend: each worker is left behind before the next one is looked for.
        let (mut rest, mut passed) = (&mut workers[..], 0);
        starting.iter().filter_map(move |row| {
            let (worker, later) = std::mem::take(&mut rest)
                .get_mut(*row as usize - passed..)?
                .split_first_mut()?;
            (rest, passed) = (later, *row as usize + 1);
            worker.as_mut()
        })
    }
}
