//! How a kernel is adapted: a policy for its step beside one for its scales, and when a run calls them.

use std::sync::Arc;

use super::follow::Follow;
use super::frozen::Frozen;
use super::metric::Metric;
use super::scales::Scales;
use super::step_size::StepSize;
use crate::base::error::Result;
use crate::problem::Problem;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{Kernel, Tuning};
use crate::sampling::reference::reference;
use crate::sampling::weights::Weights;

/// A policy for the step and one for the scales. What they learn is in the [`Tuning`] that [`Adaptation::start`] makes.
#[derive(Clone, Debug)]
pub struct Adaptation {
    /// How the step is set.
    pub step: Arc<dyn StepSize>,
    /// Where the scales come from.
    pub scales: Arc<dyn Scales>,
}

impl Default for Adaptation {
    /// [`Follow::aim`] and [`Metric::Diagonal`].
    fn default() -> Self {
        Self::new(Follow::aim(), Metric::Diagonal)
    }
}

impl Adaptation {
    /// `step` beside `scales`.
    pub fn new(step: impl StepSize + 'static, scales: impl Scales + 'static) -> Self {
        Self {
            step: Arc::new(step),
            scales: Arc::new(scales),
        }
    }

    /// [`Frozen`] at `step`, and all scales 1: the kernel does not depend on the cloud.
    pub fn frozen(step: f64) -> Self {
        Self::new(Frozen::at(step), Metric::Unit)
    }

    /// The settings of `kernel` before the first move, at `factor` times the step that it starts with itself.
    pub fn start(&self, kernel: &dyn Kernel, problem: &dyn Problem, factor: f64) -> Tuning {
        let mut tuning = kernel.start(problem.dim());
        tuning.refer_to(reference(problem));
        tuning.step *= factor;
        self.step.begin(&mut tuning);
        tuning
    }

    /// Tells the policies of a new stage, before its weighted cloud is resampled.
    pub fn enter(
        &self,
        tuning: &mut Tuning,
        target: &Target<'_>,
        cloud: &mut Cloud,
        weights: &Weights,
    ) {
        self.step.enter(tuning);
        self.scales.learn(tuning, target, cloud, weights);
    }

    /// Why the settings are impossible, or make no sense with `kernel`, if so.
    ///
    /// # Errors
    /// Says what does not fit.
    pub fn check(&self, kernel: &dyn Kernel) -> Result<()> {
        self.step.check(kernel)
    }
}
