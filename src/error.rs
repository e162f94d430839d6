//! The one public error: what is wrong, where, and what to write instead.

#![warn(clippy::string_slice)]

use std::fmt;
use std::path::{Path, PathBuf};

use crate::escape;

/// What a user gets for bad input, an impossible request, or a file that cannot be read or written.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    place: Option<Box<Place>>,
    hint: Option<String>,
    /// Seed and replication.
    replication: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorKind {
    Input,
    TooLarge,
    Invariant,
    Interrupted,
}

#[derive(Debug, Clone)]
struct Place {
    path: PathBuf,
    spot: Option<Spot>,
}

#[derive(Debug, Clone)]
struct Spot {
    /// Line and column, from 1.
    row: usize,
    column: usize,
    /// What is shown of the line; in it, where the offending part starts, and its length.
    shown: String,
    indent: usize,
    width: usize,
}

impl Error {
    /// Bad usage, configuration or file: exit code 2.
    pub fn input(message: impl Into<String>) -> Error {
        Error {
            kind: ErrorKind::Input,
            message: message.into(),
            place: None,
            hint: None,
            replication: None,
        }
    }

    /// Refused because it would need more than a limit allows: exit code 4.
    pub fn too_large(message: impl Into<String>) -> Error {
        Error {
            kind: ErrorKind::TooLarge,
            ..Error::input(message)
        }
    }

    /// An invariant of the model broke, which is a bug in rollcast: exit code 70.
    pub fn invariant(message: impl Into<String>) -> Error {
        Error {
            kind: ErrorKind::Invariant,
            ..Error::input(message)
        }
    }

    /// Stopped by the user before it was done: exit code 130.
    pub fn interrupted() -> Error {
        Error {
            kind: ErrorKind::Interrupted,
            ..Error::input("interrupted")
        }
    }

    /// Says what to do instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Says of what, before the message.
    #[must_use]
    pub fn prefixed(mut self, what: &str) -> Error {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Says in which file.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Error {
        self.place = Some(Box::new(Place {
            path: path.to_owned(),
            spot: None,
        }));
        self
    }

    /// Says in which file, and where in its `source`: a byte range.
    #[must_use]
    pub fn at(self, path: &Path, source: &str, range: std::ops::Range<usize>) -> Error {
        self.at_row(path, 1, source, range)
    }

    /// As [`Error::at`], of a source that begins with this row of the file.
    #[must_use]
    pub fn at_row(
        mut self,
        path: &Path,
        first: usize,
        source: &str,
        range: std::ops::Range<usize>,
    ) -> Error {
        let start = source.floor_char_boundary(range.start.min(source.len()));
        let (before, after) = source.split_at_checked(start).unwrap_or((source, ""));
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = source
            .get(line_start..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_default();
        let row = first + before.matches('\n').count();
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let end = source.floor_char_boundary(
            range
                .end
                .clamp(start, line_start + line.len().max(start - line_start)),
        );
        let width = after
            .get(..end - start)
            .unwrap_or_default()
            .chars()
            .count()
            .max(1);
        let (shown, indent, width) = excerpt(line, column - 1, width);
        self.place = Some(Box::new(Place {
            path: path.to_owned(),
            spot: Some(Spot {
                row,
                column,
                shown,
                indent,
                width,
            }),
        }));
        self
    }

    /// Says in which file and on which line of it, from 1; for files too long to be kept.
    #[must_use]
    pub fn on_line(self, path: &Path, row: usize, line: &str) -> Error {
        let line = line.lines().next().unwrap_or_default();
        self.at_row(path, row, line, 0..usize::MAX)
    }

    /// Says which replication of which seed broke. What was refused or interrupted is not replayed.
    #[must_use]
    pub const fn in_replication(mut self, seed: u64, replication: u64) -> Error {
        if matches!(self.kind, ErrorKind::Invariant) {
            self.replication = Some((seed, replication));
        }
        self
    }

    /// The seed and the replication that replay it, if it broke in one.
    pub const fn replication(&self) -> Option<(u64, u64)> {
        self.replication
    }

    /// What is wrong, without the place and the hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The line that is to blame, from 1, where there is one.
    pub fn row(&self) -> Option<usize> {
        self.place.as_ref()?.spot.as_ref().map(|spot| spot.row)
    }

    /// The process exit code that this error deserves.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Input => 2,
            ErrorKind::TooLarge => 4,
            ErrorKind::Invariant => 70,
            ErrorKind::Interrupted => 130,
        }
    }
}

/// What of a line fits a terminal: the part around the offence, one column a character, nothing that
/// a terminal would obey. A character is a column, so it is blotted out and not spelled out.
fn excerpt(line: &str, start: usize, width: usize) -> (String, usize, usize) {
    const WIDEST: usize = 120;
    const BEFORE: usize = 60;
    let tame = |letter: char| {
        if escape::is_obeyed(letter) {
            ' '
        } else {
            letter
        }
    };
    if line.chars().count() <= WIDEST {
        return (line.chars().map(tame).collect(), start, width);
    }
    let skipped = start.saturating_sub(BEFORE);
    let rest = line.chars().skip(skipped);
    let mut shown: String = if skipped > 0 {
        "…".to_owned()
    } else {
        String::new()
    };
    shown.extend(rest.clone().take(WIDEST).map(tame));
    if rest.count() > WIDEST {
        shown.push('…');
    }
    let indent = start - skipped + usize::from(skipped > 0);
    (shown, indent, width.min(WIDEST - (start - skipped)))
}

/// What a message may quote of a text that somebody else wrote: not all of it, and nothing that its reader would obey.
fn clipped(text: &str) -> String {
    const LONGEST: usize = 1_000;
    let line = escape::line(text);
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "…",
        None => line,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&clipped(&self.message))?;
        if let Some(place) = &self.place {
            let path = clipped(&place.path.to_string_lossy());
            match &place.spot {
                None => write!(f, "\n  --> {path}")?,
                Some(Spot {
                    row,
                    column,
                    shown,
                    indent,
                    width,
                }) => {
                    let margin = " ".repeat(row.to_string().len());
                    write!(f, "\n{margin} --> {path}:{row}:{column}")?;
                    write!(
                        f,
                        "\n{margin} |\n{row} | {shown}\n{margin} | {}{}",
                        " ".repeat(*indent),
                        "^".repeat(*width)
                    )?;
                }
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", clipped(hint))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offending_text_is_underlined() {
        let source = "a = 1\nrunz = 3\n";
        let error = Error::input("unknown key `runz`")
            .at(Path::new("x.toml"), source, 6..10)
            .hint("did you mean `runs`?");
        assert_eq!(
            error.to_string(),
            "unknown key `runz`\n  --> x.toml:2:1\n  |\n2 | runz = 3\n  | ^^^^\nhint: did you mean `runs`?"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_offence() {
        let source = format!("{}\u{1b}[31mX{}", "a".repeat(500), "b".repeat(500));
        let shown = Error::input("long")
            .at(Path::new("x.toml"), &source, 505..506)
            .to_string();
        assert!(
            shown.contains("x.toml:1:506") && !shown.contains('\u{1b}'),
            "{shown}"
        );
        let [line, marks] = shown.lines().skip(3).collect::<Vec<_>>()[..] else {
            panic!("{shown}")
        };
        let mark = marks.chars().position(|letter| letter == '^').unwrap();
        assert_eq!(line.chars().nth(mark), Some('X'), "{shown}");
    }

    #[test]
    fn a_range_past_the_end_is_no_panic() {
        let error = Error::input("cut short").at(Path::new("x.toml"), "a = ", 9..12);
        assert!(error.to_string().contains("x.toml:1:5"));
    }
}
