//! Files that rollcast writes: whole, readable, where they were asked for.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::{SMALL, directory, rollcast, succeeds};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn several_formats_and_charts_in_one_run() {
    let place = directory("several_formats");
    let (json, vegeta, charts, drawings) = (
        place.join("a.json"),
        place.join("a.vegeta"),
        place.join("deep/charts"),
        place.join("deep/drawings"),
    );
    let (json_sink, vegeta_sink) = (
        format!("json={}", text(&json)),
        format!("vegeta={}", text(&vegeta)),
    );
    let args = [
        "run",
        SMALL,
        SMALL,
        "-o",
        "text",
        "-o",
        &json_sink,
        "-o",
        &vegeta_sink,
        "--png",
        text(&charts),
        "--svg",
        text(&drawings),
    ];
    assert!(succeeds(&args).starts_with("mean a rollout"));
    assert!(fs::read_to_string(json).unwrap().starts_with("[\n"));
    assert!(
        fs::read_to_string(vegeta)
            .unwrap()
            .starts_with("small\nRequests")
    );
    assert_eq!(names(&place), ["a.json", "a.vegeta", "deep"]);
    let expected = ["5xx", "errors", "lanes"]
        .map(|chart| [format!("small-2-{chart}.png"), format!("small-{chart}.png")]);
    let mut expected = expected.concat();
    expected.sort();
    assert_eq!(names(&charts), expected);
    let drawn: Vec<String> = expected
        .iter()
        .map(|name| name.replace(".png", ".svg"))
        .collect();
    assert_eq!(names(&drawings), drawn);
    for name in drawn {
        let svg = fs::read_to_string(drawings.join(&name)).unwrap();
        assert!(
            svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
            "{name}"
        );
    }
    for name in expected {
        let png = fs::read(charts.join(&name)).unwrap();
        assert!(
            png.starts_with(b"\x89PNG")
                && png.ends_with(b"IEND\xae\x42\x60\x82")
                && png.len() > 10_000,
            "{name}"
        );
    }
}

#[test]
fn a_trace_has_its_files_too() {
    let place = directory("trace_files");
    let chrome = format!("chrome={}", text(&place.join("events.json")));
    succeeds(&[
        "trace",
        SMALL,
        "--replication",
        "3",
        "-o",
        &chrome,
        "--png",
        text(&place),
    ]);
    assert_eq!(names(&place), ["events.json", "small-3-lanes.png"]);
}

#[test]
fn trace_events_tell_the_failures_of_the_trace() {
    let told = |format| -> Value { succeeds(&["trace", SMALL, "-o", format]).parse().unwrap() };
    let (events, trace) = (told("chrome"), told("json"));
    let events = events["traceEvents"].as_array().unwrap();
    let in_events: Vec<_> = events
        .iter()
        .map(|event| &event["args"]["latency_ms"])
        .filter(|ms| !ms.is_null())
        .collect();
    let failed = trace["requests_failed"].as_array().unwrap();
    assert!(!failed.is_empty());
    assert_eq!(in_events.len(), failed.len());
    let spans = events.iter().filter(|event| event["ph"] == "X").count();
    assert!(
        spans >= 2 * trace["pods"].as_array().unwrap().len(),
        "{spans}"
    );
}

#[cfg(unix)]
#[test]
fn files_are_for_others_to_read_as_the_umask_says() {
    use std::os::unix::fs::PermissionsExt;
    let place = directory("umask");
    let command = format!(
        "umask 022; exec {} run {SMALL} --runs 1 -o json={}/a.json --png {0}x",
        env!("CARGO_BIN_EXE_rollcast"),
        text(&place)
    )
    .replace(
        &format!("{}x", env!("CARGO_BIN_EXE_rollcast")),
        text(&place),
    );
    assert!(
        std::process::Command::new("sh")
            .args(["-c", &command])
            .env("ROLLCAST_NO_CONFIG", "1")
            .status()
            .unwrap()
            .success()
    );
    for name in names(&place) {
        let mode = fs::metadata(place.join(&name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o644, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn links_stay_links_and_devices_stay_devices() {
    let place = directory("links");
    let (real, link) = (place.join("real.json"), place.join("link.json"));
    fs::write(&real, "old").unwrap();
    std::os::unix::fs::symlink("real.json", &link).unwrap();
    succeeds(&["run", SMALL, "-o", &format!("json={}", text(&link))]);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().starts_with('{'));
    succeeds(&["run", SMALL, "-o", "json=/dev/null"]);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is() {
    let place = directory("refused");
    let (good, bad) = (
        format!("json={}", text(&place.join("a.json"))),
        format!("text={}", text(&place.join("b/c"))),
    );
    let output = rollcast(&["run", SMALL, "-o", &good, "-o", &bad])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("b/c\nhint: there is no directory "), "{said}");
    assert!(names(&place).is_empty());
    let onto_itself = format!("text={}", text(&place));
    assert_eq!(
        rollcast(&["run", SMALL, "-o", &onto_itself])
            .status()
            .unwrap()
            .code(),
        Some(2)
    );
}

/// Logged, calibrated, laid over the scenario: the settings are those of the log.
#[test]
fn a_logged_rollout_calibrates_the_scenario() {
    let place = directory("calibrated");
    let (logs, fragment) = (place.join("logs"), place.join("alb.toml"));
    let larger = ["--set", "deployment.replicas=6", "--set", "load.rate=50"];
    succeeds(&[&["trace", SMALL, "--logs", text(&logs)][..], &larger].concat());
    assert_eq!(names(&logs).len(), 5);
    let toml = format!("toml={}", text(&fragment));
    let told = succeeds(
        &[
            &["calibrate", SMALL, text(&logs), "-o", "text", "-o", &toml][..],
            &larger,
        ]
        .concat(),
    );
    assert!(
        told.contains("deregistration lag, median") && told.contains("explains your logs"),
        "{told}"
    );
    let run = succeeds(&["run", SMALL, "--config", text(&fragment), "-o", "json"]);
    assert_ne!(run, succeeds(&["run", SMALL, "-o", "json"]));
    let client = place.join("results.csv");
    fs::write(
        &client,
        "1767225600000000000,200,1,0,0,,,,0\n1767225660000000000,200,1,0,0,,,,1\n",
    )
    .unwrap();
    let alone = rollcast(&["calibrate", SMALL, text(&client)])
        .output()
        .unwrap();
    assert_eq!(
        alone.status.code(),
        Some(3),
        "clients do not tell one target from another"
    );
}

#[test]
fn an_import_replaces_nothing_unless_told() {
    let place = directory("import_force");
    let import = |more: &[&str]| {
        let args = [
            &[
                "import",
                "tests/manifests/eks-2048.yaml",
                "--directory",
                text(&place),
            ][..],
            more,
        ]
        .concat();
        rollcast(&args).output().unwrap()
    };
    assert!(import(&[]).status.success());
    let scenario = place.join("2048-game.toml");
    fs::write(&scenario, "name = \"mine\"\n").unwrap();
    let refused = import(&[]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("2048-game.toml") && said.contains("--force"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(&scenario).unwrap(), "name = \"mine\"\n");
    assert!(import(&["--force"]).status.success());
    assert!(fs::read_to_string(&scenario).unwrap().contains("replicas"));
}
