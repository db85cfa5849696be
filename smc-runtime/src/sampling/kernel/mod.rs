//! Kernels: how particles move on a target. One kernel per file.

/// All of a kernel but its step, where it moves as the kernel in its field `inside` does and adds moves that learn nothing.
macro_rules! as_the_kernel_inside {
    () => {
        fn exactness(&self) -> $crate::sampling::kernel::Exactness {
            self.inside.exactness()
        }

        fn aim(&self) -> $crate::sampling::kernel::Aim {
            self.inside.aim()
        }

        fn in_step(&self) -> bool {
            self.inside.in_step()
        }

        fn passes(&self) -> usize {
            self.inside.passes()
        }

        fn start(&self, dim: usize) -> Tuning {
            self.inside.start(dim)
        }

        fn learn(&self, tuning: &mut Tuning, moved: &Moved, gain: f64) {
            self.inside.learn(tuning, moved, gain);
        }

        fn check(&self) -> $crate::base::error::Result<()> {
            self.inside.check()
        }
    };
}

mod chees;
mod hmc;
mod in_basis;
mod interweaved;
mod jump;
mod langevin;
mod leapfrog;
mod mala;
mod memory;
mod metropolis;
mod mini_batches;
mod random_walk;
mod tuning;

pub use chees::{Chees, TrajectoryLength};
pub use hmc::Hmc;
pub use in_basis::InBasis;
pub use interweaved::Interweaved;
pub use jump::EquioutputJump;
pub use langevin::UnadjustedLangevin;
pub use leapfrog::{Ends, Trajectory, leapfrog};
pub use mala::Mala;
pub use memory::{Memory, Remembered};
pub use metropolis::{arrive, metropolis};
pub use mini_batches::MiniBatches;
pub use random_walk::RandomWalk;
pub use tuning::Tuning;

pub use crate::sampling::cloud::Proposal;

use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::base::rng::{Purpose, Streams};
use crate::sampling::cloud::{Cloud, Target};

/// Where in a run a move happens: keys its random streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The run's streams.
    pub streams: Streams,
    /// The stage, counted from 1.
    pub stage: usize,
    /// The move within the stage, counted from 0.
    pub draw: usize,
}

impl At {
    /// Where trial moves before the stage's own happen: no number is that of a move.
    pub fn trial(self) -> Self {
        Self {
            streams: self.streams.branch(Purpose::Trial),
            draw: 0,
            ..self
        }
    }
}

/// What a move did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moved {
    /// Log-weight correction of each particle; `None` for a kernel that leaves the target invariant.
    pub corrections: Option<Vec<f64>>,
    /// Each particle's probability of acceptance; 1 for a kernel that has no rejection.
    pub acceptance: Vec<f64>,
    /// Each particle's expected squared jump Σ ((θ'−θ)/s)², acceptance included; empty if the kernel does not say.
    pub jumps: Vec<f64>,
    /// Slope, by the logarithm of the length of trajectories, of what the kernel wants to be large, in units of its
    /// own; 0 for a kernel that does not learn a length.
    pub length_slope: f64,
    /// Of a kernel whose moves are inexact, what is known of their error.
    pub inexact: Option<Inexact>,
    /// Proposals whose log-density was not finite.
    pub non_finite: usize,
}

impl Moved {
    /// Mean probability of acceptance.
    pub fn mean_acceptance(&self) -> f64 {
        self.acceptance.iter().sum::<f64>() / self.acceptance.len().max(1) as f64
    }

    /// Mean expected squared jump, in squared scales.
    pub fn mean_jump(&self) -> f64 {
        self.jumps.iter().sum::<f64>() / self.jumps.len().max(1) as f64
    }
}

/// How a kernel keeps a cloud right, or whether it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exactness {
    /// Moves leave the target invariant.
    Invariant,
    /// Every move returns corrections of the weights, which an algorithm must have.
    Corrected,
    /// Neither: draws that such moves made are nearly those of the target, and carry no evidence.
    Inexact,
}

/// What is known of the error of inexact moves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inexact {
    /// E\[ΔH²\]/d of a step on a fixed subset of the rows.
    pub energy_error: f64,
    /// Temperature that the noise of mini-batches adds, as a mean over the coordinates.
    pub heat: f64,
}

/// What the step size of a kernel is best steered to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// A mean probability of acceptance.
    Acceptance(f64),
    /// A conditional effective sample size of the corrections of one move, as a fraction of J.
    Cess(f64),
    /// An energy error of inexact moves, a parameter's share.
    EnergyError(f64),
    /// The kernel has no step size.
    Nothing,
}

/// The factor by which a step is to change whose energy error, E\[ΔH²\]/d, is `found` where `aim` is wanted: the error grows with the
/// sixth power of the step. Between a half and one and a half.
pub fn towards(aim: f64, found: f64) -> f64 {
    let factor = (aim / found).powf(1.0 / 6.0);
    if factor.is_nan() {
        0.5
    } else {
        factor.clamp(0.5, 1.5)
    }
}

/// Moves every particle of a cloud once.
///
/// Contract. A kernel either leaves the target invariant, or returns for every particle the log-weight correction that
/// makes the weighted cloud right (minus the energy error for an unadjusted proposal), or says that it is
/// [inexact](Exactness::Inexact). It leaves the cloud with the terms of
/// the new positions, and with their gradient or none: [`Cloud::accept`] sees to it. Random numbers come from `at.streams`
/// only. Its step size and scales are in the [`Tuning`], which belongs to the run, is saved with it, and is the business
/// of an [`Adaptation`](crate::sampling::adapt::Adaptation); what it learns itself goes into `tuning.kernel_memory`. It speaks to the particles by the bulk operations of a
/// [`Population`](crate::problem::population::Population), never one by one.
///
/// ```
/// use smc_runtime::base::rng::Purpose;
/// use smc_runtime::prelude::*;
/// use smc_runtime::sampling::cloud::{Cloud, Target};
/// use smc_runtime::sampling::kernel::{Aim, At, Kernel, Moved, Proposal, Tuning, metropolis};
///
/// /// θ' = θ + ε·s∘z, accepted or rejected.
/// #[derive(Clone, Copy, Debug)]
/// struct Walk;
///
/// impl Kernel for Walk {
///     fn aim(&self) -> Aim {
///         Aim::Acceptance(0.234)
///     }
///     fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
///         let mut noise = cloud.positions().zeros_like();
///         noise.fill_normal(at.streams, Purpose::Propose, at.stage, at.draw);
///         let mut positions = cloud.positions().clone();
///         positions.axpy(tuning.step as f32, &tuning.scale, &noise);
///         let terms = target.value(&positions);
///         let (before, after) = (target.log_density(cloud.terms()), target.log_density(&terms));
///         let ratios: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
///         metropolis(target, cloud, Proposal { positions, terms, gradient: None }, &ratios, tuning, at)
///     }
/// }
/// let algorithm = smc().kernel(Walk);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a kernel: it does not implement `Kernel`",
    label = "not a `Kernel`",
    note = "the kernels are `RandomWalk`, `Mala`, `Hmc`, `Chees`, `UnadjustedLangevin`, `MiniBatches`, and your own that implement `Kernel`; there is no NUTS, `Chees` is nearest"
)]
pub trait Kernel: Debug + Send + Sync {
    /// Whether moves are exact, and how.
    fn exactness(&self) -> Exactness {
        Exactness::Invariant
    }

    /// What its step size is best steered to, unless the user says otherwise.
    fn aim(&self) -> Aim {
        Aim::Nothing
    }

    /// Whether all particles are to share one step, as a kernel wants that learns from how they move together. Otherwise
    /// chains that never exchange places may have one each.
    fn in_step(&self) -> bool {
        false
    }

    /// About how many gradients, or values, of the target one move takes for each particle: what a run is estimated by.
    fn passes(&self) -> usize {
        1
    }

    /// Settings before the first move, in `dim` dimensions.
    fn start(&self, dim: usize) -> Tuning {
        Tuning::new(dim)
    }

    /// The same with the moves of the kernel inside made [in a basis](InBasis), where this one does something of its own to the parameters; `None` for all of it.
    fn turned(&self) -> Option<Arc<dyn Kernel>> {
        None
    }

    /// Moves every particle once.
    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved;

    /// Learns what is the kernel's own, such as the length of trajectories, from what a move did, and keeps it in
    /// `tuning.kernel_memory`. Step sizes and scales are learned by the [adaptation](crate::sampling::adapt::Adaptation).
    fn learn(&self, tuning: &mut Tuning, moved: &Moved, gain: f64) {
        let _ = (tuning, moved, gain);
    }

    /// Why the settings are impossible, if they are.
    ///
    /// # Errors
    /// For a setting that no move can honour.
    fn check(&self) -> crate::base::error::Result<()> {
        Ok(())
    }
}

const _: fn(&dyn Kernel) = |_| ();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::population::Population;
    use crate::sampling::stage::Stage;
    use crate::testing::Regression;

    /// The correlation of where exact draws from the posterior of one parameter were and where one move took them.
    fn correlation(kernel: &Hmc, length: f64) -> f64 {
        const PARTICLES: usize = 4000;
        let problem = Regression::simulated(10, 1, 0.8, 1.0, 5).unwrap();
        let stage = Stage::of(0..10);
        let target = Target::new(&problem, &stage);
        let exact = problem.exact(&stage);
        let positions = problem.draws(&stage, PARTICLES, Streams::new(1));
        let mut cloud = Cloud::at(&target, positions.clone());
        let at = At {
            streams: Streams::new(2),
            stage: 1,
            draw: 0,
        };
        let (mean, sd) = (exact.mean[0], exact.sd()[0]);
        let tuning = Tuning::new(1).at(length * sd / 60.0);
        kernel.step(&tuning, &target, &mut cloud, at);
        let centred = |p: &Population, i: usize| (f64::from(p.row(i)[0]) - mean) / sd;
        let product = |i: usize| centred(&positions, i) * centred(cloud.positions(), i);
        (0..PARTICLES).map(product).sum::<f64>() / PARTICLES as f64
    }

    #[test]
    fn a_kernel_says_how_many_gradients_a_move_takes() {
        let of = |kernel: &dyn Kernel| kernel.passes();
        assert_eq!(
            [of(&RandomWalk), of(&Mala), of(&Hmc::leapfrogs(7))],
            [1, 1, 7]
        );
        // Between the first length and the most that it may become.
        assert_eq!(of(&Chees::default().at_most(100)), 10);
    }

    #[test]
    fn jitter_breaks_the_period_of_a_trajectory() {
        // A trajectory of length 2π standard deviations ends where it began; of lengths uniform between π and 3π of them,
        // at a place whose correlation with the start is the mean of cos, 0.
        let stuck = correlation(&Hmc::leapfrogs(60), std::f64::consts::TAU);
        assert!(stuck > 0.9, "{stuck}");
        let free = correlation(&Hmc::leapfrogs(60).jitter(0.5), std::f64::consts::TAU);
        assert!(free.abs() < 0.1, "{free}");
    }

    #[test]
    fn impossible_settings_are_named() {
        let text = |kernel: &dyn Kernel| kernel.check().unwrap_err().to_string();
        assert_eq!(
            text(&Hmc::leapfrogs(0)),
            "leapfrogs = 0: at least one leapfrog step is needed"
        );
        assert_eq!(
            text(&Hmc::leapfrogs(1).gradient_rows(0)),
            "gradient_rows = 0: at least one row is needed"
        );
        assert_eq!(
            text(&Hmc::leapfrogs(3).jitter(1.0)),
            "jitter = 1: a fraction of at least 0 and below 1 is needed"
        );
    }

    #[test]
    fn a_langevin_particle_that_flies_off_stays_without_weight() {
        let problem = Regression::simulated(10, 1, 0.8, 1.0, 5).unwrap();
        let stage = Stage::of(0..10);
        let target = Target::new(&problem, &stage);
        let positions = problem.draws(&stage, 5, Streams::new(1));
        let mut cloud = Cloud::at(&target, positions.clone());
        let at = At {
            streams: Streams::new(2),
            stage: 1,
            draw: 0,
        };
        let tuning = Tuning::new(1).at(1e30);
        let moved = UnadjustedLangevin.step(&tuning, &target, &mut cloud, at);
        assert_eq!(moved.corrections, Some(vec![f64::NEG_INFINITY; 5]));
        assert_eq!(moved.non_finite, 5);
        assert_eq!(*cloud.positions(), positions);
        assert_eq!(cloud.terms(), target.value(&positions));
    }
}
