//! Where a fit begins.

use std::ops::Range;

use crate::base::rng::Streams;
use crate::infer::optimise::begin;
use crate::problem::Problem;
use crate::problem::population::Population;
use crate::sampling::reference::reference;

/// Standard deviation of every coordinate at the beginning, and the share of its prior's that it is at the most.
const SD: f64 = 0.03;
const SHARE: f64 = 0.3;

/// What a fit begins with.
pub(super) struct Start {
    /// One vector, at a size from which networks train.
    pub(super) mean: Population,
    /// Standard deviations that are small beside it.
    pub(super) sd: Vec<f32>,
    /// Those of every block at the most: √2 times its prior's, which are known from draws, or none where the prior has none.
    pub(super) widest: Vec<(Range<usize>, f32)>,
}

/// Where a fit of `problem` begins.
pub(super) fn start(problem: &dyn Problem, streams: Streams) -> Start {
    const MOST: f64 = 1e6;
    let mut mean = Population::zeros(1, problem.dim());
    begin(problem, streams, &mut mean);
    let mut sd = vec![SD as f32; problem.dim()];
    let mut widest = Vec::new();
    for (block, variance) in problem.layout().blocks().iter().zip(reference(problem)) {
        let own = SHARE * variance.sqrt();
        if own > 0.0 && own < SD {
            sd[block.range.clone()].fill(own as f32);
        }
        let most = if variance > 0.0 && variance.is_finite() {
            (2.0 * variance).sqrt().min(MOST)
        } else {
            MOST
        };
        widest.push((block.range.clone(), most as f32));
    }
    Start { mean, sd, widest }
}
