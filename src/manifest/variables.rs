//! `env` and `envFrom` of a container, and the ConfigMaps that they name.

use std::collections::BTreeMap;

use super::entrance;
use super::field::Field;
use super::hook::Environment;
use super::objects::Objects;
use super::workload::Metadata;
use super::yaml::Value;
use crate::error::Error;

/// `v1 ConfigMap`
#[derive(Debug)]
pub(super) struct ConfigMap {
    pub(super) metadata: Metadata,
    data: BTreeMap<String, String>,
}

/// Where the variables of a container come from.
#[derive(Debug, Default)]
pub(super) struct Variables {
    /// `envFrom`: each ConfigMap's name and prefix; without a name: something else.
    all_of: Vec<(Option<String>, String)>,
    /// `env`: each variable's name.
    single: Vec<(String, Origin)>,
}

#[derive(Debug)]
enum Origin {
    Value(String),
    /// A key of a ConfigMap.
    Key(String, String),
    /// A Secret, a field of the pod, …
    Unseen,
}

impl ConfigMap {
    /// What no hook depends on is no reason to refuse anything.
    pub(super) fn read(object: &Field<'_>) -> Option<ConfigMap> {
        let metadata = Metadata::read(object).ok()?;
        let data = object.get("data").ok()?;
        let data = data
            .map(|data| data.members())
            .transpose()
            .ok()?
            .unwrap_or_default();
        let data = data
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), text(&value)?)));
        Some(ConfigMap {
            metadata,
            data: data.collect(),
        })
    }
}

fn text(field: &Field<'_>) -> Option<String> {
    match field.value() {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

impl Variables {
    pub(super) fn read(container: &Field<'_>) -> Result<Variables, Error> {
        let mut variables = Variables::default();
        for from in container.list("envFrom")? {
            let map = from
                .get("configMapRef")?
                .map(|map| map.get("name"))
                .transpose()?
                .flatten();
            let prefix = from
                .get("prefix")?
                .and_then(|prefix| text(&prefix))
                .unwrap_or_default();
            variables
                .all_of
                .push((map.and_then(|name| text(&name)), prefix));
        }
        for variable in container.list("env")? {
            let Some(name) = variable.get("name")?.and_then(|name| text(&name)) else {
                continue;
            };
            let origin = match (variable.get("value")?, variable.get("valueFrom")?) {
                (_, Some(from)) => {
                    let key = from.get("configMapKeyRef")?;
                    let part = |name: &str| {
                        let part = key.as_ref().map(|key| key.get(name)).transpose();
                        part.map(|part| part.flatten().and_then(|part| text(&part)))
                    };
                    part("name")?
                        .zip(part("key")?)
                        .map_or(Origin::Unseen, |(map, key)| Origin::Key(map, key))
                }
                // A variable without a value is an empty one.
                (value, None) => match value {
                    None => Origin::Value(String::new()),
                    Some(value) => text(&value).map_or(Origin::Unseen, Origin::Value),
                },
            };
            variables.single.push((name, origin));
        }
        Ok(variables)
    }

    /// What is known of them, by the ConfigMaps beside the pod's controller.
    pub(super) fn resolve(&self, objects: &Objects, owner: &Metadata) -> Environment {
        let map = |name: &str| {
            let mut named = objects.config_maps_named(name);
            named.find(|map| entrance::together(&map.metadata, owner))
        };
        let mut environment = Environment::default();
        for (name, prefix) in &self.all_of {
            match name.as_deref().and_then(map) {
                Some(map) => environment.variables.extend(
                    map.data
                        .iter()
                        .map(|(key, value)| (format!("{prefix}{key}"), Some(value.clone()))),
                ),
                None => environment.open = true,
            }
        }
        for (name, origin) in &self.single {
            let value = match origin {
                Origin::Value(value) => expanded(value, &environment),
                Origin::Key(of, key) => map(of).and_then(|map| map.data.get(key)).cloned(),
                Origin::Unseen => None,
            };
            environment.variables.insert(name.clone(), value);
        }
        environment
    }
}

/// The kubelet puts the variables before it in place of `$(NAME)`.
fn expanded(value: &str, environment: &Environment) -> Option<String> {
    let mut rest = value;
    let mut whole = String::new();
    while let Some((before, after)) = rest.split_once("$(") {
        let (name, after) = after.split_once(')')?;
        whole.push_str(before);
        whole.push_str(environment.variables.get(name)?.as_ref()?);
        rest = after;
    }
    whole.push_str(rest);
    Some(whole)
}
