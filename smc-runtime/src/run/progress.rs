//! Progress: a bar on a terminal, a line a minute elsewhere.

use std::borrow::Cow;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::exec::Every;
use crate::data::Findings;
use crate::infer::observe::{Observer, Step};
use crate::sampling::anneal::Plan;

/// Between two lines where there is no terminal.
const MINUTE: Duration = Duration::from_mins(1);

/// Shows on standard error how far a run is: a bar, if that is a terminal, and otherwise, as in a log, one line a minute, also
/// while a step takes longer than that.
pub struct Progress(Shown);

enum Shown {
    Bar(ProgressBar),
    Lines(Lines),
}

impl Progress {
    /// A bar, or lines, that begin with `label`.
    pub fn bar(label: impl Into<Cow<'static, str>>) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
        if bar.is_hidden() {
            let lines = Lines::new(
                label.into().into_owned(),
                MINUTE,
                Box::new(std::io::stderr()),
            );
            return Self(Shown::Lines(lines));
        }
        // The template is a constant and parses; a bar without style is no reason to end a run.
        if let Ok(style) =
            ProgressStyle::with_template("{prefix} {wide_bar} {percent:>3}%  {msg}  {elapsed}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(label);
        Self(Shown::Bar(bar))
    }

    fn note(&self, text: String) {
        match &self.0 {
            Shown::Bar(bar) => bar.println(text),
            Shown::Lines(lines) => lines.note(&text),
        }
    }
}

impl Observer for Progress {
    fn step(&mut self, step: &Step) -> ControlFlow<()> {
        let stage = step.stage();
        let ess = stage.map_or(String::new(), |s| format!("  ess {:.2}", s.ess));
        let acceptance = step.acceptance();
        let acceptance = acceptance.map_or(String::new(), |a| format!("  acceptance {a:.2}"));
        let text = format!(
            "step {}  rows {:.0}/{}{ess}{acceptance}",
            step.step, step.rows, step.all_rows
        );
        match &self.0 {
            Shown::Bar(bar) => {
                bar.set_position((step.done * 1000.0) as u64);
                bar.set_message(text);
            }
            Shown::Lines(lines) => lines.say(format!("{:.0}%  {text}", 100.0 * step.done)),
        }
        ControlFlow::Continue(())
    }

    fn data(&mut self, findings: &Findings) {
        for note in findings.notes() {
            self.note(note);
        }
    }

    fn chosen(&mut self, lines: &[String]) {
        for line in lines {
            self.note(format!("chosen: {line}"));
        }
    }

    fn plan(&mut self, plan: &Plan) {
        self.note(plan.to_string());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// Writes the last thing said, again and again, until it is dropped.
struct Lines {
    state: Arc<Mutex<Log>>,
    _writer: Every,
}

struct Log {
    label: String,
    since: Instant,
    out: Box<dyn Write + Send>,
    last: String,
}

/// The state; what a thread that panicked left of it is as good.
fn locked(state: &Mutex<Log>) -> MutexGuard<'_, Log> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lines {
    fn new(label: String, every: Duration, out: Box<dyn Write + Send>) -> Self {
        let state = Arc::new(Mutex::new(Log {
            label,
            since: Instant::now(),
            out,
            last: "before the first step".to_owned(),
        }));
        let told = state.clone();
        let write = move || {
            let mut state = locked(&told);
            let seconds = state.since.elapsed().as_secs();
            let line = format!("{}  {}  {seconds} s", state.label, state.last);
            // Where nobody reads there is nobody to tell that nothing could be written.
            let _ = writeln!(state.out, "{line}");
        };
        Self {
            state,
            _writer: Every::new(every, write),
        }
    }

    fn say(&self, text: String) {
        locked(&self.state).last = text;
    }

    fn note(&self, text: &str) {
        let _ = writeln!(locked(&self.state).out, "{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_gets_a_line_each_time_even_within_a_step_and_none_after_the_end() {
        let (kept, every) = (Kept::default(), Duration::from_millis(20));
        let text = || String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let count = |word: &str| text().matches(word).count();
        let wait = |word: &str, times: usize| {
            let since = Instant::now();
            while count(word) < times {
                assert!(since.elapsed() < MINUTE, "{}", text());
                std::thread::sleep(every / 4);
            }
        };
        let lines = Lines::new("wine".to_owned(), every, Box::new(kept.clone()));
        lines.note("constant    `a` = 1");
        wait("wine  before the first step  ", 2);
        lines.say("40%  step 3".to_owned());
        wait("wine  40%  step 3  ", 2);
        drop(lines);
        let told = text();
        assert!(told.starts_with("constant    `a` = 1\n"), "{told}");
        std::thread::sleep(4 * every);
        assert_eq!(text(), told);
    }
}
