//! Interrupted at any moment, rollcast leaves files that are whole or absent.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{directory, rollcast};

/// A run that would take minutes.
fn long_run(place: &Path) -> Child {
    let place = place.to_str().unwrap();
    let json = format!("json={place}/long.json");
    let args = [
        "run",
        "tests/cli/small.toml",
        "--runs",
        "1000000",
        "-o",
        &json,
        "--png",
        place,
    ];
    rollcast(&args)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the process has worker threads, which is when it simulates; the kernel tells.
#[cfg(target_os = "linux")]
fn wait_until_simulating(child: &Child) {
    let threads = || fs::read_dir(format!("/proc/{}/task", child.id())).map_or(0, Iterator::count);
    while threads() < 2 {
        std::thread::yield_now();
    }
}

/// Waits until the process handles signals itself, which it does before it reads anything; the kernel tells.
#[cfg(target_os = "linux")]
fn wait_until_watching(child: &Child) {
    const SIGTERM_BIT: u64 = 1 << 14;
    let caught = || -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    while caught().is_none_or(|mask| mask & SIGTERM_BIT == 0) {
        std::thread::yield_now();
    }
}

/// Whoever reads has nothing to leave whole: a signal ends it at once, and with the exit code that shells give it.
#[cfg(target_os = "linux")]
#[test]
fn an_interruption_while_reading_ends_at_once() {
    let commands: [&[&str]; 4] = [
        &["check", "-"],
        &["import", "-"],
        &["run", "-"],
        &["calibrate", "tests/cli/small.toml", "-"],
    ];
    for command in commands {
        for (name, code) in [("-INT", 130), ("-TERM", 143)] {
            let mut reading = rollcast(command);
            let mut child = reading
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            wait_until_watching(&child);
            signal(&child, name);
            assert_eq!(
                child.wait().unwrap().code(),
                Some(code),
                "{command:?} {name}"
            );
        }
    }
}

fn signal(child: &Child, name: &str) {
    assert!(
        Command::new("kill")
            .args([name, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn an_interruption_is_told_and_leaves_nothing() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let place = directory(&format!("interrupted{name}"));
        let child = long_run(&place);
        wait_until_simulating(&child);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            "error: interrupted\n"
        );
        assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
    }
}

/// A chart or a report that is there is complete. What was begun has a name of its own.
fn check_whole(place: &Path) {
    let paths = fs::read_dir(place)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for path in paths.filter(|path| {
        !path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(".rollcast-")
    }) {
        let bytes = fs::read(&path).unwrap();
        let is_png = path.extension().is_some_and(|extension| extension == "png");
        let whole = if is_png {
            bytes.ends_with(b"IEND\xae\x42\x60\x82")
        } else {
            bytes.ends_with(b"\n}\n")
        };
        assert!(whole, "{} has {} bytes", path.display(), bytes.len());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "moments of the process, not of the model"
)]
#[test]
fn a_killed_run_leaves_whole_files_only() {
    let place = directory("killed");
    let at = place.to_str().unwrap();
    let json = format!("json={at}/a.json");
    let args = [
        "run",
        "tests/cli/small.toml",
        "--quiet",
        "-o",
        &json,
        "--png",
        at,
    ];
    let started = std::time::Instant::now();
    assert!(rollcast(&args).status().unwrap().success());
    let whole_run = started.elapsed();
    // At twenty moments spread over a run, half of them at its end, where files are written; every
    // other time there are files of an earlier run.
    for moment in 0..20u32 {
        if moment % 2 == 0 {
            directory("killed");
        }
        let share = if moment < 10 {
            f64::from(moment) * 0.08
        } else {
            0.8 + f64::from(moment - 10) * 0.03
        };
        let mut child = rollcast(&args).stdout(Stdio::null()).spawn().unwrap();
        let started = std::time::Instant::now();
        while started.elapsed() < whole_run.mul_f64(share) && child.try_wait().unwrap().is_none() {
            check_whole(&place);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        check_whole(&place);
    }
}
