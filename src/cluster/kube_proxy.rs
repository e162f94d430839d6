//! kube-proxy of one host: where the Service's node port leads, as of its last run.
//!
//! Source: Kubernetes 1.36, pkg/proxy/topology.go (`CategorizeEndpoints`), pkg/proxy/iptables/proxier.go,
//! pkg/proxy/runner/bounded_frequency_runner.go, pkg/proxy/healthcheck/service_health.go.
//!
//! What is kept here is the table that new connections are spread by. Connections that stand are the
//! kernel's (conntrack): they go on to the pod that they were opened to, whatever the table says.

use crate::actor::{Actor, Outbox};
use crate::cluster::pod::Endpoint;
use crate::cluster::service::ExternalTrafficPolicy;
use crate::dist::Dist;
use crate::id::{AlbNodeId, NodeId, PodId};
use crate::random::{Purpose, pair};
use crate::setting::settings;
use crate::time::{Span, Time};

settings! {
    /// kube-proxy, which leads node ports to pods (`[kube_proxy]`); matters to target type `instance` only.
    KubeProxySpec in "kube_proxy" {
        /// From the end of one run to the start of the next; up to Kubernetes 1.33 from start to start, two at once.
        min_sync_period: Span = Span::from_secs(1), Documented "minSyncPeriod, pkg/proxy/apis/config/v1alpha1/defaults.go";
        /// From a change until the run that it asks for, where the Service's last run is longer past than `min_sync_period`: other Services' changes keep the runner going. 0 s: nothing else changes in the cluster.
        wait: Dist = Dist::Uniform(Span::ZERO, Span::from_secs(1)), Assumed "one change a second somewhere in the cluster, at minSyncPeriod";
        /// How long a run takes until the kernel has the new rules.
        programming: Dist = Dist::Uniform(Span::from_millis(20), Span::from_millis(200)), Assumed "iptables-restore of a few hundred rules; 10–25 s were measured at 5000 hosts (kubernetes PR #131780, perf-tests#2407)";
    }
}

/// What kube-proxy hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A pod that has long been ready.
    Known(PodId, NodeId),
    /// Watch: an endpoint of the slice; `None`: it left.
    Endpoint(PodId, Option<Endpoint>),
    /// Own timer: a run may start.
    Sync,
    /// Own timer: the run is over, its rules hold.
    Programmed,
    /// A health check of the load balancer comes in at the node port.
    NodePort(AlbNodeId, u32),
    /// One comes in at the `healthCheckNodePort`, which kube-proxy answers itself.
    HealthCheckNodePort(AlbNodeId, u32),
}

/// What it says. The changes of one run are said at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// New connections to the node port may go to this pod from now on.
    Forwards(PodId),
    /// They do so no more.
    Forgets(PodId),
    /// A health check was passed on to a pod.
    PassedOn(PodId, AlbNodeId, u32),
    /// A health check was answered here: by `healthCheckNodePort`, or by a REJECT.
    Answered {
        /// Who asked.
        node: AlbNodeId,
        /// Its number.
        check: u32,
        /// Whether well.
        ok: bool,
    },
}

#[derive(Debug, Clone, Copy)]
struct Row {
    pod: PodId,
    endpoint: Endpoint,
}

/// Where the runner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    Idle,
    /// A run will start; changes until then are part of it.
    Waiting,
    /// A run is under way. Whether something has changed since it began.
    Running(bool),
}

/// kube-proxy of one host. It believes the slice as it was when its last run began.
#[derive(Debug)]
pub struct KubeProxy {
    host: NodeId,
    spec: KubeProxySpec,
    policy: ExternalTrafficPolicy,
    /// Runs that may follow each other at once before `min_sync_period` tells, counted from their starts.
    bursts: bool,
    /// What the watch has said, in the order in which endpoints came; none: it has left.
    slice: Vec<Option<Row>>,
    /// By pod: its place there.
    places: Vec<Option<u32>>,
    /// By pod, while two tables are compared: whether it is in one of them.
    marked: Vec<bool>,
    /// What the run under way programs.
    next: Vec<PodId>,
    /// What the kernel has.
    table: Vec<PodId>,
    /// Whether a ready endpoint is on this host, as the run under way and as the last one found it.
    ready: (bool, bool),
    runner: Runner,
    /// No run starts earlier; with bursts, when the runner will have both its tokens again.
    rested: Time,
    runs: u32,
}

impl KubeProxy {
    /// kube-proxy of a host; `bursts`: it is older than Kubernetes 1.34.
    pub const fn new(
        host: NodeId,
        spec: KubeProxySpec,
        policy: ExternalTrafficPolicy,
        bursts: bool,
    ) -> KubeProxy {
        KubeProxy {
            host,
            spec,
            policy,
            bursts,
            slice: Vec::new(),
            places: Vec::new(),
            marked: Vec::new(),
            next: Vec::new(),
            table: Vec::new(),
            ready: (false, false),
            runner: Runner::Idle,
            rested: Time::ZERO,
            runs: 0,
        }
    }

    /// Whether the node port leads nowhere.
    pub const fn leads_nowhere(&self) -> bool {
        self.table.is_empty()
    }

    /// Knows nobody again.
    pub fn reset(&mut self) {
        self.slice.clear();
        self.places.clear();
        self.next.clear();
        self.table.clear();
        self.ready = (false, false);
        (self.runner, self.rested, self.runs) = (Runner::Idle, Time::ZERO, 0);
    }

    fn know(&mut self, pod: PodId, node: NodeId) {
        let endpoint = Endpoint {
            node: Some(node),
            ready: true,
            serving: true,
            terminating: false,
        };
        self.put(pod, Some(endpoint));
        if self.policy == ExternalTrafficPolicy::Cluster || node == self.host {
            self.table.push(pod);
        }
        self.ready.1 |= node == self.host;
    }

    /// An endpoint comes, changes or leaves; whether that is anything new.
    fn put(&mut self, pod: PodId, endpoint: Option<Endpoint>) -> bool {
        if self.places.len() <= pod.index() {
            self.places.resize(pod.index() + 1, None);
        }
        let place = &mut self.places[pod.index()];
        let row = endpoint.map(|endpoint| Row { pod, endpoint });
        match *place {
            Some(known) => self.slice[known as usize] = row,
            None if row.is_none() => return false,
            None => {
                *place = Some(self.slice.len() as u32);
                self.slice.push(row);
            }
        }
        if row.is_none() {
            *place = None;
        }
        true
    }

    fn hear(
        &mut self,
        now: Time,
        pod: PodId,
        endpoint: Option<Endpoint>,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        if !self.put(pod, endpoint) {
            return;
        }
        match &mut self.runner {
            Runner::Idle => self.ask_for_run(now, out),
            Runner::Waiting => {}
            Runner::Running(changed) => *changed = true,
        }
    }

    /// A runner that has rested starts when somebody else's change, or this one, lets it.
    fn ask_for_run(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        self.runner = Runner::Waiting;
        let allowed = if self.bursts {
            self.rested.saturating_sub(self.spec.min_sync_period)
        } else {
            self.rested
        };
        if now < allowed {
            return out.wake_at(allowed, Input::Sync);
        }
        let mut stream = out.streams().at(
            Purpose::KubeProxyWait,
            pair(self.host.0.into(), self.runs.into()),
        );
        out.wake(
            self.spec
                .wait
                .sample(&mut stream)
                .min(self.spec.min_sync_period),
            Input::Sync,
        );
    }

    fn run(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        self.runner = Runner::Running(false);
        if self.bursts {
            self.rested = self.rested.max(now) + self.spec.min_sync_period;
        }
        choose(&self.slice, self.policy, self.host, &mut self.next);
        self.ready.0 = self.is_ready();
        let mut stream = out.streams().at(
            Purpose::KubeProxyRun,
            pair(self.host.0.into(), self.runs.into()),
        );
        self.runs += 1;
        out.wake(self.spec.programming.sample(&mut stream), Input::Programmed);
    }

    fn end_run(&mut self, now: Time, out: &mut Outbox<'_, Input, Fact>) {
        let (table, next) = (&self.table, &self.next);
        for pod in without(table, next, &mut self.marked) {
            out.say(Fact::Forgets(*pod));
        }
        for pod in without(next, table, &mut self.marked) {
            out.say(Fact::Forwards(*pod));
        }
        self.table.clone_from(&self.next);
        self.ready.1 = self.ready.0;
        if !self.bursts {
            self.rested = now + self.spec.min_sync_period;
        }
        let changed = self.runner == Runner::Running(true);
        self.runner = Runner::Idle;
        if changed {
            self.ask_for_run(now, out);
        }
    }

    /// A health check opens a connection of its own: any pod of the table may get it.
    fn pass_on(&self, node: AlbNodeId, check: u32, out: &mut Outbox<'_, Input, Fact>) {
        if self.table.is_empty() {
            // No endpoint in the whole cluster: REJECT. None on this host: DROP, which says nothing.
            if self.policy == ExternalTrafficPolicy::Cluster {
                out.say(Fact::Answered {
                    node,
                    check,
                    ok: false,
                });
            }
            return;
        }
        let from = u64::from(self.host.0) << 8 | u64::from(node.0);
        let chosen = out
            .streams()
            .at(Purpose::NodePort, pair(from, check.into()))
            .below(self.table.len());
        out.say(Fact::PassedOn(self.table[chosen], node, check));
    }

    /// Whether the watch has shown a ready endpoint on this host.
    fn is_ready(&self) -> bool {
        self.slice
            .iter()
            .flatten()
            .any(|row| row.endpoint.ready && row.endpoint.node == Some(self.host))
    }
}

/// Ready endpoints; if there is none, those that serve while they terminate. The policy says which
/// endpoints are looked at: all of the cluster's, or those on the host.
fn choose(
    slice: &[Option<Row>],
    policy: ExternalTrafficPolicy,
    host: NodeId,
    table: &mut Vec<PodId>,
) {
    let is_near =
        |row: &&Row| policy == ExternalTrafficPolicy::Cluster || row.endpoint.node == Some(host);
    let mut fill = |counts: fn(&Endpoint) -> bool| {
        table.clear();
        table.extend(
            slice
                .iter()
                .flatten()
                .filter(is_near)
                .filter(|row| counts(&row.endpoint))
                .map(|row| row.pod),
        );
        table.is_empty()
    };
    if fill(|endpoint| endpoint.ready) {
        fill(|endpoint| endpoint.serving && endpoint.terminating);
    }
}

/// The pods of one table that another one lacks.
fn without<'t>(
    table: &'t [PodId],
    other: &[PodId],
    marked: &'t mut Vec<bool>,
) -> impl Iterator<Item = &'t PodId> {
    marked.clear();
    for pod in other {
        if marked.len() <= pod.index() {
            marked.resize(pod.index() + 1, false);
        }
        marked[pod.index()] = true;
    }
    table
        .iter()
        .filter(|pod| marked.get(pod.index()) != Some(&true))
}

impl Actor for KubeProxy {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        match input {
            Input::Known(pod, node) => self.know(pod, node),
            Input::Endpoint(pod, endpoint) => self.hear(now, pod, endpoint, out),
            Input::Sync => self.run(now, out),
            Input::Programmed => self.end_run(now, out),
            Input::NodePort(node, check) => self.pass_on(node, check, out),
            // 200 with a ready endpoint on this host, else 503.
            Input::HealthCheckNodePort(node, check) => {
                out.say(Fact::Answered {
                    node,
                    check,
                    ok: self.ready.1,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::transcript;
    use crate::id::RevisionId;
    use crate::random::Streams;

    const HERE: NodeId = NodeId(0);
    const THERE: NodeId = NodeId(1);
    const ALB: AlbNodeId = AlbNodeId(0);
    const OLD: PodId = PodId::new(0, RevisionId::OLD, 1);
    const NEW: PodId = PodId::new(1, RevisionId::NEW, 1);

    fn at(secs: f64) -> Time {
        Time::ZERO + Span::from_secs_f64(secs)
    }

    /// An endpoint in letters: `r`eady, `s`erving, `t`erminating; nothing: it left the slice.
    fn says(pod: PodId, node: NodeId, conditions: &str) -> Input {
        let has = |letter| conditions.contains(letter);
        let endpoint = Endpoint {
            node: Some(node),
            ready: has('r'),
            serving: has('s'),
            terminating: has('t'),
        };
        Input::Endpoint(pod, (!conditions.is_empty()).then_some(endpoint))
    }

    /// What kube-proxy of the host `HERE` says. The cluster is quiet, a run takes 0.1 s.
    #[track_caller]
    fn check(
        policy: ExternalTrafficPolicy,
        bursts: bool,
        script: &[(f64, Input)],
        expected: &[(f64, Fact)],
    ) {
        let spec = KubeProxySpec {
            wait: Dist::constant(Span::ZERO),
            programming: Dist::constant(Span::from_millis(100)),
            ..KubeProxySpec::default()
        };
        let mut proxy = KubeProxy::new(HERE, spec, policy, bursts);
        let script: Vec<_> = script
            .iter()
            .map(|&(secs, input)| (at(secs), input))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(secs, fact)| (at(secs), fact))
            .collect();
        // One that has been used before forgets it.
        for _ in 0..2 {
            assert_eq!(
                transcript(&mut proxy, &Streams::new(1, 0), &script, at(600.0)),
                expected
            );
            proxy.reset();
        }
    }

    use ExternalTrafficPolicy::{Cluster, Local};

    #[test]
    fn runs_keep_their_distance_and_take_up_what_came_meanwhile() {
        let script = [
            (0.0, Input::Known(OLD, HERE)),
            (5.0, says(NEW, THERE, "rs")),
            // While that run is under way, and after it.
            (5.05, says(OLD, HERE, "st")),
            (5.5, says(OLD, HERE, "")),
            (20.0, says(OLD, HERE, "rs")),
        ];
        // The second run begins one second after the end of the first.
        let run_by_run = [
            (5.1, Fact::Forwards(NEW)),
            (6.2, Fact::Forgets(OLD)),
            (20.1, Fact::Forwards(OLD)),
        ];
        check(Cluster, false, &script, &run_by_run);
        // Two tokens: the second run follows at once.
        let bursts = [
            (5.1, Fact::Forwards(NEW)),
            (5.2, Fact::Forgets(OLD)),
            (20.1, Fact::Forwards(OLD)),
        ];
        check(Cluster, true, &script, &bursts);
    }

    #[test]
    fn a_terminating_pod_is_the_last_resort_as_long_as_it_serves() {
        let script = [
            (0.0, Input::Known(OLD, HERE)),
            (5.0, says(OLD, HERE, "st")),
            (10.0, says(NEW, THERE, "rs")),
            (20.0, says(NEW, THERE, "t")),
            (30.0, says(OLD, HERE, "t")),
        ];
        check(
            Cluster,
            false,
            &script,
            &[
                (10.1, Fact::Forgets(OLD)),
                (10.1, Fact::Forwards(NEW)),
                (20.1, Fact::Forgets(NEW)),
                (20.1, Fact::Forwards(OLD)),
                (30.1, Fact::Forgets(OLD)),
            ],
        );
        // Each host by itself: nobody else is here, so the pod here is kept to its end.
        check(Local, false, &script, &[(30.1, Fact::Forgets(OLD))]);
    }

    #[test]
    fn health_checks_are_passed_on_refused_dropped_or_answered() {
        let script = [
            (0.0, Input::Known(OLD, HERE)),
            (1.0, Input::NodePort(ALB, 1)),
            (2.0, Input::HealthCheckNodePort(ALB, 2)),
            (5.0, says(OLD, HERE, "st")),
            // Ready is nobody any more, and the pod still gets what comes.
            (6.0, Input::HealthCheckNodePort(ALB, 3)),
            (7.0, Input::NodePort(ALB, 4)),
            (8.0, says(OLD, HERE, "")),
            (9.0, Input::NodePort(ALB, 5)),
        ];
        let answered = |check, ok| Fact::Answered {
            node: ALB,
            check,
            ok,
        };
        let mut expected = vec![
            (1.0, Fact::PassedOn(OLD, ALB, 1)),
            (2.0, answered(2, true)),
            (6.0, answered(3, false)),
            (7.0, Fact::PassedOn(OLD, ALB, 4)),
            (8.1, Fact::Forgets(OLD)),
        ];
        check(Local, false, &script, &expected);
        expected.push((9.0, answered(5, false)));
        check(Cluster, false, &script, &expected);
    }
}
