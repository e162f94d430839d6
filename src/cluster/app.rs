//! The application's process. It believes nothing: it is the truth.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actor::{Actor, Outbox};
use crate::cluster::pod::ProbeKind;
use crate::dist::{Dist, LogNormal};
use crate::id::{AlbNodeId, NodeId, PodId, TargetId};
use crate::random::{Purpose, Stream, pair};
use crate::setting::{
    form::{self, formed, named},
    settings,
};
use crate::time::{Span, Time};

settings! {
    /// What the process does (`[app]`).
    AppSpec in "app" {
        /// A named, sourced set of the keys below; keys given beside it win.
        profile: Option<String> = None, Documented "rollcast explain profiles";
        /// Container running → listening and answering probes.
        start_up: Dist = Dist::LogNormal(LogNormal::p50_p99(Span::from_secs(12), Span::from_secs(20))), Assumed "a Spring Boot service of middling size; give your own";
        /// At SIGTERM: `exit` (everything closes at once), `drain` (stop listening, finish what is in flight), `keep_serving` (serve on until `shutdown` is over) or `ignore` (serve until SIGKILL).
        on_sigterm: OnSigterm = OnSigterm::Exit, Assumed "the default action of SIGTERM; as PID 1 without a handler a process ignores it";
        /// From SIGTERM to process exit beyond the drain; with `keep_serving` the whole time.
        shutdown: Dist = Dist::constant(Span::ZERO), Assumed "a process that has nothing to do exits at once";
        /// From SIGTERM until the listener closes, answering 503 meanwhile (Spring Boot publishes REFUSING_TRAFFIC first).
        refusing: Span = Span::ZERO, Assumed "most servers close the listener first";
        /// A drain gives up after this and resets what is still in flight.
        drain_timeout: Span = Span::from_secs(30), Documented "spring.lifecycle.timeout-per-shutdown-phase, Spring Boot LifecycleProperties";
        /// Idle connections are closed by the app after this; 0 s: one request a connection.
        keep_alive: Span = Span::from_secs(60), Documented "Tomcat keepAliveTimeout = connectionTimeout, 60 s";
        /// How long a request takes the application.
        service_time: Dist = Dist::LogNormal(LogNormal::p50_p99(Span::from_millis(14), Span::from_millis(120))), Measured "2023 load test, after: p50 13.8 ms, p99 121.8 ms";
        /// Requests served at once, at least 1; absent: any number. The others wait, first come first served, and are served even if nobody waits for the answer any more.
        concurrency: Option<u32> = None, (at least 1) Assumed "a server far from its limits; Tomcat has 200 threads (server.tomcat.threads.max)";
        /// With `concurrency`: if so many requests wait, the SYN of a new connection is dropped, and sent again after 1 s, 3 s and 7 s.
        backlog: u32 = 100, Documented "Tomcat acceptCount 100; Node 511, nginx 511, gunicorn 2048; Linux net.core.somaxconn 4096 caps them";
        /// A process that has just come up is slower: `{ factor = 3.0, over = "30s" }` takes three times as long at first, and linearly less until 30 s after it listens; absent: it is as fast as ever.
        cold_start: Option<ColdStart> = None, Assumed "depends on the runtime: just-in-time compilers and empty caches are slow at first";
        /// Whether answers after SIGTERM carry `Connection: close` (HTTP/2: GOAWAY). That says nothing to a stream.
        close_connections_on_shutdown: bool = false, Assumed "most servers do not by themselves";
        /// Whether the application ends its WebSockets and streams with a closing message at SIGTERM; otherwise they go on until they end or are cut.
        end_streams_on_shutdown: bool = false, Assumed "an application's own code, in no server's default; gunicorn cuts streams at its graceful timeout (PostHog#73863)";
    }
}

/// How slow a process is when it has just come up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColdStart {
    /// How many times as long a request takes when the process starts to listen; at least 1.
    pub factor: f64,
    /// After so long it is as fast as ever.
    pub over: Span,
}

/// What a process does at SIGTERM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSigterm {
    /// Listener and connections close at once; the process ends after `shutdown`.
    Exit,
    /// Stops listening, finishes what is in flight, then ends after `shutdown`.
    Drain,
    /// Serves on, new connections too, until `shutdown` is over.
    KeepServing,
    /// Serves until SIGKILL.
    Ignore,
}

/// What a new connection to the pod's port meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Socket {
    /// No pod network: packets are lost (or the node answers "host unreachable").
    #[default]
    Silent,
    /// The pod network is up, nobody listens: RST.
    Closed,
    /// The application answers.
    Serving,
    /// The application answers 503 of its own: it is shutting down.
    Refusing,
}

/// What became of a probe or a health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A success.
    Ok,
    /// A refusal, at once: RST, or a 503.
    Failed,
    /// Silence: whoever asked waits until its own time-out.
    None,
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The kubelet of its host.
    Probe(NodeId, ProbeKind),
    /// A node of the load balancer, about one of its targets, with the number of its check.
    HealthCheck(AlbNodeId, TargetId, u32),
}

/// What happens to processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The kubelet of a host started the container, for the `n`-th time.
    Started(PodId, NodeId, u32),
    /// Own timer: start-up of this run is over.
    Listen(PodId, u32),
    /// The preStop hook tells the server to stop listening, to finish what is in flight and to end.
    Drain(PodId),
    /// The kubelet, or the preStop hook, sent SIGTERM.
    Sigterm(PodId),
    /// The kubelet sent SIGKILL.
    Sigkill(PodId),
    /// Own timer: the listener closes.
    Close(PodId, u32),
    /// Own timer: the drain is over.
    Drained(PodId, u32),
    /// Own timer: this run ends.
    Exit(PodId, u32),
    /// The kubelet removed the pod's network.
    NetworkRemoved(PodId),
    /// The pod's host is gone: neither the process nor its kernel says anything any more.
    HostLost(PodId),
    /// Somebody asks whether the app is well.
    Ask(PodId, Question),
}

/// The truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// What a new connection meets from now on.
    Socket(PodId, NodeId, Socket),
    /// Every request in flight was reset.
    Reset(PodId),
    /// The process ended, on this host.
    Exited(PodId, NodeId),
    /// The answer to a question.
    Answered(PodId, Question, Answer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Absent,
    Starting,
    Up,
    Stopping,
    Ended,
}

#[derive(Debug, Clone, Copy)]
struct Process {
    node: NodeId,
    stage: Stage,
    socket: Socket,
    run: u32,
    /// Whether it finishes what is in flight before it ends.
    drains: bool,
    /// When a drain is given up.
    deadline: Time,
}

impl Process {
    const ABSENT: Process = Process {
        node: NodeId(0),
        stage: Stage::Absent,
        socket: Socket::Silent,
        run: 0,
        drains: false,
        deadline: Time::NEVER,
    };
}

/// What a revision's processes do, beyond their spec.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Program {
    /// Its spec.
    pub spec: AppSpec,
    /// Listens, but answers 503 for ever.
    pub never_ready: bool,
    /// Ends by itself this long after it listens.
    pub crash_after: Option<Dist>,
    /// Requests a second to one pod, which decide how long a drain lasts.
    pub rate_per_pod: f64,
    /// Streams that a drain waits for as well: so many a second to one pod, and how long they last.
    pub streams: Option<(f64, Dist)>,
}

/// The processes of all pods.
#[derive(Debug)]
pub struct Apps {
    programs: Vec<Program>,
    processes: Vec<Process>,
}

impl Apps {
    /// Processes of these revisions' programs.
    pub const fn new(programs: Vec<Program>) -> Apps {
        Apps {
            programs,
            processes: Vec::new(),
        }
    }

    /// No processes again.
    pub fn reset(&mut self) {
        self.processes.clear();
    }

    /// A process that has been serving since before the run started.
    pub fn seed(&mut self, pod: PodId, node: NodeId) {
        *self.process(pod) = Process {
            node,
            stage: Stage::Up,
            socket: Socket::Serving,
            ..Process::ABSENT
        };
    }

    fn process(&mut self, pod: PodId) -> &mut Process {
        if self.processes.len() <= pod.index() {
            self.processes.resize(pod.index() + 1, Process::ABSENT);
        }
        &mut self.processes[pod.index()]
    }

    fn set_socket(&mut self, pod: PodId, socket: Socket, out: &mut Outbox<'_, Input, Fact>) {
        let process = self.process(pod);
        if process.socket != socket {
            process.socket = socket;
            out.say(Fact::Socket(pod, process.node, socket));
        }
    }

    fn start(&mut self, pod: PodId, node: NodeId, run: u32, out: &mut Outbox<'_, Input, Fact>) {
        let process = self.process(pod);
        (process.stage, process.node, process.run) = (Stage::Starting, node, run);
        self.set_socket(pod, Socket::Closed, out);
        let mut stream = out
            .streams()
            .at(Purpose::StartUp, pair(pod.index() as u64, u64::from(run)));
        let start_up = self.programs[usize::from(pod.revision().0)]
            .spec
            .start_up
            .sample(&mut stream);
        out.wake(start_up, Input::Listen(pod, run));
    }

    fn listen(&mut self, pod: PodId, run: u32, out: &mut Outbox<'_, Input, Fact>) {
        self.process(pod).stage = Stage::Up;
        let never_ready = self.programs[usize::from(pod.revision().0)].never_ready;
        self.set_socket(
            pod,
            if never_ready {
                Socket::Refusing
            } else {
                Socket::Serving
            },
            out,
        );
        if let Some(crash_after) = &self.programs[usize::from(pod.revision().0)].crash_after {
            let mut stream = out
                .streams()
                .at(Purpose::Crash, pair(pod.index() as u64, u64::from(run)));
            out.wake(crash_after.sample(&mut stream), Input::Exit(pod, run));
        }
    }

    /// SIGTERM.
    fn terminate(&mut self, now: Time, pod: PodId, out: &mut Outbox<'_, Input, Fact>) {
        let on_sigterm = self.programs[usize::from(pod.revision().0)].spec.on_sigterm;
        let Process {
            stage, run, drains, ..
        } = *self.process(pod);
        if stage == Stage::Stopping && drains && on_sigterm == OnSigterm::Exit {
            // The hook began a drain, and did not wait for its end (nginx: TERM after QUIT is a fast shutdown).
            self.process(pod).drains = false;
            return self.close(now, pod, run, out);
        }
        self.stop(now, pod, on_sigterm, out);
    }

    /// Stops as it is told. The handler was installed before anything else: a process that is still starting obeys too.
    fn stop(
        &mut self,
        now: Time,
        pod: PodId,
        on_sigterm: OnSigterm,
        out: &mut Outbox<'_, Input, Fact>,
    ) {
        let Process { stage, run, .. } = *self.process(pod);
        if !matches!(stage, Stage::Starting | Stage::Up) {
            return;
        }
        let spec = &self.programs[usize::from(pod.revision().0)].spec;
        let (refusing, drain_timeout) = (spec.refusing, spec.drain_timeout);
        let shutdown = spec
            .shutdown
            .sample(&mut out.streams().at(Purpose::Shutdown, pod.index() as u64));
        match on_sigterm {
            OnSigterm::Ignore => {}
            OnSigterm::KeepServing => {
                self.process(pod).stage = Stage::Stopping;
                out.wake(shutdown, Input::Exit(pod, run));
            }
            OnSigterm::Exit | OnSigterm::Drain if stage == Stage::Starting => {
                self.process(pod).stage = Stage::Stopping;
                self.end_after_shutdown(pod, run, out);
            }
            OnSigterm::Exit | OnSigterm::Drain => {
                let process = self.process(pod);
                process.stage = Stage::Stopping;
                process.drains = on_sigterm == OnSigterm::Drain;
                process.deadline = now + drain_timeout;
                if refusing == Span::ZERO {
                    self.close(now, pod, run, out);
                } else {
                    self.set_socket(pod, Socket::Refusing, out);
                    out.wake(refusing, Input::Close(pod, run));
                }
            }
        }
    }

    /// The listener closes; what is in flight is reset or drained.
    fn close(&mut self, now: Time, pod: PodId, run: u32, out: &mut Outbox<'_, Input, Fact>) {
        self.set_socket(pod, Socket::Closed, out);
        let Process {
            deadline, drains, ..
        } = *self.process(pod);
        let program = &self.programs[usize::from(pod.revision().0)];
        if !drains {
            out.say(Fact::Reset(pod));
            return self.end_after_shutdown(pod, run, out);
        }
        let mut stream = out.streams().at(Purpose::Drain, pod.index() as u64);
        let drained = now + drain_length(program, &mut stream);
        out.wake_at(drained.min(deadline), Input::Drained(pod, run));
    }

    /// A drain is over: everything finished, or it was given up.
    fn drained(&mut self, now: Time, pod: PodId, run: u32, out: &mut Outbox<'_, Input, Fact>) {
        if now >= self.process(pod).deadline {
            out.say(Fact::Reset(pod));
        }
        self.end_after_shutdown(pod, run, out);
    }

    fn end_after_shutdown(&mut self, pod: PodId, run: u32, out: &mut Outbox<'_, Input, Fact>) {
        let spec = &self.programs[usize::from(pod.revision().0)].spec;
        let shutdown = spec
            .shutdown
            .sample(&mut out.streams().at(Purpose::Shutdown, pod.index() as u64));
        out.wake(shutdown, Input::Exit(pod, run));
    }

    /// The process is gone. The kernel answers RST as long as the pod's network stands.
    fn exit(&mut self, pod: PodId, out: &mut Outbox<'_, Input, Fact>) {
        let was_drained = {
            let Process { stage, socket, .. } = *self.process(pod);
            stage == Stage::Stopping && socket == Socket::Closed
        };
        self.process(pod).stage = Stage::Ended;
        self.set_socket(pod, Socket::Closed, out);
        if !was_drained {
            out.say(Fact::Reset(pod));
        }
        out.say(Fact::Exited(pod, self.process(pod).node));
    }

    /// SIGKILL: nothing is drained any more.
    fn kill(&mut self, pod: PodId, out: &mut Outbox<'_, Input, Fact>) {
        self.process(pod).stage = Stage::Ended;
        self.set_socket(pod, Socket::Closed, out);
        out.say(Fact::Reset(pod));
        out.say(Fact::Exited(pod, self.process(pod).node));
    }

    fn answer(&mut self, pod: PodId) -> Answer {
        match self.process(pod).socket {
            Socket::Silent => Answer::None,
            Socket::Closed | Socket::Refusing => Answer::Failed,
            Socket::Serving => Answer::Ok,
        }
    }

    /// Whether a timer belongs to the process that runs now.
    fn is_current(&mut self, pod: PodId, run: u32, stage: Stage) -> bool {
        let process = self.process(pod);
        process.run == run && process.stage == stage
    }
}

/// How long a graceful drain lasts: until the last request in flight has ended.
///
/// With Poisson arrivals at rate λ and service times F, P(drained by t) = exp(−λ ∫ₜ^∞ (1−F(u)) du)
/// (M/G/∞: Eick, Massey, Whitt 1993). Inverted by bisection, to the millisecond.
fn drain_length(program: &Program, stream: &mut Stream) -> Span {
    let unit = -(1.0 - stream.uniform()).ln();
    // A closing message has ended the streams.
    let streams = program
        .streams
        .as_ref()
        .filter(|_| !program.spec.end_streams_on_shutdown);
    let in_flight = |t: Span| {
        let streams = streams.map_or(0.0, |(rate, length)| rate * length.mean_excess(t));
        program.rate_per_pod * program.spec.service_time.mean_excess(t) + streams
    };
    if in_flight(Span::ZERO) <= unit {
        return Span::ZERO;
    }
    let (mut low, mut high) = (Span::ZERO, Span::from_millis(64));
    while in_flight(high) > unit {
        (low, high) = (high, high * 2);
    }
    while high.saturating_sub(low) > Span::from_millis(1) {
        let middle = Span::from_micros(low.as_micros().midpoint(high.as_micros()));
        if in_flight(middle) > unit {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

impl Actor for Apps {
    type Input = Input;
    type Fact = Fact;

    fn handle(&mut self, now: Time, input: Input, out: &mut Outbox<'_, Input, Fact>) {
        match input {
            Input::Started(pod, node, run) => self.start(pod, node, run, out),
            Input::Listen(pod, run) if self.is_current(pod, run, Stage::Starting) => {
                self.listen(pod, run, out);
            }
            Input::Sigterm(pod) => self.terminate(now, pod, out),
            Input::Drain(pod) => self.stop(now, pod, OnSigterm::Drain, out),
            Input::Sigkill(pod) if self.process(pod).stage != Stage::Ended => self.kill(pod, out),
            Input::Close(pod, run) if self.is_current(pod, run, Stage::Stopping) => {
                self.close(now, pod, run, out);
            }
            Input::Drained(pod, run) if self.is_current(pod, run, Stage::Stopping) => {
                self.drained(now, pod, run, out);
            }
            Input::Exit(pod, run)
                if self.process(pod).run == run && self.process(pod).stage != Stage::Ended =>
            {
                self.exit(pod, out);
            }
            Input::NetworkRemoved(pod) => self.set_socket(pod, Socket::Silent, out),
            Input::HostLost(pod) => {
                self.process(pod).stage = Stage::Ended;
                self.set_socket(pod, Socket::Silent, out);
            }
            Input::Ask(pod, question) => out.say(Fact::Answered(pod, question, self.answer(pod))),
            Input::Listen(..)
            | Input::Sigkill(_)
            | Input::Close(..)
            | Input::Drained(..)
            | Input::Exit(..) => {}
        }
    }
}

named!(OnSigterm);

formed! {
    ColdStart => form::table(
        json!({ "factor": form::narrowed(f64::form(), "at least 1, at most 1000000"), "over": form::span() }),
        &["factor", "over"],
    );
}
