//! Ctrl-C and SIGTERM: the first asks for an end, which leaves no half file; the second ends at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rollcast::error::Error;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

static CANCELLED: AtomicBool = AtomicBool::new(false);
static SIGNAL: AtomicUsize = AtomicUsize::new(0);

/// Begins to watch for signals. Until then a signal ends the process at once, which is right while
/// nothing is simulated: reading stdin could not be interrupted otherwise.
///
/// # Errors
/// The system does not let signals be handled.
pub fn watch() -> Result<(), Error> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset, and sets it.
        flag::register_conditional_shutdown(signal, 128 + signal, &CANCELLED)
            .and_then(|_| flag::register_usize(signal, &SIGNAL, signal as usize))
            .and_then(|_| flag::register(signal, &CANCELLED))
            .map_err(|error| Error::input(format!("cannot watch for signals: {error}")))?;
    }
    Ok(())
}

/// Becomes true when the user wants an end.
pub fn cancelled() -> &'static AtomicBool {
    &CANCELLED
}

/// An error if the user wants an end.
pub fn check() -> Result<(), Error> {
    if CANCELLED.load(Ordering::SeqCst) { Err(Error::interrupted()) } else { Ok(()) }
}

/// 130 after Ctrl-C, 143 after SIGTERM: shells add 128 to the signal's number.
pub fn exit_code() -> Option<u8> {
    match SIGNAL.load(Ordering::SeqCst) {
        0 => None,
        signal => u8::try_from(128 + signal).ok(),
    }
}
