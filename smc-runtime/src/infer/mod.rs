//! Algorithms: from a problem to posterior draws, step by step. One file or folder each.

mod auto;
mod budget;
mod draws;
#[doc(hidden)]
pub mod elsewhere;
mod generation;
mod mcmc;
pub mod observe;
mod optimise;
mod prior;
pub(crate) mod rate;
mod smc;
mod stochastic;
mod vi;

pub use auto::{Auto, auto};
pub use draws::{DrawnFrom, Draws, Fitted, Form, Island, Nearness};
pub use generation::Generation;

pub use mcmc::{Mcmc, Symmetric, mcmc, symmetric};
pub(crate) use mcmc::{Said, grouped};
#[doc(hidden)]
pub use mcmc::{chains, chains_for};
pub use optimise::{Ensemble, Map, ensemble, map};
pub(crate) use prior::FromPrior;
pub use smc::{Smc, smc};
pub use stochastic::{SgMcmc, psmile, sghmc, sgld};
pub use vi::{
    Bali, Bam, Boosted, Curvature, Fitting, Gsm, Ivon, LaplaceApproximation, MeanField, Modes,
    ScoreVi, Swag, Variational, bali, bam, boosted, evon, gsm, ivon, laplace, mean_field, modes,
    score_vi, swag,
};

use std::fmt::Debug;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::observe::Step;
use crate::problem::Problem;
use crate::sampling::anneal::Plan;

/// An algorithm that turns a problem into posterior draws: what `#[infer(..)]` takes.
///
/// Contract. An algorithm is a value; a run of it is what [`begin`](Self::begin) gives, which a
/// [`Run`](crate::run::Run) drives, shows, saves and resumes. All randomness comes from `streams`; nothing depends on the number
/// of threads. `Debug` shows every setting that changes the draws: it is what tells a saved state that it is resumed by
/// another algorithm.
///
/// ```
/// use std::sync::Arc;
/// use smc_runtime::base::rng::Streams;
/// use smc_runtime::infer::{Draws, Stepwise, at_once};
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
///     fn begin<'a>(&self, problem: Arc<dyn Problem + 'a>, streams: Streams) -> Result<Box<dyn Stepwise + 'a>> {
///         let mut positions = Population::zeros(self.0, problem.dim());
///         problem.prior().sample(streams, 0, &mut positions);
///         let rows = RowSet::from(0..problem.rows()).segments(1.0);
///         let likelihood = problem.log_likelihood(&positions, &rows, None).totals();
///         let mut weights = Weights::uniform(self.0);
///         let impossible = |_| Error::config("draws", self.0, "more are needed: none is possible");
///         weights.reweight(&likelihood).map_err(impossible)?;
///         let draws = Draws::cloud(positions, &weights)?;
///         Ok(at_once(draws.with_log_evidence(weights.log_evidence())))
///     }
/// }
/// # fn run<M: Infers>(model: M, data: &Dataset) -> Result<Posterior<M>> {
/// Run::new(model, data).with(Importance(10_000)).run()
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an algorithm: it does not implement `Inference`",
    label = "not an `Inference`",
    note = "the algorithms are `auto()`, `smc()`, `mcmc()`, `symmetric()`, `sghmc()`, `sgld()`, `psmile()`, `score_vi()`, `mean_field()`, `ivon()`, `evon()`, `gsm()`, `bam()`, `bali()`, `laplace()`, `swag()`, `modes(..)`, `boosted(..)`, `map()`, `ensemble()`, and your own that implement `Inference`; there is no NUTS, `mcmc(kernel = Chees::default())` is nearest"
)]
pub trait Inference: Debug + Send + Sync {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// What a run on `problem` will cost, as far as that can be said before it: what a run is estimated by, and refused by
    /// where its parameter vectors are more than memory holds.
    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        let _ = problem;
        None
    }

    /// A run on the posterior of `problem`, before its first step.
    ///
    /// # Errors
    /// If a setting is impossible, or if no start is possible.
    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>>;

    /// The run that [`Stepwise::state`] saved, with the problem, streams and settings that it had then: it goes on bit for bit.
    /// [`Run::resume_from`](crate::run::Run::resume_from) sees to it that they are the same.
    ///
    /// # Errors
    /// If `state` is not one of this algorithm's.
    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        let _ = (problem, streams, state);
        Err(Error::lacks(
            "a run that goes on from a saved state",
            format!("`{}` has no states", self.name()),
        ))
    }
}

const _: fn(&dyn Inference) = |_| ();

/// What a run will cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Gradients of one row's log-likelihood for one parameter vector.
    pub row_gradients: f64,
    /// Whether that is a guess, because the run decides by what it finds: three times less or more is possible.
    pub guess: bool,
    /// Parameter vectors that are in memory together at the most.
    pub vectors: f64,
    /// What to reduce where that is too much.
    pub reduce: &'static str,
}

/// A run of an algorithm: steps until there are none, then what it leaves.
pub trait Stepwise: Send {
    /// What the steps will cost, where that is known before them.
    fn plan(&self) -> Option<Plan> {
        None
    }

    /// What was chosen for the problem and why, a line each; nothing where the settings say all.
    fn chosen(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes a step; `None` when all are made. Counts and seconds of a [`Step`] are the runner's to fill in.
    ///
    /// # Errors
    /// If a policy fails, or if all particles lose their weight.
    fn step(&mut self) -> Result<Option<Step>>;

    /// Everything that the run has become so far.
    ///
    /// # Errors
    /// If the algorithm has no states.
    fn state(&self) -> Result<Saved>;

    /// Draws from its way that it holds and has no use for before its end, so that they can be kept elsewhere
    /// ([`Run::keep`](crate::run::Run::keep)): how many vectors. `None` if it never has any.
    fn gathered(&self) -> Option<usize> {
        None
    }

    /// Hands those out, the oldest first, and goes on without.
    fn hand_out(&mut self) -> Vec<Generation> {
        Vec::new()
    }

    /// Takes every `every`-th of all that it handed out back, the first one and so on, before it [finishes](Self::finish).
    fn take_back(&mut self, generations: Vec<Generation>, every: usize) {
        let _ = (generations, every);
    }

    /// What the run leaves: after its last step, or what it has after an earlier one, where it was ended
    /// ([`Run::within`](crate::run::Run::within), an observer that breaks). Draws of anything but the posterior say
    /// [what they are drawn from](Draws::meant_for).
    ///
    /// # Errors
    /// If it leaves nothing; [`Error::Stopped`] if there is nothing yet.
    fn finish(self: Box<Self>) -> Result<Outcome>;
}

const _: fn(&dyn Stepwise) = |_| ();

/// What a run leaves.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The draws.
    pub draws: Draws,
    /// Words of caution about them.
    pub cautions: Vec<String>,
}

impl From<Draws> for Outcome {
    fn from(draws: Draws) -> Self {
        Self {
            draws,
            cautions: Vec::new(),
        }
    }
}

/// A run that has no steps and leaves `outcome`: of an algorithm that does all its work at the beginning.
pub fn at_once<'a>(outcome: impl Into<Outcome>) -> Box<dyn Stepwise + 'a> {
    Box::new(AtOnce(outcome.into()))
}

/// Whether a state that was saved has the shape of the run that is to go on from it.
fn check_shape(expected: &str, found: &str) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(Error::shape("a saved state", expected, found))
}

struct AtOnce(Outcome);

impl Stepwise for AtOnce {
    fn step(&mut self) -> Result<Option<Step>> {
        Ok(None)
    }

    fn state(&self) -> Result<Saved> {
        let why = "this algorithm does all its work at the beginning";
        Err(Error::lacks("a state to save", why))
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        Ok(self.0)
    }
}

/// Makes all steps of a run: what the runner does, for algorithms that are made of others, and for laws. Counts and seconds of
/// the steps are not filled in.
///
/// ```
/// use std::sync::Arc;
/// use smc_runtime::base::rng::Streams;
/// use smc_runtime::engine::bind;
/// use smc_runtime::infer::complete;
/// use smc_runtime::prelude::*;
/// # fn tenth<M: Model>(model: M, data: &Dataset) -> Result<()> {
/// let bound = bind(model, data, Engine::auto(), 1)?;
/// let (steps, outcome) = complete(map().begin(bound.problem, Streams::new(1))?)?;
/// println!("{} epochs, {:?}", steps.len(), outcome.cautions);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of the steps and of what they leave.
pub fn complete(mut run: Box<dyn Stepwise + '_>) -> Result<(Vec<Step>, Outcome)> {
    let mut steps = Vec::new();
    while let Some(step) = run.step()? {
        steps.push(step);
    }
    Ok((steps, run.finish()?))
}
