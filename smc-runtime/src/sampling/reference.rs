//! How far the blocks of parameters spread before any data: the scale that adaptations and warm starts begin at.

use crate::base::rng::{Purpose, Streams};
use crate::model::layout::{Block, Layout};
use crate::problem::Problem;
use crate::problem::population::Population;

/// The variance of each block under the prior.
pub(crate) fn reference(problem: &dyn Problem) -> Vec<f64> {
    block_means(&problem.prior().moments().variance, problem.layout())
}

/// What the parameters under it tell of every hyperparameter, 0 elsewhere: the expected square of the gradient of the prior, from
/// draws of it. A scale of n normal weights has 2n from them where the data say nothing at all, so that its own variance is far more
/// than a move can cross while the weights stay where they are.
pub(crate) fn governing(problem: &dyn Problem) -> Vec<f64> {
    const DRAWS: usize = 64;
    let mut precisions = vec![0.0; problem.dim()];
    let hyperparameters = problem.model().hyperparameters();
    if hyperparameters.is_empty() {
        return precisions;
    }
    let prior = problem.prior();
    let mut thetas = Population::zeros(DRAWS, problem.dim());
    prior.sample(Streams::new(0).branch(Purpose::Reference), 0, &mut thetas);
    let mut gradient = thetas.zeros_like();
    prior.log_density(&thetas, Some(&mut gradient));
    let squares = gradient.mean_squares(&[1.0 / DRAWS as f64; DRAWS]);
    for h in hyperparameters {
        let range = problem.layout().blocks()[h.block].range.clone();
        precisions[range.clone()].copy_from_slice(&squares[range]);
    }
    precisions
}

/// The mean over every block.
pub(crate) fn block_means(values: &[f64], layout: &Layout) -> Vec<f64> {
    let mean =
        |block: &Block| values[block.range.clone()].iter().sum::<f64>() / block.range.len() as f64;
    layout.blocks().iter().map(mean).collect()
}
