//! JSON as `kubectl get -o json`, `jq -c` and pipelines write it: one object after another, on one line or on many.

use std::borrow::Cow;
use std::ops::Range;

/// Where each of the objects stands, if the text is nothing but objects of JSON.
pub(super) fn values(text: &str) -> Option<Vec<Range<usize>>> {
    let mut values = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, byte, in_text) in bytes(text) {
        match byte {
            _ if in_text => {}
            b'{' | b'[' => {
                if depth == 0 {
                    start = at;
                }
                depth = depth.checked_add(1)?;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    values.push(start..at.saturating_add(1));
                }
            }
            _ if depth == 0 && !byte.is_ascii_whitespace() => return None,
            _ => {}
        }
    }
    // A list, or `{{` of a template, is something else.
    let is_object = |value: &Range<usize>| {
        let inside = text
            .get(value.clone())
            .and_then(|value| value.strip_prefix('{'))
            .unwrap_or_default()
            .trim_start();
        inside.starts_with(['"', '}'])
    };
    (depth == 0 && !values.is_empty() && values.iter().all(is_object)).then_some(values)
}

/// JSON may be indented by tabs, YAML may not. Nothing moves.
pub(super) fn without_tabs(value: &str) -> Cow<'_, str> {
    if !value.contains('\t') {
        return Cow::Borrowed(value);
    }
    let mut spaced = value.as_bytes().to_vec();
    for (at, byte, in_text) in bytes(value) {
        if byte == b'\t' && !in_text {
            spaced[at] = b' ';
        }
    }
    String::from_utf8(spaced).map_or(Cow::Borrowed(value), Cow::Owned)
}

/// Every byte, its place, and whether it belongs to a text in quotes.
fn bytes(text: &str) -> impl Iterator<Item = (usize, u8, bool)> {
    let (mut in_text, mut escaped) = (false, false);
    text.bytes().enumerate().map(move |(at, byte)| {
        let inside = in_text;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ => {}
        }
        (at, byte, inside || in_text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&[&str]>) {
        let found = values(text).map(|values| {
            values
                .into_iter()
                .map(|value| text.get(value).unwrap())
                .collect::<Vec<_>>()
        });
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn objects_are_told_apart() {
        check("{\"a\": 1}", Some(&["{\"a\": 1}"]));
        check(
            "{\"a\":1}\n{\"b\":{}}\n",
            Some(&["{\"a\":1}", "{\"b\":{}}"]),
        );
        check("{\"a\":1}{}", Some(&["{\"a\":1}", "{}"]));
        check("{\"a\": \"}{\\\"\"}", Some(&["{\"a\": \"}{\\\"\"}"]));
        check("{a: 1}", None);
        check("{{ .Values.x }}", None);
        check("[{\"a\": 1}]", None);
        check("{\"a\": 1}\n---\n{}", None);
        check("{\"a\": 1", None);
        check("}", None);
        check("a: {}", None);
        check("", None);
    }

    #[test]
    fn tabs_become_blanks_where_they_are_no_text() {
        assert_eq!(without_tabs("{\t\"a\t\":\t1}"), "{ \"a\t\": 1}");
    }
}
