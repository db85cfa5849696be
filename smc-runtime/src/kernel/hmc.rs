//! Hamiltonian Monte Carlo.

use super::{At, Kernel, Moved, Proposal, Tuning, metropolis};
use crate::cloud::{Cloud, Target};
use crate::error::{Error, Result};
use crate::population::Population;
use crate::problem::Problem;
use crate::rng::Purpose;
use crate::weights::Weights;

/// Metropolised Hamiltonian Monte Carlo with a fixed number of leapfrog steps.
///
/// One move draws v ~ N(0, I), makes L steps of v ← v + (ε/2)·s∘∇log π(θ); θ ← θ + ε·s∘v; v ← v + (ε/2)·s∘∇log π(θ),
/// and accepts with probability min(1, exp(−ΔH)), H = −log π + ½|v|². The scales s are the standard deviations of the
/// weighted cloud, the step ε follows an acceptance of 0.8; both can be fixed.
///
/// Within a move there are four vectors per particle: where it was, where it is, its momentum and one gradient, so the
/// gradients of the rejected are computed anew: a share (1 − acceptance)/L of the work.
///
/// ```
/// use smc_runtime::kernel::Hmc;
/// let adaptive = Hmc::leapfrogs(8).acceptance(0.7);
/// let frozen = Hmc::leapfrogs(8).step_size(0.1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Hmc {
    leapfrogs: usize,
    acceptance: f64,
    step_size: Option<f64>,
}

impl Hmc {
    /// L leapfrog steps per move.
    pub fn leapfrogs(leapfrogs: usize) -> Self {
        Self {
            leapfrogs,
            acceptance: 0.8,
            step_size: None,
        }
    }

    /// The mean acceptance that the step size follows.
    pub fn acceptance(mut self, acceptance: f64) -> Self {
        self.acceptance = acceptance;
        self
    }

    /// Freezes the step size at this value and the scales at 1: the kernel then does not depend on the cloud.
    pub fn step_size(mut self, step: f64) -> Self {
        self.step_size = Some(step);
        self
    }
}

impl Default for Hmc {
    /// 20 leapfrog steps: in networks a few long moves reach further than many short ones of the same cost.
    fn default() -> Self {
        Self::leapfrogs(20)
    }
}

impl Kernel for Hmc {
    fn start(&self, problem: &dyn Problem) -> Tuning {
        let mut tuning = Tuning::new(problem.layout().dim());
        if let Some(step) = self.step_size {
            tuning.step = step;
        }
        tuning
    }

    fn tune(&self, tuning: &mut Tuning, problem: &dyn Problem, cloud: &Cloud, weights: &Weights) {
        if self.step_size.is_none() {
            let variances = cloud.positions.variances(&weights.normalised());
            let n = weights.ess() * cloud.terms.len() as f64;
            tuning.scale_from(&variances, problem.layout(), n);
        }
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let (particles, dim) = (cloud.positions.len(), cloud.positions.dim());
        let (steps, scale) = (tuning.steps(particles), &tuning.scale);
        let mut gradient = cloud.gradient.take().unwrap_or_else(|| {
            let mut gradient = Population::zeros(particles, dim);
            target.add_gradient(&cloud.positions, &mut gradient);
            gradient
        });
        let mut momenta = Population::zeros(particles, dim);
        momenta.fill_normal(at.streams, Purpose::Propose, at.stage, at.draw);
        let kinetic_before = momenta.squared_norms();

        let mut positions = cloud.positions.clone();
        let mut terms = Vec::new();
        for leapfrog in 0..self.leapfrogs {
            let kick = if leapfrog == 0 { 0.5 } else { 1.0 };
            positions.kick_and_drift(kick, &steps, scale, &mut momenta, &mut gradient);
            terms = target.add_gradient(&positions, &mut gradient);
        }
        momenta.axpy_each(0.5, &steps, scale, &gradient);
        let kinetic_after = momenta.squared_norms();
        drop(momenta);

        let before = target.log_density(&cloud.terms);
        let after = target.log_density(&terms);
        let log_ratios: Vec<f64> = (0..particles)
            .map(|i| after[i] - before[i] - 0.5 * (kinetic_after[i] - kinetic_before[i]))
            .collect();
        let proposal = Proposal {
            positions,
            terms,
            gradient: Some(gradient),
        };
        metropolis(target, cloud, proposal, &log_ratios, at)
    }

    fn learn(&self, tuning: &mut Tuning, moved: &Moved, gain: f64) {
        if self.step_size.is_none() {
            tuning.follow(&moved.acceptance, self.acceptance, gain);
        }
    }

    fn target_acceptance(&self) -> Option<f64> {
        self.step_size.is_none().then_some(self.acceptance)
    }

    fn check(&self) -> Result<()> {
        if self.leapfrogs == 0 {
            return Err(Error::config(
                "leapfrogs",
                0,
                "at least one leapfrog step is needed",
            ));
        }
        if !(self.acceptance > 0.0 && self.acceptance < 1.0) {
            return Err(Error::config(
                "acceptance",
                self.acceptance,
                "a fraction between 0 and 1, both excluded",
            ));
        }
        if let Some(step) = self.step_size
            && !(step > 0.0 && step.is_finite())
        {
            return Err(Error::config(
                "step_size",
                step,
                "a positive, finite number is needed",
            ));
        }
        Ok(())
    }
}
