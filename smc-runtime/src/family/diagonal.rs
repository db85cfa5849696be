//! Normal with a diagonal covariance: mean field.

use std::fmt;
use std::sync::Arc;

use super::basis::Basis;
use super::spread::{spread, spread_of_layer};
use super::{Family, HALF_LN_TAU, check, print_of};
use crate::base::error::Result;
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::numerics::math::exp;
use crate::problem::density::{Array, Density, Moments, Normal, Numbers};
use crate::problem::population::Population;
use crate::problem::{Layer, Slopes};

/// The family of normal densities with independent coordinates; φ is the means and the logarithms of the standard deviations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Diagonal;

/// N(mean, diag sd²).
///
/// ```
/// use smc_runtime::family::DiagonalNormal;
/// use smc_runtime::problem::density::Density;
/// use smc_runtime::problem::population::Population;
/// let density = DiagonalNormal::new(vec![1.0, 0.0], vec![0.5, 2.0])?;
/// let at_mean = density.log_density(&Population::from_values(2, vec![1.0, 0.0]).unwrap(), None)[0];
/// assert!((at_mean + std::f64::consts::TAU.ln()).abs() < 1e-12);
/// # Ok::<(), smc_runtime::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct DiagonalNormal {
    mean: Vec<f32>,
    sd: Vec<f32>,
}

impl DiagonalNormal {
    /// Of a mean and a standard deviation for every coordinate.
    ///
    /// # Errors
    /// If lengths differ, if a number is not finite, or a standard deviation not positive.
    pub fn new(mean: Vec<f32>, sd: Vec<f32>) -> Result<Self> {
        check("mean", &mean, mean.len(), false)?;
        check("sd", &sd, mean.len(), true)?;
        Ok(Self { mean, sd })
    }
}

impl fmt::Debug for DiagonalNormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let print = print_of(&[&self.mean, &self.sd]);
        write!(
            f,
            "a diagonal normal of {} coordinates ({print:016x})",
            self.mean.len()
        )
    }
}

impl Density for DiagonalNormal {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        thetas.fill_normal(streams, Purpose::Start, 0, draw);
        thetas.on_host().map_rows(|_, row| {
            for ((x, m), s) in row.iter_mut().zip(&self.mean).zip(&self.sd) {
                *x = m + s * *x;
            }
        });
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let logs: f64 = self.sd.iter().map(|s| f64::from(*s).ln()).sum();
        let constant = -logs - self.mean.len() as f64 * HALF_LN_TAU;
        if let Some(gradient) = gradient {
            gradient.on_host().map_rows(|i, g| {
                let at = g
                    .iter_mut()
                    .zip(thetas.row(i))
                    .zip(&self.mean)
                    .zip(&self.sd);
                for (((g, x), m), s) in at {
                    *g -= (x - m) / (s * s);
                }
            });
        }
        exec::map_light(thetas.len(), thetas.dim(), |i| {
            let at = thetas.row(i).iter().zip(&self.mean).zip(&self.sd);
            let squares: f64 = at.map(|((x, m), s)| f64::from((x - m) / s).powi(2)).sum();
            constant - 0.5 * squares
        })
    }

    fn moments(&self) -> Moments {
        Moments {
            mean: self.mean.iter().map(|&m| f64::from(m)).collect(),
            variance: self.sd.iter().map(|&s| f64::from(s).powi(2)).collect(),
        }
    }

    fn numbers(&self) -> Option<Numbers> {
        let n = [self.mean.len()];
        Some(Numbers {
            family: "diagonal".to_owned(),
            sizes: Vec::new(),
            arrays: vec![
                Array::new("mean", &n, &self.mean),
                Array::new("sd", &n, &self.sd),
            ],
            parts: Vec::new(),
        })
    }

    fn normal(&self) -> Option<&dyn Normal> {
        Some(self)
    }

    fn widened(&self, factor: f64) -> Option<Arc<dyn Density>> {
        let sd = self.sd.iter().map(|s| s * factor as f32).collect();
        let wide = Self::new(self.mean.clone(), sd).ok()?;
        Some(Arc::new(wide))
    }
}

impl Normal for DiagonalNormal {
    fn mean(&self) -> Vec<f32> {
        self.mean.clone()
    }

    fn spread(&self, slopes: &Slopes, covariance: &mut [f64]) {
        spread(&Basis::default(), &self.sd, slopes, covariance);
    }

    fn spread_of_layer(&self, layer: &Layer, mean: &[f32], variance: &[f32]) -> Option<Vec<f32>> {
        let own = spread_of_layer(&Basis::default(), &self.sd, layer, mean, variance);
        Some(own)
    }
}

impl Family for Diagonal {
    fn begin(&self, mean: &[f32], sd: &[f32]) -> Result<Vec<f32>> {
        check("sd", sd, mean.len(), true)?;
        Ok(mean
            .iter()
            .copied()
            .chain(sd.iter().map(|s| s.ln()))
            .collect())
    }

    fn noise(&self, dim: usize) -> usize {
        dim
    }

    fn draw(&self, numbers: &[f32], noise: &[f32], theta: &mut [f32]) {
        let (mean, logs) = numbers.split_at(theta.len());
        for (((x, m), l), e) in theta.iter_mut().zip(mean).zip(logs).zip(noise) {
            *x = m + exp::<false>(*l) * e;
        }
    }

    fn score(&self, numbers: &[f32], noise: &[f32], score: &mut [f32]) {
        let (_, logs) = numbers.split_at(score.len());
        for ((s, l), e) in score.iter_mut().zip(logs).zip(noise) {
            *s = -e * exp::<false>(-l);
        }
    }

    fn pull(&self, numbers: &[f32], noise: &[f32], slope: &[f32], gradient: &mut [f32]) {
        let (_, logs) = numbers.split_at(slope.len());
        let (by_mean, by_log) = gradient.split_at_mut(slope.len());
        by_mean.copy_from_slice(slope);
        for (((g, l), e), r) in by_log.iter_mut().zip(logs).zip(noise).zip(slope) {
            *g = r * e * exp::<false>(*l);
        }
    }

    fn density(&self, numbers: &[f32], dim: usize) -> Result<Arc<dyn Density>> {
        let (mean, logs) = numbers.split_at(dim);
        let sd = logs
            .iter()
            .map(|l| exp::<false>(*l).max(f32::MIN_POSITIVE))
            .collect();
        Ok(Arc::new(DiagonalNormal::new(mean.to_vec(), sd)?))
    }
}
