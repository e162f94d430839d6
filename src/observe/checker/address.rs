//! Whose IP a target stands for: one pod's at a time, and between two of them it cools down.

use crate::id::{NodeId, PodId, TargetId};
use crate::observe::checker::{Held, demand};
use crate::time::{Span, Time};

/// The IPs of all pods.
#[derive(Debug)]
pub struct Addresses {
    cooldown: Span,
    /// By pod.
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// What stands for the pod.
    target: TargetId,
    /// The pod that has this row's target, or had it last, and the one that had it before.
    holder: PodId,
    before: PodId,
    /// When and where the pod's network went.
    gone: Option<(Time, NodeId)>,
}

impl Addresses {
    /// IPs that nobody gets again for so long.
    pub const fn new(cooldown: Span) -> Addresses {
        Addresses {
            cooldown,
            rows: Vec::new(),
        }
    }

    /// Before a replication.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// The next pod, with an IP of its own.
    pub fn add(&mut self, pod: PodId) {
        self.rows.push(Row {
            target: TargetId(pod.index() as u16),
            holder: pod,
            before: pod,
            gone: None,
        });
    }

    /// A pod's network went.
    pub fn removed(&mut self, now: Time, host: NodeId, pod: PodId) {
        if let Some(row) = self.rows.get_mut(pod.index()) {
            row.gone = Some((now, host));
        }
    }

    /// A pod got the IP that another had first.
    pub fn reused(&mut self, now: Time, host: NodeId, pod: PodId, first: PodId) -> Held {
        let target = TargetId(first.index() as u16);
        let [holder, _] = self.holders(target);
        let gone = self.rows.get(holder.index()).and_then(|row| row.gone);
        let (since, last_host) = gone.ok_or("given an IP that somebody has")?;
        demand(last_host == host, "given an IP of another host")?;
        demand(
            now >= since + self.cooldown,
            "given an IP that had not cooled down",
        )?;
        demand(
            self.target(pod).index() == pod.index() && first != pod,
            "given a second IP",
        )?;
        self.rows[pod.index()].target = target;
        let row = &mut self.rows[first.index()];
        (row.holder, row.before) = (pod, holder);
        Ok(())
    }

    /// What stands for a pod.
    pub fn target(&self, pod: PodId) -> TargetId {
        self.rows
            .get(pod.index())
            .map_or(TargetId(pod.index() as u16), |row| row.target)
    }

    /// Who has a target's IP, or had it last, and who had it before. Called with targets that stand for
    /// pods only.
    pub fn holders(&self, target: TargetId) -> [PodId; 2] {
        let Row { holder, before, .. } = self.rows[target.index()];
        [holder, before]
    }
}
