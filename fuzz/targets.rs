//! What is fuzzed: a function for each parser, called with any bytes at all. None may panic, whatever it answers.
//!
//! `fuzz_targets/` hands them to libFuzzer; `tests/hostile` runs them over corpora and mutations on stable.

use std::path::{Path, PathBuf};

use rollcast::scenario::Document;
use rollcast::sweep::{Record, Survey};
use rollcast::{calibrate, manifest};

/// A target: its name, which is that of its corpus and its dictionary, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 8] = [
    ("scenario", scenario),
    ("manifest", manifest),
    ("alb_log", alb_log),
    ("vegeta", vegeta),
    ("watch", watch),
    ("checkpoint", checkpoint),
    ("distribution", distribution),
    ("json_output", json_output),
];

/// A scenario file, read, resolved, and written out again: what was accepted must be accepted again.
pub fn scenario(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(document) = Document::parse(Path::new("fuzz.toml"), &text) else {
        return;
    };
    let Ok(scenario) = document.resolve() else {
        return;
    };
    let again = scenario.to_toml().expect("a scenario can be written");
    let read =
        Document::parse(Path::new("again.toml"), &again).and_then(|document| document.resolve());
    assert_eq!(
        scenario.digest(),
        read.expect("what was written can be read").digest()
    );
}

/// A manifest file: every draft is a document, and nothing that the manifest says sets a key that it does not stand for.
pub fn manifest(bytes: &[u8]) {
    let file = OnDisk::new("yaml", bytes);
    let Ok(import) = manifest::import(&file.0, &[]) else {
        return;
    };
    for draft in import.drafts {
        let document = draft.document().expect("a draft is a document");
        let _ = document.resolve();
        let keys = document.settings();
        assert!(
            keys.is_err()
                || keys
                    .is_ok_and(|keys| keys.iter().all(|(key, _)| !key.starts_with("objectives")))
        );
    }
}

/// An ALB access log.
pub fn alb_log(bytes: &[u8]) {
    let _ = calibrate::gather(&OnDisk::new("log", bytes).0, None);
}

/// Results of vegeta.
pub fn vegeta(bytes: &[u8]) {
    let _ = calibrate::gather(&OnDisk::new("csv", bytes).0, None);
}

/// What a watch of EndpointSlices and events saw.
pub fn watch(bytes: &[u8]) {
    let _ = calibrate::gather(&OnDisk::new("jsonl", bytes).0, None);
}

/// The record of a sweep: what is accepted can be merged and told, and reads back.
pub fn checkpoint(bytes: &[u8]) {
    let Ok(record) = Record::read(bytes) else {
        return;
    };
    let again = Record::parse(&record.to_lines()).expect("what was written can be read");
    assert_eq!(again.totals, record.totals);
    if let Ok(merged) = Record::merge(vec![("fuzz".to_owned(), record)]) {
        let _ = Survey::of(merged).map(|survey| rollcast::report::sweep::text(&survey));
    }
}

/// A distribution, in the notation of a scenario.
pub fn distribution(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(mut document) = Document::parse(Path::new("fuzz.toml"), "name = \"fuzz\"") else {
        return;
    };
    if document.set("app.service_time", &text).is_ok() {
        let _ = document.resolve().map(|scenario| scenario.to_toml());
    }
}

/// Names of any kind in a report as JSON: it is JSON, and says the name as it is.
pub fn json_output(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let written = rollcast::escape::json(&serde_json::json!({ "name": text }).to_string());
    let read: serde_json::Value = serde_json::from_str(&written).expect("it is JSON");
    assert_eq!(read["name"], text);
}

/// A file for parsers that read files: every thread has one of its own, as long as it needs it.
struct OnDisk([PathBuf; 1]);

impl OnDisk {
    fn new(extension: &str, bytes: &[u8]) -> OnDisk {
        let name = format!(
            "rollcast-fuzz-{}-{:?}.{extension}",
            std::process::id(),
            std::thread::current().id()
        );
        let path = std::env::temp_dir().join(name.replace(['(', ')'], ""));
        std::fs::write(&path, bytes).expect("the temporary directory takes files");
        OnDisk([path])
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0[0]);
    }
}
