//! Moves between the copies of a network's function, after the moves of another kernel.

use std::sync::Arc;

use super::metropolis::probability;
use super::{At, Kernel, Moved, Proposal, Tuning};
use crate::base::rng::Purpose;
use crate::sampling::cloud::{Cloud, Target};

/// The moves of another kernel, and after each a jump of every particle to a random copy of it: neurons of hidden layers change places, and before odd and even functions
/// their signs, as far as the prior allows ([`Symmetries`](crate::model::symmetry::Symmetries)). Likelihood and prior are the same at every copy, so that jumps are not rejected (but where a run began at
/// another density than the prior and that still counts), and the target is invariant under any kernel that leaves it so.
///
/// **It changes no prediction.** What it changes are weights: a chain visits all copies of what it finds, in equal shares, as the posterior has them, where it
/// would else stay near one. Rescalings before relu, which change prior and volume, are not made. A model without such maps is moved by the other kernel alone.
///
/// ```
/// use smc_runtime::prelude::*;
/// use smc_runtime::sampling::kernel::EquioutputJump;
/// let algorithm = mcmc().kernel(EquioutputJump::around(Hmc::leapfrogs(20)));
/// ```
#[derive(Clone, Debug)]
pub struct EquioutputJump {
    inside: Arc<dyn Kernel>,
}

impl EquioutputJump {
    /// After the moves of `kernel`.
    pub fn around(kernel: impl Kernel + 'static) -> Self {
        Self {
            inside: Arc::new(kernel),
        }
    }
}

impl Kernel for EquioutputJump {
    as_the_kernel_inside!();

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let moved = self.inside.step(tuning, target, cloud, at);
        let symmetries = target.problem.model().symmetries();
        if symmetries.log10() == 0.0 {
            return moved;
        }
        let streams = at.streams.branch(Purpose::Resample);
        let mut positions = cloud.positions().clone();
        positions.go_to_copies(&symmetries, streams, at.stage, at.draw);
        // Where a run began at a density of its own, that is another at every copy as long as it counts.
        let (terms, rejected) = if target.start.is_some() {
            let terms = target.value(&positions);
            let before = target.log_density(cloud.terms());
            let tosses = positions.uniforms(streams, Purpose::Accept, at.stage, at.draw);
            let pairs = target.log_density(&terms).into_iter().zip(before);
            let ratios = pairs.map(|(after, before)| after - before);
            let rejected = ratios.zip(tosses);
            let rejected = rejected.map(|(ratio, toss)| toss >= probability(ratio));
            (terms, rejected.collect())
        } else {
            (cloud.terms().to_vec(), vec![false; cloud.len()])
        };
        // The gradient of a copy is the copy's, but not to the last bit.
        let proposal = Proposal {
            positions,
            terms,
            gradient: None,
        };
        cloud.accept(target, proposal, &rejected);
        moved
    }
}
