//! The files that manifests come from, and places in them.

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::folder::{self, Contents, Rendered, Skipped};
use crate::error::Error;
use crate::escape;
use crate::visited::Visited;

/// A dump of a large cluster has some megabytes; anything longer is something else.
const LONGEST: u64 = 32 << 20;

/// A file as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Where its lines start: every value of a dump is asked for its row.
    starts: OnceLock<Vec<usize>>,
}

impl Source {
    pub(super) fn new(path: PathBuf, text: String) -> Source {
        Source {
            path,
            text,
            starts: OnceLock::new(),
        }
    }

    /// The line that a byte stands in: its number, from 1, and where it starts.
    fn line_of(&self, byte: usize) -> (usize, usize) {
        let after = |(newline, _): (usize, &str)| newline + 1;
        let starts = self.starts.get_or_init(|| {
            std::iter::once(0)
                .chain(self.text.match_indices('\n').map(after))
                .collect()
        });
        let row = starts.partition_point(|start| *start <= byte);
        (
            row,
            starts
                .get(row.saturating_sub(1))
                .copied()
                .unwrap_or_default(),
        )
    }
}

/// A part of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    source: Arc<Source>,
    range: Range<usize>,
}

/// A value, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

impl<T> At<T> {
    /// Another value that follows from this one.
    pub(super) fn map<U>(self, value: impl FnOnce(T) -> U) -> At<U> {
        At {
            value: value(self.value),
            place: self.place,
        }
    }
}

impl Place {
    pub(super) fn new(source: &Arc<Source>, range: Range<usize>) -> Place {
        Place {
            source: source.clone(),
            range,
        }
    }

    /// A whole line, from 1.
    pub(super) fn of_row(source: &Arc<Source>, row: usize) -> Place {
        let start = source
            .text
            .split_inclusive('\n')
            .take(row.saturating_sub(1))
            .map(str::len)
            .sum();
        Place::new(source, start..start + 1)
    }

    /// The file; `<stdin>` for `-`.
    pub fn path(&self) -> &Path {
        &self.source.path
    }

    /// Line, from 1.
    pub fn row(&self) -> usize {
        self.source.line_of(self.start()).0
    }

    /// Column in characters, from 1.
    pub fn column(&self) -> usize {
        let (_, line) = self.source.line_of(self.start());
        self.source
            .text
            .get(line..self.start())
            .unwrap_or_default()
            .chars()
            .count()
            + 1
    }

    /// The line itself.
    pub fn line(&self) -> &str {
        let (_, line) = self.source.line_of(self.start());
        self.source
            .text
            .get(line..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_default()
    }

    /// An error at this place.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::input(message).at(&self.source.path, &self.source.text, self.range.clone())
    }

    /// What is written here.
    pub(super) fn written(&self) -> &str {
        let end = self
            .source
            .text
            .floor_char_boundary(self.range.end.min(self.source.text.len()));
        self.source.text.get(self.start()..end).unwrap_or_default()
    }

    fn start(&self) -> usize {
        self.source
            .text
            .floor_char_boundary(self.range.start.min(self.source.text.len()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}",
            escape::line(&self.path().to_string_lossy()),
            self.row()
        )
    }
}

/// The whole text would drown every message.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the paths lead to.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) sources: Vec<Found>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) rendered: Vec<Rendered>,
}

/// A file, and whether somebody named it: what was only found in a folder may be anything.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) source: Arc<Source>,
    pub(super) is_named: bool,
}

/// Reads files, the YAML and JSON files of folders, and stdin (`-`), in the order given; the files of a folder by name.
pub(super) fn read(paths: &[PathBuf]) -> Result<Reading, Error> {
    let mut read = Reading::default();
    let mut visited = Visited::default();
    // What is named stays so, though a folder before it has it, too.
    let is_walked = |path: &PathBuf| path == Path::new("-") || path.is_dir();
    let is_new = |path| Ok(is_walked(path) || visited.enter(path, 0)?);
    let are_new: Vec<bool> = paths.iter().map(is_new).collect::<Result<_, Error>>()?;
    for (path, is_new) in paths.iter().zip(are_new) {
        if path == Path::new("-") {
            let bytes = bytes(std::io::stdin().lock());
            let source = source(PathBuf::from("<stdin>"), bytes)?;
            read.sources.push(Found {
                source,
                is_named: true,
            });
        } else if path.is_dir() {
            read.folder(path, &mut visited)?;
        } else if is_new {
            read.sources.push(Found {
                source: open(path.clone())?,
                is_named: true,
            });
        }
    }
    Ok(read)
}

/// What somebody has read already, under the names that errors and findings give it.
pub(super) fn texts(texts: Vec<(PathBuf, Vec<u8>)>) -> Result<Reading, Error> {
    let mut read = Reading::default();
    for (name, text) in texts {
        read.sources.push(Found {
            source: source(name, bytes(&text[..]))?,
            is_named: true,
        });
    }
    Ok(read)
}

impl Reading {
    fn folder(&mut self, folder: &Path, visited: &mut Visited) -> Result<(), Error> {
        let Contents {
            files,
            skipped,
            rendered,
            is_empty,
            ..
        } = folder::contents(folder, visited)?;
        if is_empty {
            return Err(Error::input("no .yaml, .yml or .json file in this folder").in_file(folder));
        }
        self.skipped.extend(skipped);
        self.rendered.extend(rendered);
        for path in files {
            match open(path.clone()) {
                Ok(source) => self.sources.push(Found {
                    source,
                    is_named: false,
                }),
                Err(error) => {
                    let reason = error.message().to_owned();
                    self.skipped.push(Skipped {
                        path,
                        row: None,
                        reason,
                    });
                }
            }
        }
        Ok(())
    }
}

/// A file as it is.
pub(super) fn open(path: PathBuf) -> Result<Arc<Source>, Error> {
    let bytes = std::fs::File::open(&path).and_then(bytes);
    source(path, bytes)
}

fn bytes(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn source(path: PathBuf, bytes: std::io::Result<Vec<u8>>) -> Result<Arc<Source>, Error> {
    let bytes = bytes.map_err(|error| {
        Error::input(format!("cannot read the manifest: {error}")).in_file(&path)
    })?;
    let text = decode(bytes).map_err(|error| error.in_file(&path))?;
    Ok(Arc::new(Source::new(path, text)))
}

fn decode(bytes: Vec<u8>) -> Result<String, Error> {
    if bytes.len() as u64 > LONGEST {
        return Err(Error::too_large(format!(
            "the manifest is longer than {} MiB",
            LONGEST >> 20
        )));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Error::input("the manifest is UTF-16 text")
            .hint("save it as UTF-8; in PowerShell: `… | Out-File -Encoding utf8 FILE`"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let row = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Error::input(format!("line {row} is not UTF-8 text")).hint("save the manifest as UTF-8")
    })?;
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}
