//! What a configuration is held to (`[objectives]`).

use crate::setting::settings;

settings! {
    /// The objectives (`[objectives]`).
    ObjectivesSpec in "objectives" {
        /// A rollout may cost so many 5xx responses.
        max_5xx_per_rollout: u64 = 0, Assumed "a rollout should not be noticed";
        /// In at least this share of rollouts; above 0, at most 1.
        probability: f64 = 0.99, (above 0, at most 1) Assumed "one rollout in a hundred may miss it";
    }
}
