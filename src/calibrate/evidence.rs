//! What logs say, gathered: wall-clock times throughout, a [`Time`] whose origin is the Unix epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::watch::{self, Membership};
use crate::error::Error;
use crate::logs::access::{Failure, Request};
use crate::logs::health_check::Check;
use crate::logs::{self, Reading, Record};
use crate::time::Time;

/// Everything that the logs say. Of a request it keeps eight bytes.
#[derive(Debug, Default)]
pub struct Evidence {
    /// When each ALB node gave requests to each target address, in the order of the log. A log that does
    /// not say which node wrote it has the empty name.
    pub(super) choices: BTreeMap<String, BTreeMap<String, Vec<Choice>>>,
    /// When each node checked each address, and whether it passed.
    pub(super) checks: BTreeMap<String, BTreeMap<String, Vec<(Time, bool)>>>,
    /// Requests to each address that came to nothing.
    pub(super) failures: BTreeMap<String, Vec<(Time, Failure)>>,
    /// How long targets took to answer 200, in whole milliseconds, and how often.
    pub(super) service_times: BTreeMap<u64, u64>,
    pub(super) membership: Membership,
    /// Nodes by the logs of any kind.
    pub(super) nodes: BTreeSet<String>,
    /// Requests that no target was asked for, by why; they count nowhere else.
    pub left_out: BTreeMap<&'static str, u64>,
    /// What the load balancer logged.
    pub logged: Counts,
    /// What the client measured.
    pub client: Counts,
    /// Which files were read.
    pub reading: Reading,
}

/// A node gave a request to a target: when, and whether the target answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Choice(u64);

impl Choice {
    fn of(at: Time, answered: bool) -> Choice {
        Choice(at.as_micros() << 1 | u64::from(answered))
    }

    pub(super) const fn at(self) -> Time {
        Time::from_micros(self.0 >> 1)
    }

    pub(super) const fn answered(self) -> bool {
        self.0 & 1 == 1
    }
}

/// How many requests ended how, and when they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests by the second in which they were sent and by status; 0 is a client that gave up or could not connect.
    seconds: BTreeMap<u64, BTreeMap<u16, u64>>,
    /// When the first and the last were sent.
    window: Option<(Time, Time)>,
}

impl Counts {
    fn add(&mut self, sent: Time, status: u16) {
        let second = self.seconds.entry(second(sent)).or_default();
        *second.entry(status).or_default() += 1;
        let (first, last) = self.window.unwrap_or((sent, sent));
        self.window = Some((first.min(sent), last.max(sent)));
    }

    fn remove(&mut self, sent: Time, status: u16) {
        let count = self.seconds.get_mut(&second(sent));
        if let Some(count) = count.and_then(|second| second.get_mut(&status)) {
            *count = count.saturating_sub(1);
        }
    }

    /// All of them.
    pub fn requests(&self) -> u64 {
        self.seconds.values().flat_map(BTreeMap::values).sum()
    }

    /// When the first and the last were sent.
    pub const fn window(&self) -> Option<(Time, Time)> {
        self.window
    }

    /// Those sent in these seconds, by status.
    pub fn statuses(&self, from: Time, until: Time) -> BTreeMap<u16, u64> {
        let mut statuses = BTreeMap::new();
        for second in self.seconds.range(second(from)..=second(until)) {
            for (status, count) in second.1 {
                *statuses.entry(*status).or_default() += count;
            }
        }
        statuses
    }

    /// Requests in each second from the first to the last.
    pub(super) fn per_second(&self) -> Vec<u64> {
        let Some((first, last)) = self.window else {
            return Vec::new();
        };
        let count = |second| {
            self.seconds
                .get(&second)
                .map_or(0, |statuses| statuses.values().sum())
        };
        (second(first)..=second(last)).map(count).collect()
    }
}

fn second(at: Time) -> u64 {
    at.as_micros() / 1_000_000
}

impl Evidence {
    /// What the user saw: the client's results, or what the load balancer logged if there are none.
    pub fn seen(&self) -> &Counts {
        if self.client.requests() > 0 {
            &self.client
        } else {
            &self.logged
        }
    }

    /// ALB nodes whose logs these are; none if the logs do not tell.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are logs of the load balancer that tell one target from another.
    pub(super) fn has_targets(&self) -> bool {
        !self.choices.is_empty() || !self.checks.is_empty()
    }

    /// The latest answer of a target.
    pub(super) fn last_answer(&self, address: &str) -> Option<Time> {
        self.answers(address).max()
    }

    /// All answers of a target, by any node.
    pub(super) fn answers(&self, address: &str) -> impl Iterator<Item = Time> {
        self.choices
            .values()
            .filter_map(move |targets| targets.get(address))
            .flatten()
            .filter(|choice| choice.answered())
            .map(|choice| choice.at())
    }

    fn request(&mut self, request: &Request<'_>) {
        self.know(&request.node);
        if let Some(why) = request.not_forwarded {
            *self.left_out.entry(why).or_default() += 1;
            return;
        }
        let Some(status) = request.status else {
            *self
                .left_out
                .entry("no status stands in the line")
                .or_default() += 1;
            return;
        };
        self.logged.add(request.created, status);
        let Some(address) = request.target else {
            return;
        };
        let answered = request.target_status.is_some();
        entry(entry(&mut self.choices, &request.node), address)
            .push(Choice::of(request.created, answered));
        if let Some(failure) = request.failure() {
            entry(&mut self.failures, address).push((request.created, failure));
        }
        if let ([_, Some(waited), _], Some(200)) = (request.times, request.target_status) {
            *self
                .service_times
                .entry((waited * 1e3).round() as u64)
                .or_default() += 1;
        }
    }

    fn check(&mut self, check: &Check<'_>) {
        self.know(&check.node);
        entry(entry(&mut self.checks, &check.node), check.target).push((check.at, check.passed));
    }

    fn know(&mut self, node: &str) {
        if !node.is_empty() && !self.nodes.contains(node) {
            self.nodes.insert(node.to_owned());
        }
    }

    /// A 504 after the idle time-out, of a target that answered others later, is a slow answer in any rollout or none.
    fn leave_out_slow_answers(&mut self) {
        let mut slow = Vec::new();
        for (address, failures) in &self.failures {
            let last = self.last_answer(address);
            let is_slow = |(at, failure): &&(Time, Failure)| {
                *failure == Failure::IdleTimeout && last.is_some_and(|last| last > *at)
            };
            slow.extend(failures.iter().filter(is_slow).map(|(at, _)| *at));
        }
        for at in &slow {
            self.logged.remove(*at, 504);
        }
        if !slow.is_empty() {
            let why = "504 after the idle time-out, of a target that went on answering";
            self.left_out.insert(why, slow.len() as u64);
        }
    }
}

/// The value of a name, made if it is not there; looking it up copies no name.
#[expect(clippy::expect_used, reason = "it was just inserted")]
fn entry<'a, V: Default>(map: &'a mut BTreeMap<String, V>, name: &str) -> &'a mut V {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), V::default());
    }
    map.get_mut(name).expect("it was just inserted")
}

/// Reads logs: files, folders of them, `-` for stdin. Of access and health check logs only lines count whose target
/// group has `target_group` in its name, if it is given.
///
/// # Errors
/// A file cannot be read, is none of the formats, or too many lines are damaged; or there is no request in them.
pub fn gather(paths: &[PathBuf], target_group: Option<&str>) -> Result<Evidence, Error> {
    let mut evidence = Evidence::default();
    let is_ours = |name: &str| target_group.is_none_or(|group| name.contains(group));
    evidence.reading = logs::read(paths, &mut |record| {
        match record {
            Record::Request(request) if is_ours(request.target_group) => {
                evidence.request(&request);
            }
            Record::Check(check) if is_ours(check.target_group) => evidence.check(&check),
            Record::Request(_) | Record::Check(_) => {}
            Record::Connection(connection) => evidence.know(&connection.node),
            Record::Answer(at, status) => evidence.client.add(at, status),
            Record::Object(object, at) => watch::read(object, at, &mut evidence.membership)?,
        }
        Ok(())
    })?;
    evidence.leave_out_slow_answers();
    for targets in evidence.choices.values_mut() {
        targets.values_mut().for_each(|choices| choices.sort());
    }
    for targets in evidence.checks.values_mut() {
        targets.values_mut().for_each(|checks| checks.sort());
    }
    if evidence.seen().requests() == 0 && evidence.checks.is_empty() {
        return Err(Error::input("there is no request in these logs")
            .hint("give ALB access logs, `vegeta encode` output, or both"));
    }
    Ok(evidence)
}
