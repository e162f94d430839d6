//! The profiles themselves: what the documentation or the code of each server says, held against
//! what it does on loopback where it could be installed (docs/VALIDATION.md, "Servers measured").

use super::{Profile, Row};
use crate::setting::Grade;

const fn documented(key: &'static str, value: &'static str, source: &'static str) -> Row {
    Row {
        key,
        value,
        grade: Grade::Documented,
        source,
    }
}

const fn measured(key: &'static str, value: &'static str, source: &'static str) -> Row {
    Row {
        key,
        value,
        grade: Grade::Measured,
        source,
    }
}

/// Container running → listening is mostly the application's own time, which no server decides.
const fn start_up(value: &'static str, source: &'static str) -> Row {
    Row {
        key: "start_up",
        value,
        grade: Grade::Assumed,
        source,
    }
}

/// What no server limits is bounded by SIGKILL alone: a limit beyond any grace period.
const fn unlimited_drain(source: &'static str) -> Row {
    documented("drain_timeout", "\"60m\"", source)
}

const fn says_close(source: &'static str) -> Row {
    measured("close_connections_on_shutdown", "true", source)
}

const MEASURED: &str = "measured on loopback with the servers themselves";

const SPRING_START_UP: Row = start_up(
    "{ p50 = \"12s\", p99 = \"20s\" }",
    "a Spring Boot service of middling size; give your own",
);
const EMBEDDED_KEEP_ALIVE: Row = documented(
    "keep_alive",
    "\"60s\"",
    "Tomcat keepAliveTimeout = connectionTimeout, 60 s",
);
const REFUSING: Row = measured(
    "refusing",
    "\"9ms\"",
    "2023 load test: one 503 of the application's own in four shutdowns at 25 to 33 requests a second and pod, a single event (95 % interval 0.2 to 50 ms); the context publishes REFUSING_TRAFFIC before the connector stops (ServletWebServerApplicationContext.doClose)",
);

const NGINX_START_UP: Row = start_up(
    "{ p50 = \"100ms\", p99 = \"500ms\" }",
    "a configuration is read and a socket opened; give your own",
);
const NGINX_KEEP_ALIVE: Row = documented(
    "keep_alive",
    "\"75s\"",
    "ngx_http_core_module, keepalive_timeout; measured 75.0 s. The nginx.conf of the packages says 65 s",
);

const NODE_START_UP: Row = start_up(
    "{ p50 = \"2s\", p99 = \"5s\" }",
    "a Node.js service of middling size; give your own",
);
const NODE_KEEP_ALIVE: Row = measured(
    "keep_alive",
    "\"6s\"",
    "v20.20.2: http.Server keepAliveTimeout 5 s, and keepAliveTimeoutBuffer 1 s on top; releases without the buffer: 5 s. So up to 26; the next major version keeps 65 s (nodejs/node#62782): give keep_alive = \"65s\"",
);

const GO_START_UP: Row = start_up(
    "{ p50 = \"500ms\", p99 = \"2s\" }",
    "a Go service of middling size; give your own",
);
const GO_KEEP_ALIVE: Row = documented(
    "keep_alive",
    "\"120m\"",
    "net/http Server: without IdleTimeout and ReadTimeout there is no limit (not closed in 120 s, measured); written as longer than the load balancer's greatest idle time-out, 4,000 s",
);

const PYTHON_START_UP: Row = start_up(
    "{ p50 = \"4s\", p99 = \"10s\" }",
    "a Python service of middling size; give your own",
);

/// All profiles, in the order of docs/MODEL.md.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "spring-boot-3.3",
        version: "3.3.0, by its code and the 2023 load test",
        about: "Spring Boot up to 3.3 with `server.shutdown` left alone: everything closes at SIGTERM",
        rows: &[
            SPRING_START_UP,
            documented(
                "on_sigterm",
                "\"exit\"",
                "server.shutdown = immediate, ServerProperties.java at v3.3.0",
            ),
            REFUSING,
            EMBEDDED_KEEP_ALIVE,
        ],
    },
    Profile {
        name: "spring-boot-3.4",
        version: "3.4.0, by its code",
        about: "Spring Boot from 3.4, or earlier with `server.shutdown=graceful`, on Tomcat: what is in flight is finished; idle connections stay open, but a request on one is rejected, which costs the same 502 as a closed one",
        rows: &[
            SPRING_START_UP,
            documented(
                "on_sigterm",
                "\"drain\"",
                "server.shutdown = graceful, ServerProperties.java at v3.4.0",
            ),
            REFUSING,
            documented(
                "drain_timeout",
                "\"30s\"",
                "spring.lifecycle.timeout-per-shutdown-phase, LifecycleProperties",
            ),
            documented(
                "close_connections_on_shutdown",
                "false",
                "no server adds the header by itself: a filter must (springboot-graceful-shutdown#16); Tomcat rejects requests on idle connections (spring-boot#40108)",
            ),
            EMBEDDED_KEEP_ALIVE,
        ],
    },
    Profile {
        name: "tomcat",
        version: "measured on 10.1.52",
        about: "Apache Tomcat on its own: requests in flight have two seconds; until it exits, new connections are taken by the kernel and then reset, and requests on idle ones are dropped, both of them 502",
        rows: &[
            start_up(
                "{ p50 = \"8s\", p99 = \"20s\" }",
                "one web application of middling size; give your own",
            ),
            documented(
                "on_sigterm",
                "\"drain\"",
                "StandardService.stopInternal: connectors are paused, then contexts stopped",
            ),
            documented(
                "drain_timeout",
                "\"2s\"",
                "Context unloadDelay, StandardContext.java; measured: a longer request is cut after 2.15 s",
            ),
            measured("close_connections_on_shutdown", "false", MEASURED),
            documented(
                "keep_alive",
                "\"20s\"",
                "the server.xml that comes with it: connectionTimeout=\"20000\"; without it 60 s (measured 60.0 s)",
            ),
        ],
    },
    Profile {
        name: "nginx",
        version: "measured on 1.22.1",
        about: "nginx that gets SIGTERM: fast shutdown. The official image asks for SIGQUIT instead (STOPSIGNAL): `nginx-quit`",
        rows: &[
            NGINX_START_UP,
            documented(
                "on_sigterm",
                "\"exit\"",
                "nginx.org, Controlling nginx: TERM, INT fast shutdown",
            ),
            NGINX_KEEP_ALIVE,
        ],
    },
    Profile {
        name: "nginx-quit",
        version: "measured on 1.22.1",
        about: "nginx that gets SIGQUIT, as the official image asks (STOPSIGNAL SIGQUIT): graceful shutdown",
        rows: &[
            NGINX_START_UP,
            documented(
                "on_sigterm",
                "\"drain\"",
                "nginx.org, Controlling nginx: QUIT graceful shutdown; docker-nginx#377 for the signal",
            ),
            unlimited_drain("ngx_core_module, worker_shutdown_timeout: none unless set"),
            says_close(
                "nginx 1.22.1 on loopback; ngx_http_finalize_connection keeps nothing alive while exiting",
            ),
            NGINX_KEEP_ALIVE,
        ],
    },
    Profile {
        name: "node-http",
        version: "measured on 20.20.2",
        about: "Node.js http without a handler, as PID 1 of its container: the kernel drops SIGTERM, and it serves until SIGKILL. Under an init process it ends at once: on_sigterm = \"exit\"",
        rows: &[
            NODE_START_UP,
            documented(
                "on_sigterm",
                "\"ignore\"",
                "docker-node, BestPractices.md, Handling Kernel Signals; pid_namespaces(7); measured",
            ),
            NODE_KEEP_ALIVE,
        ],
    },
    Profile {
        name: "node-http-close",
        version: "measured on 20.20.2",
        about: "Node.js http whose SIGTERM handler calls `server.close()`: idle connections are closed since v19; one that was busy is kept and would serve on, which is not modelled",
        rows: &[
            NODE_START_UP,
            documented(
                "on_sigterm",
                "\"drain\"",
                "Node.js http, server.close(): closes idle connections since v19.0.0 (nodejs/node#43522)",
            ),
            unlimited_drain("Node.js http, server.close(): waits for every connection to end"),
            measured(
                "close_connections_on_shutdown",
                "false",
                "v20.20.2 on loopback",
            ),
            measured(
                "shutdown",
                "\"6s\"",
                "v20.20.2 on loopback: the process ends when the connections that were busy have been idle for the keep-alive time",
            ),
            NODE_KEEP_ALIVE,
        ],
    },
    Profile {
        name: "go-http",
        version: "measured on 1.19.8",
        about: "Go net/http without a handler: SIGTERM ends the process at once, as PID 1 too",
        rows: &[
            GO_START_UP,
            documented(
                "on_sigterm",
                "\"exit\"",
                "os/signal: SIGTERM causes the program to exit; runtime dieFromSignal; measured as PID 1",
            ),
            GO_KEEP_ALIVE,
        ],
    },
    Profile {
        name: "go-http-shutdown",
        version: "measured on 1.19.8",
        about: "Go net/http whose SIGTERM handler calls `Server.Shutdown` without a deadline",
        rows: &[
            GO_START_UP,
            documented(
                "on_sigterm",
                "\"drain\"",
                "net/http Server.Shutdown: closes listeners, then idle connections, then waits",
            ),
            unlimited_drain(
                "net/http Server.Shutdown waits until its context expires; without a deadline, for ever",
            ),
            says_close("go1.19 on loopback; net/http doKeepAlives is false in shutdown"),
            GO_KEEP_ALIVE,
        ],
    },
    Profile {
        name: "gunicorn",
        version: "measured on 27.0.1",
        about: "gunicorn with its default (sync) workers: one request a connection. Its listener stays with the workers until they are done, so that new connections are reset then and not refused at once: both are 502",
        rows: &[
            PYTHON_START_UP,
            documented(
                "on_sigterm",
                "\"drain\"",
                "gunicorn, Signal Handling: TERM graceful shutdown",
            ),
            documented(
                "drain_timeout",
                "\"30s\"",
                "gunicorn settings, graceful_timeout",
            ),
            measured(
                "close_connections_on_shutdown",
                "true",
                "27.0.1 on loopback: every answer says so",
            ),
            measured(
                "shutdown",
                "\"350ms\"",
                "27.0.1 on loopback: the arbiter looks for ended workers every 0.1 s",
            ),
            documented(
                "keep_alive",
                "\"0s\"",
                "gunicorn settings, keepalive: the sync worker does not support persistent connections; gthread: 2 s",
            ),
        ],
    },
    Profile {
        name: "uvicorn",
        version: "measured on 0.54.0",
        about: "uvicorn: the listener closes at the next tick, within 0.1 s",
        rows: &[
            PYTHON_START_UP,
            documented(
                "on_sigterm",
                "\"drain\"",
                "uvicorn server.py, Server.shutdown",
            ),
            unlimited_drain("uvicorn settings, --timeout-graceful-shutdown: none unless set"),
            says_close("0.54.0 on loopback"),
            documented(
                "keep_alive",
                "\"5s\"",
                "uvicorn settings, --timeout-keep-alive; measured 4.9 s",
            ),
        ],
    },
    Profile {
        name: "puma",
        version: "measured on 5.6.5",
        about: "Puma, single mode",
        rows: &[
            start_up(
                "{ p50 = \"10s\", p99 = \"25s\" }",
                "a Rails application of middling size; give your own",
            ),
            documented(
                "on_sigterm",
                "\"drain\"",
                "Puma docs/signals.md: TERM stops gracefully",
            ),
            unlimited_drain(
                "Puma dsl.rb, force_shutdown_after: for ever unless set (5.6.5: a request of 30 s is not cut in 14 s, measured)",
            ),
            says_close("5.6.5 on loopback"),
            documented(
                "keep_alive",
                "\"65s\"",
                "Puma configuration.rb, persistent_timeout of 7; before 7, 20 s (measured 20.2 s for 5.6.5)",
            ),
        ],
    },
    Profile {
        name: "kestrel",
        version: ".NET 6 and later, by documentation",
        about: "ASP.NET Core on Kestrel, from .NET 6: not measured",
        rows: &[
            start_up(
                "{ p50 = \"3s\", p99 = \"8s\" }",
                "an ASP.NET Core service of middling size; give your own",
            ),
            documented(
                "on_sigterm",
                "\"drain\"",
                ".NET HostShutdown.md: SIGTERM stops the host, which stops Kestrel",
            ),
            documented(
                "drain_timeout",
                "\"30s\"",
                "HostOptions.ShutdownTimeout, 30 s since .NET 6; 5 s before",
            ),
            documented(
                "close_connections_on_shutdown",
                "true",
                "Http1Connection.StopProcessingNextRequest, HttpProtocol.CreateResponseHeaders",
            ),
            documented(
                "keep_alive",
                "\"130s\"",
                "KestrelServerLimits.KeepAliveTimeout",
            ),
        ],
    },
    Profile {
        name: "envoy",
        version: "by documentation",
        about: "Envoy without a drain before it: SIGTERM ends it at once. Not measured",
        rows: &[
            start_up(
                "{ p50 = \"1s\", p99 = \"3s\" }",
                "a bootstrap of middling size; give your own",
            ),
            documented(
                "on_sigterm",
                "\"exit\"",
                "Envoy, Draining: listeners close immediately on server shutdown; draining is asked for through drain_listeners?graceful",
            ),
            documented(
                "keep_alive",
                "\"60m\"",
                "Envoy FAQ, timeouts: the default idle_timeout is 1 hour",
            ),
        ],
    },
];
