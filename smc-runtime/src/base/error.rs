//! The one error type. Every variant names what was wrong, where, and what was expected.

use std::fmt;
use std::path::PathBuf;

/// What a fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, from a malformed table to a collapsed population.
///
/// `Debug` writes what `Display` does: a `main` that returns `Result` shows it to people.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A feature or a target that is NaN or infinite.
    #[error("{what} in row {row}, column {column} is {value}; every value must be finite")]
    NotFinite {
        /// `feature` or `target`.
        what: &'static str,
        /// Zero-based row.
        row: usize,
        /// Name of the column, or its zero-based number.
        column: String,
        /// What was found there.
        value: f64,
    },
    /// A table without rows.
    #[error("the data have no rows; at least one is needed")]
    NoRows,
    /// Features and targets that do not fit together.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// What was being built.
        what: String,
        /// The expected size, in words.
        expected: String,
        /// The size found, in words.
        found: String,
    },
    /// A model that breaks a rule of the language, such as layers whose sizes do not chain, in the words of the compile-time
    /// check.
    #[error("{0}")]
    Rule(String),
    /// A target that is not one of the classes `0, 1, ..., classes - 1`.
    #[error("target in row {row} is {value}, which is not a class; the likelihood has classes 0 to {last}", last = classes - 1)]
    UnknownClass {
        /// Zero-based row.
        row: usize,
        /// What was found there.
        value: f64,
        /// Number of classes.
        classes: usize,
    },
    /// A setting that no run can honour.
    #[error("{what} = {found}: {expected}")]
    Config {
        /// The setting's name as a user writes it.
        what: String,
        /// The value given.
        found: String,
        /// What is allowed.
        expected: String,
    },
    /// A prior whose arguments are out of range.
    #[error("the prior of `{field}`: {problem}")]
    Prior {
        /// The field that carries the prior.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Every particle lost all of its weight.
    #[error(
        "all {particles} particles have weight zero at stage {stage} ({rows} rows in, ramp at {phi:.3}): {advice}"
    )]
    Collapse {
        /// The stage that was entered, counted from 1.
        stage: usize,
        /// Population size.
        particles: usize,
        /// Rows that are fully in at this stage.
        rows: usize,
        /// Exponent of the ramping rows.
        phi: f64,
        /// What to try.
        advice: &'static str,
    },
    /// No Markov chain can begin.
    #[error(
        "none of {chains} chains starts at a finite log-density: try smaller prior scales or standardised data"
    )]
    NoStart {
        /// Number of chains.
        chains: usize,
    },
    /// A saved state of another run than the one that is to go on from it.
    #[error("a saved state of another run: its {what} is {saved}, and here it is {found}")]
    OtherRun {
        /// What differs: the data, say, or the algorithm with its settings.
        what: String,
        /// What it was when the state was saved.
        saved: String,
        /// What it is now.
        found: String,
    },
    /// A run that was interrupted, with its state kept.
    #[error("interrupted after {steps} steps: what the run has become is in {path}, and with `.resume()` it goes on from there", path = path.display())]
    Interrupted {
        /// Where the state is.
        path: PathBuf,
        /// Steps made.
        steps: usize,
    },
    /// A file with the posterior of another model than the one that is to read it.
    #[error("{path}: the posterior of another model: its {what} is {saved}, and here it is {found}", path = path.display())]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// What differs: a field, say, or the prior.
        what: String,
        /// What it is in the file.
        saved: String,
        /// What it is in this program.
        found: String,
    },
    /// Members or chains have gone where the log-density is not finite, or far too low, and nothing brought them back.
    #[error("{what}: {advice}")]
    Diverged {
        /// Which of them, and how.
        what: String,
        /// What to try.
        advice: &'static str,
    },
    /// An annealing policy that proposed a stage no run can enter.
    #[error("the annealing policy proposed an impossible stage after stage {stage}: {problem}")]
    Schedule {
        /// The last valid stage.
        stage: usize,
        /// What is impossible about the next.
        problem: String,
    },
    /// An engine that this build or this machine does not have.
    #[error("engine `{engine}` is not available: {reason}")]
    Engine {
        /// The engine asked for.
        engine: &'static str,
        /// Why it cannot be had.
        reason: String,
    },
    /// A capability that an algorithm asks for and a problem does not have.
    #[error("{capability} is asked for, but {reason}")]
    Lacks {
        /// What is asked for.
        capability: &'static str,
        /// Which part of the model lacks it.
        reason: String,
    },
    /// A run that was ended, by an observer or by its time, before it had anything to leave.
    #[error("ended after {steps} steps, with {nothing}; a saved state of it can go on")]
    Stopped {
        /// Steps taken before the end.
        steps: usize,
        /// What is missing.
        nothing: &'static str,
    },
    /// A run whose parameter vectors are more than the memory that is free.
    #[error(
        "{vectors:.0} vectors of {parameters} parameters take {needed} of memory, and {free} are free: take {reduce}"
    )]
    Memory {
        /// What the vectors take.
        needed: String,
        /// How many there are at the most.
        vectors: f64,
        /// Numbers in each.
        parameters: usize,
        /// What is free.
        free: String,
        /// What to reduce.
        reduce: &'static str,
    },
    /// A file whose content is not what its format asks for.
    #[error("{path}, {place}: expected {expected}, found {found}", path = path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Line, row, column or byte.
        place: String,
        /// What the format asks for there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file that could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error {
    /// A setting `what` that was given `found` although `expected` is required.
    ///
    /// ```
    /// use smc_runtime::Error;
    /// let error = Error::config("particles", 0, "at least one particle is needed");
    /// assert_eq!(error.to_string(), "particles = 0: at least one particle is needed");
    /// ```
    pub fn config(
        what: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Config {
            what: what.into(),
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// A capability that a problem does not have, for the reason given.
    pub fn lacks(capability: &'static str, reason: impl Into<String>) -> Self {
        Self::Lacks {
            capability,
            reason: reason.into(),
        }
    }

    pub(crate) fn shape(
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Shape {
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}
