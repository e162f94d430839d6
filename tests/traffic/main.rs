//! The engines against timelines drawn by hand, theory, and each other.

mod agreement;
mod causes;
mod closed_forms;
mod coverage;
mod feedback;
mod laws;
mod queues;
mod rare;
mod revisions;
mod rollouts;
mod staged;
