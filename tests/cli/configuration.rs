//! One configuration for all commands: `rollcast.toml`.

use std::fs;
use std::path::Path;
use std::process::Output;

use super::{SMALL, directory, rollcast};

/// What a command comes to in a directory, with the `rollcast.toml` that is found from there.
fn in_directory(place: &Path, args: &[&str]) -> Output {
    let mut command = rollcast(args);
    command.current_dir(place).env_remove("ROLLCAST_NO_CONFIG");
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A project with a folder inside, in which there is a scenario.
fn project(test: &str, settings: &str) -> std::path::PathBuf {
    let place = directory(test);
    let inner = place.join("deploy/eu");
    fs::create_dir_all(&inner).unwrap();
    fs::copy(SMALL, inner.join("app.toml")).unwrap();
    fs::write(place.join("rollcast.toml"), settings).unwrap();
    inner
}

const SETTLED: &str = "[load_balancer]\nnodes = 3\n\n[objectives]\nprobability = 0.5\n";

#[test]
fn every_command_takes_it_and_says_so() {
    let place = project("configuration-all", SETTLED);
    let digest = |args: &[&str]| {
        let output = in_directory(&place, args);
        let json: serde_json::Value = out(&output).parse().unwrap();
        (
            json["scenario"]["digest"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            err(&output),
        )
    };
    let run = ["run", "app.toml", "--runs", "4", "-o", "json"];
    let (with, said) = digest(&run);
    assert!(
        said.contains("rollcast.toml gives load_balancer.nodes = 3, objectives.probability = 0.5"),
        "{said}"
    );
    let (without, said) = digest(&[&run[..], &["--no-config"]].concat());
    assert!(!said.contains("rollcast.toml"), "{said}");
    assert_ne!(with, without, "the digest covers what is resolved");
    let set = [
        "--set",
        "load_balancer.nodes=3",
        "--set",
        "objectives.probability=0.5",
        "--no-config",
    ];
    assert_eq!(with, digest(&[&run[..], &set].concat()).0);
    let sweep = [
        "sweep",
        "app.toml",
        "--vary",
        "pod.pre_stop=0s,5s",
        "--runs",
        "4",
        "-o",
        "json",
    ];
    assert_eq!(with, digest(&sweep).0);
    for args in [
        &["trace", "app.toml"][..],
        &["compare", "app.toml", "app.toml", "--runs", "4"],
        &["recommend", "app.toml", "--runs", "20"],
    ] {
        let output = in_directory(&place, args);
        assert!(
            err(&output).contains("rollcast.toml gives load_balancer.nodes = 3"),
            "{args:?}: {}",
            err(&output)
        );
    }
}

#[test]
fn what_gives_way_is_said() {
    let place = project("configuration-over", SETTLED);
    let run = [
        "run",
        "app.toml",
        "--runs",
        "4",
        "--set",
        "load_balancer.nodes=4",
    ];
    let said = err(&in_directory(&place, &run));
    assert!(
        said.contains("not load_balancer.nodes = 3 (--set says otherwise)"),
        "{said}"
    );
    let quiet = err(&in_directory(&place, &[&run[..], &["-q"]].concat()));
    assert_eq!(quiet, "");
}

#[test]
fn what_is_wrong_in_it_is_an_error_with_its_line() {
    let place = project("configuration-wrong", "[load]\nrtae = 5\n");
    let output = in_directory(&place, &["run", "app.toml"]);
    assert_eq!(output.status.code(), Some(2));
    let said = err(&output);
    assert!(
        said.contains("rollcast.toml:2:1") && said.contains("did you mean `rate`?"),
        "{said}"
    );
    assert!(
        in_directory(&place, &["run", "app.toml", "--runs", "2", "--no-config"])
            .status
            .success()
    );
}

/// What manifests leave out has the default of Kubernetes: no file may say otherwise for all services, and what a
/// file does say stands before the findings.
#[test]
fn manifests_are_never_made_green_in_silence() {
    let place = project("configuration-check", "[pod]\npre_stop = \"60s\"\n");
    fs::copy("tests/cli/ten-services.yaml", place.join("k8s.yaml")).unwrap();
    let check = [
        "check", "k8s.yaml", "--runs", "8", "--only", "web", "--rate", "5",
    ];
    let output = in_directory(&place, &check);
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
    assert!(
        err(&output).contains("`pod.pre_stop` is of one service"),
        "{}",
        err(&output)
    );
    fs::write(
        place.join("rollcast.toml"),
        "load.workers = 3\napp.on_sigterm = \"drain\"\n",
    )
    .unwrap();
    let output = in_directory(&place, &check);
    let first = out(&output).lines().take(2).collect::<Vec<_>>().join(" ");
    assert!(
        first.starts_with("rollcast.toml gives app.on_sigterm = drain"),
        "{first}"
    );
    assert!(
        first.contains("not load.workers = 3 (--rate says otherwise)"),
        "{first}"
    );
    let json = in_directory(&place, &[&check[..], &["-o", "json"]].concat());
    assert!(
        out(&json).contains("\"settled\": [\n    \"rollcast.toml gives"),
        "{}",
        out(&json)
    );
}
