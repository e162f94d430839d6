//! Many replications of one scenario, and what they say together.

use crate::verdict::Cause;

/// Failed requests by the second in which they were sent, over all replications.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ErrorSeries {
    /// Mean count per second by cause: [`Cause::index`], the last column being the application's own answers.
    pub mean: Vec<[f64; Cause::ALL.len() + 1]>,
    /// 5 % quantile over the replications of all failures in that second.
    pub low: Vec<f64>,
    /// 95 % quantile over the replications of all failures in that second.
    pub high: Vec<f64>,
}
