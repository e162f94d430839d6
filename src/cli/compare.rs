//! `rollcast compare`: is B better than A?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rollcast::compare::Comparison;
use rollcast::error::Error;
use rollcast::monte_carlo::{Sample, Workers, about_how_long};
use rollcast::report::compare::{self, Compared};
use rollcast::scenario::Scenario;

use super::options::{self, Chance, Edits};
use super::output::{self, Delivery, Sink};
use super::terminal::Terminal;
use super::{interrupt, progress};

const EXAMPLES: &str = "\
Examples:
  rollcast compare before.toml after.toml
  rollcast compare before.toml after.toml --runs 10000 -o json
  rollcast compare old.toml new.toml --set load.rate=500        both at another load";

/// Tell which of two scenarios costs fewer 5xx, and how sure that is: both under the same chance
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Compare {
    /// Scenario file; - is stdin
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The one that may be better
    #[arg(value_name = "B")]
    b: PathBuf,
    /// What to print; repeatable, with a path for a file instead of stdout [default: text]
    #[arg(short, long, value_name = "FORMAT[=PATH]", value_parser = Sink::<Format>::parse)]
    output: Vec<Sink<Format>>,
    #[command(flatten)]
    edits: Edits,
    #[command(flatten)]
    chance: Chance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Markdown,
    Json,
}

impl Compare {
    /// Compares and reports.
    ///
    /// # Errors
    /// Bad input, nowhere to write, interrupted, or a bug.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        let paths = [self.a.clone(), self.b.clone()];
        options::refuse_stdin_twice(&paths)?;
        output::check(&self.output)?;
        let a = self.edits.load(&self.a, self.chance.runs, terminal)?;
        let b = self.edits.load(&self.b, self.chance.runs, terminal)?;
        interrupt::watch()?;
        // What A says of chance holds for both: pairs have to share it.
        let (seed, runs, level) = (
            a.monte_carlo.seed,
            a.monte_carlo.runs.into(),
            a.monte_carlo.confidence,
        );
        options::refuse_kept(runs)?;
        let first = || Ok([about_how_long(&a, seed)?, about_how_long(&b, seed)?]);
        let lasts: Result<_, Error> = progress::during("pairs", terminal, first);
        let lasts = lasts?;
        let engine = self
            .chance
            .engine()
            .alike(&[(&a, lasts[0]), (&b, lasts[1])]);
        let workers = Workers::new(self.chance.threads())?;
        let ends = progress::during("pairs", terminal, || {
            workers.ends(&[&a, &b], seed, 0..runs, interrupt::cancelled())
        })?;
        let bar = progress::bar("pairs", 2 * runs, terminal);
        let sampled = |scenario: &Scenario, path| -> Result<Vec<Sample>, Error> {
            const PORTION: u64 = 250;
            let mut samples: Vec<Sample> = Vec::new();
            while (samples.len() as u64) < runs {
                let from = samples.len() as u64;
                let portion = from..(from + PORTION).min(runs);
                bar.inc(portion.end - portion.start);
                let more = workers.replications_until(
                    scenario,
                    engine,
                    seed,
                    portion,
                    &ends,
                    interrupt::cancelled(),
                );
                samples
                    .extend(more.map_err(|error| options::with_replay(error, path, &self.edits))?);
            }
            Ok(samples)
        };
        let sides = sampled(&a, &self.a).and_then(|of_a| Ok((of_a, sampled(&b, &self.b)?)));
        bar.finish_and_clear();
        let (of_a, of_b) = sides?;
        let comparison = Comparison::of(&of_a, &of_b, level)
            .ok_or_else(|| Error::input("there is no pair to compare"))?;
        let digests = [a.digest(), b.digest()];
        self.deliver(
            &Compared {
                a: (&a.name, &digests[0]),
                b: (&b.name, &digests[1]),
                differences: &a.differences(&b),
                seed,
                engine: &engine.to_string(),
                comparison: &comparison,
            },
            terminal,
        )
    }

    fn deliver(&self, compared: &Compared<'_>, terminal: &Terminal) -> Result<ExitCode, Error> {
        let mut delivery = Delivery::default();
        let default = [Sink {
            format: Format::Text,
            path: None,
        }];
        for sink in if self.output.is_empty() {
            &default
        } else {
            &self.output[..]
        } {
            let text = match sink.format {
                Format::Text => compare::text(compared),
                Format::Markdown => compare::markdown(compared),
                Format::Json => compare::json(compared),
            };
            delivery.text(sink, text);
        }
        delivery.finish(terminal)?;
        Ok(ExitCode::SUCCESS)
    }
}
