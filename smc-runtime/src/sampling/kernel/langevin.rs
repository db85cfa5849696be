//! Langevin moves without a Metropolis test, made right by weights.

use super::{Aim, At, Exactness, Hmc, Kernel, Moved, Tuning};
use crate::sampling::cloud::{Cloud, Target};

/// Unadjusted Langevin moves, each with a correction of the log-weight in place of a Metropolis test.
///
/// One move goes to θ' = θ + (ε²/2)·s²∘∇log π(θ) + ε·s∘z, z ~ N(0, I), as [`Mala`](super::Mala) proposes, and every particle
/// arrives: one leapfrog step of [`Hmc::unadjusted`]. The weighted cloud is right for any ε; but weights spread where ε is
/// large, so the step follows the conditional effective sample size of the corrections. A particle whose correction is not
/// finite stays where it was, without weight.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().kernel(UnadjustedLangevin).moves(10);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnadjustedLangevin;

impl Kernel for UnadjustedLangevin {
    fn exactness(&self) -> Exactness {
        Exactness::Corrected
    }

    fn aim(&self) -> Aim {
        Aim::Cess(0.9)
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        Hmc::leapfrogs(1)
            .unadjusted()
            .step(tuning, target, cloud, at)
    }
}
