//! `calibrate` finds in logs what the model put there, says of a wrong scenario that it is wrong, and refuses what is
//! no log.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rollcast::aws::alb_node::DeregistrationPreset;
use rollcast::calibrate::{self, Calibration, Change, Evidence, Finding, Judgement, Pilot};
use rollcast::id::AlbNodeId;
use rollcast::monte_carlo::{Forecast, Options, forecast, replay, requests};
use rollcast::random::Streams;
use rollcast::report::{access_log, health_check_log};
use rollcast::scenario::{Document, Scenario};
use rollcast::traffic::EngineChoice;

const SERVICE: &str = r#"
name = "logged"
deployment = { replicas = 5, max_surge = 1, max_unavailable = 0 }
pod = { readiness_probe = { period = "5s" } }
app = { start_up = "3s", service_time = "20ms" }
target_group = { deregistration_delay = "60s" }
load = { rate = 40.0, duration = "90s", rollout_at = "5s", pacing = "poisson" }
"#;

/// Of whatever logs.
const SEED: u64 = 7;

fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path).unwrap();
    }
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn document(edits: &[(&str, &str)]) -> Document {
    let mut document = Document::parse(Path::new("logged.toml"), SERVICE).unwrap();
    edits
        .iter()
        .for_each(|(key, value)| document.set(key, value).unwrap());
    document
}

fn scenario(edits: &[(&str, &str)]) -> Scenario {
    document(edits).resolve().unwrap()
}

/// Which logs of a replication are written.
#[derive(Debug, Clone, Copy, Default)]
struct Kinds {
    requests: bool,
    checks: bool,
    watch: bool,
}

const REQUESTS: Kinds = Kinds {
    requests: true,
    checks: false,
    watch: false,
};
const WATCHED: Kinds = Kinds {
    requests: true,
    checks: false,
    watch: true,
};
const CHECKS: Kinds = Kinds {
    requests: false,
    checks: true,
    watch: true,
};

/// Logs a replication as AWS and kubectl would have.
fn log(scenario: &Scenario, replication: u64, kinds: Kinds, directory: &Path) {
    let replay = replay(scenario, SEED, replication).unwrap();
    let requests = requests(scenario, &replay.timeline, SEED, replication);
    let write = |name: &str, text: String| std::fs::write(directory.join(name), text).unwrap();
    for node in (0..scenario.load_balancer.nodes).map(AlbNodeId) {
        if kinds.requests {
            let name = access_log::file_name(&scenario.name, node);
            write(&name, access_log::render(&requests, node));
        }
        if kinds.checks {
            let name = health_check_log::file_name(&scenario.name, node);
            write(
                &name,
                health_check_log::render(scenario, &replay.timeline, node),
            );
        }
    }
    if kinds.watch {
        write("slices.jsonl", access_log::watch(&replay.timeline));
    }
}

fn gathered(place: &Path) -> Evidence {
    calibrate::gather(&[place.to_owned()], None).unwrap()
}

/// What the logs of a replication tell.
fn calibrated(
    scenario: &Scenario,
    replication: u64,
    kinds: Kinds,
    pilot: &Pilot,
    place: &str,
) -> Calibration {
    let place = directory(place);
    log(scenario, replication, kinds, &place);
    calibrate::estimate(&gathered(&place), pilot, 0.95)
}

fn finding<'a>(calibration: &'a Calibration, name: &str) -> Option<&'a Finding> {
    calibration
        .findings
        .iter()
        .find(|finding| finding.name.trim().starts_with(name))
}

fn holds(calibration: &Calibration, name: &str, truth: f64) -> bool {
    finding(calibration, name).is_some_and(|found| (found.low..=found.high).contains(&truth))
}

/// Of so many trials, 90 in 100 at the least, where 95 are promised.
const TRIALS: u64 = 120;

#[track_caller]
fn assert_most(hits: u64, what: &str) {
    println!("{what}: {hits} of {TRIALS}");
    assert!(hits * 100 >= TRIALS * 90, "{what}: {hits} of {TRIALS}");
}

/// The model's own law, M anything that is published: M lies in the interval from access logs with a watch, without
/// one, and from health check logs with a watch, without a single failed request.
#[test]
fn the_environments_median_lies_in_its_interval() {
    let gentle = [
        ("pod.pre_stop", "25s"),
        ("target_group.health_check.timeout", "2s"),
        ("target_group.health_check.interval", "5s"),
    ];
    let (rough, gentle) = (scenario(&[]), scenario(&gentle));
    let pilots = [&rough, &gentle].map(|scenario| Pilot::of(scenario).unwrap());
    let mut hits = [0; 3];
    for trial in 0..TRIALS {
        let truth = DeregistrationPreset::Published
            .median(&Streams::new(SEED, trial))
            .as_secs_f64();
        for (row, (logged, pilot, kinds)) in [
            (&rough, &pilots[0], WATCHED),
            (&rough, &pilots[0], REQUESTS),
            (&gentle, &pilots[1], CHECKS),
        ]
        .into_iter()
        .enumerate()
        {
            let found = calibrated(logged, trial, kinds, pilot, "calibrate-median");
            hits[row] += u64::from(holds(&found, "deregistration lag", truth));
        }
    }
    assert_most(hits[0], "requests and a watch");
    assert_most(hits[1], "requests alone");
    assert_most(hits[2], "checks and a watch");
}

/// What else is put into logs is found there: jitter, a registration's lag, the rate, the service time.
#[test]
fn what_else_was_put_there_lies_in_its_interval() {
    let pilot = Pilot::of(&scenario(&[])).unwrap();
    let mut hits = [0; 5];
    for trial in 0..TRIALS {
        // From 0.5 to 4.5 s; from 0.4 to 2.4 s; from 30 to 60 a second; from 2 to 8 s.
        let part = trial as f64 / (TRIALS - 1) as f64;
        let (registered, jitter) = (0.5 + 4.0 * part, 0.4 + 2.0 * part);
        let (rate, start_up) = (30.0 + 30.0 * part, 2.0 + 6.0 * part);
        let lag = format!("{{ median = \"9s\", jitter = \"{jitter:.3}s\", drift = 0.05 }}");
        let logged = scenario(&[
            ("load_balancer.deregistration_propagation", &lag),
            (
                "load_balancer.registration_propagation",
                &format!("{registered:.3}s"),
            ),
            ("load.rate", &format!("{rate:.3}")),
            ("app.start_up", &format!("{start_up:.3}s")),
        ]);
        let found = calibrated(&logged, trial, WATCHED, &pilot, "calibrate-others");
        let truths = [
            ("jitter", jitter),
            ("registration lag", registered),
            ("requests a second", rate),
            ("service time", 0.020),
            ("start-up", start_up),
        ];
        for (hits, (name, truth)) in hits.iter_mut().zip(truths) {
            *hits += u64::from(holds(&found, name, truth));
        }
        assert!(holds(&found, "load balancer's nodes", 2.0), "{found:?}");
    }
    for (hits, name) in
        hits.into_iter()
            .zip(["jitter", "registration", "rate", "service time", "start-up"])
    {
        assert_most(hits, name);
    }
}

/// Several rollouts of one environment, an hour apart, in one folder: drift is told, and M better than by one.
#[test]
fn several_rollouts_tell_drift() {
    let logged = scenario(&[(
        "load_balancer.deregistration_propagation",
        "{ median = \"9s\", jitter = \"0.8s\", drift = 0.15 }",
    )]);
    let pilot = Pilot::of(&logged).unwrap();
    let (one, many) = (directory("calibrate-one"), directory("calibrate-many"));
    for hour in 0..8 {
        let place = directory("calibrate-hour");
        log(&logged, hour, WATCHED, &place);
        for entry in std::fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            let (from, to) = ("2026-01-01T00:", format!("2026-01-01T{hour:02}:"));
            let text = std::fs::read_to_string(&path).unwrap().replace(from, &to);
            let name = path.file_name().unwrap().to_str().unwrap();
            std::fs::write(many.join(format!("{hour}_{name}")), &text).unwrap();
            if hour == 0 {
                std::fs::write(one.join(name), text).unwrap();
            }
        }
    }
    let [one, many] = [one, many].map(|place| calibrate::estimate(&gathered(&place), &pilot, 0.95));
    assert_eq!((one.rollouts.len(), many.rollouts.len()), (1, 8));
    assert!(
        holds(&many, "drift", 0.15) && holds(&many, "deregistration lag", 9.0),
        "{many:?}"
    );
    let width = |found: &Calibration| {
        let levels = found.levels.clone().unwrap();
        levels.drift.high / levels.drift.low
    };
    assert!(
        width(&many) < width(&one),
        "{} {}",
        width(&many),
        width(&one)
    );
    assert!(one.row.unwrap().drift.is_none() && many.row.unwrap().drift.is_some());
}

fn forecasted(scenario: &Scenario) -> Forecast {
    let options = Options {
        runs: u64::from(calibrate::FEWEST_RUNS),
        seed: 1,
        level: 0.95,
        threads: None,
        engine: EngineChoice::Auto,
    };
    forecast(
        scenario,
        String::new(),
        &options,
        &|_| {},
        &AtomicBool::new(false),
    )
    .unwrap()
}

/// The judgement of `assumed` on logs, and the document that it is about.
fn judged(evidence: &Evidence, assumed: &[(&str, &str)]) -> (Judgement, Calibration, Document) {
    let mut document = document(assumed);
    let pilot = Pilot::of(&document.resolve().unwrap()).unwrap();
    let found = calibrate::estimate(evidence, &pilot, 0.95);
    for (key, value) in found.judged() {
        document.set(key, &value).unwrap();
    }
    let observed = calibrate::observed(evidence, &found, &pilot).unwrap();
    document
        .set("load.rate", &format!("{:.3}", observed.rate))
        .unwrap();
    let duration = format!("{:.3}s", observed.duration);
    document.set("load.duration", &duration).unwrap();
    if let Some(at) = observed.rollout_at {
        document
            .set("load.rollout_at", &format!("{at:.3}s"))
            .unwrap();
    }
    let assumed = document.resolve().unwrap();
    let judgement = calibrate::judge(&observed, &forecasted(&assumed), &pilot);
    (judgement, found, document)
}

/// A true scenario is told to be wrong in at most one case of twenty; a wrong one is told so.
#[test]
fn a_wrong_scenario_is_told_and_a_true_one_is_not() {
    const SEEDS: u64 = 100;
    let truth = scenario(&[]);
    let place = directory("calibrate-judged");
    let (mut false_alarms, mut missed) = (0, [0; 2]);
    for seed in 0..SEEDS {
        log(&truth, seed, WATCHED, &place);
        let evidence = gathered(&place);
        let (judgement, ..) = judged(&evidence, &[]);
        false_alarms += u64::from(!judgement.explains);
        if seed % 5 != 0 {
            continue;
        }
        let wrong = [[("pod.pre_stop", "20s")], [("deployment.replicas", "15")]];
        for (missed, wrong) in missed.iter_mut().zip(wrong) {
            *missed += u64::from(judged(&evidence, &wrong).0.explains);
        }
    }
    println!(
        "false alarms: {false_alarms} of {SEEDS}; wrong ones missed: {missed:?} of {}",
        SEEDS / 5
    );
    assert!(false_alarms * 20 <= SEEDS, "{false_alarms} of {SEEDS}");
    assert!(missed.iter().all(|missed| *missed <= 1), "{missed:?}");
}

/// The change that is named is the one that was made.
#[test]
fn the_change_that_fits_best_is_the_one_that_was_made() {
    let place = directory("calibrate-change");
    log(&scenario(&[]), 3, WATCHED, &place);
    let evidence = gathered(&place);
    let (now, found, document) = judged(&evidence, &[("pod.pre_stop", "20s")]);
    assert!(!now.explains);
    let pilot = Pilot::of(&document.resolve().unwrap()).unwrap();
    let observed = calibrate::observed(&evidence, &found, &pilot).unwrap();
    let changes = calibrate::changes(&document.resolve().unwrap(), &found);
    let best = calibrate::best_change(changes, &now, &mut |change: &Change| {
        let mut changed = document.clone();
        if changed.set(change.key, &change.value).is_err() {
            return Ok(None);
        }
        let Ok(scenario) = changed.resolve() else {
            return Ok(None);
        };
        let pilot = Pilot::of(&scenario)?;
        Ok(Some(calibrate::judge(
            &observed,
            &forecasted(&scenario),
            &pilot,
        )))
    });
    let (change, judgement) = best.unwrap().unwrap();
    assert_eq!((change.key, change.value.as_str()), ("pod.pre_stop", "0s"));
    assert!(judgement.explains && found.gone_after.is_some_and(|secs| secs < 2.0));
}

/// A line of an access log, its request created at a second and answered so much later.
fn line(second: u64, took: u64, target: &str, times: &str, status: &str, actions: &str) -> String {
    let at = |second: u64| {
        format!(
            "2026-01-01T00:{:02}:{:02}.000000Z",
            second / 60,
            second % 60
        )
    };
    format!(
        "http {} app/a/0 198.51.100.1:1 {target} {times} {status} 0 0 \"GET http://a/ HTTP/1.1\" \"x\" - - \
         arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/t/0 \"-\" \"-\" \"-\" 0 {} \"{actions}\" \"-\" \"-\"\n",
        at(second + took),
        at(second)
    )
}

fn evidence_of(name: &str, files: &[(&str, String)]) -> Evidence {
    let place = directory(name);
    for (file, text) in files {
        std::fs::write(place.join(file), text).unwrap();
    }
    gathered(&place)
}

/// 31 idle time-outs are no connects to removed pods, and no answers of the load balancer's own are the target's.
#[test]
fn slow_answers_and_fixed_responses_are_not_the_rollouts() {
    let target = "10.0.0.1:80";
    let mut text = String::new();
    for second in 0..200 {
        text += &line(second, 0, target, "0.000 0.010 0.000", "200 200", "forward");
    }
    for second in 0..31 {
        text += &line(second, 60, target, "0.000 -1 -1", "504 -", "forward");
        text += &line(second, 0, "-", "-1 -1 -1", "503 -", "fixed-response");
        text += &line(second, 0, "-", "-1 -1 -1", "403 -", "waf");
        text += &line(second, 5, "-", "-1 -1 -1", "561 -", "authenticate");
    }
    let evidence = evidence_of("calibrate-slow", &[("a.log", text)]);
    let pilot = Pilot::of(&scenario(&[])).unwrap();
    let found = calibrate::estimate(&evidence, &pilot, 0.95);
    assert!(finding(&found, "removed pods").is_none(), "{found:?}");
    assert_eq!(evidence.logged.requests(), 200);
    assert_eq!(
        evidence.left_out.values().sum::<u64>(),
        4 * 31,
        "{:?}",
        evidence.left_out
    );
}

/// A file that is given twice, by another name, as a link, packed or as itself, counts once.
#[test]
fn a_file_counts_once() {
    let text: String = (0..50)
        .map(|second| {
            line(
                second,
                0,
                "10.0.0.1:80",
                "0.000 0.010 0.000",
                "200 200",
                "forward",
            )
        })
        .collect();
    let place = directory("calibrate-twice");
    let first = place.join("a.log");
    std::fs::write(&first, &text).unwrap();
    std::fs::write(place.join("a (1).log"), &text).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    std::fs::write(place.join("b.log.gz"), packed.finish().unwrap()).unwrap();
    let evidence = calibrate::gather(&[first.clone(), place.clone(), first.clone()], None).unwrap();
    assert_eq!(evidence.logged.requests(), 50);
    assert_eq!(
        (evidence.reading.files, evidence.reading.repeated.len()),
        (1, 2)
    );
    // One that goes on differently is another file, and its reader is warned.
    std::fs::write(place.join("c.log"), text.clone() + &text).unwrap();
    let evidence = calibrate::gather(&[place], None).unwrap();
    assert_eq!(
        (evidence.logged.requests(), evidence.reading.alike.len()),
        (150, 1)
    );
}

/// Up to one damaged line in a hundred is left out and counted; more is an error with the place of the first.
#[test]
fn damaged_lines_are_counted_and_too_many_refused() {
    let place = directory("calibrate-damaged");
    let sound = |count: u64| -> String {
        let of = |second| {
            line(
                second,
                0,
                "10.0.0.1:80",
                "0.000 0.010 0.000",
                "200 200",
                "forward",
            )
        };
        (0..count).map(|i| of(i % 3000)).collect()
    };
    let file = place.join("a.log");
    let check = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        calibrate::gather(std::slice::from_ref(&file), None)
    };
    let one = format!("{}http x y\n{}", sound(30), sound(70));
    let evidence = check(one.as_bytes()).unwrap();
    assert_eq!(
        (evidence.logged.requests(), evidence.reading.damaged),
        (100, 1)
    );
    let notes = evidence.reading.notes().join("\n");
    assert!(
        notes.contains("1 of 101 lines") && notes.contains("a.log:31"),
        "{notes}"
    );
    let two = format!("{}http x y\nhttp x y\n{}", sound(30), sound(70));
    let error = check(two.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("a.log:31:1"), "{error}");
    assert!(error.to_string().contains("2 of 102 lines"), "{error}");
    // A last line that was cut, a stream that was cut, and bytes that are not UTF-8 are no damage.
    let cut = format!("{}http 2026-01-01T00:00:00Z app/a", sound(10));
    let evidence = check(cut.as_bytes()).unwrap();
    assert_eq!(
        (evidence.logged.requests(), evidence.reading.cut.len()),
        (10, 1)
    );
    let bytes: Vec<u8> = sound(10)
        .bytes()
        .map(|b| if b == b'x' { 0xff } else { b })
        .collect();
    assert_eq!(check(&bytes).unwrap().logged.requests(), 10);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(sound(1000).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let evidence = check(&packed[..packed.len() / 2]).unwrap();
    assert!(
        (400..=500).contains(&evidence.logged.requests()),
        "{:?}",
        evidence.logged.requests()
    );
    assert_eq!(evidence.reading.cut.len(), 1);
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
    check(
        "broken.gz",
        &[0x1f, 0x8b, 8, 0, 0, 0, 0],
        "no request in these logs",
    );
    check(
        "network.log",
        b"tls 2.0 2026-01-01T00:00:00 net/a/0 0 1.2.3.4:5 1.2.3.4:6 1\n",
        "Network Load Balancer",
    );
    check(
        "classic.log",
        b"2026-01-01T00:00:00.1Z my-lb 1.2.3.4:5 - -1 -1 -1 504 0 0 0 \"GET / HTTP/1.0\" \"x\" - -\n",
        "Classic Load Balancer",
    );
    let missing = calibrate::gather(&[place.join("nowhere")], None).unwrap_err();
    assert!(missing.to_string().contains("cannot read"), "{missing}");
}

/// Packed, in two members as AWS writes them, in a folder, next to what is no log.
#[test]
fn packed_logs_say_the_same() {
    let (plain, packed) = (directory("calibrate-plain"), directory("calibrate-packed"));
    let logged = scenario(&[("load_balancer.deregistration_propagation", "6s")]);
    log(&logged, 0, WATCHED, &plain);
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
    for kind in ["Access", "Connection", "HealthCheck"] {
        let name = format!("ELB{kind}LogTestFile");
        std::fs::write(packed.join(name), "Enable AccessLog for ELB").unwrap();
    }
    let pilot = Pilot::of(&logged).unwrap();
    let observed = |evidence: &Evidence| {
        let found = calibrate::estimate(evidence, &pilot, 0.95);
        (calibrate::observed(evidence, &found, &pilot), found)
    };
    let [one, other] = [plain, packed].map(|place| observed(&gathered(&place)));
    assert_eq!(one, other);
    let start = one.0.unwrap().rollout_at.unwrap();
    assert!((start - 5.0).abs() < 1.0, "{start}");
}
