//! From objects to drafts: which key of a scenario each field means.

mod node_port;
mod other_target_groups;

use super::balancing;
use super::draft::{Draft, Notice, Origin, OtherTargetGroup, Values, span, text};
use super::entrance::{self, Door, Entrance};
use super::facts::{CommandHook, Facts, Ignored, Names};
use super::given::Given;
use super::hook;
use super::network::Service;
use super::objects::Objects;
use super::source::{At, Place};
use super::workload::{Deployment, Hook, Probe};
use crate::aws::target_group::TargetType;
use crate::cluster::deployment::Strategy;
use crate::error::Error;
use crate::scenario::{self, Document, Scenario, profile};
use crate::setting::{Count, Grade};
use crate::time::Span;

/// The namespace's label that asks for readiness gates (LBC docs/deploy/pod_readiness_gate.md).
const GATE_LABEL: &str = "elbv2.k8s.aws/pod-readiness-gate-inject";

/// What the controller's own gates start with.
const GATE: &str = "target-health.elbv2.k8s.aws/";

/// Rules that a Deployment switches off: `RL003=reason, RL008=reason`.
const IGNORE: &str = "rollcast/ignore";

/// What no manifest says, and a forecast depends on.
const ASKED: [(&str, &str); 8] = [
    ("app.start_up", "how long from a container's start until it answers?"),
    (
        "app.on_sigterm",
        "does SIGTERM close everything at once, or is what is in flight finished? `app.profile` knows some",
    ),
    ("app.service_time", "how long does a request take, p50 and p99?"),
    ("app.keep_alive", "after what time does the application close idle connections?"),
    ("cluster.kubernetes", "which version? (kubectl version)"),
    ("lbc.version", "which version of the AWS Load Balancer Controller? (its image's tag)"),
    ("load_balancer.nodes", "how many nodes? (one a zone, at least)"),
    ("load.rate", "how many requests a second during a rollout?"),
];

/// Imports one Deployment.
pub(super) fn draft(objects: &Objects, deployment: &Deployment, given: &[Given]) -> Result<Draft, Error> {
    let services = entrance::services(objects, deployment);
    let entrances = entrance::entrances(objects, &services);
    let mut import = Import {
        objects,
        deployment,
        service: entrances.first().map(|entrance| entrance.service).or_else(|| services.first().copied()),
        entrance: entrances.first().copied(),
        values: Values::default(),
        left_open: Vec::new(),
        asked: Vec::new(),
        notices: Vec::new(),
        other_target_groups: Vec::new(),
    };
    import.rollout();
    import.pod();
    let gate_label = import.gate(&entrances)?;
    import.target_group()?;
    import.other_target_groups(&entrances)?;
    import.remarks();
    let command_hook = import.hook();
    for Given { key, value, option } in given {
        import.values.push(key, Document::value_in_toml(key, value)?, Origin::Given(option.clone()));
    }
    let facts = Facts { exposed: !entrances.is_empty(), gate_label, command_hook, ..import.facts()? };
    let mut draft = Draft {
        name: deployment.metadata.name.value.clone(),
        place: deployment.place.clone(),
        values: import.values.sorted(),
        other_target_groups: std::mem::take(&mut import.other_target_groups),
        asked: Vec::new(),
        notices: Vec::new(),
        facts,
    };
    // Hosts as targets, if an option asks for them, are registered without regard to further target groups.
    if draft.value("target_group.target_type").is_some_and(|kind| kind.toml == text("instance")) {
        draft.other_target_groups.clear();
    }
    // What is assumed depends on what is given: a profile brings values of its own.
    let scenario = draft.document()?.resolve().unwrap_or_default();
    import.ask_for_the_rest(&scenario);
    (draft.values, draft.asked, draft.notices) = (import.values.sorted(), import.asked, import.notices);
    Ok(draft)
}

struct Import<'a> {
    objects: &'a Objects,
    deployment: &'a Deployment,
    service: Option<&'a Service>,
    entrance: Option<Entrance<'a>>,
    values: Values,
    /// Keys that the manifests leave open, and why.
    left_open: Vec<(&'static str, String)>,
    asked: Vec<(String, String)>,
    notices: Vec<Notice>,
    other_target_groups: Vec<OtherTargetGroup>,
}

impl Import<'_> {
    fn notice(&mut self, place: &Place, words: impl Into<String>) {
        self.notices.push(Notice { place: place.clone(), words: words.into() });
    }

    /// `[deployment]`
    fn rollout(&mut self) {
        let deployment = self.deployment;
        self.values.written("name", Some(&deployment.metadata.name), |name| text(name));
        self.replicas();
        let values = &mut self.values;
        values.written("deployment.strategy", deployment.strategy.as_ref(), |strategy| match strategy {
            Strategy::RollingUpdate => text("RollingUpdate"),
            Strategy::Recreate => text("Recreate"),
        });
        let count = |count: &Count| match count {
            Count::Pods(pods) => pods.to_string(),
            Count::Percent(_) => text(&count.to_string()),
        };
        values.written("deployment.max_surge", deployment.max_surge.as_ref(), count);
        values.written("deployment.max_unavailable", deployment.max_unavailable.as_ref(), count);
        values.seconds("deployment.min_ready", deployment.min_ready.as_ref());
        values.seconds("deployment.progress_deadline", deployment.progress_deadline.as_ref());
    }

    /// An autoscaler keeps the number between its bounds; where the Deployment leaves it open, at the lower one.
    fn replicas(&mut self) {
        let deployment = self.deployment;
        let autoscaler = self.objects.autoscalers.iter().find(|autoscaler| {
            entrance::together(&autoscaler.metadata, &deployment.metadata)
                && autoscaler.target.as_ref() == Some(&deployment.metadata.name.value)
        });
        let key = "deployment.replicas";
        let Some(autoscaler) = autoscaler else {
            return self.values.written(key, deployment.replicas.as_ref(), u32::to_string);
        };
        let least = autoscaler.min.as_ref().map_or(1, |min| min.value);
        let bound = autoscaler.min.as_ref().map_or(&autoscaler.max.place, |min| &min.place);
        match &deployment.replicas {
            Some(replicas) if (least..=autoscaler.max.value).contains(&replicas.value) => {
                self.values.written(key, Some(replicas), u32::to_string);
            }
            _ => {
                let why = format!("the autoscaler keeps {least} to {}; the fewest are taken", autoscaler.max.value);
                self.values.push(key, least.to_string(), Origin::Concluded(bound.clone(), why));
            }
        }
    }

    /// `[pod]`, apart from hook and gate. Probes are those of the container that serves.
    fn pod(&mut self) {
        let template = &self.deployment.template;
        self.values.seconds("pod.termination_grace_period", template.grace.as_ref());
        let container = template.serving(self.service.and_then(|service| service.port.as_ref()));
        let probes = [
            ("pod.readiness_probe", &container.readiness),
            ("pod.startup_probe", &container.startup),
            ("pod.liveness_probe", &container.liveness),
        ];
        for (table, probe) in probes {
            if let Some(probe) = probe {
                self.probe(table, probe);
            }
        }
        let others = template.containers.iter().filter(|other| other.name != container.name);
        let gated: Vec<_> = others.filter(|other| other.readiness.is_some() || other.pre_stop.is_some()).collect();
        for other in gated {
            let words = format!(
                "container `{}` has a probe or a hook of its own, which the forecast leaves out: `{}` serves",
                other.name.value, container.name.value
            );
            self.notice(&other.name.place, words);
        }
    }

    fn probe(&mut self, table: &str, probe: &Probe) {
        self.values.push(table, String::new(), Origin::Written(probe.place.clone()));
        let key = |name: &str| format!("{table}.{name}");
        // Kubernetes takes a 0 for "not given" here (SetDefaults_Probe), except for the delay.
        let given = |at: &Option<At<u32>>| at.clone().filter(|at| at.value > 0);
        self.values.seconds(&key("initial_delay"), probe.initial_delay.as_ref());
        self.values.seconds(&key("period"), given(&probe.period).as_ref());
        self.values.seconds(&key("timeout"), given(&probe.timeout).as_ref());
        let [success, failure] = [&probe.success_threshold, &probe.failure_threshold].map(given);
        self.values.written(&key("success_threshold"), success.as_ref(), u32::to_string);
        self.values.written(&key("failure_threshold"), failure.as_ref(), u32::to_string);
    }

    /// `pod.pre_stop`
    fn hook(&mut self) -> Option<CommandHook> {
        let key = "pod.pre_stop";
        let template = &self.deployment.template;
        let container = template.serving(self.service.and_then(|service| service.port.as_ref()));
        let hook = container.pre_stop.as_ref()?;
        let place = hook.place.clone();
        match &hook.value {
            Hook::Sleep(seconds) => {
                self.values.push(key, format!("\"{seconds}s\""), Origin::Written(place));
                None
            }
            Hook::TcpSocket => {
                let why = "the kubelet cannot run tcpSocket hooks: SIGTERM follows at once";
                self.values.push(key, "{ fails = true }".to_owned(), Origin::Concluded(place, why.to_owned()));
                None
            }
            Hook::HttpGet(path) => {
                let what = format!("how long GET {path} takes ({place})");
                self.ask(key, what);
                let why = "it answers at once; no manifest says how long it takes";
                self.values.push(key, "{ http_get = \"0s\" }".to_owned(), Origin::Concluded(place, why.to_owned()));
                None
            }
            Hook::Exec(words) => {
                let command = hook::read(words);
                let toml = format!("{{ exec = {} }}", span(command.sleeps));
                let only_sleeps = command.unknown.is_none() && command.sleeps > Span::ZERO;
                match command.unknown {
                    None => self.values.push(key, toml, Origin::Written(place.clone())),
                    Some(unknown) => {
                        self.ask(key, format!("how long `{unknown}` takes ({place})"));
                        let why = format!("`{unknown}` takes no time");
                        self.values.push(key, toml, Origin::Concluded(place.clone(), why));
                    }
                }
                Some(CommandHook { place, only_sleeps })
            }
        }
    }

    /// What no manifest can say, unless the user did, or a profile that documents it.
    fn ask_for_the_rest(&mut self, scenario: &Scenario) {
        let profile = scenario.revisions[0].app.profile.as_deref().and_then(profile::find);
        for (key, what) in ASKED {
            let row = profile.and_then(|profile| profile.row(key));
            if self.values.has(key) || row.is_some_and(|row| row.grade != Grade::Assumed) {
                continue;
            }
            let default = scenario::settings().iter().find(|row| row.key == key).map_or("", |row| row.source);
            self.ask(key, what.to_owned());
            self.values.show(key, scenario, row.map_or(default, |row| row.source));
        }
        for (key, why) in std::mem::take(&mut self.left_open) {
            self.values.show(key, scenario, &why);
        }
    }

    fn ask(&mut self, key: &str, what: String) {
        self.asked.push((key.to_owned(), what));
    }

    /// `pod.readiness_gate`; returns the namespace's label.
    fn gate(&mut self, entrances: &[Entrance<'_>]) -> Result<Option<Place>, Error> {
        let key = "pod.readiness_gate";
        if let Some(own) = self.deployment.template.gates.iter().find(|gate| gate.value.starts_with(GATE)) {
            self.values.push(key, "true".to_owned(), Origin::Written(own.place.clone()));
            return Ok(None);
        }
        let name = self.deployment.metadata.namespace();
        let namespaces = &self.objects.namespaces;
        // Without a namespace of its own, an object goes where it is applied: most likely into the only one here.
        let namespace = match (name, namespaces.as_slice()) {
            ("", [only]) => Some(only),
            ("", _) => None,
            (name, all) => all.iter().find(|namespace| namespace.metadata.name.value == name),
        };
        let Some(namespace) = namespace else {
            let which =
                if name.is_empty() { "the Deployment's namespace".to_owned() } else { format!("Namespace `{name}`") };
            let why = format!("{which} is not among the manifests; has it the label {GATE_LABEL}: enabled?");
            self.left_open.push((key, why));
            return Ok(None);
        };
        let label = namespace.metadata.labels.get(GATE_LABEL);
        let Some(label) = label.filter(|label| label.value == "enabled") else {
            if let Some(wrong) = label {
                self.notice(
                    &wrong.place,
                    format!("`{}` switches no gates on: the value must be `enabled`", wrong.value),
                );
            }
            let place = namespace.metadata.name.place.clone();
            self.values.push(key, "false".to_owned(), Origin::Written(place));
            return Ok(None);
        };
        let mut by_ip = None;
        for entrance in entrances {
            // Nobody but a binding may leave it open: then the controller asks AWS.
            let open = matches!(entrance.door, Door::Binding(_));
            if entrance.target_type()?.map_or(open, |kind| kind.value == TargetType::Ip) {
                by_ip.get_or_insert(*entrance);
            }
        }
        let place = label.place.clone();
        let origin = match by_ip {
            Some(_) if name.is_empty() => {
                Origin::Concluded(place.clone(), "the Deployment is applied to the only Namespace here".to_owned())
            }
            Some(_) => Origin::Written(place.clone()),
            None => {
                let why =
                    "no Ingress, TargetGroupBinding or route with ip targets leads to the pods, so no gate is injected";
                self.values.push(key, "false".to_owned(), Origin::Concluded(place.clone(), why.to_owned()));
                return Ok(Some(place));
            }
        };
        self.values.push(key, "true".to_owned(), origin);
        Ok(Some(place))
    }

    /// `[target_group]`, `[load_balancer]`, `[service]`
    fn target_group(&mut self) -> Result<(), Error> {
        if let Some(flag) = self.service.and_then(|service| service.publish_not_ready.as_ref()) {
            self.values.written("service.publish_not_ready_addresses", Some(flag), bool::to_string);
        }
        let key = "target_group.target_type";
        let Some(entrance) = self.entrance else {
            let why = "no Ingress, TargetGroupBinding or route leads to the pods; that one does";
            self.left_open.push((key, why.to_owned()));
            return Ok(());
        };
        let name = |kind: &TargetType| match kind {
            TargetType::Ip => text("ip"),
            TargetType::Instance => text("instance"),
        };
        match (entrance.target_type()?, entrance.door) {
            (Some(kind), _) => self.values.written(key, Some(&kind), name),
            (None, Door::Binding(_)) => {
                self.left_open.push((key, "the controller asks AWS what the target group is".to_owned()));
            }
            (None, _) => {
                let why = "the controller's --default-target-type, which is instance unless set otherwise";
                let place = entrance.metadata().name.place.clone();
                self.values.push(key, text("instance"), Origin::Concluded(place, why.to_owned()));
            }
        }
        self.node_port(&entrance)?;
        let attributes = entrance.attributes()?;
        let delay = attributes.whole("deregistration_delay.timeout_seconds")?;
        self.values.seconds("target_group.deregistration_delay", delay.as_ref());
        self.notices.extend(balancing::read(&attributes, &mut self.values)?);
        let idle_timeout = entrance.load_balancer(self.objects, "idle_timeout.timeout_seconds")?;
        self.values.seconds("load_balancer.idle_timeout", idle_timeout.as_ref());
        health_check(&entrance, "target_group", &mut self.values)
    }

    /// What a reader might stumble over.
    fn remarks(&mut self) {
        if let Some(place) = self.entrance.and_then(|entrance| entrance.of_routes().cloned()) {
            self.notice(&place, "settings for single routes are left out");
        }
        let labels = &self.deployment.template.labels;
        let covers = |budget: &&super::workload::Budget| {
            let selects = |selector: &std::collections::BTreeMap<String, String>| {
                selector.iter().all(|(key, wanted)| labels.get(key).is_some_and(|label| label.value == *wanted))
            };
            entrance::together(&budget.metadata, &self.deployment.metadata)
                && budget.selector.as_ref().is_some_and(selects)
        };
        if let Some(budget) = self.objects.budgets.iter().find(covers) {
            let (place, name) = (budget.place.clone(), budget.metadata.name.value.clone());
            self.notice(
                &place,
                format!("a rollout does not ask PodDisruptionBudget `{name}`: it deletes, it does not evict"),
            );
        }
    }

    fn facts(&self) -> Result<Facts, Error> {
        let template = &self.deployment.template;
        let container = template.serving(self.service.and_then(|service| service.port.as_ref()));
        let ingress = match self.entrance.map(|entrance| entrance.door) {
            Some(Door::Ingress(ingress, _)) => Some(ingress.metadata.name.value.clone()),
            _ => None,
        };
        let annotation = self.deployment.metadata.annotations.get(IGNORE);
        Ok(Facts {
            ignored: annotation.map(ignored).transpose()?.unwrap_or_default(),
            names: Names {
                deployment: self.deployment.metadata.name.value.clone(),
                namespace: self.deployment.metadata.namespace.as_ref().map(|name| name.value.clone()),
                container: container.name.value.clone(),
                service: self.service.map(|service| service.metadata.name.value.clone()),
                ingress,
            },
            ..Facts::default()
        })
    }
}

/// `[target_group.health_check]`, or that of another target group's table.
fn health_check(entrance: &Entrance<'_>, table: &str, values: &mut Values) -> Result<(), Error> {
    let key = |name: &str| format!("{table}.health_check.{name}");
    let check = entrance.health_check()?;
    values.seconds(&key("interval"), check.interval.as_ref());
    values.seconds(&key("timeout"), check.timeout.as_ref());
    for (name, at) in [("healthy_threshold", check.healthy), ("unhealthy_threshold", check.unhealthy)] {
        match (at, entrance.door) {
            (Some(at), _) => values.written(&key(name), Some(&at), u32::to_string),
            (None, Door::Route(route, _)) => {
                let why = "3, the controller's default for the Gateway API";
                let place = route.metadata.name.place.clone();
                values.push(&key(name), "3".to_owned(), Origin::Concluded(place, why.to_owned()));
            }
            (None, _) => {}
        }
    }
    Ok(())
}

fn ignored(annotation: &At<String>) -> Result<Vec<Ignored>, Error> {
    let mut all = Vec::new();
    for entry in annotation.value.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty()) {
        let reason = entry.split_once('=').map(|(rule, reason)| (rule.trim(), reason.trim()));
        let Some((rule, reason)) = reason.filter(|(rule, reason)| !rule.is_empty() && !reason.is_empty()) else {
            return Err(annotation
                .place
                .error(format!("`{IGNORE}`: `{entry}` gives no reason"))
                .hint("RL003=why this is no problem here, RL008=…"));
        };
        let (rule, reason) = (rule.to_owned(), reason.to_owned());
        all.push(Ignored { rule, reason, place: annotation.place.clone() });
    }
    Ok(all)
}
