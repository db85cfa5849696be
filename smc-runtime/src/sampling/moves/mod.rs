//! How many moves a stage gets. One policy per file.

mod adaptive;

pub use adaptive::AdaptiveMoves;

use std::fmt::Debug;

use crate::base::error::{Error, Result};

/// What the moves of a stage have done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Made {
    /// Moves made.
    pub moves: usize,
    /// Mean acceptance of the last one.
    pub acceptance: f64,
    /// Sum over the moves of the mean expected squared jump, Σ ((θ'−θ)/s)² averaged over the particles.
    pub jumps: f64,
    /// Number of parameters d.
    pub dim: usize,
}

/// Says when a stage has moved enough. A number is a policy: that many moves.
///
/// ```
/// use smc_runtime::sampling::moves::{Made, Moves};
///
/// /// Moves until one is mostly accepted.
/// #[derive(Debug)]
/// struct UntilAccepted;
///
/// impl Moves for UntilAccepted {
///     fn more(&self, made: &Made) -> bool {
///         made.moves < 20 && made.acceptance < 0.5
///     }
/// }
/// let algorithm = smc_runtime::infer::smc().moves(UntilAccepted);
/// ```
pub trait Moves: Debug + Send + Sync {
    /// Whether a further move is due.
    fn more(&self, made: &Made) -> bool;

    /// Why the settings are impossible, if they are.
    ///
    /// # Errors
    /// For a setting that no run can honour.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

const _: fn(&dyn Moves) = |_| ();

impl Moves for usize {
    fn more(&self, made: &Made) -> bool {
        made.moves < *self
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
