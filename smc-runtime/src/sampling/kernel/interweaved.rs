//! Moves of a scale together with what it governs, between the moves of another kernel.

use std::ops::Range;
use std::sync::Arc;

use super::in_basis::InBasis;
use super::metropolis::replace;
use super::{At, Kernel, Moved, Tuning};
use crate::base::rng::Purpose;
use crate::model::transform::Support;
use crate::problem::Problem;
use crate::sampling::cloud::{Cloud, Target};

/// The moves of another kernel, and after each a move of every scale that stands in the priors of other parameters alone, such as that
/// of a layer's weights.
///
/// Given its weights, of which there are d, a scale is known to within a factor of 1 ± 1/√(2d): chains wait for all of them to change.
/// Here the scale τ and the weights go together, τ·exp(δ) and w·exp(δ), so that the likelihood alone holds them back: it is the
/// direction in which a parametrisation by w/τ would move, interwoven with the other (Y. Yu, X.-L. Meng, *To center or not to
/// center*, 2011). δ is normal with a standard deviation that is drawn anew each time, log-uniform between 0.01 and 1, and accepted
/// with probability min(1, π(θ')/π(θ)·exp(δ·d)), which leaves the target invariant. Each costs one value of the target.
///
/// `mcmc()` moves like this by itself where a model has such a scale.
#[derive(Clone, Debug)]
pub struct Interweaved {
    inside: Arc<dyn Kernel>,
}

impl Interweaved {
    /// Between the moves of `kernel`, which must leave the target invariant.
    pub fn around(kernel: Arc<dyn Kernel>) -> Self {
        Self { inside: kernel }
    }
}

/// The coordinates that go together: those that are multiplied, and those, logarithms, that are added to.
struct Together {
    times: Vec<Range<usize>>,
    plus: Vec<Range<usize>>,
}

/// Those of each positive scale; what it governs must be able to be multiplied.
fn together(problem: &dyn Problem) -> Vec<Together> {
    let blocks = problem.layout().blocks();
    let mut all = Vec::new();
    for h in problem.model().hyperparameters() {
        let scale = &blocks[h.block];
        let governed = || h.governs.iter().map(|&number| &blocks[number]);
        if scale.support != Support::Positive
            || governed().any(|b| b.support == Support::UnitInterval)
        {
            continue;
        }
        let of = |support: Support| governed().filter(move |b| b.support == support);
        let ranges = |support| of(support).map(|b| b.range.clone());
        all.push(Together {
            times: ranges(Support::Real).collect(),
            plus: ranges(Support::Positive)
                .chain([scale.range.clone()])
                .collect(),
        });
    }
    all
}

impl Kernel for Interweaved {
    as_the_kernel_inside!();

    fn turned(&self) -> Option<Arc<dyn Kernel>> {
        Some(Arc::new(Self {
            inside: InBasis::around(self.inside.clone()),
        }))
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let moved = self.inside.step(tuning, target, cloud, at);
        for (number, together) in together(target.problem).into_iter().enumerate() {
            rescale(&together, target, cloud, at, number);
        }
        moved
    }
}

fn rescale(together: &Together, target: &Target<'_>, cloud: &mut Cloud, at: At, number: usize) {
    const NARROWEST: f64 = 0.01;
    let streams = at.streams.branch(Purpose::Trajectory);
    let draw = |purpose: Purpose| {
        let positions = cloud.positions();
        positions.uniforms(streams, purpose, at.stage, at.draw * 64 + number)
    };
    let (widths, first, second) = (
        draw(Purpose::Trajectory),
        draw(Purpose::Propose),
        draw(Purpose::Surrogate),
    );
    let tosses = draw(Purpose::Accept);
    let numbers = widths.iter().zip(first.iter().zip(&second));
    let shifts = numbers.map(|(width, (u, v))| {
        // A normal number by Box and Muller's formula.
        let normal = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        NARROWEST.powf(*width) * normal
    });
    let shifts: Vec<f64> = shifts.collect();
    let mut positions = cloud.positions().clone();
    positions.rescale(&shifts, &together.times, &together.plus);
    let terms = target.value(&positions);
    let multiplied: usize = together.times.iter().map(Range::len).sum();
    let volumes = shifts.iter().map(|shift| shift * multiplied as f64);
    let volumes: Vec<f64> = volumes.collect();
    replace(target, cloud, (positions, terms), &volumes, &tosses);
}
