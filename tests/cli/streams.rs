//! Stdin, stdout and stderr: what goes where, and what a reader may do.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::{SMALL, rollcast, succeeds};

fn fed(mut command: Command, stdin: &[u8]) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn stdin_is_a_scenario_like_any_other() {
    let scenario = std::fs::read(SMALL).unwrap();
    for command in ["run", "trace"] {
        assert_eq!(
            fed(rollcast(&[command, "-", "-o", "json"]), &scenario),
            succeeds(&[command, SMALL, "-o", "json"])
        );
    }
}

#[test]
fn a_reader_that_had_enough_is_no_error() {
    for args in [
        &["run", SMALL, "-o", "json"][..],
        &["trace", "scenarios/eks-2048-before.toml"],
        &["run", "--help"],
    ] {
        let mut child = rollcast(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert_eq!(
            (child.wait().unwrap().code(), said.as_str()),
            (Some(0), ""),
            "{args:?}"
        );
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        return;
    };
    let output = rollcast(&["run", SMALL]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: cannot write to stdout: "));
    let output = rollcast(&["run", SMALL, "-o", "json=/dev/full"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// What is said about a missing file, with one variable set or one more argument.
fn said(variable: Option<(&str, &str)>, args: &[&str]) -> String {
    let mut command = rollcast(&[&["run", "nowhere.toml"], args].concat());
    let output = command.envs(variable).output().unwrap();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn colour_is_for_terminals_and_for_who_insists() {
    let is_coloured = |said: String| said.contains('\x1b');
    assert!(!is_coloured(said(None, &[])));
    assert!(!is_coloured(said(Some(("NO_COLOR", "1")), &[])));
    assert!(is_coloured(said(None, &["--color", "always"])));
    assert!(is_coloured(said(
        Some(("NO_COLOR", "1")),
        &["--color=always"]
    )));
    assert!(is_coloured(
        String::from_utf8(
            rollcast(&["run", "--color=always"])
                .output()
                .unwrap()
                .stderr
        )
        .unwrap()
    ));
    // The answer too, but never what programs read, nor a file.
    assert!(succeeds(&["run", SMALL, "--color=always"]).contains('\x1b'));
    assert!(!succeeds(&["run", SMALL]).contains('\x1b'));
    assert!(!succeeds(&["run", SMALL, "--color=always", "-o", "json"]).contains('\x1b'));
    assert!(
        !succeeds(&["run", SMALL, "--color=always", "-o", "text=/dev/stdout"]).contains('\x1b')
    );
}

#[test]
fn nothing_is_said_unless_asked() {
    let said = |args: &[&str]| {
        let output = rollcast(&[&["run", SMALL, "-o", "json=/dev/null"], args].concat())
            .output()
            .unwrap();
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(said(&[]), "wrote /dev/null\n");
    assert_eq!(said(&["--quiet"]), "");
    let details = said(&["--verbose"]);
    assert!(
        details.starts_with("small: 20 runs with engine request in "),
        "{details}"
    );
}

/// A version that is taken for another is said, whatever is asked.
#[test]
fn unknown_versions_are_said() {
    let said = "lbc.version = 3.9: newer than what is known (2.4 to 3.6): taken as 3.6";
    let manifest = "tests/manifests/eks-2048.yaml";
    let edit = ["--set", "lbc.version=3.9"];
    for command in [
        &["run", SMALL][..],
        &["check", SMALL, "--max-5xx", "100000", "--runs", "40"],
        &["check", manifest, "--max-5xx", "100000", "--runs", "40"],
        &["import", manifest],
    ] {
        let output = rollcast(&[command, &edit].concat()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let words = String::from_utf8(text).unwrap();
        let words: Vec<&str> = words.split_whitespace().collect();
        assert!(words.join(" ").contains(said), "{command:?}: {words:?}");
    }
}
