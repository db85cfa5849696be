//! Ctrl-C, seen between two steps.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often the process was interrupted since it watches.
static TIMES: AtomicUsize = AtomicUsize::new(0);

/// Whether somebody watches.
static WATCHED: OnceLock<bool> = OnceLock::new();

/// The interruptions of a run.
pub(crate) struct Interrupt(());

impl Interrupt {
    /// From now on; the second one ends the process. `None` without the feature `interrupt`, or where another handler is set.
    pub(crate) fn watched() -> Option<Self> {
        let watched = *WATCHED.get_or_init(watch);
        TIMES.store(0, Ordering::SeqCst);
        watched.then_some(Self(()))
    }

    /// Whether there was one.
    pub(crate) fn asked(&self) -> bool {
        let Self(()) = self;
        TIMES.load(Ordering::SeqCst) > 0
    }
}

#[cfg(feature = "interrupt")]
fn watch() -> bool {
    let seen = || {
        if TIMES.fetch_add(1, Ordering::SeqCst) > 0 {
            // What a shell reports of a process that SIGINT ended.
            std::process::exit(130);
        }
        eprintln!("interrupted: the step is finished first; once more ends at once");
    };
    ctrlc::try_set_handler(seen).is_ok()
}

#[cfg(not(feature = "interrupt"))]
fn watch() -> bool {
    false
}
