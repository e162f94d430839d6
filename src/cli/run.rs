//! `rollcast run`: what a rollout costs, forecast for one or more scenarios.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rollcast::error::Error;
use rollcast::monte_carlo::Forecast;
use rollcast::monte_carlo::ranking::Ranking;
use rollcast::report::text::Screen;
use rollcast::report::{self, Answer};
use rollcast::scenario::objectives::Attainment;
use rollcast::scenario::{Assumption, Document, Scenario};
use rollcast::stats::Proportion;

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
  rollcast run app.toml --objective '0 in 95 %'         judged: exit 1 if missed, 3 if the runs cannot tell
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
    /// text: the answer on one screen;
    /// full: every number, with -v too;
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
    Full,
    Json,
    Vegeta,
}

/// One scenario, and what is said of it.
struct Told {
    scenario: Scenario,
    /// What commands about the same thing take.
    arguments: String,
    forecast: Forecast,
    assumptions: Vec<Assumption>,
    goal: Option<(Proportion, Attainment)>,
    ranking: Option<Ranking>,
}

impl Told {
    fn answer(&self) -> Answer<'_> {
        Answer {
            forecast: &self.forecast,
            assumptions: &self.assumptions,
        }
    }

    fn screen(&self) -> Screen<'_> {
        let objectives = &self.scenario.objectives;
        Screen {
            answer: self.answer(),
            replicas: self.scenario.deployment.replicas,
            goal: self
                .goal
                .map(|(within, attainment)| (objectives, within, attainment)),
            ranking: self.ranking.as_ref(),
            arguments: &self.arguments,
        }
    }
}

impl Run {
    /// Forecasts and reports.
    ///
    /// # Errors
    /// Bad input, nowhere to write, interrupted, or a bug.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        options::refuse_stdin_twice(&self.scenarios)?;
        output::check(&self.output)?;
        let mut loaded = Vec::new();
        for path in &self.scenarios {
            let document = self.edits.document(path, self.chance.runs)?;
            let scenario = self.edits.resolve(&document, terminal)?;
            loaded.push((path, document, scenario));
        }
        self.charts.check()?;
        interrupt::watch()?;
        let mut told = Vec::new();
        for (path, document, scenario) in loaded {
            let forecast = self.tell(path, &document, scenario, terminal);
            told.push(forecast.map_err(|error| options::with_replay(error, path, &self.edits))?);
        }
        self.deliver(&told, terminal)?;
        let is = |wanted| move |told: &Told| told.goal.is_some_and(|(_, judged)| judged == wanted);
        Ok(if told.iter().any(is(Attainment::Missed)) {
            ExitCode::from(1)
        } else if told.iter().any(is(Attainment::Unclear)) {
            ExitCode::from(3)
        } else {
            ExitCode::SUCCESS
        })
    }

    fn tell(
        &self,
        path: &Path,
        document: &Document,
        scenario: Scenario,
        terminal: &Terminal,
    ) -> Result<Told, Error> {
        let mut forecast = progress::forecast(&scenario, &self.chance, terminal)?;
        if self.rare {
            forecast.rare = Some(progress::rare(
                &scenario,
                &forecast,
                &self.chance,
                terminal,
            )?);
        }
        let is_ranked = |sink: &Sink<Format>| matches!(sink.format, Format::Text | Format::Json);
        let ranking = if self.sinks(terminal).iter().any(is_ranked) {
            progress::ranking(document, &scenario, &forecast, &self.chance, terminal)?
        } else {
            None
        };
        let is_held = scenario
            .given
            .iter()
            .any(|key| key.starts_with("objectives."));
        Ok(Told {
            arguments: self.edits.arguments(path),
            assumptions: scenario.assumptions(),
            goal: forecast.judge(&scenario.objectives).filter(|_| is_held),
            ranking,
            forecast,
            scenario,
        })
    }

    /// What is asked for; where nothing is, the answer on a screen, or every number with --verbose.
    fn sinks(&self, terminal: &Terminal) -> Vec<Sink<Format>> {
        let format = if terminal.verbose {
            Format::Full
        } else {
            Format::Text
        };
        match self.output.is_empty() {
            true => vec![Sink { format, path: None }],
            false => self.output.clone(),
        }
    }

    fn deliver(&self, told: &[Told], terminal: &Terminal) -> Result<(), Error> {
        let answers: Vec<Answer> = told.iter().map(Told::answer).collect();
        let screens: Vec<Screen> = told.iter().map(Told::screen).collect();
        let mut delivery = Delivery::default();
        for sink in self.sinks(terminal) {
            let text = match sink.format {
                Format::Text => {
                    report::text::render(&screens, terminal.paint && sink.path.is_none())
                }
                Format::Full => report::full::render(&answers),
                Format::Json => report::json::of_screens(&screens),
                Format::Vegeta => report::vegeta::render(&answers),
            };
            delivery.text(&sink, text);
        }
        if self.charts.is_any() {
            let mut names = charts::Names::default();
            for (told, answer) in told.iter().zip(&answers) {
                let name = names.of(&told.scenario.name);
                for (suffix, picture) in charts::of_answer(&told.scenario, answer)? {
                    let name = format!("{name}-{suffix}");
                    self.charts.add(&name, &picture, &mut delivery)?;
                }
            }
        }
        delivery.finish(terminal)
    }
}
