//! How far forecasts are from recordings of the same rollout, quantity by quantity.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::recording::{Family, Nodes, Pod, Recording};

/// How much of a family a forecast can be held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything.
    Full,
    /// The scenario says the experiment only nearly: how far it may go, and where it ends up.
    BoundsAndEnds,
}

/// A quantity, recorded and forecast.
#[derive(Debug)]
pub struct Row {
    pub quantity: String,
    pub recorded: String,
    pub forecast: String,
    pub agrees: bool,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.agrees { "agrees" } else { "DIFFERS" };
        write!(
            f,
            "| {} | {} | {} | {verdict} |",
            self.quantity, self.recorded, self.forecast
        )
    }
}

/// How far a time may be off: so many seconds, or this share of the recorded time, whichever is more.
#[derive(Debug, Clone, Copy)]
struct Tolerance {
    seconds: f64,
    share: f64,
}

impl Tolerance {
    const fn of(nodes: Nodes) -> Tolerance {
        match nodes {
            Nodes::Virtual => Tolerance {
                seconds: 0.25,
                share: 0.05,
            },
            Nodes::Hollow | Nodes::Real => Tolerance {
                seconds: 1.0,
                share: 0.15,
            },
        }
    }

    fn row(self, quantity: impl Into<String>, recorded: &[f64], forecast: &[f64]) -> Row {
        let (was, is) = (median(recorded), median(forecast));
        let allowed = self.seconds.max(self.share * was.unwrap_or_default());
        Row {
            quantity: quantity.into(),
            recorded: was.map_or("–".into(), |was| format!("{was:.2} s ± {allowed:.2} s")),
            forecast: is.map_or("–".into(), |is| format!("{is:.2} s")),
            agrees: match (was, is) {
                (Some(was), Some(is)) => (is - was).abs() <= allowed,
                (was, is) => was.is_none() && is.is_none(),
            },
        }
    }
}

/// Everything that is compared, in the order of a table.
pub fn compare(family: &Family, forecasts: &[Recording], extent: Extent) -> Vec<Row> {
    let (recordings, tolerance) = (&family.recordings, Tolerance::of(family.nodes));
    let sequences: Vec<String> = recordings.iter().map(sequence).collect();
    let agreed = sequences.iter().all(|sequence| *sequence == sequences[0]);
    let mut rows = bounds_and_ends(recordings, forecasts, tolerance);
    if extent == Extent::BoundsAndEnds {
        return rows;
    }
    if agreed && family.nodes == Nodes::Virtual {
        rows.push(steps(&sequences[0], forecasts));
    }
    rows.push(within("peak pods", recordings, forecasts, |recording| {
        recording.peak_pods
    }));
    rows.push(within(
        "fewest ready in slice",
        recordings,
        forecasts,
        |recording| recording.min_ready_in_slice,
    ));
    rows.push(tolerance.row(
        "progress deadline",
        &deadlines(recordings),
        &deadlines(forecasts),
    ));
    for (name, field) in FIELDS {
        for revision in revisions(recordings).union(&revisions(forecasts)) {
            rows.extend(ranks(
                &format!("{revision} pods {name}"),
                recordings,
                forecasts,
                tolerance,
                |pod| field(pod).filter(|_| pod.revision == *revision),
            ));
        }
    }
    rows
}

/// A pod's times that are compared.
pub type Field = fn(&Pod) -> Option<f64>;
pub const FIELDS: [(&str, Field); 4] = [
    ("created", |pod| pod.created),
    ("ready", |pod| pod.ready),
    ("terminating", |pod| pod.terminating),
    ("gone", |pod| pod.gone),
];

pub fn revisions(recordings: &[Recording]) -> BTreeSet<&str> {
    recordings
        .iter()
        .flat_map(|recording| &recording.pods)
        .map(|pod| pod.revision.as_str())
        .collect()
}

/// The ReplicaSets' changes in words: `new –→1, old 4→3, …`.
fn sequence(recording: &Recording) -> String {
    let word = |from: Option<u32>| from.map_or("–".to_owned(), |from| from.to_string());
    let changes = recording
        .rs_scale
        .iter()
        .map(|scale| format!("{} {}→{}", scale.revision, word(scale.from), scale.to));
    changes.collect::<Vec<_>>().join(", ")
}

/// Step for step, in most of the forecasts.
fn steps(recorded: &str, forecasts: &[Recording]) -> Row {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for forecast in forecasts {
        *counts.entry(sequence(forecast)).or_default() += 1;
    }
    let (most, count) = counts
        .iter()
        .max_by_key(|(_, count)| **count)
        .map_or(("", 0), |(most, count)| (most, *count));
    Row {
        quantity: "ReplicaSet steps".into(),
        recorded: recorded.to_owned(),
        forecast: format!("{most} ({count} of {})", forecasts.len()),
        agrees: most == recorded && 2 * count > forecasts.len(),
    }
}

/// How many pods were asked for at most, what every revision ended with, and when.
fn bounds_and_ends(
    recordings: &[Recording],
    forecasts: &[Recording],
    tolerance: Tolerance,
) -> Vec<Row> {
    let most = |recordings: &[Recording]| {
        recordings
            .iter()
            .map(most_asked_for)
            .max()
            .unwrap_or_default()
    };
    let (was, is) = (most(recordings), most(forecasts));
    let bound = Row {
        quantity: "most pods asked for".into(),
        recorded: was.to_string(),
        forecast: is.to_string(),
        agrees: is <= was,
    };
    let ends = |recordings: &[Recording]| recordings.iter().map(end).collect::<BTreeSet<_>>();
    let (was, is) = (ends(recordings), ends(forecasts));
    let words = |ends: &BTreeSet<String>| ends.iter().cloned().collect::<Vec<_>>().join(" or ");
    let end = Row {
        quantity: "end".into(),
        recorded: words(&was),
        forecast: words(&is),
        agrees: was == is,
    };
    let last = |recordings: &[Recording]| -> Vec<f64> {
        recordings
            .iter()
            .filter_map(|recording| recording.rs_scale.last())
            .map(|scale| scale.t)
            .collect()
    };
    vec![
        bound,
        end,
        tolerance.row("last ReplicaSet step", &last(recordings), &last(forecasts)),
    ]
}

/// The greatest sum of all ReplicaSets' desired replicas.
fn most_asked_for(recording: &Recording) -> u32 {
    let mut asked: BTreeMap<&str, u32> = BTreeMap::new();
    for pod in recording.pods.iter().filter(|pod| pod.initial) {
        *asked.entry(&pod.revision).or_default() += 1;
    }
    let sums = recording.rs_scale.iter().map(|scale| {
        asked.insert(&scale.revision, scale.to);
        asked.values().sum()
    });
    sums.max().unwrap_or_default()
}

/// What each ReplicaSet that changed was left with.
fn end(recording: &Recording) -> String {
    let last: BTreeMap<_, _> = recording
        .rs_scale
        .iter()
        .map(|scale| (&scale.revision, scale.to))
        .collect();
    last.iter()
        .map(|(revision, to)| format!("{revision} {to}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// When the Deployment was first said to make no progress.
fn deadlines(recordings: &[Recording]) -> Vec<f64> {
    let first = |recording: &Recording| {
        recording
            .deployment
            .iter()
            .find(|change| change.reason == "ProgressDeadlineExceeded")
            .map(|change| change.t)
    };
    recordings.iter().filter_map(first).collect()
}

/// A count that is as recorded; where the recordings differ, between them.
fn within(
    quantity: &str,
    recordings: &[Recording],
    forecasts: &[Recording],
    count: fn(&Recording) -> usize,
) -> Row {
    let sorted = |recordings: &[Recording]| {
        let mut counts: Vec<usize> = recordings.iter().map(count).collect();
        counts.sort_unstable();
        counts
    };
    let (was, is) = (sorted(recordings), sorted(forecasts));
    let (least, most, typical) = (was[0], was[was.len() - 1], is[is.len() / 2]);
    Row {
        quantity: quantity.to_owned(),
        recorded: if least == most {
            most.to_string()
        } else {
            format!("{least} to {most}")
        },
        forecast: typical.to_string(),
        agrees: (least..=most).contains(&typical),
    }
}

/// The first pod's time with the first one's, the second's with the second's, and so on.
fn ranks(
    quantity: &str,
    recordings: &[Recording],
    forecasts: &[Recording],
    tolerance: Tolerance,
    time: impl Fn(&Pod) -> Option<f64>,
) -> Vec<Row> {
    let sorted = |recording: &Recording| {
        let mut times: Vec<f64> = recording.pods.iter().filter_map(&time).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let (was, is): (Vec<_>, Vec<_>) = (
        recordings.iter().map(sorted).collect(),
        forecasts.iter().map(sorted).collect(),
    );
    // A pod that only few of the rollouts had is no typical one.
    let typical = |runs: &[Vec<f64>], rank: usize| {
        let times: Vec<f64> = runs
            .iter()
            .filter_map(|times| times.get(rank))
            .copied()
            .collect();
        if 2 * times.len() > runs.len() {
            times
        } else {
            Vec::new()
        }
    };
    let longest = was
        .iter()
        .chain(&is)
        .map(Vec::len)
        .max()
        .unwrap_or_default();
    let pairs = (0..longest).map(|rank| (rank, typical(&was, rank), typical(&is, rank)));
    pairs
        .filter(|(_, was, is)| !(was.is_empty() && is.is_empty()))
        .map(|(rank, was, is)| tolerance.row(format!("{quantity} {}", rank + 1), &was, &is))
        .collect()
}

pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len().checked_sub(1)? / 2;
    Some((sorted[middle] + sorted[sorted.len() / 2]) / 2.0)
}
