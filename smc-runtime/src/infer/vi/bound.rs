//! The weights of a mixture that give it the largest evidence bound.

use std::sync::Arc;

use super::judge::log_joint;
use crate::base::rng::{Purpose, Streams};
use crate::base::sums::log_sum_exp;
use crate::problem::Problem;
use crate::problem::density::Density;
use crate::problem::population::Population;

/// Draws of every component.
const DRAWS: usize = 32;

/// Fixed-point steps.
const STEPS: usize = 500;

/// The weights w that maximise E\[log p − log Σ w_k q_k\] under the mixture Σ w_k q_k, from 32 draws of every component: the fixed point of
/// w_k ∝ exp(E_{q_k}\[log p − log Σ_j (w_j/w_k) q_j\]), damped.
pub(super) fn weights_by_bound(
    problem: &dyn Problem,
    components: &[Arc<dyn Density>],
    streams: Streams,
) -> Vec<f64> {
    let count = components.len();
    let streams = streams.branch(Purpose::Judge);
    // Of every component's draws: log p, and log q of all components.
    let mut drawn = Vec::with_capacity(count);
    for (k, component) in components.iter().enumerate() {
        let mut thetas = Population::zeros(DRAWS, component.dim()).numbered_from(k * DRAWS);
        component.sample(streams, 2, &mut thetas);
        let joint = log_joint(problem, &thetas);
        let logs: Vec<Vec<f64>> = components
            .iter()
            .map(|q| q.log_density(&thetas, None))
            .collect();
        drawn.push((joint, logs));
    }
    let mut logs = vec![-(count as f64).ln(); count];
    for _ in 0..STEPS {
        let gain = |k: usize| {
            let (joint, q) = &drawn[k];
            let of = |i: usize| {
                let terms: Vec<f64> = (0..count).map(|j| logs[j] + q[j][i]).collect();
                joint[i] - log_sum_exp(&terms)
            };
            (0..DRAWS).map(of).sum::<f64>() / DRAWS as f64
        };
        let gains: Vec<f64> = (0..count).map(gain).collect();
        for (log, gain) in logs.iter_mut().zip(&gains) {
            *log += 0.5 * gain.max(-1e300);
        }
        let total = log_sum_exp(&logs);
        if !total.is_finite() {
            return vec![1.0 / count as f64; count];
        }
        for log in &mut logs {
            *log = (*log - total).max(-700.0);
        }
    }
    logs.iter().map(|l| l.exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::DiagonalNormal;
    use crate::testing::Regression;

    /// Components far apart count by their own bounds; here one is the posterior and the other is elsewhere.
    #[test]
    fn the_posterior_has_all_the_weight() {
        let problem = Regression::simulated(40, 1, 1.0, 1.0, 3).unwrap();
        let exact = problem.posterior();
        let at = |mean: f64| {
            let sd = vec![exact.sd()[0] as f32];
            Arc::new(DiagonalNormal::new(vec![mean as f32], sd).unwrap()) as Arc<dyn Density>
        };
        let two = [at(exact.mean[0]), at(exact.mean[0] + 3.0)];
        let weights = weights_by_bound(&problem, &two, Streams::new(1));
        assert!(weights[0] > 0.99, "{weights:?}");
        let same = [at(exact.mean[0]), at(exact.mean[0])];
        let weights = weights_by_bound(&problem, &same, Streams::new(1));
        assert!((weights[0] - 0.5).abs() < 0.01, "{weights:?}");
    }
}
