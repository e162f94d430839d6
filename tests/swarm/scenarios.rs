//! Random scenarios: every setting at random, extreme values as likely as common ones, all of it legal.

use std::fmt::Write;
use std::path::Path;

use rollcast::disturbance::Kind;
use rollcast::error::Error;
use rollcast::random::{Purpose, Stream, Streams, pair};
use rollcast::scenario::{Document, Scenario};

/// A scenario's text under edits.
pub fn parse(text: &str, edits: &[(&str, &str)]) -> Result<Scenario, Error> {
    let mut document = Document::parse(Path::new("swarm.toml"), text)?;
    edits
        .iter()
        .try_for_each(|(key, value)| document.set(key, value))?;
    document.resolve()
}

/// The scenario of a case, as a file would have it.
pub fn text(seed: u64, case: u64) -> String {
    text_of(seed, case, true)
}

/// One in which the new revision is all that happens.
pub fn plain(seed: u64, case: u64) -> String {
    text_of(seed, case, false)
}

fn text_of(seed: u64, case: u64, may_have_steps: bool) -> String {
    let mut dice = Dice(Streams::new(seed, case).at(Purpose::Design, pair(1, 0)));
    let mut text = format!("name = \"swarm-{case}\"\n");
    deployment(&mut dice, &mut text);
    let Load { lasts, is_closed } = load(&mut dice, &mut text);
    let steps = dice.chance(0.5) && may_have_steps;
    let template = template(&mut dice);
    section(&mut text, "pod", &template.pod);
    section(&mut text, "app", &template.app);
    for (part, rows) in &template.parts {
        section(&mut text, &format!("pod.{part}"), rows);
    }
    if !steps || dice.chance(0.5) {
        new_revision(&mut dice, &mut text);
    }
    if steps {
        write_steps(&mut dice, &mut text, lasts);
    }
    let nodes = cluster(&mut dice, &mut text);
    load_balancer(&mut dice, &mut text, is_closed);
    if may_have_steps && dice.chance(0.5) {
        let kinds = Kind::ALL
            .iter()
            .filter(|kind| !is_closed || **kind != Kind::LoadStep);
        disturbances(
            &mut dice,
            &mut text,
            lasts,
            nodes,
            &kinds.copied().collect::<Vec<_>>(),
        );
    }
    if may_have_steps && dice.chance(0.2) {
        super::hosts::by_host(&mut dice, &mut text);
    } else if may_have_steps && dice.chance(0.3) {
        super::hosts::with_reused_ips(&mut dice, &mut text);
    }
    super::hosts::other_target_groups(&mut dice, &mut text);
    text
}

pub struct Dice(Stream);

/// A key and its value, in TOML.
pub type Rows = Vec<(&'static str, String)>;

impl Dice {
    pub fn chance(&mut self, probability: f64) -> bool {
        self.0.chance(probability)
    }

    pub fn pick<'a>(&mut self, values: &[&'a str]) -> &'a str {
        values[self.0.below(values.len())]
    }

    /// A row with one of these values, with this probability.
    pub fn row(&mut self, rows: &mut Rows, probability: f64, key: &'static str, values: &[&str]) {
        if self.chance(probability) {
            rows.push((key, self.pick(values).to_owned()));
        }
    }

    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.0.below((most - least + 1) as usize) as u64
    }
}

pub fn section(text: &mut String, name: &str, rows: &Rows) {
    writeln!(text, "[{name}]").unwrap();
    rows.iter()
        .for_each(|(key, value)| writeln!(text, "{key} = {value}").unwrap());
}

const COUNTS: &[&str] = &[
    "0", "1", "2", "3", "7", "\"0%\"", "\"10%\"", "\"25%\"", "\"50%\"", "\"100%\"",
];
/// Short spans, most of them fixed.
pub const SHORT: &[&str] = &[
    "\"0s\"",
    "\"1us\"",
    "\"20ms\"",
    "\"999999us\"",
    "\"1s\"",
    "\"2500ms\"",
    "{ uniform = [\"0s\", \"3s\"] }",
    "{ p50 = \"20ms\", p99 = \"2s\" }",
];
/// Spans of any length.
pub const ANY: &[&str] = &[
    "\"0s\"",
    "\"1us\"",
    "\"150ms\"",
    "\"3s\"",
    "\"12s\"",
    "\"61s\"",
    "\"1h\"",
    "{ exponential = \"5s\" }",
    "{ p50 = \"4s\", p95 = \"40s\" }",
    "{ weibull = { scale = \"5s\", shape = 0.7 } }",
    "{ empirical = [\"1s\", \"1s\", \"30s\"] }",
    "{ triangular = [\"2s\", \"6s\", \"12s\"] }",
    "{ lognormal = { mean = \"3s\", sd = \"5s\" } }",
    "{ delay = \"5s\", jitter = \"2s\" }",
    "{ mixture = [ { weight = 0.9, span = \"1s\" }, { weight = 0.1, span = \"50s\" } ] }",
];

fn deployment(dice: &mut Dice, text: &mut String) {
    let mut rows = Rows::new();
    let replicas = if dice.chance(0.05) {
        dice.between(20, 70)
    } else {
        dice.between(1, 10)
    };
    rows.push(("replicas", replicas.to_string()));
    if dice.chance(0.15) {
        rows.push(("strategy", "\"Recreate\"".to_owned()));
    }
    let (surge, unavailable) = (dice.pick(COUNTS), dice.pick(COUNTS));
    let nothing = |count: &str| count.trim_matches(['"', '%']) == "0";
    if !(nothing(surge) && nothing(unavailable)) {
        rows.push(("max_surge", surge.to_owned()));
        rows.push(("max_unavailable", unavailable.to_owned()));
    }
    dice.row(
        &mut rows,
        0.3,
        "min_ready",
        &["\"1s\"", "\"5s\"", "\"30s\""],
    );
    dice.row(
        &mut rows,
        0.3,
        "progress_deadline",
        &["\"31s\"", "\"60s\"", "\"3600s\""],
    );
    section(text, "deployment", &rows);
}

/// What the rest of a scenario must know of its load.
struct Load {
    /// Seconds from the rollout's start on.
    lasts: u64,
    is_closed: bool,
}

fn load(dice: &mut Dice, text: &mut String) -> Load {
    let mut rows = Rows::new();
    let (before, after) = (dice.between(0, 15), dice.between(1, 120));
    rows.push(("duration", format!("\"{}s\"", before + after)));
    rows.push(("rollout_at", format!("\"{before}s\"")));
    dice.row(
        &mut rows,
        0.3,
        "rollout_at",
        &["\"1us\"", "\"999999us\"", "\"0s\""],
    );
    rows.dedup_by_key(|(key, _)| *key);
    rows.push(("rate", dice.pick(&["0", "0.3", "2", "5.5"]).to_owned()));
    dice.row(&mut rows, 0.5, "pacing", &["\"poisson\""]);
    dice.row(
        &mut rows,
        0.3,
        "client_timeout",
        &["\"1us\"", "\"3s\"", "\"10s\"", "\"100s\""],
    );
    let is_closed = dice.chance(0.2);
    if is_closed {
        rows.push(("workers", dice.pick(&["1", "3", "10"]).to_owned()));
        rows.push((
            "think_time",
            dice.pick(&["\"300ms\"", "\"2s\"", "{ exponential = \"2s\" }"])
                .to_owned(),
        ));
    } else {
        const SHAPES: &[&str] = &[
            "{ ramp = { to = 0.0 } }",
            "{ ramp = { to = 8.0 } }",
            "{ sine = { to = 6.0, period = \"7s\" } }",
        ];
        dice.row(&mut rows, 0.2, "shape", SHAPES);
    }
    dice.row(&mut rows, 0.2, "reuse_connections", &["true", "false"]);
    dice.row(&mut rows, 0.2, "client_nodes", &["\"all\"", "1"]);
    dice.row(&mut rows, 0.2, "retries", &["1", "3"]);
    dice.row(&mut rows, 0.2, "retry_backoff", SHORT);
    dice.row(&mut rows, 0.2, "idempotent_share", &["0.0", "0.5"]);
    dice.row(&mut rows, 0.2, "stream_share", &["0.1", "1.0"]);
    dice.row(&mut rows, 0.3, "stream_length", ANY);
    section(text, "load", &rows);
    Load {
        lasts: after,
        is_closed,
    }
}

struct Template {
    pod: Rows,
    app: Rows,
    /// Probes and the sidecar.
    parts: Vec<(&'static str, Rows)>,
}

fn template(dice: &mut Dice) -> Template {
    let (mut pod, mut app) = (Rows::new(), Rows::new());
    dice.row(
        &mut pod,
        0.5,
        "termination_grace_period",
        &["\"0s\"", "\"1s\"", "\"2s\"", "\"5s\"", "\"75s\""],
    );
    dice.row(&mut pod, 0.5, "readiness_gate", &["true"]);
    const HOOKS: &[&str] = &[
        "\"0s\"",
        "\"5s\"",
        "\"2500ms\"",
        "\"90s\"",
        "{ exec = \"10s\" }",
        "{ http_get = \"1s\" }",
        "{ fails = true }",
    ];
    dice.row(&mut pod, 0.5, "pre_stop", HOOKS);
    dice.row(
        &mut pod,
        0.15,
        "graceful_drain",
        &["\"0s\"", "\"1us\"", "\"20s\"", "\"90s\""],
    );
    dice.row(&mut app, 0.2, "close_connections_on_shutdown", &["true"]);
    dice.row(&mut app, 0.2, "end_streams_on_shutdown", &["true"]);
    dice.row(
        &mut app,
        0.2,
        "profile",
        &["\"spring-boot-3.3\"", "\"spring-boot-3.4\""],
    );
    dice.row(&mut app, 0.6, "start_up", ANY);
    dice.row(
        &mut app,
        0.6,
        "on_sigterm",
        &["\"exit\"", "\"drain\"", "\"keep_serving\"", "\"ignore\""],
    );
    dice.row(&mut app, 0.4, "shutdown", ANY);
    dice.row(
        &mut app,
        0.3,
        "refusing",
        &["\"9ms\"", "\"4s\"", "\"1us\"", "\"50s\""],
    );
    dice.row(
        &mut app,
        0.3,
        "drain_timeout",
        &["\"0s\"", "\"3s\"", "\"10m\""],
    );
    dice.row(
        &mut app,
        0.3,
        "keep_alive",
        &["\"0s\"", "\"1us\"", "\"5s\""],
    );
    dice.row(
        &mut app,
        0.3,
        "service_time",
        &[
            "\"0s\"",
            "\"30s\"",
            "{ exponential = \"2s\" }",
            "{ exponential = \"5m\" }",
        ],
    );
    dice.row(&mut app, 0.2, "concurrency", &["1", "3", "100"]);
    dice.row(&mut app, 0.2, "backlog", &["0", "1", "5"]);
    dice.row(
        &mut app,
        0.2,
        "cold_start",
        &[
            "{ factor = 1.0, over = \"1us\" }",
            "{ factor = 9.0, over = \"30s\" }",
        ],
    );
    let mut parts = Vec::new();
    for (name, likely) in [
        ("readiness_probe", 0.7),
        ("startup_probe", 0.3),
        ("liveness_probe", 0.3),
    ] {
        if dice.chance(likely) {
            parts.push((name, probe(dice, name)));
        }
    }
    if dice.chance(0.2) {
        let mut sidecar = Rows::new();
        dice.row(&mut sidecar, 0.5, "native", &["true"]);
        dice.row(&mut sidecar, 0.7, "shutdown", ANY);
        parts.push(("sidecar", sidecar));
    }
    Template { pod, app, parts }
}

fn probe(dice: &mut Dice, name: &str) -> Rows {
    let mut rows = Rows::new();
    dice.row(
        &mut rows,
        0.3,
        "initial_delay",
        &["\"0s\"", "\"3s\"", "\"40s\""],
    );
    dice.row(&mut rows, 0.5, "period", &["\"1s\"", "\"5s\"", "\"60s\""]);
    dice.row(&mut rows, 0.3, "timeout", &["\"3s\"", "\"20s\""]);
    dice.row(&mut rows, 0.4, "failure_threshold", &["1", "2", "30"]);
    if name == "readiness_probe" {
        dice.row(&mut rows, 0.2, "success_threshold", &["2", "5"]);
    }
    rows
}

/// Keys of its own for a new revision.
fn overlay(dice: &mut Dice) -> Rows {
    let mut rows = Rows::new();
    let template = template(dice);
    rows.extend(
        template
            .pod
            .into_iter()
            .chain(template.app)
            .filter(|_| dice.chance(0.3)),
    );
    dice.row(&mut rows, 0.1, "ready", &["\"never\""]);
    dice.row(&mut rows, 0.15, "crash_after", ANY);
    dice.row(&mut rows, 0.2, "image_pull", ANY);
    rows
}

fn new_revision(dice: &mut Dice, text: &mut String) {
    // Where there are steps, one of them rolls it out: `write_steps` sees to that.
    let rows = overlay(dice);
    section(text, "new_revision", &rows);
    if dice.chance(0.2) {
        let rows = probe(dice, "readiness_probe");
        section(text, "new_revision.readiness_probe", &rows);
    }
}

fn write_steps(dice: &mut Dice, text: &mut String, duration: u64) {
    let count = dice.between(0, 4);
    let set = |dice: &mut Dice, text: &mut String, what: String| {
        let at = if dice.chance(0.1) {
            "\"1us\"".to_owned()
        } else {
            format!("\"{}ms\"", dice.between(0, duration * 1000 - 1))
        };
        writeln!(text, "[[step]]\nat = {at}\nset = {{ {what} }}").unwrap();
    };
    let created = dice.chance(0.1);
    if created {
        text.push_str("[[step]]\nset = { create = true }\n");
    }
    set(dice, text, "revision = \"new\"".to_owned());
    for _ in 0..count {
        let what = match dice.between(0, 6) {
            0 => "revision = \"old\"".to_owned(),
            1 => "revision = \"new\"".to_owned(),
            2 | 3 => format!("replicas = {}", dice.between(0, 14)),
            4 => format!("paused = {}", dice.chance(0.5)),
            5 if !created => format!("delete_pods = {}", dice.between(1, 3)),
            _ => {
                let rows = overlay(dice);
                let rows: Vec<String> = rows
                    .iter()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                if rows.is_empty() {
                    "pre_stop = \"7s\"".to_owned()
                } else {
                    rows.join(", ")
                }
            }
        };
        set(dice, text, what);
    }
}

/// How many hosts there are.
fn cluster(dice: &mut Dice, text: &mut String) -> u64 {
    if dice.chance(0.1) {
        section(
            text,
            "service",
            &vec![("publish_not_ready_addresses", "true".to_owned())],
        );
    }
    let mut rows = Rows::new();
    dice.row(
        &mut rows,
        0.6,
        "preset",
        &["\"idle\"", "\"typical\"", "\"busy\""],
    );
    let nodes = dice.between(1, 6);
    rows.push(("nodes", nodes.to_string()));
    rows.push(("kubernetes", format!("\"1.{}\"", dice.between(20, 36))));
    dice.row(&mut rows, 0.3, "pod_start", ANY);
    dice.row(&mut rows, 0.3, "network_removal", SHORT);
    dice.row(&mut rows, 0.3, "pod_removal", SHORT);
    dice.row(&mut rows, 0.3, "immediate_readiness", &["0.0", "1.0"]);
    section(text, "cluster", &rows);
    let mut links = Rows::new();
    for link in [
        "api_write",
        "api_to_deployment",
        "api_to_replica_set",
        "api_to_scheduler",
        "api_to_kubelet",
        "api_to_endpoint_slice",
        "endpoints_to_lbc",
    ] {
        dice.row(&mut links, 0.15, link, SHORT);
    }
    section(text, "cluster.links", &links);
    nodes
}

fn disturbances(dice: &mut Dice, text: &mut String, duration: u64, nodes: u64, kinds: &[Kind]) {
    if dice.chance(0.4) {
        let key = dice.pick(&["min_available", "max_unavailable"]);
        writeln!(
            text,
            "[pod_disruption_budget]\n{key} = {}",
            dice.pick(COUNTS)
        )
        .unwrap();
    }
    for _ in 0..dice.between(1, 3) {
        let kind = kinds[dice.between(0, kinds.len() as u64 - 1) as usize];
        let mut rows = vec![("kind", format!("\"{}\"", kind.word()))];
        if kind != Kind::BadVersion {
            rows.push((
                "at",
                format!("\"{}ms\"", dice.between(0, duration * 1000 - 1)),
            ));
        }
        match kind {
            Kind::NodeDrain
            | Kind::SpotInterruption
            | Kind::NodeLoss
            | Kind::GracefulNodeShutdown
                if dice.chance(0.5) =>
            {
                rows.push(("node", dice.between(0, nodes - 1).to_string()));
            }
            _ => {}
        }
        match kind {
            Kind::NodeLoss | Kind::ZoneOutage => {
                dice.row(&mut rows, 0.5, "toleration", &["\"0s\"", "\"10s\""]);
            }
            Kind::GracefulNodeShutdown => {
                dice.row(
                    &mut rows,
                    0.5,
                    "grace_period",
                    &["\"0s\"", "\"1s\"", "\"20s\""],
                );
                dice.row(
                    &mut rows,
                    0.5,
                    "critical_grace_period",
                    &["\"0s\"", "\"10s\""],
                );
                dice.row(&mut rows, 0.3, "toleration", &["\"0s\"", "\"10s\""]);
            }
            Kind::PodKill => {
                dice.row(&mut rows, 0.5, "pods", &["2", "3", "100"]);
                dice.row(&mut rows, 0.5, "what", &["\"pod\"", "\"container\""]);
            }
            Kind::LbcOutage => dice.row(&mut rows, 0.5, "duration", ANY),
            Kind::BadVersion => {
                dice.row(
                    &mut rows,
                    0.7,
                    "fault",
                    &["\"never_ready\"", "\"crash_loop\"", "\"bad_image\""],
                );
                dice.row(&mut rows, 0.3, "crash_after", ANY);
            }
            Kind::NodeDrain => {
                dice.row(&mut rows, 0.3, "timeout", &["\"1s\"", "\"15m\""]);
                dice.row(&mut rows, 0.5, "uncordon_after", &["\"0s\"", "\"30s\""]);
            }
            Kind::SpotInterruption => {
                dice.row(&mut rows, 0.5, "notice", &["\"0s\"", "\"3s\""]);
                dice.row(&mut rows, 0.3, "handler", &["false"]);
            }
            Kind::ApiThrottle => {
                dice.row(&mut rows, 0.5, "api", &["\"kubernetes\"", "\"elb\""]);
                dice.row(&mut rows, 0.5, "rate", &["1", "50"]);
            }
            Kind::SlowLink => {
                const LINKS: &[&str] = &[
                    "\"api_write\"",
                    "\"api_to_deployment\"",
                    "\"endpoints_to_lbc\"",
                    "\"lbc_to_elb\"",
                    "\"elb_to_nodes\"",
                ];
                rows.push(("link", dice.pick(LINKS).to_owned()));
                rows.push((
                    "extra",
                    dice.pick(&["\"1us\"", "\"2s\"", "\"40s\""]).to_owned(),
                ));
            }
            Kind::LoadStep => dice.row(&mut rows, 0.5, "factor", &["0.0", "0.5", "20.0"]),
        }
        writeln!(text, "[[disturbance]]").unwrap();
        rows.iter()
            .for_each(|(key, value)| writeln!(text, "{key} = {value}").unwrap());
    }
}

fn load_balancer(dice: &mut Dice, text: &mut String, is_closed: bool) {
    let mut lbc = Rows::new();
    const VERSIONS: &[&str] = &[
        "\"2.4.3\"",
        "\"2.4\"",
        "\"2.9.0\"",
        "\"2.9\"",
        "\"2.13\"",
        "\"3.1\"",
        "\"3.2\"",
        "\"3.3\"",
        "\"3.4\"",
        "\"3.5\"",
    ];
    lbc.push(("version", dice.pick(VERSIONS).to_owned()));
    dice.row(&mut lbc, 0.2, "requeue", &["\"1s\"", "\"10ms\"", "\"5m\""]);
    for call in ["register_call", "deregister_call", "describe_call"] {
        dice.row(&mut lbc, 0.2, call, SHORT);
    }
    section(text, "lbc", &lbc);
    let mut group = Rows::new();
    dice.row(
        &mut group,
        0.7,
        "deregistration_delay",
        &["\"0s\"", "\"1s\"", "\"20s\"", "\"300s\"", "\"3600s\""],
    );
    match dice.between(0, 4) {
        0 => group.push(("algorithm", "\"least_outstanding_requests\"".to_owned())),
        1 => {
            group.push(("algorithm", "\"weighted_random\"".to_owned()));
            dice.row(&mut group, 0.5, "anomaly_mitigation", &["true"]);
        }
        _ => dice.row(&mut group, 0.3, "slow_start", &["\"30s\"", "\"900s\""]),
    }
    dice.row(&mut group, 0.2, "cross_zone", &["false"]);
    if is_closed {
        dice.row(&mut group, 0.3, "stickiness", &["\"1s\"", "\"168h\""]);
    }
    dice.row(
        &mut group,
        0.3,
        "reregistration",
        &["\"at_once\"", "\"ignored\""],
    );
    dice.row(
        &mut group,
        0.2,
        "health",
        &[
            "{ minimum_healthy_count = 2 }",
            "{ minimum_healthy_percentage = 50 }",
        ],
    );
    section(text, "target_group", &group);
    let check = super::hosts::health_check(dice);
    section(text, "target_group.health_check", &check);
    let mut balancer = vec![("nodes", dice.between(1, 4).to_string())];
    let presets = ["\"published\"", "\"fast\"", "\"typical\"", "\"slow\""];
    let lags: Vec<&str> = presets.iter().chain(ANY).copied().collect();
    dice.row(&mut balancer, 0.7, "deregistration_propagation", &lags);
    let presets = [
        "\"published\"",
        "\"fast\"",
        "\"as_deregistration\"",
        "\"0s\"",
        "\"7s\"",
        "{ exponential = \"5s\" }",
    ];
    dice.row(&mut balancer, 0.6, "registration_propagation", &presets);
    let removed = [
        "\"silent\"",
        "\"unreachable\"",
        "\"published\"",
        "\"calico\"",
        "0.5",
        "1.0",
    ];
    dice.row(&mut balancer, 0.4, "host_unreachable_share", &removed);
    dice.row(
        &mut balancer,
        0.4,
        "no_routable_target",
        &["\"strict\"", "\"fail_open\"", "\"published\""],
    );
    dice.row(&mut balancer, 0.2, "zones", &["1", "3"]);
    dice.row(&mut balancer, 0.2, "idle_timeout", &["\"1s\"", "\"4000s\""]);
    dice.row(&mut balancer, 0.2, "connect_timeout", &["\"1s\"", "\"4s\""]);
    dice.row(
        &mut balancer,
        0.2,
        "round_trip",
        &["\"0s\"", "\"1us\"", "\"100ms\""],
    );
    section(text, "load_balancer", &balancer);
}
