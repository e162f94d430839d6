//! Logs of a real rollout, read as a stream: files are found, told apart by what is in them, and handed out
//! record by record. No more than a line is kept (of JSON over many lines, its text).
//!
//! What a file is shows in its lines, never in its name: people rename files. Damaged lines are left out and
//! counted; a file that is given twice is read once.

#![warn(clippy::string_slice)]

pub mod access;
pub mod connection;
pub mod health_check;

mod fields;
mod file;
mod packed;
mod vegeta;

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::time::Time;

/// Of all lines, the share that may be damaged: more is a file of another kind, or a broken download.
const MOST_DAMAGED: f64 = 0.01;

/// One thing that a log says.
#[derive(Debug)]
pub enum Record<'a> {
    /// A line of an ALB access log.
    Request(access::Request<'a>),
    /// A line of an ALB health check log.
    Check(health_check::Check<'a>),
    /// A line of an ALB connection log.
    Connection(connection::Connection<'a>),
    /// What a client saw: when it sent a request, and the status; 0 if no answer came in its time.
    Answer(Time, u16),
    /// An object of Kubernetes or an event of a watch, and when it came, if a time stands before it.
    Object(serde_json::Value, Option<Time>),
}

/// What was read, and what was left out.
#[derive(Debug, Default)]
pub struct Reading {
    /// Files that were read.
    pub files: u64,
    /// Their lines, damaged ones too.
    pub lines: u64,
    /// Lines that are none of their format.
    pub damaged: u64,
    /// The first of them: `FILE:LINE`, and why it is none.
    pub first_damaged: Option<(String, Error)>,
    /// Files whose end is missing: a last line or a gzip stream that stops midway.
    pub cut: Vec<PathBuf>,
    /// Files that say what another one said: they were left out.
    pub repeated: Vec<PathBuf>,
    /// Files that begin as another one does and go on differently: what both have is counted twice.
    pub alike: Vec<PathBuf>,
}

impl Reading {
    /// Sentences on what was left out or is doubtful; none if all was well.
    pub fn notes(&self) -> Vec<String> {
        let listed = |paths: &[PathBuf], what: &str, more: &str| {
            let first = paths.first()?.display();
            Some(match paths.len() {
                1 => format!("{first} {what}"),
                n => format!("{first} and {} more {more}", n - 1),
            })
        };
        let damaged = self.first_damaged.as_ref().map(|(place, error)| {
            let (damaged, lines) = (self.damaged, self.lines);
            format!(
                "{damaged} of {lines} lines are damaged and left out; the first is {place}: {}",
                error.message()
            )
        });
        let cut = listed(
            &self.cut,
            "stops midway: what comes before counts",
            "files stop midway: what comes before counts",
        );
        let repeated = listed(
            &self.repeated,
            "says what another file said, and was left out",
            "files say what others said, and were left out",
        );
        let alike = listed(
            &self.alike,
            "begins as another file does: is a part of it counted twice?",
            "files begin as others do: is a part of them counted twice?",
        );
        [damaged, cut, repeated, alike]
            .into_iter()
            .flatten()
            .collect()
    }

    fn damage(&mut self, place: String, error: Error) {
        self.damaged += 1;
        self.first_damaged.get_or_insert((place, error));
    }
}

/// Who hears each record; what it cannot make sense of, it says in words, and the line counts as damaged.
pub type Take<'a> = dyn FnMut(Record<'_>) -> Result<(), String> + 'a;

/// Reads files, folders of them in order of name, and stdin for `-`.
///
/// # Errors
/// A file cannot be read or is no log; or more than one line in a hundred is damaged.
pub fn read(paths: &[PathBuf], take: &mut Take<'_>) -> Result<Reading, Error> {
    let mut reading = Reading::default();
    let mut seen = file::Seen::default();
    for path in file::find(paths)? {
        file::read(&path, &mut seen, &mut reading, take)?;
    }
    if reading.damaged as f64 > MOST_DAMAGED * reading.lines as f64 {
        let (damaged, lines) = (reading.damaged, reading.lines);
        if let Some((_, error)) = reading.first_damaged.take() {
            return Err(error.hint(format!(
                "{damaged} of {lines} lines are damaged; up to one in a hundred would be left out"
            )));
        }
    }
    Ok(reading)
}

/// AWS names a log `…_END_NODE-ADDRESS_RANDOM.log.gz`; a file of another name does not say its node.
fn node_of(path: &Path) -> String {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let mut parts = name.rsplit('_').skip(1);
    parts.next().and_then(node).unwrap_or_default()
}

/// The address of a node as everyone writes it; the AWS guide has one with leading zeros (`172.160.001.192`).
fn node(text: &str) -> Option<String> {
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Some(address.to_string());
    }
    let octets: Vec<u8> = text
        .split('.')
        .map(|octet| octet.parse().ok())
        .collect::<Option<_>>()?;
    let octets: [u8; 4] = octets.try_into().ok()?;
    Some(std::net::Ipv4Addr::from(octets).to_string())
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
        check(
            "1_elasticloadbalancing_us-east-2_app.a.0f_20140215T2340Z_172.160.001.192_20sg8hgm.log.gz",
            "172.160.1.192",
        );
        check("all.log", "");
        check("merged_logs_of_today.log", "");
    }
}
