//! Hostile names and paths in every format of every command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sinks::is_tame;

const SETTINGS: &str = "deployment = { replicas = 2 }\npod = { readiness_probe = { period = \"5s\" } }\n\
    load = { rate = 10.0, duration = \"60s\", rollout_at = \"5s\" }\nmonte_carlo = { runs = 4 }\n";

/// What a scenario may be called, and what a file may.
const NAMES: [&str; 7] = [
    "::error file=a,line=1::x ::warning::y",
    "##[error]z </script><script>alert(1)</script>",
    "a | b `c` ``` <img src=x onerror=y> & ]]>",
    "=HYPERLINK(\"https://x\",\"y\")",
    "[x](https://x) ![y](z) @all *b* #1",
    "%0A::error::x\\n\\r\"'",
    "ümlaut-日本-\u{200d}👩",
];

fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("hostile-reports")
        .join(test);
    if path.exists() {
        fs::remove_dir_all(&path).unwrap();
    }
    fs::create_dir_all(&path).unwrap();
    path
}

/// Runs a command with an output in each format, and returns them.
fn formats(place: &Path, command: &[&str], formats: &[&str]) -> Vec<(String, String)> {
    let mut rollcast = Command::new(env!("CARGO_BIN_EXE_rollcast"));
    rollcast.env("ROLLCAST_NO_CONFIG", "1");
    rollcast
        .current_dir(place)
        .args(command)
        .stdin(Stdio::null())
        .env_remove("GITHUB_ACTIONS");
    for format in formats {
        rollcast.args(["-o", &format!("{format}=out.{format}")]);
    }
    let output = rollcast.output().unwrap();
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert!(
        matches!(output.status.code(), Some(0..=3)),
        "{command:?}: {:?}\n{err}",
        output.status
    );
    assert!(is_tame(&out) && is_tame(&err), "{command:?}\n{out}\n{err}");
    let read = |format: &&str| {
        let path = place.join(format!("out.{format}"));
        let text =
            fs::read_to_string(&path).unwrap_or_else(|_| panic!("{command:?}: no {format}\n{err}"));
        ((*format).to_owned(), text)
    };
    formats.iter().map(read).collect()
}

fn judge(command: &str, format: &str, text: &str) {
    let what = || format!("{command} -o {format}\n{text}");
    match format {
        "json" | "sarif" | "chrome" => {
            assert!(
                serde_json::from_str::<serde_json::Value>(text).is_ok() && is_tame(text),
                "{}",
                what()
            );
        }
        "junit" => assert!(roxmltree::Document::parse(text).is_ok(), "{}", what()),
        "html" => {
            assert_eq!(text.matches("<script").count(), 2, "{}", what());
            assert!(
                !text.contains("<img src=x") && !text.contains("alert(1)</script>"),
                "{}",
                what()
            );
        }
        "github" => {
            let known = ["::error ", "::warning ", "::notice "];
            assert!(
                text.lines()
                    .all(|line| known.iter().any(|known| line.starts_with(known))),
                "{}",
                what()
            );
            assert!(
                !text
                    .lines()
                    .any(|line| line.contains("::x ::warning") && line.starts_with("::warning::")),
                "{}",
                what()
            );
        }
        "csv" => {
            let columns = text.lines().next().unwrap().split(',').count();
            assert!(
                text.lines().all(|line| line.split(',').count() == columns),
                "{}",
                what()
            );
        }
        "markdown" => {
            assert!(is_tame(text), "{}", what());
            let bare = text
                .replace("<!-- -->", "")
                .replace("<sub>", "")
                .replace("</sub>", "");
            let bare = bare
                .replace("<details><summary>", "")
                .replace("</summary>", "")
                .replace("</details>", "");
            let outside = outside_of_code(&bare);
            assert!(
                !outside.contains("<script") && !outside.contains("<img"),
                "{}",
                what()
            );
            assert!(
                !outside.replace("\\]", "").contains("](https:"),
                "{}",
                what()
            );
        }
        _ => assert!(is_tame(text), "{}", what()),
    }
}

/// Markdown without its code: what a run of backticks opens, a run as long closes.
fn outside_of_code(text: &str) -> String {
    let mut outside = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let (before, code) = rest.split_at(start);
        // Behind a backslash it is a backtick.
        if before.ends_with('\\') {
            outside.push_str(before);
            rest = &code[1..];
            continue;
        }
        let fence = code.len() - code.trim_start_matches('`').len();
        let (fence, inner) = code.split_at(fence);
        outside.push_str(before);
        let ends = |at: &usize| {
            !inner[..*at].ends_with('`') && !inner[at + fence.len()..].starts_with('`')
        };
        rest = match inner.match_indices(fence).map(|(at, _)| at).find(ends) {
            Some(end) => &inner[end + fence.len()..],
            None => inner,
        };
    }
    outside + rest
}

fn every_format(place: &Path, file: &str) {
    let commands: [(&[&str], &[&str]); 5] = [
        (
            &["check", "--runs", "4", "--fail-on", "never"],
            &["text", "json", "sarif", "junit", "github", "markdown"],
        ),
        (&["run"], &["text", "full", "json", "vegeta"]),
        (&["trace"], &["text", "transcript", "json", "chrome"]),
        (
            &["sweep", "--vary", "pod.pre_stop=0s,1s"],
            &["text", "json", "csv", "markdown", "html"],
        ),
        (&["compare", file], &["text", "json", "markdown"]),
    ];
    for (command, names) in commands {
        let line: Vec<&str> = command.iter().copied().chain([file]).collect();
        for (format, text) in formats(place, &line, names) {
            judge(line[0], &format, &text);
        }
    }
}

#[test]
fn names_of_scenarios_stay_in_their_place() {
    for (number, name) in NAMES.iter().enumerate() {
        let place = directory(&format!("name-{number}"));
        fs::write(
            place.join("a.toml"),
            format!("name = {}\n{SETTINGS}", rollcast::escape::toml(name)),
        )
        .unwrap();
        every_format(&place, "a.toml");
    }
}

#[cfg(unix)]
#[test]
fn names_of_files_stay_in_their_place() {
    for (number, name) in NAMES
        .iter()
        .chain(&["x\n::error::y\u{1b}[31m\r\u{202e}"])
        .enumerate()
    {
        let place = directory(&format!("file-{number}"));
        let file = format!("{}.toml", name.replace('/', ":"));
        fs::write(place.join(&file), SETTINGS).unwrap();
        every_format(&place, &format!("./{file}"));
    }
}

/// The same for manifests: the file's name in findings, comments, notes and errors.
#[cfg(unix)]
#[test]
fn names_of_manifests_stay_in_their_place() {
    let place = directory("manifest");
    let manifest = fs::read_to_string("tests/manifests/eks-2048.yaml").unwrap();
    let name = "x\nobjectives.max_5xx_per_rollout = 9\n::error::y\u{1b}[31m.yaml";
    fs::write(place.join(name), &manifest).unwrap();
    let line = ["check", "--runs", "4", name];
    for (format, text) in formats(
        &place,
        &line,
        &["text", "json", "sarif", "junit", "github", "markdown"],
    ) {
        judge("check", &format, &text);
        if format == "json" {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                json["configurations"][0]["objective"]["max_5xx_per_rollout"],
                0
            );
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_rollcast"))
        .env("ROLLCAST_NO_CONFIG", "1")
        .current_dir(&place)
        .args(["import", name])
        .output()
        .unwrap();
    let toml = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && is_tame(&toml), "{toml}");
    assert!(
        !toml.lines().any(|line| line.starts_with("objectives")),
        "{toml}"
    );
    fs::write(place.join(name), "kind: [").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rollcast"))
        .env("ROLLCAST_NO_CONFIG", "1")
        .current_dir(&place)
        .args(["import", name])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(is_tame(&String::from_utf8(output.stderr).unwrap()));
}

/// What is no name may be any text: the classes, ports, hooks and reasons that reports quote, and objects that are
/// not read.
#[test]
fn what_manifests_say_stays_in_its_place() {
    for (number, text) in NAMES
        .iter()
        .chain(&["x\n::error::y\u{1b}[31m\r\u{202e} ##[error]"])
        .enumerate()
    {
        let place = directory(&format!("quoted-{number}"));
        let quoted = serde_json::to_string(text).unwrap();
        let reason =
            serde_json::to_string(&format!("RL015={}", text.replace([',', '\n'], ";"))).unwrap();
        let mut manifest = String::new();
        for (name, class) in [
            ("web", "\"alb\""),
            ("api", quoted.as_str()),
            ("old", "\"nginx\""),
        ] {
            manifest.push_str(&format!(
                "apiVersion: apps/v1\nkind: Deployment\n\
                 metadata: {{name: {name}, annotations: {{rollcast/ignore: {reason}}}}}\n\
                 spec:\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
                 metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n        - name: {name}\n          \
                 image: {quoted}\n          lifecycle: {{preStop: {{exec: {{command: [{quoted}]}}}}}}\n---\n\
                 apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n\
                 spec: {{selector: {{app: {name}}}, ports: [{{port: 80, name: {quoted}}}]}}\n---\n\
                 apiVersion: networking.k8s.io/v1\nkind: Ingress\n\
                 metadata:\n  name: {name}\n  annotations:\n    kubernetes.io/ingress.class: {class}\n    \
                 alb.ingress.kubernetes.io/target-type: ip\n    alb.ingress.kubernetes.io/unknown: {quoted}\n\
                 spec: {{defaultBackend: {{service: {{name: {name}, port: {{name: {quoted}}}}}}}}}\n---\n"
            ));
        }
        let unread =
            format!("apiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: {quoted}}}\n---\n");
        manifest.push_str(&unread.repeat(2));
        fs::write(place.join("m.yaml"), manifest).unwrap();
        let line = ["check", "--runs", "4", "--set", "load.rate=5", "m.yaml"];
        for (format, report) in formats(
            &place,
            &line,
            &["text", "json", "sarif", "junit", "github", "markdown"],
        ) {
            judge("check", &format, &report);
            if format == "json" {
                let json: serde_json::Value = serde_json::from_str(&report).unwrap();
                let count = |key: &str| json[key].as_array().map_or(0, Vec::len);
                assert!(
                    count("configurations") > 0 && count("left_out") > 0 && count("noticed") > 0,
                    "{report}"
                );
            }
        }
        let mut import = Command::new(env!("CARGO_BIN_EXE_rollcast"));
        import.env("ROLLCAST_NO_CONFIG", "1");
        let output = import
            .current_dir(&place)
            .args(["import", "m.yaml"])
            .output()
            .unwrap();
        let (toml, notes) = (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        assert!(
            output.status.success() && is_tame(&toml) && is_tame(&notes),
            "{toml}\n{notes}"
        );
        let first = toml.split("\n# Deployment ").next().unwrap();
        assert!(toml::from_str::<toml::Table>(first).is_ok(), "{first}");
    }
}
