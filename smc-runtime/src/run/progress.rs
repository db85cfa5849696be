//! A progress bar.

use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::data::Findings;
use crate::infer::observe::{Observer, Step};
use crate::sampling::anneal::Plan;

/// Draws a progress bar with the state of the run on standard error, if that is a terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar that begins with `label`.
    pub fn bar(label: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr());
        // The template is a constant and parses; a bar without style is no reason to end a run.
        if let Ok(style) =
            ProgressStyle::with_template("{prefix} {wide_bar} {percent:>3}%  {msg}  {elapsed}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(label);
        Self(bar)
    }
}

impl Observer for Progress {
    fn step(&mut self, step: &Step) -> ControlFlow<()> {
        self.0.set_position((step.done * 1000.0) as u64);
        let stage = step.stage();
        let ess = stage.map_or(String::new(), |s| format!("  ess {:.2}", s.ess));
        let acceptance = step.acceptance();
        let acceptance = acceptance.map_or(String::new(), |a| format!("  acceptance {a:.2}"));
        self.0.set_message(format!(
            "step {}  rows {:.0}/{}{ess}{acceptance}",
            step.step, step.rows, step.all_rows
        ));
        ControlFlow::Continue(())
    }

    fn data(&mut self, findings: &Findings) {
        for note in findings.notes() {
            self.0.println(note);
        }
    }

    fn plan(&mut self, plan: &Plan) {
        self.0.println(plan.to_string());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
