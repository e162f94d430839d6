//! rollcast
#![warn(missing_docs)]

pub mod actor;
pub mod agenda;
pub mod aws;
pub mod cluster;
pub mod compare;
pub mod dist;
pub mod error;
pub mod id;
pub mod monte_carlo;
pub mod observe;
pub mod plot;
pub mod random;
pub mod recommend;
pub mod report;
pub mod rollout;
pub mod scenario;
pub mod setting;
pub mod stats;
pub mod sweep;
pub mod time;
pub mod traffic;
pub mod verdict;
pub mod wiring;
pub mod world;
