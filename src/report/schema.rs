//! The scenario file as a JSON Schema: editors complete and explain `*.toml` with it.

use serde_json::{Map, Value, json};

use crate::scenario::{Scenario, settings};
use crate::setting::Setting;

/// JSON Schema, draft 2020-12. It knows every key and the kind of plain values; what a span or a
/// distribution may look like is left to `rollcast`, which says it better.
pub fn render() -> String {
    let defaults = Scenario::default();
    let mut root = object();
    for row in settings() {
        insert(&mut root, row.key, &leaf(row, &defaults));
    }
    // Of these the registry has one row for any number of keys.
    for (key, like) in [
        ("new_revision", &["pod", "app"]),
        ("step.set", &["pod", "app"]),
    ] {
        for table in like {
            let members = member(&root, table)
                .and_then(|table| table.get("properties"))
                .cloned();
            for (name, schema) in members.iter().filter_map(Value::as_object).flatten() {
                insert(&mut root, &format!("{key}.{name}"), schema);
            }
        }
    }
    for list in ["step", "other_target_group"] {
        let items = root["properties"]
            .as_object_mut()
            .and_then(|tables| tables.remove(list));
        if let Some(items) = items {
            root["properties"][list] = json!({ "type": "array", "items": items });
        }
    }
    root["properties"]["sweep"] =
        json!({ "type": "object", "description": "What a sweep varies." });
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("rollcast scenario");
    format!("{root:#}\n")
}

fn object() -> Value {
    json!({ "type": "object", "additionalProperties": false, "properties": {} })
}

fn member<'a>(root: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.')
        .try_fold(root, |table, name| table.get("properties")?.get(name))
}

/// Puts a schema in its place; a table that is also a key of its own stays a table.
fn insert(root: &mut Value, key: &str, schema: &Value) {
    let (name, rest) = key
        .split_once('.')
        .map_or((key, None), |(name, rest)| (name, Some(rest)));
    let Some(properties) = root.get_mut("properties").and_then(Value::as_object_mut) else {
        // The key had a row before the keys below it: it is a table after all.
        let description = root.get("description").cloned();
        *root = object();
        if let Some(description) = description {
            root["description"] = description;
        }
        return insert(root, key, schema);
    };
    match rest {
        None => {
            let _ = properties
                .entry(name.to_owned())
                .or_insert_with(|| schema.clone());
        }
        Some(rest) => insert(
            properties.entry(name.to_owned()).or_insert_with(object),
            rest,
            schema,
        ),
    }
}

fn leaf(row: &Setting, defaults: &Scenario) -> Value {
    let mut schema = Map::new();
    schema.insert(
        "description".to_owned(),
        format!("{} ({}: {})", row.meaning.trim(), row.grade, row.source).into(),
    );
    if let Some(default) = defaults.value_of(row.key) {
        let kind = if default == "true" || default == "false" {
            schema.insert("type".to_owned(), "boolean".into());
            Some(Value::Bool(default == "true"))
        } else {
            default.parse::<u64>().ok().map(Value::from)
        };
        if let Some(value) = kind {
            schema.insert("default".to_owned(), value);
        }
    }
    Value::Object(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_in_its_place() {
        let schema: Value = serde_json::from_str(&render()).unwrap();
        let listed = |key: &str| {
            ["step.", "other_target_group."]
                .iter()
                .any(|list| key.starts_with(list))
        };
        for row in settings().iter().filter(|row| !listed(row.key)) {
            assert!(member(&schema, row.key).is_some(), "{}", row.key);
        }
        for key in [
            "new_revision.pre_stop",
            "new_revision.readiness_probe.period",
            "new_revision.ready",
        ] {
            assert!(member(&schema, key).is_some(), "{key}");
        }
        let step = &schema["properties"]["step"]["items"];
        assert!(
            member(step, "set.replicas").is_some() && member(step, "set.pre_stop").is_some(),
            "{step}"
        );
        assert_eq!(
            member(&schema, "pod.readiness_gate").unwrap()["type"],
            "boolean"
        );
    }
}
