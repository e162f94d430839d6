//! What people see beside the results: errors, notes and details, all on stderr.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;

use clap::{Args, ColorChoice};
use rollcast::error::Error;
use rollcast::escape;

/// How to talk to whoever is at the terminal.
#[derive(Debug, Args)]
#[command(next_help_heading = "Terminal")]
pub struct Options {
    /// Colour answers, help and messages; auto: on a terminal, if NO_COLOR is not set
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    /// No progress bar; there is none anyway where stderr is no terminal
    #[arg(long, global = true)]
    no_progress: bool,
    /// Errors only on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Say on stderr what is done, and how long it takes
    #[arg(short, long, global = true)]
    verbose: bool,
}

/// Stderr. What it cannot take is lost: nobody is there to be told.
#[derive(Debug)]
pub struct Terminal {
    /// Whether messages are coloured.
    color: bool,
    /// Whether what is printed to stdout for people is coloured.
    pub paint: bool,
    /// Whether a progress bar may be shown.
    pub progress: bool,
    quiet: bool,
    /// Whether details were asked for.
    pub verbose: bool,
    /// What is not said again.
    said: Mutex<BTreeSet<String>>,
}

impl Terminal {
    /// As the options say.
    pub fn new(options: &Options) -> Terminal {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colors = |is_terminal: bool| match options.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !plain && is_terminal,
        };
        Terminal {
            color: colors(std::io::stderr().is_terminal()),
            paint: colors(std::io::stdout().is_terminal()),
            progress: !options.no_progress && !options.quiet,
            quiet: options.quiet,
            verbose: options.verbose,
            said: Mutex::default(),
        }
    }

    /// Why it came to an end.
    pub fn error(&self, error: &Error) {
        if self.color {
            Terminal::say("\x1b[1;31merror:\x1b[0m ", error);
        } else {
            Terminal::say("error: ", error);
        }
    }

    /// Whether the user asked for details.
    pub const fn is_verbose(&self) -> bool {
        self.verbose
    }

    /// What the user should know, unless they asked for quiet.
    pub fn note(&self, note: &dyn Display) {
        if !self.quiet {
            Terminal::say("", &escape::line(&note.to_string()));
        }
    }

    /// What the user should know, once however often it comes up.
    pub fn note_once(&self, note: &dyn Display) {
        let words = note.to_string();
        let is_new = self
            .said
            .lock()
            .is_ok_and(|mut said| said.insert(words.clone()));
        if is_new {
            self.note(&words);
        }
    }

    /// What the user asked to know.
    pub fn detail(&self, detail: &dyn Display) {
        if self.verbose {
            Terminal::say("", &escape::line(&detail.to_string()));
        }
    }

    fn say(mark: &str, message: &dyn Display) {
        let _ = writeln!(
            std::io::stderr(),
            "{mark}{}",
            escape::lines(&message.to_string())
        );
    }
}
