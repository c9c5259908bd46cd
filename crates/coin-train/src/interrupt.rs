//! Ctrl-C handling: training finishes the current step, then saves a checkpoint.

use std::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);

/// Installs the Ctrl-C handler: the first Ctrl-C requests a stop, the second one exits immediately with code 130.
///
/// # Errors
/// If the handler cannot be installed.
pub fn listen() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
}

/// Whether a stop was requested.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
