//! Ctrl-C, seen between two steps.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often the process was interrupted since it watches.
static TIMES: AtomicUsize = AtomicUsize::new(0);

static HANDLED: Once = Once::new();

/// Watches from now on, for a new run; the second interruption ends the process. Without the feature `interrupt`, or where another handler is set,
/// none is ever seen.
pub(crate) fn watch() {
    HANDLED.call_once(handle);
    TIMES.store(0, Ordering::SeqCst);
}

/// Whether there was one since.
pub(crate) fn asked() -> bool {
    TIMES.load(Ordering::SeqCst) > 0
}

#[cfg(feature = "interrupt")]
fn handle() {
    let seen = || {
        if TIMES.fetch_add(1, Ordering::SeqCst) > 0 {
            // What a shell reports of a process that SIGINT ended.
            std::process::exit(130);
        }
        eprintln!("interrupted: the step is finished first; once more ends at once");
    };
    // A program with a handler of its own keeps it.
    let _ = ctrlc::try_set_handler(seen);
}

#[cfg(not(feature = "interrupt"))]
fn handle() {}
