//! Target groups that a TargetGroupBinding names and somebody else made: Terraform, CloudFormation, a person.

use super::{Door, Entrance, Import};
use crate::manifest::draft::{Origin, Value, Values};
use crate::manifest::entrance::is_made_by_controller;

/// What a target group of ip or instance targets and HTTP has where nobody says anything: AWS API reference,
/// CreateTargetGroup and TargetGroupAttribute.
const OF_AWS: [(&str, &str); 5] = [
    ("deregistration_delay", "\"300s\""),
    ("health_check.interval", "\"30s\""),
    ("health_check.timeout", "\"5s\""),
    ("health_check.healthy_threshold", "5"),
    ("health_check.unhealthy_threshold", "2"),
];

const WHY: &str = "AWS's default; the target group is somebody else's, not the controller's";

/// What such a target group has, unless somebody says otherwise, in this table.
pub(super) fn defaults(entrance: &Entrance<'_>, table: &str, values: &mut Values) {
    let Door::Binding(binding) = entrance.door else {
        return;
    };
    if is_made_by_controller(binding) {
        return;
    }
    for (name, toml) in OF_AWS {
        let place = binding.metadata.name.place.clone();
        values.push(
            &format!("{table}.{name}"),
            toml.to_owned(),
            Origin::Concluded(place, WHY.to_owned()),
        );
    }
}

impl Import<'_> {
    /// The target group of a binding alone is somebody else's, and so are its settings.
    pub(super) fn ask_for_somebody_elses(&mut self) {
        let Some(Door::Binding(_)) = self.entrance.map(|entrance| entrance.door) else {
            return;
        };
        for key in OF_AWS.map(|(name, _)| format!("target_group.{name}")) {
            let is_given = |value: &Value| matches!(value.origin, Origin::Given(_));
            if !self.values.find(&key).is_some_and(is_given) {
                self.ask(
                    &key,
                    "what has the target group? (aws elbv2 describe-target-groups, -attributes)"
                        .to_owned(),
                );
            }
        }
    }
}
