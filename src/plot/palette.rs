//! Colours. Every cause has one, the same in every chart.
//!
//! The colours are the eight of Okabe and Ito ("Color Universal Design", 2008), which people with any of the
//! common colour deficiencies tell apart, and two shades of them. The families also differ in lightness, so that a
//! grey print keeps them apart: what ended as 504 is dark, the 502s are middling to light, the ALB's 503 is black.

use plotters::style::RGBColor;

use crate::traffic::outcome::Outcome;
use crate::verdict::{Cause, Verdict};

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Text of the second rank.
pub(super) const FADED_INK: RGBColor = RGBColor(0x55, 0x5B, 0x61);
/// Lines behind everything.
pub(super) const GRID: RGBColor = RGBColor(0xE4, 0xE6, 0xE9);
/// Paper.
pub(super) const PAPER: RGBColor = RGBColor(0xFF, 0xFF, 0xFF);
/// What the pod's socket does.
pub(super) const TRUTH: RGBColor = RGBColor(0x56, 0x63, 0x70);
/// What an ALB node believes.
pub(super) const BELIEF: RGBColor = RGBColor(0x8D, 0x9F, 0xB0);
/// Where belief outlives truth.
pub(super) const DISAGREEMENT: RGBColor = RGBColor(0xFD, 0xE8, 0xCF);
/// The range of the replications.
pub(super) const BAND: RGBColor = RGBColor(0xE3, 0xE6, 0xEA);
/// The edges of the range.
pub(super) const BAND_EDGE: RGBColor = RGBColor(0x3C, 0x43, 0x4A);
/// Rollouts that cost something.
pub(super) const DIRTY: RGBColor = RGBColor(0x6C, 0x80, 0x94);
/// Rollouts that cost nothing.
pub(super) const CLEAN: RGBColor = RGBColor(0xBF, 0xCD, 0xDA);

/// Curves of one chart, which no chart shows beside causes: Okabe and Ito's in the order that differs most.
pub(super) const CURVES: [RGBColor; 6] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x22, 0x22, 0x22),
];

/// A colour mixed with paper: a share of 1 is the colour itself.
pub(super) fn tint(RGBColor(red, green, blue): RGBColor, share: f64) -> RGBColor {
    let mix =
        |channel: u8| (255.0 - (255.0 - f64::from(channel)) * share.clamp(0.0, 1.0)).round() as u8;
    RGBColor(mix(red), mix(green), mix(blue))
}

/// Columns of a table by cause: one per [`Cause`], then the application's own answers.
pub(super) const COLUMNS: usize = Cause::ALL.len() + 1;

/// The column of a failure in a table by cause; a success has none.
pub(super) fn column(verdict: Verdict) -> Option<usize> {
    match verdict {
        Verdict::Ok => None,
        Verdict::Target(_) => Some(Cause::ALL.len()),
        Verdict::Alb(cause) => Some(cause.index()),
    }
}

/// The colour of a column.
pub(super) fn color(column: usize) -> RGBColor {
    match Cause::ALL.get(column) {
        Some(Cause::Refused) => RGBColor(0xE6, 0x9F, 0x00),
        Some(Cause::HostUnreachable) => RGBColor(0xF0, 0xE4, 0x42),
        Some(Cause::ResetInFlight) => RGBColor(0xD5, 0x5E, 0x00),
        Some(Cause::KeepAliveRace) => RGBColor(0xCC, 0x79, 0xA7),
        Some(Cause::CutByDeregistration) => RGBColor(0xF3, 0xC0, 0xDA),
        Some(Cause::NoTarget) => RGBColor(0x00, 0x00, 0x00),
        Some(Cause::ConnectTimeout) => RGBColor(0x00, 0x72, 0xB2),
        Some(Cause::ResponseTimeout) => RGBColor(0x00, 0x3B, 0x66),
        Some(Cause::ClientGaveUp) => RGBColor(0x56, 0xB4, 0xE9),
        None => RGBColor(0x00, 0x9E, 0x73),
    }
}

/// What a legend calls a column: `504 connect-timeout`.
pub(super) fn label(column: usize) -> String {
    match Cause::ALL.get(column) {
        Some(cause) => format!("{} {cause}", cause.status()),
        None => "503 target".to_owned(),
    }
}

/// Failures of one replication by column.
pub(super) fn counts(outcome: &Outcome) -> [u64; COLUMNS] {
    std::array::from_fn(|column| {
        outcome
            .causes
            .get(column)
            .copied()
            .unwrap_or(outcome.target)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE L*, from 0 (black) to 100 (white).
    fn lightness(RGBColor(red, green, blue): RGBColor) -> f64 {
        let linear = |channel: u8| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
        if luminance <= 0.008856 {
            903.3 * luminance
        } else {
            116.0 * luminance.cbrt() - 16.0
        }
    }

    #[test]
    fn families_differ_in_lightness() {
        let of = |status| {
            Cause::ALL
                .into_iter()
                .filter(move |cause| cause.status() == status)
                .map(|cause| lightness(color(cause.index())))
        };
        let darkest_502 = of(502).fold(f64::MAX, f64::min);
        let (darkest_504, lightest_504) = (
            of(504).fold(f64::MAX, f64::min),
            of(504).fold(0.0, f64::max),
        );
        assert!(
            darkest_502 > lightest_504 + 5.0,
            "502 from {darkest_502}, 504 to {lightest_504}"
        );
        assert!(of(503).all(|black| black + 15.0 < darkest_504));
    }

    #[test]
    fn no_two_columns_share_a_colour() {
        for column in 0..COLUMNS {
            assert!(
                (0..column).all(|other| color(other) != color(column)),
                "{}",
                label(column)
            );
        }
    }
}
