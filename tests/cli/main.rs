//! The command line as users meet it.
//!
//! What is printed stands in `*.trycmd`; `TRYCMD=overwrite cargo test --test cli` rewrites it.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod checks;
mod configuration;
mod files;
mod interruptions;
mod schemas;
mod streams;
mod sweeps;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Two replicas, a minute of load, twenty replications.
const SMALL: &str = "tests/cli/small.toml";

/// rollcast with these arguments, without what the tests' own terminal says about colour.
fn rollcast(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcast"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("NO_COLOR")
        .env("TERM", "xterm")
        // A rollcast.toml above this repository is none of its tests' business.
        .env("ROLLCAST_NO_CONFIG", "1");
    command
}

/// Its output, if it succeeds.
#[track_caller]
fn succeeds(args: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = rollcast(args).output().unwrap();
    assert!(
        status.success(),
        "{args:?}: {status}\n{}",
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8(stdout).unwrap()
}

/// An empty directory that this test has for itself.
fn directory(test: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    if path.exists() {
        std::fs::remove_dir_all(&path).unwrap();
    }
    std::fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn printed_as_written() {
    // Where docs/CALIBRATE.md rehearses; cargo may build elsewhere.
    std::fs::create_dir_all("target").unwrap();
    trycmd::TestCases::new()
        .default_bin_path(env!("CARGO_BIN_EXE_rollcast"))
        .register_bin("rollcast", PathBuf::from(env!("CARGO_BIN_EXE_rollcast")))
        .insert_var("[VERSION]", env!("CARGO_PKG_VERSION"))
        .unwrap()
        .env("TERM", "xterm")
        .env("ROLLCAST_NO_CONFIG", "1")
        .case("tests/cli/*.trycmd")
        .case("docs/CALIBRATE.md");
}

#[test]
fn any_number_of_threads_prints_the_same_bytes() {
    let printed = |threads| succeeds(&["run", SMALL, "-o", "json", "--threads", threads]);
    let one = printed("1");
    assert_eq!(one, printed("2"));
    assert_eq!(one, printed("7"));
    assert_ne!(one, succeeds(&["run", SMALL, "-o", "json", "--seed", "2"]));
}

#[test]
fn a_trace_is_the_replication_that_was_counted() {
    let counted = succeeds(&["run", SMALL, "--runs", "1", "-o", "json"]);
    let told = succeeds(&["trace", SMALL, "-o", "json"]);
    let failed = |status: u16| told.matches(&format!("\"status\": {status}")).count();
    for status in [502, 503, 504] {
        let (_, rest) = counted.split_once(&format!("\"{status}\": {{")).unwrap();
        let mean = rest
            .split_once("\"mean\": ")
            .and_then(|(_, rest)| rest.split_once(','))
            .unwrap()
            .0;
        assert_eq!(mean.parse(), Ok(failed(status)), "{status}");
    }
}

/// An answer that takes as long as its client waits, and one for which it did not wait until the connection was open.
#[test]
fn engines_decide_ties_alike() {
    const TIE: &str = "fuzz/corpus/scenario/engines-tie";
    for (timeout, served) in [("1us", false), ("1ms", true), ("999us", false)] {
        let answered = |engine: &str| {
            let set = [
                format!("load.client_timeout={timeout}"),
                "load_balancer.round_trip=1ms".to_owned(),
            ];
            let args = [
                "run", TIE, "--runs", "3", "-o", "json", "--engine", engine, "--set", &set[0],
                "--set", &set[1],
            ];
            let json: serde_json::Value = succeeds(&args).parse().unwrap();
            json["statuses"]["200"]["mean"].as_f64().unwrap()
        };
        let [request, interval] = ["request", "interval"].map(answered);
        assert_eq!(request > 0.0, served, "{timeout}: {request}");
        assert_eq!(interval > 0.0, served, "{timeout}: {interval} {request}");
    }
}
