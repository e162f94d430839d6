//! What can happen to a pod: its object, its container, its process, its endpoint.

use crate::cluster::app::{Answer, Question, Socket};
use crate::cluster::pod::{
    Endpoint, NodeReady, Phase, PodChange, PodObject, PodStatus, PreStop, ProbeKind,
};
use crate::disturbance::Disturbance;
use crate::id::{PodId, TargetGroupId};
use crate::observe::checker::{Held, demand};
use crate::scenario::Revision;
use crate::time::{Span, Time};

/// A SIGKILL comes no sooner than this after its SIGTERM (`minimumGracePeriodInSeconds`, kuberuntime_manager.go).
const LEAST_GRACE: Span = Span::from_secs(2);

/// What a revision promises about the end of its pods.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    grace: Span,
    /// From the start of a kill to SIGTERM, at least.
    pre_stop: Span,
    has_readiness_probe: bool,
    never_ready: bool,
    /// Its readiness gates, one bit a target group.
    gates: u8,
    /// Hosts shut down, and kill their pods without a word to the API.
    hosts_shut_down: bool,
}

impl Template {
    /// That of a revision whose pods are in so many target groups, in this weather.
    pub fn of(revision: &Revision, groups: u32, weather: &[Disturbance]) -> Template {
        let shutdowns = weather.iter().filter_map(|disturbance| match disturbance {
            Disturbance::GracefulNodeShutdown(spec) => Some(spec.grace_period),
            _ => None,
        });
        let shortest = shutdowns.min();
        let own = revision.pod.termination_grace_period;
        // A grace period of 0 counts as 1 s (`calculateEffectiveGracePeriod`, pod_workers.go), and a hook runs no longer.
        let grace = shortest
            .map_or(own, |limit| own.min(limit))
            .max(Span::from_secs(1));
        Template {
            grace,
            pre_stop: revision
                .pod
                .pre_stop
                .map_or(Span::ZERO, PreStop::duration)
                .min(grace),
            has_readiness_probe: revision.pod.readiness_probe.is_some(),
            never_ready: revision.never_ready,
            gates: if revision.pod.readiness_gate {
                (2_u32.pow(groups) - 1) as u8
            } else {
                0
            },
            hosts_shut_down: shortest.is_some(),
        }
    }
}

/// What is known of a pod.
#[derive(Debug, Clone, Copy)]
pub struct Pod {
    id: PodId,
    /// When its object was created.
    created: Time,
    object: Object,
    container: Container,
    slice: Slice,
}

/// Its object in the API.
#[derive(Debug, Clone, Copy)]
struct Object {
    placed: bool,
    bound: bool,
    phase: Phase,
    ready: bool,
    ready_since: Option<Time>,
    /// Since when it is being deleted.
    deleting: Option<Time>,
    /// Its ReplicaSet asked for its deletion.
    doomed: bool,
    /// Out of the sight of its Service and its ReplicaSet.
    isolated: bool,
    removed: bool,
    restarts: u32,
    /// Has been ContainersReady, has been Ready.
    ever: (bool, bool),
    /// The gates that were asked to be True, and those that were True, one bit a target group.
    gates: (u8, u8),
}

/// Its container, its process and its network.
#[derive(Debug, Clone, Copy)]
struct Container {
    runs: u32,
    alive: bool,
    socket: Socket,
    network_gone: bool,
    /// Went down with its host: what was due at that instant may still be said.
    lost: bool,
    /// A readiness probe was answered well.
    passed: bool,
    /// The last startup or liveness probe of this run that was not answered well: no other one follows
    /// the one that has it killed.
    failed: Option<Time>,
    sigterm: Option<Time>,
}

/// Its endpoint.
#[derive(Debug, Clone, Copy)]
struct Slice {
    listed: bool,
    ready: bool,
    ever_ready: bool,
    /// Was not ready at some time after it had been, or its containers or its host were not: the
    /// controller may learn of that much later.
    lapsed: bool,
}

impl Pod {
    /// A pod just created.
    pub const fn created(id: PodId, now: Time) -> Pod {
        let object = Object {
            placed: false,
            bound: false,
            phase: Phase::Pending,
            ready: false,
            ready_since: None,
            deleting: None,
            doomed: false,
            isolated: false,
            removed: false,
            restarts: 0,
            ever: (false, false),
            gates: (0, 0),
        };
        let container = Container {
            runs: 0,
            alive: false,
            socket: Socket::Silent,
            network_gone: false,
            lost: false,
            passed: false,
            failed: None,
            sigterm: None,
        };
        let slice = Slice {
            listed: false,
            ready: false,
            ever_ready: false,
            lapsed: false,
        };
        Pod {
            id,
            created: now,
            object,
            container,
            slice,
        }
    }

    /// A pod that has long been serving.
    pub const fn settled(id: PodId) -> Pod {
        let mut pod = Pod::created(id, Time::ZERO);
        pod.object.placed = true;
        pod.object.bound = true;
        pod.object.phase = Phase::Running;
        pod.object.ready = true;
        pod.object.ever = (true, true);
        pod.object.gates = (u8::MAX, u8::MAX);
        pod.container.runs = 1;
        pod.container.alive = true;
        pod.container.socket = Socket::Serving;
        pod.container.passed = true;
        pod.slice = Slice {
            listed: true,
            ready: true,
            ever_ready: true,
            lapsed: false,
        };
        pod
    }

    /// Who it is.
    pub const fn id(&self) -> PodId {
        self.id
    }

    /// Created no later than `at`, in its ReplicaSet's sight, and its process not known to have ended for good.
    pub fn still_runs(&self, at: Time) -> bool {
        self.created <= at && !self.object.removed && !self.object.isolated && !self.is_finished()
    }

    const fn is_finished(&self) -> bool {
        matches!(self.object.phase, Phase::Succeeded | Phase::Failed)
    }

    /// Its network is gone; or it never had one, for a host that is shutting down rejected it.
    const fn has_no_network(&self) -> bool {
        self.container.network_gone
            || self.container.lost
            || self.container.runs == 0 && self.is_finished()
    }

    /// Counts as a replica.
    pub const fn is_active(&self) -> bool {
        self.object.deleting.is_none()
            && !self.object.removed
            && !self.object.isolated
            && !self.is_finished()
    }

    /// Ready, in the API.
    pub const fn is_ready(&self) -> bool {
        self.object.ready
    }

    /// Since when it counts as available, or from when on it will if nothing happens to it; `None`: not so.
    /// What needs no waiting counts from [`Time::ZERO`].
    pub fn available_from(&self, min_ready: Span) -> Option<Time> {
        let since = self
            .object
            .ready_since
            .filter(|_| min_ready > Span::ZERO)
            .map(|since| since + min_ready);
        (self.is_active() && self.object.ready).then(|| since.unwrap_or(Time::ZERO))
    }

    /// Its ReplicaSet asked for its deletion.
    pub const fn is_doomed(&self) -> bool {
        self.object.doomed
    }

    /// The scheduler chose a host.
    pub fn placed(&mut self) -> Held {
        demand(
            !std::mem::replace(&mut self.object.placed, true),
            "scheduled twice",
        )
    }

    /// Its ReplicaSet asks for its deletion.
    pub fn doom(&mut self) -> Held {
        demand(
            !std::mem::replace(&mut self.object.doomed, true),
            "its ReplicaSet deletes it twice",
        )
    }

    /// Its object changed.
    pub fn changed(
        &mut self,
        now: Time,
        object: &PodObject,
        change: PodChange,
        template: &Template,
    ) -> Held {
        let before = self.object;
        demand(!before.removed, "changed after it was gone")?;
        match change {
            PodChange::Bound => {
                demand(
                    before.placed && !before.bound && object.node.is_some(),
                    "bound twice, or to no host",
                )?;
            }
            PodChange::Deleting => {
                demand(
                    before.bound && before.deleting.is_none(),
                    "deleted twice, or before it was bound",
                )?;
                self.object.deleting = Some(now);
            }
            PodChange::Removed => {
                demand(
                    !before.bound || self.has_no_network(),
                    "its object went before its network",
                )?;
                self.object.removed = true;
            }
            PodChange::Finished => {
                let ends = before.deleting.is_some() && self.container.network_gone;
                demand(
                    ends || template.hosts_shut_down,
                    "finished while it should run",
                )?;
            }
            PodChange::Gate => {
                demand(
                    object.gates.open() & !before.gates.0 == 0,
                    "its gate is True and nobody set it",
                )?;
            }
            PodChange::Ready => self.may_be_ready(template)?,
            _ => {}
        }
        demand(
            before.bound || change == PodChange::Bound || change == PodChange::Removed,
            "changed before it was bound",
        )?;
        demand(
            !object.ready || object.containers_ready && object.phase == Phase::Running,
            "Ready before its containers",
        )?;
        demand(before.phase <= object.phase, "its phase went back")?;
        demand(
            before.restarts <= object.restarts,
            "its restarts were forgotten",
        )?;
        self.object.bound = object.node.is_some();
        self.object.phase = object.phase;
        self.object.ready = object.ready;
        self.object.ready_since = object.ready_since;
        self.object.restarts = object.restarts;
        self.object.isolated = object.isolated;
        self.object.ever = (
            before.ever.0 || object.containers_ready,
            before.ever.1 || object.ready,
        );
        self.object.gates.1 |= object.gates.open();
        self.slice.lapsed |=
            before.ever.0 && !object.containers_ready || object.host != NodeReady::True;
        Ok(())
    }

    fn may_be_ready(&self, template: &Template) -> Held {
        demand(!template.never_ready, "Ready, and its revision never is")?;
        demand(
            !template.has_readiness_probe || self.container.passed,
            "Ready without a probe that succeeded",
        )?;
        demand(
            template.gates & !self.object.gates.1 == 0,
            "Ready before each of its gates was True",
        )
    }

    /// Its kubelet reports its status.
    pub fn reported(&self, status: &PodStatus) -> Held {
        demand(
            !status.ready || status.containers_ready,
            "reported Ready before its containers",
        )?;
        {
            let ended = self.container.network_gone || status.phase == Phase::Failed;
            demand(
                status.phase == Phase::Pending || self.container.runs > 0 || ended,
                "reported, never started",
            )
        }
    }

    /// Its endpoint changed; `publish`: it is ready whatever the pod is.
    pub fn endpoint(&mut self, endpoint: Option<Endpoint>, publish: bool) -> Held {
        let object = &self.object;
        match endpoint {
            Some(Endpoint {
                ready,
                serving,
                terminating,
                ..
            }) => {
                demand(
                    ready == (publish || serving && !terminating),
                    "its endpoint's conditions contradict each other",
                )?;
                demand(
                    !serving || object.ever.1,
                    "its endpoint serves, and it never was Ready",
                )?;
                demand(
                    !terminating || object.deleting.is_some(),
                    "its endpoint is terminating, and it is not deleted",
                )?;
                demand(object.phase >= Phase::Running, "an endpoint before it ran")?;
            }
            None => {
                let left = object.removed || object.isolated || self.is_finished();
                demand(self.slice.listed && left, "its endpoint left before it did")?;
            }
        }
        let ready = endpoint.is_some_and(|endpoint| endpoint.ready);
        let Slice {
            ever_ready, lapsed, ..
        } = self.slice;
        let (ever_ready, lapsed) = (ever_ready || ready, lapsed || ever_ready && !ready);
        self.slice = Slice {
            listed: endpoint.is_some(),
            ready,
            ever_ready,
            lapsed,
        };
        Ok(())
    }

    /// The load balancer's controller is about to register it.
    pub fn may_register(&self) -> Held {
        demand(
            self.slice.ever_ready || self.object.ever.0,
            "registered, and it never was ready for it",
        )
    }

    /// The load balancer's controller is about to deregister it.
    pub fn may_deregister(&self) -> Held {
        // A pod that its cache no longer has is no endpoint, whatever the slice says (endpoint_resolver.go).
        let Slice { ready, lapsed, .. } = self.slice;
        demand(
            !ready || lapsed || self.object.removed,
            "deregistered, and it was ready all along",
        )
    }

    /// Created as its template and its namespace ask for.
    pub fn has_gates(object: &PodObject, template: &Template) -> Held {
        let expected = (template.gates, 0);
        demand(
            (object.gates.all(), object.gates.open()) == expected,
            "created with other gates than it should have",
        )
    }

    /// The load balancer's controller sets its gate for a target group.
    pub fn gate_patched(
        &mut self,
        group: TargetGroupId,
        status: bool,
        shown_healthy: bool,
    ) -> Held {
        self.object.gates.0 |= u8::from(status) << group.0;
        demand(
            !status || shown_healthy,
            "its gate is set to True, and the API does not show it healthy",
        )
    }

    /// It is given an IP.
    pub fn may_get_ip(&self) -> Held {
        demand(
            self.object.bound && self.container.runs == 0,
            "given an IP before it was bound or after it started",
        )
    }

    /// Its container started, for the `run`-th time.
    pub fn started(&mut self, run: u32) -> Held {
        let container = &mut self.container;
        demand(self.object.bound, "started before it was bound")?;
        demand(!container.network_gone, "started without a network")?;
        demand(
            !container.alive && container.runs == run,
            "started twice, or out of turn",
        )?;
        *container = Container {
            runs: run + 1,
            alive: true,
            failed: None,
            sigterm: None,
            ..*container
        };
        Ok(())
    }

    /// Its kubelet asks it something.
    pub fn probed(&self) -> Held {
        demand(
            self.container.runs > 0 && !self.container.network_gone,
            "probed, and it does not run",
        )
    }

    /// It answered.
    #[inline]
    pub fn answered(&mut self, now: Time, question: Question, answer: Answer) -> Held {
        let container = &mut self.container;
        let truth = match container.socket {
            Socket::Serving => Answer::Ok,
            Socket::Closed | Socket::Refusing => Answer::Failed,
            Socket::Silent => Answer::None,
        };
        demand(answer == truth, "it answered what its socket does not")?;
        match question {
            Question::Probe(_, ProbeKind::Readiness) => container.passed |= answer == Answer::Ok,
            Question::Probe(..) if answer != Answer::Ok => container.failed = Some(now),
            _ => {}
        }
        Ok(())
    }

    /// Its preStop hook told the server to stop.
    pub fn hook_stopped(&self, template: &Template) -> Held {
        self.kill(template)
            .ok_or("its preStop hook ran, and it is neither deleted nor failing its probes")?;
        demand(
            self.container.alive && self.container.sigterm.is_none(),
            "its preStop hook ran on after SIGTERM",
        )
    }

    /// SIGTERM was sent.
    pub fn sigterm(&mut self, now: Time, template: &Template) -> Held {
        let kill = self
            .kill(template)
            .ok_or("SIGTERM, and it is neither deleted nor failing its probes")?;
        demand(
            self.container.alive && self.container.sigterm.is_none(),
            "SIGTERM twice, or to nobody",
        )?;
        demand(
            now >= kill + template.pre_stop,
            "SIGTERM before its preStop hook was over",
        )?;
        self.container.sigterm = Some(now);
        Ok(())
    }

    /// SIGKILL was sent.
    pub fn sigkill(&mut self, now: Time, template: &Template) -> Held {
        let sigterm = self.container.sigterm.filter(|_| self.container.alive);
        let (Some(kill), Some(sigterm)) = (self.kill(template), sigterm) else {
            return Err("SIGKILL without SIGTERM");
        };
        demand(
            now >= sigterm + LEAST_GRACE,
            "SIGKILL within 2 s of SIGTERM",
        )?;
        demand(
            now >= kill + template.grace.max(LEAST_GRACE),
            "SIGKILL within its grace period",
        )
    }

    /// The earliest instant at which its kill can have begun.
    fn kill(&self, template: &Template) -> Option<Time> {
        let shutdown = template.hosts_shut_down.then_some(Time::ZERO);
        [self.object.deleting, self.container.failed, shutdown]
            .into_iter()
            .flatten()
            .min()
    }

    /// Its network was removed.
    pub fn network_removed(&mut self, template: &Template) -> Held {
        demand(!self.container.alive, "its network went before its process")?;
        demand(
            self.kill(template).is_some(),
            "its network went, and it is not deleted",
        )?;
        demand(
            !std::mem::replace(&mut self.container.network_gone, true),
            "its network went twice",
        )
    }

    /// It went down with its host.
    pub fn lost(&mut self) -> Held {
        self.container.lost = true;
        Ok(())
    }

    /// Its kubelet has nothing left of it.
    pub fn let_go(&self) -> Held {
        demand(
            self.has_no_network(),
            "its kubelet forgot it before its network went",
        )
    }

    /// What a new connection meets.
    pub fn socket(&mut self, socket: Socket) -> Held {
        let Container {
            alive,
            network_gone,
            lost,
            ..
        } = self.container;
        let fits = lost || network_gone == (socket == Socket::Silent);
        demand(
            socket != self.container.socket,
            "its socket changed to what it was",
        )?;
        demand(fits, "its socket does not know whether there is a network")?;
        demand(
            alive || !matches!(socket, Socket::Serving | Socket::Refusing),
            "its socket answers without a process",
        )?;
        self.container.socket = socket;
        Ok(())
    }

    /// Its process ended.
    pub fn exited(&mut self) -> Held {
        demand(self.container.alive, "its process ended twice")?;
        demand(
            matches!(self.container.socket, Socket::Closed | Socket::Silent),
            "its process ended, its listener did not",
        )?;
        self.container.alive = false;
        Ok(())
    }
}
