//! Orthogonal coordinates of a network, layer by layer.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::numerics::dense::{View, product, transposed};
use crate::problem::Layer;
use crate::problem::density::{Array, Numbers};

/// An orthogonal change of coordinates: the weights W of an affine layer, with the bias as a last column, become Lᵀ W R, everything else
/// stays. Where L and R are the eigenvectors of the layer's [Kronecker factors](super::Factors), the posterior's covariance is
/// nearly diagonal.
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
        };
        Self {
            layers: layers.iter().map(turn).collect(),
        }
    }

    /// Whether nothing is turned.
    pub fn is_trivial(&self) -> bool {
        self.layers
            .iter()
            .all(|l| l.left.is_none() && l.right.is_none())
    }

    /// The two bases of a layer.
    pub(super) fn sides(&mut self, layer: usize) -> [&mut Option<Vec<f32>>; 2] {
        let turn = &mut self.layers[layer];
        [&mut turn.left, &mut turn.right]
    }

    /// A vector of parameters in the coordinates of the basis, in place.
    pub fn enter(&self, theta: &mut [f32]) {
        self.turn(theta, true);
    }

    /// A vector of coordinates as parameters again, in place.
    pub fn leave(&self, coordinates: &mut [f32]) {
        self.turn(coordinates, false);
    }

    fn turn(&self, theta: &mut [f32], enters: bool) {
        for Turn { place, left, right } in &self.layers {
            let left = left.as_ref().map(|l| square(l, place.outputs, enters));
            let right = right.as_ref().map(|r| square(r, place.columns(), !enters));
            place.multiply(theta, left, right);
        }
    }

    /// Takes coordinates from the basis `before` to this one, in place: sides that are the same cost nothing.
    pub(super) fn follow(&self, before: &Self, coordinates: &mut [f32]) {
        for (Turn { place, left, right }, old) in self.layers.iter().zip(&before.layers) {
            let (rows, columns) = (place.outputs, place.columns());
            let left = between(left.as_ref(), old.left.as_ref(), rows);
            let right = between(right.as_ref(), old.right.as_ref(), columns);
            let left = left.as_ref().map(|l| View::new(l, rows, rows));
            let right = right.as_ref().map(|r| View::new(r, columns, columns).t());
            place.multiply(coordinates, left, right);
        }
    }

    /// What [`rebuild`](super::rebuild) makes it of: sizes and arrays.
    pub(super) fn numbers(&self) -> (Vec<usize>, Vec<Array>) {
        let (mut sizes, mut arrays) = (Vec::new(), Vec::new());
        for (number, Turn { place, left, right }) in self.layers.iter().enumerate() {
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
            let side = |name: &str, n: usize| {
                let name = format!("layer {number} {name}");
                let there = numbers.arrays.iter().any(|a| a.name == name);
                let side = there.then(|| numbers.array(&name)).transpose()?;
                match side {
                    Some(side) if side.len() != n * n => {
                        Err(wrong(format!("{} numbers in `{name}`", side.len())))
                    }
                    side => Ok(side.map(<[f32]>::to_vec)),
                }
            };
            layers.push(Turn {
                left: side("outputs", outputs)?,
                right: side("inputs", place.columns())?,
                place,
            });
        }
        Ok(Self { layers })
    }
}
