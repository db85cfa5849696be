//! Layers on slices, forward and backward: what a layer offers to run on the fused engine.

use std::fmt::Debug;

use super::product::{self, Size, Tile};
use super::simd;

/// The numbers of one layer on one tile.
#[derive(Clone, Copy, Debug)]
pub struct LayerSize {
    /// Features taken.
    pub inputs: usize,
    /// Features given.
    pub outputs: usize,
    /// Rows of the tile.
    pub rows: usize,
    /// Rows with padding: feature i of an activation is at `i * padded`.
    pub padded: usize,
}

impl LayerSize {
    fn product(self) -> Size {
        Size {
            inputs: self.inputs,
            outputs: self.outputs,
            rows: self.rows,
            padded: self.padded,
        }
    }
}

/// A layer's mathematics on slices, for one particle and one tile of rows stored feature by feature.
///
/// Contract. It computes what the layer's expression does, to rounding; the conformance kit compares the two. Values in
/// the padding are arbitrary but finite going forward and must stay finite; going backward `dy` is zero there.
pub trait FusedLayer: Debug + Sync {
    /// y from x; `parameters` are the layer's blocks, one after the other, constrained.
    fn forward(&self, size: LayerSize, parameters: &[f32], x: &[f32], y: &mut [f32]);

    /// From dy: adds to `gradient`, and writes dx if asked for. `dy` may be overwritten.
    #[allow(clippy::too_many_arguments)]
    fn backward(
        &self,
        size: LayerSize,
        parameters: &[f32],
        x: &[f32],
        y: &[f32],
        dy: &mut [f32],
        dx: Option<&mut [f32]>,
        gradient: &mut [f32],
    );
}

/// y = W x + b.
#[derive(Debug)]
pub(crate) struct FusedLinear;

/// y = tanh(x).
#[derive(Debug)]
pub(crate) struct FusedTanh;

/// y = max(x, 0).
#[derive(Debug)]
pub(crate) struct FusedRelu;

impl FusedLayer for FusedLinear {
    fn forward(&self, size: LayerSize, parameters: &[f32], x: &[f32], y: &mut [f32]) {
        let (w, b) = parameters.split_at(size.inputs * size.outputs);
        let x = Tile {
            values: x,
            stride: size.padded,
        };
        product::forward(size.product(), w, x, y);
        for (y, &b) in y.chunks_mut(size.padded).zip(b) {
            simd::add_bias(y, b);
        }
    }

    fn backward(
        &self,
        size: LayerSize,
        parameters: &[f32],
        x: &[f32],
        _: &[f32],
        dy: &mut [f32],
        dx: Option<&mut [f32]>,
        gradient: &mut [f32],
    ) {
        let weights = size.inputs * size.outputs;
        let (gw, gb) = gradient.split_at_mut(weights);
        let x = Tile {
            values: x,
            stride: size.padded,
        };
        product::gradient(size.product(), dy, x, gw);
        for (g, d) in gb.iter_mut().zip(dy.chunks(size.padded)) {
            *g += simd::sum(d);
        }
        if let Some(dx) = dx {
            product::backward(size.product(), &parameters[..weights], dy, dx);
            clear_padding(dx, size.rows, size.padded);
        }
    }
}

/// Sets what lies behind the last row of every feature to zero.
pub(crate) fn clear_padding(x: &mut [f32], rows: usize, padded: usize) {
    if rows < padded {
        for x in x.chunks_mut(padded) {
            x[rows..].fill(0.0);
        }
    }
}

impl FusedLayer for FusedTanh {
    fn forward(&self, _: LayerSize, _: &[f32], x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(x);
        simd::tanh_bias(y, 0.0);
    }

    fn backward(
        &self,
        _: LayerSize,
        _: &[f32],
        _: &[f32],
        y: &[f32],
        dy: &mut [f32],
        dx: Option<&mut [f32]>,
        _: &mut [f32],
    ) {
        simd::tanh_back(dy, y);
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
        }
    }
}

impl FusedLayer for FusedRelu {
    fn forward(&self, _: LayerSize, _: &[f32], x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(x);
        simd::relu_bias(y, 0.0);
    }

    fn backward(
        &self,
        _: LayerSize,
        _: &[f32],
        _: &[f32],
        y: &[f32],
        dy: &mut [f32],
        dx: Option<&mut [f32]>,
        _: &mut [f32],
    ) {
        simd::relu_back(dy, y);
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
        }
    }
}
