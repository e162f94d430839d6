//! YAML documents as trees whose every value knows its place.
//!
//! A tree, not a struct per kind: a `List` holds objects of any kind, and a wrong value is answered in
//! the words of the field that it stands in.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error as YamlError, Spanned};

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
        let at = self.0.binary_search_by(|(known, _)| known.as_str().cmp(key)).ok()?;
        self.0.get(at).map(|(_, node)| node)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Node)> {
        self.0.iter().map(|(key, node)| (key, node))
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
}

/// The documents of a file; empty ones are left out.
pub(super) fn documents(source: &Arc<Source>) -> Result<Vec<Node>, Error> {
    let most = most_values(source.text.len());
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: MOST_DOCUMENTS,
            max_nodes: most,
            max_events: 2 * most,
            max_depth: DEEPEST,
        },
        // Kubernetes reads YAML 1.1, where `yes` is true; text that must not be so is quoted there.
        strict_booleans: false,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(&source.text, options).map_err(|error| refused(source, &error))
}

/// Each value takes a hundred bytes of memory or so; a manifest writes a dozen for one, with indentation and key.
fn most_values(length: usize) -> usize {
    const FEW: usize = 100_000;
    (FEW + length / 6).min(MOST_VALUES)
}

/// Where a value stands in its file. What an alias or a merge brings was written where its anchor is.
pub(super) fn place(source: &Arc<Source>, node: &Node) -> Place {
    Place::new(source, range(source, node.defined))
}

fn range(source: &Source, location: serde_saphyr::Location) -> std::ops::Range<usize> {
    let span = location.span();
    match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(length)) => start as usize..(start + length) as usize,
        _ => {
            let line_start: usize = source
                .text
                .split_inclusive('\n')
                .take((location.line() as usize).saturating_sub(1))
                .map(str::len)
                .sum();
            let line = source.text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
            let skipped = line.chars().take((location.column() as usize).saturating_sub(1)).map(char::len_utf8);
            let start = line_start + skipped.sum::<usize>();
            start..start + 1
        }
    }
}

/// The parser's refusal, with what usually is behind it.
fn refused(source: &Arc<Source>, error: &YamlError) -> Error {
    let location = error.location().unwrap_or(serde_saphyr::Location::UNKNOWN);
    let place = Place::new(source, range(source, location));
    let words = error.without_snippet().to_string();
    let message = words.lines().next().unwrap_or_default();
    // The parser's advice to programmers is none to authors of manifests.
    let message = [" at line ", ", set DuplicateKeyPolicy"]
        .iter()
        .fold(message, |message, end| message.split(end).next().unwrap_or(message));
    // The limit may be hit inside an alias, whose error wraps the budget's.
    if message.contains("budget breached") {
        return Error::too_large("more YAML than any manifest has, deeper, or a bomb").at(
            &source.path,
            &source.text,
            range(source, location),
        );
    }
    let refused = place.error(format!("not YAML: {message}"));
    match remedy(source, place.row()) {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
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
    ("NAME ", "this is a table for people: `kubectl get … -o yaml`"),
    ("<", "this is HTML, not a manifest"),
    ("[deployment]", "this looks like a scenario in TOML; rollcast reads those with `run` and `check`"),
    ("resource \"", "this looks like Terraform; rollcast reads Kubernetes manifests"),
];

/// What to do about text that is no manifest, or not yet one; looks at its start, and at a line and its neighbours.
pub(super) fn remedy(source: &Source, row: usize) -> Option<&'static str> {
    let text = source.text.trim_start();
    if let Some((_, hint)) = OTHER_TEXTS.iter().find(|(start, _)| text.starts_with(start)) {
        return Some(hint);
    }
    let near = || source.text.lines().skip(row.saturating_sub(2)).take(3);
    if near().any(|line| line.contains("{{")) {
        return Some(TEMPLATE);
    }
    if near().any(|line| ["<<<<<<< ", ">>>>>>> "].iter().any(|mark| line.trim_start().starts_with(mark))) {
        return Some("these are marks of a merge conflict: resolve it first");
    }
    near().any(|line| line.contains("${")).then_some(VARIABLE)
}

/// What a reader of a file with `${…}` in it should do.
pub(super) const VARIABLE: &str =
    "a variable is left in it: replace it first, with `envsubst` or what your pipeline uses";

/// What a reader of a file with `{{` in it should do.
pub(super) const TEMPLATE: &str = "this is a template: render it first, `helm template CHART | rollcast import -`";

/// What a reader of a tool's complaint should do.
const FAILED: &str = "these are words of the command before the pipe, not its manifests: run it alone";

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
