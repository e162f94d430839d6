//! A pod's probes: which of them ask, when, and what follows from the answers.

use super::probe::ProbeWorker;
use super::worker::{Host, Out, PodWorker, Stage};
use super::{Fact, Input};
use crate::cluster::app::Answer;
use crate::cluster::pod::ProbeKind;
use crate::time::{Span, Time};

/// Ticks after this one: the grid's next instant.
const NEXT: Span = Span::from_micros(1);

/// From when on a probe asks. The status that it reads has the container's start in whole seconds
/// (status/status_manager.go, `normalizeStatus`), so that its delay is over up to a second early.
fn delay_over(started: Time, probe: &ProbeWorker) -> Time {
    started.whole_seconds() + probe.initial_delay()
}

impl PodWorker {
    pub(super) fn probes(&mut self) -> impl Iterator<Item = &mut ProbeWorker> {
        [&mut self.startup, &mut self.readiness, &mut self.liveness]
            .into_iter()
            .flatten()
    }

    fn probe(&mut self, kind: ProbeKind) -> Option<&mut ProbeWorker> {
        match kind {
            ProbeKind::Startup => self.startup.as_mut(),
            ProbeKind::Readiness => self.readiness.as_mut(),
            ProbeKind::Liveness => self.liveness.as_mut(),
        }
    }

    /// Whether this probe asks at present. Liveness and startup stop when a pod is deleted, and are
    /// on hold once they have failed, until the next container (prober/worker.go); readiness goes on
    /// until its container has ended (`SyncTerminatingPod`).
    fn is_probing(&self, kind: ProbeKind) -> bool {
        let is_killed = matches!(self.stage, Stage::PreStop | Stage::Stopping);
        let runs = self.observed && self.runs();
        let started = self.startup.as_ref().is_none_or(ProbeWorker::succeeded);
        runs && match kind {
            ProbeKind::Startup => !started && !is_killed && !self.deleting,
            ProbeKind::Readiness => started,
            ProbeKind::Liveness => started && !is_killed && !self.deleting,
        }
    }

    /// Schedules the first tick at or after `earliest` that can ask.
    pub(super) fn tick_from(&mut self, kind: ProbeKind, earliest: Time, out: Out) {
        let (pod, started) = (self.pod, self.started);
        if let Some(probe) = self.probe(kind) {
            let delayed =
                started.map_or(earliest, |started| earliest.max(delay_over(started, probe)));
            let (at, tick) = probe.next_tick(delayed);
            out.wake_at(at, Input::Tick(pod, kind, tick));
        }
    }

    fn ask(&mut self, kind: ProbeKind, out: Out) {
        let pod = self.pod;
        if self.probe(kind).is_some_and(ProbeWorker::ask) {
            out.say(Fact::Probed(pod, kind));
        }
    }

    /// A tick of a probe's ticker.
    pub fn tick(&mut self, now: Time, kind: ProbeKind, tick: u32, out: Out) {
        if self.is_probing(kind) && self.probe(kind).is_some_and(|probe| probe.tick() == tick) {
            self.tick_from(kind, now + NEXT, out);
            self.ask(kind, out);
        }
    }

    /// The manual run that a status update triggers while a started container is not ready
    /// (`UpdatePodStatus`). From 1.29 on it restarts the ticker, whether or not it may ask yet.
    pub(super) fn probe_readiness_now(&mut self, now: Time, may_ask: bool, host: Host, out: Out) {
        let started = self.started;
        let Some(probe) = &mut self.readiness else {
            return;
        };
        let delay_is_over = started.is_none_or(|started| now >= delay_over(started, probe));
        if host.cluster.kubernetes.at_least(29) {
            probe.reset_ticker(now);
            self.tick_from(ProbeKind::Readiness, now + NEXT, out);
        }
        if may_ask && delay_is_over {
            self.ask(ProbeKind::Readiness, out);
        }
    }

    /// An answer to a probe arrived; silence becomes a failure at the probe's time-out.
    pub fn heard(&mut self, now: Time, kind: ProbeKind, answer: Answer, host: Host, out: Out) {
        let (pod, run) = (self.pod, self.run);
        match answer {
            Answer::None => {
                if let Some(probe) = self.probe(kind) {
                    out.wake(probe.timeout(), Input::TimedOut(pod, kind, run));
                }
            }
            Answer::Ok => {
                self.probed(now, kind, true, host, out);
                self.probe(kind).into_iter().for_each(ProbeWorker::rest);
            }
            Answer::Failed => self.probed(now, kind, false, host, out),
        }
    }

    /// The pod may answer otherwise from now on: probes that rest tick again.
    pub fn stir(&mut self, now: Time, out: Out) {
        for kind in [ProbeKind::Readiness, ProbeKind::Liveness] {
            if self.probe(kind).is_some_and(ProbeWorker::stir) {
                self.tick_from(kind, now + NEXT, out);
            }
        }
    }

    /// Nobody answered a probe in time.
    pub fn timed_out(&mut self, now: Time, kind: ProbeKind, run: u32, host: Host, out: Out) {
        if run == self.run {
            self.probed(now, kind, false, host, out);
        }
    }

    fn probed(&mut self, now: Time, kind: ProbeKind, ok: bool, host: Host, out: Out) {
        if !self.is_probing(kind) {
            return;
        }
        let Some(probe) = self.probe(kind) else {
            return;
        };
        let (result, ask_again) = probe.answered(ok);
        if ask_again {
            self.ask(kind, out);
        }
        match (kind, result) {
            (ProbeKind::Startup, Some(true)) => {
                self.tick_from(ProbeKind::Liveness, now, out);
                self.tick_from(ProbeKind::Readiness, now, out);
                self.probe_readiness_now(now, true, host, out);
            }
            (ProbeKind::Startup | ProbeKind::Liveness, Some(false)) => {
                self.stop_container(host, out);
            }
            _ => {}
        }
    }
}
