//! `rollcast explain`: what a word means.

use std::process::ExitCode;

use clap::Args;
use rollcast::error::Error;
use rollcast::explain::{explain, overview, suggestion};

use super::output::{Delivery, Sink};
use super::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  rollcast explain connect-timeout      what happened, how the access log shows it, what removes it
  rollcast explain 502                  which causes a status has
  rollcast explain pod.pre_stop         a setting; also pre_stop alone
  rollcast explain preStop              the same, as Kubernetes spells it
  rollcast explain old pods gone        a row of a report
  rollcast explain django               which profile an application has
  rollcast explain causes               also: rules, profiles, clients, presets, settings, words
  rollcast explain                      all there is to ask";

/// Say what a word means: a cause, a setting, a rule, a profile, a row of a report
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Explain {
    /// The words; without any, what there is to ask, by kind
    #[arg(value_name = "WORD")]
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
        // The rows of reports have names of several words, which need no quotes.
        let whole = explain(&self.words.join(" ")).filter(|_| self.words.len() > 1);
        let texts: Vec<String> = match whole {
            _ if self.words.is_empty() => vec![overview()],
            Some(text) => vec![text],
            None => {
                let text = |word: &String| explain(word).ok_or_else(|| unknown(word));
                self.words.iter().map(text).collect::<Result<_, _>>()?
            }
        };
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
