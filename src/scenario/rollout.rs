//! What the rollout does (`[[step]]`) and what is new about the new revision (`[new_revision]`).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::dist::Dist;
use crate::id::RevisionId;
use crate::setting::form::{Form as _, named};
use crate::setting::{Grade, Setting, settings};
use crate::time::Span;

/// One step of the rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How long after the rollout's start.
    pub at: Span,
    /// What changes.
    pub change: Change,
}

/// What somebody does to the Deployment or its pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The Deployment is created, and there was none before: `create = true`. The first step, or none.
    Create,
    /// The Deployment gets this revision's template: `revision = "new"`, or keys of its own.
    NewRevision(RevisionId),
    /// The Deployment gets the old template back: `revision = "old"`.
    Rollback,
    /// `spec.replicas` becomes this: `replicas = 16`.
    Replicas(u32),
    /// `spec.paused` becomes this: `paused = true`.
    Paused(bool),
    /// So many pods are deleted by hand, oldest first: `delete_pods = 1`.
    DeletePods(u32),
}

impl Step {
    /// What every scenario without steps does: the new revision, at once.
    pub(super) const fn new_revision() -> Step {
        Step {
            at: Span::ZERO,
            change: Change::NewRevision(RevisionId::NEW),
        }
    }
}

settings! {
    /// What only a new revision can say (`[new_revision]`), beside any key of `[pod]` and `[app]`.
    NewRevisionSpec in "new_revision" {
        /// `probes` (its probes decide) or `never` (its readiness probe fails for ever).
        ready: Ready = Ready::Probes, Documented "a pod without a fault";
        /// The process crashes so long after its container started.
        crash_after: Option<Dist> = None, Documented "a pod without a fault";
        /// The image is pulled first, which takes so long.
        image_pull: Option<Dist> = None, Assumed "no pull, as if the image were on every host; a new image usually is not";
        /// Whether the image does not exist: its containers never start (ImagePullBackOff).
        image_missing: bool = false, Documented "a pod without a fault";
    }
}

/// Whether a revision ever gets ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// Its probes decide.
    Probes,
    /// Its readiness probe fails for ever.
    Never,
}

const fn step(key: &'static str, meaning: &'static str, form: fn() -> Value) -> Setting {
    Setting {
        key,
        meaning,
        grade: Grade::Documented,
        source: "without any step: the new revision at 0s",
        form,
        range: "",
    }
}

/// The keys of a step (`[[step]]`), of which `set` holds exactly one change.
pub const STEP_SETTINGS: &[Setting] = &[
    step(
        "step.at",
        " How long after the rollout's start.",
        Span::form,
    ),
    step(
        "step.set.revision",
        " `new` (the old template overlaid with `[new_revision]`) or `old` (back to the old template); any keys of `[new_revision]` in its place make a further revision, the old template overlaid with them.",
        || json!({ "enum": ["new", "old"] }),
    ),
    step(
        "step.set.create",
        " The Deployment is created by this step, which must be the first: no pod runs before it.",
        || json!({ "const": true }),
    ),
    step(
        "step.set.replicas",
        " The Deployment's desired pods become this.",
        u32::form,
    ),
    step(
        "step.set.paused",
        " Whether the Deployment is paused.",
        bool::form,
    ),
    step(
        "step.set.delete_pods",
        " So many pods are deleted by hand, oldest first.",
        u32::form,
    ),
];

named!(Ready);
