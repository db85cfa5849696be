//! Layers and formulas on slices: the form of a model's parts that the fused engine walks.

// Loops over lanes by index are what the compiler turns into vector instructions, and functions that a kernel calls must
// be compiled with it.
#![allow(clippy::needless_range_loop, clippy::inline_always)]

mod activation;
mod dense;
pub(crate) mod lanes;
mod layer;

pub(crate) use activation::{Activation, Gate};
pub(crate) use dense::Dense;
pub use lanes::RowDensity;
pub use layer::{FusedLayer, InPlace, LayerSize, Return};
