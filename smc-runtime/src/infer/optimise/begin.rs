//! Where optimisation begins: at a size from which a network trains, whatever its prior's.

use std::ops::Range;

use crate::base::rng::{Purpose, Streams};
use crate::model::architecture::Nature;
use crate::model::layout::{Block, Role};
use crate::model::transform::Support;
use crate::problem::Problem;
use crate::problem::population::Population;

/// Draws where every vector begins. Weights are normal with a standard deviation of fan_in^−½, times √2 before a function that
/// is zero for half of its arguments (K. He, X. Zhang, S. Ren, J. Sun, *Delving deep into rectifiers*, ICCV 2015), so that
/// what flows through the layers keeps its size; biases are 0; scales that are [held](held) are at the third quartile of their prior;
/// everything else is drawn from the prior.
pub(crate) fn begin(problem: &dyn Problem, streams: Streams, thetas: &mut Population) {
    problem.prior().sample(streams, 0, thetas);
    let blocks = problem.layout().blocks();
    let held = held(problem);
    let is_held = |range: &Range<usize>| held.contains(range);
    let mut kept = vec![1.0f32; problem.dim()];
    let mut sd = vec![0.0f32; problem.dim()];
    for block in blocks {
        match block.role {
            Role::Weight => {
                let gain = gain_after(problem, block.field);
                kept[block.range.clone()].fill(0.0);
                sd[block.range.clone()].fill((gain / block.fan_in as f64).sqrt() as f32);
            }
            Role::Bias => kept[block.range.clone()].fill(0.0),
            _ if is_held(&block.range) => kept[block.range.clone()].fill(0.0),
            _ => {}
        }
    }
    let drawn = std::mem::replace(thetas, thetas.zeros_like());
    thetas.axpy(1.0, &kept, &drawn);
    let mut noise = drawn;
    noise.fill_normal(streams.branch(Purpose::Start), Purpose::Start, 0, 0);
    thetas.axpy(1.0, &sd, &noise);
    if held.is_empty() {
        return;
    }
    let wide = wide(problem, &held);
    let mut ones = thetas.zeros_like();
    ones.fill(1.0);
    thetas.axpy(1.0, &wide, &ones);
}

/// The third quartile of the prior at every coordinate of `held`, from the same draws whenever it is asked for; 0 elsewhere.
fn wide(problem: &dyn Problem, held: &[Range<usize>]) -> Vec<f32> {
    const DRAWS: usize = 255;
    let mut draws = Population::zeros(DRAWS, problem.dim());
    let streams = Streams::new(0).branch(Purpose::Reference);
    problem.prior().sample(streams, 0, &mut draws);
    let mut wide = vec![0.0f32; problem.dim()];
    for range in held {
        let values = range.clone().flat_map(|c| draws.coordinate(c));
        let mut values: Vec<f64> = values.collect();
        let (_, quartile, _) = {
            let place = values.len() * 3 / 4;
            values.select_nth_unstable_by(place, f64::total_cmp)
        };
        wide[range.clone()].fill(*quartile as f32);
    }
    wide
}

/// Coordinates of positive parameters that stand nowhere but in the priors of others: the density of a scale together with the
/// weights under it has no maximum, it grows without bound as both go to zero. So they stay where they begin, on the wide side:
/// where rows held out stop the training, a scale that is too wide costs little, and one that is too narrow keeps a network from fitting.
pub(crate) fn held(problem: &dyn Problem) -> Vec<Range<usize>> {
    held_blocks(problem)
        .map(|block| block.range.clone())
        .collect()
}

/// Their names and where they stay.
pub(super) fn names_of_held(problem: &dyn Problem, thetas: &Population) -> Vec<String> {
    let name = |block: &Block| {
        let at = thetas.coordinate(block.range.start).first().copied();
        let at = at.unwrap_or(f64::NAN);
        format!("`{}` at {:.3}", block.name, block.support.constrain(at))
    };
    held_blocks(problem).map(name).collect()
}

fn held_blocks(problem: &dyn Problem) -> impl Iterator<Item = &Block> {
    let blocks = problem.layout().blocks();
    let governing = problem.model().hyperparameters().iter();
    let positive = |block: &&Block| block.support == Support::Positive && !block.range.is_empty();
    governing
        .filter_map(|h| blocks.get(h.block))
        .filter(positive)
}

/// The factor of the variance of the weights of field number `field`, by what follows it.
fn gain_after(problem: &dyn Problem, field: usize) -> f64 {
    let nodes = &problem.architecture().nodes;
    let mut after = nodes.iter().skip_while(|node| node.field != field).skip(1);
    match after.next().map(|node| node.nature) {
        Some(Nature::Elementwise {
            homogeneous: true, ..
        }) => 2.0,
        _ => 1.0,
    }
}
