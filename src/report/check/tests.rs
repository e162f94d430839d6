//! Every format of one small check, held to golden files; and of nothing at all.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::{github, json, junit, markdown, sarif, text};
use crate::check::{Options, Report, Subject, check};
use crate::scenario::Document;
use crate::traffic::EngineChoice;

const OPTIONS: Options = Options {
    runs: 60,
    seed: 1,
    threads: Some(2),
    engine: EngineChoice::Request,
};

const SCENARIO: &str = "name = \"small & <plain>\"\n[pod.readiness_probe]\n[pod]\nreadiness_gate = true\n\
    [app]\nstart_up = \"1s\"\nservice_time = \"20ms\"\n[load]\nrate = 20.0\nduration = \"60s\"\n";

type Format = (&'static str, fn(&Report) -> String);

const FORMATS: [Format; 6] = [
    ("txt", text::render),
    ("json", json::render),
    ("sarif", sarif::render),
    ("junit.xml", junit::render),
    ("github", github::render),
    ("md", markdown::render),
];

#[track_caller]
fn held(name: &str, report: &Report) {
    let bless = std::env::var_os("ROLLCAST_BLESS").is_some();
    for (extension, render) in FORMATS {
        let (path, got) = (
            format!("tests/golden/report/{name}.{extension}"),
            render(report),
        );
        if bless {
            std::fs::write(&path, &got).unwrap();
        }
        assert_eq!(
            got,
            std::fs::read_to_string(&path).unwrap_or_default(),
            "{path}"
        );
    }
}

#[test]
fn every_format_is_as_recorded() {
    let document = Document::parse(Path::new("small, 100 %.toml"), SCENARIO).unwrap();
    let subject = Subject::of_document(document).unwrap();
    let checked = vec![check(&subject, &OPTIONS, &AtomicBool::new(false)).unwrap()];
    held(
        "check",
        &Report {
            checked,
            ..Report::default()
        },
    );
}

#[test]
fn nothing_is_well_formed_too() {
    held("check-nothing", &Report::default());
}
