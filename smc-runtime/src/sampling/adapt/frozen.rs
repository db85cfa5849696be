//! No adaptation.

use super::Adaptation;
use crate::base::error::{Error, Result};
use crate::sampling::kernel::{Kernel, Tuning};

/// A step size that never changes, with scales of 1: the kernel does not depend on the cloud.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().kernel(Hmc::leapfrogs(8)).adaptation(Frozen::at(0.1));
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

impl Adaptation for Frozen {
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
