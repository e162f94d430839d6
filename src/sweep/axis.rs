//! What a sweep varies: keys, and the values that each takes.

#![warn(clippy::string_slice)]

use std::collections::BTreeSet;

use crate::error::Error;
use crate::scenario::Scenario;
use crate::time::Span;

/// More values than this on one axis are a slip of the step.
const MOST_VALUES: f64 = 10_000.0;

/// One direction of a sweep: a key, or several that change together.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The keys, each with its own scale; at least one.
    pub scales: Vec<Scale>,
}

/// A key and the values that it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// The dotted key.
    pub key: String,
    values: Values,
}

#[derive(Debug, Clone, PartialEq)]
enum Values {
    /// As written.
    Listed(Vec<String>),
    /// `low..high/step`, both ends included; without a step only a sample can be taken.
    Range {
        low: f64,
        high: f64,
        step: Option<f64>,
        unit: Unit,
    },
}

/// What the numbers of a range count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Percent,
    Whole,
    Plain,
}

/// The axes of a scenario's `[sweep]`, in the order of their keys.
///
/// # Errors
/// A value is neither a range nor a list, or the key cannot be varied.
pub fn of_scenario(scenario: &Scenario) -> Result<Vec<Axis>, Error> {
    let axes = scenario.sweep.iter().map(|(key, value)| {
        let values = match (value.as_str(), value.as_array()) {
            (Some(text), _) => Values::parse(text),
            (None, Some(list)) => {
                let bare = list.iter().map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                });
                Ok(Values::Listed(bare.collect()))
            }
            _ => Err("neither a list nor a range".to_owned()),
        };
        Ok(Axis {
            scales: vec![Scale::new(key, values)?],
        })
    });
    axes.collect()
}

impl Axis {
    /// Parses what `--vary` takes: `KEY=VALUES`, VALUES being `1,2,3`, `[1, 2, 3]` or a range with a step,
    /// `0s..30s/5s`; `KEY=VALUES,KEY=VALUES` varies both together, first with first.
    ///
    /// # Errors
    /// No key, no value, or keys that go together with different numbers of values.
    pub fn parse(text: &str) -> Result<Axis, Error> {
        let mut scales: Vec<(&str, Vec<&str>)> = Vec::new();
        for part in split(text) {
            match (key_of(part), scales.last_mut()) {
                (Some((key, value)), _) => scales.push((key, vec![value])),
                (None, Some((_, values))) => values.push(part),
                (None, None) => {
                    return Err(Error::input(format!("`--vary {text}` names no key")).hint(
                        "--vary pod.pre_stop=0s..30s/5s, or --vary deployment.replicas=4,8,16",
                    ));
                }
            }
        }
        let parse = |(key, values): &(&str, Vec<&str>)| match values[..] {
            [single] => Scale::new(key, Values::parse(single)),
            _ => Scale::new(
                key,
                Ok(Values::Listed(
                    values.iter().map(|value| bare(value)).collect(),
                )),
            ),
        };
        let axis = Axis {
            scales: scales.iter().map(parse).collect::<Result<_, _>>()?,
        };
        let lengths: Vec<_> = axis.scales.iter().map(|scale| scale.values.len()).collect();
        if let Some(other) = lengths.iter().position(|length| *length != lengths[0]) {
            let [one, other] = [0, other].map(|row| format!("`{}`", axis.scales[row].key));
            return Err(Error::input(format!(
                "{one} and {other} go together but have different numbers of values"
            ))
            .hint("a second --vary crosses them instead"));
        }
        Ok(axis)
    }

    /// What stands beside the axis: its keys.
    pub fn name(&self) -> String {
        let keys: Vec<&str> = self.scales.iter().map(|scale| scale.key.as_str()).collect();
        keys.join(" + ")
    }

    /// What a title or a sentence calls it: `preStop`, `grace period`, `replicas`.
    pub fn words(&self) -> String {
        let words = |scale: &Scale| {
            let last = scale.key.rsplit('.').next().unwrap_or(&scale.key);
            match last {
                "pre_stop" => "preStop".to_owned(),
                "termination_grace_period" => "grace period".to_owned(),
                _ => last.replace('_', " "),
            }
        };
        self.scales
            .iter()
            .map(words)
            .collect::<Vec<_>>()
            .join(" + ")
    }

    /// How many values it has; `None` for a range without a step.
    pub fn points(&self) -> Option<usize> {
        self.scales[0].values.len()
    }

    /// The settings at value `row`, key by key.
    pub(super) fn at(&self, row: usize) -> Vec<(String, String)> {
        self.scales
            .iter()
            .map(|scale| (scale.key.clone(), scale.values.at(row)))
            .collect()
    }

    /// The settings at a share of the way from one end to the other, from 0 to 1: in a list the value
    /// that the share falls on, in a range any value.
    pub(super) fn at_share(&self, share: f64) -> Vec<(String, String)> {
        self.scales
            .iter()
            .map(|scale| (scale.key.clone(), scale.values.at_share(share)))
            .collect()
    }

    /// What a chart writes at value `row`.
    pub fn label(&self, row: usize) -> String {
        let values: Vec<String> = self
            .scales
            .iter()
            .map(|scale| scale.values.at(row))
            .collect();
        values.join(" + ")
    }

    /// Where the values lie on a line, in seconds, percent or as plain numbers, and which of them;
    /// `None` unless all are of one kind.
    pub fn positions(&self) -> Option<(Vec<f64>, &'static str)> {
        let numbers: Vec<_> = (0..self.points()?)
            .map(|row| number(&self.scales[0].values.at(row)))
            .collect::<Option<_>>()?;
        let unit = numbers.first()?.1;
        let alike = numbers.iter().all(|(_, other)| {
            *other == unit || (unit.name().is_empty() && other.name().is_empty())
        });
        alike.then(|| {
            (
                numbers.iter().map(|(value, _)| *value).collect(),
                unit.name(),
            )
        })
    }
}

impl Scale {
    fn new(key: &str, values: Result<Values, String>) -> Result<Scale, Error> {
        if ["monte_carlo", "objectives", "sweep", "step"]
            .contains(&key.split('.').next().unwrap_or_default())
        {
            return Err(Error::input(format!("`{key}` is no key that a sweep can vary"))
                .hint("a sweep varies what is simulated; all its points share seed, runs and objectives"));
        }
        let values = values.map_err(|why| Error::input(format!("`{key}`: {why}")))?;
        let mut seen = BTreeSet::new();
        if let Values::Listed(list) = &values
            && let Some(again) = list.iter().find(|value| !seen.insert(value.as_str()))
        {
            return Err(Error::input(format!("`{key}`: `{again}` is listed twice")));
        }
        Ok(Scale {
            key: key.to_owned(),
            values,
        })
    }
}

impl Values {
    fn parse(text: &str) -> Result<Values, String> {
        let text = text.trim();
        if let Some(list) = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            let values: Vec<String> = split(list)
                .into_iter()
                .map(bare)
                .filter(|value| !value.is_empty())
                .collect();
            return if values.is_empty() {
                Err("the list is empty".to_owned())
            } else {
                Ok(Values::Listed(values))
            };
        }
        let Some((low, rest)) = text.split_once("..") else {
            return if text.is_empty() {
                Err("no value".to_owned())
            } else {
                Ok(Values::Listed(vec![bare(text)]))
            };
        };
        let (high, step) = rest
            .split_once('/')
            .map_or((rest, None), |(high, step)| (high, Some(step)));
        let read = |text: &str| {
            number(text).ok_or_else(|| format!("`{text}` is no number, percentage or span"))
        };
        let ((low, from), (high, to)) = (read(low)?, read(high)?);
        let step = step.map(read).transpose()?;
        let unit = [Some(to), step.map(|(_, unit)| unit)]
            .into_iter()
            .flatten()
            .try_fold(from, Unit::join);
        let unit =
            unit.ok_or_else(|| format!("the ends and the step of `{text}` have different units"))?;
        let step = step.map(|(step, _)| step);
        if high <= low || step.is_some_and(|step| step <= 0.0) {
            return Err(format!("`{text}` leads nowhere: write low..high/step"));
        }
        if step.is_some_and(|step| (high - low) / step >= MOST_VALUES) {
            return Err(format!("`{text}` has more than {MOST_VALUES} values"));
        }
        Ok(Values::Range {
            low,
            high,
            step,
            unit,
        })
    }

    fn len(&self) -> Option<usize> {
        match self {
            Values::Listed(list) => Some(list.len()),
            Values::Range {
                low, high, step, ..
            } => step.map(|step| ((high - low) / step + 1e-9).floor() as usize + 1),
        }
    }

    fn at(&self, row: usize) -> String {
        match self {
            Values::Listed(list) => list[row].clone(),
            Values::Range {
                low, step, unit, ..
            } => unit.show(low + step.unwrap_or(0.0) * row as f64),
        }
    }

    fn at_share(&self, share: f64) -> String {
        match (self, self.len()) {
            (_, Some(values)) => self.at(((share * values as f64) as usize).min(values - 1)),
            (
                Values::Range {
                    low, high, unit, ..
                },
                None,
            ) => unit.show(low + share * (high - low)),
            (Values::Listed(_), None) => String::new(),
        }
    }
}

impl Unit {
    /// What both are; a whole number is a plain one, too.
    fn join(self, other: Unit) -> Option<Unit> {
        match (self, other) {
            _ if self == other => Some(self),
            (Unit::Whole, Unit::Plain) | (Unit::Plain, Unit::Whole) => Some(Unit::Plain),
            _ => None,
        }
    }

    /// A value as a scenario would write it. Steps add up to rounding errors, which six decimals hide.
    fn show(self, value: f64) -> String {
        match self {
            Unit::Seconds => Span::from_micros((value * 1e3).round() as u64 * 1_000).to_string(),
            Unit::Percent => format!("{}%", value.round()),
            Unit::Whole => format!("{}", value.round()),
            Unit::Plain => format!("{:?}", (value * 1e6).round() / 1e6),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Unit::Seconds => "s",
            Unit::Percent => "%",
            Unit::Whole | Unit::Plain => "",
        }
    }
}

/// A number, percentage or span that is finite and not negative.
fn number(text: &str) -> Option<(f64, Unit)> {
    let text = text.trim();
    let plain = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|value| value.is_finite() && *value >= 0.0)
    };
    if let Some(percent) = text.strip_suffix('%') {
        return Some((plain(percent)?, Unit::Percent));
    }
    match plain(text) {
        Some(value) if text.contains(['.', 'e', 'E']) => Some((value, Unit::Plain)),
        Some(value) => Some((value, Unit::Whole)),
        None => Span::parse(text)
            .ok()
            .map(|span| (span.as_secs_f64(), Unit::Seconds)),
    }
}

/// A value without its quotes: the scenario knows which keys are texts.
fn bare(value: &str) -> String {
    let value = value.trim();
    let unquoted = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    unquoted.unwrap_or(value).to_owned()
}

/// The parts between commas, except those inside of brackets, braces and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth, mut quoted) = (Vec::new(), 0, 0_i32, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(text.get(from..at).unwrap_or_default().trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(from..).unwrap_or_default().trim());
    parts
}

/// `KEY=VALUE` taken apart, if that is what it is.
fn key_of(part: &str) -> Option<(&str, &str)> {
    let (key, value) = part.split_once('=')?;
    let key = key.trim();
    let is_key = !key.is_empty()
        && key
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
    is_key.then_some((key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let axis = Axis::parse(text).unwrap();
        let labels: Vec<_> = (0..axis.points().unwrap())
            .map(|row| axis.label(row))
            .collect();
        assert_eq!(labels, expected, "{text}");
    }

    #[test]
    fn lists_and_ranges() {
        check("pod.pre_stop=0s..30s/10s", &["0s", "10s", "20s", "30s"]);
        check("pod.pre_stop=0s..31s/10s", &["0s", "10s", "20s", "30s"]);
        check("pod.pre_stop=500ms..1s/250ms", &["500ms", "750ms", "1s"]);
        check(
            "load.rate=0.1..0.5/0.1",
            &["0.1", "0.2", "0.3", "0.4", "0.5"],
        );
        check("deployment.replicas=2,4, 8", &["2", "4", "8"]);
        check("deployment.replicas=1..5/2", &["1", "3", "5"]);
        check("deployment.max_surge=0%..50%/25%", &["0%", "25%", "50%"]);
        check("deployment.max_surge=[1, \"25%\"]", &["1", "25%"]);
        check("pod.readiness_gate=true,false", &["true", "false"]);
        check(
            "pod.pre_stop={ exec = \"5s\" },10s",
            &["{ exec = \"5s\" }", "10s"],
        );
        check(
            "app.service_time=[{ p50 = \"1s\", p99 = \"2s\" }]",
            &["{ p50 = \"1s\", p99 = \"2s\" }"],
        );
    }

    #[test]
    fn pairs_go_together() {
        check(
            "pod.pre_stop=0s..20s/10s,pod.termination_grace_period=30s..50s/10s",
            &["0s + 30s", "10s + 40s", "20s + 50s"],
        );
        check("a.b=1,2,c.d=3,4", &["1 + 3", "2 + 4"]);
        let axis = Axis::parse("a.b=1,2,c.d=3,4").unwrap();
        assert_eq!(axis.name(), "a.b + c.d");
        assert_eq!(
            axis.at(1),
            [
                ("a.b".to_owned(), "2".to_owned()),
                ("c.d".to_owned(), "4".to_owned())
            ]
        );
    }

    #[track_caller]
    fn refuse(text: &str, words: &str) {
        let error = Axis::parse(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }

    #[test]
    fn what_is_refused() {
        refuse("", "names no key");
        refuse("1,2", "names no key");
        refuse("a.b=", "no value");
        refuse("a.b=[]", "empty");
        refuse("a.b=5s..1s/1s", "leads nowhere");
        refuse("a.b=0s..5s/0s", "leads nowhere");
        refuse("a.b=0s..5/1s", "different units");
        refuse("a.b=0s..x/1s", "no number");
        refuse("a.b=0..1000000/1", "more than");
        refuse("a.b=1,1", "twice");
        refuse("a.b=1,2,c.d=3", "different numbers");
        refuse("monte_carlo.seed=1,2", "no key that a sweep can vary");
    }

    #[test]
    fn positions_have_a_unit() {
        let of = |text| Axis::parse(text).unwrap().positions();
        assert_eq!(of("a.b=0s..1m/30s"), Some((vec![0.0, 30.0, 60.0], "s")));
        assert_eq!(of("a.b=1,2.5"), Some((vec![1.0, 2.5], "")));
        assert_eq!(of("a.b=10%,20%"), Some((vec![10.0, 20.0], "%")));
        assert_eq!(of("a.b=10%,2"), None);
        assert_eq!(of("a.b=true,false"), None);
        assert_eq!(of("a.b=0s..1s"), None);
    }

    #[test]
    fn shares_of_a_range() {
        let axis = Axis::parse("a.b=0s..10s,c.d=10..20").unwrap();
        assert_eq!(axis.at_share(0.25)[0].1, "2.5s");
        assert_eq!(axis.at_share(0.25)[1].1, "13");
        let stepped = Axis::parse("a.b=0s..10s/5s").unwrap();
        assert_eq!(
            [0.0, 0.4, 0.999].map(|share| stepped.at_share(share)[0].1.clone()),
            ["0s", "5s", "10s"]
        );
    }
}
