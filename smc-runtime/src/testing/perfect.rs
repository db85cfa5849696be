//! A kernel without autocorrelation, for laws about what is around kernels.

use std::sync::Arc;

use super::regression::{Regression, place};
use crate::base::rng::Purpose;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Kernel, Moved, Tuning};

/// A kernel that mixes perfectly: every move is an independent draw from the stage's posterior of a [`Regression`].
///
/// With it, whatever is wrong with an answer is the sampler's fault.
#[derive(Clone, Debug)]
pub struct Perfect(Arc<Regression>);

impl Perfect {
    /// The perfect kernel of this problem.
    pub fn of(problem: &Regression) -> Self {
        Self(Arc::new(problem.clone()))
    }
}

impl Kernel for Perfect {
    fn step(&self, _: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let exact = self.0.exact(target.stage);
        let mut positions = cloud.positions().zeros_like();
        positions.fill_normal(at.streams, Purpose::Propose, at.stage, at.draw);
        positions.on_host().map_rows(|_, row| place(row, &exact));
        let particles = positions.len();
        *cloud = Cloud::at(target, positions);
        Moved {
            acceptance: vec![1.0; particles],
            ..Moved::default()
        }
    }
}
