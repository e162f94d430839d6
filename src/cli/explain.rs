//! `rollcast explain`: what a word means.

use std::process::ExitCode;

use clap::Args;
use rollcast::error::Error;
use rollcast::explain::{explain, suggestion};

use super::output::{Delivery, Sink};
use super::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  rollcast explain connect-timeout      what happened, how the access log shows it, what removes it
  rollcast explain 502                  which causes a status has
  rollcast explain pod.pre_stop         a setting; also pre_stop alone
  rollcast explain spring-boot-3.4      a profile";

/// Say what a word means: a cause, a status, a setting, a table, a profile, a preset
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Explain {
    /// The words
    #[arg(value_name = "WORD", required = true)]
    words: Vec<String>,
}

impl Explain {
    /// Prints what each word means, or nothing at all.
    ///
    /// # Errors
    /// A word means nothing here, with the nearest one that does; or stdout cannot be written.
    pub fn execute(&self, terminal: &Terminal) -> Result<ExitCode, Error> {
        let unknown = |word: &String| {
            Error::input(format!("`{word}` means nothing here")).hint(suggestion(word))
        };
        let texts: Vec<String> = self
            .words
            .iter()
            .map(|word| explain(word).ok_or_else(|| unknown(word)))
            .collect::<Result<_, _>>()?;
        let mut delivery = Delivery::default();
        delivery.text(
            &Sink {
                format: (),
                path: None,
            },
            texts.join("\n"),
        );
        delivery.finish(terminal)?;
        Ok(ExitCode::SUCCESS)
    }
}
