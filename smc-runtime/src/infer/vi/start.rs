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

/// A mean, one vector, at a size from which networks train, and standard deviations that are small beside it.
pub(super) fn start(problem: &dyn Problem, streams: Streams) -> (Population, Vec<f32>) {
    let mut mean = Population::zeros(1, problem.dim());
    begin(problem, streams, &mut mean);
    let mut sd = vec![SD as f32; problem.dim()];
    for (block, variance) in problem.layout().blocks().iter().zip(reference(problem)) {
        let own = SHARE * variance.sqrt();
        if own > 0.0 && own < SD {
            sd[block.range.clone()].fill(own as f32);
        }
    }
    (mean, sd)
}

/// Standard deviations of every block at the most: √2 times its prior's, which are known from draws, or none where the prior has none.
pub(super) fn widest(problem: &dyn Problem) -> Vec<(Range<usize>, f32)> {
    const MOST: f64 = 1e6;
    let blocks = problem.layout().blocks().iter();
    let of = |variance: f64| {
        if variance > 0.0 && variance.is_finite() {
            (2.0 * variance).sqrt().min(MOST)
        } else {
            MOST
        }
    };
    blocks
        .zip(reference(problem))
        .map(|(block, variance)| (block.range.clone(), of(variance) as f32))
        .collect()
}
