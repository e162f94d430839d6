//! JSON Schemas: of the scenario file, which editors complete and explain with it, and of what commands print
//! as JSON.

use serde_json::{Value, json};

use crate::disturbance::Kind;
use crate::scenario::client::CLIENTS;
use crate::scenario::profile::PROFILES;
use crate::scenario::{Scenario, keys, settings};
use crate::setting::Setting;
use crate::setting::form;

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schemas of what commands print with `-o json`, by command.
pub const OUTPUTS: &[(&str, &str)] = &[
    ("run", include_str!("schema/run.json")),
    ("check", include_str!("schema/check.json")),
    ("sweep", include_str!("schema/sweep.json")),
    ("recommend", include_str!("schema/recommend.json")),
    ("compare", include_str!("schema/compare.json")),
    ("trace", include_str!("schema/trace.json")),
];

/// The schema of what a command prints as JSON.
pub fn of_output(command: &str) -> Option<&'static str> {
    OUTPUTS
        .iter()
        .find(|(name, _)| *name == command)
        .map(|(_, schema)| *schema)
}

/// The schema of a scenario file: draft 2020-12, made from the table of settings. It knows every key, the
/// notation and the range of every value, and every name; what only several values together can break is left
/// to `rollcast`.
pub fn scenario() -> String {
    let mut root = json!({
        "$schema": DRAFT,
        "$id": "urn:rollcast:schema:scenario",
        "title": "rollcast scenario",
        "description": "What a forecast depends on: https://toml.io, each key with its default and where that comes from.",
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "$defs": form::definitions(),
        "properties": {},
    });
    root["$defs"]["distribution"] = crate::dist::written();
    let defaults = Scenario::default();
    let of_kind = |row: &&Setting| !row.key.starts_with("disturbance.");
    for row in settings().iter().filter(of_kind) {
        insert(&mut root, row.key, leaf(row, &defaults));
    }
    let properties = &mut root["properties"];
    for probe in ["startup_probe", "liveness_probe"] {
        // Kubernetes takes no other.
        let threshold =
            &mut properties["pod"]["properties"][probe]["properties"]["success_threshold"];
        threshold["const"] = 1.into();
    }
    // The table of settings has one row for what stands in several tables: see `keys::setting`.
    let template = json!([
        properties["pod"]["properties"],
        properties["app"]["properties"]
    ]);
    extend(&mut properties["new_revision"], &template);
    let of_revision = json!([properties["new_revision"]["properties"]]);
    extend(&mut properties["step"]["properties"]["set"], &of_revision);
    alone(&mut properties["step"]);
    for list in ["step", "other_target_group"] {
        properties[list] = json!({ "type": "array", "items": properties[list].take() });
    }
    // The controller works on three target groups of a pod at once.
    properties["other_target_group"]["maxItems"] = 2.into();
    properties["pod_disruption_budget"]["not"] =
        json!({ "required": ["min_available", "max_unavailable"] });
    properties["step"]["maxItems"] = 100.into();
    let kinds: Vec<Value> = Kind::ALL.iter().map(|kind| disturbance(*kind)).collect();
    properties["disturbance"] = json!({
        "description": "What befalls the cluster meanwhile.",
        "type": "array",
        "maxItems": 100,
        "items": { "oneOf": kinds },
    });
    properties["sweep"] = sweep();
    format!("{root:#}\n")
}

fn object() -> Value {
    form::table(json!({}), &[])
}

/// A step makes one change: what is no key of a new revision stands alone.
fn alone(step: &mut Value) {
    let simple = ["create", "revision", "replicas", "paused", "delete_pods"];
    let set = &mut step["properties"]["set"];
    set["minProperties"] = 1.into();
    set["if"] = json!({ "anyOf": simple.map(|key| json!({ "required": [key] })) });
    set["then"] = json!({ "maxProperties": 1 });
    step["required"] = json!(["set"]);
}

fn disturbance(kind: Kind) -> Value {
    let mut table = form::of(kind.settings());
    table["description"] = kind.about().trim().into();
    table["required"] = json!(["kind"]);
    table["properties"]["kind"] = json!({ "const": kind.word() });
    table
}

/// Dotted keys, each with a list of its values or a range with a step.
fn sweep() -> Value {
    let mut swept: Vec<String> = settings()
        .iter()
        .map(|row| row.key.to_owned())
        .filter(|key| keys::is_swept(key))
        .collect();
    let of_revision = settings().iter().filter_map(|row| {
        let key = row
            .key
            .strip_prefix("pod.")
            .or_else(|| row.key.strip_prefix("app."))?;
        Some(format!("new_revision.{key}"))
    });
    swept.extend(
        of_revision
            .filter(|key| keys::is_swept(key))
            .collect::<Vec<_>>(),
    );
    swept.dedup();
    json!({
        "description": "What a sweep varies: dotted keys in quotes.",
        "type": "object",
        "propertyNames": { "enum": swept },
        "additionalProperties": { "type": ["array", "string"] },
    })
}

/// Puts the keys of other tables into a table, where it has none of its own by that name.
fn extend(table: &mut Value, others: &Value) {
    let properties = table["properties"].as_object_mut().into_iter();
    let members = others
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flatten();
    for properties in properties {
        for (name, schema) in members.clone() {
            properties
                .entry(name.clone())
                .or_insert_with(|| schema.clone());
        }
    }
}

/// Puts a schema in its place, below the tables that its key names.
fn insert(table: &mut Value, key: &str, schema: Value) {
    if table["properties"].is_null() {
        *table = object();
    }
    match key.split_once('.') {
        None => table["properties"][key] = schema,
        Some((name, rest)) => insert(&mut table["properties"][name], rest, schema),
    }
}

fn leaf(row: &Setting, defaults: &Scenario) -> Value {
    let mut schema = form::leaf(row);
    let names = |names: Vec<&str>| Value::from(names);
    match row.key {
        "app.profile" => {
            schema["enum"] = names(PROFILES.iter().map(|profile| profile.name).collect());
        }
        "load.client" => schema["enum"] = names(CLIENTS.iter().map(|client| client.name).collect()),
        // One line, nothing that a terminal would obey.
        "name" => schema["pattern"] = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$".into(),
        // A pod has no healthCheckNodePort.
        "other_target_group.health_check.port" => schema["enum"] = json!(["traffic_port"]),
        "deployment.max_unavailable" => {
            schema["anyOf"][1]["pattern"] = "^([0-9]|[1-9][0-9]|100)%$".into();
        }
        "other_target_group.name" => schema["pattern"] = "^[a-z0-9-]{1,63}$".into(),
        _ => {}
    }
    if let Some(default) = defaults.value_of(row.key) {
        // Numbers and truth values are JSON as they stand; a text is one without its quotes.
        let value = match schema["type"].as_str() {
            Some("boolean" | "integer" | "number") => serde_json::from_str(&default).ok(),
            _ if default.starts_with(['{', '[']) => None,
            _ => Some(Value::String(default)),
        };
        if let Some(value) = value.filter(|_| row.key != "name") {
            schema["default"] = value;
        }
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'a>(root: &'a Value, key: &str) -> Option<&'a Value> {
        key.split('.')
            .try_fold(root, |table, name| table.get("properties")?.get(name))
    }

    #[test]
    fn every_key_is_in_its_place_with_a_type() {
        let schema: Value = serde_json::from_str(&scenario()).unwrap();
        let typed = |schema: &Value, key: &str| {
            let leaf = member(schema, key).unwrap_or_else(|| panic!("{key}"));
            let words = ["type", "enum", "const", "anyOf", "$ref"];
            assert!(
                words.iter().any(|word| leaf.get(word).is_some()),
                "{key}: {leaf}"
            );
        };
        for row in settings() {
            match row.key.split_once('.') {
                Some(("step" | "other_target_group", rest)) => {
                    let list = row.key.split('.').next().unwrap();
                    typed(&schema["properties"][list]["items"], rest);
                }
                Some(("disturbance", rest)) => {
                    let (kind, key) = rest.split_once('.').unwrap();
                    let kinds = schema["properties"]["disturbance"]["items"]["oneOf"].as_array();
                    let of_kind = |table: &&Value| table["properties"]["kind"]["const"] == kind;
                    typed(kinds.unwrap().iter().find(of_kind).unwrap(), key);
                }
                _ => typed(&schema, row.key),
            }
        }
        for key in [
            "new_revision.pre_stop",
            "new_revision.readiness_probe.period",
            "new_revision.ready",
        ] {
            typed(&schema, key);
        }
        let step = &schema["properties"]["step"]["items"];
        typed(step, "set.replicas");
        typed(step, "set.pre_stop");
        assert_eq!(
            member(&schema, "pod.readiness_gate").unwrap()["default"],
            false
        );
        assert_eq!(
            member(&schema, "deployment.replicas").unwrap()["minimum"],
            1
        );
    }

    #[test]
    fn the_schema_of_an_output_names_its_draft_and_itself() {
        for (command, schema) in OUTPUTS {
            let schema: Value = serde_json::from_str(schema).unwrap();
            assert_eq!(schema["$schema"], DRAFT, "{command}");
            assert_eq!(schema["$id"], format!("urn:rollcast:schema:{command}"));
        }
    }
}
