//! Targets that are hosts: a new connection gets to a pod that the host's node port leads to, and
//! stays with it.
//!
//! The kernel remembers where it led a connection (conntrack), so that what kube-proxy programs
//! later is nothing to a connection that is kept: it ends with its pod.

use super::Run;
use super::flight::Flight;
use crate::cluster::service::ExternalTrafficPolicy;
use crate::id::{PodId, TargetId};
use crate::observe::timeline::{NodePortChange, Timeline};
use crate::random::{Purpose, Stream};
use crate::scenario::Scenario;
use crate::time::Time;
use crate::traffic::connection::{KeepAlive, Way};
use crate::traffic::outcome::Witness;
use crate::verdict::{Cause, Verdict};

/// What is remembered of the hosts' node ports.
#[derive(Debug, Clone)]
pub(super) struct NodePorts {
    /// With the policy `Local` packets are dropped where a port leads nowhere, else refused.
    drops: bool,
    /// By host.
    tables: Vec<Table>,
    /// By node of the load balancer, then host: kept connections, until when and to which pod, the
    /// one used last at the end.
    pools: Vec<Vec<(Time, u16)>>,
}

/// Where a node port leads: rebuilt only when kube-proxy has changed it.
#[derive(Debug, Clone, Default)]
struct Table {
    pods: Vec<PodId>,
    next_change: usize,
    until: Time,
}

impl NodePorts {
    /// Those of a scenario, if its targets are hosts.
    pub(super) fn new(scenario: &Scenario) -> Option<NodePorts> {
        let drops = scenario.service.external_traffic_policy == ExternalTrafficPolicy::Local;
        scenario.is_by_host().then(|| NodePorts {
            drops,
            tables: Vec::new(),
            pools: Vec::new(),
        })
    }

    /// Before a replication.
    pub(super) fn begin(&mut self, hosts: usize, lanes: usize) {
        self.tables.resize_with(hosts, Table::default);
        for table in &mut self.tables {
            table.pods.clear();
            (table.next_change, table.until) = (0, Time::ZERO);
        }
        self.pools.iter_mut().for_each(Vec::clear);
        self.pools.resize_with(lanes, Vec::new);
    }

    /// A connection through a lane to a pod comes back.
    #[inline]
    pub(super) fn give_back(&mut self, lane: usize, pod: u16, now: Time, keep: KeepAlive) {
        let until = keep.until(now);
        if until > Time::ZERO {
            self.pools[lane].push((until, pod));
        }
    }
}

impl Table {
    /// The pod that a new connection gets to: any of them, as iptables' statistic module has it.
    #[inline]
    fn lead(
        &mut self,
        changes: &[NodePortChange],
        now: Time,
        chance: impl FnOnce() -> Stream,
    ) -> Option<PodId> {
        if now >= self.until {
            self.learn(changes, now);
        }
        match self.pods[..] {
            [] => None,
            [only] => Some(only),
            [..] => Some(self.pods[chance().below(self.pods.len())]),
        }
    }

    #[cold]
    fn learn(&mut self, changes: &[NodePortChange], now: Time) {
        while let Some(change) = changes
            .get(self.next_change)
            .filter(|change| change.at <= now)
        {
            self.next_change += 1;
            if change.forwards {
                self.pods.push(change.pod);
            } else {
                self.pods.retain(|pod| *pod != change.pod);
            }
        }
        self.until = changes
            .get(self.next_change)
            .map_or(Time::NEVER, |change| change.at);
    }
}

/// The changes of a host's node port.
fn changes(timeline: &Timeline, host: TargetId) -> &[NodePortChange] {
    timeline
        .node_ports
        .get(host.index())
        .map_or(&[], Vec::as_slice)
}

impl<W: Witness> Run<'_, '_, '_, W> {
    /// A request gets to a pod behind a host: on the connection used last of those that live, else on a new one. If
    /// the port leads nowhere, that ends it.
    #[inline(never)]
    pub(super) fn through_host(&mut self, slot: u32, host: TargetId) {
        let (flight, request) = self.engine.flights.look_up(slot);
        let (now, lane) = (request.sent, flight.lane as usize);
        while let Some((kept_until, pod)) = self.ports().and_then(|ports| ports.pools[lane].pop()) {
            self.refresh(pod, now);
            let engine = &*self.engine;
            let found = &engine.servers[usize::from(pod)].target;
            let keep = found.habits.keep;
            let way = found.port.way(now, kept_until, keep, engine.limits.one_way);
            if way != Way::New {
                return self.reach_pod(slot, pod, way);
            }
        }
        let (timeline, streams) = (self.around.timeline, self.around.streams);
        let Some(ports) = self.ports() else { return };
        let drops = ports.drops;
        let chance = || streams.at(Purpose::NodePortConnect, request.number);
        match ports.tables[host.index()].lead(changes(timeline, host), now, chance) {
            Some(pod) => {
                let pod = pod.index() as u16;
                self.refresh(pod, now);
                self.reach_pod(slot, pod, Way::New);
            }
            None => {
                let end = if drops {
                    self.around.connect_in_vain(&request)
                } else {
                    (
                        Verdict::Alb(Cause::Refused),
                        now + self.engine.limits.round_trip,
                    )
                };
                let end = self.around.unless_the_client_gives_up(end, &request);
                self.end(slot, end);
            }
        }
    }

    /// The request gets to a pod behind a host.
    fn reach_pod(&mut self, slot: u32, pod: u16, way: Way) {
        let (flight, request) = self.engine.flights.look_up(slot);
        let server = &mut self.engine.servers[usize::from(pod)];
        let answer = server.answers(&self.around, way, &request);
        let (life, is_held) = (server.life, answer.is_some() && server.is_limited());
        self.set_out(
            slot,
            Flight {
                server: pod,
                life,
                is_held,
                ..flight
            },
            request,
            way,
            answer,
        );
    }

    fn ports(&mut self) -> Option<&mut NodePorts> {
        self.engine.node_ports.as_mut()
    }
}
