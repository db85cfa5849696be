//! Moves by the gradients of mini-batches, on any stage.

use std::sync::Arc;

use super::{Aim, At, Exactness, Kernel, Moved, Proposal, Tuning};
use crate::base::error::{Error, Result};
use crate::base::rng::Purpose;
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::stochastic::{
    Ahead, BatchByNoise, BatchSize, ENERGY_ERROR, StochasticGradient, Stroke, Walkers, pass, probe,
    subset,
};

/// A move is one pass, or several, over the rows of the stage by a [`StochasticGradient`] kernel, from fresh momenta.
///
/// Batches grow with the rows of the stages and with what their noise adds to the temperature, and the step follows the energy error on
/// a fixed subset of the rows. Nothing corrects the errors of such moves: a run by them has no evidence, and its draws
/// [say so](crate::infer::DrawnFrom::Nearly). Where all rows are in from the beginning, [`sghmc`](crate::infer::sghmc()) spends its
/// gradients better.
///
/// ```
/// use smc_runtime::prelude::*;
/// use smc_runtime::sampling::kernel::MiniBatches;
/// use smc_runtime::sampling::stochastic::Sghmc;
/// let annealed = smc().kernel(MiniBatches::of(Sghmc::default()).passes(2));
/// let chains = mcmc().kernel(MiniBatches::of(Sghmc::default()).batch(500));
/// ```
#[derive(Clone, Debug)]
pub struct MiniBatches {
    kernel: Arc<dyn StochasticGradient>,
    batch: Arc<dyn BatchSize>,
    passes: usize,
    energy_error: f64,
}

impl MiniBatches {
    /// Passes by `kernel`.
    pub fn of(kernel: impl StochasticGradient + 'static) -> Self {
        Self {
            kernel: Arc::new(kernel),
            batch: Arc::new(BatchByNoise::default()),
            passes: 1,
            energy_error: ENERGY_ERROR,
        }
    }

    /// Rows of a batch: a number, or a policy; [`BatchByNoise::adding`] 0.01 to the temperature unless set.
    pub fn batch(mut self, rows: impl BatchSize + 'static) -> Self {
        self.batch = Arc::new(rows);
        self
    }

    /// Passes over the rows of the stage in a move; 1 unless set.
    pub fn passes(mut self, passes: usize) -> Self {
        self.passes = passes;
        self
    }

    /// The energy error that the step follows, E\[ΔH²\]/d of one leapfrog step; 0.0001 unless set.
    pub fn energy_error(mut self, per_parameter: f64) -> Self {
        self.energy_error = per_parameter;
        self
    }
}

impl Kernel for MiniBatches {
    fn exactness(&self) -> Exactness {
        Exactness::Inexact
    }

    fn aim(&self) -> Aim {
        Aim::EnergyError(self.energy_error)
    }

    fn in_step(&self) -> bool {
        true
    }

    fn passes(&self) -> usize {
        self.passes * self.kernel.gradients()
    }

    fn start(&self, dim: usize) -> Tuning {
        self.kernel.start(dim)
    }

    fn step(&self, tuning: &Tuning, target: &Target<'_>, cloud: &mut Cloud, at: At) -> Moved {
        let particles = cloud.len();
        let mut walkers = Walkers::new(cloud.positions().clone(), tuning.clone());
        let mut noise = walkers.positions.zeros_like();
        noise.fill_normal(at.streams, Purpose::Trajectory, at.stage, at.draw);
        walkers.momenta.add_scaled(tuning.step as f32, &noise);
        let streams = at.streams.branch(Purpose::Batch);
        let first = (at.stage << 12) + at.draw * self.passes;
        let some = subset(target.stage);
        let some = Target {
            stage: &some,
            ..*target
        };
        let found = probe(&*self.kernel, &walkers, &some, (streams, first));
        let rows = target.stage.cost();
        let batch = self.batch.rows(&Ahead {
            rows,
            done: 0.0,
            heat_of_a_row: Some(found.heat_of_a_row),
        });
        let mut undone = 0;
        for number in 0..self.passes {
            let stroke = Stroke {
                streams,
                pass: first + number + 1,
                step: 0,
                temperature: 1.0,
                factor: 1.0,
            };
            // Whether there are mini-batches was asked when the run began; a problem without any moves nothing.
            let passed = pass(&*self.kernel, &mut walkers, target, batch, stroke);
            undone += passed.map_or(0, |passed| passed.undone);
        }
        let positions = walkers.positions;
        let jumps = positions.squared_distances(cloud.positions(), &tuning.scale);
        let terms = target.value(&positions);
        let logs = target.log_density(&terms);
        let lost: Vec<bool> = logs.iter().map(|log| !log.is_finite()).collect();
        let proposal = Proposal {
            positions,
            terms,
            gradient: None,
        };
        cloud.accept(target, proposal, &lost);
        Moved {
            acceptance: lost.iter().map(|lost| f64::from(u8::from(!lost))).collect(),
            jumps: jumps
                .iter()
                .zip(&lost)
                .map(|(j, lost)| if *lost { 0.0 } else { *j })
                .collect(),
            inexact: Some(found.inexact(batch, rows)),
            non_finite: undone + lost.iter().filter(|lost| **lost).count().min(particles),
            ..Moved::default()
        }
    }

    fn check(&self) -> Result<()> {
        if self.passes == 0 {
            return Err(Error::config("passes", 0, "at least 1 is needed"));
        }
        if self.kernel.adapts_itself() {
            let expected =
                "a kernel whose step is set from without; use `psmile()` as an algorithm";
            return Err(Error::config(
                "kernel of mini-batches",
                self.kernel.name(),
                expected,
            ));
        }
        if !(self.energy_error > 0.0 && self.energy_error.is_finite()) {
            let expected = "a positive, finite number is needed";
            return Err(Error::config("energy_error", self.energy_error, expected));
        }
        self.batch.check()?;
        self.kernel.check()
    }
}
