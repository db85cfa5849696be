//! The random walk of Metropolis.

use super::{Aim, At, Kernel, Moved, Proposal, Tuning, metropolis};
use crate::base::rng::Purpose;
use crate::sampling::cloud::{Cloud, Target};

/// The random walk (Metropolis et al., 1953): it needs no gradient.
///
/// One move proposes θ' = θ + ε·s∘z, z ~ N(0, I), and accepts with probability min(1, π(θ')/π(θ)). The step begins at
/// 2.38/√d; an acceptance of 0.234 is the best in many dimensions (Roberts, Gelman and Gilks, 1997), 0.44 in one or two. A
/// move goes a distance of order 1/√d of the posterior, so in networks it is a baseline and no more.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().kernel(RandomWalk).moves(10);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RandomWalk;

impl Kernel for RandomWalk {
    fn aim(&self) -> Aim {
        Aim::Acceptance(0.234)
    }

    fn start(&self, dim: usize) -> Tuning {
        Tuning::new(dim).at(2.38 / (dim.max(1) as f64).sqrt())
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let particles = cloud.positions().len();
        let mut normals = cloud.positions().zeros_like();
        normals.fill_normal(at.streams, Purpose::Propose, at.stage, at.draw);
        let mut positions = cloud.positions().clone();
        positions.axpy_each(1.0, &tuning.steps(particles), &tuning.scale, &normals);
        let terms = target.value(&positions);
        let before = target.log_density(cloud.terms());
        let after = target.log_density(&terms);
        let log_ratios: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
        let proposal = Proposal {
            positions,
            terms,
            gradient: None,
        };
        metropolis(target, cloud, proposal, &log_ratios, tuning, at)
    }
}
