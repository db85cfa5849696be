//! What a run will take, before it: memory, and seconds by a few timed gradients.

use std::fmt;

use crate::base::error::{Error, Result};
use crate::infer::Inference;
use crate::infer::rate::rate;
use crate::problem::Problem;

/// What a run will take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Parameters of the model.
    pub parameters: usize,
    /// Rows of the data.
    pub rows: usize,
    /// Bytes of memory for the rows and the parameter vectors, about.
    pub memory: f64,
    /// Bytes of memory that are free, where the system says so.
    pub free: Option<f64>,
    /// Row-gradients that the machine made in a second, at its present load.
    pub rate: f64,
    /// Row-gradients of the whole run; `None` for an algorithm that does not say.
    pub row_gradients: Option<f64>,
    /// Whether that is a guess, because the run decides by what it finds: three times less or more is possible.
    pub guess: bool,
}

impl Estimate {
    /// Wall time, about; `None` for an algorithm that does not say what it will do.
    pub fn seconds(&self) -> Option<f64> {
        self.row_gradients.map(|all| all / self.rate)
    }

    /// Times a few gradients of `problem` for as many vectors as the machine does well together.
    pub(super) fn of(problem: &dyn Problem, algorithm: &dyn Inference, seed: u64) -> Self {
        /// As many as a stage has, or an engine's tiles.
        const ROWS: usize = 2048;
        let rate = rate(problem, ROWS, seed);
        let cost = algorithm.cost(problem);
        Self {
            parameters: problem.dim(),
            rows: problem.rows(),
            memory: memory(problem, cost.map_or(0.0, |c| c.vectors)),
            free: free(),
            rate,
            row_gradients: cost.map(|c| c.row_gradients),
            guess: cost.is_some_and(|c| c.guess),
        }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.seconds(), self.row_gradients) {
            (Some(seconds), Some(all)) => write!(
                f,
                "about {} ({all:.1e} row-gradients, {:.1e} a second here){}",
                time(seconds),
                self.rate,
                if self.guess {
                    ", as a guess: the run decides by what it finds, and may take a third of it or three times as long"
                } else {
                    ""
                }
            )?,
            _ => write!(
                f,
                "{:.1e} row-gradients a second; the algorithm does not say how many it needs",
                self.rate
            )?,
        }
        write!(f, "; {} of memory", size(self.memory))?;
        if let Some(free) = self.free {
            write!(f, ", of {} that are free", size(free))?;
        }
        Ok(())
    }
}

/// Refuses a run whose parameter vectors do not fit into the memory that is free.
///
/// # Errors
/// [`Error::Memory`] with the numbers and what to reduce.
pub(super) fn fits(problem: &dyn Problem, algorithm: &dyn Inference) -> Result<()> {
    let (Some(cost), Some(free)) = (algorithm.cost(problem), free()) else {
        return Ok(());
    };
    // The rows are in memory already.
    let needed = 4.0 * cost.vectors * problem.dim() as f64;
    if needed <= free {
        return Ok(());
    }
    Err(Error::Memory {
        needed: size(needed),
        vectors: cost.vectors,
        parameters: problem.dim(),
        free: size(free),
        reduce: cost.reduce,
    })
}

/// Bytes of the packed rows and of `vectors` parameter vectors.
fn memory(problem: &dyn Problem, vectors: f64) -> f64 {
    let row = 4 * (problem.architecture().inputs + 1);
    (problem.rows() * row) as f64 + 4.0 * vectors * problem.dim() as f64
}

/// Bytes that a process can still have: what the system has left, or its control group if that is less.
fn free() -> Option<f64> {
    let number =
        |path: &str| -> Option<f64> { std::fs::read_to_string(path).ok()?.trim().parse().ok() };
    let group = number("/sys/fs/cgroup/memory.max")
        .and_then(|most| Some(most - number("/sys/fs/cgroup/memory.current")?));
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    let system = 1024.0 * kilobytes;
    Some(group.map_or(system, |group| group.min(system)))
}

fn size(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let (mut x, mut unit) = (bytes, 0);
    while x >= 1024.0 && unit + 1 < UNITS.len() {
        x /= 1024.0;
        unit += 1;
    }
    format!("{x:.1} {}", UNITS[unit])
}

fn time(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 6000.0 => format!("{:.0} minutes", s / 60.0),
        s if s < 360_000.0 => format!("{:.0} hours", s / 3600.0),
        s => format!("{:.0} days", s / 86400.0),
    }
}
