//! Progress: a bar on a terminal, a line a minute elsewhere.

use std::borrow::Cow;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::exec::Every;
use crate::data::Findings;
use crate::infer::observe::{Live, Observer, Step};
use crate::sampling::anneal::Plan;

/// Between two lines where there is no terminal.
const MINUTE: Duration = Duration::from_mins(1);

/// Between two looks at a bar.
const LOOK: Duration = Duration::from_millis(200);

/// Shows on standard error how far a run is: a bar, if that is a terminal, and otherwise, as in a log, one line a minute. Both go on within a step, by the gradients that
/// have been computed: rows that are in, effective sample size, acceptance, evidence, gradients of rows a second, and about how much time is left.
pub struct Progress {
    state: Arc<Mutex<Known>>,
    out: Out,
    _writer: Every,
}

/// Where it is shown.
#[derive(Clone)]
enum Out {
    Bar(ProgressBar),
    Lines(Arc<Mutex<Box<dyn Write + Send>>>),
}

impl Progress {
    /// A bar, or lines, that begin with `label`.
    pub fn bar(label: impl Into<Cow<'static, str>>) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
        if bar.is_hidden() {
            let out: Box<dyn Write + Send> = Box::new(std::io::stderr());
            return Self::shown(
                label.into().into_owned(),
                Out::Lines(Arc::new(Mutex::new(out))),
                MINUTE,
            );
        }
        // The template is a constant and parses; a bar without style is no reason to end a run.
        if let Ok(style) =
            ProgressStyle::with_template("{prefix} {wide_bar} {percent:>3}%  {msg}  {elapsed}")
        {
            bar.set_style(style);
        }
        let label = label.into();
        bar.set_prefix(label.clone());
        Self::shown(label.into_owned(), Out::Bar(bar), LOOK)
    }

    fn shown(label: String, out: Out, every: Duration) -> Self {
        let state = Arc::new(Mutex::new(Known::default()));
        let (told, to) = (state.clone(), out.clone());
        let show = move || {
            let known = locked(&told);
            let (done, text) = known.now();
            match &to {
                Out::Bar(bar) => {
                    bar.set_position((done * 1000.0) as u64);
                    bar.set_message(text);
                }
                Out::Lines(out) => {
                    let seconds = known.since.elapsed().as_secs();
                    let text = if known.last.is_some() {
                        format!("{:.0}%  {text}", 100.0 * done)
                    } else {
                        text
                    };
                    // Where nobody reads there is nobody to tell that nothing could be written.
                    let _ = writeln!(locked(out), "{label}  {text}  {seconds} s");
                }
            }
        };
        Self {
            state,
            out,
            _writer: Every::new(every, show),
        }
    }

    fn note(&self, text: &str) {
        match &self.out {
            Out::Bar(bar) => bar.println(text),
            Out::Lines(out) => {
                let _ = writeln!(locked(out), "{text}");
            }
        }
    }
}

/// What a mutex holds; what a thread that panicked left of it is as good.
fn locked<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of the run: little is done with it at a step, since steps can be short.
struct Known {
    since: Instant,
    live: Option<Live>,
    /// What had been computed before this process.
    at_start: u64,
    last: Option<Step>,
    /// How far the run was before that step, and row-gradients then, if one was seen before it.
    before: Option<(f64, u64)>,
    /// How far it was at the first step that was seen, and when.
    first: Option<(f64, Instant)>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            live: None,
            at_start: 0,
            last: None,
            before: None,
            first: None,
        }
    }
}

impl Known {
    /// How far the run is, and what is said of it.
    fn now(&self) -> (f64, String) {
        let Some(step) = &self.last else {
            return (0.0, "before the first step".to_owned());
        };
        let gradients = step.counts.row_gradients;
        let now = self
            .live
            .as_ref()
            .map_or(gradients, |live| live.counts().row_gradients);
        // A step is taken to cost what the last one did, and to bring the run as far.
        let before = self.before.unwrap_or((step.done, gradients));
        let (far, cost) = (step.done - before.0, gradients.saturating_sub(before.1));
        let within = now.saturating_sub(gradients) as f64 / cost.max(1) as f64;
        let done = (step.done + far.max(0.0) * within.min(0.95)).clamp(step.done, 1.0);
        let seconds = self.since.elapsed().as_secs_f64();
        let rate = now.saturating_sub(self.at_start) as f64 / seconds.max(1e-3);
        let since = self
            .first
            .map_or((done, 0.0), |(at, when)| (at, when.elapsed().as_secs_f64()));
        let made = done - since.0;
        let left = since.1 * (1.0 - done) / made.max(1e-9);
        let stage = step.stage();
        let ess = stage.map_or(String::new(), |s| format!("  ess {:.2}", s.ess));
        let acceptance = step
            .acceptance()
            .map_or(String::new(), |a| format!("  acceptance {a:.2}"));
        let evidence = stage.map_or(String::new(), |s| {
            format!("  log-evidence {:.1}", s.log_evidence)
        });
        let left = if made > 0.01 && done < 1.0 {
            format!("  about {left:.0} s left")
        } else {
            String::new()
        };
        let text = format!(
            "step {}  rows {:.0}/{}{ess}{acceptance}{evidence}  {rate:.1e} gradients a second{left}",
            step.step, step.rows, step.all_rows
        );
        (done, text)
    }
}

impl Observer for Progress {
    fn step(&mut self, step: &Step) -> ControlFlow<()> {
        let mut known = locked(&self.state);
        let before = known
            .last
            .as_ref()
            .map(|last| (last.done, last.counts.row_gradients));
        known.before = before;
        known
            .first
            .get_or_insert_with(|| (step.done, Instant::now()));
        known.last = Some(step.clone());
        ControlFlow::Continue(())
    }

    fn data(&mut self, findings: &Findings) {
        for note in findings.notes() {
            self.note(&note);
        }
    }

    fn chosen(&mut self, lines: &[String]) {
        for line in lines {
            self.note(&format!("chosen: {line}"));
        }
    }

    fn plan(&mut self, plan: &Plan) {
        self.note(&plan.to_string());
    }

    fn live(&mut self, live: &Live) {
        let mut known = locked(&self.state);
        known.at_start = live.counts().row_gradients;
        known.live = Some(live.clone());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Out::Bar(bar) = &self.out {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::observe::Detail;
    use crate::problem::Counts;
    use std::sync::atomic::{AtomicU64, Ordering};

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

    fn counts(row_gradients: u64) -> Counts {
        Counts {
            row_gradients,
            ..Counts::default()
        }
    }

    fn step(done: f64, row_gradients: u64) -> Step {
        Step {
            step: 3,
            done,
            rows: 40.0,
            touched: 40,
            all_rows: 40,
            moves: 1,
            non_finite: 0,
            proposals: 1,
            detail: Detail::None,
            counts: counts(row_gradients),
            seconds: 0.0,
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
        let out: Box<dyn Write + Send> = Box::new(kept.clone());
        let mut lines = Progress::shown(
            "wine".to_owned(),
            Out::Lines(Arc::new(Mutex::new(out))),
            every,
        );
        lines.note("constant    `a` = 1");
        wait("wine  before the first step  ", 2);
        let made = Arc::new(AtomicU64::new(0));
        let asked = made.clone();
        lines.live(&Live::new(move || counts(asked.load(Ordering::Relaxed))));
        let _ = lines.step(&step(0.2, 100));
        let _ = lines.step(&step(0.4, 200));
        made.store(200, Ordering::Relaxed);
        wait("wine  40%  step 3  rows 40/40  ", 2);
        // Half of what the last step took: half as far as it came.
        made.store(250, Ordering::Relaxed);
        wait("wine  50%  step 3  ", 2);
        made.store(10_000, Ordering::Relaxed);
        wait("wine  59%  step 3  ", 2);
        drop(lines);
        let told = text();
        assert!(told.starts_with("constant    `a` = 1\n"), "{told}");
        std::thread::sleep(4 * every);
        assert_eq!(text(), told);
    }
}
