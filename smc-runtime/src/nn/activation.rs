//! Activations: element by element, without parameters.

use super::Field;
use crate::architecture::Op;
#[cfg(feature = "autodiff")]
use crate::engine::autodiff::{Act, Device, FieldParams, Real, Tape};
use crate::engine::fused::{Activation, FusedLayer};

/// tanh(x), element by element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tanh;

/// max(x, 0), element by element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relu;

impl Field for Tanh {
    type View<'a> = ();

    fn op(&self) -> Op {
        Op::Tanh
    }

    fn fused(&self) -> Option<&'static dyn FusedLayer> {
        Some(&Activation::Tanh)
    }

    #[cfg(feature = "autodiff")]
    fn expr<E: Real, D: Device<E>, T: Tape<E, D>>(
        &self,
        _: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        x.tanh()
    }
}

impl Field for Relu {
    type View<'a> = ();

    fn op(&self) -> Op {
        Op::Relu
    }

    fn fused(&self) -> Option<&'static dyn FusedLayer> {
        Some(&Activation::Relu)
    }

    #[cfg(feature = "autodiff")]
    fn expr<E: Real, D: Device<E>, T: Tape<E, D>>(
        &self,
        _: FieldParams<'_, E, D, T>,
        x: Act<E, D, T>,
    ) -> Act<E, D, T> {
        x.relu()
    }
}
