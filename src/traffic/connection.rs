//! What a request finds at a target: a kept connection, an open listener, a closed one, or silence.
//!
//! A node keeps connections to every target and takes the one used last. Remembered is only until
//! when that one would be kept, so a pool never runs short: a request that would find all kept
//! connections busy is spared the round trip of one more.

use crate::aws::alb_node::{HostUnreachableShare, RemovedIp};
use crate::cluster::app::AppSpec;
use crate::dist::LogNormal;
use crate::observe::timeline::{PodRecord, Socket};
use crate::random::{Purpose, Streams};
use crate::time::{Span, Time};

/// After so long a lost SYN is sent again: one second, doubling (Linux `TCP_TIMEOUT_INIT`).
pub(super) const SYN_RETRIES: [Span; 3] =
    [Span::from_secs(1), Span::from_secs(3), Span::from_secs(7)];

/// What a target's port does at an instant, and when that changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Port {
    /// What a new connection meets.
    pub(super) socket: Socket,
    /// The first instant at which this view is out of date.
    pub(super) until: Time,
    /// Since when the listener has been open; if it is not, since when it last was. Older
    /// connections are dead.
    pub(super) opened: Time,
    /// When the target closes, or closed, its side of the connections made since.
    fin: Time,
    /// When the requests now in flight are reset.
    pub(super) reset: Time,
    /// When the pod's network goes under a process that still listens: answers are lost from then on.
    pub(super) silence: Time,
}

/// How a request gets to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// On a kept connection.
    Kept,
    /// On a new connection.
    New,
    /// On a kept connection, crossing the target's FIN.
    Crossing,
    /// On a kept connection to a pod whose network went without a word.
    Lost,
}

/// How long a connection is kept without a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeepAlive {
    idle: Span,
    /// Whether the application closes it, not the load balancer.
    by_app: bool,
}

/// Connects that meet nobody.
#[derive(Debug, Clone, Copy)]
pub(super) struct Silence {
    unreachable_share: f64,
    overshoot: LogNormal,
}

impl Port {
    /// A port of which nothing has been looked at yet.
    pub(super) const UNSEEN: Port = Port {
        socket: Socket::Silent,
        until: Time::ZERO,
        opened: Time::NEVER,
        fin: Time::NEVER,
        reset: Time::NEVER,
        silence: Time::NEVER,
    };

    /// Looks at a pod at an instant. A target without a pod is silent for good.
    pub(super) fn look(pod: Option<&PodRecord>, at: Time) -> Port {
        let Some(pod) = pod else {
            return Port {
                until: Time::NEVER,
                ..Port::UNSEEN
            };
        };
        let mut port = Port {
            until: Time::NEVER,
            ..Port::UNSEEN
        };
        let mut open = false;
        for &(from, socket) in &pod.sockets {
            if from > at {
                port.until = port.until.min(from);
                // A process that closed in order has answered what was in flight, whatever follows.
                if open && socket == Socket::Silent {
                    port.silence = port.silence.min(from);
                }
            } else {
                port.socket = socket;
            }
            match (open, is_open(socket)) {
                (false, true) if from <= at => (port.opened, port.fin) = (from, Time::NEVER),
                // Only a kernel that is still reachable says goodbye.
                (true, false) if port.fin == Time::NEVER && socket == Socket::Closed => {
                    port.fin = from;
                }
                _ => {}
            }
            open = is_open(socket);
        }
        port.reset = pod
            .resets
            .iter()
            .copied()
            .filter(|reset| *reset > at)
            .min()
            .unwrap_or(Time::NEVER);
        port.until = port.until.min(port.reset);
        port
    }

    /// When the target closes, or closed, its side of the connections made since it last opened.
    pub(super) const fn fin(&self) -> Time {
        self.fin
    }

    /// Whether connections of one view are dead in another.
    pub(super) fn reopened_since(&self, earlier: &Port) -> bool {
        self.opened != earlier.opened
    }

    /// How a request dispatched at `at` gets there, if the connection used last is kept until `kept_until`.
    ///
    /// `one_way` is how long a segment travels. A request crosses the FIN if it is sent before the
    /// FIN comes in and comes in after the FIN is sent.
    #[inline]
    pub(super) fn way(&self, at: Time, kept_until: Time, keep: KeepAlive, one_way: Span) -> Way {
        let closing = if keep.by_app { one_way } else { Span::ZERO };
        // An answer later than the opening proves that the connection belongs to it.
        let dead =
            kept_until <= self.opened.saturating_add(keep.idle) || at >= kept_until + closing;
        if dead || self.fin.saturating_add(one_way) <= at {
            Way::New
        } else if self.fin < at + one_way || at + closing > kept_until {
            Way::Crossing
        } else if self.socket == Socket::Silent {
            Way::Lost
        } else {
            Way::Kept
        }
    }
}

const fn is_open(socket: Socket) -> bool {
    matches!(socket, Socket::Serving | Socket::Refusing)
}

impl KeepAlive {
    /// The shorter of the application's and the load balancer's patience.
    pub(super) fn new(app: &AppSpec, idle_timeout: Span) -> KeepAlive {
        KeepAlive {
            idle: app.keep_alive.min(idle_timeout),
            by_app: app.keep_alive < idle_timeout,
        }
    }

    /// How long without a request.
    pub(super) const fn idle(self) -> Span {
        self.idle
    }

    /// Until when a connection is kept whose last answer came at `end`; [`Time::ZERO`]: not at all.
    #[inline]
    pub(super) fn until(self, end: Time) -> Time {
        if self.idle == Span::ZERO {
            Time::ZERO
        } else {
            end + self.idle
        }
    }
}

impl Silence {
    /// An ARP query is given up after three seconds (Linux `neigh/*/ucast_solicit`, `retrans_time`);
    /// easoncao.com shows 502s at 3.071 s, 3.077 s, 3.082 s and 3.188 s.
    pub(super) const UNREACHABLE_AFTER: Span = Span::from_millis(3_070);
    /// By how much an answer from the network can be later than that.
    pub(super) const UNREACHABLE_SPREAD: Span = Span::from_millis(120);

    /// The share of connects to a removed pod IP that are answered, each by itself.
    pub(super) fn new(share: HostUnreachableShare, streams: &Streams) -> Silence {
        // What kernels answer is no share: `Kernels`.
        let unreachable_share = match share.in_environment(streams) {
            RemovedIp::Silent | RemovedIp::Kernel => 0.0,
            RemovedIp::Share(share) => share,
        };
        Silence {
            unreachable_share,
            overshoot: Silence::late(),
        }
    }

    /// By how much a connect time-out is late.
    ///
    /// Above 10 s, the 2023 load test measured 5 ms, 36 ms and 177 ms at the 11 % quantile, the 82 %
    /// quantile and the greatest of its 672 time-outs.
    pub(super) fn late() -> LogNormal {
        LogNormal::new(Span::from_millis(15), 0.85)
    }

    /// Whether no connect ends as host unreachable.
    pub(super) fn is_complete(&self) -> bool {
        self.unreachable_share == 0.0
    }

    /// The share of connects that end as host unreachable before they time out.
    pub(super) fn unreachable_share(&self, connect_timeout: Span) -> f64 {
        if self.is_complete() {
            return 0.0;
        }
        let early = connect_timeout
            .saturating_sub(Silence::UNREACHABLE_AFTER)
            .as_secs_f64();
        self.unreachable_share * (early / Silence::UNREACHABLE_SPREAD.as_secs_f64()).min(1.0)
    }

    /// If this request's connect ends as host unreachable: after how long.
    pub(super) fn unreachable_after(&self, streams: &Streams, request: u64) -> Option<Span> {
        let share = self.unreachable_share;
        // Where it never does, there is nothing to draw.
        let unreachable = share > 0.0 && streams.at(Purpose::Unreachable, request).chance(share);
        unreachable.then(|| {
            let late = streams.at(Purpose::Network, request).uniform();
            Silence::UNREACHABLE_AFTER + Silence::UNREACHABLE_SPREAD.scaled(late)
        })
    }

    /// By how much this request's connect time-out is late.
    pub(super) fn overshoot(&self, streams: &Streams, request: u64) -> Span {
        self.overshoot
            .sample(&mut streams.at(Purpose::Network, request))
    }

    /// The same of several requests.
    pub(super) fn overshoot_all(
        &self,
        streams: &Streams,
        requests: impl Iterator<Item = u64>,
        late: &mut [Span],
    ) {
        let network = streams.of(Purpose::Network);
        self.overshoot
            .sample_each(requests.map(|request| network.at(request)), late);
    }
}
