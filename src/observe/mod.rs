//! Listeners on facts. They watch and never speak.

pub mod checker;
pub mod measure;
pub mod over;
mod recorder;
pub mod timeline;
pub mod track;
pub mod transcript;
