//! An outcome over two axes as coloured cells; over a third as small multiples of them.

use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;

use super::frame::{self, Key, Legend, MARGIN, Page, RIGHT, Swatch};
use super::sheet::{Drawn, HEADING, LABEL, NOTE, Sheet};
use super::{Caption, Picture, palette};
use crate::error::Error;

/// The colour of the highest value.
const DARKEST: RGBColor = RGBColor(0x00, 0x3B, 0x66);
const GAP: f64 = 34.0;
const HEADING_HEIGHT: f64 = 62.0;
const CELL_HEIGHT: f64 = 40.0;
const BELOW: f64 = 66.0;

/// One map: a value for each row and column.
pub(super) struct Map {
    /// What is the same all over it; may be empty.
    pub name: String,
    /// Row by row from the top; `None`: unknown.
    pub cells: Vec<Vec<Option<f64>>>,
}

/// What all maps of a picture share.
pub(super) struct Grid {
    /// What the rows are, and what is written beside each.
    pub rows: (String, Vec<String>),
    /// What the columns are, and what is written below each.
    pub columns: (String, Vec<String>),
    /// What is shown.
    pub value: &'static str,
}

/// Draws maps beside and below each other.
pub(super) fn heat_maps(
    caption: &Caption,
    statement: &str,
    grid: &Grid,
    maps: &[Map],
) -> Result<Picture, Error> {
    let highest = maps
        .iter()
        .flat_map(|map| map.cells.iter().flatten().flatten())
        .copied()
        .fold(0.0, f64::max);
    let page = Page::lay_out(
        caption,
        statement,
        vec![Legend {
            heading: grid.value,
            keys: keys(highest),
        }],
    )?;
    let beside = beside(grid, maps.len());
    let bands = maps.len().div_ceil(beside);
    let height = page.top + 10.0 + bands as f64 * band_height(grid) + page.footer_height();
    Picture::draw(&page, height, |sheet| {
        for (number, map) in maps.iter().enumerate() {
            let width = (RIGHT - MARGIN - GAP * (beside as f64 - 1.0)) / beside as f64;
            let left = MARGIN + (number % beside) as f64 * (width + GAP);
            let top = page.top + 10.0 + (number / beside) as f64 * band_height(grid);
            draw(sheet, grid, map, highest, (left, top, width))?;
        }
        Ok(())
    })
}

/// How many maps stand in one band: as many as leave each column room for a number, at most three.
fn beside(grid: &Grid, maps: usize) -> usize {
    let columns = grid.columns.1.len().max(1);
    let room = ((RIGHT - MARGIN) / (60.0 * columns as f64 + 130.0)) as usize;
    room.clamp(1, 3).min(maps.max(1))
}

fn band_height(grid: &Grid) -> f64 {
    HEADING_HEIGHT + grid.rows.1.len() as f64 * CELL_HEIGHT + BELOW
}

/// Five steps of the scale.
fn keys(highest: f64) -> Vec<Key> {
    if highest <= 0.0 {
        return vec![Key {
            swatch: Swatch::Hollow(palette::BELIEF),
            label: "none seen".to_owned(),
        }];
    }
    let step = |share: f64| Key {
        swatch: Swatch::Block(shade(share)),
        label: frame::number(shown(highest * share)),
    };
    let mut keys = vec![Key {
        swatch: Swatch::Hollow(palette::BELIEF),
        label: "none seen".to_owned(),
    }];
    keys.extend([0.01, 0.1, 0.3, 0.6, 1.0].map(step));
    keys
}

/// A legend's number in two digits.
fn shown(value: f64) -> f64 {
    let digit = frame::round_step(value) / 10.0;
    (value / digit).round() * digit
}

/// The root spreads what is rare: ten errors and a hundred are to look different beside a thousand.
fn shade(share: f64) -> RGBColor {
    palette::tint(DARKEST, 0.08 + 0.92 * share.max(0.0).sqrt())
}

fn draw<DB: DrawingBackend>(
    sheet: &Sheet<DB>,
    grid: &Grid,
    map: &Map,
    highest: f64,
    (left, top, width): (f64, f64, f64),
) -> Drawn<DB> {
    let (rows, columns) = (&grid.rows.1, &grid.columns.1);
    let labels = rows
        .iter()
        .map(|label| NOTE.width(label))
        .fold(0.0, f64::max);
    let (from, cells_top) = (left + labels + 12.0, top + HEADING_HEIGHT);
    let cell = (left + width - from) / columns.len().max(1) as f64;
    let bottom = cells_top + rows.len() as f64 * CELL_HEIGHT;
    let middle = (from + left + width) / 2.0;
    sheet.write_centred(
        &HEADING.fit(&map.name, left + width - from),
        (middle, top + 14.0),
        HEADING,
    )?;
    sheet.write(&LABEL.fit(&grid.rows.0, width), (left, top + 44.0), LABEL)?;
    for (row, (label, values)) in rows.iter().zip(&map.cells).enumerate() {
        let y = cells_top + row as f64 * CELL_HEIGHT;
        sheet.write_up_to(label, (from - 10.0, y + CELL_HEIGHT / 2.0), NOTE)?;
        for (column, value) in values.iter().enumerate() {
            let x = from + column as f64 * cell;
            draw_cell(
                sheet,
                *value,
                highest,
                ((x, y), (x + cell, y + CELL_HEIGHT)),
            )?;
        }
    }
    let mut free_from = left;
    for (column, label) in columns.iter().enumerate() {
        let (x, half) = (from + (column as f64 + 0.5) * cell, NOTE.width(label) / 2.0);
        if x - half > free_from {
            sheet.write_centred(label, (x, bottom + 15.0), NOTE)?;
            free_from = x + half + 8.0;
        }
    }
    sheet.write_centred(
        &LABEL.fit(&grid.columns.0, width),
        (middle, bottom + 41.0),
        LABEL,
    )
}

fn draw_cell<DB: DrawingBackend>(
    sheet: &Sheet<DB>,
    value: Option<f64>,
    highest: f64,
    ((left, top), (right, bottom)): ((f64, f64), (f64, f64)),
) -> Drawn<DB> {
    let corners = ((left + 1.0, top + 1.0), (right - 1.0, bottom - 1.0));
    let Some(value) = value else {
        return sheet.stripe(corners.0, corners.1, palette::GRID);
    };
    let share = if highest > 0.0 { value / highest } else { 0.0 };
    if value > 0.0 {
        sheet.fill(corners.0, corners.1, shade(share))?;
    } else {
        sheet.outline(corners.0, corners.1, 1.0, palette::BELIEF)?;
    }
    let text = frame::number(value);
    let color = if share > 0.25 {
        palette::PAPER
    } else {
        palette::INK
    };
    let style = NOTE.colored(color);
    if style.width(&text) < right - left - 4.0 {
        sheet.write_centred(&text, ((left + right) / 2.0, (top + bottom) / 2.0), style)?;
    }
    Ok(())
}
