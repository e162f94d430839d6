//! A sheet as SVG, which follows the reader's light or dark mode.
//!
//! Plotters' own SVG has its colours in every element; here each colour is a class, so that one media query
//! changes them all.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::palette::{PAPER, Theme, Tone};
use super::sheet::{Anchor, Shape};
use super::{Picture, WIDTH};
use crate::escape;

/// The picture as an element that stands alone as a file, or within a page.
pub(super) fn element(picture: &Picture) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" font-family=\"system-ui, 'DejaVu Sans', sans-serif\">\n\
         <title>{}</title>\n{}<rect class=\"{}\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
        escape::xml(&picture.title),
        styles(&picture.shapes),
        class(PAPER),
        height = picture.height,
    );
    for run in picture.shapes.chunk_by(is_one_path) {
        match &run[0] {
            Shape::Rectangle(_, _, color) => {
                let _ = writeln!(
                    svg,
                    "<path class=\"{}\" shape-rendering=\"crispEdges\" d=\"{}\"/>",
                    class(*color),
                    run.iter().map(rectangle).collect::<String>()
                );
            }
            Shape::Polygon(corners, color) => {
                let corners: Vec<_> = corners
                    .iter()
                    .map(|(x, y)| format!("{},{}", short(*x), short(*y)))
                    .collect();
                let _ = writeln!(
                    svg,
                    "<polygon class=\"{}\" points=\"{}\"/>",
                    class(*color),
                    corners.join(" ")
                );
            }
            Shape::Text(text, (x, y), anchor, style) => {
                let anchor = match anchor {
                    Anchor::Left => "",
                    Anchor::Middle => " text-anchor=\"middle\"",
                    Anchor::Right => " text-anchor=\"end\"",
                };
                // DejaVu Sans reaches over 1.164 em from its deepest descender to its highest ascender.
                let size = style.height() / 1.164;
                let _ = writeln!(
                    svg,
                    "<text class=\"{}\" x=\"{}\" y=\"{}\" font-size=\"{}\"{}{anchor}>{}</text>",
                    class(style.color()),
                    short(*x),
                    short(y + 0.36 * size),
                    short(size),
                    if style.is_bold() {
                        " font-weight=\"bold\""
                    } else {
                        ""
                    },
                    escape::xml(text)
                );
            }
        }
    }
    svg + "</svg>\n"
}

/// Rectangles of one colour in a row are one path.
fn is_one_path(a: &Shape, b: &Shape) -> bool {
    matches!((a, b), (Shape::Rectangle(.., one), Shape::Rectangle(.., other)) if one == other)
}

fn rectangle(shape: &Shape) -> String {
    match shape {
        Shape::Rectangle((left, top), (right, bottom), _) => {
            let (width, height) = (right - left, bottom - top);
            format!("M{left} {top}h{width}v{height}h-{width}z")
        }
        Shape::Polygon(..) | Shape::Text(..) => String::new(),
    }
}

/// A class for each colour, with what it is on dark paper.
fn styles(shapes: &[Shape]) -> String {
    let of = |shape: &Shape| match shape {
        Shape::Rectangle(.., color) | Shape::Polygon(_, color) => *color,
        Shape::Text(.., style) => style.color(),
    };
    let colors: BTreeSet<Tone> = shapes.iter().map(of).chain([PAPER]).collect();
    let rules = |theme: Theme| {
        let rule = |color: &Tone| format!(".{}{{fill:#{}}}", class(*color), hex(*color, theme));
        colors.iter().map(rule).collect::<String>()
    };
    format!(
        "<style>{}@media(prefers-color-scheme:dark){{{}}}</style>\n",
        rules(Theme::Light),
        rules(Theme::Dark)
    )
}

/// Named by its colours, so that two pictures within one page agree.
fn class(color: Tone) -> String {
    format!("c{}-{}", hex(color, Theme::Light), hex(color, Theme::Dark))
}

fn hex(color: Tone, theme: Theme) -> String {
    color
        .on(theme)
        .map(|channel| format!("{channel:02x}"))
        .concat()
}

/// Two decimals at most.
fn short(points: f64) -> f64 {
    (points * 100.0).round() / 100.0
}
