//! The cluster: control plane, kubelet, process.

pub mod api_server;
pub mod app;
pub mod deployment;
pub mod disruption;
pub mod endpoint_slice;
pub mod kube_proxy;
pub mod kubelet;
pub mod operator;
pub mod pod;
pub mod replica_set;
pub mod rolling;
pub mod scheduler;
pub mod service;
pub mod spec;
pub mod token_bucket;
pub mod workload;
