//! Normal with a full covariance, for small models.

use std::fmt;
use std::sync::Arc;

use super::spread::add_products;
use super::{Family, HALF_LN_TAU, check, print_of};
use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::base::rng::{Purpose, Streams};
use crate::numerics::dense::{cholesky, solve_lower, solve_lower_transposed};
use crate::problem::Slopes;
use crate::problem::density::{Array, Density, Moments, Normal, Numbers};
use crate::problem::population::Population;

/// Parameters at the most: the numbers grow with their square.
const MOST: usize = 5000;

/// The family of normal densities with any covariance, for models of at most 5000 parameters. φ is the mean and the rows of a lower
/// triangle: θ_i = mean_i + s_i (z_i + Σ_{j<i} a_ij z_j), the logarithm of s_i on the diagonal: all but the mean has no unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Full;

/// N(mean, L Lᵀ).
#[derive(Clone, PartialEq)]
pub struct FullNormal {
    mean: Vec<f32>,
    /// Lower triangular, all of its rows.
    lower: Vec<f64>,
}

impl FullNormal {
    /// Of a mean and a covariance, row after row.
    ///
    /// # Errors
    /// If lengths do not fit, if there are more than 5000 coordinates, or if the covariance is not positive definite.
    pub fn new(mean: Vec<f32>, covariance: &[f64]) -> Result<Self> {
        let n = mean.len();
        check("mean", &mean, n, false)?;
        small(n)?;
        if covariance.len() != n * n {
            let found = format!("{} numbers", covariance.len());
            return Err(Error::shape(
                "covariance",
                format!("{n} × {n} numbers"),
                found,
            ));
        }
        let lower = cholesky(covariance, n).ok_or_else(|| {
            Error::config(
                "covariance",
                format!("{n} × {n}"),
                "a positive definite one is needed",
            )
        })?;
        // As they are told by its numbers.
        let lower = lower.iter().map(|&x| f64::from(x as f32)).collect();
        Self::of_lower(mean, lower)
    }

    /// Of L, lower triangular, row after row.
    pub(super) fn of_lower(mean: Vec<f32>, lower: Vec<f64>) -> Result<Self> {
        let n = mean.len();
        check("mean", &mean, n, false)?;
        small(n)?;
        let sound = lower.len() == n * n
            && (0..n).all(|i| lower[i * n + i] > 0.0)
            && lower.iter().all(|x| x.is_finite());
        if !sound {
            let expected = format!("{n} × {n} finite numbers with a positive diagonal");
            return Err(Error::shape("a lower triangle", expected, "others"));
        }
        Ok(Self { mean, lower })
    }

    /// The covariance, row after row.
    pub fn covariance(&self) -> Vec<f64> {
        let n = self.mean.len();
        let row = |i: usize| &self.lower[i * n..(i + 1) * n];
        let of = |i: usize, j: usize| row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
        (0..n * n).map(|at| of(at / n, at % n)).collect()
    }
}

fn small(n: usize) -> Result<()> {
    if n <= MOST {
        return Ok(());
    }
    Err(Error::config(
        "parameters under a full covariance",
        n,
        format!(
            "at most {MOST} are possible; `LowRank {{ rank: 8 }}` or Kronecker factors go farther"
        ),
    ))
}

impl fmt::Debug for FullNormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower: Vec<f32> = self.lower.iter().map(|&x| x as f32).collect();
        let print = print_of(&[&self.mean, &lower]);
        write!(
            f,
            "a normal of {} coordinates ({print:016x})",
            self.mean.len()
        )
    }
}

impl Density for FullNormal {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        let n = self.mean.len();
        thetas.fill_normal(streams, Purpose::Start, 0, draw);
        thetas.on_host().map_rows(|_, row| {
            for i in (0..n).rev() {
                let lower = self.lower[i * n..=i * n + i].iter().zip(&*row);
                let off: f64 = lower.map(|(l, z)| l * f64::from(*z)).sum();
                row[i] = (f64::from(self.mean[i]) + off) as f32;
            }
        });
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let n = self.mean.len();
        let logs: f64 = (0..n).map(|i| self.lower[i * n + i].ln()).sum();
        let constant = -logs - n as f64 * HALF_LN_TAU;
        let at = |i: usize| {
            let off = thetas.row(i).iter().zip(&self.mean);
            let mut z: Vec<f64> = off.map(|(x, m)| f64::from(x - m)).collect();
            solve_lower(&self.lower, &mut z);
            z
        };
        let square = |z: &[f64]| z.iter().map(|z| z * z).sum::<f64>();
        let squares = match gradient {
            Some(gradient) => gradient.on_host().map_rows(|i, g| {
                let mut z = at(i);
                let square = square(&z);
                solve_lower_transposed(&self.lower, &mut z);
                for (g, z) in g.iter_mut().zip(z) {
                    *g -= z as f32;
                }
                square
            }),
            None => exec::map(thetas.len(), |i| square(&at(i))),
        };
        squares.into_iter().map(|s| constant - 0.5 * s).collect()
    }

    fn moments(&self) -> Moments {
        let n = self.mean.len();
        let rows = self.lower.chunks(n.max(1));
        Moments {
            mean: self.mean.iter().map(|&m| f64::from(m)).collect(),
            variance: rows.map(|row| row.iter().map(|x| x * x).sum()).collect(),
        }
    }

    fn numbers(&self) -> Option<Numbers> {
        let n = self.mean.len();
        let lower: Vec<f32> = self.lower.iter().map(|&x| x as f32).collect();
        Some(Numbers {
            family: "full".to_owned(),
            sizes: Vec::new(),
            arrays: vec![
                Array::new("mean", &[n], &self.mean),
                Array::new("lower", &[n, n], &lower),
            ],
            parts: Vec::new(),
        })
    }

    fn normal(&self) -> Option<&dyn Normal> {
        Some(self)
    }

    fn widened(&self, factor: f64) -> Option<Arc<dyn Density>> {
        let lower = self.lower.iter().map(|x| x * factor).collect();
        let wide = Self::of_lower(self.mean.clone(), lower).ok()?;
        Some(Arc::new(wide))
    }
}

/// Where row i of the triangle begins, counted from its first number.
fn row(i: usize) -> usize {
    i * (i + 1) / 2
}

/// L as φ has it, row after row in full.
fn lower(numbers: &[f32], n: usize) -> Vec<f64> {
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        let own = &numbers[n + row(i)..][..=i];
        let scale = f64::from(own[i]).exp();
        for (l, x) in lower[i * n..].iter_mut().zip(own) {
            *l = scale * f64::from(*x);
        }
        lower[i * n + i] = scale;
    }
    lower
}

impl Normal for FullNormal {
    fn mean(&self) -> Vec<f32> {
        self.mean.clone()
    }

    fn spread(&self, slopes: &Slopes, covariance: &mut [f64]) {
        let n = self.mean.len();
        // Lᵀ j.
        add_products(slopes, n, covariance, |j| {
            let column = |k: usize| (k..n).map(move |i| self.lower[i * n + k] * f64::from(j[i]));
            (0..n).map(|k| column(k).sum()).collect()
        });
    }
}

impl Family for Full {
    fn begin(&self, mean: &[f32], sd: &[f32]) -> Result<Vec<f32>> {
        let n = mean.len();
        small(n)?;
        check("sd", sd, n, true)?;
        let mut numbers = mean.to_vec();
        numbers.resize(n + row(n), 0.0);
        for (i, s) in sd.iter().enumerate() {
            numbers[n + row(i) + i] = s.ln();
        }
        Ok(numbers)
    }

    fn noise(&self, dim: usize) -> usize {
        dim
    }

    fn draw(&self, numbers: &[f32], noise: &[f32], theta: &mut [f32]) {
        let n = theta.len();
        for (i, x) in theta.iter_mut().enumerate() {
            let own = &numbers[n + row(i)..][..=i];
            let below: f32 = own.iter().zip(noise).take(i).map(|(l, z)| l * z).sum();
            *x = numbers[i] + own[i].exp() * (below + noise[i]);
        }
    }

    fn score(&self, numbers: &[f32], noise: &[f32], score: &mut [f32]) {
        let mut z: Vec<f64> = noise.iter().map(|&z| f64::from(z)).collect();
        solve_lower_transposed(&lower(numbers, score.len()), &mut z);
        for (s, z) in score.iter_mut().zip(z) {
            *s = -z as f32;
        }
    }

    fn pull(&self, numbers: &[f32], noise: &[f32], slope: &[f32], gradient: &mut [f32]) {
        let n = slope.len();
        gradient[..n].copy_from_slice(slope);
        for (i, r) in slope.iter().enumerate() {
            let own = &numbers[n + row(i)..][..=i];
            let scale = own[i].exp();
            let below: f32 = own.iter().zip(noise).take(i).map(|(a, z)| a * z).sum();
            let by = &mut gradient[n + row(i)..][..=i];
            for (g, z) in by.iter_mut().zip(noise) {
                *g = r * scale * z;
            }
            by[i] = r * scale * (below + noise[i]);
        }
    }

    fn density(&self, numbers: &[f32], dim: usize) -> Result<Arc<dyn Density>> {
        let density = FullNormal::of_lower(numbers[..dim].to_vec(), lower(numbers, dim))?;
        Ok(Arc::new(density))
    }
}
