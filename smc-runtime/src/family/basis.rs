//! Orthogonal coordinates of a network, layer by layer.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::check;
use crate::base::error::{Error, Result};
use crate::numerics::dense::{View, product, transposed};
use crate::problem::Layer;
use crate::problem::density::{Array, Numbers};

/// A change of coordinates: the weights W of an affine layer, with the bias as a last column, become Lᵀ W D⁻¹ R with orthogonal L
/// and R, and D a scale for every input, 1 where there is none; everything else stays. Where L and R are the eigenvectors of the layer's
/// [Kronecker factors](super::Factors), that of the inputs times D from both sides, the posterior's covariance is nearly diagonal, and
/// where D is the prior's standard deviation, the prior's is 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    layers: Vec<Turn>,
}

/// What becomes of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Turn {
    place: Place,
    /// outputs × outputs; `None` for the coordinates as they are.
    left: Option<Vec<f32>>,
    /// inputs × inputs, the bias counted as an input.
    right: Option<Vec<f32>>,
    /// D.
    scale: Option<Vec<f32>>,
}

/// Where a layer is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    outputs: usize,
    inputs: usize,
    weight: Range<usize>,
    bias: Option<Range<usize>>,
}

impl Place {
    /// Inputs with the bias.
    fn columns(&self) -> usize {
        self.inputs + usize::from(self.bias.is_some())
    }

    /// Every column of the layer's matrix times its factor, in place.
    fn scale(&self, theta: &mut [f32], factors: impl Fn(usize) -> f32) {
        for row in theta[self.weight.clone()].chunks_mut(self.inputs.max(1)) {
            for (i, x) in row.iter_mut().enumerate() {
                *x *= factors(i);
            }
        }
        if let Some(bias) = &self.bias {
            let factor = factors(self.inputs);
            theta[bias.clone()].iter_mut().for_each(|x| *x *= factor);
        }
    }

    fn gather(&self, theta: &[f32]) -> Vec<f32> {
        let mut matrix = Vec::with_capacity(self.outputs * self.columns());
        for (o, row) in theta[self.weight.clone()]
            .chunks(self.inputs.max(1))
            .enumerate()
        {
            matrix.extend_from_slice(row);
            matrix.extend(self.bias.iter().map(|b| theta[b.start + o]));
        }
        matrix
    }

    fn scatter(&self, matrix: &[f32], theta: &mut [f32]) {
        for (o, row) in matrix.chunks(self.columns()).enumerate() {
            theta[self.weight.start + o * self.inputs..][..self.inputs]
                .copy_from_slice(&row[..self.inputs]);
            if let Some(bias) = &self.bias {
                theta[bias.start + o] = row[self.inputs];
            }
        }
    }

    /// The layer's matrix times `left` from the left and `right` from the right, in place.
    fn multiply(&self, theta: &mut [f32], left: Option<View<'_>>, right: Option<View<'_>>) {
        if left.is_none() && right.is_none() {
            return;
        }
        let (rows, columns) = (self.outputs, self.columns());
        let mut matrix = self.gather(theta);
        let mut next = vec![0.0; matrix.len()];
        if let Some(left) = left {
            product(left, View::new(&matrix, rows, columns), &mut next, false);
            std::mem::swap(&mut matrix, &mut next);
        }
        if let Some(right) = right {
            product(View::new(&matrix, rows, columns), right, &mut next, false);
            std::mem::swap(&mut matrix, &mut next);
        }
        self.scatter(&matrix, theta);
    }
}

/// One side of a basis, or its transpose.
fn square(side: &[f32], n: usize, transposed: bool) -> View<'_> {
    let side = View::new(side, n, n);
    if transposed { side.t() } else { side }
}

/// Qᵀ Q₀ of a basis and the one before it; `None` where nothing changed.
fn between(now: Option<&Vec<f32>>, before: Option<&Vec<f32>>, n: usize) -> Option<Vec<f32>> {
    let now = now.filter(|_| now != before)?;
    let Some(before) = before else {
        return Some(transposed(now, n));
    };
    let mut between = vec![0.0; n * n];
    let (now, before) = (View::new(now, n, n), View::new(before, n, n));
    product(now.t(), before, &mut between, false);
    Some(between)
}

impl Basis {
    /// The coordinates as they are, ready for the bases of `layers`.
    pub(super) fn of(layers: &[Layer]) -> Self {
        let turn = |layer: &Layer| Turn {
            place: Place {
                outputs: layer.outputs,
                inputs: layer.inputs,
                weight: layer.weight.clone(),
                bias: layer.bias.clone(),
            },
            left: None,
            right: None,
            scale: None,
        };
        Self {
            layers: layers.iter().map(turn).collect(),
        }
    }

    /// Number of layers.
    pub(super) fn len(&self) -> usize {
        self.layers.len()
    }

    /// Whether nothing is turned.
    pub fn is_trivial(&self) -> bool {
        self.layers
            .iter()
            .all(|l| l.left.is_none() && l.right.is_none() && l.scale.is_none())
    }

    /// log |∂θ/∂coordinates|.
    pub fn log_volume(&self) -> f64 {
        let of = |turn: &Turn| {
            let logs = turn.scale.iter().flatten().map(|d| f64::from(*d).ln());
            turn.place.outputs as f64 * logs.sum::<f64>()
        };
        self.layers.iter().map(of).sum()
    }

    /// The scales of a layer.
    pub(super) fn scale(&mut self, layer: usize) -> &mut Option<Vec<f32>> {
        &mut self.layers[layer].scale
    }

    /// L, and D R, of a layer.
    pub(super) fn premultiplied(&self, layer: usize) -> (Vec<f32>, Vec<f32>) {
        let turn = &self.layers[layer];
        let whole = |side: &Option<Vec<f32>>, n: usize| {
            let one = || (0..n * n).map(|at| f32::from(u8::from(at / n == at % n)));
            side.clone().unwrap_or_else(|| one().collect())
        };
        let columns = turn.place.columns();
        let mut right = whole(&turn.right, columns);
        if let Some(scale) = &turn.scale {
            for (row, d) in right.chunks_mut(columns).zip(scale) {
                for x in row {
                    *x *= d;
                }
            }
        }
        (whole(&turn.left, turn.place.outputs), right)
    }

    /// L and D R of the layer whose weights are where those of `layer` are; `None` for the coordinates as they are.
    pub(super) fn sides_of(&self, layer: &Layer) -> (Option<Vec<f32>>, Option<Vec<f32>>) {
        let own = |turn: &Turn| turn.place.weight == layer.weight;
        let Some(number) = self.layers.iter().position(own) else {
            return (None, None);
        };
        let turn = &self.layers[number];
        let right = turn.right.is_some() || turn.scale.is_some();
        let right = right.then(|| self.premultiplied(number).1);
        (turn.left.clone(), right)
    }

    /// A layer's matrix of what is in `theta`, outputs × inputs, the bias as a last column.
    pub(super) fn matrix(&self, layer: usize, theta: &[f32]) -> Vec<f32> {
        self.layers[layer].place.gather(theta)
    }

    /// Puts such a matrix into `theta`.
    pub(super) fn put(&self, layer: usize, matrix: &[f32], theta: &mut [f32]) {
        self.layers[layer].place.scatter(matrix, theta);
    }

    /// The two bases of a layer.
    pub(super) fn sides(&mut self, layer: usize) -> [&mut Option<Vec<f32>>; 2] {
        let turn = &mut self.layers[layer];
        [&mut turn.left, &mut turn.right]
    }

    /// A vector of parameters in the coordinates of the basis, in place.
    pub fn enter(&self, theta: &mut [f32]) {
        self.turn(theta, true, false);
    }

    /// A vector of coordinates as parameters again, in place.
    pub fn leave(&self, coordinates: &mut [f32]) {
        self.turn(coordinates, false, true);
    }

    /// A gradient by parameters as one by coordinates, in place.
    pub fn enter_gradient(&self, gradient: &mut [f32]) {
        self.turn(gradient, true, true);
    }

    /// A gradient by coordinates as one by parameters, in place.
    pub fn leave_gradient(&self, gradient: &mut [f32]) {
        self.turn(gradient, false, false);
    }

    /// `times` says whether scales multiply or divide.
    fn turn(&self, theta: &mut [f32], enters: bool, times: bool) {
        for turn in &self.layers {
            let place = &turn.place;
            let scale = |theta: &mut [f32]| {
                if let Some(d) = &turn.scale {
                    place.scale(theta, |i| if times { d[i] } else { 1.0 / d[i] });
                }
            };
            if enters {
                scale(theta);
            }
            let left = turn.left.as_ref();
            let right = turn.right.as_ref();
            let left = left.map(|l| square(l, place.outputs, enters));
            let right = right.map(|r| square(r, place.columns(), !enters));
            place.multiply(theta, left, right);
            if !enters {
                scale(theta);
            }
        }
    }

    /// Takes coordinates from the basis `before`, which has the same scales, to this one, in place: sides that are the same cost nothing.
    pub(super) fn follow(&self, before: &Self, coordinates: &mut [f32]) {
        for (turn, old) in self.layers.iter().zip(&before.layers) {
            let place = &turn.place;
            let (rows, columns) = (place.outputs, place.columns());
            let left = between(turn.left.as_ref(), old.left.as_ref(), rows);
            let right = between(turn.right.as_ref(), old.right.as_ref(), columns);
            let left = left.as_ref().map(|l| View::new(l, rows, rows));
            let right = right.as_ref().map(|r| View::new(r, columns, columns).t());
            place.multiply(coordinates, left, right);
        }
    }

    /// What [`rebuild`](super::rebuild) makes it of: sizes and arrays.
    pub(super) fn numbers(&self) -> (Vec<usize>, Vec<Array>) {
        let (mut sizes, mut arrays) = (Vec::new(), Vec::new());
        for (number, turn) in self.layers.iter().enumerate() {
            let Turn {
                place, left, right, ..
            } = turn;
            let bias = place.bias.as_ref().map_or(0, |b| b.start + 1);
            sizes.extend([place.outputs, place.inputs, place.weight.start, bias]);
            for (name, side, n) in [
                ("outputs", left, place.outputs),
                ("inputs", right, place.columns()),
            ] {
                arrays.extend(
                    side.iter()
                        .map(|s| Array::new(format!("layer {number} {name}"), &[n, n], s)),
                );
            }
            let scale = turn.scale.iter();
            let name = format!("layer {number} scales");
            arrays.extend(scale.map(|d| Array::new(name.clone(), &[d.len()], d)));
        }
        (sizes, arrays)
    }

    /// The basis of a density of `dim` coordinates.
    pub(super) fn rebuild(numbers: &Numbers, dim: usize) -> Result<Self> {
        let (sizes, rest) = numbers.sizes.as_chunks::<4>();
        let wrong = |found: String| {
            let expected = format!("layers within {dim} coordinates, four sizes each");
            Error::shape("the basis of a kronecker density", expected, found)
        };
        if !rest.is_empty() {
            return Err(wrong(format!("{} sizes", numbers.sizes.len())));
        }
        let mut layers = Vec::new();
        for (number, &[outputs, inputs, weight, bias]) in sizes.iter().enumerate() {
            let end = outputs
                .checked_mul(inputs)
                .and_then(|n| n.checked_add(weight));
            let inside = |end: Option<usize>| end.is_some_and(|end| end <= dim);
            let after = bias.checked_add(outputs).map(|end| end.saturating_sub(1));
            if !inside(end) || (bias > 0 && !inside(after)) {
                return Err(wrong(format!(
                    "layer {number} of {outputs} × {inputs} at {weight}"
                )));
            }
            let place = Place {
                outputs,
                inputs,
                weight: weight..weight + outputs * inputs,
                bias: (bias > 0).then(|| bias - 1..bias - 1 + outputs),
            };
            let array = |name: &str, n: usize| {
                let name = format!("layer {number} {name}");
                let there = numbers.arrays.iter().any(|a| a.name == name);
                let array = there.then(|| numbers.array(&name)).transpose()?;
                match array {
                    Some(array) if array.len() != n => {
                        Err(wrong(format!("{} numbers in `{name}`", array.len())))
                    }
                    array => Ok(array.map(<[f32]>::to_vec)),
                }
            };
            let columns = place.columns();
            let scale = array("scales", columns)?;
            if let Some(scale) = &scale {
                check(&format!("layer {number} scales"), scale, columns, true)?;
            }
            layers.push(Turn {
                left: array("outputs", outputs * outputs)?,
                right: array("inputs", columns * columns)?,
                scale,
                place,
            });
        }
        Ok(Self { layers })
    }
}
