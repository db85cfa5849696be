//! Batch and match.

use std::sync::Arc;

use super::matrix::{self, Iterations, Matching, Moments, Scored, iterations_setters};
use super::plan::{Passes, passes_draws};
use super::{Fitting, Variational, inference_of_a_fit};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::{Cost, Inference, Stepwise};
use crate::numerics::dense::{cholesky, of_symmetric, square, transposed};
use crate::problem::Problem;

/// Batch and match (D. Cai et al., *Batch and match: black-box variational inference with a score-based divergence*, ICML 2024): the mean and full
/// covariance that minimise the covariance-weighted distance of scores at the draws of an iteration, with a proximal penalty whose weight
/// grows as the iterations go, λ = dB/t. For small models, of at most 1024 parameters, and all rows: mini-batches are refused, because
/// their noise is taken for curvature.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 1.0))]
/// #[infer(bam(iterations = 50))]
/// struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![0.0, 1.0, 2.0], vec![0.0, 1.5, 3.0])?;
/// let fit = Line::infer(&data).seed(1).run()?;
/// assert!(fit.summary().quantities[0].mean > 0.5);
/// # Ok::<(), Error>(())
/// ```
pub fn bam() -> Bam {
    Bam {
        iterations: Iterations::default(),
        passes: Passes::default(),
    }
}

/// The settings of batch and match; see [`bam`].
#[derive(Clone, Copy, Debug)]
pub struct Bam {
    iterations: Iterations,
    passes: Passes,
}

impl Bam {
    iterations_setters!();
}

struct BatchAndMatch {
    sample: usize,
}

impl Matching for BatchAndMatch {
    fn sample(&self) -> usize {
        self.sample
    }

    fn next(&self, now: &Moments, scored: &Scored, iteration: usize) -> Option<Moments> {
        let n = now.mean.len();
        let lambda = (n * self.sample) as f64 / iteration as f64;
        matched(now, scored, lambda)
    }
}

/// The mean of some vectors and their covariance, divided by their number.
fn spread(vectors: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let (count, n) = (vectors.len() as f64, vectors[0].len());
    let mean: Vec<f64> = (0..n)
        .map(|i| vectors.iter().map(|v| v[i]).sum::<f64>() / count)
        .collect();
    let mut covariance = vec![0.0; n * n];
    for v in vectors {
        for i in 0..n {
            let own = (v[i] - mean[i]) / count;
            for j in 0..n {
                covariance[i * n + j] += own * (v[j] - mean[j]);
            }
        }
    }
    (mean, covariance)
}

/// a + weight · b bᵀ.
fn add_outer(a: &mut [f64], weight: f64, b: &[f64]) {
    for (row, x) in a.chunks_mut(b.len()).zip(b) {
        for (a, y) in row.iter_mut().zip(b) {
            *a += weight * x * y;
        }
    }
}

/// The next density: with the means z̄, ḡ and covariances C, Γ of draws and scores, U = λΓ + λ/(1+λ) ḡ ḡᵀ,
/// V = S + λC + λ/(1+λ) (μ − z̄)(μ − z̄)ᵀ, S' = 2V(I + (I + 4UV)^½)⁻¹ and μ' = (μ + λ(S'ḡ + z̄))/(1+λ). With V = L Lᵀ,
/// S' = 2L (I + (I + 4LᵀUL)^½)⁻¹ Lᵀ.
fn matched(now: &Moments, scored: &Scored, lambda: f64) -> Option<Moments> {
    let n = now.mean.len();
    let share = lambda / (1.0 + lambda);
    let (z, c) = spread(&scored.draws);
    let (g, gamma) = spread(&scored.scores);
    let mut u: Vec<f64> = gamma.iter().map(|x| lambda * x).collect();
    add_outer(&mut u, share, &g);
    let mut v: Vec<f64> = now
        .covariance
        .iter()
        .zip(&c)
        .map(|(s, c)| s + lambda * c)
        .collect();
    let off: Vec<f64> = now.mean.iter().zip(&z).map(|(m, z)| m - z).collect();
    add_outer(&mut v, share, &off);
    let lower = cholesky(&v, n)?;
    let upper = transposed(&lower, n);
    let inner = square(&upper, &square(&u, &lower, n), n);
    let middle = of_symmetric(&inner, n, |x| 2.0 / (1.0 + (1.0 + 4.0 * x.max(0.0)).sqrt()))?;
    let rough = square(&lower, &square(&middle, &upper, n), n);
    let other = transposed(&rough, n);
    let covariance: Vec<f64> = rough
        .iter()
        .zip(other)
        .map(|(a, b)| 0.5 * (a + b))
        .collect();
    let along = covariance
        .chunks(n)
        .map(|row| row.iter().zip(&g).map(|(s, g)| s * g).sum::<f64>());
    let mean = along
        .zip(&z)
        .zip(&now.mean)
        .map(|((s, z), m)| (m + lambda * (s + z)) / (1.0 + lambda));
    Some(Moments {
        mean: mean.collect(),
        covariance,
    })
}

impl Inference for Bam {
    inference_of_a_fit!("bam", |vi, problem| vi.iterations.cost(&vi.passes, problem));
}

impl Variational for Bam {
    fn fit<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: Option<&Saved>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        let matching = BatchAndMatch {
            sample: self.iterations.sample,
        };
        let settings = (&self.iterations, &self.passes);
        matrix::fit(matching, settings, problem, streams, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S' U S' + S' = V: the stationary point of the objective.
    #[test]
    fn the_matched_covariance_solves_the_quadratic_equation() {
        let now = Moments {
            mean: vec![0.3, -1.0],
            covariance: vec![2.0, 0.5, 0.5, 1.0],
        };
        let scored = Scored {
            draws: vec![vec![1.0, 0.5], vec![-0.3, 0.2], vec![0.1, -1.5]],
            scores: vec![vec![-0.7, 2.0], vec![0.4, 0.3], vec![1.1, -0.2]],
        };
        let lambda = 2.5;
        let share = lambda / (1.0 + lambda);
        let next = matched(&now, &scored, lambda).unwrap();
        let ((z, c), (g, gamma)) = (spread(&scored.draws), spread(&scored.scores));
        let mut u: Vec<f64> = gamma.iter().map(|x| lambda * x).collect();
        add_outer(&mut u, share, &g);
        let mut v: Vec<f64> = now
            .covariance
            .iter()
            .zip(&c)
            .map(|(s, c)| s + lambda * c)
            .collect();
        add_outer(&mut v, share, &[now.mean[0] - z[0], now.mean[1] - z[1]]);
        let s = &next.covariance;
        let sus = square(s, &square(&u, s, 2), 2);
        for i in 0..4 {
            assert!((sus[i] + s[i] - v[i]).abs() < 1e-10, "{i}");
        }
    }
}
