//! Stage 2: user requests against a timeline.
//!
//! A request enters one ALB node, is routed on that node's belief, finds a kept connection or opens
//! one, and meets whatever the pod's socket does. Nothing here feeds back into the timeline.

mod arrivals;
mod connection;
mod counting;
mod engine;
mod fate;
pub mod interval;
mod latencies;
mod live;
pub mod outcome;
mod registration;
pub mod request;
mod routing;
mod schedule;
mod unreachable;
mod users;

pub use engine::{Engine, EngineChoice};

use crate::observe::timeline::Timeline;
use crate::scenario::load::LoadSpec;
use crate::time::Time;

/// When the last request may be sent: with the load's own duration, else when the timeline says.
fn load_end(load: &LoadSpec, timeline: &Timeline) -> Time {
    load.duration
        .map_or(timeline.load_until, |duration| Time::ZERO + duration)
}
