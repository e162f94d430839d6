//! Which setting moves the outcome most: for each its share of the variance, alone and with others.

use super::frame::{self, Axis, Key, Legend, MARGIN, Page, RIGHT, Swatch, X_AXIS_HEIGHT};
use super::palette::Tone;
use super::sheet::{LABEL, NOTE, Sheet};
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
    Ok(Picture::draw(&page, height, |sheet| {
        draw(sheet, page.top + 12.0, &sorted);
    }))
}

fn pale() -> Tone {
    palette::tint(palette::CURVES[0], 0.35)
}

fn draw(sheet: &mut Sheet, top: f64, indices: &[&(String, Indices)]) {
    let widest = indices
        .iter()
        .map(|(name, _)| LABEL.width(name))
        .fold(0.0, f64::max)
        .min((RIGHT - MARGIN) * 0.5);
    let left = MARGIN + widest + 14.0;
    let x = Axis {
        values: (0.0, 1.0),
        points: (left, RIGHT - 20.0),
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
        "share of the variance of mean 5xx a rollout over the sample",
    );
    for (row, (name, indices)) in indices.iter().enumerate() {
        let middle = top + (row as f64 + 0.5) * ROW;
        sheet.write_up_to(&LABEL.fit(name, widest), (left - 10.0, middle), LABEL);
        bar(
            sheet,
            &x,
            middle - BAR - 2.0,
            indices.first_order,
            palette::CURVES[0],
        );
        bar(sheet, &x, middle + 2.0, indices.total, pale());
    }
    sheet.upright(left, (top, bottom), 1.5, palette::FADED_INK);
}

/// An estimate as a bar with its interval; words for one that the sample is too small for.
fn bar(sheet: &mut Sheet, x: &Axis, top: f64, estimate: Estimate, color: Tone) {
    let middle = top + BAR / 2.0;
    let Some(Estimate { value, low, high }) = estimate.known() else {
        sheet.write(
            "the sample is too small to say",
            (x.at(0.0) + 8.0, middle),
            NOTE,
        );
        return;
    };
    sheet.fill((x.at(0.0), top), (x.at(value), top + BAR), color);
    let (low, high) = (x.at(low), x.at(high));
    sheet.fill((low, middle - 1.0), (high, middle + 1.0), palette::INK);
    for end in [low, high] {
        sheet.upright(end, (middle - 5.0, middle + 5.0), 2.0, palette::INK);
    }
}
