//! How long what is sent to the API server, and from it, is under way.
//!
//! A hop's time has three levels: the environment's (how slow this control plane is), the rollout's (how
//! busy it is meanwhile, one factor for all hops), and the message's own. Messages that take the same way
//! at the same instant are one batch: they are handled in one go and land together.

use crate::cluster::spec::{ClusterSpec, Link, Preset};
use crate::dist::{Dist, LogNormal};
use crate::random::{Purpose, Streams, pair};
use crate::time::{Span, Time};

/// A watch: events of one kind to one listener, which arrive in the order they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    Deployment,
    ReplicaSet,
    Scheduler,
    Kubelet,
    EndpointSlice,
    Lbc,
}

const WATCHES: usize = 6;

impl Watch {
    pub(super) const fn link(self) -> Link {
        match self {
            Watch::Deployment => Link::ApiToDeployment,
            Watch::ReplicaSet => Link::ApiToReplicaSet,
            Watch::Scheduler => Link::ApiToScheduler,
            Watch::Kubelet => Link::ApiToKubelet,
            Watch::EndpointSlice => Link::ApiToEndpointSlice,
            Watch::Lbc => Link::EndpointsToLbc,
        }
    }
}

/// Who writes; with its message a number that tells writes apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    Deployment = 1,
    ReplicaSet,
    ReplicaSetStatus,
    Delete,
    Scheduler,
    KubeletGet,
    KubeletPatch,
    KubeletDelete,
    EndpointSlice,
    Lbc,
    OperatorList,
    Operator,
}

const WRITERS: usize = 13;

/// Half an API hop, a write or a watch event, as this replication has it.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    law: Dist,
    /// The scenario gives its law: it is known, whatever the environment.
    given: bool,
    pace: f64,
}

impl Hop {
    fn new(given: &Option<Dist>, preset: Preset) -> Hop {
        let law = given.clone().unwrap_or_else(|| preset.half_hop());
        Hop {
            law,
            given: given.is_some(),
            pace: 1.0,
        }
    }

    pub(super) fn sample(&self, streams: &Streams, purpose: Purpose, entity: u64) -> Span {
        self.law
            .sample(&mut streams.at(purpose, entity))
            .scaled(self.pace)
    }

    /// Takes the pace of a replication.
    pub(super) fn keep(
        &mut self,
        Pace {
            rollout,
            environment,
        }: Pace,
    ) {
        self.pace = if self.given {
            rollout
        } else {
            rollout * environment
        };
    }
}

/// By how much the control plane of a replication is slower than it is in the middle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    rollout: f64,
    environment: f64,
}

/// What was sent last: what goes the same way at the same instant takes as long.
#[derive(Debug, Clone, Copy)]
struct Batch {
    sent: Time,
    takes: Span,
    /// Whose chance is all the batch's, and by what it takes longer than one alone.
    entity: u64,
    shared: f64,
    /// How long its answer takes, once somebody has waited for it.
    answer: Option<Span>,
}

const NOTHING_SENT: Batch = Batch {
    sent: Time::NEVER,
    takes: Span::ZERO,
    entity: 0,
    shared: 1.0,
    answer: None,
};

/// The ways to the API server and from it.
#[derive(Debug)]
pub(super) struct Links {
    preset: Preset,
    drift: f64,
    sharing: f64,
    write: Hop,
    watches: [Hop; WATCHES],
    /// When the last event of each watch arrives: later ones arrive no earlier.
    last: [Time; WATCHES],
    written: [Batch; WRITERS],
    watched: [Batch; WATCHES],
}

impl Links {
    pub(super) fn new(cluster: &ClusterSpec) -> Links {
        let ClusterSpec {
            preset,
            links,
            hop_drift,
            api_sharing,
            ..
        } = cluster;
        let hop = |given: &Option<Dist>| Hop::new(given, *preset);
        Links {
            preset: *preset,
            drift: *hop_drift,
            sharing: *api_sharing,
            write: hop(&links.api_write),
            watches: [
                hop(&links.api_to_deployment),
                hop(&links.api_to_replica_set),
                hop(&links.api_to_scheduler),
                hop(&links.api_to_kubelet),
                hop(&links.api_to_endpoint_slice),
                hop(&links.endpoints_to_lbc),
            ],
            last: [Time::ZERO; WATCHES],
            written: [NOTHING_SENT; WRITERS],
            watched: [NOTHING_SENT; WATCHES],
        }
    }

    /// The hop to each host's kube-proxy.
    pub(super) fn to_kube_proxy(cluster: &ClusterSpec) -> Hop {
        Hop::new(&cluster.links.endpoints_to_kube_proxy, cluster.preset)
    }

    /// Before a replication; its pace.
    pub(super) fn reset(&mut self, streams: &Streams) -> Pace {
        let factor = |sigma, purpose| {
            let law = LogNormal::new(Span::from_secs(1), sigma);
            law.sample(&mut streams.at(purpose, 0)).as_secs_f64()
        };
        let environment = self
            .preset
            .spread()
            .map_or(1.0, |sigma| factor(sigma, Purpose::HopEnvironment));
        let pace = Pace {
            rollout: factor(self.drift, Purpose::HopDrift),
            environment,
        };
        self.write.keep(pace);
        self.watches.iter_mut().for_each(|hop| hop.keep(pace));
        self.last = [Time::ZERO; WATCHES];
        self.written = [NOTHING_SENT; WRITERS];
        self.watched = [NOTHING_SENT; WATCHES];
        pace
    }

    /// A request's time to its commit. `at_once` requests are sent together, this one among them: they share the
    /// server, and all of them end when the last one does.
    pub(super) fn write(
        &mut self,
        now: Time,
        by: (Writer, u64),
        at_once: u32,
        streams: &Streams,
    ) -> Span {
        let (writer, message) = by;
        let batch = &mut self.written[writer as usize];
        if batch.sent != now {
            let entity = pair(writer as u64, message);
            let shared = 1.0 + self.sharing * f64::from(at_once - 1);
            let takes = self
                .write
                .sample(streams, Purpose::ApiWrite, entity)
                .scaled(shared);
            *batch = Batch {
                sent: now,
                takes,
                entity,
                shared,
                answer: None,
            };
        }
        batch.takes
    }

    /// From the commit of this writer's last request to its answer.
    pub(super) fn answer(&mut self, writer: Writer, streams: &Streams) -> Span {
        let batch = &mut self.written[writer as usize];
        let draw = || {
            self.write
                .sample(streams, Purpose::ApiAnswer, batch.entity)
                .scaled(batch.shared)
        };
        match batch.answer {
            Some(answer) => answer,
            None => *batch.answer.insert(draw()),
        }
    }

    /// A watch event's time to its listener.
    pub(super) fn watch(
        &mut self,
        now: Time,
        watch: Watch,
        message: u64,
        streams: &Streams,
    ) -> Span {
        let batch = &mut self.watched[watch as usize];
        if batch.sent != now {
            let entity = pair(watch as u64, message);
            let takes = self.watches[watch as usize].sample(streams, Purpose::Watch, entity);
            *batch = Batch {
                sent: now,
                takes,
                ..NOTHING_SENT
            };
        }
        batch.takes
    }

    /// When an event arrives that would do so at `at`: not before the one that was sent before it.
    pub(super) fn in_order(&mut self, watch: Watch, at: Time) -> Time {
        let last = &mut self.last[watch as usize];
        *last = at.max(*last);
        *last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_micros(7);

    /// Two hops of 10 ms are given, or none.
    fn links(preset: Preset, given: bool, hop_drift: f64) -> Links {
        let mut cluster = ClusterSpec {
            preset,
            hop_drift,
            ..ClusterSpec::default()
        };
        if given {
            let hop = Some(Dist::constant(Span::from_millis(10)));
            (cluster.links.api_write, cluster.links.api_to_kubelet) = (hop.clone(), hop);
        }
        Links::new(&cluster)
    }

    #[test]
    fn one_factor_for_all_hops_of_a_rollout() {
        let mut links = links(Preset::Published, true, 0.6);
        let mut below = 0;
        for replication in 0..1_000 {
            let streams = Streams::new(1, replication);
            links.reset(&streams);
            let takes = links.write(NOW, (Writer::Scheduler, 1), 1, &streams);
            let answer = links.answer(Writer::Scheduler, &streams);
            assert_eq!(takes, answer);
            assert_eq!(links.watch(NOW, Watch::Kubelet, 1, &streams), takes);
            below += u32::from(takes < Span::from_millis(10).scaled((-0.6f64).exp()));
        }
        // 16 % of a normal distribution lie below its first standard deviation.
        assert!((130..190).contains(&below), "{below}");
    }

    /// What is given is known; what is not differs between environments, and twins are in the same one.
    #[test]
    fn an_environment_has_a_pace() {
        let pace = |links: &mut Links, streams: Streams| {
            let Pace {
                rollout,
                environment,
            } = links.reset(&streams);
            (rollout, environment)
        };
        let [one, other] = [Streams::new(1, 0), Streams::new(1, 1)];
        let mut known = links(Preset::Typical, false, 0.0);
        assert_eq!(pace(&mut known, one), (1.0, 1.0));
        let mut unknown = links(Preset::Published, false, 0.0);
        assert_eq!(pace(&mut unknown, one), pace(&mut unknown, one.twin()));
        assert_ne!(pace(&mut unknown, one), pace(&mut unknown, other));
        let mut drifting = links(Preset::Published, false, 0.6);
        let [first, twin] = [one, one.twin()].map(|streams| pace(&mut drifting, streams));
        assert_eq!(first.1, twin.1);
        assert_ne!(first.0, twin.0);
    }

    #[test]
    fn what_is_sent_at_once_lands_together() {
        let mut links = links(Preset::Typical, false, 0.6);
        let streams = Streams::new(1, 0);
        links.reset(&streams);
        let mut write = |at: Time, message, at_once| {
            let takes = links.write(at, (Writer::Delete, message), at_once, &streams);
            (takes, links.answer(Writer::Delete, &streams))
        };
        let [first, second] = [5, 6].map(|message| write(NOW, message, 2));
        assert_eq!(first, second);
        let later = write(Time::from_micros(8), 6, 2);
        assert_ne!(later, second);
        let alone = write(Time::from_micros(9), 5, 1);
        let close = |one: Span, two: Span| one.as_micros().abs_diff(two.as_micros()) <= 1;
        assert!(close(alone.0.scaled(2.0), first.0) && close(alone.1.scaled(2.0), first.1));
    }
}
