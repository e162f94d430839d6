//! Charts, drawn in memory with a font of their own: no system library, no installed font, no file.
//!
//! Three pictures answer three questions about a rollout:
//!
//! - [`errors_per_second()`]: when do requests fail, and of what?
//! - [`lanes()`]: why? One rollout, each pod's truth above the ALB nodes' belief, the failures between them.
//! - [`distribution()`]: how many 5xx does one rollout cost?
//!
//! A chart is drawn once, onto a sheet of shapes, and becomes a PNG or an SVG file from there. A drawing that
//! fails half-way leaves nothing: pictures are bytes until the caller stores them.

mod bitmap;
mod curves;
mod distribution;
mod errors_per_second;
mod frame;
mod heat_map;
mod lane_legend;
mod lane_words;
mod lanes;
mod palette;
mod pareto;
mod sensitivity;
mod sheet;
#[cfg(test)]
mod specimen;
pub mod survey;
mod svg;

use std::sync::OnceLock;

use plotters::style::{FontStyle, register_font};

use crate::error::Error;
use frame::Page;
use palette::Theme;
use sheet::{Shape, Sheet};

pub use distribution::{Summary, distribution};
pub use errors_per_second::{Failures, errors_per_second};
pub use lanes::lanes;
pub use pareto::pareto;

/// Width of every picture, in pixels. A README shows it at about two thirds of it.
pub const WIDTH: u32 = 1200;

/// A finished picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Height in points: rows of pixels of a PNG file.
    pub height: u32,
    /// What it is and what it says: for those who cannot see it.
    pub title: String,
    shapes: Vec<Shape>,
}

/// The words around a chart. Each is cut short with an ellipsis where it does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caption<'a> {
    /// What it is: one line.
    pub title: &'a str,
    /// What was simulated, how often, at what load: up to two lines.
    pub subtitle: &'a str,
    /// What was assumed, and what reproduces the picture (version, seed, digest): up to three lines.
    pub footer: &'a str,
}

impl Picture {
    /// The picture on white paper as the bytes of a PNG file, the same for the same picture.
    ///
    /// # Errors
    /// Drawing fails, which is a bug.
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        let pixels = self.pixels(Theme::Light)?;
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, WIDTH, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&pixels))
            .map_err(|error| Error::invariant(format!("encoding a picture: {error}")))?;
        Ok(bytes)
    }

    /// The picture as an SVG element: a file, or a part of a page. It is light or dark as its reader likes.
    pub fn to_svg(&self) -> String {
        svg::element(self)
    }

    /// Red, green and blue of each pixel, row by row from the top.
    fn pixels(&self, theme: Theme) -> Result<Vec<u8>, Error> {
        bitmap::pixels(&self.shapes, self.height, theme)
            .map_err(|error| Error::invariant(format!("drawing a picture: {error}")))
    }

    /// Draws the page on a sheet of [`WIDTH`] × `height` points, and has `chart` draw the rest.
    fn draw(page: &Page, height: f64, chart: impl FnOnce(&mut Sheet)) -> Picture {
        let height = height.ceil();
        let mut sheet = Sheet::default();
        page.draw(&mut sheet, height);
        chart(&mut sheet);
        Picture {
            height: height as u32,
            title: page.title.clone(),
            shapes: sheet.shapes,
        }
    }
}

/// Tells plotters about the fonts, once per process.
fn register_fonts() -> Result<(), Error> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    let registered = REGISTERED.get_or_init(|| {
        let book = include_bytes!("DejaVuSans-subset.ttf");
        let bold = include_bytes!("DejaVuSans-Bold-subset.ttf");
        register_font("sans-serif", FontStyle::Normal, book).is_ok()
            && register_font("sans-serif", FontStyle::Bold, bold).is_ok()
    });
    if *registered {
        Ok(())
    } else {
        Err(Error::invariant("the built-in font does not load"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monte_carlo::ErrorSeries;
    use crate::observe::timeline::Timeline;
    use crate::traffic::outcome::Outcome;
    use crate::verdict::Cause;

    const CAPTION: Caption = Caption {
        title: "eks-2048-before",
        subtitle: "4 replicas, 100 requests per second (constant), 1,000 rollouts, seed 1",
        footer: "Assumed: load_balancer.deregistration_propagation = published, cluster.preset = typical. \
                 rollcast 0.1.0, digest 3f9a17c2, fingerprint 91e0b6d4.",
    };

    fn summary(samples: &[u64], any_5xx: (f64, f64)) -> Summary {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable();
        let at = |share: f64| {
            sorted
                .get((share * samples.len() as f64) as usize)
                .map_or(0.0, |count| *count as f64)
        };
        Summary {
            p05: at(0.05),
            p50: at(0.5),
            p95: at(0.95),
            any_5xx,
            confidence: 0.95,
        }
    }

    fn lanes_of(replicas: u16, nodes: u8, rate: u64) -> Picture {
        let timeline = specimen::rollout(replicas, nodes);
        lanes(&CAPTION, &timeline, &specimen::outcome(&timeline, rate)).unwrap()
    }

    fn distribution_of(samples: &[u64], any_5xx: (f64, f64)) -> Picture {
        let counts = samples.iter().map(|count| *count as f64).collect();
        distribution(&CAPTION, &counts, &summary(samples, any_5xx)).unwrap()
    }

    fn per_second(caption: &Caption, series: &ErrorSeries, rollout_at: f64) -> Picture {
        let means = std::array::from_fn(|column| {
            let counts = series.mean.iter().map(|row| row[column]);
            counts.filter(|count| count.is_finite()).sum()
        });
        let failures = Failures {
            series,
            means,
            runs: 1_000,
            rollout_at,
            rate: Some(100.0),
        };
        errors_per_second(caption, &failures).unwrap()
    }

    fn huge(mut series: ErrorSeries) -> ErrorSeries {
        series
            .mean
            .iter_mut()
            .flatten()
            .chain(&mut series.low)
            .chain(&mut series.high)
            .for_each(|value| *value *= 1e7);
        series
    }

    /// Every kind of picture, realistic and extreme, by name.
    fn gallery() -> Vec<(&'static str, Picture)> {
        let timeline = specimen::rollout(4, 2);
        let outcome = specimen::outcome(&timeline, 100);
        let every_cause = specimen::of_every_cause(outcome.clone());
        let series = specimen::series(&outcome, &timeline);
        let every_cause_series = specimen::series(&every_cause, &timeline);
        let mut one_cause = series.clone();
        one_cause
            .mean
            .iter_mut()
            .for_each(|row| *row = std::array::from_fn(|c| if c == 0 { row[c] } else { 0.0 }));
        one_cause.high = one_cause.mean.iter().map(|row| row[0] * 2.0).collect();
        one_cause.low.fill(0.0);
        let quiet = ErrorSeries {
            mean: vec![[0.0; 10]; 120],
            low: vec![0.0; 120],
            high: vec![0.0; 120],
        };
        let one = ErrorSeries {
            mean: vec![[f64::NAN, 0.0, 0.0, 0.0, 0.0, 0.004, 0.0, 0.0, 0.0, 0.0]],
            ..quiet.clone()
        };
        let mut hour = quiet.clone();
        hour.mean = (0..3600)
            .map(|i| std::array::from_fn(|c| if c == 6 { f64::from(i % 97) } else { 0.0 }))
            .collect();
        let wordy = specimen::long_words();
        let wordy = Caption {
            title: &wordy,
            subtitle: &wordy,
            footer: &wordy,
        };
        let nothing = Outcome {
            requests: 12_000,
            ..Outcome::new()
        };
        let careful = specimen::samples(1_000, 700.0, 0.0, 0.0);
        vec![
            ("per-second", per_second(&CAPTION, &series, 10.0)),
            (
                "per-second-every-cause",
                per_second(&CAPTION, &every_cause_series, 10.0),
            ),
            (
                "per-second-one-cause",
                per_second(&CAPTION, &one_cause, 10.0),
            ),
            ("per-second-quiet", per_second(&CAPTION, &quiet, 10.0)),
            (
                "per-second-empty",
                per_second(&CAPTION, &ErrorSeries::default(), 0.0),
            ),
            ("per-second-far-away", per_second(&CAPTION, &one, 1e300)),
            (
                "per-second-huge",
                per_second(&CAPTION, &huge(series.clone()), 10.0),
            ),
            ("per-second-hour", per_second(&CAPTION, &hour, 3_000.0)),
            ("per-second-wordy", per_second(&wordy, &series, 10.0)),
            ("lanes", lanes_of(4, 2, 100)),
            (
                "lanes-every-cause",
                lanes(&CAPTION, &timeline, &every_cause).unwrap(),
            ),
            (
                "lanes-nothing-failed",
                lanes(&CAPTION, &timeline, &nothing).unwrap(),
            ),
            ("lanes-one-pod", lanes_of(1, 2, 20)),
            ("lanes-16-pods", lanes_of(8, 3, 100)),
            ("lanes-40-pods", lanes_of(20, 2, 400)),
            ("lanes-many", lanes_of(60, 12, 1_000)),
            (
                "lanes-empty",
                lanes(&wordy, &Timeline::default(), &Outcome::new()).unwrap(),
            ),
            ("distribution", distribution_of(&careful, (0.996, 1.0))),
            (
                "distribution-some-clean",
                distribution_of(&specimen::samples(1_000, 12.0, 0.4, 0.0), (0.57, 0.63)),
            ),
            (
                "distribution-tail",
                distribution_of(&specimen::samples(1_000, 30.0, 0.2, 400.0), (0.77, 0.82)),
            ),
            (
                "distribution-zero",
                distribution_of(&[0; 1_000], (0.0, 0.003)),
            ),
            ("distribution-one", distribution_of(&[698], (0.025, 1.0))),
            ("distribution-empty", distribution_of(&[], (0.0, 1.0))),
            (
                "distribution-huge",
                distribution_of(&[0, 5, 5, u64::MAX], (0.2, 0.99)),
            ),
            (
                "distribution-million",
                distribution_of(&specimen::samples(5_000, 3e6, 0.001, 0.0), (0.99, 1.0)),
            ),
        ]
    }

    /// Pixels darker than any grey of the charts' own areas, within a rectangle.
    fn ink(pixels: &[u8], x: std::ops::Range<usize>, y: std::ops::Range<usize>) -> usize {
        let pixel = |x: usize, y: usize| &pixels[(y * WIDTH as usize + x) * 3..][..3];
        y.flat_map(|y| x.clone().map(move |x| (x, y)))
            .filter(|(x, y)| pixel(*x, *y).iter().all(|c| *c < 0x78))
            .count()
    }

    /// Set `ROLLCAST_PICTURES` to a directory to look at them.
    #[test]
    fn every_picture_is_legible_reads_back_and_is_the_same_twice() {
        let folder = std::env::var_os("ROLLCAST_PICTURES").map(std::path::PathBuf::from);
        for ((name, picture), (_, again)) in gallery().into_iter().zip(gallery()) {
            assert_eq!(picture, again, "{name}");
            let drawn = picture.pixels(Theme::Light).unwrap();
            let bytes = picture.to_png().unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes))
                .read_info()
                .unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut pixels).unwrap();
            assert_eq!(pixels, drawn, "{name}");
            words_leave_ink(name, &drawn, picture.height as usize);
            let svg = picture.to_svg();
            let tree = roxmltree::Document::parse(&svg).unwrap();
            let words = |tag| {
                tree.descendants()
                    .filter(move |node| node.has_tag_name(tag))
            };
            assert_eq!(words("title").count(), 1, "{name}");
            assert!(words("text").count() > 3, "{name}");
            if let Some(folder) = &folder {
                std::fs::write(folder.join(name).with_extension("png"), bytes).unwrap();
                std::fs::write(folder.join(name).with_extension("svg"), svg).unwrap();
            }
        }
    }

    #[track_caller]
    fn words_leave_ink(name: &str, pixels: &[u8], height: usize) {
        let width = WIDTH as usize;
        assert!(ink(pixels, 28..300, 16..46) > 400, "{name}: the title");
        assert!(
            ink(pixels, 28..300, height - 70..height) > 100,
            "{name}: the footer"
        );
        for edge in [0..8, width - 8..width] {
            assert_eq!(
                ink(pixels, edge, 0..height),
                0,
                "{name}: something runs over the edge"
            );
        }
    }

    #[test]
    fn each_cause_that_occurs_is_drawn_in_its_colour_and_no_other() {
        let timeline = specimen::rollout(4, 2);
        let outcome = specimen::outcome(&timeline, 100);
        let pictures = [
            per_second(&CAPTION, &specimen::series(&outcome, &timeline), 10.0),
            lanes(&CAPTION, &timeline, &outcome).unwrap(),
        ];
        let counts = palette::counts(&outcome);
        for (picture, theme) in pictures
            .iter()
            .flat_map(|picture| [(picture, Theme::Light), (picture, Theme::Dark)])
        {
            let pixels = picture.pixels(theme).unwrap();
            // Black is like the colour of letters.
            for column in (0..palette::COLUMNS).filter(|column| *column != Cause::NoTarget.index())
            {
                let color = palette::color(column).on(theme);
                let drawn = pixels.chunks_exact(3).any(|pixel| pixel == color);
                assert_eq!(
                    drawn,
                    counts[column] > 0,
                    "{} on {theme:?}",
                    palette::label(column)
                );
            }
        }
    }

    #[test]
    fn an_svg_has_a_dark_side_and_escapes_names() {
        let caption = Caption {
            title: "<script>&",
            ..CAPTION
        };
        let svg = per_second(&caption, &ErrorSeries::default(), 0.0).to_svg();
        assert!(svg.contains("@media(prefers-color-scheme:dark)"));
        assert!(svg.contains("&lt;script&gt;&amp;") && !svg.contains("<script"));
    }
}
