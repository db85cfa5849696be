//! One word for a good choice: which algorithm, with which settings, for a problem and a budget.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::optimise::usual_batch;
use super::rate::rate;
use super::{Cost, Generation, Inference, Outcome, Smc, Stepwise, sghmc, smc};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::observe::Step;
use crate::problem::Problem;
use crate::sampling::adapt::Metric;
use crate::sampling::anneal::{Plan, SmoothDataAnnealing, Tempering};
use crate::sampling::kernel::Hmc;

/// Chooses start, moves, particles and islands by the rows, the parameters and a budget: about half a minute of a present machine
/// with two cores, unless set.
///
/// Where the rows times the parameters are few, that is Sequential Monte Carlo from the prior with data annealing: eight islands of two
/// particles, and then as many moves on the posterior as the budget allows, which are kept. Where they are many, sixteen chains go from
/// the prior to the posterior by [mini-batches](crate::infer::sghmc()); where the budget allows exact moves on all rows too, they go on
/// from there, and the draws on the way count beside theirs. The report says what was chosen, and why.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 0.1))]
/// #[infer(auto(gradients = 2_000_000))]
/// struct Line {
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![-1.0, 0.0, 1.0], vec![-0.9, 0.1, 1.1])?;
/// let posterior = Line::infer(&data).seed(1).run()?;
/// assert!(posterior.report().to_string().contains("chosen"));
/// # Ok::<(), Error>(())
/// ```
pub fn auto() -> Auto {
    Auto {
        budget: Budget::Usual,
    }
}

/// A budget, and all else chosen; see [`auto`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Auto {
    budget: Budget,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Budget {
    Usual,
    Gradients(u64),
    Seconds(f64),
}

impl Auto {
    /// About so many seconds of this machine at its present load: a short timing turns them into row-gradients, which are what is
    /// spent. The report gives the call that repeats the run to the bit.
    pub fn seconds(self, seconds: impl Into<f64>) -> Self {
        Self {
            budget: Budget::Seconds(seconds.into()),
        }
    }

    /// So many row-gradients, gradients of one row's log-likelihood for one particle: the same run on any machine.
    pub fn gradients(self, row_gradients: u64) -> Self {
        Self {
            budget: Budget::Gradients(row_gradients),
        }
    }

    fn check(&self) -> Result<()> {
        match self.budget {
            Budget::Gradients(0) => Err(Error::config("gradients", 0, "at least 1 is needed")),
            Budget::Seconds(s) if !(s > 0.0 && s.is_finite()) => Err(Error::config(
                "seconds",
                s,
                "a positive, finite number is needed",
            )),
            _ => Ok(()),
        }
    }

    /// The budget in row-gradients, with a word on where it comes from.
    fn gradients_for(&self, problem: &dyn Problem) -> (u64, String) {
        match self.budget {
            Budget::Usual => {
                let all = (HALF_A_MINUTE / (problem.dim() as f64 + OVERHEAD)) as u64;
                let rows = problem.rows();
                let moves = MOST_MOVES.min(MOVES_A_ROW * rows) * PARTICLES * LEAPFROGS;
                (
                    all.min((moves * rows) as u64),
                    "the usual budget".to_owned(),
                )
            }
            Budget::Gradients(all) => (all, "as asked for".to_owned()),
            Budget::Seconds(seconds) => {
                let worth = |a_second: f64| (((seconds * a_second) as u64).max(1), a_second);
                let exact = worth(rate(problem, TIMED_ROWS, 0));
                let (all, a_second) = if Choice::is_small(problem, exact.0) {
                    exact
                } else {
                    let mini = worth(rate(problem, BATCHES * usual_batch(problem.rows()), 0));
                    if mini.0 < exact.0 { mini } else { exact }
                };
                (all, format!("{seconds} s at {a_second:.1e} a second"))
            }
        }
    }
}

/// Parameters × row-gradients of the usual budget, where each row costs as much as so many parameters besides.
const HALF_A_MINUTE: f64 = 2e12;
const OVERHEAD: f64 = 4e3;

/// Moves of each particle that the usual budget is worth at the most: so many, and fewer where rows are few.
const MOST_MOVES: usize = 2000;
const MOVES_A_ROW: usize = 20;

/// Rows that are timed together where moves are exact, and usual batches where they are not, which grow.
const TIMED_ROWS: usize = 2048;
const BATCHES: usize = 2;

/// Rows × parameters up to which a run from the prior by exact moves is the better choice.
const SMALL: usize = 2_000_000;

/// Leapfrog steps of a move: one momentum for long enough to cross the width of a posterior that is scaled to one.
const LEAPFROGS: usize = 32;

/// Particles, or chains.
const PARTICLES: usize = 16;

/// Passes over all rows that exact moves take at the least to be worth their cost, and leapfrog steps of such a move.
const EXACT_PASSES: u64 = 24;
const EXACT_LEAPFROGS: usize = 8;

/// What was chosen.
struct Choice {
    algorithm: Box<dyn Inference>,
    said: Vec<String>,
}

/// Sequential Monte Carlo from the prior for few rows and parameters.
fn annealed() -> Smc {
    smc()
        .particles(PARTICLES)
        .islands(PARTICLES / 2)
        .metric(Metric::Diagonal)
        .kernel(Hmc::leapfrogs(LEAPFROGS))
        .moves(2)
        .annealing(SmoothDataAnnealing::geometric())
        .recycle(true)
}

impl Choice {
    /// Whether exact moves from the prior are the choice: there is little of it, and most of the budget is not for the way.
    fn is_small(problem: &dyn Problem, gradients: u64) -> bool {
        let size = problem.rows().saturating_mul(problem.dim());
        let way = annealed().cost(problem);
        size <= SMALL && way.is_some_and(|way| way.row_gradients < 0.35 * gradients as f64)
    }

    fn of(problem: &dyn Problem, gradients: u64, because: &str) -> Self {
        let (rows, dim) = (problem.rows(), problem.dim());
        let passes = gradients / (rows * PARTICLES).max(1) as u64;
        let sizes = format!("{rows} rows × {dim} parameters");
        let (algorithm, chosen): (Box<dyn Inference>, String) = if Self::is_small(
            problem, gradients,
        ) {
            let chosen = format!(
                "sequential Monte Carlo from the prior, 8 islands of 2 particles: {sizes} are few enough for exact moves"
            );
            (Box::new(annealed().spend(gradients)), chosen)
        } else if passes >= 3 * EXACT_PASSES {
            let walk = gradients / 3 * 2;
            let exact = smc()
                .particles(PARTICLES)
                .islands(PARTICLES)
                .metric(Metric::Information)
                .warm(sghmc().chains(PARTICLES).gradients(walk), SPREAD)
                .keep_walk(true)
                .annealing(Tempering::stages(2))
                .kernel(Hmc::leapfrogs(EXACT_LEAPFROGS))
                .moves(1)
                .recycle(true)
                .spend(gradients);
            let chosen = format!(
                "16 chains from the prior by mini-batches, then exact moves: {sizes} are many, and the budget is {passes} passes over them"
            );
            (Box::new(exact), chosen)
        } else {
            let chosen = format!(
                "16 chains from the prior by mini-batches alone: {sizes} are many for a budget of {passes} passes over them"
            );
            (
                Box::new(sghmc().chains(PARTICLES).gradients(gradients)),
                chosen,
            )
        };
        Self {
            algorithm,
            said: vec![
                chosen,
                format!(
                    "{gradients} row-gradients ({because}); `auto().gradients({gradients})` repeats the run"
                ),
            ],
        }
    }
}

/// Width of a start around the chains, in standard deviations of a Laplace approximation.
const SPREAD: f64 = 0.05;

impl Inference for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        self.check().ok()?;
        let (gradients, because) = self.gradients_for(problem);
        Choice::of(problem, gradients, &because)
            .algorithm
            .cost(problem)
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let (gradients, because) = self.gradients_for(&*problem);
        let choice = Choice::of(&*problem, gradients, &because);
        Ok(Box::new(AutoRun {
            inside: choice.algorithm.begin(problem, streams)?,
            gradients,
            said: choice.said,
        }))
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let state: State = state.read()?;
        let choice = Choice::of(&*problem, state.gradients, "as before");
        Ok(Box::new(AutoRun {
            inside: choice.algorithm.resume(problem, streams, &state.inside)?,
            gradients: state.gradients,
            said: choice.said,
        }))
    }
}

#[derive(Serialize, Deserialize)]
struct State {
    gradients: u64,
    inside: Saved,
}

/// The run of what was chosen.
struct AutoRun<'a> {
    inside: Box<dyn Stepwise + 'a>,
    gradients: u64,
    said: Vec<String>,
}

impl Stepwise for AutoRun<'_> {
    fn plan(&self) -> Option<Plan> {
        self.inside.plan()
    }

    fn chosen(&self) -> Vec<String> {
        self.said.clone()
    }

    fn step(&mut self) -> Result<Option<Step>> {
        self.inside.step()
    }

    fn state(&self) -> Result<Saved> {
        Saved::of(&State {
            gradients: self.gradients,
            inside: self.inside.state()?,
        })
    }

    fn gathered(&self) -> Option<usize> {
        self.inside.gathered()
    }

    fn hand_out(&mut self) -> Vec<Generation> {
        self.inside.hand_out()
    }

    fn take_back(&mut self, generations: Vec<Generation>, every: usize) {
        self.inside.take_back(generations, every);
    }

    fn finish(self: Box<Self>) -> Result<Outcome> {
        self.inside.finish()
    }
}
