//! libFuzzer's way to `targets::watch`.

#![no_main]

#[path = "../targets.rs"]
#[allow(dead_code, reason = "the others have binaries of their own")]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::watch(bytes));
