//! The keys of a scenario file: all of them, and which one an unknown name was meant to be.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::MonteCarloSpec;
use super::load::LoadSpec;
use super::objectives::ObjectivesSpec;
use super::rollout::{NewRevisionSpec, STEP_SETTINGS};
use crate::aws::alb_node::LoadBalancerSpec;
use crate::aws::health_check::HealthCheckSpec;
use crate::aws::lbc::LbcSpec;
use crate::aws::target_group::{OtherTargetGroupSpec, TargetGroupHealthSpec, TargetGroupSpec};
use crate::cluster::app::AppSpec;
use crate::cluster::deployment::DeploymentSpec;
use crate::cluster::disruption::PodDisruptionBudgetSpec;
use crate::cluster::kube_proxy::KubeProxySpec;
use crate::cluster::pod::{PodSpec, ProbeSpec, SidecarSpec};
use crate::cluster::service::ServiceSpec;
use crate::cluster::spec::{ClusterSpec, LinksSpec};
use crate::disturbance::Kind as Disturbance;
use crate::setting::form::Form;
use crate::setting::{Grade, Setting};

/// What a dotted name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table of further keys.
    Group,
    /// A key with a value.
    Key,
}

const HEAD: &[Setting] = &[
    Setting {
        key: "name",
        meaning: " The scenario's name, in every output.",
        grade: Grade::Documented,
        source: "the file's name without `.toml`",
        form: String::form,
        range: "",
    },
    Setting {
        key: "description",
        meaning: " What the scenario is about, for people.",
        grade: Grade::Documented,
        source: "empty",
        form: String::form,
        range: "",
    },
];

const SWEEP: &[Setting] = &[Setting {
    key: "sweep",
    meaning: " What a sweep varies: a quoted dotted key, and a list of its values or a range with a step (`\"0s..30s/5s\"`).",
    grade: Grade::Documented,
    source: "nothing",
    form: || serde_json::json!({ "type": "object" }),
    range: "",
}];

static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    [
        HEAD,
        DeploymentSpec::SETTINGS,
        PodSpec::SETTINGS,
        ProbeSpec::SETTINGS,
        &again(ProbeSpec::SETTINGS, "pod.startup_probe"),
        &again(ProbeSpec::SETTINGS, "pod.liveness_probe"),
        SidecarSpec::SETTINGS,
        AppSpec::SETTINGS,
        NewRevisionSpec::SETTINGS,
        STEP_SETTINGS,
        ServiceSpec::SETTINGS,
        PodDisruptionBudgetSpec::SETTINGS,
        ClusterSpec::SETTINGS,
        LinksSpec::SETTINGS,
        KubeProxySpec::SETTINGS,
        LbcSpec::SETTINGS,
        TargetGroupSpec::SETTINGS,
        HealthCheckSpec::SETTINGS,
        TargetGroupHealthSpec::SETTINGS,
        OtherTargetGroupSpec::SETTINGS,
        &again(HealthCheckSpec::SETTINGS, "other_target_group.health_check"),
        LoadBalancerSpec::SETTINGS,
        LoadSpec::SETTINGS,
        MonteCarloSpec::SETTINGS,
        &Disturbance::ALL
            .iter()
            .flat_map(|kind| kind.settings())
            .copied()
            .collect::<Vec<_>>(),
        ObjectivesSpec::SETTINGS,
        SWEEP,
    ]
    .concat()
});

/// The three probes share one declaration, and so do the health checks of all target groups: its rows are
/// made again for each after the first.
fn again(rows: &[Setting], section: &str) -> Vec<Setting> {
    rows.iter()
        .map(|row| Setting {
            key: format!("{section}.{}", last(row.key)).leak(),
            ..*row
        })
        .collect()
}

static GROUPS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let dots = SETTINGS.iter().flat_map(|row| {
        row.key
            .match_indices('.')
            .filter_map(|(dot, _)| row.key.get(..dot))
    });
    dots.collect()
});

/// Every key of a scenario file, in the order of docs/MODEL.md.
pub fn settings() -> &'static [Setting] {
    &SETTINGS
}

/// The row of a key; keys of `[new_revision]` and of a step share the rows of `[pod]` and `[app]`.
pub fn setting(key: &str) -> Option<&'static Setting> {
    if let Some(row) = SETTINGS.iter().find(|row| row.key == key) {
        return Some(row);
    }
    let of_revision = key
        .strip_prefix("new_revision.")
        .or_else(|| key.strip_prefix("step.set."))?;
    if key.starts_with("step.set.") && setting(&format!("new_revision.{of_revision}")).is_some() {
        return setting(&format!("new_revision.{of_revision}"));
    }
    let template = template_key(of_revision)?;
    SETTINGS.iter().find(|row| row.key == template)
}

/// Where a key of `[new_revision]` belongs: `pre_stop` → `pod.pre_stop`.
pub(super) fn template_key(of_revision: &str) -> Option<String> {
    ["pod", "app"]
        .map(|group| format!("{group}.{of_revision}"))
        .into_iter()
        .find(|key| GROUPS.contains(key.as_str()) || SETTINGS.iter().any(|row| row.key == key))
}

/// What `key` is; nothing if there is no such key.
pub(super) fn kind(key: &str) -> Option<Kind> {
    match setting(key) {
        Some(row) if !GROUPS.contains(row.key) => Some(Kind::Key),
        Some(_) => Some(Kind::Group),
        None => GROUPS.contains(key).then_some(Kind::Group),
    }
}

/// Whether a sweep can vary a key: settings of the one rollout, not of what stands in lists.
pub fn is_swept(key: &str) -> bool {
    let in_list = ["step.", "disturbance.", "other_target_group."]
        .iter()
        .any(|list| key.starts_with(list));
    kind(key) == Some(Kind::Key) && !in_list && !["sweep", "name", "description"].contains(&key)
}

/// The names that may stand in a group; at the top level for `""`.
fn children(group: &str) -> BTreeSet<&'static str> {
    let below = |section: &str| -> BTreeSet<&'static str> {
        let skip = if section.is_empty() {
            0
        } else {
            section.len() + 1
        };
        let rows = SETTINGS
            .iter()
            .filter(|row| section.is_empty() || row.key.starts_with(&format!("{section}.")));
        rows.map(|row| {
            row.key
                .get(skip..)
                .unwrap_or_default()
                .split('.')
                .next()
                .unwrap_or_default()
        })
        .collect()
    };
    let mut names = below(group);
    let of_revision = group
        .strip_prefix("new_revision")
        .or_else(|| group.strip_prefix("step.set"));
    match of_revision {
        Some("") => ["pod", "app", "new_revision"]
            .iter()
            .for_each(|section| names.append(&mut below(section))),
        Some(probe) => names.append(&mut below(&format!("pod{probe}"))),
        None => {}
    }
    names
}

/// What to write in place of an unknown name in a group.
pub(super) fn suggestion(group: &str, name: &str) -> String {
    let names = children(group);
    if let Some(near) = nearest(name, names.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    let elsewhere = SETTINGS.iter().find(|row| last(row.key) == name);
    match elsewhere {
        Some(row) => format!("`{name}` belongs to another table: `{}`", row.key),
        None if group.is_empty() => format!("the tables are {}", list(&names)),
        None => format!("the keys of [{group}] are {}", list(&names)),
    }
}

/// What to write in place of an unknown dotted key.
pub(super) fn dotted_suggestion(key: &str) -> String {
    let leaves = SETTINGS
        .iter()
        .map(|row| row.key)
        .filter(|key| !GROUPS.contains(key));
    if let Some(row) = SETTINGS.iter().find(|row| last(row.key) == last(key)) {
        return format!("did you mean `{}`?", row.key);
    }
    match nearest(key, leaves) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "rollcast explain settings lists the tables and their keys".to_owned(),
    }
}

/// The name most like `name`, if any is like it.
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.82;
    // Quadratic in the name's length: a very long name is like none.
    if name.len() > 100 {
        return None;
    }
    // Kubernetes and AWS write maxSurge and minReadySeconds where a scenario has max_surge and min_ready.
    let snake = snake_case(name);
    let scored = names.map(|candidate| (strsim::jaro_winkler(&snake, candidate), candidate));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 >= ALIKE).then_some(best.1)
}

/// `maxSurge` and `minReadySeconds` as a scenario writes them: `max_surge`, `min_ready`.
pub fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
        snake.push(if letter == '-' {
            '_'
        } else {
            letter.to_ascii_lowercase()
        });
    }
    snake
        .strip_suffix("_seconds")
        .map(str::to_owned)
        .unwrap_or(snake)
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn list(names: &BTreeSet<&str>) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, expected: Option<Kind>) {
        assert_eq!(kind(key), expected, "{key}");
    }

    #[test]
    fn keys_and_groups_are_told_apart() {
        check("name", Some(Kind::Key));
        check("deployment", Some(Kind::Group));
        check("deployment.max_surge", Some(Kind::Key));
        check("pod.readiness_probe", Some(Kind::Group));
        check("pod.startup_probe.period", Some(Kind::Key));
        check("target_group.health_check", Some(Kind::Group));
        check("cluster.links.endpoints_to_lbc", Some(Kind::Key));
        check("new_revision.pre_stop", Some(Kind::Key));
        check("new_revision.readiness_probe.period", Some(Kind::Key));
        check("new_revision.readiness_probe", Some(Kind::Group));
        check("step.set.ready", Some(Kind::Key));
        check("step.set.service_time", Some(Kind::Key));
        check("pod", Some(Kind::Group));
        check("pod.ready", None);
        check("new_revision.replicas", None);
    }

    #[test]
    fn a_near_name_is_found() {
        assert_eq!(
            suggestion("deployment", "maxSurge"),
            "did you mean `max_surge`?"
        );
        assert_eq!(
            suggestion("deployment", "minReadySeconds"),
            "did you mean `min_ready`?"
        );
        assert_eq!(
            suggestion("pod", "termination_grace"),
            "did you mean `termination_grace_period`?"
        );
        assert_eq!(suggestion("", "deploymnet"), "did you mean `deployment`?");
        assert!(
            suggestion("pod", "deregistration_delay")
                .contains("`target_group.deregistration_delay`")
        );
        assert!(suggestion("lbc", "zzz").contains("`requeue`"));
        assert_eq!(
            dotted_suggestion("pre_stop"),
            "did you mean `pod.pre_stop`?"
        );
        assert_eq!(
            dotted_suggestion("pod.prestop"),
            "did you mean `pod.pre_stop`?"
        );
    }

    #[test]
    fn no_key_is_declared_twice() {
        let unique: BTreeSet<&str> = settings().iter().map(|row| row.key).collect();
        assert_eq!(unique.len(), settings().len());
    }
}
