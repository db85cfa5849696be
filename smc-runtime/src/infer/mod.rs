//! Algorithms: from a problem to posterior draws. One per file.

mod adam;
mod ensemble;
mod map;
mod mcmc;
pub mod observe;
mod prior;
mod smc;

pub use ensemble::{Ensemble, ensemble};
pub use map::{Map, map};
pub use mcmc::{Mcmc, mcmc};
pub(crate) use prior::FromPrior;
pub use smc::{Smc, SmcRun, SmcState, smc};

use std::fmt::Debug;
use std::time::Instant;

use crate::base::diagnostics::{r_hat, weighted_r_hat};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::infer::observe::{Observer, Step};
use crate::problem::Problem;
use crate::problem::population::Population;
use crate::sampling::anneal::Plan;

/// An algorithm that turns a problem into posterior draws: what `#[infer(..)]` takes.
///
/// Contract. All randomness comes from `session.streams()`; every step is handed to [`Session::report`]; nothing
/// depends on the number of threads.
///
/// ```
/// use smc_runtime::infer::{Draws, Session};
/// use smc_runtime::prelude::*;
/// use smc_runtime::problem::{Problem, population::Population, rows::RowSet};
/// use smc_runtime::sampling::weights::Weights;
///
/// /// Draws from the prior, weighted by the likelihood.
/// #[derive(Debug)]
/// struct Importance(usize);
///
/// impl Inference for Importance {
///     fn name(&self) -> &'static str {
///         "importance"
///     }
///     fn infer(&self, problem: &dyn Problem, session: &mut Session<'_>) -> Result<Draws> {
///         let mut positions = Population::zeros(self.0, problem.dim());
///         problem.prior().sample(session.streams(), 0, &mut positions);
///         let rows = RowSet::from(0..problem.rows()).segments(1.0);
///         let likelihood = problem.log_likelihood(&positions, &rows, None).totals();
///         let mut weights = Weights::uniform(self.0);
///         let impossible = |_| Error::config("draws", self.0, "more are needed: none is possible");
///         weights.reweight(&likelihood).map_err(impossible)?;
///         Ok(Draws {
///             positions,
///             log_weights: weights.log().to_vec(),
///             log_evidence: Some(weights.log_evidence()),
///             chains: 1,
///             islands: Vec::new(),
///             cautions: Vec::new(),
///         })
///     }
/// }
/// # fn run<M: Infers>(model: M, data: &Dataset) -> Result<Posterior<M>> {
/// Run::new(model, data).with(Importance(10_000)).run()
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an algorithm: it does not implement `Inference`",
    label = "not an `Inference`",
    note = "`#[infer(..)]` takes any Rust expression that implements `Inference`, such as `smc(particles = 64)`"
)]
pub trait Inference: Debug + Send + Sync {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Draws from the posterior of `problem`.
    ///
    /// # Errors
    /// If a setting is impossible, if all particles lose their weight, or if an observer stops the run.
    fn infer(&self, problem: &dyn Problem, session: &mut Session<'_>) -> Result<Draws>;
}

const _: fn(&dyn Inference) = |_| ();

/// What an algorithm gets from the run around it: its streams and its observers.
pub struct Session<'a> {
    streams: Streams,
    observers: &'a mut [Box<dyn Observer>],
    steps: Vec<Step>,
    plan: Option<Plan>,
    start: Instant,
}

impl<'a> Session<'a> {
    /// A session whose streams have that seed.
    pub fn new(seed: u64, observers: &'a mut [Box<dyn Observer>]) -> Self {
        Self {
            streams: Streams::new(seed),
            observers,
            steps: Vec::new(),
            plan: None,
            start: Instant::now(),
        }
    }

    /// The streams of the run.
    pub fn streams(&self) -> Streams {
        self.streams
    }

    /// Shows every observer what the run will cost, where that is known before it, and keeps it for the report.
    pub fn plan(&mut self, plan: Plan) {
        for observer in &mut *self.observers {
            observer.plan(&plan);
        }
        self.plan = Some(plan);
    }

    /// What the run was going to cost, if that was known.
    pub fn planned(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// Shows a step, with the seconds since the session began, to every observer and keeps it for the report.
    ///
    /// # Errors
    /// [`Error::Stopped`] if an observer says so.
    pub fn report(&mut self, mut step: Step) -> Result<()> {
        step.seconds = self.start.elapsed().as_secs_f64();
        let mut stop = false;
        for observer in &mut *self.observers {
            stop |= observer.step(&step).is_break();
        }
        self.steps.push(step);
        if stop {
            return Err(Error::Stopped {
                steps: self.steps.len(),
            });
        }
        Ok(())
    }

    /// The steps reported so far.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

/// Weighted draws of a posterior.
#[derive(Clone, Debug, PartialEq)]
pub struct Draws {
    /// Unconstrained parameter vectors.
    pub positions: Population,
    /// Normalised log-weights.
    pub log_weights: Vec<f64>,
    /// log Z, where the algorithm has one: it began at a normalised density and ended at all rows.
    pub log_evidence: Option<f64>,
    /// Number of independent chains, whose draws follow one another; 1 for a weighted cloud.
    pub chains: usize,
    /// Islands of a weighted cloud, whose draws follow one another; empty for an algorithm that has none.
    pub islands: Vec<Island>,
    /// Words of caution about these draws.
    pub cautions: Vec<String>,
}

impl Draws {
    /// The weights of the draws, which sum to 1.
    pub(crate) fn weights(&self) -> Vec<f64> {
        self.log_weights.iter().map(|w| w.exp()).collect()
    }

    /// Whether they are a weighted cloud rather than chains.
    pub(crate) fn is_cloud(&self) -> bool {
        !self.islands.is_empty()
    }

    /// Number of chains or islands, whichever there are.
    pub(crate) fn groups(&self) -> usize {
        self.chains.max(self.islands.len())
    }

    /// R-hat of a scalar with one value per draw, across the chains or islands of the run.
    pub(crate) fn r_hat(&self, values: &[f64]) -> Option<f64> {
        let islands = self.islands.len();
        let groups = self.groups();
        let size = self.positions.len() / groups.max(1);
        if groups < 2 || size == 0 {
            return None;
        }
        let groups = values.chunks_exact(size).take(groups).map(<[f64]>::to_vec);
        if islands < 2 {
            return r_hat(&groups.collect::<Vec<_>>());
        }
        let weights = self.weights();
        let weights = weights.chunks_exact(size).map(<[f64]>::to_vec);
        weighted_r_hat(&groups.zip(weights).collect::<Vec<_>>())
    }
}

/// One of the independent populations of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Island {
    /// Its estimate of the log-evidence, if the run has one; −∞ if it lost all of its particles.
    pub log_evidence: f64,
    /// Effective sample size of its particles, as a fraction of J.
    pub ess: f64,
}
