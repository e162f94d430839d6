//! `rollcast sweep`: how the forecast changes with the settings.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rollcast::error::Error;
use rollcast::escape;
use rollcast::monte_carlo::{Sample, Workers, typical};
use rollcast::plot;
use rollcast::report::{self, caption};
use rollcast::scenario::Scenario;
use rollcast::sweep::{self, Budget, Design, Header, Precision, Record, Share, Survey};

use super::checkpoint::{self, Checkpoint};
use super::options::{self, Chance, Edits};
use super::output::{self, Delivery, Sink};
use super::terminal::Terminal;
use super::{charts, interrupt, progress, share};

const EXAMPLES: &str = "\
Examples:
  rollcast sweep app.toml                                          the axes of its [sweep]
  rollcast sweep app.toml --vary pod.pre_stop=0s..60s/5s           a range with a step
  rollcast sweep app.toml --vary deployment.replicas=4,8,16 --vary pod.readiness_gate=true,false
  rollcast sweep app.toml --vary pod.pre_stop=10s,40s,pod.termination_grace_period=30s,60s
                                                                   two keys together, pair by pair
  rollcast sweep app.toml --vary pod.pre_stop=0s..60s --vary load.rate=10..500 --sample 64
                                                                   which of them moves 5xx most
  rollcast sweep app.toml -o markdown=sweep.md --png charts        for a pull request
  rollcast sweep app.toml --checkpoint app.sweep --resume          go on where it was ended";

/// Forecast a grid or a sample of settings, all points under the same chance
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Sweep {
    /// Scenario file; - is stdin
    #[arg(value_name = "SCENARIO")]
    scenario: PathBuf,
    /// Vary a key, in place of its axis in [sweep] or beside the axes there; repeatable
    ///
    /// VALUES are 1,2,3 or a range with a step: 0s..30s/5s, 10%..50%/10%.
    /// KEY=VALUES,KEY=VALUES varies both keys together, first value with first.
    #[arg(long, value_name = "KEY=VALUES", verbatim_doc_comment)]
    vary: Vec<String>,
    /// Take N rows of a Latin hypercube of all axes, and tell which axis matters most: N × (axes + 2) points
    #[arg(long, value_name = "N")]
    sample: Option<NonZeroUsize>,
    /// Stop a point as soon as half its interval is as narrow as this; --runs is the most then
    ///
    /// 5%: of the mean 5xx; 0.5: 5xx a rollout; any:0.01: of the probability of any 5xx.
    #[arg(long, value_name = "WIDTH", value_parser = Precision::parse, verbatim_doc_comment)]
    precision: Option<Precision>,
    /// Say how many points and runs there are, how long they take and in how much memory, and end
    #[arg(long)]
    dry_run: bool,
    /// Keep what is done in this file, so that nothing is lost if the sweep is ended
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Go on with the checkpoint, if there is one
    #[arg(long, requires = "checkpoint")]
    resume: bool,
    /// Do the M-th of N shares of the points; `rollcast merge` puts their checkpoints together
    /// [default: JOB_COMPLETION_INDEX of ROLLCAST_SHARDS, or SLURM_ARRAY_TASK_ID, else the whole]
    #[arg(long, value_name = "M/N", value_parser = Share::parse, requires = "checkpoint")]
    shard: Option<Share>,
    #[command(flatten)]
    results: Results,
    #[command(flatten)]
    edits: Edits,
    #[command(flatten)]
    chance: Chance,
}

/// How a sweep is told.
#[derive(Debug, Args)]
pub struct Results {
    /// What to print; repeatable, with a path for a file instead of stdout [default: text]
    ///
    /// text: the answer in a sentence, a line for each point;
    /// markdown: the same for a pull request, with the charts of --png;
    /// csv, json: every number of every point;
    /// html: one page that needs no network, with sliders over the grid.
    #[arg(short, long, value_name = "FORMAT[=PATH]", value_parser = Sink::<Format>::parse, verbatim_doc_comment)]
    output: Vec<Sink<Format>>,
    #[command(flatten)]
    charts: charts::Directories,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Markdown,
    Csv,
    Json,
    Html,
}

impl Sweep {
    /// Sweeps and reports, or does its share.
    ///
    /// # Errors
    /// Bad input, nowhere to write, interrupted, or a bug.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        let document = self.edits.document(&self.scenario, self.chance.runs)?;
        let scenario = self.edits.resolve(&document, terminal)?;
        let budget = Budget {
            runs: scenario.monte_carlo.runs.into(),
            precision: self.precision,
            level: scenario.monte_carlo.confidence,
        };
        let sample = self.sample.map(NonZeroUsize::get);
        let seed = scenario.monte_carlo.seed;
        let mut header = Header::new(
            document,
            self.vary.clone(),
            sample,
            seed,
            budget,
            self.chance.engine(),
        )?;
        header.share = match &self.checkpoint {
            Some(_) => share::of(self.shard, &|name| std::env::var(name).ok())?,
            None => Share::WHOLE,
        };
        header.plan()?.check(&header.document)?;
        if self.dry_run {
            return self.estimate(&header, terminal);
        }
        self.results.check()?;
        if let Some(path) = &self.checkpoint {
            output::check_other(path, &self.results.output)?;
        }
        let record = self.fill(header, terminal)?;
        if record.header.share != Share::WHOLE {
            let Share { number, of } = record.header.share;
            terminal.note(&format_args!(
                "share {number} of {of} is done; `rollcast merge` puts all {of} together"
            ));
            return Ok(ExitCode::SUCCESS);
        }
        self.results.deliver(&Survey::of(record)?, terminal)?;
        Ok(ExitCode::SUCCESS)
    }

    /// Simulates what is not yet on record.
    fn fill(&self, header: Header, terminal: &Terminal) -> Result<Record, Error> {
        let mut record = match &self.checkpoint {
            Some(path) => checkpoint::begin(path, header, self.resume)?,
            None => Record::new(header),
        };
        let mut checkpoint = self
            .checkpoint
            .as_ref()
            .map(|path| Checkpoint::create(path, &record))
            .transpose()?;
        interrupt::watch()?;
        let workers = Workers::new(self.chance.threads())?;
        let Record { header, totals } = &mut record;
        let mine: Vec<usize> = header
            .share
            .of_points(header.plan()?.points.len())
            .collect();
        let bar = progress::bar("sweep", mine.len() as u64 * header.budget.runs, terminal);
        bar.inc(
            mine.iter()
                .filter_map(|number| totals.get(number))
                .map(sweep::Totals::runs)
                .sum(),
        );
        let (engine, seed) = (header.engine, header.seed);
        let ends = sweep::common_end(header, &workers, interrupt::cancelled())?;
        let sampler = |scenario: &Scenario, range| {
            workers.replications_until(scenario, engine, seed, range, &ends, interrupt::cancelled())
        };
        let budget = header.budget;
        let mut note = |number: usize, totals: &sweep::Totals, runs| {
            bar.inc(runs);
            if budget.is_spent(totals) {
                // A point that is precise enough leaves the rest of its runs undone.
                bar.inc(budget.runs - totals.runs());
            }
            checkpoint.as_mut().map_or(Ok(()), |checkpoint| {
                checkpoint.note(number, totals, &budget)
            })
        };
        let done = sweep::fill(header, mine.into_iter(), totals, &sampler, &mut note);
        bar.finish_and_clear();
        done.map_err(|error| options::with_replay(error, &self.scenario, &self.edits))?;
        Ok(record)
    }

    /// Times a few replications of the first point and of the last.
    fn estimate(&self, header: &Header, terminal: &Terminal) -> Result<ExitCode, Error> {
        const PILOT: u64 = 20;
        let plan = header.plan()?;
        let mine: Vec<usize> = header.share.of_points(plan.points.len()).collect();
        let workers = Workers::new(self.chance.threads())?;
        let ends: Vec<Scenario> = [mine.first(), mine.last()]
            .into_iter()
            .flatten()
            .map(|number| plan.scenario(&header.document, *number))
            .collect::<Result<_, _>>()?;
        let started = progress::now();
        for scenario in &ends {
            workers.replications(
                scenario,
                header.engine,
                header.seed,
                0..PILOT,
                interrupt::cancelled(),
            )?;
        }
        let each = started.elapsed().as_secs_f64() / (PILOT * ends.len().max(1) as u64) as f64;
        let (points, runs) = (mine.len() as u64, header.budget.runs);
        // A point keeps its sums, and how often each number of 5xx occurred; a worker its histogram of latencies.
        let memory = points * (2_000 + 40 * runs.min(1_000))
            + workers.threads() as u64 * 2_000_000
            + 10_000_000;
        let most = if header.budget.precision.is_some() {
            "at most "
        } else {
            ""
        };
        let text = format!(
            "{points} points × {most}{runs} runs = {most}{} rollouts: about {} on {} threads, {} MB of memory\n",
            points * runs,
            duration(each * (points * runs) as f64),
            workers.threads(),
            memory.div_ceil(1_000_000)
        );
        let mut delivery = Delivery::default();
        delivery.text(
            &Sink {
                format: Format::Text,
                path: None,
            },
            text,
        );
        delivery.finish(terminal)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn duration(secs: f64) -> String {
    match secs {
        _ if secs < 90.0 => format!("{} s", secs.ceil()),
        _ if secs < 5_400.0 => format!("{} min", (secs / 60.0).ceil()),
        _ => format!("{:.1} h", secs / 3_600.0),
    }
}

impl Results {
    /// Refuses what could not be written.
    ///
    /// # Errors
    /// As [`output::check`].
    pub fn check(&self) -> Result<(), Error> {
        output::check(&self.output)?;
        self.charts.check()
    }

    /// Reports and charts of a sweep.
    ///
    /// # Errors
    /// A file cannot be written, or drawing fails, which is a bug.
    pub fn deliver(&self, survey: &Survey, terminal: &Terminal) -> Result<(), Error> {
        let mut delivery = Delivery::default();
        let words = caption::of_survey(survey);
        let pictures = if self.charts.is_any() {
            plot::survey::charts(&charts::caption(&words), survey)?
        } else {
            Vec::new()
        };
        if self.charts.is_any() && pictures.is_empty() && survey.plan.design == Design::Grid {
            terminal.note(&"no chart shows a grid of more than three axes; --sample tells which of them matter");
        }
        let name = charts::Names::default().of(&survey.scenario);
        let mut files: Vec<(String, PathBuf)> = Vec::new();
        for (suffix, title, picture) in &pictures {
            let name = format!("{name}-{suffix}");
            let path = self.charts.add(&name, picture, &mut delivery)?;
            files.extend(path.map(|path| (title.clone(), path)));
        }
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
                Format::Text => report::sweep::text(survey),
                Format::Markdown => {
                    report::sweep::markdown(survey, &links(&files, sink.path.as_deref()))
                }
                Format::Csv => report::sweep_points::csv(survey),
                Format::Json => report::sweep_points::json(survey),
                Format::Html => page(survey)?,
            };
            delivery.text(sink, text);
        }
        delivery.finish(terminal)
    }
}

/// The report as a page, with the lanes of a typical rollout of the scenario as it is.
fn page(survey: &Survey) -> Result<String, Error> {
    const LOOKED_AT: u64 = 100;
    let samples = Workers::new(None)?.replications(
        &survey.base,
        survey.engine,
        survey.seed,
        0..survey.budget.runs.min(LOOKED_AT),
        interrupt::cancelled(),
    )?;
    let typical = typical((0..).zip(samples.iter().map(Sample::count_5xx)));
    let lanes = charts::typical_lanes(
        &survey.base,
        &survey.base.assumptions(),
        samples.len() as u64,
        typical,
    )?;
    let words = caption::of_survey(survey);
    let sensitivity = plot::survey::sensitivity_chart(&charts::caption(&words), survey)?;
    let sensitivity = sensitivity.map_or_else(String::new, |picture| picture.to_svg());
    Ok(report::sweep_page::html(
        survey,
        &lanes.to_svg(),
        &sensitivity,
    ))
}

/// Titles and paths of charts as a report at `report` links them.
fn links(files: &[(String, PathBuf)], report: Option<&Path>) -> Vec<(String, String)> {
    let folder = report.and_then(Path::parent).unwrap_or(Path::new(""));
    let link =
        |path: &PathBuf| escape::uri(&path.strip_prefix(folder).unwrap_or(path).to_string_lossy());
    files
        .iter()
        .map(|(title, path)| (title.clone(), link(path)))
        .collect()
}
