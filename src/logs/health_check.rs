//! ALB health check logs: a line a check, of each node and target; one file a node each five minutes (AWS guide,
//! load-balancer-health-check-logs, since 2025-11).
//!
//! `type time latency target_addr target_group_id status status_code reason_code`, perhaps with `elb ip_address`
//! behind it, and whatever will follow.

use super::fields::{self, Fields};
use crate::time::Time;

const BEGAN: usize = 1;
const LATENCY: usize = 2;
const TARGET: usize = 3;
const TARGET_GROUP: usize = 4;
const STATUS: usize = 5;
const NODE: usize = 9;

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check<'a> {
    /// When it began.
    pub at: Time,
    /// The node that made it; empty if neither the line nor the file's name tells.
    pub node: String,
    /// The target, without its port.
    pub target: &'a str,
    /// The target group's name.
    pub target_group: &'a str,
    /// Whether the target passed.
    pub passed: bool,
}

/// Whether a line is one of a health check log.
pub(super) fn is_line(line: &str) -> bool {
    let mut words = line.split(' ').skip(LATENCY);
    let is_latency = words
        .next()
        .is_some_and(|word| word == "-" || word.parse::<f64>().is_ok());
    is_latency && matches!(words.nth(STATUS - LATENCY - 1), Some("PASS" | "FAIL"))
}

/// Reads one line; `node` is what the file's name says.
pub(super) fn read<'a>(line: &'a str, node: &str) -> Result<Check<'a>, String> {
    let fields = Fields::of(line)?;
    let status = fields.get(STATUS).ok_or_else(|| {
        format!(
            "the line ends after {} fields; a health check log has 8 or more",
            fields.count()
        )
    })?;
    let passed = match status {
        "PASS" => true,
        "FAIL" => false,
        other => return Err(format!("`{other}` is neither PASS nor FAIL")),
    };
    let target = fields.get(TARGET).unwrap_or_default();
    Ok(Check {
        at: Time::parse_rfc3339(fields.get(BEGAN).unwrap_or_default())?,
        node: fields
            .get(NODE)
            .and_then(super::node)
            .unwrap_or_else(|| node.to_owned()),
        target: fields::address(target)
            .ok_or_else(|| format!("`{target}` is no target; IP:PORT is"))?,
        target_group: fields.get(TARGET_GROUP).unwrap_or_default(),
        passed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After the example of the AWS guide.
    const LINE: &str =
        "http 2025-10-31T12:44:59.875678Z 0.019584011 10.31.20.97:80 my-targets PASS 200 -";

    #[test]
    fn a_line_says_who_checked_whom_and_when() {
        assert!(is_line(LINE));
        let check = read(LINE, "192.0.2.1").unwrap();
        assert_eq!(
            check.at,
            Time::parse_rfc3339("2025-10-31T12:44:59.875678Z").unwrap()
        );
        assert_eq!(
            (check.node.as_str(), check.target),
            ("192.0.2.1", "10.31.20.97")
        );
        assert!(check.passed && check.target_group == "my-targets");
        let failed = LINE.replace("PASS 200 -", "FAIL - TimedOut app/a/0f 192.0.2.2 new");
        let check = read(&failed, "").unwrap();
        assert!(!check.passed && check.node == "192.0.2.2");
        assert!(read(&LINE.replace("PASS", "GONE"), "").is_err());
        assert!(read(&LINE.replace(":80", ""), "").is_err());
    }
}
