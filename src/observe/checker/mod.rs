//! Watches a rollout from outside and says so when a fact cannot be. Always on, in release builds too.
//!
//! It shares no code with the rooms: what it demands is written a second time, from the same
//! sources. And it demands no more than the real system promises: where a controller acts on a
//! belief some hops old, it may err as the real one would. A rule that breaks is a bug in rollcast.

mod address;
mod bounds;
mod node_port;
mod pod;
mod record;
mod target;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::aws::target_group::OtherTargetGroupSpec;
use crate::aws::{alb_node, lbc};
use crate::cluster::pod::{PodChange, PodObject};
use crate::cluster::{api_server, app, kube_proxy, kubelet, replica_set, scheduler};
use crate::event::{Fact, OtherFact};
use crate::id::{AlbNodeId, NodeId, PodId, RevisionId, TargetGroupId, TargetId};
use crate::observe::timeline::Timeline;
use crate::scenario::Scenario;
use crate::time::Time;
use address::Addresses;
use bounds::Bounds;
use node_port::NodePorts;
use pod::{Pod, Template};
use target::Targets;

/// A rule that does not hold, in words: what was seen.
type Rule = &'static str;

/// Whether a rule holds.
type Held = Result<(), Rule>;

fn demand(holds: bool, otherwise: Rule) -> Held {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Of whom a rule speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Run,
    Pod(PodId),
    ReplicaSet(RevisionId),
    Target(TargetId),
    Belief(AlbNodeId, TargetId),
    Host(NodeId),
}

/// An invariant that broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    at: Time,
    subject: Subject,
    rule: Rule,
}

/// Holds one replication to its invariants; keeps its memory between replications.
#[derive(Debug)]
pub struct Checker {
    replicas: u32,
    alb_nodes: u8,
    /// By revision.
    templates: Vec<Template>,
    /// `publishNotReadyAddresses`: endpoints are ready whatever their pods are.
    publish_not_ready: bool,
    now: Time,
    pods: Vec<Pod>,
    bounds: Bounds,
    addresses: Addresses,
    targets: Targets,
    /// Those of the further target groups.
    others: Vec<Targets>,
    /// Only if targets are hosts.
    node_ports: Option<NodePorts>,
    violation: Option<Violation>,
}

impl Checker {
    /// A checker of this scenario's rollouts.
    pub fn new(scenario: &Scenario) -> Checker {
        let others = &scenario.other_target_groups;
        let mut first_node = scenario.load_balancer.nodes;
        let other = |group: &OtherTargetGroupSpec| {
            let targets = Targets::new(first_node, group.nodes, group.deregistration_delay);
            first_node += group.nodes;
            targets
        };
        Checker {
            replicas: scenario.pods_at_first(),
            alb_nodes: scenario.load_balancer.nodes,
            templates: scenario
                .revisions
                .iter()
                .map(|revision| {
                    Template::of(revision, others.len() as u32 + 1, &scenario.disturbances)
                })
                .collect(),
            publish_not_ready: scenario.service.publish_not_ready_addresses,
            now: Time::ZERO,
            pods: Vec::new(),
            bounds: Bounds::new(&scenario.deployment),
            addresses: Addresses::new(scenario.cluster.ip_cooldown),
            targets: Targets::new(
                0,
                scenario.load_balancer.nodes,
                scenario.target_group.deregistration_delay,
            ),
            others: others.iter().map(other).collect(),
            node_ports: scenario.is_by_host().then(|| NodePorts::new(scenario)),
            violation: None,
        }
    }

    /// Before a replication: the old revision at rest, all of its pods Ready, registered and healthy.
    pub fn restart(&mut self) {
        self.now = Time::ZERO;
        self.violation = None;
        self.pods.clear();
        self.addresses.clear();
        self.bounds.restart(self.replicas);
        for index in 0..self.replicas as u16 {
            let pod = PodId::new(index, RevisionId::OLD, index + 1);
            self.pods.push(Pod::settled(pod));
            self.addresses.add(pod);
        }
        match &mut self.node_ports {
            None => {
                let all = std::iter::once(&mut self.targets).chain(&mut self.others);
                all.for_each(|targets| targets.restart((0..self.replicas).map(|_| true)));
            }
            Some(ports) => {
                ports.restart(self.pods.iter().map(Pod::id));
                self.targets.restart(ports.healthy());
            }
        }
    }

    /// Whether a rule has broken: nothing after it is worth anything.
    pub const fn is_broken(&self) -> bool {
        self.violation.is_some()
    }

    /// Hears a fact.
    pub fn note(&mut self, now: Time, fact: &Fact) {
        if let Err((subject, rule)) = self.hear(now, fact) {
            self.violation.get_or_insert(Violation {
                at: now,
                subject,
                rule,
            });
        }
    }

    /// The replication is over, and this is what was recorded of it.
    ///
    /// # Errors
    /// The first rule that broke.
    pub fn finish(&self, timeline: &Timeline) -> Result<(), Violation> {
        if let Some(violation) = self.violation {
            return Err(violation);
        }
        let broken = |(subject, rule)| Violation {
            at: timeline.end,
            subject,
            rule,
        };
        demand(
            timeline.beliefs.len() == usize::from(self.alb_nodes),
            "the timeline lacks a node of the load balancer",
        )
        .map_err(|rule| (Subject::Run, rule))
        .and_then(|()| record::check(timeline))
        .map_err(broken)
    }

    fn hear(&mut self, now: Time, fact: &Fact) -> Result<(), (Subject, Rule)> {
        demand(self.now <= now, "time runs backwards").map_err(|rule| (Subject::Run, rule))?;
        self.now = now;
        match fact {
            Fact::Api(fact) => self.api(now, fact),
            Fact::Operator(_) => Ok(()),
            Fact::Deployment(fact) => self.bounds.decided(fact),
            Fact::ReplicaSet(fact) => self.replica_set(fact),
            Fact::Scheduler(scheduler::Bound(pod, _)) => self.pod(*pod, |pod, _| pod.placed()),
            Fact::Kubelet(host, fact) => self.kubelet(now, *host, fact),
            Fact::App(fact) => self.app(now, fact),
            Fact::EndpointSlice(wrote) => self.pod(wrote.pod, |_, _| Ok(())),
            Fact::KubeProxy(host, fact) => self.kube_proxy(now, *host, fact),
            Fact::Lbc(fact) => self.lbc(TargetGroupId::FIRST, fact),
            Fact::TargetGroup(fact) => self.targets.group(now, fact),
            Fact::AlbNode(node, fact) => alb_node(&mut self.targets, now, *node, fact),
            Fact::Other(group, fact) => self.other(now, *group, fact),
        }
    }

    #[cold]
    fn other(
        &mut self,
        now: Time,
        group: TargetGroupId,
        fact: &OtherFact,
    ) -> Result<(), (Subject, Rule)> {
        match fact {
            OtherFact::Lbc(fact) => self.lbc(group, fact),
            OtherFact::TargetGroup(fact) => self.targets_of(group).group(now, fact),
            OtherFact::AlbNode(node, fact) => alb_node(self.targets_of(group), now, *node, fact),
        }
    }

    /// The targets of a target group.
    #[inline]
    fn targets_of(&mut self, group: TargetGroupId) -> &mut Targets {
        match group.index() {
            0 => &mut self.targets,
            further => &mut self.others[further - 1],
        }
    }

    /// Asks a pod.
    #[inline]
    fn pod(
        &mut self,
        id: PodId,
        ask: impl FnOnce(&mut Pod, &Template) -> Held,
    ) -> Result<(), (Subject, Rule)> {
        let template = &self.templates[usize::from(id.revision().0)];
        let known = self.pods.get_mut(id.index()).ok_or("nobody created it");
        known
            .and_then(|pod| ask(pod, template))
            .map_err(|rule| (Subject::Pod(id), rule))
    }

    fn api(&mut self, now: Time, fact: &api_server::Fact) -> Result<(), (Subject, Rule)> {
        match fact {
            api_server::Fact::Pod(object, PodChange::Created) => self.created(now, object),
            api_server::Fact::Pod(object, change) => self.changed(now, object, *change),
            api_server::Fact::Endpoint(pod, endpoint) => {
                if let (Some(ports), Some(endpoint)) = (&mut self.node_ports, endpoint) {
                    ports.published(*pod, *endpoint);
                }
                let publish = self.publish_not_ready;
                self.pod(*pod, |pod, _| pod.endpoint(*endpoint, publish))
            }
            api_server::Fact::ReplicaSet { object, from } => {
                self.bounds.written(now, object, *from, &self.pods)
            }
            api_server::Fact::Deployment(object) => {
                self.bounds.asked(object);
                Ok(())
            }
            api_server::Fact::DeploymentStatus
            | api_server::Fact::Listed(_)
            | api_server::Fact::ListEnd(_)
            | api_server::Fact::EvictionRefused { .. } => Ok(()),
        }
    }

    fn created(&mut self, now: Time, object: &PodObject) -> Result<(), (Subject, Rule)> {
        let id = object.pod;
        demand(
            id.index() == self.pods.len(),
            "created twice, or out of turn",
        )
        .and_then(|()| self.bounds.created(id.revision()))
        .and_then(|()| Pod::has_gates(object, &self.templates[usize::from(id.revision().0)]))
        .map_err(|rule| (Subject::Pod(id), rule))?;
        self.pods.push(Pod::created(id, now));
        self.addresses.add(id);
        if self.node_ports.is_none() {
            let all = std::iter::once(&mut self.targets).chain(&mut self.others);
            all.for_each(|targets| targets.make_room(self.pods.len()));
        }
        Ok(())
    }

    fn changed(
        &mut self,
        now: Time,
        object: &PodObject,
        change: PodChange,
    ) -> Result<(), (Subject, Rule)> {
        let (mut counted, mut counts, mut excused) = (false, false, false);
        let min_ready = self.bounds.min_ready();
        let mut available = (None, None);
        self.pod(object.pod, |pod, template| {
            counted = pod.is_active();
            let was_ready = pod.is_ready();
            available.0 = pod.available_from(min_ready);
            pod.changed(now, object, change, template)?;
            available.1 = pod.available_from(min_ready);
            counts = pod.is_active();
            // What the Deployment controller did not take itself it may learn of too late.
            excused =
                counted && (was_ready && counts && !pod.is_ready() || !counts && !pod.is_doomed());
            Ok(())
        })?;
        self.bounds.changed(object.pod, available.0, available.1);
        if counted && !counts {
            self.bounds.ended(object.pod.revision());
        }
        if excused {
            self.bounds.excuse();
        }
        Ok(())
    }

    fn replica_set(&mut self, fact: &replica_set::Fact) -> Result<(), (Subject, Rule)> {
        match fact {
            replica_set::Fact::CreatedPod { revision, .. } => self.bounds.creates(*revision),
            replica_set::Fact::DeletedPod { pod, .. } => self.pod(*pod, |pod, _| pod.doom()),
            replica_set::Fact::WroteStatus {
                revision, status, ..
            } => demand(
                status.available <= status.ready && status.ready <= status.replicas,
                "its status does not add up",
            )
            .map_err(|rule| (Subject::ReplicaSet(*revision), rule)),
        }
    }

    fn kubelet(
        &mut self,
        now: Time,
        host: NodeId,
        fact: &kubelet::Fact,
    ) -> Result<(), (Subject, Rule)> {
        match *fact {
            kubelet::Fact::Started(pod, run) => self.pod(pod, |pod, _| pod.started(run)),
            kubelet::Fact::Probed(pod, _) => self.pod(pod, |pod, _| pod.probed()),
            kubelet::Fact::HookStopped(pod, _) => {
                self.pod(pod, |pod, template| pod.hook_stopped(template))
            }
            kubelet::Fact::SentSigterm(pod) => {
                self.pod(pod, |pod, template| pod.sigterm(now, template))
            }
            kubelet::Fact::SentSigkill(pod) => {
                self.pod(pod, |pod, template| pod.sigkill(now, template))
            }
            kubelet::Fact::RemovedNetwork(pod) => {
                self.addresses.removed(now, host, pod);
                self.pod(pod, pod::Pod::network_removed)
            }
            kubelet::Fact::PatchedStatus(status, _) => {
                self.pod(status.pod, |pod, _| pod.reported(&status))
            }
            kubelet::Fact::RemovedPod(pod) => self.pod(pod, |pod, _| pod.let_go()),
            kubelet::Fact::LostPod(pod) => self.pod(pod, |pod, _| pod.lost()),
            kubelet::Fact::ReusedIp(pod, first) => {
                self.pod(pod, |pod, _| pod.may_get_ip())?;
                self.addresses
                    .reused(now, host, pod, first)
                    .map_err(|rule| (Subject::Pod(pod), rule))
            }
        }
    }

    fn app(&mut self, now: Time, fact: &app::Fact) -> Result<(), (Subject, Rule)> {
        match *fact {
            app::Fact::Socket(pod, _, socket) => self.pod(pod, |pod, _| pod.socket(socket)),
            app::Fact::Reset(pod) => self.pod(pod, |_, _| Ok(())),
            app::Fact::Exited(pod, _) => self.pod(pod, |pod, _| pod.exited()),
            app::Fact::Answered(pod, question, answer) => {
                self.pod(pod, |pod, _| pod.answered(now, question, answer))?;
                if let (app::Question::HealthCheck(node, target, _), app::Answer::Ok) =
                    (question, answer)
                {
                    if self.targets.are_behind(node) {
                        self.targets.passed(node, target, now);
                    } else if let Some(other) =
                        self.others.iter_mut().find(|other| other.are_behind(node))
                    {
                        other.passed(node, target, now);
                    }
                }
                Ok(())
            }
        }
    }

    fn kube_proxy(
        &mut self,
        now: Time,
        host: NodeId,
        fact: &kube_proxy::Fact,
    ) -> Result<(), (Subject, Rule)> {
        let ports = self
            .node_ports
            .as_mut()
            .ok_or((Subject::Host(host), "no target is a host"))?;
        if let kube_proxy::Fact::Answered { node, ok: true, .. } = *fact {
            self.targets.passed(node, TargetId(host.0), now);
        }
        ports
            .hear(now, host, fact)
            .map_err(|rule| (Subject::Host(host), rule))
    }

    // This one and those of targets are inlined where the group is known to be the first.
    #[inline(always)]
    fn lbc(&mut self, group: TargetGroupId, fact: &lbc::Fact) -> Result<(), (Subject, Rule)> {
        match *fact {
            lbc::Fact::DescribeTargetHealth { call } => self
                .targets_of(group)
                .calls(call)
                .map_err(|rule| (Subject::Run, rule)),
            lbc::Fact::RegisterTargets { target, .. }
            | lbc::Fact::DeregisterTargets { target, .. }
                if self.node_ports.is_some() =>
            {
                Err((Subject::Target(target), "its host neither came nor went"))
            }
            lbc::Fact::RegisterTargets { call, target, pod } => {
                self.pod(pod, |pod, _| pod.may_register())?;
                demand(
                    target == self.addresses.target(pod),
                    "registered for a pod of another IP",
                )
                .map_err(|rule| (Subject::Target(target), rule))?;
                self.targets_of(group)
                    .register(call, target)
                    .map_err(|rule| (Subject::Target(target), rule))
            }
            lbc::Fact::DeregisterTargets { call, target } => {
                if target.index() < self.pods.len() {
                    // What it decided on an earlier pod it may do to a later one with the same IP.
                    let [holder, before] = self.addresses.holders(target);
                    let decided_before = self
                        .pods
                        .get(before.index())
                        .is_some_and(|pod| pod.may_deregister().is_ok());
                    self.pod(holder, |pod, _| {
                        if decided_before {
                            Ok(())
                        } else {
                            pod.may_deregister()
                        }
                    })?;
                }
                self.targets_of(group)
                    .deregister(call, target)
                    .map_err(|rule| (Subject::Target(target), rule))
            }
            lbc::Fact::GatePatched { pod, status } => {
                let target = self.addresses.target(pod);
                let shown_healthy = self.targets_of(group).is_told_healthy(target);
                self.pod(pod, |pod, _| pod.gate_patched(group, status, shown_healthy))
            }
        }
    }
}

#[inline(always)]
fn alb_node(
    targets: &mut Targets,
    now: Time,
    node: AlbNodeId,
    fact: &alb_node::Fact,
) -> Result<(), (Subject, Rule)> {
    let (alb_node::Fact::Believes { target, .. }
    | alb_node::Fact::CheckSent { target, .. }
    | alb_node::Fact::HealthFound { target, .. }) = *fact;
    targets
        .node(now, node, target, fact)
        .map_err(|rule| (Subject::Belief(node, target), rule))
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation { at, subject, rule } = self;
        match subject {
            Subject::Run => write!(f, "at {at}: {rule}"),
            Subject::Pod(pod) => write!(f, "at {at}, {pod}: {rule}"),
            Subject::ReplicaSet(revision) => write!(f, "at {at}, ReplicaSet {revision}: {rule}"),
            Subject::Host(host) => write!(f, "at {at}, kube-proxy of {host}: {rule}"),
            Subject::Target(target) => write!(f, "at {at}, {target}: {rule}"),
            Subject::Belief(node, target) => write!(f, "at {at}, {node} of {target}: {rule}"),
        }
    }
}
