//! The types of all fields of Kubernetes' own objects, the ones that no rollout depends on too: what the API server
//! cannot decode it refuses as a whole, so a forecast of it would be one of a rollout that never starts.
//!
//! `kubernetes.types` has a line for each type of the API; the integration tests hold it to the types of `k8s-openapi`.
//! Unknown fields are skipped, as the server does with them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::field::Field;
use super::kind::Kind;
use super::yaml::Value;
use crate::error::Error;

/// The fields of a type, and the type of each: `text`, `time`, `whole` and `long` (32 and 64 bits), `number`, `flag`,
/// `text|whole`, `quantity`, `any`, `[list]`, `{mapping}`, or the name of another type.
type Fields = BTreeMap<&'static str, &'static str>;

static TYPES: LazyLock<BTreeMap<&'static str, Fields>> = LazyLock::new(|| {
    let mut types: BTreeMap<&str, Fields> = BTreeMap::new();
    let mut current = "";
    for word in include_str!("kubernetes.types").split_whitespace() {
        if let Some(name) = word.strip_suffix(':') {
            current = name;
            types.entry(current).or_default();
        } else if let Some((field, shape)) = word.split_once('=') {
            types.entry(current).or_default().insert(field, shape);
        }
    }
    types
});

/// Whether every field has the type that Kubernetes gives it; the controllers' own objects are not looked at.
///
/// # Errors
/// The first field that has not.
pub(super) fn check(kind: Kind, object: &Field<'_>) -> Result<(), Error> {
    let version = object.need("apiVersion")?.text()?.value;
    match (kind, version.as_str()) {
        (Kind::HorizontalPodAutoscaler, "autoscaling/v1") => {
            has(object, "v1.HorizontalPodAutoscaler")
        }
        _ => has(object, kind.name()),
    }
}

fn has(field: &Field<'_>, shape: &str) -> Result<(), Error> {
    if let Some(item) = shape
        .strip_prefix('[')
        .and_then(|shape| shape.strip_suffix(']'))
    {
        return field.items()?.iter().try_for_each(|field| has(field, item));
    }
    if let Some(value) = shape
        .strip_prefix('{')
        .and_then(|shape| shape.strip_suffix('}'))
    {
        return field
            .members()?
            .iter()
            .try_for_each(|(_, field)| has(field, value));
    }
    match shape {
        "text" | "time" => field.text().map(drop),
        "whole" => field
            .integer(i64::from(i32::MIN)..=i64::from(i32::MAX))
            .map(drop),
        "long" => field.integer(i64::MIN..=i64::MAX).map(drop),
        "flag" => field.flag().map(drop),
        "number" => field.number(),
        "text|whole" if matches!(field.value(), Value::Text(_)) => Ok(()),
        "text|whole" => has(field, "whole"),
        // `cpu: 1` needs no quotes: the server's Quantity takes a number for the text that it is written as.
        "quantity" => {
            if matches!(field.value(), Value::Text(_)) {
                Ok(())
            } else {
                field.number()
            }
        }
        _ => match TYPES.get(shape) {
            Some(fields) => {
                let of = |key: &str| fields.get(key).copied();
                let mut members = field.members()?.into_iter();
                members
                    .try_for_each(|(key, field)| of(key).map_or(Ok(()), |shape| has(&field, shape)))
            }
            None => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_is_there() {
        const WORDS: [&str; 9] = [
            "text",
            "time",
            "whole",
            "long",
            "flag",
            "number",
            "text|whole",
            "quantity",
            "any",
        ];
        let shapes = TYPES.values().flat_map(Fields::values);
        let unknown: Vec<_> = shapes
            .map(|shape| shape.trim_matches(['[', ']', '{', '}']))
            .filter(|shape| !WORDS.contains(shape) && !TYPES.contains_key(shape))
            .collect();
        assert_eq!(unknown, Vec::<&str>::new());
    }
}
