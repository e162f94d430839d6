//! Clients: named, sourced sets of `[load]` keys, laid beneath the keys that a scenario gives.
//!
//! They are what each load generator does when it is told nothing.

use super::keys;
use super::layer::Layer;
use super::profile::{Row, rows_layer};
use crate::setting::Grade;

/// What a load generator does.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// Its name: `load.client`.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// The keys that it gives, without `load.`.
    pub rows: &'static [Row],
}

const fn documented(key: &'static str, value: &'static str, source: &'static str) -> Row {
    Row {
        key,
        value,
        grade: Grade::Documented,
        source,
    }
}

const fn assumed(key: &'static str, value: &'static str, source: &'static str) -> Row {
    Row {
        key,
        value,
        grade: Grade::Assumed,
        source,
    }
}

/// All clients, in the order of docs/MODEL.md.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "vegeta",
        about: "an open loop, evenly spaced, on kept connections",
        rows: &[
            documented("rate", "50.0", "vegeta attack -rate, default 50 a second"),
            documented(
                "pacing",
                "\"constant\"",
                "vegeta lib/pacer.go, ConstantPacer",
            ),
            documented(
                "reuse_connections",
                "true",
                "vegeta attack -keepalive, default true; -connections 10000",
            ),
            documented(
                "client_timeout",
                "\"30s\"",
                "vegeta attack -timeout, default 30s",
            ),
        ],
    },
    Client {
        name: "wrk",
        about: "a closed loop on kept connections, as fast as it is answered",
        rows: &[
            documented(
                "workers",
                "10",
                "wrk -c, default 10 (wrk.c: cfg->connections)",
            ),
            documented(
                "think_time",
                "\"0s\"",
                "wrk.c sends the next request when the last is answered",
            ),
            documented(
                "reuse_connections",
                "true",
                "HTTP/1.1, wrk.c reconnects only if the server closes",
            ),
            documented(
                "client_nodes",
                "1",
                "wrk.lua: every thread connects to the first address, wrk.addrs[1]",
            ),
            assumed(
                "client_timeout",
                "\"300s\"",
                "wrk --timeout only counts slow answers; the connection waits on",
            ),
        ],
    },
    Client {
        name: "siege",
        about: "a closed loop, a new connection for every request",
        rows: &[
            documented("workers", "25", "siege doc/siegerc: concurrent = 25"),
            documented("think_time", "\"0s\"", "siege doc/siegerc: delay = 0.0"),
            documented(
                "reuse_connections",
                "false",
                "siege doc/siegerc: connection = close",
            ),
            assumed(
                "client_timeout",
                "\"30s\"",
                "siege doc/siegerc: timeout, default 30, said of connecting only",
            ),
        ],
    },
    Client {
        name: "curl-loop",
        about: "`while true; do curl …; sleep 0.1; done`: one request after another, each on a connection of its own",
        rows: &[
            documented("workers", "1", "a shell waits for each command"),
            assumed(
                "think_time",
                "\"100ms\"",
                "easoncao.com slept so long; give your own",
            ),
            documented(
                "reuse_connections",
                "false",
                "each curl is a process of its own",
            ),
            assumed(
                "client_timeout",
                "\"300s\"",
                "curl waits for ever without --max-time",
            ),
        ],
    },
    Client {
        name: "k6",
        about: "a closed loop of virtual users on kept connections",
        rows: &[
            documented("workers", "1", "k6 run --vus, default 1"),
            assumed("think_time", "\"0s\"", "a script without sleep()"),
            documented(
                "reuse_connections",
                "true",
                "k6 noConnectionReuse and noVUConnectionReuse, default false",
            ),
            documented(
                "client_timeout",
                "\"60s\"",
                "k6/http Params.timeout, default 60s",
            ),
        ],
    },
    Client {
        name: "bombardier",
        about: "a closed loop on kept connections, as fast as it is answered",
        rows: &[
            documented("workers", "125", "bombardier -c, default 125 (common.go)"),
            documented("think_time", "\"0s\"", "bombardier without -r"),
            documented(
                "reuse_connections",
                "true",
                "bombardier uses fasthttp, which keeps connections",
            ),
            documented(
                "client_timeout",
                "\"2s\"",
                "bombardier -t, default 2s (common.go): socket/request time-out",
            ),
        ],
    },
    Client {
        name: "fortio",
        about: "a few connections that share a rate; slower if they are answered late",
        rows: &[
            documented("workers", "4", "fortio load -c, default 4"),
            assumed(
                "think_time",
                "\"500ms\"",
                "fortio load -qps, default 8, over 4 connections, less the time of an answer",
            ),
            documented(
                "reuse_connections",
                "true",
                "fortio load -keepalive, default true",
            ),
            documented(
                "client_timeout",
                "\"3s\"",
                "fortio load -timeout, default 3s (HTTPReqTimeOutDefaultValue)",
            ),
        ],
    },
];

/// The client of this name.
pub fn find(name: &str) -> Option<&'static Client> {
    CLIENTS.iter().find(|client| client.name == name)
}

/// What to write in place of the name of no client.
pub(super) fn suggestion(name: &str) -> String {
    let names = CLIENTS.iter().map(|client| client.name);
    match keys::nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "the clients are {}",
            names
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

impl Client {
    /// The row of a dotted key.
    pub fn row(&self, key: &str) -> Option<&'static Row> {
        self.rows
            .iter()
            .find(|row| key.strip_prefix("load.") == Some(row.key))
    }

    /// Its keys as the lowest layer of a load.
    pub(super) fn layer(&self) -> Layer<'static> {
        rows_layer("load", self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::layer::read;
    use crate::scenario::load::LoadSpec;

    #[test]
    fn every_client_is_a_legal_load() {
        for client in CLIENTS {
            let load: LoadSpec = read(&client.layer(), "load").unwrap();
            assert!(
                load.client.is_none(),
                "{}: a client names no other",
                client.name
            );
        }
    }
}
