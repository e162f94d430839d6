//! Kubernetes manifests: what they say about a rollout, as scenarios that name the line of every value.
//!
//! Files are read into trees (`yaml`), trees into the objects that matter (`workload`, `network`); what
//! belongs together is paired (`entrance`) and written down as a [`Draft`] for each Deployment.

#![warn(clippy::string_slice)]

mod action;
mod annotation;
mod attributes;
mod balancing;
mod controller;
mod draft;
mod entrance;
mod exposure;
mod facts;
mod field;
mod folder;
mod gateway;
mod given;
mod hook;
mod import;
mod json;
mod kind;
mod left_out;
mod load_balancer_configuration;
mod names;
mod network;
mod objects;
mod other_workload;
mod proxy_route;
mod scalar;
mod selection;
mod shape;
mod source;
mod variables;
mod workload;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::Error;
pub use draft::{Draft, Notice, Origin, OtherTargetGroup, Value};
pub use facts::{Exposure, Facts, HookFacts, Ignored, Names, NotRead};
pub use folder::{Rendered, Skipped};
pub use given::Given;
use objects::Objects;
pub use source::Place;

/// What the manifests come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// One for each Deployment that has pods to replace and no entrance that is known not to be an ALB, in the order of
    /// the files.
    pub drafts: Vec<Draft>,
    /// Objects of which there is no forecast, and why.
    pub left_out: Vec<LeftOut>,
    /// Services behind an ALB that lead nowhere.
    pub dangling: Vec<Dangling>,
    /// Objects that are written more than once, and files that look like manifests and cannot be read.
    pub notices: Vec<Notice>,
    /// How many objects of each kind were found.
    pub kinds: BTreeMap<String, usize>,
    /// What was found in folders and is not read: no manifests.
    pub skipped: Vec<Skipped>,
    /// Folders that a tool makes manifests of.
    pub rendered: Vec<Rendered>,
}

/// An object of which there is no forecast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// `StatefulSet shop/web`
    pub object: String,
    /// Where it is.
    pub place: Place,
    /// Why there is none.
    pub why: String,
    /// Whether requests may well come to it, so that what a rollout of it costs is an open question.
    pub is_open: bool,
}

/// A Service behind an ALB that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// `Service shop/web`
    pub object: String,
    /// What is wrong, and where.
    pub notice: Notice,
}

/// Imports files, the manifests of folders, and stdin (`-`). What is given wins over the manifests.
///
/// # Errors
/// Something cannot be read, is no YAML, no Kubernetes object, or one that Kubernetes would refuse: where, and
/// what to do; exit code 2. It is larger than any manifest; exit code 4.
pub fn import(paths: &[PathBuf], given: &[Given]) -> Result<Import, Error> {
    import_read(Objects::read(source::read(paths)?)?, given)
}

/// Imports manifests that are in memory, each under the name that errors and findings give it.
///
/// # Errors
/// As [`import`].
pub fn import_texts(texts: Vec<(PathBuf, Vec<u8>)>, given: &[Given]) -> Result<Import, Error> {
    import_read(Objects::read(source::texts(texts)?)?, given)
}

fn import_read(objects: Objects, given: &[Given]) -> Result<Import, Error> {
    let mut left_out = Vec::new();
    let mut drafts = Vec::new();
    for deployment in &objects.deployments {
        match left_out::of_deployment(&objects, deployment) {
            Some(reason) => left_out.push(reason),
            None => drafts.push(given::draft(&objects, deployment, given)?),
        }
    }
    let mut noticed = Vec::new();
    drafts.retain(|draft| match left_out::of_draft(draft) {
        Some(reason) => {
            left_out.push(reason);
            noticed.extend(draft.notices.iter().cloned());
            false
        }
        None => true,
    });
    for workload in &objects.other_workloads {
        left_out.extend(left_out::of_other(&objects, workload)?);
    }
    if drafts.is_empty() {
        given::on_defaults(given)?;
    }
    let mut dangling = Vec::new();
    left_out::leads(&objects, &mut left_out, &mut dangling);
    let Objects {
        kinds,
        mut notices,
        skipped,
        rendered,
        ..
    } = objects;
    notices.extend(noticed);
    let mut import = Import {
        drafts,
        left_out,
        dangling,
        notices,
        kinds,
        skipped,
        rendered,
    };
    import.tell_apart();
    Ok(import)
}

impl Import {
    /// Why there is no draft, if there is none.
    ///
    /// # Errors
    /// There is none.
    pub fn some(self) -> Result<Import, Error> {
        if !self.drafts.is_empty() {
            return Ok(self);
        }
        let kinds: Vec<String> = self
            .kinds
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        let found = if kinds.is_empty() {
            "no object".to_owned()
        } else {
            kinds.join(", ")
        };
        let error = Error::input("no Deployment to roll out among the manifests");
        let is_kustomization = self.kinds.contains_key("Kustomization");
        Err(
            error.hint(match (self.rendered.first(), self.left_out.first()) {
                (Some(rendered), _) => {
                    format!("they are made by a tool: {}", rendered.pipe("check"))
                }
                (None, Some(left_out)) => {
                    format!("{}: {}: {}", left_out.place, left_out.object, left_out.why)
                }
                (None, None) if is_kustomization => {
                    format!("found {found}: build it, `kustomize build FOLDER | rollcast check -`")
                }
                (None, None) => format!("found {found}"),
            }),
        )
    }

    /// The drafts to judge, and what else is left out: where no ALB is seen to lead to a Deployment, one is only
    /// assumed on request, and only if none leads to any other.
    pub fn judged(&self, assume_alb: bool) -> (Vec<&Draft>, Vec<LeftOut>) {
        let is_led_to =
            |draft: &&Draft| matches!(draft.facts.exposure, Exposure::Alb(_) | Exposure::Broken(_));
        let (mut judged, hidden): (Vec<&Draft>, Vec<&Draft>) =
            self.drafts.iter().partition(is_led_to);
        let mut left_out = Vec::new();
        let assume_all = assume_alb && judged.is_empty();
        for draft in hidden {
            if assume_all || (assume_alb && matches!(draft.facts.exposure, Exposure::Unseen(_))) {
                judged.push(draft);
            } else {
                left_out.push(left_out::unseen(draft));
            }
        }
        left_out.extend(self.left_out.iter().cloned());
        (judged, left_out)
    }

    /// Deployments of one name in several namespaces get the namespace into their names.
    fn tell_apart(&mut self) {
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        self.drafts
            .iter()
            .for_each(|draft| *names.entry(draft.name.clone()).or_default() += 1);
        for draft in self
            .drafts
            .iter_mut()
            .filter(|draft| names[&draft.name] > 1)
        {
            if let Some(namespace) = &draft.facts.names.namespace {
                draft.name = format!("{namespace}/{}", draft.name);
            }
        }
    }
}
