//! Moves between the copies of a network's function, after the moves of another kernel.

use std::sync::Arc;

use super::in_basis::InBasis;
use super::metropolis::replace;
use super::{At, Kernel, Moved, Proposal, Tuning};
use crate::base::rng::Purpose;
use crate::model::symmetry::{HiddenLayer, Symmetries};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::stage::Terms;

/// The moves of another kernel, and after each a jump of every particle to a random copy of it: neurons of hidden layers change places, and before odd and even functions
/// their signs, as far as the prior allows ([`Symmetries`](crate::model::symmetry::Symmetries)). Likelihood and prior are the same at every copy, so that jumps are not rejected (but where a run began at
/// another density than the prior and that still counts), and the target is invariant under any kernel that leaves it so.
///
/// Before relu and its like the neurons are [rescaled](crate::model::symmetry::HiddenLayer::rescale) too: what comes in by exp(δ), what goes out by exp(−δ), a few
/// neurons at a time, accepted with probability min(1, p(θ')/p(θ) · exp(δ·(in − out))): the likelihood is the same, the prior and the volume are not. That costs
/// values of the prior alone, but where a warm start's density still counts.
///
/// **It changes no prediction.** What it changes are weights: a chain visits all copies of what it finds, in equal shares, as the posterior has them, where it
/// would else stay near one. A model without such maps is moved by the other kernel alone.
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

    fn turned(&self) -> Option<Arc<dyn Kernel>> {
        Some(Arc::new(Self {
            inside: InBasis::around(self.inside.clone()),
        }))
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let moved = self.inside.step(tuning, target, cloud, at);
        let symmetries = target.problem.model().symmetries();
        let streams = at.streams.branch(Purpose::Resample);
        if symmetries.log10() > 0.0 {
            go_to_copies(&symmetries, target, cloud, At { streams, ..at });
        }
        let layers = symmetries.layers.iter().filter(|layer| layer.rescalings);
        for (number, layer) in layers.enumerate() {
            rescale(layer, number, target, cloud, At { streams, ..at });
        }
        moved
    }
}

/// Whether a density that the run began at still counts.
fn counts(target: &Target<'_>) -> bool {
    target.start.is_some() && target.stage.beta() < 1.0
}

fn go_to_copies(symmetries: &Symmetries, target: &Target<'_>, cloud: &mut Cloud, at: At) {
    let mut positions = cloud.positions().clone();
    positions.go_to_copies(symmetries, at.streams, at.stage, at.draw);
    // Where a run began at a density of its own, that is another at every copy as long as it counts.
    if counts(target) {
        let terms = target.value(&positions);
        let tosses = positions.uniforms(at.streams, Purpose::Accept, at.stage, at.draw);
        let volumes = vec![0.0; cloud.len()];
        return replace(target, cloud, (positions, terms), &volumes, &tosses);
    }
    // The gradient of a copy is the copy's, but not to the last bit.
    let copies = Proposal {
        positions,
        terms: cloud.terms().to_vec(),
        gradient: None,
    };
    cloud.accept(target, copies, &vec![false; cloud.len()]);
}

/// Rescales the neurons of a layer, a few at a time.
fn rescale(layer: &HiddenLayer, number: usize, target: &Target<'_>, cloud: &mut Cloud, at: At) {
    /// Proposals for a layer at the most.
    const GROUPS: usize = 16;
    let groups = GROUPS.min(layer.units);
    for group in 0..groups {
        let neurons: Vec<usize> = (group..layer.units).step_by(groups).collect();
        let draw = (at.draw * 64 + number) * GROUPS + group;
        let streams = at.streams.branch(Purpose::Trajectory);
        let mut positions = cloud.positions().clone();
        let sums = positions.rescale_neurons(layer, &neurons, (streams, at.stage, draw));
        let terms = if counts(target) {
            target.value(&positions)
        } else {
            let priors = target.problem.prior().log_density(&positions, None);
            let known = cloud.terms().iter().zip(priors);
            known
                .map(|(terms, prior)| Terms { prior, ..*terms })
                .collect()
        };
        let volumes: Vec<f64> = sums.iter().map(|sum| sum * layer.volume()).collect();
        let tosses = positions.uniforms(streams, Purpose::Accept, at.stage, draw);
        replace(target, cloud, (positions, terms), &volumes, &tosses);
    }
}
