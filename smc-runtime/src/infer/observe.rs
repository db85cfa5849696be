//! Watching a run: observers see every step and may stop it, but never steer it.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::data::Findings;
use crate::problem::Counts;
use crate::sampling::anneal::Plan;

/// What one step of an algorithm did: what every algorithm can say, and [what is its own](Detail).
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
    /// Moves made, or updates.
    pub moves: usize,
    /// Log-densities of this step that were not finite.
    pub non_finite: usize,
    /// Proposals or updates of all particles, chains or members together.
    pub proposals: usize,
    /// What is the algorithm's own.
    pub detail: Detail,
    /// What the engine has computed since the run began, which the runner fills in.
    pub counts: Counts,
    /// Wall time since the algorithm began, which the runner fills in: the only number here that differs between two
    /// runs of the same seed.
    pub seconds: f64,
}

/// What a step says that other algorithms have no word for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Detail {
    /// A stage of sequential Monte Carlo, or some moves on its last.
    Stage(StageDetail),
    /// A move of every Markov chain.
    Chains(ChainsDetail),
    /// A pass over the rows by an optimiser.
    Epoch(EpochDetail),
    /// A pass over the rows by stochastic gradients.
    Pass(PassDetail),
    /// A pass over the rows by an algorithm that fits a density.
    Fit(FitDetail),
    /// Nothing.
    None,
}

/// A pass over the rows by an algorithm that fits a density.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitDetail {
    /// Rows of a batch, about.
    pub batch: usize,
    /// The mean log-likelihood of a row during the pass, under draws of the density.
    pub log_likelihood: f64,
    /// That of the rows held out after it, if some are.
    pub held_out: Option<f64>,
}

/// A pass over the rows by stochastic gradients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassDetail {
    /// Whether noise was added, so that it sampled; otherwise it approached.
    pub noise: bool,
    /// Rows of a batch, about.
    pub batch: usize,
    /// The kernel's step size after it.
    pub step_size: f64,
    /// E\[ΔH²\]/d of a step on a fixed subset of the rows, as last probed.
    pub energy_error: Option<f64>,
    /// Temperature that the noise of batches adds, as last probed.
    pub heat: Option<f64>,
}

/// A stage of sequential Monte Carlo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageDetail {
    /// Conditional effective sample size of the increments, and of the corrections of moves, as a fraction of J; the mean over
    /// islands.
    pub cess: f64,
    /// Effective sample size before resampling, as a fraction of J; the smallest of all islands.
    pub ess: f64,
    /// Whether particles were resampled.
    pub resampled: bool,
    /// Mean acceptance of the moves.
    pub acceptance: f64,
    /// The kernel's step size after them.
    pub step_size: f64,
    /// Initial particles that still have descendants.
    pub ancestors: usize,
    /// About how many would have some if every resampling had been as uneven as it was, but no lineage better than another
    /// ([`ancestors_left`]).
    ///
    /// [`ancestors_left`]: crate::base::diagnostics::ancestors_left
    pub ancestors_by_resampling: f64,
    /// Log-evidence accumulated so far, on the scale of the targets that the network sees.
    pub log_evidence: f64,
}

/// A move of every Markov chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainsDetail {
    /// Whether it belongs to the warm-up.
    pub warmup: bool,
    /// Mean acceptance over the chains.
    pub acceptance: f64,
    /// Mean step size of the chains after it.
    pub step_size: f64,
}

/// A pass over the rows by an optimiser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochDetail {
    /// Mean learning rate of the members after it.
    pub rate: f64,
    /// Members that go on.
    pub members: usize,
}

impl Step {
    /// What it says of a stage, if it is one.
    pub fn stage(&self) -> Option<&StageDetail> {
        match &self.detail {
            Detail::Stage(stage) => Some(stage),
            _ => None,
        }
    }

    /// Mean acceptance of its moves; `None` where nothing is accepted or rejected.
    pub fn acceptance(&self) -> Option<f64> {
        match &self.detail {
            Detail::Stage(StageDetail { acceptance, .. })
            | Detail::Chains(ChainsDetail { acceptance, .. }) => Some(*acceptance),
            _ => None,
        }
    }

    /// The step size of the kernel after it, or the learning rate.
    pub fn step_size(&self) -> Option<f64> {
        match &self.detail {
            Detail::Stage(StageDetail { step_size, .. })
            | Detail::Chains(ChainsDetail { step_size, .. })
            | Detail::Pass(PassDetail { step_size, .. }) => Some(*step_size),
            Detail::Epoch(EpochDetail { rate, .. }) => Some(*rate),
            Detail::Fit(_) | Detail::None => None,
        }
    }
}

/// What a run has computed by now, to be asked at any time: steps can be long.
#[derive(Clone)]
pub struct Live(Arc<dyn Fn() -> Counts + Send + Sync>);

impl Live {
    /// What `counts` says when it is asked.
    pub fn new(counts: impl Fn() -> Counts + Send + Sync + 'static) -> Self {
        Self(Arc::new(counts))
    }

    /// What has been computed by now, as [`Step::counts`] of a step that ended now.
    pub fn counts(&self) -> Counts {
        self.0()
    }
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
    /// Called after every step. `Break` ends the run there: what it has becomes the posterior's draws, and the report says
    /// that it was ended.
    fn step(&mut self, step: &Step) -> ControlFlow<()>;

    /// Called first of all with what is of note in the data, if anything is.
    fn data(&mut self, findings: &Findings) {
        let _ = findings;
    }

    /// Called before the first step with what was chosen for the problem and why, a line each, if the algorithm chooses.
    fn chosen(&mut self, lines: &[String]) {
        let _ = lines;
    }

    /// Called before the first step with what the run will cost, if that is known.
    fn plan(&mut self, plan: &Plan) {
        let _ = plan;
    }

    /// Called last before the first step, with what says at any time, also within a step and from another thread, what has been computed.
    fn live(&mut self, live: &Live) {
        let _ = live;
    }
}

const _: fn(&dyn Observer) = |_| ();
