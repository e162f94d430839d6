//! What AWS takes for a target group of HTTP and its load balancer.

use super::Found;
use super::look::found;
use crate::check::subject::Subject;
use crate::time::Span;

/// A key, the least and the most that AWS takes of it, and whether that is a span; 0 turns slow start off.
const LIMITS: [(&[&str], u64, u64, bool); 7] = [
    (&["target_group.deregistration_delay"], 0, 3600, true),
    (&["target_group.slow_start"], 30, 900, true),
    (&["target_group.health_check.interval"], 5, 300, true),
    (&["target_group.health_check.timeout"], 2, 120, true),
    (
        &["target_group.health_check.healthy_threshold"],
        2,
        10,
        false,
    ),
    (
        &["target_group.health_check.unhealthy_threshold"],
        2,
        10,
        false,
    ),
    (&["load_balancer.idle_timeout"], 1, 4000, true),
];

const INTERVAL: &str = "target_group.health_check.interval";
const TIMEOUT: &str = "target_group.health_check.timeout";

/// Manifests only: a scenario that is so is refused as a whole.
pub(super) fn refused_by_aws(subject: &Subject) -> Option<Found> {
    subject.facts.as_ref()?;
    LIMITS
        .iter()
        .find_map(|limit| beyond(subject, limit))
        .or_else(|| timeout_reaches_interval(subject))
}

fn beyond(
    subject: &Subject,
    (keys, least, most, is_span): &(&'static [&'static str], u64, u64, bool),
) -> Option<Found> {
    let key = keys.first()?;
    let said = subject.said(key)?;
    let number = if *is_span {
        Span::parse(said).ok()?.as_micros() / 1_000_000
    } else {
        said.parse().ok()?
    };
    if (*least..=*most).contains(&number) || (*key == "target_group.slow_start" && number == 0) {
        return None;
    }
    let unit = if *is_span { " seconds" } else { "" };
    let message = format!(
        "`{key}` is {said}: AWS takes {least} to {most}{unit}, so the controller cannot set it"
    );
    found(true, keys, message, Vec::new())
}

/// A check must be over before the next one: of the two the one that is written is to blame.
fn timeout_reaches_interval(subject: &Subject) -> Option<Found> {
    let (interval, timeout) = (subject.said(INTERVAL), subject.said(TIMEOUT));
    let or_default = |said: Option<&str>, default| {
        said.map_or(Some(Span::from_secs(default)), |said| {
            Span::parse(said).ok()
        })
    };
    let (every, within) = (or_default(interval, 15)?, or_default(timeout, 5)?);
    if within < every {
        return None;
    }
    let by_default = |said: Option<&str>| {
        if said.is_none() {
            ", the controller's default"
        } else {
            ""
        }
    };
    let message = format!(
        "the health check's timeout is {within}{}, its interval {every}{}: AWS takes only a timeout below the interval, \
         so the controller cannot make the target group",
        by_default(timeout),
        by_default(interval),
    );
    let keys: &[&str] = if interval.is_some() {
        &[INTERVAL, TIMEOUT]
    } else {
        &[TIMEOUT, INTERVAL]
    };
    found(true, keys, message, Vec::new())
}
