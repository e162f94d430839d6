//! One replication told as a story: who did what, and when, in the words of the field.

use std::fmt::{self, Write};

use crate::aws::alb_node::{self, Belief};
use crate::aws::target::{TargetState, target_of};
use crate::aws::{lbc, target_group};
use crate::cluster::app::{self, Answer, Question, Socket};
use crate::cluster::pod::{Endpoint, HookStop, PodChange, PodObject, ProbeKind};
use crate::cluster::workload::{DeploymentObject, ReplicaSetObject};
use crate::cluster::{
    api_server, deployment, endpoint_slice, kube_proxy, kubelet, operator, replica_set, scheduler,
};
use crate::event::{Fact, OtherFact};
use crate::id::{AlbNodeId, NodeId, PodId, RevisionId, TargetGroupId, TargetId};
use crate::scenario::Scenario;
use crate::time::Time;

/// Writes a transcript while the facts are told.
///
/// Objects tell what became of them when it is committed. A probe or a health check is told when its
/// answer differs from the last one. Requests to the API and to AWS, and every single probe, are
/// told on demand; what lies between a request and its effect is the link's delay. A probe rests while
/// its pod serves, once it has succeeded: the same answer again and again is not even asked for.
#[derive(Debug)]
pub struct Transcript {
    rollout_at: Time,
    all: bool,
    /// Targets are hosts.
    by_host: bool,
    /// Of each target group, its name and its first node.
    groups: Vec<(String, u8)>,
    lines: Vec<Line>,
    /// By target: the pod behind it, once it was registered here.
    behind: Vec<Option<PodId>>,
    /// The last answer to a question; nobody there before the rollout has ever answered badly.
    answers: Vec<(PodId, Asker, Answer)>,
}

/// One line.
#[derive(Debug, Clone)]
struct Line {
    at: Time,
    who: String,
    what: String,
}

/// Who asks whether a pod is well, whatever the number of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Probe(ProbeKind),
    AlbNode(AlbNodeId),
}

impl Transcript {
    /// An empty transcript, its times since the rollout's start; `all`: every request and probe, too.
    pub fn new(scenario: &Scenario, all: bool) -> Transcript {
        Transcript {
            rollout_at: Time::ZERO + scenario.load.rollout_at,
            all,
            by_host: scenario.is_by_host(),
            groups: scenario
                .target_groups()
                .map(|group| (scenario.name_of(group), scenario.alb_nodes(group).start))
                .collect(),
            lines: Vec::new(),
            behind: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Adds a line of somebody else's: a request that failed.
    pub fn tell(&mut self, at: Time, who: impl fmt::Display, what: impl fmt::Display) {
        self.lines.push(Line {
            at,
            who: who.to_string(),
            what: what.to_string(),
        });
    }

    /// Hears a fact.
    pub fn note(&mut self, now: Time, fact: &Fact) {
        match fact {
            Fact::Api(fact) => self.api(now, fact),
            Fact::Operator(fact) => self.operator(now, fact),
            Fact::Deployment(fact) => self.deployment(now, fact),
            Fact::ReplicaSet(fact) => self.replica_set(now, fact),
            Fact::Scheduler(scheduler::Bound(pod, node)) => {
                self.aside(
                    now,
                    "scheduler",
                    format_args!("asks to bind {pod} to {node}"),
                );
            }
            Fact::Kubelet(node, fact) => self.kubelet(now, *node, fact),
            Fact::App(fact) => self.app(now, fact),
            Fact::EndpointSlice(endpoint_slice::Wrote { pod, endpoint, .. }) => {
                let what = endpoint.map_or("nothing", |endpoint| condition(&endpoint));
                self.aside(
                    now,
                    "endpointslice",
                    format_args!("asks to write of {pod}: {what}"),
                );
            }
            Fact::KubeProxy(host, fact) => self.kube_proxy(now, *host, fact),
            Fact::Lbc(fact) => self.lbc(now, TargetGroupId::FIRST, fact),
            Fact::TargetGroup(fact) => self.target_group(now, TargetGroupId::FIRST, fact),
            Fact::Other(group, OtherFact::Lbc(fact)) => self.lbc(now, *group, fact),
            Fact::Other(group, OtherFact::TargetGroup(fact)) => {
                self.target_group(now, *group, fact);
            }
            Fact::AlbNode(node, fact) | Fact::Other(_, OtherFact::AlbNode(node, fact)) => {
                self.alb_node(now, *node, fact);
            }
        }
    }

    /// The story, line by line: time since the rollout's start, who, what.
    pub fn finish(mut self) -> String {
        // Stable: what was told at one instant stays in the order in which it was told.
        self.lines.sort_by_key(|line| line.at);
        let widest = self
            .lines
            .iter()
            .map(|line| line.who.len())
            .max()
            .unwrap_or(0);
        let mut story = String::new();
        for Line { at, who, what } in &self.lines {
            let secs = at.secs_since(self.rollout_at);
            writeln!(story, "{secs:>10.3}s  {who:<widest$}  {what}")
                .expect("a String takes everything");
        }
        story
    }

    /// A line told on demand only.
    fn aside(&mut self, now: Time, who: impl fmt::Display, what: fmt::Arguments<'_>) {
        if self.all {
            self.tell(now, who, what);
        }
    }

    /// The host or the pod that a target stands for. Pods registered before the rollout are told by
    /// their row.
    fn behind(&self, target: TargetId) -> String {
        let row = target.index() as u16;
        if self.by_host {
            return NodeId(row).to_string();
        }
        let first = PodId::new(row, RevisionId::OLD, row + 1);
        self.behind
            .get(target.index())
            .copied()
            .flatten()
            .unwrap_or(first)
            .to_string()
    }

    /// The first target group goes without saying; a further one is named.
    fn named(&self, before: &str, group: TargetGroupId) -> String {
        match self.groups.get(group.index()) {
            Some((name, _)) if group != TargetGroupId::FIRST => format!("{before} {name}"),
            _ => String::new(),
        }
    }

    /// A node of the load balancer, or of the one in front of a further target group.
    fn node(&self, node: AlbNodeId) -> String {
        let group = self
            .groups
            .iter()
            .rposition(|(_, first)| *first <= node.0)
            .unwrap_or_default();
        match &self.groups[group] {
            (name, first) if group > 0 => format!("{name} {}", AlbNodeId(node.0 - first)),
            _ => node.to_string(),
        }
    }

    fn put_behind(&mut self, target: TargetId, pod: PodId) {
        if self.behind.len() <= target.index() {
            self.behind.resize(target.index() + 1, None);
        }
        self.behind[target.index()] = Some(pod);
    }

    fn api(&mut self, now: Time, fact: &api_server::Fact) {
        match fact {
            api_server::Fact::Deployment(DeploymentObject {
                replicas,
                revision,
                paused,
            }) => {
                let paused = if *paused { ", paused" } else { "" };
                self.tell(
                    now,
                    "deployment",
                    format_args!("is to have {replicas} pods of {revision}{paused}"),
                );
            }
            api_server::Fact::DeploymentStatus => {
                self.aside(now, "deployment", format_args!("its status is written"));
            }
            api_server::Fact::ReplicaSet { object, from } => {
                self.replica_set_object(now, object, *from);
            }
            api_server::Fact::Pod(object, change) => self.pod(now, object, *change),
            api_server::Fact::EvictionRefused { pod, .. } => {
                self.tell(now, pod, "is not evicted: the budget does not let it go");
            }
            // What is listed was told when it happened.
            api_server::Fact::Listed(_) | api_server::Fact::ListEnd(_) => {}
            api_server::Fact::Endpoint(pod, None) => {
                self.tell(now, pod, "leaves its EndpointSlice");
            }
            api_server::Fact::Endpoint(pod, Some(endpoint)) => {
                self.tell(
                    now,
                    pod,
                    format_args!("its endpoint is {}", condition(endpoint)),
                );
            }
        }
    }

    fn operator(&mut self, now: Time, fact: &operator::Fact) {
        match fact {
            operator::Fact::ListedPods(_) => {
                self.aside(now, "operator", format_args!("asks for all pods"));
            }
            operator::Fact::Evicted(operator::Eviction { pod, .. }) => {
                self.tell(now, "operator", format_args!("asks to evict {pod}"));
            }
            operator::Fact::DeletedPod(pod) => {
                self.tell(now, "operator", format_args!("asks to delete {pod}"));
            }
            operator::Fact::KilledProcess(pod) => {
                self.tell(now, "operator", format_args!("kills the process of {pod}"));
            }
        }
    }

    fn replica_set_object(&mut self, now: Time, object: &ReplicaSetObject, from: Option<u32>) {
        let who = format!("replicaset {}", object.revision);
        let (to, status) = (object.replicas, object.status);
        match from {
            None => {
                let plural = if to == 1 { "" } else { "s" };
                self.tell(
                    now,
                    who,
                    format_args!("is created with {to} replica{plural}"),
                );
            }
            Some(from) if from == to => {
                let (pods, available) = (status.replicas, status.available);
                self.aside(
                    now,
                    who,
                    format_args!("its status is written: {pods} pods, {available} available"),
                );
            }
            Some(from) => self.tell(now, who, format_args!("goes from {from} to {to} replicas")),
        }
    }

    fn pod(&mut self, now: Time, object: &PodObject, change: PodChange) {
        let what = match change {
            PodChange::Created => "is created",
            PodChange::Bound => {
                let node = object
                    .node
                    .map_or_else(String::new, |node| format!(" to {node}"));
                return self.tell(now, object.pod, format_args!("is bound{node}"));
            }
            PodChange::Running => "is Running",
            PodChange::ContainersReady => "its containers are ready, its readiness gate is not",
            PodChange::Ready => "is Ready",
            PodChange::Unready => "is no longer Ready",
            PodChange::Gate if self.groups.len() > 1 => {
                let [all, open] = [object.gates.all(), object.gates.open()].map(u8::count_ones);
                return self.tell(
                    now,
                    object.pod,
                    format_args!("has {open} of its {all} readiness gates True"),
                );
            }
            PodChange::Gate if object.gates.are_open() => "its readiness gate is True",
            PodChange::Gate => "its readiness gate is False",
            PodChange::Deleting => "is being deleted",
            PodChange::Finished => "has ended",
            PodChange::Removed => "is gone",
            PodChange::Isolated => "is isolated: out of its Service and its ReplicaSet",
            PodChange::Other => {
                return self.aside(now, object.pod, format_args!("its status is written"));
            }
        };
        self.tell(now, object.pod, what);
    }

    fn deployment(&mut self, now: Time, fact: &deployment::Fact) {
        match fact {
            deployment::Fact::WroteReplicaSet {
                revision, replicas, ..
            } => {
                self.aside(
                    now,
                    "deployment",
                    format_args!("asks for {replicas} replicas of {revision}"),
                );
            }
            deployment::Fact::WroteStatus { .. } => {
                self.aside(now, "deployment", format_args!("asks to write its status"));
            }
            deployment::Fact::Condition {
                condition,
                status,
                reason,
            } => {
                let status = if *status { "True" } else { "False" };
                self.tell(
                    now,
                    "deployment",
                    format_args!("{condition} is {status}: {reason}"),
                );
            }
        }
    }

    fn replica_set(&mut self, now: Time, fact: &replica_set::Fact) {
        match fact {
            replica_set::Fact::CreatedPod { revision, .. } => {
                self.aside(
                    now,
                    format_args!("replicaset {revision}"),
                    format_args!("asks for a pod"),
                );
            }
            replica_set::Fact::DeletedPod { pod, .. } => {
                self.aside(
                    now,
                    format_args!("replicaset {}", pod.revision()),
                    format_args!("asks to delete {pod}"),
                );
            }
            replica_set::Fact::WroteStatus { revision, .. } => {
                self.aside(
                    now,
                    format_args!("replicaset {revision}"),
                    format_args!("asks to write its status"),
                );
            }
        }
    }

    fn kubelet(&mut self, now: Time, node: NodeId, fact: &kubelet::Fact) {
        match fact {
            kubelet::Fact::Started(pod, 0) => self.tell(now, node, format_args!("starts {pod}")),
            kubelet::Fact::Started(pod, run) => {
                self.tell(
                    now,
                    node,
                    format_args!("starts {pod} again (restart {run})"),
                );
            }
            kubelet::Fact::Probed(pod, kind) => {
                self.aside(now, node, format_args!("asks {pod}: {}", probe(*kind)));
            }
            kubelet::Fact::HookStopped(pod, how) => {
                let order = match how {
                    HookStop::Drain => "to drain and to end",
                    HookStop::Sigterm => "SIGTERM",
                };
                self.tell(
                    now,
                    node,
                    format_args!("runs the preStop hook of {pod}, which tells the server: {order}"),
                );
            }
            kubelet::Fact::SentSigterm(pod) => {
                self.tell(now, node, format_args!("sends SIGTERM to {pod}"));
            }
            kubelet::Fact::SentSigkill(pod) => {
                self.tell(now, node, format_args!("sends SIGKILL to {pod}"));
            }
            kubelet::Fact::RemovedNetwork(pod) => {
                self.tell(now, node, format_args!("removes the network of {pod}"));
            }
            kubelet::Fact::LostPod(pod) => {
                self.tell(now, node, format_args!("is gone, and {pod} with it"));
            }
            kubelet::Fact::ReusedIp(pod, first) => {
                self.put_behind(target_of(*first), *pod);
                self.tell(
                    now,
                    node,
                    format_args!("gives {pod} the IP that {first} had"),
                );
            }
            kubelet::Fact::PatchedStatus(status, _) => {
                let ready = if status.ready { "Ready" } else { "not Ready" };
                self.aside(
                    now,
                    node,
                    format_args!(
                        "asks to write of {}: {:?}, {ready}",
                        status.pod, status.phase
                    ),
                );
            }
            kubelet::Fact::RemovedPod(pod) => {
                self.aside(now, node, format_args!("asks to remove {pod}"));
            }
        }
    }

    fn app(&mut self, now: Time, fact: &app::Fact) {
        match *fact {
            app::Fact::Socket(pod, _, socket) => {
                let what = match socket {
                    Socket::Serving => "listens and serves",
                    Socket::Refusing => "answers 503: it is shutting down, or never ready",
                    Socket::Closed => "answers connections with RST",
                    Socket::Silent => "answers nothing any more",
                };
                self.tell(now, pod, what);
            }
            app::Fact::Reset(pod) => self.tell(now, pod, "resets what it has in flight"),
            app::Fact::Exited(pod, _) => self.tell(now, pod, "its process ends"),
            app::Fact::Answered(pod, question, answer) => self.answered(now, pod, question, answer),
        }
    }

    fn answered(&mut self, now: Time, pod: PodId, question: Question, answer: Answer) {
        let asker = match question {
            Question::Probe(_, kind) => Asker::Probe(kind),
            Question::HealthCheck(node, ..) => Asker::AlbNode(node),
        };
        let row = self
            .answers
            .iter()
            .position(|(of, by, _)| (*of, *by) == (pod, asker));
        let row = row.unwrap_or_else(|| {
            self.answers.push((pod, asker, Answer::Ok));
            self.answers.len() - 1
        });
        let last = std::mem::replace(&mut self.answers[row].2, answer);
        if last != answer || self.all {
            let how = match answer {
                Answer::Ok => "passes",
                Answer::Failed => "fails",
                Answer::None => "does not answer",
            };
            match asker {
                Asker::Probe(kind) => {
                    self.tell(now, pod, format_args!("{how} its {}", probe(kind)));
                }
                Asker::AlbNode(node) => {
                    let node = self.node(node);
                    self.tell(now, pod, format_args!("{how} the health check of {node}"));
                }
            }
        }
    }

    fn kube_proxy(&mut self, now: Time, host: NodeId, fact: &kube_proxy::Fact) {
        let who = format!("kube-proxy {host}");
        match *fact {
            kube_proxy::Fact::Forwards(pod) => {
                self.tell(now, who, format_args!("leads new connections to {pod}"));
            }
            kube_proxy::Fact::Forgets(pod) => {
                self.tell(now, who, format_args!("no longer leads to {pod}"));
            }
            kube_proxy::Fact::PassedOn(pod, node, _) => {
                self.aside(
                    now,
                    who,
                    format_args!("passes the health check of {node} on to {pod}"),
                );
            }
            kube_proxy::Fact::Answered { node, ok, .. } => {
                let how = if ok { "well" } else { "badly" };
                self.aside(
                    now,
                    who,
                    format_args!("answers the health check of {node} {how}"),
                );
            }
        }
    }

    fn lbc(&mut self, now: Time, group: TargetGroupId, fact: &lbc::Fact) {
        match *fact {
            lbc::Fact::DescribeTargetHealth { .. } => {
                let of = self.named(" of", group);
                self.aside(now, "lbc", format_args!("asks for target health{of}"));
            }
            lbc::Fact::DeregisterTargets { target, .. } => {
                let (pod, from) = (self.behind(target), self.named(" from", group));
                self.tell(now, "lbc", format_args!("deregisters {pod}{from}"));
            }
            lbc::Fact::RegisterTargets { pod, .. } => {
                let with = self.named(" with", group);
                self.tell(now, "lbc", format_args!("registers {pod}{with}"));
            }
            lbc::Fact::GatePatched { pod, status } => {
                let (status, of) = (
                    if status { "True" } else { "False" },
                    self.named(" for", group),
                );
                self.tell(
                    now,
                    "lbc",
                    format_args!("sets the readiness gate of {pod}{of} to {status}"),
                );
            }
        }
    }

    fn target_group(&mut self, now: Time, group: TargetGroupId, fact: &target_group::Fact) {
        let who = format!("target group{}", self.named("", group));
        match *fact {
            target_group::Fact::Registered { target, pod, .. } => {
                self.put_behind(target, pod);
                self.aside(now, who, format_args!("has {pod} registered"));
            }
            target_group::Fact::Deregistered { target, .. } => {
                let pod = self.behind(target);
                self.aside(now, who, format_args!("has {pod} deregistered"));
            }
            target_group::Fact::StateChanged { target, state } => {
                let pod = self.behind(target);
                self.tell(now, who, format_args!("shows {pod} {state}"));
            }
            target_group::Fact::DrainingOver { target, .. } => {
                let pod = self.behind(target);
                self.tell(
                    now,
                    who,
                    format_args!("forgets {pod}: its deregistration delay is over"),
                );
            }
            target_group::Fact::TargetHealth { target, state } => {
                let state = state
                    .as_ref()
                    .map_or("not registered".to_owned(), TargetState::to_string);
                let pod = self.behind(target);
                self.aside(now, who, format_args!("answers: {pod} is {state}"));
            }
            target_group::Fact::Returned { .. } => {
                self.aside(now, who, format_args!("has answered"));
            }
        }
    }

    fn alb_node(&mut self, now: Time, node: AlbNodeId, fact: &alb_node::Fact) {
        let node = self.node(node);
        match *fact {
            alb_node::Fact::Believes { target, belief } => {
                let pod = self.behind(target);
                match belief {
                    Belief::Initial => self.tell(now, node, format_args!("learns of {pod}")),
                    Belief::Healthy => self.tell(now, node, format_args!("begins to choose {pod}")),
                    Belief::Unhealthy => {
                        self.tell(now, node, format_args!("stops choosing {pod}: unhealthy"));
                    }
                    Belief::Draining => {
                        self.tell(now, node, format_args!("stops choosing {pod}: draining"));
                    }
                    Belief::Gone => self.tell(
                        now,
                        node,
                        format_args!("cuts what it still has in flight to {pod}"),
                    ),
                }
            }
            alb_node::Fact::CheckSent { target, .. } => {
                let pod = self.behind(target);
                self.aside(now, node, format_args!("checks the health of {pod}"));
            }
            alb_node::Fact::HealthFound {
                target, healthy, ..
            } => {
                let (pod, health) = (
                    self.behind(target),
                    if healthy { "healthy" } else { "unhealthy" },
                );
                self.aside(now, node, format_args!("reports {pod} {health}"));
            }
        }
    }
}

const fn probe(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Startup => "startup probe",
        ProbeKind::Readiness => "readiness probe",
        ProbeKind::Liveness => "liveness probe",
    }
}

const fn condition(endpoint: &Endpoint) -> &'static str {
    match endpoint {
        Endpoint {
            ready: true,
            terminating: false,
            ..
        } => "ready",
        Endpoint {
            ready: true,
            terminating: true,
            ..
        } => "ready, terminating",
        Endpoint {
            terminating: true,
            serving: true,
            ..
        } => "terminating, still serving",
        Endpoint {
            terminating: true, ..
        } => "terminating, no longer serving",
        Endpoint { .. } => "not ready",
    }
}
