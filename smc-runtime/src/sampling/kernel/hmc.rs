//! Hamiltonian Monte Carlo.

use super::leapfrog::{check_jitter, check_leapfrogs};
use super::{Aim, At, Exactness, Kernel, Moved, Trajectory, Tuning, arrive, leapfrog, metropolis};
use crate::base::error::{Error, Result};
use crate::base::rng::Purpose;
use crate::problem::population::Population;
use crate::sampling::cloud::{Cloud, Target};

/// Hamiltonian Monte Carlo with a fixed number of leapfrog steps, Metropolised unless set otherwise.
///
/// One move draws v ~ N(0, I), makes L steps of v ← v + (ε/2)·s∘∇log π(θ); θ ← θ + ε·s∘v; v ← v + (ε/2)·s∘∇log π(θ),
/// and accepts with probability min(1, exp(−ΔH)), H = −log π + ½|v|². Step and scales are the business of the
/// [adaptation](crate::sampling::adapt); the best acceptance in many dimensions is about 0.65 (Beskos et al., 2013), and a higher
/// one, 0.8, is safer where curvature varies.
///
/// Within a move there are four vectors per particle: where it was, where it is, its momentum and one gradient, so the
/// gradients of the rejected are computed anew: a share (1 − acceptance)/L of the work.
///
/// ```
/// use smc_runtime::prelude::*;
/// let jittered = Hmc::leapfrogs(8).jitter(0.3);
/// let cheap = Hmc::leapfrogs(8).gradient_rows(1000);
/// let weighted = smc().kernel(Hmc::leapfrogs(8).unadjusted());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Hmc {
    leapfrogs: usize,
    jitter: f64,
    unadjusted: bool,
    gradient_rows: Option<usize>,
}

impl Hmc {
    /// L leapfrog steps per move.
    pub fn leapfrogs(leapfrogs: usize) -> Self {
        Self {
            leapfrogs,
            jitter: 0.0,
            unadjusted: false,
            gradient_rows: None,
        }
    }

    /// Jitters the length of trajectories: at every move the step of each particle, and with it L·ε, is multiplied by its
    /// own uniform number between 1 − `fraction` and 1 + `fraction`. Trajectories of one length can come back to where they
    /// began, in some direction, at every move (Neal, 2011).
    pub fn jitter(mut self, fraction: f64) -> Self {
        self.jitter = fraction;
        self
    }

    /// Every particle arrives and its log-weight is corrected by −ΔH: the proposal itself is the backward kernel L (Del
    /// Moral, Doucet and Jasra, 2006; the forwards-proposal L-kernel). It needs weights: `smc` has them, `mcmc` refuses it.
    pub fn unadjusted(mut self) -> Self {
        self.unadjusted = true;
        self
    }

    /// Trajectories follow the gradient of `rows` of the stage's rows, chosen once per move and scaled up; acceptance and
    /// weights are those of all rows, so the target stays exact. A stage of no more rows is moved on as usual.
    pub fn gradient_rows(mut self, rows: usize) -> Self {
        self.gradient_rows = Some(rows);
        self
    }
}

impl Default for Hmc {
    /// 20 leapfrog steps: in networks a few long moves reach further than many short ones of the same cost.
    fn default() -> Self {
        Self::leapfrogs(20)
    }
}

/// Multiplies each particle's step by a uniform number between 1 − `fraction` and 1 + `fraction`.
fn jittered(mut steps: Vec<f32>, fraction: f64, positions: &Population, at: At) -> Vec<f32> {
    if fraction > 0.0 {
        let uniforms = positions.uniforms(at.streams, Purpose::Trajectory, at.stage, at.draw);
        for (step, u) in steps.iter_mut().zip(uniforms) {
            *step *= (1.0 + fraction * (2.0 * u - 1.0)) as f32;
        }
    }
    steps
}

impl Kernel for Hmc {
    fn exactness(&self) -> Exactness {
        if self.unadjusted {
            Exactness::Corrected
        } else {
            Exactness::Invariant
        }
    }

    fn aim(&self) -> Aim {
        if self.unadjusted {
            Aim::Cess(0.9)
        } else {
            Aim::Acceptance(0.8)
        }
    }

    fn passes(&self) -> usize {
        self.leapfrogs
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let trajectory = Trajectory {
            leapfrogs: self.leapfrogs,
            steps: jittered(
                tuning.steps(cloud.positions().len()),
                self.jitter,
                cloud.positions(),
                at,
            ),
            scale: &tuning.scale,
            gradient_rows: self.gradient_rows,
        };
        let ends = leapfrog(target, cloud, at, &trajectory);
        if self.unadjusted {
            arrive(target, cloud, ends.proposal, ends.minus_errors, tuning)
        } else {
            metropolis(target, cloud, ends.proposal, &ends.minus_errors, tuning, at)
        }
    }

    fn check(&self) -> Result<()> {
        check_leapfrogs("leapfrogs", self.leapfrogs)?;
        if self.gradient_rows == Some(0) {
            return Err(Error::config(
                "gradient_rows",
                0,
                "at least one row is needed",
            ));
        }
        check_jitter(self.jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Streams;

    #[test]
    fn jittered_steps_fill_the_interval_evenly() {
        const PARTICLES: usize = 2000;
        let at = At {
            streams: Streams::new(1),
            stage: 1,
            draw: 0,
        };
        let positions = Population::zeros(PARTICLES, 1);
        let steps = jittered(vec![2.0; PARTICLES], 0.25, &positions, at);
        assert!(steps.iter().all(|s| (1.5..=2.5).contains(s)));
        let mean = steps.iter().sum::<f32>() / PARTICLES as f32;
        let square = steps.iter().map(|s| (s - 2.0).powi(2)).sum::<f32>() / PARTICLES as f32;
        // 2, and (2·¼)²/3; four standard errors of each.
        assert!((mean - 2.0).abs() < 0.026, "{mean}");
        assert!((square - 0.25 / 3.0).abs() < 0.0067, "{square}");
        assert_eq!(
            jittered(vec![2.0; 3], 0.0, &Population::zeros(3, 1), at),
            [2.0; 3]
        );
    }
}
