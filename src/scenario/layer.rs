//! A layer of a scenario: dotted keys with their values, and where each was written.
//!
//! Profiles, the file, edits and `[new_revision]` are layers laid over each other; a value keeps its
//! place through all of it, so that an error found late still points at its line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, ValueDeserializer};

use super::keys::{self, Kind};
use crate::dist::Dist;
use crate::error::Error;

/// The text that values come from, and what to call it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

/// A key's value, and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Leaf<'a> {
    /// The dotted key as written: `new_revision.pre_stop`, whatever the layer calls it.
    pub(super) written: String,
    pub(super) value: Spanned<DeValue<'a>>,
    pub(super) source: Source<'a>,
}

/// Dotted keys and their values.
pub(super) type Layer<'a> = BTreeMap<String, Leaf<'a>>;

impl<'a> Source<'a> {
    /// The tables of the text.
    pub(super) fn parse(self) -> Result<DeTable<'a>, Error> {
        DeTable::parse(self.text)
            .map(Spanned::into_inner)
            .map_err(|error| {
                let span = error.span().unwrap_or(self.text.len()..self.text.len());
                let begins = |word: &str| self.text.lines().any(|line| line.starts_with(word));
                let is_manifest = (begins("kind:") && begins("apiVersion:"))
                    || (self.text.starts_with('{') && self.text.contains("\"apiVersion\""));
                let refused = Error::input(format!("not TOML: {}", error.message()))
                    .at(self.path, self.text, span);
                if is_manifest {
                    refused.hint(
                        "this is a Kubernetes manifest: `rollcast check` takes it as it is, `rollcast import` makes \
                         a scenario of it",
                    )
                } else {
                    refused
                }
            })
    }

    /// An error at a place in the text.
    pub(super) fn error(self, message: impl Into<String>, span: Range<usize>) -> Error {
        Error::input(clip(&message.into())).at(self.path, self.text, span)
    }

    /// Flattens a table into dotted keys, each of which must exist.
    pub(super) fn flatten(
        self,
        group: &str,
        table: DeTable<'a>,
        layer: &mut Layer<'a>,
    ) -> Result<(), Error> {
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by_key(|(name, _)| name.span().start);
        for (name, value) in entries {
            let key = if group.is_empty() {
                name.get_ref().to_string()
            } else {
                format!("{group}.{}", name.get_ref())
            };
            match if name.get_ref().contains('.') {
                None
            } else {
                keys::kind(&key)
            } {
                None => return Err(self.unknown(group, name)),
                Some(Kind::Key) => {
                    layer.insert(
                        key.clone(),
                        Leaf {
                            written: key,
                            value,
                            source: self,
                        },
                    );
                }
                Some(Kind::Group) => self.descend(key, value, layer)?,
            }
        }
        Ok(())
    }

    fn descend(
        self,
        key: String,
        value: Spanned<DeValue<'a>>,
        layer: &mut Layer<'a>,
    ) -> Result<(), Error> {
        let span = value.span();
        match value.into_inner() {
            // An empty [pod.readiness_probe] is a probe with defaults, not the absence of one.
            DeValue::Table(table) if table.is_empty() => {
                let value = Spanned::new(span, DeValue::Table(table));
                layer.insert(
                    key.clone(),
                    Leaf {
                        written: key,
                        value,
                        source: self,
                    },
                );
                Ok(())
            }
            DeValue::Table(table) => self.flatten(&key, table, layer),
            _ => Err(self
                .error(format!("`{key}` is a table of keys, not one value"), span)
                .hint(format!("write its keys below a line [{key}]"))),
        }
    }

    fn unknown(self, group: &str, name: Spanned<std::borrow::Cow<'a, str>>) -> Error {
        let place = if group.is_empty() {
            String::new()
        } else {
            format!(" in [{group}]")
        };
        let hint = if keys::kind(name.get_ref()).is_some() && name.get_ref().contains('.') {
            format!("write {} without the quotes", name.get_ref())
        } else {
            keys::suggestion(group, name.get_ref())
        };
        self.error(
            format!("unknown key `{}`{place}", name.get_ref()),
            name.span(),
        )
        .hint(hint)
    }
}

impl Leaf<'_> {
    /// The value as a type of its own, if it is one.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(ValueDeserializer::from(self.value.clone()))
            .map_err(|error| self.refused(&error))
    }

    /// An error at the value.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.source.error(message, self.value.span())
    }

    /// The parser's refusal in the words of the scenario.
    fn refused(&self, error: &toml::de::Error) -> Error {
        let span = error.span().unwrap_or_else(|| self.value.span());
        let message = self.words(error.message());
        let refused = self
            .source
            .error(format!("`{}`: {}", self.written, message), span);
        match keys::setting(&self.written) {
            Some(row) => refused.hint(hint(&message, row.meaning.trim())),
            None => refused,
        }
    }

    fn words(&self, message: &str) -> String {
        // A value that may be a preset or a span reports that it is neither; the span's own words say why.
        if message.starts_with("data did not match any variant") {
            return match (
                self.value.get_ref().as_str(),
                Dist::deserialize(ValueDeserializer::from(self.value.clone())),
            ) {
                (Some(word), _) if !word.contains(|letter: char| letter.is_ascii_digit()) => {
                    format!("unknown name `{word}`")
                }
                (_, Err(why)) if !why.message().starts_with("unknown field") => {
                    why.message().to_owned()
                }
                _ => "this is none of the forms that it may have".to_owned(),
            };
        }
        PLAIN
            .iter()
            .fold(message.to_owned(), |words, (rust, plain)| {
                words.replace(rust, plain)
            })
    }
}

/// serde's words for a type, and a reader's.
const PLAIN: [(&str, &str); 8] = [
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    (
        "expected u32",
        "expected a whole number from 0 to 4294967295",
    ),
    ("expected u64", "expected a whole number from 0"),
    ("expected f64", "expected a number"),
    ("expected a boolean", "expected true or false"),
    ("invalid type: map,", "invalid type: table,"),
    ("invalid type: sequence,", "invalid type: list,"),
];

/// The nearest of the names that the message or the meaning offers in backticks, or else the meaning.
fn hint(message: &str, meaning: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let near = names
        .next()
        .filter(|_| message.starts_with("unknown "))
        .and_then(|given| {
            let candidates: Vec<&str> =
                names.chain(meaning.split('`').skip(1).step_by(2)).collect();
            let exact = candidates
                .iter()
                .find(|name| name.eq_ignore_ascii_case(given))
                .copied();
            exact.or_else(|| keys::nearest(given, candidates.into_iter()))
        });
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => meaning.to_owned(),
    }
}

/// Deserialises the keys of a group; every one alone first, so that an error knows its place.
pub(super) fn read<T: DeserializeOwned>(layer: &Layer<'_>, group: &str) -> Result<T, Error> {
    let prefix = format!("{group}.");
    let members = || {
        layer
            .iter()
            .filter_map(|(key, leaf)| Some((key.strip_prefix(&prefix)?, leaf)))
    };
    for (key, leaf) in members() {
        from_table::<T>(nested([(key, leaf)])).map_err(|error| leaf.refused(&error))?;
    }
    from_table(nested(members()))
        .map_err(|error| Error::input(format!("[{group}]: {}", error.message())))
}

fn from_table<T: DeserializeOwned>(table: DeTable<'_>) -> Result<T, toml::de::Error> {
    T::deserialize(Deserializer::from(Spanned::new(0..0, table)))
}

fn nested<'a, 'k>(members: impl IntoIterator<Item = (&'k str, &'k Leaf<'a>)>) -> DeTable<'a>
where
    'a: 'k,
{
    let mut root = DeTable::new();
    for (key, leaf) in members {
        insert(&mut root, key, leaf);
    }
    root
}

fn insert<'a>(table: &mut DeTable<'a>, key: &str, leaf: &Leaf<'a>) {
    let Some((group, rest)) = key.split_once('.') else {
        table.insert(
            Spanned::new(leaf.value.span(), key.to_owned().into()),
            leaf.value.clone(),
        );
        return;
    };
    if table
        .get(group)
        .is_none_or(|inner| !inner.get_ref().is_table())
    {
        let empty = Spanned::new(leaf.value.span(), DeValue::Table(DeTable::new()));
        table.insert(
            Spanned::new(leaf.value.span(), group.to_owned().into()),
            empty,
        );
    }
    if let Some(DeValue::Table(inner)) = table.get_mut(group).map(Spanned::get_mut) {
        insert(inner, rest, leaf);
    }
}

/// What a message may quote of a text that somebody else wrote: not all of it.
fn clip(text: &str) -> String {
    const LONGEST: usize = 300;
    let rest = if text.chars().nth(LONGEST).is_some() {
        "…"
    } else {
        ""
    };
    text.chars().take(LONGEST).chain(rest.chars()).collect()
}
