//! Which setting moves the outcome most: for each its share of the variance, alone and with others.

use plotters::backend::DrawingBackend;

use super::frame::{self, Axis, Key, Legend, MARGIN, Page, RIGHT, Swatch, X_AXIS_HEIGHT};
use super::sheet::{Drawn, LABEL, Sheet};
use super::{Caption, Picture, palette};
use crate::error::Error;
use crate::sweep::sensitivity::{Estimate, Indices};

const ROW: f64 = 62.0;
const BAR: f64 = 18.0;

/// Draws the indices of named axes, the greatest total first.
pub(super) fn sensitivity(
    caption: &Caption,
    statement: &str,
    indices: &[(String, Indices)],
) -> Result<Picture, Error> {
    let keys = vec![
        Key {
            swatch: Swatch::Block(palette::CURVES[0]),
            label: "on its own (first order)".to_owned(),
        },
        Key {
            swatch: Swatch::Block(pale()),
            label: "with all others (total)".to_owned(),
        },
        Key {
            swatch: Swatch::Bar(palette::INK),
            label: "bootstrap interval".to_owned(),
        },
    ];
    let page = Page::lay_out(caption, statement, vec![Legend { heading: "", keys }])?;
    let mut sorted: Vec<_> = indices.iter().collect();
    sorted.sort_by(|a, b| b.1.total.value.total_cmp(&a.1.total.value));
    let height = page.top + 12.0 + sorted.len() as f64 * ROW + X_AXIS_HEIGHT + page.footer_height();
    Picture::draw(&page, height, |sheet| draw(sheet, page.top + 12.0, &sorted))
}

fn pale() -> plotters::style::RGBColor {
    palette::tint(palette::CURVES[0], 0.35)
}

fn draw<DB: DrawingBackend>(
    sheet: &Sheet<DB>,
    top: f64,
    indices: &[&(String, Indices)],
) -> Drawn<DB> {
    let widest = indices
        .iter()
        .map(|(name, _)| LABEL.width(name))
        .fold(0.0, f64::max)
        .min((RIGHT - MARGIN) * 0.5);
    let left = MARGIN + widest + 14.0;
    let ends = indices
        .iter()
        .flat_map(|(_, indices)| [indices.first_order.high, indices.total.high]);
    let x = Axis {
        values: (0.0, ends.fold(1.0, f64::max).min(1.5)),
        points: (left, RIGHT),
    };
    let bottom = top + indices.len() as f64 * ROW;
    let marks: Vec<_> = x
        .ticks(90.0)
        .into_iter()
        .map(|tick| (tick, format!("{} %", frame::number(tick * 100.0))))
        .collect();
    frame::x_axis(
        sheet,
        &x,
        (top, bottom),
        &marks,
        "share of the variance of mean 5xx per rollout over the sample",
    )?;
    for (row, (name, indices)) in indices.iter().enumerate() {
        let middle = top + (row as f64 + 0.5) * ROW;
        sheet.write_up_to(&LABEL.fit(name, widest), (left - 10.0, middle), LABEL)?;
        bar(
            sheet,
            &x,
            middle - BAR - 2.0,
            indices.first_order,
            palette::CURVES[0],
        )?;
        bar(sheet, &x, middle + 2.0, indices.total, pale())?;
    }
    sheet.upright(left, (top, bottom), 1.5, palette::FADED_INK)
}

fn bar<DB: DrawingBackend>(
    sheet: &Sheet<DB>,
    x: &Axis,
    top: f64,
    estimate: Estimate,
    color: plotters::style::RGBColor,
) -> Drawn<DB> {
    sheet.fill((x.at(0.0), top), (x.at(estimate.value), top + BAR), color)?;
    let (low, high, middle) = (x.at(estimate.low), x.at(estimate.high), top + BAR / 2.0);
    sheet.fill((low, middle - 1.0), (high, middle + 1.0), palette::INK)?;
    [low, high]
        .into_iter()
        .try_for_each(|end| sheet.upright(end, (middle - 5.0, middle + 5.0), 2.0, palette::INK))
}
