//! Predictions from a fitted density without draws of the weights: the outputs of the network are normal at every row, to some approximation, and what
//! the likelihood says of them is integrated over those few numbers. One file each.

mod last_layer;
mod linearised;
mod outputs;
mod propagation;

pub use last_layer::{LastLayer, last_layer};
pub use linearised::{Linearised, linearised};
pub use outputs::{Integral, Outputs};
pub use propagation::{NoisePropagation, noise_propagation};

use std::ops::Range;

use crate::base::error::{Error, Result};
use crate::base::exec;
use crate::data::Features;
use crate::problem::density::{Density, Normal};
use crate::problem::{Arguments, Layer, Predictor};

/// Arguments of the likelihood with the weights that they have.
pub struct Said {
    /// What the likelihood's keys are, for each of some sets of outputs and every row.
    pub arguments: Arguments,
    /// The logarithm of the weight of each set; their exponentials sum to 1.
    pub log_weights: Vec<f64>,
}

/// A way to predict from a density without draws of its vectors; give it to
/// [`Posterior::predict_with`](crate::posterior::Posterior::predict_with).
pub trait WithoutDraws: Sync {
    /// What is predicted at the rows of `data`.
    ///
    /// # Errors
    /// Whatever the density or the network lacks, named.
    fn said(
        &self,
        density: &dyn Density,
        predictor: &dyn Predictor,
        data: &Features,
    ) -> Result<Said>;
}

const _: fn(&dyn WithoutDraws) = |_| ();

/// Rows that are looked at together.
const TOGETHER: usize = 256;

/// Runs of rows.
fn chunks(rows: usize) -> Vec<Range<usize>> {
    (0..rows)
        .step_by(TOGETHER)
        .map(|from| from..(from + TOGETHER).min(rows))
        .collect()
}

/// `of(rows of data)` for one run of rows after the other, put together.
fn by_chunks(
    data: &Features,
    of: impl Fn(&Features) -> Result<Said> + Sync + Send,
) -> Result<Said> {
    let chunks = chunks(data.rows());
    let parts = exec::map(chunks.len(), |i| {
        of(&data.select(&chunks[i].clone().collect::<Vec<_>>())?)
    });
    let parts = parts.into_iter().collect::<Result<Vec<Said>>>()?;
    let Some(first) = parts.first() else {
        return Err(Error::NoRows);
    };
    let width = first.arguments.width;
    let log_weights = first.log_weights.clone();
    let mut values = Vec::with_capacity(log_weights.len() * data.rows() * width);
    for k in 0..log_weights.len() {
        for part in &parts {
            let each = part.arguments.rows * width;
            values.extend_from_slice(&part.arguments.values[k * each..(k + 1) * each]);
        }
    }
    Ok(Said {
        arguments: Arguments {
            rows: data.rows(),
            width,
            values,
        },
        log_weights,
    })
}

/// Parts that count by their weights, one after the other.
fn mixed(parts: impl Iterator<Item = (f64, Result<Said>)>) -> Result<Said> {
    let mut all: Option<Said> = None;
    for (weight, said) in parts {
        let mut said = said?;
        for log in &mut said.log_weights {
            *log += weight.ln();
        }
        match &mut all {
            None => all = Some(said),
            Some(all) => {
                all.arguments.values.extend(said.arguments.values);
                all.log_weights.extend(said.log_weights);
            }
        }
    }
    all.ok_or(Error::NoRows)
}

/// `of` every component of a mixture, or of the density itself, weighted.
fn each(density: &dyn Density, of: &dyn Fn(&dyn Density) -> Result<Said>) -> Result<Said> {
    let Some(parts) = density.mixture() else {
        return of(density);
    };
    let parts = parts.iter().filter(|(weight, _)| *weight > 0.0);
    mixed(parts.map(|(weight, part)| (*weight, each(&**part, of))))
}

/// The density as a normal one.
fn normal<'d>(density: &'d dyn Density, way: &'static str) -> Result<&'d dyn Normal> {
    density.normal().ok_or_else(|| {
        Error::lacks(
            way,
            format!("{density:?} is no normal density of the weights"),
        )
    })
}

/// Whether the layers are independent of each other under a normal density.
fn independent(
    normal: &dyn Normal,
    density: &dyn Density,
    last: &Layer,
    way: &'static str,
) -> Result<()> {
    let none = vec![0.0; last.inputs + usize::from(last.bias.is_some())];
    match normal.spread_of_layer(last, &none, &none) {
        Some(_) => Ok(()),
        None => Err(Error::lacks(
            way,
            format!("under {density:?} layers depend on each other"),
        )),
    }
}
