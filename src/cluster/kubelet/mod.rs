//! A kubelet: starts, probes and stops the containers of its host, and publishes their status.
//!
//! It believes readiness as of the last probe. Sources: Kubernetes 1.36, pkg/kubelet/kubelet.go,
//! kuberuntime/kuberuntime_container.go, status/status_manager.go, pod_workers.go.

mod ip;
mod probe;
mod probing;
#[cfg(test)]
mod tests;
mod worker;
mod workers;

use std::collections::VecDeque;

use crate::actor::{Actor, Outbox};
use crate::cluster::app::Answer;
use crate::cluster::pod::{HookStop, PodChange, PodObject, PodSpec, PodStatus, ProbeKind};
use crate::cluster::spec::ClusterSpec;
use crate::cluster::token_bucket::TokenBucket;
use crate::dist::Dist;
use crate::id::{NodeId, PodId};
use crate::random::{Purpose, Streams};
use crate::time::{Span, Time};
use ip::FreeIps;
use worker::{Host, PodWorker};
use workers::PodWorkers;

/// What a kubelet needs to know of a revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// The pod template.
    pub spec: PodSpec,
    /// Image pull before the first start; `None`: the image is present.
    pub image_pull: Option<Dist>,
    /// There is no such image: the container never starts, however often its pull is tried.
    pub image_missing: bool,
    /// Its readiness fails for ever, probe or none.
    pub never_ready: bool,
}

/// What a kubelet hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Watch: a pod of its host.
    Pod(PodObject, PodChange),
    /// The status patch was answered.
    StatusWritten(PodId),
    /// Own timer: the client's rate limit lets the next status patch pass.
    SendStatus,
    /// Own timer: the container may start, for the `n`-th time.
    Start(PodId, u32),
    /// Own timer: the kubelet notices that the container runs (PLEG).
    ObserveRunning(PodId, u32),
    /// Own timer: the relist that brings the container's start as an event (PLEG).
    Relisted(PodId, u32),
    /// Own timer: a probe's tick, with its number.
    Tick(PodId, ProbeKind, u32),
    /// What became of a probe.
    Answered(PodId, ProbeKind, Answer),
    /// Its pod no longer serves as it did: probes may be answered otherwise.
    Stirred(PodId),
    /// Own timer: nobody answered a probe.
    TimedOut(PodId, ProbeKind, u32),
    /// Own timer: the preStop hook is over.
    PreStopOver(PodId, u32),
    /// Own timer: the preStop hook stops the server.
    HookStops(PodId, u32),
    /// Own timer: the grace period is over.
    GraceOver(PodId, u32),
    /// The process ended.
    Exited(PodId),
    /// Own timer: the kubelet notices that the container ended (PLEG).
    ObserveExit(PodId, u32),
    /// Own timer: the sidecar has ended.
    SidecarEnded(PodId),
    /// Own timer: the sandbox is gone.
    SandboxStopped(PodId),
    /// Own timer: nothing is left of the pod on the host.
    CleanedUp(PodId),
    /// The host is shutting down; the kubelet holds that up until its pods have ended, for so long
    /// at most (`nodeshutdown_manager.go`).
    ShutDown(Span),
    /// The host is gone, or cut off: from now on nobody hears from this kubelet or its pods.
    HostDown,
}

/// What a kubelet does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// The container runs, for the `n`-th time.
    Started(PodId, u32),
    /// A probe asks.
    Probed(PodId, ProbeKind),
    /// The preStop hook told the server to stop.
    HookStopped(PodId, HookStop),
    /// SIGTERM.
    SentSigterm(PodId),
    /// SIGKILL.
    SentSigkill(PodId),
    /// The pod's network is gone.
    RemovedNetwork(PodId),
    /// A status patch, the `nth` of this pod.
    PatchedStatus(PodStatus, u32),
    /// The pod may be removed from the API.
    RemovedPod(PodId),
    /// A pod went down with its host.
    LostPod(PodId),
    /// A pod that is about to start has the IP that the second one had first.
    ReusedIp(PodId, PodId),
}

/// The kubelet of one host.
#[derive(Debug)]
pub struct Kubelet {
    node: NodeId,
    cluster: ClusterSpec,
    templates: Vec<Template>,
    pods: PodWorkers,
    /// Pods whose status is to be patched: one goroutine, GET and PATCH in turn.
    queue: VecDeque<PodId>,
    writing: bool,
    bucket: TokenBucket,
    relist_phase: Span,
    ips: FreeIps,
    /// By revision: when its image is on the host, once somebody has begun to pull it.
    images: Vec<Option<Time>>,
    /// What pods are left of their grace period, once the host is shutting down.
    shutting_down: Option<Span>,
    down: bool,
}

impl Kubelet {
    /// The kubelet of an empty host.
    pub fn new(node: NodeId, cluster: ClusterSpec, templates: Vec<Template>) -> Kubelet {
        Kubelet {
            node,
            cluster,
            images: vec![None; templates.len()],
            templates,
            pods: PodWorkers::default(),
            queue: VecDeque::new(),
            writing: false,
            // pkg/kubelet/apis/config/v1beta1/defaults.go: 50 a second, burst 100.
            bucket: TokenBucket::new(50, 100),
            relist_phase: Span::ZERO,
            ips: FreeIps::default(),
            shutting_down: None,
            down: false,
        }
    }

    /// An empty host again.
    pub fn reset(&mut self, streams: &Streams) {
        let phase = streams.at(Purpose::Pleg, u64::from(self.node.0)).uniform();
        self.relist_phase = Span::from_secs(1).scaled(phase);
        self.pods.clear();
        self.ips.clear();
        self.images.fill(None);
        self.queue.clear();
        self.writing = false;
        self.bucket.reset();
        self.shutting_down = None;
        self.down = false;
    }

    /// A pod that has been Ready since before the run started.
    pub fn seed(&mut self, object: PodObject, streams: &Streams) {
        let worker = PodWorker::settled(object, self.host(object.pod), streams);
        self.pods.push(worker);
    }

    fn host(&self, pod: PodId) -> Host<'_> {
        let template = &self.templates[usize::from(pod.revision().0)];
        Host {
            cluster: &self.cluster,
            template,
            relist_phase: self.relist_phase,
        }
    }

    /// Lets a pod's worker do something, then publishes its status if that changed.
    fn work(
        &mut self,
        now: Time,
        pod: PodId,
        out: &mut Outbox<'_, Input, Fact>,
        act: impl FnOnce(&mut PodWorker, Host, &mut Outbox<'_, Input, Fact>),
    ) {
        let Some(worker) = self.pods.get_mut(pod) else {
            return;
        };
        let host = Host {
            cluster: &self.cluster,
            template: &self.templates[usize::from(pod.revision().0)],
            relist_phase: self.relist_phase,
        };
        act(worker, host, out);
        if worker.refresh_status(now, host, false) {
            self.publish(now, pod, out);
        }
    }

    /// A pod's container starts once its sandbox and its image are there.
    fn start(&mut self, now: Time, pod: PodId, run: u32, out: &mut Outbox<'_, Input, Fact>) {
        let Some(worker) = self.pods.get(pod) else {
            return;
        };
        let due = if now < worker.prepared {
            worker.prepared
        } else {
            self.image_present(now, pod, out.streams())
        };
        if now < due {
            return out.wake_at(due, Input::Start(pod, run));
        }
        self.work(now, pod, out, |worker, host, out| {
            worker.start(now, run, host, out);
        });
    }

    /// When a pod's image is on the host. It is pulled once, for the first pod that needs it; the others wait for
    /// that pull (images/image_manager.go, and the container runtime's own).
    fn image_present(&mut self, now: Time, pod: PodId, streams: &Streams) -> Time {
        let revision = usize::from(pod.revision().0);
        let Some(pull) = &self.templates[revision].image_pull else {
            return now;
        };
        let pull = || now + pull.sample(&mut streams.at(Purpose::ImagePull, pod.index() as u64));
        *self.images[revision].get_or_insert_with(pull)
    }

    fn sandbox_stopped(&mut self, now: Time, pod: PodId, out: &mut Outbox<'_, Input, Fact>) {
        out.say(Fact::RemovedNetwork(pod));
        let host = Host {
            cluster: &self.cluster,
            template: &self.templates[usize::from(pod.revision().0)],
            relist_phase: self.relist_phase,
        };
        if let Some(worker) = self.pods.get_mut(pod) {
            worker.refresh_status(now, host, true);
            self.ips.give_back(now, worker.ip, pod);
        }
        self.publish(now, pod, out);
    }

    /// Queues a pod for the status goroutine. A pod that waits already is written once, with the latest status.
    fn publish(&mut self, now: Time, pod: PodId, out: &mut Outbox<'_, Input, Fact>) {
        let Some(worker) = self.pods.get_mut(pod) else {
            return;
        };
        if !std::mem::replace(&mut worker.queued, true) {
            self.queue.push_back(pod);
        }
        if !self.writing {
            self.next_status(now, out);
        }
    }

    fn next_status(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        self.writing = !self.queue.is_empty();
        if self.writing {
            self.bucket.take(now);
            let wait = self.bucket.take(now);
            if wait == Span::ZERO {
                self.send_status(out);
            } else {
                out.wake(wait, Input::SendStatus);
            }
        }
    }

    fn send_status(&mut self, out: &mut Outbox<'_, Input, Fact>) {
        let Some(pod) = self.queue.pop_front() else {
            return;
        };
        let Some(worker) = self.pods.get_mut(pod) else {
            return;
        };
        worker.queued = false;
        out.say(Fact::PatchedStatus(worker.status, worker.patches));
        worker.patches += 1;
    }

    fn status_written(&mut self, now: Time, pod: PodId, out: &mut Outbox<'_, Input, Fact>) {
        self.next_status(now, out);
        let finished = self.pods.get(pod).is_some_and(PodWorker::is_done);
        if finished {
            let mut stream = out.streams().at(Purpose::PodRemoval, pod.index() as u64);
            out.wake(
                self.cluster.pod_removal.sample(&mut stream),
                Input::CleanedUp(pod),
            );
        }
    }

    fn see_pod(
        &mut self,
        now: Time,
        object: PodObject,
        change: PodChange,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        match change {
            PodChange::Bound => {
                let host = self.host(object.pod);
                if self.shutting_down.is_some() {
                    let worker = PodWorker::rejected(now, object, host);
                    self.pods.push(worker);
                    return self.publish(now, object.pod, out);
                }
                let mut worker = PodWorker::bound(now, object, host, out);
                let work = self
                    .cluster
                    .pod_start_work
                    .scaled(1.0 / f64::from(self.cluster.cores));
                self.pods
                    .in_start(now)
                    .for_each(|other| worker.share_cores(other, now, work));
                if !self.templates[usize::from(object.pod.revision().0)].image_missing {
                    out.wake_at(worker.prepared, Input::Start(object.pod, 0));
                }
                if let Some(first) = self.ips.take(now, object.pod, &self.cluster, out.streams()) {
                    worker.ip = first;
                    out.say(Fact::ReusedIp(object.pod, first));
                }
                self.pods.push(worker);
            }
            PodChange::Gate => self.work(now, object.pod, out, |worker, _, _| {
                worker.see_gates(object.gates);
            }),
            PodChange::Deleting => {
                self.work(now, object.pod, out, |worker, host, out| {
                    worker.terminate(now, host, out);
                });
            }
            _ => {}
        }
    }

    /// Kills all pods and tells the API of none of them until it has ended: no `deletionTimestamp`.
    fn shut_down(&mut self, now: Time, limit: Span, out: &mut Outbox<'_, Input, Fact>) {
        self.shutting_down = Some(limit);
        let pods: Vec<PodId> = self.pods.iter().map(|worker| worker.pod).collect();
        for pod in pods {
            self.work(now, pod, out, |worker, host, out| {
                worker.shut_down(now, limit, host, out);
            });
        }
    }

    fn go_down(&mut self, out: &mut Outbox<'_, Input, Fact>) {
        self.down = true;
        self.pods
            .iter()
            .for_each(|worker| out.say(Fact::LostPod(worker.pod)));
    }
}

impl Actor for Kubelet {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        if self.down {
            return;
        }
        match input {
            Input::Pod(object, change) => self.see_pod(now, object, change, out),
            Input::StatusWritten(pod) => self.status_written(now, pod, out),
            Input::SendStatus => self.send_status(out),
            Input::Start(pod, run) => self.start(now, pod, run, out),
            Input::ObserveRunning(pod, run) => {
                self.work(now, pod, out, |w, _, out| w.observe_running(now, run, out));
            }
            Input::Relisted(pod, run) => self.work(now, pod, out, |w, host, out| {
                w.relisted(now, run, host, out);
            }),
            Input::Tick(pod, kind, tick) => {
                self.work(now, pod, out, |w, _, out| w.tick(now, kind, tick, out));
            }
            Input::Answered(pod, kind, answer) => {
                self.work(now, pod, out, |w, host, out| {
                    w.heard(now, kind, answer, host, out);
                });
            }
            Input::Stirred(pod) => self.work(now, pod, out, |w, _, out| w.stir(now, out)),
            Input::TimedOut(pod, kind, run) => {
                self.work(now, pod, out, |w, host, out| {
                    w.timed_out(now, kind, run, host, out);
                });
            }
            Input::PreStopOver(pod, run) => {
                self.work(now, pod, out, |w, host, out| {
                    w.pre_stop_over(now, run, host, out);
                });
            }
            Input::HookStops(pod, run) => {
                self.work(now, pod, out, |w, host, out| w.hook_stops(run, host, out));
            }
            Input::GraceOver(pod, run) => {
                self.work(now, pod, out, |w, _, out| w.grace_over(run, out));
            }
            Input::Exited(pod) => self.work(now, pod, out, |w, host, out| w.exited(now, host, out)),
            Input::ObserveExit(pod, run) => {
                self.work(now, pod, out, |w, _, out| w.observe_exit(now, run, out));
            }
            Input::SidecarEnded(pod) => self.work(now, pod, out, PodWorker::sidecar_ended),
            Input::SandboxStopped(pod) => self.sandbox_stopped(now, pod, out),
            Input::CleanedUp(pod) => {
                self.pods.remove(pod);
                out.say(Fact::RemovedPod(pod));
            }
            Input::ShutDown(limit) => self.shut_down(now, limit, out),
            Input::HostDown => self.go_down(out),
        }
    }
}
