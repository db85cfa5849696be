//! Gaussian score matching.

use std::sync::Arc;

use super::matrix::{self, Iterations, Matching, Moments, Scored, iterations_setters};
use super::plan::{Passes, passes_draws};
use super::{Fitting, Variational, inference_of_a_fit};
use crate::base::error::Result;
use crate::base::rng::Streams;
use crate::base::saved::Saved;
use crate::infer::{Cost, Inference, Stepwise};
use crate::problem::Problem;

/// Gaussian score matching (C. Modi et al., *Variational Inference with Gaussian Score Matching*, NeurIPS 2023): the mean and full covariance
/// that are nearest to those of now and whose score at a draw is the posterior's, averaged over the draws of an iteration. No
/// step size. For small models, of at most 1024 parameters, and all rows: mini-batches are refused.
///
/// ```
/// use smc_runtime::prelude::*;
///
/// #[bayes_model]
/// #[likelihood(Normal(mean = output, sd = 1.0))]
/// #[infer(gsm())]
/// struct Line {
///     #[prior(Normal(0.0, 1.0))]
///     output: Linear<1, 1>,
/// }
///
/// let data = Dataset::new(1, vec![0.0, 1.0, 2.0], vec![0.0, 1.5, 3.0])?;
/// let fit = Line::infer(&data).seed(1).run()?;
/// assert!(fit.summary().quantities[0].mean > 0.5);
/// assert!(Line::infer(&data).with(gsm().batch(2)).run().is_err());
/// # Ok::<(), Error>(())
/// ```
pub fn gsm() -> Gsm {
    Gsm {
        iterations: Iterations::default(),
        passes: Passes::default(),
    }
}

/// The settings of Gaussian score matching; see [`gsm`].
#[derive(Clone, Copy, Debug)]
pub struct Gsm {
    iterations: Iterations,
    passes: Passes,
}

impl Gsm {
    iterations_setters!();
}

struct Gaussian {
    sample: usize,
}

impl Matching for Gaussian {
    fn sample(&self) -> usize {
        self.sample
    }

    fn next(&self, now: &Moments, scored: &Scored, _: usize) -> Option<Moments> {
        let mut next = now.clone();
        let share = 1.0 / self.sample as f64;
        for (z, g) in scored.draws.iter().zip(&scored.scores) {
            let (mean, covariance) = matched(now, z, g);
            for ((sum, m), own) in next.mean.iter_mut().zip(&mean).zip(&now.mean) {
                *sum += share * (m - own);
            }
            for (sum, own) in next.covariance.iter_mut().zip(covariance) {
                *sum += share * own;
            }
        }
        Some(next)
    }
}

/// The mean that one draw z with the score g asks for, and what it adds to the covariance: with e = S g − μ + z,
/// μ' = μ + (I − (μ − z) gᵀ/(1 + ρ + (μ − z)·g)) e/(1 + ρ), where ρ(1 + ρ) = gᵀ S g + ((μ − z)·g)², and
/// S' = S + (μ − z)(μ − z)ᵀ − (μ' − z)(μ' − z)ᵀ.
fn matched(now: &Moments, z: &[f64], g: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let n = z.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let off: Vec<f64> = now.mean.iter().zip(z).map(|(m, z)| m - z).collect();
    let along: Vec<f64> = now.covariance.chunks(n).map(|row| dot(row, g)).collect();
    let own = dot(&off, g);
    let rho = 0.5 * (1.0 + 4.0 * (dot(g, &along) + own * own)).sqrt() - 0.5;
    let error: Vec<f64> = along.iter().zip(&off).map(|(s, o)| s - o).collect();
    let back = dot(g, &error) / (1.0 + rho + own);
    let move_of = |i: usize| (error[i] - off[i] * back) / (1.0 + rho);
    let mean: Vec<f64> = (0..n).map(|i| now.mean[i] + move_of(i)).collect();
    let after: Vec<f64> = mean.iter().zip(z).map(|(m, z)| m - z).collect();
    let covariance = (0..n * n).map(|at| {
        let (i, j) = (at / n, at % n);
        off[i] * off[j] - after[i] * after[j]
    });
    (mean, covariance.collect())
}

impl Inference for Gsm {
    inference_of_a_fit!("gsm", |vi, problem| vi.iterations.cost(&vi.passes, problem));
}

impl Variational for Gsm {
    fn fit<'a>(
        &self,
        problem: Arc<dyn Problem + 'a>,
        streams: Streams,
        state: Option<&Saved>,
    ) -> Result<Box<dyn Fitting + 'a>> {
        let matching = Gaussian {
            sample: self.iterations.sample,
        };
        let settings = (&self.iterations, &self.passes);
        matrix::fit(matching, settings, problem, streams, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S'⁻¹ (μ' − z) is the score: what the update is defined by.
    #[test]
    fn the_matched_density_has_the_score_at_the_draw() {
        let now = Moments {
            mean: vec![0.3, -1.0],
            covariance: vec![2.0, 0.5, 0.5, 1.0],
        };
        let (z, g) = (vec![1.0, 0.5], vec![-0.7, 2.0]);
        let (mean, added) = matched(&now, &z, &g);
        let s: Vec<f64> = now
            .covariance
            .iter()
            .zip(&added)
            .map(|(a, b)| a + b)
            .collect();
        for i in 0..2 {
            let along = s[2 * i] * g[0] + s[2 * i + 1] * g[1];
            assert!((along - (mean[i] - z[i])).abs() < 1e-12, "{i}");
        }
    }
}
