//! Who hears which fact, over which link, after what delay. It reads like a timetable.

mod address;
mod aws;
pub mod node_port;

use crate::agenda::Agenda;
use crate::aws::alb_node::{self, LoadBalancerSpec};
use crate::aws::lbc::{self, LbcSpec};
use crate::aws::target::target_of;
use crate::cluster::deployment::{self, Strategy};
use crate::cluster::pod::{Endpoint, HookStop, PodChange, PodObject};
use crate::cluster::spec::{ClusterSpec, Link};
use crate::cluster::{api_server, app, endpoint_slice, kubelet, operator, replica_set, scheduler};
use crate::dist::Dist;
use crate::disturbance::rule::Rules;
pub use crate::event::{Event, Fact};
use crate::id::{NodeId, PodId, RevisionId, TargetGroupId, TargetId};
use crate::random::{Purpose, Streams, pair};
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use address::Addresses;
use aws::Fleets;
use node_port::NodePorts;

/// A watch: events of one kind to one listener, which arrive in the order they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watch {
    Deployment,
    ReplicaSet,
    Scheduler,
    Kubelet,
    EndpointSlice,
    Lbc,
}

const WATCHES: usize = 6;

impl Watch {
    const fn link(self) -> Link {
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

/// The links between the rooms.
#[derive(Debug)]
pub struct Wiring {
    api_write: Dist,
    watches: [Dist; WATCHES],
    /// When the last event of each watch arrives: later ones arrive no earlier.
    last: [Time; WATCHES],
    /// What disturbances do to links in this replication.
    rules: Rules,
    lbc: LbcSpec,
    load_balancer: LoadBalancerSpec,
    /// The nodes behind each target group.
    fleets: Fleets,
    recreate: bool,
    addresses: Addresses,
    /// Only if targets are hosts.
    node_ports: Option<NodePorts>,
}

impl Wiring {
    /// The links of a scenario.
    pub fn new(scenario: &Scenario) -> Wiring {
        let ClusterSpec { preset, links, .. } = &scenario.cluster;
        // One half of an API hop, a write or a watch event. Two of them in a row are p50 10 ms and
        // p99 80 ms on an idle control plane.
        let half_hop = Dist::p50_p99_millis(4, 54).scaled(preset.slowdown());
        let link = |given: &Option<Dist>| given.clone().unwrap_or_else(|| half_hop.clone());
        Wiring {
            api_write: link(&links.api_write),
            watches: [
                link(&links.api_to_deployment),
                link(&links.api_to_replica_set),
                link(&links.api_to_scheduler),
                link(&links.api_to_kubelet),
                link(&links.api_to_endpoint_slice),
                link(&links.endpoints_to_lbc),
            ],
            last: [Time::ZERO; WATCHES],
            rules: Rules::default(),
            lbc: scenario.lbc.clone(),
            load_balancer: scenario.load_balancer.clone(),
            fleets: Fleets::new(scenario),
            recreate: scenario.deployment.strategy == Strategy::Recreate,
            addresses: Addresses::default(),
            node_ports: NodePorts::new(scenario, link(&links.endpoints_to_kube_proxy)),
        }
    }

    /// Before a replication.
    pub fn reset(&mut self) {
        self.last = [Time::ZERO; WATCHES];
        self.rules.clear();
        self.addresses.clear();
        self.node_ports.iter_mut().for_each(NodePorts::reset);
    }

    /// What disturbances do to links in this replication.
    pub const fn rules(&mut self) -> &mut Rules {
        &mut self.rules
    }

    /// A target stands for this pod.
    pub fn know(&mut self, target: TargetId, pod: PodId) {
        self.addresses.put(target, pod);
    }
}

/// One fact on its way to those who hear it.
pub struct Telling<'a> {
    /// The links.
    pub wiring: &'a mut Wiring,
    /// Where it goes.
    pub agenda: &'a mut Agenda<Event>,
    /// Chance.
    pub streams: &'a Streams,
    /// Now.
    pub now: Time,
}

/// Entities of API writes: the writer, and what tells its writes apart.
mod writer {
    pub const DEPLOYMENT: u64 = 1;
    pub const REPLICA_SET: u64 = 2;
    pub const REPLICA_SET_STATUS: u64 = 3;
    pub const DELETE: u64 = 4;
    pub const SCHEDULER: u64 = 5;
    pub const KUBELET_GET: u64 = 6;
    pub const KUBELET_PATCH: u64 = 7;
    pub const KUBELET_DELETE: u64 = 8;
    pub const ENDPOINT_SLICE: u64 = 9;
    pub const LBC: u64 = 10;
    pub const OPERATOR_LIST: u64 = 11;
    pub const OPERATOR: u64 = 12;
}

impl Telling<'_> {
    /// Delivers a fact to everyone who hears it.
    pub fn tell(&mut self, fact: Fact) {
        match fact {
            Fact::Api(fact) => self.committed(fact),
            Fact::Operator(fact) => self.operator(fact),
            Fact::Deployment(fact) => self.deployment(fact),
            Fact::ReplicaSet(fact) => self.replica_set(fact),
            Fact::Scheduler(scheduler::Bound(pod, node)) => {
                self.write(writer::SCHEDULER, pod.index() as u64, api_server::Input::Bind(pod, node), None);
            }
            Fact::Kubelet(node, fact) => self.kubelet(node, fact),
            Fact::App(fact) => self.app(fact),
            Fact::EndpointSlice(wrote) => {
                let request = api_server::Input::WriteEndpoint(wrote.pod, wrote.endpoint);
                let reply = Event::EndpointSlice(endpoint_slice::Input::Written);
                self.write(writer::ENDPOINT_SLICE, u64::from(wrote.write), request, Some(reply));
            }
            Fact::KubeProxy(host, fact) => self.kube_proxy(host, fact),
            Fact::Lbc(fact) => self.lbc(TargetGroupId::FIRST, fact),
            Fact::TargetGroup(fact) => self.target_group(TargetGroupId::FIRST, fact),
            Fact::AlbNode(node, fact) => self.alb_node(TargetGroupId::FIRST, node, fact),
            Fact::Other(group, fact) => self.other(group, fact),
        }
    }

    fn now(&mut self, event: Event) {
        self.agenda.push(self.now, event);
    }

    fn later(&mut self, delay: Span, event: Event) {
        self.agenda.push(self.now + delay, event);
    }

    /// A write to the API server; the writer hears the answer when it is committed.
    fn write(&mut self, writer: u64, message: u64, request: api_server::Input, reply: Option<Event>) {
        let delay = self.api_write(writer, message);
        self.later(delay, Event::Api(request));
        if let Some(reply) = reply {
            self.later(delay, reply);
        }
    }

    fn api_write(&mut self, writer: u64, message: u64) -> Span {
        let delay = self.wiring.api_write.sample(&mut self.streams.at(Purpose::ApiWrite, pair(writer, message)));
        self.wiring.rules.delay(Link::ApiWrite, self.now, delay)
    }

    /// A watch event, and when it arrives; `message` tells the events of one watch apart.
    fn watch(&mut self, watch: Watch, message: u64, event: Event) -> Time {
        let row = watch as usize;
        let delay = self.wiring.watches[row].sample(&mut self.streams.at(Purpose::Watch, pair(row as u64, message)));
        let delay = self.wiring.rules.delay(watch.link(), self.now, delay);
        let at = (self.now + delay).max(self.wiring.last[row]);
        self.wiring.last[row] = at;
        self.agenda.push(at, event);
        at
    }

    fn operator(&mut self, fact: operator::Fact) {
        match fact {
            operator::Fact::ListedPods(job) => {
                self.write(writer::OPERATOR_LIST, job.into(), api_server::Input::ListPods(job), None);
            }
            operator::Fact::Evicted(operator::Eviction { job, pod, attempt }) => {
                let message = (pod.index() as u64) << 16 | u64::from(attempt);
                self.write(writer::OPERATOR, message, api_server::Input::Evict { job, pod, attempt }, None);
            }
            operator::Fact::DeletedPod(pod) => {
                self.write(writer::OPERATOR, pod.index() as u64, api_server::Input::DeletePod(pod), None);
            }
            operator::Fact::KilledProcess(pod) => self.now(Event::App(app::Input::Sigkill(pod))),
        }
    }

    fn deployment(&mut self, fact: deployment::Fact) {
        let written = Some(Event::Deployment(deployment::Input::Written));
        match fact {
            deployment::Fact::WroteReplicaSet { revision, replicas, desired, max, nth } => {
                let request = api_server::Input::WriteReplicaSet { revision, replicas, desired, max };
                self.write(writer::DEPLOYMENT, set_message(revision, nth), request, written);
            }
            deployment::Fact::WroteStatus { nth } => {
                let request = api_server::Input::WriteDeploymentStatus;
                self.write(writer::DEPLOYMENT, set_message(RevisionId(u8::MAX), nth), request, written);
            }
            deployment::Fact::Condition { .. } => {}
        }
    }

    fn replica_set(&mut self, fact: replica_set::Fact) {
        match fact {
            replica_set::Fact::CreatedPod { revision, nth } => {
                let reply = Event::ReplicaSet(replica_set::Input::PodWritten(revision));
                let request = api_server::Input::CreatePod(revision);
                self.write(writer::REPLICA_SET, set_message(revision, nth), request, Some(reply));
            }
            replica_set::Fact::DeletedPod(pod) => {
                let reply = Event::ReplicaSet(replica_set::Input::PodWritten(pod.revision()));
                self.write(writer::DELETE, pod.index() as u64, api_server::Input::DeletePod(pod), Some(reply));
            }
            replica_set::Fact::WroteStatus { revision, status, nth } => {
                let reply = Event::ReplicaSet(replica_set::Input::StatusWritten(revision));
                let request = api_server::Input::WriteReplicaSetStatus { revision, status };
                self.write(writer::REPLICA_SET_STATUS, set_message(revision, nth), request, Some(reply));
            }
        }
    }

    fn kubelet(&mut self, node: NodeId, fact: kubelet::Fact) {
        match fact {
            kubelet::Fact::Started(pod, run) => self.now(Event::App(app::Input::Started(pod, node, run))),
            kubelet::Fact::Probed(pod, kind) => {
                self.now(Event::App(app::Input::Ask(pod, app::Question::Probe(node, kind))));
            }
            kubelet::Fact::HookStopped(pod, HookStop::Drain) => self.now(Event::App(app::Input::Drain(pod))),
            kubelet::Fact::HookStopped(pod, HookStop::Sigterm) | kubelet::Fact::SentSigterm(pod) => {
                self.now(Event::App(app::Input::Sigterm(pod)));
            }
            kubelet::Fact::SentSigkill(pod) => self.now(Event::App(app::Input::Sigkill(pod))),
            kubelet::Fact::RemovedNetwork(pod) => self.now(Event::App(app::Input::NetworkRemoved(pod))),
            kubelet::Fact::LostPod(pod) => self.now(Event::App(app::Input::HostLost(pod))),
            kubelet::Fact::PatchedStatus(status, nth) => {
                // One GET, then one PATCH.
                let message = pod_message(status.pod.index(), nth);
                let delay =
                    self.api_write(writer::KUBELET_GET, message) + self.api_write(writer::KUBELET_PATCH, message);
                self.later(delay, Event::Api(api_server::Input::PatchPodStatus(status)));
                self.later(delay, Event::Kubelet(node, kubelet::Input::StatusWritten(status.pod)));
            }
            kubelet::Fact::ReusedIp(pod, first) => self.wiring.know(target_of(first), pod),
            kubelet::Fact::RemovedPod(pod) => {
                self.write(writer::KUBELET_DELETE, pod.index() as u64, api_server::Input::RemovePod(pod), None);
            }
        }
    }

    fn app(&mut self, fact: app::Fact) {
        match fact {
            app::Fact::Exited(pod, node) => self.now(Event::Kubelet(node, kubelet::Input::Exited(pod))),
            app::Fact::Answered(pod, app::Question::Probe(node, kind), answer) => {
                self.now(Event::Kubelet(node, kubelet::Input::Answered(pod, kind, answer)));
            }
            app::Fact::Answered(_, app::Question::HealthCheck(node, target, check), answer) => {
                // Silence is no event: the node has a time-out of its own.
                if answer != app::Answer::None {
                    let ok = answer == app::Answer::Ok;
                    let group = self.wiring.fleets.group_of(node);
                    self.now(Event::alb_node(group, node, alb_node::Input::CheckAnswered { target, check, ok }));
                }
            }
            app::Fact::Socket(_, _, app::Socket::Serving) | app::Fact::Reset(_) => {}
            app::Fact::Socket(pod, node, _) => self.stir(pod, node),
        }
    }

    /// Whoever has let a pod's answers be looks again: one that served does so no more.
    fn stir(&mut self, pod: PodId, node: NodeId) {
        self.now(Event::Kubelet(node, kubelet::Input::Stirred(pod)));
        if self.wiring.node_ports.is_none() {
            let target = self.wiring.addresses.target(pod);
            self.stir_target(target);
        }
    }

    /// What the API server committed goes to everyone who watches it.
    fn committed(&mut self, fact: api_server::Fact) {
        match fact {
            api_server::Fact::Deployment(object) => {
                let event = Event::Deployment(deployment::Input::Deployment(object));
                self.watch(Watch::Deployment, set_message(object.revision, object.replicas), event);
            }
            api_server::Fact::ReplicaSet { object, .. } => {
                let message = set_message(object.revision, object.version);
                self.watch(Watch::Deployment, message, Event::Deployment(deployment::Input::ReplicaSet(object)));
                self.watch(Watch::ReplicaSet, message, Event::ReplicaSet(replica_set::Input::ReplicaSet(object)));
            }
            api_server::Fact::Pod(object, change) => self.pod(object, change),
            api_server::Fact::Endpoint(pod, endpoint) => {
                let message = pod_message(pod.index(), 0xE0 + endpoint.map_or(0, endpoint_bits));
                self.watch(Watch::EndpointSlice, message, Event::EndpointSlice(endpoint_slice::Input::SawWrite));
                if self.wiring.node_ports.is_some() {
                    return self.tell_hosts(pod, endpoint, message);
                }
                let endpoint = endpoint.map(|Endpoint { ready, terminating, .. }| lbc::Endpoint { ready, terminating });
                let target = self.wiring.addresses.target(pod);
                self.tell_controller(message, |_| lbc::Input::Endpoint { pod, target, endpoint });
            }
            api_server::Fact::Listed(object) => self.now(Event::Operator(operator::Input::Listed(object))),
            api_server::Fact::ListEnd(job) => self.now(Event::Operator(operator::Input::ListEnd(job))),
            api_server::Fact::EvictionRefused { job, pod, attempt } => {
                let refused = operator::Eviction { job, pod, attempt };
                self.now(Event::Operator(operator::Input::Refused(refused)));
            }
            api_server::Fact::DeploymentStatus => {}
        }
    }

    /// A pod's change, to those who do something about such a change.
    fn pod(&mut self, object: PodObject, change: PodChange) {
        use PodChange::{
            Bound, ContainersReady, Created, Deleting, Finished, Gate, Isolated, Ready, Removed, Running, Unready,
        };
        let message = pod_message(object.pod.index(), (object.restarts & 0xF) << 4 | change as u32);
        if self.wiring.recreate {
            self.watch(Watch::Deployment, message, Event::Deployment(deployment::Input::Pod(object, change)));
        }
        if !matches!(change, Gate) {
            self.watch(Watch::ReplicaSet, message, Event::ReplicaSet(replica_set::Input::Pod(object, change)));
        }
        if matches!(change, Created | Deleting | Isolated) || change == Removed && object.node.is_none() {
            self.watch(Watch::Scheduler, message, Event::Scheduler(scheduler::Input::Pod(object, change)));
        }
        if let (Some(node), Bound | Gate | Deleting) = (object.node, change) {
            self.watch(Watch::Kubelet, message, Event::Kubelet(node, kubelet::Input::Pod(object, change)));
        }
        if matches!(change, Running | ContainersReady | Ready | Unready | Isolated | Deleting | Finished | Removed) {
            self.watch(Watch::EndpointSlice, message, Event::EndpointSlice(endpoint_slice::Input::Pod(object)));
            if self.wiring.node_ports.is_none() {
                self.tell_of_pod(message, &object);
            }
        } else if matches!(change, Gate) && self.wiring.fleets.are_several() {
            // The other gates may still be waited for. Where there is one, Ready follows and says the same.
            self.tell_of_pod(message, &object);
        }
    }
}

/// Tells messages about ReplicaSets apart.
fn set_message(revision: RevisionId, nth: u32) -> u64 {
    u64::from(revision.0) << 24 | u64::from(nth)
}

/// Tells messages about pods apart.
const fn pod_message(pod: usize, kind: u32) -> u64 {
    1 << 31 | (pod as u64) << 8 | kind as u64
}

/// The state of an endpoint as a number.
const fn endpoint_bits(endpoint: Endpoint) -> u32 {
    1 | (endpoint.ready as u32) << 1 | (endpoint.serving as u32) << 2 | (endpoint.terminating as u32) << 3
}
