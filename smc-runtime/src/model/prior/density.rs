//! The log-density of one prior over the elements of a tensor, in unconstrained coordinates.

use std::ops::Range;

use crate::model::algebra::Num;
use crate::model::dist::Prior;
use crate::model::layout::Block;
use crate::model::transform::Support;

/// Σ log p over every `step`-th element of a block from element `first` on, in unconstrained coordinates, log-Jacobian
/// included.
pub(super) fn density<P: Prior>(
    prior: &P,
    block: &Block,
    (first, step): (usize, usize),
    theta: &[f32],
    gradient: Option<&mut [f32]>,
) -> Num {
    let range: Range<usize> = block.range.clone();
    if block.support != Support::Real {
        return constrained(
            prior,
            block.support,
            range.skip(first).step_by(step),
            theta,
            gradient,
        );
    }
    if step == 1 {
        return prior.log_density_of(&theta[range.clone()], gradient.map(|g| &mut g[range]));
    }
    let places = || block.range.clone().skip(first).step_by(step);
    let x: Vec<f32> = places().map(|i| theta[i]).collect();
    let Some(gradient) = gradient else {
        return prior.log_density_of(&x, None);
    };
    let mut slopes = vec![0.0; x.len()];
    let sum = prior.log_density_of(&x, Some(&mut slopes));
    for (i, slope) in places().zip(slopes) {
        gradient[i] += slope;
    }
    sum
}

/// In f64 from the unconstrained coordinate on: near a bound f32 has no numbers left.
fn constrained<P: Prior>(
    prior: &P,
    support: Support,
    places: impl Iterator<Item = usize>,
    theta: &[f32],
    mut gradient: Option<&mut [f32]>,
) -> Num {
    let mut sum = Num::constant(0.0);
    for i in places {
        let u = f64::from(theta[i]);
        let term = prior.log_density(Num::variable(support.constrain(u), 0));
        if let Some(gradient) = gradient.as_deref_mut() {
            let slope = term.partial(0) * support.slope(u) + support.log_jacobian_slope(u);
            gradient[i] += slope as f32;
        }
        sum += term + support.log_jacobian(u);
    }
    sum
}
