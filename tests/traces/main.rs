//! Forecasts held against rollouts that were recorded from a real Kubernetes 1.36.2 control plane.
//!
//! `NAME.json` is a rollout as recorded, a few times over (`reduce.py` says how), `NAME.toml` the
//! same as a scenario.

mod compare;
mod coverage;
mod forecast;
#[path = "../common/page.rs"]
mod page;
mod recording;

use compare::{Extent, Row, compare};
use recording::{Family, Recording};

/// Where recordings and scenarios are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces");

fn differing(rows: &[Row]) -> Vec<String> {
    rows.iter()
        .filter(|row| !row.agrees)
        .map(ToString::to_string)
        .collect()
}

/// Every family in the folder.
fn families() -> Vec<Family> {
    let entries = std::fs::read_dir(FOLDER)
        .expect("the folder is there")
        .flatten();
    let names = entries.filter_map(|entry| {
        Some(
            entry
                .file_name()
                .to_str()?
                .strip_suffix(".json")?
                .to_owned(),
        )
    });
    names.map(|name| Family::read(&name)).collect()
}

#[test]
fn every_recording_is_read() {
    let families = families();
    let recordings: usize = families.iter().map(|family| family.recordings.len()).sum();
    assert_eq!((families.len(), recordings), (24, 54));
}

/// The watcher counted pods and endpoints as it went; the pods' own times give the same counts.
#[test]
fn counts_follow_from_times() {
    for family in families() {
        for recording in &family.recordings {
            let counted = (
                recording::peak_pods(&recording.pods),
                recording::min_ready_in_slice(&recording.pods),
            );
            assert_eq!(
                counted,
                (recording.peak_pods, recording.min_ready_in_slice),
                "{}",
                family.name
            );
        }
    }
}

#[test]
fn a_recording_agrees_with_itself() {
    for mut family in families() {
        for recording in family.recordings.clone() {
            family.recordings = vec![recording.clone()];
            let rows = compare(&family, &[recording], Extent::Full);
            assert_eq!(differing(&rows), [""; 0], "{}", family.name);
        }
    }
}

/// One repeat as the forecast of the others, where the machine was quiet enough for both.
#[test]
fn a_quiet_repeat_agrees_with_the_others() {
    for name in [
        "r04_minready5",
        "r04_bad_never_ready",
        "r04_publishnotready",
        "real_r04_default",
    ] {
        let mut family = Family::read(name);
        let forecast = family
            .recordings
            .pop()
            .expect("it was recorded more than once");
        assert_eq!(
            differing(&compare(&family, &[forecast], Extent::Full)),
            [""; 0],
            "{name}"
        );
    }
}

/// Spoils a recording, and expects these quantities, and no others, to differ from it.
#[track_caller]
fn check_differs(name: &str, spoil: fn(&mut Recording), expected: &[&str]) {
    let mut family = Family::read(name);
    family.recordings.truncate(1);
    let mut forecast = family.recordings[0].clone();
    spoil(&mut forecast);
    let rows = compare(&family, &[forecast], Extent::Full);
    let quantities: Vec<&str> = rows
        .iter()
        .filter(|row| !row.agrees)
        .map(|row| row.quantity.as_str())
        .collect();
    assert_eq!(quantities, expected);
}

#[test]
fn differences_are_found() {
    check_differs(
        "r01_default",
        |forecast| forecast.pods[1].ready = Some(3.4),
        &["new pods ready 1"],
    );
    check_differs(
        "r01_default",
        |forecast| forecast.pods[1].ready = Some(3.2),
        &[],
    );
    check_differs(
        "r01_default",
        |forecast| forecast.pods[0].gone = None,
        &["old pods gone 1"],
    );
    check_differs(
        "r01_default",
        |forecast| forecast.pods[1].revision = "rev3".into(),
        &[
            "new pods created 1",
            "rev3 pods created 1",
            "new pods ready 1",
            "rev3 pods ready 1",
        ],
    );
    check_differs(
        "r04_default",
        |forecast| forecast.rs_scale.swap(3, 4),
        &["most pods asked for", "ReplicaSet steps"],
    );
    check_differs(
        "r04_default",
        |forecast| forecast.rs_scale[7].t += 1.0,
        &["last ReplicaSet step"],
    );
    check_differs(
        "r04_default",
        |forecast| drop(forecast.rs_scale.pop()),
        &["end", "last ReplicaSet step", "ReplicaSet steps"],
    );
    check_differs(
        "r04_default",
        |forecast| forecast.peak_pods += 1,
        &["peak pods"],
    );
    check_differs(
        "r04_default",
        |forecast| forecast.min_ready_in_slice -= 1,
        &["fewest ready in slice"],
    );
    check_differs(
        "r04_bad_never_ready",
        |forecast| forecast.deployment.clear(),
        &["progress deadline"],
    );
}
