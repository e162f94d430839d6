//! Who sends requests, and how fast (`[load]`).

use serde::{Deserialize, Serialize};

use crate::setting::settings;
use crate::time::Span;

settings! {
    /// The load (`[load]`), an open loop.
    LoadSpec in "load" {
        /// Requests a second to the whole service.
        rate: f64 = 100.0, Assumed "the published load tests' rate; give your own";
        /// `constant` (evenly spaced) or `poisson`.
        pacing: Pacing = Pacing::Constant, Assumed "what vegeta does";
        /// How long the load lasts.
        duration: Span = Span::from_secs(120), Assumed "the 2023 load test's";
        /// The rollout starts this long after the load.
        rollout_at: Span = Span::from_secs(10), Assumed "long enough to see the steady state";
        /// The client gives up after this.
        client_timeout: Span = Span::from_secs(30), Documented "vegeta -timeout";
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
