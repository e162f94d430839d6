//! The scheduler: binds a pod to the host that has the fewest of its siblings.
//!
//! The default plugins spread the pods of a Service over hosts; which of several equal hosts wins is
//! chance in Kubernetes and the first one here, since it has no bearing on timing.

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
}

/// A pod gets a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound(pub PodId, pub NodeId);

/// The scheduler.
#[derive(Debug)]
pub struct Scheduler {
    /// Pods on each host, those being deleted not counted.
    siblings: Vec<u32>,
    bucket: TokenBucket,
}

impl Scheduler {
    /// A scheduler of so many hosts, at least one.
    pub fn new(nodes: u16) -> Scheduler {
        // pkg/scheduler/apis/config/v1/defaults.go: 50 a second, burst 100.
        Scheduler { siblings: vec![0; usize::from(nodes.max(1))], bucket: TokenBucket::new(50, 100) }
    }

    /// Empty hosts again.
    pub fn reset(&mut self) {
        self.siblings.fill(0);
        self.bucket.reset();
    }

    /// Chooses a host and counts the pod there.
    pub fn place(&mut self) -> NodeId {
        let fewest = (0..self.siblings.len()).min_by_key(|&node| self.siblings[node]).unwrap_or(0);
        self.siblings[fewest] += 1;
        NodeId(fewest as u16)
    }
}

impl Actor for Scheduler {
    type Input = Input;
    type Fact = Bound;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Bound>) {
        match input {
            Input::Pod(object, PodChange::Created) => {
                let node = self.place();
                let wait = self.bucket.take(now);
                if wait == Span::ZERO {
                    out.say(Bound(object.pod, node));
                } else {
                    out.wake(wait, Input::SendBinding(object.pod, node));
                }
            }
            Input::Pod(PodObject { node: Some(node), .. }, PodChange::Deleting) => {
                let siblings = &mut self.siblings[node.index()];
                *siblings = siblings.saturating_sub(1);
            }
            Input::Pod(..) => {}
            Input::SendBinding(pod, node) => out.say(Bound(pod, node)),
        }
    }
}
