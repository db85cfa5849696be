//! Stratified resampling.

use super::{Resample, at_points};
use crate::base::rng::Stream;

/// One uniform point in each J-th part of the cumulative weights (Kitagawa, 1996).
///
/// Never more noise than multinomial resampling, and independent between the parts. Particle i has at least
/// ⌊J·Wᵢ⌋ − 1 offspring and at most ⌈J·Wᵢ⌉ + 1.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().resample(Stratified);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stratified;

impl Resample for Stratified {
    fn ancestors(&self, weights: &[f64], stream: &mut Stream) -> Vec<usize> {
        let n = weights.len();
        let point = |k: usize| (k as f64 + stream.uniform()) / n as f64;
        at_points(weights, (0..n).map(point))
    }
}
