//! `rollcast calibrate`: what logs of a real rollout say about the settings that a forecast assumes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rollcast::calibrate::{self, Calibration, Change, Judgement, Observed, Pilot};
use rollcast::error::Error;
use rollcast::report::calibrate as report;
use rollcast::scenario::merge::merge;
use rollcast::scenario::{Document, Scenario};

use super::options::{self, Chance, Edits};
use super::output::{self, Delivery, Sink};
use super::terminal::Terminal;
use super::{interrupt, progress};

const EXAMPLES: &str = "\
Examples:
  rollcast calibrate app.toml alb-logs/ slices.jsonl        logs of one rollout, and the watch beside it
  rollcast calibrate app.toml alb-logs/ --write             rollcast.toml gets what was measured
  rollcast calibrate app.toml alb-logs/ -o toml=alb.toml    then: rollcast run app.toml --config alb.toml
  rollcast calibrate app.toml results.json                  expected against seen only

What to record, while a rollout runs under load:
  kubectl get endpointslices -l kubernetes.io/service-name=app --watch --output-watch-events -o json \\
    | jq -c --unbuffered . | TZ=UTC ts '%FT%H:%M:%.SZ' > slices.jsonl
  vegeta attack … | vegeta encode > results.json            what clients saw
  the load balancer's access and health check logs          from their bucket, under their own names

Exit codes: 0 the scenario explains the logs · 1 it does not · 3 the logs tell nothing about the settings.";

/// Estimate from logs of a real rollout what a forecast assumes, and hold the forecast against them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Calibrate {
    /// Scenario file of the rollout that was logged; - is stdin
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// Access, health check and connection logs, vegeta results, EndpointSlice watches, events; gzipped or not,
    /// in folders or not
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    /// Count only lines whose target group has this in its name
    #[arg(long, value_name = "NAME")]
    target_group: Option<String>,
    /// Put what was measured into this configuration [default: rollcast.toml]; of one that is there, only the keys
    /// that were measured change
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "rollcast.toml")]
    write: Option<PathBuf>,
    /// What to print; repeatable, with a path for a file instead of stdout [default: text]
    ///
    /// text: the verdict, expected against seen, what was measured with intervals;
    /// json: the same for programs;
    /// toml: the settings alone, to be laid over scenarios with --config.
    #[arg(short, long, value_name = "FORMAT[=PATH]", value_parser = Sink::<Format>::parse, verbatim_doc_comment)]
    output: Vec<Sink<Format>>,
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
}

impl Calibrate {
    /// Reads, estimates, forecasts and tells.
    ///
    /// # Errors
    /// Bad input, nowhere to write, interrupted, or a bug.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        let inputs: Vec<PathBuf> = std::iter::once(&self.scenario)
            .chain(&self.logs)
            .cloned()
            .collect();
        options::refuse_stdin_twice(&inputs)?;
        output::check(&self.output)?;
        let mut document = self.edits.document(&self.scenario, self.chance.runs)?;
        let scenario = self.edits.resolve(&document, terminal)?;
        let read = || calibrate::gather(&self.logs, self.target_group.as_deref());
        let evidence = progress::during("reading", terminal, read)?;
        interrupt::watch()?;
        let pilot = self.pilot(&scenario)?;
        let calibration = calibrate::estimate(&evidence, &pilot, scenario.monte_carlo.confidence);
        let observed = calibrate::observed(&evidence, &calibration, &pilot);
        for (key, value) in calibration.judged() {
            document.set(key, &value)?;
        }
        let mut judgement = None;
        let mut change = None;
        if let Some(observed) = &observed {
            set_observed(&mut document, observed, &scenario)?;
            let now = self.judge(&document, observed, terminal)?;
            if !now.explains {
                change = self.change(&document, observed, &now, &calibration, terminal)?;
            }
            judgement = Some(now);
        }
        let written = self.write.as_deref().map(|path| path.display().to_string());
        let told = report::Told {
            scenario: &scenario.name,
            calibration: &calibration,
            observed: observed.as_ref(),
            judgement: judgement.as_ref(),
            change: change.as_ref(),
            left_out: &evidence.left_out,
            reading: &evidence.reading,
            written: written.as_deref(),
        };
        self.deliver(&told, terminal)?;
        Ok(ExitCode::from(match judgement {
            _ if calibration.findings.is_empty() => 3,
            Some(judgement) if !judgement.explains => 1,
            _ => 0,
        }))
    }

    fn pilot(&self, scenario: &Scenario) -> Result<Pilot, Error> {
        Pilot::of(scenario)
            .map_err(|error| options::with_replay(error, &self.scenario, &self.edits))
    }

    /// Holds the scenario of a document against what was seen, with enough rollouts to tell.
    fn judge(
        &self,
        document: &Document,
        observed: &Observed,
        terminal: &Terminal,
    ) -> Result<Judgement, Error> {
        let mut scenario = self.edits.resolve(document, terminal)?;
        scenario.monte_carlo.runs = scenario.monte_carlo.runs.max(calibrate::FEWEST_RUNS);
        let forecast = progress::forecast(&scenario, &self.chance, terminal)
            .map_err(|error| options::with_replay(error, &self.scenario, &self.edits))?;
        Ok(calibrate::judge(
            observed,
            &forecast,
            &self.pilot(&scenario)?,
        ))
    }

    /// The one change of a setting that explains best what was seen.
    fn change(
        &self,
        document: &Document,
        observed: &Observed,
        now: &Judgement,
        calibration: &Calibration,
        terminal: &Terminal,
    ) -> Result<Option<(Change, Judgement)>, Error> {
        let scenario = self.edits.resolve(document, terminal)?;
        let changes = calibrate::changes(&scenario, calibration);
        calibrate::best_change(changes, now, &mut |change| {
            let mut changed = document.clone();
            let runs = calibrate::FEWEST_RUNS.to_string();
            let is_scenario = changed.set(change.key, &change.value).is_ok()
                && changed.set("monte_carlo.runs", &runs).is_ok()
                && changed.resolve().is_ok();
            if !is_scenario {
                return Ok(None);
            }
            self.judge(&changed, observed, terminal).map(Some)
        })
    }

    fn deliver(&self, told: &report::Told<'_>, terminal: &Terminal) -> Result<(), Error> {
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
                Format::Text => report::text(told),
                Format::Json => report::json(told),
                Format::Toml => report::toml(told.calibration),
            };
            delivery.text(sink, text);
        }
        if let Some(path) = &self.write {
            let merged = merge(path, &present(path)?, &report::settings(told.calibration))?;
            delivery.file(path.clone(), merged.into_bytes());
        }
        delivery.finish(terminal)
    }
}

/// What stands in a configuration; nothing if there is none.
fn present(path: &Path) -> Result<String, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::input(format!("cannot read: {error}")).in_file(path)),
    }
}

/// Sets the load to what was seen.
fn set_observed(
    document: &mut Document,
    observed: &Observed,
    scenario: &Scenario,
) -> Result<(), Error> {
    if scenario.load.workers.is_none() {
        document.set("load.rate", &format!("{:.3}", observed.rate))?;
    }
    document.set("load.duration", &format!("{:.3}s", observed.duration))?;
    match observed.rollout_at {
        Some(at) => document.set(
            "load.rollout_at",
            &format!("{:.3}s", at.min(observed.duration)),
        ),
        None => Ok(()),
    }
}
