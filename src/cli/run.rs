//! `rollcast run`: what a rollout costs, forecast for one or more scenarios.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rollcast::error::Error;
use rollcast::monte_carlo::Forecast;
use rollcast::report::{self, Answer};
use rollcast::scenario::{Assumption, Scenario};

use super::options::{self, Chance, Edits};
use super::output::{self, Delivery, Sink};
use super::terminal::Terminal;
use super::{charts, interrupt, progress};

const EXAMPLES: &str = "\
Examples:
  rollcast run scenarios/eks-2048-before.toml
  rollcast run before.toml after.toml                   side by side, in one report
  rollcast run app.toml --set pod.pre_stop=20s          one setting changed
  rollcast run app.toml --runs 10000 --seed 7           narrower intervals, other chances
  rollcast run app.toml --rare                          P(any 5xx), where no run shows one
  rollcast run app.toml --png charts -o json=app.json   charts, and JSON in a file
  sed s/3.3/3.4/ app.toml | rollcast run - -o vegeta    to lay beside `vegeta report`";

/// Forecast what a rollout costs: 5xx by status and cause, each with its interval
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Run {
    /// Scenario files; - is stdin
    #[arg(value_name = "SCENARIO", required = true)]
    scenarios: Vec<PathBuf>,
    /// What to print; repeatable, with a path for a file instead of stdout [default: text]
    ///
    /// text: the answer in a sentence, tables, assumptions;
    /// json: the same for programs, an array if there are several scenarios;
    /// vegeta: a block like `vegeta report`, the mean of all replications.
    #[arg(short, long, value_name = "FORMAT[=PATH]", value_parser = Sink::<Format>::parse, verbatim_doc_comment)]
    output: Vec<Sink<Format>>,
    #[command(flatten)]
    charts: charts::Directories,
    /// Also say how likely a 5xx is where it is too rare for the runs to show
    ///
    /// As many rollouts more, in each of which one ALB node is as slow to stop choosing a target as it
    /// takes to fail a request, are weighed with the others (importance sampling). The probability comes
    /// with its standard error, and with a bound on errors that have another cause.
    #[arg(long)]
    rare: bool,
    #[command(flatten)]
    edits: Edits,
    #[command(flatten)]
    chance: Chance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Vegeta,
}

impl Run {
    /// Forecasts and reports.
    ///
    /// # Errors
    /// Bad input, nowhere to write, interrupted, or a bug.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        options::refuse_stdin_twice(&self.scenarios)?;
        output::check(&self.output)?;
        let load = |path: &PathBuf| self.edits.load(path, self.chance.runs, terminal);
        let scenarios = self
            .scenarios
            .iter()
            .map(load)
            .collect::<Result<Vec<_>, _>>()?;
        self.charts.check()?;
        interrupt::watch()?;
        let mut forecasts = Vec::new();
        for (scenario, path) in scenarios.iter().zip(&self.scenarios) {
            let forecast = self.forecast(scenario, terminal);
            forecasts
                .push(forecast.map_err(|error| options::with_replay(error, path, &self.edits))?);
        }
        self.deliver(&scenarios, &forecasts, terminal)?;
        Ok(ExitCode::SUCCESS)
    }

    fn forecast(&self, scenario: &Scenario, terminal: &Terminal) -> Result<Forecast, Error> {
        let mut forecast = progress::forecast(scenario, &self.chance, terminal)?;
        if self.rare {
            forecast.rare = Some(progress::rare(scenario, &forecast, &self.chance, terminal)?);
        }
        Ok(forecast)
    }

    fn deliver(
        &self,
        scenarios: &[Scenario],
        forecasts: &[Forecast],
        terminal: &Terminal,
    ) -> Result<(), Error> {
        let assumptions: Vec<Vec<Assumption>> =
            scenarios.iter().map(Scenario::assumptions).collect();
        let answers: Vec<Answer> = forecasts
            .iter()
            .zip(&assumptions)
            .map(|(forecast, assumptions)| Answer {
                forecast,
                assumptions,
            })
            .collect();
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
            delivery.text(sink, render(sink.format, &answers));
        }
        if self.charts.is_any() {
            let mut names = charts::Names::default();
            for (scenario, answer) in scenarios.iter().zip(&answers) {
                let name = names.of(&scenario.name);
                for (suffix, picture) in charts::of_answer(scenario, answer)? {
                    let name = format!("{name}-{suffix}");
                    self.charts.add(&name, &picture, &mut delivery)?;
                }
            }
        }
        delivery.finish(terminal)
    }
}

fn render(format: Format, answers: &[Answer]) -> String {
    match format {
        Format::Text => report::text::render(answers),
        Format::Json => report::json::render(answers),
        Format::Vegeta => report::vegeta::render(answers),
    }
}
