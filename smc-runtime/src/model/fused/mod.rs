//! Layers and formulas on slices: the form of a model's parts that the fused engine walks.

// Loops over lanes by index are what the compiler turns into vector instructions, and functions that a kernel calls must
// be compiled with it.
#![allow(clippy::needless_range_loop, clippy::inline_always)]

pub(crate) mod lanes;
mod layer;

pub use lanes::RowDensity;
pub(crate) use layer::{Activation, Gate};
pub use layer::{FusedLayer, LayerSize};
