//! Who hears which fact, over which link, after what delay. It reads like a timetable.

mod address;
mod aws;
mod links;
pub mod node_port;

use crate::agenda::Agenda;
use crate::aws::alb_node::{self, LoadBalancerSpec};
use crate::aws::lbc::{self, LbcSpec};
use crate::aws::target::target_of;
use crate::cluster::deployment::{self, Strategy};
use crate::cluster::pod::{Endpoint, HookStop, PodChange, PodObject};
use crate::cluster::spec::Link;
use crate::cluster::{api_server, app, endpoint_slice, kubelet, operator, replica_set, scheduler};
use crate::disturbance::rule::Rules;
pub use crate::event::{Event, Fact};
use crate::id::{NodeId, PodId, RevisionId, TargetGroupId, TargetId};
use crate::random::Streams;
use crate::scenario::Scenario;
use crate::time::{Span, Time};
use address::Addresses;
use aws::Fleets;
use links::{Links, Watch, Writer};
use node_port::NodePorts;

/// The links between the rooms.
#[derive(Debug)]
pub struct Wiring {
    links: Links,
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
        Wiring {
            links: Links::new(&scenario.cluster),
            rules: Rules::default(),
            lbc: scenario.lbc.clone(),
            load_balancer: scenario.load_balancer.clone(),
            fleets: Fleets::new(scenario),
            recreate: scenario.deployment.strategy == Strategy::Recreate,
            addresses: Addresses::default(),
            node_ports: NodePorts::new(scenario),
        }
    }

    /// Before a replication.
    pub fn reset(&mut self, streams: &Streams) {
        let pace = self.links.reset(streams);
        self.rules.clear();
        self.addresses.clear();
        self.node_ports
            .iter_mut()
            .for_each(|ports| ports.reset(pace));
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

impl Telling<'_> {
    /// Delivers a fact to everyone who hears it.
    pub fn tell(&mut self, fact: Fact) {
        match fact {
            Fact::Api(fact) => self.committed(fact),
            Fact::Operator(fact) => self.operator(fact),
            Fact::Deployment(fact) => self.deployment(fact),
            Fact::ReplicaSet(fact) => self.replica_set(fact),
            Fact::Scheduler(scheduler::Bound(pod, node)) => {
                self.write(
                    Writer::Scheduler,
                    pod.index() as u64,
                    api_server::Input::Bind(pod, node),
                    None,
                );
            }
            Fact::Kubelet(node, fact) => self.kubelet(node, fact),
            Fact::App(fact) => self.app(fact),
            Fact::EndpointSlice(wrote) => {
                let request = api_server::Input::WriteEndpoint(wrote.pod, wrote.endpoint);
                let reply = Event::EndpointSlice(endpoint_slice::Input::Written);
                self.write(
                    Writer::EndpointSlice,
                    u64::from(wrote.write),
                    request,
                    Some(reply),
                );
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

    /// A write to the API server; the writer hears the answer some time after it is committed.
    fn write(
        &mut self,
        writer: Writer,
        message: u64,
        request: api_server::Input,
        reply: Option<Event>,
    ) {
        self.write_among((writer, message), 1, request, reply);
    }

    /// One of so many writes that are sent at once.
    fn write_among(
        &mut self,
        by: (Writer, u64),
        at_once: u32,
        request: api_server::Input,
        reply: Option<Event>,
    ) {
        let links = &mut self.wiring.links;
        let takes = links.write(self.now, by, at_once, self.streams);
        let delay = self.wiring.rules.delay(Link::ApiWrite, self.now, takes);
        self.later(delay, Event::Api(request));
        if let Some(reply) = reply {
            let answer = self.wiring.links.answer(by.0, self.streams);
            self.later(delay + answer, reply);
        }
    }

    /// A watch event, and when it arrives; `message` tells the events of one watch apart.
    fn watch(&mut self, watch: Watch, message: u64, event: Event) -> Time {
        let delay = self
            .wiring
            .links
            .watch(self.now, watch, message, self.streams);
        let delay = self.wiring.rules.delay(watch.link(), self.now, delay);
        let at = self.wiring.links.in_order(watch, self.now + delay);
        self.agenda.push(at, event);
        at
    }

    fn operator(&mut self, fact: operator::Fact) {
        match fact {
            operator::Fact::ListedPods(job) => {
                self.write(
                    Writer::OperatorList,
                    job.into(),
                    api_server::Input::ListPods(job),
                    None,
                );
            }
            operator::Fact::Evicted(operator::Eviction { job, pod, attempt }) => {
                let message = (pod.index() as u64) << 16 | u64::from(attempt);
                self.write(
                    Writer::Operator,
                    message,
                    api_server::Input::Evict { job, pod, attempt },
                    None,
                );
            }
            operator::Fact::DeletedPod(pod) => {
                self.write(
                    Writer::Operator,
                    pod.index() as u64,
                    api_server::Input::DeletePod(pod),
                    None,
                );
            }
            operator::Fact::KilledProcess(pod) => self.now(Event::App(app::Input::Sigkill(pod))),
        }
    }

    fn deployment(&mut self, fact: deployment::Fact) {
        let written = Some(Event::Deployment(deployment::Input::Written));
        match fact {
            deployment::Fact::WroteReplicaSet {
                revision,
                replicas,
                desired,
                max,
                nth,
            } => {
                let request = api_server::Input::WriteReplicaSet {
                    revision,
                    replicas,
                    desired,
                    max,
                };
                self.write(
                    Writer::Deployment,
                    set_message(revision, nth),
                    request,
                    written,
                );
            }
            deployment::Fact::WroteStatus { nth } => {
                let request = api_server::Input::WriteDeploymentStatus;
                self.write(
                    Writer::Deployment,
                    set_message(RevisionId(u8::MAX), nth),
                    request,
                    written,
                );
            }
            deployment::Fact::Condition { .. } => {}
        }
    }

    fn replica_set(&mut self, fact: replica_set::Fact) {
        match fact {
            replica_set::Fact::CreatedPod {
                revision,
                nth,
                at_once,
            } => {
                let reply = Event::ReplicaSet(replica_set::Input::PodWritten(revision));
                let request = api_server::Input::CreatePod(revision);
                self.write_among(
                    (Writer::ReplicaSet, set_message(revision, nth)),
                    at_once,
                    request,
                    Some(reply),
                );
            }
            replica_set::Fact::DeletedPod { pod, at_once } => {
                let reply = Event::ReplicaSet(replica_set::Input::PodWritten(pod.revision()));
                let by = (Writer::Delete, pod.index() as u64);
                self.write_among(by, at_once, api_server::Input::DeletePod(pod), Some(reply));
            }
            replica_set::Fact::WroteStatus {
                revision,
                status,
                nth,
            } => {
                let reply = Event::ReplicaSet(replica_set::Input::StatusWritten(revision));
                let request = api_server::Input::WriteReplicaSetStatus { revision, status };
                self.write(
                    Writer::ReplicaSetStatus,
                    set_message(revision, nth),
                    request,
                    Some(reply),
                );
            }
        }
    }

    fn kubelet(&mut self, node: NodeId, fact: kubelet::Fact) {
        match fact {
            kubelet::Fact::Started(pod, run) => {
                self.now(Event::App(app::Input::Started(pod, node, run)));
            }
            kubelet::Fact::Probed(pod, kind) => {
                self.now(Event::App(app::Input::Ask(
                    pod,
                    app::Question::Probe(node, kind),
                )));
            }
            kubelet::Fact::HookStopped(pod, HookStop::Drain) => {
                self.now(Event::App(app::Input::Drain(pod)));
            }
            kubelet::Fact::HookStopped(pod, HookStop::Sigterm)
            | kubelet::Fact::SentSigterm(pod) => {
                self.now(Event::App(app::Input::Sigterm(pod)));
            }
            kubelet::Fact::SentSigkill(pod) => self.now(Event::App(app::Input::Sigkill(pod))),
            kubelet::Fact::RemovedNetwork(pod) => {
                self.now(Event::App(app::Input::NetworkRemoved(pod)));
            }
            kubelet::Fact::LostPod(pod) => self.now(Event::App(app::Input::HostLost(pod))),
            kubelet::Fact::PatchedStatus(status, nth) => {
                // One GET, then one PATCH.
                let message = pod_message(status.pod.index(), nth);
                let links = &mut self.wiring.links;
                let [read, patch] = [Writer::KubeletGet, Writer::KubeletPatch]
                    .map(|writer| links.write(self.now, (writer, message), 1, self.streams));
                let answer = links.answer(Writer::KubeletPatch, self.streams);
                let [read, patch] = [read, patch]
                    .map(|span| self.wiring.rules.delay(Link::ApiWrite, self.now, span));
                self.later(
                    read + patch,
                    Event::Api(api_server::Input::PatchPodStatus(status)),
                );
                self.later(
                    read + patch + answer,
                    Event::Kubelet(node, kubelet::Input::StatusWritten(status.pod)),
                );
            }
            kubelet::Fact::ReusedIp(pod, first) => self.wiring.know(target_of(first), pod),
            kubelet::Fact::RemovedPod(pod) => {
                self.write(
                    Writer::KubeletDelete,
                    pod.index() as u64,
                    api_server::Input::RemovePod(pod),
                    None,
                );
            }
        }
    }

    fn app(&mut self, fact: app::Fact) {
        match fact {
            app::Fact::Exited(pod, node) => {
                self.now(Event::Kubelet(node, kubelet::Input::Exited(pod)));
            }
            app::Fact::Answered(pod, app::Question::Probe(node, kind), answer) => {
                self.now(Event::Kubelet(
                    node,
                    kubelet::Input::Answered(pod, kind, answer),
                ));
            }
            app::Fact::Answered(_, app::Question::HealthCheck(node, target, check), answer) => {
                // Silence is no event: the node has a time-out of its own.
                if answer != app::Answer::None {
                    let ok = answer == app::Answer::Ok;
                    let group = self.wiring.fleets.group_of(node);
                    self.now(Event::alb_node(
                        group,
                        node,
                        alb_node::Input::CheckAnswered { target, check, ok },
                    ));
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
                self.watch(
                    Watch::Deployment,
                    set_message(object.revision, object.replicas),
                    event,
                );
            }
            api_server::Fact::ReplicaSet { object, .. } => {
                let message = set_message(object.revision, object.version);
                self.watch(
                    Watch::Deployment,
                    message,
                    Event::Deployment(deployment::Input::ReplicaSet(object)),
                );
                self.watch(
                    Watch::ReplicaSet,
                    message,
                    Event::ReplicaSet(replica_set::Input::ReplicaSet(object)),
                );
            }
            api_server::Fact::Pod(object, change) => self.pod(object, change),
            api_server::Fact::Endpoint(pod, endpoint) => {
                let message = pod_message(pod.index(), 0xE0 + endpoint.map_or(0, endpoint_bits));
                self.watch(
                    Watch::EndpointSlice,
                    message,
                    Event::EndpointSlice(endpoint_slice::Input::SawWrite),
                );
                if self.wiring.node_ports.is_some() {
                    return self.tell_hosts(pod, endpoint, message);
                }
                let endpoint = endpoint.map(
                    |Endpoint {
                         ready, terminating, ..
                     }| lbc::Endpoint { ready, terminating },
                );
                let target = self.wiring.addresses.target(pod);
                self.tell_controller(message, |_| lbc::Input::Endpoint {
                    pod,
                    target,
                    endpoint,
                });
            }
            api_server::Fact::Listed(object) => {
                self.now(Event::Operator(operator::Input::Listed(object)));
            }
            api_server::Fact::ListEnd(job) => {
                self.now(Event::Operator(operator::Input::ListEnd(job)));
            }
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
            Bound, ContainersReady, Created, Deleting, Finished, Gate, Isolated, Ready, Removed,
            Running, Unready,
        };
        let message = pod_message(
            object.pod.index(),
            (object.restarts & 0xF) << 4 | change as u32,
        );
        if self.wiring.recreate {
            self.watch(
                Watch::Deployment,
                message,
                Event::Deployment(deployment::Input::Pod(object, change)),
            );
        }
        if !matches!(change, Gate) {
            self.watch(
                Watch::ReplicaSet,
                message,
                Event::ReplicaSet(replica_set::Input::Pod(object, change)),
            );
        }
        if matches!(change, Created | Deleting | Isolated)
            || change == Removed && object.node.is_none()
        {
            self.watch(
                Watch::Scheduler,
                message,
                Event::Scheduler(scheduler::Input::Pod(object, change)),
            );
        }
        if let (Some(node), Bound | Gate | Deleting) = (object.node, change) {
            self.watch(
                Watch::Kubelet,
                message,
                Event::Kubelet(node, kubelet::Input::Pod(object, change)),
            );
        }
        if matches!(
            change,
            Running | ContainersReady | Ready | Unready | Isolated | Deleting | Finished | Removed
        ) {
            self.watch(
                Watch::EndpointSlice,
                message,
                Event::EndpointSlice(endpoint_slice::Input::Pod(object)),
            );
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
    1 | (endpoint.ready as u32) << 1
        | (endpoint.serving as u32) << 2
        | (endpoint.terminating as u32) << 3
}
