//! Kernels: how particles move on a target. One kernel per file.

mod hmc;
mod metropolis;
mod tuning;

pub use hmc::Hmc;
pub use metropolis::{Proposal, metropolis};
pub use tuning::Tuning;

use std::fmt::Debug;

use crate::cloud::{Cloud, Target};
use crate::problem::Problem;
use crate::rng::Streams;
use crate::weights::Weights;

/// Where in a run a move happens: keys its random streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The run's streams.
    pub streams: Streams,
    /// The stage, counted from 1.
    pub stage: usize,
    /// The move within the stage, counted from 0.
    pub draw: usize,
}

/// What a move did.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Log-weight correction of each particle; `None` for a kernel that leaves the target invariant.
    pub corrections: Option<Vec<f64>>,
    /// Each particle's probability of acceptance; 1 for a kernel that has no rejection.
    pub acceptance: Vec<f64>,
    /// Proposals whose log-density was not finite.
    pub non_finite: usize,
}

impl Moved {
    /// Mean probability of acceptance.
    pub fn mean_acceptance(&self) -> f64 {
        self.acceptance.iter().sum::<f64>() / self.acceptance.len().max(1) as f64
    }
}

/// Moves every particle of a cloud once.
///
/// Contract. A kernel either leaves the target invariant, or returns for every particle the log-weight correction that
/// makes the weighted cloud right (METHODS: minus the energy error for an unadjusted proposal). It leaves `cloud.terms`
/// those of the new positions, and `cloud.gradient` that of the new positions or `None`. Random numbers come from
/// `at.streams` only. What it learns goes into the [`Tuning`], which belongs to the run and is saved with it.
pub trait Kernel: Debug + Send + Sync {
    /// Settings before the first move.
    fn start(&self, problem: &dyn Problem) -> Tuning {
        Tuning::new(problem.layout().dim())
    }

    /// Learns from the weighted cloud, before it is resampled.
    fn tune(&self, tuning: &mut Tuning, problem: &dyn Problem, cloud: &Cloud, weights: &Weights) {
        let _ = (tuning, problem, cloud, weights);
    }

    /// Moves every particle once.
    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved;

    /// Learns from what a move did; `gain` says how much (see [`Tuning::follow`]).
    fn learn(&self, tuning: &mut Tuning, moved: &Moved, gain: f64) {
        let _ = (tuning, moved, gain);
    }

    /// The acceptance that [`Kernel::learn`] steers to, if it does.
    fn target_acceptance(&self) -> Option<f64> {
        None
    }

    /// Why the settings are impossible, if they are.
    ///
    /// # Errors
    /// For a setting that no move can honour.
    fn check(&self) -> crate::error::Result<()> {
        Ok(())
    }
}

const _: fn(&dyn Kernel) = |_| ();
