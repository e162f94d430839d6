//! What a chart draws on: rectangles, polygons and text at positions in points. A sheet only remembers them;
//! [`super::bitmap`] and [`super::svg`] make files of what it remembers.

use plotters::style::{FontDesc, FontFamily, FontStyle};

use super::palette::{self, Tone};

/// A place in points, from the left and from the top.
pub(super) type Place = (f64, f64);

/// Everything that was drawn, the first at the bottom.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sheet {
    /// What was drawn.
    pub shapes: Vec<Shape>,
}

/// One thing on a sheet.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// A filled rectangle between its left upper and its right lower corner; corners lie on halves of a point.
    Rectangle(Place, Place, Tone),
    /// A filled polygon.
    Polygon(Vec<Place>, Tone),
    /// A line of text, at the middle of its height.
    Text(String, Place, Anchor, Type),
}

/// Which part of a text lies at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
}

/// How a text looks. Sizes are heights from the deepest descender to the highest ascender, in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Type {
    size: f64,
    bold: bool,
    color: Tone,
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
/// A number that counts, in a list of asides.
pub(super) const COUNT: Type = Type {
    size: 19.0,
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
    pub fn colored(self, color: Tone) -> Type {
        Type { color, ..self }
    }

    /// The colour.
    pub fn color(self) -> Tone {
        self.color
    }

    /// Whether it is bold.
    pub fn is_bold(self) -> bool {
        self.bold
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
        let breaks = |letter: char| letter.is_whitespace() && letter != '\u{a0}';
        for word in text.split(breaks).filter(|word| !word.is_empty()) {
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

    /// The font, so many times as large.
    pub fn font(self, scale: f64) -> FontDesc<'static> {
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

impl Sheet {
    /// Fills the rectangle between two corners; one without area leaves no trace.
    pub fn fill(&mut self, left_top: Place, right_bottom: Place, color: Tone) {
        // Halves of a point are whole pixels of every picture, so that neighbours neither overlap nor part.
        let snap = |(x, y): Place| ((x * 2.0).round() / 2.0, (y * 2.0).round() / 2.0);
        let ((left, top), (right, bottom)) = (snap(left_top), snap(right_bottom));
        if left < right && top < bottom {
            let shape = Shape::Rectangle((left, top), (right, bottom), color);
            self.shapes.push(shape);
        }
    }

    /// Draws the edge of a rectangle, within it.
    pub fn outline(&mut self, (left, top): Place, (right, bottom): Place, thick: f64, color: Tone) {
        self.fill((left, top), (right, top + thick), color);
        self.fill((left, bottom - thick), (right, bottom), color);
        self.fill((left, top), (left + thick, bottom), color);
        self.fill((right - thick, top), (right, bottom), color);
    }

    /// Fills a rectangle with upright stripes.
    pub fn stripe(&mut self, (left, top): Place, (right, bottom): Place, color: Tone) {
        const STRIPE: f64 = 3.0;
        let mut from = left;
        while from < right {
            self.fill((from, top), ((from + STRIPE).min(right), bottom), color);
            from += 2.0 * STRIPE;
        }
    }

    /// Fills a rectangle with slanting stripes. Those of neighbours meet.
    pub fn hatch(&mut self, (left, top): Place, (right, bottom): Place, thick: f64, color: Tone) {
        const PERIOD: f64 = 7.0;
        if left >= right || top >= bottom {
            return;
        }
        // Along the line x + y = sum, within the rectangle: its upper end and its lower one.
        let ends = |sum: f64| {
            let upper = if sum - top <= right {
                (sum - top, top)
            } else {
                (right, sum - right)
            };
            let lower = if sum - bottom >= left {
                (sum - bottom, bottom)
            } else {
                (left, sum - left)
            };
            (upper, lower)
        };
        let mut sum = ((left + top) / PERIOD).ceil() * PERIOD;
        while sum < right + bottom {
            let ((upper, lower), (next_upper, next_lower)) =
                (ends(sum), ends((sum + thick).min(right + bottom)));
            self.polygon(&[upper, next_upper, next_lower, lower], color);
            sum += PERIOD;
        }
    }

    /// Draws an upright line centred on `x`.
    pub fn upright(&mut self, x: f64, (top, bottom): (f64, f64), thick: f64, color: Tone) {
        self.fill((x - thick / 2.0, top), (x + thick / 2.0, bottom), color);
    }

    /// Draws a dashed upright line centred on `x`. The dashes of two lines at one place coincide.
    pub fn dashes(&mut self, x: f64, (top, bottom): (f64, f64), thick: f64, color: Tone) {
        const DASH: f64 = 6.0;
        const PERIOD: f64 = 10.0;
        let mut from = (top / PERIOD).ceil() * PERIOD;
        while from < bottom {
            self.upright(x, (from, (from + DASH).min(bottom)), thick, color);
            from += PERIOD;
        }
    }

    /// Draws a dashed level line centred on `y`.
    pub fn level_dashes(&mut self, y: f64, (left, right): (f64, f64), thick: f64, color: Tone) {
        const DASH: f64 = 6.0;
        const PERIOD: f64 = 10.0;
        let mut from = left;
        while from < right {
            self.fill(
                (from, y - thick / 2.0),
                ((from + DASH).min(right), y + thick / 2.0),
                color,
            );
            from += PERIOD;
        }
    }

    /// Draws a line of right angles through `points`, as a count in steps has it.
    pub fn steps(&mut self, points: &[Place], thick: f64, color: Tone) {
        let half = thick / 2.0;
        for pair in points.windows(2) {
            let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
            self.fill(
                (x0.min(x1) - half, y0.min(y1) - half),
                (x0.max(x1) + half, y0.max(y1) + half),
                color,
            );
        }
    }

    /// Draws a line through `points`, straight from each to the next.
    pub fn line(&mut self, points: &[Place], thick: f64, color: Tone) {
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
                self.polygon(&corners, color);
            }
        }
    }

    /// Fills a circle.
    pub fn dot(&mut self, (x, y): Place, radius: f64, color: Tone) {
        let corner = |i: i32| {
            let angle = f64::from(i) * std::f64::consts::TAU / 24.0;
            (x + radius * angle.cos(), y + radius * angle.sin())
        };
        self.polygon(&(0..24).map(corner).collect::<Vec<_>>(), color);
    }

    /// Fills a polygon.
    pub fn polygon(&mut self, corners: &[Place], color: Tone) {
        self.shapes.push(Shape::Polygon(corners.to_vec(), color));
    }

    /// Writes from `x` rightwards, the middle of the line at `y`.
    pub fn write(&mut self, text: &str, at: Place, style: Type) {
        self.text(text, at, style, Anchor::Left);
    }

    /// Writes around `x`.
    pub fn write_centred(&mut self, text: &str, at: Place, style: Type) {
        self.text(text, at, style, Anchor::Middle);
    }

    /// Writes up to `x`.
    pub fn write_up_to(&mut self, text: &str, at: Place, style: Type) {
        self.text(text, at, style, Anchor::Right);
    }

    fn text(&mut self, text: &str, at: Place, style: Type, anchor: Anchor) {
        let shape = Shape::Text(printable(text), at, anchor, style);
        self.shapes.push(shape);
    }
}
