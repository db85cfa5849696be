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
        let step = walkers.tuning.step * stroke.factor;
        let noise = (stroke.temperature * (1.0 - keep * keep)).sqrt() * step;
        langevin(walkers, target, stroke, keep, step * step, noise)
    }

    fn check(&self) -> Result<()> {
        if self.friction > 0.0 && self.friction <= 1.0 {
            return Ok(());
        }
        let expected = "a share of the momentum above 0 and at most 1 is needed";
        Err(Error::config("friction", self.friction, expected))
    }
}

/// v ← keep·v + kick·s∘ĝ + noise·ξ, θ ← θ + s∘v.
pub(super) fn langevin(
    walkers: &mut Walkers,
    target: &Target<'_>,
    stroke: &Stroke,
    keep: f64,
    kick: f64,
    noise: f64,
) -> Vec<f64> {
    let mut gradient = walkers.take_gradient();
    let terms = target.add_gradient(&walkers.positions, &mut gradient);
    let each = LangevinStep {
        keep: keep as f32,
        kick: kick as f32,
        noise: noise as f32,
    };
    let each = vec![each; walkers.positions.len()];
    let at = (stroke.streams, stroke.pass, stroke.step);
    let (positions, momenta) = (&mut walkers.positions, &mut walkers.momenta);
    positions.langevin(momenta, &mut gradient, &walkers.tuning.scale, &each, at);
    walkers.give_back(gradient);
    target.log_density(&terms)
}
