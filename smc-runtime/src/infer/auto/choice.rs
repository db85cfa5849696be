//! What is chosen among, with its settings.

use serde::{Deserialize, Serialize};

use crate::base::rng::Streams;
use crate::infer::budget::Budget;
use crate::infer::vi::begin_layerwise;
use crate::infer::{Inference, Smc, bali, ensemble, modes, sghmc, smc};
use crate::problem::Problem;
use crate::sampling::adapt::Metric;
use crate::sampling::anneal::{SmoothDataAnnealing, Tempering};
use crate::sampling::kernel::Hmc;

/// Shares of a budget: of each of those that are compared, and of the one that goes on where the budget is one of seconds, of which timings take some.
pub(super) const TRIAL: f64 = 0.08;
pub(super) const FINAL: f64 = 0.7;

/// Rows below which nothing is held out for a comparison.
const FEWEST: usize = 100;

/// Layerwise fits at the most.
const FITS: usize = 16;

/// Rows × parameters up to which a run from the prior by exact moves is the better choice.
const SMALL: usize = 2_000_000;

/// Leapfrog steps of a move: one momentum for long enough to cross the width of a posterior that is scaled to one.
pub(super) const LEAPFROGS: usize = 32;

/// Particles, or chains.
pub(super) const PARTICLES: usize = 16;

/// Passes over all rows that exact moves take at the least to be worth their cost, and leapfrog steps of such a move.
const EXACT_PASSES: u64 = 24;
const EXACT_LEAPFROGS: usize = 8;

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

/// What may be spent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Means {
    /// Row-gradients of exact moves from the prior.
    Small(u64, String),
    /// What each kind may take where those are too dear.
    Large {
        members: u64,
        /// Their rows cost more than a gradient.
        fits: Budget,
        chains: u64,
    },
}

/// What is chosen among where exact moves from the prior would be too dear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Members,
    Fits,
    Chains,
}

impl Kind {
    /// Those that a problem and row-gradients for chains allow, with why layerwise fits are not among them: chains alone, unless it is a network
    /// with hidden layers and rows enough to hold some out; an ensemble alone, where each would have less than two passes in a comparison.
    pub(super) fn of(problem: &dyn Problem, chains: u64) -> (Vec<Self>, Option<String>) {
        let deep = problem.layered().is_ok_and(|l| l.layers().len() > 1);
        if !deep || problem.rows() < FEWEST {
            return (vec![Self::Chains], None);
        }
        let two_passes = (2 * PARTICLES * problem.rows()) as f64;
        if TRIAL * (chains as f64) < two_passes {
            return (vec![Self::Members], None);
        }
        match begin_layerwise(problem, Streams::new(0)) {
            Ok(_) => (vec![Self::Members, Self::Fits, Self::Chains], None),
            Err(why) => {
                let why = format!("layerwise fits are left out: {why}");
                (vec![Self::Members, Self::Chains], Some(why))
            }
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Members => "an ensemble",
            Self::Fits => "layerwise fits",
            Self::Chains => "chains by mini-batches",
        }
    }
}

/// Whether exact moves from the prior are the choice: there is little of it, and most of the budget is not for the way.
pub(super) fn is_small(problem: &dyn Problem, gradients: u64) -> bool {
    let size = problem.rows().saturating_mul(problem.dim());
    let way = annealed().cost(problem);
    size <= SMALL && way.is_some_and(|way| way.row_gradients < 0.35 * gradients as f64)
}

/// An algorithm, and what is said of it.
pub(super) struct Choice {
    pub(super) algorithm: Box<dyn Inference>,
    pub(super) said: Vec<String>,
}

impl Choice {
    fn new(algorithm: impl Inference + 'static, said: impl Into<Vec<String>>) -> Self {
        Self {
            algorithm: Box::new(algorithm),
            said: said.into(),
        }
    }

    pub(super) fn small(problem: &dyn Problem, gradients: u64, because: &str) -> Self {
        let said = [
            format!(
                "sequential Monte Carlo from the prior, 8 islands of 2 particles: {} are few enough for exact moves",
                sizes(problem)
            ),
            format!(
                "{gradients} row-gradients ({because}); `auto().gradients({gradients})` repeats the run"
            ),
        ];
        Self::new(annealed().spend(gradients), said)
    }

    /// One of a kind, for a share of what there is.
    pub(super) fn of(
        kind: Kind,
        problem: &dyn Problem,
        (members, fits, chains): (u64, Budget, u64),
        share: f64,
    ) -> Self {
        let some = |all: u64| ((all as f64 * share) as u64).max(1);
        match kind {
            Kind::Members => {
                let gradients = some(members);
                let said = format!(
                    "an ensemble, which is no posterior; `ensemble().gradients({gradients})` repeats it"
                );
                Self::new(ensemble().gradients(gradients), [said])
            }
            Kind::Fits => {
                let modes = modes(bali(), FITS);
                let modes = match fits {
                    Budget::Gradients(all) => modes.gradients(some(all)),
                    Budget::Seconds(all) => modes.seconds(all * share),
                };
                let said = "a mixture of layerwise fits, a cold approximation of the posterior";
                Self::new(modes, [said.to_owned()])
            }
            Kind::Chains => Self::chains(problem, some(chains)),
        }
    }

    fn chains(problem: &dyn Problem, gradients: u64) -> Self {
        let sizes = sizes(problem);
        let passes = gradients / (problem.rows() * PARTICLES).max(1) as u64;
        if passes < 3 * EXACT_PASSES {
            let said = [
                format!(
                    "16 chains from the prior by mini-batches alone: {sizes} are many for a budget of {passes} passes over them"
                ),
                format!("`sghmc().chains({PARTICLES}).gradients({gradients})` repeats them"),
            ];
            return Self::new(sghmc().chains(PARTICLES).gradients(gradients), said);
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
        let said = [
            format!(
                "16 chains from the prior by mini-batches, then exact moves: {sizes} are many, and the budget is {passes} passes over them"
            ),
            format!("{gradients} row-gradients, {walk} of them by mini-batches"),
        ];
        Self::new(exact, said)
    }
}

pub(super) fn sizes(problem: &dyn Problem) -> String {
    format!("{} rows × {} parameters", problem.rows(), problem.dim())
}

/// Width of a start around the chains, in standard deviations of a Laplace approximation.
const SPREAD: f64 = 0.05;
