//! What there is to ask about, by kind.

use std::collections::BTreeSet;

use super::terms::{ALIASES, SPELLINGS, TERMS};
use super::{OWN, entry, table};
use crate::check::RULES;
use crate::disturbance::Kind;
use crate::scenario::client::CLIENTS;
use crate::scenario::prior::PRIORS;
use crate::scenario::profile::PROFILES;
use crate::scenario::settings;
use crate::verdict::Cause;

/// A kind of word: its name, what it is, and the words of it with what they mean in short.
struct List {
    name: &'static str,
    about: &'static str,
    members: fn() -> Vec<(String, String)>,
}

const LISTS: &[List] = &[
    List {
        name: "causes",
        about: "why a request failed",
        members: causes,
    },
    List {
        name: "rules",
        about: "what rollcast check looks for",
        members: rules,
    },
    List {
        name: "settings",
        about: "the tables of a scenario",
        members: tables,
    },
    List {
        name: "profiles",
        about: "kinds of applications (app.profile)",
        members: profiles,
    },
    List {
        name: "clients",
        about: "load generators (load.client)",
        members: clients,
    },
    List {
        name: "presets",
        about: "named values of what nobody publishes",
        members: presets,
    },
    List {
        name: "disturbances",
        about: "what may befall a cluster",
        members: disturbances,
    },
    List {
        name: "words",
        about: "rows and columns of reports",
        members: terms,
    },
];

/// All kinds with their words; the answer to no question.
pub fn overview() -> String {
    let mut text =
        "What rollcast explain knows, by kind; rollcast explain KIND says more of one\n".to_owned();
    for list in LISTS {
        text.push_str(&format!("\n{}: {}\n", list.name, list.about));
        let words: Vec<String> = (list.members)().into_iter().map(|(word, _)| word).collect();
        entry(&mut text, "", &words.join(", "));
    }
    text.push_str("\nAlso known: preStop, maxSurge and other spellings of Kubernetes, annotations of the controller, and\n");
    let names: Vec<&str> = ALIASES
        .iter()
        .filter_map(|alias| alias.words.first().copied())
        .collect();
    text.push_str(&format!(
        "applications by name ({}, …).\n",
        names.join(", ")
    ));
    text
}

/// One kind, each word with what it means.
pub(super) fn by_kind(word: &str) -> Option<String> {
    let list = LISTS
        .iter()
        .find(|list| list.name == word || list.name.strip_suffix('s') == Some(word))?;
    let mut text = format!("{}: {}\n\n", list.name, list.about);
    for (word, meaning) in (list.members)() {
        let name = if word.contains(' ') {
            format!("\"{word}\"")
        } else {
            word
        };
        entry(&mut text, &format!("{name:<23}"), &meaning);
    }
    Some(text)
}

/// Every word of every kind, and the spellings of others.
pub fn words() -> BTreeSet<String> {
    let listed = LISTS.iter().flat_map(|list| {
        let members = (list.members)().into_iter().map(|(word, _)| word);
        members.chain([list.name.to_owned()])
    });
    let keys = settings()
        .iter()
        .flat_map(|row| [row.key.to_owned(), super::last(row.key).to_owned()]);
    let names = RULES.iter().map(|rule| rule.name.to_owned());
    let others = TERMS.iter().flat_map(|term| term.words);
    let others = others
        .chain(ALIASES.iter().flat_map(|alias| alias.words))
        .map(|word| (*word).to_owned());
    let spellings = SPELLINGS.iter().map(|(word, _)| (*word).to_owned());
    listed
        .chain(keys)
        .chain(names)
        .chain(others)
        .chain(spellings)
        .filter(|word| !word.is_empty())
        .collect()
}

fn causes() -> Vec<(String, String)> {
    let causes = Cause::ALL.iter();
    let own = (
        OWN.to_owned(),
        "502, 503 or 504: the application's own answer".to_owned(),
    );
    causes
        .map(|cause| {
            (
                cause.name().to_owned(),
                format!("{}: {}", cause.status(), cause.meaning()),
            )
        })
        .chain([own])
        .collect()
}

fn rules() -> Vec<(String, String)> {
    RULES
        .iter()
        .map(|rule| {
            (
                rule.id.to_owned(),
                format!("{}: {}", rule.name, rule.summary),
            )
        })
        .collect()
}

fn tables() -> Vec<(String, String)> {
    let mut tables: Vec<(String, String)> = Vec::new();
    for row in settings()
        .iter()
        .filter(|row| !row.key.starts_with("disturbance."))
    {
        let (name, key) = (table(row.key), super::last(row.key));
        match tables.iter_mut().find(|(table, _)| table == name) {
            Some((_, keys)) => keys.push_str(&format!(", {key}")),
            None if !name.is_empty() => tables.push((name.to_owned(), key.to_owned())),
            None => {}
        }
    }
    tables
}

fn profiles() -> Vec<(String, String)> {
    PROFILES
        .iter()
        .map(|profile| (profile.name.to_owned(), profile.about.to_owned()))
        .collect()
}

fn clients() -> Vec<(String, String)> {
    CLIENTS
        .iter()
        .map(|client| (client.name.to_owned(), client.about.to_owned()))
        .collect()
}

/// The names between backticks, each with the keys whose presets it is among.
fn presets() -> Vec<(String, String)> {
    let mut presets: Vec<(String, String)> = Vec::new();
    for prior in PRIORS {
        let key = prior.what.split('`').nth(1).unwrap_or(prior.what);
        for name in prior.presets.split('`').skip(1).step_by(2) {
            match presets.iter_mut().find(|(preset, _)| preset == name) {
                Some((_, keys)) if keys.split(", ").any(|other| other == key) => {}
                Some((_, keys)) => keys.push_str(&format!(", {key}")),
                None => presets.push((name.to_owned(), format!("of {key}"))),
            }
        }
    }
    presets
}

fn disturbances() -> Vec<(String, String)> {
    Kind::ALL
        .iter()
        .map(|kind| (kind.word().to_owned(), kind.about().trim().to_owned()))
        .collect()
}

fn terms() -> Vec<(String, String)> {
    TERMS
        .iter()
        .filter_map(|term| Some(((*term.words.first()?).to_owned(), term.meaning.to_owned())))
        .collect()
}
