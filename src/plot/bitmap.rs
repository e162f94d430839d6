//! A sheet as pixels, with fonts of its own.

use plotters::backend::BitMapBackend;
use plotters::drawing::{DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBColor, TextStyle};

use super::WIDTH;
use super::palette::{PAPER, Theme, Tone};
use super::sheet::{Anchor, Place, Shape};

/// Pictures are drawn this many times as large and averaged down, which smooths every edge and lets letters
/// stand where they belong: plotters sets glyphs on whole pixels.
const OVERSAMPLING: u32 = 2;

/// What went wrong in plotters.
type Failed =
    DrawingAreaErrorKind<<BitMapBackend<'static> as plotters::backend::DrawingBackend>::ErrorType>;

/// Red, green and blue of each of [`WIDTH`] × `height` pixels, row by row from the top.
pub(super) fn pixels(shapes: &[Shape], height: u32, theme: Theme) -> Result<Vec<u8>, Failed> {
    let (wide, high) = (WIDTH * OVERSAMPLING, height * OVERSAMPLING);
    let mut large = vec![0xFF; wide as usize * high as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut large, (wide, high)).into_drawing_area();
        area.fill(&shown(PAPER, theme))?;
        for shape in shapes {
            match shape {
                Shape::Rectangle(left_top, right_bottom, color) => {
                    let corners = [pixel(*left_top), pixel(*right_bottom)];
                    area.draw(&Rectangle::new(corners, shown(*color, theme).filled()))?;
                }
                Shape::Polygon(corners, color) => {
                    let corners: Vec<_> = corners.iter().copied().map(pixel).collect();
                    area.draw(&Polygon::new(corners, shown(*color, theme).filled()))?;
                }
                Shape::Text(text, (x, y), anchor, style) => {
                    let anchor = match anchor {
                        Anchor::Left => HPos::Left,
                        Anchor::Middle => HPos::Center,
                        Anchor::Right => HPos::Right,
                    };
                    // Plotters centres a box that ends at the baseline, which leaves lower case letters too high.
                    let y = y + 0.11 * style.height();
                    let color = shown(style.color(), theme);
                    let font = TextStyle::from(style.font(f64::from(OVERSAMPLING)))
                        .color(&color)
                        .pos(Pos::new(anchor, VPos::Center));
                    area.draw_text(text, &font, pixel((*x, y)))?;
                }
            }
        }
        area.present()?;
    }
    Ok(averaged_down(&large, wide as usize))
}

fn pixel((x, y): Place) -> (i32, i32) {
    let whole = |points: f64| (points * f64::from(OVERSAMPLING)).round() as i32;
    (whole(x), whole(y))
}

fn shown(color: Tone, theme: Theme) -> RGBColor {
    let [red, green, blue] = color.on(theme);
    RGBColor(red, green, blue)
}

/// The picture in which each pixel is the mean of a square of [`OVERSAMPLING`]² pixels.
fn averaged_down(large: &[u8], wide: usize) -> Vec<u8> {
    const SIDE: usize = OVERSAMPLING as usize;
    let mut small = Vec::with_capacity(large.len() / (SIDE * SIDE));
    for rows in large.chunks_exact(wide * 3 * SIDE) {
        for x in 0..wide / SIDE {
            for channel in 0..3 {
                let square = (0..SIDE * SIDE)
                    .map(|i| rows[((i / SIDE) * wide + x * SIDE + i % SIDE) * 3 + channel]);
                let sum: usize = square.map(usize::from).sum();
                small.push(((sum + SIDE * SIDE / 2) / (SIDE * SIDE)) as u8);
            }
        }
    }
    small
}
