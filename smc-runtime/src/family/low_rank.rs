//! Normal with a covariance of low rank plus a diagonal.

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

/// The family of normal densities with covariance F Fᵀ + diag s², F of `rank` columns: correlations in a few directions at a cost that
/// is linear in the parameters. φ is the means, the logarithms of s, and row after row of F in units of s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowRank {
    /// Columns of F.
    pub rank: usize,
}

/// N(mean, F Fᵀ + diag sd²).
#[derive(Clone, PartialEq)]
pub struct LowRankNormal {
    mean: Vec<f32>,
    sd: Vec<f32>,
    /// d × rank.
    factor: Vec<f32>,
    rank: usize,
    /// Cholesky factor of I + Fᵀ diag sd⁻² F.
    inner: Vec<f64>,
}

impl LowRankNormal {
    /// Of a mean, a standard deviation and `rank` factors for every coordinate.
    ///
    /// # Errors
    /// If lengths do not fit, if a number is not finite, or a standard deviation not positive.
    pub fn new(mean: Vec<f32>, sd: Vec<f32>, factor: Vec<f32>, rank: usize) -> Result<Self> {
        let n = mean.len();
        check("mean", &mean, n, false)?;
        check("sd", &sd, n, true)?;
        check("factor", &factor, n * rank, false)?;
        let inner = capacitance(&sd, &factor, rank).ok_or_else(|| {
            Error::config("factor", rank, "numbers of a covariance in f64 are needed")
        })?;
        Ok(Self {
            mean,
            sd,
            factor,
            rank,
            inner,
        })
    }

    /// Σ⁻¹ (θ − mean), by the formula of Woodbury, and (θ − mean)ᵀ Σ⁻¹ (θ − mean).
    fn solve(&self, theta: &[f32]) -> (Vec<f64>, f64) {
        let at = theta.iter().zip(&self.mean);
        let off: Vec<f64> = at.map(|(x, m)| f64::from(x - m)).collect();
        let solved = solve(&self.sd, &self.factor, self.rank, &self.inner, &off);
        let square = solved.iter().zip(&off).map(|(a, b)| a * b).sum();
        (solved, square)
    }
}

/// The Cholesky factor of I + Fᵀ diag sd⁻² F.
fn capacitance(sd: &[f32], factor: &[f32], rank: usize) -> Option<Vec<f64>> {
    let mut inner = vec![0.0; rank * rank];
    for k in 0..rank {
        inner[k * rank + k] = 1.0;
    }
    for (row, s) in factor.chunks(rank.max(1)).zip(sd) {
        let precision = f64::from(*s).powi(-2);
        for (a, &x) in row.iter().enumerate() {
            for (b, &y) in row.iter().enumerate() {
                inner[a * rank + b] += precision * f64::from(x) * f64::from(y);
            }
        }
    }
    if rank == 0 {
        return Some(inner);
    }
    cholesky(&inner, rank)
}

/// Σ⁻¹ x for Σ = F Fᵀ + diag sd².
fn solve(sd: &[f32], factor: &[f32], rank: usize, inner: &[f64], x: &[f64]) -> Vec<f64> {
    let mut solved: Vec<f64> = x
        .iter()
        .zip(sd)
        .map(|(x, s)| x / f64::from(*s).powi(2))
        .collect();
    let mut along = vec![0.0; rank];
    for (row, y) in factor.chunks(rank.max(1)).zip(&solved) {
        for (a, f) in along.iter_mut().zip(row) {
            *a += f64::from(*f) * y;
        }
    }
    solve_lower(inner, &mut along);
    solve_lower_transposed(inner, &mut along);
    for ((row, y), s) in factor.chunks(rank.max(1)).zip(&mut solved).zip(sd) {
        let dot: f64 = row.iter().zip(&along).map(|(f, a)| f64::from(*f) * a).sum();
        *y -= dot / f64::from(*s).powi(2);
    }
    solved
}

impl fmt::Debug for LowRankNormal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let print = print_of(&[&self.mean, &self.sd, &self.factor]);
        let (n, rank) = (self.mean.len(), self.rank);
        write!(
            f,
            "a normal of {n} coordinates, rank {rank} and diagonal ({print:016x})"
        )
    }
}

impl Density for LowRankNormal {
    fn dim(&self) -> usize {
        self.mean.len()
    }

    fn sample(&self, streams: Streams, draw: usize, thetas: &mut Population) {
        let (first, rank) = (thetas.first(), self.rank);
        let noise = streams.branch(Purpose::Start);
        thetas.fill_normal(streams, Purpose::Start, 0, draw);
        thetas.on_host().map_rows(|i, row| {
            let along = noise
                .stream(Purpose::Start, 0, first + i, draw)
                .normals(rank);
            let at = row.iter_mut().zip(&self.mean).zip(&self.sd);
            for (((x, m), s), f) in at.zip(self.factor.chunks(rank.max(1))) {
                let shift: f32 = f.iter().zip(&along).map(|(f, z)| f * z).sum();
                *x = m + s * *x + shift;
            }
        });
    }

    fn log_density(&self, thetas: &Population, gradient: Option<&mut Population>) -> Vec<f64> {
        let own: f64 = self.sd.iter().map(|s| f64::from(*s).ln()).sum();
        let inner: f64 = (0..self.rank)
            .map(|k| self.inner[k * self.rank + k].ln())
            .sum();
        let constant = -own - inner - self.mean.len() as f64 * HALF_LN_TAU;
        let at = |i: usize| self.solve(thetas.row(i));
        let squares = match gradient {
            Some(gradient) => gradient.on_host().map_rows(|i, g| {
                let (solved, square) = at(i);
                for (g, s) in g.iter_mut().zip(solved) {
                    *g -= s as f32;
                }
                square
            }),
            None => exec::map(thetas.len(), |i| at(i).1),
        };
        squares.into_iter().map(|s| constant - 0.5 * s).collect()
    }

    fn moments(&self) -> Moments {
        let rows = self.factor.chunks(self.rank.max(1));
        let own = self.sd.iter().map(|s| f64::from(*s).powi(2));
        let mut variance: Vec<f64> = own.collect();
        for (v, row) in variance.iter_mut().zip(rows) {
            *v += row.iter().map(|f| f64::from(*f).powi(2)).sum::<f64>();
        }
        Moments {
            mean: self.mean.iter().map(|&m| f64::from(m)).collect(),
            variance,
        }
    }

    fn numbers(&self) -> Option<Numbers> {
        let n = self.mean.len();
        Some(Numbers {
            family: "low rank".to_owned(),
            sizes: vec![self.rank],
            arrays: vec![
                Array::new("mean", &[n], &self.mean),
                Array::new("sd", &[n], &self.sd),
                Array::new("factor", &[n, self.rank], &self.factor),
            ],
            parts: Vec::new(),
        })
    }

    fn normal(&self) -> Option<&dyn Normal> {
        Some(self)
    }

    fn widened(&self, factor: f64) -> Option<Arc<dyn Density>> {
        let times = |x: &[f32]| x.iter().map(|x| x * factor as f32).collect();
        let (sd, own) = (times(&self.sd), times(&self.factor));
        let wide = Self::new(self.mean.clone(), sd, own, self.rank).ok()?;
        Some(Arc::new(wide))
    }
}

impl Normal for LowRankNormal {
    fn mean(&self) -> Vec<f32> {
        self.mean.clone()
    }

    fn spread(&self, slopes: &Slopes, covariance: &mut [f64]) {
        let rank = self.rank.max(1);
        // Fᵀ j, and s j.
        add_products(slopes, self.mean.len(), covariance, |j| {
            let mut along = vec![0.0; self.rank];
            for (row, j) in self.factor.chunks(rank).zip(j) {
                for (a, f) in along.iter_mut().zip(row) {
                    *a += f64::from(f * j);
                }
            }
            let own = j.iter().zip(&self.sd).map(|(j, s)| f64::from(s * j));
            along.extend(own);
            along
        });
    }
}

/// The parts of φ: means, logarithms of standard deviations, factors.
fn parts(numbers: &[f32], dim: usize) -> (&[f32], &[f32], &[f32]) {
    let (mean, rest) = numbers.split_at(dim);
    let (logs, factor) = rest.split_at(dim);
    (mean, logs, factor)
}

/// Standard deviations, and the factors in the units of the parameters.
fn scaled(logs: &[f32], units: &[f32], rank: usize) -> (Vec<f32>, Vec<f32>) {
    let sd: Vec<f32> = logs
        .iter()
        .map(|l| l.exp().max(f32::MIN_POSITIVE))
        .collect();
    let factor = units.iter().enumerate().map(|(at, f)| sd[at / rank] * f);
    let factor = factor.collect();
    (sd, factor)
}

impl Family for LowRank {
    /// F begins small and uneven: where all of it is zero its columns never part.
    fn begin(&self, mean: &[f32], sd: &[f32]) -> Result<Vec<f32>> {
        const SMALL: f32 = 0.1;
        if self.rank == 0 || self.rank > mean.len() {
            let expected = format!("between 1 and the {} parameters", mean.len());
            return Err(Error::config("rank", self.rank, expected));
        }
        check("sd", sd, mean.len(), true)?;
        let mut stream = Streams::new(0).stream(Purpose::Start, 0, 0, 0);
        let uneven = stream.normals(mean.len() * self.rank);
        let scale = SMALL / (self.rank as f32).sqrt();
        let factor = uneven.iter().map(|z| scale * z);
        let logs = sd.iter().map(|s| s.ln());
        Ok(mean.iter().copied().chain(logs).chain(factor).collect())
    }

    fn noise(&self, dim: usize) -> usize {
        dim + self.rank
    }

    fn draw(&self, numbers: &[f32], noise: &[f32], theta: &mut [f32]) {
        let (mean, logs, factor) = parts(numbers, theta.len());
        let (own, along) = noise.split_at(theta.len());
        let at = theta.iter_mut().zip(mean).zip(logs).zip(own);
        for ((((x, m), l), e), f) in at.zip(factor.chunks(self.rank)) {
            let shift: f32 = f.iter().zip(along).map(|(f, z)| f * z).sum();
            *x = m + l.exp() * (e + shift);
        }
    }

    fn score(&self, numbers: &[f32], noise: &[f32], score: &mut [f32]) {
        let dim = score.len();
        let (_, logs, units) = parts(numbers, dim);
        let (own, along) = noise.split_at(dim);
        let (sd, factor) = scaled(logs, units, self.rank);
        let factor = &factor[..];
        let Some(inner) = capacitance(&sd, factor, self.rank) else {
            return score.fill(f32::NAN);
        };
        let at = own.iter().zip(&sd).zip(factor.chunks(self.rank));
        let off: Vec<f64> = at
            .map(|((e, s), f)| {
                f64::from(s * e + f.iter().zip(along).map(|(f, z)| f * z).sum::<f32>())
            })
            .collect();
        for (s, x) in score
            .iter_mut()
            .zip(solve(&sd, factor, self.rank, &inner, &off))
        {
            *s = -x as f32;
        }
    }

    fn pull(&self, numbers: &[f32], noise: &[f32], slope: &[f32], gradient: &mut [f32]) {
        let dim = slope.len();
        let (_, logs, units) = parts(numbers, dim);
        let (own, along) = noise.split_at(dim);
        let (by_mean, rest) = gradient.split_at_mut(dim);
        let (by_log, by_factor) = rest.split_at_mut(dim);
        by_mean.copy_from_slice(slope);
        let rows = by_factor.chunks_mut(self.rank).zip(units.chunks(self.rank));
        let coordinates = by_log.iter_mut().zip(logs).zip(own).zip(slope);
        for ((((g, l), e), r), (by_row, row)) in coordinates.zip(rows) {
            let scale = r * l.exp();
            let shift: f32 = row.iter().zip(along).map(|(f, z)| f * z).sum();
            *g = scale * (e + shift);
            for (g, z) in by_row.iter_mut().zip(along) {
                *g = scale * z;
            }
        }
    }

    fn density(&self, numbers: &[f32], dim: usize) -> Result<Arc<dyn Density>> {
        let (mean, logs, units) = parts(numbers, dim);
        let (sd, factor) = scaled(logs, units, self.rank);
        let density = LowRankNormal::new(mean.to_vec(), sd, factor, self.rank)?;
        Ok(Arc::new(density))
    }
}
