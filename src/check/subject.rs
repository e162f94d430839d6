//! What is checked: a scenario, and where each of its keys was written.

use std::path::PathBuf;

use super::Remark;
use super::fix::{Edit, PRE_STOP};
use crate::error::Error;
use crate::manifest::{Draft, Facts, HookFacts, Ignored, Names, Place};
use crate::scenario::{Document, Scenario};

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub row: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line.
    pub line: String,
}

/// A configuration to check.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Where it is as a whole.
    pub spot: Spot,
    /// What leads requests to its pods; nothing for a scenario.
    pub exposure: Option<String>,
    /// What was noticed when the manifests were read.
    pub remarks: Vec<Remark>,
    /// The scenario to edit.
    pub document: Document,
    /// What it means; or why it cannot be simulated.
    pub scenario: Result<Scenario, String>,
    /// What the manifests say beside it; nothing where it was a scenario from the start.
    pub facts: Option<Facts>,
    /// Objects that patches are for.
    pub names: Option<Names>,
    /// Keys that a forecast depends on and nobody gave.
    pub asked: Vec<String>,
    /// Rules that are switched off.
    pub ignored: Vec<Ignored>,
    /// Keys, and where the manifests say them.
    spots: Vec<(String, Spot)>,
    /// Keys, and what the manifests say.
    said: Vec<(String, String)>,
}

impl Spot {
    pub(super) fn of(place: &Place) -> Spot {
        Spot {
            path: place.path().to_owned(),
            row: place.row(),
            column: place.column(),
            line: place.line().to_owned(),
        }
    }

    fn whole(document: &Document) -> Spot {
        let (path, text, _) = document.parts();
        let line = text.lines().next().unwrap_or_default().to_owned();
        Spot {
            path: path.to_owned(),
            row: 1,
            column: 1,
            line,
        }
    }
}

impl Subject {
    /// An imported Deployment, with edits to its scenario.
    ///
    /// # Errors
    /// An edit is of no key.
    pub fn of_draft(draft: &Draft) -> Result<Subject, Error> {
        let document = draft.document()?;
        let place = |key: &str, place: &Place| (key.to_owned(), Spot::of(place));
        let remarks = draft.notices.iter().map(|notice| Remark {
            spot: Spot::of(&notice.place),
            words: notice.words.clone(),
        });
        let is_reached = draft.facts.references.is_empty();
        let spots = draft
            .values
            .iter()
            .filter_map(|value| Some(place(&value.key, value.origin.place()?)));
        let subject = Subject {
            name: draft.name.clone(),
            spot: Spot::of(&draft.place),
            exposure: Some(draft.exposure()),
            remarks: remarks.collect(),
            // Its place would be in a file that nobody has seen: the message alone.
            scenario: match is_reached {
                true => document.resolve().map_err(|error| {
                    error
                        .to_string()
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                }),
                false => Err("no request of the load balancer reaches the pods".to_owned()),
            },
            document,
            spots: spots.collect(),
            said: draft
                .values
                .iter()
                .map(|value| (value.key.clone(), value.toml.clone()))
                .collect(),
            facts: Some(draft.facts.clone()),
            names: Some(draft.facts.names.clone()),
            asked: draft.asked.iter().map(|(key, _)| key.clone()).collect(),
            ignored: draft.facts.ignored.clone(),
        };
        Ok(subject.with_unknown_versions())
    }

    /// A scenario file.
    ///
    /// # Errors
    /// It is no scenario.
    pub fn of_document(document: Document) -> Result<Subject, Error> {
        let scenario = document.resolve()?;
        let subject = Subject {
            name: scenario.name.clone(),
            spot: Spot::whole(&document),
            exposure: None,
            remarks: Vec::new(),
            document,
            scenario: Ok(scenario),
            facts: None,
            names: None,
            asked: Vec::new(),
            ignored: Vec::new(),
            spots: Vec::new(),
            said: Vec::new(),
        };
        Ok(subject.with_unknown_versions())
    }

    /// Remarks on versions that are taken for others.
    fn with_unknown_versions(mut self) -> Subject {
        let unknown = self
            .scenario
            .as_ref()
            .map_or_else(|_| Vec::new(), Scenario::unknown_versions);
        for version in unknown {
            self.remarks.push(Remark {
                spot: self.spot_of(&[&version.key]),
                words: format!("{} = {}: {}", version.key, version.value, version.source),
            });
        }
        self
    }

    /// The preStop hook, as the manifests have it.
    pub(super) fn hook(&self) -> Option<&HookFacts> {
        self.facts.as_ref()?.hook.as_ref()
    }

    /// Whether somebody said that a rule does not count here.
    pub(super) fn ignores(&self, rule: &str) -> bool {
        self.ignored.iter().any(|ignored| ignored.rule == rule)
    }

    /// The edits that a patch may make: a hook that does more than let time pass is its owner's to change.
    pub(super) fn patchable(&self, edits: &[Edit]) -> Vec<Edit> {
        let own = self.hook().is_some_and(|hook| !hook.only_waits);
        edits
            .iter()
            .filter(|edit| !(own && edit.key == PRE_STOP))
            .cloned()
            .collect()
    }

    /// Whether the manifests say this of a key, though it may not be simulated.
    pub(super) fn document_says(&self, key: &str, value: &str) -> bool {
        self.said(key) == Some(value)
    }

    /// What the manifests say of a key, though it may not be simulated.
    pub(super) fn said(&self, key: &str) -> Option<&str> {
        self.said
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, toml)| toml.trim_matches('"'))
    }

    /// Where the first of these keys that anybody gave was written; if none was, the name.
    pub(super) fn spot_of(&self, keys: &[&str]) -> Spot {
        let of_manifest = |key: &&str| {
            self.spots
                .iter()
                .find(|(known, _)| known == key)
                .map(|(_, spot)| spot.clone())
        };
        let of_scenario = |key: &&str| {
            let (row, column, line) = self
                .document
                .place_of(key)
                .filter(|_| self.facts.is_none())?;
            Some(Spot {
                path: self.document.path().to_owned(),
                row,
                column,
                line: line.to_owned(),
            })
        };
        let found = keys
            .iter()
            .chain(&["name"])
            .find_map(|key| of_manifest(key).or_else(|| of_scenario(key)));
        found.unwrap_or_else(|| self.spot.clone())
    }
}
