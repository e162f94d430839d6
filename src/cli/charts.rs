//! The charts of `--png`, as bytes of PNG files.

use std::collections::BTreeSet;

use rollcast::error::Error;
use rollcast::monte_carlo::{Count, Forecast, Replay, replay};
use rollcast::plot::{self, Caption, Summary};
use rollcast::report::Answer;
use rollcast::report::caption::{self, Words};
use rollcast::scenario::{Assumption, Scenario};

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

/// The charts of a forecast: how the file name ends, and the picture. The lanes are those of replication 0,
/// which is nobody's choice.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn of_answer(
    scenario: &Scenario,
    answer: &Answer,
) -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
    let forecast = answer.forecast;
    let words = caption::of_answer(answer, scenario.deployment.replicas);
    let caption = caption(&words);
    let errors = plot::errors_per_second(
        &caption,
        &forecast.series,
        scenario.load.rollout_at.as_secs_f64(),
    )?;
    let distribution = plot::distribution(
        &caption,
        forecast.counted.counts(Count::Failed),
        &summary(forecast),
    )?;
    let replay = replay(scenario, forecast.seed, 0)?;
    Ok(vec![
        ("errors", errors.to_png()?),
        ("lanes", lanes(scenario, answer.assumptions, 0, &replay)?),
        ("5xx", distribution.to_png()?),
    ])
}

/// One replication, as a picture.
///
/// # Errors
/// Drawing fails, which is a bug.
pub fn lanes(
    scenario: &Scenario,
    assumptions: &[Assumption],
    replication: u64,
    replay: &Replay,
) -> Result<Vec<u8>, Error> {
    let words = caption::of_replication(scenario, assumptions, replication, &replay.sample);
    plot::lanes(&caption(&words), &replay.timeline, &replay.outcome)?.to_png()
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
