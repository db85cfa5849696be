//! The step with the largest expected squared jump.

use serde::{Deserialize, Serialize};

use super::step_size::{StepSize, misfit};
use crate::base::error::{Error, Result};
use crate::base::rng::Purpose;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{Aim, At, Kernel, Moved, Tuning};
use crate::sampling::weights::Weights;

/// Every particle tries a step of its own, and the common step goes where particles jump farthest: the idea of Buchholz,
/// Chopin and Jacob (2021), who tune by the expected squared jump distance per gradient of randomly drawn settings.
/// Reconstructed:
///
/// - particle i moves with ε·fᵢ, log fᵢ uniform within ± log `spread` (2 unless set). At every move factors are dealt anew,
///   spread evenly over the particles (the R₂ sequence, turned by a number from the run's streams), so that 16
///   particles try the whole range and no factor depends on where its particle is;
/// - after a move log ε += Σ rᵢ·log fᵢ / Σ rᵢ − mean(log f), where rᵢ is particle i's squared jump in units of the scales
///   times its probability of acceptance. At rest ε is the centre of gravity of the jumps, near their peak. If nothing
///   jumps, ε falls by the factor `spread`.
///
/// The original draws settings from a distribution that is resampled with the particles, and draws the number L of leapfrog
/// steps with them. Here L stays the kernel's, all particles spend the same number of gradients on a move, and the jump
/// per gradient is the jump. In ten dimensions the common step jumped 0.87 to 0.99 times as far as the best one with 16
/// particles, and at least 0.94 times with 1000.
///
/// Good where no acceptance is known to be best. A kernel that accepts everything has no best jump and is refused. In
/// `mcmc` all chains get the common step when the warm-up ends.
///
/// ```
/// use smc_runtime::prelude::*;
/// let algorithm = smc().kernel(Hmc::leapfrogs(5)).step_size(Esjd::spread(1.5));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Esjd {
    spread: f64,
}

impl Default for Esjd {
    fn default() -> Self {
        Self::spread(2.0)
    }
}

impl Esjd {
    /// Particles try steps between ε/`factor` and ε·`factor`.
    pub fn spread(factor: f64) -> Self {
        Self { spread: factor }
    }

    /// Deals factors to `particles` particles; `turn` in [0, 1) turns the sequence and is kept.
    fn deal(&self, tuning: &mut Tuning, particles: usize, turn: f64) {
        let factor = |i: usize| {
            let place = (turn + i as f64 * R2[0]).fract();
            (self.spread.ln() * (2.0 * place - 1.0)).exp()
        };
        tuning.set_factors((0..particles).map(factor).collect());
        *tuning.step_memory.of() = Dealt { turn };
    }
}

/// What is remembered of the last factors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Dealt {
    /// Where in [0, 1) the sequence stood at the first particle.
    turn: f64,
}

/// The R₂ sequence (Roberts, 2018): its points (i·a + k·b) mod 1 are even both in particles i and in moves k.
const R2: [f64; 2] = [0.754_877_666_246_692_7, 0.569_840_290_998_053_2];

impl StepSize for Esjd {
    /// No trial moves: the factors of the stage's first move.
    fn try_out(
        &self,
        _: &dyn Kernel,
        tuning: &mut Tuning,
        _: &Target<'_>,
        cloud: &Cloud,
        _: &Weights,
        at: At,
    ) {
        let mut stream = at.streams.stream(Purpose::Trajectory, at.stage, 0, at.draw);
        self.deal(tuning, cloud.len(), stream.uniform());
    }

    fn learn(&self, _: &dyn Kernel, tuning: &mut Tuning, moved: &Moved, gain: f64) {
        let particles = moved.jumps.len();
        if tuning.factors().len() == particles {
            let logs = tuning.factors().iter().map(|f| f.ln());
            let middle = logs.clone().sum::<f64>() / particles.max(1) as f64;
            let total = moved.jumps.iter().sum::<f64>();
            let centre = logs.zip(&moved.jumps).map(|(f, r)| f * r).sum::<f64>() / total;
            let towards = if centre.is_finite() {
                centre - middle
            } else {
                -self.spread.ln()
            };
            tuning.step *= (gain * towards).exp();
        }
        let Dealt { turn } = tuning.step_memory.read();
        self.deal(tuning, particles, (turn + R2[1]).fract());
    }

    fn settle(&self, tuning: &mut Tuning) {
        tuning.step *= tuning.middle_factor();
        tuning.set_factors(Vec::new());
    }

    fn check(&self, kernel: &dyn Kernel) -> Result<()> {
        let why = match kernel.aim() {
            Aim::Cess(_) => {
                "accepts every proposal, so the longest step jumps farthest; use `LargestStep` or `Follow`"
            }
            Aim::EnergyError(_) => {
                "accepts every move, so the longest step jumps farthest; use `Follow`"
            }
            Aim::Nothing => "has no step size; use `Follow`",
            Aim::Acceptance(_) if kernel.in_step() => {
                "learns the length of trajectories from steps that all particles share; use `Follow` or `DualAveraging`"
            }
            Aim::Acceptance(_) if self.spread > 1.0 && self.spread.is_finite() => return Ok(()),
            Aim::Acceptance(_) => {
                return Err(Error::config(
                    "spread",
                    self.spread,
                    "a finite factor above 1 is needed",
                ));
            }
        };
        Err(misfit(self, kernel, why))
    }
}
