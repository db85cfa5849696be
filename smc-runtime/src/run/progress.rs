//! Progress: a bar on a terminal, a line a minute elsewhere.

use std::borrow::Cow;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::data::Findings;
use crate::infer::observe::{Observer, Step};
use crate::sampling::anneal::Plan;

/// Between two lines where there is no terminal.
const MINUTE: Duration = Duration::from_secs(60);

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

/// Writes the last thing said, again and again, until it is dropped. A thread of its own does: a step may take an hour.
struct Lines {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    label: String,
    since: Instant,
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    out: Box<dyn Write + Send>,
    last: String,
    ended: bool,
}

impl Shared {
    /// The state; what a thread that panicked left of it is as good.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, state: &mut State) {
        let seconds = self.since.elapsed().as_secs();
        let (label, last) = (&self.label, &state.last);
        // Where nobody reads there is nobody to tell that nothing could be written.
        let _ = writeln!(state.out, "{label}  {last}  {seconds} s");
    }
}

impl Lines {
    fn new(label: String, every: Duration, out: Box<dyn Write + Send>) -> Self {
        let shared = Arc::new(Shared {
            label,
            since: Instant::now(),
            state: Mutex::new(State {
                out,
                last: "before the first step".to_owned(),
                ended: false,
            }),
            ended: Condvar::new(),
        });
        let inside = shared.clone();
        let writer = std::thread::Builder::new().name("progress".to_owned());
        let writer = writer.spawn(move || {
            let mut state = inside.state();
            let mut next = inside.since + every;
            while !state.ended {
                let left = next.saturating_duration_since(Instant::now());
                let waited = inside.ended.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                if !state.ended && Instant::now() >= next {
                    inside.write(&mut state);
                    next += every;
                }
            }
        });
        Self {
            shared,
            // A machine without room for a thread runs without lines.
            writer: writer.ok(),
        }
    }

    fn say(&self, text: String) {
        self.shared.state().last = text;
    }

    fn note(&self, text: &str) {
        let _ = writeln!(self.shared.state().out, "{text}");
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        self.shared.ended.notify_all();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
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
                assert!(since.elapsed() < Duration::from_secs(60), "{}", text());
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
