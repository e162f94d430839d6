//! What each cause looks like from outside: in the load balancer's access log, and to a stopwatch.
//!
//! The fields are those of the AWS guide for Application Load Balancers, "Access logs": a processing
//! time is −1 where the request did not get that far, `target_status_code` is "-" unless the target
//! answered. `error_reason` speaks of Lambda targets and authentication only.

use crate::verdict::Cause;

/// One line of an access log, as far as it tells causes apart.
pub(super) struct LogLine {
    /// `target:port`.
    pub target: &'static str,
    /// `request_processing_time`, `target_processing_time`, `response_processing_time`.
    pub times: &'static str,
    /// What else tells it from its neighbours.
    pub otherwise: &'static str,
}

/// What is known of a cause beyond [`Cause::meaning`].
pub(super) struct Explanation {
    /// The cause.
    pub cause: Cause,
    /// What happened, step by step.
    pub story: &'static str,
    /// How the access log shows it.
    pub log: LogLine,
    /// What removes it, the surest first.
    pub remedies: &'static [&'static str],
}

const LOG_OF_A_CONNECT: &str = "-1 -1 -1: the request was never handed to the target";
const LOG_OF_A_DEATH: &str = "0.00x <time> -1: handed over, and never answered";
const SLEEP: &str = "pod.pre_stop: sleep until every node of the load balancer has stopped choosing the pod (20 s is enough in most places, 40 s in nearly all)";
const GRACE: &str =
    "pod.termination_grace_period: above preStop + the longest request, or SIGKILL cuts both short";

/// What is known of a cause.
pub(super) fn of(cause: Cause) -> &'static Explanation {
    EXPLANATIONS
        .iter()
        .find(|row| row.cause == cause)
        .expect("every cause has a row: a test explains them all")
}

const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        cause: Cause::Refused,
        story: "The pod got SIGTERM and closed its listener, but its network still stood: the kernel answered the load balancer's SYN with RST. The node had not yet learned of the deregistration. There is no retry.",
        log: LogLine {
            target: "the pod's IP and port",
            times: LOG_OF_A_CONNECT,
            otherwise: "over within milliseconds (compare `time` and `request_creation_time`); CloudWatch counts it in TargetConnectionErrorCount",
        },
        remedies: &[
            SLEEP,
            "app.on_sigterm = \"keep_serving\": an application that serves for so long after SIGTERM needs no preStop",
            GRACE,
        ],
    },
    Explanation {
        cause: Cause::HostUnreachable,
        story: "The pod's network was gone, and its host answered the SYN with \"host unreachable\" once nobody claimed the address: ARP gives up after about three seconds. Some clusters do this, others lose the packets (`connect-timeout`).",
        log: LogLine {
            target: "the pod's IP and port",
            times: LOG_OF_A_CONNECT,
            otherwise: "takes 3.07 to 3.19 s, unlike `refused`; TargetConnectionErrorCount",
        },
        remedies: &[SLEEP, GRACE],
    },
    Explanation {
        cause: Cause::ResetInFlight,
        story: "The pod had the request and died before it answered: it ended at SIGTERM without draining, gave its drain up, crashed, or was killed when the grace period ran out.",
        log: LogLine {
            target: "the pod's IP and port",
            times: LOG_OF_A_DEATH,
            otherwise: "many in the same instant, one for each request in flight; target_processing_time is how long each had run",
        },
        remedies: &[
            "app.on_sigterm = \"drain\": stop listening, finish what is in flight, then end",
            "app.drain_timeout: above the longest request",
            GRACE,
        ],
    },
    Explanation {
        cause: Cause::KeepAliveRace,
        story: "The load balancer sent the request on a kept connection in the same moment in which the target closed it: request and FIN crossed on the wire. It also happens without any rollout if the application's keep-alive is shorter than the load balancer's idle time-out.",
        log: LogLine {
            target: "the pod's IP and port",
            times: LOG_OF_A_DEATH,
            otherwise: "target_processing_time is about one round trip, 0.001; rare and spread over time where keep-alive is too short, at the moment of SIGTERM where it is not",
        },
        remedies: &[
            "app.keep_alive: above load_balancer.idle_timeout",
            "app.close_connections_on_shutdown = true: answers after SIGTERM say `Connection: close`, so that the load balancer lets go of the connection first",
            SLEEP,
        ],
    },
    Explanation {
        cause: Cause::CutByDeregistration,
        story: "The request was still in flight when the target's deregistration delay ran out; the load balancer hung up on the target and answered 502.",
        log: LogLine {
            target: "the pod's IP and port",
            times: LOG_OF_A_DEATH,
            otherwise: "all of them exactly the deregistration delay after DeregisterTargets; the pod itself is well",
        },
        remedies: &[
            "target_group.deregistration_delay: above the longest request",
            "shorter requests; a stream that the client reopens",
        ],
    },
    Explanation {
        cause: Cause::NoTarget,
        story: "The node knew no target: it had learned of the deregistration of the last old one before it knew the first new one, or before a check of a new one had passed, and it is not known whether nodes use targets that are still `initial`. Unhealthy targets do not cause it, since the load balancer fails open to them.",
        log: LogLine {
            target: "\"-\"",
            times: "-1 -1 -1",
            otherwise: "the only one without a target; if target_status_code is 503 as well, it is the application's own answer instead (`target`)",
        },
        remedies: &[
            "pod.readiness_gate = true: an old pod is not deleted before a new one is healthy in the target group",
            "deployment.max_unavailable = 0 with deployment.max_surge of at least 1; not strategy \"Recreate\"",
            "more than one replica",
        ],
    },
    Explanation {
        cause: Cause::ConnectTimeout,
        story: "The pod's network was gone and nothing answered the SYN; the load balancer gave up after its connect time-out, 10 s, which cannot be changed. One such request costs a user ten seconds, and a closed-loop client that long, too.",
        log: LogLine {
            target: "the pod's IP and port",
            times: LOG_OF_A_CONNECT,
            otherwise: "takes 10.0 to 10.2 s; a client with less patience shows as 460 (`client-gave-up`); TargetConnectionErrorCount",
        },
        remedies: &[
            SLEEP,
            GRACE,
            "lbc.version: a current one, which deregisters sooner",
        ],
    },
    Explanation {
        cause: Cause::ResponseTimeout,
        story: "The target took the request and did not answer within the load balancer's idle time-out: it hung, or its network went while it worked and no reset could be heard.",
        log: LogLine {
            target: "the pod's IP and port",
            times: "0.00x -1 -1: handed over, and never answered",
            otherwise: "takes the idle time-out, 60 s unless changed, not 10 s",
        },
        remedies: &[
            GRACE,
            "app.on_sigterm = \"drain\": a process that ends in order resets nothing and loses nothing",
            "load_balancer.idle_timeout: above the longest request",
        ],
    },
    Explanation {
        cause: Cause::ClientGaveUp,
        story: "The client closed its connection before there was an answer. During a rollout the target would mostly have been one that is gone: with a time-out below 10 s, clients turn 504s into their own time-outs.",
        log: LogLine {
            target: "the pod's IP and port",
            times: "-1 -1 -1 while connecting, 0.00x -1 -1 after",
            otherwise: "elb_status_code 460; the client itself saw no status",
        },
        remedies: &[
            "what removes `connect-timeout` and `response-timeout`",
            "load.client_timeout: above 10 s, to see what happens",
        ],
    },
];
