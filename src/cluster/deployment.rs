//! The Deployment controller: how many pods of which revision there should be.
//!
//! It believes `spec.replicas` and `status.availableReplicas` of its ReplicaSets, some watch hops
//! old. The control law is that of Kubernetes 1.36, pkg/controller/deployment/{rolling,recreate,
//! sync,progress}.go and util/deployment_util.go.

named!(Strategy);

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::actor::{Actor, Outbox};
use crate::cluster::pod::{PodChange, PodObject};
use crate::cluster::rolling::{self, Fleet, Write};
use crate::cluster::workload::{DeploymentObject, ReplicaSetObject};
use crate::id::RevisionId;
use crate::setting::{Count, form::named, settings};
use crate::time::{Span, Time};

settings! {
    /// What the Deployment says (`[deployment]`).
    DeploymentSpec in "deployment" {
        /// Desired pods.
        replicas: u32 = 1, (at least 1) Documented "pkg/apis/apps/v1/defaults.go SetDefaults_Deployment";
        /// `RollingUpdate` or `Recreate`.
        strategy: Strategy = Strategy::RollingUpdate, Documented "pkg/apis/apps/v1/defaults.go SetDefaults_Deployment";
        /// Pods above `replicas` during an update: a number, or a percentage that rounds up.
        max_surge: Count = Count::Percent(25), Documented "pkg/apis/apps/v1/defaults.go; rounding: deployment_util.go ResolveFenceposts";
        /// Pods below `replicas` during an update: a number, or a percentage that rounds down; 1 if both resolve to 0.
        max_unavailable: Count = Count::Percent(25), Documented "pkg/apis/apps/v1/defaults.go; rounding: deployment_util.go ResolveFenceposts";
        /// How long a pod must be Ready to count as available; whole seconds.
        min_ready: Span = Span::ZERO, Documented "minReadySeconds, zero value of the API";
        /// Without progress for so long, the rollout is reported as stuck; whole seconds, above `min_ready`.
        progress_deadline: Span = Span::from_secs(600), Documented "progressDeadlineSeconds, pkg/apis/apps/v1/defaults.go";
    }
}

/// How an update replaces pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Strategy {
    /// A few at a time.
    RollingUpdate,
    /// All old pods end before the first new one is made.
    Recreate,
}

impl DeploymentSpec {
    /// `maxSurge` of so many desired replicas.
    pub const fn surge(&self, replicas: u32) -> u32 {
        match self.strategy {
            Strategy::RollingUpdate => self.max_surge.rounded_up(replicas),
            Strategy::Recreate => 0,
        }
    }

    /// `maxUnavailable` of so many desired replicas: at most all of them, and 1 where both
    /// fenceposts resolve to 0 (`ResolveFenceposts`).
    pub fn unavailable(&self, replicas: u32) -> u32 {
        match self.strategy {
            Strategy::Recreate => 0,
            Strategy::RollingUpdate => {
                let unavailable = self.max_unavailable.rounded_down(replicas);
                let unavailable = if unavailable == 0 && self.surge(replicas) == 0 {
                    1
                } else {
                    unavailable
                };
                unavailable.min(replicas)
            }
        }
    }
}

/// What the controller hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Watch: the Deployment's spec.
    Deployment(DeploymentObject),
    /// Watch: a ReplicaSet.
    ReplicaSet(ReplicaSetObject),
    /// Watch: a pod.
    Pod(PodObject, PodChange),
    /// The pending write was answered.
    Written,
    /// Own timer: has the rollout made progress in time?
    CheckProgress,
}

/// What the controller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Creates or scales a ReplicaSet.
    WroteReplicaSet {
        /// Which.
        revision: RevisionId,
        /// `spec.replicas`.
        replicas: u32,
        /// Annotation `desired-replicas`.
        desired: u32,
        /// Annotation `max-replicas`.
        max: u32,
        /// Writes of this ReplicaSet before.
        nth: u32,
    },
    /// Writes the Deployment's status.
    WroteStatus {
        /// Status writes before.
        nth: u32,
    },
    /// A condition changed.
    Condition {
        /// `Progressing` or `Available`.
        condition: &'static str,
        /// Its status.
        status: bool,
        /// Its reason.
        reason: &'static str,
    },
}

/// The counts that a status holds; progress is a change for the better in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    replicas: u32,
    updated: u32,
    ready: u32,
    available: u32,
}

/// The Deployment controller, working on one Deployment.
#[derive(Debug)]
pub struct DeploymentController {
    spec: DeploymentSpec,
    object: DeploymentObject,
    /// As the present sync took it from the cache: what arrives meanwhile is for the next sync.
    synced: DeploymentObject,
    fleet: Fleet,
    /// By pod: whether it runs; and by revision, how many do.
    runs: Vec<bool>,
    running: Vec<u32>,
    /// Writes of the present sync that are still to be sent, last first.
    plan: Vec<Write>,
    /// The write among them that creates a ReplicaSet, until its condition is written too.
    created: Option<Write>,
    /// What the status last written was computed for (`observedGeneration`).
    observed: Option<DeploymentObject>,
    syncing: bool,
    triggered: bool,
    status_due: bool,
    status_writes: u32,
    counts: Counts,
    available: (bool, &'static str),
    progressing: (bool, &'static str),
    last_progress: Time,
    next_check: Time,
}

impl DeploymentController {
    /// A controller that has yet to see its Deployment.
    pub fn new(spec: DeploymentSpec) -> DeploymentController {
        let object = DeploymentObject {
            replicas: spec.replicas,
            revision: RevisionId::OLD,
            paused: false,
        };
        DeploymentController {
            spec,
            object,
            synced: object,
            fleet: Fleet::default(),
            runs: Vec::new(),
            running: Vec::new(),
            plan: Vec::new(),
            created: None,
            observed: Some(object),
            syncing: false,
            triggered: false,
            status_due: false,
            status_writes: 0,
            counts: Counts::default(),
            available: (true, "MinimumReplicasAvailable"),
            progressing: (true, "NewReplicaSetAvailable"),
            last_progress: Time::ZERO,
            next_check: Time::ZERO,
        }
    }

    /// Back to a Deployment at rest, with one ReplicaSet of `replicas` available pods; without one
    /// it has yet to be created.
    pub fn reset(&mut self, settled: Option<ReplicaSetObject>) {
        let replicas = settled.map_or(0, |set| set.replicas);
        self.object = DeploymentObject {
            replicas,
            revision: RevisionId::OLD,
            paused: false,
        };
        self.fleet.reset(settled);
        self.runs.clear();
        self.running.clear();
        self.plan.clear();
        self.created = None;
        self.observed = settled.map(|_| self.object);
        self.syncing = false;
        self.triggered = false;
        self.status_due = false;
        self.status_writes = 0;
        self.counts = Counts {
            replicas,
            updated: replicas,
            ready: replicas,
            available: replicas,
        };
        self.available = (true, "MinimumReplicasAvailable");
        self.progressing = (
            true,
            if settled.is_some() {
                "NewReplicaSetAvailable"
            } else {
                ""
            },
        );
        self.next_check = Time::ZERO;
    }

    /// Knows a pod that ran before the run started.
    pub fn seed_pod(&mut self, object: PodObject) {
        self.see_pod(&object);
    }

    /// One sync of the Deployment's key, unless one is under way: the same key is never synced twice at once.
    fn trigger(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        self.triggered = true;
        if self.syncing || !self.fleet.is_fresh() {
            // Stale: a write of ours is not in the cache yet, so an update would end in a conflict
            // and a retry. The event that brings it comes here again.
            return;
        }
        self.triggered = false;
        self.syncing = true;
        self.synced = self.object;
        self.plan.clear();
        let old_pods_run = self.old_pods_run();
        rolling::plan(
            &self.spec,
            self.object,
            &self.fleet,
            old_pods_run,
            &mut self.plan,
        );
        self.created = self
            .plan
            .iter()
            .find(|write| self.fleet.find(write.revision).is_none())
            .copied();
        if self.created.is_some() {
            self.condition(now, (true, "NewReplicaSetCreated"), out);
        }
        self.plan.reverse();
        self.status_due = self.update_status(now, out);
        self.next_write(now, out);
    }

    fn next_write(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        if self
            .created
            .is_some_and(|created| !self.plan.contains(&created))
        {
            // The condition is written at once, before anything else (`getNewReplicaSet`).
            self.created = None;
            self.write_status(out);
        } else if let Some(Write { revision, replicas }) = self.plan.pop() {
            let desired = self.synced.replicas;
            let max = desired + self.spec.surge(desired);
            let nth = self.fleet.expect(revision);
            out.say(Fact::WroteReplicaSet {
                revision,
                replicas,
                desired,
                max,
                nth,
            });
        } else if self.status_due {
            self.status_due = false;
            self.write_status(out);
        } else {
            self.syncing = false;
            if self.triggered {
                self.trigger(now, out);
            }
        }
    }

    fn write_status(&mut self, out: &mut Outbox<'_, Input, Fact>) {
        out.say(Fact::WroteStatus {
            nth: self.status_writes,
        });
        self.status_writes += 1;
    }

    /// Whether any pod of another revision still runs; terminating ones count (`oldPodsRunning`).
    fn old_pods_run(&self) -> bool {
        let revision = usize::from(self.object.revision.0);
        let mut others = self.running.iter().enumerate();
        others.any(|(row, running)| row != revision && *running > 0)
    }

    /// Recomputes counts and conditions; whether there is anything to write.
    fn update_status(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) -> bool {
        let before = (
            self.counts,
            self.available,
            self.progressing,
            self.observed.replace(self.object),
        );
        let counts = self.count();
        let DeploymentObject {
            replicas, paused, ..
        } = self.object;
        let enough = counts.available + self.spec.unavailable(replicas) >= replicas;
        let available = if enough {
            "MinimumReplicasAvailable"
        } else {
            "MinimumReplicasUnavailable"
        };
        if self.available != (enough, available) {
            self.available = (enough, available);
            out.say(Fact::Condition {
                condition: "Available",
                status: enough,
                reason: available,
            });
        }
        let old = self.counts;
        let progress = counts.updated > old.updated
            || counts.replicas - counts.updated < old.replicas - old.updated
            || counts.ready > old.ready
            || counts.available > old.available;
        self.counts = counts;
        // A Deployment that was complete stays so whatever becomes of its pods (`isCompleteDeployment`).
        let rests = counts.replicas == counts.updated
            && self.progressing == (true, "NewReplicaSetAvailable");
        let complete = counts.updated == replicas
            && counts.replicas == replicas
            && counts.available >= replicas;
        if paused {
            self.condition(now, (true, "DeploymentPaused"), out);
        } else if complete || rests {
            self.condition(now, (true, "NewReplicaSetAvailable"), out);
        } else if progress {
            self.last_progress = now.whole_seconds();
            self.condition(now, (true, "ReplicaSetUpdated"), out);
        } else if self.is_waiting() && now > self.last_progress + self.spec.progress_deadline {
            self.condition(now, (false, "ProgressDeadlineExceeded"), out);
        }
        self.check_progress_later(out);
        before != (self.counts, self.available, self.progressing, self.observed)
    }

    fn count(&self) -> Counts {
        let updated = self
            .fleet
            .find(self.object.revision)
            .map_or(0, |set| set.status.replicas);
        self.fleet.sets().iter().fold(
            Counts {
                updated,
                ..Counts::default()
            },
            |sum, set| Counts {
                replicas: sum.replicas + set.status.replicas,
                updated,
                ready: sum.ready + set.status.ready,
                available: sum.available + set.status.available,
            },
        )
    }

    fn condition(
        &mut self,
        now: Time,
        (status, reason): (bool, &'static str),
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        if self.progressing != (status, reason) {
            self.progressing = (status, reason);
            self.last_progress = now.whole_seconds();
            out.say(Fact::Condition {
                condition: "Progressing",
                status,
                reason,
            });
        }
    }

    /// Whether a deadline is running.
    fn is_waiting(&self) -> bool {
        !matches!(
            self.progressing.1,
            "NewReplicaSetAvailable" | "DeploymentPaused"
        )
    }

    /// `requeueStuckDeployment`: a second after the deadline, since conditions have whole seconds.
    fn check_progress_later(&mut self, out: &mut Outbox<'_, Input, Fact>) {
        let check = self.last_progress + self.spec.progress_deadline + Span::from_secs(1);
        if self.is_waiting() && self.progressing.0 && check > self.next_check {
            self.next_check = check;
            out.wake_at(check, Input::CheckProgress);
        }
    }

    fn see_pod(&mut self, object: &PodObject) {
        let (row, revision) = (object.pod.index(), usize::from(object.pod.revision().0));
        if self.runs.len() <= row {
            self.runs.resize(row + 1, false);
        }
        if self.running.len() <= revision {
            self.running.resize(revision + 1, 0);
        }
        let runs = !object.removed && !object.isolated && !object.is_finished();
        let ran = std::mem::replace(&mut self.runs[row], runs);
        let running = &mut self.running[revision];
        *running = *running + u32::from(runs) - u32::from(ran);
    }
}

impl Actor for DeploymentController {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        match input {
            Input::Deployment(object) => {
                if self.object.paused && !object.paused {
                    self.condition(now, (true, "DeploymentResumed"), out);
                }
                self.object = object;
                self.trigger(now, out);
            }
            Input::ReplicaSet(object) => {
                self.fleet.see(object);
                self.trigger(now, out);
            }
            Input::Pod(object, change) => {
                self.see_pod(&object);
                // Pods do not trigger a sync, except the last one of a Recreate (deletePod).
                if change == PodChange::Removed
                    && self.spec.strategy == Strategy::Recreate
                    && !self.old_pods_run()
                {
                    self.trigger(now, out);
                }
            }
            Input::Written => self.next_write(now, out),
            Input::CheckProgress => self.trigger(now, out),
        }
    }
}
