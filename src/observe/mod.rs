//! Listeners on facts. They watch and never speak.

pub mod measure;
pub mod timeline;
