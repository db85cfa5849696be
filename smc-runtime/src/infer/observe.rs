//! Watching a run: observers see every step and may stop it, but never steer it.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::data::Findings;
use crate::problem::Counts;
use crate::sampling::anneal::Plan;

/// What one step of an algorithm did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The step, counted from 1.
    pub step: usize,
    /// How much of the run is done, from 0 to 1, as far as it can be known.
    pub done: f64,
    /// Rows of the current target, ramping ones counted by their exponent.
    pub rows: f64,
    /// Rows that a gradient of the current target passes, ramping ones in full.
    pub touched: usize,
    /// Rows of the data.
    pub all_rows: usize,
    /// Conditional effective sample size of the step's increments, as a fraction of J; 1 for MCMC.
    pub cess: f64,
    /// Effective sample size before resampling, as a fraction of J; 1 for MCMC.
    pub ess: f64,
    /// Whether the particles were resampled.
    pub resampled: bool,
    /// Mean acceptance of the step's moves; `None` where updates are not accepted or rejected, as in `map`.
    pub acceptance: Option<f64>,
    /// Moves made, or updates.
    pub moves: usize,
    /// The kernel's step size after it.
    pub step_size: f64,
    /// Initial particles that still have descendants.
    pub ancestors: usize,
    /// Log-evidence accumulated so far, on the scale of the targets that the network sees; `None` for MCMC.
    pub log_evidence: Option<f64>,
    /// Log-densities of this step that were not finite.
    pub non_finite: usize,
    /// What the engine has computed since the run began.
    pub counts: Counts,
    /// Wall time since the algorithm began, which the session fills in: the only number here that differs between two
    /// runs of the same seed.
    pub seconds: f64,
}

/// Sees each step of a run.
///
/// ```
/// use std::ops::ControlFlow;
/// use smc_runtime::infer::observe::{Observer, Step};
///
/// /// Stops a run after a number of row-gradients.
/// struct Budget(u64);
///
/// impl Observer for Budget {
///     fn step(&mut self, step: &Step) -> ControlFlow<()> {
///         if step.counts.row_gradients > self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }
/// }
/// ```
pub trait Observer: Send {
    /// Called after every step. `Break` ends the run with [`Error::Stopped`](crate::Error::Stopped).
    fn step(&mut self, step: &Step) -> ControlFlow<()>;

    /// Called first of all with what is of note in the data, if anything is.
    fn data(&mut self, findings: &Findings) {
        let _ = findings;
    }

    /// Called before the first step with what the run will cost, if that is known.
    fn plan(&mut self, plan: &Plan) {
        let _ = plan;
    }
}

const _: fn(&dyn Observer) = |_| ();
