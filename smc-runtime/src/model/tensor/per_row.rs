//! One number per row, with arithmetic, and functions that dfdx does not have.

use std::ops::{Add, Div, Mul, Neg, Sub};
use std::rc::Rc;

use dfdx::prelude::{HasShape, Shape, Tensor};

use super::act::{Device, Float, Leaf, from_vec};
use super::tape::Tape;
use crate::model::algebra::{Algebra, LnGamma, Num};

/// One number for each (particle, row), with arithmetic.
#[derive(Clone, Debug)]
pub struct PerRow<E: Float, D: Device<E>, T: Tape<E, D>> {
    tensor: Leaf<E, D, T>,
    /// Shared by clones, and only by them.
    identity: Rc<()>,
}

impl<E: Float, D: Device<E>, T: Tape<E, D>> PerRow<E, D, T> {
    /// From a tensor of shape (particles, rows).
    pub fn new(tensor: Leaf<E, D, T>) -> Self {
        Self {
            tensor,
            identity: Rc::default(),
        }
    }

    /// The tensor of shape (particles, rows).
    pub fn into_tensor(self) -> Leaf<E, D, T> {
        self.tensor
    }

    /// dfdx cannot take one tensor on both sides of an operation; a copy with its own identity can.
    fn apart_from(self, other: &Self) -> Self {
        if Rc::ptr_eq(&self.identity, &other.identity) {
            Self::new(self.tensor * E::narrow(1.0))
        } else {
            self
        }
    }
}

macro_rules! per_row_ops {
    ($($trait:ident $method:ident;)*) => {$(
        impl<E: Float, D: Device<E>, T: Tape<E, D>> $trait for PerRow<E, D, T> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                let other = other.apart_from(&self);
                Self::new($trait::$method(self.tensor, other.tensor))
            }
        }
        impl<E: Float, D: Device<E>, T: Tape<E, D>> $trait<f64> for PerRow<E, D, T> {
            type Output = Self;
            fn $method(self, other: f64) -> Self {
                Self::new($trait::$method(self.tensor, E::narrow(other)))
            }
        }
    )*};
}

per_row_ops! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}

impl<E: Float, D: Device<E>, T: Tape<E, D>> Neg for PerRow<E, D, T> {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.tensor)
    }
}

impl<E: Float, D: Device<E>, T: Tape<E, D>> Algebra for PerRow<E, D, T> {
    fn exp(self) -> Self {
        Self::new(self.tensor.exp())
    }
    fn ln(self) -> Self {
        Self::new(self.tensor.ln())
    }
    fn sqrt(self) -> Self {
        Self::new(self.tensor.sqrt())
    }
    fn square(self) -> Self {
        Self::new(self.tensor.square())
    }
    fn abs(self) -> Self {
        Self::new(self.tensor.abs())
    }
    fn tanh(self) -> Self {
        Self::new(self.tensor.tanh())
    }
}

impl<E: Float, D: Device<E>, T: Tape<E, D>> LnGamma for PerRow<E, D, T> {
    fn ln_gamma(self) -> Self {
        Self::new(tangent(self.tensor, |x| {
            let y = Num::variable(x, 0).ln_gamma();
            (y.value(), y.partial(0))
        }))
    }
}

/// A function that dfdx does not have, element by element, as its tangent f(a) + f'(a)·(x − a) at a = x: there both the
/// value and the slope are those of the function. `f` gives both.
pub(crate) fn tangent<S: Shape, E: Float, D: Device<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    f: impl Fn(f64) -> (f64, f64),
) -> Tensor<S, E, D, T> {
    let (shape, device) = (*x.shape(), x.device().clone());
    let at = x.as_vec();
    let (values, slopes): (Vec<E>, Vec<E>) = at
        .iter()
        .map(|x| f(x.widen()))
        .map(|(y, slope)| (E::narrow(y), E::narrow(slope)))
        .unzip();
    let [at, values, slopes] =
        [at, values, slopes].map(|numbers| from_vec(&device, &numbers, shape).retaped::<T>());
    (x - at) * slopes + values
}
