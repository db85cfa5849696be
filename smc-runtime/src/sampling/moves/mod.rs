//! How many moves a stage gets. One policy per file.

mod adaptive;

pub use adaptive::AdaptiveMoves;

use std::fmt::Debug;

use crate::base::error::{Error, Result};
use crate::sampling::kernel::Moved;

/// What the moves of a stage have come to so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// Moves made.
    pub moves: usize,
    /// Mean acceptance of the last one.
    pub acceptance: f64,
    /// Mean acceptance of all of them.
    pub mean_acceptance: f64,
    /// Sum over the moves of the mean expected squared jump, Σ ((θ'−θ)/s)² averaged over the particles.
    pub jumps: f64,
    /// Smallest conditional effective sample size of a move's corrections, as a fraction of J; 1 where there are none.
    pub cess: f64,
    /// Proposals whose log-density was not finite.
    pub non_finite: usize,
    /// Number of parameters d.
    pub dim: usize,
    /// The acceptance that the step size is steered to, if it is.
    pub aim: Option<f64>,
}

impl Tally {
    /// No moves yet, of `dim` parameters, with a step size that is steered to the acceptance `aim` or to none.
    pub fn new(dim: usize, aim: Option<f64>) -> Self {
        Self {
            moves: 0,
            acceptance: 0.0,
            mean_acceptance: 0.0,
            jumps: 0.0,
            cess: 1.0,
            non_finite: 0,
            dim,
            aim,
        }
    }

    /// Counts one more move, whose corrections kept `cess`.
    pub fn add(&mut self, moved: &Moved, cess: f64) {
        self.moves += 1;
        self.acceptance = moved.mean_acceptance();
        self.mean_acceptance += (self.acceptance - self.mean_acceptance) / self.moves as f64;
        self.jumps += moved.mean_jump();
        self.cess = self.cess.min(cess);
        self.non_finite += moved.non_finite;
    }

    /// Whether the step size is still far from what it is steered to: less than half of the acceptance aimed at was found.
    pub fn is_lost(&self) -> bool {
        let lost = |aim: f64| self.moves > 0 && self.acceptance < 0.5 * aim;
        self.aim.is_some_and(lost)
    }
}

/// Says when a stage has moved enough. A number is a policy: that many moves, or a few more while the step size is
/// [lost](Tally::is_lost).
///
/// ```
/// use smc_runtime::sampling::moves::{Moves, Tally};
///
/// /// Moves until one is mostly accepted.
/// #[derive(Debug)]
/// struct UntilAccepted;
///
/// impl Moves for UntilAccepted {
///     fn more(&self, tally: &Tally) -> bool {
///         tally.moves < 20 && tally.acceptance < 0.5
///     }
/// }
/// let algorithm = smc_runtime::infer::smc().moves(UntilAccepted);
/// ```
pub trait Moves: Debug + Send + Sync {
    /// Whether a further move is due.
    fn more(&self, tally: &Tally) -> bool;

    /// About how many moves a stage gets: what a run is estimated by.
    fn usual(&self) -> usize {
        3
    }

    /// Why the settings are impossible, if they are.
    ///
    /// # Errors
    /// For a setting that no run can honour.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

const _: fn(&dyn Moves) = |_| ();

/// That many moves, and up to eight more while the step size is [lost](Tally::is_lost): moves that nothing accepts are none.
impl Moves for usize {
    fn more(&self, tally: &Tally) -> bool {
        const MOST_EXTRA: usize = 8;
        tally.moves < *self || tally.moves < *self + MOST_EXTRA && tally.is_lost()
    }

    fn usual(&self) -> usize {
        *self
    }
}

fn positive(what: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::config(
        what,
        value,
        "a positive, finite number is needed",
    ))
}
