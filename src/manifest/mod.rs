//! Kubernetes manifests: what they say about a rollout, as scenarios that name the line of every value.
//!
//! Files are read into trees (`yaml`), trees into the objects that matter (`workload`, `network`); what
//! belongs together is paired (`entrance`) and written down as a [`Draft`] for each Deployment.

#![warn(clippy::string_slice)]

mod annotation;
mod balancing;
mod draft;
mod entrance;
mod facts;
mod field;
mod given;
mod hook;
mod import;
mod kind;
mod names;
mod network;
mod objects;
mod shape;
mod source;
mod workload;
mod yaml;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::Error;
pub use draft::{Draft, Notice, Origin, OtherTargetGroup, Value};
pub use facts::{CommandHook, Facts, Ignored, Names};
pub use given::Given;
use objects::Objects;
pub use source::Place;

/// What the manifests come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// One for each Deployment that has pods to replace, in the order of the files.
    pub drafts: Vec<Draft>,
    /// Deployments that were left out, and Ingresses of other controllers.
    pub notices: Vec<Notice>,
    /// How many objects of each kind were found.
    pub kinds: BTreeMap<String, usize>,
}

/// Imports files, the manifests of folders, and stdin (`-`). What is given wins over the manifests.
///
/// # Errors
/// Something cannot be read, is no YAML, no Kubernetes object, or one that Kubernetes would refuse: where, and
/// what to do; exit code 2. It is larger than any manifest; exit code 4.
pub fn import(paths: &[PathBuf], given: &[Given]) -> Result<Import, Error> {
    let objects = Objects::read(paths)?;
    let mut import = Import { drafts: Vec::new(), notices: Vec::new(), kinds: objects.kinds.clone() };
    for deployment in &objects.deployments {
        if let Some(none) = deployment.replicas.as_ref().filter(|replicas| replicas.value == 0) {
            let words = format!("Deployment `{}` has 0 replicas: nothing to replace", deployment.metadata.name.value);
            import.notices.push(Notice { place: none.place.clone(), words });
            continue;
        }
        import.drafts.push(given::draft(&objects, deployment, given)?);
    }
    for ingress in objects.ingresses.iter().filter(|ingress| !entrance::is_alb(&objects, ingress)) {
        let words = format!("Ingress `{}` is not the AWS controller's: left out", ingress.metadata.name.value);
        import.notices.push(Notice { place: ingress.metadata.name.place.clone(), words });
    }
    for other in objects.others.iter().filter(|other| ROLLED_OUT.contains(&other.kind.as_str())) {
        let words = format!("a {} is not rolled out as a Deployment is: left out", other.kind);
        import.notices.push(Notice { place: other.place.clone(), words });
    }
    if import.drafts.is_empty() {
        given::on_defaults(given)?;
    }
    import.tell_apart();
    Ok(import)
}

/// Kinds that have rollouts of their own.
const ROLLED_OUT: [&str; 4] = ["StatefulSet", "DaemonSet", "Rollout", "DeploymentConfig"];

impl Import {
    /// Why there is no draft, if there is none.
    ///
    /// # Errors
    /// There is none.
    pub fn some(self) -> Result<Import, Error> {
        if !self.drafts.is_empty() {
            return Ok(self);
        }
        let kinds: Vec<String> = self.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let found = if kinds.is_empty() { "no object".to_owned() } else { kinds.join(", ") };
        let error = Error::input("no Deployment to roll out among the manifests");
        Err(error.hint(match self.notices.first() {
            Some(notice) => format!("{}: {}", notice.place, notice.words),
            None => format!("found {found}"),
        }))
    }

    /// Deployments of one name in several namespaces get the namespace into their names.
    fn tell_apart(&mut self) {
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        self.drafts.iter().for_each(|draft| *names.entry(draft.name.clone()).or_default() += 1);
        for draft in self.drafts.iter_mut().filter(|draft| names[&draft.name] > 1) {
            if let Some(namespace) = &draft.facts.names.namespace {
                draft.name = format!("{namespace}/{}", draft.name);
            }
        }
    }
}
