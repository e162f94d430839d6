//! Listeners on facts. They watch and never speak.

pub mod measure;
mod recorder;
pub mod timeline;
