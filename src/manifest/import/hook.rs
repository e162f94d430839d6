//! `pod.pre_stop`: what the hook of the container that serves comes to.

use super::Import;
use crate::cluster::pod::HookStop;
use crate::manifest::draft::{Origin, span};
use crate::manifest::facts::{HookFacts, NotRead};
use crate::manifest::hook::{self, Outcome, Reading, Stop};
use crate::manifest::workload::{Container, Hook};
use crate::time::Span;

const KEY: &str = "pod.pre_stop";

impl Import<'_> {
    /// Writes the key; returns what the rules want to know. `given`: the user says what the hook comes to.
    pub(super) fn hook(&mut self, given: bool) -> Option<HookFacts> {
        let container = self.ends_first();
        let hook = container.pre_stop.as_ref()?;
        let place = hook.place.clone();
        let mut facts = HookFacts {
            place: place.clone(),
            command: false,
            only_waits: true,
            why: None,
            not_read: None,
        };
        let reading = match &hook.value {
            Hook::Sleep(seconds) => {
                self.values
                    .push(KEY, format!("\"{seconds}s\""), Origin::Written(place));
                return Some(facts);
            }
            Hook::TcpSocket => {
                let why =
                    "the kubelet cannot run tcpSocket hooks: SIGTERM follows at once".to_owned();
                let outcome = Outcome::Fails(why);
                Reading {
                    outcome,
                    only_waits: true,
                    assumed: Vec::new(),
                }
            }
            Hook::HttpGet(path) => hook::http_get(path),
            Hook::Exec(words) => {
                facts.command = true;
                let environment = container
                    .variables
                    .resolve(self.objects, &self.deployment.metadata);
                hook::command(words, &environment, container.image.as_deref())
            }
        };
        facts.only_waits = reading.only_waits;
        let kind = if facts.command { "exec" } else { "http_get" };
        if !given {
            for assumed in &reading.assumed {
                self.ask(KEY, format!("is it so that {assumed}? ({place})"));
            }
        }
        let (toml, why) = match reading.outcome {
            Outcome::Known { lasts, stop, why } => {
                let toml = match stop {
                    None => format!("{{ {kind} = {} }}", span(lasts)),
                    Some(Stop { at, how, .. }) => {
                        let key = if how == HookStop::Drain {
                            "drain_at"
                        } else {
                            "sigterm_at"
                        };
                        format!("{{ {kind} = {}, {key} = {} }}", span(lasts), span(at))
                    }
                };
                facts.why.clone_from(&why);
                (
                    toml,
                    reading
                        .assumed
                        .into_iter()
                        .chain(why)
                        .collect::<Vec<_>>()
                        .join("; "),
                )
            }
            Outcome::Fails(why) => {
                facts.why = Some(why.clone());
                ("{ fails = true }".to_owned(), why)
            }
            Outcome::NotRead { what, least, most } => {
                let bound = most.map_or("the grace period".to_owned(), |most| most.to_string());
                if !given {
                    self.ask(
                        KEY,
                        format!("how long do the pods serve on while {what} runs? ({place})"),
                    );
                    facts.not_read = Some(NotRead {
                        what: what.clone(),
                        least,
                        most,
                    });
                }
                let why = format!(
                    "{what} is not read: the pods serve on for {least} at least and {bound} at most; this is the least"
                );
                (format!("{{ {kind} = {} }}", span(least)), why)
            }
        };
        let origin = if why.is_empty() {
            Origin::Written(place)
        } else {
            Origin::Concluded(place, why)
        };
        self.values.push(KEY, toml, origin);
        Some(facts)
    }
}

impl Import<'_> {
    /// How long a container certainly goes on serving after the pod's deletion.
    pub(super) fn surely_serves(&self, container: &Container) -> Span {
        let reading = match container.pre_stop.as_ref().map(|hook| &hook.value) {
            Some(Hook::Sleep(seconds)) => return Span::from_secs(u64::from(*seconds)),
            Some(Hook::HttpGet(path)) => hook::http_get(path),
            Some(Hook::Exec(words)) => {
                let environment = container
                    .variables
                    .resolve(self.objects, &self.deployment.metadata);
                hook::command(words, &environment, container.image.as_deref())
            }
            Some(Hook::TcpSocket) | None => return Span::ZERO,
        };
        match reading.outcome {
            Outcome::Known { lasts, stop, .. } => stop.map_or(lasts, |stop| stop.at.min(lasts)),
            Outcome::NotRead { least, .. } => least,
            Outcome::Fails(_) => Span::ZERO,
        }
    }
}

impl NotRead {
    /// The longest that the pods may serve on under this grace period.
    pub fn longest(&self, grace: Span) -> Span {
        self.most
            .map_or(grace, |most| most.min(grace))
            .max(self.least)
    }
}
