//! What moves: positions and momenta, and the settings that they share.

use serde::{Deserialize, Serialize};

use crate::problem::population::Population;
use crate::sampling::kernel::Tuning;

/// Walkers, independent of each other but for their settings and mini-batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Walkers {
    /// θ of every walker.
    pub positions: Population,
    /// Their momenta, in units of the scales.
    pub momenta: Population,
    /// Step size, scales, and what the kernel remembers.
    pub tuning: Tuning,
    /// Zero between steps.
    #[serde(skip)]
    gradient: Option<Population>,
}

impl Walkers {
    /// Walkers at rest.
    pub fn new(positions: Population, tuning: Tuning) -> Self {
        Self {
            momenta: positions.zeros_like(),
            positions,
            tuning,
            gradient: None,
        }
    }

    /// A population of zeros in the shape of the positions, kept from step to step: whoever takes it gives it
    /// [back](Self::give_back) as zeros.
    pub(super) fn take_gradient(&mut self) -> Population {
        let spare = self.gradient.take();
        spare.unwrap_or_else(|| self.positions.zeros_like())
    }

    pub(super) fn give_back(&mut self, zeros: Population) {
        self.gradient = Some(zeros);
    }
}
