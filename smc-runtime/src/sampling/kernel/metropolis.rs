//! The Metropolis test, for every kernel that has one.

use super::{At, Moved, Tuning};
use crate::base::rng::Purpose;
use crate::problem::population::Population;
use crate::sampling::cloud::{Cloud, Proposal, Target};
use crate::sampling::stage::Terms;

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

/// Puts `positions` with their terms in the place of particles with probability min(1, π(θ')/π(θ) · exp(volume)): maps of parameters to themselves, by which the
/// volume grows by the factors whose logarithms are `volumes`. No gradient is known there.
pub(super) fn replace(
    target: &Target<'_>,
    cloud: &mut Cloud,
    (positions, terms): (Population, Vec<Terms>),
    volumes: &[f64],
    tosses: &[f64],
) {
    let before = target.log_density(cloud.terms());
    let pairs = target.log_density(&terms).into_iter().zip(before);
    let rejected = pairs.zip(volumes).zip(tosses);
    let rejected: Vec<bool> = rejected
        .map(|(((after, before), volume), &toss)| toss >= probability(after - before + volume))
        .collect();
    let proposal = Proposal {
        positions,
        terms,
        gradient: None,
    };
    cloud.accept(target, proposal, &rejected);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Streams;
    use crate::problem::population::Population;
    use crate::sampling::stage::Stage;
    use crate::testing::Regression;

    /// Two particles at 0, of which one is sent to 2 and one to where no density is.
    fn moved(
        how: impl Fn(&Target<'_>, &mut Cloud, Proposal, &Tuning, At) -> Moved,
    ) -> (Moved, Vec<f32>) {
        let problem = Regression::simulated(5, 1, 0.8, 1.0, 5).unwrap();
        let stage = Stage::of(0..5);
        let target = Target::new(&problem, &stage);
        let mut cloud = Cloud::at(&target, Population::zeros(2, 1));
        let mut positions = Population::zeros(2, 1);
        positions.on_host().row_mut(0)[0] = 2.0;
        positions.on_host().row_mut(1)[0] = f32::INFINITY;
        let proposal = Proposal {
            terms: target.value(&positions),
            positions,
            gradient: None,
        };
        let at = At {
            streams: Streams::new(1),
            stage: 1,
            draw: 0,
        };
        let moved = how(&target, &mut cloud, proposal, &Tuning::new(1), at);
        (
            moved,
            cloud
                .positions()
                .coordinate(0)
                .iter()
                .map(|&x| x as f32)
                .collect(),
        )
    }

    #[test]
    fn what_is_never_accepted_jumps_nowhere() {
        let (moved, at) = moved(|target, cloud, proposal, tuning, at| {
            metropolis(
                target,
                cloud,
                proposal,
                &[0.0, f64::NEG_INFINITY],
                tuning,
                at,
            )
        });
        assert_eq!((moved.jumps, at), (vec![4.0, 0.0], vec![2.0, 0.0]));
        assert_eq!((moved.acceptance, moved.non_finite), (vec![1.0, 0.0], 1));
    }

    #[test]
    fn what_always_arrives_says_how_far_and_what_it_is_to_lose() {
        let (moved, at) = moved(|target, cloud, proposal, tuning, _| {
            arrive(
                target,
                cloud,
                proposal,
                vec![-0.5, f64::NEG_INFINITY],
                tuning,
            )
        });
        assert_eq!(moved.corrections, Some(vec![-0.5, f64::NEG_INFINITY]));
        assert_eq!((moved.jumps[0], moved.non_finite), (4.0, 1));
        assert_eq!(moved.acceptance, [1.0, 1.0]);
        assert_eq!(at, [2.0, 0.0]);
    }
}
