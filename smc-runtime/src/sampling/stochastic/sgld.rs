//! Stochastic-gradient Langevin dynamics.

use super::sghmc::langevin;
use super::{StochasticGradient, Stroke, Walkers};
use crate::problem::population::LangevinStep;
use crate::sampling::cloud::Target;

/// Langevin dynamics without momenta (M. Welling, Y. W. Teh, *Bayesian learning via stochastic gradient Langevin dynamics*, ICML
/// 2011), preconditioned by the scales s: θ ← θ + ½ε²·s²∘ĝ + √T·ε·s∘ξ.
///
/// It forgets the way it came at every step, so that it goes less far for its gradients than [`Sghmc`](super::Sghmc); it is
/// what others are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sgld;

impl StochasticGradient for Sgld {
    fn name(&self) -> &'static str {
        "SGLD"
    }

    fn friction(&self) -> f64 {
        1.0
    }

    fn step(&self, walkers: &mut Walkers, target: &Target<'_>, stroke: &Stroke) -> Vec<f64> {
        let noise = stroke.temperature.sqrt();
        langevin(walkers, target, stroke, |step| LangevinStep {
            keep: 0.0,
            kick: (0.5 * step * step) as f32,
            noise: (noise * step) as f32,
        })
    }
}
