//! Where settings come from beside a scenario or manifests: `rollcast.toml`, files that options name, flags.

use std::path::{Path, PathBuf};

use clap::Args;
use rollcast::error::Error;
use rollcast::scenario::Document;
use rollcast::scenario::objectives::ObjectivesSpec;
use rollcast::scenario::project::{Project, Said, Settled};

use super::options;

/// The environment variable that does what `--no-config` does, if it is not empty.
const LEFT_OUT: &str = "ROLLCAST_NO_CONFIG";

/// Which files of settings count.
#[derive(Debug, Default, Args)]
pub struct Configuration {
    /// Lay the settings of this file over all others but --set: what `calibrate -o toml` writes; repeatable
    #[arg(long = "config", value_name = "FILE")]
    layers: Vec<PathBuf>,
    /// Leave out rollcast.toml, whose settings lie beneath everything else: the nearest one from here upwards
    /// [env: ROLLCAST_NO_CONFIG]
    #[arg(long)]
    no_config: bool,
}

/// What users know of the load, and what a rollout is held to.
#[derive(Debug, Default, Args)]
pub struct Wanted {
    /// Requests a second to the whole service
    #[arg(long, value_name = "N", value_parser = options::rate)]
    rate: Option<f64>,
    #[command(flatten)]
    goal: Goal,
}

/// What a rollout is held to.
#[derive(Debug, Default, Args)]
pub struct Goal {
    /// At most so many 5xx in that share of rollouts: "0 in 95 %"
    #[arg(long, value_name = "OBJECTIVE", value_parser = ObjectivesSpec::parse, conflicts_with_all = ["max_5xx", "probability"])]
    objective: Option<ObjectivesSpec>,
    /// A rollout may cost so many 5xx [default: objectives.max_5xx_per_rollout, else 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    max_5xx: Option<u64>,
    /// In at least this share of rollouts [default: objectives.probability, else 0.99]
    #[arg(long, value_name = "SHARE", value_parser = options::probability)]
    probability: Option<f64>,
}

/// A key that an option gives: key, value, the option.
pub type Flag = (&'static str, String, &'static str);

impl Configuration {
    /// The project's own settings, unless they are left out or are what is to be simulated.
    ///
    /// # Errors
    /// There is a file and it is wrong, or the current directory is gone.
    pub fn project(&self, scenario: Option<&Path>) -> Result<Option<Project>, Error> {
        let is_left_out = std::env::var_os(LEFT_OUT).is_some_and(|value| !value.is_empty());
        if self.no_config || is_left_out {
            return Ok(None);
        }
        let here = std::env::current_dir()
            .map_err(|error| Error::input(format!("cannot tell where this is: {error}")))?;
        let Some(found) = Project::find(&here) else {
            return Ok(None);
        };
        let is_scenario = scenario
            .and_then(|path| path.canonicalize().ok())
            .is_some_and(|path| found.canonicalize().is_ok_and(|found| found == path));
        if is_scenario {
            return Ok(None);
        }
        let shown = found
            .strip_prefix(&here)
            .map(Path::to_owned)
            .unwrap_or(found);
        Project::read(&shown).map(Some)
    }

    /// The files that options name, as arguments.
    pub fn arguments(&self) -> impl Iterator<Item = String> + '_ {
        let left_out = self.no_config.then(|| " --no-config".to_owned());
        let layer = |path: &PathBuf| {
            format!(
                " --config {}",
                rollcast::escape::shell(&path.display().to_string())
            )
        };
        self.layers.iter().map(layer).chain(left_out)
    }

    /// Reads a scenario and lays the project's settings beneath it, then the files and the flags over it.
    ///
    /// # Errors
    /// What is wrong, where, and what to write instead.
    pub fn apply(
        &self,
        path: &Path,
        flags: &[Flag],
        edits: &[(String, String)],
    ) -> Result<(Document, Option<Settled>), Error> {
        let mut document = Document::read(path)?;
        let said = self.over(flags, edits)?;
        let project = self.project(Some(path))?;
        let settled = project.map(|project| project.lay_beneath(&mut document, &said));
        for Said { key, value, by } in &said {
            document.set_from(key, value, Path::new(by))?;
        }
        Ok((document, settled.transpose()?))
    }

    /// What lies over a scenario or a manifest, the strongest last: files, flags, `--set`.
    ///
    /// # Errors
    /// A file cannot be read or is wrong.
    pub fn over(&self, flags: &[Flag], edits: &[(String, String)]) -> Result<Vec<Said>, Error> {
        let said = |key: &str, value: &str, by: String| Said {
            key: key.to_owned(),
            value: value.to_owned(),
            by,
        };
        let mut over = Vec::new();
        for path in &self.layers {
            let settings = Document::read(path)?.settings()?;
            let by = path.display().to_string();
            over.extend(
                settings
                    .iter()
                    .map(|(key, value)| said(key, value, by.clone())),
            );
        }
        over.extend(
            flags
                .iter()
                .map(|(key, value, by)| said(key, value, (*by).to_owned())),
        );
        over.extend(
            edits
                .iter()
                .map(|(key, value)| said(key, value, "--set".to_owned())),
        );
        Ok(over)
    }
}

impl Wanted {
    /// The keys that the flags give.
    pub fn flags(&self) -> Vec<Flag> {
        let rate = self
            .rate
            .map(|rate| ("load.rate", format!("{rate:?}"), "--rate"));
        rate.into_iter().chain(self.goal.flags()).collect()
    }

    /// Refuses a rate for a load that has none.
    ///
    /// # Errors
    /// The load is a closed loop.
    pub fn refuse_for(&self, workers: Option<u32>) -> Result<(), Error> {
        match workers.filter(|_| self.rate.is_some()) {
            Some(workers) => Err(Error::input(format!(
                "--rate says how fast an open loop is, and the load is a closed one of {workers} workers"
            ))
            .hint("--set load.workers=N says how many there are")),
            None => Ok(()),
        }
    }

    /// The flags as arguments.
    pub fn arguments(&self) -> String {
        let rate = self.rate.map(|rate| format!(" --rate {rate}"));
        let goal = self.goal.flags().into_iter().map(|(key, value, _)| {
            let option = match key {
                "objectives.probability" => "--probability",
                _ => "--max-5xx",
            };
            format!(" {option} {value}")
        });
        rate.into_iter().chain(goal).collect()
    }
}

impl Goal {
    /// The keys that the flags give.
    pub fn flags(&self) -> Vec<Flag> {
        let objective = self.objective.as_ref();
        let max = objective.map(|of| (of.max_5xx_per_rollout, "--objective"));
        let max = max.or(self.max_5xx.map(|max| (max, "--max-5xx")));
        let share = objective.map(|of| (of.probability, "--objective"));
        let share = share.or(self.probability.map(|share| (share, "--probability")));
        let max =
            max.map(|(max, option)| ("objectives.max_5xx_per_rollout", max.to_string(), option));
        let share =
            share.map(|(share, option)| ("objectives.probability", format!("{share:?}"), option));
        max.into_iter().chain(share).collect()
    }
}
