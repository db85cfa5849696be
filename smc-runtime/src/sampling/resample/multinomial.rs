//! Multinomial resampling.

use super::{Resample, ascending_uniforms, at_points};
use crate::base::rng::Stream;

/// Every ancestor is chosen independently, i with probability Wᵢ (Gordon, Salmond and Smith, 1993).
///
/// The scheme of most theorems, and the one with the most noise: the number of offspring of particle i has variance
/// J·Wᵢ·(1 − Wᵢ), however equal the weights are.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().resample(Multinomial);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Multinomial;

impl Resample for Multinomial {
    fn ancestors(&self, weights: &[f64], stream: &mut Stream) -> Vec<usize> {
        at_points(weights, ascending_uniforms(weights.len(), stream))
    }
}
