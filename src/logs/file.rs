//! Files of logs: found, opened, told apart, and given to the reader of their format, line by line.

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::packed::{MOST_EXPANDED, unpacked};
use super::{Reading, Record, Take, access, connection, health_check, node_of, vegeta};
use crate::error::Error;
use crate::time::Time;
use crate::visited::Visited;

/// A longer line is no line of a log.
const LONGEST_LINE: u64 = 8 << 20;
/// JSON that runs over many lines is read as a whole, up to here.
const LONGEST_TEXT: u64 = 64 << 20;
/// So many lines may be damaged before the first that shows what a file is.
const UNKNOWN_LINES: u64 = 20;

/// The lines of a log, each with its number.
struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    row: usize,
    line: String,
    bytes: Vec<u8>,
    /// Of all bytes so far.
    digest: DefaultHasher,
    /// The file stops midway: its stream is cut, or its last line has no end.
    is_cut: bool,
}

/// What a line says a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Access,
    HealthCheck,
    Connection,
    Csv,
    /// JSON, a value on each line, perhaps behind a time.
    JsonLines,
    /// JSON whose values run over many lines.
    Json,
}

/// Which contents were read already: digests of whole files by the digest of their first line.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<u64, Vec<u64>>);

impl Lines {
    fn open(path: &Path) -> Result<Lines, Error> {
        let is_stdin = path == Path::new("-");
        let path = if is_stdin { Path::new("<stdin>") } else { path };
        let opened = if is_stdin {
            unpacked(Box::new(BufReader::new(std::io::stdin())))
        } else {
            File::open(path).and_then(|file| unpacked(Box::new(BufReader::new(file))))
        };
        Ok(Lines {
            path: path.to_owned(),
            reader: opened
                .map_err(|error| Error::input(format!("cannot read: {error}")).in_file(path))?,
            row: 0,
            line: String::new(),
            bytes: Vec::new(),
            digest: DefaultHasher::new(),
            is_cut: false,
        })
    }

    /// Goes to the next line that is not blank; false at the end.
    fn advance(&mut self) -> Result<bool, Error> {
        loop {
            self.bytes.clear();
            self.row += 1;
            let read = (&mut self.reader)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut self.bytes);
            match read {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => self.is_cut = true,
                Err(error) => return Err(unreadable(&self.path, self.row, &error)),
                Ok(_) => {}
            }
            if self.bytes.len() as u64 == LONGEST_LINE {
                let words = format!(
                    "line {} is longer than {} MiB",
                    self.row,
                    LONGEST_LINE >> 20
                );
                return Err(Error::too_large(words).in_file(&self.path));
            }
            self.digest.write(&self.bytes);
            // What clients send stands in logs as they sent it, and need not be UTF-8.
            self.line.clear();
            self.line.push_str(&String::from_utf8_lossy(&self.bytes));
            if self.row == 1
                && let Some(text) = self.line.strip_prefix('\u{feff}')
            {
                self.line = text.to_owned();
            }
            if self.bytes.is_empty() || !self.line.trim().is_empty() {
                return Ok(!self.bytes.is_empty());
            }
        }
    }

    /// Whether the current line is the last and has no end: its writer or its copy was stopped.
    fn is_last_and_cut(&self) -> bool {
        !self.bytes.ends_with(b"\n")
    }

    /// An error about the current line.
    fn error(&self, message: impl Into<String>) -> Error {
        Error::input(message).on_line(&self.path, self.row, &self.line)
    }

    /// Where the current line is.
    fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.row)
    }
}

impl Seen {
    /// Whether a file that begins with the current line says what another one said; it is looked through, but for
    /// streams, which can be read once.
    fn repeats(&self, lines: &Lines, reading: &mut Reading) -> Result<bool, Error> {
        let Some(known) = self.0.get(&lines.digest.finish()) else {
            return Ok(false);
        };
        if !lines.path.is_file() {
            return Ok(false);
        }
        let mut whole = Lines::open(&lines.path)?;
        while whole.advance()? {}
        let repeats = known.contains(&whole.digest.finish());
        if repeats {
            reading.repeated.push(lines.path.clone());
        } else {
            reading.alike.push(lines.path.clone());
        }
        Ok(repeats)
    }
}

/// The files behind paths: folders are searched, in order of name; each is there once, by whatever path.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut visited = Visited::default();
    for path in paths {
        search(path, 0, &mut visited, &mut found)?;
    }
    Ok(found)
}

fn search(
    path: &Path,
    depth: usize,
    visited: &mut Visited,
    found: &mut Vec<PathBuf>,
) -> Result<(), Error> {
    if path != Path::new("-") && !visited.enter(path, depth)? {
        return Ok(());
    }
    if !path.is_dir() {
        // A pipe or a device that nobody named might never end.
        if depth == 0 || path.is_file() {
            found.push(path.to_owned());
        }
        return Ok(());
    }
    let entries = std::fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries: Vec<PathBuf> = entries
        .map_err(|error| Error::input(format!("cannot read the folder: {error}")).in_file(path))?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| {
            !path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(is_no_log)
        })
        .collect();
    entries.sort();
    entries
        .iter()
        .try_for_each(|entry| search(entry, depth + 1, visited, found))
}

/// Hidden files, and those by which AWS tries whether it may write to a bucket.
fn is_no_log(name: &str) -> bool {
    name.starts_with('.') || name.starts_with("ELB") && name.ends_with("LogTestFile")
}

/// Hands out what a file says.
pub(super) fn read(
    path: &Path,
    seen: &mut Seen,
    reading: &mut Reading,
    take: &mut Take<'_>,
) -> Result<(), Error> {
    let mut lines = Lines::open(path)?;
    if !lines.advance()? {
        if lines.is_cut {
            reading.cut.push(lines.path.clone());
        }
        return Ok(());
    }
    if seen.repeats(&lines, reading)? {
        return Ok(());
    }
    let first = lines.digest.finish();
    reading.files += 1;
    match recognised(&mut lines, reading)? {
        Format::Json => json_text(&mut lines, reading, take)?,
        format => each(&mut lines, format, reading, take)?,
    }
    seen.0.entry(first).or_default().push(lines.digest.finish());
    if lines.is_cut {
        reading.cut.push(lines.path.clone());
    }
    Ok(())
}

/// Goes to the first line that shows what the file is.
fn recognised(lines: &mut Lines, reading: &mut Reading) -> Result<Format, Error> {
    let mut before = Vec::new();
    loop {
        match format(lines)? {
            Ok(format) => {
                reading.lines += before.len() as u64;
                before
                    .into_iter()
                    .for_each(|(place, error)| reading.damage(place, error));
                return Ok(format);
            }
            Err(error) => before.push((lines.place(), error)),
        }
        if before.len() as u64 >= UNKNOWN_LINES || !lines.advance()? {
            let (_, error) = before.swap_remove(0);
            return Err(error);
        }
    }
}

/// Hands out each line from the current one on. A damaged one is counted, but for a last one that was cut short.
fn each(
    lines: &mut Lines,
    format: Format,
    reading: &mut Reading,
    take: &mut Take<'_>,
) -> Result<(), Error> {
    let node = node_of(&lines.path);
    let mut is_first = true;
    loop {
        reading.lines += 1;
        let is_last_and_cut = lines.is_last_and_cut() && !is_first;
        match record(lines.line.trim(), format, &node) {
            // Of its fields the last are missing, or the last one is not whole.
            Ok(Record::Request(request)) if is_last_and_cut && request.elapsed.is_none() => {
                lines.is_cut = true;
            }
            Err(_) if is_last_and_cut => lines.is_cut = true,
            read => {
                if let Err(words) = read.and_then(&mut *take) {
                    reading.damage(lines.place(), lines.error(words));
                }
            }
        }
        is_first = false;
        if !lines.advance()? {
            return Ok(());
        }
    }
}

/// What a line says.
fn record<'a>(line: &'a str, format: Format, node: &str) -> Result<Record<'a>, String> {
    let answer = |(at, status)| Record::Answer(at, status);
    match format {
        Format::Access => access::read(line, node).map(Record::Request),
        Format::HealthCheck => health_check::read(line, node).map(Record::Check),
        Format::Connection => connection::read(line, node).map(Record::Connection),
        Format::Csv => vegeta::read_csv(line).map(answer),
        Format::JsonLines | Format::Json if vegeta::is_result(line) => {
            vegeta::read_json(line).map(answer)
        }
        Format::JsonLines | Format::Json if line.starts_with('{') => {
            Ok(Record::Object(parsed(line)?, None))
        }
        Format::JsonLines | Format::Json => {
            let (stamp, json) = line
                .split_once(' ')
                .ok_or("a time or JSON was expected here")?;
            let at = Time::parse_rfc3339(stamp)?;
            Ok(Record::Object(parsed(json.trim_start())?, Some(at)))
        }
    }
}

/// What the current line shows of its file; the inner error if it shows nothing.
fn format(lines: &Lines) -> Result<Result<Format, Error>, Error> {
    let line = lines.line.trim();
    let mut words = line.split(' ');
    let [first, second, third] = [(); 3].map(|()| words.next().unwrap_or_default());
    let is_time = line.starts_with(|letter: char| letter.is_ascii_digit())
        && Time::parse_rfc3339(first).is_ok();
    if health_check::is_line(line) {
        return Ok(Ok(Format::HealthCheck));
    }
    if access::is_kind(first) || third.starts_with("app/") {
        return Ok(Ok(Format::Access));
    }
    if connection::is_line(line) {
        return Ok(Ok(Format::Connection));
    }
    let other = if first == "tls" && second.parse::<f64>().is_ok() {
        Some("a Network Load Balancer, which is not modelled")
    } else if is_time && third.contains(':') && !line.contains('{') {
        Some("a Classic Load Balancer, which is not modelled")
    } else {
        None
    };
    if let Some(other) = other {
        let error = lines.error(format!("this is an access log of {other}"));
        return Err(error.hint("give logs of an Application Load Balancer"));
    }
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    let behind_time = line.get(first.len()..).unwrap_or_default().trim_start();
    Ok(match line.as_bytes().first() {
        Some(b'{' | b'[') if is_json(line) && line.starts_with('{') => Ok(Format::JsonLines),
        Some(b'{' | b'[') => Ok(Format::Json),
        _ if is_time && behind_time.starts_with('{') => Ok(Format::JsonLines),
        Some(b'0'..=b'9') if line.split(',').count() >= vegeta::COLUMNS => Ok(Format::Csv),
        _ => Err(lines.error("this is no log that rollcast knows").hint(
            "access, health check and connection logs of an ALB, `vegeta encode` as JSON or CSV, `kubectl get endpointslices,events -o json`, each may be gzipped",
        )),
    })
}

fn parsed(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

/// JSON over many lines: a value that is damaged is an error, as nobody knows where the next one begins.
fn json_text(lines: &mut Lines, reading: &mut Reading, take: &mut Take<'_>) -> Result<(), Error> {
    let mut text = std::mem::take(&mut lines.line);
    let before = lines.row - 1;
    let read = (&mut lines.reader)
        .take(LONGEST_TEXT)
        .read_to_string(&mut text);
    read.map_err(|error| unreadable(&lines.path, lines.row, &error))?;
    if text.len() as u64 >= LONGEST_TEXT {
        let words = format!(
            "JSON over many lines is longer than {} MiB",
            LONGEST_TEXT >> 20
        );
        return Err(Error::too_large(words)
            .in_file(&lines.path)
            .hint("write a value on each line: jq -c ."));
    }
    lines.digest.write(text.as_bytes());
    reading.lines += text.lines().count() as u64;
    for value in serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>() {
        let value = value.map_err(|error| {
            let line = text.lines().nth(error.line().saturating_sub(1));
            Error::input(format!("not JSON: {error}")).on_line(
                &lines.path,
                before + error.line(),
                line.unwrap_or_default(),
            )
        })?;
        take(Record::Object(value, None)).map_err(|words| {
            Error::input(words).on_line(
                &lines.path,
                before + 1,
                text.lines().next().unwrap_or_default(),
            )
        })?;
    }
    Ok(())
}

fn unreadable(path: &Path, row: usize, error: &std::io::Error) -> Error {
    if error.kind() == ErrorKind::FileTooLarge {
        let words = format!(
            "unpacked it is more than {MOST_EXPANDED} times as long: no log shrinks so far"
        );
        return Error::too_large(words)
            .in_file(path)
            .hint("unpack it yourself, if it is one");
    }
    Error::input(format!("line {row} cannot be read: {error}"))
        .in_file(path)
        .hint("logs are UTF-8 text, plain or gzipped")
}
