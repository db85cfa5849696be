//! What a person who writes a layer imports: `use smc_runtime::layers::*;`.

pub use crate::model::architecture::{Nature, Parity, Shape};
pub use crate::model::fused::{FusedLayer, InPlace, LayerSize, Return};
pub use crate::model::interval::Interval;
pub use crate::model::layout::{BlockSpec, Part, Role};
pub use crate::model::nn::{BlockSlices, Dyn, DynField, Field, Matrix, Rule, View};
pub use crate::model::transform::Support;
pub use crate::numerics::PANEL;

#[cfg(feature = "autodiff")]
pub use crate::model::Network;
#[cfg(feature = "autodiff")]
pub use crate::model::tensor::{Act, Device, FieldParams, Float, Leaf, Params, Tape, columns};
/// dfdx's operations on tensors, without its `Shape`, `Linear` and `Tanh`.
#[cfg(feature = "autodiff")]
pub use dfdx::prelude::{
    Axes2, Axes3, Axis, BroadcastTo, Const, Dim, HasShape, MaxTo, MeanTo, PermuteTo, RealizeTo,
    ReshapeTo, SelectTo, SumTo, TryMatMul,
};
