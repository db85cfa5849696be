//! The Metropolis test, for every kernel that has one.

use super::{At, Moved};
use crate::cloud::Cloud;
use crate::population::Population;
use crate::rng::Purpose;
use crate::stage::Terms;

/// Proposed particles and what is known of them.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// θ' of every particle.
    pub positions: Population,
    /// Their terms under the target.
    pub terms: Vec<Terms>,
    /// ∇ log π(θ'), if the kernel knows it and `cloud.gradient` holds that of the current positions.
    pub gradient: Option<Population>,
}

/// Accepts each particle's proposal with probability min(1, exp(log ratio)); a ratio that is NaN is rejected.
///
/// `log_ratios` are log π(θ') − log π(θ) plus whatever the proposal's asymmetry adds.
pub fn metropolis(cloud: &mut Cloud, proposal: Proposal, log_ratios: &[f64], at: At) -> Moved {
    let particles = log_ratios.len();
    let probabilities: Vec<f64> = log_ratios.iter().copied().map(probability).collect();
    let accepted: Vec<bool> = (0..particles)
        .map(|i| {
            at.streams
                .stream(Purpose::Accept, at.stage, i, at.draw)
                .uniform()
                < probabilities[i]
        })
        .collect();
    cloud.positions.select(&accepted, &proposal.positions);
    match (&mut cloud.gradient, proposal.gradient) {
        (Some(kept), Some(new)) => kept.select(&accepted, &new),
        (gradient, _) => *gradient = None,
    }
    for (i, terms) in proposal.terms.into_iter().enumerate() {
        if accepted[i] {
            cloud.terms[i] = terms;
        }
    }
    Moved {
        corrections: None,
        acceptance: probabilities,
        non_finite: log_ratios.iter().filter(|r| !r.is_finite()).count(),
    }
}

fn probability(log_ratio: f64) -> f64 {
    if log_ratio.is_nan() {
        0.0
    } else {
        log_ratio.min(0.0).exp()
    }
}
