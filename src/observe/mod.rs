//! Listeners on facts. They watch and never speak.

pub mod checker;
pub mod measure;
mod recorder;
pub mod timeline;
pub mod transcript;
