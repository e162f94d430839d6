//! Stage 2: user requests against a timeline.

pub mod outcome;
