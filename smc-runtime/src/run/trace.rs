//! A run's steps in a file, one JSON object a line, for whoever reads along or draws them later.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::error::{Error, Result};
use crate::data::Findings;
use crate::infer::observe::{Observer, Step};
use crate::sampling::anneal::Plan;

/// Writes each step of a run into a file as it comes, a line each: JSON with the fields of [`Step`]. Lines before the first step say
/// what was chosen (`{"chosen": [..]}`), what the run will cost (`{"plan": ".."}`) and what is of note in the data (`{"data": [..]}`).
///
/// A file that is there is added to, so that a run that goes on from a checkpoint goes on here too: it begins with those first lines again, and steps that were made since the
/// checkpoint stand there twice, the same but for their seconds. A line that cannot be written (a full
/// disk) does not end the run: standard error says so, once.
///
/// ```
/// use smc_runtime::prelude::*;
/// use smc_runtime::run::Trace;
/// # #[bayes_model]
/// # #[likelihood(Normal(mean = output, sd = 0.5))]
/// # struct Line {
/// #     #[prior(Normal(0.0, 1.0))]
/// #     output: Linear<1, 1>,
/// # }
/// # fn main() -> Result<()> {
/// # let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
/// # let path = std::env::temp_dir().join(format!("trace-{}.jsonl", std::process::id()));
/// let run = Line::infer(&data).with(mcmc().chains(2).warmup(10).draws(10));
/// run.observe(Trace::file(&path)?).run()?;
/// let lines = std::fs::read_to_string(&path).unwrap();
/// assert!(lines.lines().last().unwrap().contains("\"acceptance\""));
/// # std::fs::remove_file(path).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Trace {
    file: File,
    path: PathBuf,
    failed: bool,
}

impl Trace {
    /// Into the file at `path`, behind what is there.
    ///
    /// # Errors
    /// If it cannot be opened for writing.
    pub fn file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let opened = OpenOptions::new().create(true).append(true).open(path);
        let file = opened.map_err(|e| Error::config("trace", path.display(), e.to_string()))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            failed: false,
        })
    }

    fn line(&mut self, line: &impl Serialize) {
        let text = serde_json::to_string(line).map_err(std::io::Error::from);
        // One write for a line: whoever reads along sees whole lines.
        let written = text.and_then(|text| self.file.write_all(format!("{text}\n").as_bytes()));
        if let (Err(error), false) = (written, self.failed) {
            self.failed = true;
            eprintln!("trace: {}: {error}; the run goes on", self.path.display());
        }
    }
}

impl Observer for Trace {
    fn step(&mut self, step: &Step) -> ControlFlow<()> {
        self.line(step);
        ControlFlow::Continue(())
    }

    fn data(&mut self, findings: &Findings) {
        let notes: Vec<String> = findings.notes();
        self.line(&serde_json::json!({ "data": notes }));
    }

    fn chosen(&mut self, lines: &[String]) {
        self.line(&serde_json::json!({ "chosen": lines }));
    }

    fn plan(&mut self, plan: &Plan) {
        self.line(&serde_json::json!({ "plan": plan.to_string() }));
    }
}
