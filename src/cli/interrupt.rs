//! Ctrl-C and SIGTERM: the first asks for an end, which leaves no half file; the second ends at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rollcast::error::Error;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// While input is read there is nothing to be left whole.
static READING: AtomicBool = AtomicBool::new(true);
static CANCELLED: AtomicBool = AtomicBool::new(false);
static SIGNAL: AtomicUsize = AtomicUsize::new(0);

const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Lets a signal end the process at once, with the exit code that shells give it: reading stdin could not be
/// interrupted otherwise.
///
/// # Errors
/// The system does not let signals be handled.
pub fn begin() -> Result<(), Error> {
    SIGNALS.iter().try_for_each(|signal| {
        let ends = flag::register_conditional_shutdown(*signal, 128 + signal, &READING);
        ends.map(drop).map_err(|error| unwatched(&error))
    })
}

/// From now on the first signal asks for an end; once is enough.
///
/// # Errors
/// The system does not let signals be handled.
pub fn watch() -> Result<(), Error> {
    if !READING.load(Ordering::SeqCst) {
        return Ok(());
    }
    for signal in SIGNALS {
        // In this order: the first signal finds the flag unset, and sets it.
        flag::register_conditional_shutdown(signal, 128 + signal, &CANCELLED)
            .and_then(|_| flag::register_usize(signal, &SIGNAL, signal as usize))
            .and_then(|_| flag::register(signal, &CANCELLED))
            .map_err(|error| unwatched(&error))?;
    }
    READING.store(false, Ordering::SeqCst);
    Ok(())
}

fn unwatched(error: &std::io::Error) -> Error {
    Error::input(format!("cannot watch for signals: {error}"))
}

/// Becomes true when the user wants an end.
pub fn cancelled() -> &'static AtomicBool {
    &CANCELLED
}

/// An error if the user wants an end.
pub fn check() -> Result<(), Error> {
    if CANCELLED.load(Ordering::SeqCst) {
        Err(Error::interrupted())
    } else {
        Ok(())
    }
}

/// 130 after Ctrl-C, 143 after SIGTERM: shells add 128 to the signal's number.
pub fn exit_code() -> Option<u8> {
    match SIGNAL.load(Ordering::SeqCst) {
        0 => None,
        signal => u8::try_from(128 + signal).ok(),
    }
}
