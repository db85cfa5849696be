//! Residual resampling.

use super::{Resample, ascending_uniforms, at_points, repeated, sure_and_left};
use crate::base::rng::Stream;

/// Particle i has ⌊J·Wᵢ⌋ sure offspring; the rest are chosen independently in proportion to J·Wᵢ − ⌊J·Wᵢ⌋ (Liu and Chen,
/// 1998).
///
/// Never more noise than multinomial resampling; nothing is random where every J·Wᵢ is a whole number.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().resample(Residual);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Residual;

impl Resample for Residual {
    fn ancestors(&self, weights: &[f64], stream: &mut Stream) -> Vec<usize> {
        let (mut offspring, left) = sure_and_left(weights);
        let rest = weights.len().saturating_sub(offspring.iter().sum());
        let total: f64 = left.iter().sum();
        let points = ascending_uniforms(rest, stream);
        for i in at_points(&left, points.into_iter().map(|u| total * u)) {
            offspring[i] += 1;
        }
        repeated(&offspring)
    }
}
