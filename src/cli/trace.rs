//! `rollcast trace`: one replication told in full.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rollcast::aws::target_group::TargetType;
use rollcast::error::Error;
use rollcast::id::AlbNodeId;
use rollcast::monte_carlo::{Replay, replay, requests};
use rollcast::report;
use rollcast::report::caption::Why;
use rollcast::report::trace_json::Trace as Told;
use rollcast::scenario::Scenario;
use rollcast::traffic::outcome::Failure;

use super::options::{self, Edits};
use super::output::{self, Delivery, Sink};
use super::terminal::Terminal;
use super::{charts, interrupt, progress};

const EXAMPLES: &str = "\
Examples:
  rollcast trace scenarios/eks-2048-before.toml
  rollcast trace app.toml --seed 7 --replication 41     the 42nd rollout of `run --seed 7`
  rollcast trace app.toml -o transcript                 who did what, and when
  rollcast trace app.toml --png charts                  what pods did and what ALB nodes believed
  rollcast trace app.toml --logs logs                   as an ALB's logs, for `calibrate`
  rollcast trace app.toml -o chrome=app.trace.json      for https://ui.perfetto.dev";

/// Tell one simulated rollout in full: what pods did, what ALB nodes believed, which requests failed
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Trace {
    /// Scenario file; - is stdin
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// Which replication of the seed, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    replication: u64,
    /// What to print; repeatable, with a path for a file instead of stdout [default: text]
    ///
    /// text: tables in seconds since the rollout's start;
    /// transcript: the story, line by line: who did what, and when;
    /// json: the same for programs;
    /// chrome: trace events for chrome://tracing and https://ui.perfetto.dev.
    #[arg(short, long, value_name = "FORMAT[=PATH]", value_parser = Sink::<Format>::parse, verbatim_doc_comment)]
    output: Vec<Sink<Format>>,
    #[command(flatten)]
    charts: charts::Directories,
    /// Write the replication as the real system would have logged it into this directory, made if it is
    /// not there: ALB access and health check logs, a file a node each, and endpointslices.jsonl; `calibrate`
    /// reads them
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    #[command(flatten)]
    edits: Edits,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Transcript,
    Json,
    Chrome,
}

impl Trace {
    /// Simulates the replication and tells it.
    ///
    /// # Errors
    /// Bad input, nowhere to write, interrupted, or a bug.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        output::check(&self.output)?;
        let scenario = self.edits.load(&self.scenario, None, terminal)?;
        if self.logs.is_some() && scenario.target_group.target_type == TargetType::Instance {
            let error = Error::input(
                "--logs writes the addresses of pods, and targets of type `instance` are hosts",
            );
            return Err(error.hint("--set target_group.target_type=ip"));
        }
        self.charts.check()?;
        self.logs
            .as_deref()
            .map_or(Ok(()), output::make_directory)?;
        interrupt::watch()?;
        let again = || replay(&scenario, scenario.monte_carlo.seed, self.replication);
        let replay = progress::during("replication", terminal, again)
            .map_err(|error| options::with_replay(error, &self.scenario, &self.edits))?;
        progress::during("writing", terminal, || {
            self.deliver(&scenario, &replay, terminal)
        })?;
        Ok(ExitCode::SUCCESS)
    }

    fn deliver(
        &self,
        scenario: &Scenario,
        replay: &Replay,
        terminal: &Terminal,
    ) -> Result<(), Error> {
        let names: Vec<String> = scenario
            .target_groups()
            .skip(1)
            .map(|group| scenario.name_of(group))
            .collect();
        let is_counted = self.output.iter().any(|sink| sink.format == Format::Json);
        let requests = if is_counted || self.logs.is_some() {
            let seed = scenario.monte_carlo.seed;
            requests(scenario, &replay.timeline, seed, self.replication)
        } else {
            Vec::new()
        };
        let told = Told {
            scenario: &scenario.name,
            digest: &scenario.digest(),
            version: env!("CARGO_PKG_VERSION"),
            other_target_groups: &names,
            seed: scenario.monte_carlo.seed,
            replication: self.replication,
            timeline: &replay.timeline,
            outcome: &replay.outcome,
            sample: &replay.sample,
            requests: &requests,
        };
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
            delivery.text(sink, render(sink.format, &told, replay));
        }
        if self.charts.is_any() {
            let name = charts::Names::default().of(&scenario.name);
            let number = if self.replication == 0 {
                String::new()
            } else {
                format!("-{}", self.replication)
            };
            let assumptions = scenario.assumptions();
            let picture =
                charts::lanes(scenario, &assumptions, self.replication, Why::Asked, replay)?;
            let name = format!("{name}{number}-lanes");
            self.charts.add(&name, &picture, &mut delivery)?;
        }
        if let Some(directory) = &self.logs {
            log(directory, scenario, replay, &requests, &mut delivery);
        }
        delivery.finish(terminal)
    }
}

fn log(
    directory: &Path,
    scenario: &Scenario,
    replay: &Replay,
    requests: &[Failure],
    delivery: &mut Delivery,
) {
    for node in (0..scenario.load_balancer.nodes).map(AlbNodeId) {
        let name = report::access_log::file_name(&scenario.name, node);
        let lines = report::access_log::render(requests, node);
        delivery.file(directory.join(name), lines.into_bytes());
        let name = report::health_check_log::file_name(&scenario.name, node);
        let checks = report::health_check_log::render(scenario, &replay.timeline, node);
        delivery.file(directory.join(name), checks.into_bytes());
    }
    let watch = report::access_log::watch(&replay.timeline);
    delivery.file(directory.join("endpointslices.jsonl"), watch.into_bytes());
}

fn render(format: Format, told: &Told, replay: &Replay) -> String {
    match format {
        Format::Text => report::trace_text::render(told),
        Format::Transcript => replay.story.clone(),
        Format::Json => report::trace_json::render(told),
        Format::Chrome => report::chrome::render(told),
    }
}
