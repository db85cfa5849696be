//! Microcanonical Langevin moves on mini-batches that tune themselves.

use serde::{Deserialize, Serialize};

use super::{StochasticGradient, Stroke, Walkers};
use crate::base::error::{Error, Result};
use crate::problem::population::Population;
use crate::sampling::cloud::Target;
use crate::sampling::kernel::Tuning;

/// pSMILE (arXiv 2602.06500, from its public code): the isokinetic dynamics of microcanonical Langevin Monte Carlo with the noise of
/// mini-batches in the place of a refresh, preconditioned by a running spread of each walker's gradients, with a step of its own for
/// each walker.
///
/// A step is McLachlan's, of two gradients. Its energy error ΔE = ΔK + log p before − log p after holds the change of the batch
/// too; errors are followed by a gamma distribution, and a step grows where they are small (by 2 %), falls where they are large, and is taken
/// back, the velocity lost, where one is above the quantile .98. The prior is the model's. At temperature T log-densities are divided
/// by T.
///
/// ```
/// use smc_runtime::sampling::stochastic::Psmile;
/// let quick = Psmile::default().quantile(0.2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Psmile {
    quantile: f64,
}

impl Default for Psmile {
    fn default() -> Self {
        Self { quantile: 0.1 }
    }
}

impl Psmile {
    /// p: a step changes where its error is outside the quantiles p/3 and 1 − 2p/3; 0.1 unless set.
    pub fn quantile(mut self, p: f64) -> Self {
        self.quantile = p;
        self
    }
}

/// McLachlan's coefficient b.
const B: f64 = 0.193_183_3;
/// Share of what is new in running means.
const SHARE: f32 = 0.01;
/// Bounds of the spread of a gradient.
const SPREAD: [f32; 2] = [1e-2, 1e4];
/// Steps before the size of a step is changed.
const WAIT: u32 = 10;

/// What it remembers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Memory {
    steps: u32,
    walkers: Vec<Walker>,
    /// Mean and variance of each walker's gradients; nothing before the first step.
    moments: Option<[Population; 2]>,
    /// The last gradients.
    gradient: Option<Population>,
}

impl Memory {
    /// At the first step.
    fn begin(positions: &Population, target: &Target<'_>, heat: f64) -> Self {
        let mut gradient = positions.zeros_like();
        let terms = target.add_gradient(positions, &mut gradient);
        let walker = |log: &f64| Walker {
            own: 1.0,
            log_density: *log / heat,
            ..Walker::default()
        };
        let (n, dim) = (positions.len(), positions.dim() as f64);
        let squares = gradient.squared_norms().into_iter();
        let squares: Vec<f32> = squares.map(|s| (s / dim) as f32).collect();
        let mut spread = gradient.zeros_like();
        spread.fill(1.0);
        spread.blend(&squares, &vec![0.0; n], &gradient);
        Self {
            steps: 0,
            walkers: target.log_density(&terms).iter().map(walker).collect(),
            moments: Some([gradient.zeros_like(), spread]),
            gradient: Some(gradient),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Walker {
    /// Factor of the common step.
    own: f64,
    log_density: f64,
    /// Running mean and variance of |ΔE|.
    mean: f64,
    variance: f64,
}

impl Walker {
    /// The quantile at the normal score `z` of the gamma distribution with the errors' mean and variance (Wilson and Hilferty,
    /// 1931).
    fn quantile(&self, z: f64) -> f64 {
        let scale = (self.variance + 1e-6) / self.mean.max(1e-12);
        let shape = self.mean.max(1e-12) / scale;
        scale * shape * (1.0 - 1.0 / (9.0 * shape) + z / (3.0 * shape.sqrt())).powi(3)
    }
}

impl StochasticGradient for Psmile {
    fn name(&self) -> &'static str {
        "pSMILE"
    }

    /// Batch noise is its refresh, not a heat.
    fn friction(&self) -> f64 {
        1.0
    }

    fn adapts_itself(&self) -> bool {
        true
    }

    fn gradients(&self) -> usize {
        2
    }

    fn start(&self, dim: usize) -> Tuning {
        Tuning::new(dim).at(1e-2 * (dim as f64).sqrt())
    }

    fn step(&self, walkers: &mut Walkers, target: &Target<'_>, stroke: &Stroke) -> Vec<f64> {
        let Walkers {
            positions,
            momenta,
            tuning,
            ..
        } = walkers;
        let (n, dim) = (positions.len(), positions.dim() as f64);
        let heat = stroke.temperature;
        let mut memory: Memory = std::mem::take(tuning.kernel_memory.of());
        if memory.gradient.is_none() {
            memory = Memory::begin(positions, target, heat);
        }
        let (Some([mean, variance]), Some(gradient)) = (&mut memory.moments, &mut memory.gradient)
        else {
            return vec![f64::NAN; n];
        };
        mean.track(variance, gradient, SHARE);
        let mut by = variance.roots_between(SPREAD[0], SPREAD[1]);
        let sizes = by
            .squared_norms()
            .into_iter()
            .map(|s| (dim / s).sqrt() as f32);
        by.blend(&sizes.collect::<Vec<_>>(), &vec![0.0; n], &by.clone());
        let steps: Vec<f64> = memory
            .walkers
            .iter()
            .map(|w| tuning.step * stroke.factor * w.own)
            .collect();

        let before = positions.clone();
        let mut kinetic = vec![0.0; n];
        let mut logs: Vec<f64> = Vec::new();
        for (turn, c) in [B, 1.0 - 2.0 * B, B].into_iter().enumerate() {
            if turn > 0 {
                let each: Vec<f32> = steps.iter().map(|e| (0.5 * e) as f32).collect();
                positions.add_quotients(&each, momenta, &by);
                gradient.clear();
                let terms = target.add_gradient(positions, gradient);
                logs = target
                    .log_density(&terms)
                    .iter()
                    .map(|l| l / heat)
                    .collect();
            }
            let mut force = gradient.zeros_like();
            force.add_quotients(&vec![(1.0 / heat) as f32; n], gradient, &by);
            turn_towards(momenta, &force, &steps, c, dim, &mut kinetic);
        }
        let mut lost = vec![false; n];
        for (i, walker) in memory.walkers.iter_mut().enumerate() {
            let error = (kinetic[i] + walker.log_density - logs[i]).abs();
            lost[i] =
                !error.is_finite() || memory.steps >= WAIT && error > walker.quantile(2.053_749);
            if error.is_finite() {
                if memory.steps == 0 {
                    (walker.mean, walker.variance) = (error, error * error);
                } else {
                    walker.mean += f64::from(SHARE) * (error - walker.mean);
                    walker.variance +=
                        f64::from(SHARE) * ((error - walker.mean).powi(2) - walker.variance);
                }
            }
            if memory.steps >= WAIT {
                let [low, high] = [self.quantile / 3.0, 1.0 - 2.0 * self.quantile / 3.0].map(score);
                if error > walker.quantile(high) || !error.is_finite() {
                    walker.own *= 0.98;
                } else if error < walker.quantile(low) {
                    walker.own *= 1.02;
                }
            }
            if !lost[i] {
                walker.log_density = logs[i];
            }
        }
        positions.select(&lost, &before);
        let gone: Vec<usize> = (0..n).filter(|&i| lost[i]).collect();
        momenta.clear_some(&gone);
        target.renew_gradient(positions, &gone, gradient);
        memory.steps = memory.steps.saturating_add(1);
        let result = logs
            .iter()
            .zip(&lost)
            .map(|(l, lost)| if *lost { 0.0 } else { *l });
        let result = result.collect();
        *tuning.kernel_memory.of() = memory;
        result
    }

    fn check(&self) -> Result<()> {
        if self.quantile > 0.0 && self.quantile < 1.0 {
            return Ok(());
        }
        let expected = "a probability between 0 and 1, both excluded";
        Err(Error::config("quantile", self.quantile, expected))
    }
}

/// The unit velocities u turn towards the forces g for a time c·ε: with e = g/|g|, δ = ε·c·|g|/(d − 1) and ζ = exp(−δ),
/// u ∝ e(1 − ζ)(1 + ζ + (e·u)(1 − ζ)) + 2ζu, and the kinetic energy grows by (d − 1)(δ − ln 2 + ln(1 + e·u + (1 − e·u)ζ²)).
fn turn_towards(
    velocity: &mut Population,
    force: &Population,
    steps: &[f64],
    c: f64,
    dim: f64,
    kinetic: &mut [f64],
) {
    let norms: Vec<f64> = force.squared_norms().into_iter().map(f64::sqrt).collect();
    let dots = velocity.dots(force);
    let (mut keep, mut add) = (Vec::new(), Vec::new());
    for (i, (&norm, &dot)) in norms.iter().zip(&dots).enumerate() {
        let along = dot / norm;
        let delta = steps[i] * c * norm / (dim - 1.0).max(1.0);
        let zeta = (-delta).exp();
        kinetic[i] += (dim - 1.0)
            * (delta - std::f64::consts::LN_2 + (1.0 + along + (1.0 - along) * zeta * zeta).ln());
        keep.push((2.0 * zeta) as f32);
        add.push(((1.0 - zeta) * (1.0 + zeta + along * (1.0 - zeta)) / norm) as f32);
    }
    velocity.blend(&keep, &add, force);
    let sizes = velocity.squared_norms().into_iter().map(|s| 1.0 / s.sqrt());
    let sizes: Vec<f32> = sizes
        .map(|s| if s.is_finite() { s as f32 } else { 0.0 })
        .collect();
    let none = vec![0.0; sizes.len()];
    velocity.blend(&sizes, &none, force);
}

/// The normal score of a probability.
fn score(p: f64) -> f64 {
    std::f64::consts::SQRT_2 * special::Error::inv_error(2.0 * p - 1.0)
}
