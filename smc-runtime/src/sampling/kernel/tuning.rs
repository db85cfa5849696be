//! What has been learned of a kernel in a run: a step size, a scale for every coordinate, and what each of the learners
//! remembers.

use serde::{Deserialize, Serialize};

use super::memory::Memory;

/// The settings of a kernel that change in a run. They belong to the run, so that kernels and the policies that adapt
/// them are plain values; each of these has a [`Memory`] here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// Step size, in units of [`Tuning::scale`].
    pub step: f64,
    /// Each particle's factor on the step, or empty where all share it.
    own: Vec<f64>,
    /// A standard deviation for every coordinate (a diagonal metric is its inverse square).
    pub scale: Vec<f32>,
    /// What the [`StepSize`](crate::sampling::adapt::StepSize) remembers.
    pub step_memory: Memory,
    /// What the [`Scales`](crate::sampling::adapt::Scales) remember.
    pub scale_memory: Memory,
    /// What the kernel remembers.
    pub kernel_memory: Memory,
    /// Variance of each block before any data were seen.
    reference: Vec<f64>,
}

impl Tuning {
    /// Unit scales and the step that has about the right order in `dim` dimensions, ½·d^(−1/4).
    pub fn new(dim: usize) -> Self {
        Self {
            step: 0.5 * (dim.max(1) as f64).powf(-0.25),
            scale: vec![1.0; dim],
            own: Vec::new(),
            step_memory: Memory::default(),
            scale_memory: Memory::default(),
            kernel_memory: Memory::default(),
            reference: Vec::new(),
        }
    }

    /// The same with the step size `step`.
    pub fn at(self, step: f64) -> Self {
        Self { step, ..self }
    }

    /// The step of each of `particles` particles.
    pub fn steps(&self, particles: usize) -> Vec<f32> {
        let factor = |i: usize| self.own.get(i).copied().unwrap_or(1.0);
        (0..particles)
            .map(|i| (self.step * factor(i)) as f32)
            .collect()
    }

    /// Each particle's factor on the step; empty where all share it.
    pub fn factors(&self) -> &[f64] {
        &self.own
    }

    /// Sets each particle's factor on the step; none for all to share it.
    pub fn set_factors(&mut self, factors: Vec<f64>) {
        self.own = factors;
    }

    /// Gives each of `particles` particles a step size of its own, for chains that never exchange places.
    pub fn step_apart(&mut self, particles: usize) {
        self.own.resize(particles, 1.0);
    }

    /// Sets each particle's step size to `steps`; the common one becomes their geometric mean.
    pub fn set_steps(&mut self, steps: &[f64]) {
        if !steps.is_empty() {
            self.step = geometric_mean(steps);
            self.own = steps.iter().map(|s| s / self.step).collect();
        }
    }

    /// The geometric mean of the factors on the step; 1 where all share it.
    pub fn middle_factor(&self) -> f64 {
        if self.own.is_empty() {
            1.0
        } else {
            geometric_mean(&self.own)
        }
    }

    /// Multiplies the step by exp(gain · (found − aim)), the difference kept within −½ and 0.2.
    ///
    /// What was found is that of each particle where steps are apart, and the mean where they are not. A constant gain
    /// follows a target that changes from stage to stage; a falling one settles.
    pub fn follow(&mut self, found: &[f64], aim: f64, gain: f64) {
        let factor = |found: f64| (gain * (found - aim).clamp(-0.5, 0.2)).exp();
        if self.own.len() == found.len() {
            for (own, &found) in self.own.iter_mut().zip(found) {
                *own *= factor(found);
            }
        } else {
            let mean = found.iter().sum::<f64>() / found.len().max(1) as f64;
            self.step *= factor(mean);
        }
    }

    /// Remembers the variance of each block in a cloud that has seen no data.
    pub fn refer_to(&mut self, block_variances: Vec<f64>) {
        self.reference = block_variances;
    }

    /// The variance of each block before any data were seen, as far as it is known: finite and positive.
    pub fn reference(&self) -> Vec<f64> {
        let known = |v: &f64| if *v > 0.0 && v.is_finite() { *v } else { 1.0 };
        self.reference.iter().map(known).collect()
    }
}

fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|x| x.ln()).sum::<f64>() / values.len() as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::saved::Saved;

    #[test]
    fn all_that_was_learned_survives_saving() {
        let mut tuning = Tuning::new(2).at(0.1);
        tuning.set_factors(vec![1.0 / 3.0, 3.0]);
        tuning.reference = vec![0.3];
        tuning.scale = vec![0.1, 1e-30];
        *tuning.step_memory.of() = Some(f64::INFINITY);
        *tuning.scale_memory.of() = vec![1.0 / 7.0, 2.0];
        *tuning.kernel_memory.of() = (f64::MIN_POSITIVE, true);
        let saved = Saved::of(&tuning).unwrap();
        let mut read: Tuning = saved.read().unwrap();
        assert_eq!(read, tuning);
        assert_eq!(*read.step_memory.of::<Option<f64>>(), Some(f64::INFINITY));
        assert_eq!(*read.scale_memory.of::<Vec<f64>>(), [1.0 / 7.0, 2.0]);
        assert_eq!(
            *read.kernel_memory.of::<(f64, bool)>(),
            (f64::MIN_POSITIVE, true)
        );
        assert_eq!(read, tuning);
    }

    #[test]
    fn a_step_follows_what_was_found_together_or_each_for_itself() {
        let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-6);
        let mut together = Tuning::new(1).at(2.0);
        together.follow(&[0.6, 0.8], 0.8, 1.0);
        near(together.step, 2.0 * (-0.1f64).exp());
        let mut apart = Tuning::new(1).at(2.0);
        apart.step_apart(2);
        apart.follow(&[0.7, 0.9], 0.8, 2.0);
        let steps = apart.steps(2);
        near(f64::from(steps[0]), 2.0 * (-0.2f64).exp());
        near(f64::from(steps[1]), 2.0 * 0.2f64.exp());
        // The difference is kept within −½ and 0.2.
        let mut far = Tuning::new(1).at(1.0);
        far.follow(&[0.0], 0.8, 1.0);
        near(far.step, (-0.5f64).exp());
        far.follow(&[1.0], 0.1, 1.0);
        near(far.step, (-0.3f64).exp());
    }

    #[test]
    fn steps_of_their_own_have_the_common_one_in_their_middle() {
        let mut tuning = Tuning::new(1).at(7.0);
        tuning.set_steps(&[0.1, 0.4]);
        assert!((tuning.step - 0.2).abs() < 1e-12, "{}", tuning.step);
        assert!((tuning.middle_factor() - 1.0).abs() < 1e-12);
        assert_eq!(tuning.steps(2), [0.1, 0.4]);
    }
}
