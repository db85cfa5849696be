//! What a person who writes a layer imports: `use smc_runtime::layers::*;`.

pub use crate::engine::fused::{FusedLayer, LayerSize, PANEL};
pub use crate::layout::BlockSpec;
pub use crate::nn::{BlockSlices, Dyn, DynField, Field, Matrix, Rule, View};
pub use crate::transform::Support;

#[cfg(feature = "autodiff")]
pub use crate::engine::autodiff::{Act, Device, FieldParams, Float, Leaf, Network, Params, Tape};
/// dfdx's operations on tensors, without its `Shape`, `Linear` and `Tanh`.
#[cfg(feature = "autodiff")]
pub use dfdx::prelude::{
    Axes2, Axes3, Axis, BroadcastTo, Const, Dim, HasShape, MaxTo, MeanTo, PermuteTo, RealizeTo,
    ReshapeTo, SelectTo, SumTo, TryMatMul,
};
