//! The Metropolis-adjusted Langevin algorithm.

use super::{Aim, At, Kernel, Moved, Trajectory, Tuning, leapfrog, metropolis};
use crate::sampling::cloud::{Cloud, Target};

/// The Metropolis-adjusted Langevin algorithm (MALA; Roberts and Tweedie, 1996).
///
/// One move proposes θ' = θ + (ε²/2)·s²∘∇log π(θ) + ε·s∘z, z ~ N(0, I), and accepts by the Metropolis-Hastings ratio: one
/// leapfrog step of [`Hmc`](super::Hmc), whose energy error is minus the logarithm of that ratio. An acceptance of 0.574
/// is the best in many dimensions (Roberts and Rosenthal, 1998).
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = mcmc().kernel(Mala).thin(10);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mala;

impl Kernel for Mala {
    fn aim(&self) -> Aim {
        Aim::Acceptance(0.574)
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let trajectory = Trajectory {
            leapfrogs: 1,
            steps: tuning.steps(cloud.positions().len()),
            scale: &tuning.scale,
            gradient_rows: None,
        };
        let ends = leapfrog(target, cloud, at, &trajectory);
        metropolis(target, cloud, ends.proposal, &ends.minus_errors, tuning, at)
    }
}
