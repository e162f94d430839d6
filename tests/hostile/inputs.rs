//! Hostile inputs by the hundred: each ends with an exit code that it was promised, within two seconds of processor time
//! and a bounded memory, says so in words, and speaks to no terminal.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sinks::is_tame;

/// What is called with what, and how it may end.
struct Case {
    args: Vec<String>,
    stdin: Vec<u8>,
    codes: &'static [i32],
}

const REFUSED: &[i32] = &[2];
/// Refused as wrong, or as too much.
const OUT_OF_RANGE: &[i32] = &[2, 4];
/// Whatever it is worth, it is no bug.
const ANSWERED: &[i32] = &[0, 1, 2, 3, 4];

const SMALL: &str = "tests/cli/small.toml";

fn case(codes: &'static [i32], args: &[&str]) -> Case {
    Case {
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        stdin: Vec::new(),
        codes,
    }
}

fn fed(codes: &'static [i32], args: &[&str], stdin: impl Into<Vec<u8>>) -> Case {
    Case {
        stdin: stdin.into(),
        ..case(codes, args)
    }
}

fn directory() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-inputs");
    if path.exists() {
        fs::remove_dir_all(&path).unwrap();
    }
    fs::create_dir_all(&path).unwrap();
    path
}

/// Four seconds of a slow build's processor time, and no more address space than 600 MB and the threads' stacks.
fn run(case: &Case) -> Result<(), String> {
    let limits = "ulimit -t 4; ulimit -v 900000; exec \"$0\" \"$@\"";
    let mut child = Command::new("sh")
        .args(["-c", limits, env!("CARGO_BIN_EXE_rollcast")])
        .args(&case.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("RAYON_NUM_THREADS", "2")
        .env("MALLOC_ARENA_MAX", "2")
        .env("ROLLCAST_NO_CONFIG", "1")
        .spawn()
        .unwrap();
    let (mut stdin, bytes) = (child.stdin.take().unwrap(), case.stdin.clone());
    let feeding = std::thread::spawn(move || drop(stdin.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let shown = || {
        let args: Vec<String> = case
            .args
            .iter()
            .map(|arg| arg.chars().take(120).collect())
            .collect();
        let head: String = err.chars().take(600).collect();
        format!("{args:?}: {}\n{head}", output.status)
    };
    match output.status.code() {
        Some(code) if case.codes.contains(&code) && is_tame(&out) && is_tame(&err) => Ok(()),
        _ => Err(shown()),
    }
}

/// Values that no number of a scenario takes.
fn values(cases: &mut Vec<Case>) {
    let keys = [
        "deployment.replicas",
        "deployment.max_surge",
        "deployment.min_ready",
        "deployment.progress_deadline",
        "pod.pre_stop",
        "pod.termination_grace_period",
        "pod.readiness_gate",
        "pod.readiness_probe.period",
        "pod.readiness_probe.failure_threshold",
        "app.start_up",
        "app.service_time",
        "app.concurrency",
        "app.keep_alive",
        "cluster.nodes",
        "cluster.ip_reuse",
        "target_group.deregistration_delay",
        "target_group.health_check.interval",
        "load_balancer.nodes",
        "load_balancer.idle_timeout",
        "load_balancer.host_unreachable_share",
        "load.rate",
        "load.duration",
        "load.rollout_at",
        "load.workers",
        "load.retries",
        "load.client_timeout",
        "monte_carlo.seed",
        "monte_carlo.confidence",
        "objectives.max_5xx_per_rollout",
        "objectives.probability",
    ];
    for key in keys {
        for value in [
            "-1",
            "nan",
            "-inf",
            "1e400",
            "[]",
            "18446744073709551616",
            "{ x = 1 }",
            "\u{1b}[31m",
        ] {
            cases.push(case(
                OUT_OF_RANGE,
                &[
                    "run",
                    SMALL,
                    "--runs",
                    "1",
                    "--set",
                    &format!("{key}={value}"),
                ],
            ));
        }
    }
}

/// What would not fit, and what an option of its own takes the place of.
fn excesses(cases: &mut Vec<Case>) {
    let manifests = "tests/cli/ten-services.yaml";
    // What is kept of each run would not fit.
    cases.push(case(&[4], &["check", SMALL, "--runs", "1000001"]));
    cases.push(case(&[4], &["compare", SMALL, SMALL, "--runs", "1000001"]));
    let closed = ["load.workers=1000000", "app.service_time=30s"];
    cases.push(case(
        &[4],
        &[
            "run",
            SMALL,
            "--runs",
            "9",
            "--threads",
            "9",
            "--set",
            closed[0],
            "--set",
            closed[1],
        ],
    ));
    // An option of its own takes the place of what is no value.
    let runs = ["monte_carlo.runs=nan", "monte_carlo.runs=-1"];
    for set in runs {
        cases.push(case(REFUSED, &["run", SMALL, "--set", set, "--runs", "1"]));
    }
    let fine = ["--set", "monte_carlo.runs=5", "--runs", "1"];
    cases.push(case(
        &[0],
        &["run", SMALL, fine[0], fine[1], fine[2], fine[3]],
    ));
    let share = ["objectives.probability=nan", "--probability", "0.9"];
    for file in [SMALL, manifests] {
        let line = ["check", file, "--set", share[0], share[1], share[2]];
        cases.push(case(REFUSED, &line));
    }
}

fn options(cases: &mut Vec<Case>) {
    let manifests = "tests/cli/ten-services.yaml";
    let wrong = [
        ["--probability", "1.5"],
        ["--probability", "nan"],
        ["--probability", "0"],
        ["--probability", "-inf"],
        ["--rate", "nan"],
        ["--rate", "inf"],
        ["--max-5xx", "-1"],
        ["--max-5xx", "9223372036854775808"],
        ["--max-5xx", "1e3"],
        ["--runs", "0"],
        ["--runs", "4294967296"],
        ["--seed", "-1"],
        ["--threads", "0"],
        ["--threads", "65536"],
        ["--set", "deployment.replicas=0"],
        ["--set", "load.rate=-1"],
        ["--set", "load.rate=nan"],
        ["--set", "objectives.probability=2"],
        ["--set", "no.such=1"],
        ["--set", "x"],
        ["--set", "load.duration=0s"],
        ["--set", "name=a\nb"],
        ["--set", "cluster.nodes=0"],
        ["--fail-on", "\u{1b}[31m"],
        ["--inconclusive", "\n::error::x"],
        ["-o", "json="],
        ["-o", "\u{202e}"],
        ["--config", "/nowhere/x.toml"],
    ];
    for option in wrong {
        // Whatever is inconclusive, and whatever fails: an option that cannot be ends it.
        let line = [
            "check",
            manifests,
            "--inconclusive",
            "pass",
            "--fail-on",
            "never",
            option[0],
            option[1],
        ];
        let line: Vec<&str> = if option[0].starts_with("--fail") || option[0].starts_with("--inc") {
            vec!["check", manifests, option[0], option[1]]
        } else {
            line.to_vec()
        };
        cases.push(case(REFUSED, &line));
    }
    cases.push(case(REFUSED, &["import", manifests, "--rate=-1"]));
    cases.push(case(
        REFUSED,
        &["import", manifests, "--set", "deployment.replicas=0"],
    ));
    cases.push(case(&[4], &["check", manifests, "--runs", "4294967295"]));
    cases.push(case(&[4], &["check", SMALL, "--runs", "4294967295"]));
    cases.push(fed(
        REFUSED,
        &["check", "-", "--set", "load.rate=nan"],
        "kind: Namespace\napiVersion: v1\nmetadata: {name: a}\n",
    ));
    for line in [
        &["sweep", SMALL, "--vary", "pod.pre_stop=nan"][..],
        &["sweep", SMALL, "--vary", "deployment.replicas=0..4/0"],
        &["sweep", SMALL, "--vary", "load.rate=1..1e300/1e-300"],
        &["sweep", SMALL, "--vary", "load.rate=é..é/é"],
        &[
            "sweep",
            SMALL,
            "--vary",
            "pod.pre_stop=0s..60s/5s",
            "--sample",
            "18446744073709551615",
        ],
        &[
            "sweep",
            SMALL,
            "--vary",
            "pod.pre_stop=0s,1s",
            "--precision",
            "nan",
        ],
        &[
            "sweep",
            SMALL,
            "--vary",
            "pod.pre_stop=0s,1s",
            "--precision",
            "0",
        ],
        &[
            "sweep",
            SMALL,
            "--vary",
            "pod.pre_stop=0s,1s",
            "--checkpoint",
            "/dev/null",
            "--shard",
            "1/1000000000000",
        ],
        &["run", SMALL, "--seed", "18446744073709551615"],
        &["trace", SMALL, "--seed", "x\n::error::y"],
        &["explain", "\u{1b}[31m"],
        &["explain", "\n::error::y"],
    ] {
        cases.push(case(OUT_OF_RANGE, line));
    }
}

/// Strings that no name is.
const NAMES: [&str; 10] = [
    "\u{1b}[31mshop",
    "a\nobjectives.max_5xx_per_rollout = 9",
    "\r\n::error::x",
    "../../etc/passwd",
    "\"; x: [",
    "\u{202e}pohs",
    "\0",
    "</script>",
    "=1+1",
    "A_B",
];

fn manifest(
    name: &str,
    [
        deployment,
        container,
        label,
        key,
        annotation,
        service,
        ingress,
        namespace,
    ]: [bool; 8],
) -> String {
    let quoted = rollcast::escape::toml(name);
    let or = |hostile: bool, tame: &str| {
        if hostile {
            quoted.clone()
        } else {
            tame.to_owned()
        }
    };
    let (label, key, namespace) = (or(label, "shop"), or(key, "app"), or(namespace, "shop"));
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {}, namespace: {namespace}, labels: {{{key}: {label}}}, annotations: {{note: {}}}}}\n\
         spec:\n  selector: {{matchLabels: {{app: shop}}}}\n  template:\n    metadata: {{labels: {{app: shop}}}}\n    spec:\n      containers:\n      - name: {}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\nspec: {{selector: {{app: shop}}, ports: [{{port: 80}}]}}\n\
         ---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {}, annotations: {{alb.ingress.kubernetes.io/target-type: ip}}}}\n\
         spec: {{ingressClassName: alb, defaultBackend: {{service: {{name: shop, port: {{number: 80}}}}}}}}\n",
        or(deployment, "shop"),
        or(annotation, "plain"),
        or(container, "shop"),
        or(service, "shop"),
        or(ingress, "shop"),
    )
}

fn manifests(cases: &mut Vec<Case>) {
    for name in NAMES {
        for field in 0..8 {
            let which = std::array::from_fn(|number| number == field);
            // A label may be `A_B`; an annotation's value, anything.
            let codes: &[i32] = if field == 4 || name == "A_B" {
                ANSWERED
            } else {
                REFUSED
            };
            cases.push(fed(codes, &["import", "-"], manifest(name, which)));
        }
    }
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + &close.repeat(depth);
    let bomb = (0..60).fold("a0: &a0 [x, x]\n".to_owned(), |text, i| {
        text + &format!("a{}: &a{} [*a{i}, *a{i}]\n", i + 1, i + 1)
    });
    for text in [
        nested("[", "]", 100_000),
        nested("{a: ", "}", 50_000),
        "- ".repeat(200_000),
        bomb,
        "a: &a *a\n".to_owned(),
        "&a [*a]".to_owned(),
        "<<: *a".to_owned(),
        "? ? ?".to_owned(),
        "%YAML 9.9\n---\n".to_owned(),
        "\0".to_owned(),
        "---\n".repeat(100_000),
        "[{a: 1}".to_owned() + &", {a: 1}".repeat(400_000) + "]",
        "a".repeat(1 << 20),
        format!("{}: 1", "k".repeat(1 << 20)),
        format!("kind: \"{}\"\napiVersion: v1\n", "\\e[31m".repeat(10_000)),
        "!!binary x".to_owned(),
        "\u{feff}\u{feff}".to_owned(),
        "{".to_owned(),
        "\t".to_owned(),
        "kind: Deployment\nkind: Deployment".to_owned(),
    ] {
        cases.push(fed(OUT_OF_RANGE, &["import", "-"], text));
    }
    for bytes in [
        &b"\xff\xfe\x00"[..],
        b"\x80",
        b"kind: \xc3",
        b"\x1f\x8b\x08",
        b"\xed\xa0\x80",
    ] {
        cases.push(fed(REFUSED, &["check", "-"], bytes));
        cases.push(fed(REFUSED, &["run", "-"], bytes));
    }
    for text in [
        nested("a = [", "]", 20_000),
        "a.".repeat(20_000) + "b = 1",
        "x = 1\n".repeat(10_000),
        "[a]\n".repeat(1_000),
        "name = \"\\u001b[31m\"".to_owned(),
        "name = \"a\\n::error::b\"".to_owned(),
        "name = \"\"\"a\nb\"\"\"".to_owned(),
        "[[step]]\n".repeat(200),
        "[[other_target_group]]\nname = \"a\\u202eb\"\n".to_owned(),
        "x".repeat(2 << 20),
        "[[disturbance]]\n".repeat(2_000),
        "objectives.max_5xx_per_rollout = 9223372036854775808".to_owned(),
        "monte_carlo.seed = 18446744073709551615".to_owned(),
    ] {
        cases.push(fed(OUT_OF_RANGE, &["run", "-"], text));
    }
}

fn logs(cases: &mut Vec<Case>) {
    const LINE: &str = r#"https 2018-07-02T22:23:10.186641Z app/lb/50dc 192.168.131.39:2817 10.0.0.1:80 -1 -1 -1 504 - 0 57 "GET https://a:443/ HTTP/1.1" "curl" ECDHE TLSv1.2 arn:aws:x "Root=1" "a" "arn:b" 1 2018-07-02T22:23:00.186641Z "forward" "-" "-" "10.0.0.1:80" "-" "-" "-" TID_1"#;
    let calibrate = &["calibrate", SMALL, "-", "--runs", "2"];
    let fields: Vec<&str> = LINE.split(' ').collect();
    for place in 0..fields.len() {
        for hostile in ["é", "\"é", "\u{1b}[31m"] {
            let mut fields = fields.clone();
            fields[place] = hostile;
            cases.push(fed(
                ANSWERED,
                calibrate,
                fields.join(" ") + "\n" + LINE + "\n",
            ));
        }
    }
    cases.push(fed(REFUSED, calibrate, "http \"é\" x"));
    cases.push(fed(
        &[0, 1, 3],
        calibrate,
        [
            format!("{LINE}\n").repeat(120).as_bytes(),
            &LINE.as_bytes()[..99],
            b"\xff\n",
        ]
        .concat(),
    ));
    for text in [
        "[".repeat(1 << 20),
        "{\"a\":".repeat(100_000),
        "{\"latency\":1,\"code\":1e999,\"timestamp\":\"x\"}".to_owned(),
        "1,".repeat(1 << 20),
        "18446744073709551615,200,1,1,1,,,,\n".to_owned(),
        "{\"kind\":\"\\ud800\"}".to_owned(),
        "x".repeat(9 << 20),
        "\n".repeat(1 << 20),
        "2026-01-01T00:00:00Z {".to_owned(),
        "99999-01-01T00:00:00Z {}".to_owned(),
        "0,99999,1,1,1,,,,".to_owned(),
        "[[[[]]]]".to_owned(),
    ] {
        cases.push(fed(ANSWERED, calibrate, text));
    }
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    (0..64).for_each(|_| packed.write_all(&vec![b'\n'; 1 << 20]).unwrap());
    let bomb = packed.finish().unwrap();
    cases.push(fed(REFUSED, calibrate, &bomb[..bomb.len() / 3]));
    cases.push(fed(&[4], calibrate, bomb));
}

#[cfg(unix)]
fn paths(cases: &mut Vec<Case>, place: &Path) {
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let long = text(place.join("x".repeat(300)));
    let within = text(place.join("loop"));
    fs::create_dir(&within).unwrap();
    std::os::unix::fs::symlink(&within, place.join("loop/again")).unwrap();
    std::os::unix::fs::symlink(place.join("itself"), place.join("itself")).unwrap();
    fs::copy("tests/manifests/eks-2048.yaml", place.join("loop/a.yaml")).unwrap();
    let deep = place.join(["d"; 40].join("/"));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("a.yaml"), "").unwrap();
    let (itself, deep) = (text(place.join("itself")), text(place.join("d")));
    let sink = |format: &str, path: &str| format!("{format}={path}");
    for (codes, line) in [
        (REFUSED, vec!["run", SMALL, "-o", &sink("json", &long)]),
        (
            REFUSED,
            vec![
                "sweep",
                SMALL,
                "--vary",
                "pod.pre_stop=0s,1s",
                "--checkpoint",
                &long,
            ],
        ),
        (
            REFUSED,
            vec![
                "sweep",
                SMALL,
                "--vary",
                "pod.pre_stop=0s,1s",
                "--checkpoint",
                &within,
            ],
        ),
        (REFUSED, vec!["run", SMALL, "--png", &long]),
        (REFUSED, vec!["run", SMALL, "-o", &sink("json", &itself)]),
        (REFUSED, vec!["run", &itself]),
        (REFUSED, vec!["merge", &itself]),
        (REFUSED, vec!["merge", "/dev/zero"]),
        (OUT_OF_RANGE, vec!["run", "/dev/zero"]),
        (OUT_OF_RANGE, vec!["check", "/dev/zero"]),
        (OUT_OF_RANGE, vec!["calibrate", SMALL, "/dev/zero"]),
        (&[0], vec!["import", &within, &within]),
        (&[4], vec!["import", &deep]),
        (
            REFUSED,
            vec![
                "run",
                SMALL,
                "-o",
                "json=target/x.json",
                "-o",
                "text=target/../target/x.json",
            ],
        ),
        (
            &[0],
            vec![
                "sweep",
                SMALL,
                "--runs",
                "4",
                "--vary",
                "pod.pre_stop=0s,1s",
                "--checkpoint",
                "/dev/null",
            ],
        ),
    ] {
        cases.push(case(codes, &line));
    }
}

#[test]
fn every_hostile_input_is_answered() {
    let place = directory();
    let mut cases = Vec::new();
    values(&mut cases);
    options(&mut cases);
    excesses(&mut cases);
    manifests(&mut cases);
    logs(&mut cases);
    #[cfg(unix)]
    paths(&mut cases, &place);
    assert!(cases.len() >= 450, "{}", cases.len());
    let quarter = cases.len().div_ceil(4);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let judge = |part: &[Case]| {
            part.iter()
                .filter_map(|case| run(case).err())
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = cases
            .chunks(quarter)
            .map(|part| scope.spawn(move || judge(part)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

/// A device that a checkpoint was written to is still one, and a file keeps its mode and its link.
#[cfg(unix)]
#[test]
fn files_that_are_replaced_stay_what_they_are() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-files");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    let (file, link) = (place.join("real"), place.join("link"));
    for command in [
        &["run", SMALL, "--runs", "2", "-o"][..],
        &[
            "sweep",
            SMALL,
            "--runs",
            "2",
            "--vary",
            "pod.pre_stop=0s,1s",
            "--checkpoint",
        ],
    ] {
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let sink = if command[0] == "run" {
            format!("json={}", link.display())
        } else {
            link.display().to_string()
        };
        let status = Command::new(env!("CARGO_BIN_EXE_rollcast"))
            .env("ROLLCAST_NO_CONFIG", "1")
            .args(command)
            .arg(sink)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{command:?}");
        assert!(
            fs::symlink_metadata(&link).unwrap().is_symlink(),
            "{command:?}"
        );
        assert!(fs::metadata(&file).unwrap().len() > 100, "{command:?}");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640,
            "{command:?}"
        );
    }
    assert!(
        fs::metadata("/dev/null")
            .unwrap()
            .file_type()
            .is_char_device()
    );
}
