//! Results of vegeta, as `vegeta encode` writes them: JSON lines, or CSV without a heading.

use serde::Deserialize;

use crate::time::Time;

/// Columns of the CSV: time, code, latency, bytes out, bytes in, error, body, attack, sequence, method,
/// URL, headers (vegeta `lib/results.go`); older versions leave out the last ones.
pub(super) const COLUMNS: usize = 9;

/// What matters of a result. Code 0 is an error of the client's: no answer came in its time.
#[derive(Debug, Deserialize)]
struct Answer {
    code: u16,
    timestamp: String,
}

/// Whether a JSON object is a result, and no object of Kubernetes.
pub(super) fn is_result(line: &str) -> bool {
    line.contains("\"latency\"") && line.contains("\"code\"")
}

/// Reads a JSON line: when the request was sent, and its status.
pub(super) fn read_json(line: &str) -> Result<(Time, u16), String> {
    let result: Answer =
        serde_json::from_str(line).map_err(|error| format!("no result of vegeta: {error}"))?;
    Ok((Time::parse_rfc3339(&result.timestamp)?, result.code))
}

/// Reads a CSV line. Only the columns before any text matter, so quotes do not.
pub(super) fn read_csv(line: &str) -> Result<(Time, u16), String> {
    let mut columns = line.split(',');
    let mut number = |what: &str| {
        let column = columns.next().unwrap_or_default();
        column
            .trim()
            .parse::<u64>()
            .map_err(|_| format!("`{column}` is no {what}"))
    };
    let (nanos, code) = (number("time in nanoseconds")?, number("status")?);
    let code = u16::try_from(code).map_err(|_| format!("`{code}` is no status"))?;
    Ok((Time::from_micros(nanos / 1_000), code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read() {
        let json = r#"{"attack":"","seq":0,"code":504,"timestamp":"2026-01-01T00:00:01.5Z","latency":10005000000,"bytes_out":0,"bytes_in":132,"error":"504 Gateway Time-out","body":"","method":"GET","url":"http://a/","headers":{}}"#;
        assert!(is_result(json));
        let (first, code) = read_json(json).unwrap();
        assert_eq!(code, 504);
        let csv = "1767225602500000000,0,30000000000,0,0,\"time, out\",,,1,GET,http://a/,";
        let (second, code) = read_csv(csv).unwrap();
        assert_eq!((code, (second - first).as_micros()), (0, 1_000_000));
        assert!(read_csv("x,200,1").unwrap_err().contains("`x` is no time"));
        let timeless = read_json("{\"code\":1,\"latency\":2}").unwrap_err();
        assert!(timeless.contains("timestamp"));
    }
}
