//! The target group's attributes that say which target a request is given to.

use super::annotation::Attributes;
use super::draft::{Notice, Origin, Values, text};
use super::source::At;
use crate::error::Error;

/// How long a cookie lives unless told otherwise: a day (elbv2 API, `stickiness.*.duration_seconds`).
const COOKIE_SECONDS: u32 = 86_400;

/// Reads them; says what a forecast cannot take over as it is.
pub(super) fn read(attributes: &Attributes, values: &mut Values) -> Result<Option<Notice>, Error> {
    values.seconds(
        "target_group.slow_start",
        attributes.whole("slow_start.duration_seconds")?.as_ref(),
    );
    values.written(
        "target_group.algorithm",
        attributes.text("load_balancing.algorithm.type"),
        |name| text(name),
    );
    let mitigation = attributes.one_of(
        "load_balancing.algorithm.anomaly_mitigation",
        &[("on", true), ("off", false)],
    )?;
    values.written(
        "target_group.anomaly_mitigation",
        mitigation.as_ref(),
        bool::to_string,
    );
    // What the load balancer itself says cannot be turned off (AWS guide, Cross-zone load balancing).
    let zones = [
        ("true", true),
        ("false", false),
        ("use_load_balancer_configuration", true),
    ];
    let cross_zone = attributes.one_of("load_balancing.cross_zone.enabled", &zones)?;
    values.written(
        "target_group.cross_zone",
        cross_zone.as_ref(),
        bool::to_string,
    );
    health(attributes, values)?;
    stickiness(attributes, values)
}

/// From how few healthy targets on a node chooses among all: the greater of a number and a share (AWS guide, Target
/// group health). `off` is the default, which leaves the key out.
fn health(attributes: &Attributes, values: &mut Values) -> Result<(), Error> {
    let keys = [
        ("count", "target_group.health.minimum_healthy_count"),
        (
            "percentage",
            "target_group.health.minimum_healthy_percentage",
        ),
    ];
    for (what, key) in keys {
        let name =
            format!("target_group_health.unhealthy_state_routing.minimum_healthy_targets.{what}");
        if attributes
            .text(&name)
            .is_some_and(|text| text.value.trim() == "off")
        {
            continue;
        }
        let least = attributes.whole(&name)?;
        if let Some(At { value: 0, place }) = &least {
            let error = place.error(format!("`{name}` is 0"));
            return Err(error.hint("AWS takes a number from 1 on, or `off`"));
        }
        values.written(key, least.as_ref(), u32::to_string);
    }
    Ok(())
}

/// An open loop, which is what a draft forecasts, has no sessions: the cookie is shown, for who makes it a closed one.
fn stickiness(attributes: &Attributes, values: &mut Values) -> Result<Option<Notice>, Error> {
    let switch = attributes.one_of("stickiness.enabled", &[("true", true), ("false", false)])?;
    let Some(At { place, .. }) = switch.filter(|switch| switch.value) else {
        return Ok(None);
    };
    let kinds = [
        ("lb_cookie", "stickiness.lb_cookie.duration_seconds"),
        ("app_cookie", "stickiness.app_cookie.duration_seconds"),
    ];
    let kind = attributes
        .one_of("stickiness.type", &kinds)?
        .map_or(kinds[0].1, |kind| kind.value);
    let seconds = attributes
        .whole(kind)?
        .map_or(COOKIE_SECONDS, |seconds| seconds.value);
    values.push_shown(
        "target_group.stickiness",
        format!("\"{seconds}s\""),
        Origin::Written(place.clone()),
    );
    let words = "sessions stick to a target, which an open loop has none of: give load.workers, and uncomment stickiness";
    Ok(Some(Notice {
        place,
        words: words.to_owned(),
    }))
}
