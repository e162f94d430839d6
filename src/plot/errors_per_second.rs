//! Failed requests per second by cause: the mean over the replications, and the range that nine in ten of them keep to.

use plotters::backend::DrawingBackend;

use super::frame::{self, Axis, Key, Legend, MARGIN, Page, RIGHT, Swatch, X_AXIS_HEIGHT};
use super::palette::{self, COLUMNS};
use super::sheet::{Drawn, LABEL, NOTE, Sheet};
use super::{Caption, Picture};
use crate::error::Error;
use crate::monte_carlo::ErrorSeries;

const HEIGHT: f64 = 700.0;

/// Stripes drawn from the bottom up: what the user waits longest for is the foundation.
const STACK: [usize; COLUMNS] = [6, 7, 0, 1, 2, 3, 4, 5, 9, 8];

/// What happens in one column of the chart.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bar {
    /// Seconds since the rollout started.
    from: f64,
    to: f64,
    mean: [f64; COLUMNS],
    low: f64,
    high: f64,
}

/// Draws mean failed requests per second by the second in which they were sent, stacked by cause, with the
/// 5–95 % range of their total.
///
/// `rollout_at` is the start of the rollout in seconds since the load started. Seconds far from any failure are left
/// out, and the axis says so. Values that are no number are drawn as zero.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn errors_per_second(
    caption: &Caption,
    series: &ErrorSeries,
    rollout_at: f64,
) -> Result<Picture, Error> {
    // A century either way: beyond it a second is lost in rounding.
    let rollout_at = finite(rollout_at).clamp(-3.2e9, 3.2e9);
    let seconds = seconds(series, rollout_at);
    let (window, cropped) = window(&seconds);
    let shown = in_columns(&seconds[window]);
    let page = Page::lay_out(caption, &statement(&seconds), legend(&seconds))?;
    Picture::draw(&page, HEIGHT, |sheet| draw(sheet, &page, &shown, cropped))
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn seconds(series: &ErrorSeries, rollout_at: f64) -> Vec<Bar> {
    let at = |values: &[f64], row: usize| finite(values.get(row).copied().unwrap_or(0.0)).max(0.0);
    let bar = |(row, mean): (usize, &[f64; COLUMNS])| Bar {
        from: row as f64 - rollout_at,
        to: row as f64 + 1.0 - rollout_at,
        mean: mean.map(|value| finite(value).max(0.0)),
        low: at(&series.low, row),
        high: at(&series.high, row),
    };
    series.mean.iter().enumerate().map(bar).collect()
}

impl Bar {
    fn total(&self) -> f64 {
        self.mean.iter().sum()
    }

    fn height(&self) -> f64 {
        self.total().max(self.high)
    }
}

/// The seconds worth showing: those that fail, the start of the rollout, and some room; and whether any were left out.
fn window(seconds: &[Bar]) -> (std::ops::Range<usize>, bool) {
    let matters = |bar: &Bar| bar.height() > 0.0 || (bar.from <= 0.0 && bar.to > 0.0);
    let failed = seconds.iter().any(|bar| bar.height() > 0.0);
    let (Some(first), Some(last), true) = (
        seconds.iter().position(matters),
        seconds.iter().rposition(matters),
        failed,
    ) else {
        return (0..seconds.len(), false);
    };
    let room = ((last - first) / 10).max(5);
    let window = first.saturating_sub(room)..(last + 1 + room).min(seconds.len());
    // Leaving out a few seconds is not worth a remark on the axis.
    if window.len() * 10 > seconds.len() * 8 {
        (0..seconds.len(), false)
    } else {
        (window, true)
    }
}

/// One bar a second, or as many seconds a bar as it takes to see them: then the worst of them stands for all.
fn in_columns(seconds: &[Bar]) -> Vec<Bar> {
    const MOST: usize = 360;
    let group = seconds.len().div_ceil(MOST).max(1);
    let worst = |group: &[Bar]| {
        let worst = group
            .iter()
            .max_by(|a, b| a.height().total_cmp(&b.height()))?;
        Some(Bar {
            from: group.first()?.from,
            to: group.last()?.to,
            ..*worst
        })
    };
    seconds.chunks(group).filter_map(worst).collect()
}

fn totals(seconds: &[Bar]) -> [f64; COLUMNS] {
    std::array::from_fn(|column| seconds.iter().map(|bar| bar.mean[column]).sum())
}

fn statement(seconds: &[Bar]) -> String {
    let total: f64 = totals(seconds).iter().sum();
    if total == 0.0 {
        return "No request failed in any replication.".to_owned();
    }
    format!(
        "{} failed requests per rollout on average",
        frame::number(total)
    )
}

fn legend(seconds: &[Bar]) -> Vec<Legend> {
    let totals = totals(seconds);
    let occurring = STACK.into_iter().filter(|column| totals[*column] > 0.0);
    let mut keys: Vec<Key> = occurring
        .map(|column| Key {
            swatch: Swatch::Block(palette::color(column)),
            label: format!(
                "{}: {}",
                palette::label(column),
                frame::number(totals[column])
            ),
        })
        .collect();
    if seconds.iter().any(|bar| bar.high > 0.0) {
        let label = "5–95 % of rollouts, all failures".to_owned();
        keys.push(Key {
            swatch: Swatch::Range(palette::BAND, palette::BAND_EDGE),
            label,
        });
    }
    vec![Legend { heading: "", keys }]
}

fn draw<DB: DrawingBackend>(
    sheet: &Sheet<DB>,
    page: &Page,
    bars: &[Bar],
    cropped: bool,
) -> Drawn<DB> {
    let (top, bottom) = (
        page.top + 66.0,
        HEIGHT - page.footer_height() - X_AXIS_HEIGHT,
    );
    let highest = bars.iter().map(Bar::height).fold(0.0, f64::max);
    let y = Axis {
        values: (0.0, if highest > 0.0 { highest * 1.04 } else { 1.0 }),
        points: (bottom, top),
    };
    let y_marks = frame::numbered(y.ticks(48.0));
    let left = MARGIN + frame::y_axis_width(&y_marks);
    let ends = bars
        .first()
        .zip(bars.last())
        .map_or((0.0, 1.0), |(first, last)| (first.from, last.to));
    let x = Axis {
        values: ends,
        points: (left, RIGHT),
    };

    frame::x_axis(
        sheet,
        &x,
        (top, bottom),
        &frame::numbered(x.ticks(80.0)),
        &x_name(bars, cropped),
    )?;
    frame::y_axis(sheet, &y, (left, RIGHT), &y_marks)?;
    sheet.write(
        "failed requests per second",
        (MARGIN, page.top + 20.0),
        LABEL,
    )?;
    range(sheet, bars, &x, &y)?;
    for bar in bars {
        stack(sheet, bar, &x, &y)?;
    }
    edges(sheet, bars, &x, &y)?;
    sheet.fill(
        (left, bottom - 0.75),
        (RIGHT, bottom + 0.75),
        palette::FADED_INK,
    )?;
    if ends.0 <= 0.0 && ends.1 >= 0.0 {
        rollout_starts(sheet, x.at(0.0), (top, bottom))?;
    }
    if highest == 0.0 {
        let middle = ((left + RIGHT) / 2.0, (top + bottom) / 2.0);
        sheet.write_centred("nothing failed", middle, LABEL)?;
    }
    Ok(())
}

/// A line through the chart, and its name beside the line's head, on whichever side there is room.
fn rollout_starts<DB: DrawingBackend>(
    sheet: &Sheet<DB>,
    x: f64,
    (top, bottom): (f64, f64),
) -> Drawn<DB> {
    let text = "rollout starts";
    sheet.dashes(x, (top - 24.0, bottom), 2.0, palette::INK)?;
    if x + 8.0 + NOTE.width(text) <= RIGHT {
        sheet.write(text, (x + 8.0, top - 16.0), NOTE)
    } else {
        sheet.write_up_to(text, (x - 8.0, top - 16.0), NOTE)
    }
}

fn x_name(bars: &[Bar], cropped: bool) -> String {
    let mut name = "seconds since the rollout started".to_owned();
    let width = bars.first().map_or(1.0, |bar| bar.to - bar.from);
    if width > 1.5 {
        name.push_str(&format!(" (each bar: the worst of {width:.0})"));
    }
    if cropped {
        name.push_str(", nothing fails beyond");
    }
    name
}

fn range<DB: DrawingBackend>(sheet: &Sheet<DB>, bars: &[Bar], x: &Axis, y: &Axis) -> Drawn<DB> {
    for bar in bars.iter().filter(|bar| bar.high > bar.low) {
        sheet.fill(
            (x.at(bar.from), y.at(bar.high)),
            (x.at(bar.to), y.at(bar.low)),
            palette::BAND,
        )?;
    }
    Ok(())
}

fn stack<DB: DrawingBackend>(sheet: &Sheet<DB>, bar: &Bar, x: &Axis, y: &Axis) -> Drawn<DB> {
    let (left, right) = (x.at(bar.from), x.at(bar.to));
    let gap = if right - left > 5.0 { 0.5 } else { 0.0 };
    let mut below = 0.0;
    for column in STACK {
        let above = below + bar.mean[column];
        sheet.fill(
            (left + gap, y.at(above)),
            (right - gap, y.at(below)),
            palette::color(column),
        )?;
        below = above;
    }
    Ok(())
}

/// The range's two ends, over the bars; where both are zero there is nothing to bound.
fn edges<DB: DrawingBackend>(sheet: &Sheet<DB>, bars: &[Bar], x: &Axis, y: &Axis) -> Drawn<DB> {
    for end in [|bar: &Bar| bar.low, |bar: &Bar| bar.high] {
        for run in bars
            .chunk_by(|a, b| (end(a) > 0.0) == (end(b) > 0.0))
            .filter(|run| end(&run[0]) > 0.0)
        {
            let tops = run.iter().flat_map(|bar| {
                [
                    (x.at(bar.from), y.at(end(bar))),
                    (x.at(bar.to), y.at(end(bar))),
                ]
            });
            let (first, last) = (&run[0], &run[run.len() - 1]);
            let mut points = vec![(x.at(first.from), y.at(0.0))];
            points.extend(tops);
            points.push((x.at(last.to), y.at(0.0)));
            sheet.steps(&points, 3.0, palette::PAPER)?;
            sheet.steps(&points, 1.5, palette::BAND_EDGE)?;
        }
    }
    Ok(())
}
