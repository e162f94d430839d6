//! What a wrong scenario is answered: a file per case, its answer beside it.
//!
//! `ROLLCAST_BLESS=1 cargo test --test scenario_errors` writes the answers anew; review them as a diff.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::path::{Path, PathBuf};

use rollcast::scenario;

const CORPUS: &str = "tests/scenario_errors";

/// The answer to a file, with its exit code.
fn answer(path: &Path) -> String {
    match scenario::load(path) {
        Ok(_) => "accepted\n".to_owned(),
        Err(error) => format!("{error}\nexit code {}\n", error.exit_code()),
    }
}

#[test]
fn every_case_is_answered_as_recorded() {
    let bless = std::env::var_os("ROLLCAST_BLESS").is_some();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(CORPUS)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    cases.sort();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let (expected, got) = (case.with_extension("txt"), answer(case));
        assert_ne!(got, "accepted\n", "{} is no wrong scenario", case.display());
        if bless {
            std::fs::write(&expected, &got).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != got {
            wrong.push(format!("{}:\n{got}", case.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "answers differ (ROLLCAST_BLESS=1 accepts them):\n{}",
        wrong.join("\n")
    );
}

/// Cases too large, or too odd, for a file of their own.
#[track_caller]
fn check(bytes: &[u8], exit_code: u8, words: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("case.toml");
    std::fs::write(&path, bytes).unwrap();
    let error = scenario::load(&path).unwrap_err();
    assert_eq!(error.exit_code(), exit_code, "{error}");
    let shown = error.to_string();
    assert!(shown.contains(words), "{shown}");
    assert!(shown.len() < 2_000, "{} bytes of message", shown.len());
}

#[test]
fn monsters_are_refused_in_few_words() {
    check(
        format!("a = {}", "[".repeat(100_000)).as_bytes(),
        2,
        "case.toml:1:",
    );
    check(
        format!("a = {}", "{b=".repeat(100_000)).as_bytes(),
        2,
        "case.toml:1:",
    );
    check(
        format!("{} = 1", "a.".repeat(50_000) + "a").as_bytes(),
        2,
        "case.toml:1:",
    );
    check(
        format!("{} = 1", "a".repeat(500_000)).as_bytes(),
        2,
        "unknown key",
    );
    check(
        format!("[load]\nrate = {}", "9".repeat(100_000)).as_bytes(),
        2,
        "case.toml:2:",
    );
    check(
        format!("[app]\nprofile = \"{}\"", "x".repeat(100_000)).as_bytes(),
        2,
        "unknown profile",
    );
    check(
        format!(
            "[[step]]\nset = {{ revision = \"{}\" }}",
            "x".repeat(100_000)
        )
        .as_bytes(),
        2,
        "unknown revision",
    );
    check(
        format!("[app]\nkeep_alive = \"{}\"", "9s".repeat(50_000)).as_bytes(),
        2,
        "`app.keep_alive`",
    );
    check(
        "[[step]]\nset = { paused = true }\n".repeat(101).as_bytes(),
        2,
        "more than 100",
    );
    check(&vec![b'#'; 2 << 20], 4, "longer than 1 MiB");
    check(&[0xff, 0xfe, b'a', 0, b'=', 0], 2, "UTF-16");
    check(b"a = 1\nb = \"\xc3\x28\"", 2, "line 2 is not UTF-8");
    check(b"name = \"a\0b\"", 2, "case.toml:1:");
    check(b"", 2, "empty");
}

#[test]
fn what_is_no_file_is_refused() {
    let error = |path: &str| scenario::load(Path::new(path)).unwrap_err();
    for path in ["scenarios", "no/such/file.toml", ""] {
        assert_eq!(error(path).exit_code(), 2);
        assert!(
            error(path)
                .to_string()
                .starts_with("cannot read the scenario: "),
            "{}",
            error(path)
        );
    }
}

#[test]
fn a_byte_order_mark_and_crlf_are_no_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("windows.toml");
    std::fs::write(&path, "\u{feff}name = \"x\"\r\n\r\n[load]\r\nrate = 5\r\n").unwrap();
    let scenario = scenario::load(&path).unwrap();
    assert_eq!((scenario.name.as_str(), scenario.load.rate), ("x", 5.0));
}
