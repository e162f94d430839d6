//! Where node ports may lead: to pods that the slice once offered, changed no oftener than allowed.

use std::collections::BTreeSet;

use crate::cluster::kube_proxy;
use crate::cluster::pod::Endpoint;
use crate::cluster::service::ExternalTrafficPolicy;
use crate::id::{NodeId, PodId};
use crate::observe::checker::{Held, demand};
use crate::scenario::Scenario;
use crate::time::{Span, Time};

/// The node ports of all hosts.
#[derive(Debug)]
pub struct NodePorts {
    hosts: usize,
    local: bool,
    /// The least time between two changes of a host.
    pause: Span,
    /// By pod: where it is, once the slice has offered it, ready or serving to the last.
    offered: Vec<Option<NodeId>>,
    /// By host.
    tables: Vec<Table>,
}

#[derive(Debug, Clone, Default)]
struct Table {
    pods: BTreeSet<PodId>,
    changed: Option<Time>,
}

impl NodePorts {
    /// Those of a scenario's hosts.
    pub fn new(scenario: &Scenario) -> NodePorts {
        NodePorts {
            hosts: usize::from(scenario.cluster.nodes),
            local: scenario.service.external_traffic_policy == ExternalTrafficPolicy::Local,
            // The older runner may start twice at once.
            pause: if scenario.cluster.kubernetes.at_least(34) {
                scenario.kube_proxy.min_sync_period
            } else {
                Span::ZERO
            },
            offered: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// These pods have long been ready; the scheduler has dealt them to the hosts in turn.
    pub fn restart(&mut self, pods: impl Iterator<Item = PodId>) {
        self.offered.clear();
        self.tables.clear();
        self.tables.resize(self.hosts, Table::default());
        for pod in pods {
            let host = pod.index() % self.hosts;
            self.offered.push(Some(NodeId(host as u16)));
            let leads_there = |row: &usize| !self.local || *row == host;
            for row in (0..self.hosts).filter(leads_there) {
                self.tables[row].pods.insert(pod);
            }
        }
    }

    /// By host: whether its health checks have been passed.
    pub fn healthy(&self) -> impl Iterator<Item = bool> + '_ {
        self.tables.iter().map(|table| !table.pods.is_empty())
    }

    /// The slice says this of a pod.
    pub fn published(&mut self, pod: PodId, endpoint: Endpoint) {
        if self.offered.len() <= pod.index() {
            self.offered.resize(pod.index() + 1, None);
        }
        if endpoint.ready || endpoint.serving && endpoint.terminating {
            self.offered[pod.index()] = endpoint.node;
        }
    }

    /// kube-proxy of a host says something.
    pub fn hear(&mut self, now: Time, host: NodeId, fact: &kube_proxy::Fact) -> Held {
        let table = self
            .tables
            .get_mut(host.index())
            .ok_or("there is no such host")?;
        match *fact {
            kube_proxy::Fact::Forwards(pod) => {
                let offered = self.offered.get(pod.index()).copied().flatten();
                demand(
                    offered.is_some(),
                    "leads to a pod that the slice never offered",
                )?;
                demand(
                    !self.local || offered == Some(host),
                    "leads to another host's pod",
                )?;
                demand(table.pods.insert(pod), "leads to a pod twice")?;
                table.changes(now, self.pause)
            }
            kube_proxy::Fact::Forgets(pod) => {
                demand(
                    table.pods.remove(&pod),
                    "forgets a pod that it did not lead to",
                )?;
                table.changes(now, self.pause)
            }
            kube_proxy::Fact::PassedOn(pod, ..) => demand(
                table.pods.contains(&pod),
                "passes on to whom it does not lead",
            ),
            kube_proxy::Fact::Answered { .. } => Ok(()),
        }
    }
}

impl Table {
    fn changes(&mut self, now: Time, pause: Span) -> Held {
        let last = self.changed.replace(now);
        demand(
            last.is_none_or(|last| last == now || now >= last + pause),
            "runs again before it may",
        )
    }
}
