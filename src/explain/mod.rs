//! Says what a word of a scenario or a report means: a cause, a setting, a profile, a preset, a row of a table.

mod causes;
mod lists;
mod terms;

use std::fmt::Write;

use crate::check::{RULES, Rule};
use crate::disturbance::Kind;
use crate::pre_stop::Advice;
use crate::scenario::client;
use crate::scenario::keys::{self, nearest, snake_case};
use crate::scenario::prior::{PRIORS, Prior};
use crate::scenario::profile::{self, Profile, Row};
use crate::scenario::{Scenario, settings};
use crate::setting::Setting;
use crate::verdict::Cause;
pub use lists::{overview, words};
use terms::{ALIASES, Alias, SPELLINGS, TERMS};

/// What the word means, in lines that end; nothing if it means nothing here.
///
/// Known are kinds (`causes`), causes (`refused`), statuses (`504`), settings (`pod.pre_stop`, `pre_stop`, or
/// `preStop` as Kubernetes spells it), tables (`pod`), annotations of the controller, disturbances (`node_drain`),
/// profiles (`nginx-quit`), applications (`django`), clients (`k6`), rules (`RL001`, `no-readiness-gate`), rows and
/// columns of reports (`old pods gone`), and what stands for a choice or a preset (`keep_serving`, `typical`).
pub fn explain(word: &str) -> Option<String> {
    let word = word.trim().trim_matches(['`', '"', ':', '[', ']']).trim();
    let known = |word: &str| {
        let parts = [
            lists::by_kind(word),
            by_cause(word),
            by_status(word),
            by_term(word),
            by_setting(word),
            by_disturbance(word),
            by_profile(word),
            by_alias(word),
            by_client(word),
            by_choice(word),
            by_rule(word),
        ];
        let known: Vec<String> = parts.into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.join("\n"))
    };
    // As it is written; as a setting that Kubernetes or AWS spells otherwise; and whatever the case.
    let spelling = SPELLINGS
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(word));
    known(word)
        .or_else(|| spelling.and_then(|(_, key)| known(key)))
        .or_else(|| known(&in_snake_case(word)))
        .or_else(|| known(&word.to_lowercase()))
}

/// The last part of an annotation or of a path in a manifest, as a scenario would write it.
fn in_snake_case(word: &str) -> String {
    let last = word.rsplit(['.', '/']).next().unwrap_or(word);
    snake_case(last.trim_matches(['*', '`']))
}

/// What to ask instead of a word that means nothing.
pub fn suggestion(word: &str) -> String {
    // Causes and profiles have hyphens where settings have underscores.
    let hyphened = |known: &&str| word.contains('-') && known.contains('-');
    let words = words();
    let known = || words.iter().map(String::as_str);
    let lower = word.to_lowercase();
    let near = nearest(word, known().filter(hyphened))
        .or_else(|| nearest(word, known()))
        .or_else(|| nearest(&lower, known()));
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "rollcast explain, without a word, lists what there is".to_owned(),
    }
}

/// The name of what is no cause: the application's own answer.
const OWN: &str = "target";

const OWN_STORY: &str = "target: the application's own answer\n\n  The application answered a status of its own that is no success: its 503 while it shuts down is not\n  the load balancer's 503.\n\n  In the access log: elb_status_code and target_status_code are equal, all three processing times are\n  zero or more.\n";

fn by_cause(word: &str) -> Option<String> {
    if word == OWN {
        return Some(OWN_STORY.to_owned());
    }
    Cause::ALL
        .into_iter()
        .find(|cause| cause.name() == word)
        .map(cause)
}

fn cause(cause: Cause) -> String {
    let causes::Explanation {
        story,
        log,
        remedies,
        ..
    } = causes::of(cause);
    let mut text = format!("{cause}: {}, {}\n\n", cause.status(), cause.meaning());
    paragraph(&mut text, story);
    text += "\n  In the access log:\n";
    let fields = [
        ("elb_status_code", cause.status().to_string()),
        ("target_status_code", "\"-\"".to_owned()),
        ("target:port", log.target.to_owned()),
        ("processing times", log.times.to_owned()),
        ("error_reason", "\"-\"".to_owned()),
        ("and", log.otherwise.to_owned()),
    ];
    for (field, value) in fields {
        entry(&mut text, &format!("{field:<20}"), &value);
    }
    text += "\n  What removes it:\n";
    remedies
        .iter()
        .for_each(|remedy| entry(&mut text, "-", remedy));
    text
}

fn by_status(word: &str) -> Option<String> {
    let status: u16 = word.parse().ok()?;
    let causes: Vec<Cause> = Cause::ALL
        .into_iter()
        .filter(|cause| cause.status() == status)
        .collect();
    let mut text = format!("{status}: the causes are\n\n");
    causes
        .iter()
        .for_each(|cause| entry(&mut text, &format!("{:<22}", cause.name()), cause.meaning()));
    (!causes.is_empty()).then_some(text)
}

fn by_setting(word: &str) -> Option<String> {
    if let Some(row) = keys::setting(word).filter(|_| !is_table(word)) {
        return Some(setting(row));
    }
    if is_table(word) {
        let mut text = format!("[{word}]: the keys are\n\n");
        let members = settings().iter().filter(|row| table(row.key) == word);
        members.for_each(|row| {
            entry(
                &mut text,
                &format!("{:<26}", last(row.key)),
                row.meaning.trim(),
            );
        });
        return Some(text);
    }
    let rows: Vec<String> = settings()
        .iter()
        .filter(|row| last(row.key) == word)
        .map(setting)
        .collect();
    (!rows.is_empty()).then(|| rows.join("\n"))
}

fn setting(row: &Setting) -> String {
    let mut text = format!("{}\n\n", row.key);
    paragraph(&mut text, row.meaning.trim());
    let default = Scenario::default()
        .value_of(row.key)
        .unwrap_or_else(|| "absent".to_owned());
    text.push('\n');
    entry(
        &mut text,
        "default:",
        &format!("{default} ({}: {})", row.grade, row.source),
    );
    if !row.range.is_empty() {
        entry(&mut text, "range:", row.range);
    }
    for prior in PRIORS
        .iter()
        .filter(|prior| prior.what.starts_with(&format!("`{}`", row.key)))
    {
        assumed(&mut text, prior);
    }
    for profile in profile::PROFILES {
        if let Some(given) = profile.row(row.key) {
            entry(
                &mut text,
                &format!("{}:", profile.name),
                given.value.trim_matches('"'),
            );
        }
    }
    text
}

fn assumed(text: &mut String, prior: &Prior) {
    text.push_str("\n  Nobody publishes it. What is assumed:\n");
    let rows = [
        ("between environments:", prior.between),
        ("within one:", prior.within),
    ];
    let rows = rows
        .into_iter()
        .chain([("presets:", prior.presets), ("evidence:", prior.evidence)]);
    rows.filter(|(_, what)| *what != "–")
        .for_each(|(name, what)| entry(text, name, what));
}

/// A row or a column of a report; its unit in brackets is no part of the name.
fn by_term(word: &str) -> Option<String> {
    let name = word.split(" (").next().unwrap_or(word);
    let same = |other: &&&str| other.eq_ignore_ascii_case(name);
    let term = TERMS
        .iter()
        .find(|term| term.words.iter().any(|other| same(&other)))?;
    let mut text = format!("{}\n\n", name.to_lowercase());
    paragraph(&mut text, term.meaning);
    Some(text)
}

fn by_alias(word: &str) -> Option<String> {
    let Alias {
        question, profiles, ..
    } = ALIASES.iter().find(|alias| alias.words.contains(&word))?;
    let mut text = format!("{word}: which profile?\n\n");
    paragraph(&mut text, question);
    for (profile, answer) in *profiles {
        entry(
            &mut text,
            &format!("{answer}:"),
            &format!("--set app.profile={profile}"),
        );
    }
    text.push_str("\n  rollcast explain ");
    let names: Vec<&str> = profiles.iter().map(|(profile, _)| *profile).collect();
    text.push_str(&format!("{} says what it does.\n", names.join(" ")));
    Some(text)
}

fn by_client(word: &str) -> Option<String> {
    let client = client::find(word)?;
    let mut text = format!("client {}\n\n", client.name);
    paragraph(&mut text, client.about);
    text.push('\n');
    rows(&mut text, client.rows);
    Some(text)
}

fn rows(text: &mut String, rows: &[Row]) {
    for row in rows {
        entry(
            text,
            &format!("{} = {}", row.key, row.value),
            &format!("({}: {})", row.grade, row.source),
        );
    }
}

fn by_disturbance(word: &str) -> Option<String> {
    let kind = Kind::ALL.iter().find(|kind| kind.word() == word)?;
    let mut text = format!("[[disturbance]], kind = \"{word}\"\n\n");
    paragraph(&mut text, kind.about().trim());
    text.push_str("\n  The keys are:\n");
    kind.settings().iter().for_each(|row| {
        entry(
            &mut text,
            &format!("{:<26}", last(row.key)),
            row.meaning.trim(),
        );
    });
    Some(text)
}

fn by_profile(word: &str) -> Option<String> {
    profile::find(word).map(profile_text)
}

fn profile_text(profile: &Profile) -> String {
    let mut text = format!("profile {}\n\n", profile.name);
    paragraph(&mut text, profile.about);
    entry(&mut text, "version:", profile.version);
    text.push('\n');
    rows(&mut text, profile.rows);
    text
}

/// A word that stands in backticks in a setting's meaning or among a prior's presets: what it is there.
fn by_choice(word: &str) -> Option<String> {
    // Settings name each other in backticks, too; those are not choices.
    let is_name =
        |row: &Setting| row.key == word || last(row.key) == word || table(row.key) == word;
    if settings().iter().any(is_name)
        || profile::find(word).is_some()
        || client::find(word).is_some()
    {
        return None;
    }
    let quoted = format!("`{word}`");
    let rows = settings()
        .iter()
        .filter(|row| row.meaning.contains(&quoted));
    let of_settings = rows.map(|row| (row.key, row.meaning.trim()));
    let priors = PRIORS
        .iter()
        .filter(|prior| prior.presets.contains(&quoted));
    let of_priors = priors.map(|prior| {
        (
            prior.what.split('`').nth(1).unwrap_or(prior.what),
            prior.presets,
        )
    });
    let mut text = format!("{word}\n\n");
    let empty = text.len();
    of_settings
        .chain(of_priors)
        .for_each(|(key, what)| entry(&mut text, &format!("{key}:"), what));
    (text.len() > empty).then_some(text)
}

fn by_rule(word: &str) -> Option<String> {
    RULES
        .iter()
        .find(|rule| rule.id.eq_ignore_ascii_case(word) || rule.name == word)
        .map(rule)
}

fn rule(rule: &Rule) -> String {
    let mut text = format!("{} {}: {}\n\n", rule.id, rule.name, rule.summary);
    paragraph(&mut text, rule.explanation);
    text.push('\n');
    // How long is long enough, of the defaults: four pods behind two nodes.
    if rule.id == "RL001" {
        let scenario = Scenario::default();
        let advice = Advice::of(&scenario, scenario.objectives.probability);
        entry(&mut text, "lag:", &advice.to_string());
    }
    entry(&mut text, "severity:", rule.severity.name());
    entry(&mut text, "source:", rule.source);
    entry(
        &mut text,
        "ignore:",
        &format!(
            "annotate the Deployment: rollcast/ignore: {}=why not here",
            rule.id
        ),
    );
    text
}

fn is_table(word: &str) -> bool {
    !word.is_empty() && settings().iter().any(|row| table(row.key) == word)
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn table(key: &str) -> &str {
    key.rsplit_once('.').map_or("", |(table, _)| table)
}

const WIDTH: usize = 100;

/// Words in lines of at most [`WIDTH`] columns, indented.
fn paragraph(text: &mut String, words: &str) {
    wrap(text, "  ", words);
}

/// A name and what it is, the further lines below the first.
fn entry(text: &mut String, name: &str, what: &str) {
    wrap(text, &format!("    {name} "), what);
}

fn wrap(text: &mut String, start: &str, words: &str) {
    // Below a long name there would be too little room.
    let hanging = Some(start.chars().count())
        .filter(|width| *width <= WIDTH / 3)
        .unwrap_or(8);
    let mut line = start.to_owned();
    for word in words.split_whitespace() {
        let is_full =
            line.chars().count() + word.chars().count() > WIDTH && !line.trim().is_empty();
        if is_full {
            writeln!(text, "{}", line.trim_end()).expect("a String takes any text");
            line = " ".repeat(hanging);
        }
        line.push_str(word);
        line.push(' ');
    }
    writeln!(text, "{}", line.trim_end()).expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: &[&str]) {
        let text = explain(word).unwrap_or_else(|| panic!("{word}: {}", suggestion(word)));
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        expected
            .iter()
            .for_each(|part| assert!(flat.contains(part), "{part}\n{text}"));
    }

    #[test]
    fn a_word_is_explained() {
        check(
            "refused",
            &[
                "refused: 502",
                "target_status_code \"-\"",
                "-1 -1 -1",
                "pod.pre_stop: sleep",
            ],
        );
        check(
            "connect-timeout",
            &["10.0 to 10.2 s", "TargetConnectionErrorCount"],
        );
        check("target", &["the application's own answer"]);
        check("504", &["connect-timeout", "response-timeout"]);
        check("pod.pre_stop", &["pod.pre_stop", "default: absent"]);
        check("keep_alive", &["app.keep_alive", "nginx: 75s"]);
        check("pod.startup_probe.period", &["pod.startup_probe.period"]);
        check("new_revision.service_time", &["app.service_time"]);
        check("app", &["[app]: the keys are", "on_sigterm"]);
        check(
            "load_balancer.deregistration_propagation",
            &["Nobody publishes it", "amazon-ecs-agent#2316"],
        );
        check(
            "node_drain",
            &["its pods evicted all at once", "uncordon_after"],
        );
        check(
            "disturbance.lbc_outage.duration",
            &["default: { uniform = [\"15s\", \"2m\"] }"],
        );
        check("nginx-quit", &["on_sigterm = \"drain\"", "STOPSIGNAL"]);
        check("keep_serving", &["app.on_sigterm:"]);
        check(
            "typical",
            &[
                "load_balancer.deregistration_propagation:",
                "cluster.preset:",
            ],
        );
    }

    #[test]
    fn every_word_of_the_house_is_explained_within_the_page() {
        for word in words() {
            let text = explain(&word).unwrap_or_else(|| panic!("{word}"));
            assert!(
                text.ends_with('\n') && !text.ends_with("\n\n"),
                "{word}:\n{text}"
            );
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(WIDTH + 30), "{word}:\n{text}");
        }
    }

    #[test]
    fn a_remedy_names_keys_that_exist() {
        for cause in Cause::ALL {
            for remedy in causes::of(cause).remedies {
                let keys =
                    remedy.split(|c: char| !(c.is_ascii_lowercase() || c == '_' || c == '.'));
                for key in keys
                    .map(|key| key.trim_matches('.'))
                    .filter(|key| key.contains('.'))
                {
                    assert!(keys::setting(key).is_some(), "{cause}: {key}");
                }
            }
        }
    }

    #[test]
    fn a_word_that_means_nothing_is_answered_by_the_nearest() {
        for word in ["", "zzzz", "7", "refusd", "."] {
            assert_eq!(explain(word), None, "{word}");
        }
        assert_eq!(suggestion("refusd"), "did you mean `refused`?");
        assert_eq!(
            suggestion("conect-timeout"),
            "did you mean `connect-timeout`?"
        );
        assert_eq!(suggestion("djanga"), "did you mean `django`?");
        assert_eq!(suggestion("Old pods gon"), "did you mean `old pods gone`?");
        assert!(suggestion("zzzz").starts_with("rollcast explain"));
    }

    #[test]
    fn a_setting_is_known_as_kubernetes_and_aws_spell_it() {
        for (word, key) in [
            ("preStop", "pod.pre_stop"),
            ("pre-stop", "pod.pre_stop"),
            ("lifecycle.preStop", "pod.pre_stop"),
            (
                "terminationGracePeriodSeconds",
                "pod.termination_grace_period",
            ),
            (
                "spec.template.spec.terminationGracePeriodSeconds",
                "pod.termination_grace_period",
            ),
            ("minReadySeconds", "deployment.min_ready"),
            ("maxSurge", "deployment.max_surge"),
            ("progressDeadlineSeconds", "deployment.progress_deadline"),
            ("readinessProbe", "pod.readiness_probe"),
            ("periodSeconds", "pod.readiness_probe.period"),
            ("initialDelaySeconds", "pod.readiness_probe.initial_delay"),
            ("externalTrafficPolicy", "service.external_traffic_policy"),
            ("minAvailable", "pod_disruption_budget.min_available"),
            (
                "deregistration_delay.timeout_seconds",
                "target_group.deregistration_delay",
            ),
            (
                "alb.ingress.kubernetes.io/target-type",
                "target_group.target_type",
            ),
            (
                "alb.ingress.kubernetes.io/healthcheck-interval-seconds",
                "target_group.health_check.interval",
            ),
            (
                "elbv2.k8s.aws/pod-readiness-gate-inject",
                "pod.readiness_gate",
            ),
        ] {
            let name = key.rsplit('.').next().unwrap();
            check(word, &[name]);
        }
        for (_, key) in SPELLINGS {
            assert!(keys::setting(key).is_some() || is_table(key), "{key}");
        }
    }

    #[test]
    fn an_application_is_asked_what_tells_its_profiles_apart() {
        check(
            "django",
            &[
                "Which server runs it?",
                "app.profile=gunicorn",
                "app.profile=uvicorn",
            ],
        );
        check("Spring", &["spring-boot-3.4"]);
        for alias in ALIASES {
            for (profile, _) in alias.profiles {
                assert!(profile::find(profile).is_some(), "{profile}");
            }
        }
    }

    #[test]
    fn kinds_are_listed_and_their_members_known() {
        for kind in [
            "causes",
            "rules",
            "settings",
            "profiles",
            "clients",
            "presets",
            "disturbances",
            "words",
        ] {
            assert!(
                explain(kind).is_some_and(|text| text.lines().count() > 5),
                "{kind}"
            );
            assert!(overview().contains(&format!("\n{kind}: ")), "{kind}");
        }
        check("k6", &["client k6", "workers = 1"]);
        check("OLD PODS GONE (s)", &["last old pod's object is gone"]);
        check("published", &["load_balancer.deregistration_propagation:"]);
    }
}
