//! How wrong a step is where the walkers are, measured on a fixed subset of the rows.

use super::noise::roughness;
use super::{StochasticGradient, Walkers};
use crate::base::rng::{Purpose, Streams};
use crate::sampling::cloud::{Cloud, Target};
use crate::sampling::kernel::{At, Inexact, Trajectory, leapfrog};
use crate::sampling::stage::Stage;

/// Rows of the subset.
const ROWS: usize = 2048;

/// Times the median error.
const APART: f64 = 1000.0;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// E\[ΔH²\]/d of one leapfrog step of the present size, over the walkers but those apart; infinite where more than half had
    /// a log-density that is not finite.
    pub energy_error: f64,
    /// Walkers whose own error is more than so many times the median's that their step is too long where they are.
    pub apart: Vec<usize>,
    /// Temperature that the noise of batches of one row would add, as a mean over the coordinates: ε²·N·mean(s²I)/(2α).
    pub heat_of_a_row: f64,
}

impl Probe {
    /// The temperature that the noise of batches of `batch` of `rows` rows adds.
    pub fn heat(&self, batch: usize, rows: usize) -> f64 {
        self.heat_of_a_row * (1.0 / batch.max(1) as f64 - 1.0 / rows.max(1) as f64).max(0.0)
    }

    /// The error of steps on batches of `batch` of `rows` rows.
    pub fn inexact(&self, batch: usize, rows: usize) -> Inexact {
        Inexact {
            energy_error: self.energy_error,
            heat: self.heat(batch, rows),
        }
    }
}

/// The subset of a stage's rows on which steps are probed, scaled up to stand for all.
pub fn subset(stage: &Stage) -> Stage {
    let rows = stage.cost();
    stage.part(&(0..rows.min(ROWS)).into())
}

/// One leapfrog step of every walker with fresh momenta on `target`, whose stage is a [`subset`]; no walker moves.
pub fn probe(
    kernel: &dyn StochasticGradient,
    walkers: &Walkers,
    target: &Target<'_>,
    (streams, pass): (Streams, usize),
) -> Probe {
    let (positions, tuning) = (&walkers.positions, &walkers.tuning);
    let mut cloud = Cloud::at(target, positions.clone());
    let trajectory = Trajectory {
        leapfrogs: 1,
        steps: tuning.steps(positions.len()),
        scale: &tuning.scale,
        gradient_rows: None,
    };
    let at = At {
        streams: streams.branch(Purpose::Trial),
        stage: pass,
        draw: 0,
    };
    let errors = leapfrog(target, &mut cloud, at, &trajectory).minus_errors;
    let dim = positions.dim() as f64;
    let squares = errors.iter().map(|e| e * e / dim);
    let squares = squares.map(|s| if s.is_finite() { s } else { f64::INFINITY });
    let squares: Vec<f64> = squares.collect();
    let middle = squares.len() / 2;
    let mut sorted = squares.clone();
    sorted.sort_by(f64::total_cmp);
    let most = APART * sorted.get(middle).copied().unwrap_or(0.0);
    let (together, apart): (Vec<usize>, Vec<usize>) =
        (0..squares.len()).partition(|&i| squares[i] <= most);
    let sum: f64 = together.iter().map(|&i| squares[i]).sum();
    let rows = target.stage.scale_of_a_row() * target.stage.cost() as f64;
    let rough = roughness(target, positions, &tuning.scale);
    let heat = tuning.step.powi(2) * rows * rough / (2.0 * kernel.friction());
    Probe {
        energy_error: sum / together.len().max(1) as f64,
        apart,
        heat_of_a_row: if heat.is_finite() {
            heat
        } else {
            f64::INFINITY
        },
    }
}
