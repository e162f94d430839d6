//! How many pods there are: what the Deployment says, unless an autoscaler says otherwise.

use super::Import;
use crate::manifest::draft::Origin;
use crate::manifest::entrance;
use crate::manifest::source::At;
use crate::manifest::workload::Deployment;

impl Import<'_> {
    /// `deployment.replicas`
    pub(super) fn replicas(&mut self) {
        let key = "deployment.replicas";
        match self.scaled(self.deployment) {
            None => self
                .values
                .written(key, self.deployment.replicas.as_ref(), u32::to_string),
            Some((replicas, why)) => {
                let manifest = match &self.deployment.replicas {
                    Some(replicas) => format!("not the {} of the manifest", replicas.value),
                    None => "where the manifest says nothing".to_owned(),
                };
                self.notice(
                    &replicas.place,
                    format!("{why}: {} replicas, {manifest}", replicas.value),
                );
                self.values.push(
                    key,
                    replicas.value.to_string(),
                    Origin::Concluded(replicas.place, why),
                );
            }
        }
    }

    /// How many pods a Deployment has.
    pub(super) fn pods_of(&self, deployment: &Deployment) -> u32 {
        let scaled = self.scaled(deployment).map(|(replicas, _)| replicas.value);
        scaled.unwrap_or_else(|| {
            deployment
                .replicas
                .as_ref()
                .map_or(1, |replicas| replicas.value)
        })
    }

    /// An autoscaler keeps the number between its bounds; where the Deployment leaves it open, or is beyond them, the
    /// fewest are taken.
    fn scaled(&self, deployment: &Deployment) -> Option<(At<u32>, String)> {
        let mut autoscalers = self.objects.autoscalers_of(&deployment.metadata.name.value);
        let autoscaler = autoscalers
            .find(|autoscaler| entrance::together(&autoscaler.metadata, &deployment.metadata))?;
        let (min, max) = (&autoscaler.min, &autoscaler.max);
        let least = min.as_ref().map_or(1, |min| min.value);
        let is_within = |replicas: &At<u32>| (least..=max.value).contains(&replicas.value);
        if deployment.replicas.as_ref().is_some_and(is_within) {
            return None;
        }
        let place = min.as_ref().map_or(&max.place, |min| &min.place).clone();
        let why = format!(
            "{} `{}` keeps {least} to {}; the fewest are taken",
            autoscaler.kind, autoscaler.metadata.name.value, max.value
        );
        Some((
            At {
                value: least,
                place,
            },
            why,
        ))
    }
}
