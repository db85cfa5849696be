//! What linear functions of a network's parameters are under normal densities that are independent in a basis.

use super::basis::Basis;
use crate::numerics::dense::{View, product};
use crate::problem::{Layer, Slopes};

/// σ² of a layer in the coordinates of the basis, outputs × columns, and the layer's sides.
struct Spread {
    outputs: usize,
    columns: usize,
    squares: Vec<f32>,
    /// L.
    left: Option<Vec<f32>>,
    /// D R.
    right: Option<Vec<f32>>,
}

impl Spread {
    fn new(basis: &Basis, sd: &[f32], layer: &Layer) -> Self {
        let columns = layer.inputs + usize::from(layer.bias.is_some());
        let mut squares = Vec::with_capacity(layer.outputs * columns);
        for o in 0..layer.outputs {
            let own = &sd[layer.weight.start + o * layer.inputs..][..layer.inputs];
            let bias = layer.bias.as_ref().map(|b| sd[b.start + o]);
            squares.extend(own.iter().copied().chain(bias).map(|s| s * s));
        }
        let (left, right) = basis.sides_of(layer);
        Self {
            outputs: layer.outputs,
            columns,
            squares,
            left,
            right,
        }
    }

    /// Inputs, rows × columns, in the coordinates of the basis.
    fn inputs(&self, inputs: &[f32]) -> Vec<f32> {
        turned(inputs, self.right.as_deref(), self.columns)
    }

    /// Σ_j x_j σ²_ij for every row x, rows × outputs in the coordinates of the basis.
    fn along(&self, x: &[f32]) -> Vec<f32> {
        let rows = x.len() / self.columns.max(1);
        let mut along = vec![0.0; rows * self.outputs];
        let squares = View::new(&self.squares, self.outputs, self.columns);
        let x = View::new(x, rows, self.columns);
        product(x, squares.t(), &mut along, false);
        along
    }
}

/// Rows of `n` numbers times a square side, if there is one.
fn turned(rows: &[f32], side: Option<&[f32]>, n: usize) -> Vec<f32> {
    let Some(side) = side else {
        return rows.to_vec();
    };
    let count = rows.len() / n.max(1);
    let mut out = vec![0.0; rows.len()];
    let rows = View::new(rows, count, n);
    product(rows, View::new(side, n, n), &mut out, false);
    out
}

fn squared(values: &[f32]) -> Vec<f32> {
    values.iter().map(|x| x * x).collect()
}

/// Adds the covariance of outputs under independent coordinates with the standard deviations `sd` in a basis: with g the derivatives by
/// a layer's pre-activations and a its inputs, Σ_ij σ²_ij (Lᵀg)_i (Lᵀg')_i (Rᵀ D a)_j².
pub(super) fn spread(basis: &Basis, sd: &[f32], slopes: &Slopes, covariance: &mut [f64]) {
    let outputs = slopes.outputs;
    for seen in &slopes.layers {
        let own = Spread::new(basis, sd, &seen.layer);
        let along = own.along(&squared(&own.inputs(&seen.inputs)));
        let turned: Vec<Vec<f32>> = (seen.dz.iter())
            .map(|dz| turned(dz, own.left.as_deref(), own.outputs))
            .collect();
        let at = |row: usize| row * own.outputs..(row + 1) * own.outputs;
        for (row, covariance) in covariance.chunks_mut(outputs * outputs).enumerate() {
            let along = &along[at(row)];
            for (c, own) in turned.iter().enumerate() {
                for (d, other) in turned[..=c].iter().enumerate() {
                    let terms = own[at(row)].iter().zip(&other[at(row)]).zip(along);
                    let sum: f64 = terms.map(|((g, h), v)| f64::from(g * h * v)).sum();
                    covariance[c * outputs + d] += sum;
                    if c != d {
                        covariance[d * outputs + c] += sum;
                    }
                }
            }
        }
    }
}

/// E xᵀ Cov(w) x for every row w of a layer at independent inputs x: mᵀ Cov(w) m + Σ_j v_j Var(w_j).
pub(super) fn spread_of_layer(
    basis: &Basis,
    sd: &[f32],
    layer: &Layer,
    mean: &[f32],
    variance: &[f32],
) -> Vec<f32> {
    let own = Spread::new(basis, sd, layer);
    let mut along = own.along(&squared(&own.inputs(mean)));
    // Σ_j v_j (D R)²_jk: inputs that vary, seen in every coordinate.
    let varied = own.right.as_ref().map(|right| squared(right));
    let of_variance = own.along(&turned(variance, varied.as_deref(), own.columns));
    for (a, v) in along.iter_mut().zip(of_variance) {
        *a += v;
    }
    let n = own.outputs;
    let back = own.left.as_ref().map(|left| {
        let transposed = (0..n * n).map(|at| left[at % n * n + at / n]);
        transposed.map(|x| x * x).collect::<Vec<f32>>()
    });
    turned(&along, back.as_deref(), n)
}

/// Adds the covariance of outputs as products of what `half` makes of their slopes: Σ = A Aᵀ and Aᵀ j.
pub(super) fn add_products(
    slopes: &Slopes,
    dim: usize,
    covariance: &mut [f64],
    half: impl Fn(&[f32]) -> Vec<f64> + Sync,
) {
    let outputs = slopes.outputs;
    let rows = covariance.chunks_mut(outputs * outputs).enumerate();
    for (row, covariance) in rows {
        let of = |output| half(&slopes.at(row, output, dim));
        let halves: Vec<Vec<f64>> = (0..outputs).map(of).collect();
        for (at, covariance) in covariance.iter_mut().enumerate() {
            let terms = halves[at / outputs].iter().zip(&halves[at % outputs]);
            *covariance += terms.map(|(a, b)| a * b).sum::<f64>();
        }
    }
}
