//! Draws on the way: what a run has gathered and can do without until its end.

use crate::problem::population::Population;
use crate::sampling::weights::{Islands, Weights};

/// Draws of all chains, or of all particles, after one move or one pass.
#[derive(Clone, Debug)]
pub struct Generation {
    /// A vector for each chain or particle.
    pub positions: Population,
    /// Their weights, island by island, and as they count together; `None` where all count alike.
    pub weights: Option<(Islands, Weights)>,
}

impl From<Population> for Generation {
    fn from(positions: Population) -> Self {
        Self {
            positions,
            weights: None,
        }
    }
}

/// Those of chains, which all count alike.
pub(super) fn of_chains(draws: &mut Vec<Population>) -> Vec<Generation> {
    let draws = std::mem::take(draws).into_iter();
    draws.map(Generation::from).collect()
}

/// The vectors of those.
pub(super) fn positions(generations: Vec<Generation>) -> Vec<Population> {
    generations.into_iter().map(|g| g.positions).collect()
}
