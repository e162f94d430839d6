//! What all charts share: the words above and below, the legend, the axes.

use super::palette::Tone;
use super::sheet::{HEADING, LABEL, NOTE, Place, STATEMENT, SUBTITLE, Sheet, TITLE, Type};
use super::{Caption, WIDTH, palette, register_fonts};
use crate::error::Error;
pub(super) use crate::report::figures::{grouped as count, percent};

/// White space at the picture's edges.
pub(super) const MARGIN: f64 = 28.0;
/// Right edge of everything.
pub(super) const RIGHT: f64 = WIDTH as f64 - MARGIN;

const LINE_GAP: f64 = 6.0;
const LEGEND_ROW: f64 = 27.0;
const SWATCH_WIDTH: f64 = 24.0;

/// A sample in the legend.
#[derive(Clone, Copy)]
pub(super) enum Swatch {
    /// Nothing: the label says it.
    Blank,
    /// A filled block.
    Block(Tone),
    /// A block of a cause's colour, by its column.
    Cause(usize),
    /// The field of what is chosen, but gone.
    Gone,
    /// A block of slanting stripes with an edge.
    Hatched(Tone),
    /// A block of stripes with an edge.
    Stripes(Tone),
    /// An edge around nothing.
    Hollow(Tone),
    /// A thick edge around nothing.
    Framed(Tone),
    /// A thin bar.
    Bar(Tone),
    /// A range with its edges.
    Range(Tone, Tone),
    /// An upright line.
    Upright(Tone),
    /// A filled triangle that points down.
    Down(Tone),
    /// A hollow triangle that points up.
    Up(Tone),
    /// A hollow diamond.
    Diamond(Tone),
    /// A dashed level line.
    Level(Tone),
}

/// An entry of the legend.
pub(super) struct Key {
    /// What it looks like.
    pub swatch: Swatch,
    /// What it is.
    pub label: String,
}

/// Entries that belong together; they start on a row of their own.
pub(super) struct Legend {
    /// Leads the entries; may be empty.
    pub heading: &'static str,
    /// The entries.
    pub keys: Vec<Key>,
}

/// Everything around a chart, with its place on the sheet.
pub(super) struct Page {
    words: Vec<(String, Type, f64)>,
    headings: Vec<(&'static str, f64)>,
    keys: Vec<(Key, f64, f64)>,
    footer: Vec<String>,
    /// What the chart is, and what it says.
    pub title: String,
    /// Where the chart may start.
    pub top: f64,
}

impl Swatch {
    /// Width with the gap to the label.
    fn width(self) -> f64 {
        if matches!(self, Swatch::Blank) {
            0.0
        } else {
            SWATCH_WIDTH + 8.0
        }
    }
}

impl Page {
    /// Finds a place for the words and the legend. `statement` is the answer in a sentence; it comes before the legend.
    pub fn lay_out(
        caption: &Caption,
        statement: &str,
        legends: Vec<Legend>,
    ) -> Result<Page, Error> {
        register_fonts()?;
        let width = RIGHT - MARGIN;
        let mut page = Page {
            words: Vec::new(),
            headings: Vec::new(),
            keys: Vec::new(),
            footer: Vec::new(),
            title: format!("{}: {statement}", caption.title),
            top: 16.0,
        };
        page.stack(vec![TITLE.fit(caption.title, width)], TITLE);
        page.stack(SUBTITLE.wrap(caption.subtitle, width, 2), SUBTITLE);
        page.stack(STATEMENT.wrap(statement, width, 2), STATEMENT);
        page.top += LINE_GAP;
        for legend in legends {
            page.place_legend(legend);
        }
        page.footer = NOTE.wrap(caption.footer, width, 3);
        Ok(page)
    }

    /// Height of the words at the bottom.
    pub fn footer_height(&self) -> f64 {
        self.footer.len() as f64 * (NOTE.height() + LINE_GAP) + 14.0
    }

    /// Draws the words and the legend.
    pub fn draw(&self, sheet: &mut Sheet, height: f64) {
        for (text, style, y) in &self.words {
            sheet.write(text, (MARGIN, *y), *style);
        }
        for (heading, y) in &self.headings {
            sheet.write(heading, (MARGIN, *y), HEADING);
        }
        for (key, x, y) in &self.keys {
            sample(sheet, key.swatch, *x, *y);
            sheet.write(&key.label, (x + key.swatch.width(), *y), LABEL);
        }
        let mut y = height - self.footer_height() + NOTE.height() / 2.0;
        for line in &self.footer {
            sheet.write(line, (MARGIN, y), NOTE);
            y += NOTE.height() + LINE_GAP;
        }
    }

    fn stack(&mut self, lines: Vec<String>, style: Type) {
        for line in lines {
            self.words
                .push((line, style, self.top + style.height() / 2.0));
            self.top += style.height() + LINE_GAP;
        }
    }

    fn place_legend(&mut self, legend: Legend) {
        if legend.keys.is_empty() {
            return;
        }
        let indent = match HEADING.width(legend.heading) {
            0.0 => MARGIN,
            width => MARGIN + (width + 18.0).max(84.0),
        };
        self.headings
            .push((legend.heading, self.top + LEGEND_ROW / 2.0));
        let mut x = indent;
        for key in legend.keys {
            let width = key.swatch.width() + LABEL.width(&key.label);
            if x > indent && x + width > RIGHT {
                x = indent;
                self.top += LEGEND_ROW;
            }
            self.keys.push((key, x, self.top + LEGEND_ROW / 2.0));
            x += width + 26.0;
        }
        self.top += LEGEND_ROW;
    }
}

fn sample(sheet: &mut Sheet, swatch: Swatch, x: f64, y: f64) {
    let (left_top, right_bottom) = ((x, y - 7.0), (x + SWATCH_WIDTH, y + 7.0));
    let middle = x + SWATCH_WIDTH / 2.0;
    match swatch {
        Swatch::Blank => {}
        Swatch::Block(color) => sheet.fill(left_top, right_bottom, color),
        Swatch::Cause(column) => {
            sheet.fill(left_top, right_bottom, palette::color(column));
            lines_of_504(sheet, column, left_top, right_bottom);
        }
        Swatch::Gone => gone(sheet, left_top, right_bottom),
        Swatch::Hatched(color) => {
            sheet.hatch(left_top, right_bottom, 3.0, color);
            sheet.outline(left_top, right_bottom, 1.5, color);
        }
        Swatch::Stripes(color) => {
            sheet.stripe(left_top, right_bottom, color);
            sheet.outline(left_top, right_bottom, 1.5, color);
        }
        Swatch::Hollow(color) => sheet.outline(left_top, right_bottom, 1.5, color),
        Swatch::Framed(color) => sheet.outline(left_top, right_bottom, 3.0, color),
        Swatch::Bar(color) => sheet.fill((x, y - 2.5), (x + SWATCH_WIDTH, y + 2.5), color),
        Swatch::Range(fill, edge) => {
            sheet.fill(left_top, right_bottom, fill);
            sheet.fill(left_top, (x + SWATCH_WIDTH, y - 5.5), edge);
            sheet.fill((x, y + 5.5), right_bottom, edge);
        }
        Swatch::Upright(color) => sheet.upright(middle, (y - 9.0, y + 9.0), 2.0, color),
        Swatch::Down(color) => down(sheet, middle, y + 5.0, color),
        Swatch::Up(color) => up(sheet, middle, y + 5.0, color),
        Swatch::Diamond(color) => diamond(sheet, (middle, y), color),
        Swatch::Level(color) => sheet.level_dashes(y, (x, x + SWATCH_WIDTH), 2.0, color),
    }
}

/// Level lines through a block of a cause that ends as 504. Those of neighbours meet.
pub(super) fn lines_of_504(
    sheet: &mut Sheet,
    column: usize,
    (left, top): Place,
    (right, bottom): Place,
) {
    const PERIOD: f64 = 6.0;
    if palette::is_hatched(column) {
        let pale = palette::tint(palette::color(column), 0.3);
        let mut y = (top / PERIOD).floor() * PERIOD + PERIOD / 2.0;
        while y < bottom {
            if y > top {
                sheet.fill((left, y), (right, y + 1.0), pale);
            }
            y += PERIOD;
        }
    }
}

/// A field in which a pod is chosen, but gone.
pub(super) fn gone(sheet: &mut Sheet, left_top: Place, right_bottom: Place) {
    sheet.fill(left_top, right_bottom, palette::GONE);
    sheet.hatch(left_top, right_bottom, 1.5, palette::GONE_HATCH);
}

/// A hollow diamond.
pub(super) fn diamond(sheet: &mut Sheet, (x, y): Place, color: Tone) {
    let corners = |size: f64| [(x, y - size), (x + size, y), (x, y + size), (x - size, y)];
    sheet.polygon(&corners(7.5), palette::PAPER);
    sheet.polygon(&corners(6.0), color);
    sheet.polygon(&corners(3.4), palette::PAPER);
}

/// A filled triangle that stands on its tip.
pub(super) fn down(sheet: &mut Sheet, x: f64, tip: f64, color: Tone) {
    sheet.polygon(
        &[(x - 6.0, tip - 10.0), (x + 6.0, tip - 10.0), (x, tip)],
        color,
    );
}

/// A hollow triangle that stands on its base.
pub(super) fn up(sheet: &mut Sheet, x: f64, base: f64, color: Tone) {
    sheet.polygon(&[(x - 7.0, base), (x + 7.0, base), (x, base - 11.5)], color);
    sheet.polygon(
        &[
            (x - 3.6, base - 2.0),
            (x + 3.6, base - 2.0),
            (x, base - 8.0),
        ],
        palette::PAPER,
    );
}

/// A straight map from values to points on the sheet.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    /// The range of values.
    pub values: (f64, f64),
    /// Where its ends lie.
    pub points: (f64, f64),
}

impl Axis {
    /// Where a value lies; values outside lie at the nearer end.
    pub fn at(&self, value: f64) -> f64 {
        let ((low, high), (start, end)) = (self.values, self.points);
        start + ((value - low) / (high - low)).clamp(0.0, 1.0) * (end - start)
    }

    /// Round values within the range, at least `apart` points from one another.
    pub fn ticks(&self, apart: f64) -> Vec<f64> {
        let (low, high) = self.values;
        let most = ((self.points.1 - self.points.0).abs() / apart).max(1.0);
        let step = round_step((high - low) / most);
        let first = (low / step).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        (first..=last).map(|i| i as f64 * step).collect()
    }
}

/// The least of 1, 2 and 5 times a power of ten that is no less than `least`.
pub(super) fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * decade)
        .find(|step| *step >= least * 0.999_999)
        .unwrap_or(decade)
}

/// Draws round values along a horizontal axis with light lines up to `top`, and its name below.
pub(super) fn x_axis(
    sheet: &mut Sheet,
    axis: &Axis,
    (top, bottom): (f64, f64),
    marks: &[(f64, String)],
    name: &str,
) {
    let mut free_from = MARGIN / 2.0;
    for (value, label) in marks {
        let (x, half) = (axis.at(*value), NOTE.width(label) / 2.0);
        sheet.upright(x, (top, bottom), 1.0, palette::GRID);
        if x - half > free_from && x + half < RIGHT + MARGIN / 2.0 {
            sheet.upright(x, (bottom, bottom + 5.0), 1.5, palette::FADED_INK);
            sheet.write_centred(label, (x, bottom + 17.0), NOTE);
            free_from = x + half + 12.0;
        }
    }
    sheet.write_centred(
        name,
        ((axis.points.0 + axis.points.1) / 2.0, bottom + 43.0),
        LABEL,
    );
}

/// Height that [`x_axis`] needs below the chart.
pub(super) const X_AXIS_HEIGHT: f64 = 66.0;

/// Draws round values along an upright axis with light lines across.
pub(super) fn y_axis(
    sheet: &mut Sheet,
    axis: &Axis,
    (left, right): (f64, f64),
    marks: &[(f64, String)],
) {
    for (value, label) in marks {
        let y = axis.at(*value);
        sheet.fill((left, y - 0.5), (right, y + 0.5), palette::GRID);
        sheet.write_up_to(label, (left - 10.0, y), NOTE);
    }
}

/// Room that the numbers of an upright axis need.
pub(super) fn y_axis_width(marks: &[(f64, String)]) -> f64 {
    marks
        .iter()
        .map(|(_, label)| NOTE.width(label))
        .fold(0.0, f64::max)
        + 12.0
}

/// Values of an axis with the number that stands beside each.
pub(super) fn numbered(values: Vec<f64>) -> Vec<(f64, String)> {
    values
        .into_iter()
        .map(|value| (value, number(value)))
        .collect()
}

/// A number as people read it: `0.25`, `12.5`, `1,200`, `3.4 M`.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 1e16 {
        return format!("{value:.1e}");
    }
    for (unit, name) in [(1e12, " T"), (1e9, " G"), (1e6, " M")] {
        if size >= unit {
            return format!("{}{name}", trimmed(value / unit, 2));
        }
    }
    match size {
        0.0 => "0".to_owned(),
        _ if size < 0.001 => format!("{value:.0e}"),
        _ if size < 1.0 => trimmed(value, 3),
        _ if size < 100.0 => trimmed(value, 1),
        _ if value < 0.0 => format!("-{}", count(size.round() as u64)),
        _ => count(size.round() as u64),
    }
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        let check = |value: f64, text: &str| assert_eq!(number(value), text);
        check(0.0, "0");
        check(0.25, "0.25");
        check(12.5, "12.5");
        check(-5.0, "-5");
        check(1_200.0, "1,200");
        check(123_456.0, "123,456");
        check(-3_000.0, "-3,000");
        check(3_400_000.0, "3.4 M");
        check(2e9, "2 G");
        check(1e-6, "1e-6");
        check(3e18, "3.0e18");
    }

    #[test]
    fn ticks_are_round_and_few() {
        let check = |low, high, expected: &[f64]| {
            let axis = Axis {
                values: (low, high),
                points: (0.0, 600.0),
            };
            assert_eq!(axis.ticks(100.0), expected);
        };
        check(-10.0, 110.0, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        check(
            0.0,
            1.0,
            &[0.0, 0.2, 0.4, 0.600_000_000_000_000_1, 0.8, 1.0],
        );
        check(0.0, 6e9, &[0.0, 1e9, 2e9, 3e9, 4e9, 5e9, 6e9]);
    }
}
