//! Adaptation: how the step size and the scales of a kernel come about. One policy per file.
//!
//! Settings that depend on the cloud bias an evidence by O(1/J); with [`Frozen`] ones and a fixed schedule E\[Ẑ\] = Z
//! exactly.

mod dual_averaging;
mod esjd;
mod follow;
mod frozen;
mod largest_step;
mod metric;

pub use dual_averaging::DualAveraging;
pub use esjd::Esjd;
pub use follow::Follow;
pub use frozen::Frozen;
pub use largest_step::LargestStep;
pub use metric::Metric;

use std::fmt::Debug;

use crate::base::error::{Error, Result};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{Aim, At, Kernel, Moved, Tuning};
use crate::sampling::weights::Weights;

/// Chooses a kernel's step size and scales.
///
/// Contract. A policy is a value: what it learns goes into the [`Tuning`], which belongs to the run and is saved with it.
/// Nothing it does changes the cloud, but for the gradient that [`Cloud::gradient`] keeps.
///
/// ```
/// use smc_runtime::sampling::adapt::Adaptation;
/// use smc_runtime::sampling::kernel::{Kernel, Moved, Tuning};
///
/// /// Halves the step whenever fewer than half of the proposals are accepted.
/// #[derive(Debug)]
/// struct Halving;
///
/// impl Adaptation for Halving {
///     fn learn(&self, _: &dyn Kernel, tuning: &mut Tuning, moved: &Moved, _: f64) {
///         if moved.mean_acceptance() < 0.5 {
///             tuning.step *= 0.5;
///         }
///     }
/// }
/// ```
pub trait Adaptation: Debug + Send + Sync {
    /// Sets what is known before the first move.
    fn begin(&self, tuning: &mut Tuning) {
        let _ = tuning;
    }

    /// Learns from the weighted cloud at a new stage, before it is resampled.
    fn enter(
        &self,
        tuning: &mut Tuning,
        target: &Target<'_>,
        cloud: &mut Cloud,
        weights: &Weights,
    ) {
        let _ = (tuning, target, cloud, weights);
    }

    /// Makes trial moves of copies of the cloud before the moves of a stage; the engine counts their cost. All of `at.streams` is
    /// free to use: the moves of the stage have others.
    fn try_out(
        &self,
        kernel: &dyn Kernel,
        tuning: &mut Tuning,
        target: &Target<'_>,
        cloud: &Cloud,
        weights: &Weights,
        at: At,
    ) {
        let _ = (kernel, tuning, target, cloud, weights, at);
    }

    /// Learns from what a move did; `gain` says how much: 1 follows a target that changes, a falling one settles.
    fn learn(&self, kernel: &dyn Kernel, tuning: &mut Tuning, moved: &Moved, gain: f64) {
        let _ = (kernel, tuning, moved, gain);
    }

    /// No more will be learned, as after the warm-up of `mcmc`: leaves the steps to go on with.
    fn settle(&self, tuning: &mut Tuning) {
        let _ = tuning;
    }

    /// The acceptance that [`Adaptation::learn`] steers `kernel` to, if it does.
    fn target_acceptance(&self, kernel: &dyn Kernel) -> Option<f64> {
        let _ = kernel;
        None
    }

    /// Why the settings are impossible, or make no sense with `kernel`, if so.
    ///
    /// # Errors
    /// Says what does not fit.
    fn check(&self, kernel: &dyn Kernel) -> Result<()> {
        let _ = kernel;
        Ok(())
    }
}

const _: fn(&dyn Adaptation) = |_| ();

fn fraction(what: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(Error::config(
        what,
        value,
        "a fraction between 0 and 1, both excluded",
    ))
}

/// The error of an adaptation that makes no sense with a kernel: `why` goes on from the kernel's name.
fn misfit(adaptation: &dyn Adaptation, kernel: &dyn Kernel, why: &str) -> Error {
    Error::config(
        "adaptation",
        format!("{adaptation:?}"),
        format!("{kernel:?} {why}"),
    )
}

/// What the kernel wants and the user has not overruled.
fn aim_of(kernel: &dyn Kernel, set: Option<f64>) -> Aim {
    match (kernel.aim(), set) {
        (Aim::Acceptance(_), Some(to)) => Aim::Acceptance(to),
        (Aim::Cess(_), Some(to)) => Aim::Cess(to),
        (aim, _) => aim,
    }
}
