//! The application's process. It believes nothing: it is the truth.

use serde::{Deserialize, Serialize};

use crate::dist::{Dist, LogNormal};
use crate::setting::settings;
use crate::time::Span;

settings! {
    /// What the process does (`[app]`).
    AppSpec in "app" {
        /// A named, sourced set of the keys below; keys given beside it win.
        profile: Option<String> = None, Documented "see the profiles in docs/MODEL.md";
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
    }
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
