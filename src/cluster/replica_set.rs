//! The ReplicaSet controller: pods are created and deleted here, and counted.
//!
//! It believes the pods of its cache, a watch hop old, and keeps expectations so that it never acts
//! twice on the same difference. Source: Kubernetes 1.36, pkg/controller/replicaset/replica_set.go,
//! replica_set_utils.go, pkg/controller/controller_utils.go.

mod pods;
#[cfg(test)]
mod tests;

use crate::actor::{Actor, Outbox};
use crate::cluster::pod::{PodChange, PodObject};
use crate::cluster::spec::ClusterSpec;
use crate::cluster::token_bucket::TokenBucket;
use crate::cluster::workload::{ReplicaSetObject, ReplicaSetStatus};
use crate::id::{PodId, RevisionId};
use crate::time::{Span, Time};
use pods::PodCache;

/// Pods created or deleted in one sync at most (`BurstReplicas`).
const BURST_REPLICAS: usize = 500;

/// Events of one object that pass the spam filter at once (client-go/tools/record/events_cache.go);
/// each costs a token of the same bucket as the create or delete that it reports.
const EVENT_BURST: u32 = 25;

/// What the controller hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Watch: a ReplicaSet.
    ReplicaSet(ReplicaSetObject),
    /// Watch: a pod.
    Pod(PodObject, PodChange),
    /// A create or delete of this ReplicaSet's was answered.
    PodWritten(RevisionId),
    /// The status write of this ReplicaSet was answered.
    StatusWritten(RevisionId),
    /// Own timer: a pod may have become available.
    CheckAvailability(RevisionId),
    /// Own timer: the client's rate limit lets a create pass.
    SendCreate(RevisionId),
    /// Own timer: the client's rate limit lets a delete pass.
    SendDelete(PodId),
    /// Own timer: the client's rate limit lets a status write pass.
    SendStatus(RevisionId),
}

/// What the controller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Creates the `nth` pod of a revision in this run.
    CreatedPod {
        /// From which template.
        revision: RevisionId,
        /// Counted from 0.
        nth: u32,
        /// How many are created at the same instant.
        at_once: u32,
    },
    /// Deletes a pod.
    DeletedPod {
        /// Which.
        pod: PodId,
        /// How many are deleted at the same instant.
        at_once: u32,
    },
    /// Writes a ReplicaSet's status, for the `nth` time.
    WroteStatus {
        /// Of which ReplicaSet.
        revision: RevisionId,
        /// What it says.
        status: ReplicaSetStatus,
        /// Counted from 0.
        nth: u32,
    },
}

/// What the controller is doing for one ReplicaSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Idle,
    /// Creating in batches of 1, 2, 4, …: the next one starts when all calls of this one are answered.
    Creating {
        left: u32,
        batch: u32,
        unanswered: u32,
    },
    /// Deleting all at once.
    Deleting {
        unanswered: u32,
    },
    WritingStatus,
}

#[derive(Debug)]
struct Set {
    object: ReplicaSetObject,
    work: Work,
    triggered: bool,
    /// Creates that the cache has not shown yet.
    creates_expected: u32,
    /// Deletions that the cache has not shown yet.
    deletes_expected: u32,
    created: u32,
    events: u32,
    status_writes: u32,
    status: ReplicaSetStatus,
    /// The status computed before this sync changed anything, to be written at its end.
    next_status: ReplicaSetStatus,
}

/// The ReplicaSet controller, working on the ReplicaSets of one Deployment.
#[derive(Debug)]
pub struct ReplicaSetController {
    /// `status.terminatingReplicas` exists (`DeploymentReplicaSetTerminatingReplicas`, on from 1.35).
    reports_terminating: bool,
    /// No sync before the cache shows the controller's own writes (`StaleControllerConsistencyReplicaSet`,
    /// on from 1.36).
    waits_for_cache: bool,
    bucket: TokenBucket,
    sets: Vec<Set>,
    pods: PodCache,
    /// Those that are being deleted, while that is decided.
    doomed: Vec<PodObject>,
}

impl ReplicaSetController {
    /// A controller that knows nothing yet.
    pub fn new(min_ready: Span, cluster: &ClusterSpec) -> ReplicaSetController {
        ReplicaSetController {
            reports_terminating: cluster.kubernetes.at_least(35),
            waits_for_cache: cluster.kubernetes.at_least(36),
            bucket: TokenBucket::new(
                cluster.controller_qps.into(),
                cluster.controller_burst.into(),
            ),
            sets: Vec::new(),
            pods: PodCache::new(min_ready),
            doomed: Vec::new(),
        }
    }

    /// Back to one ReplicaSet at rest, or to none.
    pub fn reset(&mut self, settled: Option<ReplicaSetObject>) {
        self.bucket.reset();
        self.sets.clear();
        self.pods.clear();
        self.sets.extend(settled.map(Set::new));
    }

    /// Knows a pod that ran before the run started.
    pub fn seed_pod(&mut self, object: PodObject) {
        self.pods.see(Time::ZERO, object);
    }

    fn row(&self, revision: RevisionId) -> Option<usize> {
        self.sets
            .iter()
            .position(|set| set.object.revision == revision)
    }

    /// One sync of a ReplicaSet's key, unless one is under way (`syncReplicaSet`).
    fn trigger(&mut self, now: Time, revision: RevisionId, out: &mut Outbox<'_, Input, Fact>) {
        let Some(row) = self.row(revision) else {
            return;
        };
        self.sets[row].triggered = true;
        if self.sets[row].work == Work::Idle {
            self.sync(now, row, out);
        }
    }

    fn sync(&mut self, now: Time, row: usize, out: &mut Outbox<'_, Input, Fact>) {
        if self.waits_for_cache && !self.sets[row].is_fresh() {
            // Put off by 5 ms, 10 ms, …; the event that brings the write comes here again, too.
            return;
        }
        let revision = self.sets[row].object.revision;
        let status = ReplicaSetStatus {
            observed: self.sets[row].object.generation,
            ..self.pods.status(revision, now, self.reports_terminating)
        };
        let active = status.replicas;
        self.check_availability_later(revision, now, out);
        let set = &mut self.sets[row];
        set.triggered = false;
        set.next_status = status;
        let wanted = set.object.replicas;
        if set.creates_expected == 0 && set.deletes_expected == 0 && wanted != active {
            if wanted > active {
                let left = (wanted - active).min(BURST_REPLICAS as u32);
                set.creates_expected = left;
                set.work = Work::Creating {
                    left,
                    batch: 1,
                    unanswered: 0,
                };
                self.create_batch(now, row, out);
            } else {
                self.delete(now, row, (active - wanted) as usize, out);
            }
        } else {
            self.write_status(now, row, out);
        }
    }

    /// The client's rate limit: one token for the call, one for the event that reports it.
    fn take_tokens(&mut self, now: Time, row: usize) -> Span {
        let wait = self.bucket.take(now);
        self.sets[row].events += 1;
        if self.sets[row].events <= EVENT_BURST {
            self.bucket.take(now);
        }
        wait
    }

    /// `slowStartBatch`.
    fn create_batch(&mut self, now: Time, row: usize, out: &mut Outbox<'_, Input, Fact>) {
        let Work::Creating { left, batch, .. } = self.sets[row].work else {
            return;
        };
        let size = batch.min(left);
        self.sets[row].work = Work::Creating {
            left: left - size,
            batch: batch * 2,
            unanswered: size,
        };
        let mut at_once = 0;
        for _ in 0..size {
            let wait = self.take_tokens(now, row);
            if wait == Span::ZERO {
                at_once += 1;
            } else {
                out.wake(wait, Input::SendCreate(self.sets[row].object.revision));
            }
        }
        (0..at_once).for_each(|_| self.send_create(row, at_once, out));
    }

    fn send_create(&mut self, row: usize, at_once: u32, out: &mut Outbox<'_, Input, Fact>) {
        let set = &mut self.sets[row];
        out.say(Fact::CreatedPod {
            revision: set.object.revision,
            nth: set.created,
            at_once,
        });
        set.created += 1;
    }

    /// All deletions at once, no slow start; the client's rate limit alone holds them back.
    fn delete(&mut self, now: Time, row: usize, count: usize, out: &mut Outbox<'_, Input, Fact>) {
        let revision = self.sets[row].object.revision;
        let mut doomed = std::mem::take(&mut self.doomed);
        doomed.clear();
        let count = count.min(BURST_REPLICAS);
        doomed.extend(
            self.pods
                .first_to_delete(revision, count, now, out.streams()),
        );
        self.sets[row].work = Work::Deleting {
            unanswered: doomed.len() as u32,
        };
        self.sets[row].deletes_expected += doomed.len() as u32;
        doomed
            .iter()
            .for_each(|object| self.pods.expect_deletion(object));
        let mut at_once = 0;
        for object in &doomed {
            let wait = self.take_tokens(now, row);
            if wait == Span::ZERO {
                at_once += 1;
            } else {
                out.wake(wait, Input::SendDelete(object.pod));
            }
        }
        let sent = doomed.iter().take(at_once as usize);
        sent.for_each(|object| {
            out.say(Fact::DeletedPod {
                pod: object.pod,
                at_once,
            });
        });
        self.doomed = doomed;
    }

    /// A call of the present batch was answered.
    fn answered(&mut self, now: Time, revision: RevisionId, out: &mut Outbox<'_, Input, Fact>) {
        let Some(row) = self.row(revision) else {
            return;
        };
        match &mut self.sets[row].work {
            Work::Creating {
                left, unanswered, ..
            } => {
                *unanswered -= 1;
                match (*unanswered, *left) {
                    (0, 0) => self.write_status(now, row, out),
                    (0, _) => self.create_batch(now, row, out),
                    _ => {}
                }
            }
            Work::Deleting { unanswered } => {
                *unanswered -= 1;
                if *unanswered == 0 {
                    self.write_status(now, row, out);
                }
            }
            Work::Idle | Work::WritingStatus => {}
        }
    }

    /// A status of the same content, observedGeneration included, is not written.
    fn write_status(&mut self, now: Time, row: usize, out: &mut Outbox<'_, Input, Fact>) {
        let set = &mut self.sets[row];
        if set.status == set.next_status {
            return self.finish(now, row, out);
        }
        set.status = set.next_status;
        set.work = Work::WritingStatus;
        let wait = self.bucket.take(now);
        if wait == Span::ZERO {
            self.send_status(row, out);
        } else {
            out.wake(wait, Input::SendStatus(self.sets[row].object.revision));
        }
    }

    fn send_status(&mut self, row: usize, out: &mut Outbox<'_, Input, Fact>) {
        let set = &mut self.sets[row];
        out.say(Fact::WroteStatus {
            revision: set.object.revision,
            status: set.status,
            nth: set.status_writes,
        });
        set.status_writes += 1;
    }

    fn finish(&mut self, now: Time, row: usize, out: &mut Outbox<'_, Input, Fact>) {
        self.sets[row].work = Work::Idle;
        if self.sets[row].triggered {
            self.sync(now, row, out);
        }
    }

    /// `FindMinNextPodAvailabilityCheck`: back at the next instant a Ready pod becomes available.
    fn check_availability_later(
        &mut self,
        revision: RevisionId,
        now: Time,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        if let Some(at) = self.pods.next_available(revision, now) {
            out.wake_at(at, Input::CheckAvailability(revision));
        }
    }

    /// A pod event settles what it was expected to bring.
    fn expectation_met(&mut self, row: usize, object: &PodObject, change: PodChange) {
        let set = &mut self.sets[row];
        match change {
            PodChange::Created => set.creates_expected = set.creates_expected.saturating_sub(1),
            PodChange::Deleting | PodChange::Removed | PodChange::Isolated => {
                set.deletes_expected -= u32::from(self.pods.was_expected(object));
            }
            _ => {}
        }
    }
}

impl Set {
    const fn new(object: ReplicaSetObject) -> Set {
        Set {
            object,
            work: Work::Idle,
            triggered: false,
            creates_expected: 0,
            deletes_expected: 0,
            created: 0,
            events: 0,
            status_writes: 0,
            status: object.status,
            next_status: object.status,
        }
    }

    /// Whether the cache shows all that the controller wrote.
    fn is_fresh(&self) -> bool {
        self.creates_expected == 0
            && self.deletes_expected == 0
            && self.object.status == self.status
    }
}

impl Actor for ReplicaSetController {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        match input {
            Input::ReplicaSet(object) => {
                match self.row(object.revision) {
                    Some(row) => self.sets[row].object = object,
                    None => self.sets.push(Set::new(object)),
                }
                self.trigger(now, object.revision, out);
            }
            Input::Pod(object, change) => {
                self.pods.see(now, object);
                if let Some(row) = self.row(object.pod.revision()) {
                    self.expectation_met(row, &object, change);
                }
                self.trigger(now, object.pod.revision(), out);
            }
            Input::PodWritten(revision) => self.answered(now, revision, out),
            Input::StatusWritten(revision) => {
                if let Some(row) = self.row(revision) {
                    self.finish(now, row, out);
                }
            }
            Input::CheckAvailability(revision) => self.trigger(now, revision, out),
            Input::SendCreate(revision) => {
                if let Some(row) = self.row(revision) {
                    self.send_create(row, 1, out);
                }
            }
            Input::SendDelete(pod) => out.say(Fact::DeletedPod { pod, at_once: 1 }),
            Input::SendStatus(revision) => {
                if let Some(row) = self.row(revision) {
                    self.send_status(row, out);
                }
            }
        }
    }
}
