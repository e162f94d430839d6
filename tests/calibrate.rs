//! `calibrate` finds in logs what the model put there, and refuses what is no log.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::io::Write;
use std::path::{Path, PathBuf};

use rollcast::calibrate::{self, Calibration, Finding, Pilot};
use rollcast::id::AlbNodeId;
use rollcast::monte_carlo::{replay, requests};
use rollcast::report::access_log;
use rollcast::scenario::{Document, Scenario};

const SERVICE: &str = r#"
name = "logged"
deployment = { replicas = 5, max_surge = 1, max_unavailable = 0 }
pod = { readiness_probe = { period = "5s" } }
app = { start_up = "3s", service_time = "20ms" }
target_group = { deregistration_delay = "60s" }
load = { rate = 40.0, duration = "90s", rollout_at = "5s", pacing = "poisson" }
"#;

fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).unwrap();
    }
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn scenario(edits: &[(&str, &str)]) -> Scenario {
    let mut document = Document::parse(Path::new("logged.toml"), SERVICE).unwrap();
    edits
        .iter()
        .for_each(|(key, value)| document.set(key, value).unwrap());
    document.resolve().unwrap()
}

/// Logs a replication: access logs, one a node, and the watch of the EndpointSlice.
fn log(scenario: &Scenario, replication: u64, directory: &Path) {
    let replay = replay(scenario, 7, replication).unwrap();
    let requests = requests(scenario, &replay.timeline, 7, replication);
    for node in (0..scenario.load_balancer.nodes).map(AlbNodeId) {
        let text = access_log::render(&requests, node);
        std::fs::write(
            directory.join(access_log::file_name(&scenario.name, node)),
            text,
        )
        .unwrap();
    }
    std::fs::write(
        directory.join("slices.jsonl"),
        access_log::watch(&replay.timeline),
    )
    .unwrap();
}

fn finding<'a>(calibration: &'a Calibration, name: &str) -> Option<&'a Finding> {
    calibration
        .findings
        .iter()
        .find(|finding| finding.name.starts_with(name))
}

/// In how many of the trials each truth lies in its interval.
#[derive(Debug, Default)]
struct Hits {
    trials: u32,
    with_watch: u32,
    without: u32,
    registration: u32,
    unreachable: u32,
}

const TRIALS: u32 = 200;

/// 93 of 100, where 95 are promised: what chance leaves of 200 trials nine times in ten.
#[test]
fn known_lags_lie_in_the_intervals() {
    let place = directory("calibrate-trials");
    let pilot = Pilot::of(&scenario(&[])).unwrap();
    let mut hits = Hits::default();
    for trial in 0..TRIALS {
        // From 3 to 12 s, spread evenly; of registration from 0.5 to 4.5 s; shares from 0.1 to 0.9.
        let part = f64::from(trial) / f64::from(TRIALS - 1);
        let (median, registered, share) = (3.0 + 9.0 * part, 0.5 + 4.0 * part, 0.1 + 0.8 * part);
        let logged = scenario(&[
            (
                "load_balancer.deregistration_propagation",
                &format!(
                    "{{ p50 = \"{median:.3}s\", p99 = \"{:.3}s\" }}",
                    median * 1.79
                ),
            ),
            (
                "load_balancer.registration_propagation",
                &format!("{registered:.3}s"),
            ),
            (
                "load_balancer.host_unreachable_share",
                &format!("{share:.3}"),
            ),
        ]);
        log(&logged, trial.into(), &place);
        let evidence = calibrate::gather(std::slice::from_ref(&place), None).unwrap();
        let calibration = calibrate::estimate(&evidence, &pilot, 0.95);
        let holds = |calibration: &Calibration, name: &str, truth: f64| {
            let found = finding(calibration, name)
                .is_some_and(|found| (found.low..=found.high).contains(&truth));
            u32::from(found)
        };
        hits.trials += 1;
        hits.with_watch += holds(&calibration, "deregistration lag", median);
        hits.registration += holds(&calibration, "registration lag", registered);
        hits.unreachable += holds(&calibration, "connects to removed", share);
        // Without a watch, the first connection that failed stands for the pod's end.
        std::fs::remove_file(place.join("slices.jsonl")).unwrap();
        let evidence = calibrate::gather(std::slice::from_ref(&place), None).unwrap();
        hits.without += holds(
            &calibrate::estimate(&evidence, &pilot, 0.95),
            "deregistration lag",
            median,
        );
    }
    let counts = [
        hits.with_watch,
        hits.without,
        hits.registration,
        hits.unreachable,
    ];
    assert!(
        counts.iter().all(|count| count * 100 >= hits.trials * 93),
        "{hits:?}"
    );
}

/// What is no log, or no line of one, is told with its place; nothing panics.
#[test]
fn bad_lines_are_told_by_their_place() {
    let place = directory("calibrate-bad");
    let check = |name: &str, bytes: &[u8], words: &str| {
        let file = place.join(name);
        std::fs::write(&file, bytes).unwrap();
        let error = calibrate::gather(&[file], None).unwrap_err();
        assert!(error.to_string().contains(words), "{name}: {error}");
        assert_eq!(error.exit_code(), 2, "{name}");
    };
    check("empty", b"", "no request in these logs");
    check(
        "prose.log",
        b"\nEnable AccessLog for ELB\n",
        "prose.log:2:1",
    );
    check(
        "cut.log",
        b"http 2026-01-01T00:00:00Z app/a/0 1.2.3.4:5",
        "the line ends after 4 fields",
    );
    check("quote.log", b"http \"", "no closing quote");
    check(
        "bad.csv",
        b"1,200,1,1,1,,,,\n2,x,1,1,1,,,,\n",
        "bad.csv:2:1",
    );
    check(
        "bad.json",
        b"{\"latency\":1,\"code\":70000,\"timestamp\":\"\"}\n",
        "no result of vegeta",
    );
    check("late.json", b"{\"kind\":\"Event\"}\n[1]\n", "late.json:2:1");
    check(
        "pretty.json",
        b"{\n  \"kind\": \"List\",\n  \"items\": [}\n",
        "pretty.json:3:1",
    );
    check(
        "watch.jsonl",
        b"2026-01-01T00:00:00Z {\"kind\":\"EndpointSlice\"}\n",
        "has no name",
    );
    check(
        "binary",
        &[0xff, 0xfe, 0x00, 0x41],
        "this is no log that rollcast knows",
    );
    check("broken.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0], "cannot be read");
    let missing = calibrate::gather(&[place.join("nowhere")], None).unwrap_err();
    assert!(missing.to_string().contains("cannot read"), "{missing}");
}

/// Packed, in two members as AWS writes them, in a folder, next to what is no log.
#[test]
fn packed_logs_say_the_same() {
    let (plain, packed) = (directory("calibrate-plain"), directory("calibrate-packed"));
    let logged = scenario(&[("load_balancer.deregistration_propagation", "6s")]);
    log(&logged, 0, &plain);
    std::fs::create_dir(packed.join("2026")).unwrap();
    for entry in std::fs::read_dir(&plain).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read(&path).unwrap();
        let name = format!("{}.gz", path.file_name().unwrap().to_str().unwrap());
        let mut bytes = Vec::new();
        for half in [&text[..text.len() / 2], &text[text.len() / 2..]] {
            let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            member.write_all(half).unwrap();
            bytes.extend(member.finish().unwrap());
        }
        std::fs::write(packed.join("2026").join(name), bytes).unwrap();
    }
    std::fs::write(
        packed.join("ELBAccessLogTestFile"),
        "Enable AccessLog for ELB",
    )
    .unwrap();
    let pilot = Pilot::of(&logged).unwrap();
    let [one, other] = [plain, packed].map(|place| {
        calibrate::estimate(&calibrate::gather(&[place], None).unwrap(), &pilot, 0.95)
    });
    assert_eq!(one, other);
    assert!(
        one.rollout_at
            .is_some_and(|start| (start - 5.0).abs() < 1.0),
        "{one:?}"
    );
}
