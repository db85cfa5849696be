//! What moves: positions and momenta, and the settings that they share.

use serde::{Deserialize, Serialize};

use crate::problem::population::Population;
use crate::sampling::kernel::Tuning;

/// The least factor of a walker's own on the step.
const SLOWEST: f64 = 1.0 / 256.0;

/// Walkers, independent of each other but for their settings and mini-batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Walkers {
    /// θ of every walker.
    pub positions: Population,
    /// Their momenta, in units of the scales.
    pub momenta: Population,
    /// Step size, scales, and what the kernel remembers.
    pub tuning: Tuning,
    /// Log-densities below which each of them is lost; none before they are known.
    floor: Vec<f64>,
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
            floor: Vec::new(),
            gradient: None,
        }
    }

    /// From here on a walker whose log-density falls by more than `by` under `logs`, that of each, is lost.
    pub fn lost_below(&mut self, logs: &[f64], by: f64) {
        self.floor = logs.iter().map(|log| log - by).collect();
    }

    /// The walkers that are lost at `logs`; none before it is known what is too low.
    pub(super) fn lost(&self, logs: &[f64]) -> Vec<usize> {
        let pairs = logs.iter().zip(&self.floor).enumerate();
        let lost = pairs.filter(|(_, (log, floor))| log < floor);
        lost.map(|(i, _)| i).collect()
    }

    /// Takes `lost` walkers back to where they are in `safe`, at rest, with half of their step.
    pub(super) fn take_back(&mut self, lost: &[usize], safe: &Population) {
        if lost.is_empty() {
            return;
        }
        self.positions.scatter(lost, &safe.gather(lost));
        self.slow_down(lost);
    }

    /// Halves the step of some walkers, which begin anew at rest.
    pub fn slow_down(&mut self, some: &[usize]) {
        if some.is_empty() {
            return;
        }
        self.momenta.clear_some(some);
        self.tuning.step_apart(self.positions.len());
        let mut factors = self.tuning.factors().to_vec();
        for &i in some {
            factors[i] = (0.5 * factors[i]).max(SLOWEST);
        }
        self.tuning.set_factors(factors);
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
