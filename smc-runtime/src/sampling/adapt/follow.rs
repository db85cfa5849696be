//! A step size that follows its aim from move to move.

use super::step_size::{StepSize, aim_of, fraction};
use crate::base::error::Result;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{Aim, At, Kernel, Moved, Tuning, towards};
use crate::sampling::weights::{Weights, cess};

/// The step size follows what the kernel aims at (an acceptance, or the CESS of its corrections) from move to move, at a
/// gain that keeps pace with a target that changes from stage to stage: log ε += clamp(found − aim, −½, 0.2). The
/// default of every algorithm.
///
/// A cloud from a start is as narrow as the start, which no scale of a prior says: there the first step is found by trial moves of one
/// particle after the other, at most eight, each of which goes on at 0.4 of the step if less than half of the acceptance aimed at was found.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().step_size(Follow::to(0.65));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Follow {
    to: Option<f64>,
}

impl Follow {
    /// Follows what the kernel aims at.
    pub fn aim() -> Self {
        Self::default()
    }

    /// Follows another acceptance, or CESS for a kernel that corrects weights.
    pub fn to(fraction: f64) -> Self {
        Self { to: Some(fraction) }
    }
}

/// Trials at the most, and what is left of the step at each that is refused.
const TRIALS: usize = 8;
const SHORTER: f64 = 0.4;

impl StepSize for Follow {
    fn try_out(
        &self,
        kernel: &dyn Kernel,
        tuning: &mut Tuning,
        target: &Target<'_>,
        cloud: &Cloud,
        _: &Weights,
        at: At,
    ) {
        let Aim::Acceptance(aim) = aim_of(kernel, self.to) else {
            return;
        };
        let before = std::mem::replace(tuning.step_memory.of::<bool>(), true);
        if before || target.start.is_none() || cloud.is_empty() {
            return;
        }
        for trial in 0..TRIALS {
            let draw = at.draw + trial;
            // Another one each time: one that stands badly says nothing of the others.
            let mut one = cloud.one(trial % cloud.len());
            let moved = kernel.step(tuning, target, &mut one, At { draw, ..at });
            let found = moved.mean_acceptance();
            if found >= 0.5 * aim {
                // Half-way back to the one that was refused.
                if found >= aim && trial > 0 {
                    tuning.step /= SHORTER.sqrt();
                }
                break;
            }
            tuning.step *= SHORTER;
        }
    }

    fn learn(&self, kernel: &dyn Kernel, tuning: &mut Tuning, moved: &Moved, gain: f64) {
        match (aim_of(kernel, self.to), &moved.corrections) {
            (Aim::Acceptance(aim), _) => tuning.follow(&moved.acceptance, aim, gain),
            (Aim::Cess(aim), Some(corrections)) => {
                let kept = cess(Weights::uniform(corrections.len()).log(), corrections);
                tuning.follow(&[kept], aim, gain);
            }
            (Aim::EnergyError(aim), _) => {
                if let Some(found) = moved.inexact {
                    tuning.step *= towards(aim, found.energy_error);
                }
            }
            _ => (),
        }
    }

    fn target_acceptance(&self, kernel: &dyn Kernel) -> Option<f64> {
        match aim_of(kernel, self.to) {
            Aim::Acceptance(aim) => Some(aim),
            _ => None,
        }
    }

    fn check(&self, _: &dyn Kernel) -> Result<()> {
        self.to.map_or(Ok(()), |to| fraction("aim", to))
    }
}
