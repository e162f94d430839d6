//! Forecasts the 502s, 503s and 504s that a Kubernetes rollout behind an AWS Application Load
//! Balancer will cost, says why, and says which setting removes them.
//!
//! When a pod is deleted, its process and its routing entries disappear at different speeds. An
//! error is a disagreement between the two: a request that a node of the load balancer sends, on
//! what it still believes, to a pod that is no longer there.
//!
//! ```text
//! Scenario ──▶ rollout (discrete events) ──▶ Timeline ──▶ traffic ──▶ Outcome ──▶ monte_carlo ──▶ report, plot
//! ```
//!
//! [`scenario`] says what is simulated. [`rollout`] simulates the control plane and leaves a
//! [`Timeline`](observe::timeline::Timeline): what each pod's socket did, and what each node of the
//! load balancer believed. [`traffic`] sends the requests against it. [`monte_carlo`] does both many
//! times, and [`stats`] says how far to trust the result. Modules only know modules further down:
//! docs/ARCHITECTURE.md has the staircase.
//!
//! ```
//! use rollcast::random::Streams;
//! use rollcast::rollout::Rollout;
//! use rollcast::scenario::Scenario;
//! use rollcast::time::Span;
//! use rollcast::traffic::{outcome::Outcome, request::RequestEngine};
//!
//! let mut scenario = Scenario::default();
//! scenario.deployment.replicas = 4;
//! scenario.load.duration = Some(Span::from_secs(120));
//! let streams = Streams::new(1, 0);
//! let mut rollout = Rollout::new(&scenario);
//! let timeline = rollout.simulate(&streams)?;
//! let mut outcome = Outcome::new();
//! RequestEngine::new(&scenario).simulate(timeline, &streams, &mut outcome);
//! assert_eq!(outcome.requests, 12_000);
//! assert!(outcome.status(504) > 0, "without preStop, some requests meet a pod that is gone");
//! # Ok::<(), rollcast::error::Error>(())
//! ```

#![warn(missing_docs)]

pub mod actor;
pub mod agenda;
pub mod aws;
pub mod calibrate;
pub mod check;
pub mod cluster;
pub mod compare;
pub mod dist;
pub mod disturbance;
pub mod error;
pub mod escape;
pub mod event;
pub mod explain;
pub mod id;
pub mod logs;
pub mod manifest;
pub mod monte_carlo;
pub mod observe;
pub mod plot;
pub mod pre_stop;
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
pub mod visited;
pub mod wiring;
pub mod world;
