//! Charts, drawn in memory with a font of their own: no system library, no installed font, no file.
//!
//! Three pictures answer three questions about a rollout:
//!
//! - [`errors_per_second()`]: when do requests fail, and of what?
//! - [`lanes()`]: why? One replication, each pod's truth above the ALB nodes' belief, the failures between them.
//! - [`distribution()`]: how many 5xx does one rollout cost?
//!
//! A drawing that fails half-way leaves nothing: pictures are bytes until the caller stores them.

mod curves;
mod distribution;
mod errors_per_second;
mod frame;
mod heat_map;
mod lanes;
mod palette;
mod pareto;
mod sensitivity;
mod sheet;
#[cfg(test)]
mod specimen;
pub mod survey;
mod track;

use std::sync::OnceLock;

use plotters::backend::BitMapBackend;
use plotters::drawing::IntoDrawingArea;
use plotters::style::{FontStyle, register_font};

use crate::error::Error;
use frame::Page;
use sheet::{Drawn, Sheet};

pub use distribution::{Summary, distribution};
pub use errors_per_second::errors_per_second;
pub use lanes::lanes;
pub use pareto::pareto;

/// Width of every picture, in pixels. A README shows it at about two thirds of it.
pub const WIDTH: u32 = 1200;

/// Pictures are drawn this many times as large and averaged down, which smooths every edge and lets letters
/// stand where they belong: plotters sets glyphs on whole pixels.
const OVERSAMPLING: u32 = 2;

/// A finished picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green and blue of each pixel, row by row from the top.
    pub rgb: Vec<u8>,
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
    /// The picture as the bytes of a PNG file, the same for the same picture.
    ///
    /// # Errors
    /// The picture's size does not match its pixels.
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::High);
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&self.rgb))
            .map_err(|error| Error::invariant(format!("encoding a picture: {error}")))?;
        Ok(bytes)
    }

    /// Draws the page on a white sheet of [`WIDTH`] × `height` points, and has `chart` draw the rest.
    fn draw(
        page: &Page,
        height: f64,
        chart: impl FnOnce(&Sheet<BitMapBackend>) -> Drawn<BitMapBackend<'static>>,
    ) -> Result<Picture, Error> {
        let height = height.ceil() as u32;
        let (wide, high) = (WIDTH * OVERSAMPLING, height * OVERSAMPLING);
        let mut large = vec![0xFF; wide as usize * high as usize * 3];
        {
            let area = BitMapBackend::with_buffer(&mut large, (wide, high)).into_drawing_area();
            let sheet = Sheet {
                area: &area,
                scale: f64::from(OVERSAMPLING),
            };
            page.draw(&sheet, f64::from(height))
                .and_then(|()| chart(&sheet))
                .and_then(|()| area.present())
                .map_err(|error| Error::invariant(format!("drawing a picture: {error}")))?;
        }
        Ok(Picture {
            width: WIDTH,
            height,
            rgb: averaged_down(&large, wide as usize),
        })
    }
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
        let per_second =
            |series: &ErrorSeries, at| errors_per_second(&CAPTION, series, at).unwrap();
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
            ("per-second", per_second(&series, 10.0)),
            (
                "per-second-every-cause",
                per_second(&every_cause_series, 10.0),
            ),
            ("per-second-one-cause", per_second(&one_cause, 10.0)),
            ("per-second-quiet", per_second(&quiet, 10.0)),
            ("per-second-empty", per_second(&ErrorSeries::default(), 0.0)),
            ("per-second-far-away", per_second(&one, 1e300)),
            ("per-second-huge", per_second(&huge(series.clone()), 10.0)),
            ("per-second-hour", per_second(&hour, 3_000.0)),
            (
                "per-second-wordy",
                errors_per_second(&wordy, &series, 10.0).unwrap(),
            ),
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
    fn ink(picture: &Picture, x: std::ops::Range<usize>, y: std::ops::Range<usize>) -> usize {
        let pixel = |x: usize, y: usize| &picture.rgb[(y * picture.width as usize + x) * 3..][..3];
        y.flat_map(|y| x.clone().map(move |x| (x, y)))
            .filter(|(x, y)| pixel(*x, *y).iter().all(|c| *c < 0x78))
            .count()
    }

    /// Set `ROLLCAST_PICTURES` to a directory to look at them.
    #[test]
    fn every_picture_is_legible_reads_back_and_is_the_same_twice() {
        let folder = std::env::var_os("ROLLCAST_PICTURES");
        for ((name, picture), (_, again)) in gallery().into_iter().zip(gallery()) {
            assert_eq!(picture, again, "{name}");
            let bytes = picture.to_png().unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(&bytes))
                .read_info()
                .unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut pixels).unwrap();
            assert_eq!(pixels, picture.rgb, "{name}");
            words_leave_ink(name, &picture);
            if let Some(folder) = &folder {
                std::fs::write(
                    std::path::Path::new(folder)
                        .join(name)
                        .with_extension("png"),
                    bytes,
                )
                .unwrap();
            }
        }
    }

    #[track_caller]
    fn words_leave_ink(name: &str, picture: &Picture) {
        let (width, height) = (picture.width as usize, picture.height as usize);
        assert!(ink(picture, 28..300, 16..46) > 400, "{name}: the title");
        assert!(
            ink(picture, 28..300, height - 70..height) > 100,
            "{name}: the footer"
        );
        for edge in [0..8, width - 8..width] {
            assert_eq!(
                ink(picture, edge, 0..height),
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
            errors_per_second(&CAPTION, &specimen::series(&outcome, &timeline), 10.0).unwrap(),
            lanes(&CAPTION, &timeline, &outcome).unwrap(),
        ];
        let counts = palette::counts(&outcome);
        for picture in pictures {
            // Black is the colour of letters, too.
            for column in (0..palette::COLUMNS).filter(|column| *column != Cause::NoTarget.index())
            {
                let plotters::style::RGBColor(red, green, blue) = palette::color(column);
                let drawn = picture
                    .rgb
                    .chunks_exact(3)
                    .any(|pixel| pixel == [red, green, blue]);
                assert_eq!(drawn, counts[column] > 0, "{}", palette::label(column));
            }
        }
    }
}
