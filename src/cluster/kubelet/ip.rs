//! The IPs that pods of one host have given back (amazon-vpc-cni-k8s, pkg/ipamd/datastore/data_store.go).
//!
//! An IP is called by the pod that had it first.

use crate::cluster::spec::ClusterSpec;
use crate::id::PodId;
use crate::random::{Purpose, Streams};
use crate::time::Time;

/// IPs that are free again.
#[derive(Debug, Default)]
pub(super) struct FreeIps(Vec<FreeIp>);

#[derive(Debug, Clone, Copy)]
struct FreeIp {
    first: PodId,
    /// Who had it last.
    last: PodId,
    since: Time,
}

impl FreeIps {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A pod's network is gone.
    pub(super) fn give_back(&mut self, now: Time, first: PodId, last: PodId) {
        self.0.push(FreeIp {
            first,
            last,
            since: now,
        });
    }

    /// The IP that a new pod gets, if it is not one that nobody has had. It goes to a younger pod than
    /// the last: then news of the two can be told apart by their age alone.
    pub(super) fn take(
        &mut self,
        now: Time,
        pod: PodId,
        spec: &ClusterSpec,
        streams: &Streams,
    ) -> Option<PodId> {
        if spec.ip_reuse == 0.0 {
            return None;
        }
        let mut chance = streams.at(Purpose::PodIp, pod.index() as u64);
        if !chance.chance(spec.ip_reuse) {
            return None;
        }
        let is_cool =
            |ip: &FreeIp| ip.since + spec.ip_cooldown <= now && ip.last.index() < pod.index();
        let cool = self.0.iter().filter(|ip| is_cool(ip)).count();
        if cool == 0 {
            return None;
        }
        let nth = chance.below(cool);
        let row = (0..self.0.len())
            .filter(|row| is_cool(&self.0[*row]))
            .nth(nth)?;
        Some(self.0.remove(row).first)
    }
}
