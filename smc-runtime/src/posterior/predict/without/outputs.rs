//! Normal outputs of a network, and what a likelihood says of them.

use super::Said;
use crate::base::error::{Error, Result};
use crate::base::nodes::{even, hermite};
use crate::base::rng::{Purpose, Streams};
use crate::data::Features;
use crate::model::dist::Response;
use crate::problem::{Predictor, Transparent};

/// How the likelihood is integrated over normal outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integral {
    /// Of one output exactly, by quadrature; of several by 256 draws of them.
    #[default]
    Usual,
    /// By so many draws of the outputs, in pairs of opposite ones.
    Draws(usize),
    /// Of classes, by formula: outputs less what they vary, f/√(1 + π/8 Var f) (D. J. C. MacKay, *The evidence framework applied to
    /// classification networks*, 1992).
    Probit,
}

/// Means and covariances of the outputs at some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Outputs {
    /// Rows × outputs.
    pub mean: Vec<f32>,
    /// Rows × outputs × outputs.
    pub covariance: Vec<f64>,
    /// Number of outputs.
    pub outputs: usize,
}

/// Draws of several outputs, parts of the distribution of one real one, and points of a quadrature.
const DRAWS: usize = 256;
const PARTS: usize = 256;
const POINTS: usize = 32;

impl Outputs {
    /// What the likelihood of `predictor` says at the rows of `data`, with `theta` for all that is no layer's.
    ///
    /// # Errors
    /// For [`Integral::Probit`] where targets are no classes, and for fewer than 2 draws.
    pub fn said(
        &self,
        integral: Integral,
        predictor: &dyn Predictor,
        theta: &[f32],
        data: &Features,
    ) -> Result<Said> {
        let seen = predictor.transparent()?;
        let response = predictor.predictive().response();
        let classes = matches!(response, Response::Class | Response::Binary);
        Ok(match integral {
            Integral::Probit if !classes => {
                let expected = "classes are needed: leave `probit` out";
                return Err(Error::config("integral over outputs", "probit", expected));
            }
            Integral::Draws(draws) if draws < 2 => {
                return Err(Error::config(
                    "draws of outputs",
                    draws,
                    "at least 2 are needed",
                ));
            }
            Integral::Probit => self.shrunk(seen, theta, data),
            Integral::Usual if self.outputs == 1 && response == Response::Real => {
                let points = even(PARTS).into_iter();
                self.at_points(points.map(|x| (x, 1.0 / PARTS as f64)), seen, theta, data)
            }
            Integral::Usual if self.outputs == 1 => {
                self.at_points(hermite(POINTS).into_iter(), seen, theta, data)
            }
            Integral::Usual => self.drawn(DRAWS, seen, theta, data),
            Integral::Draws(draws) => self.drawn(draws, seen, theta, data),
        })
    }

    fn variance(&self, row: usize, output: usize) -> f64 {
        let n = self.outputs;
        self.covariance[(row * n + output) * n + output].max(0.0)
    }

    fn shrunk(&self, seen: &dyn Transparent, theta: &[f32], data: &Features) -> Said {
        const EIGHTH: f64 = std::f64::consts::PI / 8.0;
        let mut mean = self.mean.clone();
        for (at, f) in mean.iter_mut().enumerate() {
            let variance = self.variance(at / self.outputs, at % self.outputs);
            *f = (f64::from(*f) / (1.0 + EIGHTH * variance).sqrt()) as f32;
        }
        Said {
            arguments: seen.read(theta, data, &mean),
            log_weights: vec![0.0],
        }
    }

    /// One output at points of a standard normal variable.
    fn at_points(
        &self,
        points: impl Iterator<Item = (f64, f64)>,
        seen: &dyn Transparent,
        theta: &[f32],
        data: &Features,
    ) -> Said {
        let sd: Vec<f64> = (0..self.mean.len())
            .map(|row| self.variance(row, 0).sqrt())
            .collect();
        let (mut outputs, mut log_weights) = (Vec::new(), Vec::new());
        for (x, weight) in points {
            let at = self.mean.iter().zip(&sd);
            outputs.extend(at.map(|(m, s)| (f64::from(*m) + s * x) as f32));
            log_weights.push(weight.ln());
        }
        Said {
            arguments: seen.read(theta, data, &outputs),
            log_weights,
        }
    }

    /// The same draws of a standard normal vector, and their opposites, at every row.
    fn drawn(&self, draws: usize, seen: &dyn Transparent, theta: &[f32], data: &Features) -> Said {
        let (n, rows) = (self.outputs, self.mean.len() / self.outputs.max(1));
        let streams = Streams::new(0);
        let lower: Vec<Vec<f64>> = self.covariance.chunks(n * n).map(|c| half(c, n)).collect();
        let mut outputs = Vec::with_capacity(draws * self.mean.len());
        for draw in 0..draws {
            let mut stream = streams.stream(Purpose::Predict, 0, draw / 2, 1);
            let sign = if draw % 2 == 0 { 1.0 } else { -1.0 };
            let noise: Vec<f64> = (stream.normals(n).iter())
                .map(|z| sign * f64::from(*z))
                .collect();
            for row in 0..rows {
                for (c, lower) in lower[row].chunks(n).enumerate() {
                    let off: f64 = lower.iter().zip(&noise).map(|(l, z)| l * z).sum();
                    outputs.push((f64::from(self.mean[row * n + c]) + off) as f32);
                }
            }
        }
        Said {
            arguments: seen.read(theta, data, &outputs),
            log_weights: vec![-(draws as f64).ln(); draws],
        }
    }
}

/// L with L Lᵀ the covariance, lower triangular; directions without variance are left out.
fn half(covariance: &[f64], n: usize) -> Vec<f64> {
    let mut lower = vec![0.0; n * n];
    let scale = (0..n).map(|i| covariance[i * n + i]).fold(0.0, f64::max);
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[i * n + k] * lower[j * n + k]).sum();
            let rest = covariance[i * n + j] - known;
            lower[i * n + j] = if i == j {
                if rest > 1e-12 * scale {
                    rest.sqrt()
                } else {
                    0.0
                }
            } else if lower[j * n + j] > 0.0 {
                rest / lower[j * n + j]
            } else {
                0.0
            };
        }
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn halves_give_the_covariance_again() {
        // Of rank 2.
        let a = [[1.0, 0.5], [2.0, 1.0], [0.0, 3.0]];
        let of = |i: usize, j: usize| a[i][0] * a[j][0] + a[i][1] * a[j][1];
        let covariance: Vec<f64> = (0..9).map(|at| of(at / 3, at % 3)).collect();
        let lower = half(&covariance, 3);
        for (at, x) in covariance.iter().enumerate() {
            let again: f64 = (0..3)
                .map(|k| lower[at / 3 * 3 + k] * lower[at % 3 * 3 + k])
                .sum();
            assert!((again - x).abs() < 1e-9);
        }
    }
}
