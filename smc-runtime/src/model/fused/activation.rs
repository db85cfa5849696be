//! Activations on slices.

use super::layer::{FusedLayer, InPlace, LayerSize, Return};
use crate::numerics::math;

/// What is done element by element, in place; its derivative is known from what comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Tanh,
    Relu,
    LeakyRelu,
    Sigmoid,
    Softplus,
}

impl InPlace for Activation {
    fn apply(&self, size: LayerSize, z: &mut [f32]) {
        match self {
            Self::Tanh => math::tanh_all(size.isa, z),
            Self::Relu => math::relu_all(size.isa, z),
            Self::LeakyRelu => math::leaky_relu_all(size.isa, z),
            Self::Sigmoid => math::sigmoid_all(size.isa, z),
            Self::Softplus => math::softplus_all(size.isa, z),
        }
    }

    fn back(&self, size: LayerSize, y: &[f32], d: &mut [f32]) {
        match self {
            Self::Tanh => math::tanh_back(size.isa, d, y),
            Self::Relu => math::relu_back(size.isa, d, y),
            Self::LeakyRelu => math::leaky_relu_back(size.isa, d, y),
            Self::Sigmoid => math::sigmoid_back(size.isa, d, y),
            Self::Softplus => math::softplus_back(size.isa, d, y),
        }
    }
}

impl FusedLayer for Activation {
    fn forward(&self, size: LayerSize, _: &[f32], x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(x);
        self.apply(size, y);
    }

    fn backward(&self, size: LayerSize, back: Return<'_>) {
        if let Some(dx) = back.dx {
            dx.copy_from_slice(back.dy);
            self.back(size, back.y, dx);
        }
    }

    fn in_place(&self) -> Option<&dyn InPlace> {
        Some(self)
    }
}

/// A number times how far it is let through: the derivative needs what goes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    Silu,
    Gelu,
}

impl FusedLayer for Gate {
    fn forward(&self, size: LayerSize, _: &[f32], x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(x);
        match self {
            Self::Silu => math::silu_all(size.isa, y),
            Self::Gelu => math::gelu_all(size.isa, y),
        }
    }

    fn backward(&self, size: LayerSize, back: Return<'_>) {
        let Some(dx) = back.dx else { return };
        dx.copy_from_slice(back.dy);
        match self {
            Self::Silu => math::silu_back(size.isa, dx, back.x),
            Self::Gelu => math::gelu_back(size.isa, dx, back.x),
        }
    }

    fn needs_output(&self) -> bool {
        false
    }
}
