//! The contract of what sets the step, and what its policies share.

use std::fmt::Debug;

use crate::base::error::{Error, Result};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{Aim, At, Kernel, Moved, Tuning};
use crate::sampling::weights::Weights;

/// Sets a kernel's step size, in units of its scales.
///
/// Contract. It is a value: what it learns goes into the [`Tuning`], which belongs to the run and is saved with it: the step into
/// `tuning.step`, or a factor for every particle ([`Tuning::set_factors`]), and what it remembers into `tuning.step_memory`. Steps
/// are positive and finite. The rest of the settings is not its business.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use smc_runtime::prelude::*;
/// use smc_runtime::sampling::adapt::StepSize;
/// use smc_runtime::sampling::kernel::{Kernel, Moved, Tuning};
///
/// /// Halves the step when two moves in a row have accepted fewer than half of the proposals.
/// #[derive(Debug)]
/// struct Halving;
///
/// #[derive(Clone, Debug, Default, Serialize, Deserialize)]
/// struct Streak {
///     bad: u32,
/// }
///
/// impl StepSize for Halving {
///     fn learn(&self, _: &dyn Kernel, tuning: &mut Tuning, moved: &Moved, _: f64) {
///         let streak = tuning.step_memory.of::<Streak>();
///         streak.bad = if moved.mean_acceptance() < 0.5 { streak.bad + 1 } else { 0 };
///         if streak.bad == 2 {
///             streak.bad = 0;
///             tuning.step *= 0.5;
///         }
///     }
/// }
///
/// let algorithm = smc().step_size(Halving);
/// ```
pub trait StepSize: Debug + Send + Sync {
    /// Sets what is known before the first move.
    fn begin(&self, tuning: &mut Tuning) {
        let _ = tuning;
    }

    /// A new stage begins; its scales have not been learned yet.
    fn enter(&self, tuning: &mut Tuning) {
        let _ = tuning;
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

    /// The acceptance that [`StepSize::learn`] steers `kernel` to, if it does.
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

const _: fn(&dyn StepSize) = |_| ();

pub(super) fn fraction(what: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(Error::config(
        what,
        value,
        "a fraction between 0 and 1, both excluded",
    ))
}

/// The error of a policy that makes no sense with a kernel: `why` goes on from the kernel's name.
pub(super) fn misfit(policy: &dyn StepSize, kernel: &dyn Kernel, why: &str) -> Error {
    Error::config(
        "step_size",
        format!("{policy:?}"),
        format!("{kernel:?} {why}"),
    )
}

/// What the kernel wants and the user has not overruled.
pub(super) fn aim_of(kernel: &dyn Kernel, set: Option<f64>) -> Aim {
    match (kernel.aim(), set) {
        (Aim::Acceptance(_), Some(to)) => Aim::Acceptance(to),
        (Aim::Cess(_), Some(to)) => Aim::Cess(to),
        (Aim::EnergyError(_), Some(to)) => Aim::EnergyError(to),
        (aim, _) => aim,
    }
}
