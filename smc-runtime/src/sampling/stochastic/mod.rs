//! Moves by the gradients of mini-batches: many cheap steps, none of which is corrected. One kernel per file.
//!
//! A [`StochasticGradient`] kernel makes one step of every walker on a part of the rows that stands for all of them. The noise of
//! the part and the length of the step leave an error that nothing corrects: draws that such moves alone have made carry no
//! evidence, and say that they are [nearly](crate::infer::DrawnFrom::Nearly) those of a posterior. [`probe`] measures both errors
//! where the walkers are, on a fixed subset of the rows; a [`BatchSize`] says how many rows a step takes.

mod batch;
mod noise;
mod pass;
mod probe;
mod psmile;
mod sghmc;
mod sgld;
mod walkers;

pub use batch::{Ahead, BatchByNoise, BatchSize, FixedBatch, GrowingBatch};
pub use pass::{Passed, pass};
pub use probe::{Probe, probe, subset};
pub use psmile::Psmile;
pub use sghmc::Sghmc;
pub use sgld::Sgld;
pub use walkers::Walkers;

use std::fmt::Debug;

use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::sampling::cloud::Target;
use crate::sampling::kernel::Tuning;

/// The energy error, E\[ΔH²\]/d of one leapfrog step, that steps follow unless another is set.
pub(crate) const ENERGY_ERROR: f64 = 1e-4;

/// How a step is made, whatever the kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// The run's streams.
    pub streams: Streams,
    /// The number of the pass, which keys them.
    pub pass: usize,
    /// The number of the step within it, which keys them too.
    pub step: usize,
    /// Temperature of the noise: 1 for the target itself, 0 for none.
    pub temperature: f64,
    /// Factor of the step size.
    pub factor: f64,
}

/// Moves walkers by an estimate of the gradient.
///
/// Contract. [`step`](Self::step) makes one step of every walker on `target`, whose stage is the mini-batch: a part of the rows,
/// scaled up to stand for all, with the prior counted once. It leaves positions and momenta in [`Walkers`]; what it remembers
/// besides goes into `walkers.tuning.kernel_memory`, which is saved with a run. Step size and scales are those of `walkers.tuning`.
/// Random numbers come from the streams of the [`Stroke`] alone. It returns the estimate of the log-density of each walker where
/// the step began: one that is not finite is taken back by who called.
///
/// ```
/// use smc_runtime::base::rng::Purpose;
/// use smc_runtime::sampling::cloud::Target;
/// use smc_runtime::sampling::stochastic::{StochasticGradient, Stroke, Walkers};
///
/// /// θ ← θ + ½ε²·s²∘∇log π + ε·s∘z, by hand.
/// #[derive(Debug)]
/// struct Langevin;
///
/// impl StochasticGradient for Langevin {
///     fn friction(&self) -> f64 {
///         1.0
///     }
///     fn step(&self, walkers: &mut Walkers, target: &Target<'_>, stroke: &Stroke) -> Vec<f64> {
///         let mut gradient = walkers.positions.zeros_like();
///         let terms = target.add_gradient(&walkers.positions, &mut gradient);
///         let mut noise = walkers.positions.zeros_like();
///         noise.fill_normal(stroke.streams, Purpose::User, stroke.pass, stroke.step);
///         let step = walkers.tuning.step * stroke.factor;
///         let squares: Vec<f32> = walkers.tuning.scale.iter().map(|s| s * s).collect();
///         walkers.positions.axpy((0.5 * step * step) as f32, &squares, &gradient);
///         walkers.positions.axpy((step * stroke.temperature.sqrt()) as f32, &walkers.tuning.scale, &noise);
///         target.log_density(&terms)
///     }
/// }
/// ```
pub trait StochasticGradient: Debug + Send + Sync {
    /// Its name in reports.
    fn name(&self) -> &'static str {
        "a stochastic-gradient kernel"
    }

    /// α: the share of its momentum that a walker loses in a step; 1 for a kernel without momenta. The noise of batches heats a
    /// coordinate of scale s by ε²s²V/(2α), V the variance of its gradient.
    fn friction(&self) -> f64;

    /// Whether it sets its own step size, so that nothing else is to.
    fn adapts_itself(&self) -> bool {
        false
    }

    /// Gradients that a step takes.
    fn gradients(&self) -> usize {
        1
    }

    /// Settings before the first step, in `dim` dimensions.
    fn start(&self, dim: usize) -> Tuning {
        Tuning::new(dim)
    }

    /// Makes one step of every walker on `target`; returns the log-density of each, as the mini-batch estimates it, where the step
    /// began.
    fn step(&self, walkers: &mut Walkers, target: &Target<'_>, stroke: &Stroke) -> Vec<f64>;

    /// Why the settings are impossible, if they are.
    ///
    /// # Errors
    /// For a setting that no step can honour.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

const _: fn(&dyn StochasticGradient) = |_| ();
