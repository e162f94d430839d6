//! The `request` engine against timelines drawn by hand.

mod causes;
mod closed_forms;
mod coverage;
mod laws;
mod staged;
