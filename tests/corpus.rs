//! Manifests in the shapes that people write, held to what is right about them; and the property that no green one
//! stays green when a protection is taken away from it. `tests/corpus/README.md` has the grammar.
//!
//! What is right was written before `check` was run on it, from the documentation of Kubernetes, of the controller and
//! of AWS. `cargo test --test corpus -- --nocapture` prints the false greens and false alarms that are left.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use regex::{Captures, Regex};
use rollcast::manifest::import;
use rollcast::time::Span;
use serde_json::Value;

/// An input, and what is right about it.
struct Case {
    path: PathBuf,
    expected: Vec<(String, String)>,
}

impl Case {
    fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.expected
            .iter()
            .filter(move |(known, _)| known == key)
            .map(|(_, words)| words.as_str())
    }
}

/// The inputs of a folder; the header of a folder within it stands beside it.
fn cases(folder: &str) -> Vec<Case> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let is_input = |path: &PathBuf| {
        path.is_dir()
            || path
                .extension()
                .is_some_and(|end| end == "yaml" || end == "json")
    };
    let case = |path: PathBuf| {
        let header = if path.is_dir() {
            path.with_extension("expect")
        } else {
            path.clone()
        };
        let text =
            std::fs::read_to_string(&header).unwrap_or_else(|_| panic!("no {}", header.display()));
        let line = |line: &str| {
            let (key, words) = line.strip_prefix("# expect.")?.split_once(':')?;
            Some((key.to_owned(), words.trim().to_owned()))
        };
        Case {
            path,
            expected: text
                .lines()
                .take_while(|line| line.starts_with('#'))
                .filter_map(line)
                .collect(),
        }
    };
    paths.into_iter().filter(is_input).map(case).collect()
}

/// What `check` says: exit code, text, JSON.
struct Answer {
    exit: i32,
    text: String,
    json: Value,
}

fn check(path: &Path, judged: &[&str]) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("check.json");
    let output = Command::new(env!("CARGO_BIN_EXE_rollcast"))
        .env("ROLLCAST_NO_CONFIG", "1")
        .args([
            "check",
            "--rate",
            "100",
            "--threads",
            "1",
            "-o",
            "text",
            "-v",
        ])
        .args(judged)
        .arg("-o")
        .arg(format!("json={}", json.display()))
        .arg(path)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let json = std::fs::read(&json)
        .ok()
        .map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
    Answer {
        exit: output.status.code().unwrap_or(-1),
        text: String::from_utf8(text).unwrap(),
        json,
    }
}

/// Everything of `items` done by as many threads as there are cores; the complaints, in order.
fn complaints<T: Sync>(items: &[T], judge: impl Fn(&T) -> Vec<String> + Sync) -> Vec<String> {
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((at, item)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|at| Some((at, items.get(at)?)))
                {
                    let new = judge(item);
                    found
                        .lock()
                        .unwrap()
                        .extend(new.into_iter().map(|words| (at, words)));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    found.into_iter().map(|(_, words)| words).collect()
}

/// One line of text, so that where it is wrapped does not matter.
fn flat(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

fn judge(case: &Case) -> Vec<String> {
    let answer = check(&case.path, &[]);
    let mut wrong = Vec::new();
    let exits: Vec<&str> = case
        .all("exit")
        .flat_map(|codes| codes.split('|'))
        .map(str::trim)
        .collect();
    if !exits.contains(&answer.exit.to_string().as_str()) {
        wrong.push(format!(
            "exit code {}, not {}",
            answer.exit,
            exits.join(" or ")
        ));
    }
    let flat_text = flat(&answer.text);
    for entrance in case.all("entrance").filter(|entrance| *entrance != "none") {
        if !flat_text.contains(&flat(entrance)) {
            wrong.push(format!("no entrance `{entrance}`"));
        }
    }
    if case.all("entrance").any(|entrance| entrance == "none")
        && !flat_text.contains("nothing in these files leads")
    {
        wrong.push("does not say that nothing leads there".to_owned());
    }
    wrong.extend(
        case.all("says")
            .filter(|words| !flat_text.contains(&flat(words)))
            .map(|words| format!("does not say `{words}`")),
    );
    wrong.extend(
        case.all("not")
            .filter(|words| flat_text.contains(&flat(words)))
            .map(|words| format!("says `{words}`")),
    );
    let found = rules(&answer.json);
    wrong.extend(
        case.all("finding")
            .filter(|rule| !found.iter().any(|known| known == rule))
            .map(|rule| format!("no finding {rule}")),
    );
    wrong.extend(
        case.all("no_finding")
            .filter(|rule| found.iter().any(|known| known == rule))
            .map(|rule| format!("finding {rule}")),
    );
    wrong.extend(
        case.all("value")
            .filter_map(|value| wrong_value(case, value)),
    );
    wrong
        .into_iter()
        .map(|words| format!("{}: {words}", case.path.display()))
        .collect()
}

fn rules(json: &Value) -> Vec<String> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let findings = list(json, "configurations")
        .into_iter()
        .flat_map(|one| list(&one, "findings"));
    findings
        .filter_map(|finding| Some(finding["rule"].as_str()?.to_owned()))
        .collect()
}

/// `web pod.pre_stop = 20s`
fn wrong_value(case: &Case, value: &str) -> Option<String> {
    let (place, expected) = value.split_once('=').unwrap();
    let (workload, key) = place.trim().split_once(' ').unwrap();
    let (key, expected) = (key.trim(), expected.trim().trim_matches('"'));
    let import = match import(std::slice::from_ref(&case.path), &[]) {
        Ok(import) => import,
        Err(error) => return Some(format!("{value}: {error}")),
    };
    let Some(draft) = import
        .drafts
        .iter()
        .find(|draft| draft.facts.names.deployment == workload)
    else {
        // What is refused by name has no scenario, where the case allows to refuse it.
        let may_refuse = case.all("exit").any(|codes| codes.contains('3'));
        return (!may_refuse).then(|| format!("{value}: no scenario of {workload}"));
    };
    let scenario = match draft.document().and_then(|document| document.resolve()) {
        Ok(scenario) => scenario,
        Err(error) => return Some(format!("{value}: {error}")),
    };
    let got = match key {
        "pod.pre_stop" => {
            let pod = &scenario.revisions[0].pod;
            let serves = pod
                .pre_stop
                .map_or(Span::ZERO, rollcast::cluster::pod::PreStop::serves);
            serves.min(pod.termination_grace_period).to_string()
        }
        // What is only shown, since an open loop has no sessions.
        "target_group.stickiness" => draft
            .value(key)
            .map_or_else(String::new, |value| value.toml.trim_matches('"').to_owned()),
        key => scenario.value_of(key).unwrap_or_default(),
    };
    let is_same = match (Span::parse(&got), Span::parse(expected)) {
        (Ok(got), Ok(expected)) => got == expected,
        _ => got == expected,
    };
    (!is_same).then(|| format!("{workload} {key} = {got}, not {expected}"))
}

#[test]
fn what_people_have_is_answered_right() {
    let cases: Vec<Case> = cases("tests/corpus")
        .into_iter()
        .chain(cases("tests/field"))
        .collect();
    assert!(cases.len() >= 180, "{}", cases.len());
    assert!(
        cases.iter().all(|case| case.all("exit").count() == 1),
        "an input without its exit code"
    );
    let wrong = complaints(&cases, judge);
    assert!(
        wrong.is_empty(),
        "{} answers of {} inputs are wrong:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// A protection, and how to take it away in the text of a manifest.
struct Protection(toml::Table);

impl Protection {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(toml::Value::as_str)
    }

    fn regex(&self, key: &str) -> Option<Regex> {
        self.text(key).map(regex)
    }

    /// The manifest without the protection; nothing if it is none of this manifest's.
    fn taken_from(&self, manifest: &str) -> Option<String> {
        let is_meant = self
            .regex("only")
            .is_none_or(|only| only.is_match(manifest))
            && !self.regex("not").is_some_and(|not| not.is_match(manifest));
        let edits = self.0["edits"].as_array().unwrap();
        let mut text = Some(manifest.to_owned()).filter(|_| is_meant)?;
        for edit in edits {
            let get = |key: &str| edit.get(key).and_then(toml::Value::as_str);
            let edited = match (get("remove_block"), get("replace")) {
                (Some(line), _) => without_block(&text, &regex(line)),
                (None, Some(from)) => {
                    let with = get("with").unwrap();
                    regex(from)
                        .replace_all(&text, |found: &Captures<'_>| expanded(with, found))
                        .into_owned()
                }
                (None, None) => panic!("an edit of no kind: {edit}"),
            };
            text = Some(edited).filter(|edited| *edited != text)?;
        }
        Some(text)
    }
}

fn expanded(with: &str, found: &Captures<'_>) -> String {
    let mut text = String::new();
    found.expand(with, &mut text);
    text
}

fn regex(pattern: &str) -> Regex {
    Regex::new(&format!("(?m){pattern}")).unwrap()
}

/// Without the lines that match, and those below them that are indented more.
fn without_block(text: &str, line: &Regex) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut kept = String::new();
    let mut removed: Option<usize> = None;
    for one in text.split_inclusive('\n') {
        let is_inside = removed.is_some_and(|depth| one.trim().is_empty() || indent(one) > depth);
        if !is_inside {
            removed = line
                .is_match(one.trim_end_matches(['\n', '\r']))
                .then(|| indent(one));
        }
        if removed.is_none() {
            kept.push_str(one);
        }
    }
    kept
}

#[test]
fn no_green_stays_green_without_a_protection() {
    let list: toml::Table = std::fs::read_to_string("tests/corpus/protections.toml")
        .unwrap()
        .parse()
        .unwrap();
    let protections: Vec<Protection> = list["protection"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| Protection(one.as_table().unwrap().clone()))
        .collect();
    let greens: Vec<(String, String)> = cases("tests/corpus")
        .into_iter()
        .map(|case| case.path)
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("green-")
        })
        .map(|path| {
            (
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    assert!(
        protections.len() >= 12 && greens.len() >= 10,
        "{} × {}",
        protections.len(),
        greens.len()
    );
    let mut trials = Vec::new();
    for protection in &protections {
        let name = protection.text("name").unwrap();
        let mut changed = Vec::new();
        for (green, text) in &greens {
            changed.extend(
                protection
                    .taken_from(text)
                    .map(|text| (format!("{green} without {name}"), text, protection)),
            );
        }
        assert!(
            changed.len() as i64 >= protection.0["least"].as_integer().unwrap(),
            "{name}: {}",
            changed.len()
        );
        // Ten of each do; which ten differs from protection to protection.
        let skip = name.len() % (changed.len() - changed.len().min(PER_PROTECTION) + 1);
        trials.extend(changed.into_iter().skip(skip).take(PER_PROTECTION));
    }
    let folder = tempfile::tempdir().unwrap();
    let wrong = complaints(&trials, |(name, text, protection)| {
        let path = folder.path().join(format!("{name}.yaml"));
        std::fs::write(&path, text).unwrap();
        let answer = check(&path, QUICK);
        let exits = protection.0["exit"].as_array().unwrap();
        let named = protection.0["names"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(toml::Value::as_str);
        let said = flat(&answer.text);
        let mut wrong = Vec::new();
        if !exits
            .iter()
            .any(|exit| exit.as_integer() == Some(answer.exit.into()))
        {
            wrong.push(format!("{name}: exit code {}", answer.exit));
        }
        if !named.clone().any(|words| said.contains(&flat(words))) {
            wrong.push(format!(
                "{name}: says none of {:?}",
                named.collect::<Vec<_>>()
            ));
        }
        wrong
    });
    assert!(
        wrong.is_empty(),
        "{} of {} trials are wrong:\n{}",
        wrong.len(),
        trials.len(),
        wrong.join("\n")
    );
}

/// Enough to show an objective met, if nothing fails.
const QUICK: &[&str] = &["--runs", "100", "--probability", "0.95"];

/// Manifests that each protection is taken from.
const PER_PROTECTION: usize = 10;
