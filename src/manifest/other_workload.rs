//! Workloads that are not rolled out as a Deployment is: who they are, and which pods are theirs.

use std::collections::BTreeMap;

use super::field::Field;
use super::names;
use super::source::{At, Place};
use super::workload::Metadata;
use crate::error::Error;

/// A workload that no forecast is made of.
#[derive(Debug)]
pub(super) struct OtherWorkload {
    pub(super) kind: &'static str,
    pub(super) metadata: Metadata,
    pub(super) place: Place,
    /// Labels of its pods.
    pub(super) labels: BTreeMap<String, At<String>>,
    /// The Deployment whose pods it rolls out in place of the Deployment's own controller.
    pub(super) deployment: Option<String>,
    /// The Ingress whose action a Rollout's controller writes (`trafficRouting.alb.ingress`).
    pub(super) ingress: Option<String>,
}

impl OtherWorkload {
    /// Reads one; nothing where a controller made it, since that is read itself.
    pub(super) fn read(
        object: &Field<'_>,
        kind: &'static str,
    ) -> Result<Option<OtherWorkload>, Error> {
        let metadata = Metadata::read(object)?;
        let is_owned = !object.need("metadata")?.list("ownerReferences")?.is_empty();
        if is_owned && ["Pod", "ReplicaSet", "ReplicationController", "Job"].contains(&kind) {
            return Ok(None);
        }
        let spec = object.get("spec")?;
        let labels = if kind == "Pod" {
            metadata.labels.clone()
        } else {
            labels_of_template(spec.as_ref())?
        };
        let (deployment, ingress) = match &spec {
            Some(spec) => (deployment_of(spec)?, ingress_of(spec)?),
            None => (None, None),
        };
        Ok(Some(OtherWorkload {
            kind,
            place: object.place(),
            metadata,
            labels,
            deployment,
            ingress,
        }))
    }

    /// Why there is no forecast of it, and what its rollout is like.
    pub(super) fn reason(&self) -> &'static str {
        match self.kind {
            "StatefulSet" => {
                "a StatefulSet is not modelled: it replaces one pod at a time, and each only when the one before is gone"
            }
            "DaemonSet" => {
                "a DaemonSet is not modelled: it replaces the pod of one node after another"
            }
            "Rollout" => {
                "an Argo Rollout is not modelled: its steps, weights and Services change while pods are replaced"
            }
            "Canary" => {
                "Flagger's Canary is not modelled: it shifts weights between two Deployments"
            }
            "DeploymentConfig" => {
                "a DeploymentConfig is not modelled: its deployer pod, not the cluster, replaces pods"
            }
            _ => {
                "nothing rolls it out: who deletes it takes it away from the load balancer at once"
            }
        }
    }
}

fn labels_of_template(spec: Option<&Field<'_>>) -> Result<BTreeMap<String, At<String>>, Error> {
    let mut field = spec.cloned();
    for key in ["template", "metadata", "labels"] {
        field = match field {
            Some(parent) => parent.get(key)?,
            None => None,
        };
    }
    field.map_or(Ok(BTreeMap::new()), |labels| names::labels(&labels))
}

/// `workloadRef` of an Argo Rollout, `targetRef` of Flagger's Canary.
fn deployment_of(spec: &Field<'_>) -> Result<Option<String>, Error> {
    for key in ["workloadRef", "targetRef"] {
        if let Some(reference) = spec.get(key)? {
            let kind = reference.get("kind")?.map(|kind| kind.text()).transpose()?;
            if kind.is_some_and(|kind| kind.value == "Deployment") {
                return Ok(Some(reference.need("name")?.text()?.value));
            }
        }
    }
    Ok(None)
}

/// `strategy.canary.trafficRouting.alb.ingress` of an Argo Rollout.
fn ingress_of(spec: &Field<'_>) -> Result<Option<String>, Error> {
    let mut field = spec.clone();
    for key in ["strategy", "canary", "trafficRouting", "alb", "ingress"] {
        match field.get(key)? {
            Some(member) => field = member,
            None => return Ok(None),
        }
    }
    Ok(Some(field.text()?.value))
}
