//! A field of an object: its value, its name for messages, its place; and how it is read.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::source::{At, Place, Source};
use super::yaml::{self, Document, Node, TEMPLATE, VARIABLE, Value};
use crate::error::Error;
use crate::setting::Count;

/// A field. `null` is absent, as in Kubernetes.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    source: &'a Arc<Source>,
    /// Where in the file its document's places count from.
    start: usize,
    node: &'a Node,
    /// `spec.template.spec.containers[0]`.
    name: String,
}

impl<'a> Field<'a> {
    /// A whole document.
    pub(super) fn document(source: &'a Arc<Source>, document: &'a Document) -> Field<'a> {
        Field {
            source,
            start: document.start,
            node: &document.node,
            name: String::new(),
        }
    }

    pub(super) fn place(&self) -> Place {
        yaml::place(self.source, self.start, self.node)
    }

    pub(super) fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// An error at this field.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.place().error(message)
    }

    /// A member of this mapping, if it has it.
    pub(super) fn get(&self, key: &str) -> Result<Option<Field<'a>>, Error> {
        let Value::Map(map) = self.value() else {
            return Err(self.is_not("a mapping"));
        };
        let node = map
            .get(key)
            .filter(|node| !matches!(node.value, Value::Null));
        Ok(node.map(|node| self.member(node, key)))
    }

    /// A member of this mapping that Kubernetes requires.
    pub(super) fn need(&self, key: &str) -> Result<Field<'a>, Error> {
        self.get(key)?.ok_or_else(|| {
            let name = self.path(key);
            self.error(format!("`{name}` is missing"))
                .hint("Kubernetes requires it; if this is a patch, render it first: `kubectl kustomize FOLDER`")
        })
    }

    /// The members of a mapping.
    pub(super) fn members(&self) -> Result<Vec<(&'a str, Field<'a>)>, Error> {
        let Value::Map(map) = self.value() else {
            return Err(self.is_not("a mapping"));
        };
        let given = map
            .iter()
            .filter(|(_, node)| !matches!(node.value, Value::Null));
        Ok(given
            .map(|(key, node)| (key.as_str(), self.member(node, key)))
            .collect())
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Result<Vec<Field<'a>>, Error> {
        let Value::List(list) = self.value() else {
            return Err(self.is_not("a list"));
        };
        let item = |(i, node)| Field {
            node,
            name: format!("{}[{i}]", self.name),
            ..self.clone()
        };
        Ok(list.iter().enumerate().map(item).collect())
    }

    /// The items of a list that may be absent.
    pub(super) fn list(&self, key: &str) -> Result<Vec<Field<'a>>, Error> {
        self.get(key)?.map_or(Ok(Vec::new()), |list| list.items())
    }

    /// Text; a number or a truth value must be quoted, as Kubernetes demands.
    pub(super) fn text(&self) -> Result<At<String>, Error> {
        match self.value() {
            Value::Text(text) => Ok(self.at(text.clone())),
            Value::Whole(_) | Value::Number(_) | Value::Flag(_) => Err(self
                .is_not("text")
                .hint(format!("quote it: \"{}\"", self.place().written()))),
            _ => Err(self.is_not("text")),
        }
    }

    /// A whole number from `least`, as far as Kubernetes' 32 bits go.
    pub(super) fn whole(&self, least: u32) -> Result<At<u32>, Error> {
        let number = self.integer(i64::from(least)..=i64::from(i32::MAX))?;
        Ok(self.at(number as u32))
    }

    /// A whole number of this range.
    pub(super) fn integer(&self, range: RangeInclusive<i64>) -> Result<i64, Error> {
        let number = match *self.value() {
            Value::Whole(number) => Some(number),
            Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                Some(number as i64)
            }
            Value::Number(_) => None,
            Value::Text(ref text) => return Err(self.is_no_number(text)),
            _ => return Err(self.is_not("a whole number")),
        };
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                self.error(format!("`{}` is {}", self.name, self.place().written()))
                    .hint(format!(
                        "Kubernetes takes whole numbers from {} to {}",
                        range.start(),
                        range.end()
                    ))
            })
    }

    /// A number, whole or not.
    pub(super) fn number(&self) -> Result<(), Error> {
        match self.value() {
            Value::Whole(_) | Value::Number(_) => Ok(()),
            _ => Err(self.is_not("a number")),
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Result<At<bool>, Error> {
        match *self.value() {
            Value::Flag(flag) => Ok(self.at(flag)),
            _ => Err(self.is_not("true or false")),
        }
    }

    /// A number of pods, or a percentage of them.
    pub(super) fn count(&self) -> Result<At<Count>, Error> {
        match self.value() {
            Value::Text(text) => {
                let percent = text
                    .strip_suffix('%')
                    .and_then(|digits| digits.parse::<u32>().ok());
                let count = percent
                    .filter(|&percent| percent <= i32::MAX as u32)
                    .map(Count::Percent);
                count.map(|count| self.at(count)).ok_or_else(|| {
                    let error = self.error(format!(
                        "`{}` is neither a number nor a percentage",
                        self.name
                    ));
                    match self.rendering_hint(text) {
                        Some(hint) => error.hint(hint),
                        None => error.hint("1, or \"25%\""),
                    }
                })
            }
            _ => Ok(self.whole(0)?.map(Count::Pods)),
        }
    }

    /// A mapping of texts: labels, annotations.
    pub(super) fn texts(&self) -> Result<BTreeMap<String, At<String>>, Error> {
        self.members()?
            .into_iter()
            .map(|(key, value)| Ok((key.to_owned(), value.text()?)))
            .collect()
    }

    fn member(&self, node: &'a Node, key: &str) -> Field<'a> {
        Field {
            node,
            name: self.path(key),
            ..self.clone()
        }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    fn at<T>(&self, value: T) -> At<T> {
        At {
            value,
            place: self.place(),
        }
    }

    /// An error about a name, a key or a label that Kubernetes would not take.
    pub(super) fn refuses(&self, what: &str, text: &str, hint: &str) -> Error {
        const LONGEST: usize = 100;
        let shown: String = text.chars().take(LONGEST).collect();
        let rest = if shown.len() < text.len() { "…" } else { "" };
        let error = self.error(format!(
            "`{}`: Kubernetes refuses the {what} `{shown}{rest}`",
            self.name
        ));
        error.hint(self.rendering_hint(text).unwrap_or(hint))
    }

    fn is_not(&self, expected: &str) -> Error {
        let what = if self.name.is_empty() {
            "the document".to_owned()
        } else {
            format!("`{}`", self.name)
        };
        let error = self.error(format!("{what} is {}, not {expected}", self.value().name()));
        match self.rendering_hint(self.place().written()) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// Text in place of a whole number: what its author most likely meant.
    fn is_no_number(&self, text: &str) -> Error {
        let error = self.is_not("a whole number");
        let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        if self.rendering_hint(text).is_some()
            || digits.is_empty()
            || digits.parse::<u32>().is_err()
        {
            error
        } else if digits.len() == text.len() {
            error.hint("write the number without quotes")
        } else {
            error.hint("Kubernetes counts in whole seconds, and writes no unit")
        }
    }

    /// What to do about text that is no manifest.
    pub(super) fn remedy(&self) -> Option<&'static str> {
        yaml::remedy(self.source, self.place().row())
    }

    /// What to do about a value that was meant to be replaced before anybody reads it.
    fn rendering_hint(&self, text: &str) -> Option<&'static str> {
        if text.contains("{{") {
            return Some(TEMPLATE);
        }
        (text.contains("${") || text.starts_with('$') || text.contains("$(")).then_some(VARIABLE)
    }
}
