//! Stochastic-gradient Hamiltonian Monte Carlo.

use super::{StochasticGradient, Stroke, Walkers};
use crate::base::error::{Error, Result};
use crate::problem::population::LangevinStep;
use crate::sampling::cloud::Target;

/// Hamiltonian dynamics with friction (T. Chen, E. Fox, C. Guestrin, *Stochastic gradient Hamiltonian Monte Carlo*, ICML 2014):
/// v ← (1 − α)·v + ε²·s∘ĝ + √(T(1 − (1 − α)²))·ε·ξ, θ ← θ + s∘v, with ĝ the estimate of the gradient, s the scales and T the
/// temperature; α = 0.05 unless set.
///
/// The noise of a mini-batch adds to ξ and is not taken off: larger batches and smaller steps make it small.
///
/// ```
/// use smc_runtime::sampling::stochastic::Sghmc;
/// let slippery = Sghmc::default().friction(0.02);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sghmc {
    friction: f64,
}

impl Default for Sghmc {
    fn default() -> Self {
        Self { friction: 0.05 }
    }
}

impl Sghmc {
    /// α, the share of its momentum that a walker loses in a step.
    pub fn friction(mut self, share: f64) -> Self {
        self.friction = share;
        self
    }
}

impl StochasticGradient for Sghmc {
    fn name(&self) -> &'static str {
        "SGHMC"
    }

    fn friction(&self) -> f64 {
        self.friction
    }

    fn step(&self, walkers: &mut Walkers, target: &Target<'_>, stroke: &Stroke) -> Vec<f64> {
        let keep = 1.0 - self.friction;
        let noise = (stroke.temperature * (1.0 - keep * keep)).sqrt();
        langevin(walkers, target, stroke, |step| LangevinStep {
            keep: keep as f32,
            kick: (step * step) as f32,
            noise: (noise * step) as f32,
        })
    }

    fn check(&self) -> Result<()> {
        if self.friction > 0.0 && self.friction <= 1.0 {
            return Ok(());
        }
        let expected = "a share of the momentum above 0 and at most 1 is needed";
        Err(Error::config("friction", self.friction, expected))
    }
}

/// v ← keep·v + kick·s∘ĝ + noise·ξ, θ ← θ + s∘v, with the numbers that `at` gives for the step size of each walker.
pub(super) fn langevin(
    walkers: &mut Walkers,
    target: &Target<'_>,
    stroke: &Stroke,
    at: impl Fn(f64) -> LangevinStep,
) -> Vec<f64> {
    let mut gradient = walkers.take_gradient();
    let terms = target.add_gradient(&walkers.positions, &mut gradient);
    let steps = walkers.tuning.steps(walkers.positions.len()).into_iter();
    let each: Vec<LangevinStep> = steps.map(|e| at(f64::from(e) * stroke.factor)).collect();
    let at = (stroke.streams, stroke.pass, stroke.step);
    let (positions, momenta) = (&mut walkers.positions, &mut walkers.momenta);
    positions.langevin(momenta, &mut gradient, &walkers.tuning.scale, &each, at);
    walkers.give_back(gradient);
    target.log_density(&terms)
}
