//! Settings as people say them: in a sentence, and in a column.

use crate::recommend::Settings;
use crate::time::Span;

/// How a key is said: in a sentence, and in a table. `{}` is its value.
struct Saying {
    key: &'static str,
    sentence: &'static str,
    column: &'static str,
}

const fn saying(key: &'static str, sentence: &'static str, column: &'static str) -> Saying {
    Saying {
        key,
        sentence,
        column,
    }
}

const SAYINGS: &[Saying] = &[
    saying("pod.pre_stop", "preStop {}", "preStop {}"),
    saying(
        "pod.termination_grace_period",
        "a grace period of {}",
        "grace {}",
    ),
    saying("pod.readiness_gate", "the readiness gate", "readiness gate"),
    saying(
        "pod.readiness_probe.period",
        "a readiness probe",
        "readiness probe",
    ),
    saying("deployment.strategy", "strategy {}", "{}"),
    saying(
        "deployment.max_unavailable",
        "maxUnavailable {}",
        "max unavailable {}",
    ),
    saying("deployment.max_surge", "maxSurge {}", "max surge {}"),
    saying(
        "deployment.min_ready",
        "minReadySeconds of {}",
        "min ready {}",
    ),
    saying(
        "target_group.deregistration_delay",
        "a deregistration delay of {}",
        "deregistration delay {}",
    ),
    saying(
        "target_group.health_check.interval",
        "a health check every {}",
        "health check {}",
    ),
    saying(
        "target_group.health_check.timeout",
        "a health check's timeout of {}",
        "check timeout {}",
    ),
    saying(
        "app.on_sigterm",
        "an application that handles SIGTERM (it finishes what it has)",
        "SIGTERM handled",
    ),
    saying(
        "app.keep_alive",
        "an application's keep-alive of {}",
        "keep-alive {}",
    ),
];

fn of(key: &str) -> Option<&'static Saying> {
    SAYINGS.iter().find(|saying| saying.key == key)
}

/// A span in seconds, with `unit` between number and `s`; anything else as it is.
fn value(raw: &str, space: &str) -> String {
    match Span::parse(raw) {
        Ok(span)
            if span.as_micros().is_multiple_of(1_000_000) && raw.ends_with(['s', 'm', 'h']) =>
        {
            format!("{}{space}s", span.as_micros() / 1_000_000)
        }
        _ => raw.to_owned(),
    }
}

/// All settings as the subject of a sentence, and its verb.
pub(in crate::report) fn phrase(settings: &Settings) -> (String, &'static str) {
    let said = |(key, raw): &(String, String)| {
        let value = value(raw, " ");
        of(key).map_or_else(
            || format!("{key} {value}"),
            |saying| saying.sentence.replace("{}", &value),
        )
    };
    let has = |key: &str| settings.iter().any(|(other, _)| other == key);
    let mut parts: Vec<String> = Vec::new();
    for pair in settings {
        // A grace period belongs to its preStop.
        let joins = pair.0 == "pod.termination_grace_period" && has("pod.pre_stop");
        if joins {
            continue;
        }
        let mut part = said(pair);
        if pair.0 == "pod.pre_stop"
            && let Some(grace) = settings
                .iter()
                .find(|(key, _)| key == "pod.termination_grace_period")
        {
            part += &format!(" with {}", said(grace));
        }
        parts.push(part);
    }
    let verb = if parts.len() == 1 { "is" } else { "are" };
    let last = parts.pop().unwrap_or_default();
    let words = match parts.as_slice() {
        [] => last,
        others => format!("{} and {last}", others.join(", ")),
    };
    (words, verb)
}

/// All settings as lines of a column of so many letters, a mark behind the first.
pub(super) fn in_table(settings: &Settings, mark: &str, width: usize) -> Vec<String> {
    if settings.is_empty() {
        return vec![format!("as it is{mark}")];
    }
    let said = |(key, raw): &(String, String)| {
        let value = value(raw, "");
        of(key).map_or_else(
            || format!("{key} {value}"),
            |saying| saying.column.replace("{}", &value),
        )
    };
    let mut lines: Vec<String> = Vec::new();
    for said in settings.iter().map(said) {
        let room = width.saturating_sub(if lines.len() == 1 { mark.len() } else { 0 });
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + said.chars().count() < room => {
                line.push_str(&format!(", {said}"));
            }
            Some(_) => lines.push(format!("  {said}")),
            None => lines.push(said),
        }
    }
    lines[0].push_str(mark);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn settings_are_said_as_people_type_them() {
        let hook = [
            ("pod.pre_stop", "45s"),
            ("pod.termination_grace_period", "1m"),
        ];
        let (words, verb) = phrase(&settings(&hook));
        assert_eq!(
            (words.as_str(), verb),
            ("preStop 45 s with a grace period of 60 s", "is")
        );
        let more = [
            hook[0],
            hook[1],
            ("deployment.max_surge", "100%"),
            ("pod.readiness_gate", "true"),
        ];
        assert_eq!(
            phrase(&settings(&more)).0,
            "preStop 45 s with a grace period of 60 s, maxSurge 100% and the readiness gate"
        );
        assert_eq!(
            in_table(&settings(&more), " <-", 26),
            [
                "preStop 45s, grace 60s <-",
                "  max surge 100%",
                "  readiness gate"
            ]
        );
        assert_eq!(in_table(&Settings::new(), "", 26), ["as it is"]);
    }
}
