//! The house: all rooms, the clock, and the loop that lets each hear what is due.

mod other_target_group;

use crate::actor::{Actor, Outbox};
use crate::agenda::Agenda;
use crate::aws::alb_node::{self, AlbNode};
use crate::aws::lbc::{self, Lbc};
use crate::aws::target::target_of;
use crate::aws::target_group::{self, TargetGroup};
use crate::cluster::api_server::{self, Admission, ApiServer};
use crate::cluster::app::{Apps, Program};
use crate::cluster::deployment::DeploymentController;
use crate::cluster::endpoint_slice::EndpointSliceController;
use crate::cluster::kube_proxy::{self, KubeProxy};
use crate::cluster::kubelet::{Kubelet, Template};
use crate::cluster::operator::Operator;
use crate::cluster::pod::{Gates, Phase, PodObject};
use crate::cluster::replica_set::ReplicaSetController;
use crate::cluster::scheduler::Scheduler;
use crate::cluster::workload::{DeploymentObject, ReplicaSetObject};
use crate::disturbance::rule::Rules;
use crate::id::{AlbNodeId, NodeId, PodId, RevisionId, TargetGroupId, TargetId};
use crate::random::Streams;
use crate::scenario::load::LoadSpec;
use crate::scenario::{Revision, Scenario};
use crate::time::Time;
use crate::wiring::{Event, Fact, Telling, Wiring, node_port};
use other_target_group::OtherTargetGroup;

/// An actor and what it wrote down while it handled one input.
#[derive(Debug)]
struct Room<A: Actor> {
    actor: A,
    wakes: Vec<(Time, A::Input)>,
    facts: Vec<A::Fact>,
}

impl<A: Actor> From<A> for Room<A> {
    fn from(actor: A) -> Self {
        Room {
            actor,
            wakes: Vec::new(),
            facts: Vec::new(),
        }
    }
}

/// All rooms and what is to come.
pub struct World<'a> {
    scenario: &'a Scenario,
    agenda: Agenda<Event>,
    wiring: Wiring,
    api: Room<ApiServer>,
    operator: Room<Operator>,
    deployment: Room<DeploymentController>,
    replica_sets: Room<ReplicaSetController>,
    scheduler: Room<Scheduler>,
    kubelets: Vec<Room<Kubelet>>,
    apps: Room<Apps>,
    endpoint_slice: Room<EndpointSliceController>,
    /// One a host if targets are hosts, else none.
    kube_proxies: Vec<Room<KubeProxy>>,
    lbc: Room<Lbc>,
    target_group: Room<TargetGroup>,
    alb_nodes: Vec<Room<AlbNode>>,
    /// The further target groups, the second one first.
    others: Vec<OtherTargetGroup>,
}

impl<'a> World<'a> {
    /// The rooms of a scenario, empty.
    pub fn new(scenario: &'a Scenario) -> World<'a> {
        let Scenario {
            cluster,
            deployment,
            target_group,
            load_balancer,
            service,
            revisions,
            ..
        } = scenario;
        let admission = revisions
            .iter()
            .map(|revision| admission(scenario, revision))
            .collect();
        let templates: Vec<Template> = revisions.iter().map(template).collect();
        let answer =
            scenario.load_balancer.round_trip.as_secs_f64() + revisions[0].app.service_time.mean();
        let rate_per_pod = scenario.load.mean_rate(answer) / f64::from(deployment.replicas.max(1));
        let programs = revisions
            .iter()
            .map(|revision| program(revision, &scenario.load, rate_per_pod))
            .collect();
        let kubelet = |node| Kubelet::new(NodeId(node), cluster.clone(), templates.clone()).into();
        let kube_proxy = |host| {
            let (spec, policy) = (scenario.kube_proxy.clone(), service.external_traffic_policy);
            KubeProxy::new(NodeId(host), spec, policy, !cluster.kubernetes.at_least(34)).into()
        };
        let (check, delay) = (
            &target_group.health_check,
            target_group.deregistration_delay,
        );
        let alb_node =
            |node| AlbNode::new(check, delay, AlbNodeId(node), !scenario.is_by_host()).into();
        World {
            scenario,
            agenda: Agenda::new(),
            wiring: Wiring::new(scenario),
            api: ApiServer::new(admission, scenario.pod_disruption_budget.clone()).into(),
            operator: Operator::default().into(),
            deployment: DeploymentController::new(deployment.clone()).into(),
            replica_sets: ReplicaSetController::new(deployment.min_ready, cluster).into(),
            scheduler: Scheduler::new(cluster.nodes).into(),
            kubelets: (0..cluster.nodes).map(kubelet).collect(),
            apps: Apps::new(programs).into(),
            endpoint_slice: EndpointSliceController::new(service.publish_not_ready_addresses)
                .into(),
            kube_proxies: (0..cluster.nodes)
                .filter(|_| scenario.is_by_host())
                .map(kube_proxy)
                .collect(),
            lbc: Lbc::new(&scenario.lbc).into(),
            target_group: TargetGroup::new(target_group, 0..load_balancer.nodes).into(),
            alb_nodes: (0..load_balancer.nodes).map(alb_node).collect(),
            others: scenario
                .target_groups()
                .skip(1)
                .map(|group| OtherTargetGroup::new(scenario, group))
                .collect(),
        }
    }

    /// Back to the steady state before the load: all old pods Ready, registered and healthy.
    /// Their facts are told to nobody; `initial` hears of each pod and its host.
    pub fn reset(&mut self, streams: &Streams, mut initial: impl FnMut(PodId, NodeId)) {
        self.agenda.clear();
        self.wiring.reset(streams);
        let replicas = self.scenario.pods_at_first();
        let settled = self.settled();
        self.api.actor.reset(settled);
        self.operator.actor.reset();
        self.deployment.actor.reset(settled);
        self.replica_sets.actor.reset(settled);
        self.scheduler.actor.reset();
        self.apps.actor.reset();
        self.endpoint_slice.actor.reset();
        self.kube_proxies
            .iter_mut()
            .for_each(|proxy| proxy.actor.reset());
        self.lbc.actor.reset();
        self.target_group.actor.reset();
        self.kubelets
            .iter_mut()
            .for_each(|kubelet| kubelet.actor.reset(streams));
        self.alb_nodes
            .iter_mut()
            .for_each(|node| node.actor.reset());
        self.others.iter_mut().for_each(OtherTargetGroup::reset);
        for index in 0..replicas as u16 {
            let pod = PodId::new(index, RevisionId::OLD, index + 1);
            // Nothing is cordoned yet: there is a host.
            let Some(node) = self.scheduler.actor.place() else {
                continue;
            };
            self.seed_pod(pod, node, streams);
            initial(pod, node);
        }
        if self.scenario.is_by_host() {
            self.seed_hosts(streams);
        }
    }

    /// The ReplicaSet that was there before the rollout.
    fn settled(&self) -> Option<ReplicaSetObject> {
        if self.scenario.begins_with_creation() {
            return None;
        }
        let replicas = self.scenario.deployment.replicas;
        let max = replicas + self.scenario.deployment.surge(replicas);
        Some(ReplicaSetObject::settled(RevisionId::OLD, replicas, max))
    }

    fn seed_pod(&mut self, pod: PodId, node: NodeId, streams: &Streams) {
        let gates = admission(self.scenario, self.scenario.revision(pod.revision()))
            .gates
            .opened();
        let object = PodObject {
            node: Some(node),
            phase: Phase::Running,
            containers_ready: true,
            ready: true,
            ..PodObject::new(pod, Time::ZERO, gates)
        };
        self.api.actor.seed_pod(object);
        self.deployment.actor.seed_pod(object);
        self.replica_sets.actor.seed_pod(object);
        self.endpoint_slice.actor.seed_pod(object);
        self.apps.actor.seed(pod, node);
        self.kubelets[node.index()].actor.seed(object, streams);
        if self.scenario.is_by_host() {
            let known = kube_proxy::Input::Known(pod, node);
            (0..self.scenario.cluster.nodes)
                .for_each(|host| self.seed(Event::KubeProxy(NodeId(host), known), streams));
            return;
        }
        let target = target_of(pod);
        self.wiring.know(target, pod);
        let known = lbc::Input::Known {
            pod,
            target,
            gated: gates.exist(),
        };
        for group in self.scenario.target_groups() {
            self.seed(Event::lbc(group, known), streams);
            self.seed_target(group, target, true, streams);
        }
    }

    /// Hosts are targets whether they have pods or not; those that lead nowhere are unhealthy.
    fn seed_hosts(&mut self, streams: &Streams) {
        for host in (0..self.scenario.cluster.nodes).map(NodeId) {
            let healthy = !self.kube_proxies[host.index()].actor.leads_nowhere();
            self.seed_target(
                TargetGroupId::FIRST,
                node_port::target_of(host),
                healthy,
                streams,
            );
        }
    }

    fn seed_target(
        &mut self,
        group: TargetGroupId,
        target: TargetId,
        healthy: bool,
        streams: &Streams,
    ) {
        let known = target_group::Input::Known { target, healthy };
        self.seed(Event::target_group(group, known), streams);
        let known = alb_node::Input::Known { target, healthy };
        for alb_node in self.scenario.alb_nodes(group) {
            self.seed(Event::alb_node(group, AlbNodeId(alb_node), known), streams);
        }
    }

    /// A room learns what it has long known; what it says of that is no news.
    fn seed(&mut self, event: Event, streams: &Streams) {
        self.deliver(Time::ZERO, event, streams, |_, _, _| {});
    }

    /// Changes the Deployment's spec at an instant, as `kubectl apply` would.
    pub fn update_deployment(&mut self, at: Time, object: DeploymentObject) {
        self.agenda
            .push(at, Event::Api(api_server::Input::UpdateDeployment(object)));
    }

    /// Deletes a pod at an instant, as `kubectl delete pod` would.
    pub fn delete_pod(&mut self, at: Time, pod: PodId) {
        self.agenda
            .push(at, Event::Api(api_server::Input::DeletePod(pod)));
    }

    /// Lets something happen at an instant. The controller is one process: what it hears from outside it
    /// hears on all of its TargetGroupBindings.
    pub fn schedule(&mut self, at: Time, event: Event) {
        self.agenda.push(at, event);
        if let Event::Lbc(input) = event {
            let others = self.scenario.target_groups().skip(1);
            others.for_each(|group| self.agenda.push(at, Event::lbc(group, input)));
        }
    }

    /// What disturbances do to links in this replication.
    pub const fn rules(&mut self) -> &mut Rules {
        self.wiring.rules()
    }

    /// When the next event is due.
    pub fn next_time(&self) -> Option<Time> {
        self.agenda.next_time()
    }

    /// Lets the next event happen; `observe` hears every fact that follows from it at that instant.
    /// Nothing to come: `None`.
    pub fn step(
        &mut self,
        streams: &Streams,
        mut observe: impl FnMut(Time, &Fact),
    ) -> Option<Time> {
        let (now, event) = self.agenda.pop()?;
        self.deliver(now, event, streams, |wiring, agenda, fact| {
            observe(now, &fact);
            Telling {
                wiring,
                agenda,
                streams,
                now,
            }
            .tell(fact);
        });
        Some(now)
    }

    /// A room hears its event; `say` hears what it says.
    fn deliver(
        &mut self,
        now: Time,
        event: Event,
        streams: &Streams,
        say: impl FnMut(&mut Wiring, &mut Agenda<Event>, Fact),
    ) {
        let mut turn = Turn {
            now,
            streams,
            agenda: &mut self.agenda,
            wiring: &mut self.wiring,
            say,
        };
        match event {
            Event::Api(input) => turn.hear(&mut self.api, input, Event::Api, Fact::Api),
            Event::Operator(input) => {
                turn.hear(&mut self.operator, input, Event::Operator, Fact::Operator);
            }
            Event::Deployment(input) => turn.hear(
                &mut self.deployment,
                input,
                Event::Deployment,
                Fact::Deployment,
            ),
            Event::ReplicaSet(input) => turn.hear(
                &mut self.replica_sets,
                input,
                Event::ReplicaSet,
                Fact::ReplicaSet,
            ),
            Event::Scheduler(input) => turn.hear(
                &mut self.scheduler,
                input,
                Event::Scheduler,
                Fact::Scheduler,
            ),
            Event::Kubelet(node, input) => {
                let kubelet = &mut self.kubelets[node.index()];
                turn.hear(
                    kubelet,
                    input,
                    |input| Event::Kubelet(node, input),
                    |fact| Fact::Kubelet(node, fact),
                );
            }
            Event::App(input) => turn.hear(&mut self.apps, input, Event::App, Fact::App),
            Event::EndpointSlice(input) => {
                turn.hear(
                    &mut self.endpoint_slice,
                    input,
                    Event::EndpointSlice,
                    Fact::EndpointSlice,
                );
            }
            Event::KubeProxy(host, input) => {
                let proxy = &mut self.kube_proxies[host.index()];
                turn.hear(
                    proxy,
                    input,
                    |input| Event::KubeProxy(host, input),
                    |fact| Fact::KubeProxy(host, fact),
                );
            }
            Event::Lbc(input) => turn.hear(&mut self.lbc, input, Event::Lbc, Fact::Lbc),
            Event::TargetGroup(input) => {
                turn.hear(
                    &mut self.target_group,
                    input,
                    Event::TargetGroup,
                    Fact::TargetGroup,
                );
            }
            Event::AlbNode(node, input) => {
                let alb_node = &mut self.alb_nodes[node.index()];
                turn.hear(
                    alb_node,
                    input,
                    |input| Event::AlbNode(node, input),
                    |fact| Fact::AlbNode(node, fact),
                );
            }
            Event::Other(group, input) => {
                self.others[group.index() - 1].hear(&mut turn, input, &mut self.lbc.actor);
            }
        }
    }
}

/// Gates are injected for all target groups of a pod, or for none: the label is the namespace's
/// (pkg/inject/pod_readiness/pod_readiness_gate.go).
fn admission(scenario: &Scenario, revision: &Revision) -> Admission {
    let gated = if revision.pod.readiness_gate {
        scenario.target_groups().count()
    } else {
        0
    };
    Admission {
        gates: Gates::of(gated),
        graceful_drain: revision.pod.graceful_drain,
    }
}

fn template(revision: &Revision) -> Template {
    let Revision {
        pod,
        image_pull,
        image_missing,
        never_ready,
        ..
    } = revision;
    let (image_pull, image_missing) = (image_pull.clone(), *image_missing);
    Template {
        spec: pod.clone(),
        image_pull,
        image_missing,
        never_ready: *never_ready,
    }
}

fn program(revision: &Revision, load: &LoadSpec, rate_per_pod: f64) -> Program {
    let Revision {
        app,
        never_ready,
        crash_after,
        ..
    } = revision;
    let streams = (load.stream_share > 0.0)
        .then(|| (load.stream_share * rate_per_pod, load.stream_length.clone()));
    Program {
        spec: app.clone(),
        never_ready: *never_ready,
        crash_after: crash_after.clone(),
        rate_per_pod,
        streams,
    }
}

/// One event's turn: what the room asks for goes to the agenda, what it says is passed on.
struct Turn<'b, S> {
    now: Time,
    streams: &'b Streams,
    agenda: &'b mut Agenda<Event>,
    wiring: &'b mut Wiring,
    say: S,
}

impl<S: FnMut(&mut Wiring, &mut Agenda<Event>, Fact)> Turn<'_, S> {
    fn hear<A: Actor>(
        &mut self,
        room: &mut Room<A>,
        input: A::Input,
        event: impl Fn(A::Input) -> Event,
        fact: impl Fn(A::Fact) -> Fact,
    ) {
        let Room {
            actor,
            wakes,
            facts,
        } = room;
        actor.handle(
            self.now,
            input,
            &mut Outbox::new(self.now, self.streams, wakes, facts),
        );
        // Copied and cleared: most inputs lead to one thing or nothing, and a drain costs more than that.
        wakes
            .iter()
            .for_each(|(at, input)| self.agenda.push(*at, event(*input)));
        wakes.clear();
        facts
            .iter()
            .for_each(|said| (self.say)(self.wiring, self.agenda, fact(*said)));
        facts.clear();
    }
}
