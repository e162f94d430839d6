//! `rollcast recommend`: the cheapest settings that meet the objectives.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rollcast::error::Error;
use rollcast::monte_carlo::Workers;
use rollcast::plot;
use rollcast::recommend::{self, Effort, Prefer as Price, Recommendation, Settings, Verdict};
use rollcast::report::{self, caption};
use rollcast::scenario::Scenario;

use super::options::{self, Chance, Edits};
use super::output::{self, Delivery, Sink};
use super::terminal::Terminal;
use super::{charts, interrupt, progress};

const EXAMPLES: &str = "\
Examples:
  rollcast recommend app.toml                              at most 0 5xx in 99 % of rollouts
  rollcast recommend app.toml --set objectives.probability=0.9
  rollcast recommend app.toml -o text -o yaml=patch.yaml   and as patches for kubectl
  rollcast recommend app.toml --png charts                 what each 5xx avoided costs

Exit codes:
  0 proven to meet the objectives · 1 nothing tried meets them · 3 the runs prove neither";

/// Find the cheapest settings that meet the scenario's [objectives], and prove it on fresh chance
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Recommend {
    /// Scenario file; - is stdin
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// What to print; repeatable, with a path for a file instead of stdout [default: text]
    ///
    /// text: what to change and why, how sure that is, what else it costs;
    /// toml: the changes for the scenario; yaml: the changes for manifests;
    /// json: everything.
    #[arg(short, long, value_name = "FORMAT[=PATH]", value_parser = Sink::<Format>::parse, verbatim_doc_comment)]
    output: Vec<Sink<Format>>,
    /// What is cheap, among settings that meet the objectives
    #[arg(long, value_name = "WHAT", default_value = "balanced")]
    prefer: Prefer,
    /// Draw NAME-pareto.png into this directory, made if it is not there
    #[arg(long, value_name = "DIR")]
    png: Option<PathBuf>,
    #[command(flatten)]
    edits: Edits,
    #[command(flatten)]
    chance: Chance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Toml,
    Yaml,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Prefer {
    /// The least time until the rollout is complete and its old pods are gone
    Speed,
    /// The fewest pod-seconds beyond the desired pods
    Cost,
    /// The least sum of both numbers
    Balanced,
}

impl From<Prefer> for Price {
    fn from(prefer: Prefer) -> Price {
        match prefer {
            Prefer::Speed => Price::Speed,
            Prefer::Cost => Price::Cost,
            Prefer::Balanced => Price::Balanced,
        }
    }
}

impl Recommend {
    /// Searches, proves and reports.
    ///
    /// # Errors
    /// Bad input, nowhere to write, interrupted, or a bug.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        output::check(&self.output)?;
        self.png.as_deref().map_or(Ok(()), output::make_directory)?;
        let document = self.edits.document(&self.scenario, self.chance.runs)?;
        let scenario = self.edits.resolve(&document, terminal)?;
        interrupt::watch()?;
        let workers = Workers::new(self.chance.threads())?;
        let seed = scenario.monte_carlo.seed;
        let engine = self.chance.engine();
        let ends = progress::during("search", terminal, || {
            recommend::common_end(&document, &workers, seed, interrupt::cancelled())
        })?;
        let sampler = |scenario: &Scenario, range| {
            workers.replications_until(scenario, engine, seed, range, &ends, interrupt::cancelled())
        };
        let chance = &scenario.monte_carlo;
        let effort = Effort::new(
            chance.runs.into(),
            chance.confidence,
            scenario.objectives.probability,
        );
        let bar = progress::bar("search", 0, terminal);
        let mut note = |settings: &Settings| {
            bar.inc_length(effort.search_runs);
            bar.inc(effort.search_runs);
            let shown: Vec<_> = settings
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            terminal.detail(&format_args!(
                "tried {}",
                if shown.is_empty() {
                    "as it is".to_owned()
                } else {
                    shown.join(" ")
                }
            ));
        };
        let found =
            Recommendation::find(&document, self.prefer.into(), effort, &sampler, &mut note);
        bar.finish_and_clear();
        let found =
            found.map_err(|error| options::with_replay(error, &self.scenario, &self.edits))?;
        self.deliver(&scenario, &found, terminal)?;
        Ok(match found.verdict() {
            Verdict::Proven => ExitCode::SUCCESS,
            Verdict::Unmet => ExitCode::from(1),
            Verdict::Inconclusive => ExitCode::from(3),
        })
    }

    fn deliver(
        &self,
        scenario: &Scenario,
        found: &Recommendation,
        terminal: &Terminal,
    ) -> Result<(), Error> {
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
                Format::Text => report::recommend::text(scenario, found),
                Format::Json => report::recommend::json(scenario, found),
                Format::Toml => report::recommend::toml(found),
                Format::Yaml => report::recommend::yaml(scenario, found),
            };
            delivery.text(sink, text);
        }
        if let Some(directory) = &self.png {
            let words = caption::of_search(scenario, found);
            let picture = plot::pareto(&charts::caption(&words), found)?;
            let name = charts::Names::default().of(&scenario.name);
            delivery.file(
                directory.join(format!("{name}-pareto.png")),
                picture.to_png()?,
            );
        }
        delivery.finish(terminal)
    }
}
