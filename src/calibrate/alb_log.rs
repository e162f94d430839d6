//! ALB access logs: a line a request (AWS guide, load-balancer-access-logs).
//!
//! Fields are separated by spaces, texts stand in quotes. "New fields are added at the end … ignore any
//! fields at the end that you were not expecting."

use super::Evidence;
use crate::time::{Span, Time};

/// Places of the fields that matter.
const ENDED: usize = 1;
const TARGET: usize = 4;
const TIMES: std::ops::Range<usize> = 5..8;
const STATUS: usize = 8;
const TARGET_STATUS: usize = 9;
const TARGET_GROUP: usize = 16;
const CREATED: usize = 21;

/// A connection that the network refuses does so after about three seconds, by ARP's three tries; a
/// closed port does at once, and the connect time-out is ten.
const UNREACHABLE: std::ops::Range<Span> = Span::from_secs(2)..Span::from_secs(9);

/// Whether a line that begins with this word is one of an access log.
pub(super) fn is_kind(word: &str) -> bool {
    matches!(word, "http" | "https" | "h2" | "grpcs" | "ws" | "wss")
}

/// Adds one line.
pub(super) fn read(
    line: &str,
    node: &str,
    target_group: Option<&str>,
    evidence: &mut Evidence,
) -> Result<(), String> {
    let fields = fields(line)?;
    let [.., created] = fields;
    if !is_kind(fields[0]) {
        return Err(format!(
            "`{}` is no type of request; http, https, h2, grpcs, ws or wss is",
            fields[0]
        ));
    }
    if target_group.is_some_and(|name| !fields[TARGET_GROUP].contains(name)) {
        return Ok(());
    }
    let (created, ended) = (
        Time::parse_rfc3339(created)?,
        Time::parse_rfc3339(fields[ENDED])?,
    );
    let status: u16 = fields[STATUS]
        .parse()
        .map_err(|_| format!("`{}` is no status", fields[STATUS]))?;
    let target = fields[TARGET];
    let address = match target.rsplit_once(':') {
        Some((address, _)) => Some(address),
        None if target == "-" => None,
        None => return Err(format!("`{target}` is no target; IP:PORT is")),
    };
    // Nothing of a damaged line counts.
    evidence.logged.add(created, status);
    let Some(address) = address else {
        return Ok(());
    };
    let address = address.trim_matches(['[', ']']);
    entry(entry(&mut evidence.routes, node), address).push(created);
    if fields[TARGET_STATUS] != "-" {
        let last = entry(&mut evidence.last_answered, address);
        *last = created.max(*last);
    } else if fields[TIMES].iter().all(|time| *time == "-1") && matches!(status, 502 | 504) {
        entry(&mut evidence.dead, address).push(created);
        match status {
            504 => evidence.timed_out += 1,
            _ if UNREACHABLE.contains(&ended.saturating_since(created)) => {
                evidence.unreachable += 1;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The value of a name, made if it is not there; looking it up copies no name.
#[allow(clippy::expect_used, reason = "it was just inserted")]
fn entry<'a, V: Default>(
    map: &'a mut std::collections::BTreeMap<String, V>,
    name: &str,
) -> &'a mut V {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), V::default());
    }
    map.get_mut(name).expect("it was just inserted")
}

/// The fields up to the time of creation, without their quotes.
fn fields(line: &str) -> Result<[&str; CREATED + 1], String> {
    let mut fields = [""; CREATED + 1];
    let mut rest = line;
    for (place, field) in fields.iter_mut().enumerate() {
        rest = rest.trim_start_matches(' ');
        (*field, rest) = match rest.strip_prefix('"') {
            Some(text) => {
                quoted(text).ok_or_else(|| format!("field {} has no closing quote", place + 1))?
            }
            None => rest
                .split_at_checked(rest.find(' ').unwrap_or(rest.len()))
                .unwrap_or((rest, "")),
        };
        if field.is_empty() && rest.is_empty() {
            return Err(format!(
                "the line ends after {place} fields; an access log has {} or more",
                CREATED + 1
            ));
        }
    }
    Ok(fields)
}

/// A quoted text, and what follows its closing quote; a quote behind a backslash is part of the text.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    let mut ends = |letter: char| {
        let ends = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        ends
    };
    let (end, _) = text.char_indices().find(|(_, letter)| ends(*letter))?;
    let (quoted, rest) = text.split_at_checked(end)?;
    Some((quoted, rest.strip_prefix('"')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After the example of the AWS guide, with a field at its end that nobody expects.
    const LINE: &str = r#"https 2018-07-02T22:23:10.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 -1 -1 -1 504 - 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0 \"x\"" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678" 1 2018-07-02T22:23:00.186641Z "forward" "-" "-" "10.0.0.1:80" "-" "-" "-" TID_1 "new"#;

    #[test]
    fn a_line_says_when_which_target_and_how_it_ended() {
        let mut evidence = Evidence::default();
        read(LINE, "a", Some("my-targets"), &mut evidence).unwrap();
        let created = Time::parse_rfc3339("2018-07-02T22:23:00.186641Z").unwrap();
        assert_eq!(evidence.routes["a"]["10.0.0.1"], [created]);
        assert_eq!(
            (
                evidence.dead["10.0.0.1"].len(),
                evidence.timed_out,
                evidence.unreachable
            ),
            (1, 1, 0)
        );
        assert_eq!(evidence.logged.statuses[&504], 1);
        read(LINE, "a", Some("another"), &mut evidence).unwrap();
        assert_eq!(evidence.logged.requests(), 1);
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let check = |line: &str, words: &str| {
            let said = read(line, "", None, &mut Evidence::default()).unwrap_err();
            assert!(said.contains(words), "{said}");
        };
        check("http", "ends after 1 fields");
        check(&LINE.replace("504 -", "5x4 -"), "`5x4` is no status");
        check(
            &LINE.replace("10.0.0.1:80 -1", "10.0.0.1 -1"),
            "is no target",
        );
        check(
            &LINE.replace("2018-07-02T22:23:00", "2018-07-02 22:23:00"),
            "not a time",
        );
        check(LINE.split_once("GET").unwrap().0, "no closing quote");
    }
}
