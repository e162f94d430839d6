//! What is told when rollcast itself is at fault: what to report, and what shows it again.

use std::ffi::OsString;
use std::io::Write;
use std::panic::PanicHookInfo;

use rollcast::escape::{self, shell};

/// Says of a panic what to report, and ends with the exit code of a bug, whichever thread it strikes.
pub fn tell(args: &[OsString]) {
    let words: Vec<String> = args
        .iter()
        .skip(1)
        .map(|arg| shell(&arg.to_string_lossy()))
        .collect();
    let command = format!("rollcast {}", words.join(" "));
    std::panic::set_hook(Box::new(move |panic| {
        let _ = write!(std::io::stderr(), "{}", report(panic, &command));
        std::process::exit(70);
    }));
}

fn report(panic: &PanicHookInfo<'_>, command: &str) -> String {
    let place = panic
        .location()
        .map(|place| format!(" at {}:{}", place.file(), place.line()))
        .unwrap_or_default();
    let words = panic.payload_as_str().unwrap_or("it says nothing");
    escape::lines(&format!(
        "error: this is a bug in rollcast {}{place}: {}\n\
         hint: please report this message, with the files that were read and the command that shows it again:\n  {}\n",
        env!("CARGO_PKG_VERSION"),
        escape::line(words),
        escape::line(command)
    ))
}
