//! An outcome over two axes as coloured cells; over a third as small multiples of them.

use super::frame::{self, Key, Legend, MARGIN, Page, RIGHT, Swatch};
use super::palette::Tone;
use super::sheet::{HEADING, LABEL, NOTE, Sheet};
use super::{Caption, Picture, palette};
use crate::error::Error;

const GAP: f64 = 34.0;
const HEADING_HEIGHT: f64 = 62.0;
const CELL_HEIGHT: f64 = 40.0;
const BELOW: f64 = 66.0;

/// One map: a value for each row and column.
pub(super) struct Map {
    /// What is the same all over it; may be empty.
    pub name: String,
    /// Row by row from the top; `None`: unknown.
    pub cells: Vec<Vec<Option<Cell>>>,
}

/// One cell of a map.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    /// What is shown.
    pub value: f64,
    /// Whether the goal is met there.
    pub meets_goal: bool,
}

/// How dark a value is: in proportion, or to its logarithm where values span more than a decade and a half.
#[derive(Clone, Copy)]
struct Shades {
    least: f64,
    most: f64,
}

impl Shades {
    /// Of all values above zero.
    fn of(values: impl Iterator<Item = f64>) -> Shades {
        let positive = values.filter(|value| *value > 0.0);
        let (least, most) = positive.fold((f64::MAX, 0.0_f64), |(least, most), value| {
            (least.min(value), most.max(value))
        });
        Shades { least, most }
    }

    fn is_logarithmic(self) -> bool {
        self.most > 30.0 * self.least
    }

    /// The colour of a value above zero.
    fn shade(self, value: f64) -> Tone {
        let share = if self.is_logarithmic() {
            (value / self.least).ln() / (self.most / self.least).ln()
        } else {
            value / self.most
        };
        palette::tint(palette::MOST, 0.08 + 0.92 * share)
    }

    /// Five steps of the scale.
    fn steps(self) -> [f64; 5] {
        [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| {
            if self.is_logarithmic() {
                self.least * (self.most / self.least).powf(share)
            } else {
                self.most * (0.1 + 0.9 * share)
            }
        })
    }
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
    let cells = || {
        maps.iter()
            .flat_map(|map| map.cells.iter().flatten().flatten())
    };
    let shades = Shades::of(cells().map(|cell| cell.value));
    let meets_goal = cells().any(|cell| cell.meets_goal);
    let page = Page::lay_out(
        caption,
        statement,
        vec![Legend {
            heading: grid.value,
            keys: keys(shades, meets_goal),
        }],
    )?;
    let beside = beside(grid, maps.len());
    let bands = maps.len().div_ceil(beside);
    let height = page.top + 10.0 + bands as f64 * band_height(grid) + page.footer_height();
    Ok(Picture::draw(&page, height, |sheet| {
        for (number, map) in maps.iter().enumerate() {
            let width = (RIGHT - MARGIN - GAP * (beside as f64 - 1.0)) / beside as f64;
            let left = MARGIN + (number % beside) as f64 * (width + GAP);
            let top = page.top + 10.0 + (number / beside) as f64 * band_height(grid);
            draw(sheet, grid, map, shades, (left, top, width));
        }
    }))
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

fn keys(shades: Shades, meets_goal: bool) -> Vec<Key> {
    let mut keys = vec![Key {
        swatch: Swatch::Hollow(palette::BELIEF),
        label: "none seen".to_owned(),
    }];
    if shades.most > 0.0 {
        keys.extend(shades.steps().map(|value| Key {
            swatch: Swatch::Block(shades.shade(value)),
            label: frame::number(shown(value)),
        }));
    }
    if meets_goal {
        keys.push(Key {
            swatch: Swatch::Framed(palette::INK),
            label: "meets the goal".to_owned(),
        });
    }
    keys
}

/// A legend's number in two digits.
fn shown(value: f64) -> f64 {
    let digit = frame::round_step(value) / 10.0;
    (value / digit).round() * digit
}

fn draw(
    sheet: &mut Sheet,
    grid: &Grid,
    map: &Map,
    shades: Shades,
    (left, top, width): (f64, f64, f64),
) {
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
    );
    sheet.write(&LABEL.fit(&grid.rows.0, width), (left, top + 44.0), LABEL);
    for (row, (label, values)) in rows.iter().zip(&map.cells).enumerate() {
        let y = cells_top + row as f64 * CELL_HEIGHT;
        sheet.write_up_to(label, (from - 10.0, y + CELL_HEIGHT / 2.0), NOTE);
        for (column, value) in values.iter().enumerate() {
            let x = from + column as f64 * cell;
            draw_cell(sheet, *value, shades, ((x, y), (x + cell, y + CELL_HEIGHT)));
        }
    }
    let mut free_from = left;
    for (column, label) in columns.iter().enumerate() {
        let (x, half) = (from + (column as f64 + 0.5) * cell, NOTE.width(label) / 2.0);
        if x - half > free_from {
            sheet.write_centred(label, (x, bottom + 15.0), NOTE);
            free_from = x + half + 8.0;
        }
    }
    sheet.write_centred(
        &LABEL.fit(&grid.columns.0, width),
        (middle, bottom + 41.0),
        LABEL,
    );
}

fn draw_cell(
    sheet: &mut Sheet,
    cell: Option<Cell>,
    shades: Shades,
    ((left, top), (right, bottom)): ((f64, f64), (f64, f64)),
) {
    let corners = ((left + 1.0, top + 1.0), (right - 1.0, bottom - 1.0));
    let Some(Cell { value, meets_goal }) = cell else {
        sheet.stripe(corners.0, corners.1, palette::GRID);
        return;
    };
    let ink = if value > 0.0 {
        let shade = shades.shade(value);
        sheet.fill(corners.0, corners.1, shade);
        palette::readable_on(shade)
    } else {
        sheet.outline(corners.0, corners.1, 1.0, palette::BELIEF);
        palette::INK
    };
    if meets_goal {
        sheet.outline(corners.0, corners.1, 3.0, palette::INK);
    }
    let text = if value > 0.0 {
        frame::number(value)
    } else {
        "none".to_owned()
    };
    let style = NOTE.colored(ink);
    if style.width(&text) < right - left - 8.0 {
        let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        sheet.write_centred(&text, middle, style);
    }
}
