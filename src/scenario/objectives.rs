//! What a configuration is held to (`[objectives]`).

use crate::setting::settings;

settings! {
    /// The objectives (`[objectives]`).
    ObjectivesSpec in "objectives" {
        /// A rollout may cost so many 5xx responses.
        max_5xx_per_rollout: u64 = 0, Assumed "a rollout should not be noticed";
        /// In at least this share of rollouts; above 0, at most 1.
        probability: f64 = 0.99, Assumed "met then means that a rollout fails requests once in a hundred times at most; 0.95 would spare 15 s of preStop (`rollcast recommend scenarios/eks-2048-before.toml`)";
    }
}
