//! Noise of weights, drawn at the outputs of layers.

use std::sync::Arc;

use crate::base::rng::{Purpose, Streams};
use crate::numerics::dense::{View, product};
use crate::problem::Tile;

/// What the weights of one layer add to z = W x̄, x̄ the inputs with a 1 for the bias, if W = L (√S ∘ ε) Rᵀ D has a draw of its own for
/// every row: L (√((Rᵀ D x̄)² S) ∘ ε), with as many random numbers as outputs (D. P. Kingma, T. Salimans, M. Welling, *Variational
/// dropout and the local reparameterization trick*, NeurIPS 2015).
#[derive(Clone, Debug)]
pub(super) struct Shaken {
    /// Inputs, the bias counted as one.
    pub(super) columns: usize,
    pub(super) outputs: usize,
    /// The `kept` columns of D R, columns × kept.
    pub(super) right: Vec<f32>,
    pub(super) kept: usize,
    /// L, outputs × outputs.
    pub(super) left: Vec<f32>,
    /// S of the coordinates that are kept, kept × outputs.
    pub(super) variances: Vec<f32>,
    /// D², and for every output the variance of all other coordinates, which is nearly that of the prior; empty if all are kept.
    pub(super) rest: (Vec<f32>, Vec<f32>),
}

/// Coordinates of which the likelihood says so little, relative to the prior, are taken together.
const LITTLE: f32 = 0.05;

impl Shaken {
    /// The noise of W = L (ε/√P) Rᵀ D, P outputs × columns; from L and D R.
    pub(super) fn new(
        (left, right): (Vec<f32>, Vec<f32>),
        scale: &[f32],
        precision: &[f32],
        outputs: usize,
    ) -> Self {
        let columns = scale.len();
        let told = |i: &usize| {
            let mut column = precision.chunks(columns).map(|row| row[*i]);
            column.any(|p| p > 1.0 + LITTLE)
        };
        let (mut some, others): (Vec<usize>, Vec<usize>) = (0..columns).partition(told);
        let mut rest = (Vec::new(), Vec::new());
        if some.len() + columns / 4 < columns {
            let mean = |row: &[f32]| {
                others.iter().map(|&i| 1.0 / row[i]).sum::<f32>() / others.len() as f32
            };
            rest.0 = scale.iter().map(|d| d * d).collect();
            rest.1 = precision.chunks(columns).map(mean).collect();
        } else {
            some = (0..columns).collect();
        }
        let of_row = |row: &[f32]| some.iter().map(|&i| row[i]).collect::<Vec<f32>>();
        let variances = some.iter().flat_map(|i| {
            let column = precision.chunks(columns);
            column.map(move |row| 1.0 / row[*i])
        });
        Self {
            columns,
            outputs,
            variances: variances.collect(),
            right: right.chunks(columns).flat_map(of_row).collect(),
            kept: some.len(),
            left,
            rest,
        }
    }
}

/// The noise of all layers at one update.
#[derive(Clone, Debug)]
pub(super) struct Shake {
    pub(super) layers: Arc<Vec<Shaken>>,
    /// What variances are multiplied with.
    pub(super) heat: f32,
    pub(super) streams: Streams,
    /// The number of the update.
    pub(super) number: usize,
}

impl Shake {
    /// Adds the noise to the outputs z of some rows.
    pub(super) fn add(&self, at: &Tile, inputs: &[f32], z: &mut [f32]) {
        let layer = &self.layers[at.layer];
        let (rows, columns, outputs) = (at.rows.len(), layer.columns, layer.outputs);
        if rows == 0 {
            return;
        }
        let own = inputs.len() / rows;
        let mut x = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            x.extend_from_slice(&inputs[row * own..(row + 1) * own]);
            x.resize((row + 1) * columns, 1.0);
        }
        let kept = layer.kept;
        let mut turned = vec![0.0; rows * kept];
        let right = View::new(&layer.right, columns, kept);
        product(View::new(&x, rows, columns), right, &mut turned, false);
        for u in &mut turned {
            *u *= *u;
        }
        let mut noise = vec![0.0; rows * outputs];
        let (own, of_rest) = &layer.rest;
        if !of_rest.is_empty() {
            let each = noise.chunks_mut(outputs).zip(x.chunks(columns));
            for (row, (noise, x)) in each.enumerate() {
                let all: f32 = x.iter().zip(own).map(|(x, d)| x * x * d).sum();
                let known: f32 = turned[row * kept..(row + 1) * kept].iter().sum();
                let left = (all - known).max(0.0);
                noise
                    .iter_mut()
                    .zip(of_rest)
                    .for_each(|(v, s)| *v = left * s);
            }
        }
        let squares = View::new(&turned, rows, kept);
        let variances = View::new(&layer.variances, kept, outputs);
        product(squares, variances, &mut noise, true);
        let mut normal = vec![0.0; noise.len()];
        self.streams
            .stream(Purpose::Propose, self.number, at.rows.start, 1 + at.layer)
            .fill_normal(&mut normal);
        for (v, e) in noise.iter_mut().zip(normal) {
            *v = (self.heat * *v).max(0.0).sqrt() * e;
        }
        let left = View::new(&layer.left, outputs, outputs);
        product(View::new(&noise, rows, outputs), left.t(), z, true);
    }
}
