//! The charts of `--png` and `--svg`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use rollcast::error::Error;
use rollcast::monte_carlo::{self, Count, Forecast, Replay, Sample, replay};
use rollcast::plot::{self, Caption, Failures, Picture, Summary};
use rollcast::report::Answer;
use rollcast::report::caption::{self, Why, Words};
use rollcast::scenario::{Assumption, Scenario};
use rollcast::verdict::Cause;

use super::output::{self, Delivery};

/// Names of files after names of scenarios: no two alike.
#[derive(Debug, Default)]
pub struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// The beginning of this scenario's file names.
    pub fn of(&mut self, scenario: &str) -> String {
        let name = file_name(scenario);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone())
            .chain(numbered)
            .find(|name| !self.taken.contains(name));
        let name = free.unwrap_or(name);
        self.taken.insert(name.clone());
        name
    }
}

/// Letters, digits and `-_.` as they are, the rest as `-`; never hidden, never long.
fn file_name(scenario: &str) -> String {
    const LONGEST: usize = 80;
    let tame = |letter: char| {
        if letter.is_alphanumeric() || "-_.".contains(letter) {
            letter
        } else {
            '-'
        }
    };
    let name: String = scenario.chars().map(tame).collect();
    // File systems count bytes.
    let name = name
        .get(..name.floor_char_boundary(LONGEST))
        .unwrap_or_default();
    let name = name.trim_matches(['.', '-']);
    if name.is_empty() {
        "unnamed".to_owned()
    } else {
        name.to_owned()
    }
}

/// Where charts go.
#[derive(Debug, Args)]
pub struct Directories {
    /// Draw charts into this directory, made if it is not there
    ///
    /// NAME-errors.png: 5xx per second, the mean of all rollouts (run);
    /// NAME-lanes.png: why: what each pod did and what the ALB took it for, in a rollout that is the median of
    /// those that fail (run), or in the one asked for (trace);
    /// NAME-5xx.png: how many 5xx a rollout costs, as a distribution (run);
    /// NAME-curves.png, NAME-map.png, NAME-sensitivity.png: 5xx along the axes (sweep).
    #[arg(long, value_name = "DIR", verbatim_doc_comment)]
    png: Option<PathBuf>,
    /// The same charts as SVG files, which are light or dark as their reader's screen is
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
}

impl Directories {
    /// Makes them.
    ///
    /// # Errors
    /// One cannot be made or written.
    pub fn check(&self) -> Result<(), Error> {
        let mut directories = self.png.iter().chain(&self.svg);
        directories.try_for_each(|directory| output::make_directory(directory))
    }

    /// Whether there are any.
    pub fn is_any(&self) -> bool {
        self.png.is_some() || self.svg.is_some()
    }

    /// Adds a chart under a name without an extension, and gives the path to link it by.
    ///
    /// # Errors
    /// Drawing fails, which is a bug.
    pub fn add(
        &self,
        name: &str,
        picture: &Picture,
        delivery: &mut Delivery,
    ) -> Result<Option<PathBuf>, Error> {
        let mut link = None;
        if let Some(directory) = &self.svg {
            let path = directory.join(format!("{name}.svg"));
            link = Some(path.clone());
            delivery.file(path, picture.to_svg().into_bytes());
        }
        if let Some(directory) = &self.png {
            let path = directory.join(format!("{name}.png"));
            link = Some(path.clone());
            delivery.file(path, picture.to_png()?);
        }
        Ok(link)
    }
}

/// The charts of a forecast, each with the end of its file name.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn of_answer(
    scenario: &Scenario,
    answer: &Answer,
) -> Result<Vec<(&'static str, Picture)>, Error> {
    let forecast = answer.forecast;
    let words = caption::of_answer(answer, scenario.deployment.replicas);
    let caption = caption(&words);
    let errors = plot::errors_per_second(
        &caption,
        &Failures {
            series: &forecast.series,
            means: means(forecast),
            runs: forecast.runs,
            rollout_at: scenario.load.rollout_at.as_secs_f64(),
            rate: scenario.load.constant_rate(),
        },
    )?;
    let distribution = plot::distribution(
        &caption,
        forecast.counted.counts(Count::Failed),
        &summary(forecast),
    )?;
    Ok(vec![
        ("errors", errors),
        (
            "lanes",
            typical_lanes(
                scenario,
                answer.assumptions,
                forecast.runs,
                typical(forecast),
            )?,
        ),
        ("5xx", distribution),
    ])
}

/// Mean failed requests by cause, the application's own answers last.
fn means(forecast: &Forecast) -> [f64; Cause::ALL.len() + 1] {
    std::array::from_fn(|column| {
        let count = Cause::ALL
            .get(column)
            .map_or(Count::Target, |cause| Count::Cause(*cause));
        forecast.amounts(count).map_or(0.0, |counts| counts.mean)
    })
}

/// The rollout that is the median of those that fail; where too many fail to know each, of the first ones.
fn typical(forecast: &Forecast) -> Option<u64> {
    match &forecast.failing {
        Some(failing) => {
            let numbered = failing.iter().map(|(number, failed)| (*number, *failed));
            monte_carlo::typical(numbered)
        }
        None => monte_carlo::typical((0..).zip(forecast.samples.iter().map(Sample::count_5xx))),
    }
}

/// The rollout that is the median of those of `runs` that fail, as a picture; none of them may.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn typical_lanes(
    scenario: &Scenario,
    assumptions: &[Assumption],
    runs: u64,
    typical: Option<u64>,
) -> Result<Picture, Error> {
    let why = Why::Typical {
        of: runs,
        fails: typical.is_some(),
    };
    let replication = typical.unwrap_or(0);
    let replay = replay(scenario, scenario.monte_carlo.seed, replication)?;
    lanes(scenario, assumptions, replication, why, &replay)
}

/// One rollout, as a picture.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn lanes(
    scenario: &Scenario,
    assumptions: &[Assumption],
    replication: u64,
    why: Why,
    replay: &Replay,
) -> Result<Picture, Error> {
    let words = caption::of_replication(scenario, assumptions, replication, why, &replay.sample);
    plot::lanes(&caption(&words), &replay.timeline, &replay.outcome)
}

/// Words as a chart takes them.
pub fn caption(words: &Words) -> Caption<'_> {
    Caption {
        title: &words.title,
        subtitle: &words.subtitle,
        footer: &words.footer,
    }
}

fn summary(forecast: &Forecast) -> Summary {
    let counts = forecast.counts(Count::Failed);
    let [p05, p50, p95] = counts.map_or([0.0; 3], |counts| [counts.p05, counts.p50, counts.p95]);
    let any = forecast.any(Count::Failed);
    Summary {
        p05,
        p50,
        p95,
        any_5xx: any.map_or((0.0, 1.0), |any| (any.low, any.high)),
        confidence: forecast.level,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_files_and_never_alike() {
        let mut names = Names::default();
        let names = [
            "a",
            "a",
            "a-2",
            "../../etc/passwd",
            "..",
            "",
            "vor der Kur: ½",
            &"x".repeat(300),
        ]
        .map(|name| names.of(name));
        let long = "x".repeat(80);
        assert_eq!(
            names,
            [
                "a",
                "a-2",
                "a-2-2",
                "etc-passwd",
                "unnamed",
                "unnamed-2",
                "vor-der-Kur--½",
                &long
            ]
        );
    }
}
