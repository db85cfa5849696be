//! The normal density of the vectors that an optimiser comes through.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DiagonalNormal, LowRankNormal};
use crate::base::error::Result;
use crate::problem::density::Density;
use crate::problem::population::Population;

/// Running moments of some vectors, and how far the last of them were from the mean: half of the covariance is that of the diagonal, half that of these
/// distances (W. J. Maddox et al., NeurIPS 2019).
///
/// ```
/// use smc_runtime::family::Trail;
/// use smc_runtime::problem::population::Population;
/// let at = |x| Population::from_values(2, vec![x, 0.0]).unwrap();
/// let mut trail = Trail::default();
/// trail.look(&at(1.0), 2);
/// trail.look(&at(3.0), 2);
/// assert_eq!(trail.density(&at(3.0))?.moments().mean, [2.0, 0.0]);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    looks: usize,
    mean: Vec<f64>,
    /// Σ (x − mean)².
    squares: Vec<f64>,
    /// The last ones' distances from the mean that there was, each dim long.
    last: Vec<Vec<f32>>,
}

/// The least standard deviation, as a share of the largest.
const LEAST: f64 = 1e-4;

impl Trail {
    /// Vectors seen.
    pub fn looks(&self) -> usize {
        self.looks
    }

    /// Takes the first vector of a population in, and keeps the distances of the last `rank`.
    pub fn look(&mut self, theta: &Population, rank: usize) {
        let theta = theta.row(0);
        self.mean.resize(theta.len(), 0.0);
        self.squares.resize(theta.len(), 0.0);
        self.looks += 1;
        let n = self.looks as f64;
        let mut far = Vec::with_capacity(theta.len());
        for ((x, m), s) in theta.iter().zip(&mut self.mean).zip(&mut self.squares) {
            let x = f64::from(*x);
            let before = x - *m;
            *m += before / n;
            *s += before * (x - *m);
            far.push((x - *m) as f32);
        }
        if self.last.len() == rank {
            self.last.remove(0);
        }
        self.last.push(far);
    }

    /// The density; a narrow one around the first of `theta` where fewer than two vectors were seen.
    ///
    /// # Errors
    /// If a number is not finite.
    pub fn density(&self, theta: &Population) -> Result<Arc<dyn Density>> {
        let theta = theta.row(0);
        if self.looks < 2 {
            let sd = vec![LEAST as f32; theta.len()];
            return Ok(Arc::new(DiagonalNormal::new(theta.to_vec(), sd)?));
        }
        let half = 0.5 / (self.looks - 1) as f64;
        let sd: Vec<f64> = self.squares.iter().map(|s| (half * s).sqrt()).collect();
        let least = LEAST * sd.iter().copied().fold(0.0, f64::max);
        let least = least.max(f64::from(f32::MIN_POSITIVE).sqrt());
        let rank = self.last.len();
        let share = (0.5 / (rank.max(2) - 1) as f64).sqrt() as f32;
        let factor = |at: usize| share * self.last[at % rank][at / rank];
        let density = LowRankNormal::new(
            self.mean.iter().map(|m| *m as f32).collect(),
            sd.iter().map(|s| s.max(least) as f32).collect(),
            (0..theta.len() * rank).map(factor).collect(),
            rank,
        )?;
        Ok(Arc::new(density))
    }
}
