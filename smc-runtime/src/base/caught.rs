//! A panic of code that a user wrote, as words: caught, and kept from the terminal.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is about to be caught and told in an error.
    static CATCHING: Cell<bool> = const { Cell::new(false) };
}

/// What `f` returns, or what its panic said, in one short line.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    static QUIET: Once = Once::new();
    // The hook is the process's own, so it is wrapped once and for good instead of being taken away for a while.
    QUIET.call_once(|| {
        let loud = take_hook();
        set_hook(Box::new(move |panic| {
            if !CATCHING.get() {
                loud(panic);
            }
        }));
    });
    let before = CATCHING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(before);
    result.map_err(|panic| shortened(said(&*panic)))
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message")
}

/// On one line, and cut where nobody reads on.
fn shortened(text: &str) -> String {
    const MOST: usize = 160;
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let line = lines.join(", ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ..", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_said_is_told_in_short() {
        let two = std::hint::black_box(2);
        let said = caught(|| assert_eq!(two, 3)).unwrap_err();
        assert_eq!(said, "assertion `left == right` failed, left: 2, right: 3");
        assert_eq!(caught(|| -> u8 { panic!("no") }), Err("no".to_owned()));
        let long = caught(|| -> u8 { panic!("{}", "é".repeat(1000)) }).unwrap_err();
        assert_eq!(long, format!("{} ..", "é".repeat(160)));
        assert_eq!(caught(|| 3), Ok(3));
        assert!(!CATCHING.get());
    }
}
