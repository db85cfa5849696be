//! Densities that are fitted to posteriors: normal ones with a diagonal, low-rank, full or, layer by layer, Kronecker covariance, and
//! mixtures of any. One file each; a [`Family`] of your own is one more. The Kronecker factors of a network have their
//! home here, and the bases that they give.

mod basis;
mod curvature;
mod diagonal;
mod factors;
mod full;
mod in_basis;
mod kronecker;
mod layerwise;
mod low_rank;
mod member;
mod mixture;
mod rebuild;
mod shake;
mod spread;
mod strength;
mod trail;
mod turned;

pub use basis::Basis;
pub use curvature::{around, squares};
pub use diagonal::{Diagonal, DiagonalNormal};
pub use factors::Factors;
pub use full::{Full, FullNormal};
pub use in_basis::{Along, DensityInBasis, InBasis};
pub use kronecker::KroneckerNormal;
pub use layerwise::Layerwise;
pub use low_rank::{LowRank, LowRankNormal};
pub use member::Member;
pub use mixture::Mixture;
pub use rebuild::rebuild;
pub use strength::strength;
pub use trail::Trail;
pub use turned::{At, Turned};

use std::fmt::Debug;
use std::sync::Arc;

use crate::base::error::{Error, Result};
use crate::base::fingerprint::fingerprint;
use crate::problem::density::Density;

/// A family of densities that a reparametrised gradient can fit: a member is some numbers φ, and a draw of it a function of φ and of
/// standard normal noise.
///
/// Contract. `draw` is differentiable in φ; `pull` adds the exact derivative of `draw` times the slope; the density of
/// [`density`](Self::density) is that of `draw`.
///
/// ```
/// use std::sync::Arc;
/// use smc_runtime::family::{DiagonalNormal, Family};
/// use smc_runtime::prelude::*;
/// use smc_runtime::problem::density::Density;
///
/// /// Normal with a known standard deviation of every coordinate: φ is the mean.
/// #[derive(Debug)]
/// struct Shifted(f32);
///
/// impl Family for Shifted {
///     fn begin(&self, mean: &[f32], _sd: &[f32]) -> Result<Vec<f32>> {
///         Ok(mean.to_vec())
///     }
///     fn noise(&self, dim: usize) -> usize {
///         dim
///     }
///     fn draw(&self, numbers: &[f32], noise: &[f32], theta: &mut [f32]) {
///         for ((x, m), e) in theta.iter_mut().zip(numbers).zip(noise) {
///             *x = m + self.0 * e;
///         }
///     }
///     fn score(&self, _numbers: &[f32], noise: &[f32], score: &mut [f32]) {
///         for (s, e) in score.iter_mut().zip(noise) {
///             *s = -e / self.0;
///         }
///     }
///     fn pull(&self, _numbers: &[f32], _noise: &[f32], slope: &[f32], gradient: &mut [f32]) {
///         gradient.copy_from_slice(slope);
///     }
///     fn density(&self, numbers: &[f32], dim: usize) -> Result<Arc<dyn Density>> {
///         Ok(Arc::new(DiagonalNormal::new(numbers.to_vec(), vec![self.0; dim])?))
///     }
/// }
/// let fit = mean_field().family(Shifted(0.1));
/// ```
pub trait Family: Debug + Send + Sync {
    /// The numbers φ of the member around `mean` with about the standard deviation `sd` in every coordinate.
    ///
    /// # Errors
    /// If the family has no such member.
    fn begin(&self, mean: &[f32], sd: &[f32]) -> Result<Vec<f32>>;

    /// Standard normal numbers that a draw of `dim` coordinates takes.
    fn noise(&self, dim: usize) -> usize;

    /// The draw θ that noise gives.
    fn draw(&self, numbers: &[f32], noise: &[f32], theta: &mut [f32]);

    /// ∂ log q / ∂θ at that draw.
    fn score(&self, numbers: &[f32], noise: &[f32], score: &mut [f32]);

    /// The derivative of slope · θ by φ, θ the draw that noise gives and `slope` held fixed.
    fn pull(&self, numbers: &[f32], noise: &[f32], slope: &[f32], gradient: &mut [f32]);

    /// The member.
    ///
    /// # Errors
    /// If the numbers are not those of a density.
    fn density(&self, numbers: &[f32], dim: usize) -> Result<Arc<dyn Density>>;
}

const _: fn(&dyn Family) = |_| ();

/// ½ log 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_8;

/// Whether `values` are `n` finite numbers, positive ones where `positive`.
fn check(what: &str, values: &[f32], n: usize, positive: bool) -> Result<()> {
    if values.len() != n {
        return Err(Error::shape(
            what,
            format!("{n} numbers"),
            format!("{} numbers", values.len()),
        ));
    }
    let wrong = |x: &f32| !(x.is_finite() && (!positive || *x > 0.0));
    let Some(at) = values.iter().position(wrong) else {
        return Ok(());
    };
    let expected = if positive {
        "a positive, finite number is needed"
    } else {
        "a finite number is needed"
    };
    Err(Error::config(format!("{what}[{at}]"), values[at], expected))
}

/// A number that stands for some others.
fn print_of(values: &[&[f32]]) -> u64 {
    let bits = values.iter().flat_map(|part| part.iter());
    fingerprint(bits.map(|x| u64::from(x.to_bits())))
}
