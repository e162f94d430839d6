//! What logs of a real rollout say about the numbers that nobody publishes.
//!
//! The model assumes how long an ALB takes to learn of a deregistration and of a registration, how often
//! that takes much longer, and how a removed pod IP answers. A rollout that was logged shows all of it: an
//! access log has, for each node, when a target was chosen first and last, a health check log when it was checked
//! first and last, and a watch of the EndpointSlice has when Kubernetes gave it up. What lies between the two and is
//! no lag of the load balancer (the controller's own way, mostly) is taken from the model itself: a [`Pilot`].
//!
//! [`gather`] reads, [`estimate`] measures, [`judge`] says whether a scenario explains what was seen.

#![cfg_attr(not(test), deny(clippy::string_slice, clippy::expect_used))]

mod estimate;
mod evidence;
mod fit;
mod judgement;
mod lags;
mod others;
mod pilot;
mod watch;

pub use estimate::{Calibration, Finding, Row, Unit, estimate};
pub use evidence::{Counts, Evidence, gather};
pub use fit::{Estimate, Levels, Narrowing};
pub use judgement::{
    Change, FEWEST_RUNS, Judgement, Observed, Standing, StatusRow, best_change, changes, judge,
    observed,
};
pub use pilot::Pilot;
