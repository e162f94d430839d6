//! preStop hooks from manifest to verdict: what is read, what gives nothing, what is not read.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::Path;
use std::sync::atomic::AtomicBool;

use rollcast::check::{
    Checked, Finding, HookEnds, Judgement, Options, Report, Severity, Subject, Verdict, check,
};
use rollcast::manifest::{Given, import};
use rollcast::report::check::{json, text};
use rollcast::scenario::Document;
use rollcast::time::Span;
use rollcast::traffic::EngineChoice;

const OPTIONS: Options = Options {
    runs: 100,
    seed: 1,
    threads: Some(2),
    engine: EngineChoice::Auto,
};

/// Every Deployment of a manifest, under a light load that outlasts the rollout; one rollout in ten may cost something.
fn checked(name: &str, given: &[(&str, &str)]) -> Vec<Checked> {
    let known = [
        ("load.rate", "20.0"),
        ("load.duration", "300s"),
        ("objectives.probability", "0.9"),
        ("app.on_sigterm", "drain"),
    ];
    let given: Vec<Given> = known
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
    let checked = import.drafts.iter().map(|draft| {
        check(
            &Subject::of_draft(draft).unwrap(),
            &OPTIONS,
            &AtomicBool::new(false),
        )
        .unwrap()
    });
    checked.collect()
}

fn one(name: &str, given: &[(&str, &str)]) -> Checked {
    checked(name, given).into_iter().next().unwrap()
}

fn judgement(checked: &Checked) -> &Judgement {
    checked.judgement.as_ref().unwrap()
}

fn finding<'a>(checked: &'a Checked, rule: &str) -> &'a Finding {
    let found = checked.open().find(|finding| finding.rule.id == rule);
    found.unwrap_or_else(|| panic!("no {rule}: {:?}", checked.findings))
}

fn ends(checked: &Checked) -> &HookEnds {
    judgement(checked).hook.as_ref().unwrap()
}

/// Seconds that a patch sleeps.
fn slept(checked: &Checked) -> Option<u64> {
    let patch = checked.patch.as_deref()?;
    let at = patch.find("seconds: ")?;
    patch[at + "seconds: ".len()..].lines().next()?.parse().ok()
}

#[test]
fn every_way_to_sleep_a_minute_serves_for_a_minute() {
    let all = checked("hook-forms.yaml", &[]);
    assert_eq!(all.len(), 8);
    for checked in all.iter().chain(&checked("hook-variables.yaml", &[])) {
        assert_eq!(
            judgement(checked).verdict,
            Verdict::Met,
            "{}: {:?}",
            checked.name,
            checked.judgement
        );
        assert!(judgement(checked).hook.is_none(), "{}", checked.name);
        assert!(
            checked.open().all(|finding| finding.rule.id != "RL001"),
            "{}: {:?}",
            checked.name,
            checked.findings
        );
    }
}

#[test]
fn a_hook_that_gives_nothing_is_as_none() {
    let none = one(
        "hook-one-word.yaml",
        &[("pod.pre_stop", "{ fails = true }")],
    );
    let expected = &judgement(&none).now;
    for (name, why) in [
        ("hook-one-word.yaml", "no program is called `sleep 60`"),
        (
            "hook-words-without-a-shell.yaml",
            "`sleep` takes no `&&` for a time",
        ),
        (
            "hook-quit-then-sleep.yaml",
            "`nginx -s quit` stops the server",
        ),
        ("hook-exit-first.yaml", "`exit 0` ends the script"),
        (
            "hook-shutdown-url.yaml",
            "`GET /actuator/shutdown` stops the server",
        ),
        (
            "hook-image-without-a-shell.yaml",
            "the image gcr.io/distroless/java17-debian12 has no `sleep`",
        ),
    ] {
        let checked = one(name, &[]);
        assert_eq!(judgement(&checked).verdict, Verdict::Missed, "{name}");
        assert_eq!(
            &judgement(&checked).now,
            expected,
            "{name}: the listener closes at the same instant"
        );
        let short = finding(&checked, "RL001");
        // Most rollouts miss the objective.
        assert_eq!(short.severity, Severity::Error, "{name}");
        assert!(short.message.contains(why), "{name}: {}", short.message);
        let replaced = !["hook-quit-then-sleep.yaml", "hook-shutdown-url.yaml"].contains(&name);
        assert_eq!(
            slept(&checked).is_some(),
            replaced,
            "{name}: {:?}",
            checked.patch
        );
        assert_eq!(
            short.advice.is_none(),
            replaced,
            "{name}: {:?}",
            short.advice
        );
    }
}

#[test]
fn a_hook_that_is_not_read_is_judged_at_both_ends() {
    let checked = one("hook-script.yaml", &[]);
    assert_eq!(judgement(&checked).verdict, Verdict::Inconclusive);
    let HookEnds {
        what,
        least,
        most,
        met_from,
        met_to,
    } = ends(&checked);
    assert_eq!(
        (what.as_str(), least.serves, most.serves),
        ("`/opt/drain.sh`", Span::ZERO, Span::from_secs(120))
    );
    assert_eq!(
        (least.verdict, most.verdict, *met_to),
        (Verdict::Missed, Verdict::Met, None)
    );
    let from = met_from.unwrap();
    assert!(
        (Span::from_secs(10)..Span::from_secs(60)).contains(&from),
        "{from}"
    );
    // Given that length it is met, and a second below it is not.
    let given = |span: Span| one("hook-script.yaml", &[("pod.pre_stop", &span.to_string())]);
    assert_eq!(judgement(&given(from)).verdict, Verdict::Met);
    assert_ne!(
        judgement(&given(from.saturating_sub(Span::from_secs(1)))).verdict,
        Verdict::Met
    );

    let note = finding(&checked, "RL001");
    assert_eq!((note.severity, slept(&checked)), (Severity::Note, None));
    assert!(
        note.message.contains("`/opt/drain.sh`, which is not read"),
        "{}",
        note.message
    );
    assert!(
        checked.asked.contains(&"pod.pre_stop".to_owned()),
        "{:?}",
        checked.asked
    );
    let shown = text::render(&Report {
        checked: vec![checked.clone()],
        ..Report::default()
    });
    let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("`/opt/drain.sh` is not read")
            && flat.contains(&format!("it is met from {from} on")),
        "{shown}"
    );
    let value: serde_json::Value = serde_json::from_str(&json::render(&Report {
        checked: vec![checked],
        ..Report::default()
    }))
    .unwrap();
    let hook = &value["configurations"][0]["judgement"]["hook_not_read"];
    assert_eq!(
        (hook["words"].as_str(), hook["most"]["serves_s"].as_f64()),
        (Some("/opt/drain.sh"), Some(120.0))
    );
}

#[test]
fn ends_that_agree_decide() {
    let generous = one(
        "hook-script.yaml",
        &[("objectives.max_5xx_per_rollout", "1000000")],
    );
    assert_eq!(judgement(&generous).verdict, Verdict::Met);
    assert_eq!(
        (ends(&generous).least.verdict, ends(&generous).met_from),
        (Verdict::Met, None)
    );
    // Ten seconds are too few, whatever the script does with them.
    let short = one(
        "hook-script.yaml",
        &[("pod.termination_grace_period", "10s")],
    );
    assert_eq!(judgement(&short).verdict, Verdict::Missed);
    let found = finding(&short, "RL001");
    assert_eq!(found.severity, Severity::Error);
    let patch = short.patch.as_deref().unwrap();
    assert!(patch.contains("terminationGracePeriodSeconds"), "{patch}");
    assert!(!patch.contains("preStop"), "the script stays: {patch}");
}

#[test]
fn findings_on_one_hook_want_one_value() {
    let checked = one("hook-two-findings.yaml", &[]);
    let (lag, command) = (finding(&checked, "RL001"), finding(&checked, "RL008"));
    assert!(slept(&checked).unwrap() > 15, "{checked:?}");
    assert_eq!((&command.fix, command.severity), (&lag.fix, Severity::Note));
    assert!(
        command.evidence.is_none(),
        "what RL001's fix removes is not removed twice"
    );
    let long = one("hook-variables.yaml", &[]);
    assert_eq!(finding(&long, "RL008").fix[0].value, "60s");
}

#[test]
fn a_hook_that_never_ends_is_told_to_end() {
    let checked = one("hook-outlasts-grace.yaml", &[]);
    let found = finding(&checked, "RL002");
    let advised = slept(&checked).unwrap();
    assert!((15..=90).contains(&advised), "{found:?}");
    assert_eq!(finding(&checked, "RL008").fix[0].value, found.fix[0].value);
}

#[test]
fn a_server_that_is_told_to_quit_in_time_loses_nothing() {
    let checked = one("hook-sleeps-then-quits.yaml", &[("app.on_sigterm", "exit")]);
    assert_eq!(
        judgement(&checked).verdict,
        Verdict::Met,
        "{:?}",
        checked.judgement
    );
    assert!(
        checked
            .open()
            .all(|finding| !["RL001", "RL002", "RL008"].contains(&finding.rule.id)),
        "{:?}",
        checked.findings
    );
}

/// Whoever does not wait for the end of a drain cuts it with the SIGTERM that follows.
#[test]
fn a_drain_lasts_as_long_as_its_hook() {
    let mean = |hook: &str| {
        let scenario = format!(
            "name = \"x\"\n[pod]\nreadiness_gate = true\npre_stop = {hook}\ntermination_grace_period = \"90s\"\n[pod.readiness_probe]\n\
             [app]\nservice_time = \"2s\"\n[load]\nrate = 20.0\nduration = \"240s\"\n[deployment]\nreplicas = 2\n\
             [load_balancer]\nderegistration_propagation = \"5s\"\n"
        );
        let document = Document::parse(Path::new("x.toml"), &scenario).unwrap();
        let subject = Subject::of_document(document).unwrap();
        let options = Options {
            runs: 20,
            ..OPTIONS
        };
        let checked = check(&subject, &options, &AtomicBool::new(false)).unwrap();
        checked.judgement.unwrap().now.mean
    };
    let (waits, does_not) = (
        mean("{ exec = \"60s\", drain_at = \"4s\" }"),
        mean("{ exec = \"4s\", drain_at = \"4s\" }"),
    );
    assert!(waits < does_not, "{waits} with a wait, {does_not} without");
    // Told to drain after the nodes have let go, and waited for: nothing is lost.
    assert_eq!(mean("{ exec = \"60s\", drain_at = \"30s\" }"), 0.0);
    // SIGTERM by the hook is SIGTERM by the kubelet.
    assert_eq!(
        mean("{ exec = \"60s\", sigterm_at = \"3s\" }"),
        mean("\"3s\"")
    );
}
