//! How far the blocks of parameters spread before any data: the scale that adaptations and warm starts begin at.

use crate::model::layout::{Block, Layout};
use crate::problem::Problem;

/// The variance of each block under the prior.
pub(crate) fn reference(problem: &dyn Problem) -> Vec<f64> {
    block_means(&problem.prior().moments().variance, problem.layout())
}

/// The mean over every block.
pub(crate) fn block_means(values: &[f64], layout: &Layout) -> Vec<f64> {
    let mean =
        |block: &Block| values[block.range.clone()].iter().sum::<f64>() / block.range.len() as f64;
    layout.blocks().iter().map(mean).collect()
}
