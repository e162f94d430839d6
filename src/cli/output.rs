//! Results: on stdout or in files, every file whole or absent.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rollcast::error::Error;
use tempfile::NamedTempFile;

use super::interrupt;
use super::terminal::Terminal;

/// Where one format goes: `-o FORMAT[=PATH]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink<F> {
    /// The format.
    pub format: F,
    /// The file; absent: stdout.
    pub path: Option<PathBuf>,
}

/// What is to be written. Nothing is, before [`Delivery::finish`].
#[derive(Debug, Default)]
pub struct Delivery {
    stdout: Vec<u8>,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// A file ready to appear under its name.
enum Staged {
    /// Complete under another name, beside it.
    Beside(NamedTempFile, PathBuf),
    /// A device or a pipe, which has no whole to wait for.
    Stream(PathBuf, Vec<u8>),
}

impl<F: ValueEnum> Sink<F> {
    /// Reads `FORMAT` or `FORMAT=PATH`; `-` is stdout.
    ///
    /// # Errors
    /// There is no such format, or the path is empty.
    pub fn parse(text: &str) -> Result<Sink<F>, String> {
        let (name, path) = text
            .split_once('=')
            .map_or((text, None), |(name, path)| (name, Some(path)));
        let format = F::from_str(name, false)
            .map_err(|_| format!("the formats are {}", names::<F>().join(", ")))?;
        match path {
            Some("") => Err(format!("no path after `{name}=`")),
            None | Some("-") => Ok(Sink { format, path: None }),
            Some(path) => Ok(Sink {
                format,
                path: Some(path.into()),
            }),
        }
    }
}

fn names<F: ValueEnum>() -> Vec<String> {
    F::value_variants()
        .iter()
        .filter_map(|format| {
            format
                .to_possible_value()
                .map(|value| value.get_name().to_owned())
        })
        .collect()
}

/// Refuses sinks that could not be written, before anything is simulated for them.
///
/// # Errors
/// Two formats for one place, a directory that is missing or not writable.
pub fn check<F>(sinks: &[Sink<F>]) -> Result<(), Error> {
    let places: Vec<_> = sinks
        .iter()
        .map(|sink| sink.path.as_deref().map(real))
        .collect();
    for (i, sink) in sinks.iter().enumerate() {
        if places[..i].contains(&places[i]) {
            let place = sink
                .path
                .as_ref()
                .map_or("stdout".to_owned(), |path| path.display().to_string());
            return Err(Error::input(format!("two outputs for {place}"))
                .hint("give one of them a path: -o json=PATH"));
        }
        if let Some(path) = &sink.path {
            check_file(path)?;
        }
    }
    Ok(())
}

/// Refuses a second output for a file that has one.
///
/// # Errors
/// `path` is one of these, by whatever name.
pub fn check_other<F>(path: &Path, sinks: &[Sink<F>]) -> Result<(), Error> {
    let place = real(path);
    match sinks
        .iter()
        .any(|sink| sink.path.as_deref().map(real).as_ref() == Some(&place))
    {
        true => Err(Error::input(format!("two outputs for {}", path.display()))),
        false => Ok(()),
    }
}

/// Where a path leads, whether there is a file yet or not.
fn real(path: &Path) -> PathBuf {
    let beside = || {
        Some(
            fs::canonicalize(directory(path))
                .ok()?
                .join(path.file_name()?),
        )
    };
    fs::canonicalize(path)
        .ok()
        .or_else(beside)
        .unwrap_or_else(|| path.to_owned())
}

fn check_file(path: &Path) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(unwritable(path, &ErrorKind::IsADirectory.into())),
        Ok(found) if !found.is_file() => Ok(()),
        // A name too long, a loop of links, a folder that may not be looked into.
        Err(error) if error.kind() != ErrorKind::NotFound => Err(unwritable(path, &error)),
        _ => tempfile::tempfile_in(directory(path))
            .map(drop)
            .map_err(|error| unwritable(path, &error)),
    }
}

/// Makes a directory for charts, if it is not there.
///
/// # Errors
/// It cannot be made, or not be written to.
pub fn make_directory(path: &Path) -> Result<(), Error> {
    if fs::metadata(path).is_ok_and(|found| !found.is_dir()) {
        return Err(unwritable(path, &ErrorKind::NotADirectory.into()));
    }
    fs::create_dir_all(path)
        .and_then(|()| tempfile::tempfile_in(path).map(drop))
        .map_err(|error| unwritable(path, &error))
}

impl Delivery {
    /// Adds a text in a format.
    pub fn text<F>(&mut self, sink: &Sink<F>, text: String) {
        match &sink.path {
            None => self.stdout.extend_from_slice(text.as_bytes()),
            Some(path) => self.file(path.clone(), text.into_bytes()),
        }
    }

    /// Adds a text for stdout.
    pub fn print(&mut self, text: &str) {
        self.stdout.extend_from_slice(text.as_bytes());
    }

    /// Adds a file.
    pub fn file(&mut self, path: PathBuf, bytes: Vec<u8>) {
        self.files.push((path, bytes));
    }

    /// Writes everything: files first, each appearing whole under its name, then stdout. A reader of
    /// stdout that has had enough is no error.
    ///
    /// # Errors
    /// A file or stdout cannot be written; or interrupted, then nothing was.
    pub fn finish(self, terminal: &Terminal) -> Result<(), Error> {
        interrupt::watch()?;
        let staged: Result<Vec<_>, _> = self
            .files
            .into_iter()
            .map(|(path, bytes)| stage(path, bytes))
            .collect();
        let staged = staged?;
        interrupt::check()?;
        for file in staged {
            terminal.note(&format_args!("wrote {}", file.persist()?.display()));
        }
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(&self.stdout).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Error::input(format!("cannot write to stdout: {error}")))
            }
            _ => Ok(()),
        }
    }
}

fn stage(path: PathBuf, bytes: Vec<u8>) -> Result<Staged, Error> {
    if is_stream(&path) {
        return Ok(Staged::Stream(path, bytes));
    }
    Ok(Staged::Beside(beside(&path, &bytes)?, path))
}

/// Whether what is there is a pipe or a device, which has no whole to wait for and is never replaced.
pub fn is_stream(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file())
}

/// A complete file beside the one that it is to replace, with the other's mode.
fn beside(path: &Path, bytes: &[u8]) -> Result<NamedTempFile, Error> {
    let write = || {
        let mut file = builder().tempfile_in(directory(path))?;
        file.write_all(bytes)?;
        if let Ok(replaced) = fs::metadata(path) {
            file.as_file().set_permissions(replaced.permissions())?;
        }
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(|error: std::io::Error| unwritable(path, &error))
}

/// Puts a file under its name. A link stays a link, and what it leads to is replaced; returns that.
fn put(file: NamedTempFile, path: &Path) -> Result<PathBuf, Error> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    file.persist(&target)
        .map_err(|error| unwritable(path, &error.error))?;
    Ok(target)
}

/// Writes a file whole; returns where it is.
///
/// # Errors
/// It cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<PathBuf, Error> {
    put(beside(path, bytes)?, path)
}

impl Staged {
    fn persist(self) -> Result<PathBuf, Error> {
        match self {
            Staged::Beside(file, path) => {
                put(file, &path)?;
                Ok(path)
            }
            Staged::Stream(path, bytes) => {
                let written = fs::OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .and_then(|mut file| file.write_all(&bytes));
                written.map_err(|error| unwritable(&path, &error))?;
                Ok(path)
            }
        }
    }
}

/// Files that others may read as far as the umask lets them; temporary files are private otherwise.
#[cfg(unix)]
pub fn builder() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder
        .prefix(".rollcast-")
        .permissions(fs::Permissions::from_mode(0o666));
    builder
}

/// Temporary files.
#[cfg(not(unix))]
pub fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".rollcast-");
    builder
}

/// Where a file is written first: a name can only be moved within one file system.
pub fn directory(path: &Path) -> PathBuf {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// An error about a file that cannot be written.
pub fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    let refused = Error::input(format!("cannot write: {error}")).in_file(path);
    let directory = directory(path);
    if directory.is_dir() {
        refused
    } else {
        refused.hint(format!("there is no directory {}", directory.display()))
    }
}
