//! Further ways from load balancers to the same pods, each with a target group of its own.

use super::{Entrance, Import};
use crate::aws::target_group::TargetType;
use crate::error::Error;
use crate::manifest::draft::{OtherTargetGroup, Values, text};

/// A scenario takes no more (`scenario::check::target_groups`).
const MOST: usize = 2;

impl Import<'_> {
    /// `[[other_target_group]]`; says what is left out, and that no requests come through the others.
    pub(super) fn other_target_groups(&mut self, entrances: &[Entrance<'_>]) -> Result<(), Error> {
        let first_is_ip = entrances
            .first()
            .map(has_pods)
            .transpose()?
            .unwrap_or(false);
        for other in entrances.iter().skip(1) {
            let place = other.metadata().name.place.clone();
            let group = format!(
                "{} `{}` makes a further target group of these pods",
                other.kind(),
                name(other)
            );
            let left_out = match () {
                () if !first_is_ip || !has_pods(other)? => Some("hosts are targets"),
                () if self.other_target_groups.len() == MOST => Some("there are two already"),
                () => None,
            };
            if let Some(why) = left_out {
                self.notice(&place, format!("{group}, which is left out: {why}"));
                continue;
            }
            let mut values = Values::default();
            let alone = entrances
                .iter()
                .filter(|entrance| name(entrance) == name(other))
                .count()
                == 1;
            if alone && is_plain(name(other)) {
                values.written(
                    "other_target_group.name",
                    Some(&other.metadata().name),
                    |name| text(name),
                );
            }
            let delay = other
                .attributes()?
                .whole("deregistration_delay.timeout_seconds")?;
            values.seconds("other_target_group.deregistration_delay", delay.as_ref());
            super::health_check(other, "other_target_group", &mut values)?;
            self.notice(
                &place,
                format!("{group}; the forecast's requests come through the first"),
            );
            self.other_target_groups.push(OtherTargetGroup {
                place,
                values: values.sorted(),
            });
        }
        Ok(())
    }
}

fn name<'a>(entrance: &Entrance<'a>) -> &'a str {
    &entrance.metadata().name.value
}

/// What a scenario takes for a name: no dots, which an object's name may have, and not as long.
fn is_plain(name: &str) -> bool {
    name.len() <= 63 && !name.contains('.')
}

/// Whether its targets are pods; where the controller asks AWS, they are taken to be.
fn has_pods(entrance: &Entrance<'_>) -> Result<bool, Error> {
    let by_default = !entrance.target_type_left_to_controller();
    Ok(entrance
        .target_type()?
        .map_or(by_default, |kind| kind.value == TargetType::Ip))
}
