//! One word for a good choice: which algorithm, with which settings, for a problem and a budget.

mod choice;
mod held_out;
mod run;

use std::sync::Arc;

use self::choice::{Choice, Kind, LEAPFROGS, Means, PARTICLES, is_small};
use self::run::AutoRun;
use super::budget::Budget;
use super::optimise::usual_batch;
use super::rate::rate;
use super::{Cost, Inference, Stepwise};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::problem::Problem;

/// Chooses an algorithm and its settings by the rows, the parameters and a budget: about half a minute of a present machine with two
/// cores, unless set.
///
/// - Where the rows times the parameters are few, it is Sequential Monte Carlo from the prior with data annealing: eight islands of two
///   particles, and then as many moves on the posterior as the budget allows, which are kept.
/// - Where they are many, or the budget is too short for that, the choice for a network with hidden layers and a hundred rows or more is made by rows
///   held out: an [ensemble](crate::infer::ensemble()), a mixture of [layerwise fits](crate::infer::bali()) and sixteen chains by
///   [mini-batches](crate::infer::sghmc()) learn from the other rows for a twelfth of the budget each, and the one that predicts those best
///   goes on with what is left of it (.7 where it is one of seconds), on all rows: chains, where nothing is ahead of them by a standard error. A
///   budget that is too short for a comparison goes to an ensemble. An ensemble and layerwise fits are no sample of the posterior, and the report says
///   so; `smc()` and `mcmc()` are exact at any size, for their price.
/// - Everything else goes from the prior to the posterior in such chains; where the budget allows exact moves on all rows too, they go on from there, and
///   the draws on the way count beside theirs.
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
    Auto { budget: None }
}

/// A budget, and all else chosen; see [`auto`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Auto {
    /// The usual one, unless it is set.
    budget: Option<Budget>,
}

impl Auto {
    /// About so many seconds of this machine at its present load: a short timing turns them into row-gradients, which are what is
    /// spent. The report says what repeats the run to the bit.
    pub fn seconds(self, seconds: impl Into<f64>) -> Self {
        Self {
            budget: Some(Budget::Seconds(seconds.into())),
        }
    }

    /// So many row-gradients, gradients of one row's log-likelihood for one particle: the same run on any machine.
    pub fn gradients(self, row_gradients: u64) -> Self {
        Self {
            budget: Some(Budget::Gradients(row_gradients)),
        }
    }

    fn check(&self) -> Result<()> {
        self.budget.map_or(Ok(()), Budget::check)
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

/// Moves of each particle that the usual budget is worth at the most: so many, and fewer where rows are few.
const MOST_MOVES: usize = 2000;
const MOVES_A_ROW: usize = 20;

/// Rows that are timed together where moves are exact, and usual batches where they are not, which grow.
const TIMED_ROWS: usize = 2048;
const BATCHES: usize = 2;

impl Auto {
    /// What the budget comes to for a problem.
    fn means(&self, problem: &dyn Problem) -> Means {
        match self.budget {
            None => {
                let worth = |of: f64| ((of / (problem.dim() as f64 + OVERHEAD)) as u64).max(1);
                let rows = problem.rows();
                let moves = MOST_MOVES.min(MOVES_A_ROW * rows) * PARTICLES * LEAPFROGS;
                let exact = worth(HALF_A_MINUTE).min((moves * rows) as u64);
                if is_small(problem, exact) {
                    return Means::Small(exact, "the usual budget".to_owned());
                }
                Means::Large {
                    members: worth(OF_AN_ENSEMBLE).min(exact),
                    fits: Budget::Gradients(worth(OF_LAYERS).min(exact)),
                    chains: exact,
                }
            }
            Some(Budget::Gradients(all)) if is_small(problem, all) => {
                Means::Small(all, "as asked for".to_owned())
            }
            Some(Budget::Gradients(all)) => Means::Large {
                members: all,
                fits: Budget::Gradients(all),
                chains: all,
            },
            Some(Budget::Seconds(seconds)) => {
                let worth = |a_second: f64| ((seconds * a_second) as u64).max(1);
                let a_second = rate(problem, TIMED_ROWS, 0);
                let exact = worth(a_second);
                if is_small(problem, exact) {
                    let because = format!("{seconds} s at {a_second:.1e} a second");
                    return Means::Small(exact, because);
                }
                let mini = rate(problem, BATCHES * usual_batch(problem.rows()), 0);
                Means::Large {
                    members: worth(FOLDED * mini),
                    fits: Budget::Seconds(seconds),
                    chains: worth(mini).min(exact),
                }
            }
        }
    }
}

impl Inference for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn cost(&self, problem: &dyn Problem) -> Option<Cost> {
        self.check().ok()?;
        match self.means(problem) {
            Means::Small(gradients, because) => Choice::small(problem, gradients, &because)
                .algorithm
                .cost(problem),
            Means::Large {
                members,
                fits,
                chains,
            } => {
                let of = |kind: &Kind| {
                    let choice = Choice::of(*kind, problem, (members, fits, chains), 1.0);
                    choice.algorithm.cost(problem)
                };
                let (kinds, _) = Kind::of(problem, chains);
                let costs: Option<Vec<Cost>> = kinds.iter().map(of).collect();
                let mut costs = costs?.into_iter().rev();
                // Chains are the last, and the budget is theirs.
                let last = costs.next()?;
                let vectors = costs.fold(last.vectors, |most, cost| most.max(cost.vectors));
                Some(Cost {
                    vectors,
                    guess: last.guess || kinds.len() > 1,
                    ..last
                })
            }
        }
    }

    fn begin<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        let means = self.means(&*problem);
        Ok(Box::new(AutoRun::new(problem, streams, means)?))
    }

    fn resume<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: &Saved,
    ) -> Result<Box<dyn Stepwise + 'a>> {
        self.check()?;
        Ok(Box::new(AutoRun::resume(problem, streams, state.read()?)?))
    }
}
