//! `rollcast completions`, `man` and `schema`: for shells, for `man`, for editors.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, Command};
use clap_complete::Shell;
use rollcast::error::Error;
use rollcast::report::schema;

use super::output::{self, Delivery};
use super::terminal::Terminal;

/// Print what makes a shell complete rollcast's arguments
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Write the manual's pages, one for each command
#[derive(Debug, Args)]
pub struct Man {
    /// Where to, made if it is not there: rollcast.1, rollcast-run.1, …
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Print the JSON Schema of a scenario, which lets editors complete and explain its keys, or of what a
/// command prints with -o json
#[derive(Debug, Args)]
pub struct Schema {
    /// Of what: `scenario`, or the command whose JSON is meant
    #[arg(value_name = "WHAT", default_value = "scenario", value_parser = whats())]
    what: String,
}

fn whats() -> PossibleValuesParser {
    let outputs = schema::OUTPUTS.iter().map(|(command, _)| *command);
    std::iter::once("scenario")
        .chain(outputs)
        .collect::<Vec<_>>()
        .into()
}

impl Completions {
    /// Prints.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn execute(&self, mut command: Command, terminal: &Terminal) -> Result<ExitCode, Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "rollcast", &mut script);
        let mut delivery = Delivery::default();
        delivery.print(&String::from_utf8_lossy(&script));
        delivery.finish(terminal)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Man {
    /// Writes.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn execute(&self, mut command: Command, terminal: &Terminal) -> Result<ExitCode, Error> {
        output::make_directory(&self.directory)?;
        command.build();
        let mut delivery = Delivery::default();
        delivery.file(self.directory.join("rollcast.1"), page(command.clone())?);
        for sub in command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
        {
            delivery.file(
                self.directory
                    .join(format!("rollcast-{}.1", sub.get_name())),
                page(sub.clone())?,
            );
        }
        delivery.finish(terminal)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn page(command: Command) -> Result<Vec<u8>, Error> {
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(command).render(&mut page);
    rendered
        .map(|()| page)
        .map_err(|error| Error::input(format!("no manual page: {error}")))
}

impl Schema {
    /// Prints.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        let mut delivery = Delivery::default();
        delivery.print(&schema::of_output(&self.what).map_or_else(schema::scenario, str::to_owned));
        delivery.finish(terminal)?;
        Ok(ExitCode::SUCCESS)
    }
}
