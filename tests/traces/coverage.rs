//! Whether the intervals of a forecast hold what they say: where in the forecast's distribution each
//! recorded time lies, and where it lies if the recording took no part in what the forecast was fitted to.
//!
//! `cargo test --test traces coverage -- --nocapture` prints the table of docs/VALIDATION.md.

use std::collections::BTreeMap;

use rollcast::cluster::deployment::DeploymentSpec;
use rollcast::dist::{Dist, LogNormal};
use rollcast::scenario::Scenario;
use rollcast::setting::Count;
use rollcast::time::Span;

use super::compare::{FIELDS, Field, median, revisions};
use super::forecast::{FAMILIES, scenario, simulate};
use super::recording::{Family, Nodes, Pod, Recording};

/// Forecasts that a distribution is made of.
const REPLICATIONS: u64 = 200;

/// Central intervals, in per cent.
const LEVELS: [u32; 3] = [50, 80, 90];

/// Where recorded times lie in their forecasts, from 0 (before all of them) to 1 (after all).
#[derive(Debug, Default, Clone)]
struct Places(Vec<f64>);

impl Places {
    /// The share inside the central interval of a level, in per cent.
    fn inside(&self, level: u32) -> f64 {
        let tail = (1.0 - f64::from(level) / 100.0) / 2.0;
        let inside = self
            .0
            .iter()
            .filter(|place| (tail..=1.0 - tail).contains(*place))
            .count();
        100.0 * inside as f64 / self.0.len() as f64
    }

    /// How many lie in each tenth.
    fn histogram(&self) -> [usize; 10] {
        let mut tenths = [0; 10];
        self.0
            .iter()
            .for_each(|place| tenths[((place * 10.0) as usize).min(9)] += 1);
        tenths
    }
}

/// Each pod's times by rank, as `compare` matches them.
fn times(recording: &Recording, revision: &str, field: fn(&Pod) -> Option<f64>) -> Vec<f64> {
    let pods = recording.pods.iter().filter(|pod| pod.revision == revision);
    let mut times: Vec<f64> = pods.filter_map(field).collect();
    times.sort_by(f64::total_cmp);
    times
}

/// What a recording's times are compared by: those of `compare`, and what the load balancer controller acts on.
fn fields() -> impl Iterator<Item = (&'static str, Field)> {
    let slice: [(&str, Field); 2] = [
        ("in_slice_ready", |pod| pod.in_slice_ready),
        ("out_of_slice_ready", |pod| pod.out_of_slice_ready),
    ];
    FIELDS.into_iter().chain(slice)
}

/// Where the times of a recording lie in forecasts of the same rollout.
fn places(recording: &Recording, forecasts: &[Recording]) -> Places {
    let mut places = Places::default();
    for (_, field) in fields() {
        for revision in revisions(std::slice::from_ref(recording)) {
            let forecast: Vec<Vec<f64>> = forecasts
                .iter()
                .map(|forecast| times(forecast, revision, field))
                .collect();
            for (rank, time) in times(recording, revision, field).into_iter().enumerate() {
                let drawn: Vec<f64> = forecast
                    .iter()
                    .filter_map(|times| times.get(rank).copied())
                    .collect();
                // A pod that few of the forecasts have: its time is outside every interval.
                let place = if 2 * drawn.len() > forecasts.len() {
                    place(time, &drawn)
                } else {
                    1.0
                };
                places.0.push(place);
            }
        }
    }
    places
}

/// The share of draws before a time; recorded times have whole milliseconds, and so have draws here.
fn place(time: f64, drawn: &[f64]) -> f64 {
    let millis = |time: f64| (time * 1000.0).round();
    let before = drawn
        .iter()
        .filter(|draw| millis(**draw) < millis(time))
        .count() as f64;
    let equal = drawn
        .iter()
        .filter(|draw| millis(**draw) == millis(time))
        .count() as f64;
    (before + equal / 2.0) / drawn.len() as f64
}

/// On virtual nodes a pod that is deleted before it is Ready ends when the recorder's loop says so: no kubelet's rule.
fn without_what_no_kubelet_does(mut recording: Recording, nodes: Nodes) -> Recording {
    if nodes == Nodes::Virtual {
        let never_ready = recording
            .pods
            .iter_mut()
            .filter(|pod| !pod.initial && pod.ready.is_none());
        never_ready.for_each(|pod| pod.gone = None);
    }
    recording
}

fn forecasts(scenario: &Scenario, nodes: Nodes) -> Vec<Recording> {
    let forecasts = simulate(scenario, REPLICATIONS).into_iter();
    forecasts
        .map(|forecast| without_what_no_kubelet_does(forecast, nodes))
        .collect()
}

/// All recordings with their family's name and what ran the pods.
fn recordings() -> Vec<(&'static str, Nodes, Recording)> {
    let families = FAMILIES.iter().map(|(name, _)| (*name, Family::read(name)));
    let of_family = |(name, family): (&'static str, Family)| {
        let Family {
            nodes, recordings, ..
        } = family;
        recordings
            .into_iter()
            .map(move |recording| (name, nodes, without_what_no_kubelet_does(recording, nodes)))
    };
    families.flat_map(of_family).collect()
}

/// The median of an API hop in seconds: pod created → bound, Ready → in the slice, deleted → out of it.
fn hop(recordings: &[&Recording]) -> f64 {
    let pods = recordings.iter().flat_map(|recording| &recording.pods);
    let hops = pods.flat_map(|pod| {
        let hops = [
            (pod.created, pod.bound),
            (pod.ready, pod.in_slice_ready),
            (pod.terminating, pod.out_of_slice_ready),
        ];
        hops.map(|(from, to)| Some(to? - from?))
    });
    // What is published unready is in its slice before it is ready.
    median(&hops.flatten().filter(|hop| *hop >= 0.0).collect::<Vec<_>>())
        .expect("there are recordings")
}

/// The median of pod bound → running in seconds, of pods with no other in start, without the hops in it.
fn start_alone(recordings: &[&Recording], hop: f64) -> Option<f64> {
    let of_recording = |recording: &&Recording| {
        let bound: Vec<f64> = recording.pods.iter().filter_map(|pod| pod.bound).collect();
        let alone = |at: f64| {
            bound
                .iter()
                .filter(|other| (**other - at).abs() < 1.5)
                .count()
                == 1
        };
        let pods = recording
            .pods
            .iter()
            .filter_map(|pod| Some((pod.bound?, pod.running?)));
        pods.filter(|(bound, _)| alone(*bound))
            .map(|(bound, running)| running - bound)
            .collect::<Vec<_>>()
    };
    let starts: Vec<f64> = recordings.iter().flat_map(of_recording).collect();
    median(&starts).map(|start| (start - hop).max(0.01))
}

/// A log-normal hop is the sum of two of its halves: its median is 2.35 times theirs (σ 0.89).
const HALVES: f64 = 2.35;

/// The scenario as it would be had this recording never been made: what its file says of hops and of a pod's
/// start was read off the recordings, and is read here off the others.
fn refitted(name: &str, nodes: Nodes, others: &[(Nodes, &Recording)]) -> Scenario {
    let mut scenario = scenario(name);
    let all: Vec<&Recording> = others.iter().map(|(_, recording)| *recording).collect();
    let hop = hop(&all);
    let law = |median: f64, sigma| {
        Some(Dist::LogNormal(LogNormal::new(
            Span::from_secs_f64(median),
            sigma,
        )))
    };
    let links = &mut scenario.cluster.links;
    for link in [
        &mut links.api_write,
        &mut links.api_to_deployment,
        &mut links.api_to_replica_set,
        &mut links.api_to_scheduler,
        &mut links.api_to_kubelet,
        &mut links.api_to_endpoint_slice,
    ] {
        *link = law(hop / HALVES, 0.89);
    }
    let alike: Vec<&Recording> = others
        .iter()
        .filter(|(other, _)| *other == nodes)
        .map(|(_, recording)| *recording)
        .collect();
    let sigma = match nodes {
        Nodes::Virtual => return scenario,
        Nodes::Hollow => 0.69,
        Nodes::Real => 0.35,
    };
    if let Some(start) = start_alone(&alike, hop).and_then(|start| law(start, sigma)) {
        scenario.cluster.pod_start = start;
    }
    scenario
}

/// Families whose 90 % intervals hold less than three quarters of their times, and why.
const BELOW: &[(&str, &str)] = &[(
    "r03_surge1_unavail0",
    "two recordings only, and in one of them a hop at the beginning took 0.7 s on a machine busy with other recordings",
)];

#[test]
fn intervals_hold_what_they_say() {
    let recordings = recordings();
    let mut table = "| recorded rollout | times | inside 50 %, 80 %, 90 % intervals | the same, left out | left out, by tenths of the forecast (PIT) |\n|---|---|---|---|---|\n".to_owned();
    let [mut all, mut all_left_out] = [Places::default(), Places::default()];
    let mut below = Vec::new();
    for (name, _) in FAMILIES {
        let nodes = recordings
            .iter()
            .find(|(of, ..)| of == name)
            .map(|(_, nodes, _)| *nodes);
        let in_sample = forecasts(&scenario(name), nodes.expect("a family has recordings"));
        let [mut own, mut left_out] = [Places::default(), Places::default()];
        for (row, (_, nodes, recording)) in recordings
            .iter()
            .enumerate()
            .filter(|(_, (of, ..))| of == name)
        {
            own.0.extend(places(recording, &in_sample).0);
            let others = recordings
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != row);
            let others: Vec<(Nodes, &Recording)> = others
                .map(|(_, (_, nodes, other))| (*nodes, other))
                .collect();
            let refitted = forecasts(&refitted(name, *nodes, &others), *nodes);
            left_out.0.extend(places(recording, &refitted).0);
        }
        table += &line(name, &own, &left_out);
        if own.inside(90).min(left_out.inside(90)) < 75.0 {
            below.push(*name);
        }
        all.0.extend(own.0);
        all_left_out.0.extend(left_out.0);
    }
    table += &line("all", &all, &all_left_out);
    for (name, reason) in BELOW {
        table += &format!("\n- {name}: {reason}.\n");
    }
    println!("{table}");
    assert_eq!(
        below,
        BELOW.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    for places in [all, all_left_out] {
        assert!(
            (85.0..=95.0).contains(&places.inside(90)),
            "{} % in the 90 % intervals",
            places.inside(90)
        );
    }
    super::page::check("coverage", &table);
}

fn line(name: &str, own: &Places, left_out: &Places) -> String {
    let shares = |places: &Places| {
        LEVELS
            .map(|level| format!("{:.0} %", places.inside(level)))
            .join(", ")
    };
    let tenths = left_out
        .histogram()
        .map(|count| count.to_string())
        .join(" ");
    format!(
        "| {name} | {} | {} | {} | {tenths} |\n",
        own.0.len(),
        shares(own),
        shares(left_out)
    )
}

/// Forecasts of `r10_default` with other settings.
fn edited(edit: fn(&mut DeploymentSpec)) -> Vec<Recording> {
    let mut scenario = scenario("r10_default");
    edit(&mut scenario.deployment);
    simulate(&scenario, REPLICATIONS)
}

/// Ten pods with a surge of 100 %: creates of a batch land together, so that the old ReplicaSet goes 10 → 9 → 7 as
/// six of seven recordings do (which are not in this repository), more often than any other way.
#[test]
fn a_batch_is_handled_as_recorded() {
    let forecasts = edited(|spec| {
        (spec.max_surge, spec.max_unavailable) = (Count::Percent(100), Count::Pods(0));
    });
    let second = |forecast: &Recording| {
        forecast
            .rs_scale
            .iter()
            .filter(|scale| scale.revision == "old")
            .nth(1)
            .map(|scale| (scale.from, scale.to))
    };
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    forecasts
        .iter()
        .for_each(|forecast| *counts.entry(second(forecast)).or_default() += 1);
    println!("{counts:?}");
    let commonest = counts
        .iter()
        .max_by_key(|(_, count)| **count)
        .map(|(step, _)| *step);
    assert_eq!(commonest, Some(Some((Some(9), 7))));
}

/// Twenty pods: the client's tokens put off the last create, recorded at 4.64 s.
#[test]
fn twenty_pods_wait_for_tokens() {
    let forecasts = edited(|spec| spec.replicas = 20);
    let last = |forecast: &Recording| times(forecast, "new", |pod| pod.created).last().copied();
    let created: Vec<f64> = forecasts.iter().filter_map(last).collect();
    println!(
        "last created: {:.2} s",
        median(&created).unwrap_or_default()
    );
    let place = place(4.64, &created);
    assert!((0.05..0.95).contains(&place), "{place}");
}
