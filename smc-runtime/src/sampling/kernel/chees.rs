//! Hamiltonian Monte Carlo that learns the length of its trajectories.

use serde::{Deserialize, Serialize};

use super::leapfrog::{check_jitter, check_leapfrogs};
use super::metropolis::probability;
use super::{Aim, At, Ends, Kernel, Moved, Trajectory, Tuning, leapfrog, metropolis};
use crate::base::error::Result;
use crate::base::rng::Purpose;
use crate::problem::population::Population;
use crate::sampling::cloud::{Cloud, Target};

/// Hamiltonian Monte Carlo whose trajectories are as long as makes the squared distance of the particles from their mean
/// change most (ChEES; Hoffman, Radul and Sountsov, 2021).
///
/// A move has one length t = u·T for all particles, u uniform between 1 − `jitter` and 1 + `jitter` (½ unless set), in
/// ⌈t/ε⌉ leapfrog steps of [`Hmc`](super::Hmc), 100 at most unless set, so particles stay in step on parallel hardware. T
/// starts at one standard deviation (in units of the scales z = θ/s) and climbs
/// C(T) = ¼·E\[(|z' − E z'|² − |z − E z|²)²\], where ′ is the end of a trajectory, along its slope
///
/// g = dC/dlog T = E\[(|z' − E z'|² − |z − E z|²)·(z' − E z')·v'\]·t
///
/// by Adam without momentum: log T += 0.1·gain·g/√v after every move, v the average of g² over about the last 20.
/// Expectations are over the particles, each by its probability of acceptance; particles count alike, whatever their
/// importance weights. The authors take u between 0 and 1 and go on by 0.025 for thousands of moves.
///
/// The step size is the business of the [adaptation](crate::sampling::adapt); 0.651 is the acceptance that the authors aim at.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().kernel(Chees::default().at_most(50));
/// let chains = mcmc().chains(32).kernel(Chees::default()).step_size(DualAveraging::aim());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Chees {
    jitter: f64,
    most: usize,
}

/// What [`Chees`] remembers in the `kernel_memory` of a [`Tuning`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrajectoryLength {
    /// The length T of trajectories, in units of the scales; 1 at first.
    pub length: f64,
    /// The average of g² over the last moves, times `weight`.
    square: f64,
    /// How much of an average there is, below 1 as long as moves are few.
    weight: f64,
}

impl Default for TrajectoryLength {
    fn default() -> Self {
        Self {
            length: 1.0,
            square: 0.0,
            weight: 0.0,
        }
    }
}

impl Default for Chees {
    fn default() -> Self {
        Self {
            jitter: 0.5,
            most: 100,
        }
    }
}

impl Chees {
    /// Trajectories are between 1 − `fraction` and 1 + `fraction` times as long as was learned.
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// The largest number of leapfrog steps of a move.
    pub fn at_most(mut self, leapfrogs: usize) -> Self {
        self.most = leapfrogs;
        self
    }

    fn leapfrogs(&self, tuning: &Tuning, at: At) -> usize {
        let mut stream = at.streams.stream(Purpose::Trajectory, at.stage, 0, at.draw);
        let learned: TrajectoryLength = tuning.kernel_memory.read();
        let length = learned.length * (1.0 + self.jitter * (2.0 * stream.uniform() - 1.0));
        ((length / tuning.step).ceil() as usize).clamp(1, self.most)
    }
}

/// dC/dlog T of trajectories of the lengths `lengths` from `starts`; 0 where none is ever accepted.
fn slope(starts: &Population, ends: &Ends, scale: &[f32], lengths: &[f32]) -> f64 {
    let accepted: Vec<f64> = ends.minus_errors.iter().map(|&e| probability(e)).collect();
    let total: f64 = accepted.iter().sum();
    let weights: Vec<f64> = accepted.iter().map(|a| a / total).collect();
    let spread =
        |positions: &Population| positions.about(&positions.means(&weights), scale, &ends.momenta);
    let (before, after) = (spread(starts), spread(&ends.proposal.positions));
    let mut slope = 0.0;
    for (i, w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        slope += w * (after[i][0] - before[i][0]) * after[i][1] * f64::from(lengths[i]);
    }
    if slope.is_finite() { slope } else { 0.0 }
}

impl Kernel for Chees {
    fn aim(&self) -> Aim {
        Aim::Acceptance(0.651)
    }

    fn in_step(&self) -> bool {
        true
    }

    /// Between the one that it begins with and the most that it may come to.
    fn passes(&self) -> usize {
        (self.most as f64).sqrt().ceil() as usize
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let trajectory = Trajectory {
            leapfrogs: self.leapfrogs(tuning, at),
            steps: tuning.steps(cloud.positions().len()),
            scale: &tuning.scale,
            gradient_rows: None,
        };
        let ends = leapfrog(target, cloud, at, &trajectory);
        let length = |step: &f32| step * trajectory.leapfrogs as f32;
        let lengths: Vec<f32> = trajectory.steps.iter().map(length).collect();
        let length_slope = slope(cloud.positions(), &ends, &tuning.scale, &lengths);
        Moved {
            length_slope,
            ..metropolis(target, cloud, ends.proposal, &ends.minus_errors, tuning, at)
        }
    }

    fn learn(&self, tuning: &mut Tuning, moved: &Moved, gain: f64) {
        const RATE: f64 = 0.1;
        const KEEP: f64 = 0.95;
        let slope = moved.length_slope;
        let learned = tuning.kernel_memory.of::<TrajectoryLength>();
        learned.square = KEEP * learned.square + (1.0 - KEEP) * slope * slope;
        // Averages of the first moves are divided by the weight that they have so far.
        learned.weight = KEEP * learned.weight + (1.0 - KEEP);
        let growth = if learned.square > 0.0 {
            (RATE * gain * slope / (learned.square / learned.weight).sqrt()).exp()
        } else {
            1.0
        };
        // What is shorter than one step, or longer than the most, is not what moves: it would drift.
        let most = self.most as f64 * tuning.step;
        learned.length = (learned.length * growth).max(tuning.step).min(most);
    }

    fn check(&self) -> Result<()> {
        check_leapfrogs("at_most", self.most)?;
        check_jitter(self.jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length after moves with these slopes, each with a gain of 1.
    fn learned(slopes: &[f64]) -> f64 {
        let (kernel, mut tuning) = (Chees::default(), Tuning::new(1).at(0.1));
        for &length_slope in slopes {
            let moved = Moved {
                acceptance: vec![1.0],
                corrections: None,
                jumps: vec![1.0],
                length_slope,
                non_finite: 0,
                inexact: None,
            };
            kernel.learn(&mut tuning, &moved, 1.0);
        }
        tuning.kernel_memory.read::<TrajectoryLength>().length
    }

    #[test]
    fn a_length_grows_by_the_slope_over_its_root_mean_square() {
        // The first slope is its own root mean square, whatever its size.
        for slope in [1e-3, 1.0, 50.0] {
            assert!((learned(&[slope]) - 0.1f64.exp()).abs() < 1e-12);
            assert!((learned(&[-slope]) - (-0.1f64).exp()).abs() < 1e-12);
        }
        // Then the average of 1 and 4, by the weights .05·.95 and .05.
        let square = (0.05 * 0.95 + 0.05 * 4.0) / (0.05 * 0.95 + 0.05);
        let expected = (0.1 + 0.1 * 2.0 / f64::sqrt(square)).exp();
        assert!((learned(&[1.0, 2.0]) - expected).abs() < 1e-12);
        assert_eq!(learned(&[0.0]), 1.0);
        // Between one step and the most of them.
        assert_eq!(learned(&[-1.0; 60]), 0.1);
        assert_eq!(learned(&[1.0; 60]), 10.0);
    }

    #[test]
    fn particles_keep_in_step() {
        assert!(Chees::default().in_step());
    }
}
