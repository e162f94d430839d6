//! How an outcome changes along one axis: curves with the bands of their intervals, in panels above each other.

use super::frame::{self, Axis, Key, Legend, MARGIN, Page, RIGHT, Swatch, X_AXIS_HEIGHT};
use super::palette;
use super::sheet::{HEADING, NOTE, Sheet};
use super::{Caption, Picture};
use crate::error::Error;

const PANEL_HEIGHT: f64 = 300.0;
const HEADING_HEIGHT: f64 = 34.0;

/// A quantity along the axis.
pub(super) struct Panel {
    /// What it is, with its unit.
    pub name: String,
    /// Whether it is a share, shown in percent.
    pub is_share: bool,
    /// The most that it may be, if there is a goal for it.
    pub goal: Option<f64>,
    /// One point per value of the axis.
    pub curves: Vec<Curve>,
}

/// One curve; the same row of every panel has the same name and colour.
pub(super) struct Curve {
    /// What is the same along it; may be empty.
    pub name: String,
    /// From left to right.
    pub points: Vec<Point>,
}

/// An estimate at one place.
#[derive(Clone, Copy)]
pub(super) struct Point {
    /// Where on the axis.
    pub x: f64,
    /// The estimate.
    pub y: f64,
    /// Its interval; `None`: too little was seen for one, and none is drawn.
    pub interval: Option<(f64, f64)>,
}

/// The axis below.
pub(super) struct Below {
    /// What it is, with its unit.
    pub name: String,
    /// Values and what is written at them; none: round numbers.
    pub marks: Option<Vec<(f64, String)>>,
}

/// Draws panels of curves above one axis.
pub(super) fn curves(
    caption: &Caption,
    statement: &str,
    below: &Below,
    panels: &[Panel],
) -> Result<Picture, Error> {
    let named = panels
        .iter()
        .flat_map(|panel| &panel.curves)
        .take(panels.first().map_or(0, |panel| panel.curves.len()));
    let keys = named
        .zip(palette::CURVES)
        .filter(|(curve, _)| !curve.name.is_empty());
    let keys = keys.map(|(curve, color)| Key {
        swatch: Swatch::Bar(color),
        label: curve.name.clone(),
    });
    let goal = panels.iter().any(|panel| panel.goal.is_some());
    let goal = goal.then(|| Key {
        swatch: Swatch::Level(palette::INK),
        label: "goal: no more than this".to_owned(),
    });
    let keys = keys.chain(goal).collect();
    let page = Page::lay_out(caption, statement, vec![Legend { heading: "", keys }])?;
    let height = page.top
        + panels.len() as f64 * (PANEL_HEIGHT + HEADING_HEIGHT)
        + X_AXIS_HEIGHT
        + page.footer_height();
    Ok(Picture::draw(&page, height, |sheet| {
        draw(sheet, page.top, below, panels);
    }))
}

fn draw(sheet: &mut Sheet, top: f64, below: &Below, panels: &[Panel]) {
    let all = || {
        panels
            .iter()
            .flat_map(|panel| panel.curves.iter().flat_map(|curve| &curve.points))
    };
    let (low, high) = all().fold((f64::MAX, f64::MIN), |(low, high), point| {
        (low.min(point.x), high.max(point.x))
    });
    let margin = ((high - low) * 0.02).max(1e-9);
    let scales: Vec<Height> = panels.iter().map(scale).collect();
    let marks: Vec<_> = panels
        .iter()
        .zip(&scales)
        .map(|(panel, scale)| marks(panel, scale))
        .collect();
    let left = MARGIN
        + marks
            .iter()
            .map(|marks| frame::y_axis_width(marks))
            .fold(0.0, f64::max);
    let x = Axis {
        values: (low - margin, high + margin),
        points: (left, RIGHT),
    };
    for (row, ((panel, scale), marks)) in panels.iter().zip(&scales).zip(&marks).enumerate() {
        let panel_top = top + row as f64 * (PANEL_HEIGHT + HEADING_HEIGHT);
        let (upper, lower) = (
            panel_top + HEADING_HEIGHT,
            panel_top + HEADING_HEIGHT + PANEL_HEIGHT - 14.0,
        );
        let name = if scale.is_logarithmic {
            format!("{} (log scale)", panel.name)
        } else {
            panel.name.clone()
        };
        sheet.write(&name, (MARGIN, panel_top + HEADING_HEIGHT / 2.0), HEADING);
        let y = Height {
            axis: Axis {
                points: (lower, upper),
                ..scale.axis
            },
            ..*scale
        };
        let x_marks = below
            .marks
            .clone()
            .unwrap_or_else(|| frame::numbered(x.ticks(90.0)));
        if row + 1 == panels.len() {
            frame::x_axis(sheet, &x, (upper, lower), &x_marks, &below.name);
        } else {
            for (value, _) in &x_marks {
                sheet.upright(x.at(*value), (upper, lower), 1.0, palette::GRID);
            }
        }
        for (value, label) in marks {
            let at = y.at(*value);
            sheet.fill((left, at - 0.5), (RIGHT, at + 0.5), palette::GRID);
            sheet.write_up_to(label, (left - 10.0, at), NOTE);
        }
        draw_curves(sheet, panel, &x, &y);
        if let Some(goal) = panel.goal {
            sheet.level_dashes(y.at(goal), (left, RIGHT), 2.0, palette::INK);
        }
        sheet.fill(
            (left, lower - 0.75),
            (RIGHT, lower + 0.75),
            palette::FADED_INK,
        );
    }
}

/// Bands first, so that none hides a curve.
fn draw_curves(sheet: &mut Sheet, panel: &Panel, x: &Axis, y: &Height) {
    let colored = || panel.curves.iter().zip(palette::CURVES);
    for (curve, color) in colored() {
        for pair in curve.points.windows(2) {
            let corner = |point: &Point, end: f64| (x.at(point.x), y.at(end));
            let [a, b] = [&pair[0], &pair[1]];
            let Some((left, right)) = a.interval.zip(b.interval) else {
                continue;
            };
            let corners = [
                corner(a, left.1),
                corner(b, right.1),
                corner(b, right.0),
                corner(a, left.0),
            ];
            sheet.polygon(&corners, palette::tint(color, 0.22));
        }
    }
    for (row, (curve, color)) in colored().enumerate() {
        let line: Vec<_> = curve
            .points
            .iter()
            .map(|point| (x.at(point.x), y.at(point.y)))
            .collect();
        // Earlier ones are broader, so that of two that coincide both are seen.
        let behind = panel.curves.len() - 1 - row;
        sheet.line(&line, 2.5 + 3.0 * behind as f64, color);
        for (point, at) in curve.points.iter().zip(line) {
            if let Some((low, high)) = point.interval {
                sheet.upright(at.0, (y.at(high), y.at(low)), 1.5, color);
            }
            sheet.dot(at, 4.0 + 1.5 * behind as f64, color);
        }
    }
}

/// Where values stand on an upright axis.
#[derive(Clone, Copy)]
struct Height {
    /// Of the values themselves, or of their decimal logarithms.
    axis: Axis,
    is_logarithmic: bool,
}

impl Height {
    fn at(&self, value: f64) -> f64 {
        match (self.is_logarithmic, value > 0.0) {
            (true, true) => self.axis.at(value.log10()),
            // What was never seen stands at the foot.
            (true, false) => self.axis.points.0,
            (false, _) => self.axis.at(value),
        }
    }
}

/// From zero, because the height of a curve is what counts; but logarithmic where values span more than a decade
/// and a half, so that small ones are told apart.
fn scale(panel: &Panel) -> Height {
    const DECADE_AND_A_HALF: f64 = 30.0;
    let points = || panel.curves.iter().flat_map(|curve| &curve.points);
    let highs = points().map(|point| {
        point
            .interval
            .map_or(point.y, |(_, high)| high.max(point.y))
    });
    let highest = highs
        .chain(panel.goal)
        .filter(|y| y.is_finite())
        .fold(0.0, f64::max);
    let values = points().map(|point| point.y).chain(panel.goal);
    let least = values.filter(|y| *y > 0.0).fold(f64::MAX, f64::min);
    let foot = (PANEL_HEIGHT, 0.0);
    if highest > DECADE_AND_A_HALF * least {
        // A quarter of a decade below the least: there stands what was never seen.
        let values = (least.log10() - 0.25, highest.log10() + 0.04);
        return Height {
            axis: Axis {
                values,
                points: foot,
            },
            is_logarithmic: true,
        };
    }
    let top = if panel.is_share {
        highest.clamp(0.01, 1.0)
    } else {
        highest.max(1e-6)
    };
    Height {
        axis: Axis {
            values: (0.0, top * 1.04),
            points: foot,
        },
        is_logarithmic: false,
    }
}

/// Round values, each with what is written at it.
fn marks(panel: &Panel, scale: &Height) -> Vec<(f64, String)> {
    let (ticks, none) = if scale.is_logarithmic {
        let (low, high) = scale.axis.values;
        let digits: &[f64] = if high - low > 3.0 {
            &[1.0]
        } else {
            &[1.0, 3.0]
        };
        let decades = low.floor() as i32..=high.ceil() as i32;
        let ticks =
            decades.flat_map(|decade| digits.iter().map(move |digit| digit * 10f64.powi(decade)));
        let within = |tick: &f64| tick.log10() > low + 0.1 && tick.log10() <= high;
        (
            ticks.filter(within).collect(),
            Some((0.0, "none".to_owned())),
        )
    } else {
        (scale.axis.ticks(46.0), None)
    };
    let label = |tick: f64| {
        if panel.is_share {
            format!("{} %", frame::number(tick * 100.0))
        } else {
            frame::number(tick)
        }
    };
    let marks = ticks.into_iter().map(|tick: f64| (tick, label(tick)));
    none.into_iter().chain(marks).collect()
}
