//! Colours. Every cause has one, the same in every chart, and each colour has a light and a dark form.
//!
//! The hues are those of Okabe and Ito ("Color Universal Design", 2008), which people with any of the common
//! colour deficiencies tell apart, darkened on white until marks have a contrast of 3 and text one of 4.5
//! (WCAG 2.2, 1.4.3 and 1.4.11). Colour is never the only difference: what ends as 504 is hatched, too, every
//! mark has a shape of its own, and legends name the status.

use crate::traffic::outcome::Outcome;
use crate::verdict::{Cause, Verdict};

/// Which paper a picture is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    Light,
    Dark,
}

/// A colour: red, green and blue on white paper, and on dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tone {
    light: [u8; 3],
    dark: [u8; 3],
}

const fn tone(light: u32, dark: u32) -> Tone {
    const fn channels(color: u32) -> [u8; 3] {
        let [_, red, green, blue] = color.to_be_bytes();
        [red, green, blue]
    }
    Tone {
        light: channels(light),
        dark: channels(dark),
    }
}

/// Text and axes.
pub(super) const INK: Tone = tone(0x15_19_1E, 0xEC_EF_F3);
/// Text of the second rank.
pub(super) const FADED_INK: Tone = tone(0x4A_53_5D, 0xB3_BC_C6);
/// Lines behind everything.
pub(super) const GRID: Tone = tone(0xE4_E6_E9, 0x2A_31_39);
/// Paper.
pub(super) const PAPER: Tone = tone(0xFF_FF_FF, 0x14_18_1D);
/// What the pod's socket does.
pub(super) const TRUTH: Tone = tone(0x3F_4B_57, 0xB4_C0_CC);
/// What an ALB node believes.
pub(super) const BELIEF: Tone = tone(0x71_85_9A, 0x71_85_9A);
/// Where belief outlives truth: the field,
pub(super) const GONE: Tone = tone(0xFD_EB_D3, 0x003A_2A16);
/// its hatch,
pub(super) const GONE_HATCH: Tone = tone(0xE2_A8_62, 0x8A_5F_25);
/// and its length.
pub(super) const GONE_TEXT: Tone = tone(0x7A_3D_00, 0xFF_CA_8F);
/// The range of the replications.
pub(super) const BAND: Tone = tone(0xE3_E6_EA, 0x2B_32_3A);
/// The edges of the range.
pub(super) const BAND_EDGE: Tone = tone(0x3C_43_4A, 0xC5_CE_D8);
/// Rollouts that cost something.
pub(super) const DIRTY: Tone = tone(0x5D_71_85, 0x8F_A3_B8);
/// Rollouts that cost nothing.
pub(super) const HARMLESS: Tone = tone(0x00_80_5C, 0x35_C7_9A);
/// What was tried, and is not the point.
pub(super) const CLEAN: Tone = tone(0xB9_C2_CB, 0x46_51_5C);
/// The highest value of a map.
pub(super) const MOST: Tone = tone(0x00_3B_66, 0x9A_D0_FF);

/// Curves of one chart, which no chart shows beside causes: Okabe and Ito's in the order that differs most.
pub(super) const CURVES: [Tone; 6] = [
    tone(0x00_72_B2, 0x4D_A8_E8),
    tone(0xCC_52_00, 0xFF_8A_3D),
    tone(0x00_80_5C, 0x35_C7_9A),
    tone(0xB0_54_8A, 0xE7_9B_C7),
    tone(0xB3_7A_00, 0xF0_B4_29),
    INK,
];

impl Tone {
    /// Red, green and blue on one paper.
    pub fn on(self, theme: Theme) -> [u8; 3] {
        match theme {
            Theme::Light => self.light,
            Theme::Dark => self.dark,
        }
    }
}

/// A colour mixed with paper: a share of 1 is the colour itself.
pub(super) fn tint(color: Tone, share: f64) -> Tone {
    let share = share.clamp(0.0, 1.0);
    let mix = |paper: [u8; 3], color: [u8; 3]| {
        std::array::from_fn(|channel| {
            let (paper, color) = (f64::from(paper[channel]), f64::from(color[channel]));
            (paper - (paper - color) * share).round() as u8
        })
    };
    Tone {
        light: mix(PAPER.light, color.light),
        dark: mix(PAPER.dark, color.dark),
    }
}

/// Black or white, whichever is read better on `ground`.
pub(super) fn readable_on(ground: Tone) -> Tone {
    const BLACK: [u8; 3] = [0; 3];
    const WHITE: [u8; 3] = [0xFF; 3];
    let better = |theme: Theme| {
        let ground = ground.on(theme);
        if contrast(BLACK, ground) >= contrast(WHITE, ground) {
            BLACK
        } else {
            WHITE
        }
    };
    Tone {
        light: better(Theme::Light),
        dark: better(Theme::Dark),
    }
}

/// Contrast of two colours, from 1 to 21 (WCAG 2.2).
fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let luminance = |color: [u8; 3]| {
        let [red, green, blue] = color.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
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
pub(super) fn color(column: usize) -> Tone {
    match Cause::ALL.get(column) {
        Some(Cause::Refused) => tone(0xB3_7A_00, 0xF0_B4_29),
        Some(Cause::HostUnreachable) => tone(0x8A_7F_00, 0xF0_E4_42),
        Some(Cause::ResetInFlight) => tone(0xCC_52_00, 0xFF_8A_3D),
        Some(Cause::KeepAliveRace) => tone(0xB0_54_8A, 0xE7_9B_C7),
        Some(Cause::CutByDeregistration) => tone(0xC7_65_A0, 0xF3_C0_DA),
        Some(Cause::NoTarget) => tone(0x15_19_1F, 0xFF_FF_FF),
        Some(Cause::ConnectTimeout) => tone(0x00_72_B2, 0x4D_A8_E8),
        Some(Cause::ResponseTimeout) => tone(0x00_3B_66, 0x9A_D0_FF),
        Some(Cause::ClientGaveUp) => tone(0x35_89_BD, 0x7C_C4_EE),
        None => tone(0x00_80_5C, 0x35_C7_9A),
    }
}

/// Whether a column is hatched, too: in a grey print a 504 is like a pod that serves.
pub(super) fn is_hatched(column: usize) -> bool {
    Cause::ALL
        .get(column)
        .is_some_and(|cause| cause.status() == 504)
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

    #[track_caller]
    fn check(color: Tone, ground: Tone, least: f64) {
        for theme in [Theme::Light, Theme::Dark] {
            let found = contrast(color.on(theme), ground.on(theme));
            assert!(found >= least, "{color:?} on {theme:?}: {found:.2}");
        }
    }

    #[test]
    fn text_is_legible_and_marks_are_seen_on_both_papers() {
        for text in [INK, FADED_INK] {
            check(text, PAPER, 4.5);
        }
        check(GONE_TEXT, GONE, 4.5);
        let causes = (0..COLUMNS).map(color);
        for mark in causes
            .chain(CURVES)
            .chain([TRUTH, BELIEF, BAND_EDGE, DIRTY, HARMLESS, MOST])
        {
            check(mark, PAPER, 3.0);
        }
        for share in 0..=20 {
            let ground = tint(MOST, f64::from(share) / 20.0);
            check(readable_on(ground), ground, 4.5);
        }
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
        assert!((contrast([0x76; 3], [255; 3]) - 4.54).abs() < 0.005);
    }

    #[test]
    fn no_two_columns_share_a_colour() {
        for column in 0..COLUMNS {
            for theme in [Theme::Light, Theme::Dark] {
                let other =
                    (0..column).find(|other| color(*other).on(theme) == color(column).on(theme));
                assert_eq!(other, None, "{}", label(column));
            }
        }
    }
}
