//! From objects to drafts: which key of a scenario each field means.

mod containers;
mod gate;
mod hook;
mod node_port;
mod not_modelled;
mod other_target_groups;
mod references;
mod replicas;
mod shared_load;
mod somebody_elses;
mod start_up;

use super::annotation;
use super::balancing;
use super::controller::Controller;
use super::draft::{Draft, Notice, Origin, OtherTargetGroup, Values, text};
use super::entrance::{self, Door, Entrance};
use super::exposure::{self, Exposed};
use super::facts::{Exposure, Facts, Ignored, Names};
use super::given::Given;
use super::network::Service;
use super::objects::Objects;
use super::source::{At, Place};
use super::workload::{Container, Deployment, Probe};
use crate::aws::target_group::TargetType;
use crate::cluster::deployment::Strategy;
use crate::error::Error;
use crate::scenario::{self, Document, Scenario, profile};
use crate::setting::{Count, Grade};

/// Rules that a Deployment switches off: `RL003=reason, RL008=reason`.
const IGNORE: &str = "rollcast/ignore";

/// What no manifest says, and a forecast depends on.
const ASKED: [(&str, &str); 8] = [
    (
        "app.start_up",
        "how long from a container's start until it answers?",
    ),
    (
        "app.on_sigterm",
        "does SIGTERM close everything at once, or is what is in flight finished? `app.profile` knows some",
    ),
    (
        "app.service_time",
        "how long does a request take, p50 and p99?",
    ),
    (
        "app.keep_alive",
        "after what time does the application close idle connections?",
    ),
    ("cluster.kubernetes", "which version? (kubectl version)"),
    (
        "lbc.version",
        "which version of the AWS Load Balancer Controller? (its image's tag)",
    ),
    (
        "load_balancer.nodes",
        "how many nodes? (one a zone, at least)",
    ),
    ("load.rate", "how many requests a second during a rollout?"),
];

/// Imports one Deployment.
pub(super) fn draft(
    objects: &Objects,
    deployment: &Deployment,
    given: &[Given],
) -> Result<Draft, Error> {
    let services = exposure::services(objects, &deployment.metadata, &deployment.template.labels);
    let exposed = exposure::decide(exposure::ways(objects, &services));
    let entrances: &[Entrance<'_>] = if let Exposed::Alb(entrances, _) = &exposed {
        entrances
    } else {
        &[]
    };
    let mut import = Import {
        objects,
        deployment,
        given,
        service: entrances
            .first()
            .map(|entrance| entrance.service)
            .or_else(|| services.first().copied()),
        entrance: entrances.first().copied(),
        values: Values::default(),
        left_open: Vec::new(),
        asked: Vec::new(),
        notices: Vec::new(),
        other_target_groups: Vec::new(),
        references: Vec::new(),
        unmodelled: None,
        init_containers: None,
    };
    import.rollout();
    import.pod();
    import.other_containers();
    let gate_label = import.gate(entrances)?;
    import.target_group()?;
    import.other_target_groups(entrances)?;
    import.check_references(&exposed);
    import.other_ways(&exposed);
    import.remarks();
    import.not_modelled()?;
    let hook = import.hook(given.iter().any(|given| given.key == "pod.pre_stop"));
    for Given {
        key,
        value,
        option,
        yields,
    } in given
    {
        if *yields && import.values.has(key) {
            continue;
        }
        import.values.push(
            key,
            Document::value_in_toml(key, value)?,
            Origin::Given(option.clone()),
        );
    }
    let exposure = import.exposure(&exposed)?;
    let facts = Facts {
        exposure,
        gate_label,
        hook,
        ..import.facts()?
    };
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
    if draft
        .value("target_group.target_type")
        .is_some_and(|kind| kind.toml == text("instance"))
    {
        draft.other_target_groups.clear();
    }
    // What is assumed depends on what is given: a profile brings values of its own.
    let scenario = draft.document()?.resolve().unwrap_or_default();
    import.ask_for_the_rest(&scenario);
    (draft.values, draft.asked, draft.notices) =
        (import.values.sorted(), import.asked, import.notices);
    Ok(draft)
}

struct Import<'a> {
    objects: &'a Objects,
    deployment: &'a Deployment,
    given: &'a [Given],
    service: Option<&'a Service>,
    entrance: Option<Entrance<'a>>,
    values: Values,
    /// Keys that the manifests leave open, and why.
    left_open: Vec<(&'static str, String)>,
    asked: Vec<(String, String)>,
    notices: Vec<Notice>,
    other_target_groups: Vec<OtherTargetGroup>,
    /// References that lead nowhere.
    references: Vec<Notice>,
    /// What of the pods is not modelled.
    unmodelled: Option<Notice>,
    /// Their names, if there are any.
    init_containers: Option<String>,
}

impl<'a> Import<'a> {
    fn notice(&mut self, place: &Place, words: impl Into<String>) {
        self.notices.push(Notice {
            place: place.clone(),
            words: words.into(),
        });
    }

    /// `[deployment]`
    fn rollout(&mut self) {
        let deployment = self.deployment;
        self.values
            .written("name", Some(&deployment.metadata.name), |name| text(name));
        self.replicas();
        let values = &mut self.values;
        values.written(
            "deployment.strategy",
            deployment.strategy.as_ref(),
            |strategy| match strategy {
                Strategy::RollingUpdate => text("RollingUpdate"),
                Strategy::Recreate => text("Recreate"),
            },
        );
        let count = |count: &Count| match count {
            Count::Pods(pods) => pods.to_string(),
            Count::Percent(_) => text(&count.to_string()),
        };
        values.written("deployment.max_surge", deployment.max_surge.as_ref(), count);
        values.written(
            "deployment.max_unavailable",
            deployment.max_unavailable.as_ref(),
            count,
        );
        values.seconds("deployment.min_ready", deployment.min_ready.as_ref());
        values.seconds(
            "deployment.progress_deadline",
            deployment.progress_deadline.as_ref(),
        );
    }

    /// `[pod]`, apart from hook and gate. Probes are those of the container that serves.
    fn pod(&mut self) {
        let template = &self.deployment.template;
        self.values
            .seconds("pod.termination_grace_period", template.grace.as_ref());
        let container = self.container();
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
    }

    /// The container that serves: the one that the target group's port leads to.
    fn container(&self) -> &'a Container {
        let port = match &self.entrance {
            Some(entrance) => entrance.service_port(),
            None => self.service.and_then(|service| service.ports.first()),
        };
        self.deployment
            .template
            .serving(port.map(|port| &port.target.value))
    }

    fn probe(&mut self, table: &str, probe: &Probe) {
        self.values
            .push(table, String::new(), Origin::Written(probe.place.clone()));
        let key = |name: &str| format!("{table}.{name}");
        // Kubernetes takes a 0 for "not given" here (SetDefaults_Probe), except for the delay.
        let given = |at: &Option<At<u32>>| at.clone().filter(|at| at.value > 0);
        self.values
            .seconds(&key("initial_delay"), probe.initial_delay.as_ref());
        self.values
            .seconds(&key("period"), given(&probe.period).as_ref());
        self.values
            .seconds(&key("timeout"), given(&probe.timeout).as_ref());
        let [success, failure] = [&probe.success_threshold, &probe.failure_threshold].map(given);
        self.values
            .written(&key("success_threshold"), success.as_ref(), u32::to_string);
        self.values
            .written(&key("failure_threshold"), failure.as_ref(), u32::to_string);
    }

    /// What no manifest can say, unless the user did, or a profile that documents it.
    fn ask_for_the_rest(&mut self, scenario: &Scenario) {
        self.bound_start_up(scenario);
        self.share_load(scenario);
        self.ask_for_somebody_elses();
        if let Some(names) = self
            .init_containers
            .take()
            .filter(|_| !self.values.has("cluster.pod_start"))
        {
            let key = "cluster.pod_start";
            self.ask(
                key,
                format!("how long do the init containers {names} take, on top of what is assumed?"),
            );
            self.values.show(
                key,
                scenario,
                "no time of the init containers in it; give all of it",
            );
        }
        let profile = scenario.revisions[0]
            .app
            .profile
            .as_deref()
            .and_then(profile::find);
        for (key, what) in ASKED {
            let row = profile.and_then(|profile| profile.row(key));
            if self.values.has(key) || row.is_some_and(|row| row.grade != Grade::Assumed) {
                continue;
            }
            let default = scenario::settings()
                .iter()
                .find(|row| row.key == key)
                .map_or("", |row| row.source);
            self.ask(key, what.to_owned());
            self.values
                .show(key, scenario, row.map_or(default, |row| row.source));
        }
        for (key, why) in std::mem::take(&mut self.left_open) {
            self.values.show(key, scenario, &why);
        }
    }

    /// Whether the user gives a key with an option.
    fn is_given(&self, key: &str) -> bool {
        self.given.iter().any(|given| given.key == key)
    }

    fn ask(&mut self, key: &str, what: String) {
        self.asked.push((key.to_owned(), what));
    }

    /// `[target_group]`, `[load_balancer]`, `[service]`
    fn target_group(&mut self) -> Result<(), Error> {
        if let Some(flag) = self
            .service
            .and_then(|service| service.publish_not_ready.as_ref())
        {
            self.values.written(
                "service.publish_not_ready_addresses",
                Some(flag),
                bool::to_string,
            );
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
                self.left_open.push((
                    key,
                    "the controller asks AWS what the target group is".to_owned(),
                ));
            }
            (None, _) => {
                let why = "the controller's --default-target-type, which is instance unless set otherwise";
                let place = entrance.metadata().name.place.clone();
                self.values.push(
                    key,
                    text("instance"),
                    Origin::Concluded(place, why.to_owned()),
                );
            }
        }
        self.node_port(&entrance)?;
        let attributes = entrance.attributes()?;
        let delay = attributes.whole("deregistration_delay.timeout_seconds")?;
        self.values
            .seconds("target_group.deregistration_delay", delay.as_ref());
        self.notices
            .extend(balancing::read(&attributes, &mut self.values)?);
        let idle_timeout = entrance.load_balancer(self.objects, "idle_timeout.timeout_seconds")?;
        self.values
            .seconds("load_balancer.idle_timeout", idle_timeout.as_ref());
        health_check(&entrance, "target_group", &mut self.values)
    }

    /// Ways to the pods that are no ALB's: their requests fail, too, and are not counted.
    fn other_ways(&mut self, exposed: &Exposed<'_>) {
        let Exposed::Alb(_, others) = exposed else {
            return;
        };
        for way in others {
            let words = format!(
                "{} leads to these pods, too: what a rollout costs its requests is not forecast",
                way.route()
            );
            self.notice(way.place(), words);
        }
    }

    /// What a reader might stumble over.
    fn remarks(&mut self) {
        if let Some(place) = self
            .entrance
            .and_then(|entrance| entrance.of_routes().cloned())
        {
            self.notice(&place, "settings for single routes are left out");
        }
        let labels = &self.deployment.template.labels;
        let covers = |budget: &&super::workload::Budget| {
            let selects = |selector: &std::collections::BTreeMap<String, String>| {
                selector.iter().all(|(key, wanted)| {
                    labels.get(key).is_some_and(|label| label.value == *wanted)
                })
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

    fn facts(&mut self) -> Result<Facts, Error> {
        let ingress = match self.entrance.map(|entrance| entrance.door) {
            Some(Door::Ingress(ingress, _)) => Some(ingress.metadata.name.value.clone()),
            _ => None,
        };
        let annotation = self.deployment.metadata.annotations.get(IGNORE);
        Ok(Facts {
            ignored: annotation.map(ignored).transpose()?.unwrap_or_default(),
            names: Names {
                deployment: self.deployment.metadata.name.value.clone(),
                namespace: self
                    .deployment
                    .metadata
                    .namespace
                    .as_ref()
                    .map(|name| name.value.clone()),
                containers: self
                    .may_serve()
                    .map(|container| container.name.value.clone())
                    .collect(),
                gate_label: self.gate_label_name(),
                service: self
                    .service
                    .map(|service| service.metadata.name.value.clone()),
                ingress,
                target_group_attributes: self
                    .entrance
                    .and_then(|entrance| entrance.attributes_text()),
                load_balancer_attributes: self.entrance.map_or_else(String::new, |entrance| {
                    annotation::find(&[entrance.metadata()], "load-balancer-attributes")
                        .map_or_else(String::new, |text| text.value)
                }),
            },
            references: std::mem::take(&mut self.references),
            unmodelled: self.unmodelled.take(),
            ..Facts::default()
        })
    }

    /// What leads to the pods, in a line.
    fn exposure(&self, exposed: &Exposed<'_>) -> Result<Exposure, Error> {
        let name = format!("Deployment {}", self.deployment.metadata.name.value);
        let ports = || {
            self.deployment
                .template
                .containers
                .iter()
                .flat_map(|container| &container.ports)
        };
        let deployment = |target| {
            exposure::workload_and_port(
                &name,
                target,
                ports().map(|port| (&port.name, port.number)),
            )
        };
        Ok(match exposed {
            Exposed::Alb(entrances, _) => {
                let target = entrances[0].service_port().map(|port| &port.target.value);
                Exposure::Alb(alb_route(&entrances[0], &deployment(target))?)
            }
            Exposed::Not(way) => {
                let route = format!("{} → {}", way.route(), deployment(way.target()));
                let notice = |words| Notice {
                    place: way.place().clone(),
                    words,
                };
                match &way.controller {
                    Controller::Unseen(_) => {
                        Exposure::Unseen(notice(format!("{route}: {}", way.why_not())))
                    }
                    Controller::Nobody(_) => Exposure::Broken(route),
                    _ => Exposure::Other(notice(format!("{route}: {}", way.why_not()))),
                }
            }
            Exposed::Nothing => Exposure::Nothing,
        })
    }
}

/// `[target_group.health_check]`, or that of another target group's table.
fn health_check(entrance: &Entrance<'_>, table: &str, values: &mut Values) -> Result<(), Error> {
    let key = |name: &str| format!("{table}.health_check.{name}");
    let check = entrance.health_check()?;
    values.seconds(&key("interval"), check.interval.as_ref());
    values.seconds(&key("timeout"), check.timeout.as_ref());
    for (name, at) in [
        ("healthy_threshold", check.healthy),
        ("unhealthy_threshold", check.unhealthy),
    ] {
        match (at, entrance.door) {
            (Some(at), _) => values.written(&key(name), Some(&at), u32::to_string),
            (None, Door::Route(route, _)) => {
                let why = "3, the controller's default for the Gateway API";
                let place = route.metadata.name.place.clone();
                values.push(
                    &key(name),
                    "3".to_owned(),
                    Origin::Concluded(place, why.to_owned()),
                );
            }
            (None, _) => {}
        }
    }
    somebody_elses::defaults(entrance, table, values);
    Ok(())
}

fn ignored(annotation: &At<String>) -> Result<Vec<Ignored>, Error> {
    let mut all = Vec::new();
    for entry in annotation
        .value
        .split([',', '\n'])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        let reason = entry
            .split_once('=')
            .map(|(rule, reason)| (rule.trim(), reason.trim()));
        let Some((rule, reason)) =
            reason.filter(|(rule, reason)| !rule.is_empty() && !reason.is_empty())
        else {
            return Err(annotation
                .place
                .error(format!("`{IGNORE}`: `{entry}` gives no reason"))
                .hint("RL003=why this is no problem here, RL008=…"));
        };
        let (rule, reason) = (rule.to_owned(), reason.to_owned());
        all.push(Ignored {
            rule,
            reason,
            place: annotation.place.clone(),
        });
    }
    Ok(all)
}

/// `Ingress shop/web (ALB, ip targets) → Service web:80 → Deployment web`
pub(super) fn alb_route(entrance: &Entrance<'_>, workload: &str) -> Result<String, Error> {
    let kind = match (
        entrance.target_type()?.map(|kind| kind.value),
        entrance.target_type_left_to_controller(),
    ) {
        (Some(TargetType::Ip), _) => "ip targets",
        (Some(TargetType::Instance), _) => "instance targets",
        (None, true) => "instance targets",
        (None, false) => "ip targets assumed",
    };
    let service = exposure::service_and_port(entrance.service, entrance.port);
    Ok(format!(
        "{} {} (ALB, {kind}) → {service} → {workload}",
        entrance.kind(),
        entrance.metadata().called()
    ))
}
