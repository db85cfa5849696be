//! What a schedule will cost, known before the run.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Annealing;
use crate::base::error::Result;
use crate::sampling::stage::Stage;

/// The rows n_1, …, n_K of the stages of a policy whose stages do not depend on the particles.
///
/// A run that takes g gradients per stage and particle differentiates g·Σ n_k rows for each particle; the same number of
/// stages on all N rows would take g·K·N.
///
/// ```
/// use smc_runtime::sampling::anneal::Plan;
/// use smc_runtime::prelude::*;
///
/// let full = Plan::of(&Tempering::stages(30), 60_000)?.expect("a fixed ladder");
/// let step = Plan::of(&StepDataAnnealing::front_loaded(30), 60_000)?.expect("a fixed schedule");
/// assert_eq!((full.stages(), full.cost(), full.share()), (30, 30 * 60_000, 1.0));
/// assert!(step.share() < 1.0 / 6.0);
/// println!("{step}");
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    all: usize,
    rows: Vec<usize>,
}

impl Plan {
    /// The plan of these stages for data of `rows` rows.
    pub fn new(stages: &[Stage], rows: usize) -> Self {
        Self {
            all: rows,
            rows: stages.iter().map(Stage::cost).collect(),
        }
    }

    /// The plan of a policy for data of `rows` rows; `None` if it waits for the particles.
    ///
    /// # Errors
    /// If the policy's settings are impossible for so many rows.
    pub fn of(policy: &dyn Annealing, rows: usize) -> Result<Option<Self>> {
        Ok(policy.plan(rows)?.map(|stages| Self::new(&stages, rows)))
    }

    /// Number of stages K.
    pub fn stages(&self) -> usize {
        self.rows.len()
    }

    /// Rows n_k of every stage, ramping ones included.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Σ n_k: the rows of one gradient at every stage.
    pub fn cost(&self) -> u64 {
        self.rows.iter().map(|&n| n as u64).sum()
    }

    /// Σ n_k / (K·N): the cost beside that of as many stages on all rows.
    pub fn share(&self) -> f64 {
        self.cost() as f64 / (self.stages() * self.all).max(1) as f64
    }

    /// Number of stages that touch all rows.
    pub fn stages_at_all(&self) -> usize {
        self.rows.iter().filter(|&&n| n == self.all).count()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} stages, {} of them on all {} rows; {:.3} of the cost of as many on all rows",
            self.stages(),
            self.stages_at_all(),
            self.all,
            self.share()
        )
    }
}
