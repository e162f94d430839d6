//! What a chart draws on: rectangles, polygons and text at positions in points, whatever the pixels are.

use plotters::backend::DrawingBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, TextStyle};

use super::palette;

/// What drawing on a backend gives back.
pub(super) type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// A drawing area, and how many of its pixels make a point of the finished picture.
pub(super) struct Sheet<'a, DB: DrawingBackend> {
    /// Where it lands.
    pub area: &'a DrawingArea<DB, Shift>,
    /// Pixels per point.
    pub scale: f64,
}

/// How a text looks. Sizes are heights from the deepest descender to the highest ascender, in points.
#[derive(Clone, Copy)]
pub(super) struct Type {
    size: f64,
    bold: bool,
    color: RGBColor,
}

/// The chart's name.
pub(super) const TITLE: Type = Type {
    size: 30.0,
    bold: true,
    color: palette::INK,
};
/// What was simulated.
pub(super) const SUBTITLE: Type = Type {
    size: 20.0,
    bold: false,
    color: palette::FADED_INK,
};
/// The answer in a sentence.
pub(super) const STATEMENT: Type = Type {
    size: 21.0,
    bold: true,
    color: palette::INK,
};
/// Names of things in the chart.
pub(super) const LABEL: Type = Type {
    size: 20.0,
    bold: false,
    color: palette::INK,
};
/// Names that lead a list.
pub(super) const HEADING: Type = Type {
    size: 20.0,
    bold: true,
    color: palette::INK,
};
/// Numbers at an axis, and asides.
pub(super) const NOTE: Type = Type {
    size: 19.0,
    bold: false,
    color: palette::FADED_INK,
};

impl Type {
    /// The same in another colour.
    pub fn colored(self, color: RGBColor) -> Type {
        Type { color, ..self }
    }

    /// Height from descender to ascender, in points.
    pub fn height(self) -> f64 {
        self.size
    }

    /// Width of a text in points. A font that is not registered has none; drawing with it is an error.
    pub fn width(self, text: &str) -> f64 {
        // Measured large, because the answer comes in whole pixels.
        const MAGNIFIED: f64 = 8.0;
        let font = self.font(MAGNIFIED);
        font.layout_box(&printable(text))
            .map_or(0.0, |((left, _), (right, _))| {
                f64::from(right - left) / MAGNIFIED
            })
    }

    /// The text itself, or as much of it as fits, with an ellipsis.
    pub fn fit(self, text: &str, width: f64) -> String {
        if self.width(text) <= width {
            return text.to_owned();
        }
        let mut cut = text.to_owned();
        while cut.pop().is_some() {
            let shortened = format!("{}…", cut.trim_end());
            if self.width(&shortened) <= width {
                return shortened;
            }
        }
        String::new()
    }

    /// The text in lines no wider than `width`, the last of at most `lines` cut short if need be.
    pub fn wrap(self, text: &str, width: f64, lines: usize) -> Vec<String> {
        let mut wrapped: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            let room = wrapped.len() == lines;
            match wrapped.last_mut() {
                Some(line) if room || self.width(&format!("{line} {word}")) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => wrapped.push(word.to_owned()),
            }
        }
        wrapped.iter().map(|line| self.fit(line, width)).collect()
    }

    fn font(self, scale: f64) -> FontDesc<'static> {
        let style = if self.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        FontDesc::new(FontFamily::SansSerif, self.size * scale, style)
    }
}

/// Control characters have no glyph; a name with a line break is still one line.
fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| {
            if crate::escape::is_obeyed(letter) {
                ' '
            } else {
                letter
            }
        })
        .collect()
}

impl<DB: DrawingBackend> Sheet<'_, DB> {
    /// Fills the rectangle between two corners; one without area leaves no trace.
    pub fn fill(
        &self,
        (left, top): (f64, f64),
        (right, bottom): (f64, f64),
        color: RGBColor,
    ) -> Drawn<DB> {
        let pixel = |point: f64| (point * self.scale).round() as i32;
        let (left, top, right, bottom) = (pixel(left), pixel(top), pixel(right), pixel(bottom));
        if left >= right || top >= bottom {
            return Ok(());
        }
        self.area.draw(&Rectangle::new(
            [(left, top), (right, bottom)],
            color.filled(),
        ))
    }

    /// Draws the edge of a rectangle, within it.
    pub fn outline(
        &self,
        (left, top): (f64, f64),
        (right, bottom): (f64, f64),
        thick: f64,
        color: RGBColor,
    ) -> Drawn<DB> {
        self.fill((left, top), (right, top + thick), color)?;
        self.fill((left, bottom - thick), (right, bottom), color)?;
        self.fill((left, top), (left + thick, bottom), color)?;
        self.fill((right - thick, top), (right, bottom), color)
    }

    /// Fills a rectangle with upright stripes.
    pub fn stripe(
        &self,
        (left, top): (f64, f64),
        (right, bottom): (f64, f64),
        color: RGBColor,
    ) -> Drawn<DB> {
        const STRIPE: f64 = 3.0;
        let mut from = left;
        while from < right {
            self.fill((from, top), ((from + STRIPE).min(right), bottom), color)?;
            from += 2.0 * STRIPE;
        }
        Ok(())
    }

    /// Draws an upright line centred on `x`.
    pub fn upright(
        &self,
        x: f64,
        (top, bottom): (f64, f64),
        thick: f64,
        color: RGBColor,
    ) -> Drawn<DB> {
        self.fill((x - thick / 2.0, top), (x + thick / 2.0, bottom), color)
    }

    /// Draws a dashed upright line centred on `x`. The dashes of two lines at one place coincide.
    pub fn dashes(
        &self,
        x: f64,
        (top, bottom): (f64, f64),
        thick: f64,
        color: RGBColor,
    ) -> Drawn<DB> {
        const DASH: f64 = 6.0;
        const PERIOD: f64 = 10.0;
        let mut from = (top / PERIOD).ceil() * PERIOD;
        while from < bottom {
            self.upright(x, (from, (from + DASH).min(bottom)), thick, color)?;
            from += PERIOD;
        }
        Ok(())
    }

    /// Draws a line of right angles through `points`, as a count in steps has it.
    pub fn steps(&self, points: &[(f64, f64)], thick: f64, color: RGBColor) -> Drawn<DB> {
        let half = thick / 2.0;
        for pair in points.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            self.fill(
                (x0.min(x1) - half, y0.min(y1) - half),
                (x0.max(x1) + half, y0.max(y1) + half),
                color,
            )?;
        }
        Ok(())
    }

    /// Draws a line through `points`, straight from each to the next.
    pub fn line(&self, points: &[(f64, f64)], thick: f64, color: RGBColor) -> Drawn<DB> {
        let half = thick / 2.0;
        for pair in points.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            let length = (x1 - x0).hypot(y1 - y0);
            if length > 0.0 {
                let (across, down) = (-(y1 - y0) / length * half, (x1 - x0) / length * half);
                let corners = [
                    (x0 + across, y0 + down),
                    (x1 + across, y1 + down),
                    (x1 - across, y1 - down),
                    (x0 - across, y0 - down),
                ];
                self.polygon(&corners, color)?;
            }
        }
        Ok(())
    }

    /// Fills a circle.
    pub fn dot(&self, (x, y): (f64, f64), radius: f64, color: RGBColor) -> Drawn<DB> {
        let corner = |i: i32| {
            let angle = f64::from(i) * std::f64::consts::TAU / 24.0;
            (x + radius * angle.cos(), y + radius * angle.sin())
        };
        self.polygon(&(0..24).map(corner).collect::<Vec<_>>(), color)
    }

    /// Fills a polygon.
    pub fn polygon(&self, corners: &[(f64, f64)], color: RGBColor) -> Drawn<DB> {
        let pixel = |point: f64| (point * self.scale).round() as i32;
        let corners: Vec<_> = corners.iter().map(|&(x, y)| (pixel(x), pixel(y))).collect();
        self.area.draw(&Polygon::new(corners, color.filled()))
    }

    /// Writes from `x` rightwards, the middle of the line at `y`.
    pub fn write(&self, text: &str, at: (f64, f64), style: Type) -> Drawn<DB> {
        self.text(text, at, style, HPos::Left)
    }

    /// Writes around `x`.
    pub fn write_centred(&self, text: &str, at: (f64, f64), style: Type) -> Drawn<DB> {
        self.text(text, at, style, HPos::Center)
    }

    /// Writes up to `x`.
    pub fn write_up_to(&self, text: &str, at: (f64, f64), style: Type) -> Drawn<DB> {
        self.text(text, at, style, HPos::Right)
    }

    fn text(&self, text: &str, (x, y): (f64, f64), style: Type, anchor: HPos) -> Drawn<DB> {
        // Plotters centres a box that ends at the baseline, which leaves lower case letters too high.
        let y = y + 0.11 * style.height();
        let pixel = |point: f64| (point * self.scale).round() as i32;
        let font = TextStyle::from(style.font(self.scale))
            .color(&style.color)
            .pos(Pos::new(anchor, VPos::Center));
        self.area
            .draw_text(&printable(text), &font, (pixel(x), pixel(y)))
    }
}
