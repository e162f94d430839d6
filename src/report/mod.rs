//! What the user gets: one file for each format, all of them words about the same [`Answer`].

pub mod access_log;
pub mod calibrate;
mod calibrate_json;
pub mod caption;
pub mod check;
pub mod chrome;
pub mod compare;
pub(crate) mod figures;
pub mod full;
pub mod health_check_log;
pub mod json;
mod paint;
mod rare;
pub mod recommend;
pub mod schema;
#[cfg(test)]
mod specimen;
pub mod sweep;
pub(crate) mod sweep_finding;
pub mod sweep_page;
pub mod sweep_points;
pub mod text;
pub mod trace_json;
pub mod trace_text;
pub mod vegeta;

use crate::monte_carlo::{Forecast, Sample};
pub use crate::scenario::Assumption;

/// A forecast, and what its reader must know to trust it.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// What was forecast.
    pub forecast: &'a Forecast,
    /// What was assumed for it.
    pub assumptions: &'a [Assumption],
}

/// The statuses that every table has, in its order.
const STATUSES: [u16; 4] = [200, 502, 503, 504];

/// Of which quantities the variance is split: a name, and the quantity of one replication.
type Quantity = (&'static str, fn(&Sample) -> f64);
const SPLIT: [Quantity; 4] = [
    ("any_5xx", |sample| f64::from(sample.count_5xx() > 0)),
    ("502", |sample| sample.status(502) as f64),
    ("503", |sample| sample.status(503) as f64),
    ("504", |sample| sample.status(504) as f64),
];
