//! Resampling schemes: which particles have offspring. One scheme per file.

mod systematic;

pub use systematic::Systematic;

use std::fmt::Debug;

use crate::rng::Stream;

/// Chooses J ancestors in proportion to weights.
///
/// Contract. `weights` are normalised; the expected number of offspring of particle i is J·Wᵢ; cumulative sums are f64.
pub trait Resample: Debug + Send + Sync {
    /// The ancestors of the new particles, in order.
    fn ancestors(&self, weights: &[f64], stream: &mut Stream) -> Vec<usize>;
}

const _: fn(&dyn Resample) = |_| ();
