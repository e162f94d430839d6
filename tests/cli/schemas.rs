//! What commands print as JSON, held to the schemas that `rollcast schema` prints.

use serde_json::Value;

use super::{SMALL, rollcast, succeeds};

/// What a command prints, however it ends, as JSON that its schema takes.
#[track_caller]
fn check(command: &str, args: &[&str]) {
    let schema: Value = succeeds(&["schema", command]).parse().unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let args = [&[command][..], args, &["-o", "json"]].concat();
    let output = rollcast(&args).output().unwrap();
    let printed: Value = String::from_utf8(output.stdout).unwrap().parse().unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&printed)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{args:?}:\n{}", errors.join("\n"));
    // It would not take anything: not even the same without its first member.
    let mut cut = printed;
    if let Some(table) = cut.as_object_mut() {
        let first = table.keys().next().unwrap().clone();
        table.remove(&first);
    }
    assert!(cut.is_array() || !validator.is_valid(&cut), "{command}");
}

#[test]
fn every_json_output_is_what_its_schema_says() {
    let after = "scenarios/eks-2048-after.toml";
    check("run", &[SMALL, "--runs", "20"]);
    check("run", &[SMALL, after, "--runs", "4"]);
    check(
        "run",
        &[
            SMALL,
            "--runs",
            "20",
            "--rare",
            "--set",
            "pod.pre_stop=40s",
            "--set",
            "pod.termination_grace_period=60s",
        ],
    );
    check("check", &["tests/cli/ten-services.yaml", "--runs", "4"]);
    check("check", &[SMALL, "--runs", "8"]);
    check(
        "sweep",
        &[SMALL, "--vary", "pod.pre_stop=0s,10s", "--runs", "4"],
    );
    check("recommend", &[SMALL, "--runs", "20"]);
    check("compare", &[SMALL, after, "--runs", "4"]);
    check("trace", &[SMALL]);
    check("trace", &["scenarios/two-target-groups.toml"]);
}

#[test]
fn the_schema_of_a_scenario_comes_unasked() {
    assert_eq!(succeeds(&["schema"]), succeeds(&["schema", "scenario"]));
}
