//! What others wrote, and meant no good with: nothing of it leaves its place, nothing ends rollcast but its own answer.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod inputs;
mod reports;
mod sinks;
mod smoke;
#[path = "../../fuzz/targets.rs"]
#[expect(clippy::expect_used, reason = "what must hold of an input")]
mod targets;
