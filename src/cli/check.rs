//! `rollcast check`: whether manifests or scenarios are fit for a rollout, for CI.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rollcast::check::{self, Checked, Options, Report, Severity, Subject, Verdict};
use rollcast::error::Error;
use rollcast::manifest::{self, Given, Import};
use rollcast::report::{self, check::text::Shown};
use rollcast::scenario::project::{Said, Settled};
use rollcast::traffic::EngineChoice;

use super::configuration::{Configuration, Flag, Goal};
use super::import::{Known, tell_of_folders};
use super::output::{self, Delivery, Sink};
use super::terminal::Terminal;
use super::{interrupt, options, progress};

const EXAMPLES: &str = "\
Examples:
  helm template shop | rollcast check -                    manifests from a chart
  rollcast check k8s/ --rate 250 -o github -o sarif=rollcast.sarif
  rollcast check k8s/ --skip edge                          all but what is behind another load balancer
  rollcast check app.toml --max-5xx 5 --probability 0.95   a scenario, held to an objective

A rule is switched off, with a reason, by the Deployment's annotation
  rollcast/ignore: RL009=not on Spot instances

What no manifest says, and what all is held to, may stand in rollcast.toml:
  [objectives]
  max_5xx_per_rollout = 5
  [app]
  profile = \"spring-boot-3.4\"

Exit codes: 0 fine · 1 a finding, or the objective is missed · 2 input error · 3 nothing to check, something
that requests come to was not forecast, or the objective is neither met nor missed for sure";

/// Check manifests or scenarios: findings with their lines, what each costs, and what removes it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    /// Scenario files (*.toml), manifests, folders of manifests, - for manifests from stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What to print; repeatable, with a path for a file instead of stdout [default: text]
    ///
    /// text: for people;
    /// json: for programs;
    /// sarif: SARIF 2.1.0, for code scanning;
    /// junit: JUnit XML, for CI systems;
    /// github: annotations of GitHub Actions;
    /// markdown: for a comment on a pull request.
    #[arg(short, long, value_name = "FORMAT[=PATH]", value_parser = Sink::<Format>::parse, verbatim_doc_comment)]
    output: Vec<Sink<Format>>,
    #[command(flatten)]
    known: Known,
    #[command(flatten)]
    configuration: Configuration,
    #[command(flatten)]
    goal: Goal,
    /// Where no ALB is seen to lead to a Deployment, forecast it as if one did
    #[arg(long)]
    assume_alb: bool,
    /// Check only these of the manifests: web, shop/web, deploy/web; repeatable
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Leave these out, though requests may come to them; repeatable
    #[arg(long, value_name = "NAME")]
    skip: Vec<String>,
    /// Findings from this severity on make the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    fail_on: FailOn,
    /// What it means if the simulation cannot tell for sure
    #[arg(long, value_name = "MEANS", default_value = "report")]
    inconclusive: Inconclusive,
    /// Replications of each configuration: as it is, with each fix, and with all of them
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u32).range(4..))]
    runs: u32,
    /// Everything that chance decides follows from it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: u64,
    /// Worker threads; the result does not depend on it [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Manifests in memory, in place of files: what kubectl said.
    #[arg(skip)]
    texts: Vec<(PathBuf, Vec<u8>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for CI systems
    Junit,
    /// Annotations of GitHub Actions
    Github,
    /// For a comment on a pull request
    Markdown,
    /// Every fix as strategic merge patches, for kubectl patch --patch-file
    Patch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    Note,
    Warning,
    Error,
    /// Only a missed objective fails
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Inconclusive {
    /// Exit code 3
    Report,
    /// Exit code 0
    Pass,
    /// Exit code 1
    Fail,
}

impl Check {
    /// The names that stand in place of files: those of a cluster's objects.
    pub fn names(&self) -> Vec<String> {
        let name = |path: &PathBuf| path.to_string_lossy().into_owned();
        self.files.iter().map(name).collect()
    }

    /// The same check of manifests in memory, of all objects in them or of those that are named in place of files.
    pub fn of_texts(mut self, texts: Vec<(PathBuf, Vec<u8>)>) -> Check {
        self.only.extend(self.names());
        self.files.clear();
        self.texts = texts;
        self
    }

    /// Checks and reports.
    ///
    /// # Errors
    /// Bad input, nowhere to write, interrupted, or a bug.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        options::refuse_stdin_twice(&self.files)?;
        output::check(&self.output)?;
        for (key, ..) in self.goal.flags() {
            let edits = self.known.edits().iter();
            options::judge_replaced(key, edits.map(|(key, value)| (&**key, &**value)))?;
        }
        let read = progress::during("reading", terminal, || self.subjects());
        let (subjects, mut report, import) = read?;
        import
            .iter()
            .for_each(|import| tell_of_folders(import, "check", terminal));
        subjects
            .iter()
            .try_for_each(|subject| self.affordable(subject))?;
        if subjects.iter().any(|subject| subject.scenario.is_ok()) {
            options::refuse_kept(self.runs.into())?;
        }
        interrupt::watch()?;
        let options = Options {
            runs: self.runs.into(),
            seed: self.seed,
            threads: self.threads.map(usize::from),
            engine: EngineChoice::Auto,
        };
        let mut checked = Vec::new();
        for (number, subject) in (1..).zip(&subjects) {
            let what = format!("{number} of {}, {}", subjects.len(), subject.name);
            let judged = progress::during(&what, terminal, || {
                check::check(subject, &options, interrupt::cancelled())
            });
            checked.push(judged?);
        }
        checked.append(&mut report.checked);
        report.checked = checked;
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
            delivery.text(sink, self.render(sink.format, &report, terminal));
        }
        delivery.finish(terminal)?;
        Ok(self.exit_code(&report))
    }

    fn render(&self, format: Format, report: &Report, terminal: &Terminal) -> String {
        match format {
            Format::Text => {
                let sentences = terminal.is_verbose();
                let notes = sentences || self.fail_on == FailOn::Note;
                report::check::text::render_as(report, Shown { notes, sentences })
            }
            Format::Patch => report::check::patch(report),
            Format::Json => report::check::json::render(report),
            Format::Sarif => report::check::sarif::render(report),
            Format::Junit => report::check::junit::render(report),
            Format::Github => report::check::github::render(report),
            Format::Markdown => report::check::markdown::render(report),
        }
    }

    /// Refuses more replications than the limits on a scenario allow.
    fn affordable(&self, subject: &Subject) -> Result<(), Error> {
        if subject.scenario.is_err() {
            return Ok(());
        }
        let mut document = subject.document.clone();
        document.set("monte_carlo.runs", &self.runs.to_string())?;
        document.resolve().map(drop)
    }

    /// Scenarios by their files' names, the rest as manifests; and what is known of those without a simulation.
    fn subjects(&self) -> Result<(Vec<Subject>, Report, Option<Import>), Error> {
        let is_scenario = |path: &&PathBuf| path.extension().is_some_and(|end| end == "toml");
        let (scenarios, manifests): (Vec<&PathBuf>, Vec<&PathBuf>) =
            self.files.iter().partition(is_scenario);
        let (mut subjects, mut report, mut read) = (Vec::new(), Report::default(), None);
        for path in scenarios {
            let (subject, settled) = self.scenario(path)?;
            subjects.push(subject);
            tell(
                &mut report,
                settled.map(|settled| format!("{}: {settled}", path.display())),
            );
        }
        let manifests: Vec<PathBuf> = manifests.into_iter().cloned().collect();
        let has_manifests = !manifests.is_empty() || !self.texts.is_empty();
        let picks = !self.only.is_empty() || !self.skip.is_empty();
        if picks && !has_manifests {
            return Err(Error::input(
                "--only and --skip pick objects of manifests, and there are none",
            ));
        }
        if has_manifests {
            let (given, settled) = self.beside_manifests()?;
            let words = |settled| format!("{settled}, where the manifests say nothing of it");
            tell(
                &mut report,
                settled
                    .filter(|settled| !settled.taken.is_empty())
                    .map(words),
            );
            let mut import = if self.texts.is_empty() {
                manifest::import(&manifests, &given)?
            } else {
                manifest::import_texts(self.texts.clone(), &given)?
            };
            import.select(&self.only, &self.skip)?;
            let (judged, left_out) = import.judged(self.assume_alb);
            for draft in judged {
                subjects.push(Subject::of_draft(draft)?);
            }
            report.left_out = left_out.into_iter().map(Into::into).collect();
            report.remarks = import.notices.iter().map(Into::into).collect();
            report.checked = import.dangling.iter().map(check::dangling).collect();
            read = Some(import);
        }
        Ok((subjects, report, read))
    }

    fn scenario(&self, path: &Path) -> Result<(Subject, Option<Settled>), Error> {
        let (flags, edits) = self.over();
        let (document, settled) = self.configuration.apply(path, &flags, edits)?;
        Ok((Subject::of_document(document)?, settled))
    }

    /// What the flags and `--set` say.
    fn over(&self) -> (Vec<Flag>, &[(String, String)]) {
        let flags = self.known.rate().into_iter().chain(self.goal.flags());
        (flags.collect(), self.known.edits())
    }

    /// What counts beside the manifests, the project's own settings where they say nothing; and those, in words.
    fn beside_manifests(&self) -> Result<(Vec<Given>, Option<Settled>), Error> {
        let (flags, edits) = self.over();
        let over = self.configuration.over(&flags, edits)?;
        let settled = self
            .configuration
            .project(None)?
            .map(|project| project.beside(&over));
        let mut given = Vec::new();
        if let Some(settled) = &settled {
            let option = settled.path.display().to_string();
            given.extend(settled.taken.iter().map(|(key, value)| Given {
                key: key.clone(),
                value: value.clone(),
                option: option.clone(),
                yields: true,
            }));
        }
        given.extend(over.into_iter().map(|Said { key, value, by }| Given {
            key,
            value,
            option: by,
            yields: false,
        }));
        Ok((given, settled))
    }

    /// 1 for what is known to be wrong; else 3 for what nobody knows; else 0. Only what chance leaves open is the
    /// user's to call passed or failed.
    fn exit_code(&self, report: &Report) -> ExitCode {
        let least = match self.fail_on {
            FailOn::Note => Some(Severity::Note),
            FailOn::Warning => Some(Severity::Warning),
            FailOn::Error => Some(Severity::Error),
            FailOn::Never => None,
        };
        let verdict = |one: &Checked| {
            one.judgement
                .as_ref()
                .ok()
                .map(|judgement| judgement.verdict)
        };
        let fails = |one: &Checked| {
            one.open()
                .any(|finding| least.is_some_and(|least| finding.severity >= least))
                || verdict(one) == Some(Verdict::Missed)
        };
        let checked = &report.checked;
        let is_unsure = checked
            .iter()
            .any(|one| verdict(one) == Some(Verdict::Inconclusive));
        // Neither a longer load nor a hook's length is left to chance.
        let is_unknown = |one: &Checked| match &one.judgement {
            Ok(judgement) => {
                verdict(one) == Some(Verdict::Inconclusive)
                    && (judgement.cut_short.hits > 0 || judgement.hook.is_some())
            }
            Err(_) => true,
        };
        let is_open = checked.is_empty()
            || report.left_out.iter().any(|omission| omission.is_open)
            || checked.iter().any(is_unknown);
        if checked.iter().any(fails) || (is_unsure && self.inconclusive == Inconclusive::Fail) {
            ExitCode::from(1)
        } else if is_open || (is_unsure && self.inconclusive == Inconclusive::Report) {
            ExitCode::from(3)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// What rests on the project's file is said before the findings.
fn tell(report: &mut Report, words: Option<String>) {
    report.settled.extend(words);
}
