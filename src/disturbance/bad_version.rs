//! What is rolled out does not work.

use serde::{Deserialize, Serialize};

use crate::dist::Dist;
use crate::setting::{form::named, settings};
use crate::time::Span;

settings! {
    /// What is rolled out is broken: short for `ready = "never"`, `crash_after` or `image_missing` in `[new_revision]`, or in a step of its own, and read as such.
    BadVersion in "disturbance.bad_version" {
        /// When the broken version is rolled out, after the rollout's start. 0 s: it is the new revision; later: a further one, which is the new one with the fault.
        at: Span = Span::ZERO, Documented "short for what [new_revision] and [[step]] say";
        /// `never_ready` (its readiness probe fails for ever), `crash_loop` (the process ends by itself, again and again) or `bad_image` (no such image: the container never starts).
        fault: Fault = Fault::NeverReady, Assumed "the commonest of the three";
        /// With `crash_loop`: from the process's listening until it ends; a span or a distribution.
        crash_after: Dist = Dist::constant(Span::from_secs(5)), Assumed "long enough to pass a probe";
    }
}

/// What is wrong with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Its readiness probe fails for ever.
    NeverReady,
    /// Its process ends by itself, again and again.
    CrashLoop,
    /// Its image does not exist.
    BadImage,
}

named!(Fault);
