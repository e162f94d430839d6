//! What a preStop hook comes to: for how long the pod serves on, as far as its words tell.
//!
//! A command is split into a shell's words (`lexer`), these into a list of commands (`syntax`), and the list is run
//! without running anything (`shell`, `run`): every way that it may go is followed, and time passes on each.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "cursors, which go no further than their text is long, and depths, which are bounded"
)]

mod environment;
mod expand;
mod image;
mod lexer;
mod one_liner;
mod path;
mod program;
mod run;
mod shell;
mod stop;
mod syntax;
#[cfg(test)]
mod tests;

pub(super) use environment::Environment;
use expand::Argument;
pub(super) use path::Stop;
use path::{ENDLESS, Path, Status};
use shell::Shell;

use crate::cluster::pod::HookStop;
use crate::time::Span;

/// What a hook comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) outcome: Outcome,
    /// Whether it does nothing but let time pass.
    pub(super) only_waits: bool,
    /// What is assumed, in sentences.
    pub(super) assumed: Vec<String>,
}

/// For how long the pod serves on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The hook lasts so long, and stops the server before that or not; why it gives less than its words seem to.
    Known {
        lasts: Span,
        stop: Option<Stop>,
        why: Option<String>,
    },
    /// It fails at once, and why.
    Fails(String),
    /// What is not read, between backticks; the pod serves on for so long at least, and at most, where something bounds it.
    NotRead {
        what: String,
        least: Span,
        most: Option<Span>,
    },
}

/// Reads a command: `["sleep", "10"]`, `["sh", "-c", "sleep 10; nginx -s quit"]`, …
pub(super) fn command(words: &[String], environment: &Environment, image: Option<&str>) -> Reading {
    let arguments: Vec<Argument> = words.iter().cloned().map(Argument::Known).collect();
    if words.iter().map(String::len).sum::<usize>() > LONGEST {
        let what = format!("`{}`", shell::shortened(&words.concat()));
        return Reading {
            outcome: Outcome::NotRead {
                what,
                least: Span::ZERO,
                most: None,
            },
            only_waits: false,
            assumed: Vec::new(),
        };
    }
    let text = words.join(" ");
    let paths = if arguments.is_empty() {
        vec![Path::new().fails("the hook has no command")]
    } else {
        Shell::new(environment).run(Path::new(), &arguments, &text, false)
    };
    let reading = summed_up(&paths);
    let tool = words
        .first()
        .is_some_and(|program| stop::is_of_a_distribution(program));
    match (image, image.map(image::shell), &reading.outcome) {
        (_, _, Outcome::Fails(_)) => reading,
        (Some(image), Some(image::Shell::Absent), _) if tool => {
            let why = format!("the image {image} has no `{}`", words[0]);
            Reading {
                outcome: Outcome::Fails(why),
                ..reading
            }
        }
        (Some(image), Some(image::Shell::Doubtful), outcome) if tool => {
            let most = match outcome {
                Outcome::Known { lasts, stop, .. } => {
                    Some(stop.as_ref().map_or(*lasts, |stop| stop.at))
                }
                Outcome::NotRead { most, .. } => *most,
                Outcome::Fails(_) => None,
            };
            let what = format!("`{}` in the image `{image}`", words[0]);
            Reading {
                outcome: Outcome::NotRead {
                    what,
                    least: Span::ZERO,
                    most,
                },
                ..reading
            }
        }
        _ => reading,
    }
}

/// A command is no program: nobody writes more letters.
const LONGEST: usize = 20_000;

/// Reads a request of the kubelet's: it lasts as long as the answer, and no manifest says how long that is.
pub(super) fn http_get(path: &str) -> Reading {
    let outcome = if stop::is_shutdown_url(path) {
        let what = format!("GET {path}");
        let why = Some(format!("`{what}` stops the server"));
        Outcome::Known {
            lasts: Span::ZERO,
            stop: Some(Stop {
                at: Span::ZERO,
                how: HookStop::Drain,
                what,
            }),
            why,
        }
    } else {
        Outcome::NotRead {
            what: format!("`GET {path}`"),
            least: Span::ZERO,
            most: None,
        }
    };
    Reading {
        outcome,
        only_waits: false,
        assumed: Vec::new(),
    }
}

/// All ways that it may go, as one answer.
fn summed_up(paths: &[Path]) -> Reading {
    let mut all = paths.first().cloned().unwrap_or_else(Path::new);
    paths.iter().for_each(|path| all.absorb(path));
    // What follows a stop changes nothing.
    let unread = paths.iter().filter_map(|path| {
        let before_a_stop =
            |unread: &&path::Unread| path.stop.as_ref().is_none_or(|stop| unread.at < stop.at);
        path.unread
            .as_ref()
            .filter(before_a_stop)
            .map(|unread| (unread, path.elapsed))
    });
    let unread: Vec<_> = unread.collect();
    let least = paths.iter().map(Path::serves).min().unwrap_or_default();
    let most = paths
        .iter()
        .map(Path::serves)
        .chain(unread.iter().map(|(_, end)| *end))
        .max()
        .unwrap_or_default();
    let outcome = if let Some((first, _)) = unread.first() {
        let endless = unread.iter().any(|(unread, _)| unread.endless);
        Outcome::NotRead {
            what: format!("`{}`", first.what),
            least,
            most: (!endless).then_some(most),
        }
    } else if least != most {
        Outcome::NotRead {
            what: format!("`{}`", all.doubt.clone().unwrap_or_default()),
            least,
            most: Some(most),
        }
    } else {
        known(&all, paths)
    };
    Reading {
        outcome,
        only_waits: !all.more && all.stop.is_none(),
        assumed: all.assumed,
    }
}

fn known(all: &Path, paths: &[Path]) -> Outcome {
    let lasts = paths
        .iter()
        .map(|path| path.elapsed)
        .max()
        .unwrap_or_default();
    // A job in the background may outlive the hook; then SIGTERM comes first.
    let stop = all.stop.clone().filter(|stop| stop.at <= lasts);
    let failed = paths.iter().all(|path| path.status == Status::Failure);
    let note = all.notes.first().cloned();
    if failed && lasts == Span::ZERO && stop.is_none() {
        return Outcome::Fails(note.unwrap_or_else(|| "it fails at once".to_owned()));
    }
    let why = match &stop {
        Some(stop) => Some(format!("`{}` stops the server", stop.what)),
        None if lasts == ENDLESS => Some("it never ends by itself".to_owned()),
        None => note.filter(|_| lasts == Span::ZERO),
    };
    Outcome::Known { lasts, stop, why }
}
