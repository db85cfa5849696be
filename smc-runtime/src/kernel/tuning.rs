//! What a kernel has learned in a run: a step size and a scale for every coordinate.

use serde::{Deserialize, Serialize};

use crate::layout::Layout;

/// The settings of a kernel that adapt. They belong to the run, so that a kernel is a plain value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// Step size, in units of [`Tuning::scale`].
    #[serde(with = "crate::bits")]
    pub step: f64,
    /// Each particle's factor on the step, or empty where all share it.
    #[serde(with = "crate::bits::many")]
    own: Vec<f64>,
    /// A standard deviation for every coordinate (a diagonal metric is its inverse square).
    pub scale: Vec<f32>,
    /// Variance of each block before any data were seen, on which [`Tuning::scale_from`] puts its floor.
    #[serde(with = "crate::bits::many")]
    reference: Vec<f64>,
}

impl Tuning {
    /// Unit scales and the step that has about the right order in `dim` dimensions, ½·d^(−1/4).
    pub fn new(dim: usize) -> Self {
        Self {
            step: 0.5 * (dim.max(1) as f64).powf(-0.25),
            scale: vec![1.0; dim],
            own: Vec::new(),
            reference: Vec::new(),
        }
    }

    /// The step of each of `particles` particles.
    pub fn steps(&self, particles: usize) -> Vec<f32> {
        let factor = |i: usize| self.own.get(i).copied().unwrap_or(1.0);
        (0..particles)
            .map(|i| (self.step * factor(i)) as f32)
            .collect()
    }

    /// Gives each of `particles` particles a step size of its own, for chains that never exchange places.
    pub fn step_apart(&mut self, particles: usize) {
        self.own.resize(particles, 1.0);
    }

    /// Sets each particle's step size to `steps`.
    pub fn set_steps(&mut self, steps: &[f64]) {
        self.own = steps.iter().map(|s| s / self.step).collect();
    }

    /// Multiplies the step by exp(gain · (acceptance − target)), the difference kept within −½ and 0.2.
    ///
    /// The acceptance is that of each particle where steps are apart, and the mean where they are not. A constant gain
    /// follows a target that changes from stage to stage; a falling one settles.
    pub fn follow(&mut self, acceptance: &[f64], target: f64, gain: f64) {
        let factor = |acceptance: f64| (gain * (acceptance - target).clamp(-0.5, 0.2)).exp();
        if self.own.is_empty() {
            let mean = acceptance.iter().sum::<f64>() / acceptance.len().max(1) as f64;
            self.step *= factor(mean);
        } else {
            for (own, &acceptance) in self.own.iter_mut().zip(acceptance) {
                *own *= factor(acceptance);
            }
        }
    }

    /// Remembers the variances of a cloud that has seen no data: scales start from them and never fall far below.
    pub fn refer_to(&mut self, variances: &[f64], layout: &Layout) {
        self.reference = block_means(variances, layout);
    }

    /// Scales from the variances of a cloud of effective size `n`.
    ///
    /// A variance is shrunk towards the mean v̄ of its block as (n·v + 10·v̄)/(n + 10), then towards the square of the
    /// scale before as (n·v + 10·s²)/(n + 10), so that a cloud that has collapsed onto one particle teaches little; its
    /// floor is 10⁻⁴ of the block's variance before any data.
    pub fn scale_from(&mut self, variances: &[f64], layout: &Layout, n: f64) {
        const PSEUDO: f64 = 10.0;
        let towards = |v: f64, target: f64| (n * v + PSEUDO * target) / (n + PSEUDO);
        let means = block_means(variances, layout);
        if self.reference.is_empty() {
            self.reference.clone_from(&means);
        }
        for ((block, mean), reference) in layout.blocks().iter().zip(&means).zip(&self.reference) {
            for i in block.range.clone() {
                let before = f64::from(self.scale[i]).powi(2);
                let variance = towards(towards(variances[i], *mean), before).max(1e-4 * reference);
                if variance.is_finite() {
                    self.scale[i] = variance.sqrt().max(f64::from(f32::MIN_POSITIVE)) as f32;
                }
            }
        }
    }
}

fn block_means(variances: &[f64], layout: &Layout) -> Vec<f64> {
    let mean = |block: &crate::layout::Block| {
        variances[block.range.clone()].iter().sum::<f64>() / block.range.len() as f64
    };
    layout.blocks().iter().map(mean).collect()
}
