//! The element types, devices and tensors that everything else is made of.

use std::ops::Range;

use dfdx::prelude::{Axis, BroadcastTo, Dtype, HasShape, RealizeTo, ReshapeTo, Tensor};

use super::tape::Tape;

/// `f32` or `f64`: the law "gradients agree with finite differences" needs the second.
pub trait Float: Dtype {
    /// From an `f64`, rounded.
    fn narrow(x: f64) -> Self;
    /// To an `f64`, exactly.
    fn widen(self) -> f64;
}

impl Float for f32 {
    fn narrow(x: f64) -> Self {
        x as Self
    }
    fn widen(self) -> f64 {
        f64::from(self)
    }
}

impl Float for f64 {
    fn narrow(x: f64) -> Self {
        x
    }
    fn widen(self) -> f64 {
        self
    }
}

/// A dfdx device that has every operation for `E`.
pub trait Device<E: Float>: dfdx::prelude::Device<E> {}

impl<E: Float, D: dfdx::prelude::Device<E>> Device<E> for D {}

/// Activations of shape (particles, rows, features).
pub type Act<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

/// A dfdx tensor with run-time sizes (particles, elements): a parameter block of every particle.
pub type Leaf<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// Some of the features of every row, from `columns.start` on: one step of a sequence, or what a kernel meets of it.
///
/// ```
/// use smc_runtime::layers::*;
///
/// /// The second and third feature.
/// fn middle<E: Float, D: Device<E>, T: Tape<E, D>>(x: &Act<E, D, T>) -> Act<E, D, T> {
///     columns(x, 1..3)
/// }
/// ```
///
/// # Panics
/// If there are not so many features; `bind` tries each layer of one's own on one row and turns this into an error.
pub fn columns<E: Float, D: Device<E>, T: Tape<E, D>>(
    x: &Act<E, D, T>,
    columns: Range<usize>,
) -> Act<E, D, T> {
    let &(_, _, width) = x.shape();
    assert!(
        columns.start < columns.end && columns.end <= width,
        "it reads features {} to {}, counted from 0, of {width}",
        columns.start,
        columns.end
    );
    let some = x.clone().slice((.., .., columns));
    some.realize::<(usize, usize, usize)>()
}

/// `x` with a copy for each of so many particles, where it is features that they share.
pub(crate) fn for_particles<E: Float, D: Device<E>, T: Tape<E, D>>(
    x: Act<E, D, T>,
    particles: usize,
) -> Act<E, D, T> {
    let &(sharing, rows, width) = x.shape();
    if sharing == particles {
        return x;
    }
    let (one, all) = ((rows, width), (particles, rows, width));
    let x = x.reshape_like(&one).broadcast_like::<_, Axis<0>>(&all);
    // Products on CUDA want numbers that are there.
    x.contiguous()
}

/// A tensor of `values`, in memory from the device's cache.
///
/// dfdx puts the memory of every dropped tensor into the cache, also of one that was made from a `Vec` and took nothing
/// out: a tensor made that way in each tile would let the cache grow without end.
pub(crate) fn from_vec<E: Float, D: Device<E>, S: dfdx::prelude::Shape>(
    device: &D,
    values: &[E],
    shape: S,
) -> Tensor<S, E, D> {
    let mut tensor = dfdx::prelude::ZerosTensor::<E>::zeros_like(device, &shape);
    tensor.copy_from(values);
    tensor
}
