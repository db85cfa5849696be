//! Normal with a Kronecker covariance for every layer, in the eigenbasis of its factors.

use std::fmt;
use std::sync::Arc;

use super::basis::Basis;
use super::spread::{spread, spread_of_layer};
use super::{HALF_LN_TAU, check, print_of};
use crate::base::error::Result;
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::problem::density::{Array, Density, Moments, Normal, Numbers};
use crate::problem::population::Population;
use crate::problem::{Layer, Slopes};

/// W = L (M + σ ∘ ε) Rᵀ D for the weights of every affine layer, the bias as a last column: a matrix-normal density whose rows and
/// columns are correlated by orthogonal L and R and scales D (see [`Basis`]), with a variance of its own for every coordinate between (the family of EVON). All else
/// is independent.
#[derive(Clone, PartialEq)]
pub struct KroneckerNormal {
    /// In the basis.
    mean: Vec<f32>,
    sd: Vec<f32>,
    basis: Basis,
}

impl KroneckerNormal {
    /// Of means and standard deviations in the coordinates of a basis.
    ///
    /// # Errors
    /// If lengths differ, if a number is not finite, or a standard deviation not positive.
    pub fn new(mean: Vec<f32>, sd: Vec<f32>, basis: Basis) -> Result<Self> {
        check("mean", &mean, mean.len(), false)?;
        check("sd", &sd, mean.len(), true)?;
        Ok(Self { mean, sd, basis })
    }
}

impl fmt::Debug for KroneckerNormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, arrays) = self.basis.numbers();
        let mut all = vec![&self.mean[..], &self.sd];
        all.extend(arrays.iter().map(|a| &a.values[..]));
        let n = self.mean.len();
        write!(
            f,
            "a normal of {n} coordinates, Kronecker by layer ({:016x})",
            print_of(&all)
        )
    }
}

impl Density for KroneckerNormal {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        thetas.fill_normal(streams, Purpose::Start, 0, draw);
        thetas.on_host().map_rows(|_, row| {
            for ((x, m), s) in row.iter_mut().zip(&self.mean).zip(&self.sd) {
                *x = m + s * *x;
            }
            self.basis.leave(row);
        });
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let logs: f64 = self.sd.iter().map(|s| f64::from(*s).ln()).sum();
        let constant = -logs - self.basis.log_volume() - self.mean.len() as f64 * HALF_LN_TAU;
        let at = |i: usize| {
            let mut z = thetas.row(i).to_vec();
            self.basis.enter(&mut z);
            for ((z, m), s) in z.iter_mut().zip(&self.mean).zip(&self.sd) {
                *z = (*z - m) / s;
            }
            z
        };
        let square = |z: &[f32]| z.iter().map(|z| f64::from(*z).powi(2)).sum::<f64>();
        let squares = match gradient {
            Some(gradient) => gradient.on_host().map_rows(|i, g| {
                let mut z = at(i);
                let square = square(&z);
                for (z, s) in z.iter_mut().zip(&self.sd) {
                    *z /= s;
                }
                self.basis.leave_gradient(&mut z);
                for (g, z) in g.iter_mut().zip(z) {
                    *g -= z;
                }
                square
            }),
            None => exec::map(thetas.len(), |i| square(&at(i))),
        };
        squares.into_iter().map(|s| constant - 0.5 * s).collect()
    }

    /// The mean is exact; variances are from 256 draws, the same ones whenever they are asked for.
    fn moments(&self) -> Moments {
        const DRAWS: usize = 256;
        // All together may be more than memory holds.
        const TOGETHER: usize = 16;
        let mut mean = self.mean.clone();
        self.basis.leave(&mut mean);
        let mut squares = vec![0.0; mean.len()];
        for part in 0..DRAWS / TOGETHER {
            let mut thetas = Population::zeros(TOGETHER, mean.len()).numbered_from(part * TOGETHER);
            self.sample(Streams::new(0).branch(Purpose::Reference), 0, &mut thetas);
            for i in 0..TOGETHER {
                for ((s, x), m) in squares.iter_mut().zip(thetas.row(i)).zip(&mean) {
                    *s += f64::from(x - m).powi(2) / DRAWS as f64;
                }
            }
        }
        Moments {
            mean: mean.iter().map(|&m| f64::from(m)).collect(),
            variance: squares,
        }
    }

    fn numbers(&self) -> Option<Numbers> {
        let n = [self.mean.len()];
        let (sizes, bases) = self.basis.numbers();
        let mut arrays = vec![
            Array::new("mean", &n, &self.mean),
            Array::new("sd", &n, &self.sd),
        ];
        arrays.extend(bases);
        Some(Numbers {
            family: "kronecker".to_owned(),
            sizes,
            arrays,
            parts: Vec::new(),
        })
    }

    fn normal(&self) -> Option<&dyn Normal> {
        Some(self)
    }

    fn widened(&self, factor: f64) -> Option<Arc<dyn Density>> {
        let sd = self.sd.iter().map(|s| s * factor as f32).collect();
        let wide = Self::new(self.mean.clone(), sd, self.basis.clone()).ok()?;
        Some(Arc::new(wide))
    }
}

impl Normal for KroneckerNormal {
    fn mean(&self) -> Vec<f32> {
        let mut mean = self.mean.clone();
        self.basis.leave(&mut mean);
        mean
    }

    fn spread(&self, slopes: &Slopes, covariance: &mut [f64]) {
        spread(&self.basis, &self.sd, slopes, covariance);
    }

    fn spread_of_layer(&self, layer: &Layer, mean: &[f32], variance: &[f32]) -> Option<Vec<f32>> {
        let own = spread_of_layer(&self.basis, &self.sd, layer, mean, variance);
        Some(own)
    }
}
