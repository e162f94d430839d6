//! Manifests from file to verdict.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::check::{Checked, Options, Report, Severity, Subject, Verdict, check};
use rollcast::manifest::{Given, import};
use rollcast::report::check::{github, junit, sarif, text};
use rollcast::traffic::EngineChoice;

const OPTIONS: Options = Options {
    runs: 100,
    seed: 1,
    threads: Some(2),
    engine: EngineChoice::Request,
};

/// A manifest of the corpus, its load light.
fn checked(name: &str, given: &[(&str, &str)]) -> Checked {
    let light = [("load.rate", "20.0"), ("load.duration", "100s")];
    let given: Vec<Given> = light
        .iter()
        .chain(given)
        .map(|(key, value)| Given {
            key: (*key).into(),
            value: (*value).into(),
            option: "--set".into(),
            yields: false,
        })
        .collect();
    let import = import(&[Path::new("tests/manifests").join(name)], &given).unwrap();
    let subject = Subject::of_draft(&import.drafts[0]).unwrap();
    check(&subject, &OPTIONS, &AtomicBool::new(false)).unwrap()
}

fn rules(checked: &Checked) -> Vec<&'static str> {
    let mut rules: Vec<_> = checked.open().map(|finding| finding.rule.id).collect();
    rules.sort();
    rules
}

#[test]
fn the_published_cure_leaves_the_lag_that_one_load_test_could_not_show() {
    let checked = checked("eks-2048.yaml", &[("app.profile", "spring-boot-3.4")]);
    assert_eq!(rules(&checked), ["RL001", "RL006", "RL008", "RL014"]);
    let lag = &checked.findings[0];
    assert_eq!(
        (lag.rule.id, lag.severity, lag.spot.row),
        ("RL001", Severity::Warning, 101)
    );
    let evidence = lag.evidence.as_ref().unwrap();
    assert!(
        evidence.removed.interval.is_some_and(|(low, _)| low > 0.0)
            && evidence.fixed.mean < evidence.now.mean,
        "{evidence:?}"
    );
    assert!(
        checked.patch.as_ref().unwrap().contains("sleep:\n"),
        "{lag:?}"
    );
    assert_eq!(checked.judgement.unwrap().verdict, Verdict::Missed);
}

/// A finding, the verdict and the table speak of the same rollouts: of one service there is one number.
#[test]
fn a_finding_and_the_summary_never_differ() {
    for (name, given) in [
        ("eks-2048.yaml", vec![("app.profile", "spring-boot-3.4")]),
        ("eks-2048.yaml", vec![("pod.pre_stop", "0s")]),
        (
            "eks-2048.yaml",
            vec![("pod.readiness_gate", "false"), ("pod.pre_stop", "5s")],
        ),
    ] {
        let checked = checked(name, &given);
        let judgement = checked.judgement.as_ref().unwrap();
        let weighed: Vec<_> = checked
            .findings
            .iter()
            .filter_map(|finding| Some((finding, finding.evidence.as_ref()?)))
            .collect();
        assert!(!weighed.is_empty(), "{given:?}");
        for (finding, evidence) in &weighed {
            assert_eq!(evidence.now, judgement.now, "{given:?}: {finding:?}");
            assert_eq!(evidence.fixed.n, judgement.runs);
        }
        // One finding that counts: with its fix is with every fix.
        let counting: Vec<_> = weighed
            .iter()
            .filter(|(finding, _)| finding.severity > Severity::Note)
            .collect();
        if let ([(_, evidence)], Some((fixed, _))) = (counting.as_slice(), &judgement.all_fixes) {
            assert_eq!(&evidence.fixed, fixed);
        }
        let mean = checked.judgement.as_ref().unwrap().now.mean.round() as u64;
        let report = Report {
            checked: vec![checked],
            ..Report::default()
        };
        let said = text::render(&report);
        let row = said
            .lines()
            .find(|line| line.starts_with("2048-game  "))
            .unwrap();
        if mean >= 100 {
            let times = said.matches(&mean.to_string()).count();
            assert!(times >= 2 && row.contains(&mean.to_string()), "{said}");
        }
    }
}

/// What a looser goal makes green is not passed over: the first line says what still fails.
#[test]
fn a_met_goal_that_fails_requests_says_so_first() {
    let given = [
        ("objectives.max_5xx_per_rollout", "5000"),
        ("objectives.probability", "0.5"),
        // The rollout is over before the load is.
        ("deployment.replicas", "2"),
        ("load.duration", "10m"),
    ];
    let checked = checked("eks-2048.yaml", &given);
    let judgement = checked.judgement.as_ref().unwrap();
    assert!(judgement.verdict == Verdict::Met && judgement.clean.probability < 0.99);
    let report = Report {
        checked: vec![checked],
        ..Report::default()
    };
    let said = text::render(&report);
    assert!(
        said.starts_with("2048-game meets its goal, and still "),
        "{said}"
    );
    assert!(github::render(&report).contains("objective met, and still "));
}

#[test]
fn a_fix_that_removes_nothing_makes_a_note() {
    let checked = checked(
        "eks-2048.yaml",
        &[("app.profile", "spring-boot-3.4"), ("pod.pre_stop", "45s")],
    );
    let keep_alive = checked
        .open()
        .find(|finding| finding.rule.id == "RL006")
        .unwrap();
    assert_eq!(keep_alive.severity, Severity::Note, "{keep_alive:?}");
}

#[test]
fn what_cannot_be_simulated_is_still_looked_at() {
    let given = [
        ("pod.readiness_gate", "true"),
        ("target_group.target_type", "instance"),
    ];
    let checked = checked("instance-targets.yaml", &given);
    assert_eq!(rules(&checked), ["RL004"]);
    assert!(checked.judgement.unwrap_err().contains("no readiness gate"));
}

#[test]
fn what_aws_refuses_is_an_error_where_it_is_written() {
    let checked = checked("interval-reaches-timeout.yaml", &[]);
    assert_eq!(rules(&checked), ["RL023"]);
    let refused = &checked.findings[0];
    assert_eq!(
        (refused.severity, refused.spot.row),
        (Severity::Error, 18),
        "{refused:?}"
    );
    assert!(
        refused.message.contains("the controller's default"),
        "{refused:?}"
    );
    let given = |key, value| rules(&self::checked("octal-replicas.yaml", &[(key, value)]));
    assert_eq!(
        given("target_group.health_check.healthy_threshold", "11"),
        ["RL023"]
    );
    assert_eq!(given("target_group.deregistration_delay", "2h"), ["RL023"]);
}

#[test]
fn a_startup_probe_makes_up_for_a_missing_readiness_probe() {
    assert!(!rules(&checked("startup-probe-alone.yaml", &[])).contains(&"RL015"));
    assert!(rules(&checked("plain.yaml", &[])).contains(&"RL015"));
}

#[test]
fn a_reason_switches_a_rule_off() {
    let checked = checked("ignored-rules.yaml", &[]);
    let ignored = checked
        .findings
        .iter()
        .find(|finding| finding.rule.id == "RL003")
        .unwrap();
    assert_eq!(ignored.ignored.as_deref(), Some("no load balancer here"));
    assert!(!rules(&checked).contains(&"RL003"), "{:?}", rules(&checked));
}

#[test]
fn every_manifest_of_the_corpus_can_be_checked() {
    let once = Options { runs: 4, ..OPTIONS };
    for entry in std::fs::read_dir("tests/manifests").unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|end| end == "toml" || end == "txt")
        {
            continue;
        }
        for draft in import(std::slice::from_ref(&path), &[]).unwrap().drafts {
            let subject = Subject::of_draft(&draft).unwrap();
            let checked = check(&subject, &once, &AtomicBool::new(false)).unwrap();
            let placed = checked
                .findings
                .iter()
                .all(|finding| finding.spot.row > 0 && !finding.spot.line.is_empty());
            assert!(placed, "{}: {:?}", path.display(), checked.findings);
        }
    }
}

/// What the formats are tried on: findings that count, one that is ignored, what was not simulated, nothing.
fn reports() -> Vec<Report> {
    let checked = [
        "eks-2048.yaml",
        "ignored-rules.yaml",
        "instance-targets.yaml",
    ]
    .map(|name| checked(name, &[]));
    let import = import(
        &[Path::new("tests/manifests/other-kinds.yaml").to_owned()],
        &[],
    )
    .unwrap();
    let left_out: Vec<_> = import.judged(false).1.into_iter().map(Into::into).collect();
    assert!(!left_out.is_empty());
    vec![
        Report::default(),
        Report {
            settled: Vec::new(),
            checked: checked.into(),
            left_out,
            remarks: Vec::new(),
        },
    ]
}

#[test]
fn sarif_is_what_its_schema_demands() {
    // The published pattern of a language closes a bracket that it never opened, which JavaScript bears and
    // Rust does not. The pattern means the same without it, but for that letter.
    let text = include_str!("schemas/sarif-2.1.0.json").replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$");
    let schema = serde_json::from_str(&text).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for report in reports() {
        let log = serde_json::from_str(&sarif::render(&report)).unwrap();
        let faults: Vec<String> = schema
            .iter_errors(&log)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
    assert!(
        !schema.is_valid(&serde_json::json!({ "version": "2.1.0" })),
        "a log without runs is none"
    );
}

/// What Jenkins' junit-10.xsd (jenkinsci/xunit-plugin) says of the elements used here: those within,
/// attributes that must be, attributes that may be.
type Element = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);
const JUNIT: [Element; 6] = [
    (
        "testsuites",
        &["testsuite"],
        &[],
        &["name", "time", "tests", "failures", "errors"],
    ),
    (
        "testsuite",
        &[
            "testsuite",
            "properties",
            "testcase",
            "system-out",
            "system-err",
        ],
        &["name", "tests", "failures", "errors"],
        &[
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
        ],
    ),
    (
        "testcase",
        &["skipped", "error", "failure", "system-out", "system-err"],
        &["name"],
        &["time", "classname", "group"],
    ),
    ("failure", &[], &[], &["type", "message"]),
    ("skipped", &[], &[], &["type", "message"]),
    ("system-out", &[], &[], &[]),
];

#[test]
fn junit_is_what_ci_systems_read() {
    for report in reports() {
        let xml = junit::render(&report);
        let document = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(document.root_element().tag_name().name(), "testsuites");
        for node in document.descendants().filter(roxmltree::Node::is_element) {
            let name = node.tag_name().name();
            let (_, within, must, may) =
                JUNIT.iter().find(|element| element.0 == name).expect(name);
            for child in node.children() {
                let child_name = child.tag_name().name();
                assert!(
                    !child.is_element() || within.contains(&child_name),
                    "{child_name} within {name}"
                );
                // Only elements that hold nothing else hold text.
                assert!(
                    within.is_empty()
                        || child
                            .text()
                            .is_none_or(|text| !child.is_text() || text.trim().is_empty())
                );
            }
            let given: Vec<&str> = node
                .attributes()
                .map(|attribute| attribute.name())
                .collect();
            assert!(
                must.iter().all(|attribute| given.contains(attribute)),
                "{name}: {given:?}"
            );
            assert!(
                given
                    .iter()
                    .all(|attribute| must.contains(attribute) || may.contains(attribute)),
                "{given:?}"
            );
        }
        for suite in document
            .descendants()
            .filter(|node| node.has_tag_name("testsuite"))
        {
            let count = |tag: &str| {
                suite
                    .descendants()
                    .filter(|node| node.has_tag_name(tag))
                    .count()
                    .to_string()
            };
            assert_eq!(suite.attribute("tests"), Some(count("testcase").as_str()));
            assert_eq!(suite.attribute("failures"), Some(count("failure").as_str()));
            assert_eq!(suite.attribute("skipped"), Some(count("skipped").as_str()));
        }
    }
}
