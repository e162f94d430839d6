//! The Deployment controller's arithmetic: from what it believes to what it writes.
//!
//! Pure functions over ReplicaSets; the controller's timing is in `deployment`. Sources:
//! Kubernetes 1.36, pkg/controller/deployment/{rolling,recreate,sync}.go, util/deployment_util.go.

use crate::cluster::deployment::{DeploymentSpec, Strategy};
use crate::cluster::workload::{DeploymentObject, ReplicaSetObject};
use crate::id::RevisionId;

/// The ReplicaSets of a Deployment, as its controller's cache has them.
#[derive(Debug, Default)]
pub struct Fleet {
    sets: Vec<ReplicaSetObject>,
    /// Own writes per ReplicaSet, to know when the cache has caught up.
    written: Vec<(RevisionId, u32)>,
}

/// A ReplicaSet is to have so many replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Write {
    /// Which; it is created if it does not exist.
    pub revision: RevisionId,
    /// Its `spec.replicas`.
    pub replicas: u32,
}

impl Fleet {
    /// Back to one ReplicaSet at rest, or none.
    pub fn reset(&mut self, settled: Option<ReplicaSetObject>) {
        self.sets.clear();
        self.sets.extend(settled);
        self.written.clear();
        self.written
            .extend(settled.map(|set| (set.revision, set.writes)));
    }

    /// All ReplicaSets, in order of creation.
    pub fn sets(&self) -> &[ReplicaSetObject] {
        &self.sets
    }

    /// The ReplicaSet of a revision.
    pub fn find(&self, revision: RevisionId) -> Option<&ReplicaSetObject> {
        self.sets.iter().find(|set| set.revision == revision)
    }

    /// The watch delivered a ReplicaSet.
    pub fn see(&mut self, object: ReplicaSetObject) {
        match self
            .sets
            .iter_mut()
            .find(|set| set.revision == object.revision)
        {
            Some(set) => *set = object,
            None => self.sets.push(object),
        }
    }

    /// A write of this ReplicaSet's spec is on its way; how many there were before.
    pub fn expect(&mut self, revision: RevisionId) -> u32 {
        match self
            .written
            .iter_mut()
            .find(|(written, _)| *written == revision)
        {
            Some((_, writes)) => {
                *writes += 1;
                *writes - 1
            }
            None => {
                self.written.push((revision, 1));
                0
            }
        }
    }

    /// Whether the cache has caught up with the controller's own writes.
    pub fn is_fresh(&self) -> bool {
        self.written
            .iter()
            .all(|&(revision, writes)| self.find(revision).is_some_and(|set| set.writes >= writes))
    }

    fn total(&self) -> u32 {
        self.sets.iter().map(|set| set.replicas).sum()
    }
}

/// What one sync writes (`syncDeployment`), in order.
pub fn plan(
    spec: &DeploymentSpec,
    deployment: DeploymentObject,
    fleet: &Fleet,
    old_pods_run: bool,
    writes: &mut Vec<Write>,
) {
    let scaled = fleet
        .sets
        .iter()
        .any(|set| set.replicas > 0 && set.desired != deployment.replicas);
    if deployment.paused || scaled {
        return scale(spec, deployment, fleet, writes);
    }
    match spec.strategy {
        Strategy::Recreate => recreate(deployment, fleet, old_pods_run, writes),
        Strategy::RollingUpdate => rolling_update(spec, deployment, fleet, writes),
    }
}

/// `rolloutRecreate`: old ones to zero; wait until their pods have ended; then all new ones at once.
fn recreate(
    deployment: DeploymentObject,
    fleet: &Fleet,
    old_pods_run: bool,
    writes: &mut Vec<Write>,
) {
    let old = fleet
        .sets
        .iter()
        .filter(|set| set.revision != deployment.revision && set.replicas > 0);
    writes.extend(old.map(|set| Write {
        revision: set.revision,
        replicas: 0,
    }));
    let new = fleet.find(deployment.revision).map(|set| set.replicas);
    if writes.is_empty() && !old_pods_run && new != Some(deployment.replicas) {
        writes.push(Write {
            revision: deployment.revision,
            replicas: deployment.replicas,
        });
    }
}

/// `rolloutRolling`: the new ReplicaSet first; old ones only in a sync that did not scale the new one.
/// Creating the new ReplicaSet does not count as scaling it, so that the first sync does both.
fn rolling_update(
    spec: &DeploymentSpec,
    deployment: DeploymentObject,
    fleet: &Fleet,
    writes: &mut Vec<Write>,
) {
    let Some(&new) = fleet.find(deployment.revision) else {
        let replicas = new_replicas(spec, deployment, fleet.total(), 0);
        writes.push(Write {
            revision: deployment.revision,
            replicas,
        });
        if replicas <= deployment.replicas {
            scale_down(spec, deployment, fleet, replicas, 0, writes);
        }
        return;
    };
    let target = if new.replicas > deployment.replicas {
        deployment.replicas
    } else {
        new_replicas(spec, deployment, fleet.total(), new.replicas)
    };
    if target == new.replicas {
        scale_down(
            spec,
            deployment,
            fleet,
            new.replicas,
            new.status.available,
            writes,
        );
    } else {
        writes.push(Write {
            revision: deployment.revision,
            replicas: target,
        });
    }
}

/// `NewRSNewReplicas`: up to the desired replicas, as far as the surge allows.
fn new_replicas(spec: &DeploymentSpec, deployment: DeploymentObject, total: u32, new: u32) -> u32 {
    let cap = deployment.replicas + spec.surge(deployment.replicas);
    new + cap
        .saturating_sub(total)
        .min(deployment.replicas.saturating_sub(new))
}

/// `reconcileOldReplicaSets`: unhealthy old pods first, then as many as availability allows.
fn scale_down(
    spec: &DeploymentSpec,
    deployment: DeploymentObject,
    fleet: &Fleet,
    new: u32,
    new_available: u32,
    writes: &mut Vec<Write>,
) {
    let old = || {
        fleet
            .sets
            .iter()
            .filter(|set| set.revision != deployment.revision && set.replicas > 0)
    };
    let old_total: u32 = old().map(|set| set.replicas).sum();
    let min_available = i64::from(deployment.replicas - spec.unavailable(deployment.replicas));
    let new_unavailable = i64::from(new) - i64::from(new_available);
    let max_down = i64::from(old_total) + i64::from(new) - min_available - new_unavailable;
    if old_total == 0 || max_down <= 0 {
        return;
    }
    let first = writes.len();
    let Some(mut left) = clean_up_unhealthy(old(), max_down, writes) else {
        return;
    };
    let available: u32 = fleet.sets.iter().map(|set| set.status.available).sum();
    let mut spare = i64::from(available) - min_available;
    for (set, left) in old().zip(&mut left) {
        if spare <= 0 {
            break;
        }
        let down = i64::from(*left).min(spare);
        spare -= down;
        *left -= down as u32;
        if down > 0 {
            // Of two writes to one ReplicaSet in one sync only the last one matters to anybody.
            writes.truncate(
                first
                    + writes[first..]
                        .iter()
                        .position(|w| w.revision == set.revision)
                        .unwrap_or(writes.len() - first),
            );
            writes.push(Write {
                revision: set.revision,
                replicas: *left,
            });
        }
    }
}

/// `cleanupUnhealthyReplicas`: what each old ReplicaSet keeps, or `None` where a status lags behind
/// its spec: then this sync scales nothing down.
fn clean_up_unhealthy<'a>(
    old: impl Iterator<Item = &'a ReplicaSetObject>,
    max_down: i64,
    writes: &mut Vec<Write>,
) -> Option<Vec<u32>> {
    let mut cleaned = 0;
    let mut left = Vec::new();
    for set in old {
        let unhealthy = i64::from(set.replicas) - i64::from(set.status.available);
        let down = unhealthy.min(max_down - cleaned);
        if cleaned < max_down && down < 0 {
            return None;
        }
        if cleaned >= max_down || down == 0 {
            left.push(set.replicas);
            continue;
        }
        cleaned += down;
        left.push(set.replicas - down as u32);
        writes.push(Write {
            revision: set.revision,
            replicas: set.replicas - down as u32,
        });
    }
    Some(left)
}

/// `scale`: the number of desired replicas changed, or the Deployment is paused. A single active
/// ReplicaSet takes it all; else everyone grows or shrinks in proportion.
fn scale(
    spec: &DeploymentSpec,
    deployment: DeploymentObject,
    fleet: &Fleet,
    writes: &mut Vec<Write>,
) {
    let mut active: Vec<ReplicaSetObject> = fleet
        .sets
        .iter()
        .filter(|set| set.replicas > 0)
        .copied()
        .collect();
    let new = fleet.find(deployment.revision);
    if active.len() <= 1 {
        // `FindActiveOrLatest`: of none that is active the new one, or the newest of the old ones: a
        // Recreate that is paused while its old pods end gets them back.
        let newest = fleet.sets.iter().max_by_key(|set| set.born);
        let only = active.first().or(new).or(newest).copied();
        if let Some(set) = only
            .filter(|set| set.replicas != deployment.replicas || set.desired != deployment.replicas)
        {
            writes.push(Write {
                revision: set.revision,
                replicas: deployment.replicas,
            });
        }
        return;
    }
    if new.is_some_and(|set| is_saturated(set, deployment)) {
        let old = active
            .iter()
            .filter(|set| set.revision != deployment.revision);
        writes.extend(old.map(|set| Write {
            revision: set.revision,
            replicas: 0,
        }));
        return;
    }
    if spec.strategy != Strategy::RollingUpdate {
        return;
    }
    let allowed = if deployment.replicas > 0 {
        deployment.replicas + spec.surge(deployment.replicas)
    } else {
        0
    };
    let to_add = i64::from(allowed) - i64::from(fleet.total());
    // Largest first; of equals the newer one grows first, the older one shrinks first.
    active.sort_by_key(|set| {
        (
            std::cmp::Reverse(set.replicas),
            if to_add > 0 {
                -i16::from(set.born)
            } else {
                i16::from(set.born)
            },
        )
    });
    let mut added = 0;
    let mut sizes: Vec<i64> = Vec::with_capacity(active.len());
    for set in &active {
        let share = proportion(set, allowed, deployment.replicas, to_add - added);
        added += share;
        sizes.push(i64::from(set.replicas) + share);
    }
    sizes[0] = (sizes[0] + to_add - added).max(0);
    for (set, size) in active.iter().zip(sizes) {
        if size != i64::from(set.replicas) || set.desired != deployment.replicas {
            writes.push(Write {
                revision: set.revision,
                replicas: size as u32,
            });
        }
    }
}

/// `IsSaturated`: the new ReplicaSet alone satisfies the Deployment.
fn is_saturated(set: &ReplicaSetObject, deployment: DeploymentObject) -> bool {
    [set.replicas, set.desired, set.status.available]
        .into_iter()
        .all(|count| count == deployment.replicas)
}

/// `GetReplicaSetProportion`: its share of what is to be added or removed, at most what is left of
/// it; where nothing is left, none, whatever rounding would give it.
fn proportion(set: &ReplicaSetObject, allowed: u32, replicas: u32, left: i64) -> i64 {
    if left == 0 {
        return 0;
    }
    let share = if replicas == 0 {
        -i64::from(set.replicas)
    } else {
        let size = f64::from(set.replicas) * f64::from(allowed) / f64::from(set.max.max(1));
        size.round() as i64 - i64::from(set.replicas)
    };
    if left > 0 {
        share.min(left)
    } else {
        share.max(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Count;
    use std::fmt::Write as _;

    fn set(
        revision: u8,
        replicas: u32,
        available: u32,
        desired: u32,
        max: u32,
    ) -> ReplicaSetObject {
        let mut set = ReplicaSetObject {
            desired,
            born: revision,
            ..ReplicaSetObject::settled(RevisionId(revision), replicas, max)
        };
        (set.status.ready, set.status.available) = (available, available);
        set
    }

    /// Runs the law with no latency at all: syncs until nothing changes, then one new pod (or all
    /// waiting ones) becomes available, and so on. The vectors come from an independent
    /// re-implementation of the law.
    fn vector(replicas: u32, surge: Count, unavailable: Count, all: bool) -> String {
        let spec = DeploymentSpec {
            replicas,
            max_surge: surge,
            max_unavailable: unavailable,
            ..Default::default()
        };
        let deployment = DeploymentObject {
            replicas,
            revision: RevisionId::NEW,
            paused: false,
        };
        let mut fleet = Fleet::default();
        fleet.reset(Some(set(
            0,
            replicas,
            replicas,
            replicas,
            replicas + spec.surge(replicas),
        )));
        let mut text = String::new();
        let mut writes = Vec::new();
        loop {
            plan(&spec, deployment, &fleet, false, &mut writes);
            for write in writes.drain(..) {
                let from = fleet.find(write.revision).map_or(0, |set| set.replicas);
                let _ = write!(text, "{} {from}>{}, ", write.revision, write.replicas);
                let mut object = fleet
                    .find(write.revision)
                    .copied()
                    .unwrap_or(set(1, 0, 0, replicas, 0));
                object.replicas = write.replicas;
                // Deleted old pods leave the status at once: without latency it never lags.
                object.status.available = object.status.available.min(write.replicas);
                fleet.see(object);
            }
            plan(&spec, deployment, &fleet, false, &mut writes);
            if !writes.is_empty() {
                writes.clear();
                continue;
            }
            let mut new = *fleet.find(RevisionId::NEW).unwrap();
            if new.status.available == new.replicas {
                return text
                    .replace(", |", " |")
                    .trim_end_matches([' ', ',', '|'])
                    .to_owned();
            }
            new.status.available = if all {
                new.replicas
            } else {
                new.status.available + 1
            };
            fleet.see(new);
            text.push_str("| ");
        }
    }

    #[track_caller]
    fn check(replicas: u32, surge: Count, unavailable: Count, all: bool, expected: &str) {
        assert_eq!(vector(replicas, surge, unavailable, all), expected);
    }

    #[test]
    fn published_vectors() {
        let quarter = Count::Percent(25);
        check(
            10,
            quarter,
            quarter,
            true,
            "new 0>3, old 10>8, new 3>5 | old 8>3, new 5>10 | old 3>0",
        );
        check(
            4,
            quarter,
            quarter,
            true,
            "new 0>1, old 4>3, new 1>2 | old 3>1, new 2>4 | old 1>0",
        );
        check(1, quarter, quarter, false, "new 0>1 | old 1>0");
        check(
            3,
            quarter,
            quarter,
            false,
            "new 0>1 | old 3>2, new 1>2 | old 2>1, new 2>3 | old 1>0",
        );
        check(
            4,
            Count::Percent(100),
            Count::Pods(0),
            true,
            "new 0>4 | old 4>0",
        );
        check(
            15,
            quarter,
            quarter,
            true,
            "new 0>4, old 15>12, new 4>7 | old 12>5, new 7>14 | old 5>0, new 14>15",
        );
        check(
            10,
            quarter,
            quarter,
            false,
            "new 0>3, old 10>8, new 3>5 | old 8>7, new 5>6 | old 7>6, new 6>7 | old 6>5, new 7>8 | old 5>4, new 8>9 \
             | old 4>3, new 9>10 | old 3>2 | old 2>1 | old 1>0",
        );
    }

    #[test]
    fn without_surge_the_first_new_replica_set_is_empty() {
        let text = vector(4, Count::Pods(0), Count::Pods(1), false);
        assert!(
            text.starts_with("new 0>0, old 4>3, new 0>1 | old 3>2, new 1>2"),
            "{text}"
        );
    }

    /// Recorded on Kubernetes 1.36: 10 → 16 replicas at new 10, old 3 gives new 15, old 5.
    #[test]
    fn scaling_mid_rollout_is_proportional() {
        let spec = DeploymentSpec {
            replicas: 10,
            ..Default::default()
        };
        let deployment = DeploymentObject {
            replicas: 16,
            revision: RevisionId::NEW,
            paused: false,
        };
        let mut fleet = Fleet::default();
        fleet.reset(Some(set(0, 3, 3, 10, 13)));
        fleet.see(set(1, 10, 5, 10, 13));
        let mut writes = Vec::new();
        plan(&spec, deployment, &fleet, false, &mut writes);
        let new = Write {
            revision: RevisionId::NEW,
            replicas: 15,
        };
        assert_eq!(
            writes,
            [
                new,
                Write {
                    revision: RevisionId::OLD,
                    replicas: 5
                }
            ]
        );
    }

    /// 3 → 4 replicas at old 2, new 2, surge 1: both would round 2.5 up, and there is one to add.
    #[test]
    fn shares_end_when_nothing_is_left_to_add() {
        let spec = DeploymentSpec {
            replicas: 3,
            max_surge: Count::Pods(1),
            ..Default::default()
        };
        let deployment = DeploymentObject {
            replicas: 4,
            revision: RevisionId::NEW,
            paused: false,
        };
        let mut fleet = Fleet::default();
        fleet.reset(Some(set(0, 2, 2, 3, 4)));
        fleet.see(set(1, 2, 1, 3, 4));
        let mut writes = Vec::new();
        plan(&spec, deployment, &fleet, false, &mut writes);
        // The newer of two equal ones grows; the other one is written for its annotations.
        let old = Write {
            revision: RevisionId::OLD,
            replicas: 2,
        };
        assert_eq!(
            writes,
            [
                Write {
                    revision: RevisionId::NEW,
                    replicas: 3
                },
                old
            ]
        );
    }

    /// A Recreate, paused after its old ReplicaSet was scaled to zero and before the new one exists.
    #[test]
    fn a_paused_recreate_brings_back_the_newest_there_is() {
        let spec = DeploymentSpec {
            replicas: 4,
            strategy: Strategy::Recreate,
            ..Default::default()
        };
        let paused = DeploymentObject {
            replicas: 6,
            revision: RevisionId(2),
            paused: true,
        };
        let mut fleet = Fleet::default();
        fleet.reset(Some(set(0, 0, 0, 4, 4)));
        fleet.see(set(1, 0, 0, 4, 4));
        let mut writes = Vec::new();
        plan(&spec, paused, &fleet, true, &mut writes);
        assert_eq!(
            writes,
            [Write {
                revision: RevisionId::NEW,
                replicas: 6
            }]
        );
        // The new one, once it exists, comes first, without waiting for old pods to end.
        writes.clear();
        fleet.see(set(2, 0, 0, 4, 4));
        plan(
            &spec,
            DeploymentObject {
                revision: RevisionId::NEW,
                ..paused
            },
            &fleet,
            true,
            &mut writes,
        );
        assert_eq!(
            writes,
            [Write {
                revision: RevisionId::NEW,
                replicas: 6
            }]
        );
        // Several that are active stay as they are: proportions are for rolling updates.
        writes.clear();
        fleet.see(set(0, 2, 2, 4, 4));
        fleet.see(set(1, 2, 2, 4, 4));
        plan(&spec, paused, &fleet, true, &mut writes);
        assert_eq!(writes, []);
    }

    /// `k < 0`: a status that still counts pods already scaled away stops every scale-down.
    #[test]
    fn a_stale_status_stops_the_scale_down() {
        let spec = DeploymentSpec {
            replicas: 4,
            ..Default::default()
        };
        let deployment = DeploymentObject {
            replicas: 4,
            revision: RevisionId::NEW,
            paused: false,
        };
        let mut fleet = Fleet::default();
        fleet.reset(Some(set(0, 3, 4, 4, 5)));
        fleet.see(set(1, 2, 1, 4, 5));
        let mut writes = Vec::new();
        plan(&spec, deployment, &fleet, false, &mut writes);
        assert_eq!(writes, []);
    }
}
