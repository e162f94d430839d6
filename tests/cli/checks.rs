//! `check` as a pipeline calls it: a chart on stdin, several formats at once, a project's own objectives.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::{SMALL, directory, rollcast};

/// What `helm template` prints of a shop of ten services, one of them with a rule switched off.
const CHART: &str = "tests/cli/ten-services.yaml";

#[test]
fn ten_services_on_stdin_in_six_formats() {
    let place = directory("ten-services");
    let path = |name: &str| place.join(name).to_str().unwrap().to_owned();
    let sinks = ["json", "sarif", "junit", "github", "markdown"]
        .map(|format| format!("{format}={}", path(format)));
    let mut args = vec!["check", "-", "-v", "--runs", "8", "--rate", "20"];
    ["text"]
        .into_iter()
        .chain(sinks.iter().map(String::as_str))
        .for_each(|sink| args.extend(["-o", sink]));
    let mut child = rollcast(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&fs::read(CHART).unwrap())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("<stdin>:58:26"), "{text}");
    assert!(
        text.contains("= ignored: one replica is all that the licence allows"),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_slice(&fs::read(path("json")).unwrap()).unwrap();
    let names: Vec<_> = json["configurations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    let services = [
        "web", "cart", "catalog", "checkout", "account", "search", "reviews", "images", "payments",
        "admin",
    ];
    assert_eq!(names, services);
    for format in ["sarif", "junit", "github", "markdown"] {
        let text = fs::read_to_string(path(format)).unwrap();
        assert!(
            services.iter().all(|name| text.contains(name)),
            "{format}: {text}"
        );
    }
}

/// Flags win over --config, that over the scenario, and the scenario over `rollcast.toml`.
#[test]
fn objectives_come_from_flags_the_scenario_or_the_project() {
    let place = directory("objectives");
    let small = fs::read_to_string(SMALL).unwrap();
    fs::write(place.join("open.toml"), &small).unwrap();
    fs::write(
        place.join("strict.toml"),
        small + "[objectives]\nmax_5xx_per_rollout = 0\nprobability = 0.99\n",
    )
    .unwrap();
    let check = |args: &[&str], expected: i32| {
        let args = [&["check", "--fail-on", "never", "--runs", "40"], args].concat();
        let mut command = rollcast(&args);
        command.current_dir(&place).env_remove("ROLLCAST_NO_CONFIG");
        let output = command.output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(expected),
            "{args:?}\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
    };
    check(&["open.toml"], 1);
    let lenient = "[objectives]\nmax_5xx_per_rollout = 1000\nprobability = 0.5\n";
    fs::write(place.join("rollcast.toml"), lenient).unwrap();
    check(&["open.toml"], 0);
    check(&["strict.toml"], 1);
    check(&["open.toml", "--max-5xx", "0", "--probability", "0.99"], 1);
    check(
        &["strict.toml", "--max-5xx", "1000", "--probability", "0.5"],
        0,
    );
    fs::write(
        place.join("rollcast.toml"),
        "[[step]]\nat = \"0s\"\nset = { replicas = 3 }\n",
    )
    .unwrap();
    check(&["open.toml"], 2);
    check(&["open.toml", "--no-config"], 1);
    fs::remove_file(place.join("rollcast.toml")).unwrap();
    fs::write(place.join("other.toml"), lenient).unwrap();
    check(&["open.toml", "--config", "other.toml"], 0);
    // What the command line names wins over what the scenario says.
    check(&["strict.toml", "--config", "other.toml"], 0);
    check(
        &[
            "strict.toml",
            "--config",
            "other.toml",
            "--objective",
            "0 in 99 %",
        ],
        1,
    );
    check(&["strict.toml", "--objective", "1000 in 50 %"], 0);
    check(&["open.toml", "--config", "missing.toml"], 2);
}
