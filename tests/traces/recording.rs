//! A rollout as a watcher of the API saw it: recorded from a cluster, or forecast.

use serde::Deserialize;

/// The same rollout recorded a few times.
#[derive(Debug, Deserialize)]
pub struct Family {
    pub name: String,
    pub nodes: Nodes,
    #[serde(rename = "repeats")]
    pub recordings: Vec<Recording>,
}

/// What ran the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nodes {
    /// A loop on the API that says what a kubelet would, at fixed delays.
    Virtual,
    /// Kubelet code on a fake container runtime.
    Hollow,
    /// Kubelet, containerd and processes.
    Real,
}

/// One rollout. Times are seconds since its first step.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Recording {
    /// Most pod objects at a time, terminating ones included.
    pub peak_pods: usize,
    /// Fewest endpoints that were ready at a time.
    pub min_ready_in_slice: usize,
    pub rs_scale: Vec<Scale>,
    pub deployment: Vec<Condition>,
    pub pods: Vec<Pod>,
}

/// A change of a ReplicaSet's desired replicas.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Scale {
    pub t: f64,
    pub revision: String,
    pub from: Option<u32>,
    pub to: u32,
}

/// A change of a Deployment condition.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Condition {
    pub t: f64,
    pub reason: String,
}

/// A pod's life, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    pub revision: String,
    pub initial: bool,
    pub created: Option<f64>,
    pub bound: Option<f64>,
    pub running: Option<f64>,
    pub ready: Option<f64>,
    pub in_slice_ready: Option<f64>,
    pub terminating: Option<f64>,
    pub out_of_slice_ready: Option<f64>,
    pub gone: Option<f64>,
}

impl Family {
    /// Reads `tests/traces/NAME.json`.
    pub fn read(name: &str) -> Family {
        let path = format!("{}/{name}.json", super::FOLDER);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

pub fn peak_pods(pods: &[Pod]) -> usize {
    let initial = pods.iter().filter(|pod| pod.initial).count();
    levels(
        initial,
        pods.iter().filter_map(|pod| pod.created),
        pods.iter().filter_map(|pod| pod.gone),
    )
    .1
}

pub fn min_ready_in_slice(pods: &[Pod]) -> usize {
    let initial = pods.iter().filter(|pod| pod.initial).count();
    let entered = pods.iter().filter_map(|pod| pod.in_slice_ready);
    levels(
        initial,
        entered,
        pods.iter().filter_map(|pod| pod.out_of_slice_ready),
    )
    .0
}

/// The lowest and the highest level that arrivals and departures make; at equal times arrivals first.
fn levels(
    start: usize,
    up: impl Iterator<Item = f64>,
    down: impl Iterator<Item = f64>,
) -> (usize, usize) {
    let mut changes: Vec<(f64, isize)> = up.map(|t| (t, 1)).chain(down.map(|t| (t, -1))).collect();
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut level = start as isize;
    let levels: Vec<isize> = changes
        .iter()
        .map(|(_, change)| {
            level += change;
            level
        })
        .collect();
    let all = || levels.iter().copied().chain([start as isize]);
    (
        all().min().unwrap_or_default() as usize,
        all().max().unwrap_or_default() as usize,
    )
}
