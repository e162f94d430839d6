//! Sweeps that are killed, resumed, dealt out and merged end in the same bytes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::{SMALL, directory, rollcast, succeeds};

const VARY: [&str; 6] = [
    "--vary",
    "pod.pre_stop=0s..8s/2s",
    "--vary",
    "target_group.deregistration_delay=15s,30s",
    "--runs",
    "400",
];
const FORMATS: [&str; 4] = ["text", "csv", "json", "markdown"];

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What an uninterrupted sweep on one machine prints.
fn whole(format: &str) -> String {
    succeeds(&[&["sweep", SMALL, "-o", format][..], &VARY].concat())
}

#[test]
fn threads_make_no_difference() {
    let printed = |threads| {
        succeeds(
            &[
                &["sweep", SMALL, "-o", "json", "--threads", threads][..],
                &VARY,
            ]
            .concat(),
        )
    };
    assert_eq!(printed("1"), printed("3"));
}

/// Killed without warning again and again, at other moments each time.
#[test]
fn killed_at_any_moment_it_goes_on() {
    let place = directory("sweep-killed");
    let expected = whole("json");
    let checkpoint = place.join("a.sweep");
    let args = [
        &[
            "sweep",
            SMALL,
            "-o",
            "json",
            "--resume",
            "--checkpoint",
            text(&checkpoint),
        ][..],
        &VARY,
    ]
    .concat();
    let mut kills = 0;
    for attempt in 0..200_u64 {
        let mut child = rollcast(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(15 + attempt * 37 % 60));
        if child.try_wait().unwrap().is_none() {
            // SIGKILL: nothing can be tidied up.
            child.kill().unwrap();
            kills += 1;
        }
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
            break;
        }
    }
    assert!(kills > 0, "it was never killed");
    assert_eq!(
        succeeds(&args),
        expected,
        "and once more, from the finished checkpoint"
    );
}

#[test]
fn three_shares_as_processes_merge_to_the_whole() {
    let place = directory("shares");
    let files: Vec<_> = (0..3)
        .map(|index| place.join(format!("{index}.sweep")))
        .collect();
    let children: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(index, file)| {
            let args = [&["sweep", SMALL, "--checkpoint", text(file)][..], &VARY].concat();
            let mut command = rollcast(&args);
            command
                .env("JOB_COMPLETION_INDEX", index.to_string())
                .env("ROLLCAST_SHARDS", "3");
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().unwrap();
        assert!(
            status.success() && stdout.is_empty(),
            "{}",
            String::from_utf8_lossy(&stderr)
        );
    }
    let [a, b, c] = [0, 1, 2].map(|index| text(&files[index]));
    for format in FORMATS {
        assert_eq!(
            succeeds(&["merge", c, a, b, "-o", format]),
            whole(format),
            "{format}"
        );
    }
    refuses(&["merge", a, b], "these are missing: 3");
    refuses(&["merge", a, b, c, b], "both share 2");
    let stranger = text(&place.join("stranger.sweep")).to_owned();
    succeeds(
        &[
            &[
                "sweep",
                SMALL,
                "--seed",
                "2",
                "--shard",
                "3/3",
                "--checkpoint",
                &stranger,
            ][..],
            &VARY,
        ]
        .concat(),
    );
    refuses(&["merge", a, b, &stranger], "the seed differs");
}

#[test]
fn a_checkpoint_of_something_else_is_refused() {
    let place = directory("refused");
    let checkpoint = text(&place.join("a.sweep")).to_owned();
    let args = [
        "sweep",
        SMALL,
        "--vary",
        "pod.pre_stop=0s,2s",
        "--runs",
        "100",
        "--checkpoint",
        &checkpoint,
    ];
    succeeds(&args);
    refuses(&args, "there is a checkpoint already");
    refuses(
        &[&args[..], &["--resume", "--seed", "2"]].concat(),
        "the seed differs",
    );
    refuses(
        &[&args[..], &["--resume", "--set", "load.rate=5"]].concat(),
        "the scenario differs",
    );
    refuses(
        &[&args[..], &["--resume", "--precision", "5%"]].concat(),
        "another sweep",
    );
    let kept = fs::read_to_string(&checkpoint).unwrap();
    fs::write(&checkpoint, kept.replacen("version ", "version 9", 1)).unwrap();
    refuses(&[&args[..], &["--resume"]].concat(), "made by rollcast 9");
    fs::write(&checkpoint, "no sweep\n").unwrap();
    refuses(&[&args[..], &["--resume"]].concat(), "no record of a sweep");
}

#[track_caller]
fn refuses(args: &[&str], words: &str) {
    let Output { status, stderr, .. } = rollcast(args).output().unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(words), "{stderr}");
}

#[test]
fn charts_are_linked_from_the_report() {
    let place = directory("linked");
    let (report, charts) = (place.join("sweep.md"), place.join("charts"));
    let markdown = format!("markdown={}", text(&report));
    succeeds(
        &[
            &["sweep", SMALL, "-o", &markdown, "--png", text(&charts)][..],
            &VARY,
        ]
        .concat(),
    );
    let report = fs::read_to_string(report).unwrap();
    for name in ["small-curves.png", "small-map.png"] {
        assert!(report.contains(&format!("](charts/{name})")), "{report}");
        assert!(fs::read(charts.join(name)).unwrap().starts_with(b"\x89PNG"));
    }
}

#[test]
fn a_dry_run_simulates_next_to_nothing() {
    let printed = succeeds(&[
        "sweep",
        SMALL,
        "--vary",
        "pod.pre_stop=0s..9s/1s",
        "--runs",
        "1000",
        "--dry-run",
    ]);
    assert!(
        printed.starts_with("10 points × 1000 runs = 10000 rollouts: about "),
        "{printed}"
    );
}

#[test]
fn a_scenario_compared_with_itself_is_the_same() {
    let printed = succeeds(&["compare", SMALL, SMALL, "--runs", "50"]);
    assert!(printed.contains("In none of 50 pairs"), "{printed}");
}

/// What is recommended meets the objective with chance of its own, too.
#[test]
fn a_recommendation_holds_for_another_seed() {
    let place = directory("recommended");
    let patch = place.join("patch.toml");
    let toml = format!("toml={}", text(&patch));
    let printed = succeeds(&[
        "recommend",
        SMALL,
        "-o",
        "text",
        "-o",
        &toml,
        "--png",
        text(&place),
    ]);
    let first = printed.split("\n\n").next().unwrap();
    assert!(
        first.contains("preStop") && first.contains("enough"),
        "{printed}"
    );
    assert_eq!(printed.matches(" <-").count(), 1, "{printed}");
    assert!(place.join("small-pareto.png").exists());
    let patch = fs::read_to_string(patch).unwrap();
    let edits: Vec<String> = patch
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.replace(" = ", "="))
        .collect();
    let sets: Vec<&str> = edits
        .iter()
        .flat_map(|edit| ["--set", edit.as_str()])
        .collect();
    let again = [
        &[
            "sweep",
            SMALL,
            "--vary",
            "deployment.replicas=2",
            "--runs",
            "2400",
            "--seed",
            "99",
        ][..],
        &sets,
    ]
    .concat();
    let printed = succeeds(&again);
    assert!(printed.contains("Every point meets it"), "{printed}");
}

#[test]
fn what_the_runs_do_not_prove_is_not_claimed() {
    let code = |edit: &str| {
        rollcast(&["recommend", SMALL, "--set", edit])
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(code("objectives.probability=1.0"), Some(3));
    let stubborn = [
        "recommend",
        SMALL,
        "--set",
        "app.service_time=70s",
        "--set",
        "load.client_timeout=90s",
    ];
    let output = rollcast(&stubborn).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(unwrapped(&output.stdout).contains("response-timeout: a request that outlasts"));
}

/// One line of it, wherever it was broken.
fn unwrapped(printed: &[u8]) -> String {
    let words = String::from_utf8_lossy(printed);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A shorter check interval needs a shorter timeout: neither is tried without the other.
#[test]
fn settings_that_belong_together_stay_together() {
    let output = rollcast(&["recommend", "scenarios/node-loss.toml", "--runs", "40"])
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = unwrapped(&output.stdout);
    assert!(
        printed.contains("health_check.interval = 5s")
            && printed.contains("health_check.timeout = 4s"),
        "{printed}"
    );
}

/// The scripts that ship are read by a shell without complaint.
#[cfg(unix)]
#[test]
fn the_array_script_is_a_script() {
    assert!(
        Command::new("bash")
            .args(["-n", "examples/slurm/sweep.sbatch"])
            .status()
            .unwrap()
            .success()
    );
}

/// One page, and nothing in it that a browser would fetch.
#[test]
fn a_page_needs_no_network() {
    let page = succeeds(&[&["sweep", SMALL, "-o", "html"][..], &VARY].concat());
    assert!(
        page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n") && !page.contains("{{")
    );
    assert!(
        page.contains("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\""),
        "the lanes are in it"
    );
    let fetched = ["src=\"http", "href=", "url(", "@import", "fetch(", "<link"];
    assert!(fetched.iter().all(|word| !page.contains(word)));
}

/// Two hooks that the grace period ends are one.
#[test]
fn equal_neighbours_have_their_reason() {
    let printed = succeeds(&[
        "sweep",
        SMALL,
        "--set",
        "pod.termination_grace_period=4s",
        "--vary",
        "pod.pre_stop=1s,6s,9s",
        "--runs",
        "20",
    ]);
    let printed = printed.replace('\n', " ");
    assert!(
        printed.contains("preStop 9s acts like 6s: the grace period cuts the hook."),
        "{printed}"
    );
}

/// Of two rows no share is a fact, and the report says how many rows should do.
#[test]
fn a_sample_that_is_too_small_says_so() {
    let sample = [
        "sweep",
        SMALL,
        "--vary",
        "pod.pre_stop=0s..9s",
        "--vary",
        "load.rate=10..50",
        "--runs",
        "5",
        "--sample",
    ];
    let printed = succeeds(&[&sample[..], &["3"]].concat());
    let flat = printed.replace('\n', " ");
    assert!(
        flat.contains("The sample is too small to say which setting moves it most; --sample "),
        "{printed}"
    );
    assert!(printed.contains("too few rows"), "{printed}");
    let page = succeeds(&[&sample[..], &["3", "-o", "html"]].concat());
    assert!(page.contains("Which setting moves it most"), "{page}");
}

/// The page begins at the settings that the scenario has.
#[test]
fn a_page_begins_at_the_scenario_as_it_is() {
    let page = succeeds(&[
        "sweep",
        SMALL,
        "--set",
        "deployment.replicas=3",
        "--vary",
        "deployment.replicas=2,3,4",
        "--runs",
        "2",
        "-o",
        "html",
    ]);
    assert!(page.contains("\"as_it_is\":1"), "{page}");
}
