//! What became of a request. The status is derived from the cause, never stored beside it.

use std::fmt;

/// Why the load balancer (or an impatient client) ended a request.
///
/// The list is closed: `docs/MODEL.md` has a section for each, `rollcast explain CAUSE` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The listener was closed and the pod network still up: RST at once, 502.
    Refused,
    /// The pod network was gone and the node answered so: 502 after about 3 s.
    HostUnreachable,
    /// The process died with the request outstanding: 502.
    ResetInFlight,
    /// The request crossed the target's FIN on a reused connection: 502.
    KeepAliveRace,
    /// The deregistration delay ran out under a request in flight: 502.
    CutByDeregistration,
    /// The ALB node knew no target, or none but new ones that it does not use: 503.
    NoTarget,
    /// The pod network was gone and packets were lost: 504 after the connect time-out (10 s).
    ConnectTimeout,
    /// Connected, but no answer within the idle time-out: 504.
    ResponseTimeout,
    /// The client's own time-out came first: 460 in the access log.
    ClientGaveUp,
}

/// The end of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The target answered 200.
    Ok,
    /// The target answered with this status of its own (its 503 while it shuts down is not the ALB's 503).
    Target(u16),
    /// The load balancer answered for it.
    Alb(Cause),
}

impl Cause {
    /// All causes, in the order of every table.
    pub const ALL: [Cause; 9] = [
        Cause::Refused,
        Cause::HostUnreachable,
        Cause::ResetInFlight,
        Cause::KeepAliveRace,
        Cause::CutByDeregistration,
        Cause::NoTarget,
        Cause::ConnectTimeout,
        Cause::ResponseTimeout,
        Cause::ClientGaveUp,
    ];

    /// The status the client sees (460: what the access log says when the client left).
    pub const fn status(self) -> u16 {
        match self {
            Cause::Refused
            | Cause::HostUnreachable
            | Cause::ResetInFlight
            | Cause::KeepAliveRace
            | Cause::CutByDeregistration => 502,
            Cause::NoTarget => 503,
            Cause::ConnectTimeout | Cause::ResponseTimeout => 504,
            Cause::ClientGaveUp => 460,
        }
    }

    /// The name used in every output: `connect-timeout`.
    pub const fn name(self) -> &'static str {
        match self {
            Cause::Refused => "refused",
            Cause::HostUnreachable => "host-unreachable",
            Cause::ResetInFlight => "reset-in-flight",
            Cause::KeepAliveRace => "keep-alive-race",
            Cause::CutByDeregistration => "cut-by-deregistration",
            Cause::NoTarget => "no-target",
            Cause::ConnectTimeout => "connect-timeout",
            Cause::ResponseTimeout => "response-timeout",
            Cause::ClientGaveUp => "client-gave-up",
        }
    }

    /// What happened, in a sentence without its full stop.
    pub const fn meaning(self) -> &'static str {
        match self {
            Cause::Refused => "the listener was closed and the pod network still up: RST at once",
            Cause::HostUnreachable => {
                "the pod network was gone and the node answered so: after about 3 s"
            }
            Cause::ResetInFlight => "the process died (exit, SIGKILL) with the request outstanding",
            Cause::KeepAliveRace => "the request crossed the target's FIN on a reused connection",
            Cause::CutByDeregistration => {
                "the deregistration delay ran out under a request in flight"
            }
            Cause::NoTarget => {
                "the ALB node knew no target, or none but new ones that it does not use"
            }
            Cause::ConnectTimeout => {
                "the pod network was gone and packets were lost: after the connect time-out, 10 s"
            }
            Cause::ResponseTimeout => "connected, but no answer within the idle time-out",
            Cause::ClientGaveUp => "the client's own time-out came first",
        }
    }

    /// Its row in [`Cause::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl Verdict {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Verdict::Ok => 200,
            Verdict::Target(status) => status,
            Verdict::Alb(cause) => cause.status(),
        }
    }

    /// The cause's name, `target` for the application's own answer, nothing for a success.
    pub const fn cause_name(self) -> Option<&'static str> {
        match self {
            Verdict::Ok => None,
            Verdict::Target(_) => Some("target"),
            Verdict::Alb(cause) => Some(cause.name()),
        }
    }

    /// Whether the user saw a 5xx. A client that gave up saw no status at all.
    pub const fn is_5xx(self) -> bool {
        self.status() >= 500
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_the_declaration() {
        for (row, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(cause.index(), row);
        }
    }
}
