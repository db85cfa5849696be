//! Parameters that the posterior has where their prior hardly reaches: prior and data tell different stories, or the data
//! are on another scale than the prior was written for.

use crate::base::rng::{Purpose, Streams};
use crate::infer::{DrawnFrom, Draws};
use crate::model::layout::{Block, Role};
use crate::model::transform::Support;
use crate::posterior::summary::quantiles;
use crate::problem::Problem;
use crate::problem::population::Population;

/// Draws of the prior, fewer of a large model: so many numbers at the most.
const DRAWS: usize = 500;
const NUMBERS: usize = 1 << 25;

/// Draws that are in memory together.
const TOGETHER: usize = 50;

/// A tensor of weights is far out if its size is so many times the largest that its prior gave.
const TIMES: f64 = 3.0;

/// Each block whose posterior lies beyond every draw of its prior, in a line: of a parameter beside the chain the median,
/// above for one that is positive, on either side for a real one; of a layer's tensor its root mean square.
pub(super) fn conflicts(problem: &dyn Problem, draws: &Draws, seed: u64) -> Vec<String> {
    if draws.drawn_from() != DrawnFrom::Posterior {
        return Vec::new();
    }
    let streams = Streams::new(seed).branch(Purpose::Check);
    let blocks = problem.layout().blocks();
    // The least and the largest that the prior gave.
    let mut reach = vec![(f64::INFINITY, f64::NEG_INFINITY); blocks.len()];
    let parts = (NUMBERS / problem.dim().max(1)).clamp(TOGETHER, DRAWS) / TOGETHER;
    let looked_at = parts * TOGETHER;
    for part in 0..parts {
        let mut prior = Population::zeros(TOGETHER, problem.dim());
        problem.prior().sample(streams, part + 1, &mut prior);
        for (block, (low, high)) in blocks.iter().zip(&mut reach) {
            for i in 0..prior.len() {
                let x = told(block, prior.row(i));
                (*low, *high) = (low.min(x), high.max(x));
            }
        }
    }
    let weights = draws.weights();
    let found = blocks.iter().zip(reach).filter_map(|(block, (low, high))| {
        let values = (0..weights.len()).map(|i| told(block, draws.positions().row(i)));
        let [middle] = quantiles(&values.collect::<Vec<_>>(), &weights, [0.5]);
        let name = &block.name;
        match block.role {
            Role::Parameter if !block.shape.is_empty() => None,
            Role::Parameter => {
                let out = match block.support {
                    Support::Real => middle < low || middle > high,
                    Support::Positive => middle > high,
                    Support::UnitInterval => false,
                };
                let at = |x: f64| block.support.constrain(x);
                out.then(|| {
                    format!(
                        "`{name}` is about {:.3} and none of {looked_at} draws of its prior was so far out ({:.3} to {:.3})",
                        at(middle), at(low), at(high)
                    )
                })
            }
            _ => (middle > TIMES * high).then(|| {
                format!(
                    "`{name}` has elements of about {middle:.3}, {:.1} times the most that {looked_at} draws of its prior had",
                    middle / high
                )
            }),
        }
    });
    found.collect()
}

/// What is looked at of a block: a single parameter itself, the root mean square of a tensor.
fn told(block: &Block, theta: &[f32]) -> f64 {
    let values = &theta[block.range.clone()];
    if block.role == Role::Parameter {
        return values.first().map_or(0.0, |&x| f64::from(x));
    }
    let squares: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
    (squares / values.len().max(1) as f64).sqrt()
}
