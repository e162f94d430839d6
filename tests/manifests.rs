//! What manifests come to: a file per case, the drafts or the refusal beside it.
//!
//! `ROLLCAST_BLESS=1 cargo test --test manifests` writes the answers anew; review them as a diff.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rollcast::error::Error;
use rollcast::manifest::{Given, Import, import};
use rollcast::scenario::{self, Scenario};

const GOOD: &str = "tests/manifests";
const BAD: &str = "tests/manifest_errors";

/// Every manifest of a folder; a folder within it is one case of several files.
fn cases(folder: &str) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let manifest = |path: &PathBuf| {
        path.extension()
            .is_some_and(|end| ["yaml", "json"].iter().any(|known| end == *known))
    };
    cases.retain(|path| path.is_dir() || manifest(path));
    cases.sort();
    cases
}

/// Each case's answer against the recorded one.
#[track_caller]
fn check(folder: &str, least: usize, extension: &str, answer: fn(&Path) -> String) {
    let bless = std::env::var_os("ROLLCAST_BLESS").is_some();
    let cases = cases(folder);
    assert!(cases.len() >= least, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let (expected, got) = (case.with_extension(extension), answer(case));
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

fn read(path: &Path, given: &[Given]) -> Result<Import, Error> {
    import(&[path.to_owned()], given)?.some()
}

/// The drafts of a case, one after another, and what was noticed. Each is a scenario, or says why not.
fn drafts(path: &Path) -> String {
    let import = import(&[path.to_owned()], &[])
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut shown = String::new();
    for draft in &import.drafts {
        shown.push_str(&draft.to_toml());
        let document = draft
            .document()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        if let Err(error) = document.resolve() {
            shown.push_str(&format!(
                "\n# No forecast: {}\n",
                error.to_string().replace('\n', "\n# ")
            ));
        }
        for line in draft
            .to_toml()
            .lines()
            .filter(|line| line.contains(" = ") && !line.starts_with("#  "))
        {
            let origin = line
                .rsplit_once("  # ")
                .map(|(_, origin)| origin)
                .unwrap_or_else(|| panic!("no origin: {line}"));
            assert!(
                origin.contains("assumed: ")
                    || origin.contains(".yaml:")
                    || origin.contains(".json:"),
                "{line}"
            );
        }
        shown.push('\n');
    }
    for left_out in &import.left_out {
        shown.push_str(&format!(
            "# {}: {}: {}\n",
            left_out.place, left_out.object, left_out.why
        ));
    }
    for notice in import
        .notices
        .iter()
        .chain(import.dangling.iter().map(|dangling| &dangling.notice))
    {
        shown.push_str(&format!("# {}: {}\n", notice.place, notice.words));
    }
    import
        .rendered
        .iter()
        .for_each(|rendered| shown.push_str(&format!("# made: {}\n", rendered.pipe("check"))));
    import
        .skipped
        .iter()
        .for_each(|skipped| shown.push_str(&format!("# left out: {skipped}\n")));
    shown
}

fn refusal(path: &Path) -> String {
    match read(path, &[]) {
        Ok(import) => panic!("{} is no wrong manifest: {import:#?}", path.display()),
        Err(error) => format!("{error}\nexit code {}\n", error.exit_code()),
    }
}

#[test]
fn every_manifest_comes_to_what_is_recorded() {
    check(GOOD, 25, "toml", drafts);
}

#[test]
fn every_wrong_manifest_is_answered_as_recorded() {
    check(BAD, 150, "txt", refusal);
}

/// The published manifest of the cured state means the shipped scenario of it.
#[test]
fn the_published_manifest_is_the_shipped_scenario() {
    // What the manifest does not say, and the report on the load test does.
    let given = [
        ("app.profile", "spring-boot-3.4"),
        ("load.rate", "100.0"),
        ("load.pacing", "constant"),
        ("load.duration", "100s"),
    ];
    let given = given.map(|(key, value)| Given {
        key: key.into(),
        value: value.into(),
        option: "--set".into(),
        yields: false,
    });
    let import = read(Path::new("tests/manifests/eks-2048.yaml"), &given).unwrap();
    let [draft] = import.drafts.as_slice() else {
        panic!("{import:#?}")
    };
    let imported = draft.document().unwrap().resolve().unwrap();
    let shipped = scenario::load(Path::new("scenarios/eks-2048-after.toml")).unwrap();
    // Their names differ, and the manifest spells out the target type, which the scenario leaves to its default.
    assert_eq!(imported.name, "2048-game");
    // An empty table gives nothing.
    let keys = |scenario: &Scenario| -> BTreeSet<String> {
        scenario
            .given
            .iter()
            .filter(|key| key.contains('.') || *key == "description")
            .cloned()
            .collect()
    };
    let (of_manifest, of_scenario) = (keys(&imported), keys(&shipped));
    let differing: Vec<_> = of_manifest.symmetric_difference(&of_scenario).collect();
    assert_eq!(differing, ["description", "target_group.target_type"]);
    let nameless = |scenario: &Scenario| Scenario {
        name: String::new(),
        description: String::new(),
        given: Default::default(),
        ..scenario.clone()
    };
    assert_eq!(nameless(&imported), nameless(&shipped));
    assert_eq!(imported.digest(), shipped.digest());
}

/// Cases too large, or too odd, for a file of their own.
#[track_caller]
fn check_monster(bytes: &[u8], exit_code: u8, words: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("case.yaml");
    std::fs::write(&path, bytes).unwrap();
    let error = read(&path, &[]).unwrap_err();
    assert_eq!(error.exit_code(), exit_code, "{error}");
    let shown = error.to_string();
    assert!(shown.contains(words), "{shown}");
    assert!(shown.len() < 2_000, "{} bytes of message", shown.len());
}

#[test]
fn monsters_are_refused_in_few_words() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..12 {
        let last = format!("*a{}", i - 1);
        bomb.push_str(&format!("a{i}: &a{i} [{}]\n", vec![last; 9].join(", ")));
    }
    check_monster(bomb.as_bytes(), 4, "bomb");
    check_monster("[".repeat(100_000).as_bytes(), 2, "recursion limit");
    check_monster("{a: ".repeat(100_000).as_bytes(), 2, "recursion limit");
    check_monster("- ".repeat(100_000).as_bytes(), 4, "case.yaml");
    check_monster(
        format!("kind: {}", "x".repeat(1_000_000)).as_bytes(),
        2,
        "apiVersion",
    );
    check_monster("---\na: 1\n".repeat(30_000).as_bytes(), 4, "case.yaml");
    check_monster(&vec![b'#'; 33 << 20], 4, "longer than 32 MiB");
    check_monster(&[0xff, 0xfe, b'a', 0], 2, "UTF-16");
    check_monster(b"a: 1\nb: \"\xc3\x28\"", 2, "line 2 is not UTF-8");
    check_monster(b"kind: \"a\0b\"", 2, "case.yaml");
    check_monster(b"", 2, "empty");
}

#[test]
fn what_is_no_file_is_refused() {
    let error = |path: &str| read(Path::new(path), &[]).unwrap_err();
    for (path, words) in [
        ("no/such/file.yaml", "cannot read the manifest"),
        ("", "cannot read"),
        ("no/such", "cannot read"),
    ] {
        assert_eq!(error(path).exit_code(), 2);
        assert!(error(path).to_string().contains(words), "{}", error(path));
    }
    let empty = tempfile::tempdir().unwrap();
    let error = read(empty.path(), &[]).unwrap_err();
    assert!(
        error.to_string().contains("no .yaml, .yml or .json file"),
        "{error}"
    );
}
