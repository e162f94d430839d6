//! ALB connection logs: a line a client's connection (AWS guide, load-balancer-connection-logs). They say nothing of
//! targets; what they tell is which nodes the load balancer had.

use std::net::IpAddr;

use super::fields::Fields;
use crate::time::Time;

const NODE: usize = 14;

/// One connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection<'a> {
    /// When it was made.
    pub at: Time,
    /// The client's address.
    pub client: &'a str,
    /// The node that took it; empty if neither the line nor the file's name tells.
    pub node: String,
}

/// Whether a line is one of a connection log: a time, then an address without a port.
pub(super) fn is_line(line: &str) -> bool {
    let mut words = line.split(' ');
    words
        .next()
        .is_some_and(|word| Time::parse_rfc3339(word).is_ok())
        && words
            .next()
            .is_some_and(|word| word.parse::<IpAddr>().is_ok())
}

/// Reads one line; `node` is what the file's name says.
pub(super) fn read<'a>(line: &'a str, node: &str) -> Result<Connection<'a>, String> {
    let fields = Fields::of(line)?;
    let client = fields.get(1).unwrap_or_default();
    if client.parse::<IpAddr>().is_err() {
        return Err(format!("`{client}` is no address of a client"));
    }
    Ok(Connection {
        at: Time::parse_rfc3339(fields.get(0).unwrap_or_default())?,
        client,
        node: fields
            .get(NODE)
            .and_then(super::node)
            .unwrap_or_else(|| node.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_node_took_it() {
        let line = "2026-01-01T00:00:01.5Z 198.51.100.7 36280 443 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 4.036 \"CN=a\" NotBefore=2023-09-21T22:43:21Z;NotAfter=2026-06-17T22:43:21Z FEF257372D5C14D4 Success TID_1";
        assert!(is_line(line));
        assert_eq!(read(line, "192.0.2.1").unwrap().node, "192.0.2.1");
        let newer = format!("{line} X25519 app/a/0f 192.0.2.2");
        assert_eq!(read(&newer, "").unwrap().node, "192.0.2.2");
        assert!(!is_line(
            "2026-01-01T00:00:01.5Z my-loadbalancer 198.51.100.7:36280 10.0.0.1:80"
        ));
    }
}
