//! How far parameters spread before any data: the scale that adaptations and warm starts begin at.

use super::weights::Weights;
use crate::base::rng::{Purpose, Streams};
use crate::model::layout::{Block, Layout};
use crate::problem::Problem;
use crate::problem::population::Population;

/// The variance of each block under the prior, from 64 draws.
pub(crate) fn reference(problem: &dyn Problem, streams: Streams) -> Vec<f64> {
    const DRAWS: usize = 64;
    let mut thetas = Population::zeros(DRAWS, problem.dim());
    problem.sample_prior(streams.branch(Purpose::Reference), 0, &mut thetas);
    let equal = Weights::uniform(DRAWS).normalised();
    block_means(&thetas.variances(&equal), problem.layout())
}

/// The mean over every block.
pub(crate) fn block_means(values: &[f64], layout: &Layout) -> Vec<f64> {
    let mean =
        |block: &Block| values[block.range.clone()].iter().sum::<f64>() / block.range.len() as f64;
    layout.blocks().iter().map(mean).collect()
}
