//! Scales in the eigenbases of Kronecker factors.

use crate::base::error::{Error, Result};
use crate::family::{Basis, Factors};
use crate::problem::density::Density;
use crate::problem::population::Population;
use crate::problem::rows::RowSet;
use crate::problem::{Layered, Problem};
use crate::sampling::cloud::Target;
use crate::sampling::kernel::Tuning;
use crate::sampling::stage::Stage;

/// Rows at most that the factors are learned from, of each particle, and particles.
const ROWS: usize = 2048;
const PARTICLES: usize = 16;

/// The layers of a problem, if their coordinates can be turned.
pub(super) fn layers(problem: &dyn Problem) -> Result<&dyn Layered> {
    let layered = problem.layered()?;
    if layered.layers().is_empty() {
        let why = "the model has no affine layer";
        return Err(Error::lacks("Kronecker factors", why));
    }
    Ok(layered)
}

/// Learns the eigenbases of the stage's factors at the particles into `tuning.scale_memory`, and for the coordinates of layers in it, of which the prior has the variance 1, scales 1/√(β + (1 − β)·s + N·h·a): h and a are
/// what the factors are along them, N the stage's rows, and s the mean precision of a warm start. All others keep the scales that they have.
pub(super) fn learn(tuning: &mut Tuning, target: &Target<'_>, positions: &Population) {
    let (problem, stage) = (target.problem, target.stage);
    let Ok(layered) = layers(problem) else {
        return;
    };
    let rows = stage.effective_rows();
    if rows == 0.0 {
        *tuning.scale_memory.of::<Basis>() = Basis::default();
        return;
    }
    let blocks = problem.layout().blocks();
    let reference = tuning.reference();
    let prior = |start: usize| {
        let number = blocks.iter().position(|b| b.range.start == start);
        number.map_or(1.0, |number| reference[number])
    };
    let scales: Vec<(f32, f32)> = (layered.layers().iter())
        .map(|layer| {
            let bias = layer.bias.as_ref().map_or(1.0, |b| prior(b.start));
            (prior(layer.weight.start).sqrt() as f32, bias.sqrt() as f32)
        })
        .collect();
    let factors = factors(layered, problem, stage, positions);
    let first = positions.part(0..1);
    let at = (&first, &scales[..]);
    let (basis, along) = Basis::eigen(problem, layered, factors, at);
    let bridge = target.start.filter(|_| stage.beta() < 1.0);
    let variance = bridge.map(Density::local_variance);
    for ((layer, along), (weight, _)) in layered.layers().iter().zip(along).zip(&scales) {
        let Some((inputs, outputs)) = along else {
            continue;
        };
        let of_start = variance.as_ref().map_or(0.0, |variance| {
            let own = &variance[layer.weight.clone()];
            let sum: f64 = own.iter().map(|v| f64::from(*weight).powi(2) / v).sum();
            sum / own.len().max(1) as f64
        });
        let beta = stage.beta();
        let base = beta + (1.0 - beta) * of_start;
        let scale = |o: usize, i: usize| {
            let told = rows * f64::from(outputs[o]) * f64::from(inputs[i]);
            (1.0 / (base + told).sqrt()) as f32
        };
        for o in 0..layer.outputs {
            for i in 0..layer.inputs {
                tuning.scale[layer.weight.start + o * layer.inputs + i] = scale(o, i);
            }
            if let Some(bias) = &layer.bias {
                tuning.scale[bias.start + o] = scale(o, layer.inputs);
            }
        }
    }
    *tuning.scale_memory.of::<Basis>() = basis;
}

/// The mean factors over some particles, on some rows of the stage.
fn factors(
    layered: &dyn Layered,
    problem: &dyn Problem,
    stage: &Stage,
    positions: &Population,
) -> Factors {
    let some = stage.cost().min(ROWS);
    let mut factors = Factors::suited(problem, layered).following(f32::MIN_POSITIVE);
    let segments = RowSet::from(0..some).segments(1.0);
    let each = positions.len().div_ceil(PARTICLES).max(1);
    for particle in (0..positions.len()).step_by(each) {
        let one = positions.gather(&[particle]);
        let mut gradient = one.zeros_like();
        factors.update(layered, &one, &segments, &mut gradient);
    }
    factors
}
