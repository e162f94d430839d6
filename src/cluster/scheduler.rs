//! The scheduler: binds a pod to the host that has the fewest of its siblings.
//!
//! The default plugins spread the pods of a Service over hosts; which of several equal hosts wins is
//! chance in Kubernetes and the first one here, since it has no bearing on timing.

use std::collections::BTreeSet;

use crate::actor::{Actor, Outbox};
use crate::cluster::pod::{PodChange, PodObject};
use crate::cluster::token_bucket::TokenBucket;
use crate::id::{NodeId, PodId};
use crate::time::{Span, Time};

/// What the scheduler hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Watch: a pod.
    Pod(PodObject, PodChange),
    /// Own timer: the client's rate limit lets a binding pass.
    SendBinding(PodId, NodeId),
    /// Watch: a host takes no new pods any more: cordoned, or tainted as not ready.
    Cordon(NodeId),
    /// Watch: a host takes pods again.
    Uncordon(NodeId),
}

/// A pod gets a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound(pub PodId, pub NodeId);

/// The scheduler.
#[derive(Debug)]
pub struct Scheduler {
    /// Pods on each host, those being deleted not counted.
    siblings: Vec<u32>,
    /// By host: whether it takes no new pods.
    cordoned: Vec<bool>,
    /// Hosts that take pods, the one with the fewest first.
    open: BTreeSet<(u32, usize)>,
    /// Pods for which there is no host, in order of creation.
    unschedulable: Vec<PodId>,
    bucket: TokenBucket,
}

impl Scheduler {
    /// A scheduler of so many hosts, at least one.
    pub fn new(nodes: u16) -> Scheduler {
        // pkg/scheduler/apis/config/v1/defaults.go: 50 a second, burst 100.
        let nodes = usize::from(nodes.max(1));
        let bucket = TokenBucket::new(50, 100);
        Scheduler {
            siblings: vec![0; nodes],
            cordoned: vec![false; nodes],
            open: (0..nodes).map(|node| (0, node)).collect(),
            unschedulable: Vec::new(),
            bucket,
        }
    }

    /// Empty hosts again.
    pub fn reset(&mut self) {
        self.siblings.fill(0);
        self.cordoned.fill(false);
        self.open.clear();
        self.open
            .extend((0..self.siblings.len()).map(|node| (0, node)));
        self.unschedulable.clear();
        self.bucket.reset();
    }

    /// Chooses a host that takes pods, and counts the pod there.
    pub fn place(&mut self) -> Option<NodeId> {
        let (siblings, fewest) = self.open.pop_first()?;
        self.siblings[fewest] = siblings + 1;
        self.open.insert((siblings + 1, fewest));
        Some(NodeId(fewest as u16))
    }

    /// A host has a pod less.
    fn leave(&mut self, node: NodeId) {
        let node = node.index();
        let before = self.siblings[node];
        self.siblings[node] = before.saturating_sub(1);
        if self.open.remove(&(before, node)) {
            self.open.insert((self.siblings[node], node));
        }
    }

    fn cordon(&mut self, node: NodeId) {
        self.cordoned[node.index()] = true;
        self.open
            .remove(&(self.siblings[node.index()], node.index()));
    }

    fn bind(&mut self, now: Time, pod: PodId, out: &mut Outbox<'_, Input, Bound>) {
        let Some(node) = self.place() else {
            return self.unschedulable.push(pod);
        };
        let wait = self.bucket.take(now);
        if wait == Span::ZERO {
            out.say(Bound(pod, node));
        } else {
            out.wake(wait, Input::SendBinding(pod, node));
        }
    }

    /// A host more moves the pods that waited for one (`MoveAllToActiveOrBackoffQueue`).
    fn uncordon(&mut self, now: Time, node: NodeId, out: &mut Outbox<'_, Input, Bound>) {
        self.cordoned[node.index()] = false;
        self.open
            .insert((self.siblings[node.index()], node.index()));
        for pod in std::mem::take(&mut self.unschedulable) {
            self.bind(now, pod, out);
        }
    }
}

impl Actor for Scheduler {
    type Input = Input;
    type Fact = Bound;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Bound>) {
        match input {
            Input::Pod(object, PodChange::Created) => self.bind(now, object.pod, out),
            // A pod that leaves its Service is a sibling no more; one that leaves it twice counts once.
            Input::Pod(PodObject { isolated: true, .. }, PodChange::Deleting) => {}
            Input::Pod(
                PodObject {
                    node: Some(node), ..
                },
                PodChange::Deleting | PodChange::Isolated,
            ) => self.leave(node),
            Input::Pod(object, PodChange::Removed) => {
                self.unschedulable.retain(|pod| *pod != object.pod);
            }
            Input::Pod(..) => {}
            Input::SendBinding(pod, node) => out.say(Bound(pod, node)),
            Input::Cordon(node) => self.cordon(node),
            Input::Uncordon(node) => self.uncordon(now, node, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::transcript;
    use crate::cluster::pod::Gates;
    use crate::id::RevisionId;
    use crate::random::Streams;

    fn created(row: u16) -> Input {
        let pod = PodId::new(row, RevisionId::OLD, row + 1);
        Input::Pod(
            PodObject::new(pod, Time::ZERO, Gates::NONE),
            PodChange::Created,
        )
    }

    #[test]
    fn cordoned_hosts_are_passed_over_and_pods_without_a_host_wait() {
        let second = |secs: u64| Time::from_micros(secs * 1_000_000);
        let script = [
            (second(1), created(0)),
            (second(2), Input::Cordon(NodeId(1))),
            (second(3), created(1)),
            (second(4), Input::Cordon(NodeId(0))),
            (second(5), created(2)),
            (second(6), Input::Uncordon(NodeId(1))),
        ];
        let facts = transcript(
            &mut Scheduler::new(2),
            &Streams::new(1, 0),
            &script,
            second(9),
        );
        let bound: Vec<(u64, usize, u16)> = facts
            .iter()
            .map(|(at, Bound(pod, node))| (at.as_micros() / 1_000_000, pod.index(), node.0))
            .collect();
        assert_eq!(bound, [(1, 0, 0), (3, 1, 0), (6, 2, 1)]);
    }
}
