//! Several Deployments behind one Service are targets of one target group: each gets the share of its pods.

use super::Import;
use crate::manifest::draft::Origin;
use crate::manifest::entrance;
use crate::scenario::Scenario;

/// More Deployments behind the same Service are counted, not named.
const MOST_NAMED: usize = 10;

impl Import<'_> {
    /// `load.rate`, which is the Service's.
    pub(super) fn share_load(&mut self, scenario: &Scenario) {
        let Some(service) = self.service else { return };
        let others: Vec<_> = self
            .objects
            .deployments_of(service)
            .filter(|other| other.place != self.deployment.place)
            .filter(|other| {
                entrance::together(&service.metadata, &other.metadata)
                    && service.selects(&other.template.labels)
            })
            .map(|other| (other.metadata.name.value.as_str(), self.pods_of(other)))
            .filter(|(_, pods)| *pods > 0)
            .collect();
        if others.is_empty() {
            return;
        }
        let own = scenario.deployment.replicas;
        let all = others
            .iter()
            .fold(own, |all, (_, pods)| all.saturating_add(*pods));
        let mut names: Vec<String> = others
            .iter()
            .take(MOST_NAMED)
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        if let Some(more @ 1..) = others.len().checked_sub(MOST_NAMED) {
            names.push(format!("{more} more"));
        }
        let place = service.metadata.name.place.clone();
        let shared = format!(
            "Service `{}` leads to the pods of {}, too: this Deployment has {own} of {all} pods",
            service.metadata.name.value,
            names.join(", ")
        );
        if scenario.load.workers.is_some() {
            self.notice(
                &place,
                format!(
                    "{shared}; a closed loop is not shared out: give the workers that these get"
                ),
            );
            return;
        }
        let key = "load.rate";
        let rate = scenario.load.rate;
        let share = rate * f64::from(own) / f64::from(all);
        let given = if self.values.has(key) {
            "given"
        } else {
            "assumed"
        };
        if given == "assumed" {
            self.ask(
                key,
                "how many requests a second to the whole Service during a rollout?".to_owned(),
            );
        }
        let why = format!(
            "the {given} rate of the whole Service, {rate} a second, is shared by all its pods"
        );
        self.notice(
            &place,
            format!(
                "{shared}, and gets {share:.1} of the Service's {rate} requests a second ({given})"
            ),
        );
        self.values
            .push(key, format!("{share:?}"), Origin::Concluded(place, why));
    }
}
