//! The words of [`super::lanes()`]: the statement above it, and what came of each pod beside it.

use super::{frame, palette};
use crate::observe::timeline::Timeline;
use crate::observe::track::{Track, tracks as tracks_of};
use crate::traffic::outcome::{Failure, Outcome};

/// How many requests failed, for how long pods were chosen, but gone, and what the picture leaves out.
pub(super) fn statement(timeline: &Timeline, outcome: &Outcome, tracks: &[Track]) -> String {
    let failed = outcome.count_5xx();
    let total: u64 = palette::counts(outcome).iter().sum();
    let mut words = format!(
        "{} of {} requests failed with a 5xx",
        frame::count(failed),
        frame::count(outcome.requests)
    );
    if total > failed {
        let more = format!("; clients gave up {} more", frame::count(total - failed));
        words.push_str(&more);
    }
    let all = tracks_of(timeline, usize::MAX);
    let gone = all.iter().map(Track::gone_but_chosen);
    let gone: Vec<f64> = gone.filter(|seconds| *seconds > 0.0).collect();
    if let (true, Some(longest)) = (failed > 0, gone.iter().copied().max_by(f64::total_cmp)) {
        let shortest = gone.iter().copied().fold(longest, f64::min);
        let span = match (seconds(shortest), seconds(longest)) {
            (low, high) if low == high => high,
            (low, high) => format!("{low} to {high}"),
        };
        let of = if gone.len() == 1 {
            "a pod was".to_owned()
        } else {
            format!("{} pods were", gone.len())
        };
        words.push_str(&format!("; {of} chosen, but gone, for {span}\u{a0}s"));
    }
    let kept = outcome.failures.len() as u64;
    if kept == 0 && total > 0 {
        words.push_str("; none of them were kept to show");
    } else if kept < total {
        words.push_str(&format!("; the first {} are shown", frame::count(kept)));
    }
    let omitted = timeline.pods.len() - tracks.len();
    if omitted > 0 {
        let is_shown = |failure: &&Failure| {
            failure
                .pod
                .is_none_or(|pod| tracks.iter().any(|track| track.row == pod.index()))
        };
        let theirs = outcome.failures.len() - outcome.failures.iter().filter(is_shown).count();
        words.push_str(&format!(
            "; {} more pods, with {} of them, are not shown",
            frame::count(omitted as u64),
            frame::count(theirs as u64)
        ));
    }
    words
}

/// `9.5`, `12`: to a tenth where that is three digits at most.
pub(super) fn seconds(seconds: f64) -> String {
    if seconds < 99.95 {
        format!("{seconds:.1}")
    } else {
        frame::count(seconds.round() as u64)
    }
}

/// What came of a pod, in a few words.
pub(super) fn came_of(track: &Track) -> String {
    let gone = track.gone_but_chosen();
    if gone >= 0.05 {
        return format!("chosen {} s too long", seconds(gone));
    }
    match (track.deleted, track.ready, track.first_chosen()) {
        (Some(_), ..) => "left unnoticed".to_owned(),
        (None, Some(ready), Some(chosen)) if chosen >= ready => {
            format!("chosen {} s after Ready", seconds(chosen - ready))
        }
        (None, Some(_), None) => "Ready, never chosen".to_owned(),
        (None, None, None) => "never Ready".to_owned(),
        (None, _, Some(_)) => "serves".to_owned(),
    }
}
