//! The Metropolis test, for every kernel that has one.

use super::{At, Moved, Tuning};
use crate::base::rng::Purpose;
use crate::sampling::cloud::{Cloud, Proposal, Target};

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
        .squared_distances(cloud.positions(), &tuning.scale);
    let probabilities: Vec<f64> = log_ratios.iter().copied().map(probability).collect();
    let tosses = cloud
        .positions()
        .uniforms(at.streams, Purpose::Accept, at.stage, at.draw);
    let tosses = tosses.iter().zip(&probabilities);
    let rejected: Vec<bool> = tosses.map(|(u, p)| u >= p).collect();
    cloud.accept(target, proposal, &rejected);
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
        .squared_distances(cloud.positions(), &tuning.scale);
    let lost: Vec<bool> = corrections.iter().map(|c| !c.is_finite()).collect();
    cloud.accept(target, proposal, &lost);
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

/// min(1, exp(log ratio)); 0 for NaN.
pub(super) fn probability(log_ratio: f64) -> f64 {
    if log_ratio.is_nan() {
        0.0
    } else {
        log_ratio.min(0.0).exp()
    }
}
