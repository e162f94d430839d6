//! How many pods there may be, and how many there must be: what the controllers really promise.
//!
//! The Deployment controller promises sums of `spec.replicas`, not of pods, and availability as far
//! as it knew. It is not held to availability once something happened that it may learn of too
//! late: readiness lost, a pod deleted by somebody else, another rollout begun before the last one
//! was over, another number of replicas (kubernetes pkg/controller/deployment/rolling.go, sync.go).

use std::collections::BTreeSet;

use crate::cluster::deployment::{self, DeploymentSpec, Strategy};
use crate::cluster::workload::{DeploymentObject, ReplicaSetObject};
use crate::id::{PodId, RevisionId};
use crate::observe::checker::pod::Pod;
use crate::observe::checker::{Held, Rule, Subject, demand};
use crate::setting::Count;
use crate::time::{Span, Time};

/// The bounds of one rollout.
#[derive(Debug)]
pub struct Bounds {
    spec: DeploymentSpec,
    object: DeploymentObject,
    /// Every `spec.replicas` that the Deployment has had.
    wanted: Vec<u32>,
    /// By revision; a ReplicaSet that does not exist yet has no replicas.
    sets: Vec<Set>,
    /// A write of the Deployment controller is on its way: of whom, how many, for how many in all.
    write: Option<(RevisionId, u32, u32)>,
    /// The controller is held to availability.
    held: bool,
    /// Paused at some time: a paused Recreate scales without waiting.
    paused: bool,
}

#[derive(Debug, Clone, Default)]
struct Set {
    replicas: u32,
    /// The most that it was ever to have.
    most: u32,
    /// Pods that count, in the API.
    pods: u32,
    /// Available ones, and when others will be: Ready ones, by row.
    available: u32,
    waiting: BTreeSet<(Time, usize)>,
    /// Its `desired-replicas` annotation.
    desired: u32,
    /// Available pods and pods, by its status.
    status: (u32, u32),
    creates: u32,
    created: u32,
    /// When it was last scaled to zero.
    emptied: Time,
}

impl Bounds {
    /// Those of a Deployment.
    pub fn new(spec: &DeploymentSpec) -> Bounds {
        let object = DeploymentObject {
            replicas: spec.replicas,
            revision: RevisionId::OLD,
            paused: false,
        };
        Bounds {
            spec: spec.clone(),
            object,
            wanted: Vec::new(),
            sets: Vec::new(),
            write: None,
            held: true,
            paused: false,
        }
    }

    /// The old revision at rest, or no Deployment yet.
    pub fn restart(&mut self, replicas: u32) {
        self.object = DeploymentObject {
            replicas,
            revision: RevisionId::OLD,
            paused: false,
        };
        self.wanted.clear();
        self.wanted.push(replicas);
        self.sets.clear();
        let status = (replicas, replicas);
        self.sets.push(Set {
            replicas,
            most: replicas,
            pods: replicas,
            available: replicas,
            desired: replicas,
            status,
            ..Set::default()
        });
        self.write = None;
        self.held = self.spec.strategy == Strategy::RollingUpdate;
        self.paused = false;
    }

    /// How long a pod has to be Ready to count as available.
    pub const fn min_ready(&self) -> Span {
        self.spec.min_ready
    }

    /// From now on availability is nobody's fault.
    pub const fn excuse(&mut self) {
        self.held = false;
    }

    fn set(&mut self, revision: RevisionId) -> &mut Set {
        let row = usize::from(revision.0);
        if self.sets.len() <= row {
            self.sets.resize(row + 1, Set::default());
        }
        &mut self.sets[row]
    }

    /// Somebody changed the Deployment.
    pub fn asked(&mut self, object: &DeploymentObject) {
        let current = self.set(self.object.revision).replicas;
        let at_rest = current == self.object.replicas
            && self.sets.iter().map(|set| set.replicas).sum::<u32>() == current
            && self
                .sets
                .iter()
                .all(|set| set.status == (set.replicas, set.replicas));
        let (scaled, rolled) = (
            object.replicas != self.object.replicas,
            object.revision != self.object.revision,
        );
        self.held &= !scaled && (!rolled || at_rest);
        self.paused |= object.paused;
        self.object = *object;
        self.wanted.push(object.replicas);
    }

    /// The Deployment controller sends a write.
    pub fn decided(&mut self, fact: &deployment::Fact) -> Result<(), (Subject, Rule)> {
        let deployment::Fact::WroteReplicaSet {
            revision,
            replicas,
            desired,
            max,
            ..
        } = *fact
        else {
            return Ok(());
        };
        let busy = self.write.replace((revision, replicas, desired)).is_some();
        demand(!busy, "two writes of the Deployment controller at once")
            .and_then(|()| {
                demand(
                    self.wanted.contains(&desired),
                    "scaled for a number that nobody asked for",
                )
            })
            .and_then(|()| {
                demand(
                    max == self.most_replicas(desired),
                    "its max-replicas annotation is wrong",
                )
            })
            .map_err(|rule| (Subject::ReplicaSet(revision), rule))
    }

    /// A ReplicaSet was written.
    pub fn written(
        &mut self,
        now: Time,
        object: &ReplicaSetObject,
        from: Option<u32>,
        pods: &[Pod],
    ) -> Result<(), (Subject, Rule)> {
        let written = (object.revision, object.replicas, object.desired);
        if from != Some(object.replicas) {
            self.scaled(now, object, from, pods)
                .map_err(|rule| (Subject::ReplicaSet(object.revision), rule))?;
        }
        if self.write == Some(written) {
            self.write = None;
        }
        let set = self.set(object.revision);
        set.desired = object.desired;
        set.status = (object.status.available, object.status.replicas);
        Ok(())
    }

    fn scaled(
        &mut self,
        now: Time,
        object: &ReplicaSetObject,
        from: Option<u32>,
        pods: &[Pod],
    ) -> Held {
        let written = (object.revision, object.replicas, object.desired);
        demand(
            self.write == Some(written),
            "scaled, and the Deployment controller did not ask for it",
        )?;
        let to = object.replicas;
        let (was, desired) = {
            let set = self.set(object.revision);
            (set.replicas, set.desired)
        };
        // Scaled in proportion: the largest first, so that between two writes the sum may be too large.
        let in_proportion = self.paused || was > 0 && desired != object.desired;
        demand(from.unwrap_or(0) == was, "scaled from what it was not")?;
        let before = self.available(now);
        let set = self.set(object.revision);
        set.replicas = to;
        set.most = set.most.max(to);
        if to == 0 {
            set.emptied = now;
        }
        if to > was {
            let total: u32 = self.sets.iter().map(|set| set.replicas).sum();
            let bounded = in_proportion || total <= self.most_replicas(object.desired);
            demand(bounded, "scaled up beyond replicas and surge")?;
            return self.waited(object.revision, was, pods);
        }
        if self.held {
            let floor = object.desired - self.unavailable(object.desired);
            demand(
                self.available(now) >= floor.min(before),
                "scaled down below what must be available",
            )?;
        }
        Ok(())
    }

    /// Recreate: no pod of another revision runs when the first new one is asked for.
    fn waited(&self, revision: RevisionId, was: u32, pods: &[Pod]) -> Held {
        let waits = self.spec.strategy == Strategy::Recreate && was == 0 && !self.paused;
        let others = || pods.iter().filter(|pod| pod.id().revision() != revision);
        let runs =
            |pod: &Pod| pod.still_runs(self.sets[usize::from(pod.id().revision().0)].emptied);
        demand(
            !waits || !others().any(runs),
            "created while pods of another revision run",
        )
    }

    /// Pods that are available and will be left alone, given what the ReplicaSets are to have.
    fn available(&mut self, now: Time) -> u32 {
        if !self.held {
            return 0;
        }
        self.sets.iter_mut().map(|set| set.kept(now)).sum()
    }

    /// A pod was available from one instant on, and is from another; `None`: it is not.
    pub fn changed(&mut self, pod: PodId, before: Option<Time>, after: Option<Time>) {
        if before == after {
            return;
        }
        let (row, set) = (pod.index(), self.set(pod.revision()));
        match before {
            Some(from) if set.waiting.remove(&(from, row)) => {}
            Some(_) => set.available -= 1,
            None => {}
        }
        match after {
            Some(from) if from > Time::ZERO => {
                set.waiting.insert((from, row));
            }
            Some(_) => set.available += 1,
            None => {}
        }
    }

    /// A ReplicaSet asks for a pod.
    pub fn creates(&mut self, revision: RevisionId) -> Result<(), (Subject, Rule)> {
        self.set(revision).creates += 1;
        Ok(())
    }

    /// A pod was created.
    pub fn created(&mut self, revision: RevisionId) -> Held {
        let set = self.set(revision);
        set.created += 1;
        set.pods += 1;
        demand(
            set.created <= set.creates,
            "created, and its ReplicaSet did not ask for it",
        )?;
        demand(
            set.pods <= set.most,
            "its ReplicaSet has more pods than it was ever to have",
        )
    }

    /// A pod no longer counts.
    pub fn ended(&mut self, revision: RevisionId) {
        self.set(revision).pods -= 1;
    }

    /// Replicas and surge, which rounds up.
    fn most_replicas(&self, replicas: u32) -> u32 {
        if self.spec.strategy == Strategy::Recreate {
            return replicas;
        }
        replicas + share(self.spec.max_surge, replicas, 99)
    }

    /// Unavailable rounds down, is at most everything, and 1 where there is no surge either.
    fn unavailable(&self, replicas: u32) -> u32 {
        let unavailable = share(self.spec.max_unavailable, replicas, 0);
        let stuck = unavailable == 0 && self.most_replicas(replicas) == replicas;
        if stuck {
            1.min(replicas)
        } else {
            unavailable.min(replicas)
        }
    }
}

impl Set {
    /// Available pods that are to stay.
    fn kept(&mut self, now: Time) -> u32 {
        while self.waiting.first().is_some_and(|(from, _)| *from <= now) {
            self.waiting.pop_first();
            self.available += 1;
        }
        self.replicas.min(self.available)
    }
}

/// A count of so many replicas; `round` hundredths are added to a percentage before it is cut off.
fn share(count: Count, replicas: u32, round: u64) -> u32 {
    match count {
        Count::Pods(pods) => pods,
        Count::Percent(percent) => {
            ((u64::from(percent) * u64::from(replicas) + round) / 100) as u32
        }
    }
}
