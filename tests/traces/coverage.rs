//! Whether the intervals of a forecast hold what they say: where in the forecast's distribution each
//! recorded time lies.
//!
//! `cargo test --test traces coverage -- --nocapture` prints the tables of docs/VALIDATION.md;
//! `ROLLCAST_BLESS=1` writes them.

use rollcast::dist::{Dist, LogNormal};
use rollcast::scenario::Scenario;
use rollcast::time::Span;

use super::compare::{FIELDS, median, revisions};
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
        let inside = self.0.iter().filter(|place| (tail..=1.0 - tail).contains(*place)).count();
        100.0 * inside as f64 / self.0.len() as f64
    }

    /// How many lie in each tenth.
    fn histogram(&self) -> [usize; 10] {
        let mut tenths = [0; 10];
        self.0.iter().for_each(|place| tenths[((place * 10.0) as usize).min(9)] += 1);
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

/// Where the times of a recording lie in forecasts of the same rollout.
fn places(recording: &Recording, forecasts: &[Recording]) -> Places {
    let mut places = Places::default();
    for (_, field) in FIELDS {
        for revision in revisions(std::slice::from_ref(recording)) {
            let forecast: Vec<Vec<f64>> = forecasts.iter().map(|forecast| times(forecast, revision, field)).collect();
            for (rank, time) in times(recording, revision, field).into_iter().enumerate() {
                let drawn: Vec<f64> = forecast.iter().filter_map(|times| times.get(rank).copied()).collect();
                // A pod that few of the forecasts have: its time is outside every interval.
                let place = if 2 * drawn.len() > forecasts.len() { place(time, &drawn) } else { 1.0 };
                places.0.push(place);
            }
        }
    }
    places
}

/// The share of draws before a time; recorded times have whole milliseconds, and so have draws here.
fn place(time: f64, drawn: &[f64]) -> f64 {
    let millis = |time: f64| (time * 1000.0).round();
    let before = drawn.iter().filter(|draw| millis(**draw) < millis(time)).count() as f64;
    let equal = drawn.iter().filter(|draw| millis(**draw) == millis(time)).count() as f64;
    (before + equal / 2.0) / drawn.len() as f64
}

#[test]
fn coverage_of_recorded_times() {
    let mut all = Places::default();
    println!("| family | times | inside 50 % | 80 % | 90 % | PIT |");
    for (name, _) in FAMILIES {
        let forecasts = simulate(&scenario(name), REPLICATIONS);
        let mut own = Places::default();
        for recording in &Family::read(name).recordings {
            own.0.extend(places(recording, &forecasts).0);
        }
        let [half, most, nearly] = LEVELS.map(|level| own.inside(level));
        println!("| {name} | {} | {half:.0} | {most:.0} | {nearly:.0} | {:?} |", own.0.len(), own.histogram());
        all.0.extend(own.0);
    }
    let [half, most, nearly] = LEVELS.map(|level| all.inside(level));
    println!("| all | {} | {half:.0} | {most:.0} | {nearly:.0} | {:?} |", all.0.len(), all.histogram());
}
