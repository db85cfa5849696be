//! The tensors of a model expression: activations, one number per row, parameters, heads and targets.

use std::ops::{Add, Div, Mul, Neg, Sub};
use std::rc::Rc;

use dfdx::prelude::{
    Axis, BroadcastTo, Dtype, HasShape, NoneTape, RealizeTo, ReshapeTo, Tensor, TensorFromVec,
};

use super::network::Fusing;
use super::tape::Tape;
use crate::algebra::Algebra;
use crate::dist::Term;

/// `f32` or `f64`: the law "gradients agree with finite differences" needs the second.
pub trait Real: Dtype {
    /// From an `f64`, rounded.
    fn narrow(x: f64) -> Self;
    /// To an `f64`, exactly.
    fn widen(self) -> f64;
}

impl Real for f32 {
    fn narrow(x: f64) -> Self {
        x as Self
    }
    fn widen(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn narrow(x: f64) -> Self {
        x
    }
    fn widen(self) -> f64 {
        self
    }
}

/// A dfdx device that has every operation for `E`.
pub trait Device<E: Real>: dfdx::prelude::Device<E> {}

impl<E: Real, D: dfdx::prelude::Device<E>> Device<E> for D {}

/// Activations of shape (particles, rows, features).
pub type Act<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

/// A dfdx tensor with run-time sizes (particles, elements): a parameter block of every particle.
pub type Leaf<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// One number for each (particle, row), with arithmetic.
#[derive(Clone, Debug)]
pub struct PerRow<E: Real, D: Device<E>, T: Tape<E, D>> {
    tensor: Leaf<E, D, T>,
    /// Shared by clones, and only by them.
    identity: Rc<()>,
}

impl<E: Real, D: Device<E>, T: Tape<E, D>> PerRow<E, D, T> {
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
        impl<E: Real, D: Device<E>, T: Tape<E, D>> $trait for PerRow<E, D, T> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                let other = other.apart_from(&self);
                Self::new($trait::$method(self.tensor, other.tensor))
            }
        }
        impl<E: Real, D: Device<E>, T: Tape<E, D>> $trait<f64> for PerRow<E, D, T> {
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

impl<E: Real, D: Device<E>, T: Tape<E, D>> Neg for PerRow<E, D, T> {
    type Output = Self;
    fn neg(self) -> Self {
        Self::new(-self.tensor)
    }
}

impl<E: Real, D: Device<E>, T: Tape<E, D>> Algebra for PerRow<E, D, T> {
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

/// The parameters of a group of particles, in constrained coordinates.
pub struct Params<E: Real, D: Device<E>, T: Tape<E, D>> {
    pub(super) particles: usize,
    pub(super) blocks: Vec<Leaf<E, D, T>>,
    pub(super) fields: Vec<std::ops::Range<usize>>,
    pub(super) parameters: Vec<bool>,
    /// Where runs of layers may be fused.
    pub(super) fusing: Option<Fusing>,
}

impl<E: Real, D: Device<E>, T: Tape<E, D>> Params<E, D, T> {
    /// Number of particles in the group.
    pub fn particles(&self) -> usize {
        self.particles
    }

    /// The parameters of field number `field`.
    pub fn field(&self, field: usize) -> FieldParams<'_, E, D, T> {
        FieldParams {
            blocks: &self.blocks[self.fields[field].clone()],
        }
    }
}

/// The parameter blocks of one field.
#[derive(Clone, Copy)]
pub struct FieldParams<'a, E: Real, D: Device<E>, T: Tape<E, D>> {
    blocks: &'a [Leaf<E, D, T>],
}

impl<E: Real, D: Device<E>, T: Tape<E, D>> FieldParams<'_, E, D, T> {
    /// Block number `i` of the field, of shape (particles, elements).
    pub fn block(&self, i: usize) -> Leaf<E, D, T> {
        self.blocks[i].clone()
    }
}

/// What a likelihood can refer to at a tile of rows.
pub struct Heads<'a, E: Real, D: Device<E>, T: Tape<E, D>> {
    pub(super) params: &'a Params<E, D, T>,
    pub(super) features: &'a Act<E, D, T>,
    pub(super) output: &'a Act<E, D, T>,
}

impl<E: Real, D: Device<E>, T: Tape<E, D>> Heads<'_, E, D, T> {
    /// The term as one number per (particle, row).
    pub fn column(&self, term: &Term) -> PerRow<E, D, T> {
        match term {
            Term::Field(field) if self.params.parameters[*field] => self.parameter(*field),
            Term::Field(_) | Term::Unset => column(self.output, 0),
            Term::Column(_, c) => column(self.output, *c),
            Term::Feature(c) => column(self.features, *c),
            Term::Constant(c) => self.constant(*c),
            Term::Exp(inner) => self.column(inner).exp(),
        }
    }

    /// All outputs of each (particle, row), for a term that is the network's output.
    pub fn row(&self, term: &Term) -> Act<E, D, T> {
        let _ = term;
        self.output.clone()
    }

    fn shape(&self) -> (usize, usize) {
        let &(particles, rows, _) = self.output.shape();
        (particles, rows)
    }

    fn parameter(&self, field: usize) -> PerRow<E, D, T> {
        let (particles, rows) = self.shape();
        let value = self
            .params
            .field(field)
            .block(0)
            .reshape_like(&(particles,));
        PerRow::new(value.broadcast_like::<_, Axis<1>>(&(particles, rows)))
    }

    fn constant(&self, value: f64) -> PerRow<E, D, T> {
        let (particles, rows) = self.shape();
        let values = vec![E::narrow(value); particles * rows];
        let tensor = from_vec(self.output.device(), &values, (particles, rows));
        PerRow::new(tensor.retaped::<T>())
    }
}

fn column<E: Real, D: Device<E>, T: Tape<E, D>>(x: &Act<E, D, T>, c: usize) -> PerRow<E, D, T> {
    let &(particles, rows, width) = x.shape();
    let x = x.clone();
    if width == 1 {
        return PerRow::new(x.reshape_like(&(particles, rows)));
    }
    let one = x.slice((.., .., c..=c)).realize::<(usize, usize, usize)>();
    PerRow::new(one.reshape_like(&(particles, rows)))
}

/// The targets of a tile of rows.
pub struct Targets<E: Real, D: Device<E>> {
    pub(super) particles: usize,
    pub(super) device: D,
    pub(super) values: Vec<f32>,
    pub(super) marker: std::marker::PhantomData<E>,
}

impl<E: Real, D: Device<E>> Targets<E, D> {
    /// The targets as numbers, for each (particle, row).
    pub fn values<T: Tape<E, D>>(&self) -> PerRow<E, D, T> {
        let values = self.repeated(|y| E::narrow(f64::from(y)));
        let tensor = from_vec(&self.device, &values, (self.particles, self.values.len()));
        PerRow::new(tensor.retaped::<T>())
    }

    /// The targets as classes, for each (particle, row).
    pub fn classes(&self) -> Tensor<(usize, usize), usize, D, NoneTape> {
        // dfdx has no way to fill indices into cached memory; the CPU's cache is emptied now and then for them.
        let shape = (self.particles, self.values.len());
        TensorFromVec::<usize>::tensor_from_vec(&self.device, self.repeated(|y| y as usize), shape)
    }

    fn repeated<U>(&self, f: impl Fn(f32) -> U) -> Vec<U> {
        (0..self.particles)
            .flat_map(|_| &self.values)
            .map(|&y| f(y))
            .collect()
    }
}

/// A tensor of `values`, in memory from the device's cache.
///
/// dfdx puts the memory of every dropped tensor into the cache, also of one that was made from a `Vec` and took nothing
/// out: a tensor made that way in each tile would let the cache grow without end.
pub(super) fn from_vec<E: Real, D: Device<E>, S: dfdx::prelude::Shape>(
    device: &D,
    values: &[E],
    shape: S,
) -> Tensor<S, E, D> {
    let mut tensor = dfdx::prelude::ZerosTensor::<E>::zeros_like(device, &shape);
    tensor.copy_from(values);
    tensor
}
