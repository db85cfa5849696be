//! A step size that is given.

use super::step_size::StepSize;
use crate::base::error::{Error, Result};
use crate::sampling::kernel::{Kernel, Tuning};

/// A step size that never changes, in units of scales that may: a kernel that does not depend on the cloud has fixed scales
/// too, such as [`Metric::Unit`](super::Metric::Unit), and `frozen(step)` of an algorithm sets both.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().kernel(Hmc::leapfrogs(8)).step_size(Frozen::at(0.3)).metric(Metric::Blocks);
/// let unbiased = smc().kernel(Hmc::leapfrogs(8)).frozen(0.1).annealing(Tempering::stages(20));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frozen {
    step: f64,
}

impl Frozen {
    /// The step size.
    pub fn at(step: f64) -> Self {
        Self { step }
    }
}

impl StepSize for Frozen {
    fn begin(&self, tuning: &mut Tuning) {
        tuning.step = self.step;
    }

    fn check(&self, _: &dyn Kernel) -> Result<()> {
        if self.step > 0.0 && self.step.is_finite() {
            return Ok(());
        }
        Err(Error::config(
            "step size",
            self.step,
            "a positive, finite number is needed",
        ))
    }
}
