//! `rollcast calibrate`: what logs of a real rollout say about the settings that a forecast assumes.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rollcast::calibrate::{self, Calibration, Evidence, Pilot};
use rollcast::error::Error;
use rollcast::report;
use rollcast::scenario::Document;

use super::options::{self, Chance, Edits};
use super::output::{self, Delivery, Sink};
use super::terminal::Terminal;
use super::{interrupt, progress};

const EXAMPLES: &str = "\
Examples:
  rollcast calibrate app.toml alb-logs/ slices.jsonl        logs of one rollout, and the watch beside it
  rollcast calibrate app.toml alb-logs/ -o toml=alb.toml    then: rollcast run app.toml --config alb.toml
  rollcast calibrate app.toml results.json                  predicted against observed only

What to record, while a rollout runs under load:
  kubectl get endpointslices -l kubernetes.io/service-name=app --watch --output-watch-events -o json \\
    | jq -c --unbuffered . | TZ=UTC ts '%FT%H:%M:%.SZ' > slices.jsonl
  vegeta attack … | vegeta encode > results.json            what clients saw
  the load balancer's access logs, from their bucket        under their own names: these say which node wrote them

Exit codes: 0 something was estimated · 3 the logs tell nothing about the settings.";

/// Estimate from logs of a real rollout what a forecast assumes, and hold the forecast against them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Calibrate {
    /// Scenario file of the rollout that was logged; - is stdin
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// Access logs, vegeta results, EndpointSlice watches, events; gzipped or not, in folders or not
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    /// Count only lines of the access log whose target group has this in its name
    #[arg(long, value_name = "NAME")]
    target_group: Option<String>,
    /// What to print; repeatable, with a path for a file instead of stdout [default: text]
    ///
    /// text: estimates with intervals, predicted against observed;
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
        evidence
            .damaged
            .iter()
            .for_each(|words| terminal.note(words));
        interrupt::watch()?;
        let pilot = Pilot::of(&scenario)
            .map_err(|error| options::with_replay(error, &self.scenario, &self.edits))?;
        let calibration = calibrate::estimate(&evidence, &pilot, scenario.monte_carlo.confidence);
        let load = as_observed(&mut document, &calibration, &evidence)?;
        let scenario = self.edits.resolve(&document, terminal)?;
        let forecast = progress::forecast(&scenario, &self.chance, terminal)
            .map_err(|error| options::with_replay(error, &self.scenario, &self.edits))?;
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
                Format::Text => {
                    report::calibrate::text(&calibration, evidence.seen(), &forecast, &load)
                }
                Format::Toml => report::calibrate::toml(&calibration),
            };
            delivery.text(sink, text);
        }
        delivery.finish(terminal)?;
        Ok(ExitCode::from(if calibration.findings.is_empty() {
            3
        } else {
            0
        }))
    }
}

/// Sets what was estimated, and the load to what was observed; the load in words.
fn as_observed(
    document: &mut Document,
    calibration: &Calibration,
    evidence: &Evidence,
) -> Result<String, Error> {
    for (key, value) in calibration
        .findings
        .iter()
        .filter_map(|finding| finding.setting.as_ref())
    {
        document.set(key, value)?;
    }
    let seen = evidence.seen();
    let requests = seen.requests();
    let seconds = seen
        .window
        .map_or(0.0, |(first, last)| (last - first).as_secs_f64());
    if requests < 2 || seconds <= 0.0 {
        return Ok("the load of the scenario".to_owned());
    }
    let rate = (requests - 1) as f64 / seconds;
    let duration = requests as f64 / rate;
    document.set("load.rate", &format!("{rate:.3}"))?;
    document.set("load.duration", &format!("{duration:.3}s"))?;
    let start = match calibration.rollout_at {
        Some(start) => {
            document.set("load.rollout_at", &format!("{:.3}s", start.min(duration)))?;
            format!("the rollout {start:.1} s after the first request")
        }
        None => "the rollout when the scenario says".to_owned(),
    };
    Ok(format!(
        "the load observed, {rate:.1} requests/s for {duration:.1} s, {start}"
    ))
}
