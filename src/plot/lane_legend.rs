//! The legend of [`super::lanes()`]: only what the picture has.

use super::frame::{self, Key, Legend, Swatch};
use super::lanes::MOST_NODES;
use super::palette::{self, COLUMNS};
use crate::observe::timeline::{Socket, Timeline};
use crate::observe::track::Track;
use crate::traffic::outcome::Outcome;

/// The pod, the load balancer, the marks, and the failures by cause.
pub(super) fn legends(timeline: &Timeline, outcome: &Outcome, tracks: &[Track]) -> Vec<Legend> {
    let counts = palette::counts(outcome);
    let causes = (0..COLUMNS).filter(|column| counts[*column] > 0);
    let causes = causes.map(|column| Key {
        swatch: Swatch::Cause(column),
        label: format!(
            "{}: {}",
            palette::label(column),
            frame::count(counts[column])
        ),
    });
    let legend = |heading, keys| Legend { heading, keys };
    vec![
        legend("pod", truths(tracks)),
        legend("ALB", beliefs(timeline, tracks)),
        legend("marks", marks(tracks)),
        legend("failed", causes.collect()),
    ]
}

fn key(swatch: Swatch, label: &str) -> Key {
    Key {
        swatch,
        label: label.to_owned(),
    }
}

fn occurring<const N: usize>(candidates: [(bool, Swatch, &str); N]) -> Vec<Key> {
    let occurring = candidates.into_iter().filter(|(occurs, ..)| *occurs);
    occurring
        .map(|(_, swatch, label)| key(swatch, label))
        .collect()
}

/// What sockets did.
fn truths(tracks: &[Track]) -> Vec<Key> {
    /// Shorter ones are not seen in the picture.
    const SEEN: f64 = 1.0;
    let met = |wanted: Socket| {
        let mut sockets = tracks.iter().flat_map(|track| &track.sockets);
        sockets.any(|(_, socket)| *socket == wanted)
    };
    let mut leaving = tracks.iter().flat_map(Track::leaving);
    let truth = palette::TRUTH;
    occurring([
        (met(Socket::Serving), Swatch::Block(truth), "serves"),
        (
            leaving.any(|(from, to)| to - from >= SEEN),
            Swatch::Hatched(truth),
            "serves, in preStop",
        ),
        (met(Socket::Refusing), Swatch::Stripes(truth), "answers 503"),
        (met(Socket::Closed), Swatch::Hollow(truth), "refuses"),
        (!tracks.is_empty(), Swatch::Blank, "nothing: no network"),
    ])
}

fn beliefs(timeline: &Timeline, tracks: &[Track]) -> Vec<Key> {
    let what = if timeline.node_ports.is_empty() {
        "the pod"
    } else {
        "a host that leads to the pod"
    };
    let mut keys = match timeline.beliefs.len() {
        0 => Vec::new(),
        1..=MOST_NODES => vec![key(
            Swatch::Bar(palette::BELIEF),
            &format!("chooses {what} (one bar a node)"),
        )],
        nodes => vec![key(
            Swatch::Block(palette::BELIEF),
            &format!("share of the {nodes} nodes that choose {what}"),
        )],
    };
    if tracks.iter().any(|track| !track.disagreements.is_empty()) {
        keys.push(key(Swatch::Gone, "chosen, but gone: here requests fail"));
    }
    keys
}

fn marks(tracks: &[Track]) -> Vec<Key> {
    let marked =
        |moment: fn(&Track) -> Option<f64>| tracks.iter().any(|track| moment(track).is_some());
    let ink = palette::INK;
    occurring([
        (
            marked(|track| track.deleted),
            Swatch::Upright(ink),
            "deleted",
        ),
        (marked(|track| track.sigterm), Swatch::Down(ink), "SIGTERM"),
        (
            marked(|track| track.deregistered),
            Swatch::Diamond(ink),
            "deregistered (API)",
        ),
        (marked(|track| track.ready), Swatch::Up(ink), "Ready"),
    ])
}
