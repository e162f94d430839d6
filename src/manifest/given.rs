//! What the user gives beside the manifests, and whether it can be.

use std::path::Path;

use super::draft::Draft;
use super::import;
use super::objects::Objects;
use super::workload::Deployment;
use crate::error::Error;
use crate::scenario::Document;
use crate::time::Span;

/// A scenario's key that the user gives in place of the manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The dotted key: `load.rate`.
    pub key: String,
    /// Its value: TOML, or a bare word or span.
    pub value: String,
    /// The option or the file that gave it: `--rate`.
    pub option: String,
    /// Whether it counts only where the manifests say nothing.
    pub yields: bool,
}

/// Imports one Deployment. A draft that is no scenario is for whoever reads it, unless what was given is none either.
pub(super) fn draft(
    objects: &Objects,
    deployment: &Deployment,
    given: &[Given],
) -> Result<Draft, Error> {
    let draft = import::draft(objects, deployment, given)?;
    if !given.is_empty() && draft.document()?.resolve().is_err() {
        on_defaults(given)?;
    }
    Ok(draft)
}

/// Refuses what is given if it is out of range by itself: no manifest could make it right. A target group or a load
/// balancer that AWS would refuse is a finding, judged with what the manifests say of it.
pub(super) fn on_defaults(given: &[Given]) -> Result<(), Error> {
    let (of_aws, others): (Vec<&Given>, Vec<&Given>) =
        given.iter().partition(|given| is_of_aws(given));
    resolves(&others)?;
    of_aws
        .into_iter()
        .filter(|given| !is_quantity(&given.value))
        .try_for_each(|given| resolves(&[given]))
}

fn resolves(given: &[&Given]) -> Result<(), Error> {
    let mut document = Document::parse(Path::new("--set"), "name = \"given\"")?;
    given
        .iter()
        .try_for_each(|Given { key, value, .. }| document.set(key, value))?;
    document.resolve().map(drop)
}

fn is_of_aws(given: &Given) -> bool {
    ["target_group", "load_balancer"]
        .iter()
        .any(|table| given.key.split('.').next() == Some(table))
}

fn is_quantity(value: &str) -> bool {
    Span::parse(value).is_ok() || value.parse::<u32>().is_ok()
}
