//! The `request` engine against timelines drawn by hand.

mod causes;
mod closed_forms;
mod feedback;
mod laws;
mod queues;
mod staged;
