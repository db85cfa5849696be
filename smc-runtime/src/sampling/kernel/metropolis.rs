//! The Metropolis test, for every kernel that has one.

use super::{At, Moved, Tuning};
use crate::base::rng::Purpose;
use crate::problem::population::Population;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::stage::Terms;

/// Proposed particles and what is known of them.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// θ' of every particle.
    pub positions: Population,
    /// Their terms under the target.
    pub terms: Vec<Terms>,
    /// ∇ log π(θ'), if the kernel knows it. Where `cloud.gradient` is `None`, the gradients of rejected particles are
    /// computed anew, so that a kernel can work in the one gradient that there is.
    pub gradient: Option<Population>,
}

/// Accepts each particle's proposal with probability min(1, exp(log ratio)); a ratio that is NaN is rejected.
///
/// Jumps are measured in the scales of `tuning`. `log_ratios` are log π(θ') − log π(θ) plus whatever the proposal's asymmetry adds.
pub fn metropolis(
    target: &Target<'_>,
    cloud: &mut Cloud,
    proposal: Proposal,
    log_ratios: &[f64],
    tuning: &Tuning,
    at: At,
) -> Moved {
    let mut jumps = proposal
        .positions
        .squared_distances(&cloud.positions, &tuning.scale);
    let probabilities: Vec<f64> = log_ratios.iter().copied().map(probability).collect();
    let tosses = cloud
        .positions
        .uniforms(at.streams, Purpose::Accept, at.stage, at.draw);
    let tosses = tosses.iter().zip(&probabilities);
    let rejected: Vec<bool> = tosses.map(|(u, p)| u >= p).collect();
    replace(target, cloud, proposal, &rejected);
    for (jump, &p) in jumps.iter_mut().zip(&probabilities) {
        // What is never accepted may be infinitely far away.
        *jump = if p > 0.0 { p * *jump } else { 0.0 };
    }
    Moved {
        non_finite: log_ratios.iter().filter(|r| !r.is_finite()).count(),
        acceptance: probabilities,
        jumps,
        ..Moved::default()
    }
}

/// Accepts every proposal and hands its `corrections` of the log-weights on; a particle whose correction is not finite
/// stays where it was, without weight.
pub fn arrive(
    target: &Target<'_>,
    cloud: &mut Cloud,
    proposal: Proposal,
    mut corrections: Vec<f64>,
    tuning: &Tuning,
) -> Moved {
    let particles = corrections.len();
    let mut jumps = proposal
        .positions
        .squared_distances(&cloud.positions, &tuning.scale);
    let lost: Vec<bool> = corrections.iter().map(|c| !c.is_finite()).collect();
    replace(target, cloud, proposal, &lost);
    for i in (0..particles).filter(|&i| lost[i]) {
        corrections[i] = f64::NEG_INFINITY;
        jumps[i] = 0.0;
    }
    Moved {
        corrections: Some(corrections),
        acceptance: vec![1.0; particles],
        jumps,
        non_finite: lost.iter().filter(|l| **l).count(),
        ..Moved::default()
    }
}

/// Puts the proposals in the place of the particles, but for those that are `rejected`.
fn replace(target: &Target<'_>, cloud: &mut Cloud, proposal: Proposal, rejected: &[bool]) {
    // Proposals are the rule, so they take the cloud's place and the rejected go back.
    let old = std::mem::replace(&mut cloud.positions, proposal.positions);
    let old_terms = std::mem::replace(&mut cloud.terms, proposal.terms);
    let old_gradient = std::mem::replace(&mut cloud.gradient, proposal.gradient);
    cloud.positions.select(rejected, &old);
    for ((terms, old), _) in cloud
        .terms
        .iter_mut()
        .zip(old_terms)
        .zip(rejected)
        .filter(|(_, r)| **r)
    {
        *terms = old;
    }
    if let Some(gradient) = &mut cloud.gradient {
        match old_gradient {
            Some(old) => gradient.select(rejected, &old),
            None => {
                drop(old);
                let places: Vec<usize> = (0..rejected.len()).filter(|&i| rejected[i]).collect();
                target.renew_gradient(&cloud.positions, &places, gradient);
            }
        }
    }
}

/// min(1, exp(log ratio)); 0 for NaN.
pub(super) fn probability(log_ratio: f64) -> f64 {
    if log_ratio.is_nan() {
        0.0
    } else {
        log_ratio.min(0.0).exp()
    }
}
