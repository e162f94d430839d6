//! Actions of an Ingress, `alb.ingress.kubernetes.io/actions.NAME`: JSON as Go's `encoding/json` decodes it, which takes
//! the names of fields in any case (LBC pkg/annotations/parser.go ParseJSONAnnotation, pkg/ingress/config_types.go).

use serde_json::{Map, Value};

use super::source::At;
use super::workload::Port;
use crate::error::Error;

/// A Service that an action forwards to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Forwarded {
    pub(super) service: String,
    pub(super) port: Option<Port>,
}

/// The Services that an action forwards to, in its order; a target group by its ARN or name has none.
///
/// # Errors
/// The controller cannot decode it.
pub(super) fn forwarded(action: &At<String>) -> Result<Vec<At<Forwarded>>, Error> {
    let refused = |what: &str| {
        let error = action
            .place
            .error(format!("this action is no JSON of a known form: {what}"));
        error.hint("the controller refuses it, too")
    };
    let parsed: Value =
        serde_json::from_str(&action.value).map_err(|error| refused(&error.to_string()))?;
    let decoded =
        object(&parsed, "the action").and_then(|action| match member(action, "forwardConfig") {
            Some(forward) => targets(object(forward, "`forwardConfig`")?),
            None => Ok(Vec::new()),
        });
    let targets = decoded.map_err(|what| refused(&what))?;
    Ok(targets
        .into_iter()
        .map(|target| action.clone().map(|_| target))
        .collect())
}

fn targets(forward: &Map<String, Value>) -> Result<Vec<Forwarded>, String> {
    let Some(groups) = member(forward, "targetGroups") else {
        return Ok(Vec::new());
    };
    let groups = groups.as_array().ok_or("`targetGroups` is no list")?;
    let mut targets = Vec::new();
    for group in groups {
        let group = object(group, "a target group")?;
        let Some(name) = member(group, "serviceName") else {
            continue;
        };
        let service = name.as_str().ok_or("`serviceName` is no text")?.to_owned();
        targets.push(Forwarded {
            service,
            port: member(group, "servicePort").map(port).transpose()?,
        });
    }
    Ok(targets)
}

/// A number, also one in quotes, or a name.
fn port(value: &Value) -> Result<Port, String> {
    match value {
        Value::String(text) => Ok(text
            .parse()
            .map_or_else(|_| Port::Name(text.clone()), Port::Number)),
        _ => {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            number
                .map(Port::Number)
                .ok_or_else(|| "`servicePort` is neither a number nor text".to_owned())
        }
    }
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| format!("{what} is no object"))
}

/// A field, whatever the case of its name; of several the last one counts, and `null` counts for nothing.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let fits =
        |(key, value): &(&String, &Value)| key.eq_ignore_ascii_case(name) && !value.is_null();
    object.iter().rfind(fits).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::*;
    use crate::manifest::source::{Place, Source};

    #[track_caller]
    fn check(action: &str, expected: Option<&str>) {
        let source = Arc::new(Source::new(PathBuf::from("x.yaml"), action.to_owned()));
        let action = At {
            value: action.to_owned(),
            place: Place::new(&source, 0..action.len()),
        };
        let found = forwarded(&action).ok().map(|targets| {
            let shown = targets.into_iter().map(|target| match target.value.port {
                Some(port) => format!("{}:{port:?}", target.value.service),
                None => target.value.service,
            });
            shown.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found.as_deref(), expected, "{}", action.value);
    }

    #[test]
    fn fields_are_named_in_any_case() {
        let web = Some("web:Number(80)");
        check(
            r#"{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":80}]}}"#,
            web,
        );
        check(
            r#"{"Type":"forward","ForwardConfig":{"TargetGroups":[{"ServiceName":"web","ServicePort":"80"}]}}"#,
            web,
        );
        check(
            r#"{"FORWARDCONFIG":{"targetgroups":[{"SERVICENAME":"web","serviceport":"http"}]}}"#,
            Some("web:Name(\"http\")"),
        );
        check(
            r#"{"forwardConfig":{"targetGroups":[{"serviceName":"a","weight":9},{"targetGroupARN":"arn:x"},{"serviceName":"b"}]}}"#,
            Some("a b"),
        );
        check(
            r#"{"forwardConfig":{"targetGroups":[{"serviceName":"a","ServiceName":"b"}]}}"#,
            Some("b"),
        );
    }

    #[test]
    fn other_actions_forward_to_nobody() {
        check(
            r#"{"type":"redirect","redirectConfig":{"port":"443","statusCode":"HTTP_301"}}"#,
            Some(""),
        );
        check(r#"{"type":"forward","targetGroupARN":"arn:x"}"#, Some(""));
        check(r#"{"forwardConfig":null}"#, Some(""));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for action in [
            "",
            "forward",
            "{type: forward}",
            "{'type': 'forward'}",
            "[]",
            "{\"type\":\"x\"} x",
        ] {
            check(action, None);
        }
        check(
            r#"{"forwardConfig":{"targetGroups":{"serviceName":"web"}}}"#,
            None,
        );
        check(
            r#"{"forwardConfig":{"targetGroups":[{"serviceName":1}]}}"#,
            None,
        );
    }
}
