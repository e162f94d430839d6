//! The one public error: what is wrong, where, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

/// What a user gets for bad input, an impossible request, or a file that cannot be read or written.
#[derive(Debug, Clone)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    place: Option<Box<Place>>,
    hint: Option<String>,
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
    /// Line and column, from 1, and the line's text with the length of the offending part.
    spot: Option<(usize, usize, String, usize)>,
}

impl Error {
    /// Bad usage, configuration or file: exit code 2.
    pub fn input(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Input, message: message.into(), place: None, hint: None }
    }

    /// Refused because it would need more than a limit allows: exit code 4.
    pub fn too_large(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::TooLarge, ..Error::input(message) }
    }

    /// An invariant of the model broke, which is a bug in rollcast: exit code 70.
    pub fn invariant(message: impl Into<String>) -> Error {
        Error { kind: ErrorKind::Invariant, ..Error::input(message) }
    }

    /// Stopped by the user before it was done: exit code 130.
    pub fn interrupted() -> Error {
        Error { kind: ErrorKind::Interrupted, ..Error::input("interrupted") }
    }

    /// Says what to do instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.hint = Some(hint.into());
        self
    }

    /// Says in which file.
    #[must_use]
    pub fn in_file(mut self, path: &Path) -> Error {
        self.place = Some(Box::new(Place { path: path.to_owned(), spot: None }));
        self
    }

    /// Says in which file, and where in its `source`: a byte range.
    #[must_use]
    pub fn at(mut self, path: &Path, source: &str, range: std::ops::Range<usize>) -> Error {
        let start = source.floor_char_boundary(range.start.min(source.len()));
        let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = source[line_start..].lines().next().unwrap_or_default();
        let row = source[..start].matches('\n').count() + 1;
        let column = source[line_start..start].chars().count() + 1;
        let end = source.floor_char_boundary(range.end.clamp(start, line_start + line.len().max(start - line_start)));
        let width = source[start..end].chars().count().max(1);
        self.place = Some(Box::new(Place { path: path.to_owned(), spot: Some((row, column, line.to_owned(), width)) }));
        self
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

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(place) = &self.place {
            match &place.spot {
                None => write!(f, "\n  --> {}", place.path.display())?,
                Some((row, column, line, width)) => {
                    let margin = " ".repeat(row.to_string().len());
                    write!(f, "\n{margin} --> {}:{row}:{column}", place.path.display())?;
                    write!(
                        f,
                        "\n{margin} |\n{row} | {line}\n{margin} | {}{}",
                        " ".repeat(column - 1),
                        "^".repeat(*width)
                    )?;
                }
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
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
        let error =
            Error::input("unknown key `runz`").at(Path::new("x.toml"), source, 6..10).hint("did you mean `runs`?");
        assert_eq!(
            error.to_string(),
            "unknown key `runz`\n  --> x.toml:2:1\n  |\n2 | runz = 3\n  | ^^^^\nhint: did you mean `runs`?"
        );
    }

    #[test]
    fn a_range_past_the_end_is_no_panic() {
        let error = Error::input("cut short").at(Path::new("x.toml"), "a = ", 9..12);
        assert!(error.to_string().contains("x.toml:1:5"));
    }
}
