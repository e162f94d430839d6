//! The controller's cache of pods, and what it counts of them as they change: no sync looks at all of them.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::cluster::pod::{Phase, PodObject};
use crate::cluster::workload::ReplicaSetStatus;
use crate::id::{NodeId, RevisionId};
use crate::random::{Purpose, Streams};
use crate::time::{Span, Time};

/// Pods as the watch showed them last.
#[derive(Debug)]
pub(super) struct PodCache {
    min_ready: Span,
    pods: Vec<Option<PodObject>>,
    /// By revision.
    sets: Vec<Counts>,
    /// Active pods without a host, and then by host.
    neighbours: Vec<u32>,
    /// By pod: its place among the active ones of its revision.
    places: Vec<u32>,
    /// By pod: whether the controller has deleted it and the cache has not shown that yet.
    expected: Vec<bool>,
    /// Memory of [`PodCache::first_to_delete`].
    ranked: Vec<(Rank, PodObject)>,
}

/// What a revision's pods add up to.
#[derive(Debug, Default)]
struct Counts {
    /// Rows of the active ones, in no order.
    active: Vec<u16>,
    ready: u32,
    available: u32,
    terminating: u32,
    /// When each of the Ready ones that are not available yet will be.
    waiting: BTreeSet<(Time, u16)>,
}

/// Who dies first: the order of `ActivePodsWithRanks.Less`, least first. Ages are compared in logarithmic buckets;
/// equal ones by UID, which is as good as random.
type Rank = (
    bool,
    bool,
    bool,
    Reverse<u32>,
    u32,
    Reverse<u32>,
    u32,
    u64,
    usize,
);

impl PodCache {
    /// A cache of nothing; a pod is available once it has been Ready for `min_ready`.
    pub(super) const fn new(min_ready: Span) -> PodCache {
        PodCache {
            min_ready,
            pods: Vec::new(),
            sets: Vec::new(),
            neighbours: Vec::new(),
            places: Vec::new(),
            expected: Vec::new(),
            ranked: Vec::new(),
        }
    }

    /// Forgets all pods, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.pods.clear();
        self.neighbours.clear();
        self.places.clear();
        self.expected.clear();
        for set in &mut self.sets {
            set.active.clear();
            set.waiting.clear();
            (set.ready, set.available, set.terminating) = (0, 0, 0);
        }
    }

    /// A pod is so from now on.
    pub(super) fn see(&mut self, now: Time, object: PodObject) {
        let (row, revision) = (object.pod.index(), usize::from(object.pod.revision().0));
        if self.pods.len() <= row {
            self.pods.resize(row + 1, None);
            self.places.resize(row + 1, 0);
            self.expected.resize(row + 1, false);
        }
        if self.sets.len() <= revision {
            self.sets.resize_with(revision + 1, Counts::default);
        }
        if let Some(before) = self.pods[row].replace(object) {
            self.uncount(&before);
        }
        self.count(now, &object);
    }

    fn count(&mut self, now: Time, object: &PodObject) {
        let row = object.pod.index();
        let set = &mut self.sets[usize::from(object.pod.revision().0)];
        if is_terminating(object) {
            set.terminating += 1;
        }
        if !object.is_active() {
            return;
        }
        self.places[row] = set.active.len() as u32;
        set.active.push(row as u16);
        let host = place_of(object.node);
        if self.neighbours.len() <= host {
            self.neighbours.resize(host + 1, 0);
        }
        self.neighbours[host] += 1;
        if object.ready {
            set.ready += 1;
            match available_from(object, self.min_ready).filter(|from| *from > now) {
                Some(from) => {
                    set.waiting.insert((from, row as u16));
                }
                None => set.available += 1,
            }
        }
    }

    fn uncount(&mut self, object: &PodObject) {
        let row = object.pod.index();
        let set = &mut self.sets[usize::from(object.pod.revision().0)];
        if is_terminating(object) {
            set.terminating -= 1;
        }
        if !object.is_active() {
            return;
        }
        let place = self.places[row] as usize;
        set.active.swap_remove(place);
        if let Some(moved) = set.active.get(place) {
            self.places[usize::from(*moved)] = place as u32;
        }
        self.neighbours[place_of(object.node)] -= 1;
        if object.ready {
            set.ready -= 1;
            let waited = available_from(object, self.min_ready)
                .is_some_and(|from| set.waiting.remove(&(from, row as u16)));
            set.available -= u32::from(!waited);
        }
    }

    /// Who has become available by now counts so.
    fn set(&mut self, revision: RevisionId, now: Time) -> Option<&mut Counts> {
        let set = self.sets.get_mut(usize::from(revision.0))?;
        while set.waiting.first().is_some_and(|(from, _)| *from <= now) {
            set.waiting.pop_first();
            set.available += 1;
        }
        Some(set)
    }

    /// What a ReplicaSet's status says of its pods; of terminating ones, if it says anything.
    pub(super) fn status(
        &mut self,
        revision: RevisionId,
        now: Time,
        reports_terminating: bool,
    ) -> ReplicaSetStatus {
        self.set(revision, now)
            .map_or_else(ReplicaSetStatus::default, |set| ReplicaSetStatus {
                replicas: set.active.len() as u32,
                ready: set.ready,
                available: set.available,
                terminating: if reports_terminating {
                    set.terminating
                } else {
                    0
                },
                ..ReplicaSetStatus::default()
            })
    }

    /// When the next Ready pod of a ReplicaSet becomes available.
    pub(super) fn next_available(&mut self, revision: RevisionId, now: Time) -> Option<Time> {
        let (from, _) = self.set(revision, now)?.waiting.first()?;
        Some(*from)
    }

    /// So many of a ReplicaSet's active pods: those that die first, or all of them in order of creation.
    pub(super) fn first_to_delete(
        &mut self,
        revision: RevisionId,
        count: usize,
        now: Time,
        streams: &Streams,
    ) -> impl Iterator<Item = PodObject> + '_ {
        let PodCache {
            pods,
            sets,
            neighbours,
            ranked,
            ..
        } = self;
        let active = sets
            .get(usize::from(revision.0))
            .map_or(&[][..], |set| &set.active);
        let objects = active.iter().filter_map(|row| pods[usize::from(*row)]);
        ranked.clear();
        ranked.extend(objects.map(|object| {
            let neighbours = neighbours[place_of(object.node)];
            (rank(&object, neighbours, now, streams), object)
        }));
        if count < ranked.len() {
            ranked.select_nth_unstable_by_key(count, |(rank, _)| *rank);
            ranked.truncate(count);
            ranked.sort_unstable_by_key(|(rank, _)| *rank);
        } else {
            ranked.sort_unstable_by_key(|(_, object)| object.pod.index());
        }
        ranked.iter().map(|(_, object)| *object)
    }

    /// The controller deletes a pod.
    pub(super) fn expect_deletion(&mut self, object: &PodObject) {
        self.expected[object.pod.index()] = true;
    }

    /// A pod's deletion was seen; whether it was the controller's own.
    pub(super) fn was_expected(&mut self, object: &PodObject) -> bool {
        std::mem::take(&mut self.expected[object.pod.index()])
    }
}

const fn place_of(node: Option<NodeId>) -> usize {
    match node {
        Some(node) => node.index() + 1,
        None => 0,
    }
}

/// In its ReplicaSet's sight, on its way out.
const fn is_terminating(object: &PodObject) -> bool {
    object.deleting && !object.removed && !object.is_finished() && !object.isolated
}

/// When a Ready pod becomes available; `None`: it has long been.
fn available_from(object: &PodObject, min_ready: Span) -> Option<Time> {
    object
        .ready_since
        .filter(|_| min_ready > Span::ZERO)
        .map(|since| since + min_ready)
}

fn rank(object: &PodObject, neighbours: u32, now: Time, streams: &Streams) -> Rank {
    let bucket = |since: Time| 64 - now.saturating_since(since).as_micros().leading_zeros();
    let ready_for = if object.ready {
        object.ready_since.map_or(u32::MAX, bucket)
    } else {
        0
    };
    let uid = streams.at(Purpose::Uid, object.pod.index() as u64).bits();
    (
        object.node.is_some(),
        object.phase != Phase::Pending,
        object.ready,
        Reverse(neighbours),
        ready_for,
        Reverse(object.restarts),
        bucket(object.created),
        uid,
        object.pod.index(),
    )
}
