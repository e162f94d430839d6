//! ALB access logs: a line a request (AWS guide, load-balancer-access-logs).

use super::fields::{self, Fields};
use crate::time::{Span, Time};

/// Places of the fields that matter.
const KIND: usize = 0;
const ENDED: usize = 1;
const LOAD_BALANCER: usize = 2;
const TARGET: usize = 4;
const TIMES: [usize; 3] = [5, 6, 7];
const STATUS: usize = 8;
const TARGET_STATUS: usize = 9;
const TARGET_GROUP: usize = 16;
const RULE: usize = 20;
const CREATED: usize = 21;
const ACTIONS: usize = 22;
const ERROR_REASON: usize = 24;
const NODE: usize = 33;
/// A line has as many fields at the least: what came later is younger than some logs.
const FEWEST: usize = 12;

/// A closed port is told within so much.
const AT_ONCE: Span = Span::from_millis(500);
/// A closed port is told when the SYN is repeated: Linux does that after 1 s and 7 s. (After 3 s too, which is as
/// long as three tries of ARP take.)
const REPEATED: [std::ops::RangeInclusive<Span>; 2] = [
    Span::from_secs(1)..=Span::from_millis(1_100),
    Span::from_secs(7)..=Span::from_millis(7_100),
];
/// The connect time-out is ten seconds (AWS guide, load-balancer-troubleshooting, HTTP 504; seen: 10.000 to 10.25 s).
const CONNECT_TIMEOUT: std::ops::RangeInclusive<Span> =
    Span::from_millis(9_900)..=Span::from_millis(10_500);

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request<'a> {
    /// When it was received. Logs before 2018 do not say so: then its end, less how long it took, if it was answered.
    pub created: Time,
    /// From there to the answer; nothing if the line does not tell.
    pub elapsed: Option<Span>,
    /// The node that answered it; empty if neither the line nor the file's name tells.
    pub node: String,
    /// The target that was chosen, without its port; also if no connection came about.
    pub target: Option<&'a str>,
    /// Sending, waiting for the target and answering, in seconds; nothing where it did not come so far.
    pub times: [Option<f64>; 3],
    /// The status that the client got.
    pub status: Option<u16>,
    /// The status that the target gave.
    pub target_status: Option<u16>,
    /// ARN of the target group; empty if none was involved.
    pub target_group: &'a str,
    /// Why the answer is none of the target's or of the way to it, in words: a rule of the load balancer, AWS WAF, …
    pub not_forwarded: Option<&'static str>,
}

/// How a request to a target that was chosen came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// 502: its port was closed.
    Refused,
    /// 502: the network said, after seconds, that it is not there.
    Unreachable,
    /// 504: nothing answered within the connect time-out.
    ConnectTimeout,
    /// 504: it was connected, and silent for the idle time-out.
    IdleTimeout,
    /// Anything else: the connection broke, or the line does not tell.
    Other,
}

impl Request<'_> {
    /// How it came to nothing; nothing if its target answered or none was chosen.
    ///
    /// A 504 is told by how long it took, not by its three times, which differ between load balancers.
    pub fn failure(&self) -> Option<Failure> {
        if self.target.is_none() || self.target_status.is_some() {
            return None;
        }
        let is_sent = self.times.iter().any(Option::is_some);
        Some(match (self.status, self.elapsed) {
            (Some(504), Some(elapsed)) if CONNECT_TIMEOUT.contains(&elapsed) && !is_sent => {
                Failure::ConnectTimeout
            }
            (Some(504), Some(_)) => Failure::IdleTimeout,
            (Some(502), Some(elapsed)) if !is_sent => {
                let is_refused =
                    elapsed <= AT_ONCE || REPEATED.iter().any(|span| span.contains(&elapsed));
                if is_refused {
                    Failure::Refused
                } else {
                    Failure::Unreachable
                }
            }
            _ => Failure::Other,
        })
    }
}

/// Whether a line that begins with this word is one of an access log.
pub(super) fn is_kind(word: &str) -> bool {
    matches!(word, "http" | "https" | "h2" | "grpcs" | "ws" | "wss")
}

/// Reads one line; `node` is what the file's name says.
pub(super) fn read<'a>(line: &'a str, node: &str) -> Result<Request<'a>, String> {
    let fields = Fields::of(line)?;
    if fields.count() < FEWEST {
        return Err(format!(
            "the line ends after {} fields; an access log has {FEWEST} or more",
            fields.count()
        ));
    }
    let load_balancer = fields.get(LOAD_BALANCER).unwrap_or_default();
    if !is_kind(fields.get(KIND).unwrap_or_default()) && !load_balancer.starts_with("app/") {
        return Err("this is no line of an access log".to_owned());
    }
    let ended = Time::parse_rfc3339(fields.get(ENDED).unwrap_or_default())?;
    let created = fields.get(CREATED).map(Time::parse_rfc3339).transpose()?;
    let mut times = [None; 3];
    for (time, place) in times.iter_mut().zip(TIMES) {
        *time = fields
            .number::<f64>(place, "time in seconds")?
            .filter(|secs| *secs >= 0.0);
    }
    let took = match (created, times) {
        (Some(created), _) => Some(ended.saturating_since(created)),
        (None, [Some(sent), Some(waited), Some(answered)]) => {
            Some(Span::from_secs_f64(sent + waited + answered))
        }
        _ => None,
    };
    let target = match fields.get(TARGET) {
        Some(text) => Some(
            fields::address(text).ok_or_else(|| format!("`{text}` is no target; IP:PORT is"))?,
        ),
        None => None,
    };
    let mut request = Request {
        created: ended.saturating_sub(took.unwrap_or_default()),
        elapsed: took,
        node: fields
            .get(NODE)
            .and_then(super::node)
            .unwrap_or_else(|| node.to_owned()),
        target,
        times,
        status: fields.number(STATUS, "status")?,
        target_status: fields.number(TARGET_STATUS, "status")?,
        target_group: fields.get(TARGET_GROUP).unwrap_or_default(),
        not_forwarded: None,
    };
    request.not_forwarded = not_forwarded(&request, &fields);
    Ok(request)
}

/// What answered in place of a target, or stood in the way, first match first.
fn not_forwarded(request: &Request<'_>, fields: &Fields<'_>) -> Option<&'static str> {
    let actions = fields.get(ACTIONS).unwrap_or_default();
    let reason = fields.get(ERROR_REASON).unwrap_or_default();
    let last = actions.rsplit(',').next().unwrap_or_default();
    let is_answered = request.target_status.is_some();
    let is_old = fields.count() <= ACTIONS;
    Some(match request.status {
        _ if reason.starts_with("WAF") || last == "waf-failed" => "AWS WAF failed",
        _ if last == "waf" && request.target.is_none() => "AWS WAF blocked it",
        _ if reason.starts_with("Auth") => "authentication",
        Some(401 | 500 | 561) if actions.contains("authenticate") && last != "forward" => {
            "authentication"
        }
        _ if reason.starts_with("Lambda") => "Lambda",
        _ if reason.starts_with("AWSALBTGCookie") || reason.starts_with("WeightedTargetGroups") => {
            "weighted target groups"
        }
        _ if last == "fixed-response" => "fixed response",
        _ if last == "redirect" => "redirect",
        _ if is_answered && request.target.is_none() => "Lambda",
        Some(400 | 405 | 408 | 413 | 414 | 463 | 464 | 501 | 505 | 507) if !is_answered => {
            "refused by the load balancer as malformed"
        }
        Some(500) if !is_answered => "an error of the load balancer",
        _ if fields.get(RULE) == Some("-1") => "an error of the load balancer's rules",
        Some(460) if request.target.is_none() => "the client left before a target was chosen",
        Some(502 | 504) if request.target.is_none() => "no target stands in the line",
        Some(503) if request.target.is_none() && actions.is_empty() && !is_old => {
            "no rule stands in the line"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After the example of the AWS guide, with a field at its end that nobody expects.
    const LINE: &str = r#"https 2018-07-02T22:23:10.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 -1 -1 -1 504 - 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0 \"x\"" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678" 1 2018-07-02T22:23:00.186641Z "forward" "-" "-" "10.0.0.1:80" "-" "-" "-" TID_1 "-" "-" "-" 192.0.2.9 "new" "new""#;

    #[test]
    fn a_line_says_when_which_target_and_how_it_ended() {
        let request = read(LINE, "a").unwrap();
        let created = Time::parse_rfc3339("2018-07-02T22:23:00.186641Z").unwrap();
        assert_eq!(
            (request.created, request.elapsed),
            (created, Some(Span::from_secs(10)))
        );
        assert_eq!(
            (request.target, request.node.as_str()),
            (Some("10.0.0.1"), "192.0.2.9")
        );
        assert_eq!((request.status, request.target_status), (Some(504), None));
        assert!(request.target_group.contains("my-targets"));
        assert_eq!(
            (request.not_forwarded, request.failure()),
            (None, Some(Failure::ConnectTimeout))
        );
    }

    /// Vectors of the signatures: status, the three times, how long it took.
    #[test]
    fn a_failure_is_told_by_how_long_it_took() {
        let check = |status: &str, times: &str, took: &str, expected: Failure| {
            let line = LINE
                .replace("-1 -1 -1 504", &format!("{times} {status}"))
                .replace("22:23:00.186641Z", "22:22:00.000Z")
                .replace("22:23:10.186641Z", took);
            assert_eq!(read(&line, "").unwrap().failure(), Some(expected), "{line}");
        };
        check("502", "-1 -1 -1", "22:22:00.002Z", Failure::Refused);
        check("502", "-1 -1 -1", "22:22:01.003Z", Failure::Refused);
        check("502", "-1 -1 -1", "22:22:03.077Z", Failure::Unreachable);
        check("504", "-1 -1 -1", "22:22:10.001Z", Failure::ConnectTimeout);
        check("504", "0.001 -1 -1", "22:23:00.002Z", Failure::IdleTimeout);
        check("504", "-1 -1 -1", "22:23:00.001Z", Failure::IdleTimeout);
        check(
            "504",
            "0.001 60.000 -1",
            "22:23:00.001Z",
            Failure::IdleTimeout,
        );
        check("502", "0.001 3.871 -1", "22:22:03.872Z", Failure::Other);
    }

    #[test]
    fn what_the_load_balancer_answered_itself_is_not_the_targets() {
        let check = |status: &str, actions: &str, reason: &str, expected: &str| {
            let line = LINE
                .replace(" 10.0.0.1:80 ", " - ")
                .replace("504 - 0", &format!("{status} - 0"))
                .replace(
                    "\"forward\" \"-\" \"-\"",
                    &format!("\"{actions}\" \"-\" \"{reason}\""),
                );
            let request = read(&line, "").unwrap();
            assert_eq!(request.not_forwarded.unwrap_or(""), expected, "{line}");
        };
        check("503", "forward", "-", "");
        check("503", "fixed-response", "-", "fixed response");
        check(
            "500",
            "waf-failed",
            "WAFConnectionTimeout",
            "AWS WAF failed",
        );
        check("403", "waf", "-", "AWS WAF blocked it");
        check(
            "561",
            "authenticate",
            "AuthInvalidGrantError",
            "authentication",
        );
        check("502", "forward", "LambdaUnhandled", "Lambda");
        check("301", "redirect", "-", "redirect");
        check("400", "-", "-", "refused by the load balancer as malformed");
        check(
            "460",
            "-",
            "-",
            "the client left before a target was chosen",
        );
    }

    #[test]
    fn lines_of_all_ages_are_read() {
        let part = |fields: usize| LINE.split(' ').take(fields).collect::<Vec<_>>().join(" ");
        // 18 fields (2017), of which the texts have spaces, and 12 as a cut line may have.
        let old = LINE.split_once("\"www.").unwrap().0;
        assert_eq!(read(old, "").unwrap().elapsed, None);
        assert_eq!(read(&part(12), "").unwrap().status, Some(504));
        for (from, to) in [("https 2018", "h3 2018"), ("504 - 0", "- - 0")] {
            assert!(read(&LINE.replace(from, to), "").is_ok(), "{to}");
        }
        assert_eq!(
            read(&LINE.replace("504 - 0", "- - 0"), "").unwrap().status,
            None
        );
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let check = |line: &str, words: &str| {
            let said = read(line, "").unwrap_err();
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
        check(LINE.split_once("www").unwrap().0, "no closing quote");
    }
}
