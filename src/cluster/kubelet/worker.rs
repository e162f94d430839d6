//! The life of one pod on its host: start, probes, restarts, termination.

mod shutdown;

use crate::actor::Outbox;
use crate::cluster::kubelet::probe::ProbeWorker;
use crate::cluster::kubelet::{Fact, Input, Template};
use crate::cluster::pod::{Gates, Phase, PodObject, PodStatus, PreStop, ProbeKind};
use crate::cluster::spec::ClusterSpec;
use crate::dist::Dist;
use crate::id::PodId;
use crate::random::{Purpose, Streams, pair};
use crate::time::{Span, Time};

/// SIGKILL comes no sooner than this after SIGTERM (`minimumGracePeriodInSeconds`).
const MINIMUM_GRACE: Span = Span::from_secs(2);

/// Waits before the n-th restart (`newCrashLoopBackOff`): none, then 10 s doubling up to 300 s.
const BACK_OFF: [Span; 7] = [
    Span::ZERO,
    Span::from_secs(10),
    Span::from_secs(20),
    Span::from_secs(40),
    Span::from_secs(80),
    Span::from_secs(160),
    Span::from_secs(300),
];

/// A run that lasted longer than this starts the back-off over.
const BACK_OFF_RESET: Span = Span::from_secs(600);

/// The pod worker looks again after this at most, times U(1, 1.5) (`completeWork`, 1.36).
const BACK_OFF_POLL: Span = Span::from_secs(60);

/// Where a pod is in its life on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Volumes, sandbox, image.
    Starting,
    Running,
    /// Ended by itself or killed for a restart, which is to come.
    BackingOff,
    /// The preStop hook runs.
    PreStop,
    /// SIGTERM was sent.
    Stopping,
    /// The main container has ended, its sidecar not yet.
    SidecarStopping,
    Stopped,
}

/// A pod as its kubelet has it.
#[derive(Debug)]
pub struct PodWorker {
    /// Which pod.
    pub pod: PodId,
    /// Its IP, by the pod that had it first.
    pub(super) ip: PodId,
    pub(super) stage: Stage,
    /// It is to end for good.
    pub(super) deleting: bool,
    /// It was deleted through the API, which is to hear that nothing is left of it.
    removable: bool,
    /// It fell to its host's shutdown, which leaves it so much of its grace period.
    shut_down: Option<Span>,
    /// When the kubelet began to kill the pod's containers.
    pub(super) kill_started: Time,
    pub(super) run: u32,
    /// When its kubelet heard of it, and when its sandbox is there.
    bound: Time,
    pub(super) prepared: Time,
    /// When its container started; `None`: longer ago than anything here lasts.
    pub(super) started: Option<Time>,
    /// The kubelet knows that the container runs.
    pub(super) observed: bool,
    /// The container ended while its preStop hook ran.
    pub(super) exited: bool,
    /// No readiness gate, or all of them are True.
    pub(super) gate_open: bool,
    pub(super) restarts: u32,
    /// Failures since the back-off last started over.
    pub(super) failures: usize,
    pub(super) startup: Option<ProbeWorker>,
    pub(super) readiness: Option<ProbeWorker>,
    pub(super) liveness: Option<ProbeWorker>,
    /// What the API is to be told.
    pub status: PodStatus,
    /// Status patches so far.
    pub patches: u32,
    /// Waits for the status goroutine.
    pub queued: bool,
}

/// What a pod worker works with.
#[derive(Debug, Clone, Copy)]
pub struct Host<'a> {
    /// The cluster.
    pub cluster: &'a ClusterSpec,
    /// The pod's template.
    pub template: &'a Template,
    /// When in its second the host's PLEG relists.
    pub relist_phase: Span,
}

impl Host<'_> {
    /// Until the next PLEG relist, which comes every second (pkg/kubelet/kubelet.go, `plegRelistPeriod`).
    fn relist(self, now: Time) -> Span {
        const PERIOD: u64 = Span::from_secs(1).as_micros();
        let since = now.as_micros() + PERIOD - self.relist_phase.as_micros();
        Span::from_micros(PERIOD - since % PERIOD)
    }
}

pub(super) type Out<'a, 'b> = &'a mut Outbox<'b, Input, Fact>;

impl PodWorker {
    fn new(object: PodObject, origin: Time, stage: Stage, host: Host) -> PodWorker {
        let spec = &host.template.spec;
        let worker = |probe: &Option<_>| probe.clone().map(|probe| ProbeWorker::new(probe, origin));
        PodWorker {
            pod: object.pod,
            ip: object.pod,
            stage,
            deleting: false,
            removable: false,
            shut_down: None,
            kill_started: Time::ZERO,
            run: 0,
            bound: Time::ZERO,
            prepared: Time::ZERO,
            started: None,
            observed: false,
            exited: false,
            gate_open: object.gates.are_open(),
            restarts: object.restarts,
            failures: 0,
            startup: worker(&spec.startup_probe),
            readiness: worker(&spec.readiness_probe),
            liveness: worker(&spec.liveness_probe),
            status: object.status(),
            patches: 0,
            queued: false,
        }
    }

    /// A pod that has been Ready since before the run started. Its probes rest, each at a phase of its own.
    pub fn settled(object: PodObject, host: Host, streams: &Streams) -> PodWorker {
        let mut worker = PodWorker::new(object, Time::ZERO, Stage::Running, host);
        worker.observed = true;
        let mut phase = streams.at(Purpose::ProbePhase, object.pod.index() as u64);
        worker
            .probes()
            .for_each(|probe| probe.settle(phase.uniform()));
        worker
    }

    /// A pod just bound: volumes, sandbox, image, container.
    pub fn bound(now: Time, object: PodObject, host: Host, out: Out) -> PodWorker {
        let entity = object.pod.index() as u64;
        let start = host
            .cluster
            .pod_start
            .sample(&mut out.streams().at(Purpose::PodStart, entity));
        // Probe workers start once the volumes are mounted, which takes 0.1 to 0.6 s of the start.
        let mount = Dist::Uniform(Span::from_millis(100), Span::from_millis(600));
        let mounted = mount
            .sample(&mut out.streams().at(Purpose::ProbePhase, entity))
            .min(start);
        let mut worker = PodWorker::new(object, now + mounted, Stage::Starting, host);
        (worker.bound, worker.prepared) = (now, now + start);
        worker
    }

    /// How much of the way to its sandbox is still before a pod, from 0 to 1.
    pub(super) fn unprepared(&self, now: Time) -> f64 {
        let left = self.prepared.saturating_since(now).as_secs_f64();
        if self.stage == Stage::Starting && left > 0.0 {
            left / self.prepared.secs_since(self.bound)
        } else {
            0.0
        }
    }

    /// Two pods that are in start at the same time share the cores of their host: each takes longer by
    /// what the other one needs them for, as far as the two overlap.
    pub fn share_cores(&mut self, other: &mut PodWorker, now: Time, work: Span) {
        let longer = work.scaled(other.unprepared(now));
        self.prepared += longer;
        other.prepared += longer;
    }

    /// The container starts, for the `run`-th time.
    pub fn start(&mut self, now: Time, run: u32, host: Host, out: Out) {
        if !matches!(self.stage, Stage::Starting | Stage::BackingOff) {
            return;
        }
        (self.stage, self.run, self.started) = (Stage::Running, run, Some(now));
        out.say(Fact::Started(self.pod, run));
        // `PLEGOnDemandRelist`, from 1.36: the status is published without waiting for a relist.
        let relist = host.relist(now);
        let noticed = if host.cluster.kubernetes.at_least(36) {
            Span::ZERO
        } else {
            relist
        };
        out.wake(noticed, Input::ObserveRunning(self.pod, run));
        out.wake(relist, Input::Relisted(self.pod, run));
    }

    /// Whether the container runs, killed or not.
    pub(super) const fn runs(&self) -> bool {
        matches!(
            self.stage,
            Stage::Running | Stage::PreStop | Stage::Stopping
        )
    }

    /// The kubelet sees that the container runs. One that is being killed may still be found ready.
    pub fn observe_running(&mut self, now: Time, run: u32, out: Out) {
        if run != self.run || !self.runs() {
            return;
        }
        self.observed = true;
        if self.startup.is_some() {
            return self.tick_from(ProbeKind::Startup, now, out);
        }
        self.tick_from(ProbeKind::Liveness, now, out);
        self.tick_from(ProbeKind::Readiness, now, out);
    }

    /// A relist brings the container's start as an event: the pod is synced, its status computed, and a
    /// readiness probe runs at once, unless it still reads the status from before the start.
    pub fn relisted(&mut self, now: Time, run: u32, host: Host, out: Out) {
        if run != self.run || !self.runs() || self.startup.is_some() {
            return;
        }
        let mut race = out
            .streams()
            .at(Purpose::ReadinessRace, self.pod.index() as u64);
        if !self.readiness.as_ref().is_none_or(ProbeWorker::succeeded) {
            self.probe_readiness_now(
                now,
                race.chance(host.cluster.immediate_readiness),
                host,
                out,
            );
        }
    }

    /// Kills the container with its preStop hook and grace period (`killContainer`).
    pub(super) fn stop_container(&mut self, host: Host, out: Out) {
        self.stage = Stage::PreStop;
        match host.template.spec.pre_stop {
            Some(hook @ (PreStop::Sleep(_) | PreStop::Exec(_) | PreStop::HttpGet(_))) => {
                let lasts = hook.duration().min(self.grace(host));
                if let Some((at, _)) = hook.stop().filter(|(at, _)| *at <= lasts) {
                    out.wake(at, Input::HookStops(self.pod, self.run));
                }
                out.wake(lasts, Input::PreStopOver(self.pod, self.run));
            }
            Some(PreStop::Fails(_)) | None => self.send_sigterm(self.grace(host), out),
        }
    }

    /// The hook tells the server to stop.
    pub fn hook_stops(&self, run: u32, host: Host, out: Out) {
        if run != self.run || self.stage != Stage::PreStop {
            return;
        }
        if let Some((_, how)) = host.template.spec.pre_stop.and_then(PreStop::stop) {
            out.say(Fact::HookStopped(self.pod, how));
        }
    }

    /// The hook is over. The whole seconds that it took are deducted from the grace period; two
    /// seconds are left in any case.
    pub fn pre_stop_over(&mut self, now: Time, run: u32, host: Host, out: Out) {
        if run != self.run || self.stage != Stage::PreStop {
            return;
        }
        let ran = host
            .template
            .spec
            .pre_stop
            .map_or(Span::ZERO, PreStop::duration)
            .min(self.grace(host));
        if self.exited {
            self.stage = Stage::Stopping;
            self.exited(now, host, out);
        } else {
            self.send_sigterm(self.grace(host).saturating_sub(ran.whole_seconds()), out);
        }
    }

    fn send_sigterm(&mut self, left: Span, out: Out) {
        self.stage = Stage::Stopping;
        out.say(Fact::SentSigterm(self.pod));
        out.wake(
            left.max(MINIMUM_GRACE),
            Input::GraceOver(self.pod, self.run),
        );
    }

    /// The grace period is over: SIGKILL, if the container still runs.
    pub fn grace_over(&mut self, run: u32, out: Out) {
        if run == self.run && self.stage == Stage::Stopping {
            out.say(Fact::SentSigkill(self.pod));
        }
    }

    /// The pod is being deleted.
    pub fn terminate(&mut self, now: Time, host: Host, out: Out) {
        self.removable = true;
        self.end(now, host, out);
    }

    fn end(&mut self, now: Time, host: Host, out: Out) {
        if std::mem::replace(&mut self.deleting, true) {
            return;
        }
        self.kill_started = now;
        match self.stage {
            Stage::Running => self.stop_container(host, out),
            Stage::Starting | Stage::BackingOff => self.stop_sandbox(host, out),
            // Being killed for a restart: that kill becomes the last one.
            Stage::PreStop | Stage::Stopping | Stage::SidecarStopping | Stage::Stopped => {}
        }
    }

    /// The process ended.
    pub fn exited(&mut self, now: Time, host: Host, out: Out) {
        match self.stage {
            // A command ends with its container, a request with its connection; `sleep` is a timer of the kubelet's.
            Stage::PreStop
                if matches!(
                    host.template.spec.pre_stop,
                    Some(PreStop::Exec(_) | PreStop::HttpGet(_))
                ) =>
            {
                self.stage = Stage::Stopping;
                self.exited(now, host, out);
            }
            Stage::PreStop => self.exited = true,
            Stage::Running | Stage::Stopping if self.deleting => self.stop_sidecar(now, host, out),
            Stage::Running | Stage::Stopping => {
                self.stage = Stage::BackingOff;
                out.wake(host.relist(now), Input::ObserveExit(self.pod, self.run));
            }
            Stage::Starting | Stage::BackingOff | Stage::SidecarStopping | Stage::Stopped => {}
        }
    }

    /// The kubelet sees that a container ended that should run: unready, and again after the back-off.
    pub fn observe_exit(&mut self, now: Time, run: u32, out: Out) {
        if run != self.run || self.stage != Stage::BackingOff {
            return;
        }
        (self.observed, self.exited) = (false, false);
        self.probes().for_each(ProbeWorker::restart);
        if self
            .started
            .is_none_or(|started| now.saturating_since(started) > BACK_OFF_RESET)
        {
            self.failures = 0;
        }
        let wait = self.back_off(BACK_OFF[self.failures.min(BACK_OFF.len() - 1)], out);
        self.failures += 1;
        self.restarts += 1;
        out.wake(wait, Input::Start(self.pod, run + 1));
    }

    /// The worker polls: waits are lower bounds.
    fn back_off(&self, wait: Span, out: &Outbox<'_, Input, Fact>) -> Span {
        let mut jitter = out.streams().at(
            Purpose::KubeletRetry,
            pair(self.pod.index() as u64, u64::from(self.run)),
        );
        let mut waited = Span::ZERO;
        while waited < wait {
            let poll = wait.saturating_sub(waited).min(BACK_OFF_POLL);
            waited = waited + poll.scaled(1.0 + 0.5 * jitter.uniform());
        }
        waited
    }

    /// The main container has ended for good. A native sidecar gets SIGTERM now, and what is left of the
    /// grace period, two seconds at least; any other got it with the main container.
    fn stop_sidecar(&mut self, now: Time, host: Host, out: Out) {
        let Some(sidecar) = &host.template.spec.sidecar else {
            return self.stop_sandbox(host, out);
        };
        let (from, left) = if sidecar.native {
            (
                now,
                self.grace(host)
                    .saturating_sub(now.saturating_since(self.kill_started).whole_seconds()),
            )
        } else {
            (self.kill_started, self.grace(host))
        };
        let shutdown = sidecar
            .shutdown
            .sample(&mut out.streams().at(Purpose::Sidecar, self.pod.index() as u64));
        (self.stage, self.observed) = (Stage::SidecarStopping, false);
        out.wake_at(
            from + shutdown.min(left.max(MINIMUM_GRACE)),
            Input::SidecarEnded(self.pod),
        );
    }

    /// The sidecar has ended too.
    pub fn sidecar_ended(&mut self, host: Host, out: Out) {
        if self.stage == Stage::SidecarStopping {
            self.stop_sandbox(host, out);
        }
    }

    /// All containers have ended for good: the sandbox goes, and with it the network.
    fn stop_sandbox(&mut self, host: Host, out: Out) {
        self.stage = Stage::Stopped;
        self.observed = false;
        let mut stream = out
            .streams()
            .at(Purpose::NetworkRemoval, self.pod.index() as u64);
        out.wake(
            host.cluster.network_removal.sample(&mut stream),
            Input::SandboxStopped(self.pod),
        );
    }

    /// Whether the API has been told that the containers have ended for good, and waits to be rid of the pod.
    pub const fn is_done(&self) -> bool {
        matches!(self.status.phase, Phase::Succeeded | Phase::Failed)
            && !self.queued
            && self.removable
    }

    /// A readiness gate's condition changed.
    pub const fn see_gates(&mut self, gates: Gates) {
        self.gate_open = gates.are_open();
    }

    /// What the API should be told now; whether that is news.
    pub fn refresh_status(&mut self, now: Time, host: Host, sandbox_stopped: bool) -> bool {
        let started = self.startup.as_ref().is_none_or(ProbeWorker::succeeded);
        let ready = self.readiness.as_ref().is_none_or(ProbeWorker::succeeded)
            && !host.template.never_ready;
        let containers_ready = self.observed && started && ready;
        let phase = match self.status.phase {
            _ if sandbox_stopped && self.shut_down.is_some() => Phase::Failed,
            _ if sandbox_stopped => Phase::Succeeded,
            Phase::Pending if self.observed => Phase::Running,
            phase => phase,
        };
        // A stopped container's status is published with its sandbox, not before.
        if matches!(self.stage, Stage::SidecarStopping | Stage::Stopped) && !sandbox_stopped {
            return false;
        }
        let ready = containers_ready && self.gate_open;
        let ready_since = if ready == self.status.ready {
            self.status.ready_since
        } else {
            Some(now.whole_seconds())
        };
        let pod = self.pod;
        let status = PodStatus {
            pod,
            phase,
            containers_ready,
            ready,
            ready_since,
            restarts: self.restarts,
        };
        std::mem::replace(&mut self.status, status) != status
    }

    /// The grace period that counts: a second at least (`calculateEffectiveGracePeriod`).
    fn grace(&self, host: Host) -> Span {
        let own = host.template.spec.termination_grace_period;
        self.shut_down
            .map_or(own, |limit| own.min(limit))
            .max(Span::from_secs(1))
    }
}
