//! What logs of a real rollout say about the numbers that nobody publishes.
//!
//! The model assumes how long an ALB takes to learn of a deregistration and of a registration, how often
//! that takes much longer, and how a removed pod IP answers. A rollout that was logged shows all of it: an
//! access log has, for each node, when a target was chosen first and last, and a watch of the
//! EndpointSlice has when Kubernetes gave it up. What lies between the two and is no lag of the load
//! balancer (the controller's own way, mostly) is taken from the model itself: a [`Pilot`].

#![cfg_attr(not(test), deny(clippy::string_slice, clippy::expect_used))]

mod alb_log;
mod estimate;
mod pilot;
mod source;
mod vegeta;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::Error;
use crate::time::Time;
pub use estimate::{Calibration, Finding, Unit, estimate};
pub use pilot::Pilot;
use watch::Membership;

/// Everything that the logs say, wall-clock times throughout: a [`Time`] whose origin is the Unix epoch.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// When each ALB node gave requests to each target address, in the order of the log. A log that does
    /// not say which node wrote it has the empty name.
    routes: BTreeMap<String, BTreeMap<String, Vec<Time>>>,
    /// When requests met nobody at a target: their connections failed.
    dead: BTreeMap<String, Vec<Time>>,
    /// The last request that a target answered.
    last_answered: BTreeMap<String, Time>,
    /// Connections that failed after the connect time-out, and those that the network refused after seconds.
    timed_out: u64,
    unreachable: u64,
    membership: Membership,
    /// Files with lines that are none, in words: how many, and the first. They are left out.
    pub damaged: Vec<String>,
    /// What the load balancer logged.
    pub logged: Counts,
    /// What the client measured.
    pub client: Counts,
}

/// How many requests ended how, and when they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests by status; 0 is a client that gave up or could not connect.
    pub statuses: BTreeMap<u16, u64>,
    /// When the first and the last were sent.
    pub window: Option<(Time, Time)>,
}

impl Counts {
    fn add(&mut self, sent: Time, status: u16) {
        *self.statuses.entry(status).or_default() += 1;
        let (first, last) = self.window.unwrap_or((sent, sent));
        self.window = Some((first.min(sent), last.max(sent)));
    }

    /// All of them.
    pub fn requests(&self) -> u64 {
        self.statuses.values().sum()
    }
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
        self.routes.keys().filter(|name| !name.is_empty()).count()
    }
}

/// Reads logs: files, folders of them, `-` for stdin. What each file is shows in its first line. Of an
/// access log only lines count whose target group has `target_group` in its name, if it is given.
///
/// # Errors
/// A file cannot be read, is none of the formats, or has a line that is not of its format.
pub fn gather(paths: &[PathBuf], target_group: Option<&str>) -> Result<Evidence, Error> {
    let mut evidence = Evidence::default();
    for path in source::files(paths)? {
        source::read(&path, target_group, &mut evidence)?;
    }
    if evidence.seen().requests() == 0 {
        return Err(Error::input("there is no request in these logs")
            .hint("give ALB access logs, `vegeta encode` output, or both"));
    }
    Ok(evidence)
}
