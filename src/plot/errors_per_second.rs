//! Failed requests per second by cause: the mean over the rollouts, and the range that nine in ten of them keep to.

use super::frame::{self, Axis, Key, Legend, MARGIN, Page, RIGHT, Swatch, X_AXIS_HEIGHT};
use super::palette::{self, COLUMNS};
use super::sheet::{LABEL, NOTE, Sheet};
use super::{Caption, Picture};
use crate::error::Error;
use crate::monte_carlo::{ErrorSeries, SERIES_RUNS};
use crate::report::figures::amount;
use crate::verdict::Cause;

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

/// Failures over many rollouts.
#[derive(Debug, Clone, Copy)]
pub struct Failures<'a> {
    /// Failed requests by second.
    pub series: &'a ErrorSeries,
    /// Mean failed requests a rollout, by cause as in the series.
    pub means: [f64; COLUMNS],
    /// From how many rollouts the means are; the series may be from fewer of them.
    pub runs: u64,
    /// The start of the rollout in seconds since the load started.
    pub rollout_at: f64,
    /// Requests per second; `None` if they change.
    pub rate: Option<f64>,
}

/// Draws mean failed requests per second by the second in which they were sent, stacked by cause, with the
/// 5–95 % range of their total, and as a share of all requests.
///
/// Seconds far from any failure are left out, and the axis says so. Values that are no number are drawn as zero.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn errors_per_second(caption: &Caption, failures: &Failures) -> Result<Picture, Error> {
    // A century either way: beyond it a second is lost in rounding.
    let rollout_at = finite(failures.rollout_at).clamp(-3.2e9, 3.2e9);
    let seconds = seconds(failures.series, rollout_at);
    let (window, cropped) = window(&seconds);
    let shown = in_columns(&seconds[window]);
    let page = Page::lay_out(caption, &statement(failures), legend(failures, &seconds))?;
    let rate = failures.rate.filter(|rate| *rate > 0.0);
    Ok(Picture::draw(&page, HEIGHT, |sheet| {
        draw(sheet, &page, &shown, cropped, rate);
    }))
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

fn statement(failures: &Failures) -> String {
    let failed: f64 = failures.means.iter().sum();
    let given_up = failures.means[Cause::ClientGaveUp.index()];
    if failed == 0.0 {
        return format!("No request failed in {}.", rollouts(failures.runs));
    }
    let mut words = format!(
        "{} 5xx a rollout, the mean of {}",
        amount(failed - given_up),
        rollouts(failures.runs)
    );
    if given_up > 0.0 {
        words.push_str(&format!("; clients gave up {} more", amount(given_up)));
    }
    words
}

fn rollouts(runs: u64) -> String {
    format!(
        "{} rollout{}",
        frame::count(runs),
        if runs == 1 { "" } else { "s" }
    )
}

fn legend(failures: &Failures, seconds: &[Bar]) -> Vec<Legend> {
    let occurring = STACK
        .into_iter()
        .filter(|column| failures.means[*column] > 0.0);
    let mut keys: Vec<Key> = occurring
        .map(|column| Key {
            swatch: Swatch::Cause(column),
            label: format!(
                "{}: {}",
                palette::label(column),
                amount(failures.means[column])
            ),
        })
        .collect();
    if seconds.iter().any(|bar| bar.high > 0.0) {
        let label = "nine rollouts in ten, all failures".to_owned();
        keys.push(Key {
            swatch: Swatch::Range(palette::BAND, palette::BAND_EDGE),
            label,
        });
    }
    if failures.runs > SERIES_RUNS {
        keys.push(Key {
            swatch: Swatch::Blank,
            label: format!(
                "by second: the first {} rollouts",
                frame::count(SERIES_RUNS)
            ),
        });
    }
    vec![Legend { heading: "", keys }]
}

fn draw(sheet: &mut Sheet, page: &Page, bars: &[Bar], cropped: bool, rate: Option<f64>) {
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
    let shares = shares(&y, rate);
    let right = if shares.is_empty() {
        RIGHT
    } else {
        RIGHT - frame::y_axis_width(&shares)
    };
    let ends = bars
        .first()
        .zip(bars.last())
        .map_or((0.0, 1.0), |(first, last)| (first.from, last.to));
    let x = Axis {
        values: ends,
        points: (left, right),
    };

    frame::x_axis(
        sheet,
        &x,
        (top, bottom),
        &frame::numbered(x.ticks(80.0)),
        &x_name(bars, cropped),
    );
    frame::y_axis(sheet, &y, (left, right), &y_marks);
    sheet.write(
        "failed requests per second",
        (MARGIN, page.top + 20.0),
        LABEL,
    );
    range(sheet, bars, &x, &y);
    for bar in bars {
        stack(sheet, bar, &x, &y);
    }
    edges(sheet, bars, &x, &y);
    sheet.fill(
        (left, bottom - 0.75),
        (right, bottom + 0.75),
        palette::FADED_INK,
    );
    for (value, label) in &shares {
        sheet.write(label, (right + 10.0, y.at(*value)), NOTE);
    }
    if !shares.is_empty() {
        sheet.write_up_to("share of all requests", (RIGHT, page.top + 20.0), LABEL);
    }
    if ends.0 <= 0.0 && ends.1 >= 0.0 {
        rollout_starts(sheet, x.at(0.0), right, (top, bottom));
    }
    if highest == 0.0 {
        let middle = ((left + RIGHT) / 2.0, (top + bottom) / 2.0);
        sheet.write_centred("nothing failed", middle, LABEL);
    }
}

/// Round shares of all requests, each at the failed requests per second that it is.
fn shares(y: &Axis, rate: Option<f64>) -> Vec<(f64, String)> {
    let Some(rate) = rate else {
        return Vec::new();
    };
    let share = Axis {
        values: (y.values.0 / rate, y.values.1 / rate),
        points: y.points,
    };
    share
        .ticks(48.0)
        .into_iter()
        .map(|tick| (tick * rate, format!("{} %", frame::number(tick * 100.0))))
        .collect()
}

/// A line through the chart, and its name beside the line's head, on whichever side there is room.
fn rollout_starts(sheet: &mut Sheet, x: f64, right: f64, (top, bottom): (f64, f64)) {
    let text = "rollout starts";
    sheet.dashes(x, (top - 24.0, bottom), 2.0, palette::INK);
    if x + 8.0 + NOTE.width(text) <= right {
        sheet.write(text, (x + 8.0, top - 16.0), NOTE);
    } else {
        sheet.write_up_to(text, (x - 8.0, top - 16.0), NOTE);
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

fn range(sheet: &mut Sheet, bars: &[Bar], x: &Axis, y: &Axis) {
    for bar in bars.iter().filter(|bar| bar.high > bar.low) {
        sheet.fill(
            (x.at(bar.from), y.at(bar.high)),
            (x.at(bar.to), y.at(bar.low)),
            palette::BAND,
        );
    }
}

fn stack(sheet: &mut Sheet, bar: &Bar, x: &Axis, y: &Axis) {
    let (left, right) = (x.at(bar.from), x.at(bar.to));
    let gap = if right - left > 5.0 { 0.5 } else { 0.0 };
    let mut below = 0.0;
    for column in STACK {
        let above = below + bar.mean[column];
        sheet.fill(
            (left + gap, y.at(above)),
            (right - gap, y.at(below)),
            palette::color(column),
        );
        let corners = ((left + gap, y.at(above)), (right - gap, y.at(below)));
        frame::lines_of_504(sheet, column, corners.0, corners.1);
        below = above;
    }
}

/// The range's two ends, over the bars; where both are zero there is nothing to bound.
fn edges(sheet: &mut Sheet, bars: &[Bar], x: &Axis, y: &Axis) {
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
            sheet.steps(&points, 3.0, palette::PAPER);
            sheet.steps(&points, 1.5, palette::BAND_EDGE);
        }
    }
}
