//! Options that commands share: which scenario, and what chance may do.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use rollcast::error::Error;
use rollcast::escape::shell;
use rollcast::scenario::{Assumption, Document, Scenario};
use rollcast::traffic::EngineChoice;

use super::configuration::{Configuration, Wanted};
use super::terminal::Terminal;

/// What is changed of a scenario before it is simulated.
#[derive(Debug, Args)]
pub struct Edits {
    #[command(flatten)]
    configuration: Configuration,
    #[command(flatten)]
    wanted: Wanted,
    /// Set a key of the scenario, in place of what the file says; repeatable
    ///
    /// KEY is dotted, VALUE is written as in the file, texts and spans without their quotes:
    /// --set pod.pre_stop=20s --set deployment.max_surge=50%
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = edit, verbatim_doc_comment)]
    edits: Vec<(String, String)>,
    /// Everything that chance decides follows from it; the same seed gives the same bytes
    /// [default: monte_carlo.seed of the scenario, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
}

/// How many replications, on how many threads, by which engine.
#[derive(Debug, Args)]
pub struct Chance {
    /// Replications: simulated rollouts [default: monte_carlo.runs of the scenario, else 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: Option<u32>,
    /// Worker threads; the result does not depend on it [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// How user requests are simulated
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    engine: Engine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// `interval` for large loads where it is legal, else `request`
    Auto,
    /// Every request on its own: the reference
    Request,
    /// Requests counted between changes: no slower at a million a second
    Interval,
}

impl Edits {
    /// Reads a scenario file, `-` being stdin, and makes the changes.
    ///
    /// # Errors
    /// What is wrong, where, and what to write instead.
    pub fn load(
        &self,
        path: &Path,
        runs: Option<u32>,
        terminal: &Terminal,
    ) -> Result<Scenario, Error> {
        self.resolve(&self.document(path, runs)?, terminal)
    }

    /// A scenario file with the changes, not yet looked at as a whole.
    ///
    /// # Errors
    /// As [`Edits::load`].
    pub fn document(&self, path: &Path, runs: Option<u32>) -> Result<Document, Error> {
        let flags = self.wanted.flags();
        let (mut document, settled) = self.configuration.apply(path, &flags, &self.edits)?;
        document.settled = settled;
        // Through the document, because limits depend on the number of runs.
        if let Some(runs) = runs {
            let edits = self.edits.iter().map(|(key, value)| (&**key, &**value));
            judge_replaced("monte_carlo.runs", edits)?;
            document.set("monte_carlo.runs", &runs.to_string())?;
        }
        Ok(document)
    }

    /// What a document means, with the seed of the command line; says which versions are not known.
    ///
    /// # Errors
    /// As [`Edits::load`].
    pub fn resolve(&self, document: &Document, terminal: &Terminal) -> Result<Scenario, Error> {
        let mut scenario = document.resolve()?;
        self.wanted.refuse_for(scenario.load.workers)?;
        if let Some(settled) = &document.settled {
            terminal.note_once(settled);
        }
        for Assumption {
            key, value, source, ..
        } in scenario.unknown_versions()
        {
            terminal.note(&format_args!("warning: {key} = {value}: {source}"));
        }
        scenario.monte_carlo.seed = self.seed.unwrap_or(scenario.monte_carlo.seed);
        Ok(scenario)
    }

    /// What commands about this scenario take, ready for a shell: the file, and what is changed of it.
    pub fn arguments(&self, path: &Path) -> String {
        let layers = self.configuration.arguments();
        let wanted = self.wanted.arguments();
        let edits = self
            .edits
            .iter()
            .map(|(key, value)| format!(" --set {}", shell(&format!("{key}={value}"))));
        format!(
            "{}{}{wanted}{}",
            shell(&path.display().to_string()),
            layers.collect::<String>(),
            edits.collect::<String>()
        )
    }

    /// The command that tells the story of one replication of this scenario, ready for a shell.
    pub fn trace_command(&self, path: &Path, seed: u64, replication: u64) -> String {
        let arguments = self.arguments(path);
        format!("rollcast trace {arguments} --seed {seed} --replication {replication}")
    }
}

impl Chance {
    /// Worker threads; `None`: one for each core.
    pub fn threads(&self) -> Option<usize> {
        self.threads.map(usize::from)
    }

    /// The traffic engine that is wanted.
    pub const fn engine(&self) -> EngineChoice {
        match self.engine {
            Engine::Auto => EngineChoice::Auto,
            Engine::Request => EngineChoice::Request,
            Engine::Interval => EngineChoice::Interval,
        }
    }
}

/// Says how to replay the replication in which an invariant broke.
pub fn with_replay(error: Error, path: &Path, edits: &Edits) -> Error {
    match error.replication() {
        Some((seed, replication)) => {
            let command = edits.trace_command(path, seed, replication);
            error.hint(format!(
                "this is a bug in rollcast; what replays it: {command}"
            ))
        }
        None => error,
    }
}

/// Runs of which every one is kept, for what is paired: about 300 bytes each, of two or three configurations.
const MOST_KEPT: u64 = 1_000_000;

/// Refuses more runs than can be kept one by one.
///
/// # Errors
/// There are more; exit code 4.
pub fn refuse_kept(runs: u64) -> Result<(), Error> {
    if runs <= MOST_KEPT {
        return Ok(());
    }
    let words = format!("{runs} runs, each kept to be paired; the limit is {MOST_KEPT}");
    Err(Error::too_large(words).hint("fewer runs; `run` counts its own, and takes any number"))
}

/// Judges the values of a key that an option of its own replaces: what is out of range is refused all the same.
///
/// # Errors
/// One of them is no value of the key.
pub fn judge_replaced<'a>(
    key: &str,
    given: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), Error> {
    for (key, value) in given.into_iter().filter(|(replaced, _)| *replaced == key) {
        let mut alone = Document::parse(Path::new(key), "name = \"alone\"")?;
        alone.set(key, value)?;
        match alone.resolve() {
            Err(error) if error.exit_code() == 2 => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// `-` twice would read nothing the second time.
pub fn refuse_stdin_twice(paths: &[PathBuf]) -> Result<(), Error> {
    if paths.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Error::input("stdin can be read once only").hint("give - once"));
    }
    Ok(())
}

/// Reads `KEY=VALUE`.
///
/// # Errors
/// There is no `=`, or nothing before it.
pub fn edit(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write KEY=VALUE, such as pod.pre_stop=20s".to_owned()),
    }
}

/// Reads requests a second.
///
/// # Errors
/// It is no number, negative or not finite.
pub fn rate(text: &str) -> Result<f64, String> {
    let number = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|rate| rate.is_finite() && *rate >= 0.0);
    number.ok_or_else(|| "requests a second: a number from 0".to_owned())
}

/// Reads a share of rollouts.
///
/// # Errors
/// It is no number above 0 and at most 1.
pub fn probability(text: &str) -> Result<f64, String> {
    let number = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|share| *share > 0.0 && *share <= 1.0);
    number.ok_or_else(|| "a share of rollouts: above 0, at most 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_replication_says_what_replays_it() {
        let edits = Edits {
            configuration: Configuration::default(),
            wanted: Wanted::default(),
            edits: vec![edit("pod.pre_stop = {exec = \"5s\"}").unwrap()],
            seed: None,
        };
        let broken = Error::invariant("two truths").in_replication(7, 41);
        let shown = with_replay(broken, Path::new("it's.toml"), &edits).to_string();
        let command = r#"rollcast trace 'it'\''s.toml' --set 'pod.pre_stop={exec = "5s"}' --seed 7 --replication 41"#;
        assert_eq!(
            shown,
            format!("two truths\nhint: this is a bug in rollcast; what replays it: {command}")
        );
    }
}
