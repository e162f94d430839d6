//! Files of logs: opened, unpacked, and given to the reader of their format, line by line.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use super::{Evidence, alb_log, vegeta, watch};
use crate::error::Error;
use crate::time::Time;
use crate::visited::Visited;

/// A longer line is no line of a log.
const LONGEST_LINE: u64 = 8 << 20;
/// JSON that runs over many lines is read as a whole, up to here.
const LONGEST_TEXT: u64 = 64 << 20;

/// What is packed may unpack to so many times as many bytes, and to so many in any case.
const MOST_EXPANDED: u64 = 100;
const ALWAYS_UNPACKED: u64 = 32 << 20;

/// The lines of a log, each with its number.
pub(super) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    row: usize,
    line: String,
    bytes: Vec<u8>,
}

/// What a first line says a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Alb,
    Csv,
    /// JSON, a value on each line, perhaps behind a time.
    JsonLines,
    /// JSON whose values run over many lines.
    Json,
}

impl Lines {
    fn new(path: &Path, reader: Box<dyn BufRead>) -> Lines {
        Lines {
            path: path.to_owned(),
            reader,
            row: 0,
            line: String::new(),
            bytes: Vec::new(),
        }
    }

    /// Goes to the next line that is not blank; false at the end.
    fn advance(&mut self) -> Result<bool, Error> {
        loop {
            self.bytes.clear();
            self.row += 1;
            let read = (&mut self.reader)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut self.bytes);
            let read = read.map_err(|error| unreadable(&self.path, self.row, &error))?;
            if read as u64 == LONGEST_LINE {
                let words = format!(
                    "line {} is longer than {} MiB",
                    self.row,
                    LONGEST_LINE >> 20
                );
                return Err(Error::too_large(words).in_file(&self.path));
            }
            // What clients send stands in logs as they sent it, and need not be UTF-8.
            self.line.clear();
            self.line.push_str(&String::from_utf8_lossy(&self.bytes));
            if read == 0 || !self.line.trim().is_empty() {
                return Ok(read > 0);
            }
        }
    }

    /// An error about the current line.
    fn error(&self, message: impl Into<String>) -> Error {
        Error::input(message).on_line(&self.path, self.row, &self.line)
    }
}

/// The files behind paths: folders are searched, in order of name.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
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

/// Hidden files, and the one by which AWS tries whether it may write to a bucket.
fn is_no_log(name: &str) -> bool {
    name.starts_with('.') || name == "ELBAccessLogTestFile"
}

/// Adds what a file says.
pub(super) fn read(
    path: &Path,
    target_group: Option<&str>,
    evidence: &mut Evidence,
) -> Result<(), Error> {
    let mut lines = if path == Path::new("-") {
        let path = Path::new("<stdin>");
        Lines::new(
            path,
            unpacked(Box::new(BufReader::new(std::io::stdin())))
                .map_err(|e| unreadable(path, 1, &e))?,
        )
    } else {
        let opened = File::open(path).and_then(|file| unpacked(Box::new(BufReader::new(file))));
        Lines::new(
            path,
            opened.map_err(|error| Error::input(format!("cannot read: {error}")).in_file(path))?,
        )
    };
    if !lines.advance()? {
        return Ok(());
    }
    if let Some(text) = lines.line.strip_prefix('\u{feff}') {
        lines.line = text.to_owned();
    }
    let node = node_of(path);
    match format(&lines)? {
        Format::Alb => sound(&mut lines, evidence, |line, evidence| {
            alb_log::read(line, &node, target_group, evidence)
        }),
        Format::Csv => each(&mut lines, |line| vegeta::read_csv(line, evidence)),
        Format::JsonLines => each(&mut lines, |line| json_line(line, evidence)),
        Format::Json => json_text(lines, evidence),
    }
}

/// Hands out each line from the current one on, and counts those that are damaged: a log was cut, or two writers met
/// in a line. A log of which no line is sound is none.
fn sound(
    lines: &mut Lines,
    evidence: &mut Evidence,
    mut read: impl FnMut(&str, &mut Evidence) -> Result<(), String>,
) -> Result<(), Error> {
    let (mut sound, mut damaged, mut first) = (0_u64, 0_u64, None);
    loop {
        match read(lines.line.trim(), evidence) {
            Ok(()) => sound += 1,
            Err(words) => {
                damaged += 1;
                first.get_or_insert_with(|| (lines.row, lines.error(words)));
            }
        }
        if !lines.advance()? {
            break;
        }
    }
    match first {
        Some((_, error)) if sound == 0 => {
            Err(error.hint("remove the line, or give a file of one format"))
        }
        Some((row, error)) => {
            let (path, words) = (lines.path.display(), error.message());
            evidence.damaged.push(format!(
                "{path}: {damaged} of {} lines are damaged and left out, the first of them line {row}: {words}",
                sound + damaged
            ));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Hands out each line from the current one on.
fn each(lines: &mut Lines, mut read: impl FnMut(&str) -> Result<(), String>) -> Result<(), Error> {
    loop {
        let line = lines.line.trim();
        if let Err(words) = read(line) {
            return Err(lines
                .error(words)
                .hint("remove the line, or give a file of one format"));
        }
        if !lines.advance()? {
            return Ok(());
        }
    }
}

fn format(lines: &Lines) -> Result<Format, Error> {
    let line = lines.line.trim();
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    if alb_log::is_kind(first) {
        return Ok(Format::Alb);
    }
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match line.as_bytes().first() {
        Some(b'{' | b'[') => Ok(if is_json(line) && line.starts_with('{') { Format::JsonLines } else { Format::Json }),
        Some(b'0'..=b'9') if Time::parse_rfc3339(first).is_ok() && rest.trim_start().starts_with('{') => {
            Ok(Format::JsonLines)
        }
        Some(b'0'..=b'9') if line.split(',').count() >= vegeta::COLUMNS => Ok(Format::Csv),
        _ => Err(lines.error("this is no log that rollcast knows").hint(
            "ALB access logs, `vegeta encode` as JSON or CSV, `kubectl get endpointslices,events -o json`, each may be gzipped",
        )),
    }
}

/// A line of JSON: a vegeta result, or what a watch saw, behind the time of its arrival or not.
fn json_line(line: &str, evidence: &mut Evidence) -> Result<(), String> {
    if line.starts_with('{') {
        if vegeta::is_result(line) {
            return vegeta::read_json(line, evidence);
        }
        return watch::read(parsed(line)?, None, &mut evidence.membership);
    }
    let (stamp, json) = line
        .split_once(' ')
        .ok_or("a time or JSON was expected here")?;
    watch::read(
        parsed(json.trim_start())?,
        Some(Time::parse_rfc3339(stamp)?),
        &mut evidence.membership,
    )
}

fn parsed(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

/// JSON over many lines.
fn json_text(mut lines: Lines, evidence: &mut Evidence) -> Result<(), Error> {
    let mut text = std::mem::take(&mut lines.line);
    let before = lines.row - 1;
    let read = (&mut lines.reader)
        .take(LONGEST_TEXT)
        .read_to_string(&mut text);
    read.map_err(|error| unreadable(&lines.path, lines.row, &error))?;
    if text.len() as u64 >= LONGEST_TEXT {
        return Err(Error::too_large(format!(
            "JSON over many lines is longer than {} MiB",
            LONGEST_TEXT >> 20
        ))
        .in_file(&lines.path)
        .hint("write a value on each line: jq -c ."));
    }
    for value in serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>() {
        let done = value
            .map_err(|error| (error.line(), format!("not JSON: {error}")))
            .and_then(|value| {
                watch::read(value, None, &mut evidence.membership).map_err(|words| (1, words))
            });
        done.map_err(|(row, words)| {
            let line = text.lines().nth(row.saturating_sub(1)).unwrap_or_default();
            Error::input(words).on_line(&lines.path, before + row, line)
        })?;
    }
    Ok(())
}

/// The bytes of a file, unpacked if they are gzip's.
fn unpacked(mut reader: Box<dyn BufRead>) -> std::io::Result<Box<dyn BufRead>> {
    let is_packed = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    if !is_packed {
        return Ok(reader);
    }
    let packed = Rc::new(Cell::new(0));
    let counted = Counted {
        reader,
        count: packed.clone(),
    };
    Ok(Box::new(BufReader::new(Unpacked {
        reader: MultiGzDecoder::new(BufReader::new(counted)),
        packed,
        unpacked: 0,
    })))
}

/// Counts the bytes that go through.
struct Counted<R> {
    reader: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.set(self.count.get().saturating_add(read as u64));
        Ok(read)
    }
}

/// Bytes unpacked, as long as they are no more than a log could come to: logs shrink to a tenth, what shrinks to a
/// hundredth was made to fill a memory or a day.
struct Unpacked<R> {
    reader: R,
    packed: Rc<Cell<u64>>,
    unpacked: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.unpacked = self.unpacked.saturating_add(read as u64);
        if self.unpacked > ALWAYS_UNPACKED && self.unpacked / MOST_EXPANDED > self.packed.get() {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        Ok(read)
    }
}

/// AWS names a log `…_END_NODE-ADDRESS_RANDOM.log.gz`; a file of another name does not say its node.
fn node_of(path: &Path) -> String {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let mut parts = name.rsplit('_').skip(1);
    parts
        .next()
        .filter(|part| part.parse::<IpAddr>().is_ok())
        .unwrap_or_default()
        .to_owned()
}

fn unreadable(path: &Path, row: usize, error: &std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::FileTooLarge {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_has_its_node_in_its_name() {
        let check = |name: &str, node: &str| assert_eq!(node_of(Path::new(name)), node, "{name}");
        check(
            "d/1234_elasticloadbalancing_eu-west-1_app.a.0f_20260101T0005Z_192.0.2.7_2x.log.gz",
            "192.0.2.7",
        );
        check("all.log", "");
        check("merged_logs_of_today.log", "");
    }
}
