//! The dense layer on slices: products that read panels.

use super::layer::{FusedLayer, LayerSize, Return};
use crate::numerics::product::{self, Size};

/// z = W x + b, with or without b: W is outputs × inputs, row after row, and b, if there is one, comes behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dense;

impl Dense {
    fn product(size: LayerSize) -> Size {
        Size {
            inputs: size.inputs,
            outputs: size.outputs,
            panels: size.panels,
            rows: size.live,
        }
    }
}

impl FusedLayer for Dense {
    fn forward(&self, size: LayerSize, parameters: &[f32], x: &[f32], y: &mut [f32]) {
        let (w, b) = parameters.split_at(size.inputs * size.outputs);
        product::forward(size.isa, Self::product(size), w, b, x, y);
    }

    fn backward(&self, size: LayerSize, back: Return<'_>) {
        let (own, weights) = (Self::product(size), size.inputs * size.outputs);
        if let Some(gradient) = back.gradient {
            let (gw, gb) = gradient.split_at_mut(weights);
            product::gradient_bias(size.isa, size.outputs, back.dy, gb);
            if own.packs() {
                product::gradient_packed(size.isa, own, back.dy, back.packed, gw);
            } else {
                product::gradient_plain(size.isa, own, back.dy, back.x, gw);
            }
        }
        if let Some(dx) = back.dx {
            product::backward(size.isa, own, &back.parameters[..weights], back.dy, dx);
        }
    }

    fn needs_output(&self) -> bool {
        false
    }

    fn packed_len(&self, size: LayerSize) -> usize {
        Self::product(size).packed_len()
    }

    fn pack(&self, size: LayerSize, x: &[f32], packed: &mut [f32]) {
        product::pack(size.isa, Self::product(size), x, packed);
    }
}
