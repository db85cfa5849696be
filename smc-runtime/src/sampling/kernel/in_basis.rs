//! The moves of another kernel in the eigenbases of Kronecker factors.

use std::sync::Arc;

use super::{At, Kernel, Moved, Proposal, Tuning};
use crate::family::{Basis, DensityInBasis, InBasis as Turned};
use crate::problem::density::Density;
use crate::sampling::cloud::{Cloud, Target};

/// The moves of another kernel in the coordinates of the basis that [`Metric::Kronecker`](crate::sampling::adapt::Metric::Kronecker) has learned, with a scale for each of them: what a metric is for that
/// kernel which is a Kronecker product for every layer. Algorithms with that metric move like this by themselves.
#[derive(Clone, Debug)]
pub struct InBasis {
    inside: Arc<dyn Kernel>,
}

impl InBasis {
    /// Around the moves of `kernel`; of one that goes to copies of parameters, or moves a scale with its weights, around those of the kernel inside, so that it still does that to parameters.
    pub fn around(kernel: Arc<dyn Kernel>) -> Arc<dyn Kernel> {
        kernel
            .turned()
            .unwrap_or_else(|| Arc::new(Self { inside: kernel }))
    }
}

impl Kernel for InBasis {
    as_the_kernel_inside!();

    fn turned(&self) -> Option<Arc<dyn Kernel>> {
        Some(Arc::new(self.clone()))
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let basis: Basis = tuning.scale_memory.read();
        if basis.is_trivial() {
            return self.inside.step(tuning, target, cloud, at);
        }
        let problem = Turned::new(target.problem, &basis);
        let start = target.start.map(|start| DensityInBasis::new(start, &basis));
        let turned = Target {
            problem: &problem,
            stage: target.stage,
            start: start.as_ref().map(|start| start as &dyn Density),
        };
        let before = cloud.positions().clone();
        let mut coordinates = before.clone();
        basis.enter_all(&mut coordinates);
        let gradient = cloud.take_gradient().map(|mut gradient| {
            basis.enter_gradients(&mut gradient);
            gradient
        });
        let mut inside = Cloud::known(coordinates.clone(), cloud.terms().to_vec(), gradient);
        let moved = self.inside.step(tuning, &turned, &mut inside, at);
        let gradient = inside.take_gradient().map(|mut gradient| {
            basis.leave_gradients(&mut gradient);
            gradient
        });
        let terms = inside.terms().to_vec();
        let after = inside.into_positions();
        // Who has not moved stays where it was, to the last bit.
        let still = after.same_as(&coordinates);
        let mut positions = after;
        basis.leave_all(&mut positions);
        positions.select(&still, &before);
        let proposal = Proposal {
            positions,
            terms,
            gradient,
        };
        cloud.accept(target, proposal, &vec![false; still.len()]);
        moved
    }
}
