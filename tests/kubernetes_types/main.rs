//! What Kubernetes refuses is refused, and what it accepts is accepted: the importer against the types of `k8s-openapi`,
//! which are generated from the API's own description. Where they differ, a table below says why.
//!
//! The types decode; they do not validate, so whatever else the API server demands is a row of [`STRICTER`].
//! The controllers' own objects and annotations are no part of that description, and of this test.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod trace;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::{v1 as autoscaling_v1, v2 as autoscaling_v2};
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use rollcast::manifest::import;
use serde_json::{Value, json};
use trace::{Types, trace};

/// Words of a refusal of what the types accept, and why Kubernetes or a controller refuses it, too.
const STRICTER: &[(&str, &str)] = &[
    (
        "minimum_healthy_targets.count` is 0",
        "an annotation that the AWS controller refuses",
    ),
    (
        "is missing",
        "validation: Required; a type of k8s-openapi takes the default for what is absent",
    ),
    (
        "Kubernetes takes whole numbers from",
        "validation: ValidateNonnegativeField, IsValidPortNum; and 68 years of grace are enough",
    ),
    (
        "is neither a number nor a percentage",
        "validation: ValidatePositiveIntOrPercent takes digits and a %",
    ),
    (
        "is no strategy",
        "validation: the strategies are RollingUpdate and Recreate",
    ),
    (
        "beside `type: Recreate`",
        "validation: rollingUpdate may not be specified when strategy type is Recreate",
    ),
    (
        "Kubernetes refuses the name",
        "validation: ValidateObjectMeta takes names of RFC 1123",
    ),
    (
        "Kubernetes refuses the label",
        "validation: ValidateLabels takes 63 letters, digits, `-`, `_` and `.`",
    ),
    (
        "a pod without containers",
        "validation: ValidatePodSpec requires a container",
    ),
    (
        "a preStop hook of several kinds",
        "validation: may not specify more than 1 handler type",
    ),
    (
        "a preStop hook of no kind",
        "validation: must specify a handler type",
    ),
    (
        "is of the Ingress that was removed",
        "validation: a backend without service and resource",
    ),
    ("`rollcast/ignore`", "an annotation of rollcast's own"),
    (
        "is no attribute",
        "an annotation that the AWS controller refuses",
    ),
    (
        "no whole number",
        "an annotation that the AWS controller refuses",
    ),
    (
        "is no value of",
        "an annotation that the AWS controller refuses",
    ),
    (
        "is no target type",
        "an annotation that the AWS controller refuses",
    ),
    (
        "this action is no JSON",
        "an annotation that the AWS controller refuses",
    ),
];

/// Words of the types' refusal of what the importer accepts, and why Kubernetes accepts it, too.
const LAXER: &[(&str, &str)] = &[
    (
        "invalid type: null",
        "a null in a mapping is Go's zero value",
    ),
    (
        "four digit",
        "a time that is none: Kubernetes refuses it, but writes every time itself",
    ),
];

/// What the types say of a manifest; nothing if no object in it is Kubernetes' own.
fn types_say(object: &Value) -> Option<Result<(), String>> {
    fn read<T: serde::de::DeserializeOwned>(object: &Value) -> Option<Result<(), String>> {
        Some(
            T::deserialize(object)
                .map(drop)
                .map_err(|error| error.to_string()),
        )
    }
    let (Some(version), Some(kind)) = (object["apiVersion"].as_str(), object["kind"].as_str())
    else {
        return Some(Err("no object".to_owned()));
    };
    let group = version.split_once('/').map_or("", |(group, _)| group);
    if group.contains('.') && group != "networking.k8s.io" {
        return None;
    }
    match kind {
        "Deployment" => read::<Deployment>(object),
        "Service" => read::<Service>(object),
        "Namespace" => read::<Namespace>(object),
        "Ingress" => read::<Ingress>(object),
        "IngressClass" => read::<IngressClass>(object),
        "PodDisruptionBudget" => read::<PodDisruptionBudget>(object),
        "HorizontalPodAutoscaler" if version == "autoscaling/v1" => {
            read::<autoscaling_v1::HorizontalPodAutoscaler>(object)
        }
        "HorizontalPodAutoscaler" => read::<autoscaling_v2::HorizontalPodAutoscaler>(object),
        _ if kind.ends_with("List") => object["items"]
            .as_array()?
            .iter()
            .filter_map(types_say)
            .reduce(Result::and),
        _ => None,
    }
}

/// `sigs.k8s.io/yaml` turns YAML into JSON, where 2.0 is 2.
fn as_json(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let float = number
                .as_f64()
                .filter(|float| number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15);
            if let Some(float) = float {
                *value = json!(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(as_json),
        Value::Object(members) => members.values_mut().for_each(as_json),
        _ => {}
    }
}

/// The documents of a file, by the importer's YAML library; nothing if it is no YAML.
fn documents(text: &str) -> Option<Vec<Value>> {
    let options = serde_saphyr::options! { strict_booleans: false };
    let mut documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options).ok()?;
    documents.iter_mut().for_each(as_json);
    Some(documents)
}

/// The row of a table that a refusal is explained by.
fn row<'a>(table: &[(&str, &str)], mut lines: impl Iterator<Item = &'a str>) -> Option<usize> {
    lines.find_map(|line| table.iter().position(|(part, _)| line.contains(part)))
}

/// How many times each row of a table was the reason.
#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    stricter: [usize; STRICTER.len()],
    laxer: [usize; LAXER.len()],
    unexplained: Vec<String>,
}

impl Tally {
    /// Compares what is said of one file.
    fn add(&mut self, what: &str, path: &Path, documents: &[Value]) {
        let said = documents.iter().filter_map(types_say).collect::<Vec<_>>();
        let import = if said.len() == documents.len() {
            import(&[path.to_owned()], &[])
        } else {
            // Without the others' objects, which the types do not know.
            let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
            let own = documents
                .iter()
                .filter(|object| types_say(object).is_some());
            std::fs::write(
                file.path(),
                own.map(|object| format!("---\n{object}\n"))
                    .collect::<String>(),
            )
            .unwrap();
            import(&[file.path().to_owned()], &[])
        };
        let Some(types) = said.into_iter().reduce(Result::and) else {
            return;
        };
        let import = import.map(drop).map_err(|error| error.to_string());
        match (types, import) {
            (Ok(()), Ok(())) => self.accepted += 1,
            (Err(_), Err(_)) => self.refused += 1,
            (Ok(()), Err(words)) => {
                // The snippet between the message and the hint would explain anything.
                let said = words
                    .lines()
                    .take(1)
                    .chain(words.lines().filter(|line| line.starts_with("hint:")));
                match row(STRICTER, said) {
                    Some(row) => self.stricter[row] += 1,
                    None => self
                        .unexplained
                        .push(format!("{what}: only the importer refuses it:\n{words}")),
                }
            }
            (Err(words), Ok(())) => match row(LAXER, words.lines()) {
                Some(row) => self.laxer[row] += 1,
                None => self
                    .unexplained
                    .push(format!("{what}: only Kubernetes refuses it: {words}")),
            },
        }
    }

    #[track_caller]
    fn assert_explained(&self) {
        let Tally {
            accepted,
            refused,
            stricter,
            laxer,
            unexplained,
        } = self;
        println!("accepted {accepted}, refused {refused}, stricter {stricter:?}, laxer {laxer:?}");
        let first = &unexplained[..unexplained.len().min(40)];
        assert!(
            unexplained.is_empty(),
            "{} differences:\n{}",
            unexplained.len(),
            first.join("\n")
        );
    }
}

/// The manifests of the corpus, those of folders too.
fn manifests(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(manifests(path.to_str().unwrap()));
        } else if path
            .extension()
            .is_some_and(|end| ["yaml", "yml", "json"].iter().any(|known| end == *known))
        {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The table that the importer checks fields by, against the types themselves.
/// `ROLLCAST_BLESS=1 cargo test --test kubernetes_types` writes it anew.
#[test]
fn the_table_of_types_is_what_the_types_say() {
    let mut types = Types::new();
    trace::<Deployment>(&mut types, "");
    trace::<Service>(&mut types, "");
    trace::<Namespace>(&mut types, "");
    trace::<Ingress>(&mut types, "");
    trace::<IngressClass>(&mut types, "");
    trace::<PodDisruptionBudget>(&mut types, "");
    trace::<autoscaling_v2::HorizontalPodAutoscaler>(&mut types, "");
    trace::<autoscaling_v1::HorizontalPodAutoscaler>(&mut types, "v1.");
    let (path, table) = ("src/manifest/kubernetes.types", trace::table(&types));
    if std::env::var_os("ROLLCAST_BLESS").is_some() {
        std::fs::write(path, &table).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap() == table,
        "ROLLCAST_BLESS=1 writes {path} anew"
    );
}

/// JSON values one after another, and what a repository has beside its manifests: the oracle reads neither.
fn is_not_one_text(path: &Path) -> bool {
    path.starts_with("tests/manifests/repository")
        || path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("json-"))
}

#[test]
fn the_corpus_is_judged_alike() {
    let mut tally = Tally::default();
    let several = manifests("tests/manifests")
        .into_iter()
        .chain(manifests("tests/manifest_errors"));
    for path in several.filter(|path| !is_not_one_text(path)) {
        let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        match documents(&text) {
            Some(documents) => tally.add(&path.display().to_string(), &path, &documents),
            None => assert!(
                import(std::slice::from_ref(&path), &[]).is_err(),
                "{} is no YAML",
                path.display()
            ),
        }
    }
    tally.assert_explained();
    let idle: Vec<_> = STRICTER
        .iter()
        .zip(tally.stricter)
        .filter(|(_, times)| *times == 0)
        .collect();
    assert!(idle.is_empty(), "no manifest needs these: {idle:#?}");
}

/// What may stand where something else belongs.
fn intruders() -> [Value; 12] {
    let (text, count) = (json!("x"), json!(7));
    [
        Value::Null,
        json!(true),
        json!("true"),
        count.clone(),
        json!(-1),
        json!(0.5),
        json!(5_000_000_000_i64),
        json!("25%"),
        json!("7"),
        json!([]),
        json!([text]),
        json!({"x": count}),
    ]
}

/// Pointers to every value within a value.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    let mut visit = |key: &str, value: &Value| {
        let there = format!("{here}/{}", key.replace('~', "~0").replace('/', "~1"));
        found.push(there.clone());
        pointers(value, &there, found);
    };
    match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(i, item)| visit(&i.to_string(), item)),
        Value::Object(members) => members.iter().for_each(|(key, member)| visit(key, member)),
        _ => {}
    }
}

/// Every value of every good manifest, replaced by everything that does not belong there.
#[test]
fn every_wrong_value_is_judged_alike() {
    let mut tally = Tally::default();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("case.json");
    let mut seen = BTreeSet::new();
    for path in manifests("tests/manifests")
        .into_iter()
        .filter(|path| !is_not_one_text(path))
    {
        let documents = documents(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for document in documents {
            let mut places = Vec::new();
            pointers(&document, "", &mut places);
            // What it calls itself decides what it is held to; and one place of each kind is enough.
            places.retain(|place| !place.ends_with("/apiVersion") && !place.ends_with("/kind"));
            places.retain(|place| {
                let nameless = place.split('/').map(|part| {
                    if part.parse::<u32>().is_ok() {
                        "0"
                    } else {
                        part
                    }
                });
                seen.insert((
                    document["kind"].to_string(),
                    nameless.collect::<Vec<_>>().join("/"),
                ))
            });
            for place in &places {
                for intruder in intruders() {
                    let mut wrong = document.clone();
                    *wrong.pointer_mut(place).unwrap() = intruder.clone();
                    std::fs::write(&file, wrong.to_string()).unwrap();
                    tally.add(
                        &format!("{}{place} = {intruder}", path.display()),
                        &file,
                        &[wrong],
                    );
                }
            }
        }
    }
    tally.assert_explained();
    assert!(
        tally.accepted > 500 && tally.refused > 2_000,
        "too few were compared"
    );
}

/// What an author may write into a Deployment, and whether both take it.
#[derive(Debug, PartialEq)]
enum Verdict {
    Accepted,
    Refused,
    /// By the server's validation, not by its types.
    Invalid,
    /// As Go decodes it, though not as Rust does.
    Decoded,
}

#[track_caller]
fn check(slot: &str, fragment: &str, expected: Verdict) {
    const TEMPLATE: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, METADATA}\n\
        spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, \
        spec: {containers: [{name: web, image: web, CONTAINER}], POD}}, SPEC}\n";
    let slots = ["METADATA", "CONTAINER", "POD", "SPEC"];
    let fill =
        |text: String, name: &&str| text.replace(*name, if *name == slot { fragment } else { "" });
    let text = slots.iter().fold(TEMPLATE.to_owned(), fill);
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    std::fs::write(file.path(), &text).unwrap();
    let Some(documents) = documents(&text) else {
        assert!(
            import(&[file.path().to_owned()], &[]).is_err() && expected == Verdict::Refused,
            "{fragment}"
        );
        return;
    };
    let mut tally = Tally::default();
    tally.add(fragment, file.path(), &documents);
    tally.assert_explained();
    let got = match tally {
        Tally { accepted: 1, .. } => Verdict::Accepted,
        Tally { refused: 1, .. } => Verdict::Refused,
        Tally { laxer, .. } if laxer.contains(&1) => Verdict::Decoded,
        _ => Verdict::Invalid,
    };
    assert_eq!(got, expected, "{slot}: {fragment}");
}

#[test]
fn deployments_are_judged_alike() {
    use Verdict::{Accepted, Invalid, Refused};
    for (fragment, verdict) in [
        ("strategy: {rollingUpdate: {maxSurge: 25}}", Accepted),
        ("strategy: {rollingUpdate: {maxSurge: 25%}}", Accepted),
        (
            "strategy: {rollingUpdate: {maxSurge: \"25%\", maxUnavailable: 0}}",
            Accepted,
        ),
        ("strategy: {rollingUpdate: {maxSurge: \"25\"}}", Invalid),
        ("strategy: {rollingUpdate: {maxSurge: 25 %}}", Invalid),
        ("strategy: {rollingUpdate: {maxSurge: 0.25}}", Refused),
        ("strategy: {rollingUpdate: {maxSurge: true}}", Refused),
        ("strategy: {rollingUpdate: null}", Accepted),
        ("strategy: RollingUpdate", Refused),
        ("replicas: 3", Accepted),
        ("replicas: 3.0", Accepted),
        ("replicas: \"3\"", Refused),
        ("replicas: null", Accepted),
        ("replicas: 3, replicas: 4", Refused),
        ("replicas: 0x10", Accepted),
        ("paused: yes", Accepted),
        ("paused: \"true\"", Refused),
        ("minReadySeconds: 10s", Refused),
        ("revisionHistoryLimit: ten", Refused),
        ("minReadySecond: [unknown]", Accepted),
    ] {
        check("SPEC", fragment, verdict);
    }
}

#[test]
fn pods_are_judged_alike() {
    use Verdict::{Accepted, Decoded, Invalid, Refused};
    for (fragment, verdict) in [
        ("terminationGracePeriodSeconds: 30", Accepted),
        ("terminationGracePeriodSeconds: \"30\"", Refused),
        ("terminationGracePeriodSeconds: 30s", Refused),
        ("terminationGracePeriodSeconds: 2147483648", Invalid),
        ("volumes: {name: tmp, emptyDir: {}}", Refused),
        ("volumes: [{name: tmp, emptyDir: {}}]", Accepted),
        (
            "volumes: [{name: tmp, configMap: {name: web, defaultMode: \"0644\"}}]",
            Refused,
        ),
        ("nodeSelector: {spot: true}", Refused),
        ("nodeSelector: {spot: null}", Decoded),
        ("nodeSelector: [spot]", Refused),
        ("imagePullSecrets: [registry]", Refused),
        ("hostNetwork: \"false\"", Refused),
        (
            "tolerations: [{key: spot, operator: Exists, tolerationSeconds: 1.5}]",
            Refused,
        ),
        ("securityContext: {runAsUser: \"1000\"}", Refused),
        (
            "initContainers: [{name: init, image: init, env: [{name: A, value: 1}]}]",
            Refused,
        ),
        (
            "affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: {weight: 1}}}",
            Refused,
        ),
    ] {
        check("POD", fragment, verdict);
    }
}

#[test]
fn containers_are_judged_alike() {
    use Verdict::{Accepted, Invalid, Refused};
    for (fragment, verdict) in [
        ("env: [{name: PORT, value: 8080}]", Refused),
        ("env: [{name: DEBUG, value: true}]", Refused),
        ("env: [{name: DEBUG, value: yes}]", Refused),
        ("env: [{name: PORT, value: \"8080\"}]", Accepted),
        ("env: [{name: PORT, value: null}]", Accepted),
        ("env: {PORT: \"8080\"}", Refused),
        ("env: [null]", Refused),
        ("env: null", Accepted),
        ("args: [--port, 8080]", Refused),
        ("command: ./server", Refused),
        ("ports: [8080]", Refused),
        ("ports: [{containerPort: \"8080\"}]", Refused),
        ("ports: [{containerPort: 8080, hostPort: http}]", Refused),
        ("resources: {requests: {cpu: 1, memory: 512Mi}}", Accepted),
        ("resources: {requests: {cpu: 0.5, memory: 1e9}}", Accepted),
        ("resources: {limits: {cpu: [1]}}", Refused),
        ("resources: {limits: {cpu: true}}", Refused),
        ("resources: [cpu]", Refused),
        (
            "readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 5}",
            Accepted,
        ),
        (
            "readinessProbe: {httpGet: {path: /, port: \"80\"}}",
            Accepted,
        ),
        ("readinessProbe: {httpGet: {path: /, port: 80.5}}", Refused),
        ("readinessProbe: {httpGet: {path: 7, port: 80}}", Refused),
        ("readinessProbe: {periodSeconds: 5s}", Refused),
        (
            "livenessProbe: {exec: {command: cat /tmp/healthy}}",
            Refused,
        ),
        ("lifecycle: {preStop: {sleep: {seconds: 10}}}", Accepted),
        ("lifecycle: {preStop: {sleep: {seconds: \"10\"}}}", Refused),
        ("lifecycle: {preStop: {sleep: 10}}", Refused),
        (
            "lifecycle: {preStop: {exec: {command: [sleep, 10]}}}",
            Refused,
        ),
        ("lifecycle: {preStop: {}}", Invalid),
        ("lifecycle: {postStart: {exec: {command: [7]}}}", Refused),
        ("imagePullPolicy: true", Refused),
    ] {
        check("CONTAINER", fragment, verdict);
    }
}

#[test]
fn metadata_is_judged_alike() {
    use Verdict::{Accepted, Decoded, Refused};
    for (fragment, verdict) in [
        ("annotations: {build: 7}", Refused),
        ("annotations: {build: null}", Decoded),
        ("labels: [web]", Refused),
        ("finalizers: {a: b}", Refused),
        ("creationTimestamp: null", Accepted),
        ("generation: one", Refused),
    ] {
        check("METADATA", fragment, verdict);
    }
}
