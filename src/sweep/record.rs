//! A sweep on paper: what was asked, and what each point has come to so far.
//!
//! Plain lines, only ever appended to; the header ends in a checksum, and so does each point. Whoever reads them after
//! an interruption drops a last line that was cut short and goes on from there; whoever has the
//! records of all shares puts them together.

#![cfg_attr(
    not(test),
    deny(
        clippy::string_slice,
        clippy::expect_used,
        clippy::arithmetic_side_effects
    )
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{BufRead, Read};
use std::path::Path;

use super::axis::{self, Axis};
use super::budget::{Budget, Precision};
use super::plan::{self, Plan};
use super::totals::Totals;
use crate::error::Error;
use crate::scenario::Document;
use crate::traffic::EngineChoice;

const FIRST_LINE: &str = "rollcast sweep record 2";

/// What the line after the header starts with: its checksum.
const HEADER_SUM: &str = "header ";

/// The longest line is a point of a million different numbers of 5xx.
const LONGEST_LINE: u64 = 16 << 20;

/// All of a record: 200,000 points, each noted a few times.
const LONGEST: u64 = 2 << 30;

/// Shares beyond the points of the largest sweep would have nothing to do.
const MOST_SHARES: usize = plan::MOST_POINTS;

/// Everything that a sweep depends on.
#[derive(Debug, Clone)]
pub struct Header {
    /// The scenario that the points change.
    pub document: Document,
    /// What `--vary` said.
    pub vary: Vec<String>,
    /// Rows of a sample; `None`: the whole grid.
    pub sample: Option<usize>,
    /// The seed that everything follows from.
    pub seed: u64,
    /// How many replications each point may take.
    pub budget: Budget,
    /// The traffic engine.
    pub engine: EngineChoice,
    /// Which points this record is about.
    pub share: Share,
}

/// Share `number` of `of`: every `of`-th point, so that dear and cheap regions are dealt out evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

/// A header, and what the points have come to.
#[derive(Debug, Clone)]
pub struct Record {
    /// What was asked.
    pub header: Header,
    /// By number of the point.
    pub totals: BTreeMap<usize, Totals>,
}

impl Share {
    /// All points.
    pub const WHOLE: Share = Share { number: 1, of: 1 };

    /// Parses `2/3`.
    ///
    /// # Errors
    /// In words what is wrong.
    pub fn parse(text: &str) -> Result<Share, String> {
        let numbers = text
            .split_once('/')
            .and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let (number, of) = numbers
            .ok_or_else(|| format!("`{text}` is no share; write 2/3 for the second of three"))?;
        if number == 0 || number > of {
            return Err(format!(
                "there is no share {number} of {of}: they count from 1"
            ));
        }
        if of > MOST_SHARES {
            return Err(format!(
                "{of} shares are more than a sweep can have points: at most {MOST_SHARES}"
            ));
        }
        Ok(Share { number, of })
    }

    /// The points of this share, of so many.
    pub fn of_points(self, points: usize) -> impl Iterator<Item = usize> {
        (self.number.saturating_sub(1)..points).step_by(self.of)
    }
}

impl Header {
    /// A header of the whole sweep.
    ///
    /// # Errors
    /// There is no such plan.
    pub fn new(
        document: Document,
        vary: Vec<String>,
        sample: Option<usize>,
        seed: u64,
        budget: Budget,
        engine: EngineChoice,
    ) -> Result<Header, Error> {
        if budget.runs == 0 {
            return Err(Error::input("a sweep needs at least one run a point"));
        }
        let header = Header {
            document,
            vary,
            sample,
            seed,
            budget,
            engine,
            share: Share::WHOLE,
        };
        header.plan()?;
        Ok(header)
    }

    /// The plan that it asks for: the axes of `[sweep]`, but those that `--vary` names, then `--vary`'s.
    ///
    /// # Errors
    /// There is no such plan.
    pub fn plan(&self) -> Result<Plan, Error> {
        let varied = self
            .vary
            .iter()
            .map(|text| Axis::parse(text))
            .collect::<Result<Vec<_>, _>>()?;
        let names = |axis: &Axis, key: &str| axis.scales.iter().any(|scale| scale.key == key);
        let mut axes = axis::of_scenario(&self.document.resolve()?)?;
        axes.retain(|axis| {
            !varied
                .iter()
                .any(|other| axis.scales.iter().any(|scale| names(other, &scale.key)))
        });
        axes.extend(varied);
        match self.sample {
            None => Plan::grid(axes),
            Some(rows) => Plan::sample(axes, rows, self.seed),
        }
    }

    /// The lines that make it the same sweep, one fact each.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let (path, text, edits) = self.document.parts();
        let mut facts = vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("path", path.display().to_string()),
            ("text", text.to_owned()),
        ];
        facts.extend(edits.map(|(key, line)| ("edit", format!("{key} {line}"))));
        facts.extend(self.vary.iter().map(|vary| ("vary", vary.clone())));
        facts.extend(self.sample.map(|rows| ("sample", rows.to_string())));
        facts.push(("seed", self.seed.to_string()));
        facts.push(("runs", self.budget.runs.to_string()));
        facts.extend(
            self.budget
                .precision
                .map(|precision| ("precision", precision.to_string())),
        );
        facts.push(("level", format!("{:?}", self.budget.level)));
        facts.push(("engine", self.engine.to_string()));
        facts
    }

    /// The first line of a record up to its first point.
    pub fn to_lines(&self) -> String {
        let lines = self.bare_lines();
        format!("{lines}{HEADER_SUM}{:016x}\n", fnv1a(lines.as_bytes()))
    }

    fn bare_lines(&self) -> String {
        let mut lines = format!("{FIRST_LINE}\n");
        for (name, fact) in self.facts() {
            let _ = writeln!(lines, "{name} {}", escaped(&fact));
        }
        let _ = writeln!(lines, "share {}/{}", self.share.number, self.share.of);
        lines
    }

    /// Refuses a record of another sweep.
    ///
    /// # Errors
    /// What differs.
    pub fn must_equal(&self, other: &Header) -> Result<(), Error> {
        let (mine, theirs) = (self.facts(), other.facts());
        // Only the name of the file may differ: it is the same sweep wherever it lies.
        let relevant = |fact: &&(&str, String)| fact.0 != "path";
        let differs = mine
            .iter()
            .filter(relevant)
            .zip(theirs.iter().filter(relevant))
            .find(|(mine, theirs)| mine != theirs);
        let name = match differs {
            Some((mine, _)) if mine.0 == "text" || mine.0 == "edit" => "scenario",
            Some((mine, _)) => mine.0,
            None if mine.len() != theirs.len() => "scenario or axes",
            None => return Ok(()),
        };
        Err(Error::input(format!(
            "it is the record of another sweep: the {name} differs"
        ))
        .hint("remove it to start afresh, or ask for the sweep that it belongs to"))
    }

    /// The lines after the first one, up to the header's checksum.
    fn parse(lines: &str) -> Result<Header, Error> {
        let mut facts: Vec<(&str, String)> = Vec::new();
        for line in lines.lines() {
            let (name, fact) = line
                .split_once(' ')
                .ok_or_else(|| damaged("a line of its header is none"))?;
            facts.push((name, unescaped(fact)));
        }
        let all = |name: &'static str| {
            facts
                .iter()
                .filter(move |fact| fact.0 == name)
                .map(|fact| fact.1.clone())
        };
        let one = |name: &'static str| all(name).next();
        let lacks = |name: &'static str| {
            move || damaged(&format!("its `{name}` is missing, or out of range"))
        };
        let number = |name: &'static str| {
            one(name)
                .and_then(|text| text.parse().ok())
                .ok_or_else(lacks(name))
        };
        let edits = all("edit").filter_map(|edit| {
            edit.split_once(' ')
                .map(|(key, line)| (key.to_owned(), line.to_owned()))
        });
        let path = one("path").ok_or_else(lacks("path"))?;
        let text = one("text").ok_or_else(lacks("text"))?;
        let precision =
            one("precision").map(|text| Precision::parse(&text).map_err(|_| lacks("precision")()));
        let level = one("level")
            .and_then(|level| level.parse().ok())
            .filter(|level: &f64| *level > 0.0 && *level < 1.0);
        Ok(Header {
            document: Document::from_parts(Path::new(&path), &text, edits.collect())?,
            vary: all("vary").collect(),
            sample: one("sample")
                .map(|rows| rows.parse().map_err(|_| lacks("sample")()))
                .transpose()?,
            seed: number("seed")?,
            budget: Budget {
                // As many as `--runs` can ask for.
                runs: Some(number("runs")?)
                    .filter(|runs| (1..=u32::MAX.into()).contains(runs))
                    .ok_or_else(lacks("runs"))?,
                precision: precision.transpose()?,
                level: level.ok_or_else(lacks("level"))?,
            },
            engine: one("engine")
                .and_then(|engine| engine.parse().ok())
                .ok_or_else(lacks("engine"))?,
            share: one("share")
                .and_then(|share| Share::parse(&share).ok())
                .ok_or_else(lacks("share"))?,
        })
    }
}

impl Record {
    /// Nothing simulated yet.
    pub fn new(header: Header) -> Record {
        Record {
            header,
            totals: BTreeMap::new(),
        }
    }

    /// The whole record.
    pub fn to_lines(&self) -> String {
        let points: String = self
            .totals
            .iter()
            .map(|(number, totals)| point_line(*number, totals))
            .collect();
        self.header.to_lines() + &points
    }

    /// Reads a record from a text.
    ///
    /// # Errors
    /// As [`Record::read`].
    pub fn parse(text: &str) -> Result<Record, Error> {
        Record::read(text.as_bytes())
    }

    /// Reads a record, no more of it than one line at a time; a last line that was cut short is left out.
    ///
    /// # Errors
    /// It cannot be read, is no record, by another version, or damaged elsewhere than at its end; exit code 2. It is
    /// longer than any record; exit code 4.
    pub fn read(reader: impl BufRead) -> Result<Record, Error> {
        let mut lines = Lines {
            reader: reader.take(LONGEST),
            bytes: Vec::new(),
        };
        if lines
            .next((FIRST_LINE.len() as u64).saturating_add(2))?
            .as_deref()
            != Some(FIRST_LINE)
        {
            return Err(Error::input(
                "it is no record of a sweep by this version of rollcast",
            ));
        }
        let mut header = String::new();
        let sum = loop {
            let line = lines
                .next(LONGEST_LINE)?
                .ok_or_else(|| damaged("its header has no end"))?;
            if let Some(sum) = line.strip_prefix(HEADER_SUM) {
                break sum.to_owned();
            }
            header.push_str(&line);
            header.push('\n');
        };
        // Another version may reckon otherwise.
        let version = header
            .lines()
            .find_map(|line| line.strip_prefix("version "))
            .unwrap_or_default();
        if version != env!("CARGO_PKG_VERSION") {
            let words = format!(
                "it was made by rollcast {version}, and this is {}",
                env!("CARGO_PKG_VERSION")
            );
            return Err(Error::input(words));
        }
        if sum
            != format!(
                "{:016x}",
                fnv1a(format!("{FIRST_LINE}\n{header}").as_bytes())
            )
        {
            return Err(damaged("the checksum of its header is wrong"));
        }
        let mut record = Record::new(Header::parse(&header)?);
        let points = record.header.plan()?.points.len();
        let mut line = lines.next(LONGEST_LINE)?;
        while let Some(text) = line {
            line = lines.next(LONGEST_LINE)?;
            let number = match parse_point(&text) {
                Some((number, totals)) if number < points => {
                    totals
                        .judge(record.header.budget.runs)
                        .map_err(|words| damaged(&format!("point {number}: {words}")))?;
                    record.totals.insert(number, totals);
                    continue;
                }
                other => other.map(|(number, _)| number),
            };
            // The last line may have been cut short, and look whole.
            match number {
                None if line.is_none() => break,
                None => return Err(damaged("the checksum of a point is wrong")),
                Some(number) => {
                    return Err(damaged(&format!("it has a point {number} of {points}")));
                }
            }
        }
        Ok(record)
    }

    /// Puts the records of all shares together.
    ///
    /// # Errors
    /// A share is missing, there twice, not complete, or of another sweep.
    pub fn merge(records: Vec<(String, Record)>) -> Result<Record, Error> {
        let mut seen: BTreeMap<usize, String> = BTreeMap::new();
        let mut whole: Option<Record> = None;
        for (name, record) in records {
            let named = |error: Error| error.prefixed(&name);
            let header = &record.header;
            let merged = whole.get_or_insert_with(|| Record::new(header.clone()));
            merged.header.must_equal(header).map_err(named)?;
            if header.share.of != merged.header.share.of {
                let (mine, theirs) = (header.share.of, merged.header.share.of);
                return Err(named(Error::input(format!(
                    "it is one of {mine} shares, the first file is one of {theirs}"
                ))));
            }
            if let Some(other) = seen.insert(header.share.number, name.clone()) {
                return Err(Error::input(format!(
                    "{other} and {name} are both share {}",
                    header.share.number
                )));
            }
            let mine: Vec<usize> = header
                .share
                .of_points(header.plan()?.points.len())
                .collect();
            let open = mine.iter().filter(|number| {
                !record
                    .totals
                    .get(number)
                    .is_some_and(|done| header.budget.is_spent(done))
            });
            let open = open.count();
            if open > 0 {
                let left = format!("{open} of its {} points are not complete", mine.len());
                return Err(named(Error::input(left).hint("go on with it: --resume")));
            }
            merged.totals.extend(
                record
                    .totals
                    .into_iter()
                    .filter(|(number, _)| mine.contains(number)),
            );
        }
        let mut whole = whole.ok_or_else(|| Error::input("there is nothing to merge"))?;
        let missing: Vec<_> = (1..=whole.header.share.of)
            .filter(|share| !seen.contains_key(share))
            .map(|share| share.to_string())
            .collect();
        if !missing.is_empty() {
            const SHOWN: usize = 20;
            let more = if missing.len() > SHOWN {
                format!(", … ({} in all)", missing.len())
            } else {
                String::new()
            };
            let shown = missing
                .get(..SHOWN.min(missing.len()))
                .unwrap_or_default()
                .join(", ");
            let of = whole.header.share.of;
            return Err(Error::input(format!(
                "of {of} shares these are missing: {shown}{more}"
            )));
        }
        whole.header.share = Share::WHOLE;
        Ok(whole)
    }
}

/// One point as a line of a record.
pub fn point_line(number: usize, totals: &Totals) -> String {
    let mut line = format!("point {number}");
    for sum in totals.sums() {
        let _ = write!(line, " {} {} {}", sum.n, sum.sum, sum.squares);
    }
    let _ = write!(line, " {}", totals.fingerprint);
    for (failed, runs) in &totals.distribution {
        let _ = write!(line, " {failed}:{runs}");
    }
    format!("{line} {:016x}\n", fnv1a(line.as_bytes()))
}

fn parse_point(line: &str) -> Option<(usize, Totals)> {
    let (content, checksum) = line.rsplit_once(' ')?;
    if u64::from_str_radix(checksum, 16).ok()? != fnv1a(content.as_bytes()) {
        return None;
    }
    let mut words = content.strip_prefix("point ")?.split(' ');
    let number = words.next()?.parse().ok()?;
    let mut totals = Totals::default();
    for sum in totals.sums_mut() {
        sum.n = words.next()?.parse().ok()?;
        sum.sum = words.next()?.parse().ok()?;
        sum.squares = words.next()?.parse().ok()?;
    }
    totals.fingerprint = words.next()?.parse().ok()?;
    for word in words {
        let (failed, runs) = word.split_once(':')?;
        totals
            .distribution
            .insert(failed.parse().ok()?, runs.parse().ok()?);
    }
    Some((number, totals))
}

fn damaged(what: &str) -> Error {
    Error::input(format!("the record is damaged: {what}")).hint("remove it to start afresh")
}

/// The lines of a record, each whole: without its newline the last one was cut short, even if it looks whole.
struct Lines<R> {
    reader: std::io::Take<R>,
    bytes: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The next line, if there is one; a longer one is an error.
    fn next(&mut self, longest: u64) -> Result<Option<String>, Error> {
        self.bytes.clear();
        let read = (&mut self.reader)
            .take(longest)
            .read_until(b'\n', &mut self.bytes);
        read.map_err(|error| Error::input(format!("cannot read: {error}")))?;
        if self.reader.limit() == 0 {
            return Err(Error::too_large(format!(
                "a record longer than {} GiB",
                LONGEST >> 30
            )));
        }
        if self.bytes.pop_if(|byte| *byte == b'\n').is_none() {
            let is_long = self.bytes.len() as u64 == longest;
            return if is_long && longest == LONGEST_LINE {
                Err(damaged("it has a line without end"))
            } else {
                Ok(None)
            };
        }
        // A line that was cut short may end within a letter; what is lost of it is lost anyway.
        Ok(Some(String::from_utf8_lossy(&self.bytes).into_owned()))
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): against accidents, not against forgery.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A text on one line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

fn unescaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        text.push(match (letter, letter == '\\') {
            (_, true) => match letters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                other => other.unwrap_or('\\'),
            },
            (plain, false) => plain,
        });
    }
    text
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "records are ASCII here")]
mod tests;
