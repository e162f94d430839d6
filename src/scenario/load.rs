//! Who sends requests, and how fast (`[load]`).

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::dist::Dist;
use crate::setting::{
    form::{self, formed, named},
    settings,
};
use crate::time::Span;

settings! {
    /// The load (`[load]`): an open loop, or with `workers` a closed one.
    LoadSpec in "load" {
        /// A named, sourced set of the keys below; keys given beside it win: `vegeta`, `wrk`, `siege`, `curl-loop`, `k6`, `bombardier` or `fortio`.
        client: Option<String> = None, Documented "rollcast explain clients";
        /// Requests a second to the whole service; without meaning for `workers`.
        rate: f64 = 100.0, (at least 0) Assumed "the published load tests' rate; give your own";
        /// How the rate changes: `constant`, `{ ramp = { to = 200.0 } }` (linearly from `rate` over the whole load, which must have a `duration`) or `{ sine = { to = 200.0, period = "60s" } }` (from `rate` to `to` and back).
        shape: Shape = Shape::Constant, Assumed "a rollout in the plain of a load; give your own";
        /// `constant` (evenly spaced) or `poisson`.
        pacing: Pacing = Pacing::Constant, Assumed "what vegeta does";
        /// A closed loop of so many workers, at least 1, each of which sends a request, awaits the answer, thinks, and sends the next; absent: an open loop.
        workers: Option<u32> = None, (at least 1, at most 1000000) Assumed "an open loop: users do not wait for each other";
        /// With `workers`: from an answer to the worker's next request.
        think_time: Dist = Dist::constant(Span::ZERO), Assumed "load generators send at once unless told otherwise";
        /// Whether the client keeps its connections to the load balancer, and so stays with their nodes; absent: it does with `workers`, and in an open loop every request comes from somebody else.
        reuse_connections: Option<bool> = None, Assumed "a worker is one user, an open loop is many";
        /// Nodes of the load balancer that the client knows: `all`, or so many; 1 pins it to one node.
        client_nodes: ClientNodes = ClientNodes::All, Documented "DNS returns the addresses of all nodes (AWS guide, application-load-balancers)";
        /// How long the load lasts; absent: in each replication until the rollout is over for the load balancer, too, and as long as a client is patient beyond that.
        duration: Option<Span> = None, (above 0) Assumed "the load meets the whole rollout";
        /// The rollout starts this long after the load.
        rollout_at: Span = Span::from_secs(10), Assumed "long enough to see the steady state";
        /// The client gives up after this; each attempt has as long.
        client_timeout: Span = Span::from_secs(30), (above 0) Documented "vegeta -timeout";
        /// How often the client repeats a request that was answered 502, 503 or 504, 0 to 100; only what it is told in the end counts.
        retries: u8 = 0, (at most 100) Documented "load generators and browsers do not repeat an answered request";
        /// With `retries`: from a failure to the next attempt.
        retry_backoff: Dist = Dist::constant(Span::ZERO), Assumed "at once; give your client's own";
        /// With `retries`: the share of requests that may be repeated at all, from 0 to 1.
        idempotent_share: f64 = 1.0, (at least 0, at most 1) Assumed "load tests send GET; RFC 9110, 9.2.2 forbids to repeat others blindly";
        /// The share of requests that are WebSockets or streams, from 0 to 1: nobody loses patience with them, and their latency is how long they last.
        stream_share: f64 = 0.0, (at least 0, at most 1) Assumed "plain requests and answers";
        /// With `stream_share`: how long a stream lasts unless it is cut.
        stream_length: Dist = Dist::Exponential(Span::from_secs(300)), Assumed "five minutes on average; give your own";
    }
}

/// How requests are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pacing {
    /// One every 1/rate.
    Constant,
    /// Independent of each other: exponential gaps.
    Poisson,
}

/// How the rate of an open loop changes over the load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    /// It does not.
    Constant,
    /// Linearly, over the whole load.
    Ramp {
        /// The rate at the end, in requests a second.
        to: f64,
    },
    /// As a sine, from its trough.
    Sine {
        /// The rate half a period later, in requests a second.
        to: f64,
        /// From trough to trough.
        period: Span,
    },
}

/// Nodes of the load balancer that a client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientNodes {
    /// All of them.
    All,
    /// So many.
    #[serde(untagged)]
    Known(u8),
}

impl LoadSpec {
    /// Requests a second on average, if an answer takes `answer` seconds. In a closed loop that is
    /// its throughput law, N / (Z + S).
    pub fn mean_rate(&self, answer: f64) -> f64 {
        match (self.workers, self.shape) {
            // A microsecond, so that workers which neither think nor wait are no division by zero.
            (Some(workers), _) => f64::from(workers) / (self.think_time.mean() + answer).max(1e-6),
            (None, Shape::Constant) => self.rate,
            (None, Shape::Ramp { to } | Shape::Sine { to, .. }) => (self.rate + to) / 2.0,
        }
    }

    /// Requests a second, if they are as many all the time.
    pub fn constant_rate(&self) -> Option<f64> {
        match (self.workers, self.shape) {
            (None, Shape::Constant) => Some(self.rate),
            _ => None,
        }
    }

    /// How long a client waits at most until it is told how a request ended.
    pub fn patience(&self) -> Span {
        self.client_timeout * (u64::from(self.retries) + 1)
    }

    /// Whether the load is still on so long after the rollout's start.
    pub(super) fn covers(&self, after_start: Span) -> bool {
        self.duration
            .is_none_or(|duration| self.rollout_at + after_start < duration)
    }

    /// What is said of something that the load does not cover, after when it comes.
    pub(super) fn too_late(&self) -> String {
        let duration = self
            .duration
            .map_or_else(String::new, |duration| format!(" of {duration}"));
        format!("at {}, when the load{duration} is over", self.rollout_at)
    }

    /// How many of the load balancer's nodes requests are sent to, at least 1: the first ones.
    pub fn nodes_known(&self, nodes: u8) -> usize {
        usize::from(match self.client_nodes {
            ClientNodes::All => nodes.max(1),
            ClientNodes::Known(known) => known.clamp(1, nodes.max(1)),
        })
    }

    /// Whether the client keeps its connections to the load balancer.
    pub fn reuses_connections(&self) -> bool {
        self.reuse_connections.unwrap_or(self.workers.is_some())
    }
}

named!(Pacing);

formed! {
    Shape => json!({ "anyOf": [
        { "const": "constant" },
        form::table(json!({ "ramp": form::table(json!({ "to": form::narrowed(f64::form(), "at least 0") }), &["to"]) }), &["ramp"]),
        form::table(
            json!({ "sine": form::table(json!({ "to": form::narrowed(f64::form(), "at least 0"), "period": form::narrowed(form::span(), "above 0") }), &["to", "period"]) }),
            &["sine"],
        ),
    ] });
    ClientNodes => json!({ "anyOf": [{ "const": "all" }, form::narrowed(u8::form(), "at least 1")] });
}
