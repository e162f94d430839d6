//! Each family's scenario, forecast a few times and held against the recordings.
//!
//! The tables that docs/VALIDATION.md shows: `cargo test --test traces forecast -- --nocapture --test-threads 1`.

use std::path::PathBuf;

use rollcast::observe::timeline::{PodRecord, Timeline};
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario;
use rollcast::time::Time;

use super::compare::{Extent, compare};
use super::recording::{Condition, Family, Pod, Recording, Scale, min_ready_in_slice, peak_pods};
use super::{FOLDER, differing, families};

/// Forecasts that a median is taken of.
const REPLICATIONS: u64 = 20;

/// A test for each family, and the list of their names.
macro_rules! families {
    ($($name:ident: $extent:expr;)+) => {
        const NAMES: &[&str] = &[$(stringify!($name)),+];
        $(
            #[test]
            fn $name() {
                check(stringify!($name), $extent);
            }
        )+
    };
}

families! {
    r01_default: Extent::Full;
    r02_default: Extent::Full;
    r03_default: Extent::Full;
    r03_surge1_unavail0: Extent::Full;
    r04_default: Extent::Full;
    r04_default_slowterm: Extent::Full;
    r04_minready5: Extent::Full;
    r04_publishnotready: Extent::Full;
    r04_recreate: Extent::Full;
    r04_bad_never_ready: Extent::Full;
    r06_default_mixed_delays: Extent::BoundsAndEnds;
    r06_rollover_v3: Extent::Full;
    r07_surge30pct_unavail20pct: Extent::Full;
    r10_default: Extent::Full;
    r10_scale_up_mid_rollout: Extent::Full;
    r10_surge0_unavail1: Extent::Full;
    hollow_r04_default: Extent::Full;
    hollow_r04_recreate: Extent::Full;
    real_r04_default: Extent::Full;
    real_r04_prestop3_term2: Extent::Full;
    real_r04_recreate: Extent::Full;
    real_r04_bad_never_ready: Extent::Full;
    real_r10_surge0_unavail1: Extent::Full;
}

/// Recorded, but no rollout of a Deployment that was there before.
const BIRTHS: &[&str] = &["r04_create"];

#[test]
fn every_family_is_forecast() {
    let forgotten: Vec<String> = families()
        .into_iter()
        .map(|family| family.name)
        .filter(|name| !NAMES.contains(&name.as_str()) && !BIRTHS.contains(&name.as_str()))
        .collect();
    assert_eq!(forgotten, [""; 0]);
}

#[track_caller]
fn check(name: &str, extent: Extent) {
    let rows = compare(&Family::read(name), &forecasts(name), extent);
    println!("\n| {name} | recorded | forecast | |\n|---|---|---|---|");
    rows.iter().for_each(|row| println!("{row}"));
    let differing = differing(&rows);
    assert!(differing.is_empty(), "{name}: {} of {} differ\n{}\n", differing.len(), rows.len(), differing.join("\n"));
}

fn forecasts(name: &str) -> Vec<Recording> {
    let path = PathBuf::from(format!("{FOLDER}/{name}.toml"));
    let scenario = scenario::load(&path).unwrap_or_else(|error| panic!("{error}"));
    let mut rollout = Rollout::new(&scenario);
    let mut forecast = |replication| {
        let streams = Streams::new(scenario.monte_carlo.seed, replication);
        let timeline = rollout.simulate(&streams).unwrap_or_else(|error| panic!("{error}"));
        recording(timeline)
    };
    (0..REPLICATIONS).map(&mut forecast).collect()
}

/// What a watcher would have seen of a forecast rollout.
fn recording(timeline: &Timeline) -> Recording {
    let seconds = |at: Time| at.secs_since(timeline.rollout_at);
    let scales = timeline.scales.iter().map(|scale| Scale {
        t: seconds(scale.at),
        revision: scale.revision.to_string(),
        from: scale.from,
        to: scale.to,
    });
    let conditions =
        timeline.conditions.iter().map(|change| Condition { t: seconds(change.at), reason: change.reason.to_owned() });
    let pods: Vec<Pod> = timeline.pods.iter().map(|record| pod(record, timeline.rollout_at)).collect();
    Recording {
        peak_pods: peak_pods(&pods),
        min_ready_in_slice: min_ready_in_slice(&pods),
        rs_scale: scales.collect(),
        deployment: conditions.collect(),
        pods,
    }
}

fn pod(record: &PodRecord, rollout_at: Time) -> Pod {
    let seconds = |at: Option<Time>| at.map(|at| at.secs_since(rollout_at));
    // What an initial pod did before the rollout was not recorded.
    let since_start = |at: Option<Time>| seconds(at).filter(|_| !record.initial);
    Pod {
        revision: record.pod.revision().to_string(),
        initial: record.initial,
        created: since_start(record.created),
        ready: since_start(record.ready),
        in_slice_ready: since_start(record.in_slice_ready),
        terminating: seconds(record.terminating),
        out_of_slice_ready: seconds(record.out_of_slice_ready),
        gone: seconds(record.gone),
    }
}
