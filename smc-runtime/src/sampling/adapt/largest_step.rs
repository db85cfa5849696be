//! The largest step whose corrections the weights can bear.

use serde::{Deserialize, Serialize};

use super::step_size::{StepSize, aim_of, fraction, misfit};
use crate::base::error::{Error, Result};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{Aim, At, Kernel, Tuning};
use crate::sampling::weights::{Weights, cess};

/// For kernels that correct weights: the largest step at which the corrections of one move alone keep the conditional
/// effective sample size at 0.9·J, or what the kernel aims at.
///
/// It is found by trial moves of copies of the cloud before the moves of every stage: 4 of them, and 12 at the first
/// stage, where the step may be orders of magnitude off. Log ε goes up by ¼, ½, 1, .. while the aim is met, or down while it
/// is not, and then halves the interval between. Every trial has random numbers of its own, so that a step is not fitted to
/// one draw of them. Trial moves cost what moves cost, and are counted.
///
/// A trial of a kernel that follows the gradient of some rows sees one choice of them. Where these differ much,
/// [`Follow`](super::Follow), which averages over moves, is the better choice.
///
/// The aim is a bound and not an optimum: corrections are largest on average where nothing moves, at ε = 0.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().kernel(UnadjustedLangevin).step_size(LargestStep::keeping(0.95).trials(3));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LargestStep {
    keeping: Option<f64>,
    trials: usize,
}

impl Default for LargestStep {
    fn default() -> Self {
        Self {
            keeping: None,
            trials: 4,
        }
    }
}

impl LargestStep {
    /// The largest step that keeps the CESS that the kernel aims at.
    pub fn aim() -> Self {
        Self::default()
    }

    /// The largest step that keeps this CESS, as a fraction of J.
    pub fn keeping(cess: f64) -> Self {
        Self {
            keeping: Some(cess),
            ..Self::default()
        }
    }

    /// Trial moves per stage; 4 unless set. The first stage has three times as many.
    pub fn trials(mut self, trials: usize) -> Self {
        self.trials = trials;
        self
    }
}

impl StepSize for LargestStep {
    fn try_out(
        &self,
        kernel: &dyn Kernel,
        tuning: &mut Tuning,
        target: &Target<'_>,
        cloud: &Cloud,
        weights: &Weights,
        at: At,
    ) {
        let Aim::Cess(aim) = aim_of(kernel, self.keeping) else {
            return;
        };
        let memory = tuning.step_memory.of::<Searched>();
        let rounds = if memory.before { 1 } else { 3 };
        memory.before = true;
        let mut search = Search::from(tuning.step.ln());
        for trial in 0..rounds * self.trials {
            let draw = at.draw + trial;
            tuning.step = search.next.exp();
            let moved = kernel.step(tuning, target, &mut cloud.clone(), At { draw, ..at });
            let kept = moved.corrections.map_or(1.0, |c| cess(weights.log(), &c));
            search.tell(kept >= aim);
        }
        tuning.step = search.largest().exp();
    }

    fn check(&self, kernel: &dyn Kernel) -> Result<()> {
        if !matches!(kernel.aim(), Aim::Cess(_)) {
            return Err(misfit(
                self,
                kernel,
                "makes no corrections of weights that would bound its step; use `Follow` or `DualAveraging`",
            ));
        }
        if self.trials == 0 {
            return Err(Error::config("trials", 0, "at least one trial is needed"));
        }
        self.keeping.map_or(Ok(()), |to| fraction("keeping", to))
    }
}

/// What is remembered of the stages before.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Searched {
    /// Whether there has been one.
    before: bool,
}

/// The search for the largest good number: it goes out in doubling strides until one good and one bad are known, and
/// then to the middle between them.
struct Search {
    next: f64,
    stride: f64,
    good: Option<f64>,
    bad: Option<f64>,
}

impl Search {
    fn from(start: f64) -> Self {
        Self {
            next: start,
            stride: 0.25,
            good: None,
            bad: None,
        }
    }

    fn tell(&mut self, good: bool) {
        if good {
            self.good = Some(self.next);
        } else {
            self.bad = Some(self.next);
        }
        self.next = match (self.good, self.bad) {
            (Some(good), Some(bad)) => 0.5 * (good + bad),
            (Some(good), None) => good + self.stride,
            (None, Some(bad)) => bad - self.stride,
            (None, None) => self.next,
        };
        self.stride *= 2.0;
    }

    /// The largest known to be good; if none is, the next that would be tried.
    fn largest(&self) -> f64 {
        self.good.unwrap_or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_closes_in_on_the_largest_good_number() {
        for (start, truth) in [(0.0, 4.7), (0.0, -4.7), (1.0, 1.1), (1.0, 0.9)] {
            let mut search = Search::from(start);
            for _ in 0..12 {
                let good = search.next <= truth;
                search.tell(good);
            }
            let off = truth - search.largest();
            assert!((0.0..0.07).contains(&off), "{start} {truth}: off by {off}");
        }
        let mut never = Search::from(0.0);
        (0..3).for_each(|_| never.tell(false));
        assert!((never.largest() + 1.75).abs() < 1e-12);
    }
}
