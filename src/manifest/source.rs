//! The files that manifests come from, and places in them.

use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::error::Error;
use crate::escape;
use crate::visited::Visited;

/// A dump of a large cluster has some megabytes; anything longer is something else.
const LONGEST: u64 = 32 << 20;

/// So many files are a repository, not a release.
const MOST_FILES: usize = 10_000;

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
        Source { path, text, starts: OnceLock::new() }
    }

    /// The line that a byte stands in: its number, from 1, and where it starts.
    fn line_of(&self, byte: usize) -> (usize, usize) {
        let after = |(newline, _): (usize, &str)| newline + 1;
        let starts =
            self.starts.get_or_init(|| std::iter::once(0).chain(self.text.match_indices('\n').map(after)).collect());
        let row = starts.partition_point(|start| *start <= byte);
        (row, starts.get(row.saturating_sub(1)).copied().unwrap_or_default())
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
        At { value: value(self.value), place: self.place }
    }
}

impl Place {
    pub(super) fn new(source: &Arc<Source>, range: Range<usize>) -> Place {
        Place { source: source.clone(), range }
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
        self.source.text.get(line..self.start()).unwrap_or_default().chars().count() + 1
    }

    /// The line itself.
    pub fn line(&self) -> &str {
        let (_, line) = self.source.line_of(self.start());
        self.source.text.get(line..).and_then(|rest| rest.lines().next()).unwrap_or_default()
    }

    /// An error at this place.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        Error::input(message).at(&self.source.path, &self.source.text, self.range.clone())
    }

    /// What is written here.
    pub(super) fn written(&self) -> &str {
        let end = self.source.text.floor_char_boundary(self.range.end.min(self.source.text.len()));
        self.source.text.get(self.start()..end).unwrap_or_default()
    }

    fn start(&self) -> usize {
        self.source.text.floor_char_boundary(self.range.start.min(self.source.text.len()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", escape::line(&self.path().to_string_lossy()), self.row())
    }
}

/// The whole text would drown every message.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads files, the YAML and JSON files of folders, and stdin (`-`), in the order given; the files of a folder by name.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Arc<Source>>, Error> {
    let mut sources = Vec::new();
    let mut visited = Visited::default();
    for path in paths {
        if path == Path::new("-") {
            let bytes = bytes(std::io::stdin().lock());
            sources.push(source(PathBuf::from("<stdin>"), bytes)?);
        } else if path.is_dir() {
            let mut files = Vec::new();
            let is_new = visited.enter(path, 0)?;
            walk(path, 1, &mut visited, &mut files)?;
            if is_new && files.is_empty() {
                return Err(Error::input("no .yaml, .yml or .json file in this folder").in_file(path));
            }
            for file in files {
                sources.push(open(file)?);
            }
        } else if visited.enter(path, 0)? {
            sources.push(open(path.clone())?);
        }
    }
    Ok(sources)
}

fn walk(folder: &Path, depth: usize, visited: &mut Visited, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let unreadable = |error: std::io::Error| Error::input(format!("cannot read the folder: {error}")).in_file(folder);
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let is_manifest = path.extension().is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known));
        // A pipe or a device in a folder is nobody's manifest, and might never end.
        if path.is_dir() && !hidden {
            if visited.enter(&path, depth)? {
                walk(&path, depth + 1, visited, files)?;
            }
        } else if is_manifest && path.is_file() && visited.enter(&path, depth)? {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(Error::too_large(format!("more than {MOST_FILES} manifests")).in_file(folder));
        }
    }
    Ok(())
}

fn open(path: PathBuf) -> Result<Arc<Source>, Error> {
    let bytes = std::fs::File::open(&path).and_then(bytes);
    source(path, bytes)
}

fn bytes(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LONGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn source(path: PathBuf, bytes: std::io::Result<Vec<u8>>) -> Result<Arc<Source>, Error> {
    let bytes = bytes.map_err(|error| Error::input(format!("cannot read the manifest: {error}")).in_file(&path))?;
    let text = decode(bytes).map_err(|error| error.in_file(&path))?;
    Ok(Arc::new(Source::new(path, text)))
}

fn decode(bytes: Vec<u8>) -> Result<String, Error> {
    if bytes.len() as u64 > LONGEST {
        return Err(Error::too_large(format!("the manifest is longer than {} MiB", LONGEST >> 20)));
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
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
