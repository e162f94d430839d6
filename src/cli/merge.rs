//! `rollcast merge`: the shares of a sweep put together.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use rollcast::error::Error;
use rollcast::sweep::{Record, Survey};

use super::sweep::Results;
use super::terminal::Terminal;
use super::{checkpoint, progress};

const EXAMPLES: &str = "\
Examples:
  rollcast sweep app.toml --shard 1/2 --checkpoint 1.sweep     on one machine
  rollcast sweep app.toml --shard 2/2 --checkpoint 2.sweep     on another
  rollcast merge 1.sweep 2.sweep -o markdown=sweep.md          what one machine would have said";

/// Put the shares of a sweep together: the same bytes as if one machine had done them all
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Merge {
    /// The checkpoints of all shares, in any order
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    results: Results,
}

impl Merge {
    /// Merges and reports.
    ///
    /// # Errors
    /// A share is missing, there twice, not complete, or of another sweep.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        self.results.check()?;
        let read = |path: &PathBuf| Ok((path.display().to_string(), checkpoint::read(path)?));
        let survey = || -> Result<Survey, Error> {
            let records = self.files.iter().map(read).collect::<Result<_, _>>()?;
            Survey::of(Record::merge(records)?)
        };
        let survey = progress::during("reading", terminal, survey)?;
        self.results.deliver(&survey, terminal)?;
        Ok(ExitCode::SUCCESS)
    }
}
