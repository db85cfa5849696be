//! Layers on slices, forward and backward: what a layer offers to run on the fused engine.

use std::fmt::Debug;

use crate::numerics::isa::Isa;
use crate::numerics::math;
use crate::numerics::panel::PANEL;

/// The numbers of one layer on one tile.
#[derive(Clone, Copy, Debug)]
pub struct LayerSize {
    /// Features taken.
    pub inputs: usize,
    /// Features given.
    pub outputs: usize,
    /// Panels of [`PANEL`] rows.
    pub panels: usize,
    pub(crate) isa: Isa,
}

impl LayerSize {
    /// Rows of the tile, those of padding included.
    pub fn rows(self) -> usize {
        self.panels * PANEL
    }
}

/// A layer's mathematics on slices, for one particle and one tile of rows.
///
/// Activations lie in panels: feature i of row t, among n features, is at `(t / PANEL * n + i) * PANEL + t % PANEL`. An
/// elementwise layer may ignore that and walk the slices.
///
/// Contract. It computes what the layer's expression does, to rounding; the conformance kit compares the two. Rows that
/// are padding hold arbitrary finite values going forward, which must stay finite; going backward `dy` is zero there.
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

/// What is done element by element, in place; its derivative is known from what comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    Tanh,
    Relu,
    LeakyRelu,
    Sigmoid,
    Softplus,
}

impl Activation {
    /// z ← φ(z).
    pub(crate) fn apply(self, isa: Isa, z: &mut [f32]) {
        match self {
            Self::Tanh => math::tanh_all(isa, z),
            Self::Relu => math::relu_all(isa, z),
            Self::LeakyRelu => math::leaky_relu_all(isa, z),
            Self::Sigmoid => math::sigmoid_all(isa, z),
            Self::Softplus => math::softplus_all(isa, z),
        }
    }

    /// d ← d·φ′, from y = φ(z).
    pub(crate) fn back(self, isa: Isa, y: &[f32], d: &mut [f32]) {
        match self {
            Self::Tanh => math::tanh_back(isa, d, y),
            Self::Relu => math::relu_back(isa, d, y),
            Self::LeakyRelu => math::leaky_relu_back(isa, d, y),
            Self::Sigmoid => math::sigmoid_back(isa, d, y),
            Self::Softplus => math::softplus_back(isa, d, y),
        }
    }
}

impl FusedLayer for Activation {
    fn forward(&self, size: LayerSize, _: &[f32], x: &[f32], y: &mut [f32]) {
        y.copy_from_slice(x);
        self.apply(size.isa, y);
    }

    fn backward(
        &self,
        size: LayerSize,
        _: &[f32],
        _: &[f32],
        y: &[f32],
        dy: &mut [f32],
        dx: Option<&mut [f32]>,
        _: &mut [f32],
    ) {
        self.back(size.isa, y, dy);
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
        }
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

    fn backward(
        &self,
        size: LayerSize,
        _: &[f32],
        x: &[f32],
        _: &[f32],
        dy: &mut [f32],
        dx: Option<&mut [f32]>,
        _: &mut [f32],
    ) {
        match self {
            Self::Silu => math::silu_back(size.isa, dy, x),
            Self::Gelu => math::gelu_back(size.isa, dy, x),
        }
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
        }
    }
}
