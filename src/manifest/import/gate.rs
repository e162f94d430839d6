//! The readiness gate of the load balancer controller: who asks for it, and whether anybody injects it.

use super::Import;
use crate::aws::target_group::TargetType;
use crate::error::Error;
use crate::manifest::controller::Platform;
use crate::manifest::draft::Origin;
use crate::manifest::entrance::{Door, Entrance};
use crate::manifest::network::Namespace;
use crate::manifest::source::{At, Place};

const KEY: &str = "pod.readiness_gate";

/// The namespace's label that asks for gates, and what the gates start with.
struct Words {
    label: &'static str,
    gate: &'static str,
}

/// LBC docs/deploy/pod_readiness_gate.md.
const INSTALLED: Words = Words {
    label: "elbv2.k8s.aws/pod-readiness-gate-inject",
    gate: "target-health.elbv2.k8s.aws/",
};

/// Auto Mode does not look at the label of the other one: with it two of two rollouts failed, with this one none.
const AUTO_MODE: Words = Words {
    label: "eks.amazonaws.com/pod-readiness-gate-inject",
    gate: "target-health.eks.amazonaws.com/",
};

impl Import<'_> {
    /// The words that this cluster's controller reads, and those that it does not. Where nothing tells which
    /// controller it is, the label that is there does.
    fn words(&self, namespace: Option<&Namespace>) -> (&'static Words, &'static Words) {
        let has = |words: &Words| {
            namespace.is_some_and(|namespace| namespace.metadata.labels.contains_key(words.label))
        };
        match self.entrance.map(|entrance| entrance.platform) {
            Some(Platform::AutoMode) => (&AUTO_MODE, &INSTALLED),
            Some(Platform::Installed) => (&INSTALLED, &AUTO_MODE),
            Some(Platform::Unknown) | None if has(&AUTO_MODE) && !has(&INSTALLED) => {
                (&AUTO_MODE, &INSTALLED)
            }
            Some(Platform::Unknown) | None => (&INSTALLED, &AUTO_MODE),
        }
    }

    /// The label that asks this cluster's controller for gates.
    pub(super) fn gate_label_name(&self) -> &'static str {
        self.words(self.namespace().ok()).0.label
    }

    /// The Deployment's namespace, or what it is called. Without one of its own, an object goes where it is applied:
    /// most likely into the only one here.
    pub(super) fn namespace(&self) -> Result<&Namespace, String> {
        let name = self.deployment.metadata.namespace();
        match (name, self.objects.namespaces.as_slice()) {
            ("", [only]) => Ok(only),
            ("", _) => Err("the Deployment's namespace".to_owned()),
            (name, all) => {
                let found = all
                    .iter()
                    .find(|namespace| namespace.metadata.name.value == name);
                found.ok_or_else(|| format!("Namespace `{name}`"))
            }
        }
    }

    /// `pod.readiness_gate`; returns the namespace's label.
    pub(super) fn gate(&mut self, entrances: &[Entrance<'_>]) -> Result<Option<Place>, Error> {
        let namespace = self.namespace().ok();
        let (read, foreign) = self.words(namespace);
        let label = namespace
            .and_then(|namespace| namespace.metadata.labels.get(read.label))
            .cloned();
        let no_effect = namespace
            .and_then(|namespace| namespace.metadata.labels.get(foreign.label))
            .cloned();
        let name_place = namespace.map(|namespace| namespace.metadata.name.place.clone());
        let gates = &self.deployment.template.gates;
        if let Some(own) = gates.iter().find(|gate| gate.value.starts_with(read.gate)) {
            self.values
                .push(KEY, "true".to_owned(), Origin::Written(own.place.clone()));
            return Ok(None);
        }
        if let Some(foreign) = no_effect {
            let words = format!(
                "this label does nothing here: the controller of these pods reads `{}`",
                read.label
            );
            self.notice(&foreign.place, words);
        }
        let Some(name_place) = name_place else {
            let which = self.namespace().err().unwrap_or_default();
            let why = format!(
                "{which} is not among the manifests; has it the label {}: enabled?",
                read.label
            );
            self.left_open.push((KEY, why));
            return Ok(None);
        };
        let is_unknown = self
            .entrance
            .is_none_or(|entrance| entrance.platform == Platform::Unknown);
        match label {
            Some(label) if label.value == "enabled" => {
                if is_unknown && std::ptr::eq(read, &AUTO_MODE) {
                    let words = "no IngressClass here tells whose controller serves these pods: taken for EKS Auto Mode's, as this label is";
                    self.notice(&label.place, words);
                }
                self.labelled(&label, entrances).map(Some)
            }
            other => {
                if let Some(wrong) = other {
                    let words = format!(
                        "`{}` switches no gates on: the value must be `enabled`",
                        wrong.value
                    );
                    self.notice(&wrong.place, words);
                }
                self.values
                    .push(KEY, "false".to_owned(), Origin::Written(name_place));
                Ok(None)
            }
        }
    }

    /// The namespace asks for gates: they are injected where targets are pods.
    fn labelled(&mut self, label: &At<String>, entrances: &[Entrance<'_>]) -> Result<Place, Error> {
        let mut is_injected = false;
        for entrance in entrances {
            // Nobody but a binding may leave it open: then the controller asks AWS.
            let open = matches!(entrance.door, Door::Binding(_));
            is_injected |= entrance
                .target_type()?
                .map_or(open, |kind| kind.value == TargetType::Ip);
        }
        let place = label.place.clone();
        let (gate, origin) = match is_injected {
            true if self.deployment.metadata.namespace().is_empty() => (
                "true",
                Origin::Concluded(
                    place.clone(),
                    "the Deployment is applied to the only Namespace here".to_owned(),
                ),
            ),
            true => ("true", Origin::Written(place.clone())),
            false => {
                let why = "no Ingress, TargetGroupBinding or route with ip targets leads to the pods, so no gate is injected";
                ("false", Origin::Concluded(place.clone(), why.to_owned()))
            }
        };
        self.values.push(KEY, gate.to_owned(), origin);
        Ok(place)
    }
}
