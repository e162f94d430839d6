//! The cluster: control plane, kubelet, process.

pub mod app;
pub mod deployment;
pub mod pod;
pub mod service;
pub mod spec;
