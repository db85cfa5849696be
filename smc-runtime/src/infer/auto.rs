//! One word for a good choice: which algorithm, with which settings, for a problem and a budget.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::optimise::usual_batch;
use super::rate::rate;
use super::vi::begin_layerwise;
use super::{
    Cost, Generation, Inference, Outcome, Smc, Stepwise, bali, ensemble, modes, sghmc, smc,
};
use crate::base::error::{Error, Result};
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::observe::Step;
use crate::model::dist::Response;
use crate::problem::Problem;
use crate::sampling::adapt::Metric;
use crate::sampling::anneal::{Plan, SmoothDataAnnealing, Tempering};
use crate::sampling::kernel::Hmc;

/// Chooses an algorithm and its settings by the rows, the parameters, the kind of target and a budget: about half a minute of a present
/// machine with two cores, unless set.
///
/// - Where the rows times the parameters are few, it is Sequential Monte Carlo from the prior with data annealing: eight islands of two
///   particles, and then as many moves on the posterior as the budget allows, which are kept.
/// - Where they are many, a network with hidden layers is fitted by what predicts best on held-out rows within such budgets: real targets by a mixture of
///   [layerwise fits](crate::infer::bali()), which is cold, and classes by an [ensemble](crate::infer::ensemble()). Neither is the posterior, and the
///   report says so; `smc()` and `mcmc()` are exact at any size, for their price.
/// - Everything else that is large goes from the prior to the posterior in sixteen chains by [mini-batches](crate::infer::sghmc()); where the
///   budget allows exact moves on all rows too, they go on from there, and the draws on the way count beside theirs.
///
/// The report says what was chosen, and why.
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

    /// What is chosen for a problem.
    fn choose(&self, problem: &dyn Problem) -> Choice {
        let large = Large::of(problem);
        match self.budget {
            Budget::Usual => {
                let worth = |of: f64| (of / (problem.dim() as f64 + OVERHEAD)) as u64;
                let rows = problem.rows();
                let moves = MOST_MOVES.min(MOVES_A_ROW * rows) * PARTICLES * LEAPFROGS;
                let exact = worth(HALF_A_MINUTE).min((moves * rows) as u64);
                let because = "the usual budget";
                if Choice::is_small(problem, exact) {
                    return Choice::small(problem, exact, because);
                }
                Choice::large(large, problem, worth(large.half_a_minute()).max(1), because)
            }
            Budget::Gradients(all) => Choice::of(problem, all, "as asked for"),
            Budget::Seconds(seconds) => {
                let worth = |a_second: f64| (((seconds * a_second) as u64).max(1), a_second);
                let because = |a_second| format!("{seconds} s at {a_second:.1e} a second");
                let exact = worth(rate(problem, TIMED_ROWS, 0));
                if Choice::is_small(problem, exact.0) {
                    return Choice::small(problem, exact.0, &because(exact.1));
                }
                let batch = usual_batch(problem.rows());
                match large {
                    // It times itself: a row costs it more than a gradient.
                    Large::Layerwise => Choice::layerwise(problem, Share::Seconds(seconds)),
                    Large::Ensemble => {
                        let of = worth(FOLDED * rate(problem, batch, 0));
                        Choice::large(large, problem, of.0, &because(of.1))
                    }
                    Large::Chains => {
                        let mini = worth(rate(problem, BATCHES * batch, 0));
                        let of = if mini.0 < exact.0 { mini } else { exact };
                        Choice::large(large, problem, of.0, &because(of.1))
                    }
                }
            }
        }
    }
}

/// Parameters × row-gradients of the usual budget, where each row costs as much as so many parameters besides.
const HALF_A_MINUTE: f64 = 2e12;
const OVERHEAD: f64 = 4e3;

/// The same of an ensemble and of layerwise fits, whose rows cost more.
const OF_AN_ENSEMBLE: f64 = 7e11;
const OF_LAYERS: f64 = 1.5e11;

/// Members that hold out other rows than others have batches of their own, which is a third slower than one for all.
const FOLDED: f64 = 0.65;

/// Layerwise fits at the most.
const FITS: usize = 16;

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
    /// What a state says of the budget: enough for the same choice.
    gradients: u64,
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

    /// By a number of row-gradients.
    fn of(problem: &dyn Problem, gradients: u64, because: &str) -> Self {
        if Self::is_small(problem, gradients) {
            Self::small(problem, gradients, because)
        } else {
            Self::large(Large::of(problem), problem, gradients, because)
        }
    }

    fn new(
        algorithm: impl Inference + 'static,
        gradients: u64,
        because: &str,
        chosen: String,
    ) -> Self {
        let repeat = format!(
            "{gradients} row-gradients ({because}); `auto().gradients({gradients})` repeats the run"
        );
        Self {
            algorithm: Box::new(algorithm),
            gradients,
            said: vec![chosen, repeat],
        }
    }

    fn small(problem: &dyn Problem, gradients: u64, because: &str) -> Self {
        let chosen = format!(
            "sequential Monte Carlo from the prior, 8 islands of 2 particles: {} are few enough for exact moves",
            sizes(problem)
        );
        Self::new(annealed().spend(gradients), gradients, because, chosen)
    }

    fn large(large: Large, problem: &dyn Problem, gradients: u64, because: &str) -> Self {
        match large {
            Large::Layerwise => Self::layerwise(problem, Share::Gradients(gradients, because)),
            Large::Ensemble => {
                let chosen = format!(
                    "an ensemble, which predicts best where classes are learned from many rows: no posterior; {} are many for `smc()`, which is one",
                    sizes(problem)
                );
                let algorithm = ensemble().gradients(gradients);
                Self::new(algorithm, gradients, because, chosen)
            }
            Large::Chains => Self::chains(problem, gradients, because),
        }
    }

    fn layerwise(problem: &dyn Problem, share: Share<'_>) -> Self {
        let chosen = format!(
            "a mixture of layerwise fits, which predicts best where real targets are learned from many rows: a cold approximation; {} are many for `smc()`, which is exact",
            sizes(problem)
        );
        let fits = modes(bali(), FITS);
        match share {
            Share::Gradients(gradients, because) => {
                Self::new(fits.gradients(gradients), gradients, because, chosen)
            }
            Share::Seconds(seconds) => Self {
                algorithm: Box::new(fits.seconds(seconds)),
                gradients: 1,
                said: vec![chosen],
            },
        }
    }

    fn chains(problem: &dyn Problem, gradients: u64, because: &str) -> Self {
        let sizes = sizes(problem);
        let passes = gradients / (problem.rows() * PARTICLES).max(1) as u64;
        if passes < 3 * EXACT_PASSES {
            let chosen = format!(
                "16 chains from the prior by mini-batches alone: {sizes} are many for a budget of {passes} passes over them"
            );
            let walk = sghmc().chains(PARTICLES).gradients(gradients);
            return Self::new(walk, gradients, because, chosen);
        }
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
        Self::new(exact, gradients, because, chosen)
    }
}

fn sizes(problem: &dyn Problem) -> String {
    format!("{} rows × {} parameters", problem.rows(), problem.dim())
}

/// What layerwise fits may take: a number of row-gradients and where it comes from, or seconds.
#[derive(Clone, Copy)]
enum Share<'a> {
    Gradients(u64, &'a str),
    Seconds(f64),
}

/// What is chosen where exact moves would be too dear.
#[derive(Clone, Copy)]
enum Large {
    Layerwise,
    Ensemble,
    Chains,
}

impl Large {
    /// On held-out rows, two cores, 5 to 40 s, mixtures of layerwise fits were ahead of chains, ensembles and warm starts on two tables with real targets
    /// (`power-plant`, `protein`), and ensembles on two sets with classes (MNIST, `optdigits`).
    fn of(problem: &dyn Problem) -> Self {
        let deep = problem.layered().is_ok_and(|l| l.layers().len() > 1);
        if !deep {
            return Self::Chains;
        }
        match problem.model().predictive().response() {
            Response::Class | Response::Binary => Self::Ensemble,
            Response::Real if begin_layerwise(problem, Streams::new(0)).is_ok() => Self::Layerwise,
            _ => Self::Chains,
        }
    }

    /// Parameters × row-gradients of half a minute.
    fn half_a_minute(self) -> f64 {
        match self {
            Self::Layerwise => OF_LAYERS,
            Self::Ensemble => OF_AN_ENSEMBLE,
            Self::Chains => HALF_A_MINUTE,
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
        self.choose(problem).algorithm.cost(problem)
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let choice = self.choose(&*problem);
        Ok(Box::new(AutoRun {
            inside: choice.algorithm.begin(problem, streams)?,
            gradients: choice.gradients,
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
        let mut lines = self.said.clone();
        lines.extend(self.inside.chosen());
        lines
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
