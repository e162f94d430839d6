//! What Kubernetes said: EndpointSlices and events, from `kubectl get … --watch --output-watch-events -o json`.
//!
//! kubectl does not say when an event came. A time before each line does (`| jq -c --unbuffered . | TZ=UTC
//! ts '%FT%H:%M:%.SZ'`); without one, the newest `managedFields` time is taken, which knows whole seconds only.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::time::{Span, Time};

/// Half a second: where in its second something happened, on average.
const HALF_A_SECOND: Span = Span::from_millis(500);

/// When addresses came into the Service's slices and left them.
#[derive(Debug, Clone, Default)]
pub(super) struct Membership {
    /// First listed, ready or not, of addresses that were not when the watch began.
    pub(super) listed: BTreeMap<String, Vec<Time>>,
    /// Ready, of addresses that were not when the watch began.
    pub(super) came: BTreeMap<String, Vec<Time>>,
    /// No longer ready, or no longer there.
    pub(super) left: BTreeMap<String, Vec<Time>>,
    /// When kubelets began to stop pods, by name.
    killed: BTreeMap<String, Time>,
    /// The address of each pod, by name.
    addresses: BTreeMap<String, String>,
    /// Addresses of each slice, and whether they are ready.
    slices: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Membership {
    /// When kubelets began to stop the pods behind addresses.
    pub(super) fn stopped(&self) -> BTreeMap<&str, Time> {
        let address = |name: &String| self.addresses.get(name).map(String::as_str);
        self.killed
            .iter()
            .filter_map(|(name, at)| Some((address(name)?, *at)))
            .collect()
    }

    fn set(&mut self, slice: &str, now: BTreeMap<String, bool>, at: Time) {
        let Some(before) = self.slices.insert(slice.to_owned(), now.clone()) else {
            return;
        };
        // An address may move between slices; it has left when no slice has it.
        let is_ready = |address: &String| {
            let mut slices = self.slices.values();
            slices.any(|slice| slice.get(address).is_some_and(|ready| *ready))
        };
        for (address, was_ready) in &before {
            if *was_ready && !is_ready(address) {
                self.left.entry(address.clone()).or_default().push(at);
            }
        }
        for (address, ready) in now {
            if *before.get(&address).unwrap_or(&false) {
                continue;
            }
            if ready {
                self.came.entry(address.clone()).or_default().push(at);
            }
            if !before.contains_key(&address) {
                self.listed.entry(address).or_default().push(at);
            }
        }
    }
}

/// Adds an object, a list of them, or an event of a watch; `at` is when it came, if that is known.
pub(super) fn read(
    value: Value,
    at: Option<Time>,
    membership: &mut Membership,
) -> Result<(), String> {
    if let Value::Array(items) = value {
        return items
            .into_iter()
            .try_for_each(|item| read(item, at, membership));
    }
    let Value::Object(mut object) = value else {
        return Err("an object of Kubernetes was expected here".to_owned());
    };
    if let (Some(kind), Some(inner)) = (
        object.get("type").and_then(Value::as_str),
        object.get("object"),
    ) {
        return match kind {
            "BOOKMARK" => Ok(()),
            "ERROR" => Err("the watch ended in an error here".to_owned()),
            _ => add(inner, at, kind == "DELETED", membership),
        };
    }
    match object.get_mut("items").map(Value::take) {
        Some(items @ Value::Array(_)) => read(items, at, membership),
        _ => add(&Value::Object(object), at, false, membership),
    }
}

fn add(
    object: &Value,
    at: Option<Time>,
    is_deleted: bool,
    membership: &mut Membership,
) -> Result<(), String> {
    match object["kind"].as_str() {
        Some("EndpointSlice") => slice(object, at, is_deleted, membership),
        Some("Event") => event(object, membership),
        Some(_) => Ok(()),
        None => Err("this object has no `kind`; EndpointSlices and Events are read".to_owned()),
    }
}

fn slice(
    object: &Value,
    at: Option<Time>,
    is_deleted: bool,
    membership: &mut Membership,
) -> Result<(), String> {
    let name = object["metadata"]["name"]
        .as_str()
        .ok_or("this EndpointSlice has no name")?;
    let at = match at {
        Some(at) => at,
        None => changed(object)?.ok_or_else(|| {
            format!(
                "nobody says when the slice `{name}` changed: put a time before each line, or add --show-managed-fields"
            )
        })?,
    };
    let mut listed = BTreeMap::new();
    for endpoint in object["endpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|_| !is_deleted)
    {
        let Some(address) = endpoint["addresses"][0].as_str() else {
            continue;
        };
        if let Some(pod) = endpoint["targetRef"]["name"].as_str() {
            membership
                .addresses
                .insert(pod.to_owned(), address.to_owned());
        }
        // No condition is to be taken for ready (discovery/v1 EndpointConditions).
        let ready = endpoint["conditions"]["ready"].as_bool().unwrap_or(true);
        listed.insert(address.to_owned(), ready);
    }
    membership.set(name, listed, at);
    Ok(())
}

/// The newest time in `managedFields`.
fn changed(object: &Value) -> Result<Option<Time>, String> {
    let fields = object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten();
    let times: Result<Vec<Time>, String> = fields
        .filter_map(|field| field["time"].as_str())
        .map(Time::parse_rfc3339)
        .collect();
    Ok(times?.into_iter().max().map(|at| at + HALF_A_SECOND))
}

fn event(object: &Value, membership: &mut Membership) -> Result<(), String> {
    if object["reason"] != "Killing" {
        return Ok(());
    }
    let pod = &object["involvedObject"]["name"];
    let pod = pod.as_str().ok_or("this event is about no object")?;
    let at = match (
        object["eventTime"].as_str(),
        object["firstTimestamp"].as_str(),
    ) {
        (Some(exact), _) => Time::parse_rfc3339(exact)?,
        (None, Some(second)) => Time::parse_rfc3339(second)? + HALF_A_SECOND,
        (None, None) => return Err("this event has no time".to_owned()),
    };
    let first = membership.killed.entry(pod.to_owned()).or_insert(at);
    *first = at.min(*first);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(address: &str, ready: bool) -> Value {
        serde_json::json!({ "addresses": [address], "conditions": { "ready": ready }, "targetRef": { "name": address } })
    }

    #[test]
    fn addresses_come_and_leave() {
        let mut membership = Membership::default();
        let mut see = |second: u64, kind: &str, endpoints: &[Value]| {
            let object = serde_json::json!({ "kind": "EndpointSlice", "metadata": { "name": "s" }, "endpoints": endpoints });
            let event = serde_json::json!({ "type": kind, "object": object });
            read(event, Some(Time::from_micros(second)), &mut membership).unwrap();
        };
        see(1, "ADDED", &[endpoint("a", true), endpoint("b", true)]);
        see(
            2,
            "MODIFIED",
            &[
                endpoint("a", false),
                endpoint("b", true),
                endpoint("c", false),
            ],
        );
        see(3, "MODIFIED", &[endpoint("b", true), endpoint("c", true)]);
        see(4, "DELETED", &[endpoint("b", true), endpoint("c", true)]);
        let seen = |map: &BTreeMap<String, Vec<Time>>| {
            map.iter()
                .flat_map(|(address, times)| times.iter().map(move |at| (address, at)))
                .map(|(address, at)| format!("{address}{}", at.as_micros()))
                .collect::<String>()
        };
        assert_eq!(seen(&membership.came), "c3");
        assert_eq!(seen(&membership.left), "a2b4c4");
        assert_eq!(seen(&membership.listed), "c2");
    }

    #[test]
    fn without_a_time_of_arrival_whole_seconds_do() {
        let text = r#"{"kind":"List","items":[{"kind":"EndpointSlice","metadata":{"name":"s","managedFields":[{"time":"2026-01-01T00:00:07Z"},{}]},"endpoints":[{"addresses":["10.0.0.1"],"targetRef":{"name":"p"}}]},
            {"kind":"Event","reason":"Killing","involvedObject":{"name":"p"},"firstTimestamp":"2026-01-01T00:00:09Z","eventTime":null}]}"#;
        let mut membership = Membership::default();
        read(serde_json::from_str(text).unwrap(), None, &mut membership).unwrap();
        let stopped = membership.stopped();
        assert_eq!(
            stopped["10.0.0.1"].to_rfc3339(),
            "2026-01-01T00:00:09.500000Z"
        );
        let timeless = serde_json::json!({ "kind": "EndpointSlice", "metadata": { "name": "s" } });
        assert!(
            read(timeless, None, &mut membership)
                .unwrap_err()
                .contains("nobody says when")
        );
        assert!(read(Value::Null, None, &mut membership).is_err());
    }
}
