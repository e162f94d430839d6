//! How many 5xx one rollout costs: a histogram over the rollouts, with the marks that a report quotes.

use super::frame::{self, Axis, Key, Legend, MARGIN, Page, RIGHT, Swatch, X_AXIS_HEIGHT};
use super::palette;
use super::sheet::{LABEL, Sheet};
use super::{Caption, Picture};
use crate::error::Error;
use crate::report::figures::amount;
use crate::stats::Frequencies;

const HEIGHT: f64 = 640.0;

/// What the report says of the same samples; the chart repeats it rather than computing it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// 5 % of rollouts cost no more 5xx than this.
    pub p05: f64,
    /// Half of them.
    pub p50: f64,
    /// 95 % of them.
    pub p95: f64,
    /// Interval for the share of rollouts with any 5xx, each end from 0 to 1.
    pub any_5xx: (f64, f64),
    /// Confidence of that interval: 0.95.
    pub confidence: f64,
}

/// Rollouts that cost at least `from` and fewer than `to` 5xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bin {
    from: u64,
    to: u64,
    rollouts: u64,
}

/// How far apart counts stand.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Spacing {
    /// Evenly.
    Even,
    /// As ln(1 + x): room for a long tail, and for zero.
    Logarithmic,
}

/// Draws the distribution of 5xx per rollout: how often each count occurred.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn distribution(
    caption: &Caption,
    counts: &Frequencies,
    summary: &Summary,
) -> Result<Picture, Error> {
    let spacing = spacing(counts, summary);
    let bins = bins(counts, spacing);
    let page = Page::lay_out(caption, &statement(counts, summary), legend(&bins))?;
    Ok(Picture::draw(&page, HEIGHT, |sheet| {
        draw(sheet, &page, &bins, spacing, counts.n(), summary);
    }))
}

fn statement(counts: &Frequencies, summary: &Summary) -> String {
    let runs = counts.n();
    let clean = runs - counts.nonzero();
    let (low, high) = summary.any_5xx;
    let level = format!(
        "{} % confidence",
        (summary.confidence * 1_000.0).round() / 10.0
    );
    if runs == 0 {
        return "No rollouts.".to_owned();
    }
    let of = format!(
        "{} rollout{}",
        frame::count(runs),
        if runs == 1 { "" } else { "s" }
    );
    if clean == runs {
        return format!(
            "No 5xx in {of}: at most {} of rollouts have any ({level})",
            frame::percent(high)
        );
    }
    let (any, low, high) = (
        frame::percent((runs - clean) as f64 / runs as f64),
        frame::percent(low),
        frame::percent(high),
    );
    format!("{any} of {of} have a 5xx: {low} to {high} ({level})")
}

fn legend(bins: &[Bin]) -> Vec<Legend> {
    let bar = |swatch, label: &str| Key {
        swatch,
        label: label.to_owned(),
    };
    let mut keys = Vec::new();
    if bins.iter().any(|bin| bin.is_clean() && bin.rollouts > 0) {
        keys.push(bar(Swatch::Block(palette::HARMLESS), "no 5xx"));
    }
    if bins.iter().any(|bin| !bin.is_clean() && bin.rollouts > 0) {
        keys.push(bar(Swatch::Block(palette::DIRTY), "some 5xx"));
    }
    vec![Legend {
        heading: "share of rollouts with",
        keys,
    }]
}

impl Bin {
    fn is_clean(&self) -> bool {
        self.from == 0 && self.to == 1
    }
}

/// Even, unless the worst rollouts would press the usual ones against the axis.
fn spacing(counts: &Frequencies, summary: &Summary) -> Spacing {
    let max = counts.max().unwrap_or(0.0) as u64;
    if max >= 50 && max as f64 > 5.0 * summary.p95.max(1.0)
        || max as f64 > 50.0 * summary.p50.max(2.0)
    {
        Spacing::Logarithmic
    } else {
        Spacing::Even
    }
}

/// Bins that leave out no sample. Zero always has one of its own: a clean rollout is not like one with an error.
fn bins(counts: &Frequencies, spacing: Spacing) -> Vec<Bin> {
    let max = counts.max().unwrap_or(0.0) as u64;
    let mut edges = vec![0, 1];
    while edges[edges.len() - 1] <= max {
        let last = edges[edges.len() - 1];
        edges.push(match spacing {
            Spacing::Even => {
                last.saturating_add(frame::round_step(max as f64 / 50.0).max(1.0) as u64)
            }
            Spacing::Logarithmic => {
                last.saturating_add((last as f64 * growth(max)).ceil().max(1.0) as u64)
            }
        });
        if edges[edges.len() - 1] == u64::MAX {
            break;
        }
    }
    let below = |edge: u64| {
        let counts = counts.iter().map(|(count, times)| (count as u64, times));
        counts
            .filter(|(count, _)| *count < edge || edge == u64::MAX)
            .map(|(_, times)| times)
            .sum::<u64>()
    };
    edges
        .windows(2)
        .map(|pair| Bin {
            from: pair[0],
            to: pair[1],
            rollouts: below(pair[1]) - below(pair[0]),
        })
        .collect()
}

/// By which share of itself a logarithmic bin's edge grows, so that about forty reach `max`.
fn growth(max: u64) -> f64 {
    ((max as f64).ln() / 40.0).exp() - 1.0
}

impl Spacing {
    fn place(self, count: f64) -> f64 {
        match self {
            Spacing::Even => count,
            Spacing::Logarithmic => count.max(-0.5).ln_1p(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Spacing::Even => "5xx a rollout",
            Spacing::Logarithmic => "5xx a rollout (log scale)",
        }
    }

    fn marks(self, axis: &Axis, max: f64) -> Vec<(f64, String)> {
        match self {
            Spacing::Even => frame::numbered(
                axis.ticks(90.0)
                    .into_iter()
                    .filter(|tick| tick.fract() == 0.0)
                    .collect(),
            ),
            Spacing::Logarithmic => {
                let decades = (0..20)
                    .flat_map(|exponent| [1.0, 3.0].map(|digit| digit * 10f64.powi(exponent)));
                let counts = std::iter::once(0.0)
                    .chain(decades)
                    .take_while(|count| *count <= max.max(1.0));
                counts
                    .map(|count| (self.place(count), frame::number(count)))
                    .collect()
            }
        }
    }
}

fn draw(
    sheet: &mut Sheet,
    page: &Page,
    bins: &[Bin],
    spacing: Spacing,
    runs: u64,
    summary: &Summary,
) {
    let share = |bin: &Bin| bin.rollouts as f64 / runs.max(1) as f64;
    let highest = bins.iter().map(share).fold(0.0, f64::max);
    let end = bins.last().map_or(1, |bin| bin.to) as f64;
    let bottom = HEIGHT - page.footer_height() - X_AXIS_HEIGHT;
    let marks_top = page.top + 12.0;
    let top = marks_top + 3.0 * MARK_ROW;

    let y = Axis {
        values: (0.0, if highest > 0.0 { highest * 1.03 } else { 1.0 }),
        points: (bottom, top),
    };
    let y_marks: Vec<_> = y
        .ticks(46.0)
        .into_iter()
        .map(|tick| (tick, format!("{} %", frame::number(tick * 100.0))))
        .collect();
    let left = MARGIN + frame::y_axis_width(&y_marks);
    let last = spacing.place((end - 0.5).max(9.5));
    let x = Axis {
        values: (spacing.place(-0.5), last),
        points: (left, RIGHT),
    };

    frame::x_axis(
        sheet,
        &x,
        (top, bottom),
        &spacing.marks(&x, end),
        spacing.name(),
    );
    frame::y_axis(sheet, &y, (left, RIGHT), &y_marks);
    for bin in bins.iter().filter(|bin| bin.rollouts > 0) {
        let place = |edge: u64| x.at(spacing.place(edge as f64 - 0.5));
        let (from, to) = (place(bin.from), place(bin.to));
        // A bar of one rollout in a million, or of one count in a million, is still a bar.
        let (right, upper) = (to.max(from + 2.0) - 0.5, y.at(share(bin)).min(bottom - 1.5));
        let color = if bin.is_clean() {
            palette::HARMLESS
        } else {
            palette::DIRTY
        };
        sheet.fill((from + 0.5, upper), (right, bottom), color);
    }
    sheet.fill(
        (left, bottom - 0.75),
        (RIGHT, bottom + 0.75),
        palette::FADED_INK,
    );
    if runs > 0 {
        quantiles(sheet, &x, spacing, (marks_top, bottom), summary);
    }
}

const MARK_ROW: f64 = 26.0;

/// Marks the quantiles. Each label has a row of its own, so that equal quantiles stay legible.
fn quantiles(
    sheet: &mut Sheet,
    x: &Axis,
    spacing: Spacing,
    (top, bottom): (f64, f64),
    summary: &Summary,
) {
    let marks = [
        (summary.p05, "1 in 20: at most ", ""),
        (summary.p50, "median: ", ""),
        (summary.p95, "1 in 20: ", " or more"),
    ];
    for (row, (count, before, after)) in marks
        .into_iter()
        .filter(|(count, ..)| count.is_finite())
        .enumerate()
    {
        let (at, y) = (
            x.at(spacing.place(count)),
            top + (row as f64 + 0.5) * MARK_ROW,
        );
        let text = format!("{before}{}{after}", amount(count));
        sheet.dashes(at, (y - MARK_ROW / 2.0 + 3.0, bottom), 2.0, palette::INK);
        let width = LABEL.width(&text) + 14.0;
        let from = if at + width <= RIGHT { at } else { at - width };
        sheet.fill(
            (from + 3.0, y - 12.0),
            (from + width - 3.0, y + 12.0),
            palette::PAPER,
        );
        sheet.write(&text, (from + 7.0, y), LABEL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rollout_is_left_out_and_clean_ones_stand_alone() {
        for samples in [
            &[][..],
            &[0],
            &[1],
            &[0, 0, 1, 2, 700],
            &[3; 40],
            &[0, 5, 1 << 40],
            &[7, u64::MAX],
        ] {
            for spacing in [Spacing::Even, Spacing::Logarithmic] {
                let bins = bins(
                    &samples.iter().map(|count| *count as f64).collect(),
                    spacing,
                );
                assert_eq!(
                    bins.iter().map(|bin| bin.rollouts).sum::<u64>(),
                    samples.len() as u64,
                    "{samples:?} {spacing:?}"
                );
                assert_eq!(
                    bins[0].rollouts,
                    samples.iter().filter(|sample| **sample == 0).count() as u64
                );
                assert!(
                    bins.len() < 80,
                    "{} bins for {samples:?} {spacing:?}",
                    bins.len()
                );
            }
        }
    }

    #[test]
    fn the_statement_bounds_what_it_did_not_see() {
        let summary = Summary {
            p05: 0.0,
            p50: 0.0,
            p95: 0.0,
            any_5xx: (0.0, 0.003),
            confidence: 0.95,
        };
        let check = |samples: &[u64], expected: &str| {
            let counts = samples.iter().map(|count| *count as f64).collect();
            assert_eq!(statement(&counts, &summary), expected);
        };
        check(
            &[0; 1_000],
            "No 5xx in 1,000 rollouts: at most 0.30 % of rollouts have any (95 % confidence)",
        );
        check(
            &[0, 9],
            "50 % of 2 rollouts have a 5xx: 0 % to 0.30 % (95 % confidence)",
        );
        check(&[], "No rollouts.");
    }
}
