//! YAML documents as trees whose every value knows its place.
//!
//! A tree, not a struct per kind: a `List` holds objects of any kind, and a wrong value is answered in
//! the words of the field that it stands in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error as YamlError, Spanned};

use super::json;
use super::scalar;
use super::source::{Place, Source};
use crate::error::Error;

/// A chart renders some hundred documents, a dump of a cluster some thousands.
const MOST_DOCUMENTS: usize = 20_000;

/// Values of one file, aliases counted as often as they are used: what stops a "billion laughs".
const MOST_VALUES: usize = 2_000_000;

/// Deeper than any object of Kubernetes.
const DEEPEST: usize = 100;

/// A value of a document.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// `null`, `~`, or nothing.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// Text.
    Text(String),
    /// `- …`
    List(Vec<Node>),
    /// `key: …`
    Map(Members),
}

/// The members of a mapping, in order of their keys: no larger than what is in them, for a file may have as many small
/// mappings as it has room for.
#[derive(Debug, Clone)]
pub(super) struct Members(Box<[(String, Node)]>);

impl Members {
    /// A member.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let at = self
            .0
            .binary_search_by(|(known, _)| known.as_str().cmp(key))
            .ok()?;
        self.0.get(at).map(|(_, node)| node)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Node)> {
        self.0.iter().map(|(key, node)| (key, node))
    }

    /// What they say.
    pub(super) fn values(&self) -> impl Iterator<Item = &Node> {
        self.0.iter().map(|(_, node)| node)
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.0.iter_mut().map(|(_, node)| node)
    }
}

impl From<BTreeMap<String, Node>> for Members {
    fn from(map: BTreeMap<String, Node>) -> Members {
        Members(map.into_iter().collect())
    }
}

/// A value, and where it was written.
pub(super) type Node = Spanned<Value>;

impl Value {
    /// What it is, in a sentence.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Flag(_) => "true or false",
            Value::Whole(_) => "a number",
            Value::Number(_) => "a fraction",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// How many values it is, with those in it.
    fn count(&self) -> usize {
        let within: usize = match self {
            Value::List(items) => items.iter().map(|item| item.value.count()).sum(),
            Value::Map(map) => map.values().map(|value| value.value.count()).sum(),
            _ => 0,
        };
        within.saturating_add(1)
    }
}

/// A document of a file.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) node: Node,
    /// Where in the file the text starts that its places count from.
    pub(super) start: usize,
}

/// The documents of a file, YAML or JSON, one after another; empty ones are left out.
pub(super) fn documents(source: &Arc<Source>) -> Result<Vec<Document>, Error> {
    let Some(values) = json::values(&source.text) else {
        return parse(source, &source.text, 0, most_values(source.text.len()));
    };
    let mut documents = Vec::new();
    let mut most = most_values(source.text.len());
    for value in values {
        if documents.len() == MOST_DOCUMENTS {
            return Err(too_large(source, value));
        }
        let text = json::without_tabs(source.text.get(value.clone()).unwrap_or_default());
        let parsed = parse(source, &text, value.start, most)?;
        most = most.saturating_sub(
            parsed
                .iter()
                .map(|document| document.node.value.count())
                .sum(),
        );
        documents.extend(parsed);
    }
    Ok(documents)
}

/// The documents of a part of a file, which have `most` values at most.
fn parse(
    source: &Arc<Source>,
    text: &str,
    start: usize,
    most: usize,
) -> Result<Vec<Document>, Error> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: MOST_DOCUMENTS,
            max_nodes: most,
            max_events: most.saturating_mul(2),
            max_depth: DEEPEST,
        },
        // Numbers and words are read once more, as Kubernetes does: see `resolve`.
        strict_booleans: false,
        with_snippet: false,
    };
    let nodes: Vec<Node> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| refused(source, text, start, &error))?;
    let resolved = nodes.into_iter().map(|mut node| {
        resolve(text, &mut node);
        Document { node, start }
    });
    Ok(resolved.collect())
}

/// Reads scalars without quotes as Kubernetes does.
fn resolve(text: &str, node: &mut Node) {
    let defined = node.defined;
    match &mut node.value {
        Value::Null => {}
        Value::List(items) => items.iter_mut().for_each(|item| resolve(text, item)),
        Value::Map(map) => map.values_mut().for_each(|value| resolve(text, value)),
        scalar => {
            let written = text.get(range(text, defined)).unwrap_or_default();
            let before = text
                .get(..range(text, defined).start)
                .unwrap_or_default()
                .trim_end();
            let is_tagged = ["!!str", "!"].iter().any(|tag| before.ends_with(tag));
            let is_plain = match scalar {
                Value::Text(read) => *read == written,
                _ => !written.starts_with(['"', '\'', '|', '>']),
            };
            if is_plain && !is_tagged && !written.is_empty() {
                *scalar = scalar::resolve(written);
            }
        }
    }
}

/// Each value takes a hundred bytes of memory or so; a manifest writes a dozen for one, with indentation and key.
fn most_values(length: usize) -> usize {
    const FEW: usize = 100_000;
    FEW.saturating_add(length / 6).min(MOST_VALUES)
}

/// Where a value stands in its file. What an alias or a merge brings was written where its anchor is.
pub(super) fn place(source: &Arc<Source>, start: usize, node: &Node) -> Place {
    let range = range(source.text.get(start..).unwrap_or_default(), node.defined);
    Place::new(source, moved(range, start))
}

/// A part of a document, which begins here in its file.
const fn moved(range: std::ops::Range<usize>, start: usize) -> std::ops::Range<usize> {
    start.saturating_add(range.start)..start.saturating_add(range.end)
}

fn range(text: &str, location: serde_saphyr::Location) -> std::ops::Range<usize> {
    let span = location.span();
    match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(length)) => start as usize..start.saturating_add(length) as usize,
        _ => {
            let line_start: usize = text
                .split_inclusive('\n')
                .take((location.line() as usize).saturating_sub(1))
                .map(str::len)
                .sum();
            let line = text
                .get(line_start..)
                .and_then(|rest| rest.lines().next())
                .unwrap_or_default();
            let skipped = line
                .chars()
                .take((location.column() as usize).saturating_sub(1))
                .map(char::len_utf8);
            let start = line_start.saturating_add(skipped.sum());
            start..start.saturating_add(1)
        }
    }
}

/// The parser's refusal, with what usually is behind it.
fn refused(source: &Arc<Source>, text: &str, start: usize, error: &YamlError) -> Error {
    let range = range(
        text,
        error.location().unwrap_or(serde_saphyr::Location::UNKNOWN),
    );
    let range = moved(range, start);
    let place = Place::new(source, range.clone());
    let words = error.without_snippet().to_string();
    let message = words.lines().next().unwrap_or_default();
    // The parser's advice to programmers is none to authors of manifests.
    let message = [" at line ", ", set DuplicateKeyPolicy"]
        .iter()
        .fold(message, |message, end| {
            message.split(end).next().unwrap_or(message)
        });
    // The limit may be hit inside an alias, whose error wraps the budget's.
    if message.contains("budget breached") {
        return too_large(source, range);
    }
    let refused = place.error(format!("not YAML: {message}"));
    match remedy(source, place.row()) {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

fn too_large(source: &Source, range: std::ops::Range<usize>) -> Error {
    Error::too_large("more YAML than any manifest has, deeper, or a bomb").at(
        &source.path,
        &source.text,
        range,
    )
}

/// What texts begin with that are no manifests, and what to do about them.
const OTHER_TEXTS: [(&str, &str); 11] = [
    ("Error:", FAILED),
    ("Error from server", FAILED),
    ("error:", FAILED),
    ("WARNING:", FAILED),
    ("No resources found", FAILED),
    ("coalesce.go", FAILED),
    ("walk.go", FAILED),
    (
        "NAME ",
        "this is a table for people: `kubectl get … -o yaml`",
    ),
    ("<", "this is HTML, not a manifest"),
    (
        "[deployment]",
        "this looks like a scenario in TOML; rollcast reads those with `run` and `check`",
    ),
    (
        "resource \"",
        "this looks like Terraform; rollcast reads Kubernetes manifests",
    ),
];

/// What to do about text that is no manifest, or not yet one; looks at its start, and at a line and its neighbours.
pub(super) fn remedy(source: &Source, row: usize) -> Option<&'static str> {
    let text = source.text.trim_start();
    if let Some((_, hint)) = OTHER_TEXTS
        .iter()
        .find(|(start, _)| text.starts_with(start))
    {
        return Some(hint);
    }
    let near = || source.text.lines().skip(row.saturating_sub(2)).take(3);
    if near().any(|line| line.contains("{{")) {
        return Some(TEMPLATE);
    }
    if near().any(|line| {
        ["<<<<<<< ", ">>>>>>> "]
            .iter()
            .any(|mark| line.trim_start().starts_with(mark))
    }) {
        return Some("these are marks of a merge conflict: resolve it first");
    }
    near().any(|line| line.contains("${")).then_some(VARIABLE)
}

/// What a reader of a file with `${…}` in it should do.
pub(super) const VARIABLE: &str =
    "a variable is left in it: replace it first, with `envsubst` or what your pipeline uses";

/// What a reader of a file with `{{` in it should do.
pub(super) const TEMPLATE: &str =
    "this is a template: render it first, `helm template CHART | rollcast import -`";

/// What a reader of a tool's complaint should do.
const FAILED: &str =
    "these are words of the command before the pipe, not its manifests: run it alone";

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Value, E> {
        Ok(Value::Whole(whole))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<Value, E> {
        Ok(i64::try_from(whole).map_or(Value::Number(whole as f64), Value::Whole))
    }

    fn visit_i128<E>(self, whole: i128) -> Result<Value, E> {
        Ok(Value::Number(whole as f64))
    }

    fn visit_u128<E>(self, whole: u128) -> Result<Value, E> {
        Ok(Value::Number(whole as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        list.shrink_to_fit();
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry()? {
            map.insert(key, value);
        }
        Ok(Value::Map(map.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source::new(PathBuf::from("x.yaml"), text.to_owned()))
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let source = source(text);
        let documents = documents(&source).unwrap();
        let Value::Map(map) = &documents[0].node.value else {
            panic!("{text}: no mapping")
        };
        for (key, value) in expected {
            assert_eq!(
                format!("{:?}", map.get(key).unwrap().value),
                *value,
                "{key} of {text}"
            );
        }
    }

    #[test]
    fn scalars_without_quotes_are_read_as_kubernetes_reads_them() {
        check(
            "a: 010\nb: \"010\"\nc: '0x10'\nd: !!str 010\ne: &x 0x10\nf: *x\ng: 1_000 # comment\nh: yes\ni: \"yes\"\n\
             j: [010, '010']\nk: |\n  010\nl: >-\n  yes\nm: 1e2\nn: yEs\no: {p: 08}\nq: ! 010\nr:\n  on\ns: ~\nt: ''\n",
            &[
                ("a", "Whole(8)"),
                ("b", "Text(\"010\")"),
                ("c", "Text(\"0x10\")"),
                ("d", "Text(\"010\")"),
                ("e", "Whole(16)"),
                ("f", "Whole(16)"),
                ("g", "Whole(1000)"),
                ("h", "Flag(true)"),
                ("i", "Text(\"yes\")"),
                ("k", "Text(\"010\\n\")"),
                ("l", "Text(\"yes\")"),
                ("m", "Number(100.0)"),
                ("n", "Text(\"yEs\")"),
                ("q", "Text(\"010\")"),
                ("r", "Flag(true)"),
                ("s", "Null"),
                ("t", "Text(\"\")"),
            ],
        );
        check("base: &b {x: 010, y: '010'}\nz:\n  <<: *b\n", &[]);
    }

    #[test]
    fn json_objects_follow_one_another() {
        let source =
            source("{\"a\":1,\n\t\"b\": \"\\ud83d\\ude00\\/\"}{\"a\":\"010\"}\n{\"a\": 2}\n");
        let documents = documents(&source).unwrap();
        assert_eq!(documents.len(), 3);
        let shown: Vec<String> = documents
            .iter()
            .map(|document| {
                let Value::Map(map) = &document.node.value else {
                    panic!()
                };
                let a = map.get("a").unwrap();
                let place = place(&source, document.start, a);
                format!(
                    "{:?} {}:{} {}",
                    a.value,
                    place.row(),
                    place.column(),
                    place.written()
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "Whole(1) 1:6 1",
                "Text(\"010\") 2:29 \"010\"",
                "Whole(2) 3:7 2"
            ]
        );
    }
}
